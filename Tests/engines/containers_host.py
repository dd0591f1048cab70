"""berth's daemon under a test of accidents: started, killed, and everything on the host that a container may leave."""

import contextlib
import json
import os
import re
import signal
import subprocess
import time

import private_host as host
from docker_api import API, Lost, Silent
from private_host import Failed
from stacks import stacks

BIN = os.path.join(host.REPOSITORY, "build/bin")
RUN = "/run/berth"
SOCKET = f"{RUN}/berth.sock"
DATA = "/run/berth-data"
LOG = "/run/daemon.log"
IMAGE = "berth/busybox"
# The parent of all control groups of this host, known outside too: a frozen process of v1 would keep its namespace from ending.
GROUP = os.environ.setdefault("BERTH_TEST_GROUP", f"/berth-test-{os.getpid()}")


class Daemon:
    """One daemon at a time, with this root and run."""

    def __init__(self, root=DATA, wrapper=()):
        self.root, self.wrapper, self.process = root, list(wrapper), None

    def start(self, seconds=20, wrapper=None):
        """It is up and answers."""
        words = [*(self.wrapper if wrapper is None else wrapper), os.path.join(BIN, "berth"), "daemon", "-H", f"unix://{SOCKET}",
                 "--root", self.root, "--run", RUN]
        with open(LOG, "ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        api, end = API(SOCKET, 5), time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failed(f"the daemon ended with {self.process.returncode} at its start:\n{self.said()}")
            try:
                if api.raw("GET", "/_ping")[0] == 200:
                    return api.close()
            except (Lost, Silent):
                time.sleep(0.01)
        raise Failed(f"the daemon does not answer within {seconds} s; it said\n{self.said()}\nits threads\n{stacks(self.process.pid)}\n"
                     "and there run\n" + "\n".join(processes()))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.kill()

    @staticmethod
    def said(limit=2000):
        with open(LOG, "rb") as file:
            return file.read()[-limit:].decode(errors="replace")

    def load_image(self):
        with open(os.path.join(host.REPOSITORY, "build/images/busybox.tar"), "rb") as file:
            status, text = API(SOCKET).raw("POST", "/images/load", file.read(), "application/x-tar")
        if status != 200 or b"Loaded" not in text:
            raise Failed(f"the image was not loaded: {status} {text!r}")


def processes():
    """What runs here besides this test and the daemon, without the pids."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().rstrip(b"\0").decode(errors="replace").split("\0")
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                state = file.read().rpartition(")")[2].split()[0]
        except OSError:
            continue
        program = os.path.basename(words[0])
        if state == "Z" or not program or "python" in program or program == "strace" or words[1:2] == ["daemon"]:
            continue
        # The responder's command line names its network, a shim's its container: ids stay.
        found.append(" ".join(words)[:300])
    return sorted(found)


def mounts():
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        lines = [line.split() for line in file]
    return sorted(f"{words[4]} ({words[words.index('-') + 1]})" for words in lines)


def hierarchies():
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        lines = [line.split() for line in file]
    return [words[4] for words in lines if words[words.index("-") + 1] in ("cgroup", "cgroup2")]


def cgroups():
    """Everything below our own parent."""
    found = []
    for top in hierarchies():
        for folder, names, _ in os.walk(top + GROUP):
            found += [f"{folder}/{name}" for name in names]
    return sorted(found)


def thaw():
    """Nothing of ours is frozen: only so can it be killed."""
    for top in hierarchies():
        for folder, _, names in os.walk(top + GROUP):
            for name, word in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
                if name in names and folder != top + GROUP:
                    with contextlib.suppress(OSError), open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                        file.write(word)


def remove_own_cgroups():
    """After the test, outside: a failed one leaves groups whose processes have ended with their namespace."""
    for _ in range(50):
        thaw()
        for top in hierarchies():
            for folder, _, _ in os.walk(top + GROUP, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
        if not any(os.path.isdir(top + GROUP) for top in hierarchies()):
            return
        time.sleep(0.1)


# What stays by design: locks, the images, seccomp filters, host-local's cursors and the fingerprint of its index.
KEPT = re.compile(r"/lock$|\.lock$|/last_reserved_ip\.\d+$|/\.berth/\.[^/]+$|^/run/berth/(locks|runtime)|^/run/berth/berth\.(sock|pid)$"
                  r"|/images(/|$)|/oci/seccomp:made(/|$)")


def tree(top):
    """Every file and directory below it."""
    found = []
    for folder, directories, names in os.walk(top):
        found += [f"{folder}/{name}" for name in directories + names]
    return sorted(name for name in found if not KEPT.search(name))


def everything(root=DATA):
    """What a container may leave on this host, by kind."""
    state = {"processes": processes()}
    state.update(host.state())
    found = set(state["files"]) | set(tree(root)) | set(tree(RUN))
    state["files"] = sorted(name for name in found if not KEPT.search(name))
    state["mounts"] = mounts()
    state["cgroups"] = cgroups()
    state["namespaces"] = sorted(os.listdir("/run/netns") if os.path.isdir("/run/netns") else [])
    return state


def left(before, seconds=5, root=DATA):
    """What is not as before, as lines, once what is on its way has had its time."""
    end = time.monotonic() + seconds
    while True:
        lines = host.difference(before, everything(root))
        if not lines or time.monotonic() > end:
            return lines
        time.sleep(0.1)


def shims():
    """The ids of the containers that have a shim's process."""
    ids = []
    for line in processes():
        words = line.split(" ")
        if os.path.basename(words[0]) == "berth-shim" and "--id" in words:
            ids.append(words[words.index("--id") + 1])
    return sorted(ids)


def shim_pid(container):
    """The pid of a container's shim; nil where none is written down."""
    try:
        with open(f"{RUN}/containers/{container}/shim.pid", encoding="utf-8") as file:
            pid = int(file.read())
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return pid if b"berth-shim" in file.read().split(b"\0")[0] else None
    except (OSError, ValueError):
        return None


def body(*words, **more):
    """A create body; what is no key of HostConfig's is the configuration's."""
    configuration = {"Image": IMAGE, "Cmd": list(words or ("sleep", "600")), "HostConfig": {"CgroupParent": GROUP}}
    configuration["HostConfig"].update(more.pop("HostConfig", {}))
    configuration.update(more)
    return configuration


def message(answer):
    return answer.get("message", json.dumps(answer)) if isinstance(answer, dict) else str(answer)
