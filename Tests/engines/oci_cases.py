"""What a bundle asks for, and what the process inside is seen to have."""

import errno
import fcntl
import json
import os
import re
import signal
import subprocess
import time

import oci_bundle as oci
from oci_bundle import Bundle, Console, call, mount, quietly, read_terminal
from private_host import Failed
from reach import expect
from suite import case


@case("exit codes: the process's own, 128 and its signal, 126 and 127 as a shell's; nothing is left")
def exit_codes():
    for number, script in ((0, "exit 0"), (7, "exit 7"), (137, "exit 137")):
        Bundle(f"code{number}").shell(script, code=number)
    bundle = Bundle("killed", "sleep", "100").write()
    process = subprocess.Popen([oci.runtime, "--root", oci.ROOT, "run", "--bundle", bundle.path, bundle.id],
                               stdin=subprocess.DEVNULL)
    bundle.wait_status("running")
    call("kill", "killed", "9")
    expect(process.wait(timeout=10) == 137, f"a killed process ends run with {process.returncode}, not 137")


@case("a program that is not there is 127, one that cannot be executed 126, and both are said")
def not_executed():
    text = Bundle("nosuch", "nosuch").run(code=127)
    expect('exec: "nosuch": executable file not found in $PATH' in text, text)
    text = Bundle("nofile", "/bin/nofile").run(code=127)
    expect("no such file or directory" in text, text)
    bundle = Bundle("noexec", "/etc/plain")
    with open(f"{bundle.root}/etc/plain", "w") as file:
        file.write("x")
    text = bundle.run(code=126)
    expect("permission denied" in text, text)
    bundle = Bundle("badformat", "/etc/plain")
    with open(f"{bundle.root}/etc/plain", "w") as file:
        file.write("x")
    os.chmod(f"{bundle.root}/etc/plain", 0o755)
    text = bundle.run(code=126)
    expect("exec format error" in text, text)
    bundle = Bundle("late", "/etc/plain")
    with open(f"{bundle.root}/etc/plain", "w") as file:
        file.write("x")
    os.chmod(f"{bundle.root}/etc/plain", 0o755)
    bundle.create()
    _, err = bundle.start(code=126)
    expect("exec format error" in err, f"start says: {err}")
    bundle.wait_status("stopped")


@case("create, state, start, kill and delete go through the states of the specification")
def life():
    bundle = Bundle("life", "sleep", "100").create()
    state = bundle.state()
    expect(state["status"] == "created" and state["pid"] == bundle.pid and state["bundle"] == bundle.path
           and state["id"] == "life", f"{state}")
    # ociVersion and annotations are the bundle's.
    expect(state["ociVersion"].startswith("1."), f"{state}")
    expect(os.readlink(f"/proc/{bundle.pid}/exe").endswith("busybox") is False, "the program runs before start")
    bundle.start()
    expect(bundle.state()["status"] == "running", "not running after start")
    expect(os.readlink(f"/proc/{bundle.pid}/exe").endswith("busybox"), "the program does not run after start")
    _, err = bundle.start(code=1)
    expect("running" in err, err)
    _, err = call("delete", "life", code=1)
    expect("not stopped" in err, err)
    quietly("create", "--bundle", bundle.path, "life", code=1)
    expect("already exists" in oci.output(), oci.output())
    listed = json.loads(call("list", "--format", "json")[0])
    expect([one["id"] for one in listed] == ["life"], f"{listed}")
    expect("life" in call("list")[0] and call("list", "-q")[0].strip() == "life", "list does not show it")
    expect(json.loads(call("ps", "--format", "json", "life")[0]) == [bundle.pid], "ps does not show its process")
    expect("sleep 100" in call("ps", "life")[0], "the table of ps does not show its process")
    call("kill", "life", "SIGKILL")
    bundle.wait_status("stopped")
    _, err = call("kill", "life", "TERM", code=1)
    expect("not running" in err or "already finished" in err, err)
    call("delete", "life")
    call("state", "life", code=1)
    call("delete", "life", code=1)
    call("delete", "--force", "life")


