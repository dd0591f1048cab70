"""What the random operations on containers believe to be so: of all clients, and of one container."""

import collections
import threading
import time

SLOTS = 2  # containers of one client
ROUNDS = 4
SHARED_NETWORK, SHARED_VOLUME, SHARED_CONTAINER = "commons", "commons", "commons"
ALIVE = ("running", "paused")


class Model:
    """What all clients share."""

    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.failures, self.counts = [], collections.Counter()
        self.deadline = time.monotonic() + options.seconds
        self.chaos = None  # who kills the daemon
        self.isCalm = threading.Event()  # no kill of the daemon's from here on

    def fail(self, text):
        with self.lock:
            self.failures.append(text)

    def count(self, name):
        with self.lock:
            self.counts[name] += 1


class Slot:
    """One container of a client, as the client knows it to be."""

    def __init__(self, client, number):
        self.number, self.port = number, 20000 + client * SLOTS * 2 + number * 2
        self.base = f"c{client}-{number}"
        self.forget()

    def forget(self):
        self.id, self.name, self.status, self.codes = None, self.base, "absent", None
        self.kind = self.policy = self.mode = None
        self.networks, self.ports, self.firstPorts = set(), set(), set()
        self.memory, self.starts, self.volume, self.renames = 64 << 20, 0, None, 0

    def __str__(self):
        return f"{self.name} ({self.status}, {self.kind}, policy {self.policy}, {self.mode}, {(self.id or '')[:12]})"
