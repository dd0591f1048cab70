"""`ctr run --cni`: the network of a container that its engine forgets as soon as it has begun."""

import json
import subprocess
import time

import image
import private_host as host
import suite
from containerd_engine import CONTAINERS, SOCKET, collect, ctr, daemon, leases, network
from private_host import HOST4, HOST6, OUTSIDE4, OUTSIDE6, Failed, nothing_left, run
from reach import OutsideServer, ask, expect, reaches
from suite import case


class CtrRun:
    """`ctr run --cni` in the foreground: it gives the network and takes it away again."""

    def __init__(self, name):
        self.name = name
        self.process = subprocess.Popen(
            ["ctr", "--address", SOCKET, "run", "--rm", "--cni", "--cgroup", f"{daemon.cgroup}/{name}", image.REFERENCE,
             name, "/bin/talk", "serve", name, "tcp/80", "udp/90"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.lines = []
        while not self.lines or "serving" not in self.lines[-1]:
            line = self.process.stdout.readline()
            expect(line, f"ctr run ended: {''.join(self.lines)}")
            self.lines.append(line)
        self.pid = next(line.split()[1] for line in ctr("task", "ls").splitlines() if line.split()[0] == name)
        facts = json.loads(self.command("ip", "-j", "address", "show", "eth0"))[0]["addr_info"]
        addresses = {one["family"]: one["local"] for one in facts if one["scope"] == "global"}
        self.ip4, self.ip6 = addresses["inet"], addresses["inet6"]
        suite.known_names.update({f"default-{name}", self.ip4, self.ip6})

    def command(self, *words, **options):
        return run("nsenter", "-t", self.pid, "-n", *words, **options)

    def stop(self):
        ctr("task", "kill", "--signal", "SIGTERM", self.name)
        out, _ = self.process.communicate(timeout=20)
        expect(self.process.returncode == 0, f"ctr run ended with {self.process.returncode}: {out}")


@case("ctr run --cni gives a container addresses and routes; it is reached, stops, and nothing is left")
def ctr_run():
    daemon.use(network(CONTAINERS))
    CtrRun("warm").stop()
    before = host.state()
    box = CtrRun("box")
    expect("default via 10.88.0.1 dev eth0" in box.command("ip", "route"), "no default route by the gateway")
    expect("LOOPBACK,UP" in box.command("ip", "link", "show", "lo"), "lo is not up")
    reaches(box, ("host", "tcp", box.ip4, 80), ("host", "udp", box.ip4, 90), ("host", "tcp", box.ip6, 80))
    with OutsideServer("tcp/7000"):
        for address, seen in ((OUTSIDE4, HOST4), (OUTSIDE6, HOST6)):
            answer = ask(box, "tcp", address, 7000)
            expect(answer == ["internet", seen], f"the outside saw {answer[1:]}, not {seen}")
    expect(leases(network(CONTAINERS)), "there is no lease while the container runs")
    box.stop()
    nothing_left(before)


@case("a container whose ctr was killed is forgotten by its engine and collected by berth-cni gc")
def ctr_killed():
    daemon.use(network(CONTAINERS))
    CtrRun("warm").stop()
    before = host.state()
    box = CtrRun("orphan")
    box.process.kill()
    box.process.communicate()
    ctr("task", "kill", "--signal", "SIGKILL", box.name)
    for command in (("task", "rm"), ("container", "rm")):
        deadline = time.monotonic() + 10
        while True:
            try:
                ctr(*command, box.name)
                break
            except Failed:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
    expect(host.difference(before, host.state()), "the attachment went by itself: this case proves nothing")
    collect(network(CONTAINERS)["name"])
    nothing_left(before, "after gc")