@case("namespaces are the container's own, or those that it is told to join")
def namespaces():
    bundle = Bundle("ns1", "sleep", "100").create()
    kinds = ("pid", "net", "ipc", "uts", "mnt", "cgroup")
    link = {kind: os.readlink(f"/proc/{bundle.pid}/ns/{kind}") for kind in kinds}
    for kind in kinds:
        expect(link[kind] != os.readlink(f"/proc/self/ns/{kind}"), f"the {kind} namespace is the host's")
    bundle.start()
    joiner = Bundle("ns2")
    joined = {"network": "net", "ipc": "ipc", "uts": "uts", "pid": "pid"}
    for one in joiner.linux["namespaces"]:
        if one["type"] in joined:
            one["path"] = f"/proc/{bundle.pid}/ns/{joined[one['type']]}"
    del joiner.spec["hostname"]
    out = joiner.shell("for n in net ipc uts pid mnt; do readlink /proc/self/ns/$n; done; hostname; ps | grep -c 'sleep 100'")
    lines = out.split()
    expect(lines[:4] == [link[kind] for kind in ("net", "ipc", "uts", "pid")], f"{lines} instead of {link}")
    expect(lines[4] != link["mnt"] and lines[5] == "inside" and int(lines[6]) >= 1, out)
    host = Bundle("ns3")
    host.linux["namespaces"] = [{"type": "mount"}]
    del host.spec["hostname"]
    out = host.shell("readlink /proc/self/ns/net; readlink /proc/self/ns/pid")
    expect(out.split() == [os.readlink("/proc/self/ns/net"), os.readlink("/proc/self/ns/pid")], out)


@case("mounts: kinds, options, binds of files and directories, read-only, missing destinations made")
def mounts():
    bundle = Bundle("mounts")
    os.makedirs(f"{oci.TOP}/source/below")
    oci.host.run("mount", "-t", "tmpfs", "below", f"{oci.TOP}/source/below")
    try:
        with open(f"{oci.TOP}/source/file", "w") as file:
            file.write("content\n")
        with open(f"{oci.TOP}/source/below/deep", "w") as file:
            file.write("deep\n")
        bundle.spec["mounts"] += [
            mount("/made/here/dir", "bind", f"{oci.TOP}/source", "rbind", "ro"),
            mount("/made/file", "bind", f"{oci.TOP}/source/file", "bind", "ro", "noexec"),
            mount("/recursive", "bind", f"{oci.TOP}/source", "rbind", "rro"),
            mount("/alone", "bind", f"{oci.TOP}/source", "bind"),
            mount("/made/tmp", "tmpfs", "tmpfs", "size=1m", "mode=700", "noexec", "nosuid"),
            mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
        ]
        out = bundle.shell("""cat /made/file /made/here/dir/below/deep
            touch /made/here/dir/x 2>/dev/null || echo ro; touch /made/here/dir/below/x && echo rw-below
            touch /recursive/below/y 2>/dev/null || echo rro; ls /alone/below | wc -l
            grep -E ' /made/(tmp|file) ' /proc/mounts; stat -c %a /made/tmp; touch /alone/written; ls -d /dev/mqueue""")
        for line in ("content", "deep", "ro", "rw-below", "rro", "700", "/dev/mqueue"):
            expect(line in out.split("\n"), f"{line} is missing in:\n{out}")
        expect(re.search(r" /made/tmp tmpfs rw,nosuid,noexec,\S*size=1024k", out) and
               re.search(r" /made/file tmpfs ro,\S*noexec", out), out)
        expect(os.path.exists(f"{oci.TOP}/source/written"), "the bind is not the host's directory")
    finally:
        oci.host.run("umount", f"{oci.TOP}/source/below")
        oci.shutil.rmtree(f"{oci.TOP}/source")


