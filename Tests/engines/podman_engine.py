"""podman in a private host: its configuration and its containers."""

import json
import os
import resource
import time

import backends
import image
import private_host as host
import suite
from private_host import OUTSIDE4, Failed, run
from reach import expect, write

IMAGE = "localhost/talk"
TOP = "/run/engine"


def podman(*arguments, timeout=60, check=True):
    return run("podman", *arguments, timeout=timeout, check=check)


def configure(plugins, default_list):
    """podman's whole configuration, storage and state, in folders of this host alone."""
    for folder in ("etc", "net.d", "root", "tmp"):
        os.makedirs(f"{TOP}/{folder}", exist_ok=True)
    if default_list:
        write(f"{TOP}/net.d/87-podman-bridge.conflist", json.dumps(backends.keyed(json.loads(default_list))))
    files = min(20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])  # podman's own default may exceed the hard limit
    tasks = min(30000, resource.getrlimit(resource.RLIMIT_NPROC)[1])
    write(f"{TOP}/etc/containers.conf", f"""
[containers]
cgroups = "disabled"
default_ulimits = ["nofile={files}:{files}", "nproc={tasks}:{tasks}"]
dns_servers = ["{OUTSIDE4}"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "{TOP}/tmp"
[network]
network_backend = "cni"
cni_plugin_dirs = ["{plugins}"]
network_config_dir = "{TOP}/net.d"
""")
    write(f"{TOP}/etc/storage.conf", f"""
[storage]
driver = "vfs"
graphroot = "{TOP}/root"
runroot = "{TOP}/runroot"
""")
    write(f"{TOP}/etc/registries.conf", "unqualified-search-registries = []\n")
    write(f"{TOP}/etc/policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}\n')
    os.environ.update(
        CONTAINERS_CONF=f"{TOP}/etc/containers.conf", CONTAINERS_STORAGE_CONF=f"{TOP}/etc/storage.conf",
        CONTAINERS_REGISTRIES_CONF=f"{TOP}/etc/registries.conf", TMPDIR=f"{TOP}/tmp", HOME=f"{TOP}")


def import_image():
    layer = f"{TOP}/layer.tar"
    image.root_filesystem(layer)
    podman("import", layer, IMAGE)


def create_network(*arguments):
    """`podman network create`, the name last; the list that podman writes gets the backend's keys."""
    podman("network", "create", *arguments)
    path = f"{TOP}/net.d/{arguments[-1]}.conflist"
    with open(path) as file:
        network = json.load(file)
    write(path, json.dumps(backends.keyed(network)))


class Container:
    """A running container that serves its name on tcp/80 and udp/90 (and what `serve` adds)."""

    def __init__(self, name, *options, serve=()):
        self.name = name
        podman("run", "-d", "--name", name, *options, IMAGE, "/bin/talk", "serve", name, "tcp/80", "udp/90", *serve)
        self.read()

    def read(self):
        facts = json.loads(podman("inspect", self.name))[0]
        self.id, self.pid = facts["Id"], str(facts["State"]["Pid"])
        self.networks = facts["NetworkSettings"]["Networks"] or {}
        first = next(iter(self.networks.values()), {})
        self.ip4, self.ip6 = first.get("IPAddress", ""), first.get("GlobalIPv6Address", "")
        suite.known_names.update({self.id, self.ip4, self.ip6})
        for facts in self.networks.values():
            suite.known_names.update({facts.get("IPAddress", ""), facts.get("GlobalIPv6Address", "")})
        suite.known_names.discard("")
        self.wait_serving()
        return self

    def wait_serving(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if "serving" in podman("logs", self.name):
                return
            time.sleep(0.05)
        raise Failed(f"{self.name} does not serve:\n{host.indented(podman('logs', self.name, check=False))}")

    def command(self, *words, **options):
        """Runs one of this host's programs in the container's network."""
        return run("nsenter", "-t", self.pid, "-n", *words, **options)

    def links(self):
        return {link["ifname"]: link for link in json.loads(self.command("ip", "-j", "address"))}

    def addresses(self, link):
        facts = self.links().get(link)
        expect(facts, f"{self.name} has no link {link}")
        return [f"{a['local']}/{a['prefixlen']}" for a in facts["addr_info"] if a["scope"] == "global"]


def remove(*containers):
    podman("rm", "-f", "-t", "1", *[c.name if isinstance(c, Container) else c for c in containers])
