"""Random operations on networks, volumes and what all clients share, and a list of everything."""

from containers_host import body
from containers_random_model import ALIVE, SHARED_CONTAINER, SHARED_NETWORK, SHARED_VOLUME
from docker_api import Lost
from private_host import Failed


class Shared:
    """Part of a client."""

    def on_network(self):
        users = [slot for slot in self.slots if self.network in slot.networks]
        try:
            if not self.hasNetwork:
                self.note("network create")
                status, answer = self.ask("POST", "/networks/create", {"Name": self.network})
                self.expect(f"network create {self.network}", status, answer, 201)
                self.hasNetwork = True
            elif any(slot.status in ALIVE for slot in users):
                self.note("network rm, in use")
                status, answer = self.ask("DELETE", f"/networks/{self.network}")
                self.expect(f"network rm {self.network}, which {users[0]} is on", status, answer, 403)
            elif not users:
                self.note("network rm")
                status, answer = self.ask("DELETE", f"/networks/{self.network}")
                self.expect(f"network rm {self.network}", status, answer, 204)
                self.hasNetwork = False
        except Lost:
            self.model.count("(outcome unknown)")
            status, answer = self.again("GET", f"/networks/{self.network}")
            self.expect(f"network inspect {self.network}", status, answer, 200, 404)
            self.hasNetwork = status == 200

    def on_volume(self):
        users = [slot for slot in self.slots if slot.volume == self.volume]
        try:
            if not self.hasVolume:
                self.note("volume create")
                status, answer = self.ask("POST", "/volumes/create", {"Name": self.volume})
                self.expect(f"volume create {self.volume}", status, answer, 201)
                self.hasVolume = True
            else:
                self.note("volume rm, in use" if users else "volume rm")
                status, answer = self.ask("DELETE", f"/volumes/{self.volume}")
                self.expect(f"volume rm {self.volume} (used by {[str(user) for user in users]})", status, answer, 409 if users else 204)
                self.hasVolume = bool(users)
        except Lost:
            self.model.count("(outcome unknown)")
            status, answer = self.again("GET", f"/volumes/{self.volume}")
            self.expect(f"volume inspect {self.volume}", status, answer, 200, 404)
            self.hasVolume = status == 200

    def on_shared(self):
        """Many at the same thing: each answer that some order explains, and never a fault of the daemon's."""
        name = SHARED_CONTAINER
        what = self.random.choice(("create", "create", "start", "stop", "kill", "rm", "exec", "rename", "volume", "volume rm", "network"))
        self.note(f"shared {what}")
        settings = {"NetworkMode": SHARED_NETWORK, "Binds": [f"{SHARED_VOLUME}:/data"]}
        target, allowed = {
            "create": (("POST", f"/containers/create?name={name}", body(HostConfig=settings)), (201, 409)),
            "start": (("POST", f"/containers/{name}/start"), (204, 304, 404, 409)),
            "stop": (("POST", f"/containers/{name}/stop?t=0"), (204, 304, 404, 409)),
            "kill": (("POST", f"/containers/{name}/kill"), (204, 404, 409)),
            "rm": (("DELETE", f"/containers/{name}?force=1"), (204, 404, 409)),
            "exec": (("POST", f"/containers/{name}/exec", {"Cmd": ["true"]}), (201, 404, 409)),
            "rename": (("POST", f"/containers/{name}/rename?name={name}"), (204, 400, 404, 409)),
            "volume": (("POST", "/volumes/create", {"Name": SHARED_VOLUME}), (201,)),
            "volume rm": (("DELETE", f"/volumes/{SHARED_VOLUME}"), (204, 404, 409)),
            "network": (("DELETE", f"/networks/{SHARED_NETWORK}"), (403,)),
        }[what]
        if what == "network" and not any(SHARED_NETWORK in slot.networks and slot.status in ALIVE for slot in self.slots):
            target = ("GET", f"/networks/{SHARED_NETWORK}")
            allowed = (200,)
        try:
            status, answer = self.ask(*target)
        except Lost:
            return self.model.count("(outcome unknown)")
        self.expect(f"{what} of what is shared", status, answer, *allowed)

    def on_list(self):
        self.note("ps -a")
        try:
            status, answer = self.ask("GET", "/containers/json?all=1")
        except Lost:
            return
        self.expect("ps -a", status, answer, 200)
        self.compare(answer)

    def compare(self, listed):
        """Of this client's containers exactly those are there that it knows of, as it knows them."""
        mine = {one["Id"]: one for one in listed if one["Names"][0].startswith(f"/c{self.number}-")}
        for slot in self.slots:
            if slot.status == "absent":
                continue
            one = mine.pop(slot.id, None)
            if one is None:
                raise Failed(f"ps -a does not have {slot}")
            if one["Names"] != [f"/{slot.name}"]:
                raise Failed(f"ps -a calls {slot} {one['Names']}")
            if one["State"] != slot.status and slot.policy != "always":
                raise Failed(f"ps -a says that {slot} is {one['State']}")
        if mine:
            raise Failed(f"ps -a has what nobody made: {mine}")
