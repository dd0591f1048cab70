"""What is killed among the random operations on containers: shims by the clients, the daemon by a thread of its own."""

import os
import random
import signal
import threading
import time

from containers_host import shim_pid
from containers_random_model import ALIVE
from docker_api import Lost
from private_host import Failed


class Kills:
    """Part of a client."""

    def do_kill_shim(self, slot):
        """The container goes with its shim, in rest or in the middle of an operation."""
        pid = shim_pid(slot.id)
        if slot.status not in ALIVE or pid is None:
            return self.do_look(slot)
        self.note("kill -9 of a shim", slot)
        before = self.inspect(slot)[1]["State"]["Pid"]
        os.kill(pid, signal.SIGKILL)
        if slot.policy == "no":
            self.settle(slot, "exited")
            slot.codes = {137}
            return
        self.come_back(slot, before)

    def come_back(self, slot, before):
        """The policy has started it again: its first process is another than before."""
        for _ in range(400):
            answer = self.inspect(slot)[1]
            if answer["State"]["Status"] == "running" and answer["State"]["Pid"] != before:
                slot.status, slot.ports, slot.starts = "running", set(slot.firstPorts), None
                return
            time.sleep(0.05)
        raise Failed(f"{slot} does not come back: {answer['State']}")

    def do_kill_shim_amid(self, slot):
        """A shim that is killed while the client asks for something: every answer is allowed, what comes after is not."""
        self.note("kill -9 of a shim in an operation", slot)
        begun, delay = time.monotonic(), self.random.random() * 0.25

        def later():
            while time.monotonic() < begun + delay:
                time.sleep(0.005)
            for _ in range(100):
                pid = shim_pid(slot.id)
                if pid:
                    return os.kill(pid, signal.SIGKILL)
                time.sleep(0.003)

        killer = threading.Thread(target=later, daemon=True)
        killer.start()
        verb = self.random.choice(("start", "stop?t=0", "restart?t=0", "kill", "pause", "unpause"))
        try:
            self.ask("POST", f"/containers/{slot.id}/{verb}")
        except Lost:
            self.model.count("(outcome unknown)")
        killer.join()
        slot.starts = slot.codes = None
        for _ in range(100):
            status, answer = self.again("POST", f"/containers/{slot.id}/stop?t=0")
            if status in (204, 304):
                break
            time.sleep(0.05)
        self.expect(f"stop {slot}, whose shim was killed", status, answer, 204, 304)
        if slot.policy == "always":
            return self.bring_up(slot)
        self.settle(slot, "exited", "created")


class Chaos(threading.Thread):
    """The daemon is killed and started again, while the clients work."""

    def __init__(self, daemon, model):
        super().__init__(daemon=True)
        self.daemon_, self.model, self.kills, self.isKilling = daemon, model, 0, False
        self.random = random.Random(f"{model.options.seed} chaos")
        self.works, self.isOver = threading.Lock(), False
        self.longest = 0.0  # seconds until a daemon that was started again answered

    def run(self):
        while not self.isOver:
            time.sleep(self.random.uniform(0.5, 4))
            with self.works:
                try:
                    if self.model.isCalm.is_set() or self.model.failures:
                        continue
                    if self.daemon_.process.poll() is not None:
                        self.model.fail(f"the daemon ended by itself with {self.daemon_.process.returncode}:\n{self.daemon_.said()}")
                        return
                    self.isKilling = True
                    self.model.count("(kill -9 of the daemon)")
                    self.daemon_.kill()
                    self.kills += 1
                    time.sleep(self.random.choice((0, 0, 0.1, 0.5)))
                    begun = time.monotonic()
                    self.daemon_.start()
                    self.longest = max(self.longest, time.monotonic() - begun)
                    self.isKilling = False
                except Failed as error:
                    self.model.fail(f"kill -9 of the daemon: {error}")
                    return
