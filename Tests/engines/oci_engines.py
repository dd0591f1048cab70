"""podman and containerd with this runtime under them."""

import json
import os
import subprocess
import tarfile
import time

import control_groups
import image
import oci_bundle as oci
import podman_engine
import private_host as host
from oci_bundle import TOP, read_terminal
from private_host import Failed, run
from reach import expect, write
from suite import case

ENGINE = "/run/engine"
SOCKET = f"{ENGINE}/containerd.sock"
is_set_up = set()


def layer():
    """The image's only layer: busybox under the names of its applets."""
    path = f"{ENGINE}/layer.tar"
    if not os.path.exists(path):
        os.makedirs(ENGINE, exist_ok=True)
        with tarfile.open(path, "w") as archive:
            archive.add("/bin/busybox", "bin/busybox")
            for name in oci.APPLETS.split():
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                archive.addfile(link)
            for name in ("etc", "tmp", "proc", "sys", "dev"):
                folder = tarfile.TarInfo(name)
                folder.type, folder.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(folder)
    return path


def podman(*arguments, code=0, **options):
    """podman's answer; with our runtime, and control groups of this test's own."""
    if "podman" not in is_set_up:
        is_set_up.add("podman")
        podman_engine.configure("/usr/lib/cni", None)
        with open(f"{ENGINE}/etc/containers.conf") as file:
            text = file.read().replace('cgroups = "disabled"', 'cgroups = "enabled"\nenv = ["PATH=/bin:/sbin"]')
        write(f"{ENGINE}/etc/containers.conf", text)
        run("podman", "import", layer(), "localhost/box")
    flags = ["--runtime", oci.runtime, "--cgroup-manager", "cgroupfs"]
    process = subprocess.run(["podman", *flags, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, timeout=60, **options)
    if code is not None and process.returncode != code:
        raise Failed(f"podman {' '.join(arguments)} ended with {process.returncode}, not {code}\n{process.stdout}{process.stderr}")
    return process.stdout + (process.stderr if code else "")


def own(*flags):
    return ("--network", "none", "--cgroup-parent", f"{oci.cgroup}/podman", *flags)


def remove_all():
    """Every container, and the group that podman was told to put them in, which is to hold none of theirs."""
    podman("rm", "-f", "-a", "-t", "0", code=None)
    for hierarchy in oci.hierarchies():
        parent = f"{hierarchy}{oci.cgroup}/podman"
        if os.path.isdir(parent):
            left = [name for name in os.listdir(parent) if name.startswith("libpod-") and "conmon" not in name]
            expect(not left, f"{parent} has {left}")
            deadline = time.monotonic() + 3
            while os.path.isdir(parent) and time.monotonic() < deadline:  # podman's own conmon is on its way out
                control_groups.remove_tree(parent)
                time.sleep(0.02)


@case("podman runs, executes, stops and removes containers, and has their codes")
def podman_life():
    try:
        expect(podman("run", "--rm", *own(), "localhost/box", "echo", "hi") == "hi\n", "run does not echo")
        for code, words in ((7, ("sh", "-c", "exit 7")), (127, ("nosuch",)), (126, ("/etc",))):
            podman("run", "--rm", *own(), "localhost/box", *words, code=code)
        podman("run", "-d", "--name", "box", *own("--memory", "64m", "--pids-limit", "50", "--hostname", "named"),
               "-v", f"{TOP}:/host:ro", "--tmpfs", "/scratch", "localhost/box", "sleep", "1000")
        out = podman("exec", "box", "sh", "-c", "hostname; ls -d /host/state; id -u; touch /scratch/x && echo scratch; touch /host/x || echo ro")
        expect(out.split("\n")[:5] == ["named", "/host/state", "0", "scratch", "ro"], out)
        podman("exec", "box", "sh", "-c", "exit 5", code=5)
        podman("exec", "box", "nosuch", code=127)
        podman("exec", "-d", "box", "sleep", "500")
        expect("sleep 500" in podman("top", "box", "args"), "top does not show the detached process")
        facts = json.loads(podman("inspect", "box"))[0]
        with open(f"/proc/{facts['State']['Pid']}/cgroup") as file:
            expect(f"{oci.cgroup}/podman/libpod-{facts['Id']}" in file.read(), "it is in another control group")
        podman("pause", "box")
        expect("paused" in podman("ps", "-a", "--format", "{{.State}}").lower(), "not paused")
        podman("unpause", "box")
        podman("update", "--memory", "128m", "box", code=None)
        podman("restart", "-t", "1", "box")
        podman("exec", "box", "true")
        podman("stop", "-t", "1", "box")
        expect(json.loads(podman("inspect", "box"))[0]["State"]["ExitCode"] == 137, "a killed container's code is not 137")
        podman("start", "box")
        podman("rm", "-f", "-t", "0", "box")
        podman("run", "--rm", *own("--privileged"), "localhost/box", "mount", "-t", "tmpfs", "t", "/tmp")
        podman("run", "--rm", *own(), "localhost/box", "mount", "-t", "tmpfs", "t", "/tmp", code=1)
        podman("run", "--rm", *own("--user", "1000:1000", "--read-only"), "localhost/box", "sh", "-c", "test $(id -u) = 1000 && ! touch /x")
    finally:
        remove_all()


@case("podman run -t and exec -t give a terminal")
def podman_terminal():
    try:
        podman("run", "-d", "--name", "box", *own(), "localhost/box", "sleep", "1000")
        for words in (("run", "--rm", "-it", *own(), "localhost/box"), ("exec", "-it", "box")):
            pid, descriptor = oci.pty.fork()
            if pid == 0:
                os.execvp("podman", ["podman", "--runtime", oci.runtime, "--cgroup-manager", "cgroupfs", *words, "sh", "-c",
                                     "tty; read line; echo got $line; exit 6"])
            text = read_terminal(descriptor, until="/dev/pts", seconds=20)
            os.write(descriptor, b"hello\n")
            text += read_terminal(descriptor, seconds=20)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            os.close(descriptor)
            expect("got hello" in text and code == 6, f"{words[0]}: {code}: {text!r}")
    finally:
        remove_all()


class Containerd:
    """The daemon, for one case."""

    def __enter__(self):
        for folder in (f"{ENGINE}/logs", f"{ENGINE}/tmp"):
            os.makedirs(folder, exist_ok=True)
        write(f"{ENGINE}/oci-containerd.toml", f"""
version = 2
root = "{ENGINE}/containerd-root"
state = "{ENGINE}/containerd-state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{ENGINE}/opt"
""")
        self.log = open(f"{ENGINE}/oci-containerd.log", "w")
        self.process = subprocess.Popen(["containerd", "--config", f"{ENGINE}/oci-containerd.toml"], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, start_new_session=True)
        deadline = time.monotonic() + 20
        while self.ctr("version", code=None)[0] != 0:
            if time.monotonic() > deadline:
                raise Failed("containerd does not answer")
            time.sleep(0.1)
        image.docker_archive(layer(), f"{ENGINE}/image.tar", "/bin/sh")
        self.ctr("images", "import", f"{ENGINE}/image.tar")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()

    def ctr(self, *arguments, code=0):
        process = subprocess.run(["ctr", "--address", SOCKET, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, timeout=40)
        if code is not None and process.returncode != code:
            raise Failed(f"ctr {' '.join(arguments)} ended with {process.returncode}, not {code}\n{process.stdout}")
        return process.returncode, process.stdout

    def run(self, name, *words, flags=(), code=0):
        return self.ctr("run", "--runc-binary", oci.runtime, "--cgroup", f"{oci.cgroup}/{name}", *flags, image.REFERENCE, name,
                        *words, code=code)[1]


@case("containerd runs, executes, kills and removes containers by its shim")
def containerd_life():
    with Containerd() as engine:
        expect(engine.run("one", "echo", "hi", flags=("--rm",)) == "hi\n", "run does not echo")
        engine.run("seven", "sh", "-c", "exit 7", flags=("--rm",), code=7)
        text = engine.run("none", "nosuch", flags=("--rm",), code=1)
        expect("executable file not found in $PATH" in text, text)
        engine.ctr("container", "rm", "none", code=None)
        engine.run("long", "sleep", "1000", flags=("-d",))
        expect("RUNNING" in engine.ctr("task", "ls")[1], "the task does not run")
        out = engine.ctr("task", "exec", "--exec-id", "e1", "long", "sh", "-c", "echo inside; hostname")[1]
        expect(out.startswith("inside\n"), out)
        engine.ctr("task", "exec", "--exec-id", "e2", "long", "sh", "-c", "exit 9", code=9)
        engine.ctr("task", "pause", "long")
        expect("PAUSED" in engine.ctr("task", "ls")[1], "the task is not paused")
        engine.ctr("task", "resume", "long")
        engine.ctr("task", "kill", "--signal", "SIGKILL", "long")
        deadline = time.monotonic() + 10
        while "STOPPED" not in engine.ctr("task", "ls")[1] and time.monotonic() < deadline:
            time.sleep(0.05)
        text = engine.ctr("task", "rm", "long", code=None)[1]
        expect("code 137" in text, f"a killed task's code is not 137: {text}")
        engine.ctr("container", "rm", "long")
