"""A world on the kernel, and what is seen in it by others than berth: captures, rules' counters, conntrack."""

import ctypes
import json
import os
import re
import select
import socket
import struct
import subprocess

from private_host import Failed, run

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
    """An IPv4 packet at a device."""

    def __init__(self, node, device, outgoing, data, protocol):
        self.node, self.device, self.outgoing = node, device, outgoing
        self.kind = {1: "icmp", 6: "tcp", 17: "udp"}.get(data[9], str(data[9]))
        self.ttl = data[8]
        head = (data[0] & 15) * 4
        self.source, self.destination = socket.inet_ntoa(data[12:16]), socket.inet_ntoa(data[16:20])
        body = data[head:]
        self.identity = None
        if self.kind == "tcp" and len(body) >= 14:
            a, b, sequence = struct.unpack("!HHI", body[:8])
            self.source, self.destination = f"{self.source}:{a}", f"{self.destination}:{b}"
            self.flags = body[13] & 0x17
            self.identity = ("tcp", sequence, self.flags)
        elif self.kind == "udp" and len(body) >= 8:
            a, b = struct.unpack("!HH", body[:4])
            self.source, self.destination = f"{self.source}:{a}", f"{self.destination}:{b}"
            self.identity = ("udp", bytes(body[8:]))
        elif self.kind == "icmp" and len(body) >= 8:
            self.identity = ("icmp", body[0], bytes(body[6:8]))

    @property
    def place(self):
        return self.node, self.device, "tx" if self.outgoing else "rx"


