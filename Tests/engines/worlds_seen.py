"""A world on the kernel, and what is seen in it by others than berth: captures, rules' counters, conntrack's events."""

import ctypes
import json
import os
import re
import select
import socket
import struct
import subprocess
import time

from private_host import Failed, run
from worlds_explained import disagreement, explained
from worlds_judge import Told, endpoint

libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """Inside, this thread is in that namespace."""

    def __init__(self, name):
        self.path = f"/run/netns/{name}"

    def __enter__(self):
        self.back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(self.path, os.O_RDONLY)
        try:
            if libc.setns(there, 0x40000000) != 0:
                raise Failed(f"setns {self.path}: {os.strerror(ctypes.get_errno())}")
        finally:
            os.close(there)

    def __exit__(self, *_):
        if libc.setns(self.back, 0x40000000) != 0:
            os._exit(70)
        os.close(self.back)


class Frame:
    """A packet of IP at a device."""

    def __init__(self, node, device, outgoing, data):
        self.node, self.device, self.outgoing = node, device, outgoing
        if data[0] >> 4 == 4:
            head, number, self.ttl, self.mark = (data[0] & 15) * 4, data[9], data[8], bytes(data[4:6])
            self.source, self.destination = socket.inet_ntoa(data[12:16]), socket.inet_ntoa(data[16:20])
        else:
            head, number, self.ttl, self.mark = 40, data[6], data[7], bytes(data[1:4])
            self.source, self.destination = (socket.inet_ntop(socket.AF_INET6, data[place:place + 16]) for place in (8, 24))
        self.kind = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp"}.get(number, str(number))
        body, self.flags, self.acknowledgement, self.type = data[head:], 0, None, None
        self.identity = self.refused = None
        if self.kind == "tcp" and len(body) >= 14:
            self.ports(body)
            sequence, self.acknowledgement = struct.unpack("!II", body[4:12])
            self.flags = body[13] & 0x17
            self.identity = ("tcp", sequence, self.acknowledgement, self.flags)
        elif self.kind == "udp" and len(body) >= 8:
            self.ports(body)
            self.identity = ("udp", bytes(body[8:]))
        elif self.kind == "icmp" and len(body) >= 8:
            self.type = body[0]
            # An error has the packet that it is about inside.
            self.is_error = self.type in ((3, 11, 12) if number == 1 else (1, 2, 3, 4))
            inner = body[8:]
            if self.is_error and len(inner) >= 20:
                self.refused = bytes(inner[4:6] if number == 1 else inner[1:4])
            self.is_echo = self.type in ((8,) if number == 1 else (128,))
            self.is_reply = self.type in ((0,) if number == 1 else (129,))
            self.identity = ("icmp", self.type, body[1], self.refused or bytes(body[6:8]))

    def ports(self, body):
        a, b = struct.unpack("!HH", body[:4])
        self.source, self.destination = endpoint(self.source, a), endpoint(self.destination, b)

    @property
    def place(self):
        return self.node, self.device, "tx" if self.outgoing else "rx"


