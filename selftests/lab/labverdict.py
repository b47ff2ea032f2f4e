# SPDX-License-Identifier: GPL-2.0
"""What a run means: the statuses, what the host's log and the emulator's log say, the report."""
import os
import re

from labimage import HERE

# Statuses of the lab's own. COMMAND's other statuses pass through, 128+N for death by signal N.
CANNOT, NO_DRIVER, PANIC, WARNING, HANG, ENTRY, EMULATOR, NO_FILE = range(110, 118)
STATUSES = (
    (CANNOT, "the lab cannot start: bad option, missing package, kernel, module or file"),
    (NO_DRIVER, "the driver did not load (the reason and the host's log are printed)"),
    (PANIC, "the host kernel oopsed, panicked or shut down by a triple fault"),
    (WARNING, "the host kernel complained: a WARN, BUG, lockdep or RCU line not on the allow-list"),
    (HANG, "the limit of wall time (--limit) or of emulated time (--ticks) passed"),
    (ENTRY, "the number of failed VM entries is not the one expected (--expect entry-failure=N)"),
    (EMULATOR, "the emulator ended without a report (its reason is printed)"),
    (NO_FILE, "a file asked for with --get is not there"),
)

ALLOWED = os.path.join(HERE, "allowed-warnings")
TAIL = 40

# An oops of any kind has its error code and its number: "...: 0000 [#1] PREEMPT SMP".
OOPS = r": [0-9a-f]{4} \[#\d+\]"
FATAL = re.compile(OOPS + r"|Kernel panic - |kernel BUG at |BUG: unable to handle|BUG: soft lockup")
# The first line of a complaint, as the kernel words it.
COMPLAINT = re.compile(
    FATAL.pattern + r"|WARNING: CPU: |WARNING: .*(?:lock|RCU)|BUG: |INFO: task .* blocked|"
    r"INFO: rcu.*stall|detected stalls|possible .* deadlock|suspicious RCU usage|bad: scheduling|"
    r"refcount_t: |list_(?:add|del) corruption|unchecked MSR access error|nobody cared|"
    r"UBSAN: |kmemleak: \d+ new")
# One line of Bochs' log for each VM entry that fails; the text names the field.
ENTRY_FAILURE = re.compile(r"VMENTER FAIL: .*|VMFAIL: .*|VMENTER: .*PDPTRs Checks Failed.*|"
                           r"VMEXIT: Error when loading guest MSR.*")


def entry_failures(bochs_log):
    """The emulator's reasons, one for each failed VM entry."""
    return ENTRY_FAILURE.findall(bochs_log)


def allowed_patterns():
    with open(ALLOWED, encoding="utf-8") as f:
        lines = (line.strip() for line in f)
        return [re.compile(line) for line in lines if line and not line.startswith("#")]


def complaints(host_log):
    """Lines of the host's log that begin a complaint and that the allow-list does not name."""
    allowed = allowed_patterns()
    return [line for line in host_log
            if COMPLAINT.search(line) and not any(a.search(line) for a in allowed)]


def readable(record):
    """A record of /dev/kmsg ("level,number,microseconds,...;text") as dmesg shows it."""
    head, semicolon, text = record.partition(";")
    fields = head.split(",")
    if not semicolon or len(fields) < 3 or not fields[2].isdigit():
        return record
    seconds, micro = divmod(int(fields[2]), 1000000)
    first, *more = text.split("\n")        # lines after it that begin with a space are properties
    lines = [first] + [line for line in more if line and not line.startswith(" ")]
    return f"[{seconds:5}.{micro:06}] " + "\n".join(lines)


class Verdict:
    """The status of a run and the words for it."""

    def __init__(self, status, reasons=()):
        self.status = status
        self.reasons = list(reasons)


def judge(outcome, expected_failures):
    """Turn the outcome of a run (labbochs.Outcome) into its status: the gravest finding wins."""
    bad = complaints(outcome.host_log(boot=False))
    if outcome.limit:
        return Verdict(HANG, [outcome.limit] + outcome.stop_state + bad[:3])
    if outcome.died() or any(FATAL.search(line) for line in bad):
        return Verdict(PANIC, bad[:4] or [outcome.emulator_reason()])
    if outcome.load_error:
        return Verdict(NO_DRIVER, [outcome.load_error])
    failures = entry_failures(outcome.bochs_log)
    if expected_failures not in (None, len(failures)):
        return Verdict(ENTRY, [f"failed VM entries: expected {expected_failures}, "
                               f"found {len(failures)}"] + sorted(set(failures))[:8])
    if bad:
        return Verdict(WARNING, bad[:4])
    if not outcome.complete:
        return Verdict(EMULATOR, [outcome.emulator_reason()])
    if outcome.missing:
        return Verdict(NO_FILE, outcome.missing)
    return Verdict(shell_status(outcome.wait_status))


def shell_status(wait_status):
    signal = wait_status & 0x7f
    return 128 + signal if signal else wait_status >> 8
