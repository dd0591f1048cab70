"""A client of the random operations on containers: its thread, how it asks, and how it finds out what is so after the daemon went away."""

import collections
import os
import random
import threading
import time
import traceback

from containers_host import SOCKET, message
from containers_random_model import ALIVE, ROUNDS, SLOTS, Slot
from docker_api import API, Lost, frames
from private_host import Failed


class Client(threading.Thread):
    def __init__(self, number, model):
        super().__init__(daemon=True, name=f"client {number}")
        self.number, self.model = number, model
        self.random = random.Random(f"{model.options.seed} {number}")
        self.api = API(SOCKET, 60)
        self.slots = [Slot(number, index) for index in range(SLOTS)]
        self.network, self.hasNetwork = f"n{number}", False
        self.volume, self.hasVolume = f"v{number}", False
        self.left = model.options.operations // model.options.clients
        self.rest, self.go = threading.Event(), threading.Event()
        self.history = collections.deque(maxlen=12)

    # ---- the thread

    def run(self):
        try:
            share = -(-self.left // ROUNDS)
            for _ in range(ROUNDS):
                for _ in range(min(share, self.left)):
                    if self.model.failures or time.monotonic() > self.model.deadline:
                        break
                    self.step()
                    self.left -= 1
                self.rest.set()
                self.go.wait(300)
                self.go.clear()
                if self.model.failures:
                    break
        except Failed as error:
            self.model.fail(f"client {self.number}: {error}\n  before it: " + "; ".join(self.history))
        except Exception:  # told with the rest, not lost with the thread
            self.model.fail(f"client {self.number}: {traceback.format_exc()}\n  before it: " + "; ".join(self.history))
        finally:
            self.rest.set()

    def note(self, what, slot=None):
        self.model.count(what)
        self.history.append(f"{what} {slot or ''}".strip())

    def ask(self, method, target, body=None):
        status, answer = self.api.ask(method, target, body)
        self.history.append(f"{method} {target} {status}")
        return status, answer

    def expect(self, what, status, answer, *allowed):
        if status not in allowed:
            raise Failed(f"{what}: {status}, not {' or '.join(map(str, allowed))}: {message(answer)}")

    def again(self, method, target, body=None, tries=200):
        """The answer of a daemon that may be away for a while: for what changes nothing when it is done twice."""
        for _ in range(tries):
            try:
                return self.ask(method, target, body)
            except Lost:
                self.model.count("(outcome unknown)")
                time.sleep(0.05)
        raise Failed(f"{method} {target}: the daemon does not come back")

    # ---- what is so

    def inspect(self, slot):
        return self.again("GET", f"/containers/{slot.id or slot.name}/json")

    def settle(self, slot, *allowed, seconds=25):
        """The slot has one of these states, now or soon; gives what inspect says."""
        end = time.monotonic() + seconds
        while True:
            status, answer = self.inspect(slot)
            found = "absent" if status == 404 else answer["State"]["Status"] if status == 200 else f"answer {status}"
            if found in allowed:
                slot.status = found
                if found == "absent":
                    slot.forget()
                return answer
            if time.monotonic() > end:
                raise Failed(f"{slot} is {found}, not {' or '.join(allowed)}: "
                             f"{answer.get('State') if isinstance(answer, dict) and status == 200 else message(answer)}")
            time.sleep(0.05)

    def make_sure(self, slot):
        """What was unknown is known: a definite operation is repeated until it is answered."""
        if slot.policy != "no" and slot.status != "absent":
            # A policy may bring it back at any moment: it is made to run.
            return self.bring_up(slot)
        answer = self.settle(slot, "absent", "created", "running", "paused", "exited")
        if slot.status == "running" and slot.kind != "brief":
            self.say(slot)
        elif slot.status == "exited":
            slot.codes = {answer["State"]["ExitCode"]}

    def bring_up(self, slot):
        """It runs, whatever a policy has made of it meanwhile: a restart is definite, a start may meet one that is dying."""
        for _ in range(100):
            status, answer = self.again("POST", f"/containers/{slot.id}/restart?t=0")
            if status == 404:
                return self.settle(slot, "absent")
            if status == 204:
                break
            time.sleep(0.05)
        else:
            raise Failed(f"{slot} cannot be started any more: {status} {message(answer)}")
        slot.starts, slot.ports = None, set(slot.firstPorts)
        self.settle(slot, "running")

    def lost(self, slot, *possible):
        """The daemon went in the middle of an operation."""
        self.model.count("(outcome unknown)")
        slot.starts = None
        if slot.policy == "no":
            # Its end may be on its way: settle waits for no more than one of these.
            self.settle(slot, *possible)
        self.make_sure(slot)

    def say(self, slot):
        """A process runs in it beside the first, and is heard."""
        try:
            status, answer = self.ask("POST", f"/containers/{slot.id}/exec", {"Cmd": ["echo", "hi"], "AttachStdout": True})
            self.expect(f"exec in {slot}", status, answer, 201)
            status, data = self.api.raw("POST", f"/exec/{answer['Id']}/start", '{"Detach":false,"Tty":false}')
            self.history.append(f"exec start {status} {data!r}")
            if status != 200 or frames(data)[0] != b"hi\n":
                # A stream that the daemon's end has cut looks like one that ended.
                if not self.is_daemons_end():
                    raise Failed(f"exec in {slot}: {status} {data!r}")
                return
            status, found = self.ask("GET", f"/exec/{answer['Id']}/json")
            if not (status == 404 and self.is_daemons_end()):
                self.expect(f"exec in {slot}", status, found, 200)
                if found["ExitCode"] != 0:
                    raise Failed(f"exec in {slot} ended with {found['ExitCode']}")
        except Lost:
            self.model.count("(outcome unknown)")

    def is_daemons_end(self):
        """Whether the daemon went just now: it is another one than when this client last asked."""
        before, self.seen = getattr(self, "seen", 0), self.model.chaos.kills
        return before != self.model.chaos.kills or self.model.chaos.isKilling

    def check(self, slot, answer):
        """Everything that inspect says is the model's."""
        wrong = []
        if answer["Name"] != f"/{slot.name}":
            wrong.append(f"name {answer['Name']}")
        if answer["Id"] != slot.id:
            wrong.append(f"id {answer['Id']}")
        if answer["HostConfig"]["Memory"] != slot.memory:
            wrong.append(f"memory {answer['HostConfig']['Memory']}, not {slot.memory}")
        if answer["HostConfig"]["RestartPolicy"]["Name"] != slot.policy:
            wrong.append(f"policy {answer['HostConfig']['RestartPolicy']}")
        if slot.status == "exited" and slot.codes and answer["State"]["ExitCode"] not in slot.codes:
            wrong.append(f"exit code {answer['State']['ExitCode']}, not of {slot.codes}")
        if slot.status in ALIVE:
            found = set(answer["NetworkSettings"]["Networks"])
            if slot.mode != "none" and found != slot.networks:
                wrong.append(f"networks {sorted(found)}, not {sorted(slot.networks)}")
            ports = {int(one["HostPort"]) for list in (answer["NetworkSettings"]["Ports"] or {}).values() for one in list or []}
            if ports != slot.ports:
                wrong.append(f"ports {sorted(ports)}, not {sorted(slot.ports)}")
            if not os.path.exists(f"/proc/{answer['State']['Pid']}"):
                wrong.append(f"pid {answer['State']['Pid']}, which is nobody's")
        elif answer["State"]["Pid"] != 0:
            wrong.append(f"pid {answer['State']['Pid']} of what does not run")
        if wrong:
            raise Failed(f"inspect of {slot} says " + "; ".join(wrong))
