"""A host of its own for an engine: fresh network, mount and process namespaces, an "outside" machine beside it.

Nothing of the real machine's network is touched: enter() starts the program again inside `unshare`, and inside()
refuses to go on unless it finds itself in an empty network namespace.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

HOST4, OUTSIDE4 = "192.0.2.1", "192.0.2.2"
HOST6, OUTSIDE6 = "2001:db8:ff::1", "2001:db8:ff::2"
INSIDE = "--inside-private-host"
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Failed(Exception):
    """A command or an expectation that failed; the text is what a reader needs."""


def eventually(what, condition, seconds=5):
    """The first true value of the condition, which is asked again and again."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(0.05)
    return value


def run(*command, timeout=60, check=True, **options):
    """Runs a command without a shell in a process group of its own and returns what it wrote to stdout."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, **options)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise Failed(f"{' '.join(command)}\n  did not end within {timeout} s\n{indented(out + err)}") from None
    if check and process.returncode != 0:
        raise Failed(f"{' '.join(command)}\n  exit code {process.returncode}\n{indented(out + err)}")
    return out.strip()


def indented(text):
    return "\n".join("  | " + line for line in text.strip().splitlines())


def enter(timeout, finish=None):
    """Starts this program again in namespaces of its own, calls `finish` after it and exits with its exit code."""
    if os.geteuid() != 0:
        sys.exit("network namespaces need root: run this as root (make test-engines does)")
    command = ["unshare", "-n", "-m", "-p", "-f", "--mount-proc", "--kill-child", sys.executable,
               *sys.argv, INSIDE, str(os.stat("/proc/self/ns/net").st_ino)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, close_fds=False)
    try:
        code = process.wait(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        print(f"\nthe whole suite did not end within {timeout} s and was killed")
        code = 1
    if finish:
        finish()
    sys.exit(code)


def inside(outer_namespace):
    """Makes this namespace a host with an outside machine on its wire."""
    if os.stat("/proc/self/ns/net").st_ino == int(outer_namespace):
        sys.exit("still in the machine's own network namespace: nothing was done")
    if [link["ifname"] for link in json.loads(run("ip", "-j", "link"))] != ["lo"]:
        sys.exit("this network namespace is not empty: nothing was done")
    for folder in ("/run", "/var/lib/cni", "/etc/cni"):
        os.makedirs(folder, exist_ok=True)
        run("mount", "-t", "tmpfs", "tmpfs", folder)
    if os.path.ismount("/sys/fs/cgroup/unified"):
        run("umount", "/sys/fs/cgroup/unified")  # crun refuses the hybrid layout; this is our copy of the mounts
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    for arguments in (
        "link set lo up",
        "netns add outside",
        "link add wan0 type veth peer name eth0 netns outside",
        f"address add {HOST4}/24 dev wan0",
        f"address add {HOST6}/64 dev wan0 nodad",
        "link set wan0 up",
        f"route add default via {OUTSIDE4}",
        f"-6 route add default via {OUTSIDE6}",
        "-n outside link set lo up",
        f"-n outside address add {OUTSIDE4}/24 dev eth0",
        f"-n outside address add {OUTSIDE6}/64 dev eth0 nodad",
        "-n outside link set eth0 up",
    ):
        run("ip", *arguments.split())


def compile_static(source, program):
    """Builds a C program beside this file so that it runs in a container of nothing else."""
    run(os.environ.get("CC", "gcc"), "-O1", "-static", "-o", program, os.path.join(os.path.dirname(__file__), source))


def nothing_left(before, after="after removal"):
    """Fails unless this host is as it was before."""
    left = difference(before, state())
    if left:
        raise Failed(f"{after}:\n" + "\n".join(left))


def links():
    return sorted(link["ifname"] for link in json.loads(run("ip", "-j", "link")))


def processes(folder):
    """The processes that run a program of this folder, as "pid command line"."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/exe").startswith(folder + "/"):
                with open(f"/proc/{pid}/cmdline") as file:
                    found.append(f"{pid} {file.read()}".replace("\0", " "))
        except OSError:  # ended meanwhile, or a kernel thread
            continue
    return found


def without_counters(ruleset):
    return re.sub(r"counter packets \d+ bytes \d+|\[\d+:\d+\]|^#.*$", "", ruleset, flags=re.MULTILINE)


def legacy_rules():
    """What nft does not show: the rules of the iptables that is older than it."""
    lines = []
    for program in ("iptables-legacy-save", "ip6tables-legacy-save"):
        if shutil.which(program):
            lines += [f"{program[:-12]}: {line}" for line in without_counters(run(program)).splitlines() if line]
    return lines


def state():
    """What a container's network leaves on this host, by kind, as sorted lines."""
    files = [os.path.join(folder, name) for top in ("/var/lib/cni", "/run/berth", "/run/netns")
             for folder, _, names in os.walk(top) for name in names]
    # What stays by design: locks, host-local's cursors and the fingerprint of its index, the outside machine.
    ignored = re.compile(r"/lock$|\.lock$|^/run/berth/(locks|runtime)/|/last_reserved_ip\.\d+$|/\.berth/\.[^/]+$|^/run/netns/outside$")
    routes = run("ip", "route") + "\n" + run("ip", "-6", "route")
    return {
        "links": links(),
        "files": sorted(name for name in files if not ignored.search(name)),
        "nft": without_counters(run("nft", "list", "ruleset")).splitlines(),
        "iptables-legacy": legacy_rules(),
        "routes": sorted(line.replace(" linkdown", "").strip() for line in routes.splitlines()),
    }


def difference(before, after):
    """What stands after and did not before, and the reverse, in words; empty when nothing."""
    lines = []
    for kind in before:
        lines += [f"{kind}: left over: {item.strip()}" for item in after[kind] if item not in before[kind]]
        lines += [f"{kind}: lost: {item.strip()}" for item in before[kind] if item not in after[kind]]
    return lines
