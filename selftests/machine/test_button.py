#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""SIGPWR to the runner is the power button to a Linux guest, which hears of it at once, or when it
wants to, if it was saved and restored before. TAP. Runs here; the lab is booted once.
"""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(REPO, "selftests", "lab"))
import labguest                                                         # noqa: E402
import labkernel                                                        # noqa: E402
sys.path.insert(0, os.path.dirname(HERE))
import tap                                                              # noqa: E402

LAB = os.path.join(REPO, "selftests", "lab", "lab")
PROGRAM = os.path.join(REPO, "build", "userspace", "kvmlet")


def boot(folder):
    """Returns the lab's status and what was said."""
    release = labkernel.release_of(None)
    initrd = os.path.join(folder, "guest.cpio")
    with open(initrd, "wb") as f:
        f.write(labguest.tree(os.path.join(HERE, "button-init"), release, ()).cpio())
    words = [LAB, "run", "--mem", "768", "--limit", "600", "--ticks", "0",
             "--add", f"{PROGRAM}:/bin/kvmlet", "--add", f"{labguest.kernel(release)}:/vmlinux",
             "--add", f"{initrd}:/guest.cpio",
             "--add", f"{os.path.join(HERE, 'button-host')}:/bin/host", "--", "host",
             "--kernel", "/vmlinux", "--initrd", "/guest.cpio", "--mem", "128M",
             "--append", labguest.cmdline()]
    done = subprocess.run(words, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.returncode, done.stdout.replace("\r", "")


def main():
    print("TAP version 13", flush=True)
    cases = tap.Writer()
    with tempfile.TemporaryDirectory(prefix="kvmlet-button.") as folder:
        status, text = boot(folder)
    for pattern, name in ((r"^guest: a button: LNXPWRBN", "a guest has a power button"),
                          (r"^guest: pressed 1$", "SIGPWR presses it, once"),
                          (r"^guest: held 1, pressed 1$",
                           "a guest that does not want to hear of it can see it"),
                          (r"^host: saved, status 106$", "is saved"),
                          (r"^guest: restored 1, pressed 2, held 0$", "and hears of it then")):
        cases.ok(re.search(pattern, text, re.M), name, text.splitlines()[-30:])
    cases.ok(status == 0, "the guest powers off", text.splitlines()[-30:])
    return cases.end()


if __name__ == "__main__":
    sys.exit(main())
