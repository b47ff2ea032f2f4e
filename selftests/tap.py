# SPDX-License-Identifier: GPL-2.0
"""What a program's TAP says, read strictly: silence, an early end and a lie are failures. And TAP
for the programs that are written in Python.

A program passes if it prints a plan, exactly as many cases as planned, none of them `not ok`, and
ends with status 0 (4 when all is skipped, as kselftest has it).
"""
import re
import sys

CASE = re.compile(r"(not )?ok\b\s*(\d*)\s*-?\s*(.*?)\s*(#\s*(SKIP|TODO)\b\s*(.*))?$", re.I)
PLAN = re.compile(r"1\.\.(\d+)\s*(#\s*SKIP\b\s*(.*))?$", re.I)
SHOWN = 12                      # lines of diagnostics and of other output that a failure keeps


class Result:
    """The cases of one program: [(verdict, name, details)], verdict one of pass, fail, skip."""

    def __init__(self, name):
        self.name = name
        self.cases = []
        self.seconds = 0.0

    def add(self, verdict, name, details=()):
        self.cases.append((verdict, name, list(details)))

    def count(self, verdict):
        return sum(1 for v, _name, _details in self.cases if v == verdict)


class Reader:
    """Takes a program's output line by line; end() gives its Result."""

    def __init__(self, name):
        self.result = Result(name)
        self.planned = None
        self.bailed = None
        self.tail = []          # what is no TAP: a sanitizer's report, a crash

    def line(self, text):
        text = text.rstrip("\r\n")
        case, plan = CASE.match(text), PLAN.match(text)
        if plan:
            self.plan(int(plan.group(1)), plan.group(2), plan.group(3))
        elif case:
            self.case(case)
        elif text.startswith("Bail out!"):
            self.bailed = text
        elif text.startswith("#"):
            if self.result.cases and len(self.result.cases[-1][2]) < SHOWN:
                self.result.cases[-1][2].append(text[1:].strip())
        elif text.strip() and not text.startswith("TAP version"):
            self.tail = self.tail[-SHOWN:] + [text]

    def plan(self, number, skip, why):
        if self.planned is not None:
            self.bailed = "a second plan"
        self.planned = number
        if skip and not number:
            self.result.add("skip", "all", [why or "no reason given"])
            self.planned = 1

    def case(self, found):
        bad, _number, name, _directive, word, why = found.groups()
        if word and word.upper() == "SKIP" and not bad:
            self.result.add("skip", name, [why or "no reason given"])
        elif bad:
            self.result.add("fail", name, self.notes())
        else:
            self.result.add("pass", name)

    def notes(self):
        """What was said on the way from the last case to this one."""
        last = self.result.cases[-1:]
        return last[0][2][-SHOWN // 2:] if last and last[0][0] == "pass" else []

    def end(self, status, seconds=0.0):
        """The program has ended; status is its exit status, negative or over 128 for a signal."""
        result, printed = self.result, len(self.result.cases)
        result.seconds = seconds
        trouble = None
        if self.bailed:
            trouble = self.bailed
        elif self.planned is None:
            trouble = f"no plan; ended with status {status}"
        elif self.planned != printed:
            trouble = f"{self.planned} cases planned, {printed} run; ended with status {status}"
        elif not printed:
            trouble = "no cases"
        elif status and not result.count("fail") and result.count("skip") != printed:
            trouble = f"ended with status {status} though every case passed"
        elif status == 0 and result.count("fail"):
            trouble = "ended with status 0 though a case failed"
        if trouble:
            result.add("fail", trouble, self.tail)
        return result


class Writer:
    """TAP of a program's own, on standard output."""

    def __init__(self):
        self.count = self.failed = self.skipped = 0

    def skip(self, name, reason):
        """A case that cannot be."""
        self.count += 1
        self.skipped += 1
        print(f"ok {self.count} - {name} # SKIP {reason}", flush=True)

    def ok(self, holds, name, details=()):
        """One case."""
        self.count += 1
        self.failed += not holds
        print(f"{'ok' if holds else 'not ok'} {self.count} - {name}")
        for line in () if holds else details:
            print(f"# {line}")
        sys.stdout.flush()

    def end(self):
        """The plan; returns the status."""
        print(f"1..{self.count}")
        passed = self.count - self.failed - self.skipped
        print(f"# {passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 1 if self.failed else 0
