"""What a host looks like with a scenario's containers on it, as one flat table: "what": value."""

import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import private_host as host
from private_host import HOST4, HOST6, OUTSIDE4, OUTSIDE6, Failed, run
from reach import TALK, ask, bridge_netfilter, write

NETWORKS = "/etc/cni/net.d"


class Box:
    """A container: a named namespace with talk in it."""

    def __init__(self, name, network, ports=()):
        self.name, self.network, self.ports = name, network, ports
        run("ip", "netns", "add", name)
        self.result = json.loads(self.attach("add"))
        self.server = subprocess.Popen(
            ["ip", "netns", "exec", name, TALK, "serve", name, "tcp/80", "udp/90"], stdout=subprocess.PIPE, text=True)
        self.server.stdout.readline()

    def attach(self, verb):
        """An operation through the runner, which executes whatever plugins CNI_PATH has."""
        write(f"{NETWORKS}/{self.network['name']}.conflist", json.dumps(self.network))
        return run(f"{host.REPOSITORY}/build/bin/berth-cni", verb, self.network["name"], f"/run/netns/{self.name}", env={
            **os.environ, "NETCONFPATH": NETWORKS, "CNI_CONTAINERID": self.name,
            "CAP_ARGS": json.dumps({"portMappings": self.ports} if self.ports else {})})

    def detach(self):
        self.server.kill()
        self.server.wait()
        self.attach("del")
        run("ip", "netns", "delete", self.name)

    def command(self, *words, **options):
        return run("ip", "netns", "exec", self.name, *words, **options)

    def addresses(self):
        """Of eth0, without the link-local ones."""
        found = json.loads(self.command("ip", "-j", "address", "show", "eth0"))[0]["addr_info"]
        return [one for one in found if one["scope"] == "global"]


