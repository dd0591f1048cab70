"""The daemon's own start, cut in the middle: it finds a container that runs, one whose shim was killed, and one whose start was cut."""

import os
import signal
import time

from containers_host import body, shim_pid
from docker_api import Lost, Silent
from kills_axe import Axe, AxeFromTheStart
from kills_operations import NAME, NETWORK, Running, ask, daemon, operation, state
from private_host import Failed

BACK, HALF = f"{NAME}-back", f"{NAME}-half"


@operation
class Recovery(Running):
    """the daemon's start"""

    def prepare(self):
        super().prepare()
        self.pid = state()["State"]["Pid"]
        settings = {"NetworkMode": NETWORK, "RestartPolicy": {"Name": "always"}}
        back = ask("POST", f"/containers/create?name={BACK}", body(HostConfig=settings), (201,))[1]["Id"]
        ask("POST", f"/containers/{BACK}/start", allowed=(204,))
        ask("POST", f"/containers/create?name={HALF}", body(Volumes={"/scratch": {}}, HostConfig={"NetworkMode": NETWORK}), (201,))
        axe = Axe(200, True, withShim=False)
        try:
            ask("POST", f"/containers/{HALF}/start")
        except Lost:
            pass
        finally:
            killed = axe.end()[1]
        if daemon.process.pid not in [pid for pid, _ in killed]:
            raise Failed("the daemon was not killed in the middle of a start")
        daemon.process.wait(10)
        os.kill(shim_pid(back), signal.SIGKILL)

    def held(self, at, isAll):
        self.axe = AxeFromTheStart(at, isAll)
        return self.axe

    def do(self):
        end = time.monotonic() + 20
        while not self.axe.isOver:
            try:
                if ask("GET", f"/containers/{BACK}/json")[1]["State"]["Status"] == "running":
                    break
            except (Lost, Silent):
                pass
            if time.monotonic() > end:
                raise Silent("not everything is there within 20 s of the daemon's start")
            time.sleep(0.01)
        return 0, None

    def bring_back(self, dead):
        """Whatever it has come to, it is killed, and its successor has its time."""
        pid = int(self.calls[0].split(" ")[1])
        for _ in range(1000):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                break
            time.sleep(0.005)
        daemon.start()

    def check(self, dead):
        found = state()["State"]
        if found["Status"] != "running" or found["Pid"] != self.pid:
            raise Failed(f"what ran with pid {self.pid} all the time is {found}")
        for _ in range(500):
            found = state(BACK)["State"]
            if found["Status"] == "running":
                break
            time.sleep(0.02)
        else:
            raise Failed(f"its policy does not bring it back: {found}")
        if state(HALF)["State"]["Status"] not in ("created", "exited"):
            raise Failed(f"its start was cut, and it is {state(HALF)['State']}")

    def again(self):
        super().again()
        ask("POST", f"/containers/{HALF}/start", allowed=(204,))
