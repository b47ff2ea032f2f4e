#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The fuzzer's table (fuzz/ioctls.h) names every ioctl that the driver knows, and no other. TAP."""
import os
import re
import sys

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCES = {"SYSTEM": ["vmx/main.c"], "VM": ["vmx/vm.c"],
           "VCPU": ["vmx/vcpu_ioctl.c", "vmx/vcpu.c"]}


def text(path):
    with open(os.path.join(REPO, path), encoding="utf-8") as f:
        return f.read()


def known(source):
    """The numbers that a dispatcher has: rows of its lists, their twins, and what it asks for."""
    return (re.findall(r"^\t(?:IOCTL|FN|LIST)\((KVM_\w+)\b", source, re.M) +
            re.findall(r"(?:cmd (?:=|!=) |IOCTL_TWIN\()(KVM_\w+)", source))


def main():
    table = re.findall(r"^IOCTL\((\w+), (KVM_\w+),", text("selftests/fuzz/ioctls.h"), re.M)
    cases = [("each descriptor is one of three", {d for d, _ in table}, set(SOURCES))]
    for descriptor, paths in SOURCES.items():
        here = known("".join(map(text, paths)))
        there = [name for d, name in table if d == descriptor]
        cases += [(f"{paths[0]} has a table", bool(here), True),
                  (f"{descriptor}: the driver's ioctls are the fuzzer's",
                   sorted(set(here) - set(there)), []),
                  (f"{descriptor}: the fuzzer's ioctls are the driver's",
                   sorted(set(there) - set(here)), []),
                  (f"{descriptor}: none is there twice", len(set(there)), len(there))]
    failed = 0
    print("TAP version 13")
    for number, (name, actual, expected) in enumerate(cases, 1):
        print(f"{'ok' if actual == expected else 'not ok'} {number} - {name}")
        if actual != expected:
            failed += 1
            print(f"# expected {expected}\n# actual   {actual}")
    print(f"1..{len(cases)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
