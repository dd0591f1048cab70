"""What containers_kills cuts in the middle: each operation with what must be there before, and what must be so after a kill."""

import os
import signal
import time

from containers_host import DATA, SOCKET, Daemon, body, message
from docker_api import API, frames
from private_host import Failed

NETWORK, VOLUME, NAME = "killed", "killed", "killed"
PORT = "18080"
daemon = Daemon()
operations = []


def ask(method, target, more=None, allowed=None, timeout=30):
    """Status and answer; fails where the status is none of those allowed."""
    api = API(SOCKET, timeout)
    try:
        status, answer = api.ask(method, target, more)
    finally:
        api.close()
    if allowed and status not in allowed:
        raise Failed(f"{method} {target}: {status}, not {' or '.join(map(str, allowed))}: {message(answer)}")
    return status, answer


def state(name=NAME):
    """What the daemon says of that container; nil when there is none."""
    status, answer = ask("GET", f"/containers/{name}/json", allowed=(200, 404))
    return answer if status == 200 else None


class Operation:
    """Something that is asked for. `done` is what was answered, where it was answered with success."""

    def __init__(self):
        self.done, self.id, self.shim = None, None, None
        # What axe has told.
        self.calls = []

    @property
    def last(self):
        """The call that a kill came before."""
        return self.calls[-1] if self.calls else ""

    def prepare(self):
        """What has to be there before."""

    def do(self):
        """Asked for once, while calls are counted."""

    def again(self):
        """Asked for until it is so, whatever the first try has come to."""

    def bring_back(self, dead):
        """The daemon is there, again where it was killed."""
        if daemon.process.pid in dead:
            daemon.process.wait(10)
            begun = time.monotonic()
            daemon.start(20)
            if time.monotonic() - begun > 10:
                raise Failed(f"the daemon has answered after {time.monotonic() - begun:.1f} s only")
        elif daemon.process.poll() is not None:
            raise Failed(f"the daemon ended by itself with {daemon.process.returncode}")

    def check(self, dead):
        """After a kill of the processes with the pids `dead`: what was answered as done is done."""

    def clear(self):
        """What of it is neither container, network nor volume is removed."""

    def ask(self, method, target, more=None, success=(200, 201, 204)):
        status, answer = ask(method, target, more)
        if status in success:
            self.done = answer if answer is not None else True
        return status, answer


def operation(kind):
    operations.append(kind)
    return kind


def create(name=NAME, policy="no"):
    settings = {"NetworkMode": NETWORK, "PortBindings": {"80/tcp": [{"HostPort": PORT}]}, "Binds": [f"{VOLUME}:/data"], "Memory": 32 << 20,
                "RestartPolicy": {"Name": policy}}
    return body(HostConfig=settings, Volumes={"/scratch": {}}, NetworkingConfig={"EndpointsConfig": {NETWORK: {"Aliases": ["other"]}}})


def say():
    """A process runs in the container beside the first, and is heard."""
    status, answer = ask("POST", f"/containers/{NAME}/exec", {"Cmd": ["echo", "hi"], "AttachStdout": True}, (201,))
    api = API(SOCKET, 20)
    status, data = api.raw("POST", f"/exec/{answer['Id']}/start", '{"Detach":false,"Tty":false}')
    api.close()
    return status == 200 and frames(data)[0] == b"hi\n"


def must_say():
    if not say():
        raise Failed("an exec in the container is not heard")


def must_run(dead, shim):
    """It runs, unless its shim was killed."""
    found = state()
    if not found:
        raise Failed("the container is gone, and nobody has removed it")
    if found["State"]["Status"] != "running" and shim not in dead:
        raise Failed(f"its start was answered, its shim was not killed, and it does not run: {found['State']}")


@operation
class Create(Operation):
    """create"""

    def do(self):
        return self.ask("POST", f"/containers/create?name={NAME}", create())

    def check(self, dead):
        if self.done and (not state() or state()["Id"] != self.done["Id"]):
            raise Failed("the create was answered, and the container is not there")

    def again(self):
        if state():
            ask("DELETE", f"/containers/{NAME}?v=1", allowed=(204,))
        ask("POST", f"/containers/create?name={NAME}", create(), (201,))
        ask("POST", f"/containers/{NAME}/start", allowed=(204,))
        must_say()


