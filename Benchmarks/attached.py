"""A host with many attachments, made by berth itself in the network and mount namespaces that the caller is in."""

import json
import os
import subprocess

NETWORK = {
    "cniVersion": "1.0.0", "name": "crowd", "plugins": [
        {"type": "bridge", "bridge": "crowd0", "isGateway": True, "ipMasq": True, "hairpinMode": True,
         "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
        {"type": "portmap", "capabilities": {"portMappings": True}}, {"type": "firewall"}]}
PREPARE = """
set -e
for folder in /var/lib/cni /etc/cni; do mkdir -p $folder; mount -t tmpfs tmpfs $folder; done
mkdir -p /etc/cni/net.d
ip link set lo up
ip link add wan0 type ifb
ip address add 192.0.2.1/24 dev wan0
ip link set wan0 up
ip route add default via 192.0.2.2
"""


def attach(tools, count):
    """`count` attachments, c1 to cCOUNT, each with ten published ports: 10,000 + 10 N and the nine behind it, to 80 to 89."""
    subprocess.run(["sh", "-c", PREPARE], check=True)
    with open("/etc/cni/net.d/crowd.conflist", "w", encoding="ascii") as file:
        json.dump(NETWORK, file)
    for number in range(1, count + 1):
        ports = [{"hostPort": 10000 + 10 * number + port, "containerPort": 80 + port, "protocol": "tcp"} for port in range(10)]
        environment = {**os.environ, "CNI_PATH": os.path.join(tools, "../cni"), "CAP_ARGS": json.dumps({"portMappings": ports})}
        for command in (["berth", "netns", "add", f"c{number}"], ["berth-cni", "add", "crowd", f"/run/netns/c{number}"]):
            done = subprocess.run([os.path.join(tools, command[0]), *command[1:]], env=environment, capture_output=True, text=True,
                                  timeout=30, check=False)
            if done.returncode != 0:
                raise SystemExit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