@case("hostile images: no mount, device or working directory leads out of the root through a link")
def hostile():
    outside = f"{oci.TOP}/outside"
    os.makedirs(outside)
    try:
        for place, target in (("abs", outside), ("up", "../../../../../../../.." + outside), ("deep", "abs2/x")):
            bundle = Bundle(f"evil-{place}")
            os.symlink(target, f"{bundle.root}/link")
            os.symlink(outside, f"{bundle.root}/abs2")
            bundle.spec["mounts"] += [mount("/link/made/here", "tmpfs", "tmpfs"),
                                      mount("/link/file", "bind", "/etc/hostname", "bind")]
            bundle.linux["devices"] = [{"path": "/link/dev/null2", "type": "c", "major": 1, "minor": 3}]
            out = bundle.shell(f"ls /link/; grep -c /made/here /proc/mounts", code=None)
            expect(os.listdir(outside) == [], f"{place}: outside the root there is {os.listdir(outside)}")
            expect("made" in out, out)
        # Whole directories that are mounted over are links.
        bundle = Bundle("evil-dev")
        os.rmdir(f"{bundle.root}/dev")
        os.symlink(outside, f"{bundle.root}/dev")
        bundle.run(code=None)
        expect(os.listdir(outside) == [], f"/dev: outside the root there is {os.listdir(outside)}")
        for number in range(3, 12):
            bundle = Bundle(f"evil-cwd{number}")
            bundle.process["cwd"] = f"/proc/self/fd/{number}"
            text = bundle.shell("pwd; ls -di . ; ls ../../../../../etc/shadow", code=None)
            expect("shadow" not in text or "No such file" in text, f"cwd {number} leads out: {text}")
    finally:
        oci.shutil.rmtree(outside)


@case("the runtime's own file cannot be written from a container (CVE-2019-5736)")
def own_program():
    bundle = Bundle("exe", "sleep", "100").create()
    descriptor = os.open(f"/proc/{bundle.pid}/exe", os.O_RDONLY)
    bundle.start()
    try:
        # It no longer runs: only its mount keeps it from being written.
        os.close(os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY))
    except OSError as error:
        expect(error.errno == errno.EROFS, f"opening it for writing says {error}")
    else:
        raise Failed("the runtime's file opens for writing by /proc/PID/exe")
    finally:
        os.close(descriptor)
    bundle = Bundle("shebang", "/evil")
    with open(f"{bundle.root}/evil", "w") as file:
        file.write("#!/proc/self/exe\n")
    os.chmod(f"{bundle.root}/evil", 0o755)
    bundle.run(code=None)


@case("devices, masked and read-only paths, a read-only root")
def covers():
    bundle = Bundle("covers")
    bundle.spec["root"]["readonly"] = True
    bundle.linux["devices"] = [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 5, "gid": 6}]
    out = bundle.shell("""stat -c '%n %F %a %t:%T %u:%g' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/mine
        for n in fd stdin stdout stderr ptmx; do readlink /dev/$n; done
        touch /x 2>&1; (echo 1 >/proc/sys/kernel/panic) 2>&1; wc -c </proc/keys; test -z "$(ls /sys/firmware)" && echo empty; echo y >/dev/null && echo wrote""")
    for name, numbers in (("null", "1:3"), ("zero", "1:5"), ("full", "1:7"), ("random", "1:8"), ("urandom", "1:9"), ("tty", "5:0")):
        expect(f"/dev/{name} character special file 666 {numbers} 0:0" in out, f"{name}:\n{out}")
    expect("/dev/mine character special file 640 1:5 5:6" in out, out)
    expect("/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx" in out, out)
    expect(out.count("Read-only file system") >= 1, out)
    expect(out.rstrip().endswith("0\nempty\nwrote"), out)


