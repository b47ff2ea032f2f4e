# SPDX-License-Identifier: GPL-2.0
"""The table of one set: written for people, and read again for upstream's figures."""
import math

from benchlab import COUNTED, DRIVERS

HEAD = ("class", "what", "kvmlet", "net", "r/w/R/W/i", "upstream", "net", "r/w/R/W/i", "ratio",
        "less")
LEFT = (0, 1, 9)                # columns of words
FLOOR = 45                      # instructions of the barest exit and entry: Documentation/cost.rst


def number(value):
    """With a decimal place if it is small and has one."""
    text = f"{value:.1f}"
    return text[:-2] if value >= 100 or text.endswith(".0") else text


def counts(row):
    if not row.counts:
        return "-"
    return "/".join(number(row.counts[name]) for name in COUNTED if name != "enter")


def cells_of(result, c):
    ours, theirs = (result.rows[d].get(c.key) for d in DRIVERS)
    cells = [c.key, c.title]
    for driver, row in zip(DRIVERS, (ours, theirs)):
        if row:
            cells += [number(row.total), number(row.net), counts(row)]
        elif c.key in result.missing[driver]:
            cells += [f"not yet: {result.missing[driver][c.key]}", "", ""]
        else:
            cells += ["-", "-", "-"]
    ratio = None if quiet(c) else result.ratio(c.key)
    less = [c.less] if c.less not in ("-", "base") else []
    less += ["flush"] if any(r and r.flushes for r in (ours, theirs)) else []
    return cells + ["-" if ratio is None or c.less == "base" else f"{ratio:.2f}",
                    "+".join(less) or "-"]


def measured(result, base):
    return [c for c in result.classes if (c.less == "base") == base and
            any(c.key in result.rows[d] or c.key in result.missing[d] for d in DRIVERS)]


def lines(rows):
    """Aligned: words to the left, numbers to the right; `not yet` takes the room of three."""
    wide = max([len(c) for r in rows for c in r if c.startswith("not yet")], default=0)
    widths = [max(len(r[i]) for r in rows if not r[i].startswith("not yet"))
              for i in range(len(rows[0]))]
    widths[2] += max(0, wide - sum(widths[2:5]) - 4)
    for row in rows:
        cells = [cell.ljust(w) if i in LEFT else cell.rjust(w)
                 for i, (cell, w) in enumerate(zip(row, widths))]
        if row[2].startswith("not yet"):
            cells[2:5] = [row[2].ljust(sum(widths[2:5]) + 4)]
        yield "  ".join(cells).rstrip()


def quiet(c):
    """Is it a class that leaves the guest on neither driver?"""
    return c.key.startswith("quiet-")


def ratios(result):
    """{key: ratio} of the classes that both drivers have, and that cost something."""
    found = {c.key: result.ratio(c.key) for c in measured(result, False) if not quiet(c)}
    return {key: r for key, r in found.items() if r is not None}


def mean(values):
    """The geometric mean; what costs nothing counts as a thousandth."""
    return math.exp(sum(math.log(max(v, 0.001)) for v in values) / len(values)) if values else 0.0


def table(result):
    """All of it, with its baselines and its summary."""
    rows = [cells_of(result, c) for c in measured(result, False)]
    bases = [cells_of(result, c) for c in measured(result, True)]
    text = [f"{result.model}, mitigations {result.mode}: instructions of one operation"]
    body = list(lines([HEAD] + rows + bases))
    text += [body[0], *body[1:1 + len(rows)], "", "what is subtracted:", *body[1 + len(rows):]]
    for driver, cost in result.flush.items():
        name = "upstream" if driver == "kvm" else driver
        text.append(f"flush: one L1D flush of {name}'s is {cost} instructions")
    found = ratios(result)
    if found:
        late = len(result.missing["kvmlet"])
        text += ["", f"{len(found)} classes compared, geometric mean {mean(found.values()):.3f}, "
                 f"worst {max(found.values()):.2f} ({max(found, key=found.get)}); "
                 f"{late} not yet; floor of an exit: {FLOOR}"]
    return "\n".join(text) + "\n"


def read(path):
    """{key: (upstream's total, net)} of a table that table() wrote; nothing if there is none."""
    found = {}
    try:
        with open(path, encoding="utf-8") as f:
            for line in f:
                fields = line.split()
                if len(fields) > 6 and fields[-3].count("/") == 4 and fields[-3] != HEAD[7]:
                    found[fields[0]] = float(fields[-5]), float(fields[-4])
    except FileNotFoundError:
        pass
    return found
