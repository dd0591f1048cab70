"""Who reaches whom: the questions of every engine's test, asked by talk.c from a container, the host or outside."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

from private_host import Failed, run

TALK = "/run/engine/talk"


def expect(condition, text):
    if not condition:
        raise Failed(text)


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def ask(where, protocol, address, port, own_port=0):
    """Asks a port from `where` (a container or pod, "outside" or "host"); returns the answering name and whom it saw."""
    words = [TALK, "ask", protocol, address, str(port), str(own_port)]
    if where == "outside":
        answer = run("ip", "netns", "exec", "outside", *words, timeout=10)
    elif where == "host":
        answer = run(*words, timeout=10)
    else:
        answer = where.command(*words, timeout=10)
    return answer.split()


def refused(where, protocol, address, port):
    """True when nothing answers there."""
    try:
        ask(where, protocol, address, port)
    except Failed:
        return True
    return False


def reaches(target, *ways):
    """Every way (where, protocol, address, port) leads to the container; all that do not are named."""
    def one(way):
        try:
            answer = ask(*way)
        except Failed as error:
            return f"{label(way)}: {str(error).splitlines()[-1].strip(' |')}"
        return None if answer[0] == target.name else f"{label(way)}: {answer[0]} answered instead"
    with ThreadPoolExecutor(8) as pool:
        wrong = [text for text in pool.map(one, ways) if text]
    expect(not wrong, f"{target.name} is not reached:\n" + "\n".join("  " + text for text in wrong))


def label(way):
    where, protocol, address, port = way
    return f"from {getattr(where, 'name', where)} by {protocol} {address} port {port}"


def bridge_netfilter(on):
    """Whether bridged packets pass the IP hooks, as on a host with br_netfilter loaded, or not."""
    for name in ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables"):
        path = f"/proc/sys/net/bridge/{name}"
        if os.path.exists(path):
            write(path, "1" if on else "0")


class OutsideServer:
    """A server on the outside machine that tells who came."""

    def __init__(self, *ports):
        self.ports = ports

    def __enter__(self):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", "outside", TALK, "serve", "internet", *self.ports], stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
