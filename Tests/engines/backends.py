"""Which packet filter the plugins are asked to use, and where their rules then stand: there, and nowhere else."""

import os
import re
import shutil

import private_host as host
import suite
from private_host import Failed, run
from reach import expect

NAMES = ("nftables", "iptables-nft", "iptables-legacy")
KEYS = {"bridge": "ipMasqBackend", "ptp": "ipMasqBackend", "portmap": "backend", "firewall": "backend"}
ALTERNATIVES = "/etc/alternatives"
chosen = NAMES[0]


def add_option(parser):
    parser.add_argument("--backend", choices=NAMES, default=NAMES[0], help="the packet filter of every network")


def choose(name):
    """Makes it the backend of this host: for iptables the variant is what the host's `iptables` is."""
    global chosen
    chosen = name
    if name == "nftables":
        return
    links = {entry.name: os.readlink(entry.path) for entry in os.scandir(ALTERNATIVES) if entry.is_symlink()}
    run("mount", "-t", "tmpfs", "tmpfs", ALTERNATIVES)
    for link, target in links.items():
        if re.fullmatch(r"ip6?tables(-save|-restore)?", link):
            family, _, verb = link.partition("-")
            target = "/usr/sbin/" + "-".join(filter(None, (family, name.partition("-")[2], verb)))
        os.symlink(target, f"{ALTERNATIVES}/{link}")
    there = os.path.basename(os.path.realpath(shutil.which("iptables")))
    expect(there == {"iptables-nft": "xtables-nft-multi", "iptables-legacy": "xtables-legacy-multi"}[name],
           f"the host's iptables is {there}")


def keyed(network):
    """The same list with the backend's keys; for nftables as it is, for there they are not needed."""
    if chosen == "nftables":
        return network
    return {**network, "plugins": [{**one, KEYS[one["type"]]: "iptables"} if one["type"] in KEYS else one
                                   for one in network["plugins"]]}


def flush():
    """Takes all rules away, as another program's reload does."""
    run("nft", "flush", "ruleset")
    if chosen == "iptables-legacy":
        for program in ("iptables", "ip6tables"):
            for table in ("nat", "filter", "mangle", "raw"):
                run(f"{program}-legacy", "-w", "5", "-t", table, "-F")
                run(f"{program}-legacy", "-w", "5", "-t", table, "-X")


def rules():
    """The rules and elements of each backend, as text."""
    tables = re.findall(r"table (\w+) berth\b", run("nft", "list", "tables"))
    return {
        "nftables": "\n".join(run("nft", "list", "table", family, "berth") for family in tables),
        "iptables-nft": "\n".join(run(f"{program}-nft-save") for program in ("iptables", "ip6tables")),
        "iptables-legacy": "\n".join(host.legacy_rules()),
    }


def stand(address4, address6, port):
    """The container's published port and addresses stand in the chosen backend's rules and in no other's."""
    found = rules()
    for address in filter(None, (address4, address6)):
        for name, text in found.items():
            lines = [line.strip() for line in text.splitlines() if re.search(rf"(?<![\w.:]){re.escape(address)}(?![\w.])", line)]
            if name != chosen:
                expect(not lines, f"{address} has rules in {name}, not in {chosen} alone:\n" + "\n".join(lines))
                continue
            expect(lines, f"{address} has no rule in {chosen}")
            if name != "nftables":
                expect(any("CNI-DN-" in line and "DNAT" in line and f"dport {port}" in line for line in lines),
                       f"no rule of a chain CNI-DN-… leads port {port} to {address}:\n" + "\n".join(lines))
    for name, text in found.items():
        if name not in ("nftables", chosen):
            expect("CNI-" not in text, f"{name} has chains of the plugins, not {chosen} alone")
