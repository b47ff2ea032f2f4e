# SPDX-License-Identifier: GPL-2.0
"""One set of the bench: a boot of the lab with both drivers, and what comes out of it.

The program `measure` runs there (its opening tells its lines). What the host executes between two
marks comes through a FIFO and is counted here.
"""
import collections
import itertools
import os
import re
import subprocess
import sys
import tempfile
import threading
from statistics import median_low

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAB = os.path.join(REPO, "selftests", "lab", "lab")
MEASURE = os.path.join(REPO, "build", "bench", "measure")
DRIVERS = ("kvmlet", "kvm")
LIMIT = 3600                    # seconds of wall time for a set
PML = ("corei7_skylake_x",)     # where classes without PML need upstream's parameter for that
COUNTED = ("vmread", "vmwrite", "rdmsr", "wrmsr", "inv", "enter")
L1D_LINES = 1024                # lines that a flush of the L1D cache reads, by software
SHORT = 40_000                  # instructions of an operation with but one flush, and no other loop
FLUSH_BYTES = 0x80              # of code around the instruction that reads them

# In the lab's busybox: the same for both drivers. Transparent huge pages are off by default on a
# host with as little memory as the lab's. HLT does not poll.
SCRIPT = """\
echo madvise >/sys/kernel/mm/transparent_hugepage/enabled
start() {
	modprobe $module $* && for file in /sys/module/kvm*/parameters/halt_poll_ns; do
		[ ! -e $file ] || echo 0 >$file
	done
}
for driver in $1; do
	echo "driver $driver"
	if [ $driver = kvm ]; then
		module=kvm-intel all="kvm_intel kvm"
	else
		module="kvmlet $4" all=kvmlet
	fi
	start || exit 1
	measure /dev/$driver --trace $2 || exit 1
	[ -z "$3" ] || {
		rmmod $all && start pml=0 && echo "driver $driver" &&
			measure /dev/$driver --trace $3 || exit 1
	}
	rmmod $all
done
"""

Traced = collections.namedtuple("Traced", "load driver key times ops")
Class = collections.namedtuple("Class", "key less title")


class BenchError(Exception):
    """What ends the bench, in words."""


class Row:
    """One class on one driver, for one operation: instructions, and what was executed."""

    def __init__(self, total, to_user=0.0):
        self.total, self.to_user = total, to_user
        self.counts, self.flushes = None, 0.0
        self.once = False               # recorded once: a tick, and who runs then, may be in it
        self.net = total


class Result:
    """A set: rows[driver][key], and missing[driver][key] = what the driver lacks."""

    def __init__(self, model, mode, classes):
        self.model, self.mode, self.classes = model, mode, classes
        self.rows = {d: {} for d in DRIVERS}
        self.missing = {d: {} for d in DRIVERS}
        self.flush = {}                 # driver: instructions of one L1D flush

    def ratio(self, key):
        """kvmlet's cost by upstream's, or None."""
        ours, theirs = (self.rows[d].get(key) for d in DRIVERS)
        return max(ours.net, 0.0) / theirs.net if ours and theirs and theirs.net > 0 else None

    def borrow(self, figures):
        """Upstream's {key: (total, net)} of an earlier run."""
        for key, (total, net) in figures.items():
            if key in self.rows["kvmlet"]:
                self.rows["kvm"][key] = Row(total)
                self.rows["kvm"][key].net = net

    def finish(self):
        """Work out what is compared."""
        for driver, rows in self.rows.items():
            for c in self.classes:
                if c.key in rows:
                    row = rows[c.key]
                    base = rows[c.less].total if c.less in rows else 0
                    row.net = row.total - base - row.flushes * self.flush.get(driver, 0)


