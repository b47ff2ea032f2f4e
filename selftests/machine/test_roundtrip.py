#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A 4 KiB read of a virtio disk, from the guest's pread() and back: how many exits it takes, and
how many instructions of the driver's own. TAP.

The same runner and the same Linux guest on kvmlet and on upstream's kvm-intel. What is executed
between two marks of the guest's program comes from the emulator, guest and host alike; the middle
one of nine reads tells. Runs here, a lab for each driver.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
from statistics import median_low

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(REPO, "build")
LAB = os.path.join(REPO, "selftests", "lab")
sys.path[:0] = [LAB, os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "bench")]
import labguest                                                         # noqa: E402
import labkernel                                                        # noqa: E402
import tap                                                              # noqa: E402
from benchlab import Trace                                              # noqa: E402

# module names, and the label in the last one at which the host goes on after a VM exit
DRIVERS = {"kvmlet": (("kvmlet",), "vmx_exit"), "kvm": (("kvm", "kvm_intel"), "vmx_vmexit")}
SECTION = ".noinstr.text"       # that the labels are in
MOST = 0.5                      # of upstream's
BLOCKS = 32
# The address of each instruction, and whether it enters the guest.
EXECUTED = re.compile(rb" \w{4}:(\w{16}) (?:[^\n]*: (vmresume|vmlaunch))?[^\n]*")
SCRIPT = """kvmlet run --device $1 --kernel /vmlinux --initrd /guest.cpio --mem 96M \\
    --append "$(cat /cmdline)" --disk /disk.img,ro
cat /proc/modules >/modules
cat /sys/module/$2/sections/$3 >/section
"""


def instructions(text):
    """[(address, whether it enters the guest)] of a read's trace."""
    return [(int(address, 16), bool(enters)) for address, enters in EXECUTED.findall(text)]


def count(read, ranges, after_exit):
    """(exits, the driver's instructions, the host's, all) of a read, which begins in the guest."""
    in_guest, exits, own, host = True, 0, 0, 0
    for address, enters in read:
        if in_guest and address == after_exit:
            in_guest, exits = False, exits + 1
        if not in_guest:
            host += 1
            own += any(first <= address < last for first, last in ranges)
        in_guest = in_guest or enters
    return exits, own, host, len(read)


def label_offset(driver):
    """Of the label, in its section. To read /proc/kallsyms takes the emulator half a minute."""
    release, (names, label) = labkernel.release_of(None), DRIVERS[driver]
    own = os.path.join(BUILD, release, "kvmlet.ko")
    path = labkernel.package_modules(release).get(names[-1].replace("_", "-"), own)
    text = labkernel.tool("nm", "-g", "--defined-only", path).decode()
    return int(re.search(rf"^(\w+) \w {label}$", text, re.M).group(1), 16)


def addresses(folder, driver):
    """Where the driver's modules lie, and where the host goes on after an exit."""
    names, _label = DRIVERS[driver]
    with open(os.path.join(folder, "modules"), encoding="ascii") as f:
        modules = [line.split() for line in f]
    with open(os.path.join(folder, "section"), encoding="ascii") as f:
        section = int(f.read(), 16)
    return [(int(m[5], 16), int(m[5], 16) + int(m[1])) for m in modules if m[0] in names], \
        section + label_offset(driver)


def files(folder):
    """What the lab gets: {path here: path there}."""
    release = labkernel.release_of(None)
    tree = labguest.tree(os.path.join(HERE, "roundtrip.init"), release, labkernel.DISK_MODULES)
    with open(os.path.join(BUILD, "machine", "roundtrip"), "rb") as f:
        tree.put("/bin/roundtrip", f.read(), 0o755)
    blocks = b"".join(bytes([ord("a") + n % 26]) * 4096 for n in range(BLOCKS))
    return {os.path.join(BUILD, "userspace", "kvmlet"): "/bin/kvmlet",
            labguest.kernel(release): "/vmlinux",
            **labguest.files(folder, {"/guest.cpio": tree.cpio(), "/roundtrip.sh": SCRIPT.encode(),
                                      "/cmdline": labguest.cmdline().encode(),
                                      "/disk.img": blocks})}


def measure(driver, args):
    """The middle figures of one driver's reads, as count() has them; None and what was said."""
    with tempfile.TemporaryDirectory(prefix="kvmlet-roundtrip.") as folder:
        fifo = os.path.join(folder, "trace")
        os.mkfifo(fifo)
        trace = Trace(fifo, instructions)
        trace.start()
        words = [os.path.join(LAB, "lab"), "run", "--driver", driver, "--cpu", args.cpu, "--mem",
                 "768", "--limit", "900", "--trace", fifo]
        for source, dest in files(folder).items():
            words += ["--add", f"{source}:{dest}"]
        for name in ("modules", "section"):
            words += ["--get", f"/{name}:{os.path.join(folder, name)}"]
        for word in args.param if driver == "kvmlet" else ():
            words += ["--param", word]
        words += ["--", "sh", "/roundtrip.sh", f"/dev/{driver}", DRIVERS[driver][0][-1], SECTION]
        done = subprocess.run(words, check=False, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace")
        if done.returncode or "blocks read" not in done.stdout:
            return None, done.stdout
        trace.join()
        ranges, after_exit = addresses(folder, driver)
        found = [count(read, ranges, after_exit) for read in trace.sections]
        return [median_low(column) for column in zip(*found)], done.stdout


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--cpu", default="corei7_skylake_x", help="the lab's processor (%(default)s)")
    p.add_argument("--param", action="append", default=[], help="of kvmlet")
    args = p.parse_args()
    writer = tap.Writer()
    found = {}
    for driver in DRIVERS:
        found[driver], said = measure(driver, args)
        writer.ok(found[driver], f"{driver}: a Linux guest reads its disk", said.splitlines()[-12:])
    if all(found.values()):
        names = ("exits", "instructions of the driver", "instructions of the host", "instructions")
        for driver, figures in found.items():
            print(f"# {driver}: " + ", ".join(f"{n} {name}" for n, name in zip(figures, names)))
        ours, theirs = found.values()
        writer.ok(ours[0] <= theirs[0], "a read takes no more exits than on upstream",
                  [f"{ours[0]}, upstream {theirs[0]}"])
        writer.ok(ours[1] <= MOST * theirs[1],
                  f"a read takes at most {MOST} of the instructions that upstream's driver takes",
                  [f"{ours[1]}, upstream {theirs[1]}"])
    return writer.end()


if __name__ == "__main__":
    sys.exit(main())
