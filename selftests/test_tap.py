#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The reader of TAP believes nobody: what must count as a failure does. TAP itself."""
import sys

sys.dont_write_bytecode = True
import tap                                                              # noqa: E402

# (name, output, status, (passed, failed, skipped))
CASES = (
    ("a program that passes", "TAP version 13\nok 1 - a\nok 2 - b\n1..2\n", 0, (2, 0, 0)),
    ("a plan first", "1..2\nok 1 - a\nok 2 - b\n", 0, (2, 0, 0)),
    ("a case that fails", "not ok 1 - a\n# expected 1\nok 2 - b\n1..2\n", 1, (1, 1, 0)),
    ("a case that is skipped", "ok 1 - a # SKIP no EPT\nok 2 - b\n1..2\n", 0, (1, 0, 1)),
    ("all is skipped", "ok 1 - a # SKIP no EPT\n1..1\n", 4, (0, 0, 1)),
    ("all is skipped by the plan", "1..0 # SKIP no device\n", 4, (0, 0, 1)),
    ("a failed case that claims to be skipped", "not ok 1 - a # SKIP\n1..1\n", 1, (0, 1, 0)),
    ("no output at all", "", 0, (0, 1, 0)),
    ("no plan", "ok 1 - a\n", 0, (1, 1, 0)),
    ("a program that dies", "ok 1 - a\n1..2\n", -11, (1, 1, 0)),
    ("fewer cases than planned, with status 0", "1..3\nok 1 - a\n", 0, (1, 1, 0)),
    ("more cases than planned", "1..1\nok 1 - a\nok 2 - b\n", 0, (2, 1, 0)),
    ("a plan of none", "1..0\n", 0, (0, 1, 0)),
    ("two plans", "1..1\nok 1 - a\n1..1\n", 0, (1, 1, 0)),
    ("Bail out", "ok 1 - a\nBail out! no memory\n1..1\n", 0, (1, 1, 0)),
    ("a status that says fail while no case does", "ok 1 - a\n1..1\n", 1, (1, 1, 0)),
    ("status 0 though a case failed", "not ok 1 - a\n1..1\n", 0, (0, 2, 0)),
    ("words that begin like a case", "okay\nnot okay\nok 1 - a\n1..1\n", 0, (1, 0, 0)),
)


def told(output):
    """The details of each case."""
    reader = tap.Reader("details")
    for line in output.splitlines():
        reader.line(line)
    return [case[2] for case in reader.end(1).cases]


def main():
    failed = 0
    print("TAP version 13")
    for number, (name, output, status, expected) in enumerate(CASES, 1):
        reader = tap.Reader(name)
        for line in output.splitlines():
            reader.line(line)
        result = reader.end(status)
        actual = tuple(result.count(v) for v in ("pass", "fail", "skip"))
        print(f"{'ok' if actual == expected else 'not ok'} {number} - {name}")
        if actual != expected:
            failed += 1
            print(f"# expected {expected}\n# actual   {actual}")
    number, name = len(CASES) + 1, "a failure tells what was said before it, and after"
    details = told("ok 1 - a\n# why\nnot ok 2 - b\n# how\nnot ok 3 - c\n# when\n1..3\n")
    good = details == [["why"], ["why", "how"], ["when"]]
    failed += not good
    print(f"{'ok' if good else 'not ok'} {number} - {name}")
    if not good:
        print(f"# {details}")
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
