"""Accidents: lost namespaces, a killed daemon, a lost database; nothing may be left that nobody knows."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import private_host as host
from containerd_engine import PODS, TOP, Pod, collect, daemon, network
from containerd_engine import leases as leases_of
from private_host import HOST4, HOST6, Failed, nothing_left, run
from reach import expect, reaches, write
from suite import case


def leases():
    return leases_of(network(PODS))


def lose_namespace(pod):
    """Kills the pod's processes and removes its namespace, behind the engine's back."""
    processes = run("ip", "netns", "pids", os.path.basename(pod.namespace)).split()
    run("kill", "-KILL", *processes, check=False)  # with the first the second may have gone
    run("umount", pod.namespace)
    os.remove(pod.namespace)


@case("a pod whose namespace is gone before its DEL leaves nothing")
def namespace_gone():
    Pod("warm", [("tcp", 80, 8080)]).remove()
    before = host.state()
    pod = Pod("lost", [("tcp", 80, 8080), ("udp", 90, 8090)])
    lose_namespace(pod)
    pod.remove()
    nothing_left(before)


@case("containerd stops and starts again: its pods are reached meanwhile and after, and leave nothing when removed")
def restart():
    Pod("warm", [("tcp", 80, 8080)]).remove()
    before = host.state()
    pod = Pod("server", [("tcp", 80, 8080)])
    daemon.stop()
    reaches(pod, ("outside", "tcp", HOST4, 8080))
    daemon.start()
    daemon.use(network(PODS))
    reaches(pod, ("outside", "tcp", HOST4, 8080), ("host", "tcp", "127.0.0.1", 8080))
    pod.remove()
    nothing_left(before)


def many(names, first_port):
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda i: Pod(names[i], [("tcp", 80, first_port + i)]), range(len(names))))


@case("twenty pods outlive a kill -9 of containerd; ten lose their namespaces; started again, it removes all and nothing is left")
def killed():
    Pod("warm", [("tcp", 80, 8080)]).remove()
    before = host.state()
    pods = many([f"pod{i}" for i in range(20)], 8100)
    expect(len({pod.ip4 for pod in pods}) == 20 and len(leases()) == 40, f"twenty pods have the leases {leases()}")
    daemon.kill()
    for pod in pods[::2]:
        lose_namespace(pod)
    for i in (1, 11, 19):
        reaches(pods[i], ("outside", "tcp", HOST4, 8100 + i), ("host", "tcp", "127.0.0.1", 8100 + i))
    daemon.start()
    daemon.use(network(PODS))
    reaches(pods[19], ("outside", "tcp", HOST4, 8119))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(Pod.remove, pods))
    nothing_left(before)


@case("what containerd had begun when kill -9 met it is removed by itself and berth-cni gc, and the pods named to gc stay")
def killed_within():
    Pod("warm", [("tcp", 80, 8080)]).remove()
    before = host.state()
    pods = many([f"kept{i}" for i in range(4)], 8100)
    stands = set(leases())

    def begin(i):
        try:
            daemon.runtime.run_sandbox(f"half{i}", daemon.cgroup, [("tcp", 80, 8200 + i)], timeout=20)
        except Failed:
            return  # the daemon is killed under it
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(begin, i) for i in range(8)]
        deadline = time.monotonic() + 10
        while set(leases()) == stands and time.monotonic() < deadline:
            time.sleep(0.001)
        daemon.kill()
        for call in calls:
            call.result()
    expect(set(leases()) - stands, "no ADD had begun: this case proves nothing")
    daemon.start()
    daemon.use(network(PODS))
    for identifier in set(daemon.runtime.sandboxes()) - {pod.id for pod in pods}:
        daemon.runtime.stop_sandbox(identifier)
        daemon.runtime.remove_sandbox(identifier)
    collect(network(PODS)["name"], *[word for pod in pods for word in ("--keep", f"{pod.id}/eth0")])
    expect(set(leases()) == stands, f"after gc the leases are {leases()}, not those of the four pods: {sorted(stands)}")
    for i, pod in enumerate(pods):
        reaches(pod, ("outside", "tcp", HOST4, 8100 + i), ("host", "tcp", pod.ip6, 80))
        pod.remove()
    forget_namespaces(before)
    nothing_left(before, "after gc and removal")


def forget_namespaces(before):
    """Removes the namespaces that containerd made and forgot: they are its own, and no plugin's."""
    for name in host.state()["files"]:
        if name.startswith("/run/netns/") and name not in before["files"]:
            run("umount", name, check=False)  # a kill may have come before the mount
            os.remove(name)


@case("twenty pods that containerd lost with its database go with one berth-cni gc, and their ports are free again")
def database_lost():
    Pod("warm", [("tcp", 80, 8080)]).remove()
    before = host.state()
    many([f"lost{i}" for i in range(20)], 8100)
    daemon.kill()
    os.remove(f"{TOP}/root/io.containerd.metadata.v1.bolt/meta.db")
    daemon.start()
    daemon.import_image()
    daemon.use(network(PODS))
    expect(daemon.runtime.sandboxes() == [], "containerd still knows its pods")
    expect(len(leases()) == 40, f"the leases went by themselves ({leases()}): this case proves nothing")
    collect(network(PODS)["name"], "--all")
    # containerd attaches lo by a list of its own that stands in no file.
    loopback = f"{TOP}/loopback.conflist"
    write(loopback, json.dumps({"cniVersion": "1.1.0", "name": "cni-loopback", "plugins": [{"type": "loopback"}]}))
    collect(loopback, "--all")
    forget_namespaces(before)
    nothing_left(before, "after gc")
    reaches(Pod("again", [("tcp", 80, 8100)]), ("outside", "tcp", HOST4, 8100), ("outside", "tcp", HOST6, 8100))
