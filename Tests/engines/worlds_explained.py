"""What berth explain says of a world before a packet is sent, held against the journey of one that is."""

import re
import subprocess

from private_host import Failed


def explained(berth, world):
    """(exit code, what was printed)"""
    # With the headers of IP and of UDP or ICMP.
    size = ["--size", str(len(world.payload) + 8 + (20 if world.version == 4 else 40))] if world.payload else []
    process = subprocess.run([berth, "explain", world.source, "to", world.destination, *size], capture_output=True, text=True,
                             timeout=60, check=False)
    if process.returncode not in (0, 10, 11, 12, 13):
        raise Failed(f"berth explain ended with {process.returncode}: {process.stderr}{process.stdout}")
    return process.returncode, process.stdout


def disagreement(said, journey, code):
    """Sentences; none when both agree on what becomes of the packet, and on the node where it ends."""
    expected, text = said
    # Lost at a place that the tracer does not know is dropped.
    code = 10 if code == 13 else code
    ends = {leg["dir"]: leg["end"] for leg in journey["legs"]}
    node = ends.get("forward", {}).get("ns")
    if expected != code:
        return [f"explain ended with {expected}, trace with {code} at {node}\n{text}{ends}"]
    place = re.search(r" at (\S+?)(,|$)", text.splitlines()[0])
    if code in (10, 12) and place and node and place[1] != node:
        return [f"explain ends at {place[1]}, trace at {node}\n{text}{ends}"]
    return []
