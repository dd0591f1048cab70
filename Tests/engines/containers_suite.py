"""What the suites of berth's containers have in common: their private host, the daemon with the image in it, and curl-like questions to it."""

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import time

import private_host as host
import runtime_engine as engine
import suite
from private_host import Failed, run
from runtime_engine import eventually  # for the suites, too


def main(description, seconds, prepare=None):
    """Runs the cases of the calling program in a host of their own; its exit code is theirs."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--only", help="only cases with this in their sentence or name")
    parser.add_argument("--verbose", action="store_true", help="what the daemon said, when a case fails")
    parser.add_argument("--seed", type=int, default=1, help="the seed of what is random")
    parser.add_argument(host.INSIDE, dest="outer", metavar="NAMESPACE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.outer:
        host.enter(seconds)
    host.inside(arguments.outer)
    os.makedirs("/run/engine", exist_ok=True)
    os.environ["HOME"] = "/run/engine"
    engine.client = "docker"
    if prepare:
        prepare(arguments)
    engine.start_daemon()
    run(*engine.clients["docker"], "load", "-i", os.path.join(host.REPOSITORY, "build/images/busybox.tar"))
    code = suite.run_cases(arguments.only, engine.remove_everything, engine.left_over)
    if code and arguments.verbose:
        print(daemon_log()[-6000:])
    engine.daemon.terminate()
    engine.daemon.wait(timeout=10)
    sys.exit(code)


def daemon_log():
    with open("/run/daemon.log", encoding="utf-8", errors="replace") as log:
        return log.read()


class Unix(http.client.HTTPConnection):
    """HTTP over the daemon's socket."""
    def __init__(self, timeout=10):
        super().__init__("berth", timeout=timeout)

    def connect(self):
        self.sock = connected(self.timeout)


def connected(timeout=10, tries=100):
    """A socket of the daemon's."""
    while True:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(timeout)
        try:
            client.connect(engine.SOCKET)
            return client
        except BlockingIOError:
            # Too many wait to be taken: a client without a timeout would wait here.
            client.close()
            tries -= 1
            if not tries:
                raise
            time.sleep(0.05)


def ask(method, path, body=None, timeout=20, kind="application/json"):
    """Status and body of one answer. A body that is no bytes is sent as JSON."""
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    connection = Unix(timeout)
    try:
        connection.request(method, path, body, {"Content-Type": kind} if body is not None else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def made(method, path, body=None, status=(200, 201, 204)):
    """The JSON of an answer that has to be good."""
    got, content = ask(method, path, body)
    if got not in status:
        raise Failed(f"{method} {path} answers {got}: {content[:300]}")
    return json.loads(content) if content.strip() else None


def program(*words, stdin=b"", timeout=30, **more):
    """What a program does with that on its standard input: the finished process, its output as bytes."""
    try:
        return subprocess.run(words, input=stdin, capture_output=True, timeout=timeout, check=False, **more)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{' '.join(words)}\n  did not end within {timeout} s; it said {error.stdout!r} {error.stderr!r}") from None


def threads():
    return len(os.listdir(f"/proc/{engine.daemon.pid}/task"))


def descriptors():
    """What the daemon has open: number and what it is."""
    found = {}
    for number in os.listdir(f"/proc/{engine.daemon.pid}/fd"):
        try:
            found[number] = os.readlink(f"/proc/{engine.daemon.pid}/fd/{number}")
        except OSError:
            continue
    return found


def memory():
    """Bytes of the daemon's resident memory."""
    with open(f"/proc/{engine.daemon.pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) << 10
