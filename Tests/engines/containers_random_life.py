"""Random operations that begin and end a container: create, start, stop, kill, restart, remove, pause."""

from containers_host import body
from containers_random_model import ALIVE, SHARED_NETWORK, SHARED_VOLUME
from docker_api import Lost


class Life:
    """Part of a client."""

    def do_create(self, slot):
        self.note("create", slot)
        choose = self.random
        slot.forget()
        slot.kind = choose.choices(("sleep", "trap", "brief"), (6, 2, 2))[0]
        slot.policy = "no" if slot.kind == "brief" else choose.choices(("no", "always", "unless-stopped", "on-failure"), (6, 1, 1, 1))[0]
        slot.mode = choose.choices(("bridge", self.network, SHARED_NETWORK, "none"), (5, 3 if self.hasNetwork else 0, 2, 1))[0]
        words = {"sleep": ("sleep", "600"), "trap": ("sh", "-c", "trap 'exit 4' TERM; sleep 600 & wait"),
                 "brief": ("sh", "-c", "echo said; exit 3")}[slot.kind]
        settings = {"Memory": slot.memory, "NetworkMode": slot.mode, "RestartPolicy": {"Name": slot.policy}}
        if slot.mode != "none" and choose.random() < 0.4:
            settings["PortBindings"] = {"80/tcp": [{"HostPort": str(slot.port)}]}
            slot.ports = {slot.port}
        slot.firstPorts = set(slot.ports)
        if choose.random() < 0.3:
            slot.volume = self.volume if self.hasVolume and choose.random() < 0.5 else SHARED_VOLUME
            settings["Binds"] = [f"{slot.volume}:/data"]
        more = {"Volumes": {"/scratch": {}}} if choose.random() < 0.2 else {}
        slot.networks = {slot.mode} - {"none"}
        try:
            status, answer = self.ask("POST", f"/containers/create?name={slot.name}", body(*words, HostConfig=settings, **more))
        except Lost:
            self.model.count("(outcome unknown)")
            status, answer = self.again("GET", f"/containers/{slot.name}/json")
            if status == 404:
                return slot.forget()
            self.expect(f"inspect of {slot}, whose create was cut", status, answer, 200)
            status = 201
        self.expect(f"create {slot}", status, answer, 201)
        slot.id, slot.status = answer["Id"], "created"

    def runs_now(self, slot):
        if slot.starts is not None:
            slot.starts += 1
        slot.codes = None
        # What was published while it ran goes with its end.
        slot.ports = set(slot.firstPorts)
        if slot.kind == "brief":
            self.settle(slot, "exited")
            slot.codes = {3}
        else:
            slot.status = "running"

    def do_start(self, slot):
        self.note("start", slot)
        try:
            status, answer = self.ask("POST", f"/containers/{slot.id}/start")
        except Lost:
            return self.lost(slot, "created", "running", "exited", *(["paused"] if slot.status == "paused" else []))
        if slot.status == "paused":
            return self.expect(f"start {slot}", status, answer, 409)
        if slot.status == "running":
            return self.expect(f"start {slot}", status, answer, 304)
        # A policy may have been quicker than this client.
        self.expect(f"start {slot}", status, answer, 204, *([304] if slot.policy != "no" else []))
        self.runs_now(slot)

    def was_ended(self, slot, codes):
        if slot.status in ALIVE:
            slot.codes = codes
            slot.status = "exited"

    def do_stop(self, slot):
        seconds = self.random.choice((0, 1))
        self.note("stop", slot)
        try:
            status, answer = self.ask("POST", f"/containers/{slot.id}/stop?t={seconds}")
        except Lost:
            # One that was asked to end may still do so.
            possible = {"running", "paused", "exited"} if slot.status in ALIVE else {slot.status}
            self.lost(slot, *possible)
            if slot.policy == "no" and slot.status in ALIVE:
                status, answer = self.again("POST", f"/containers/{slot.id}/stop?t=0")
                self.expect(f"stop {slot} again", status, answer, 204, 304)
                self.settle(slot, "exited")
                slot.codes = {4, 137, 143}
            return None
        if slot.status in ALIVE:
            self.expect(f"stop {slot}", status, answer, 204)
        elif slot.policy == "always":
            # It has come back with the daemon.
            self.expect(f"stop {slot}", status, answer, 204, 304)
        else:
            self.expect(f"stop {slot}", status, answer, 304)
        self.was_ended(slot, {4, 137} if slot.kind == "trap" else {137})
        if slot.status == "exited":
            self.settle_stopped(slot)

    def settle_stopped(self, slot):
        if slot.policy == "always":
            # A daemon that starts brings it back: Docker's rule.
            return self.bring_up(slot)
        self.check(slot, self.settle(slot, "exited"))

    def do_kill(self, slot):
        self.note("kill", slot)
        try:
            status, answer = self.ask("POST", f"/containers/{slot.id}/kill")
        except Lost:
            return self.lost_end(slot)
        self.expect(f"kill {slot}", status, answer, *([204] if slot.status in ALIVE else [409, 204] if slot.policy == "always" else [409]))
        self.was_ended(slot, {137})
        if slot.status == "exited":
            self.settle_stopped(slot)

    def lost_end(self, slot):
        """A kill whose outcome is unknown is done again, until there is nothing to be killed."""
        self.model.count("(outcome unknown)")
        if slot.policy == "always":
            return self.bring_up(slot)
        if slot.status in ALIVE:
            status, answer = self.again("POST", f"/containers/{slot.id}/stop?t=0")
            self.expect(f"stop {slot} after a kill", status, answer, 204, 304)
            self.settle(slot, "exited")
            slot.codes = {4, 137, 143}
        return None

    def do_restart(self, slot):
        self.note("restart", slot)
        try:
            status, answer = self.ask("POST", f"/containers/{slot.id}/restart?t=0")
        except Lost:
            self.model.count("(outcome unknown)")
            slot.starts = None
            status, answer = self.again("POST", f"/containers/{slot.id}/restart?t=0")
        self.expect(f"restart {slot}", status, answer, 204)
        self.runs_now(slot)

    def do_remove(self, slot):
        isForced = self.random.random() < 0.7
        target = f"/containers/{slot.id}?{'force=1&' if isForced else ''}v=1"
        self.note("rm -f" if isForced else "rm", slot)
        try:
            status, answer = self.ask("DELETE", target)
        except Lost:
            self.model.count("(outcome unknown)")
            if not isForced:
                return self.lost(slot, "absent", slot.status)
            status, answer = self.again("DELETE", target)
            self.expect(f"rm -f of {slot}, again", status, answer, 204, 404)
            return self.settle(slot, "absent", seconds=0)
        if slot.status in ALIVE and not isForced:
            return self.expect(f"rm of {slot}", status, answer, 409)
        if slot.policy == "always" and not isForced and status == 409:
            return self.bring_up(slot)
        self.expect(f"rm of {slot}", status, answer, 204)
        status, answer = self.inspect(slot)
        self.expect(f"inspect of {slot}, which was removed", status, answer, 404)
        slot.forget()

    def do_pause(self, slot):
        self.freeze(slot, "pause", "running", "paused")

    def do_unpause(self, slot):
        self.freeze(slot, "unpause", "paused", "running")

    def freeze(self, slot, verb, before, after):
        self.note(verb, slot)
        try:
            status, answer = self.ask("POST", f"/containers/{slot.id}/{verb}")
        except Lost:
            return self.lost(slot, slot.status, *([before, after] if slot.status == before else []))
        if slot.status == before:
            self.expect(f"{verb} {slot}", status, answer, 204)
            slot.status = after
        elif slot.policy == "always":
            return self.bring_up(slot) if slot.status != "paused" else None
        else:
            self.expect(f"{verb} {slot}", status, answer, 409)
