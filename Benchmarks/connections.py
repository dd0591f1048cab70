"""The time of a new connection through the first and the last of many published ports.

The client is another machine (the far end of the uplink), the server the container of one attachment. Ours publishes
the ports with one real ADD, an element a port. For the reference a real ADD publishes the first and the others are put
in as so many containers publish them: a chain each, and a rule each in CNI-HOSTPORT-DNAT (reference.py holds these
rules against what the plugins make).
"""

import os
import subprocess

import reference
from hosts import Attachment, Host

FIRST_HOST_PORT, FIRST_CONTAINER_PORT = 10000, 20000
CONNECTIONS = 100  # to each port and round
CLIENT = "/run/netns/c1"
UPLINK = f"""
ip link set wan1 netns {os.path.basename(CLIENT)}
nsenter --net={CLIENT} ip -batch - <<'IN'
address add 192.0.2.2/24 dev wan1
link set wan1 up
IN
"""


def mapping(index):
    return {"hostPort": FIRST_HOST_PORT + index, "containerPort": FIRST_CONTAINER_PORT + index, "protocol": "tcp"}


class Published:
    """A host with a container that has `count` ports of the host, a server in it and a client outside."""

    def __init__(self, host, count):
        self.host, self.ports = host, (FIRST_HOST_PORT, FIRST_HOST_PORT + count - 1)
        if host.is_reference:
            one = Attachment(0, mappings=[mapping(0)])
            host.add(one)
            reference.check_rules(host, one)
            address = reference.address_of(host, one)
            others = [Attachment(index, mappings=[mapping(index)]) for index in range(1, count)]
            host.script(reference.restore([rule for other in others for rule in reference.port_rules(other, address)]))
        else:
            one = Attachment(0, mappings=[{**mapping(0), "range": count}])
            host.add(one)
        host.script(UPLINK)
        served = [str(FIRST_CONTAINER_PORT), str(FIRST_CONTAINER_PORT + count - 1)]
        self.server = subprocess.Popen(
            ["nsenter", f"--mount=/proc/{host.process.pid}/ns/mnt", "nsenter", f"--net={one.namespace}",
             host.tools["connect"], "serve", *served], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.server.stdout.readline() != "ready\n":
            raise SystemExit(f"{host.name}: the server in the container did not start")

    def round(self, samples):
        ports = " ".join(map(str, self.ports))
        answer = self.host.expect(self.host.tool(
            "/usr/bin/nsenter", f"--net={CLIENT} {self.host.tools['connect']} measure 192.0.2.1 {CONNECTIONS} {ports}"),
            "connecting").output.split()
        for which, numbers in zip(("first", "last"), answer[1::2]):
            for number in numbers.split(","):
                samples.note(f"{self.host.name}, {which} port", int(number))

    def close(self):
        self.server.stdin.close()
        self.server.wait(timeout=10)
        self.host.close()


def measure(sides, samples, rounds, count):
    """`sides`: arguments of Host by name. Each round takes every host in turn."""
    published = [Published(Host(name, namespaces=2, **arguments), count) for name, arguments in sides.items()]
    for _ in range(rounds):
        for one in published:
            one.round(samples)
    for one in published:
        one.close()