@operation
class Start(Operation):
    """start"""
    policy = "no"

    def prepare(self):
        self.id = ask("POST", f"/containers/create?name={NAME}", create(policy=self.policy), (201,))[1]["Id"]

    def do(self):
        return self.ask("POST", f"/containers/{NAME}/start")

    def check(self, dead):
        if not state():
            raise Failed("the container, whose create was answered, is gone")
        if self.done:
            # The last call of its first process as a process of ours is the execution of the image's program.
            must_run(dead, next(iter(dead)) if dead and " execve " in self.last else self.shim)

    def again(self):
        ask("POST", f"/containers/{NAME}/start", allowed=(204, 304))
        must_say()


class Running(Start):
    """Of one that runs."""

    def prepare(self):
        super().prepare()
        ask("POST", f"/containers/{NAME}/start", allowed=(204,))


@operation
class Stop(Running):
    """stop"""

    def do(self):
        return self.ask("POST", f"/containers/{NAME}/stop?t=0")

    def check(self, dead):
        if not state():
            raise Failed("the container, whose create was answered, is gone")
        if self.done and state()["State"]["Status"] != "exited":
            raise Failed(f"its stop was answered, and it is {state()['State']}")

    def again(self):
        ask("POST", f"/containers/{NAME}/stop?t=0", allowed=(204, 304))
        if state()["State"]["Status"] != "exited":
            raise Failed(f"stopped again it is {state()['State']}")
        ask("POST", f"/containers/{NAME}/start", allowed=(204,))
        must_say()


@operation
class Remove(Running):
    """rm -f"""

    def do(self):
        return self.ask("DELETE", f"/containers/{NAME}?force=1&v=1")

    def check(self, dead):
        if self.done and state():
            raise Failed("its removal was answered, and it is there")

    def again(self):
        ask("DELETE", f"/containers/{NAME}?force=1&v=1", allowed=(204, 404))
        if state():
            raise Failed("removed again it is still there")


@operation
class Exec(Running):
    """exec"""

    def do(self):
        process = {"Cmd": ["sh", "-c", "echo hi > /scratch/said; echo hi"], "AttachStdout": True}
        status, answer = ask("POST", f"/containers/{NAME}/exec", process)
        if status != 201:
            return status, answer
        api = API(SOCKET, 30)
        status, data = api.raw("POST", f"/exec/{answer['Id']}/start", '{"Detach":false,"Tty":false}')
        api.close()
        return status, data

    def check(self, dead):
        must_run(dead, self.shim)

    def again(self):
        ask("POST", f"/containers/{NAME}/start", allowed=(204, 304))
        must_say()


@operation
class Policy(Running):
    """the restart of a policy"""
    policy = "always"

    def do(self):
        pid = state()["State"]["Pid"]
        os.kill(pid, signal.SIGKILL)
        for _ in range(250):
            found = state()["State"]
            if found["Status"] == "running" and found["Pid"] != pid or found["Status"] == "exited" and found["Error"]:
                break
            time.sleep(0.02)
        return 200, found

    def check(self, dead):
        self.comes_back()

    def comes_back(self):
        for _ in range(500):
            found = state()["State"]
            if found["Status"] == "running":
                return
            # A start that has failed is told, and not tried again: as in Docker.
            if found["Status"] == "exited" and found["Error"]:
                return ask("POST", f"/containers/{NAME}/start", allowed=(204,))
            time.sleep(0.02)
        raise Failed(f"its policy does not bring it back: {found}")

    def again(self):
        for _ in range(20):
            # One that is dying is brought back, too.
            self.comes_back()
            if say():
                return
            time.sleep(0.1)
        raise Failed("an exec in the container is not heard")


@operation
class Rename(Running):
    """rename"""

    def do(self):
        return self.ask("POST", f"/containers/{NAME}/rename?name={NAME}2")

    def check(self, dead):
        found = [name for name in (NAME, f"{NAME}2") if state(name)]
        if len(found) != 1 or self.done and found != [f"{NAME}2"]:
            raise Failed(f"it answers to {found}, the rename was{'' if self.done else ' not'} answered")

    def again(self):
        ask("POST", f"/containers/{self.id}/rename?name={NAME}", allowed=(204,) if state(f"{NAME}2") else (204, 400, 409))
        if not state():
            raise Failed("renamed again it does not answer to its name")


@operation
class Update(Running):
    """update"""

    def do(self):
        return self.ask("POST", f"/containers/{NAME}/update", {"Memory": 48 << 20, "MemorySwap": -1})

    def check(self, dead):
        found = state()["HostConfig"]["Memory"]
        if found not in (32 << 20, 48 << 20) or self.done and found != 48 << 20:
            raise Failed(f"its memory is {found}, the update was{'' if self.done else ' not'} answered")

    def again(self):
        ask("POST", f"/containers/{NAME}/update", {"Memory": 48 << 20, "MemorySwap": -1}, (200,))
        if state()["HostConfig"]["Memory"] != 48 << 20:
            raise Failed("updated again it has the memory of before")


