"""The rules of a world's host, each with a counter, in nft's and in iptables' words."""


class Rules:
    """What a world loads: of its own version of IP, and of the other one where it has both."""

    def rules(self, net):
        """{(table, chain): [(nft, iptables)]}."""
        proto, port, inner, ip = self.kind, self.port, self.inner, "ip" if net.version == 4 else "ip6"
        web, nat_in, forward, nat_out, raw, within = net.inside(2), [], [], [], [], []
        to = lambda address, number: address if number is None else f"[{address}]:{number}" if net.version == 6 else f"{address}:{number}"
        dnat = f"dnat {ip} to" if self.is_inet else "dnat to"
        snat = f"snat {ip} to" if self.is_inet else "snat to"
        for number in self.noise:
            nat_in.append((f"tcp dport {number} counter {dnat} {to(web, 80)}",
                           f"-p tcp --dport {number} -j DNAT --to-destination {to(web, 80)}"))
            forward.append((f"{ip} daddr {net.inside(3)} tcp dport {number} counter drop",
                            f"-d {net.inside(3)} -p tcp --dport {number} -j DROP"))
        echo = ("icmp type echo-request", "-p icmp --icmp-type echo-request") if net.version == 4 else (
            "icmpv6 type echo-request", "-p icmpv6 --icmpv6-type echo-request")
        asked = echo if proto == "icmp" else (f"{proto} dport {port}", f"-p {proto} --dport {port}")
        passed = echo if proto == "icmp" else (f"{proto} dport {inner}", f"-p {proto} --dport {inner}")
        outward = self.way == "out"
        own = "127.0.0.1" if self.way == "loopback" and net.version == 4 else self.host_address(net)
        if self.way == "redirect":
            if proto != "icmp":
                nat_in.append((f"{asked[0]} counter redirect to :{inner}", f"{asked[1]} -j REDIRECT --to-ports {inner}"))
        elif not outward and self.fault != "no rule":
            target = to(net.inside(77) if self.fault == "nobody there" else web, None if proto == "icmp" else inner)
            nat_in.append((f"{ip} daddr {own} {asked[0]} counter {dnat} {target}", f"-d {own} {asked[1]} -j DNAT --to-destination {target}"))
        from_web = (f"{ip} saddr {web}", f"-s {web}")
        if self.fault == "raw drop":
            match = tuple(map(" ".join, zip(from_web, passed))) if outward else asked
            raw.append((f"{match[0]} counter drop", f"{match[1]} -j DROP"))
        if net.version == 6 and self.bridge_calls:
            # What the containers ask each other for passes here, too, and not only the probe is counted.
            forward.append(("ip6 daddr ff00::/8 counter accept", "-d ff00::/8 -j ACCEPT"))
            forward.append(("icmpv6 type nd-neighbor-advert counter accept", "-p icmpv6 --icmpv6-type neighbour-advertisement -j ACCEPT"))
        if self.fault == "not tracked":
            raw.append((f"{asked[0]} counter notrack", f"{asked[1]} -j CT --notrack"))
        if self.fault != "answer dropped":
            forward.append(("ct state established,related counter accept", "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"))
        match = from_web if outward or self.fault == "answer dropped" else passed
        if self.fault == "drop rule" or self.fault == "answer dropped" and self.policy == "accept":
            forward.append((f"{match[0]} counter drop", f"{match[1]} -j DROP"))
        if self.fault == "reject rule":
            forward.append((f"{match[0]} counter reject", f"{match[1]} -j REJECT"))
        if self.fault != "policy drop":
            forward.append(('oifname "br0" ct status dnat counter accept', "-o br0 -m conntrack --ctstate DNAT -j ACCEPT"))
            if self.fault != "answer dropped":
                forward.append(('iifname "br0" counter accept', "-i br0 -j ACCEPT"))
        if self.fault == "input drop":
            within.append((f"{passed[0]} counter drop", f"{passed[1]} -j DROP"))
        if self.way == "loopback" and self.fault != "from 127.0.0.1" and net.version == 4:
            nat_out.append(('ip saddr 127.0.0.0/8 oifname "br0" counter masquerade', "-s 127.0.0.0/8 -o br0 -j MASQUERADE"))
        if self.hides_client:
            nat_out.append((f'oifname "br0" {ip} daddr {web} counter masquerade', f"-o br0 -d {web} -j MASQUERADE"))
        away = (f'{ip} saddr {net.bridge} oifname != "br0" counter', f"-s {net.bridge} ! -o br0")
        if self.source_nat == "masquerade to ports":
            nat_out.append((f"{away[0]} masquerade to :40000-40010".replace(" counter", f" meta l4proto {proto} counter"),
                            f"{away[1]} -p {proto} -j MASQUERADE --to-ports 40000-40010"))
        elif self.source_nat == "masquerade":
            nat_out.append((f"{away[0]} masquerade", f"{away[1]} -j MASQUERADE"))
        else:
            # Not of the second cable: nothing goes out by it.
            address = net.far(len(self.routers))
            nat_out.append((f"{away[0]} {snat} {address}", f"{away[1]} -j SNAT --to-source {address}"))
        starts_here = self.way in ("local", "loopback")
        without = [(f"{passed[0]} counter drop", f"{passed[1]} -j DROP")] if self.fault == "output drop" else []
        return {("raw", "PREROUTING"): raw, ("filter", "OUTPUT"): without, ("nat", "OUTPUT"): nat_in if starts_here else [], ("nat", "PREROUTING"): nat_in,
                ("filter", "INPUT"): within, ("filter", "FORWARD"): forward, ("nat", "POSTROUTING"): nat_out}

    @property
    def programs(self):
        """What loads which tables: {program: tables}."""
        everything = ("raw", "nat", "filter")
        if self.backend == "mixed":
            return {"nft": ("raw", "nat"), "iptables-legacy": ("filter",)}
        return {self.backend: everything}

    def inputs(self):
        """(command, what it reads) of everything that is loaded."""
        for program, tables in self.programs.items():
            for net in self.nets:
                if program == "nft":
                    yield ["nft", "-f", "-"], self.nft(tables, net)
                else:
                    name = program if net.version == 4 else program.replace("iptables", "ip6tables")
                    yield [f"{name}-restore"], self.iptables(tables, net)

    def receiver_rules(self):
        """What the receiver itself loads."""
        passed = f"{self.kind} dport {self.inner}" if self.kind != "icmp" else "icmp type echo-request"
        if self.kind == "icmp" and self.version == 6:
            passed = "icmpv6 type echo-request"
        return f"table inet own {{\nchain in {{\ntype filter hook input priority 0; {passed} counter drop\n}}\n}}\n"

    def nft(self, tables, net):
        hooks = {"raw": ("filter", -300), "filter": ("filter", 0)}
        ip = "ip" if net.version == 4 else "ip6"
        # A chain of inet sees both versions: policies of one would end the other's packets.
        is_inet = self.is_inet and len(self.nets) == 1
        lines = [f"table {'inet' if is_inet else ip} lab {{"]
        for (table, chain), rules in self.rules(net).items():
            if not rules or table not in tables:
                continue
            kind, priority = hooks.get(table, ("nat", 100 if chain == "POSTROUTING" else -100))
            policy = self.policy if chain == "FORWARD" else "accept"
            texts = [nft if is_inet else nft.replace("nat ip to", "nat to").replace("nat ip6 to", "nat to") for nft, _ in rules]
            if self.jumps:
                lines += [f"chain {table}_{chain}_own {{", *texts, "}"]
            lines += [f"chain {table}_{chain} {{", f"type {kind} hook {chain.lower()} priority {priority}; policy {policy};"]
            lines += [f"counter jump {table}_{chain}_own"] if self.jumps else texts
            lines.append("}")
        return "\n".join([*lines, "}", ""])

    def iptables(self, tables, net):
        lines = []
        for table in tables:
            chains = {chain: rules for (name, chain), rules in self.rules(net).items() if name == table and rules}
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
