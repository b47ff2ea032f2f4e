# SPDX-License-Identifier: GPL-2.0
"""The chart of one set, as SVG: a line for each class, on a logarithmic scale, from kvmlet's dot to
upstream's, right of the floor that no exit gets under. Colours follow the reader's light or dark.
"""
import math
from xml.sax.saxutils import escape

from benchlab import DRIVERS
from benchtable import FLOOR, mean, measured, number, ratios

ROW, TOP, LEFT, PLOT, RIGHT = 17, 92, 280, 560, 120     # pixels
LEAST, MOST = 1.5, 6                                    # decades of the scale
STYLE = """
text{font:12px system-ui,sans-serif;fill:#24292f}
.paper{fill:#fff}.grid{stroke:#d0d7de}.muted,.axis{fill:#6e7781}
.title{font-size:16px;font-weight:600}
.ours{fill:#0969da}.theirs{fill:#8c959f}.over{fill:#bc4c00}.better{stroke:#54aeff}
.worse{stroke:#bc4c00}.floor{stroke:#1a7f37;stroke-dasharray:4 3}.num{text-anchor:end}
.mid{text-anchor:middle}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.paper{fill:#0d1117}.grid{stroke:#30363d}.muted,.axis{fill:#8b949e}
.ours{fill:#58a6ff}.theirs{fill:#8b949e}.over{fill:#f0883e}.better{stroke:#1f6feb}
.worse{stroke:#f0883e}.floor{stroke:#3fb950}}
"""


def x_of(value):
    """Where a number of instructions is; what is off the scale is at its end."""
    decades = math.log10(max(value, 1))
    return LEFT + PLOT * min(max((decades - LEAST) / (MOST - LEAST), 0), 1)


def text(x, y, words, kind=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}">{escape(words)}</text>'


def line(x1, y1, x2, y2, kind, width=1):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}" '
            f'stroke-width="{width}"/>')


def dot(x, y, kind):
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" class="{kind}"/>'


def scale(bottom):
    """The decades, and the floor."""
    out = []
    for decade in range(math.ceil(LEAST), MOST + 1):
        x = x_of(10 ** decade)
        out += [line(x, TOP - 8, x, bottom, "grid"),
                text(x, TOP - 14, f"{10 ** decade:,}".replace(",", " "), "axis mid")]
    x = x_of(FLOOR)
    return out + [line(x, TOP - 8, x, bottom, "floor", 1.5),
                  text(x, TOP - 14, f"floor {FLOOR}", "axis mid")]


def class_line(result, c, y):
    """One class: its name, its dots, and the ratio."""
    ours, theirs = (result.rows[d].get(c.key) for d in DRIVERS)
    out, middle = [text(LEFT - 12, y + 4, c.title, "num")], y
    if ours and theirs:
        worse = ours.net > theirs.net
        out.append(line(x_of(ours.net), middle, x_of(theirs.net), middle,
                        "worse" if worse else "better", 2))
    if theirs:
        out.append(dot(x_of(theirs.net), middle, "theirs"))
    if ours:
        out.append(dot(x_of(ours.net), middle, "ours"))
    ratio = result.ratio(c.key)
    if ratio is not None:
        out.append(text(LEFT + PLOT + 84, y + 4, f"{ratio:.2f}",
                        "num over" if ratio > 0.5 else "num"))
    elif c.key in result.missing["kvmlet"]:
        out.append(text(LEFT + PLOT + 42, y + 4, "not yet", "muted"))
    net = ours or theirs
    title = f"{c.title}: " + ", ".join(
        f"{name} {number(row.net)}" for name, row in (("kvmlet", ours), ("upstream", theirs))
        if row) if net else c.title
    return f"<g><title>{escape(title)}</title>{''.join(out)}</g>"


def head(result):
    found = ratios(result)
    words = (f"{len(found)} classes, geometric mean {mean(found.values()):.2f} of upstream; "
             f"{len(result.missing['kvmlet'])} not yet")
    return [text(16, 26, f"Instructions of one operation: {result.model}, "
                 f"mitigations {result.mode}", "title"), text(16, 46, words, "muted"),
            dot(LEFT + PLOT - 150, 42, "ours"), text(LEFT + PLOT - 140, 46, "kvmlet"),
            dot(LEFT + PLOT - 76, 42, "theirs"), text(LEFT + PLOT - 66, 46, "upstream"),
            text(LEFT + PLOT + 84, TOP - 14, "ratio", "axis num")]


def chart(result):
    """The SVG's text."""
    shown = measured(result, False)
    bottom = TOP + ROW * len(shown)
    width, height = LEFT + PLOT + RIGHT, bottom + 20
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
           f'viewBox="0 0 {width} {height}" role="img">',
           f"<style>{STYLE}</style>", f'<rect width="{width}" height="{height}" class="paper"/>']
    out += head(result) + scale(bottom)
    out += [class_line(result, c, TOP + ROW * i + ROW / 2) for i, c in enumerate(shown)]
    return "\n".join(out) + "\n</svg>\n"
