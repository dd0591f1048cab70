"""containerd in a private host: its configuration, the daemon as a process, and its pods."""

import json
import os
import shutil
import signal
import subprocess
import time

import backends
import cri
import image
import private_host as host
import suite
from private_host import Failed, run
from reach import ask, write

TOP = "/run/engine"
SOCKET = f"{TOP}/containerd.sock"
PLUGINS = f"{TOP}/plugins"
NETWORKS = "/etc/cni/net.d"
# The lists of examples/ that pods and containers of ctr are given.
PODS, CONTAINERS = "kubernetes-dual-stack", "10-containerd-net"


def ctr(*arguments, namespace="default", timeout=60, check=True):
    return run("ctr", "--address", SOCKET, "--namespace", namespace, *arguments, timeout=timeout, check=check)


def configure(plugins):
    """containerd's whole configuration, storage and state, in folders of this host alone."""
    for folder in (f"{TOP}/logs", f"{TOP}/tmp", PLUGINS, NETWORKS):
        os.makedirs(folder, exist_ok=True)
    for name in os.listdir(plugins):
        target = os.path.realpath(f"{plugins}/{name}")
        copy = f"{PLUGINS}/{os.path.basename(target)}"
        if not os.path.exists(copy):
            shutil.copy(target, copy)
        if os.path.basename(copy) != name:
            os.symlink(os.path.basename(copy), f"{PLUGINS}/{name}")
        # What the plugins run for iptables-legacy and firewalld stands beside them, as `make install` puts it.
        for helper in ("berth-iptables", "berth-firewalld"):
            source = f"{os.path.dirname(target)}/{helper}"
            if os.path.exists(source) and not os.path.exists(f"{PLUGINS}/{helper}"):
                shutil.copy(source, PLUGINS)
    write(f"{TOP}/containerd.toml", f"""
version = 2
root = "{TOP}/root"
state = "{TOP}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{TOP}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{image.REFERENCE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{PLUGINS}"
    conf_dir = "{NETWORKS}"
""")
    # `ctr run --cni` looks in these alone: its own default, and Debian's.
    for fixed in ("/opt/cni/bin", "/usr/lib/cni"):
        os.makedirs(fixed, exist_ok=True)
        run("mount", "--bind", PLUGINS, fixed)
    os.environ["TMPDIR"] = f"{TOP}/tmp"


def network(name):
    """A list of examples/, with the backend's keys and the version beside it in which `berth-cni gc` asks every plugin."""
    with open(f"{host.REPOSITORY}/examples/{name}.conflist") as file:
        listed = json.load(file)
    return backends.keyed({**listed, "cniVersions": [listed["cniVersion"], "1.1.0"]})


def leases(of):
    """The addresses that host-local has given in a network (a list)."""
    folder = f"/var/lib/cni/networks/{of['name']}"
    return sorted(name for name in os.listdir(folder) if name[0].isdigit() or ":" in name) if os.path.isdir(folder) else []


def berth_cni(*arguments, **variables):
    """The runner, as an administrator calls it beside containerd, whose cache it reads."""
    run(f"{host.REPOSITORY}/build/bin/berth-cni", *arguments,
        env={**os.environ, "CNI_PATH": PLUGINS, "NETCONFPATH": NETWORKS, **variables})


def collect(name, *arguments):
    """`berth-cni gc`, after an accident."""
    berth_cni("gc", name, "--all-owners", *arguments)


class Daemon:
    """The containerd process; its containers outlive it."""

    def __init__(self):
        self.process = self.runtime = self.cgroup = None

    def start(self):
        with open(f"{TOP}/containerd.log", "a") as log:
            self.process = subprocess.Popen(
                ["containerd", "--config", f"{TOP}/containerd.toml"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        self.runtime = self.runtime or cri.Runtime(SOCKET)

    def kill(self):
        """kill -9, of the daemon alone."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def import_image(self):
        layer, archive = f"{TOP}/layer.tar", f"{TOP}/image.tar"
        image.root_filesystem(layer)
        # A pod's own process only waits.
        image.docker_archive(layer, archive, "/bin/busybox", "sleep", "1000000")
        self.wait_answering()
        for namespace in ("k8s.io", "default"):  # a kubelet's, and that of ctr
            ctr("images", "import", archive, namespace=namespace)

    def wait_answering(self):
        deadline = time.monotonic() + 20
        while True:
            try:
                return ctr("version", timeout=5)
            except Failed:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise Failed(f"containerd does not answer:\n{log_tail()}") from None
                time.sleep(0.1)

    def use(self, network):
        """Makes this list (a dictionary) the only network and waits until the runtime service has it."""
        for name in os.listdir(NETWORKS):
            os.remove(f"{NETWORKS}/{name}")
        text = json.dumps(network, indent=2)
        write(f"{NETWORKS}/.new", text)
        os.rename(f"{NETWORKS}/.new", f"{NETWORKS}/10-{network['name']}.conflist")
        self.runtime.wait_ready(text)


daemon = Daemon()


def log_tail():
    with open(f"{TOP}/containerd.log") as file:
        return host.indented("\n".join(file.read().splitlines()[-12:]))


class Pod:
    """A pod as a kubelet makes it: a sandbox, and in it a container that serves the pod's name on tcp/80 and udp/90."""

    def __init__(self, name, ports=(), annotations=None, name_servers=()):
        self.name = name
        self.id, configuration = daemon.runtime.run_sandbox(name, daemon.cgroup, ports, annotations, name_servers)
        facts = daemon.runtime.sandbox(self.id)
        self.pid, self.namespace = facts["pid"], facts["namespace"]
        self.ip4 = next((one for one in facts["addresses"] if "." in one), "")
        self.ip6 = next((one for one in facts["addresses"] if ":" in one), "")
        suite.known_names.update({self.id, self.ip4, self.ip6} - {""})
        daemon.runtime.start_container(self.id, configuration, image.REFERENCE, "/bin/talk", "serve", name, "tcp/80", "udp/90")
        self.wait_serving()

    def wait_serving(self):
        deadline, problem = time.monotonic() + 10, None
        while time.monotonic() < deadline:
            try:
                if ask(self, "tcp", "127.0.0.1", 80)[0] == self.name:
                    return
            except Failed as error:
                problem = error
            time.sleep(0.02)
        raise Failed(f"{self.name} does not serve: {problem}")

    def command(self, *words, **options):
        """Runs one of this host's programs in the pod's network."""
        return run("nsenter", f"--net={self.namespace}", *words, **options)

    def links(self):
        return {link["ifname"]: link for link in json.loads(self.command("ip", "-j", "address"))}

    def addresses(self, link):
        return [f"{a['local']}/{a['prefixlen']}" for a in self.links()[link]["addr_info"] if a["scope"] == "global"]

    def stop(self):
        daemon.runtime.stop_sandbox(self.id)

    def remove(self):
        daemon.runtime.stop_sandbox(self.id)
        daemon.runtime.remove_sandbox(self.id)


def remove_all():
    """Stops and removes every pod that the runtime knows."""
    for identifier in daemon.runtime.sandboxes():
        daemon.runtime.stop_sandbox(identifier)
        daemon.runtime.remove_sandbox(identifier)
