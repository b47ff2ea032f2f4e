#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A Linux guest writes files to a disk, is saved and restored meanwhile, syncs and powers off, and
the host finds them. TAP.

[DRIVER...]: kvmlet and kvm unless told. Debian's own kernel, its own virtio modules: as virtio 1.x
with MSI-X, and on kvmlet as before 1.0, and with INTx. Runs here; the lab is booted once for each
driver.
"""
import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
SELFTESTS = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [SELFTESTS, os.path.join(SELFTESTS, "lab")]
import labguest                                                         # noqa: E402
import labkernel                                                        # noqa: E402
import tap                                                              # noqa: E402

WHAT = {"modern": "virtio 1.x, MSI-X, io_uring", "legacy": "before 1.0, MSI-X, io=thread",
        "pci=nomsi": "1.x, INTx, io_uring"}
# Of kvmlet's first run: what the trace of a write has, in this order.
WAY = (r" disk0: a write of [1-9]\d* bytes to sector \d+;", r" driver  exit: vcpu 0 reason EPT_",
       r" driver  ept_fault: vcpu 0 gpa 0xe0013000 ",
       r" kvmlet  read\(2\) of the eventfd returns", r" kvmlet  the request is out of the queue",
       r" kvmlet  submitted to io_uring", r" kvmlet  it is over, status 0",
       r" kvmlet  status and used ring are written", r" kvmlet  write\(2\) of MSI-X's irqfd",
       r" driver  inj: vcpu 0 interrupt \d+", r" driver  entry: vcpu 0 rip ")
RUNS = {"kvmlet": list(WHAT), "kvm": ["modern"]}
SHOWN = 25                      # lines of what was said, with a case that failed
LAB_OPTIONS = {"kvmlet": ["--ftrace"], "kvm": []}       # upstream's module costs 5 s more with it


def judge(cases, driver, word, text):
    """The cases of one run, by what guest and host have said."""
    what = f"{driver}: {WHAT[word]}"

    def case(good, name):
        cases.ok(good, f"{what}: {name}", text.splitlines()[-SHOWN:])

    def says(pattern, name):
        case(re.search(pattern, text, re.M), name)

    says(r"^guest: sectors 4096 read-only 1$", "the disks have their size, one is read-only")
    says(r"^guest: serial kvmlet0 cache write back$", "a name, and a cache that is flushed")
    says(r"^guest: second second disk$", "the guest reads")
    says(r"^guest: interrupts .*" + ("IO-APIC" if "nomsi" in word else "PCI-MSI"),
         "interrupts come as they should")
    says(r"^host: saved, status 106$", "the guest is saved while it writes")
    says(r"^guest: restored +1$", "and restored")
    blocks = re.findall(r"^(?:guest|host): block (\w+)", text, re.M)
    case(len(blocks) == 3 and len(set(blocks)) == 1 and "guest: wrong" not in text,
         "what it wrote meanwhile is there, for guest and host")
    says(r"^guest: synced$", "the guest writes and syncs")
    says(r"^host: status 0$", "it powers off")
    says(r"^host: hello written by the guest$", "the host finds the file")
    noise = re.findall(r"^(?:guest|host): noise (\w+)", text, re.M)
    case(len(noise) == 2 and noise[0] == noise[1], "and a large one, the same")
    says(r"^host: discarded 0$", "what was discarded is empty")
    says(r"^host: kept 0$", "what lies behind it is not touched")
    says(r"^host: second second disk$", "nor is the disk that is read-only")
    if (driver, word) == ("kvmlet", "modern"):
        way = "\n".join(line for line in text.splitlines() if line.startswith("trace:"))
        cases.ok(re.search(".*?".join(WAY), way, re.S),
                 f"{what}: the trace shows the way of a write, through the driver and back",
                 way.splitlines()[-SHOWN:])


def main():
    cases = tap.Writer()
    print("TAP version 13")
    try:
        initrd = labguest.tree(os.path.join(HERE, "init"), labkernel.release_of(None),
                               labkernel.DISK_MODULES).cpio()
    except labkernel.LabError as e:
        print(f"Bail out! {e}")
        return 1
    for driver in sys.argv[1:] or ("kvmlet", "kvm"):
        status, said, runs = labguest.run_host(driver, os.path.join(HERE, "host.sh"), initrd,
                                               RUNS[driver], LAB_OPTIONS[driver])
        for word in RUNS[driver]:
            judge(cases, driver, word, runs.get(word, said))
        cases.ok(status == 0, f"{driver}: the host has nothing to complain about",
                 said.splitlines()[-SHOWN:])
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
