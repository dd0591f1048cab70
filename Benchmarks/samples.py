"""Times by name, and the rounds that collect them for an ADD and a DEL on many hosts."""

import os
import random
import statistics
import time

from hosts import Attachment

SETTLE = 0.05  # seconds after a DEL: whatever it left to be done (a grace period, a detached child) is over


class Samples(dict):
    """Nanoseconds by name."""

    def note(self, name, value):
        self.setdefault(name, []).append(value)

    def median(self, name):
        return statistics.median(self[name]) if self.get(name) else None

    def minimum(self, name):
        return min(self[name]) if self.get(name) else None


def measure(hosts, samples, rounds, suffix=""):
    """Each round takes every host, so that a busy moment of the machine falls on all of them; in an order of its own, for what one's
    DEL leaves the kernel to do makes the next ADD up to 8 % slower."""
    one, before, orders = Attachment(0), set(samples), random.Random(1)

    def pair(name, add, delete):
        name += suffix
        added = add()
        time.sleep(SETTLE / 5)
        deleted = delete()
        time.sleep(SETTLE)
        for verb, operation in (("ADD", added), ("DEL", deleted)):
            samples.note(f"{name} {verb}", operation.took)
            samples.note(f"{name} {verb} on a processor", operation.cpu)
        return added, deleted

    for round_number in range(rounds + 1):
        for name, host in orders.sample(list(hosts.items()), len(hosts)):
            if host.is_floor:
                pair(name, lambda: host.floor("add", one), lambda: host.floor("del", one))
                continue
            added, deleted = pair(name, lambda: host.add(one), lambda: host.delete(one))
            samples.note(f"{name}{suffix} peak bytes", 1024 * max(added.peaks + deleted.peaks))
            samples.note(f"{name}{suffix} DEL portmap", deleted.steps[2])
            if host.runtime:
                pair(f"{name} in process", lambda: host.in_one_process("add", one),
                     lambda: host.in_one_process("del", one))
        if round_number == 0:
            for name in [name for name in samples if name not in before and not name.endswith("bytes")]:
                del samples[name]  # the first round makes bridges and tables and fills the page cache


def measure_at_once(hosts, samples, rounds, count):
    """The wall time of `count` ADDs at the same time, then of as many DELs; returns how many ADDs failed by name."""
    failures = dict.fromkeys(hosts, 0)
    for _ in range(rounds):
        for name, host in hosts.items():
            add, delete, failed = host.together([Attachment(i) for i in range(1, count + 1)])
            samples.note(f"{name} at once ADD", add)
            samples.note(f"{name} at once DEL", delete)
            failures[name] += len(failed)
            for operation in failed[:1]:
                print(f"{name}: of {count} ADDs at once {len(failed)} failed, one with: {operation.output[:300]}")
            time.sleep(SETTLE * 4)
    return failures


def read_anew(*programs):
    """The programs lie in the page cache as after one reading from front to back. Whether they were written, read or
    only run before makes a quarter of a start's time (the size of the folios), and would be a matter of chance."""
    for path in programs:
        with open(path, "rb", buffering=0) as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            while file.read(1 << 20):
                pass
