"""The rows against the reference as a picture: two marks on a logarithmic scale and the ratio between them, as SVG."""

import math
from html import escape

NOTE = ("where no iptables is named: berth on nftables, the reference on iptables-nft; "
        "an ADD is four plugins, a process each")
WIDTH, LINE, TOP, LEFT, RIGHT, BOTTOM = 860, 30, 78, 330, 92, 50

# The picture brings its own ground: it is readable wherever it stands, and follows the reader's scheme where it can.
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.small { font-size: 11px; fill: #59636e }
.number { font-size: 11px; paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
.ratio { font-weight: 600 }
.ground { fill: #ffffff } .grid { stroke: #d1d9e0 } .span { stroke: #8c959f; stroke-width: 2 }
.ours { fill: #0969da } .reference { fill: #bc4c00 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .small { fill: #9198a1 } .number { stroke: #0d1117 }
  .ground { fill: #0d1117 } .grid { stroke: #3d444d } .span { stroke: #656c76 }
  .ours { fill: #58a6ff } .reference { fill: #f0883e }
}
"""


def decades(values):
    return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))


def tick(exponent):
    """A power of ten nanoseconds in words."""
    for power, unit in ((9, "s"), (6, "ms"), (3, "µs"), (0, "ns")):
        if exponent >= power:
            return f"{10 ** (exponent - power)} {unit}"


def ours_mark(x, y):
    return f'<circle class="ours" cx="{x:.1f}" cy="{y}" r="5.5"/>'


def reference_mark(x, y):
    return f'<rect class="reference" x="{x - 5:.1f}" y="{y - 5}" width="10" height="10"/>'


def right(y, kind, text):
    return f'<text class="{kind}" x="{WIDTH - 16}" y="{y}" text-anchor="end">{text}</text>'


def drawing(rows, caption):
    """An SVG of the rows that have a short name and were run; a sentence below says where the figures are from.
    None where no such row was run."""
    rows = [row for row in rows if row["short"] and row["ratio"]]
    if not rows:
        return None
    low, high = decades([value for row in rows for value in (row["ours"], row["against"])])
    height = TOP + LINE * len(rows) + BOTTOM
    lower = TOP + LINE * len(rows) - 8

    def at(value):
        return LEFT + (math.log10(value) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    told = "; ".join(f"{row['short']}: {row['text'][0]} against {row['text'][1]}" for row in rows)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
             'aria-labelledby="t d">',
             '<title id="t">berth against the reference plugins, median times</title>',
             f'<desc id="d">{escape(told)}</desc>', f"<style>{STYLE}</style>",
             f'<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>',
             ours_mark(24, 24), '<text x="36" y="28">berth</text>',
             reference_mark(96, 24), '<text x="108" y="28">reference plugins</text>',
             right(28, "small", "median time, logarithmic: left is faster")]
    for exponent in range(low, high + 1):
        x = at(10 ** exponent)
        parts += [f'<line class="grid" x1="{x:.1f}" y1="{TOP - 16}" x2="{x:.1f}" y2="{lower}"/>',
                  f'<text class="small" x="{x:.1f}" y="{TOP - 22}" text-anchor="middle">{tick(exponent)}</text>']
    for number, row in enumerate(rows):
        y = TOP + LINE * number + 2
        ours, against = at(row["ours"]), at(row["against"])
        near, far = (ours, against) if ours <= against else (against, ours)
        words = row["text"] if ours <= against else row["text"][::-1]
        ratio = row["against"] / row["ours"]
        parts += [f'<text x="16" y="{y + 4}">{escape(row["short"])}</text>',
                  f'<line class="span" x1="{ours:.1f}" y1="{y}" x2="{against:.1f}" y2="{y}"/>',
                  ours_mark(ours, y), reference_mark(against, y),
                  f'<text class="number" x="{near - 9:.1f}" y="{y + 4}" text-anchor="end">{words[0]}</text>',
                  f'<text class="number" x="{far + 9:.1f}" y="{y + 4}">{words[1]}</text>',
                  right(y + 4, "ratio", f"{ratio:.{0 if ratio >= 10 else 1}f} ×")]
    parts += [f'<text class="small" x="16" y="{height - 14 * (2 - number)}">{escape(line)}</text>'
              for number, line in enumerate((NOTE, caption))] + ["</svg>"]
    return "\n".join(parts) + "\n"
