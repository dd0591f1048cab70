"""A flow of datagrams through the lab's standard world while berth listens: what of it arrives, and what berth says it missed."""

import json
import os
import re
import select
import subprocess

RATE = 500  # packets a second: lab.md section 7

RECEIVER = """
import selectors, socket, time
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("", 9000))
tcp = socket.socket(); tcp.bind(("", 8080)); tcp.listen(64)
both = selectors.DefaultSelector()
both.register(udp, 1); both.register(tcp, 1)
print("up", flush=True)
seen, last = set(), None
while last is None or time.monotonic() < last + 1:
    for key, _ in both.select(0.2):
        if key.fileobj is tcp:
            tcp.accept()[0].close()
        else:
            seen.add(udp.recv(100)); last = time.monotonic()
print(len(seen))
"""
SENDER = """
import socket, sys, time
rate, count = int(sys.argv[1]), int(sys.argv[2])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("198.51.100.2", 9000))
begin = time.monotonic()
for number in range(count):
    time.sleep(max(0, begin + number / rate - time.monotonic()))
    s.send(number.to_bytes(8, "big") * 8)
print(time.monotonic() - begin)
"""
RULES = """
table ip published {
  chain pre { type nat hook prerouting priority -100
    udp dport 9000 dnat to 10.88.0.2:9000
    tcp dport 8080 dnat to 10.88.0.2:8080
  }
  chain forward { type filter hook forward priority 0; policy drop
    ct state established,related accept
    ct status dnat accept
  }
}
"""


class World:
    """The standard world with a published port of each protocol."""

    def __init__(self, berth):
        self.berth = berth

    def __enter__(self):
        subprocess.run([self.berth, "lab", "start", "standard"], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60)
        subprocess.run([*self.at("host"), "nft", "-f", "-"], input=RULES, text=True, check=True, timeout=60)
        return self

    def __exit__(self, *_):
        subprocess.run([self.berth, "lab", "stop"], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)

    def at(self, node):
        return [self.berth, "lab", "exec", node, "--"]

    def flow(self, seconds, beside=None):
        """Packets that were sent, that arrived, and what `beside` gives, which is called until it returns while they come."""
        receiver = subprocess.Popen([*self.at("web"), "python3", "-c", RECEIVER], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if not select.select([receiver.stdout], [], [], 20)[0] or receiver.stdout.readline() != "up\n":
            raise SystemExit("the receiver did not start")
        sender = subprocess.Popen([*self.at("client"), "python3", "-c", SENDER, str(RATE), str(RATE * seconds)], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True)
        told = beside(lambda: sender.poll() is None) if beside else None
        took = float(sender.communicate(timeout=seconds + 60)[0])
        if took > seconds * 1.25:
            raise SystemExit(f"{RATE * seconds} packets took {took:.1f} s: this machine is too busy to send {RATE} a second")
        return RATE * seconds, int(receiver.communicate(timeout=60)[0].split()[-1]), told

    # What listens meanwhile; each gives (what it told of, events lost, in words).

    def traces(self, goes_on):
        """Traces one after the other: each listens to all devices and chains of all nodes."""
        count = lost = 0
        while goes_on():
            text = subprocess.run([self.berth, "trace", "from", "client", "to", "198.51.100.2:8080", "--count", "5", "--view", "json"],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=60).stdout
            while text.strip():
                journey, end = json.JSONDecoder().raw_decode(text.lstrip())
                text = text.lstrip()[end:]
                count, lost = count + 1, lost + journey["lost_events"]
        return count, lost, f"{count} traces"

    def capture(self, goes_on):
        """A capture of the flow at host."""
        path = "/run/flow.pcapng"
        child = subprocess.Popen([self.berth, "capture", "host", "udp port 9000", "-w", path], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while goes_on():
            select.select([], [], [], 0.1)
        select.select([], [], [], 0.5)
        child.terminate()
        words = child.communicate(timeout=20)[1]
        os.unlink(path)
        return self.ending(words, r"(\d+) packets?")

    def watch(self, seconds):
        """Gives what watches: the tables tell of every datagram, the first of the flow is a journey."""
        def beside(_):
            words = subprocess.run([self.berth, "trace", "watch", "udp port 9000", "--view", "json",
                                    "--for", f"{seconds + 1}s"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True, check=True, timeout=seconds + 60).stderr
            return self.ending(words, r"(\d+) journeys?")
        return beside

    @staticmethod
    def ending(words, pattern):
        last = words.strip().splitlines()[-1] if words.strip() else ""
        count = re.search(pattern, last)
        lost = re.search(r"(\d+) (?:events )?lost", last)
        if not count or not lost and not re.search(r"\bno(ne| events) lost", last):
            raise SystemExit(f"it does not say what it saw: {words!r}")
        return int(count[1]), int(lost[1]) if lost else 0, last
