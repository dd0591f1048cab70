"""A private host for one side of the benchmark, and the operations that the timer runs in it."""

import hashlib
import json
import os
import subprocess
import tempfile

NETWORK, BRIDGE = "bench", "bench0"
SETTINGS = {
    "bridge": {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipMasq": True, "hairpinMode": True,
               "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16"}]],
                        "routes": [{"dst": "0.0.0.0/0"}]}},
    "portmap": {"type": "portmap", "capabilities": {"portMappings": True}},
    "firewall": {"type": "firewall"},
    "tuning": {"type": "tuning", "sysctl": {"net.core.somaxconn": "512"}},
}
CHAIN = list(SETTINGS)
CNI_VERSION = "1.0.0"

# What stands in every private host before its first ADD: an uplink with the default route.
PREPARE = """
set -e
for folder in /run /var/lib/cni /etc/cni; do mkdir -p $folder; mount -t tmpfs tmpfs $folder; done
mkdir -p /run/netns /run/bench /etc/cni/net.d /var/lib/cni/networks/floor
for tool in iptables ip6tables; do
    for action in '' -save -restore; do ln -s "$(command -v $tool-$IPTABLES$action)" /run/bench/$tool$action; done
done
printf '%s' "$LIST" > /etc/cni/net.d/bench.conflist
ip link set lo up
ip link add wan0 type veth peer name wan1
ip address add 192.0.2.1/24 dev wan0
ip link set wan0 up; ip link set wan1 up
ip route add default via 192.0.2.2
"""
PREPARE_FLOOR = """
ip link add floor0 address 02:42:0a:63:00:01 type bridge
ip address add 10.99.0.1/16 dev floor0
ip link set floor0 up
echo 1 > /proc/sys/net/ipv4/ip_forward
nft -f "$FLOOR_NFT"
"""


class Operation:
    """What one run of a chain took: nanoseconds as a whole, by step and on a processor, peak kilobytes by step."""

    def __init__(self, line):
        _, code, took, cpu, steps, peaks, self.output = line.rstrip("\n").split("\t", 6)
        self.code, self.took, self.cpu = int(code), int(took), int(cpu) * 1000
        self.steps = [int(n) for n in steps.split(",")]
        self.peaks = [int(n) for n in peaks.split(",")]


