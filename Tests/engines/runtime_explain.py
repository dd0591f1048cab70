"""Cases of `berth run --dry-run` and `--explain`: what is told is what is done, and telling does nothing."""

import http.client
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import time

import runtime_engine as engine
from private_host import HOST4, OUTSIDE4, Failed, run
from reach import expect
from runtime_engine import DATA, IMAGE, cli, container
from suite import case

RUN = "/run/berth"
FULL = ("-p", "8080:80", "-p", "127.0.0.1:5353:53/udp", "-m", "64m", "--cpus", "0.5", "--pids-limit", "50", "--hostname", "box",
        "--ulimit", "nofile=100:200", "-e", "ODD=it's $HOME; \"so\"\n#x", "-v", "/run/engine:/host:ro", "-v", "data:/data", "--tmpfs", "/scratch:size=1m",
        "--cap-drop", "MKNOD", "--security-opt", "no-new-privileges", "--oom-score-adj", "500", "-w", "/made/for/it")


def ours():
    return engine.client == "berth"


def ask(method, path, body=None):
    """Status and answer of a request to the daemon."""
    connection = http.client.HTTPConnection("berth", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(20)
    connection.sock.connect(engine.SOCKET)
    connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, json.loads(text) if text.strip() else None


def steps(reference):
    status, answer = ask("GET", f"/berth/containers/{reference}/explain")
    expect(status == 200, f"explain {reference}: {status} {answer}")
    return answer["Steps"]


def host_state():
    """All that a start could change but control groups, which other hosts on this machine make too."""
    found = {}
    for top in (DATA, RUN, "/var/lib/cni", "/run/netns"):
        for folder, folders, files in os.walk(top):
            for name in folders + files:
                path = os.path.join(folder, name)
                facts = os.lstat(path)
                found[path] = (facts.st_mode, facts.st_ino, facts.st_size if os.path.isfile(path) else 0, facts.st_mtime_ns)
    for words in (("ip", "-d", "link"), ("ip", "address"), ("ip", "route", "show", "table", "all"), ("ip", "neigh"), ("nft", "list", "ruleset"),
                  ("cat", "/proc/self/mounts"), ("cat", "/proc/sys/net/ipv4/ip_forward")):
        # The kernel's own: timers, and addresses of a link that it finds out about by itself.
        text = re.sub(r"(valid_lft|preferred_lft) \w+|\w+_timer +[\d.]+|tentative|linkdown", "", run(*words))
        found[words] = [line.split() for line in text.splitlines() if line.strip() and not re.search(r"fe80:|ff00:", line)]
    return found


def settled():
    """The host once the kernel has taken away what cases before this one had: a link goes, and a bridge loses its carrier, later."""
    before = host_state()
    for _ in range(20):
        time.sleep(0.3)
        after = host_state()
        if after == before:
            break
        before = after
    return before


def unchanged(before, what):
    after = host_state()
    changed = sorted(str(key) for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    expect(not changed, f"{what} changed {changed[:5]}")


@case("run --dry-run tells the steps and changes nothing, neither before nor after the first container")
def dry_run():
    if not ours():
        return
    for turn in range(2):
        before = settled()
        text = cli("run", "--dry-run", "--name", "web", *FULL, IMAGE, "sh", "-c", "echo hi")
        unchanged(before, "--dry-run")
        identity = re.search(rf"{DATA}/containers/([0-9a-f]{{64}})/", text)[1]
        groups = [folder for folder, _, _ in os.walk("/sys/fs/cgroup") if identity in folder]
        expect(not groups, f"--dry-run made {groups}")
        for part in ("mount -t overlay -o lowerdir=", "unshare --net=", "ip link add", "type veth peer", "add element inet berth fwd_",
                     "exec nsenter --net=", "mount -t proc ", "pivot_root . .", "hostname box", "--bounding-set=", "exec env -i ", "sh -c 'echo hi'"):
            expect(part in text, f"--dry-run does not tell {part}:\n{text}")
        status, answer = ask("POST", "/berth/containers/explain", {"Image": IMAGE, "HostConfig": {"NetworkMode": "none"}})
        expect(status == 200 and "unshare --net=" in str(answer) and "veth" not in str(answer), f"network none: {answer}")
        status, answer = ask("POST", "/berth/containers/explain", {"Image": IMAGE, "HostConfig": {"NetworkMode": "host"}})
        expect(status == 200 and "--net" not in str(answer), f"network host: {answer}")
        unchanged(before, "explain of other networks")
        if turn == 0:
            one = container("first")
            cli("run", "--rm", "-v", "data:/data", IMAGE, "true")
            expect(one.command("echo", "up") == "up", "it does not run")


@case("bad input to --dry-run gets the error that create gives")
def same_errors():
    container("taken")
    for query, body in (
            ("", {}), ("", {"Image": "nosuch/image"}), ("", {"Image": IMAGE, "HostConfig": {"Memory": 5}}), ("?name=taken", {"Image": IMAGE}),
            ("?name=-", {"Image": IMAGE}), ("", {"Image": IMAGE, "HostConfig": {"NetworkMode": "nosuch"}}),
            ("", {"Image": IMAGE, "HostConfig": {"NetworkMode": "container:nosuch"}}), ("", {"Image": IMAGE, "HostConfig": {"PidMode": "x"}}),
            ("", {"Image": IMAGE, "HostConfig": {"Binds": ["relative/x:/y"]}}), ("", {"Image": IMAGE, "WorkingDir": "here"}),
            ("", {"Image": IMAGE, "HostConfig": {"CgroupParent": "/a/../b"}}), ("", {"Image": IMAGE, "HostConfig": {"CapAdd": ["FLY"]}}),
            ("", {"Image": IMAGE, "HostConfig": {"Mounts": [{"Type": "bind", "Source": "/no/such", "Target": "/x"}]}})):
        before = settled()
        told, made = ask("POST", f"/berth/containers/explain{query}", body), ask("POST", f"/containers/create{query}", body)
        expect(made[0] >= 400 and told == made, f"{query} {body}: explain {told}, create {made}")
        unchanged(before, f"{query} {body}")
    expect(ask("GET", "/berth/containers/nosuch/explain")[0] == 404, "GET of no container")
    expect(ask("POST", "/berth/containers/explain", [])[0] == 400, "a body that is no object")
    if ours():
        answer = cli("run", "--dry-run", "nosuch/image", code=125)
        expect("nosuch/image" in answer, answer)


@case("run --explain runs, and tells the steps on standard error: with the container's own id and address where it runs")
def explains():
    if not ours():
        return
    for options, words, said in ((("--rm",), ("sh", "-c", "echo hi; exit 3"), "hi"), (("--rm", "-i"), ("cat",), "in"), (("-d", "--name", "told"), ("sleep", "600"), None)):
        process = subprocess.run([*engine.clients["berth"], "run", "--explain", "-p", "80", *options, IMAGE, *words], input="in\n", text=True,
                                 capture_output=True, timeout=20, check=False)
        expect(process.returncode == (3 if words[0] == "sh" else 0), f"{options}: {process}")
        for part in ("mount -t overlay ", "type veth peer", "pivot_root . .", "exec env -i "):
            expect(part in process.stderr, f"{options}: standard error does not tell {part}: {process.stderr}")
        if said:
            expect(process.stdout == said + "\n", f"{options}: standard output is {process.stdout}")
    one = engine.Container("told")
    facts = one.inspect()
    port = facts["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]
    expect(process.stdout.strip() == facts["Id"], f"-d prints {process.stdout}")
    for part in (f"/containers/{facts['Id']}/rootfs", f" {one.address}/", f"tcp . {port} "):
        expect(part in process.stderr, f"what was taken is not told: {part}")
    expect("is any free one" not in process.stderr, "a port that was chosen is told as one to choose")
    cli("stop", "-t", "0", "told")
    status, answer = ask("GET", "/berth/containers/told/explain")
    expect((status, answer["Running"]) == (200, False) and "exec env -i" in str(answer), f"of one that has ended: {answer}")


# ---- what is told against what stands

def commands(told):
    return [line for step in told for line in step["Command"].split("\n")]


def told_mounts(told, root):
    """{place: (type, options)} of every mount command of a container's own namespace, covers where the place is there."""
    found = {}
    for line in commands(told):
        if line.startswith("for path in ./"):
            for path in line[len("for path in "):line.index(";")].split():
                if not os.path.lexists(root + path[1:]):
                    continue
                if "remount,bind,ro" in line:
                    found[path[1:]] = (None, {"ro"})
                elif os.path.isdir(root + path[1:]):
                    found[path[1:]] = ("tmpfs", {"ro"})
                else:
                    found[path[1:]] = ("devtmpfs", set())
            continue
        if not re.match(r"mount |touch \./|mkdir -p \S+ && touch ", line):
            continue
        for part in line.split(" && "):
            words = shlex.split(part.removesuffix(" 2>/dev/null || :"))
            if words[:1] != ["mount"] or not words[-1].startswith("./"):
                continue
            place = words[-1][1:]
            if words[1] == "-t":
                found[place] = (words[2], set(words[4].split(",")) if words[3] == "-o" else set())
            elif words[1] in ("--bind", "--rbind"):
                found[place] = (None, set())
            elif words[1] == "-o" and words[2].startswith("remount,bind,"):
                found[place] = (found[place][0], found[place][1] - {"ro", "rw"} | set(words[2].split(",")[2:]))
    return found


def standing_mounts(pid):
    found = {}
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as file:
        for line in file:
            fields = line.split()
            dash = fields.index("-")
            found[fields[4]] = (fields[dash + 1], set(fields[5].split(",")), fields[3], fields[dash + 3])
    return found


KEPT = {"nosuid", "nodev", "noexec"}


@case("each mount that --explain tells stands in the container, and no other")
def same_mounts():
    tools_image()
    for options, image in ((FULL, IMAGE), (("-t", "--read-only", "-v", "data:/run/deep", "--ipc=shareable"), IMAGE), (("--privileged", "--cgroupns=host"), IMAGE),
                           (("-v", "/run/engine:/link/below:ro,rshared", "--net=host"), "explain/tools")):
        one = container("mounts", "sleep", "600", options=options, image=image)
        check_mounts(one, steps("mounts"), standing_mounts(one.pid), options)
        cli("rm", "-f", "-v", "mounts")


def check_mounts(one, told, standing, options):
    wanted = told_mounts(told, f"/proc/{one.pid}/root")
    expect(len(wanted) > 10 and set(wanted) | {"/"} == set(standing),
           f"{options}: told and not there {sorted(set(wanted) - set(standing))}, there and not told {sorted(set(standing) - set(wanted))}")
    for place, (kind, options) in wanted.items():
        found_kind, found_options, _, _ = standing[place]
        expect(kind in (None, found_kind), f"{place} is {found_kind}, told {kind}")
        if kind or "ro" in options:
            expect(("ro" in options) == ("ro" in found_options), f"{place} has {found_options}, told {options}")
        if kind and kind != "devtmpfs":
            expect(options & KEPT == found_options & KEPT, f"{place} has {found_options}, told {options}")
    overlay = next(line for line in commands(told) if line.startswith("mount -t overlay"))
    for key in ("upperdir", "workdir"):
        place = re.search(rf"{key}=([^,]*)", overlay)[1]
        expect(f"{key}={place}" in standing["/"][3], f"{key} is not {place}: {standing['/']}")
    lower = re.search(r"lowerdir=([^,]*)", overlay)[1].split(":")
    expect(re.findall(r"lowerdir\+?=([^,]*)", standing["/"][3]) in (lower, [":".join(lower)]), f"lowerdir is not {lower}: {standing['/']}")
    for place in {"/host", "/target/below"} & set(standing):
        expect(standing[place][2].endswith("/engine"), f"{place} is {standing[place]}")


@case("the control group that --explain tells has those values and that process")
def same_cgroup():
    one = container("groups", options=FULL)
    groups, values, joins = set(), {}, []
    for line in commands(steps("groups")):
        if found := re.fullmatch(r"mkdir -p (/sys/fs/cgroup/\S+)", line):
            groups.add(found[1])
        if found := re.fullmatch(r"echo (.+) > (/sys/fs/cgroup/\S+)", line):
            values.setdefault(found[2], []).append(shlex.split(found[1])[0])
    with open(f"/proc/{one.pid}/cgroup", encoding="utf-8") as file:
        own = {line.strip().split(":", 2)[1].removeprefix("name="): line.strip().split(":", 2)[2] for line in file}
    real = {os.path.realpath(f"/sys/fs/cgroup/{name or 'unified'}{path}") for name, path in own.items() if one.inspect()["Id"] in path}
    expect(groups and {os.path.realpath(path) for path in groups if one.inspect()["Id"] in path} == real, f"told {groups}, there {real}")
    for path, told in values.items():
        name = os.path.basename(path)
        with open(path if name not in ("devices.allow", "devices.deny") else os.path.dirname(path) + "/devices.list", encoding="utf-8") as file:
            content = file.read().split("\n")[:-1]
        if name in ("tasks", "cgroup.procs"):
            joins.append(path)
            expect(str(one.pid) in content, f"{path} does not have process {one.pid}: {content}")
        elif name == "devices.allow":
            expect(sorted(told) == sorted(content), f"devices told {told}, there {content}")
        elif name == "devices.deny":
            expect("a *:* rwm" not in content, f"nothing is denied: {content}")
        elif name != "cgroup.subtree_control":
            expect(content == [told[-1]], f"{path} told {told}, there {content}")
    expect(len(joins) == len(real), f"it goes into {joins}, is in {real}")
    limits = {os.path.basename(path): told for path, told in values.items()}
    if "memory.limit_in_bytes" in limits or "memory.max" in limits:
        expect(limits.get("memory.limit_in_bytes", limits.get("memory.max")) == [str(64 << 20)], f"memory: {limits}")
    else:
        raise Failed(f"no limit of memory is told: {limits}")


def neutral(told, identity):
    """Steps without what derives from the container's id."""
    text = json.dumps([step for step in told if not step["Command"].startswith("# eth")])
    text = text.replace(identity, "ID").replace(identity[:12], "SHORT")
    return re.sub(r"veth[0-9a-f]{11}", "VETH", re.sub(r"[0-9a-f]{16}-[0-9a-f]{16}", "TAG", text))


@case("--dry-run tells what the start then does: the same steps, down to the address")
def same_steps():
    cli("network", "create", "--subnet", "10.78.0.0/24", "green")
    cli("network", "create", "--internal", "shut")
    container("other", options=("--ipc=shareable", "--net=green"))
    compare_steps([FULL, ("--net=green", "--network-alias", "x", "--hostname", "y", "--ip", "10.78.0.77"), ("--net=shut", "--read-only"),
                   ("--net=none", "--privileged"), ("--net=host", "-u", "nobody"), ("--ipc=shareable", "--pid=host", "--cgroupns=host"),
                   ("--net=container:other", "--pid=container:other", "--ipc=container:other", "-t")])


def compare_steps(wishes):
    """For each list of options: what --dry-run tells is what the start has then taken."""
    for options in wishes:
        if ours():
            text = cli("run", "--dry-run", "--name", "same", *options, IMAGE, "sleep", "600")
        one = container("same", options=options)
        real = steps("same")
        identity = one.inspect()["Id"]
        expect(any(identity in line for line in commands(real)), "the real id is not told")
        if one.inspect()["NetworkSettings"]["Networks"] and not {"--net=host", "--net=none", "--net=container:other"} & set(options):
            expect(any(f" {one.address}/" in line for line in commands(real)), f"the real address {one.address} is not told")
        if ours():
            planned = text.split("\n")
            planned_id = re.search(rf"{DATA}/containers/([0-9a-f]{{64}})/", text)[1]
            as_text = [line for step in real for line in ("# " + step["Why"] + "\n" + step["Command"]).split("\n")]
            drop = re.compile(r"# what is mounted into it exists|mkdir -p \S+/_data$|# network \S+: .*it is not taken|# eth\d: ")
            left = [line for line in neutral([{"Command": line} for line in planned if not drop.match(line)], planned_id).split('"}, {"')]
            right = [line for line in neutral([{"Command": line} for line in as_text if not drop.match(line)], identity).split('"}, {"')]
            for number, (wanted, found) in enumerate(zip(left, right)):
                expect(wanted == found, f"{options}, line {number}: planned {wanted}, taken {found}")
            expect(len(left) == len(right), f"{options}: {len(left)} lines planned, {len(right)} taken")
        cli("rm", "-f", "-v", "same")


FACTS = r"""
ip -j -d link show dev %(bridge)s; ip -j -d link show dev %(veth)s; ip -j address show dev %(bridge)s; ip -j route; ip -j -6 route
nsenter --net=%(space)s sh -c 'ip -j -d link; ip -j address; ip -j route show table all; ip -j rule; ip -j -6 route; cat /proc/sys/net/ipv4/conf/eth0/arp_notify'
for name in net/ipv4/ip_forward net/ipv4/conf/%(bridge)s/route_localnet net/ipv6/conf/%(bridge)s/accept_ra; do cat /proc/sys/$name; done
nft -s list ruleset
"""


LOTTERY = ("address", "link_netnsid", "link_index", "ifindex", "link", "link_netns", "gc_timer", "hello_timer", "tcn_timer",
           "topology_change_timer", "valid_life_time", "preferred_life_time", "bridge_id", "root_id", "designated_bridge", "designated_root")


def network_facts(text):
    """A line each, without what the kernel counts or draws by lot."""
    def kept(item):
        if isinstance(item, dict):
            is_link = "ifname" in item
            return {key: kept(value) for key, value in item.items()
                    if key not in LOTTERY and not key.endswith("_timer") and not (is_link and key == "stats64")}
        if isinstance(item, list):
            return [kept(one) for one in item if "fe80:" not in json.dumps(one) and one != "linkdown"]
        return item
    lines = []
    for line in text.split("\n"):
        if line.startswith("[{"):
            lines += sorted(json.dumps(kept(item), sort_keys=True) for item in json.loads(line)
                            if "fe80:" not in str(item.get("dst", "")) and item.get("ifname") != "lo")
        else:
            lines.append(line)
    return lines


@case("the ip and nft commands of --explain make on a fresh host what the start made here")
def same_network():
    # The last plugin is none of ours: by a program.
    os.makedirs("/etc/cni/net.d", exist_ok=True)
    with open("/etc/cni/net.d/mixed.conflist", "w", encoding="utf-8") as file:
        json.dump({"cniVersion": "1.0.0", "name": "mixed", "plugins": [
            {"type": "bridge", "bridge": "mix0", "isGateway": True, "ipMasq": True, "mtu": 1400, "ipam": {
                "type": "host-local", "dataDir": "/run/engine/leases", "ranges": [[{"subnet": "10.79.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
            {"type": "portmap", "capabilities": {"portMappings": True}}, {"type": "sbr"}]}, file)
    for options in ((), ("--net=mixed", "--ip=10.79.0.9")):
        check_network((*FULL, *options), is_mixed=bool(options))
        cli("rm", "-f", "-v", "wired")
    run("ip", "link", "delete", "mix0")
    os.remove("/etc/cni/net.d/mixed.conflist")
    run("rm", "-rf", "/run/engine/leases")


def check_network(options, is_mixed):
    # What other networks have left, by design: their bridges and chains.
    old = network_facts(run("sh", "-c", "ip -j route; ip -j -6 route; nft -s list ruleset"))
    one = container("wired", options=options)
    identity, told = one.inspect()["Id"], steps("wired")
    space = f"{RUN}/netns/{identity}"
    veth = next(re.search(r"veth[0-9a-f]{11}", line)[0] for line in commands(told) if "type veth" in line)
    facts = FACTS % {"veth": veth, "space": space, "bridge": "mix0" if is_mixed else "berth0"}
    real = run("sh", "-c", facts)
    begin = next(i for i, step in enumerate(told) if "unshare --net=" in step["Command"])
    end = next(i for i, step in enumerate(told) if step["Why"].startswith("/etc/hosts"))
    script = "\n".join(
        ["set -e", f"mount -t tmpfs tmpfs {RUN}/netns", "ip link set lo up", "ip link add wan0 type veth peer name far0",
         f"ip address add {HOST4}/24 dev wan0", "ip link set wan0 up", "ip link set far0 up", f"ip route add default via {OUTSIDE4}",
         "ip address add 2001:db8:ff::1/64 dev wan0 nodad", "ip -6 route add default via 2001:db8:ff::2"]
        + [step["Command"] for step in told[begin:end]] + ["sleep 0.2; echo; echo and now the facts", facts])
    process = subprocess.run(["unshare", "-n", "-m", "bash"], input=script, capture_output=True, text=True, timeout=30, check=False)
    expect(process.returncode == 0, f"the commands end with {process.returncode}: {process.stderr}")
    told_text = "\n".join(commands(told))
    expect(is_mixed == ("CNI_COMMAND=ADD" in told_text) == ("/sbr" in told_text), f"the foreign plugin: {told_text}")
    expect("wan0" in real and "fwd_any4" in real and one.address in real, f"nothing stands: {real}")
    left, right = network_facts(process.stdout.split("and now the facts\n")[1].strip()), network_facts(real)
    difference = [f"commanded {item}" for item in left if item not in right] + [f"there {item}" for item in right if item not in left + old]
    expect(not difference, "\n".join(difference[:12]))


# ---- the whole of it

ROOT = "/run/engine/tools"
PROGRAMS = ("bash", "sh", "env", "cat", "id", "grep", "sort", "setpriv", "prlimit", "mount", "umount", "mkdir", "hostname", "ip", "ls", "stat", "sed", "sleep")
SEEN = r"""
id; pwd; umask; hostname; echo "$ODD"; grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Groups):' /proc/self/status
grep -E 'open files|processes' /proc/self/limits; cat /proc/self/oom_score_adj; cat /proc/self/cgroup
sed -E 's/^([0-9]+ ){2}[0-9]+:[0-9]+ //; s/ - (\S+) \S+ .*/ - \1/' /proc/self/mountinfo | grep -v '^/ / ' | sed -E 's/[0-9a-f]{64}/ID/g' | sort
ip -o address show dev eth0 scope global; ip route; stat -c '%n %F %a %t:%T' /dev/*; cat /etc/hosts /etc/hostname; env | sort
echo end
"""


def tools_image():
    """An image with the programs of this machine that the told commands take after pivot_root."""
    if "explain/tools" in cli("images"):
        return
    for name in PROGRAMS:
        path = run("sh", "-c", f"command -v {name}")
        found = {path, *re.findall(r"(/\S+) \(0x", run("ldd", path))}
        for one in found:
            target = ROOT + ("/bin/" + name if one == path else one)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            run("cp", "-L", one, target)
    for folder in ("etc", "tmp", "proc", "sys", "dev", "target"):
        os.makedirs(f"{ROOT}/{folder}", exist_ok=True)
    # On the host the link would lead elsewhere.
    os.symlink("/target", f"{ROOT}/link")
    with open(f"{ROOT}/etc/passwd", "w", encoding="utf-8") as file:
        file.write("root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    run("tar", "-C", ROOT, "-cf", "/run/engine/tools.tar", ".")
    cli("import", "/run/engine/tools.tar", "explain/tools")


def mapping_mount():
    """A directory whose mount(8) knows X-mount.idmap (util-linux 2.39), whatever this machine's has."""
    folder = "/run/engine/mount"
    if not os.path.isdir(folder):
        os.makedirs(folder)
        with open(f"{folder}/mapped", "w", encoding="utf-8") as file:
            file.write(MAPPED_BIND)
        with open(f"{folder}/mount", "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\ncase $3 in X-mount.idmap=*) exec python3 {folder}/mapped "$3" "$4" "$5";; esac\nexec {shutil.which("mount")} "$@"\n')
        os.chmod(f"{folder}/mount", 0o755)
    return folder


# open_tree(2), mount_setattr(2) and move_mount(2): what mount --bind -o X-mount.idmap=NAMESPACE SOURCE PLACE does.
MAPPED_BIND = """
import ctypes, os, struct, sys
call = ctypes.CDLL(None, use_errno=True).syscall
option, source, place = sys.argv[1:]
def checked(number, *words):
    result = call(number, *words)
    if result < 0: sys.exit(f"mapped mount: call {number}: {os.strerror(ctypes.get_errno())}")
    return result
tree = checked(428, -100, source.encode(), ctypes.c_uint(1 | os.O_CLOEXEC))
space = os.open(option.split("=", 1)[1], os.O_RDONLY)
checked(442, tree, b"", 0x1000, struct.pack("QQQQ", 0x100000, 0, 0, space), ctypes.c_size_t(32))
checked(429, tree, b"", -100, place.encode(), 4)
"""


def twins(*options):
    """What a container of bash's and one of berth's see of themselves is the same."""
    # Another address would be all that differs.
    line = ("--name", "twin", *options, "explain/tools", "sh", "-c", SEEN)
    script = cli("run", "--dry-run", *line)
    identity = re.search(rf"{DATA}/containers/([0-9a-f]{{64}})/", script)[1]
    begin = f"mkdir -p {RUN}/netns; mount -t tmpfs tmpfs {RUN}/netns; ip link set lo up; ip link add wan0 type veth peer name far0; " \
            f"ip address add {HOST4}/24 dev wan0; ip link set wan0 up; ip link set far0 up; ip route add default via {OUTSIDE4}\n"
    try:
        # The outer shell keeps that host while the inner one becomes the container.
        process = subprocess.run(["unshare", "-n", "-m", "sh", "-c", "bash; exit $?"], input=begin + script, capture_output=True, text=True,
                                 timeout=30, check=False, env={**os.environ, "PATH": f"{mapping_mount()}:{os.environ['PATH']}"})
    finally:
        for folder, _, _ in os.walk("/sys/fs/cgroup", topdown=False):
            if identity in folder:
                os.rmdir(folder)
        run("rm", "-rf", *(f"{folder}/{identity}" for folder in (f"{DATA}/containers", f"{RUN}/containers", f"{RUN}/userns")))
    real = cli("run", "--rm", *line)
    left, right = (re.sub(r"[0-9a-f]{64}", "ID", text).strip().split("\n") for text in (process.stdout, real))
    expect(right[-1] == "end" and len(right) > 40, f"run said {real}")
    difference = [f"commanded {item}" for item in left if item not in right] + [f"run {item}" for item in right if item not in left]
    expect(not difference and process.returncode == 0, "\n".join([*difference[:15], process.stderr[:3000]]))


@case("the commands of --dry-run, given to bash, make the very container that run makes")
def whole():
    if not ours():
        return
    tools_image()
    twins(*FULL)
    twins("--hostname", "box", "-u", "nobody", "--group-add", "7", "--read-only", "--shm-size", "1m")


@case("given to bash they make one with an init, too")
def whole_init():
    if not ours():
        return
    tools_image()
    twins("--init", "--hostname", "box")
