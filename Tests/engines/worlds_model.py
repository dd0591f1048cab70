"""A world of routers, a host and containers behind its bridge: what it is made of, what is wrong with it, its rules."""

import random

BACKENDS = ("nft", "iptables-nft", "iptables-legacy", "mixed")
# Who sends to whom: from outside to a published port, out, from a container to its neighbour's or its own published port, from
# the host itself, to a port of the host that is redirected.
WAYS = ("in", "in", "out", "out", "neighbour", "hairpin", "local", "redirect")
FAULTS = ("forwarding off", "policy drop", "drop rule", "raw drop", "no listener", "no rule", "nobody there", "link down",
          "no way back", "hairpin off", "own address")


class World:
    """Chosen by a random number alone, so that a seed gives it again."""

    def __init__(self, seed):
        pick = random.Random(seed)
        self.seed = seed
        self.backend = pick.choice(BACKENDS)
        self.routers = [f"r{n}" for n in range(1, pick.randint(0, 2) + 1)]
        self.containers = ["web", "app"][:pick.randint(1, 2)]
        self.kind = pick.choice(("tcp", "tcp", "udp", "icmp"))
        self.port, self.inner = pick.randint(2000, 9000), pick.randint(80, 999)
        self.way = pick.choice(WAYS)
        if self.kind == "icmp":
            self.way = "out"
        if self.way == "neighbour":
            self.containers = ["web", "app"]
        self.fault = pick.choice([fault for fault in FAULTS if self.can(fault)]) if pick.random() < 0.6 else "none"
        self.broken_router = pick.choice(self.routers) if self.routers else None
        self.source_nat = pick.choice(("masquerade", "snat"))
        # The answer of a neighbour, or of oneself, has to come back by the host.
        self.hides_client = self.way in ("neighbour", "hairpin") or self.way == "in" and pick.random() < 0.3
        if self.fault == "own address":
            self.hides_client = False
        self.policy = "drop" if self.fault == "policy drop" or pick.random() < 0.5 else "accept"
        self.jumps = pick.random() < 0.5
        self.noise = [pick.randint(9001, 9900) for _ in range(pick.randint(0, 4))]

    def can(self, fault):
        """Is it one for this way?"""
        way = self.way
        if fault == "forwarding off":
            return bool(self.routers) and way in ("in", "out", "redirect")
        if fault in ("policy drop", "drop rule"):
            return way in ("in", "out", "neighbour", "hairpin")
        if fault == "no listener":
            return way not in ("out",)
        if fault == "no rule":
            return way in ("in", "neighbour", "hairpin", "local")
        if fault == "nobody there":
            return way in ("in", "neighbour", "hairpin", "local")
        if fault == "link down":
            return way in ("in", "out", "neighbour", "local")
        if fault == "no way back":
            return way == "in"
        if fault in ("hairpin off", "own address"):
            return way == "hairpin"
        return way != "local"  # raw drop

    @property
    def nodes(self):
        return ["client", *self.routers, "host", *self.containers]

    @property
    def source(self):
        return {"in": "client", "out": "web", "neighbour": "app", "hairpin": "web", "local": "host", "redirect": "client"}[self.way]

    @property
    def client_address(self):
        return "203.0.113.10"

    @property
    def host_address(self):
        return f"198.51.{len(self.routers)}.2" if self.routers else "203.0.113.2"

    @property
    def destination(self):
        if self.way == "out":
            return f"{self.client_address}/icmp" if self.kind == "icmp" else f"{self.client_address}:{self.inner}/{self.kind}"
        return f"{self.host_address}:{self.port}/{self.kind}"

    @property
    def receiver(self):
        return {"out": "client", "redirect": "host"}.get(self.way, "web")

    def links(self):
        """Lines of `ip -batch`, each run in the namespace that it names."""
        chain = ["client", *self.routers, "host"]
        lines = [(node, "link set lo up") for node in self.nodes]
        for index, (left, right) in enumerate(zip(chain, chain[1:])):
            net = "203.0.113" if index == 0 else f"198.51.{index}"
            a, b = (f"{net}.10", f"{net}.1") if index == 0 else (f"{net}.1", f"{net}.2")
            if right == "host" and index == 0:
                b = f"{net}.2"
            lines += [(left, f"link add {left[0]}{right[0]}{index} type veth peer name {right[0]}{left[0]}{index}b netns {right}"),
                      (left, f"address add {a}/24 dev {left[0]}{right[0]}{index}"), (left, f"link set {left[0]}{right[0]}{index} up"),
                      (right, f"address add {b}/24 dev {right[0]}{left[0]}{index}b"), (right, f"link set {right[0]}{left[0]}{index}b up")]
        lines += [("host", "link add br0 type bridge"), ("host", "link set br0 address 02:00:00:00:03:01"),
                  ("host", "link set br0 up"), ("host", "address add 10.88.0.1/24 dev br0")]
        for number, name in enumerate(self.containers):
            lines += [("host", f"link add v{name} type veth peer name eth0 netns {name}"),
                      ("host", f"link set v{name} master br0"), ("host", f"link set v{name} up"),
                      (name, f"address add 10.88.0.{2 + number}/24 dev eth0"), (name, "link set eth0 up")]
            if self.way == "hairpin" and self.fault != "hairpin off":
                lines.append(("host", f"link set v{name} type bridge_slave hairpin on"))
            if not (self.fault == "no way back" and name == "web"):
                lines.append((name, "route add default via 10.88.0.1"))
        # Away from the client by the next one, to the client by the one before.
        for index, node in enumerate(chain):
            if index + 1 < len(chain):
                following = self.address_on(chain, index + 1)
                lines.append((node, f"route add default via {following}"))
            if index > 1:
                lines.append((node, f"route add 203.0.113.0/24 via {self.address_towards_client(chain, index)}"))
        if self.fault == "link down":
            lines.append(("host", "link set vweb down"))
        return lines

    @staticmethod
    def address_on(chain, index):
        """Of chain[index] on its link to chain[index - 1]."""
        if index == 1:
            return "203.0.113.2" if chain[1] == "host" else "203.0.113.1"
        return f"198.51.{index - 1}.2"

    @staticmethod
    def address_towards_client(chain, index):
        """Of chain[index - 1] on its link to chain[index]."""
        return f"198.51.{index - 1}.1"

    def sysctls(self):
        """(node, path, value)."""
        for node in [*self.routers, "host"]:
            forwards = not (self.fault == "forwarding off" and node == self.broken_router)
            yield node, "net/ipv4/ip_forward", "1" if forwards else "0"
        for node in self.nodes:
            yield node, "net/ipv4/conf/all/rp_filter", "0"
            yield node, "net/ipv4/conf/default/rp_filter", "0"

    @property
    def target(self):
        return "10.88.0.77" if self.fault == "nobody there" else "10.88.0.2"

    # The rules, each with a counter: (table, chain, match, target), in nft's and in iptables' words.

    def rules(self):
        """{(table, chain): [(nft, iptables)]}."""
        proto, port, inner = self.kind, self.port, self.inner
        nat_in, forward, nat_out, raw = [], [], [], []
        for number in self.noise:
            nat_in.append((f"tcp dport {number} counter dnat to 10.88.0.2:80",
                           f"-p tcp --dport {number} -j DNAT --to-destination 10.88.0.2:80"))
            forward.append((f"ip daddr 10.88.0.3 tcp dport {number} counter drop", f"-d 10.88.0.3 -p tcp --dport {number} -j DROP"))
        outward = self.way == "out"
        if self.way == "redirect":
            nat_in.append((f"{proto} dport {port} counter redirect to :{inner}",
                           f"-p {proto} --dport {port} -j REDIRECT --to-ports {inner}"))
        elif not outward and self.fault != "no rule":
            nat_in.append((f"ip daddr {self.host_address} {proto} dport {port} counter dnat to {self.target}:{inner}",
                           f"-d {self.host_address} -p {proto} --dport {port} -j DNAT --to-destination {self.target}:{inner}"))
        if self.fault == "raw drop":
            raw.append(("ip saddr 10.88.0.2 counter drop", "-s 10.88.0.2 -j DROP") if outward
                       else (f"{proto} dport {port} counter drop", f"-p {proto} --dport {port} -j DROP"))
        forward.append(("ct state established,related counter accept", "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"))
        if self.fault == "drop rule":
            forward.append(("ip saddr 10.88.0.2 counter drop", "-s 10.88.0.2 -j DROP") if outward
                           else (f"{proto} dport {inner} counter drop", f"-p {proto} --dport {inner} -j DROP"))
        if self.fault != "policy drop":
            forward.append(('oifname "br0" ct status dnat counter accept', "-o br0 -m conntrack --ctstate DNAT -j ACCEPT"))
            forward.append(('iifname "br0" counter accept', "-i br0 -j ACCEPT"))
        if self.hides_client:
            nat_out.append(('oifname "br0" ip daddr 10.88.0.2 counter masquerade', "-o br0 -d 10.88.0.2 -j MASQUERADE"))
        if self.source_nat == "masquerade":
            nat_out.append(('ip saddr 10.88.0.0/24 oifname != "br0" counter masquerade', "-s 10.88.0.0/24 ! -o br0 -j MASQUERADE"))
        else:
            nat_out.append((f'ip saddr 10.88.0.0/24 oifname != "br0" counter snat to {self.host_address}',
                            f"-s 10.88.0.0/24 ! -o br0 -j SNAT --to-source {self.host_address}"))
        nat_output = nat_in if self.way == "local" else []
        return {("raw", "PREROUTING"): raw, ("nat", "OUTPUT"): nat_output, ("nat", "PREROUTING"): nat_in, ("filter", "FORWARD"): forward,
                ("nat", "POSTROUTING"): nat_out}

    @property
    def programs(self):
        """What loads which tables: {program: tables}."""
        everything = ("raw", "nat", "filter")
        if self.backend == "mixed":
            return {"nft": ("raw", "nat"), "iptables-legacy": ("filter",)}
        return {self.backend: everything}

    def nft(self, tables):
        hooks = {"raw": ("filter", -300), "filter": ("filter", 0)}
        lines = ["table ip lab {"]
        for (table, chain), rules in self.rules().items():
            if not rules or table not in tables:
                continue
            kind, priority = hooks.get(table, ("nat", 100 if chain == "POSTROUTING" else -100))
            policy = self.policy if table == "filter" else "accept"
            if self.jumps:
                lines += [f"chain {table}_{chain}_own {{", *(nft for nft, _ in rules), "}"]
            lines += [f"chain {table}_{chain} {{", f"type {kind} hook {chain.lower()} priority {priority}; policy {policy};"]
            lines += [f"counter jump {table}_{chain}_own"] if self.jumps else [nft for nft, _ in rules]
            lines.append("}")
        return "\n".join([*lines, "}", ""])

    def iptables(self, tables):
        lines = []
        for table in tables:
            chains = {chain: rules for (name, chain), rules in self.rules().items() if name == table and rules}
            if not chains:
                continue
            lines.append(f"*{table}")
            if table == "filter":
                lines.append(f":FORWARD {self.policy.upper()} [0:0]")
            if self.jumps:
                lines += [f":{chain}-OWN - [0:0]" for chain in chains]
            for chain, rules in chains.items():
                if self.jumps:
                    lines.append(f"-A {chain} -j {chain}-OWN")
                lines += [f"-A {chain}{'-OWN' if self.jumps else ''} {words}" for _, words in rules]
            lines.append("COMMIT")
        return "\n".join([*lines, ""])
