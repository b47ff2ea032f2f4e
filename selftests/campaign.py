# SPDX-License-Identifier: GPL-2.0
"""What the long runs share (`make campaign-memory`, `campaign-state`, `fuzz`): jobs two at a time,
each with labs of its own; a line of progress after each; and a results file that is written anew
then, so that it says what was done however the campaign ends. A job that fails is a line of it.
"""
import collections
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(HERE)
LAB = os.path.join(HERE, "lab", "lab")
sys.path.insert(0, HERE)
import tap                                                              # noqa: E402

Ended = collections.namedtuple("Ended", "said failed")


def said(*argv):
    return subprocess.run(argv, check=False, capture_output=True, text=True).stdout.strip()


class Campaign:
    """One of them. counts() is the class's own: what was done, as lines of the results file."""

    def __init__(self, results):
        self.results, self.began = results, time.monotonic()
        self.jobs = self.done = self.cases = 0
        self.failures, self.skipped, self.children = [], set(), set()
        self.lock, self.stopping = threading.RLock(), False
        # Before the results file makes a clone of it that has changes.
        self.commit = said("git", "-C", REPO, "describe", "--always", "--dirty")
        self.host = said(LAB, "release")

    def counts(self):
        """[line]"""
        raise NotImplementedError

    def brief(self):
        """What was done, in a few words, for a line of progress."""
        raise NotImplementedError

    def say(self, words):
        print(f"{(time.monotonic() - self.began) / 60:6.1f} min  {words}", flush=True)

    def program(self, name, argv, tells=None):
        """Run a program that speaks TAP, or a lab with one. Lines that the regular expression
        `tells` matches are progress. Returns an Ended.
        """
        reader, lines = tap.Reader(name), []
        with self.lock:
            if self.stopping:
                return Ended("", True)
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True, errors="replace",
                                       start_new_session=True)
            self.children.add(process)
        for line in process.stdout:
            lines.append(line)
            reader.line(line)
            if tells and re.search(tells, line):
                self.say(f"{name}: {line.strip('# ').rstrip()}")
        status = process.wait()
        with self.lock:
            self.children.discard(process)
            return Ended("".join(lines), self.judge(name, reader.end(status)))

    def judge(self, name, result):
        """Take a program's cases in; returns whether one failed."""
        for verdict, case, details in result.cases:
            self.cases += verdict == "pass"
            if verdict == "skip":
                self.skipped.add(f"{name.partition(':')[0]}: {case}: {details[0]}")
            elif verdict == "fail" and not self.stopping:
                self.fail(f"{name}: {case}: " + "; ".join(details))
        return result.count("fail") > 0

    def fail(self, words):
        self.failures.append(words)
        self.say(f"not ok: {words}")

    def job(self, call, *args):
        """One job; whatever goes wrong in it, the others go on."""
        if self.stopping:
            return
        try:
            call(*args)
        except Exception as e:                  # pylint: disable=broad-except
            with self.lock:
                self.fail(f"{call.__name__} {args}: {type(e).__name__}: {e}")
        with self.lock:
            if not self.stopping:
                self.done += 1
            self.write()
            self.say(f"{self.done} of {self.jobs} jobs, {self.brief()}, "
                     f"{len(self.failures)} failures")

    def run(self, jobs):
        """Do [(call, argument...)]; returns the status."""
        def interrupted(_number, _frame):
            raise KeyboardInterrupt

        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, interrupted)
        self.jobs = len(jobs)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(self.job, *job) for job in jobs]
            try:
                for future in concurrent.futures.as_completed(futures):
                    future.result()
            except KeyboardInterrupt:
                self.stop()
                pool.shutdown(cancel_futures=True)
        self.write()
        print(self.text(), end="")
        return 130 if self.stopping else 1 if self.failures else 0

    def stop(self):
        with self.lock:
            self.stopping = True
            for process in self.children:
                os.killpg(process.pid, signal.SIGTERM)

    def text(self):
        lines = [f"commit    {self.commit}", f"host      {self.host}", *self.counts(),
                 f"time      {(time.monotonic() - self.began) / 60:.0f} min",
                 f"jobs      {self.done} of {self.jobs}", f"passed    {self.cases} cases"]
        lines += [f"skipped   {words}" for words in sorted(self.skipped)]
        return "\n".join(lines + [f"failures  {len(self.failures)}"] + self.failures) + "\n"

    def write(self):
        with self.lock, open(self.results, "w", encoding="utf-8") as f:
            f.write(self.text())
