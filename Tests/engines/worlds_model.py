"""A world of routers, a host and containers behind its bridge: what it is made of and what is wrong with it."""

import random

from worlds_rules import Rules

BACKENDS = ("nft", "iptables-nft", "iptables-legacy", "mixed")
# Who sends to whom: from outside to a published port, out, from a container to its neighbour's or its own published port, from
# the host itself to its address or to 127.0.0.1, to a port of the host that is redirected.
WAYS = ("in", "in", "in", "out", "out", "neighbour", "hairpin", "local", "loopback", "redirect", "redirect")
FORWARDED = ("in", "out", "neighbour", "hairpin")
FAULTS = (
    "forwarding off", "policy drop", "drop rule", "raw drop", "reject rule", "input drop", "answer dropped", "no listener",
    "listens elsewhere", "no rule", "nobody there", "silent gateway", "sender without route", "router without route",
    "link down", "no way back", "hairpin off", "own address", "short cut", "rp_filter", "too large", "short life",
    "route_localnet off", "from 127.0.0.1", "not tracked", "black hole", "output drop", "receiver drop")


class Net:
    """The addresses of one version of IP."""

    def __init__(self, version, routers):
        self.version, self.routers = version, routers
        self.bridge = "10.88.0.0/24" if version == 4 else "fd00:88::/64"
        self.client_net = "203.0.113.0/24" if version == 4 else "2001:db8:1::/64"
        self.bits = 24 if version == 4 else 64

    def end(self, link, number):
        """Of a link between two of the chain, counted from the client's."""
        if self.version == 4:
            return f"203.0.113.{number}" if link == 0 else f"198.51.{link}.{number}"
        return f"2001:db8:1::{number}" if link == 0 else f"2001:db8:2:{link}::{number}"

    def near(self, link):
        """Its end towards the client."""
        return self.end(link, 10 if link == 0 else 1)

    def far(self, link):
        return self.end(link, 1 if link == 0 and self.routers else 2)

    def second(self, number):
        """On the second cable between the last router and the host."""
        return f"192.0.2.{number}" if self.version == 4 else f"2001:db8:3::{number}"

    def inside(self, number):
        return f"10.88.0.{number}" if self.version == 4 else f"fd00:88::{number}"


