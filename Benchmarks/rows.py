"""The lines of the table: ours against something, the ratio and what is aimed at; as text and as Markdown."""


def duration(value):
    if value is None:
        return "not run"
    if value < 1e6:
        return f"{value / 1e3:.0f} µs"
    return f"{value / 1e6:.2f} ms" if value < 1e8 else f"{value / 1e6:,.0f} ms"


def megabytes(value):
    return f"{value / 1e6:.2f} MB"


def factor(value):
    return "-" if value is None else f"1/{1 / value:.1f}" if value < 0.8 else f"{value:.2f}"


def quotient(ours, theirs):
    return ours / theirs if ours is not None and theirs else None


def row(samples, what, ours, against, limit, short=None):
    """One line of the table: `limit` is the most that our median may be of theirs (None: for information); the minima
    stand beside it, for on a busy machine they are steadier. `short` names the line in the picture."""
    medians = samples.median(ours), samples.median(against)
    ratio = quotient(*medians)
    verdict = "-" if ratio is None or limit is None else "reached" if ratio <= limit else "missed"
    return {"what": what, "short": short, "ours": medians[0], "against": medians[1], "ratio": ratio, "limit": limit,
            "ratio of minima": quotient(samples.minimum(ours), samples.minimum(against)), "verdict": verdict,
            "text": tuple(map(duration, medians))}


def plain_row(what, ours, against, text, good):
    """A line that is no ratio of times."""
    return {"what": what, "short": None, "ours": ours, "against": against, "ratio": None, "limit": None,
            "ratio of minima": None, "verdict": "reached" if good else "missed", "text": text}


def aim(line):
    """The limit in words: 1/6, 1/6 missed, nothing for a line of information."""
    if line["limit"] is None:
        return "" if line["verdict"] != "missed" else "missed"
    whole = line["limit"] < 1
    limit = f"1/{1 / line['limit']:.0f}" if whole else f"{line['limit']:g}"
    return limit + (", missed" if line["verdict"] == "missed" else "")


def print_table(rows):
    lines = [("", "ours", "against", "ratio", "at most", "", "by minima")]
    lines += [(r["what"], *r["text"], factor(r["ratio"]), factor(r["limit"]), r["verdict"],
               factor(r["ratio of minima"])) for r in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(7)]
    for line in lines:
        print("  ".join(word.ljust(width) if i == 0 else word.rjust(width)
                        for i, (word, width) in enumerate(zip(line, widths))).rstrip())


def markdown(rows):
    lines = ["| Row | ours | against | ratio | aim |", "|---|---|---|---|---|"]
    for line in rows:
        ratio = "" if line["ratio"] is None else factor(line["ratio"])
        lines.append(f"| {line['what']} | {' | '.join(line['text'])} | {ratio} | {aim(line)} |")
    return "\n".join(lines) + "\n"