@case("capabilities, no_new_privs, user, groups, umask and limits are what was asked for")
def rights():
    bundle = Bundle("rights")
    bundle.process.update(user={"uid": 1000, "gid": 1001, "additionalGids": [5, 6], "umask": 0o27},
                          rlimits=[{"type": "RLIMIT_NOFILE", "soft": 111, "hard": 222},
                                   {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}])
    bundle.process["capabilities"] = {
        "bounding": ["CAP_KILL", "CAP_NET_RAW", "CAP_CHOWN"], "permitted": ["CAP_KILL", "CAP_NET_RAW"],
        "effective": ["CAP_KILL"], "inheritable": ["CAP_KILL", "CAP_NET_RAW"], "ambient": ["CAP_NET_RAW"]}
    out = bundle.shell("grep -E '^(Uid|Gid|Groups|Umask|Cap|NoNew|Seccomp:)' /proc/self/status; "
                       "grep -E 'open files|core' /proc/self/limits; env")
    status = dict(re.findall(r"^(\w+):\s*(.*)$", out, re.MULTILINE))
    wanted = {"Uid": "1000 1000 1000 1000", "Gid": "1001 1001 1001 1001", "Groups": "5 6", "Umask": "0027",
              "CapInh": f"{1 << 5 | 1 << 13:016x}", "CapPrm": f"{1 << 13:016x}", "CapEff": f"{1 << 13:016x}",
              "CapBnd": f"{1 << 5 | 1 << 13 | 1:016x}", "CapAmb": f"{1 << 13:016x}", "NoNewPrivs": "1", "Seccomp": "0"}
    found = {key: re.sub(r"\s+", " ", status[key]).strip() for key in wanted}
    expect(found == wanted, f"{found}\ninstead of\n{wanted}")
    expect(re.search(r"open files +111 +222", out) and re.search(r"core file size +0 +0", out), out)
    expect("HOME=/" in out.split(), out)
    full = Bundle("full")
    full.process["noNewPrivileges"] = False
    names = ["CAP_SYS_ADMIN", "CAP_SYS_RESOURCE", "CAP_CHOWN"]
    full.process["capabilities"] = {kind: names for kind in ("bounding", "effective", "permitted")}
    out = full.shell("grep -E 'Cap(Prm|Eff)|NoNew' /proc/self/status")
    here = int(re.search(r"CapBnd:\s*(\w+)", open("/proc/self/status").read())[1], 16)
    expect(out.count(f"{(1 << 21 | 1 << 24 | 1) & here:016x}") == 2 and "NoNewPrivs:\t0" in out, out)