def settled(boxes):
    """Waits until no address of a family is tentative any more: what reaches whom later is compared, not when."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        texts = [run("ip", "address", "show", "tentative")] + [box.command("ip", "address", "show", "tentative") for box in boxes]
        if not any(texts):
            return
        time.sleep(0.05)


def bridges_down():
    """Waits until the kernel says of bridges without ports that they are down, which it does within a second."""
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline and run("ip", "-br", "link", "show", "type", "bridge", "up").count(" UP "):
        time.sleep(0.05)


# ---- links, addresses, routes, files

def link_facts(link):
    """What is compared of a link: no index, no hardware address, no name of a veth."""
    information = link.get("linkinfo", {})
    port = information.get("info_slave_data", {})
    return {
        "kind": information.get("info_kind"), "mtu": link["mtu"], "state": link["operstate"], "master": link.get("master"),
        "up": "UP" in link["flags"], "promiscuous": link.get("promiscuity", 0) > 0 and information.get("info_kind") == "bridge",
        "hairpin": port.get("hairpin"), "isolated": port.get("isolated"),
        "addresses": sorted(f"{one['local']}/{one['prefixlen']} {one['scope']}" for one in link["addr_info"]
                            if one["scope"] != "link"),
    }


def routes(whose, command, names):
    """The routes of both families by their destination, veths called by their container."""
    table = {}
    for family in ("-4", "-6"):
        for one in json.loads(command("ip", "-j", family, "route", "show", "table", "main") or "[]"):
            if one["dst"] in ("fe80::/64", "ff00::/8", "multicast ff00::/8"):
                continue
            one["dev"] = names.get(one.get("dev"), one.get("dev"))
            text = " ".join(f"{key} {one[key]}" for key in ("gateway", "dev", "scope", "prefsrc", "metric", "protocol") if key in one)
            what = f"{whose}: route to {one['dst']}{' of IPv6' if family == '-6' and one['dst'] == 'default' else ''}"
            table[what] = "; ".join(sorted([*table.get(what, "").split("; "), text] if what in table else [text]))
    return table


def links_and_routes(boxes):
    table, names = {}, {}
    here = json.loads(run("ip", "-j", "-d", "address"))
    for box in boxes:
        inner = json.loads(box.command("ip", "-j", "-d", "address", "show", "eth0"))[0]
        table[f"{box.name}: eth0"] = link_facts(inner)
        outer = next(link for link in here if link["ifindex"] == inner["link_index"])
        names[outer["ifname"]] = f"the host's end of {box.name}"
        table.update(routes(box.name, box.command, {}))
        table[f"{box.name}: rp_filter"] = box.command("cat", "/proc/sys/net/ipv4/conf/eth0/rp_filter")
    for link in here:
        if link["ifname"] not in ("lo", "wan0"):
            table[f"host: {names.get(link['ifname'], link['ifname'])}"] = link_facts(link)
    table.update(routes("host", run, names))
    for name in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
        with open(f"/proc/sys/{name}") as file:
            table[f"host: {name}"] = file.read().strip()
    return table


def leases():
    table = {}
    for network in sorted(os.listdir("/var/lib/cni/networks")) if os.path.isdir("/var/lib/cni/networks") else []:
        folder = f"/var/lib/cni/networks/{network}"
        for name in sorted(os.listdir(folder)) if not network.startswith(".") else []:
            if name != "lock" and os.path.isfile(f"{folder}/{name}"):
                with open(f"{folder}/{name}", newline="") as file:
                    table[f"lease {network}/{name}"] = file.read()
    return table


def result_facts(result):
    """A result without names of veths and hardware addresses."""
    interfaces = [("veth" if one["name"].startswith("veth") else one["name"]) + (" inside" if one.get("sandbox") else "")
                  for one in result["interfaces"]]
    return {"version": result["cniVersion"], "interfaces": interfaces, "ips": result.get("ips"), "routes": result.get("routes"),
            "dns": result.get("dns", {})}


# ---- who reaches whom

def ways(a, boxes):
    """(name, who asks, protocol, address, port) for every pair that is compared."""
    addresses = {one["local"] for one in a.addresses()}
    gateways = {ip["gateway"] for ip in a.result["ips"] if ip.get("gateway")}
    for where in ["outside", "host", *boxes]:
        targets = [(protocol, one, port) for one in addresses for protocol, port in (("tcp", 80), ("udp", 90), ("icmp", 0))]
        here = [HOST4, HOST6, *gateways] + (["127.0.0.1", "::1"] if where == "host" else [])
        if a.ports:
            targets += [(protocol, one, port) for one in here for protocol, port in (("tcp", 8080), ("udp", 8090))]
            targets += [("tcp", one, port["hostPort"]) for port in a.ports if "hostIP" in port for one in here]
        targets += [("icmp", one, 0) for one in (HOST4, HOST6)]
        if where not in ("outside", "host"):
            targets += [(protocol, one, port) for one in (OUTSIDE4, OUTSIDE6)
                        for protocol, port in (("tcp", 8080), ("udp", 8090), ("icmp", 0))]
        yield from ((where, *target) for target in targets)


def asked(where, protocol, address, port):
    """"a sees 10.1.0.1": who answered and whom it saw; "nobody" when nothing does."""
    try:
        if protocol != "icmp":
            return " sees ".join(ask(where, protocol, address, port))
        words = ["ping", "-c1", "-W1", address]
        if where == "outside":
            run("ip", "netns", "exec", "outside", *words, timeout=10)
        else:
            run(*words, timeout=10) if where == "host" else where.command(*words, timeout=10)
        return "answers"
    except Failed:
        return "nobody"


def matrix(a, boxes):
    todo, table = sorted(set(ways(a, boxes)), key=str), {}
    for _ in range(2):  # what does not answer is asked again: one lost packet is no difference
        with ThreadPoolExecutor(24) as pool:
            table.update(zip(todo, pool.map(lambda way: asked(*way), todo)))
        todo = [way for way in todo if table[way] == "nobody"]
    return {f"{getattr(where, 'name', where)} to {protocol} {address} {port or ''}".strip(): answer
            for (where, protocol, address, port), answer in table.items()}


def observe(scenario):
    """Attaches the scenario's containers, looks, and takes them away again."""
    os.makedirs(NETWORKS, exist_ok=True)
    run("ip", "-n", "outside", "route", "add", "default", "via", HOST4)
    run("ip", "-n", "outside", "route", "add", "default", "via", HOST6)
    a = Box("a", scenario.network, scenario.ports)
    boxes = [a, Box("b", scenario.network)] + ([Box("stranger", scenario.stranger)] if scenario.stranger else [])
    settled(boxes)
    table = links_and_routes(boxes)
    for box in boxes:
        table[f"{box.name}: result"] = result_facts(box.result)
    table.update(leases())
    server = subprocess.Popen(["ip", "netns", "exec", "outside", TALK, "serve", "internet", "tcp/8080", "udp/8090"],
                              stdout=subprocess.PIPE, text=True)
    server.stdout.readline()
    for on in (True, False):
        bridge_netfilter(on)
        state = "with" if on else "without"
        table.update({f"{way}, {state} bridge netfilter": answer for way, answer in matrix(a, boxes).items()})
    server.kill()
    server.wait()
    for box in reversed(boxes):
        box.detach()
    bridges_down()
    table.update({f"after DEL: {what}": value for what, value in {**links_and_routes([]), **leases()}.items()})
    return table
