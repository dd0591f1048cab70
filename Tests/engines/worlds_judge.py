"""One journey that berth trace told, held against what others saw."""

import re


def endpoint(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Told:
    """One journey beside what others saw."""

    def __init__(self, world, journey, code, frames, hits, rules, tracked):
        self.world, self.journey, self.code, self.frames = world, journey, code, frames
        self.hits, self.rules, self.tracked, self.wrong = hits, rules, tracked, []
        self.is_refused = False
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
        self.judge_rewrites(self.forward, probe)
        self.judge_answer(probe[0] if probe else None)
        self.judge_rules()
        self.judge_end()
        self.judge_conntrack()

    def probe_frames(self):
        """The probe's own packet at every device, each device once: the first that the source sent."""
        world = self.world
        sent = [f for f in self.frames if f.node == world.source and f.outgoing and f.kind == world.kind
                and (world.kind != "tcp" or f.flags & 0x12 == 0x02) and (world.kind != "icmp" or f.is_echo)]
        return self.group(sent[0].identity) if sent else []

    def group(self, identity):
        """One packet's frames, each device and direction once."""
        found = {}
        for frame in self.frames:
            if frame.identity == identity:
                found.setdefault(frame.place, frame)
        return list(found.values())

    def answers(self, sent):
        """The identities of all that answers the probe: what it asked for, a reset, an ICMP error."""
        found = []
        for frame in self.frames:
            if frame.kind == "icmp" and frame.refused is not None:
                is_answer = frame.refused == sent.mark
            elif frame.kind != sent.kind:
                is_answer = False
            elif frame.kind == "tcp":
                is_answer = frame.flags & 0x10 and frame.flags & 6 and frame.acknowledgement == sent.identity[1] + 1 & 0xffffffff
            elif frame.kind == "icmp":
                is_answer = frame.is_reply and frame.identity[3] == sent.identity[3]
            else:
                is_answer = frame.identity == ("udp", b"answer")
            if is_answer and frame.identity not in found:
                found.append(frame.identity)
        return found

    def judge_answer(self, sent):
        """The answer's leg is the way of one of the answers that there were."""
        answers = [self.group(identity) for identity in self.answers(sent)] if sent else []
        # A bridge that passes a packet on has no answer for it.
        self.is_refused = bool(answers)
        if self.reply is None:
            # The kernel gives up asking for a neighbour after three seconds, and says so, perhaps after the trace.
            if answers and self.world.fault not in ("nobody there", "link down", "silent gateway", "from 127.0.0.1"):
                self.wrong.append(f"there was an answer, and none is told of: {[f.place for f in answers[0]]}")
            return
        # One that its own node dropped was at no device.
        told = {(s["ns"], s["at"][4:], s["kind"]) for s in self.reply["steps"] if s["at"].startswith("dev:")}
        if not told and self.reply["end"]["kind"] == "dropped":
            return
        best = next((group for group in answers if {f.place for f in group} == told), answers[0] if answers else [])
        self.judge_devices(self.reply, best)
        self.judge_rewrites(self.reply, best)

    def judge_devices(self, leg, frames):
        told = [(s["ns"], s["at"][4:], s["kind"]) for s in leg["steps"] if s["at"].startswith("dev:")]
        seen = {frame.place for frame in frames}
        if set(told) != seen:
            self.wrong.append(f"devices ({leg['dir']}): told {sorted(set(told) - seen)}, seen {sorted(seen - set(told))}")
        if len(told) != len(set(told)):
            self.wrong.append(f"a device is told of twice: {told}")

    def judge_rewrites(self, leg, frames):
        """Addresses as they were told at a device are those of the frame."""
        at = {frame.place: frame for frame in frames}
        for step in leg["steps"]:
            place = (step["ns"], step["at"][4:], step["kind"])
            if place in at and "l3" in step:
                ports = step.get("l4", {})
                source, destination = step["l3"]["src"], step["l3"]["dst"]
                if "sport" in ports:
                    source, destination = endpoint(source, ports["sport"]), endpoint(destination, ports["dport"])
                if (source, destination, step["l3"]["ttl"]) != (at[place].source, at[place].destination, at[place].ttl):
                    self.wrong.append(f"{place}: told {source} > {destination} ttl {step['l3']['ttl']}, "
                                      f"seen {at[place].source} > {at[place].destination} ttl {at[place].ttl}")
        changes = [s["changed"] for s in leg["steps"] if s.get("kind") == "rewrite" and s["ns"] == "host"]
        told = {(side, *change[side]) for change in changes for side in ("src", "dst") if side in change}
        inward = [f for f in frames if f.node == "host" and not f.outgoing]
        outward = [f for f in frames if f.node == "host" and f.outgoing]
        if inward and outward:
            seen = {(side, a, b) for side, a, b in (("src", inward[0].source, outward[-1].source),
                                                    ("dst", inward[0].destination, outward[-1].destination)) if a != b}
            if told != seen:
                self.wrong.append(f"rewrites in host ({leg['dir']}): told {sorted(told)}, seen {sorted(seen)}")

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
            later = "established" in text or "ff00::/8" in text or "nd-neighbor" in text or "icmpv6-type 136" in text or "jump" in text or "-j " in text and "own" in text
            if key not in told and not later:
                self.wrong.append(f"the rule {key} counted {count}, and is not told of: {self.rules[key][1]}")

    def judge_end(self):
        world, end = self.world, self.forward["end"]
        kind, node, reason = end["kind"], end["ns"], end.get("reason") or ""
        expected = world.expected()
        if world.fault == "reject rule" and not self.is_refused:
            expected = ("dropped", *expected[1:])
        if (kind, node) != expected[:2] or expected[2] not in reason or expected[3] and end.get("at") != expected[3]:
            self.wrong.append(f"end: told {kind} in {node} at {end.get('at')} ({reason}), planted {world.fault}: {expected}")
        back = self.reply["end"] if self.reply else {"kind": "none", "ns": "", "reason": ""}
        returned = {"none": ("delivered", world.source, ""), "answer dropped": ("dropped", "host", ""),
                    "short cut": ("dropped", "app", "short cut")}.get(world.fault)
        if world.answers_elsewhere:
            returned = ("dropped", "client", "another of its addresses")
        if returned and ((back["kind"], back["ns"]) != returned[:2] or returned[2] not in (back.get("reason") or "")):
            self.wrong.append(f"answer: told {back}, planted {world.fault}: {returned}")
        code = {"none": 0, "delivered": 11, "dropped": 10, "refused": 12}["none" if world.fault == "none" and not world.answers_elsewhere else expected[0]]
        if self.code != code and not self.wrong:
            self.wrong.append(f"exit code {self.code}, not {code}, of {world.fault}")

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
            texts = [f"{endpoint(a, c)}>{endpoint(b, d)}" if c else f"{a}>{b}" for a, b, c, d in tuples]
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
