"""What the reference plugins leave behind for one attachment, so that many can be put in place at once.

A thousand real ADDs of theirs take five minutes on each variant of iptables. `fill` makes one attachment with the
plugins and sets the others up with one script: the same rules by iptables-restore, a link on the bridge and a lease
each. It holds its own idea of the rules of the real one against what the plugins made: a difference ends the run.
"""

import hashlib
import ipaddress
import json

from hosts import BRIDGE, NETWORK, SETTINGS, Attachment

SUBNET = SETTINGS["bridge"]["ipam"]["ranges"][0][0]["subnet"]
LEASES = f"/var/lib/cni/networks/{NETWORK}"


def chain_names(container):
    """The chains of one attachment for masquerading and for its published ports."""
    digest = hashlib.sha512((NETWORK + container).encode()).hexdigest()
    return f"CNI-{digest[:24]}", f"CNI-DN-{digest[:21]}"


def port_rules(attachment, address):
    """The rules of portmap in table nat."""
    chain, name = chain_names(attachment.container)[1], f'"dnat name: \\"{NETWORK}\\" id: \\"{attachment.container}\\""'
    ports = ",".join(str(mapping["hostPort"]) for mapping in attachment.mappings)
    lines = []
    for mapping in attachment.mappings:
        port = f"-m tcp --dport {mapping['hostPort']}"
        lines += [f"-A {chain} -s {SUBNET} -p tcp {port} -j CNI-HOSTPORT-SETMARK",
                  f"-A {chain} -s 127.0.0.1/32 -p tcp {port} -j CNI-HOSTPORT-SETMARK",
                  f"-A {chain} -p tcp {port} -j DNAT --to-destination {address}:{mapping['containerPort']}"]
    lines.append(f"-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment {name} -m multiport --dports {ports} -j {chain}")
    return lines


def masquerade_rules(attachment, address):
    """The rules of bridge in table nat."""
    chain = chain_names(attachment.container)[0]
    comment = f'-m comment --comment "name: \\"{NETWORK}\\" id: \\"{attachment.container}\\""'
    return [f"-A {chain} -d {SUBNET} {comment} -j ACCEPT", f"-A {chain} ! -d 224.0.0.0/4 {comment} -j MASQUERADE",
            f"-A POSTROUTING -s {address}/32 {comment} -j {chain}"]


def forward_rules(address):
    """The rules of firewall in table filter."""
    return [f"-A CNI-FORWARD -d {address}/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            f"-A CNI-FORWARD -s {address}/32 -j ACCEPT"]


def restore(nat, filters=()):
    """A shell's command that adds these rules, and the chains that stand in them, to those that stand."""
    chains = dict.fromkeys(rule.split()[1] for rule in nat)
    for shared in ("POSTROUTING", "CNI-HOSTPORT-DNAT"):
        chains.pop(shared, None)
    text = ["*nat", *(f":{chain} - [0:0]" for chain in chains), *nat, "COMMIT"]
    if filters:
        text += ["*filter", *filters, "COMMIT"]
    return "/run/bench/iptables-restore --noflush <<'RULES'\n" + "\n".join(text) + "\nRULES\n"


def address_of(host, attachment):
    """What the plugins gave an attachment."""
    return json.loads(host.results[attachment])["ips"][0]["address"].split("/")[0]


def check_rules(host, attachment):
    """The rules that a real ADD made are the ones that this file would make, in their order."""
    address = address_of(host, attachment)
    own = {*chain_names(attachment.container), f"{address}/32", attachment.container}
    stand = [line.strip() for line in host.script(
        "/run/bench/iptables-save | grep '^-A' | sed 's/$/\\v/'").split("\v")]
    made = [line for line in stand if any(name in line for name in own)]
    meant = port_rules(attachment, address) + masquerade_rules(attachment, address) + forward_rules(address)
    if sorted(made) != sorted(meant) or [r for r in made if r in forward_rules(address)] != forward_rules(address):
        raise SystemExit(f"{host.name}: the plugins made other rules than we put in for many attachments:\n"
                         + "\n".join(sorted(set(made) ^ set(meant))))


def link(index, attachment, address):
    """A shell's lines for the link of one attachment and its lease, as bridge and host-local leave them."""
    name, container = f"veth{index:08x}", f"nsenter --net={attachment.namespace} ip"
    gateway = next(ipaddress.ip_network(SUBNET).hosts())
    return [f"ip link add {name} mtu 1500 master {BRIDGE} up type veth peer name eth0 netns c{index}",
            f"{container} -batch - <<'IN'\nlink set eth0 up\naddress add {address}/16 dev eth0\n"
            f"route add default via {gateway}\nIN",
            f"ip link set {name} type bridge_slave hairpin on",
            f"printf '%s\\r\\n%s' {attachment.container} eth0 > {LEASES}/{address}"]


def fill(host, count):
    """`count` attachments of one published port that stay up: the plugins make the first, a script the others."""
    first = Attachment(1)
    host.add(first)
    check_rules(host, first)
    last = ipaddress.ip_address(address_of(host, first))
    lines, nat, filters = [], [], []
    for index in range(2, count + 1):
        attachment, last = Attachment(index), last + 1
        lines += link(index, attachment, last)
        nat += port_rules(attachment, last) + masquerade_rules(attachment, last)
        filters += forward_rules(last)
    if nat:
        lines += [f"printf {last} > {LEASES}/last_reserved_ip.0", restore(nat, filters)]
        host.script("\n".join(lines))
