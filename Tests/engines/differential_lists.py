"""The lists that are run through both sets of plugins, each with the containers that it gets."""

import copy
import json

import private_host as host


class Scenario:
    """A sentence, its network, what is published of container `a`, and a further network with a container `stranger`."""

    def __init__(self, sentence, network, ports=(), stranger=None):
        self.sentence, self.network, self.ports, self.stranger = sentence, network, list(ports), stranger


def example(name, *without):
    """A list of examples/, without the keys of ours that the reference does not know."""
    with open(f"{host.REPOSITORY}/examples/{name}.conflist") as file:
        network = json.load(file)
    network["plugins"] = [{key: value for key, value in one.items() if key not in without} for one in network["plugins"]]
    return network


def addresses(number, dual, kind="host-local", routes=True):
    ranges = [[{"subnet": f"10.{number}.0.0/24"}]] + ([[{"subnet": f"fd00:{number}::/64"}]] if dual else [])
    out = [{"dst": "0.0.0.0/0"}] + ([{"dst": "::/0"}] if dual else [])
    return {"type": kind, "ranges": ranges, **({"routes": out} if routes else {})}


def bridged(*more, number=60, dual=False, version="1.0.0", routes=True, **keys):
    """A bridge with a gateway and the plugins after it; `keys` are the bridge's own."""
    bridge = {"type": "bridge", "bridge": f"br{number}", "isGateway": True, "ipMasq": True,
              "ipam": addresses(number, dual, routes=routes), **keys}
    return {"cniVersion": version, "name": f"net{number}", "plugins": [bridge, *more]}


def routed(*more, dual=False, **keys):
    cable = {"type": "ptp", "ipMasq": True, "ipam": addresses(61, dual), **keys}
    return {"cniVersion": "1.0.0", "name": "net61", "plugins": [cable, *more]}


def portmap(**keys):
    return {"type": "portmap", "capabilities": {"portMappings": True}, **keys}


def firewall(**keys):
    return {"type": "firewall", **keys}


def published(*hosts):
    """tcp/80 and udp/90 on every address of the host, and tcp/80 on each address that is named."""
    ports = [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
             {"hostPort": 8090, "containerPort": 90, "protocol": "udp"}]
    return ports + [{"hostPort": 8081 + i, "containerPort": 80, "protocol": "tcp", "hostIP": one} for i, one in enumerate(hosts)]


V4 = published(host.HOST4, "127.0.0.1")
V6 = published(host.HOST4, "127.0.0.1", host.HOST6)
STRANGER = bridged(portmap(), firewall(ingressPolicy="same-bridge"), number=62)
STATIC = {"type": "static", "addresses": [{"address": "10.63.0.9/24", "gateway": "10.63.0.1"}], "routes": [{"dst": "0.0.0.0/0"}]}

SCENARIOS = [
    Scenario("podman's default network", example("87-podman-bridge"), V4),
    Scenario("containerd's default network", example("10-containerd-net"), V6),
    Scenario("nerdctl's default network, beside another bridge", example("nerdctl-bridge"), V4, STRANGER),
    Scenario("a dual stack network of kubernetes", example("kubernetes-dual-stack", "noMasqTo"), V6),
    Scenario("ptp with masquerade, ports and firewall, dual stack", routed(portmap(), firewall(), dual=True), V6),
    Scenario("ptp without masquerade", routed(portmap(), ipMasq=False), V4),
    Scenario("ptp with an MTU of its own and nothing after it", routed(mtu=1400)),
    Scenario("a bridge with neither hairpin nor masquerade", bridged(portmap(), hairpinMode=False, ipMasq=False), V4),
    Scenario("a bridge with hairpin and without masquerade, dual stack",
             bridged(portmap(), hairpinMode=True, ipMasq=False, dual=True), V6),
    Scenario("a bridge with masquerade and without hairpin", bridged(portmap(), hairpinMode=False), V4),
    Scenario("a bridge that is the default gateway, dual stack, without routes of its own",
             bridged(portmap(), isGateway=False, isDefaultGateway=True, hairpinMode=True, dual=True, routes=False), V6),
    Scenario("a bridge without a gateway", bridged(isGateway=False, ipMasq=False)),
    Scenario("a promiscuous bridge of MTU 1400", bridged(portmap(), promiscMode=True, mtu=1400), V4),
    Scenario("portmap without snat", bridged(portmap(snat=False), hairpinMode=True), V4),
    Scenario("portmap with masqAll, dual stack", bridged(portmap(masqAll=True), hairpinMode=True, dual=True), V6),
    Scenario("portmap with a mark bit of its own", bridged(portmap(markMasqBit=5), hairpinMode=True), V4),
    Scenario("firewall with the policy same-bridge, beside another bridge",
             bridged(portmap(), firewall(ingressPolicy="same-bridge"), hairpinMode=True), V4, STRANGER),
    Scenario("firewall with the policy open, beside another bridge",
             bridged(portmap(), firewall(ingressPolicy="open"), hairpinMode=True), V4, bridged(firewall(), number=62)),
    Scenario("tuning of a sysctl and the MTU",
             bridged({"type": "tuning", "sysctl": {"net.ipv4.conf.eth0.rp_filter": "2"}, "mtu": 1300})),
    Scenario("a list of version 0.3.1 with host-local's single range",
             bridged(portmap(), version="0.3.1", hairpinMode=True,
                     ipam={"type": "host-local", "subnet": "10.60.0.0/24", "rangeStart": "10.60.0.20", "rangeEnd": "10.60.0.30",
                           "gateway": "10.60.0.5", "routes": [{"dst": "0.0.0.0/0"}, {"dst": "203.0.113.0/24", "gw": "10.60.0.5"}]}),
             V4),
]


def with_keys(scenario, keyed):
    """The scenario with its networks changed by a function."""
    changed = copy.copy(scenario)
    changed.network, changed.stranger = keyed(scenario.network), scenario.stranger and keyed(scenario.stranger)
    return changed
