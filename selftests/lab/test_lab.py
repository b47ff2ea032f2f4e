#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The lab keeps its promises: statuses, streams, files, determinism, verdicts, and no traces.

TAP on standard output. Two labs run at a time, which also shows that they do not disturb one
another.
"""
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import labinitrd                                                        # noqa: E402
import labkernel                                                        # noqa: E402
import labverdict                                                       # noqa: E402

LAB = os.path.join(HERE, "lab")
MOST_INSTRUCTIONS = 400         # millions from power-on to COMMAND: 8 s at 50 M a second
DEAD = 0.5                      # seconds in which the kernel has ended a killed lab's children


class Done:
    """A lab that has ended."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err.decode(errors="replace")

    def total(self):
        found = re.search(r"instructions: total (\d+) command (\d+)", self.err)
        return (int(found.group(1)), int(found.group(2))) if found else None


class Tap:
    """Counts and prints."""

    def __init__(self):
        self.count = self.failed = 0
        print("TAP version 13", flush=True)

    def equal(self, actual, expected, name, context=""):
        self.count += 1
        ok = actual == expected
        self.failed += not ok
        print(f"{'ok' if ok else 'not ok'} {self.count} - {name}", flush=True)
        if not ok:
            print(f"# expected {expected!r}\n# actual   {actual!r}")
            for line in context.splitlines()[-12:]:
                print(f"# {line}")

    def end(self):
        print(f"1..{self.count}", flush=True)
        return 1 if self.failed else 0


def environment(temp):
    """No terminal, and temporary files where the test sees them all."""
    env = dict(os.environ, TMPDIR=temp)
    env.pop("TERM", None)
    return env


