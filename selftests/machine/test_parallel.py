#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A Linux guest with several processors sees all of them, works on all at the same time with the
right answer, is saved and restored meanwhile, and takes one of them away and back. TAP.

Debian's own kernel; by itself four processors on a host of one, restored once. Runs here; the lab
is booted once.
"""
import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
LAB = os.path.join(REPO, "selftests", "lab", "lab")
PROGRAM = os.path.join(REPO, "build", "userspace", "kvmlet")
HOST = os.path.join(HERE, "parallel-host")
sys.path.insert(0, os.path.join(REPO, "selftests", "lab"))
import labguest                                                         # noqa: E402
import labinitrd                                                        # noqa: E402
import labkernel                                                        # noqa: E402
sys.path.insert(0, os.path.dirname(HERE))
import tap                                                              # noqa: E402

LINES = 4000                    # of each processor's file
# Of the emulated host, by its processors: until the guest is saved first, and between two saves.
# One of two processors is five times as slow as the one that is alone.
SECONDS = {1: (4, 0.5), 2: (16, 2)}
LIMIT = (600, 60)               # seconds that a lab may take, and more each time, on a busy machine
GUEST_MEM, LAB_MEM = "128M", "768"


def right_sum(cpu):
    text = "".join(f"{i}\n" for i in range(1 + cpu * 1000, LINES + cpu * 1000 + 1))
    return hashlib.sha256(text.encode()).hexdigest()


def guest_initrd(folder):
    tree = labinitrd.base_tree()
    with open(os.path.join(HERE, "parallel-init"), "rb") as f:
        tree.put("/init", f.read(), 0o755)
    path = os.path.join(folder, "guest.cpio")
    with open(path, "wb") as f:
        f.write(tree.cpio())
    return path


def boot(args, folder):
    """Returns the lab's status and what was said."""
    kernel = labguest.kernel(labkernel.release_of(None))
    first, between = SECONDS[args.smp]
    words = [LAB, "run", "--driver", args.driver, "--cpu", args.cpu, "--mem", LAB_MEM,
             "--limit", str(LIMIT[0] + LIMIT[1] * args.times), "--ticks", "0"]
    words += ["--smp", str(args.smp)] if args.smp > 1 else []
    words += [word for p in args.param for word in ("--param", p)]
    words += ["--add", f"{PROGRAM}:/bin/kvmlet", "--add", f"{kernel}:/vmlinux",
              "--add", f"{guest_initrd(folder)}:/guest.cpio", "--add", f"{HOST}:/bin/host",
              "--", "host", f"/dev/{args.driver}", str(first), str(between),
              str(args.times), "--kernel", "/vmlinux", "--initrd", "/guest.cpio",
              "--mem", GUEST_MEM, "--cpus", str(args.cpus), "--append",
              labguest.cmdline() + f" times={args.times}"]
    done = subprocess.run(words, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.returncode, done.stdout.replace("\r", "")


def judge(cases, args, status, text):
    """The cases, by what the guest has said."""
    def says(pattern, name):
        words = re.search(pattern, text, re.M)
        cases.ok(words, name, text.splitlines()[-30:])
        return words

    numbers = " ".join(map(str, range(args.cpus)))
    online = f"0-{args.cpus - 1}"
    says(rf"^guest: processors {args.cpus} online {online}$",
         f"a guest with {args.cpus} processors has all of them online")
    says(rf"^guest: APIC ids {numbers} $", "each with its APIC id")
    says(rf"^guest: cores {numbers} $", "as a core of its own")
    says(r"^guest: packages 0 $", "of one package")
    sums = re.findall(r"^guest: sums (.*) $", text, re.M)
    right = " ".join(right_sum(cpu) for cpu in range(args.cpus))
    cases.ok(sums and all(s == right for s in sums),
             "what they compress at the same time is right each time", text.splitlines()[-30:])
    if args.times:
        words = says(r"^guest: restored (\d+), rounds \d+$", "the guest was restored")
        cases.ok(words and int(words[1]) >= args.times, f"{args.times} times at least",
                 text.splitlines()[-30:])
    says(rf"^guest: without one 0(-{args.cpus - 2})?$", "a processor is taken away")
    says(rf"^guest: with it {online} {right_sum(args.cpus - 1)}$", "and comes back to work")
    words = says(r"^guest: timers ([\d ]+)$", "each has a timer")
    cases.ok(words and len(words[1].split()) == args.cpus and "0" not in words[1].split(),
             "that has ticked", text.splitlines()[-30:])
    cases.ok(status == 0, "the guest powers off, and the host has nothing to complain about",
             text.splitlines()[-30:])


def main():
    p = argparse.ArgumentParser(description=__doc__)
    o = p.add_argument
    o("--cpus", type=int, default=4, help="processors of the guest, %(default)s unless told")
    o("--smp", type=int, choices=SECONDS, default=1, help="the lab's processors (%(default)s)")
    o("--times", type=int, default=1, help="how often it is restored, %(default)s unless told")
    o("--driver", choices=("kvmlet", "kvm"), default="kvmlet")
    o("--cpu", default="broadwell_ult", metavar="MODEL", help="the lab's processor")
    o("--param", action="append", default=[], metavar="NAME=VALUE", help="of the driver")
    args = p.parse_args()
    print("TAP version 13", flush=True)
    cases = tap.Writer()
    with tempfile.TemporaryDirectory(prefix="kvmlet-parallel.") as folder:
        status, text = boot(args, folder)
    judge(cases, args, status, text)
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
