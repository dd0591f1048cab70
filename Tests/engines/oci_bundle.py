"""Bundles with a busybox root, the runtime under test, and what it may leave: nothing."""

import copy
import json
import os
import pty
import shutil
import socket
import subprocess
import time

import control_groups
import private_host as host
from private_host import Failed

TOP = "/run/oci-test"
ROOT = f"{TOP}/state"
UNIFIED = "/run/oci-unified"
PATH = "PATH=/bin:/sbin"
APPLETS = "sh true false ls cat echo id mount umount ps sleep hostname stat grep tty kill mkdir touch env pwd readlink ulimit dd sed head wc chmod ping ip setsid stty test"
runtime = None
cgroup = None
ids = set()
# Processes that a runtime left to this one, which is the first of its pid namespace: nobody else reaps them.
orphans = set()


def begin(program):
    global runtime, cgroup
    # By the namespace: in each, this process is number 1.
    runtime, cgroup = program, f"/berth-oci-test-{os.stat('/proc/self/ns/pid').st_ino}"
    os.makedirs(ROOT)
    host.run("mount", "--make-rprivate", "/")
    # The private host hides version 2 from crun; the groups that a runtime makes there are to be seen and removed all the same.
    os.makedirs(UNIFIED)
    host.run("mount", "-t", "cgroup2", "cgroup2", UNIFIED)


def hierarchies():
    return {*control_groups.hierarchies(), UNIFIED}


def end():
    clean_up()
    for hierarchy in hierarchies():
        control_groups.remove_tree(f"{hierarchy}{cgroup}")


def call(*arguments, code=0, timeout=20, **options):
    """Calls the runtime; returns standard output and error, and holds the exit code to what is expected."""
    process = subprocess.Popen([runtime, "--root", ROOT, *arguments], stdin=options.pop("stdin", subprocess.DEVNULL),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise Failed(f"{' '.join(arguments)} did not end within {timeout} s\n{out}{err}") from None
    if code is not None and process.returncode != code:
        raise Failed(f"{' '.join(arguments)} ended with {process.returncode}, not {code}\n{out}{err}")
    return out, err


def quietly(*arguments, code=0, **options):
    """As call, for a command whose child keeps the streams."""
    with open(f"{TOP}/out", "w+") as out:
        process = subprocess.run([runtime, "--root", ROOT, *arguments], stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=subprocess.STDOUT, timeout=20, **options)
    text = output()
    if process.returncode != code:
        raise Failed(f"{' '.join(arguments)} ended with {process.returncode}, not {code}\n{text}")
    return text


def output():
    with open(f"{TOP}/out") as file:
        return file.read()


CAPABILITIES = ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_NET_BIND_SERVICE"]


def mount(destination, kind, source, *options):
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}


DEFAULT = {
    "ociVersion": "1.0.2",
    "process": {
        "user": {"uid": 0, "gid": 0}, "args": ["true"], "env": [PATH], "cwd": "/", "noNewPrivileges": True,
        "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")},
    },
    "root": {"path": "rootfs"},
    "hostname": "inside",
    "mounts": [
        mount("/proc", "proc", "proc"),
        mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
        mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
    ],
    "linux": {
        "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
        "maskedPaths": ["/proc/keys", "/sys/firmware"],
        "readonlyPaths": ["/proc/sys", "/proc/irq"],
    },
}


class Bundle:
    """A directory with config.json and rootfs; `spec` is what the file will hold."""

    def __init__(self, name, *arguments):
        self.id = name
        ids.add(name)
        self.path = f"{TOP}/{name}"
        self.root = f"{self.path}/rootfs"
        for folder in ("bin", "proc", "sys", "dev", "etc", "tmp"):
            os.makedirs(f"{self.root}/{folder}")
        shutil.copy("/bin/busybox", f"{self.root}/bin/busybox")
        for applet in APPLETS.split():
            os.symlink("busybox", f"{self.root}/bin/{applet}")
        self.spec = copy.deepcopy(DEFAULT)
        self.spec["linux"]["cgroupsPath"] = f"{cgroup}/{name}"
        if arguments:
            self.process["args"] = list(arguments)

    @property
    def process(self):
        return self.spec["process"]

    @property
    def linux(self):
        return self.spec["linux"]

    def write(self):
        with open(f"{self.path}/config.json", "w") as file:
            json.dump(self.spec, file)
        return self

    def run(self, *flags, code=0, **options):
        """Runs it to its end; what it wrote."""
        self.write()
        out, err = call("run", "--bundle", self.path, *flags, self.id, code=code, **options)
        return out + err if code else out

    def shell(self, script, **options):
        self.process["args"] = ["sh", "-c", script]
        return self.run(**options)

    def create(self, *flags):
        self.write()
        quietly("create", "--bundle", self.path, "--pid-file", f"{self.path}/pid", *flags, self.id)
        with open(f"{self.path}/pid") as file:
            self.pid = int(file.read())
        return self

    def start(self, code=0):
        return call("start", self.id, code=code)

    def state(self):
        return json.loads(call("state", self.id)[0])

    def wait_status(self, wanted):
        for _ in range(200):
            reap()
            process = subprocess.run([runtime, "--root", ROOT, "state", self.id], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            if process.returncode == 0 and json.loads(process.stdout)["status"] == wanted:
                return
            time.sleep(0.02)
        raise Failed(f"{self.id} is {self.state()['status']}, not {wanted}")


def reap():
    for pid in list(orphans):
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                orphans.discard(pid)
        except ChildProcessError:
            orphans.discard(pid)


class Console:
    """Listens for a terminal and reads it."""

    def __init__(self):
        self.path = f"{TOP}/console.sock"
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(1)
        self.socket.settimeout(10)

    def take(self):
        connection, _ = self.socket.accept()
        _, descriptors, _, _ = socket.recv_fds(connection, 4096, 1)
        self.socket.close()
        return descriptors[0]


def read_terminal(descriptor, until=None, seconds=10):
    """What comes from a terminal, up to its end or a word."""
    import select
    text, deadline = b"", time.monotonic() + seconds
    while time.monotonic() < deadline and not (until and until.encode() in text):
        if not select.select([descriptor], [], [], 0.2)[0]:
            continue
        try:
            part = os.read(descriptor, 4096)
        except OSError:
            break
        if not part:
            break
        text += part
    return text.decode()


def clean_up():
    for name in list(ids):
        subprocess.run([runtime, "--root", ROOT, "delete", "--force", name], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20)
        shutil.rmtree(f"{TOP}/{name}", ignore_errors=True)
    ids.clear()


def leftovers():
    """Containers, groups, mounts and processes that should be gone."""
    lines = [f"container {name}" for name in os.listdir(ROOT) if name != "seccomp:made"]
    for hierarchy in hierarchies():
        top = f"{hierarchy}{cgroup}"
        lines += [f"cgroup {top}/{name}" for name in os.listdir(top)
                  if os.path.isdir(f"{top}/{name}")] if os.path.isdir(top) else []
    with open("/proc/self/mountinfo") as file:
        lines += [f"mount {line.split()[4]}" for line in file if f"{TOP}/" in line.split()[4] and "/engine" not in line.split()[4]]
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline and busyboxes():
        time.sleep(0.02)
    return lines + busyboxes()


def busyboxes():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            program = os.readlink(f"/proc/{pid}/exe")
        except OSError:
            continue
        if "busybox" in program and "oci" in os.readlink(f"/proc/{pid}/root") + program:
            found.append(f"process {pid} {program}")
    return found