class Stage:
    """The namespaces of one world, with a capture in each."""

    def __init__(self, world, berth):
        self.world, self.berth, self.children, self.sockets = world, berth, [], {}

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
                for path in ("net/ipv6/conf/all/disable_ipv6", "net/ipv6/conf/default/disable_ipv6"):
                    write(path, "1")
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
            for program, tables in world.programs.items():
                if program == "nft":
                    feed(["nft", "-f", "-"], world.nft(tables))
                else:
                    feed([f"{program}-restore"], world.iptables(tables))
        self.listen()
        for node in world.nodes:
            with Namespace(node):
                one = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
                one.setblocking(False)
                self.sockets[node] = one

    def listen(self):
        """The receiver answers, unless it is the fault that nobody does."""
        world = self.world
        if world.kind == "icmp" or world.fault == "no listener":
            return
        port = world.inner
        script = ("import socket,sys\n"
                  f"s=socket.socket(socket.AF_INET,socket.{'SOCK_STREAM' if world.kind == 'tcp' else 'SOCK_DGRAM'})\n"
                  f"s.bind(('0.0.0.0',{port}))\n"
                  + ("s.listen(8)\nprint('up',flush=True)\nwhile 1: c,_=s.accept()\n" if world.kind == "tcp" else
                     "print('up',flush=True)\nwhile 1:\n d,a=s.recvfrom(2000)\n s.sendto(b'answer',a)\n"))
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
                if protocol == 0x0800 and len(data) >= 20:
                    found.append(Frame(node, device, kind == 4, data, protocol))
        return found

    def counters(self):
        """{(table, chain, handle or place): packets} of the host's rules."""
        found = {}
        with Namespace("host"):
            if "iptables-legacy" in self.world.programs:
                table, places = "", {}
                for line in run("iptables-legacy-save", "-c").splitlines():
                    if line.startswith("*"):
                        table, places = line[1:], {}
                    rule = re.match(r"\[(\d+):\d+\] -A (\S+) (.*)", line)
                    if rule:
                        chain = rule[2]
                        places[chain] = places.get(chain, 0) + 1
                        found[f"iptables {table}", chain, places[chain]] = (int(rule[1]), rule[3])
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

    def trace(self):
        nodes = [word for node in self.world.nodes for word in ("--node", f"{node}=/run/netns/{node}")]
        process = subprocess.run(
            [self.berth, "trace", "from", self.world.source, "to", self.world.destination, "--view", "json", "--timeout", "400", *nodes],
            capture_output=True, text=True, timeout=60, check=False)
        if process.returncode not in (0, 10, 11, 12, 13):
            raise Failed(f"berth trace ended with {process.returncode}: {process.stderr}{process.stdout}")
        return json.loads(process.stdout), process.returncode

    # What the journey says against it.

    def judge(self, verbose):
        before = self.counters()
        self.frames()
        with Namespace("host"):
            watch = subprocess.Popen(["conntrack", "-E", "-o", "id", "-e", "NEW,UPDATES"], stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
        self.children.append(watch)
        journey, code = self.trace()
        after = self.counters()
        hits = {key: after[key][0] - before.get(key, (0, ""))[0] for key in after}
        hits = {key: count for key, count in hits.items() if count}
        frames = self.frames()
        watch.terminate()
        tracked = watch.communicate(timeout=10)[0]
        told = Told(self.world, journey, code, frames, hits, after, tracked)
        told.judge()
        if verbose or told.wrong:
            text = json.dumps(journey, indent=1) if verbose else ""
            if told.wrong:
                raise Failed("\n".join(told.wrong) + "\n" + told.summary() + text)
            print(told.summary() + text)


class Told:
    """One journey beside what others saw."""

    def __init__(self, world, journey, code, frames, hits, rules, tracked):
        self.world, self.journey, self.code, self.frames = world, journey, code, frames
        self.hits, self.rules, self.tracked, self.wrong = hits, rules, tracked, []
        legs = {leg["dir"]: leg for leg in journey["legs"]}
        self.forward, self.reply = legs.get("forward"), legs.get("reply")

    def judge(self):
        if not self.journey["complete"]:
            self.wrong.append(f"{self.journey['lost_events']} events were lost")
        if self.forward is None:
            self.wrong.append("no forward leg")
            return
        probe = self.probe_frames()
        self.judge_devices(self.forward, probe)
        self.judge_rewrites(probe)
        self.judge_rules()
        self.judge_end()
        self.judge_conntrack()

    def probe_frames(self):
        """The probe's own packet at every device, each device once: the first that the source sent."""
        world = self.world
        sent = [f for f in self.frames if f.node == world.source and f.outgoing and f.kind == world.kind
                and (world.kind != "tcp" or f.flags & 0x12 == 0x02) and (world.kind != "icmp" or f.identity[1] == 8)]
        if not sent:
            return []
        seen, found = set(), []
        for frame in self.frames:
            if frame.kind == world.kind and frame.identity == sent[0].identity and frame.place not in seen:
                seen.add(frame.place)
                found.append(frame)
        return found

    def judge_devices(self, leg, frames):
        told = [(s["ns"], s["at"][4:], s["kind"]) for s in leg["steps"] if s["at"].startswith("dev:")]
        seen = {frame.place for frame in frames}
        if set(told) != seen:
            self.wrong.append(f"devices: told {sorted(set(told) - seen)}, seen {sorted(seen - set(told))}")
        if len(told) != len(set(told)):
            self.wrong.append(f"a device is told of twice: {told}")

    def judge_rewrites(self, frames):
        """Addresses as they were told at a device are those of the frame."""
        at = {frame.place: frame for frame in frames}
        for step in self.forward["steps"]:
            place = (step["ns"], step["at"][4:], step["kind"])
            if place in at and "l3" in step:
                ports = step.get("l4", {})
                source, destination = step["l3"]["src"], step["l3"]["dst"]
                if self.world.kind != "icmp":
                    source, destination = f"{source}:{ports.get('sport')}", f"{destination}:{ports.get('dport')}"
                if (source, destination, step["l3"]["ttl"]) != (at[place].source, at[place].destination, at[place].ttl):
                    self.wrong.append(f"{place}: told {source} > {destination} ttl {step['l3']['ttl']}, "
                                      f"seen {at[place].source} > {at[place].destination} ttl {at[place].ttl}")
        changes = [s["changed"] for s in self.forward["steps"] if s.get("kind") == "rewrite" and s["ns"] == "host"]
        told = {(side, *change[side]) for change in changes for side in ("src", "dst") if side in change}
        inward = [f for f in frames if f.node == "host" and not f.outgoing]
        outward = [f for f in frames if f.node == "host" and f.outgoing]
        if inward and outward:
            seen = {(side, a, b) for side, a, b in (("src", inward[0].source, outward[-1].source),
                                                    ("dst", inward[0].destination, outward[-1].destination)) if a != b}
            if told != seen:
                self.wrong.append(f"rewrites in host: told {sorted(told)}, seen {sorted(seen)}")

    def judge_rules(self):
        told = {}
        for leg in self.journey["legs"]:
            for step in leg["steps"]:
                if step["kind"] == "rule" and step["ns"] == "host":
                    told.setdefault((step["table"], step["chain"], step["handle"]), (leg["dir"], step.get("verdict")))
        for key in told:
            if key in self.rules and key not in self.hits:
                self.wrong.append(f"the rule {key} is told of, and counted nothing: {self.rules[key][1]}")
            if key not in self.rules:
                self.wrong.append(f"there is no rule {key}")
        for key, count in self.hits.items():
            text = self.rules[key][1].lower()
            # Those that let a known connection pass count packets after the answer, too.
            later = "established" in text or "jump" in text or "-j " in text and "own" in text
            if key not in told and not later:
                self.wrong.append(f"the rule {key} counted {count}, and is not told of: {self.rules[key][1]}")

    def judge_end(self):
        world, end = self.world, self.forward["end"]
        kind, node, reason = end["kind"], end["ns"], end.get("reason") or ""
        expected = {
            "none": ("delivered", world.receiver, ""),
            "forwarding off": ("dropped", world.broken_router, "is not a router"),
            "policy drop": ("dropped", "host", "policy is drop"),
            "drop rule": ("dropped", "host", ""),
            "raw drop": ("dropped", "host", ""),
            "no listener": ("refused", world.receiver, ""),
            "no rule": ("refused", "host", ""),
            "nobody there": ("dropped", "host", "10.88.0.77"),
            "link down": ("dropped", "web" if world.way == "out" else "host", " is down"),
            "hairpin off": ("dropped", "host", "hairpin is off"),
            "own address": ("dropped", "web", "its own address"),
            "no way back": ("delivered", "web", ""),
        }[world.fault]
        if (kind, node) != expected[:2] or expected[2] not in reason:
            self.wrong.append(f"end: told {kind} in {node} ({reason}), planted {world.fault}: {expected}")
        if world.fault in ("drop rule", "raw drop"):
            hook = {"drop rule": "hook:forward", "raw drop": "hook:prerouting"}[world.fault]
            if end.get("at") != hook:
                self.wrong.append(f"end: told at {end.get('at')}, planted at {hook}")
        if world.fault == "none" and self.code != 0:
            self.wrong.append(f"exit code {self.code} of a packet that was answered")

    def judge_conntrack(self):
        for flow in self.journey["conntrack"]:
            if flow["ns"] != "host":
                continue
            identity = int(flow["id"], 16)
            if f"id={identity}" not in self.tracked:
                self.wrong.append(f"conntrack has no entry {flow['id']}: {self.tracked}")
                continue
            line = next(line for line in self.tracked.splitlines() if f"id={identity}" in line)  # [NEW] tcp 6 …
            tuples = re.findall(r"src=(\S+) dst=(\S+)(?: sport=(\d+) dport=(\d+))?", line)
            texts = [f"{a}:{c}>{b}:{d}" if c else f"{a}>{b}" for a, b, c, d in tuples]
            if [flow["orig"], flow["reply"]] != texts[:2]:
                self.wrong.append(f"conntrack: told {flow['orig']} and {flow['reply']}, it has {texts}")

    def summary(self):
        lines = []
        for leg in self.journey["legs"]:
            lines.append(f"{leg['dir']}: end {leg['end']}")
            for s in leg["steps"]:
                lines.append(f"  {s['ns']} {s['at']} {s['kind']} {s.get('table', '')} {s.get('chain', '')} "
                             f"{s.get('handle', '')} {s.get('text', '')} {s.get('verdict', '')} {s.get('changed', '')}")
        lines += [f"counted {count}: {key} {self.rules[key][1]}" for key, count in self.hits.items()]
        return "\n".join(lines)


def write(path, value):
    with open(f"/proc/sys/{path}", "w", encoding="ascii") as file:
        file.write(value)


def feed(command, text):
    process = subprocess.run(command, input=text, text=True, capture_output=True, timeout=30, check=False)
    if process.returncode != 0:
        raise Failed(f"{' '.join(command)}: {process.stderr}\n{text}")
