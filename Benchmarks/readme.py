"""Puts the picture and the table of a run into README.md, between the markers of its section on `make bench`."""

import os
import re

PICTURE = "![median times of berth and of the reference plugins; the table below has the figures](docs/bench.svg)"
BEGIN, END = "<!-- bench:begin", "<!-- bench:end -->"


def sentence(source):
    return ("`make bench` runs both, interleaved, on the same lists and in private hosts, and prints times, memory and "
            f"ratios. Seen on\n{source} (medians):")


def insert(top, sentence, rows):
    """What follows the table in that section is written by hand and stays."""
    path = os.path.join(top, "README.md")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    head, begin, rest = text.partition(BEGIN)
    section, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{path} has no section between {BEGIN} … --> and {END}")
    marker, _, section = section.partition("\n")
    remarks = re.split(r"(?m)^\|.*\n(?!\|)", section)[-1]
    with open(path, "w", encoding="utf-8") as file:
        file.write(head + begin + marker + "\n" + sentence + "\n\n" + PICTURE + "\n\n" + rows + remarks + end + tail)