@operation
class Pause(Running):
    """pause and unpause"""

    def do(self):
        status, answer = ask("POST", f"/containers/{NAME}/pause")
        return ask("POST", f"/containers/{NAME}/unpause") if status == 204 else (status, answer)

    def check(self, dead):
        found = state()["State"]
        if found["Status"] not in ("running", "paused") and self.shim not in dead:
            raise Failed(f"it was paused, its shim was not killed, and it does not run: {found}")

    def again(self):
        if state()["State"]["Status"] == "paused":
            ask("POST", f"/containers/{NAME}/unpause", allowed=(204,))
        ask("POST", f"/containers/{NAME}/start", allowed=(204, 304))
        must_say()


@operation
class Connect(Running):
    """network connect and disconnect"""

    def do(self):
        status, answer = ask("POST", "/networks/bridge/connect", {"Container": NAME})
        return ask("POST", "/networks/bridge/disconnect", {"Container": NAME}) if status == 200 else (status, answer)

    def check(self, dead):
        must_run(dead, self.shim)

    def again(self):
        ask("POST", f"/containers/{NAME}/start", allowed=(204, 304))
        ask("POST", "/networks/bridge/connect", {"Container": NAME}, (200, 403))
        ask("POST", "/networks/bridge/disconnect", {"Container": NAME}, (200,))
        must_say()


@operation
class NetworkCreate(Operation):
    """network create"""

    def do(self):
        return self.ask("POST", "/networks/create", {"Name": "made"})

    def check(self, dead):
        if self.done and ask("GET", "/networks/made")[0] != 200:
            raise Failed("the network's create was answered, and it is not there")

    def again(self):
        status = ask("GET", "/networks/made", allowed=(200, 404))[0]
        ask("POST", "/networks/create", {"Name": "made"}, (409,) if status == 200 else (201,))
        ask("POST", f"/containers/create?name={NAME}", body(HostConfig={"NetworkMode": "made"}), (201,))
        ask("POST", f"/containers/{NAME}/start", allowed=(204,))
        must_say()


@operation
class NetworkRemove(Operation):
    """network rm"""

    def prepare(self):
        ask("POST", "/networks/create", {"Name": "made"}, (201,))
        # Somebody was on it: there are a bridge and rules of its.
        ask("POST", f"/containers/create?name={NAME}", body(HostConfig={"NetworkMode": "made"}), (201,))
        ask("POST", f"/containers/{NAME}/start", allowed=(204,))
        ask("DELETE", f"/containers/{NAME}?force=1", allowed=(204,))

    def do(self):
        return self.ask("DELETE", "/networks/made")

    def check(self, dead):
        if self.done and ask("GET", "/networks/made")[0] != 404:
            raise Failed("the network's removal was answered, and it is there")

    def again(self):
        ask("DELETE", "/networks/made", allowed=(204, 404))


@operation
class VolumeCreate(Operation):
    """volume create"""

    def do(self):
        return self.ask("POST", "/volumes/create", {"Name": "made", "Labels": {"a": "b"}})

    def check(self, dead):
        if self.done and ask("GET", "/volumes/made")[0] != 200:
            raise Failed("the volume's create was answered, and it is not there")

    def again(self):
        ask("POST", "/volumes/create", {"Name": "made", "Labels": {"a": "b"}}, (201,))
        if ask("GET", "/volumes/made", allowed=(200,))[1]["Labels"] != {"a": "b"}:
            raise Failed("the volume has not its label")


@operation
class VolumeRemove(Operation):
    """volume rm"""

    def prepare(self):
        ask("POST", "/volumes/create", {"Name": "made"}, (201,))
        for name in ("a", "b"):
            with open(f"{DATA}/volumes/made/_data/{name}", "w", encoding="utf-8") as file:
                file.write("x")

    def do(self):
        return self.ask("DELETE", "/volumes/made")

    def check(self, dead):
        status = ask("GET", "/volumes/made", allowed=(200, 404))[0]
        if self.done and status != 404:
            raise Failed("the volume's removal was answered, and it is there")
        if status == 200 and sorted(os.listdir(f"{DATA}/volumes/made/_data")) != ["a", "b"]:
            raise Failed("the volume is there, and has lost a file")

    def again(self):
        ask("DELETE", "/volumes/made", allowed=(204, 404))
