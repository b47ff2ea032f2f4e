# SPDX-License-Identifier: GPL-2.0
"""What kvmlet has to reach, checked on a whole set; Documentation/cost.rst gives the reasons."""
from benchlab import COUNTED, DRIVERS
from benchtable import mean, number, quiet, ratios

MEAN, WORST = 0.4, 0.5
XAPIC = 0.33                    # the most of "xapic-" classes: accesses to the LAPIC's page
LIFE = 0.25                     # of upstream's, for a VM with a vCPU that is made and closed
# Totals, nothing subtracted, mitigations off.
TOTALS = {"cpuid": 250, "out": 1000, "mmio-read": 1600, "page-present": 1500, "io-run": 750}
CPUID_VMREADS, CPUID_VMWRITES = 5, 1
# A tick, or a wake-up that took another way, in one of at least eight operations.
TICK = 0.25
# Reads the guest's memory here, and then flushes; upstream does not look at the instruction.
LOOKS = ("mmio-eventfd",)
# What is not reached, and why: each is a case that is skipped, until it is.
OVER_TOTAL = {
    "out": "an empty ioctl is 580, a KVM_RUN that does not enter 168 more, an exit 248: 996 before "
           "a port is looked at, or the FPU and the bases of FS and GS are exchanged",
}


def pairs(result):
    """[(class, kvmlet's row, upstream's)] of those that both have and that are compared."""
    ours, theirs = (result.rows[d] for d in DRIVERS)
    return [(c, ours[c.key], theirs[c.key]) for c in result.classes
            if c.less != "base" and c.key in ours and c.key in theirs]


def check_ratios(result, case):
    found = ratios(result)
    value = mean(found.values())
    case(value <= MEAN, f"the geometric mean of {len(found)} classes is at most {MEAN}",
         [f"{value:.3f}"])
    lost = [c.key for c, _ours, _theirs in pairs(result) if c.key not in found and not quiet(c)]
    case(not lost, "every class that both have is compared", lost)
    if result.mode == "off":
        check_worst(found, case)


def check_worst(found, case):
    over = sorted(((r, k) for k, r in found.items() if r > WORST), reverse=True)
    case(not over, f"each class costs at most {WORST} of upstream's",
         [f"{key}: {r:.3f}" for r, key in over])
    dear = [f"{key}: {r:.3f}" for key, r in found.items() if key.startswith("xapic-") and r > XAPIC]
    case(not dear, f"accesses to an xAPIC's page cost at most {XAPIC} of upstream's", dear)


def check_life(result, case):
    ratio = result.ratio("io-life")
    case(ratio is not None and ratio <= LIFE,
         f"making and closing a VM with a vCPU takes at most {LIFE} of upstream's", [ratio])


def check_totals(result, case):
    rows = result.rows["kvmlet"]
    for key, most in TOTALS.items():
        total, name = round(rows[key].total), f"{key} takes at most {most} instructions in all"
        if total > most and key in OVER_TOTAL:
            case(None, name, f"{total}: {OVER_TOTAL[key]}")
        else:
            case(total <= most, name, [total])


def check_counts(result, case):
    for name in COUNTED:
        more = [f"{c.key}: {number(ours.counts[name])}, upstream {number(theirs.counts[name])}"
                for c, ours, theirs in pairs(result)
                if ours.counts[name] >= theirs.counts[name] + TICK
                and not (ours.once and name == "rdmsr")]
        what = {"inv": "INVEPT and INVVPID", "enter": "VM entries"}.get(name, name.upper())
        case(not more, f"no class takes more {what} than upstream", more)
    loud = [f"{c.key}: {number(ours.net)}, upstream {number(theirs.net)}"
            for c, ours, theirs in pairs(result) if quiet(c) and ours.net > theirs.net + TICK]
    case(not loud, "what needs no exit on upstream needs none", loud)
    counts = result.rows["kvmlet"]["cpuid"].counts
    case(counts["vmread"] <= CPUID_VMREADS and counts["vmwrite"] <= CPUID_VMWRITES,
         f"cpuid takes at most {CPUID_VMREADS} VMREADs and {CPUID_VMWRITES} VMWRITE",
         [f"{number(counts['vmread'])} and {number(counts['vmwrite'])}"])


def flushed_enough(ours, theirs):
    """As often as upstream; or, where there are fewer entries, at each of these. A tick that falls
    into one of the operations that were recorded together is none of theirs.
    """
    fewer = ours.counts["enter"] < theirs.counts["enter"]
    wanted = min(theirs.flushes, ours.counts["enter"]) if fewer else theirs.flushes
    return abs(ours.flushes - wanted) < TICK


def check_flushes(result, case):
    other = [f"{c.key}: {number(ours.flushes)}, upstream {number(theirs.flushes)}"
             for c, ours, theirs in pairs(result)
             if not (ours.once or c.key in LOOKS or flushed_enough(ours, theirs))]
    case(not other, "every class but mmio-eventfd takes as many L1D flushes as upstream, or one at "
                    "each entry", other)


def check(result, writer):
    """The cases of one set."""
    def case(holds, name, details):
        name = f"{result.model}, mitigations {result.mode}: {name}"
        if holds is None:
            writer.skip(name, details)
        else:
            writer.ok(holds, name, details)

    check_ratios(result, case)
    check_counts(result, case)
    check_life(result, case)
    if result.mode == "off":
        check_totals(result, case)
    else:
        check_flushes(result, case)