class Stage:
    """The namespaces of one world, with a capture in each."""

    def __init__(self, world, berth, explains=False):
        self.world, self.berth, self.explains, self.children, self.sockets = world, berth, explains, [], {}

    def __enter__(self):
        try:
            self.build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for child in self.children:
            child.kill()
            child.wait()
        for one in self.sockets.values():
            one.close()
        for node in self.world.nodes:
            subprocess.run(["ip", "netns", "del", node], stderr=subprocess.DEVNULL, check=False)

    def build(self):
        world = self.world
        for node in world.nodes:
            run("ip", "netns", "add", node)
            with Namespace(node):
                for path, value in world.first_sysctls():
                    write(path, value)
        # One `ip` a run of lines of the same node.
        batch = []
        for node, line in [*world.links(), (None, "")]:
            if batch and node != batch[0][0]:
                feed(["ip", "-n", batch[0][0], "-batch", "-"], "".join(f"{text}\n" for _, text in batch))
                batch = []
            batch.append((node, line))
        for node, path, value in world.sysctls():
            with Namespace(node):
                write(path, value)
        with Namespace("host"):
            for command, text in world.inputs():
                feed(command, text)
        if world.fault == "receiver drop":
            with Namespace(world.receiver):
                feed(["nft", "-f", "-"], world.receiver_rules())
        self.listen()
        if any(net.version == 6 for net in world.nets):
            self.settle()
        for node in world.nodes:
            with Namespace(node):
                one = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
                one.setblocking(False)
                self.sockets[node] = one

    def settle(self):
        """Every address of IPv6 may be used, and is listened for: carriers come late."""
        until = time.monotonic() + 5
        for node in self.world.nodes:
            with Namespace(node):
                while not self.is_settled() and time.monotonic() < until:
                    time.sleep(0.005)

    def is_settled(self):
        with open("/proc/thread-self/net/if_inet6", encoding="ascii") as file:
            addresses = [line.split() for line in file]
        with open("/proc/thread-self/net/igmp6", encoding="ascii") as file:
            groups = {(words[1], words[2]) for words in map(str.split, file)}
        # A device whose carrier has come has an address of its own.
        ready = {device for address, *_, device in addresses if address.startswith("fe80")}
        cut = {"vweb", "br0", "eth0"} if self.world.fault == "link down" else set()
        with open("/proc/thread-self/net/dev", encoding="ascii") as file:
            devices = {line.split(":")[0].strip() for line in file.readlines()[2:]}
        if devices - ready - cut - {"lo"}:
            return False
        return all(int(flags, 16) & 0x40 == 0 and (device == "lo" or (device, "ff0200000000000000000001ff" + address[26:]) in groups)
                   for address, _, _, _, flags, device in addresses)

    def listen(self):
        """The receiver answers, unless it is the fault that nobody does."""
        world = self.world
        if world.kind == "icmp" or world.fault == "no listener":
            return
        port = world.inner
        family, anywhere, itself = ("AF_INET", "0.0.0.0", "127.0.0.1") if world.version == 4 else ("AF_INET6", "::", "::1")
        address = itself if world.fault == "listens elsewhere" else anywhere
        script = ("import socket\n"
                  f"s=socket.socket(socket.{family},socket.{'SOCK_STREAM' if world.kind == 'tcp' else 'SOCK_DGRAM'})\n"
                  f"s.bind(('{address}',{port}))\n"
                  + ("s.listen(8)\nprint('up',flush=True)\nwhile 1: c,_=s.accept()\n" if world.kind == "tcp" else
                     "print('up',flush=True)\nwhile 1:\n  d,a=s.recvfrom(2000)\n  try: s.sendto(b'answer',a)\n  except OSError: pass\n"))
        with Namespace(world.receiver):
            child = subprocess.Popen(["python3", "-S", "-E", "-c", script], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.children.append(child)
        if not select.select([child.stdout], [], [], 10)[0]:
            raise Failed("the listener did not start")

    # What was seen.

    def frames(self):
        found = []
        for node, one in self.sockets.items():
            for _ in range(10_000):
                try:
                    data, (device, protocol, kind, _, _) = one.recvfrom(2048)
                except BlockingIOError:
                    break
                # PACKET_OTHERHOST: flooded by a bridge to one that is not meant, and takes no notice.
                if kind == 3 and node != "host":
                    continue
                if protocol in (0x0800, 0x86DD) and len(data) >= 40 - 20 * (protocol == 0x0800):
                    found.append(Frame(node, device, kind == 4, data))
        return found

    def counters(self):
        """{(table, chain, handle or place): packets} of the host's rules."""
        found = {}
        with Namespace("host"):
            if "iptables-legacy" in self.world.programs:
                for net in self.world.nets:
                    self.legacy_counters("iptables" if net.version == 4 else "ip6tables", found)
            if self.world.backend != "iptables-legacy":
                table = chain = ""
                for line in run("nft", "-a", "list", "ruleset").splitlines():
                    words = line.split()
                    if line.startswith("table "):
                        table = f"{words[1]} {words[2]}"
                    elif words[:1] == ["chain"]:
                        chain = words[1]
                    rule = re.search(r"counter packets (\d+) bytes \d+.* # handle (\d+)$", line)
                    if rule:
                        found[table, chain, int(rule[2])] = (int(rule[1]), line.strip())
        return found

    @staticmethod
    def legacy_counters(program, found):
        table, places = "", {}
        for line in run(f"{program}-legacy-save", "-c").splitlines():
            if line.startswith("*"):
                table, places = line[1:], {}
            rule = re.match(r"\[(\d+):\d+\] -A (\S+) (.*)", line)
            if rule:
                chain = rule[2]
                places[chain] = places.get(chain, 0) + 1
                found[f"{program} {table}", chain, places[chain]] = (int(rule[1]), rule[3])

    def trace(self):
        nodes = [word for node in self.world.nodes for word in ("--node", f"{node}=/run/netns/{node}")]
        process = subprocess.run(
            [self.berth, "trace", "from", self.world.source, "to", self.world.destination, "--view", "json", "--timeout", "400", *nodes,
             *(["--payload", self.world.payload] if self.world.payload else [])],
            capture_output=True, text=True, timeout=60, check=False)
        if process.returncode not in (0, 10, 11, 12, 13):
            raise Failed(f"berth trace ended with {process.returncode}: {process.stderr}{process.stdout}")
        return json.loads(process.stdout), process.returncode

    # What the journey says against it.

    def judge(self, verbose):
        before = self.counters()
        self.frames()
        with Namespace("host"):
            watch = subprocess.Popen(["conntrack", "-f", f"ipv{self.world.version}", "-E", "-o", "id", "-e", "NEW,UPDATES"], stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
        self.children.append(watch)
        said = explained(self.berth, self.world) if self.explains else None
        journey, code = self.trace()
        after = self.counters()
        hits = {key: after[key][0] - before.get(key, (0, ""))[0] for key in after}
        hits = {key: count for key, count in hits.items() if count}
        frames = self.frames()
        watch.terminate()
        tracked = watch.communicate(timeout=10)[0]
        told = Told(self.world, journey, code, frames, hits, after, tracked)
        told.judge()
        if said:
            told.wrong += disagreement(said, journey, code)
        if verbose or told.wrong:
            text = json.dumps(journey, indent=1) if verbose else ""
            if told.wrong:
                raise Failed("\n".join(told.wrong) + "\n" + told.summary() + text)
            print(told.summary() + text)


def write(path, value):
    with open(f"/proc/sys/{path}", "w", encoding="ascii") as file:
        file.write(value)


def feed(command, text):
    process = subprocess.run(command, input=text, text=True, capture_output=True, timeout=30, check=False)
    if process.returncode != 0:
        raise Failed(f"{' '.join(command)}: {process.stderr}\n{text}")
