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
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
LAB = os.path.join(REPO, "selftests", "lab")
sys.path.insert(0, LAB)
import labguest                                                         # noqa: E402
import labkernel                                                        # noqa: E402

WHAT = {"modern": "virtio 1.x, MSI-X, io_uring", "legacy": "before 1.0, MSI-X, io=thread",
        "pci=nomsi": "1.x, INTx, io_uring"}
# Of kvmlet's first run: what the trace of a write has, in this order.
WAY = (r" disk0: a write of [1-9]\d* bytes to sector \d+;", r" driver  exit: vcpu 0 reason EPT_",
       r" driver  ept_fault: vcpu 0 gpa 0xe0013000 ",
       r" kvmlet  read\(2\) of the eventfd returns", r" kvmlet  the request is out of the queue",
       r" kvmlet  submitted to io_uring", r" kvmlet  it is over, status 0",
       r" kvmlet  status and used ring are written", r" kvmlet  write\(2\) of MSI-X's irqfd",
       r" driver  entry: vcpu 0 rip ")
RUNS = {"kvmlet": list(WHAT), "kvm": ["modern"]}
LIMIT = "900"
LAB_OPTIONS = {"kvmlet": ["--ftrace"], "kvm": []}       # upstream's module costs 5 s more with it


class Cases:
    def __init__(self):
        self.count = self.failed = 0

    def check(self, good, name, text):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}", flush=True)
        if not good:
            for line in text.splitlines()[-25:]:
                print(f"# {line}")


def boot(driver, folder):
    """Every run of one driver; returns the lab's status and what was said."""
    kernel = labguest.kernel(labkernel.release_of(None))
    words = [os.path.join(LAB, "lab"), "run", "--driver", driver, "--mem", "768", "--cpu",
             "broadwell_ult", "--limit", LIMIT, *LAB_OPTIONS[driver],
             "--add", os.path.join(REPO, "build", "userspace", "kvmlet") + ":/bin/kvmlet",
             "--add", kernel + ":/vmlinux", "--add", f"{folder}/guest.cpio:/guest.cpio",
             "--add", f"{folder}/cmdline:/cmdline",
             "--add", os.path.join(HERE, "host.sh") + ":/host.sh",
             "--", "sh", "/host.sh", f"/dev/{driver}", *RUNS[driver]]
    done = subprocess.run(words, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, errors="replace")
    return done.returncode, done.stdout.replace("\r", "")


def judge(cases, driver, word, text):
    """The cases of one run, by what guest and host have said."""
    what = f"{driver}: {WHAT[word]}"

    def says(pattern, name):
        cases.check(re.search(pattern, text, re.M) is not None, f"{what}: {name}", text)

    says(r"^guest: sectors 4096 read-only 1$", "the disks have their size, one is read-only")
    says(r"^guest: serial kvmlet0 cache write back$", "a name, and a cache that is flushed")
    says(r"^guest: second second disk$", "the guest reads")
    says(r"^guest: interrupts .*" + ("IO-APIC" if "nomsi" in word else "PCI-MSI"),
         "interrupts come as they should")
    says(r"^host: saved, status 106$", "the guest is saved while it writes")
    says(r"^guest: restored +1$", "and restored")
    blocks = re.findall(r"^(?:guest|host): block (\w+)", text, re.M)
    cases.check(len(blocks) == 3 and len(set(blocks)) == 1 and "guest: wrong" not in text,
                f"{what}: what it wrote meanwhile is there, for guest and host", text)
    says(r"^guest: synced$", "the guest writes and syncs")
    says(r"^host: status 0$", "it powers off")
    says(r"^host: hello written by the guest$", "the host finds the file")
    noise = re.findall(r"^(?:guest|host): noise (\w+)", text, re.M)
    cases.check(len(noise) == 2 and noise[0] == noise[1], f"{what}: and a large one, the same",
                text)
    says(r"^host: discarded 0$", "what was discarded is empty")
    says(r"^host: kept 0$", "what lies behind it is not touched")
    says(r"^host: second second disk$", "nor is the disk that is read-only")
    if (driver, word) == ("kvmlet", "modern"):
        way = "\n".join(line for line in text.splitlines() if line.startswith("trace:"))
        cases.check(re.search(".*?".join(WAY), way, re.S) is not None,
                    f"{what}: the trace shows the way of a write, through the driver and back", way)


def main():
    cases = Cases()
    print("TAP version 13")
    try:
        initrd = labguest.tree(os.path.join(HERE, "init"), labkernel.release_of(None),
                               labkernel.DISK_MODULES).cpio()
    except labkernel.LabError as e:
        print(f"Bail out! {e}")
        return 1
    for driver in sys.argv[1:] or ("kvmlet", "kvm"):
        with tempfile.TemporaryDirectory(prefix="kvmlet-disk.") as folder:
            for name, data in (("guest.cpio", initrd), ("cmdline", labguest.cmdline().encode())):
                with open(os.path.join(folder, name), "wb") as f:
                    f.write(data)
            status, said = boot(driver, folder)
        parts = re.split(r"^host: run (\S+)\n", said, flags=re.M)
        runs = dict(zip(parts[1::2], parts[2::2]))
        for word in RUNS[driver]:
            judge(cases, driver, word, runs.get(word, said))
        cases.check(status == 0, f"{driver}: the host has nothing to complain about", said)
    print(f"1..{cases.count}")
    return 1 if cases.failed else 0


if __name__ == "__main__":
    sys.exit(main())