def classes():
    """What `measure` knows."""
    try:
        listing = subprocess.run([MEASURE, "--list"], check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise BenchError(f"{MEASURE}: no such file; `make bench` builds it") from None
    return [Class(*line.split(" ", 3)[1:]) for line in listing.stdout.splitlines()]


# --- what was executed ------------------------------------------------------------------------

PRIVILEGED = re.compile(rb":ffff\w{12} \([^)]*\): "
                        rb"(vmread|vmwrite|rdmsr|wrmsr|invept|invvpid|vmresume|vmlaunch)")
ADDRESS = re.compile(rb" \w{4}:(ffff\w{12}) ")
NAMES = {b"vmresume": "enter", b"vmlaunch": "enter", b"invept": "inv", b"invvpid": "inv"}


class Section:
    """What the host executed between two marks."""

    def __init__(self, text):
        self.counts = dict.fromkeys(COUNTED, 0)
        for word in PRIVILEGED.findall(text):
            self.counts[NAMES.get(word, word.decode())] += 1
        self.lines, self.executed = text.count(b"\n"), {}
        if self.lines > L1D_LINES:
            self.executed = collections.Counter(int(a, 16) for a in ADDRESS.findall(text))

    def flush_loop(self):
        """The instruction that has read the L1D cache's lines once, if that took place."""
        if self.lines > SHORT:
            return None
        return next((a for a, n in self.executed.items() if n == L1D_LINES), None)

    def flushes(self, loop):
        return self.executed.get(loop, 0) // L1D_LINES

    def flush_cost(self, loop):
        return sum(n for a, n in self.executed.items() if abs(a - loop) < FLUSH_BYTES)


class Trace(threading.Thread):
    """Reads the emulator's trace; @section makes of what is between two marks one of sections."""

    def __init__(self, path, section=Section):
        super().__init__(daemon=True)
        self.path, self.section, self.sections = path, section, []

    def run(self):
        lines = None
        with open(self.path, "rb") as f:
            for line in f:
                if line.startswith(b"Tracing enabled"):
                    lines = []
                elif line.startswith(b"Tracing disabled"):
                    self.sections.append(self.section(b"".join(lines)))
                    lines = None
                elif lines is not None:
                    lines.append(line)


# --- one boot ---------------------------------------------------------------------------------

class Progress:
    """How far a set is: one line that is written over on a terminal, one a driver elsewhere."""

    def __init__(self, what, total):
        self.what, self.total, self.done, self.driver = what, total, 0, None
        self.live = sys.stderr.isatty()

    def say(self, words, end):
        print(f"\r{self.what}: {words:60}" if self.live else f"{self.what}: {words}",
              end=end, file=sys.stderr, flush=True)

    def begin(self, driver):
        self.driver, self.done = driver, 0
        if not self.live:
            self.say(f"{driver}: {self.total} classes", "\n")

    def row(self, key):
        self.done += 1
        if self.live:
            self.say(f"{self.driver}: {self.done} of {self.total}: {key}", "")

    def end(self):
        if self.live:
            self.say("done", "\n")


def wanted(known, args):
    """The keys to measure: those asked for, what they subtract, or all."""
    if not args.classes:
        return [c.key for c in known]
    asked = set(args.classes)
    return [c.key for c in known
            if c.key in asked or any(c.key == o.less for o in known if o.key in asked)]


def lab_command(model, mode, folder, keys, args):
    drivers = DRIVERS[:1] if args.quick else DRIVERS
    without_pml = [k for k in keys if k.startswith("log-")] if model in PML else []
    script = os.path.join(folder, "bench.sh")
    with open(script, "w", encoding="ascii") as f:
        f.write(SCRIPT)
    argv = [LAB, "run", "--driver", "none", "--ftrace", "--cpu", model, "--mitigations", mode,
            "--limit", str(LIMIT), "--trace", os.path.join(folder, "trace"),
            "--add", MEASURE, "--add", f"{script}:/bench.sh"]
    if args.module:
        argv += ["--module", args.module]
    return argv + ["--", "sh", "/bench.sh", " ".join(drivers), " ".join(keys),
                   " ".join(without_pml), " ".join(args.param)]


def take_rows(lines, result, progress):
    """Fill the result from `measure`'s lines; returns what was traced, in order."""
    driver, traced, loads = None, [], 0
    for line in lines:
        word, _, rest = line.rstrip().partition(" ")
        fields = rest.split(" ")
        if word == "driver":
            driver, loads = rest, loads + 1
            progress.begin(driver)
        elif word == "row":
            progress.row(fields[0])
            row = Row(int(fields[1]) / 100, int(fields[2]) / 100)
            result.rows[driver][fields[0]] = row
        elif word == "traced":
            traced.append(Traced(loads, driver, fields[0], int(fields[1]), int(fields[2])))
        elif word == "missing":
            progress.row(fields[0])
            result.missing[driver][fields[0]] = fields[1]
        else:
            print(line, end="", file=sys.stderr)
    return traced


def take_counts(traced, sections, result):
    """Give each row its sections' middle figures: a tick of the clock makes one larger, and a
    kernel stack at the same random offset as before saves a VMWRITE in another.
    """
    if sum(t.times for t in traced) != len(sections):
        raise BenchError(f"{len(sections)} traced operations, not as many as were marked")
    for load, group in itertools.groupby(traced, lambda t: (t.load, t.driver)):
        group = [(t, [sections.pop(0) for _ in range(t.times)]) for t in group]
        loops = [s.flush_loop() for _t, mine in group for s in mine]
        loop = next((a for a in loops if a), None) if result.mode == "default" else None
        if loop and load[1] not in result.flush:
            result.flush[load[1]] = min(s.flush_cost(loop) for _t, mine in group for s in mine
                                        if s.flush_loop() == loop)
        for t, mine in group:
            row = result.rows[t.driver][t.key]
            row.once = t.times == 1
            row.counts = {n: median_low(s.counts[n] for s in mine) / t.ops for n in COUNTED}
            row.flushes = median_low(s.flushes(loop) for s in mine) / t.ops


def measure(model, mode, known, args):
    """Boot, measure, count; the Result."""
    keys = wanted(known, args)
    result = Result(model, mode, known)
    progress = Progress(f"{model}, mitigations {mode}", len(keys))
    with tempfile.TemporaryDirectory(prefix="kvmlet-bench.") as folder:
        fifo = os.path.join(folder, "trace")
        os.mkfifo(fifo)
        trace = Trace(fifo)
        trace.start()
        with subprocess.Popen(lab_command(model, mode, folder, keys, args), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as lab:
            traced = take_rows(lab.stdout, result, progress)
        progress.end()
        if lab.returncode:
            raise BenchError(f"the lab ended with status {lab.returncode}")
        trace.join()
    take_counts(traced, trace.sections, result)
    result.finish()
    return result
