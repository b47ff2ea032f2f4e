#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A Linux guest talks to its host by a TAP, copies files both ways, is saved and restored meanwhile,
and follows the TAP's link; it has random numbers of the host's, and a console. TAP.

[DRIVER...]: kvmlet unless told; the runner is the same on kvm. Debian's own kernel, its own virtio
modules: as virtio 1.x with MSI-X, and --all as before 1.0, and with INTx. Runs here; the lab is
booted once for each driver.
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

WHAT = {"modern": "virtio 1.x, MSI-X", "legacy": "before 1.0, MSI-X", "pci=nomsi": "1.x, INTx"}
LIMIT = "900"


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


def boot(driver, runs, folder):
    """Every run of one driver; returns the lab's status and what was said."""
    kernel = labguest.kernel(labkernel.release_of(None))
    words = [os.path.join(LAB, "lab"), "run", "--driver", driver, "--mem", "768", "--cpu",
             "broadwell_ult", "--limit", LIMIT,
             "--add", os.path.join(REPO, "build", "userspace", "kvmlet") + ":/bin/kvmlet",
             "--add", kernel + ":/vmlinux", "--add", f"{folder}/guest.cpio:/guest.cpio",
             "--add", f"{folder}/cmdline:/cmdline",
             "--add", os.path.join(HERE, "host.sh") + ":/host.sh",
             "--", "sh", "/host.sh", f"/dev/{driver}", *runs]
    done = subprocess.run(words, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, errors="replace")
    return done.returncode, done.stdout.replace("\r", "")


def judge(cases, driver, word, text):
    """The cases of one run, by what guest and host have said."""
    what = f"{driver}: {WHAT[word]}"

    def says(pattern, name):
        cases.check(re.search(pattern, text, re.M) is not None, f"{what}: {name}", text)

    def same(names, name):
        found = re.findall(rf"^(?:guest|host): (?:{names}) (\w+)", text, re.M)
        cases.check(len(found) == 2 and found[0] == found[1], f"{what}: {name}", text)

    says(r"^guest: address 02:00:00:00:00:02$", "the guest has the address that it was given")
    says(r"^guest: random virtio_rng\S* 64$", "and random numbers")
    says(r"^guest: speaks by hvc0$", "its console speaks")
    says(r"^guest: hears by hvc0$", "and hears")
    says(r"^guest: link 1$", "its link is up, as the TAP is")
    says(r"^guest: answers 2$", "the host answers it")
    says(r"^guest: interrupts .*" + ("IO-APIC" if "nomsi" in word else "PCI-MSI"),
         "interrupts come as they should")
    says(r"^host: saved, status 106$", "it is saved while a file comes")
    says(r"^guest: restored +1$", "and restored")
    same("noise", "the file comes whole")
    says(r"^guest: address after 02:00:00:00:00:02$", "it has kept its address")
    says(r"^guest: random after 64$", "and its random numbers")
    same("sent|received", "so does one to the host")
    says(r"^guest: answers after down and up 2$", "down and up again, it is answered")
    cases.check("guest: wrong" not in text, f"{what}: but not while it is down", text)
    says(r"^guest: link of a TAP that is down 0$", "its link goes down with the TAP")
    says(r"^guest: link of one that is up again 1$", "and up")
    says(r"^guest: answers after that 2$", "and it is answered")
    says(r"tap=tap0: the interface is gone", "a TAP that is removed is missed")
    says(r"^guest: link of one that is gone 0$", "then the link is down, and the guest goes on")
    says(r"^guest: errors 0 0 $", "no frame was wrong")
    says(r"^host: status 0$", "it powers off")


def main():
    cases = Cases()
    runs = list(WHAT) if "--all" in sys.argv else ["modern"]
    print("TAP version 13")
    try:
        initrd = labguest.tree(os.path.join(HERE, "init"), labkernel.release_of(None),
                               labkernel.NET_MODULES).cpio()
    except labkernel.LabError as e:
        print(f"1..0 # SKIP {e}" if "no module" in str(e) else f"Bail out! {e}")
        return 0 if "no module" in str(e) else 1
    for driver in [d for d in sys.argv[1:] if d != "--all"] or ["kvmlet"]:
        with tempfile.TemporaryDirectory(prefix="kvmlet-net.") as folder:
            for name, data in (("guest.cpio", initrd), ("cmdline", labguest.cmdline().encode())):
                with open(os.path.join(folder, name), "wb") as f:
                    f.write(data)
            status, said = boot(driver, runs, folder)
        if "host: no tun" in said:
            print("1..0 # SKIP the lab has no tun module: `lab fetch' (needs a network)")
            return 0
        parts = re.split(r"^host: run (\S+)\n", said, flags=re.M)
        found = dict(zip(parts[1::2], parts[2::2]))
        for word in runs:
            judge(cases, driver, word, found.get(word, said))
        cases.check(status == 0, f"{driver}: the host has nothing to complain about", said)
    print(f"1..{cases.count}")
    return 1 if cases.failed else 0


if __name__ == "__main__":
    sys.exit(main())
