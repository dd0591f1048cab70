"""podman in a private host: its configuration, its containers, and who reaches whom."""

import json
import os
import resource
import subprocess
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor

import private_host as host
from private_host import OUTSIDE4, Failed, run

IMAGE = "localhost/talk"
TALK = "/run/engine/talk"


def expect(condition, text):
    if not condition:
        raise Failed(text)


def podman(*arguments, timeout=60, check=True):
    return run("podman", *arguments, timeout=timeout, check=check)


def configure(plugins, default_list):
    """podman's whole configuration, storage and state, in folders of this host alone."""
    top = "/run/engine"
    for folder in ("etc", "net.d", "root", "tmp"):
        os.makedirs(f"{top}/{folder}", exist_ok=True)
    if default_list:
        with open(f"{top}/net.d/87-podman-bridge.conflist", "w") as file:
            file.write(default_list)
    files = min(20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])  # podman's own default may exceed the hard limit
    tasks = min(30000, resource.getrlimit(resource.RLIMIT_NPROC)[1])
    write(f"{top}/etc/containers.conf", f"""
[containers]
cgroups = "disabled"
default_ulimits = ["nofile={files}:{files}", "nproc={tasks}:{tasks}"]
dns_servers = ["{OUTSIDE4}"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "/run/engine/tmp"
[network]
network_backend = "cni"
cni_plugin_dirs = ["{plugins}"]
network_config_dir = "{top}/net.d"
""")
    write(f"{top}/etc/storage.conf", f"""
[storage]
driver = "vfs"
graphroot = "{top}/root"
runroot = "{top}/runroot"
""")
    write(f"{top}/etc/registries.conf", "unqualified-search-registries = []\n")
    write(f"{top}/etc/policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}\n')
    os.environ.update(
        CONTAINERS_CONF=f"{top}/etc/containers.conf", CONTAINERS_STORAGE_CONF=f"{top}/etc/storage.conf",
        CONTAINERS_REGISTRIES_CONF=f"{top}/etc/registries.conf", TMPDIR=f"{top}/tmp", HOME=f"{top}")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def import_image():
    """An image of busybox and talk, and nothing else."""
    host.compile_static("talk.c", TALK)
    path = "/run/engine/image.tar"
    with tarfile.open(path, "w") as archive:
        archive.add("/bin/busybox", "bin/busybox")
        archive.add(TALK, "bin/talk")
        for name in ("sh", "ping", "ip", "cat", "sleep"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    podman("import", path, IMAGE)


# What every container that ever ran here was called by the engine and the network: no rule may keep any of it.
known_names = set()


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
        known_names.update({self.id, self.ip4, self.ip6})
        for facts in self.networks.values():
            known_names.update({facts.get("IPAddress", ""), facts.get("GlobalIPv6Address", "")})
        known_names.discard("")
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


def ask(where, protocol, address, port, own_port=0):
    """Asks a port from `where` (a Container, "outside" or "host"); returns the answering name and the client it saw."""
    words = [TALK, "ask", protocol, address, str(port), str(own_port)]
    if isinstance(where, Container):
        answer = where.command(*words, timeout=10)
    elif where == "outside":
        answer = run("ip", "netns", "exec", "outside", *words, timeout=10)
    else:
        answer = run(*words, timeout=10)
    return answer.split()


def refused(where, protocol, address, port):
    """True when nothing answers there."""
    try:
        ask(where, protocol, address, port)
    except Failed:
        return True
    return False


def reaches(target, *ways):
    """Every way (where, protocol, address, port) leads to the container; all that do not are named."""
    def one(way):
        try:
            answer = ask(*way)
        except Failed as error:
            return f"{label(way)}: {str(error).splitlines()[-1].strip(' |')}"
        return None if answer[0] == target.name else f"{label(way)}: {answer[0]} answered instead"
    with ThreadPoolExecutor(8) as pool:
        wrong = [text for text in pool.map(one, ways) if text]
    expect(not wrong, f"{target.name} is not reached:\n" + "\n".join("  " + text for text in wrong))


def label(way):
    where, protocol, address, port = way
    return f"from {getattr(where, 'name', where)} by {protocol} {address} port {port}"


def bridge_netfilter(on):
    """Whether bridged packets pass the IP hooks, as on a host with br_netfilter loaded, or not."""
    for name in ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables"):
        path = f"/proc/sys/net/bridge/{name}"
        if os.path.exists(path):
            write(path, "1" if on else "0")


class OutsideServer:
    """A server on the outside machine that tells who came."""

    def __init__(self, *ports):
        self.ports = ports

    def __enter__(self):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", "outside", TALK, "serve", "internet", *self.ports], stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
