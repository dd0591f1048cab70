"""berth's daemon in a private host, and the clients that drive it: our own command and the stock docker CLI."""

import json
import os
import signal
import subprocess
import time

import private_host as host
import suite
from private_host import Failed, eventually, run

BIN = os.path.join(host.REPOSITORY, "build/bin")
SOCKET = "/run/berth/berth.sock"
DATA = "/run/berth-data"
IMAGE = "berth/busybox"
GROUP = f"/berth-test-{os.getpid()}"
clients = {"berth": [os.path.join(BIN, "berth"), "-H", f"unix://{SOCKET}"], "docker": ["docker", "-H", f"unix://{SOCKET}"]}
client = "berth"
daemon = None
# What the daemon is started with besides its places, and the networks that are no case's to remove.
arguments = []
kept = set()


def start_daemon():
    """The daemon is up: what it says goes to /run/daemon.log."""
    global daemon
    with open("/run/daemon.log", "ab") as log:
        daemon = subprocess.Popen([os.path.join(BIN, "berth"), "daemon", "-H", f"unix://{SOCKET}", "--root", DATA, "--run", "/run/berth",
                                   *arguments],
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    for _ in range(200):
        if daemon.poll() is not None:
            break
        if subprocess.run([*clients["docker"], "version"], capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.05)
    with open("/run/daemon.log", encoding="utf-8", errors="replace") as log:
        raise Failed(f"the daemon did not come up ({daemon.poll()}):\n{log.read()[-2000:]}")


def kill_daemon():
    """It ends as by a crash."""
    daemon.send_signal(signal.SIGKILL)
    daemon.wait()


def cli(*words, timeout=60, check=True, code=None):
    """What the client prints on standard output; `code`: the exit code that it has to have."""
    process = subprocess.Popen([*clients[client], *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, errors="replace", start_new_session=True)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise Failed(f"{client} {' '.join(words)}\n  did not end within {timeout} s\n{host.indented(out + err)}") from None
    if code is not None and process.returncode != code or code is None and check and process.returncode != 0:
        raise Failed(f"{client} {' '.join(words)}\n  exit code {process.returncode}{f', not {code}' if code is not None else ''}\n"
                     f"{host.indented(out + err)}")
    return out.strip() if process.returncode == 0 or not err.strip() else (out + err).strip()


def container(name, *words, options=(), image=IMAGE):
    """A container in the background: `name` runs `words`."""
    cli("run", "-d", "--name", name, *options, image, *(words or ("sleep", "600")))
    return Container(name)


def api(method, path, body=None):
    """Status and JSON of a request to the daemon."""
    words = ["curl", "-s", "-m", "20", "-w", "\n%{http_code}", "-X", method, "--unix-socket", SOCKET]
    if body is not None:
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    text, _, status = run(*words, f"http://berth{path}", timeout=30).rpartition("\n")
    return int(status), json.loads(text) if text.strip() else None


class Container:
    def __init__(self, name):
        self.name = name
        for network in self.inspect()["NetworkSettings"]["Networks"].values():
            suite.known_names.update(filter(None, (network.get("IPAddress"),)))

    def inspect(self):
        return json.loads(cli("inspect", self.name))[0]

    def command(self, *words, timeout=20):
        return cli("exec", self.name, *words, timeout=timeout)

    @property
    def pid(self):
        return self.inspect()["State"]["Pid"]

    @property
    def address(self):
        return next(iter(self.inspect()["NetworkSettings"]["Networks"].values()))["IPAddress"]


def remove_everything():
    """No container, network or volume of a case is there any more; the daemon runs."""
    if daemon is None or daemon.poll() is not None:
        start_daemon()
    ids = run(*clients["docker"], "ps", "-aq").split()
    if ids:
        run(*clients["docker"], "rm", "-f", "-v", *ids)
    for kind, keep in (("network", {"bridge", "host", "none"}), ("volume", set())):
        names = set(run(*clients["docker"], kind, "ls", "--format", "{{.Name}}").split()) - keep - kept
        if names:
            run(*clients["docker"], kind, "rm", *sorted(names))


def left_over():
    """Processes, mounts, namespaces and records that no container has any more."""
    lines = []
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        lines = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    program = os.path.basename(file.read().split(b"\0")[0].decode(errors="replace"))
                if program in ("berth-shim", "berth-oci", "berth-names"):
                    lines.append(f"process {pid} {program}")
            except OSError:
                continue
        with open("/proc/self/mounts", encoding="utf-8") as file:
            lines += [f"mount {line.split()[1]}" for line in file
                      if line.split()[1].startswith((DATA + "/containers", "/run/berth/netns/", "/run/berth/userns/"))]
        for folder in ("/run/berth/netns", "/run/berth/userns", "/run/berth/containers", "/run/berth/oci", "/run/berth/attachments", DATA + "/containers"):
            if os.path.isdir(folder):
                lines += [f"{folder}/{name}" for name in os.listdir(folder) if name not in ("lock", ".lock", "seccomp:made")]
        lines += [f"link {name}" for name in host.links() if name.startswith("veth")]
        for top in ("/sys/fs/cgroup/memory/berth", "/sys/fs/cgroup/pids/berth"):
            if os.path.isdir(top):
                lines += [f"cgroup {name}" for name in os.listdir(top) if os.path.isdir(f"{top}/{name}") and name in known_ids]
        if not lines:
            return []
        time.sleep(0.1)
    return lines


known_ids = set()
