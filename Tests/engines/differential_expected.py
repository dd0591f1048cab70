"""Where the two rightly differ: every other difference is a failure, and so is an entry here that was not seen."""

from typing import NamedTuple

import backends


class Difference(NamedTuple):
    """Regular expressions of the scenario's sentence, of what differs, and of "the reference's value -> ours" as JSON."""

    scenario: str
    what: str
    values: str
    reason: str
    backends: tuple = backends.NAMES


EXPECTED = [
    Difference(
        "beside another bridge", r"stranger to (tcp|udp) [\d.]+ 80\d\d, .*", r'"nobody" -> "a sees 10\.\d+\.0\.1"',
        "The reference's policy same-bridge shuts out other networks' containers even from a port that is published for all the"
        " world. Ours lets published ports be reached; `publishedAcrossNetworks: false` shuts them."),
    Difference(
        "^ptp ", r"[ab]: route to .*", r'"(.*?) prefsrc \S+?((?: metric 1024)?)" -> "\1\2"',
        "The kernel chooses the same source by itself: the container's only address of the family."),
    Difference(
        "^ptp ", r"host: route to [\d.]+", r'"(.*) scope host" -> "\1 scope link"',
        "What lies behind a link is not on this host: the scope host is for local addresses."),
    Difference(
        "^portmap with masqAll", r"(host|outside) to (tcp|udp) \S+ 80\d\d, .*",
        r'"a sees (192\.0\.2|2001:db8:ff:)[.:][12]" -> "a sees (10\.60\.0|fd00:60:)[.:]1"',
        "Debian's version of the reference (1.1.1) does not know the key masqAll yet."),
    Difference(
        "^tuning ", r"host: (br60|the host's end of [ab])", r'(.*"mtu": )1500(, .*) -> (?:\1)1300\2',
        "The reference changes the MTU of the container's end alone, so that longer frames for it are dropped in silence."
        " Ours changes both ends, and the bridge follows its ports."),
]
