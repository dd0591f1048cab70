"""Random operations on a container that is there: exec, rename, update, its networks and ports, and what is told about it."""

import re

import private_host as host
from containers_host import message
from containers_random_model import ALIVE, SHARED_NETWORK
from docker_api import Lost, frames
from private_host import Failed


def rules_of(slot):
    """The lines of the ruleset that are about its ports."""
    ports = re.compile(rf"\b({slot.port}|{slot.port + 1})\b")
    return [line.strip() for line in host.run("nft", "list", "table", "inet", "berth").replace(", tcp", ",\ntcp").splitlines() if ports.search(line)]


class Changes:
    """Part of a client."""

    def do_exec(self, slot):
        self.note("exec", slot)
        if slot.status == "running":
            return self.say(slot)
        if slot.policy == "always":
            return None
        try:
            status, answer = self.ask("POST", f"/containers/{slot.id}/exec", {"Cmd": ["true"]})
        except Lost:
            return self.make_sure(slot)
        self.expect(f"exec in {slot}", status, answer, 409)

    def do_rename(self, slot):
        self.note("rename", slot)
        other = self.slots[1 - slot.number]
        if other.status != "absent" and self.random.random() < 0.3:
            try:
                status, answer = self.ask("POST", f"/containers/{slot.id}/rename?name={other.name}")
                self.expect(f"rename {slot} to {other.name}", status, answer, 409)
            except Lost:
                self.model.count("(outcome unknown)")
            return
        slot.renames += 1
        name = f"{slot.base}-{slot.renames}"
        try:
            status, answer = self.ask("POST", f"/containers/{slot.id}/rename?name={name}")
            self.expect(f"rename {slot} to {name}", status, answer, 204)
            slot.name = name
        except Lost:
            self.model.count("(outcome unknown)")
            found = self.inspect(slot)[1]["Name"]
            if found not in (f"/{slot.name}", f"/{name}"):
                raise Failed(f"a rename of {slot} to {name} that was cut made it {found}") from None
            slot.name = found[1:]

    def do_update(self, slot):
        self.note("update", slot)
        memory = self.random.choice((48, 64, 80, 96)) << 20
        try:
            status, answer = self.ask("POST", f"/containers/{slot.id}/update", {"Memory": memory, "MemorySwap": -1})
            self.expect(f"update of {slot}", status, answer, 200)
            slot.memory = memory
        except Lost:
            self.model.count("(outcome unknown)")
            found = self.inspect(slot)[1]["HostConfig"]["Memory"]
            if found not in (slot.memory, memory):
                raise Failed(f"an update of {slot} that was cut left memory {found}") from None
            slot.memory = found

    def do_look(self, slot):
        self.note("inspect", slot)
        if slot.policy == "always" and slot.status not in ALIVE:
            return
        status, answer = self.inspect(slot)
        self.expect(f"inspect of {slot}", status, answer, 200)
        if answer["State"]["Status"] != slot.status:
            raise Failed(f"{slot} is {answer['State']}")
        self.check(slot, answer)

    def do_logs(self, slot):
        self.note("logs", slot)
        try:
            status, data = self.api.raw("GET", f"/containers/{slot.id}/logs?stdout=1&stderr=1")
        except Lost:
            return
        said = frames(data)[0].count(b"said\n")
        if status != 200 or (slot.kind == "brief" and slot.starts is not None and said != slot.starts and not self.is_daemons_end()):
            raise Failed(f"logs of {slot}: {status}, {said} lines of {slot.starts}")

    def do_wait(self, slot):
        if slot.status not in ("exited", "created") or slot.policy == "always":
            return self.do_look(slot)
        self.note("wait", slot)
        status, answer = self.again("POST", f"/containers/{slot.id}/wait")
        self.expect(f"wait for {slot}", status, answer, 200)
        if slot.status == "exited" and slot.codes and answer["StatusCode"] not in slot.codes:
            raise Failed(f"wait for {slot} says {answer}, not {slot.codes}")

    def do_connect(self, slot):
        network = self.network if self.hasNetwork and self.random.random() < 0.5 else SHARED_NETWORK
        if slot.mode == "none" or slot.policy == "always" and slot.status not in ALIVE:
            return self.do_look(slot)
        isThere = network in slot.networks
        verb = "disconnect" if isThere and network != slot.mode else "connect"
        self.note(f"network {verb}", slot)
        try:
            status, answer = self.ask("POST", f"/networks/{network}/{verb}", {"Container": slot.id})
        except Lost:
            self.model.count("(outcome unknown)")
            self.make_sure(slot)
            # Disconnected is what both outcomes lead to.
            if slot.status != "absent" and network != slot.mode:
                status, answer = self.again("POST", f"/networks/{network}/disconnect", {"Container": slot.id})
                self.expect(f"network disconnect of {slot} from {network}, again", status, answer, 200, 404)
                slot.networks.discard(network)
            return
        if verb == "connect" and isThere:
            # One that does not run is asked for the network only when it starts.
            return self.expect(f"network connect of {slot} to {network}, where it is", status, answer,
                               403 if slot.status in ALIVE else 200)
        self.expect(f"network {verb} of {slot}, {network}", status, answer, 200)
        slot.networks ^= {network}

    def do_publish(self, slot):
        if slot.status != "running" or slot.mode == "none":
            return self.do_look(slot)
        self.note("publish", slot)
        port = slot.port + 1
        change = "remove" if port in slot.ports else "add"
        wish = {change: [{"HostPort": port, "PrivatePort": 81, "Type": "tcp"}]}
        try:
            status, answer = self.ask("POST", f"/berth/containers/{slot.id}/publish", wish)
            self.expect(f"publish {change} {port} of {slot}", status, answer, 200)
            slot.ports ^= {port}
        except Lost:
            self.model.count("(outcome unknown)")
            self.make_sure(slot)
            if slot.status not in ALIVE:
                return
            status, answer = self.again("GET", f"/berth/containers/{slot.id}/publish")
            self.expect(f"publish ls of {slot}", status, answer, 200)
            found = {one["HostPort"] for one in answer["Ports"]}
            if found not in (slot.ports, slot.ports ^ {port}):
                raise Failed(f"a publish {change} {port} of {slot} that was cut left {found}, not {slot.ports}, give or take {port}") from None
            # Both outcomes lead here; and what was cut is mended by the next change.
            if port in found:
                status, answer = self.again("POST", f"/berth/containers/{slot.id}/publish", {"remove": wish[change]})
                if status == 500:
                    answer = f"{message(answer)}\n  the rules have " + "\n  ".join(rules_of(slot))
                self.expect(f"publish remove {port} of {slot}, again", status, answer, 200, 404)
            slot.ports = slot.ports - {port}
