#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A Linux guest with several processors sees all of them, compresses and compiles on all at the
same time with the right outcome, is saved and restored meanwhile, with clocks that never go back,
whichever processor reads them, and takes one of them away and back. TAP.

Debian's own kernel and this machine's compiler; by itself four processors on a host of one,
restored once. Runs here; the lab is booted once.
"""
import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
LAB = os.path.join(REPO, "selftests", "lab", "lab")
PROGRAM = os.path.join(REPO, "build", "userspace", "kvmlet")
CLOCKS = os.path.join(REPO, "build", "state", "clocks")
HOST = os.path.join(HERE, "parallel-host")
sys.path.insert(0, os.path.join(REPO, "selftests", "lab"))
import labguest                                                         # noqa: E402
import labinitrd                                                        # noqa: E402
import labkernel                                                        # noqa: E402
sys.path.insert(0, os.path.dirname(HERE))
import tap                                                              # noqa: E402

LINES = 4000                    # of each processor's file
LIMIT = (600, 60)               # seconds that a lab may take, and more each time, on a busy machine
GUEST_MEM, LAB_MEM = "128M", "1024"
TOOLS = 64                      # MiB of the disk with the compiler
SOURCE = os.path.join(HERE, "parallel", "part.c")
COMPILE = ("gcc", "-O2", "-ffreestanding", "-fno-pie", "-fno-stack-protector",
           "-mgeneral-regs-only", "-pipe", "-c", "part.c")


def right_sum(cpu):
    text = "".join(f"{i}\n" for i in range(1 + cpu * 1000, LINES + cpu * 1000 + 1))
    return hashlib.sha256(text.encode()).hexdigest()


def right_program(cpus):
    """The sum of the program that is built here from the same source, and what it prints."""
    with tempfile.TemporaryDirectory(prefix="kvmlet-parallel.") as folder:
        shutil.copy(SOURCE, os.path.join(folder, "part.c"))
        parts = [f"part-{cpu}.o" for cpu in range(cpus)]
        for cpu, part in enumerate(parts):
            labkernel.tool(*COMPILE, f"-DPART={cpu}", "-o", part, cwd=folder)
        labkernel.tool("ld", "-o", "program", *parts, cwd=folder)
        program = os.path.join(folder, "program")
        with open(program, "rb") as f:
            return hashlib.sha256(f.read()).hexdigest(), labkernel.tool(program).decode().strip()


def tools(folder):
    """An image with gcc, what it calls, where it looks for them, and what to compile."""
    tree = labinitrd.Tree()
    labinitrd.add_file(tree, SOURCE, "part.c")
    tree.put("compile", " ".join(COMPILE).encode())
    for name in ("gcc", "as", "ld"):
        labinitrd.add_file(tree, shutil.which(name), f"/usr/bin/{name}")
    cc1 = labkernel.tool("gcc", "-print-prog-name=cc1").decode().strip()
    labinitrd.add_file(tree, cc1, cc1)
    image = os.path.join(folder, "tools.img")
    labguest.make_image(image, TOOLS, "-O", "^has_journal", content=tree)
    return image


def initrd(folder, release):
    tree = labguest.tree(os.path.join(HERE, "parallel-init"), release,
                         labkernel.DISK_MODULES + ("ext4",))
    tree.folder("/tools")
    labinitrd.add_file(tree, CLOCKS, "/bin/clocks")
    path = os.path.join(folder, "guest.cpio")
    with open(path, "wb") as f:
        f.write(tree.cpio())
    return path


def boot(args, folder):
    """Returns the lab's status and what was said."""
    release = labkernel.release_of(None)
    added = {PROGRAM: "/bin/kvmlet", HOST: "/bin/host", labguest.kernel(release): "/vmlinux",
             initrd(folder, release): "/guest.cpio", tools(folder): "/tools.img"}
    words = [LAB, "run", "--driver", args.driver, "--cpu", args.cpu, "--mem", LAB_MEM,
             "--limit", str(LIMIT[0] + LIMIT[1] * args.times), "--ticks", "0"]
    words += ["--smp", str(args.smp)] if args.smp > 1 else []
    words += [word for p in args.param for word in ("--param", p)]
    words += [word for path, there in added.items() for word in ("--add", f"{path}:{there}")]
    words += ["--", "host", f"/dev/{args.driver}", str(args.times), "--kernel", "/vmlinux",
              "--initrd", "/guest.cpio", "--disk", "/tools.img", "--mem", GUEST_MEM,
              "--cpus", str(args.cpus), "--append", labguest.cmdline() + f" times={args.times}"]
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
    programs = re.findall(r"^guest: program (\w+) (.*) $", text, re.M)
    right = right_program(args.cpus)
    cases.ok(programs and all(p == right for p in programs),
             "the program that they compile, a part on each, is the one that this machine builds, "
             "and prints the same", [f"right: {right}", *text.splitlines()[-30:]])
    done = re.findall(r"^guest: restored with (\d+) at work", text, re.M)
    cases.ok(len(done) == args.times, "the guest was restored each time that it was saved",
             text.splitlines()[-30:])
    cases.ok(done and "0" not in done, "in the middle of its work",
             [f"compilers at work: {done}"])
    words = says(rf"^clocks: {args.cpus} processors, \d+ ticks, (\d+) readings, (\d+) went back$",
                 "they read their clocks meanwhile, too")
    cases.ok(words and int(words[1]) > 1000 and words[2] == "0",
             "of which none goes back behind what another has read",
             re.findall("^clocks: .*", text, re.M))
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
    o("--smp", type=int, choices=(1, 2), default=1, help="the lab's processors (%(default)s)")
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