def lab(temp, *args, stdin=b""):
    done = subprocess.run((LAB,) + args, input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=environment(temp), check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def descendants(pid):
    """Living children, grandchildren, ... of a process."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as f:
                    fields = f.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found += [int(name)] + descendants(int(name))
    return found


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def killed(number):
    """Send a signal to a running lab: (status, processes left, files left)."""
    with tempfile.TemporaryDirectory() as temp:
        process = subprocess.Popen((LAB, "run", "--driver", "none", "--", "sleep", "1000"),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env=environment(temp))
        children = []
        while not children and process.poll() is None:
            time.sleep(0.2)
            children = descendants(process.pid)
        process.send_signal(number)
        status = process.wait()
        time.sleep(DEAD)
        left = [p for p in children if alive(p)]
        if number == signal.SIGKILL:
            lab(temp, "run", "--driver", "none", "--mem", "1", "--", "true")    # sweeps
        return status, len(left), len(os.listdir(temp))


# --- what has to hold --------------------------------------------------------------------------

def streams_and_files(tap, temp):
    out = os.path.join(temp, "out")
    done = lab(temp, "run", "--driver", "none", "--stats", "--add",
               shutil.which("bash"), "--add",
               f"{__file__}:/data/", "--get", f"/tmp/copy:{out}", "--", "sh", "-c",
               "printf 'a\\000b\\001\\377\\n'; echo wrong >&2; cp /data/test_lab.py /tmp/copy;"
               " bash --version >/dev/null && su user -c 'id -u' >&2; exit 42")
    tap.equal(done.status, 42, "COMMAND's status is the lab's", done.err)
    tap.equal(done.out, b"a\0b\1\xff\n", "standard output arrives byte for byte, and nothing else")
    tap.equal(done.err.splitlines()[:2], ["wrong", "1000"],
              "standard error is apart; a dynamic executable runs; su makes an ordinary user")
    with open(__file__, "rb") as f, open(out, "rb") as g:
        tap.equal(g.read() == f.read(), True, "--add and --get copy a file in and out unchanged")
    total = done.total() or (0, 0)
    tap.equal((total[0] - total[1]) // 1000000 < MOST_INSTRUCTIONS, True,
              f"COMMAND begins within {MOST_INSTRUCTIONS} M instructions of power-on")
    print(f"# {total[0] - total[1]} instructions; "
          f"{''.join(re.findall('wall: .*', done.err))}")


def traces(tap, temp):
    """What is between two marks; an MSR that the emulator lacks."""
    marks, trace = os.path.join(temp, "marks"), os.path.join(temp, "trace")
    subprocess.run(("gcc", "-O2", "-static", "-o", marks, os.path.join(HERE, "test_marks.c")),
                   check=True)
    done = lab(temp, "run", "--driver", "none", "--trace", trace, "--msr", "1e0", "--add", marks,
               "--", "sh", "-c", "marks; modprobe msr && cd /dev/cpu/0 &&"
               " printf 12345678 | dd of=msr bs=8 seek=60 && dd if=msr bs=8 skip=60 count=1")
    tap.equal(done.out, b"12345678", "--msr: a made MSR holds what is written", done.err)
    with open(trace, encoding="ascii", errors="replace") as f:
        text = f.read()
    seen = [i for i in ("clc", "cmc", "stc")
            if re.search(rf"^\(0\)\.\[\d+\] .*: {i} ", text, re.M)]
    tap.equal(seen, ["cmc"], "--trace: a file has what is executed between two marks, no more")


def equal_runs(tap, temp):
    command = ("run", "--driver", "kvm", "--stats", "--", "sh", "-c",
               "ls /dev/kvm; dd if=/dev/urandom bs=1k count=64 2>/dev/null | md5sum; date")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda _: lab(temp, *command), range(2))
    tap.equal((one.status, two.status), (0, 0), "two labs run side by side", one.err + two.err)
    tap.equal(one.out.startswith(b"/dev/kvm\n"), True, "--driver kvm gives /dev/kvm")
    tap.equal(one.total() is not None and one.total(), two.total(),
              "the same command twice takes the same number of instructions")
    tap.equal(one.out, two.out, "and prints the same, random numbers and time included")


def verdicts(tap, temp, results):
    def check(key, status, word, name):
        done = results[key].result()
        tap.equal((done.status, word in done.err), (status, True), name, done.err)
    check("panic", labverdict.PANIC, "Kernel panic - not syncing: sysrq triggered crash",
          "a panic has its status and the kernel's words")
    check("idle", labverdict.HANG, "emulated time limit",
          "a host that waits forever reaches the limit of emulated time")
    check("spin", labverdict.HANG, "wall time limit", "a host that spins reaches the wall limit")
    check("idle", labverdict.HANG, "lab:   cpu_startup_entry+", "a hang names its functions")
    check("load", labverdict.NO_DRIVER, "`zz' invalid for parameter `ept'",
          "a driver that does not load has its status and the log's words")
    check("entry", labverdict.ENTRY, "VMENTER FAIL: VMCS guest TR invalid",
          "a failed VM entry has its status and the emulator's reason")
    check("expected", 0, "", "a failed VM entry that is expected is none")
    check("any", 0, "", "nor is it where any number is")
    check("warning", labverdict.WARNING, "BUG: made up", "a complaint of the host has its status")
    check("missing", labverdict.NO_FILE, "/nothing: No such file",
          "a file of --get that is not there has its status")
    check("absent", 127, "nosuch: No such file or directory", "a COMMAND that is not there is 127")
    check("typed", 5, "", "an interactive COMMAND has a terminal and the lab's input")
    tap.equal(b"42" in results["typed"].result().out, True, "and its output arrives")
    tap.equal(results["two"].result().out, b"2\n", "--smp 2 gives two processors")


def start_verdicts(pool, temp):
    entry = os.path.join(temp, "entryfail")
    subprocess.run(("gcc", "-O2", "-static", "-o", entry, os.path.join(HERE, "test_entryfail.c")),
                   check=True)
    none = ("run", "--driver", "none")
    runs = {
        "panic": none + ("--", "sh", "-c", "echo c >/proc/sysrq-trigger"),
        "idle": none + ("--ticks", "1000", "--", "sleep", "1000"),
        "spin": none + ("--limit", "8", "--", "sh", "-c", "while :; do :; done"),
        "load": ("run", "--driver", "kvm", "--param", "ept=zz", "--", "true"),
        "entry": ("run", "--driver", "kvm", "--add", entry, "--", "entryfail"),
        "expected": ("run", "--driver", "kvm", "--expect", "entry-failure=1", "--add", entry, "--",
                     "entryfail"),
        "any": ("run", "--driver", "kvm", "--expect", "entry-failure=any", "--add", entry, "--",
                "entryfail"),
        "warning": none + ("--", "sh", "-c", "echo '<4>BUG: made up' >/dev/kmsg"),
        "missing": none + ("--get", "/nothing", "--", "true"),
        "absent": none + ("--", "nosuch"),
        "two": none + ("--smp", "2", "--", "nproc"),
    }
    results = {key: pool.submit(lab, temp, *args) for key, args in runs.items()}
    results["typed"] = pool.submit(lab, temp, "run", "--driver", "none", "--interactive", "--",
                                   "sh", stdin=b"echo $((6*7))\nexit 5\n")
    return results


def bad_usage(tap, temp):
    for args, word in ((("run", "--cpu", "z80", "--", "true"), "z80"),
                       (("run", "--mem", "64", "--driver", "none", "--", "true"), "--mem 64"),
                       (("run", "--add", "/nothing", "--driver", "none", "--", "true"), "/nothing"),
                       (("run", "--kernel", "0.1", "--", "true"), "lab fetch --kernel 0.1"),
                       (("run", "--module", "/nothing", "--", "true"), "/nothing"),
                       (("run",), "COMMAND")):
        done = lab(temp, *args)
        tap.equal((done.status, word in done.err), (labverdict.CANNOT, True),
                  f"bad usage is refused by name: {word}", done.err)
    models = lab(temp, "models")
    tap.equal((models.status, b"broadwell_ult (default)" in models.out), (0, True),
              "`lab models` lists the processors")


def log_reading(tap):
    oops = "[    1.000000] general protection fault, probably for non-canonical address: 0000 [#1]"
    user = "[    1.000000] traps: test[71] general protection fault ip:401000 sp:7ff error:0"
    warn = ("[    1.000000] WARNING: CPU: 0 PID: 9 at kernel/events/core.c:1 "
            "perf_register_guest_info_callbacks+0x1")
    tap.equal(labverdict.complaints([oops, user, warn]), [oops],
              "an oops is a complaint; a program's fault and what the allow-list names are not")
    tap.equal(labverdict.readable("6,1,2000003,-;text\n SUBSYSTEM=cpu\n"), "[    2.000003] text",
              "a record of the kernel's log reads as dmesg prints it")


def other_kernels(tap, temp):
    """Every kernel that was fetched boots; `lab fetch --kernel SERIES` adds one."""
    names = os.path.join(labkernel.cache_dir(), "names")
    for package in sorted(os.listdir(names)):
        series = re.fullmatch(r"linux-image-([0-9].*)-amd64", package)
        if series:
            done = lab(temp, "run", "--driver", "kvm", "--kernel", series.group(1), "--",
                       "sh", "-c", "test -c /dev/kvm && uname -r")
            tap.equal(done.out.decode().strip(), labkernel.release_of(series.group(1)),
                      f"--kernel {series.group(1)} boots that kernel", done.err)


def archive(tap):
    trees = [labinitrd.Tree(), labinitrd.Tree()]
    for tree, names in zip(trees, (("a/b", "c"), ("c", "a/b"))):
        for name in names:
            tree.put(name, name.encode())
    tap.equal(trees[0].cpio(), trees[1].cpio(), "the archive does not depend on the order")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(("cpio", "-idm", "--quiet"), input=trees[0].cpio(), cwd=folder, check=True)
        with open(os.path.join(folder, "a", "b"), "rb") as f:
            tap.equal(f.read(), b"a/b", "cpio unpacks the archive")


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as temp, concurrent.futures.ThreadPoolExecutor(2) as pool:
        log_reading(tap)
        archive(tap)
        bad_usage(tap, temp)
        results = start_verdicts(pool, temp)
        verdicts(tap, temp, results)
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
        ends = pool.map(killed, signals)
        for number, end in zip(signals, ends):
            status = -number if number == signal.SIGKILL else 128 + number
            tap.equal(end, (status, 0, 0), f"{number.name} leaves no process and no file")
        equal_runs(tap, temp)
        traces(tap, temp)
        streams_and_files(tap, temp)
        other_kernels(tap, temp)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
