#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What a guest has synced survives its runner, which is killed at random moments. TAP.

A Linux guest mounts an ext4 image and is saved; from there on it runs again and again, keeps a
journal of records with fsync, and its runner is killed (kills.c). Runs here, in one lab.
"""
import argparse
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(REPO, "build")
LAB = os.path.join(REPO, "selftests", "lab")
sys.path.insert(0, LAB)
import labguest                                                         # noqa: E402
import labkernel                                                        # noqa: E402

SCRIPT = """kvmlet run --device $1 --kernel /vmlinux --initrd /guest.cpio --mem 96M \\
    --append "$(cat /cmdline)" --disk /disk.img --save /saved >/boot.txt 2>&1
[ $? = 106 ] || { sed 's/^/# /' /boot.txt; echo "Bail out! the guest cannot be saved"; exit 1; }
exec /bin/kills "$@"
"""


def files(folder):
    """What the lab gets, beside programs: {path here: path there}."""
    release = labkernel.release_of(None)
    image = os.path.join(folder, "disk.img")
    labguest.make_image(image, 8, "-J", "size=1")
    tree = labguest.tree(os.path.join(HERE, "kills.init"), release,
                         labkernel.DISK_MODULES + ("ext4",))
    tree.folder("/mnt")
    with open(os.path.join(BUILD, "machine", "journal"), "rb") as f:
        tree.put("/bin/journal", f.read(), 0o755)
    return {image: "/disk.img", labguest.kernel(release): "/vmlinux",
            **labguest.files(folder, {"/guest.cpio": tree.cpio(), "/kills.sh": SCRIPT.encode(),
                                      "/cmdline": labguest.cmdline().encode()})}


def run(args, folder):
    words = [os.path.join(LAB, "lab"), "run", "--driver", args.driver, "--cpu", args.cpu, "--mem",
             "768", "--limit", str(300 + 60 * args.count)]
    added = {os.path.join(BUILD, "userspace", "kvmlet"): "/bin/kvmlet",
             os.path.join(BUILD, "machine", "kills"): "/bin/kills", **files(folder)}
    for name in ("e2fsck", "debugfs"):
        added[labguest.program(name)] = f"/bin/{name}"
    for source, dest in added.items():
        words += ["--add", f"{source}:{dest}"]
    for word in args.param:
        words += ["--param", word]
    words += ["--smp", str(args.smp)] if args.smp > 1 else []
    words += ["--", "sh", "/kills.sh", f"/dev/{args.driver}", str(args.count), str(args.seed)]
    return subprocess.run(words, check=False, stdin=subprocess.DEVNULL).returncode


def main():
    p = argparse.ArgumentParser(description=__doc__)
    o = p.add_argument
    o("--count", type=int, default=5, help="how often its runner is killed (%(default)s)")
    o("--seed", type=int, default=1, help="of the moments (%(default)s)")
    o("--driver", choices=("kvmlet", "kvm"), default="kvmlet")
    o("--cpu", default="broadwell_ult", help="the lab's processor (%(default)s)")
    o("--smp", type=int, default=1, help="the lab's processors")
    o("--param", action="append", default=[], help="of the driver")
    args = p.parse_args()
    with tempfile.TemporaryDirectory(prefix="kvmlet-kills.") as folder:
        try:
            return run(args, folder)
        except labkernel.LabError as e:
            print(f"Bail out! {e}")
            return 1


if __name__ == "__main__":
    sys.exit(main())
