"""Pods as a kubelet has them made: their network, their ports, their end."""

import json

import backends
import private_host as host
from containerd_engine import PODS, Pod, berth_cni, daemon, leases, network
from private_host import HOST4, HOST6, OUTSIDE4, OUTSIDE6, Failed, nothing_left, run
from reach import OutsideServer, ask, bridge_netfilter, expect, reaches, refused
from suite import case

RATES = {"kubernetes.io/ingress-bandwidth": "8M", "kubernetes.io/egress-bandwidth": "4M"}


@case("a pod has an address of each family, default routes, and reaches the outside under the host's addresses")
def pod_network():
    pod = Pod("plain")
    expect(len(pod.addresses("eth0")) == 2, f"eth0 has {pod.addresses('eth0')}")
    told, there = {pod.ip4, pod.ip6}, {one.split("/")[0] for one in pod.addresses("eth0")}
    expect(told == there, f"the runtime tells {told}, eth0 has {there}")
    expect(pod.links()["eth0"]["mtu"] == 1460, f"eth0 has the MTU {pod.links()['eth0']['mtu']}, not the list's 1460")
    expect("LOOPBACK,UP" in pod.command("ip", "link", "show", "lo"), "lo is not up")
    for family, gateway in (("-4", "10.244.1.1"), ("-6", "fd00:10:244:1::1")):
        routes = pod.command("ip", family, "route")
        expect(f"default via {gateway} dev eth0" in routes, f"no default route by {gateway}:\n{routes}")
        pod.command("ping", "-c1", "-W2", gateway)
    with OutsideServer("tcp/7000", "udp/7000"):
        for protocol in ("tcp", "udp"):
            for address, seen in ((OUTSIDE4, HOST4), (OUTSIDE6, HOST6)):
                answer = ask(pod, protocol, address, 7000)
                expect(answer == ["internet", seen], f"{protocol}: the outside saw {answer[1:]}, not {seen}")


@case("neighbour pods reach each other by their own addresses, in both families")
def neighbours():
    first, second = Pod("first"), Pod("second")
    for on in (True, False):
        bridge_netfilter(on)
        reaches(second, (first, "tcp", second.ip4, 80), (first, "udp", second.ip4, 90), (first, "tcp", second.ip6, 80))
        reaches(first, (second, "udp", first.ip6, 90), ("host", "tcp", first.ip4, 80), ("host", "tcp", first.ip6, 80))
        expect(ask(first, "tcp", second.ip4, 80)[1] == first.ip4, "a neighbour's address was rewritten")


@case("a pod's published port is reached from outside, host, neighbour pod and itself, by TCP and UDP in both families")
def publish():
    server = Pod("server", [("tcp", 80, 8080), ("udp", 90, 8090)])
    neighbour = Pod("neighbour")
    for on in (True, False):
        bridge_netfilter(on)
        reaches(server, *[(where, protocol, address, port)
                          for protocol, port in (("tcp", 8080), ("udp", 8090))
                          for where, addresses in (("outside", [HOST4, HOST6]), ("host", [HOST4, HOST6, "127.0.0.1"]),
                                                   (neighbour, [HOST4, HOST6, "10.244.1.1"]), (server, [HOST4, HOST6]))
                          for address in addresses])
    for address, client in ((HOST4, OUTSIDE4), (HOST6, OUTSIDE6)):
        seen = ask("outside", "tcp", address, 8080)[1]
        expect(seen == client, f"the pod sees {seen} as the outside client's address, not {client}")
    with OutsideServer("tcp/8080"):
        expect(ask(neighbour, "tcp", OUTSIDE4, 8080)[0] == "internet", "a neighbour's outward connection was taken")


@case("the rules of a pod stand in the packet filter that was asked for, and nowhere else")
def backend():
    pod = Pod("server", [("tcp", 80, 8080)])
    backends.stand(pod.ip4, pod.ip6, 80)