class World(Rules):
    """Chosen by a random number alone, so that a seed gives it again."""

    def __init__(self, seed):
        pick = random.Random(seed)
        self.seed = seed
        self.backend = pick.choice(BACKENDS)
        self.version = pick.choice((4, 4, 6))
        # Both versions have addresses, routes and rules.
        self.dual = pick.random() < 0.3
        self.routers = [f"r{n}" for n in range(1, pick.randint(0, 2) + 1)]
        self.containers = ["web", "app"][:pick.randint(1, 2)]
        self.kind = pick.choice(("tcp", "tcp", "udp", "icmp"))
        self.port, self.inner = pick.randint(2000, 9000), pick.randint(80, 999)
        self.way = pick.choice(WAYS)
        if self.version == 6 and self.way == "loopback":
            self.way = "local"
        if self.way == "neighbour":
            self.containers = ["web", "app"]
        # A second cable to the host, by which packets come that are answered by the first.
        self.has_second = bool(self.routers) and self.way in ("in", "redirect") and pick.random() < 0.4
        self.net = Net(self.version, self.routers)
        self.bridge_calls = pick.random() < 0.5
        self.is_inet = pick.random() < 0.3
        self.fault = pick.choice([fault for fault in FAULTS if self.can(fault)]) if pick.random() < 0.7 else "none"
        self.broken = self.broken_node(pick)
        self.is_known = pick.random() < 0.5
        self.rp_filter = pick.choice(("0", "2"))
        self.rp_place = pick.choice(("all", "own"))
        self.source_nat = pick.choice(("masquerade", "snat", "masquerade to ports"))
        if self.kind == "icmp" and self.source_nat == "masquerade to ports":
            self.source_nat = "masquerade"
        # The answer of a neighbour has to come back by the host, through which the bridge leads it only with br_netfilter.
        self.hides_client = (self.way == "neighbour" and not self.bridge_calls or self.way == "hairpin"
                             or self.way in ("in", "neighbour") and pick.random() < 0.3)
        if self.fault in ("own address", "short cut", "no way back"):
            self.hides_client = False
        self.policy = "drop" if self.fault == "policy drop" or pick.random() < 0.5 else "accept"
        self.jumps = pick.random() < 0.5
        self.noise = [pick.randint(9001, 9900) for _ in range(pick.randint(0, 4))]

    def can(self, fault):
        """Is it one for this world?"""
        way = self.way
        outside = way in ("in", "redirect")
        by_default = outside and bool(self.routers) or way in ("out", "neighbour", "hairpin")
        return {
            "forwarding off": way == "out" or way == "in" or outside and bool(self.routers),
            "policy drop": way in FORWARDED, "drop rule": way in FORWARDED, "reject rule": way in FORWARDED,
            "raw drop": way not in ("local", "loopback"),
            "input drop": way == "redirect", "answer dropped": way == "in",
            "no listener": way != "out" and self.kind != "icmp", "listens elsewhere": way == "in" and self.kind != "icmp",
            "no rule": way not in ("out", "redirect") and self.kind != "icmp",
            "nobody there": way in ("in", "neighbour", "hairpin", "local"),
            "silent gateway": by_default, "sender without route": by_default,
            "router without route": outside and len(self.routers) == 2 or way == "out" and bool(self.routers),
            "link down": way in ("in", "out", "neighbour", "local"),
            "no way back": way == "in",
            # What is routed leaves by the bridge's own device, whose packets go out of every port.
            "hairpin off": way == "hairpin" and self.bridge_calls, "own address": way == "hairpin" and self.version == 4,
            "short cut": way == "neighbour" and not self.bridge_calls and self.kind != "icmp",
            "rp_filter": self.has_second and self.version == 4,
            "too large": self.kind != "tcp" and (way == "out" or outside and bool(self.routers)),
            "short life": way == "out" or outside and bool(self.routers),
            "route_localnet off": way == "loopback", "from 127.0.0.1": way == "loopback",
            "not tracked": way == "in" and self.kind != "icmp",
            "black hole": outside and bool(self.routers) or way == "out",
            "output drop": way in ("local", "loopback"),
            "receiver drop": way in ("in", "neighbour", "hairpin", "local"),
        }[fault]

    def broken_node(self, pick):
        """Where the fault is, of those that may be at several nodes."""
        routers = self.routers[:1] if self.way != "out" else self.routers[1:]
        choices = {
            "forwarding off": [*self.routers, *(["host"] if self.way in ("in", "out") else [])],
            "router without route": [*routers, *(["host"] if self.way == "out" else [])],
            "short life": ["host", *self.routers[::-1]] if self.way == "out" else [*self.routers, *(["host"] if self.way == "in" else [])],
            "black hole": [*self.routers, *(["host"] if self.way == "out" else [])],
            "too large": ["host" if self.way == "out" or not self.routers else self.routers[-1]],
        }.get(self.fault)
        return pick.choice(choices) if choices else None

    @property
    def nodes(self):
        return ["client", *self.routers, "host", *self.containers]

    @property
    def chain(self):
        return ["client", *self.routers, "host"]

    @property
    def source(self):
        return {"in": "client", "out": "web", "neighbour": "app", "hairpin": "web", "local": "host", "loopback": "host",
                "redirect": "client"}[self.way]

    @property
    def receiver(self):
        return {"out": "client", "redirect": "host"}.get(self.way, "web")

    @property
    def destination(self):
        address = self.target_address
        if self.kind == "icmp":
            return f"{address}/icmp"
        bracketed = f"[{address}]" if self.version == 6 else address
        return f"{bracketed}:{self.inner if self.way == 'out' else self.port}/{self.kind}"

    @property
    def target_address(self):
        if self.way == "out":
            return self.net.near(0)
        return "127.0.0.1" if self.way == "loopback" else self.host_address(self.net)

    def host_address(self, net):
        return net.second(2) if self.has_second else net.far(len(self.routers))

    @property
    def nets(self):
        return [self.net, Net(10 - self.version, self.routers)] if self.dual else [self.net]

    @property
    def payload(self):
        return "x" * 1392 if self.fault == "too large" else ""

    # What is made.

    def links(self):
        """Lines of `ip -batch`, each run in the namespace that it names."""
        chain = self.chain
        lines = [(node, "link set lo up") for node in self.nodes]
        for index, (left, right) in enumerate(zip(chain, chain[1:])):
            lines += self.cable(left, f"{left[0]}{right[0]}{index}", right, f"{right[0]}{left[0]}{index}b",
                                [(net.near(index), net.far(index), net.bits) for net in self.nets],
                                1300 if self.fault == "too large" and right == "host" else None)
        if self.has_second:
            lines += self.cable(chain[-2], "up2", "host", "eth2", [(net.second(1), net.second(2), net.bits) for net in self.nets],
                                1300 if self.fault == "too large" else None)
        lines += [("host", "link add br0 type bridge"), ("host", "link set br0 address 02:00:00:00:03:01"), ("host", "link set br0 up")]
        lines += [("host", f"address add {net.inside(1)}/{net.bits} dev br0 {self.flags(net)}") for net in self.nets]
        for number, name in enumerate(self.containers):
            lines += [("host", f"link add v{name} type veth peer name eth0 netns {name}"),
                      ("host", f"link set v{name} master br0"), ("host", f"link set v{name} up")]
            lines += [(name, f"address add {net.inside(2 + number)}/{net.bits} dev eth0 {self.flags(net)}") for net in self.nets]
            lines.append((name, f"link set eth0 address 02:00:00:00:05:0{number}"))
            lines.append((name, "link set eth0 up"))
            if self.way == "hairpin" and self.fault != "hairpin off":
                lines.append(("host", f"link set v{name} type bridge_slave hairpin on"))
            if not (self.fault == "no way back" and name == "web"):
                lines += self.default(name, lambda net: net.inside(1), lambda net: net.inside(99))
        # Away from the client by the next one, to the client by the one before.
        for index, node in enumerate(chain):
            if index + 1 < len(chain) and not (self.fault == "router without route" and self.broken == node):
                lines += self.default(node, lambda net, i=index: net.far(i), lambda net, i=index: net.end(i, 99))
            if index > 1 and not (self.fault == "router without route" and self.broken == node and self.way == "out"):
                lines += [(node, f"route add {net.client_net} via {net.near(index - 1)}") for net in self.nets]
        if self.fault == "black hole":
            lines.append((self.broken, f"route add blackhole {self.target_address}"))
        if self.fault == "link down":
            lines.append(("host", "link set vweb down"))
        if self.fault == "from 127.0.0.1" and self.is_known:
            lines.append(("host", f"neigh replace {self.net.inside(2)} lladdr 02:00:00:00:05:00 dev br0"))
        return lines

    def default(self, node, way, silent):
        """Its default route by `way` of a net, unless it is the fault of the sender that it has another one, or none."""
        if node != self.source or self.fault not in ("silent gateway", "sender without route"):
            return [(node, f"route add default via {way(net)}") for net in self.nets]
        return [(node, f"route add default via {silent(net)}") for net in self.nets] if self.fault == "silent gateway" else []

    @staticmethod
    def flags(net):
        return "nodad" if net.version == 6 else ""

    def cable(self, left, a, right, b, addresses, mtu):
        # Where both ends have one index the kernel takes its time, up to a second, to tell IPv6 of their carrier.
        index = self.chain.index(left) * 2 + (40 if a == "up2" else 20)
        lines = [(left, f"link add {a} index {index} type veth peer name {b} index {index + 1} netns {right}")]
        for near, far, bits in addresses:
            nodad = "nodad" if ":" in near else ""
            lines += [(left, f"address add {near}/{bits} dev {a} {nodad}"), (right, f"address add {far}/{bits} dev {b} {nodad}")]
        for node, device in ((left, a), (right, b)):
            if mtu:
                lines.append((node, f"link set {device} mtu {mtu}"))
            lines.append((node, f"link set {device} up"))
        return lines

    def first_sysctls(self):
        """(path, value) of each node, before it has devices."""
        has6 = any(net.version == 6 for net in self.nets)
        for place in ("all", "default"):
            yield f"net/ipv6/conf/{place}/disable_ipv6", "0" if has6 else "1"
            yield f"net/ipv4/conf/{place}/rp_filter", "0"
            if has6:
                yield f"net/ipv6/conf/{place}/accept_ra", "0"
                yield f"net/ipv6/conf/{place}/accept_dad", "0"

    def sysctls(self):
        """(node, path, value)."""
        for node in [*self.routers, "host"]:
            forwards = "0" if self.fault == "forwarding off" and node == self.broken else "1"
            for net in self.nets:
                yield node, "net/ipv4/ip_forward" if net.version == 4 else "net/ipv6/conf/all/forwarding", forwards
        for name in ("ip", "ip6"):
            yield "host", f"net/bridge/bridge-nf-call-{name}tables", "1" if self.bridge_calls else "0"
        if self.has_second:
            strict = "1" if self.fault == "rp_filter" else self.rp_filter
            yield "host", f"net/ipv4/conf/{'eth2' if self.rp_place == 'own' else 'all'}/rp_filter", strict
        if self.way == "loopback" and self.fault != "route_localnet off":
            yield "host", "net/ipv4/conf/all/route_localnet", "1"
        if self.fault == "short life":
            life = ["host", *self.routers[::-1]] if self.way == "out" else [*self.routers, "host"]
            path = "net/ipv4/ip_default_ttl"
            if self.version == 6:
                path = f"net/ipv6/conf/{'eth0' if self.source == 'web' else 'c' + self.chain[1][0] + '0'}/hop_limit"
            yield self.source, path, str(life.index(self.broken) + 1)

    # What it comes to.

    @property
    def answers_elsewhere(self):
        """A program that listens at all addresses answers a datagram from that of the first cable."""
        return self.has_second and self.way == "redirect" and self.kind == "udp" and self.fault == "none"

    def expected(self):
        """(kind of the end, node, words of the reason, place) of the probe's own packet."""
        receiver = self.receiver
        mac = "ARP" if self.version == 4 else "neighbour solicitations"
        return {
            "none": ("delivered", receiver, "", None),
            "forwarding off": ("dropped", self.broken, "is not a router", None),
            "policy drop": ("dropped", "host", "policy is drop", "hook:forward"),
            "drop rule": ("dropped", "host", "drops it", "hook:forward"),
            "reject rule": ("refused", "host", "", "hook:forward"),
            "raw drop": ("dropped", "host", "drops it", "hook:prerouting"),
            "input drop": ("dropped", "host", "drops it", "hook:input"),
            "answer dropped": ("delivered", "web", "", None),
            "no listener": ("refused", receiver, "", None), "listens elsewhere": ("refused", receiver, "", None),
            "no rule": ("refused", "host", "", None),
            "nobody there": ("dropped", "host", f"nobody owns {self.net.inside(77)} on br0: it does not answer {mac}", None),
            "silent gateway": ("dropped", self.source, "does not answer " + mac, None),
            "sender without route": ("dropped", self.source, "has no route to", None),
            "router without route": ("refused", self.broken, "no route", None),
            "link down": ("dropped", "web" if self.way == "out" else "host", " is down", None),
            "hairpin off": ("dropped", "host", "hairpin is off", None),
            "own address": ("dropped", "web", "its own address", None),
            "short cut": ("delivered", "web", "", None),
            "no way back": ("delivered", "web", "has no way back", None),
            "not tracked": ("refused", "host", "", None),
            "black hole": ("dropped", self.broken, f"a route of {self.broken} refuses packets to {self.target_address}", None),
            "output drop": ("dropped", "host", "drops it", "hook:output"),
            "receiver drop": ("dropped", "web", "drops it", "hook:input"),
            "rp_filter": ("dropped", "host", "rp_filter is strict", None),
            "too large": ("refused", self.broken, " > 1300 on ", None),
            "short life": ("refused", self.broken, "the time to live ran out", None),
            "route_localnet off": ("dropped", "host", "route_localnet=0", None),
            "from 127.0.0.1": ("dropped", "web" if self.is_known else "host", 'web refuses a packet "from 127.0.0.1"' if self.is_known
                               else "does not answer ARP that asks from 127.0.0.1", None),
        }[self.fault]