class Host:
    """One side: its plugins in a namespace of their own, with the timer inside that runs them on request."""

    def __init__(self, name, tools, plugins, runtime=None, namespaces=1, floor=False, iptables="nft", environment=None,
                 is_reference=False):
        """`iptables`: which of the two is first in PATH under that name. `environment`: more of it for the plugins."""
        self.name, self.tools, self.plugins, self.runtime = name, tools, plugins, runtime
        self.iptables, self.environment = iptables, environment or {}
        self.is_reference, self.is_floor = is_reference, floor
        self.path = "/run/bench:/usr/sbin:/usr/bin:/sbin:/bin"
        configuration = {"cniVersion": CNI_VERSION, "name": NETWORK, "plugins": list(SETTINGS.values())}
        prepare = PREPARE + (PREPARE_FLOOR if floor else "") + 'exec "$TIMER"\n'
        self.process = subprocess.Popen(
            ["unshare", "-n", "-m", "sh", "-c", prepare], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LIST": json.dumps(configuration),
                 "TIMER": tools["timer"], "FLOOR_NFT": tools["floor.nft"], "IPTABLES": iptables})
        self.results = {}
        self.send(f"namespaces\t{namespaces}")
        self.answers()

    def send(self, *lines):
        self.process.stdin.write("".join(line + "\n" for line in lines))
        self.process.stdin.flush()

    def answers(self):
        """The chains' operations and the whole run's nanoseconds."""
        operations = []
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit(f"{self.name}: the timer ended; what it said stands above")
            if line.startswith("all\t"):
                return operations, int(line.split("\t")[1])
            operations.append(Operation(line))

    def run(self, *chains):
        """Runs each chain (a list of step lines); several at the same time."""
        for chain in chains:
            self.send(*chain, "op")
        self.send("run")
        return self.answers()

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    # ---- steps

    def step(self, program, arguments="", standard_input="", flags="-", **environment):
        words = ["step", flags, program, arguments, standard_input, f"PATH={self.path}"]
        return "\t".join(words + [f"{name}={value}" for name, value in environment.items()])

    def cni_steps(self, command, attachment, previous=None):
        """The plugins of the chain, each exec'ed by itself, as an engine does."""
        steps = []
        for kind in CHAIN if command == "ADD" else reversed(CHAIN):
            settings = {"cniVersion": CNI_VERSION, "name": NETWORK, **SETTINGS[kind]}
            if kind == "portmap":
                settings["runtimeConfig"] = {"portMappings": attachment.mappings}
                del settings["capabilities"]
            if previous:
                settings["prevResult"] = json.loads(previous)
            steps.append(self.step(
                f"{self.plugins}/{kind}", standard_input=json.dumps(settings), flags="p" if command == "ADD" else "-",
                CNI_COMMAND=command, CNI_CONTAINERID=attachment.container, CNI_NETNS=attachment.namespace,
                CNI_IFNAME="eth0", CNI_PATH=self.plugins, **self.environment))
        return steps

    def add(self, attachment):
        operation = self.expect(self.run(self.cni_steps("ADD", attachment))[0][0], "ADD")
        self.results[attachment] = operation.output
        return operation

    def delete(self, attachment):
        steps = self.cni_steps("DEL", attachment, self.results.pop(attachment))
        return self.expect(self.run(steps)[0][0], "DEL")

    def runtime_steps(self, command, attachment):
        return [self.step(
            self.runtime, f"{command} {NETWORK} {attachment.namespace}", CNI_PATH=self.plugins, CNI_IFNAME="eth0",
            NETCONFPATH="/etc/cni/net.d", CAP_ARGS=json.dumps({"portMappings": attachment.mappings}),
            **self.environment)]

    def in_one_process(self, command, attachment):
        return self.expect(self.run(self.runtime_steps(command, attachment))[0][0], f"berth-cni {command}")

    def floor(self, command, attachment):
        place = attachment.index + 2
        arguments = (f"{command} {attachment.namespace} {attachment.container} 10.99.{place >> 8}.{place & 255} "
                     f"{8080 + attachment.index}")
        return self.expect(self.run([self.step(self.tools["floor"], arguments)])[0][0], f"floor {command}")

    def together(self, attachments):
        """ADD of all at the same time, then DEL: wall nanoseconds of each, how many ADDs failed."""
        added, wall_add = self.run(*[self.cni_steps("ADD", one) for one in attachments])
        failed = [operation for operation in added if operation.code != 0]
        previous = [operation.output if operation.code == 0 else None for operation in added]
        _, wall_delete = self.run(*[self.cni_steps("DEL", one, was) for one, was in zip(attachments, previous)])
        return wall_add, wall_delete, failed

    def tool(self, program, arguments):
        return self.run([self.step(program, arguments)])[0][0]

    def script(self, text):
        """Runs a shell's script of any length in this host; returns what it printed."""
        with tempfile.NamedTemporaryFile("w", suffix=".sh", dir=os.path.dirname(self.tools["timer"])) as file:
            file.write("set -e\nexec 2>&1\n" + text)
            file.flush()
            return self.expect(self.tool("/bin/sh", file.name), "a script").output

    def expect(self, operation, what):
        if operation.code != 0:
            raise SystemExit(f"{self.name}: {what} failed with exit code {operation.code}: {operation.output}")
        return operation


class Attachment:
    """The container of one namespace and the ports that it publishes."""

    def __init__(self, index, ports=1, mappings=None):
        self.index, self.namespace = index, f"/run/netns/c{index}"
        self.container = hashlib.sha256(f"container {index}".encode()).hexdigest()
        first = 10000 + index * 10
        self.mappings = mappings or [
            {"hostPort": first + i, "containerPort": 80 + i, "protocol": "tcp"} for i in range(ports)]


def compile_tools(source, build):
    """The programs in C, static, and where floor's tables are described."""
    os.makedirs(build, exist_ok=True)
    tools = {"floor.nft": os.path.join(source, "floor.nft")}
    for name in ("timer", "floor", "connect"):
        tools[name] = os.path.join(build, name)
        subprocess.run([os.environ.get("CC", "gcc"), "-O2", "-Wall", "-Wextra", "-static", "-o", tools[name],
                        os.path.join(source, f"{name}.c")], check=True, timeout=120)
    return tools
