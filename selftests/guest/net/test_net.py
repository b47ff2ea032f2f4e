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
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
SELFTESTS = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [SELFTESTS, os.path.join(SELFTESTS, "lab")]
import labguest                                                         # noqa: E402
import labkernel                                                        # noqa: E402
import tap                                                              # noqa: E402

WHAT = {"modern": "virtio 1.x, MSI-X", "legacy": "before 1.0, MSI-X", "pci=nomsi": "1.x, INTx"}
SHOWN = 25                      # lines of what was said, with a case that failed


def judge(cases, driver, word, text):
    """The cases of one run, by what guest and host have said."""
    what = f"{driver}: {WHAT[word]}"

    def case(good, name):
        cases.ok(good, f"{what}: {name}", text.splitlines()[-SHOWN:])

    def says(pattern, name):
        case(re.search(pattern, text, re.M), name)

    def same(names, name):
        found = re.findall(rf"^(?:guest|host): (?:{names}) (\w+)", text, re.M)
        case(len(found) == 2 and found[0] == found[1], name)

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
    case("guest: wrong" not in text, "but not while it is down")
    says(r"^guest: link of a TAP that is down 0$", "its link goes down with the TAP")
    says(r"^guest: link of one that is up again 1$", "and up")
    says(r"^guest: answers after that 2$", "and it is answered")
    says(r"tap=tap0: the interface is gone", "a TAP that is removed is missed")
    says(r"^guest: link of one that is gone 0$", "then the link is down, and the guest goes on")
    says(r"^guest: errors 0 0 $", "no frame was wrong")
    says(r"^host: status 0$", "it powers off")


def main():
    cases = tap.Writer()
    runs = list(WHAT) if "--all" in sys.argv else ["modern"]
    print("TAP version 13")
    try:
        initrd = labguest.tree(os.path.join(HERE, "init"), labkernel.release_of(None),
                               labkernel.NET_MODULES).cpio()
    except labkernel.LabError as e:
        print(f"1..0 # SKIP {e}" if "no module" in str(e) else f"Bail out! {e}")
        return 0 if "no module" in str(e) else 1
    for driver in [d for d in sys.argv[1:] if d != "--all"] or ["kvmlet"]:
        status, said, found = labguest.run_host(driver, os.path.join(HERE, "host.sh"), initrd, runs)
        if "host: no tun" in said:
            print("1..0 # SKIP the lab has no tun module: `lab fetch' (needs a network)")
            return 0
        for word in runs:
            judge(cases, driver, word, found.get(word, said))
        cases.ok(status == 0, f"{driver}: the host has nothing to complain about",
                 said.splitlines()[-SHOWN:])
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
