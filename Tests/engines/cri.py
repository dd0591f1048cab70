"""The container runtime interface (runtime.v1) as a kubelet speaks it: the few messages that a pod's network needs.

Messages are (field number, value) pairs; the numbers are those of the public api.proto of the interface.
"""

import json
import os
import time

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # this program starts others, which never speak gRPC
import grpc
from private_host import Failed

PROTOCOLS = {"tcp": 0, "udp": 1, "sctp": 2}


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def message(*fields):
    """Encodes (number, value): an int as a varint, a str or bytes (a message) with its length. Empty ones are left out."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value) if value else b""
        elif value:
            data = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def decoded(data):
    """The fields of a message: {number: [values]}; what has a length as bytes."""
    fields, position = {}, 0

    def read():
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
    while position < len(data):
        key = read()
        kind = key & 7
        if kind == 0:
            value = read()
        else:
            length = read() if kind == 2 else {1: 8, 5: 4}[kind]
            value = data[position:position + length]
            position += length
        fields.setdefault(key >> 3, []).append(value)
    return fields


def text(fields, number):
    return fields.get(number, [b""])[0].decode()


def mapping(fields, number):
    return {text(entry, 1): text(entry, 2) for entry in map(decoded, fields.get(number, []))}


def entries(number, table):
    return [(number, message((1, key), (2, value))) for key, value in table.items()]


class Runtime:
    """The runtime service behind a socket."""

    def __init__(self, socket):
        self.socket, self.channel = socket, None
        self.connect()

    def connect(self):
        """A new connection: one that found nobody waits for seconds before it tries again."""
        if self.channel:
            self.channel.close()
        self.channel = grpc.insecure_channel(
            f"unix://{self.socket}", options=[("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)])

    def call(self, method, *fields, timeout=60):
        """One call; its failure is told with the runtime's own words."""
        try:
            return decoded(self.channel.unary_unary(f"/runtime.v1.RuntimeService/{method}")(message(*fields), timeout=timeout))
        except grpc.RpcError as error:
            raise Failed(f"{method}: {error.code().name}: {error.details()}") from None

    def wait_ready(self, network, seconds=20):
        """Waits until the runtime answers and has taken up the network of this name."""
        deadline, seen = time.monotonic() + seconds, ""
        while time.monotonic() < deadline:
            try:
                answer = self.call("Status", (1, 1), timeout=2)
                ready = {text(one, 1): one.get(2) == [1] for one in map(decoded, decoded(answer[1][0]).get(1, []))}
                lists = json.loads(mapping(answer, 2).get("cniconfig", "{}")).get("Networks") or []
                seen = f"{ready} with the networks {[one['Config']['Name'] for one in lists]}"
                if ready.get("RuntimeReady") and ready.get("NetworkReady") and lists[-1]["Config"]["Source"] == network:
                    return
            except Failed as error:
                seen = str(error)
                self.connect()
            time.sleep(0.05)
        raise Failed(f"the runtime is not ready for the network within {seconds} s: {seen}")

    def run_sandbox(self, name, cgroup, ports=(), annotations=None, name_servers=(), timeout=60):
        """RunPodSandbox; ports are (protocol, container port, host port[, host address]). Returns id and configuration."""
        configuration = message(
            (1, message((1, name), (2, f"uid-{name}"), (3, "default"))), (2, name), (3, "/run/engine/logs"),
            (4, message(*[(1, one) for one in name_servers])),
            *[(5, message((1, PROTOCOLS[protocol]), (2, inner), (3, outer), (4, address[0] if address else "")))
              for protocol, inner, outer, *address in ports],
            *entries(7, annotations or {}), (8, message((1, cgroup))))
        return text(self.call("RunPodSandbox", (1, configuration), timeout=timeout), 1), configuration

    def start_container(self, sandbox, configuration, image, *command):
        container = message((1, message((1, "main"))), (2, message((1, image))), *[(3, word) for word in command],
                            (11, f"{sandbox}.log"))
        made = text(self.call("CreateContainer", (1, sandbox), (2, container), (3, configuration)), 1)
        self.call("StartContainer", (1, made))
        return made

    def sandbox(self, identifier):
        """Addresses, process and network namespace of a sandbox."""
        answer = self.call("PodSandboxStatus", (1, identifier), (2, 1))
        network = decoded(decoded(answer[1][0]).get(5, [b""])[0])
        information = json.loads(mapping(answer, 2)["info"])
        namespaces = information["runtimeSpec"]["linux"]["namespaces"]
        return {
            "addresses": [text(network, 1)] + [text(decoded(more), 1) for more in network.get(2, [])],
            "pid": information["pid"],
            "namespace": next((one.get("path", "") for one in namespaces if one["type"] == "network"), ""),
        }

    def sandboxes(self):
        return [text(decoded(item), 1) for item in self.call("ListPodSandbox").get(1, [])]

    def stop_sandbox(self, identifier, timeout=60):
        self.call("StopPodSandbox", (1, identifier), timeout=timeout)

    def remove_sandbox(self, identifier, timeout=60):
        self.call("RemovePodSandbox", (1, identifier), timeout=timeout)