@case("seccomp answers with an errno, kills, passes unknown names over, and compares arguments")
def seccomp():
    def profile(*rules):
        return {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "syscalls": list(rules)}
    for privileged in (False, True):
        bundle = Bundle(f"sec{privileged}")
        bundle.process["noNewPrivileges"] = not privileged
        bundle.linux["seccomp"] = profile(
            {"names": ["mkdir", "mkdirat", "no_such_call"], "action": "SCMP_ACT_ERRNO"},
            {"names": ["sethostname"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
            {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28,
             "args": [{"index": 1, "value": 10, "op": "SCMP_CMP_EQ"}]})
        out = bundle.shell("grep Seccomp: /proc/self/status; mkdir /tmp/x 2>&1; kill -10 $$ 2>&1; kill -0 $$ && echo zero; true")
        expect("Seccomp:\t2" in out and "Operation not permitted" in out and "No space left" in out and "zero" in out, out)
    bundle = Bundle("seckill")
    bundle.linux["seccomp"] = profile({"names": ["mkdir"], "action": "SCMP_ACT_KILL_PROCESS"})
    bundle.shell("exec mkdir /tmp/x", code=128 + signal.SIGSYS)


@case("a terminal: the other end comes over the socket, it is the controlling one and /dev/console")
def terminal():
    bundle = Bundle("tty", "sh", "-c", "tty; stty size; test -c /dev/console && echo console; echo to >/dev/tty; read line; echo got $line")
    bundle.process.update(terminal=True, consoleSize={"height": 33, "width": 77})
    console = Console()
    bundle.create("--console-socket", console.path)
    descriptor = console.take()
    bundle.start()
    os.write(descriptor, b"word\n")
    text = read_terminal(descriptor, until="got word")
    for line in ("/dev/pts/0", "33 77", "console", "to", "got word"):
        expect(line in text.replace("\r", "").split("\n"), f"{line} is missing in {text!r}")
    os.close(descriptor)
    # In the foreground, on a terminal of our own.
    bundle = Bundle("tty2", "sh", "-c", "tty; read line; echo got $line; exit 5")
    bundle.process["terminal"] = True
    bundle.write()
    pid, descriptor = oci.pty.fork()
    if pid == 0:
        os.execv(oci.runtime, [oci.runtime, "--root", oci.ROOT, "run", "--bundle", bundle.path, bundle.id])
    text = read_terminal(descriptor, until="/dev/pts")
    os.write(descriptor, b"hello\n")
    text += read_terminal(descriptor)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    expect("got hello" in text and code == 5, f"{code}: {text!r}")


@case("exec: code, environment, user, file of a process, terminal, detached; what is not there is 127")
def execute():
    bundle = Bundle("ex", "sleep", "100").create()
    bundle.start()
    call("exec", "ex", "sh", "-c", "exit 9", code=9)
    out, _ = call("exec", "--env", "A=b", "--cwd", "/tmp", "--user", "7:8", "ex", "sh", "-c",
                  "echo $A $(pwd) $(id -u):$(id -g); readlink /proc/self/ns/pid; hostname; cat /proc/self/cgroup")
    expect(f"b /tmp 7:8\n{os.readlink(f'/proc/{bundle.pid}/ns/pid')}\ninside\n" in out, out)
    _, err = call("exec", "ex", "nosuch", code=127 if "runc" not in oci.runtime else 255)
    expect("executable file not found in $PATH" in err, err)
    call("exec", "ex", "/etc", code=126 if "runc" not in oci.runtime else 255)
    with open(f"{bundle.path}/process.json", "w") as file:
        json.dump({"args": ["sh", "-c", "id -u; grep CapEff /proc/self/status"], "cwd": "/", "env": [oci.PATH],
                   "user": {"uid": 0, "gid": 0}, "capabilities": {"bounding": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"],
                                                                  "permitted": ["CAP_CHOWN"]}}, file)
    out, _ = call("exec", "--process", f"{bundle.path}/process.json", "ex")
    expect(out.split() == ["0", "CapEff:", f"{1:016x}"], out)
    quietly("exec", "-d", "--pid-file", f"{bundle.path}/exec.pid", "ex", "sleep", "50")
    pid = int(open(f"{bundle.path}/exec.pid").read())
    expect(pid in json.loads(call("ps", "--format", "json", "ex")[0]), "ps does not show the detached process")
    console = Console()
    quietly("exec", "-d", "--tty", "--console-socket", console.path, "--pid-file", f"{bundle.path}/tty.pid", "ex",
            "sh", "-c", "tty; echo there; sleep 1")
    oci.orphans.update((pid, int(open(f"{bundle.path}/tty.pid").read())))
    text = read_terminal(console.take(), until="there")
    expect("/dev/pts/0" in text, text)
    call("kill", "ex", "KILL")
    bundle.wait_status("stopped")
    call("exec", "ex", "true", code=1 if "runc" not in oci.runtime else 255)


@case("hooks run in their order and place, with the state on standard input; a failing one undoes everything")
def hooks():
    bundle = Bundle("hooks", "sh", "-c", "echo program >>/log")
    log = f"{bundle.root}/log"
    open(log, "w").close()

    def hook(name, path="/bin/sh", place=log):
        # The path as seen in the runtime's namespaces, or in the container's.
        return {"path": path, "args": ["sh", "-c", f"echo {name} >>{place}; cat >>{place}.{name}"], "timeout": 5}
    bundle.spec["hooks"] = {name: [hook(name)] for name in ("prestart", "createRuntime", "createContainer", "poststart", "poststop")}
    bundle.spec["hooks"]["startContainer"] = [hook("startContainer", place="/log")]
    bundle.spec["hooks"]["poststop"] = [hook("poststop", place=f"{oci.TOP}/hooks.log")]
    bundle.create()
    expect(open(log).read().split() == ["prestart", "createRuntime", "createContainer"], open(log).read())
    state = json.loads(open(f"{log}.createRuntime").read())
    expect(state["id"] == "hooks" and state["pid"] == bundle.pid and state["bundle"] == bundle.path, f"{state}")
    bundle.start()
    bundle.wait_status("stopped")
    call("delete", "hooks")
    lines = open(log).read().split()
    expect(sorted(lines[3:]) == ["poststart", "program", "startContainer"] and lines[3] == "startContainer", f"{lines}")
    expect(open(f"{oci.TOP}/hooks.log").read().split() == ["poststop"], "poststop did not run")
    for name in ("prestart", "createRuntime", "createContainer", "startContainer"):
        bundle = Bundle(f"bad{name}")
        bundle.spec["hooks"] = {name: [{"path": "/bin/sh", "args": ["sh", "-c", "exit 3"]}]}
        text = bundle.run(code=1)
        expect("hook" in text and name[:5] in text or "runc" in oci.runtime, text)
        expect(not os.path.exists(f"{oci.ROOT}/{bundle.id}"), "the container is still there")
    bundle = Bundle("slow")
    bundle.spec["hooks"] = {"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "60"], "timeout": 1}]}
    begin = time.monotonic()
    bundle.run(code=1)
    expect(time.monotonic() - begin < 8, "the timeout of a hook does not hold")


@case("limits of a control group hold, are updated, and pause and resume do; a paused container is killed")
def groups():
    bundle = Bundle("groups", "sleep", "100")
    bundle.linux["resources"] = {"memory": {"limit": 33554432}, "pids": {"limit": 12}}
    bundle.create()
    bundle.start()
    top = "/sys/fs/cgroup"

    def value(controller, file):
        with open(f"{top}/{controller}{oci.cgroup}/groups/{file}") as opened:
            return opened.read().strip()
    expect(value("memory", "memory.limit_in_bytes") == "33554432" and value("pids", "pids.max") == "12", "the limits are not there")
    call("update", "--memory", "64m", "--pids-limit", "20", "groups")
    expect(value("memory", "memory.limit_in_bytes") == "67108864" and value("pids", "pids.max") == "20", "the update did not work")
    call("pause", "groups")
    expect(bundle.state()["status"] == "paused", "not paused")
    call("exec", "groups", "true", code=1 if "runc" not in oci.runtime else 255)
    call("resume", "groups")
    expect(bundle.state()["status"] == "running", "not running after resume")
    call("pause", "groups")
    call("kill", "groups", "KILL")
    bundle.wait_status("stopped")


@case("a user namespace maps root to somebody, who owns what is made and may do nothing outside")
def user_namespace():
    bundle = Bundle("userns")
    bundle.linux["namespaces"].append({"type": "user"})
    bundle.linux["uidMappings"] = bundle.linux["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    for folder, _, _ in os.walk(bundle.root):
        os.chown(folder, 100000, 100000)
    out = bundle.shell("id -u; cat /proc/self/uid_map; touch /tmp/mine; echo x >/dev/null && echo null; sleep 0; stat -c %t:%T /dev/zero")
    expect(re.match(r"0\n\s+0\s+100000\s+65536\nnull\n1:5\n", out), out)
    expect(os.stat(f"{bundle.root}/tmp/mine").st_uid == 100000, "the file's owner is not the mapped root")
    bundle.process["args"] = ["sleep", "100"]
    bundle.create().start()
    out, _ = call("exec", "--user", "5:6", bundle.id, "sh", "-c", "id -u; id -g; readlink /proc/self/ns/user; echo y >/dev/null && echo null")
    space = os.readlink(f"/proc/{bundle.pid}/ns/user")
    expect(out.split() == ["5", "6", space, "null"], out)
    # Another container joins it, and the network that it owns.
    other = Bundle("userns2")
    other.linux["namespaces"] = [{"type": kind} for kind in ("pid", "mount", "uts")] + [
        {"type": "user", "path": f"/proc/{bundle.pid}/ns/user"}, {"type": "network", "path": f"/proc/{bundle.pid}/ns/net"}]
    for folder, _, _ in os.walk(other.root):
        os.chown(folder, 100000, 100000)
    other.spec["mounts"] = [one for one in other.spec["mounts"] if one["type"] != "sysfs"]
    other.linux["maskedPaths"] = []
    out = other.shell("id -u; readlink /proc/self/ns/user; readlink /proc/self/ns/net; echo y >/dev/null && echo null; hostname")
    expect(out.split() == ["0", space, os.readlink(f"/proc/{bundle.pid}/ns/net"), "null", "inside"], out)
    # And its processes: the new one's number inside is not what the caller calls it.
    for entry in other.linux["namespaces"]:
        if entry["type"] == "pid":
            entry["path"] = f"/proc/{bundle.pid}/ns/pid"
    third = Bundle("userns3", "sleep", "100")
    third.linux["namespaces"] = other.linux["namespaces"]
    third.spec["mounts"] = other.spec["mounts"]
    third.linux["maskedPaths"] = []
    for folder, _, _ in os.walk(third.root):
        os.chown(folder, 100000, 100000)
    third.create().start()
    expect(os.readlink(f"/proc/{third.pid}/ns/pid") == os.readlink(f"/proc/{bundle.pid}/ns/pid"), "it has a pid namespace of its own")
    with open(f"/proc/{third.pid}/cmdline", "rb") as file:
        expect(file.read() == b"sleep\x00100\x00", "the pid is another process's")
    # The first of a pid namespace ends when all others in it have been waited for.
    call("delete", "--force", third.id)
    oci.orphans.add(third.pid)
    oci.reap()


@case("standard streams that are pipes are the process's user's: /dev/stdout opens by its name")
def stream_owner():
    bundle = Bundle("streams")
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    expect(bundle.shell("echo one >/dev/stdout; echo two >/dev/stderr; echo three >/proc/self/fd/1") == "one\nthree\n", "the pipe was not opened")
    bundle.process["user"] = {"uid": 0, "gid": 0}
    bundle.process["args"] = ["sleep", "100"]
    bundle.create().start()
    out, _ = call("exec", "--user", "7", bundle.id, "sh", "-c", "echo one >/dev/stdout")
    expect(out == "one\n", out)


@case("descriptors: none but the three streams, those that are preserved, and systemd's sockets with their count")
def descriptors():
    ends = os.pipe()
    reader, writer = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in ends)
    os.dup2(writer, 3)
    os.dup2(writer, 4)
    os.set_inheritable(3, True)
    try:
        script = "ls /proc/self/fd | wc -l; echo ${LISTEN_FDS:-none}; echo hello 2>/dev/null >&3 || echo closed"
        for flags, variables, wanted in (((), {}, "4\nnone\nclosed\n"), (("--preserve-fds", "1"), {}, "5\nnone\n"),
                                         ((), {"LISTEN_FDS": "1"}, "5\n1\n")):
            bundle = Bundle(f"fds{len(flags)}{len(variables)}", "sh", "-c", script)
            out = bundle.run(*flags, pass_fds=(3, 4), env={**os.environ, **variables})
            expect(out == wanted, f"{flags} {variables}: {out!r}")
        expect(os.read(reader, 100) == b"hello\nhello\n", "the descriptor is not the one that was preserved")
    finally:
        for number in {reader, writer, 3, 4, *ends}:
            os.close(number)


@case("without pivot_root, and without a mount namespace, the root is still the bundle's")
def other_roots():
    bundle = Bundle("nopivot")
    expect("busybox" in bundle.shell("ls /bin; test ! -e /usr || echo usr"), "no root")
    bundle.process["args"] = ["sh", "-c", "ls /; hostname"]
    out = bundle.run("--no-pivot")
    expect("bin" in out.split() and "usr" not in out.split(), out)
    bundle = Bundle("nomounts")
    bundle.spec["mounts"], bundle.linux["namespaces"] = [], [{"type": "pid"}]
    del bundle.spec["hostname"], bundle.linux["maskedPaths"], bundle.linux["readonlyPaths"]
    out = bundle.shell("ls /")
    expect("bin" in out.split() and "usr" not in out.split(), out)


@case("an error is one line on standard error, and a line of JSON in the log that was asked for")
def log():
    path = f"{oci.TOP}/log.json"
    process = subprocess.run([oci.runtime, "--root", oci.ROOT, "--log", path, "--log-format", "json", "state", "nobody"],
                             stderr=subprocess.PIPE, text=True)
    expect(process.returncode == 1 and process.stderr.count("\n") == 1, process.stderr)
    with open(path) as file:
        entry = json.loads(file.read())
    expect(entry["level"] == "error" and "does not exist" in entry["msg"] and entry["time"], f"{entry}")


@case("sysctls of the container's own namespaces are set; the host's are refused")
def sysctls():
    bundle = Bundle("sysctl")
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "4096"}
    before = open("/proc/sys/net/ipv4/ip_forward").read(), open("/proc/sys/kernel/msgmax").read()
    expect(bundle.shell("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax") == "1\n4096\n", "not set")
    expect(before == (open("/proc/sys/net/ipv4/ip_forward").read(), open("/proc/sys/kernel/msgmax").read()), "the host's changed")


@case("an impossible wish is a clear error before anything is made")
def impossible():
    def changed(function):
        bundle = Bundle("wish")
        function(bundle)
        return bundle
    wishes = [
        ("namespace", lambda b: b.linux["namespaces"].append({"type": "nosuch"}), "nosuch"),
        ("namespace twice", lambda b: b.linux["namespaces"].append({"type": "pid"}), "twice"),
        ("capability", lambda b: b.process["capabilities"]["bounding"].append("CAP_NOSUCH"), "CAP_NOSUCH"),
        ("root", lambda b: b.spec["root"].update(path="nowhere"), "nowhere"),
        ("hook", lambda b: b.spec.update(hooks={"prestart": [{"path": "relative"}]}), "absolute"),
        ("seccomp", lambda b: b.linux.update(seccomp={"defaultAction": "SCMP_ACT_NOSUCH"}), "SCMP_ACT_NOSUCH"),
        ("limit", lambda b: b.process.update(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2 ** 40}]), "RLIMIT_NOFILE"),
        ("limit's name", lambda b: b.process.update(rlimits=[{"type": "RLIMIT_X", "soft": 1, "hard": 1}]), "RLIMIT_X"),
        ("version", lambda b: b.spec.update(ociVersion="2.0.0"), "2.0.0"),
        ("cwd", lambda b: b.process.update(cwd="relative"), "absolute"),
        ("args", lambda b: b.process.update(args=[]), "args"),
        ("kind", lambda b: b.process.update(env="PATH"), "array"),
        ("sysctl", lambda b: b.linux.update(sysctl={"kernel.panic": "1"}), "kernel.panic"),
        ("bind", lambda b: b.spec["mounts"].append(mount("/x", "bind", "/no/such/source", "bind")), "/no/such/source"),
        ("joined", lambda b: b.linux["namespaces"].__setitem__(1, {"type": "network", "path": "/no/such/ns"}), "/no/such/ns"),
        ("proc", lambda b: b.spec["mounts"].append(mount("/tmp/../proc/self/attr", "tmpfs", "tmpfs")), "/proc"),
        ("terminal", lambda b: b.process.update(terminal=True), "console-socket"),
    ]
    for name, change, word in wishes:
        bundle = changed(change).write()
        text = quietly("create", "--bundle", bundle.path, bundle.id, code=1)
        expect(word in text and text.count("\n") == 1, f"{name}: {text}")
        expect(not os.path.exists(f"{oci.ROOT}/wish"), f"{name}: something was made")
        left = oci.leftovers()
        expect(not left, f"{name}: {left}")
        oci.clean_up()
    for name in ("../up", "a/b", "", ".", ".."):
        bundle = Bundle("sound").write()
        quietly("create", "--bundle", bundle.path, name, code=1)
        oci.clean_up()


@case("a maker that is killed at any moment leaves what delete --force takes away")
def killed_maker():
    for delay in (0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.010, 0.015):
        bundle = Bundle("half", "sleep", "100").write()
        process = subprocess.Popen([oci.runtime, "--root", oci.ROOT, "create", "--bundle", bundle.path, bundle.id],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        process.kill()
        process.wait()
        call("delete", "--force", "half")
        left = oci.leftovers()
        expect(not left, f"after {delay} s: {left}")
        oci.clean_up()