@case("a port published on one host address answers there alone")
def publish_address():
    server = Pod("server", [("tcp", 80, 8081, HOST4), ("tcp", 80, 8082, "127.0.0.1"), ("tcp", 80, 8083, HOST6)])
    reaches(server, ("outside", "tcp", HOST4, 8081), ("host", "tcp", "127.0.0.1", 8082), ("outside", "tcp", HOST6, 8083))
    for where, address, port in (("host", "127.0.0.1", 8081), ("outside", HOST4, 8082), ("outside", HOST4, 8083),
                                 ("outside", HOST6, 8081)):
        expect(refused(where, "tcp", address, port), f"{address} port {port} answers from {where}")


@case("a second pod that asks for a published port is refused with the holder's name, and the first is not disturbed")
def publish_conflict():
    first = Pod("first", [("tcp", 80, 8080)])
    before = host.state()
    try:
        Pod("second", [("tcp", 80, 8080)])
    except Failed as error:
        expect(first.id[:12] in str(error), f"the refusal does not name the holder:\n{error}")
    else:
        raise Failed("a second pod got the port of the first")
    nothing_left(before, "the refused pod left or took")
    reaches(first, ("outside", "tcp", HOST4, 8080))


@case("a pod's name servers and published ports reach the plugins as containerd writes them")
def capabilities():
    listed = network(PODS)
    listed["plugins"][0]["capabilities"] = {"dns": True}
    daemon.use(listed)
    pod = Pod("named", [("tcp", 80, 8080)], name_servers=[OUTSIDE4])
    with open(f"/var/lib/cni/results/{listed['name']}-{pod.id}-eth0") as file:
        cached = json.load(file)
    expect(cached["result"]["dns"].get("nameservers") == [OUTSIDE4], f"the result's dns is {cached['result']['dns']}")
    expect(cached["capabilityArgs"]["portMappings"][0].get("HostPort") == 8080,
           f"containerd writes {cached['capabilityArgs']}: this case proves nothing any more")
    reaches(pod, ("outside", "tcp", HOST4, 8080))


@case("berth-cni check reads containerd's cache: a pod is whole, and is not when its rules were flushed")
def check():
    pod = Pod("server", [("tcp", 80, 8080)])

    def checked():
        berth_cni("check", network(PODS)["name"], pod.namespace, CNI_CONTAINERID=pod.id)
    checked()
    backends.flush()
    try:
        checked()
    except Failed as error:
        expect('"code": 106' in str(error), f"the host is not told to differ:\n{error}")
    else:
        raise Failed("nothing is found missing after a flush")


@case("StopPodSandbox takes the network away, can be repeated, and RemovePodSandbox finds nothing more to do")
def stop():
    Pod("warm", [("tcp", 80, 8080)]).remove()
    before = host.state()
    pod = Pod("server", [("tcp", 80, 8080), ("udp", 90, 8090)])
    expect(leases(network(PODS)) and host.difference(before, host.state()), "there is no trace of the pod while it runs")
    pod.stop()
    nothing_left(before, "after StopPodSandbox")
    expect(refused("outside", "tcp", HOST4, 8080), "the port still answers")
    pod.stop()
    pod.remove()
    nothing_left(before)
    again = Pod("server", [("tcp", 80, 8080)])
    reaches(again, ("outside", "tcp", HOST4, 8080), ("host", "tcp", "127.0.0.1", 8080))


@case("a pod's bandwidth annotations stand in the kernel at the rates they name, and go with the pod")
def bandwidth():
    listed = network(PODS)
    listed["plugins"].append({"type": "bandwidth", "capabilities": {"bandwidth": True}})
    daemon.use(listed)
    Pod("warm", annotations=RATES).remove()
    before = host.state()
    pod = Pod("slow", annotations=RATES)
    kinds = {link["ifname"]: link.get("linkinfo", {}).get("info_kind") for link in json.loads(run("ip", "-j", "-d", "link"))}
    rates = {kinds[one["dev"]]: one["options"]["rate"] * 8 for one in json.loads(run("tc", "-j", "qdisc")) if one["kind"] == "tbf"}
    # What enters the pod leaves the host's end; what leaves it is led through a device of its own.
    expect(rates == {"veth": 8_000_000, "ifb": 4_000_000}, f"the token buckets of the host run at {rates} bit/s")
    reaches(pod, ("host", "tcp", pod.ip4, 80), ("host", "udp", pod.ip6, 90))
    pod.remove()
    nothing_left(before)
