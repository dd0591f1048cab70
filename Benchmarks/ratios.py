"""What `make bench` claims: the lines of the table, each a figure against another and the most that it may be of it."""

from rows import megabytes, plain_row, row

NFT, LEGACY = "iptables-nft", "iptables-legacy"
THEIRS = {NFT: "reference", LEGACY: f"reference, {LEGACY}"}  # hosts of the reference by variant


def single(samples):
    """One attachment, on each backend."""
    add = row(samples, "ADD, against the reference", "ours ADD", "reference ADD", 1 / 12, "ADD")
    one = row(samples, "ADD in one process (`berth-cni`), against the reference", "ours in process ADD",
              "reference ADD", 1 / 25, "ADD, one process")
    floor = row(samples, "ADD in one process, against the floor's process", "ours in process ADD", "floor ADD", 2)
    rows = [add, one, floor]
    for kind, limit in ((NFT, 1 / 5), (LEGACY, 1 / 6)):
        rows += [row(samples, f"ADD on {kind}, against the reference's on the same", f"ours, {kind} ADD",
                     f"{THEIRS[kind]} ADD", limit, f"ADD, {kind}"),
                 row(samples, f"ADD in one process on {kind}, against the same", f"ours, {kind} in process ADD",
                     f"{THEIRS[kind]} ADD", None)]
    return rows


def loaded(samples, count):
    """One attachment beside many that are up."""
    rows = [row(samples, f"{verb} with {count:,} attachments of 10 ports up, against the 1st",
                f"ours, loaded among many {verb}", f"ours among many {verb}", 1.3) for verb in ("ADD", "DEL")]
    rows.append(row(samples, f"the floor's ADD with {count:,} attachments up, against its 1st",
                    "floor, loaded among many ADD", "floor among many ADD", None))
    up = f"ADD with {count:,} attachments up"
    rows.append(row(samples, f"{up}, against the reference's with as many up", "ours in a crowd ADD",
                    "reference in a crowd ADD", 1 / 8, f"ADD, {count:,} attachments up"))
    rows += [row(samples, f"{up} on {kind}, against the reference's on the same", f"ours, {kind} in a crowd ADD",
                 f"{theirs} in a crowd ADD", None, f"ADD, {count:,} attachments up, {kind}")
             for kind, theirs in THEIRS.items()]
    return rows


def removal(samples):
    rows = [row(samples, "DEL, against the reference", "ours DEL", "reference DEL", 1 / 6, "DEL")]
    rows += [row(samples, f"DEL on {kind}, against the reference's on the same", f"ours, {kind} DEL",
                 f"{THEIRS[kind]} DEL", limit, f"DEL, {kind}") for kind, limit in ((NFT, None), (LEGACY, 1 / 2))]
    return rows


def together(samples, failures, count, rounds):
    rows = [row(samples, f"{count} ADDs at once, wall, against the reference", "ours at once ADD",
                "reference at once ADD", 1 / 15, f"{count} ADDs at once")]
    if failures:
        rows.append(plain_row(f"of these {count} x {rounds} ADDs failed", failures["ours"], failures["reference"],
                              (str(failures["ours"]), str(failures["reference"])), failures["ours"] == 0))
    return rows


def ports(samples, attachments, published):
    """Many published ports."""
    rows = [row(samples, f"portmap DEL: one of {attachments * 10:,} published ports, against one of 10 "
                "(10 % for noise)", "ours, loaded among many DEL portmap", "ours, 10 ports among many DEL portmap", 1.1),
            row(samples, f"new connection through the last of {published:,} published ports, against the first "
                "(10 % for noise)", "ours, last port", "ours, first port", 1.1)]
    short = {NFT: f"new connection by the last of {published:,} ports", LEGACY: f"the same, reference on {LEGACY}"}
    rows += [row(samples, f"the same, against the last of the reference's chains on {kind}", "ours, last port",
                 f"{theirs}, last port", None, short[kind]) for kind, theirs in THEIRS.items()]
    return rows


def ratios(samples, failures, arguments):
    """The table: the lines whose part was run."""
    rows = [*single(samples), *loaded(samples, arguments.attachments), *removal(samples),
            *together(samples, failures, arguments.at_once, arguments.rounds),
            *ports(samples, arguments.attachments, arguments.ports)]
    rows = [line for line in rows if line["ours"] is not None]
    if "ours peak bytes" in samples:
        peak = max(samples["ours peak bytes"])
        rows.append(plain_row("peak memory of one plugin process, against 5 MB", peak, 5_000_000,
                              (megabytes(peak), megabytes(5_000_000)), peak < 5_000_000))
    return rows
