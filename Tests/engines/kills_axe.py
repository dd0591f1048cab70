"""axe.c held over the daemon and a container's shim for the time of one operation."""

import contextlib
import os
import subprocess

from containers_host import BIN, DATA, LOG, RUN, SOCKET, shim_pid
from kills_operations import daemon, state
from private_host import Failed

AXE, NOTES = "/run/axe", "/run/axe.notes"


class Axe:
    """Holds the daemon and the shim of the container for the time of one operation."""

    def __init__(self, at, isAll, withShim=True):
        found = state() if withShim else None
        shim = shim_pid(found["Id"]) if found else None
        self.daemon = daemon.process.pid
        self.hold(at, isAll, [str(pid) for pid in (self.daemon, shim) if pid])

    def hold(self, at, isAll, what):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(NOTES)
        words = [AXE, "--seconds", "40", "--notes", NOTES, *(["--at", str(at)] if at else []), *(["--all"] if isAll else []), *what]
        with open(LOG, "ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        if self.process.stdout.readline() != b"ready\n":
            raise Failed(f"axe does not hold the daemon: it ended with {self.process.wait(5)}")

    @property
    def isOver(self):
        """It has killed."""
        return self.process.poll() is not None

    def end(self):
        """The calls, and what was killed: pid and program of each."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            code = self.process.wait(45)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failed("axe does not end") from None
        self.process.stdout.close()
        with open(NOTES, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        if code:
            raise Failed(f"axe ended with {code}")
        killed = [(int(words[1]), words[2]) for words in (line.split() for line in lines) if words[0] == "killed"]
        return [line for line in lines if not line.startswith("killed ")], killed


class AxeFromTheStart(Axe):
    """Starts the daemon, and holds it from its first call."""

    def __init__(self, at, isAll):
        self.daemon = None
        self.hold(at, isAll, ["--", f"{BIN}/berth", "daemon", "-H", f"unix://{SOCKET}", "--root", DATA, "--run", RUN])
