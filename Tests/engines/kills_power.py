"""A loss of power, as far as one kernel can play it: every process of this host is gone, and all that lives in memory."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
import uuid

from containers_host import DATA, GROUP, RUN, hierarchies, thaw
from private_host import Failed, run

BOOT = "/proc/sys/kernel/random/boot_id"


def begin_boot():
    """It is another boot, for who asks for its id."""
    with open("/run/boot_id", "w", encoding="utf-8") as file:
        file.write(f"{uuid.uuid4()}\n")
    if not isFake():
        run("mount", "--bind", "/run/boot_id", BOOT)


def isFake():
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return any(line.split()[4] == BOOT for line in file)


def others():
    """Everything that runs on this host but the test."""
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and int(pid) not in (1, os.getpid())]


def lose_power():
    """The host is as after its next boot: ROOT is as it was, RUN is empty, no mount, link, rule or group is left. Gives the pids that ran."""
    gone = set()
    for _ in range(400):
        found = others()
        if not found:
            break
        # One that is frozen does not die.
        thaw()
        for pid in found:
            gone.add(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
    else:
        raise Failed(f"these processes do not die: {others()}")
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        places = [line.split()[4] for line in file]
    for place in reversed(places):
        if place.startswith((f"{RUN}/", f"{DATA}/")):
            subprocess.run(["umount", "-l", place], check=False)
    for name in os.listdir(RUN):
        path = f"{RUN}/{name}"
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    for top in hierarchies():
        for folder, _, _ in os.walk(top + GROUP, topdown=False):
            for _ in range(100):
                with contextlib.suppress(FileNotFoundError):
                    try:
                        os.rmdir(folder)
                    except OSError:
                        time.sleep(0.01)
                        continue
                break
    for name in os.listdir("/sys/class/net"):
        if name not in ("lo", "wan0") and os.path.isdir(f"/sys/class/net/{name}"):
            subprocess.run(["ip", "link", "delete", name], check=False, stderr=subprocess.DEVNULL)
    run("nft", "flush", "ruleset")
    begin_boot()
    return gone
