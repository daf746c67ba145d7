#!/usr/bin/env python3
"""Runs tests/integration/test_*.py: scenarios with the real process and real sockets. The last line counts them:
`N passed, M failed, S left out`; above it stands what was left out, and why. Where GW_LEAVE_NOTHING_OUT is set, only what
MAY_LACK names is left out; the rest fails.

    tests/integration.py                          all
    tests/integration.py reload bodies            those of test_reload.py and test_bodies.py
    tests/integration.py -k handover              those whose name contains it
    tests/integration.py --gateway build/asan/api-gateway
    tests/integration.py --jobs 2                 two files at once, each in a process of its own
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import queue
import re
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
# What a machine may lack also where nothing may be left out: root and its rights, npm's registry, the speed of a build without
# a sanitizer. Debian's packages are not among it: tools/install.sh brings them.
MAY_LACK = ("takes root", "namespaces", "not allowed here", "npm ci", "a sanitizer is slower")


class Result(unittest.TextTestResult):
    passed = 0

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.passed += 1
        print(f"ok     {test.id()} ({time.monotonic() - self.began:.1f} s)", flush=True)

    def _failed(self, test, error):
        print(f"FAILED {test.id()} ({time.monotonic() - self.began:.1f} s)\n    "
              + self._exc_info_to_string(error, test).replace("\n", "\n    "), flush=True)

    def addFailure(self, test, error):
        unittest.TestResult.addFailure(self, test, error)
        self._failed(test, error)

    addError = addFailure

    def addSkip(self, test, reason):
        if os.environ.get("GW_LEAVE_NOTHING_OUT") and not any(words in reason for words in MAY_LACK):
            self.failures.append((test, reason))
            print(f"FAILED {test.id()}: left out: {reason}", flush=True)
        else:
            unittest.TestResult.addSkip(self, test, reason)

    def told(self):
        """What failed and what was left out, and the line of counts."""
        failed = sorted({test.id() for test, _ in self.failures})
        return "\n".join([*(f"failed: {name}" for name in failed),
                          *(f"left out: {test.id()}: {reason}" for test, reason in self.skipped),
                          f"{self.passed} passed, {len(failed)} failed, {self.testsRun - self.passed - len(failed)} left out"])

    def addSubTest(self, test, subtest, error):
        if error is not None:
            unittest.TestResult.addFailure(self, test, error)
            print(f"FAILED {subtest.id()}\n    " + self._exc_info_to_string(error, test).replace("\n", "\n    "),
                  flush=True)


LONGEST = ("tls_testssl", "runbook_pages", "runbook_commands")   # minutes each: side by side with the others they begin first
COUNTS = re.compile(r"(\d+) passed, (\d+) failed, (\d+) left out")
REST = re.compile(r"(?:failed|left out): .*")


def side_by_side(names, arguments):
    """Each file in a process of its own, so many at once. A file of which none is asked for by its name is no failure."""
    counts, rest, broken = collections.Counter(), [], []

    slots = queue.SimpleQueue()
    for number in range(arguments.jobs):
        slots.put(f"{number}/{arguments.jobs}")

    def run(name):
        command = [sys.executable, str(pathlib.Path(__file__).resolve()), name, "-k", arguments.k]
        slot = slots.get()
        try:
            return name, subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env=os.environ | {"TEST_SLOT": slot})
        finally:
            slots.put(slot)

    names.sort(key=lambda name: name not in LONGEST)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run, name) for name in names]):
            name, process = done.result()
            lines = process.stdout.splitlines()
            told = [found for line in lines if (found := COUNTS.fullmatch(line))]
            if not told or process.returncode not in (0, 1):
                broken.append(f"failed: {name}: its process ended with {process.returncode}, and counted nothing")
            else:
                counts.update(dict(zip(("passed", "failed", "left out"), map(int, told[-1].groups()))))
            rest += [line for line in lines if REST.fullmatch(line)]
            print("\n".join(line for line in lines if not REST.fullmatch(line) and not COUNTS.fullmatch(line)), flush=True)
    counts["failed"] += len(broken)
    print("\n".join([*sorted(rest), *broken, ", ".join(f"{counts[what]} {what}" for what in ("passed", "failed", "left out"))]))
    return 1 if counts["failed"] or not sum(counts.values()) else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("-k", metavar="TEXT", default="", help="only tests whose name contains it")
    parser.add_argument("--gateway", type=pathlib.Path, help="the program to test")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="so many files at once")
    arguments = parser.parse_args()
    if arguments.gateway:
        os.environ["GATEWAY"] = str(arguments.gateway.resolve())
    paths = [path for path in sorted((HERE / "integration").glob("test_*.py"))
             if not arguments.names or path.stem.removeprefix("test_") in arguments.names]
    if arguments.jobs > 1:
        return side_by_side([path.stem.removeprefix("test_") for path in paths], arguments)
    suite = unittest.TestSuite()
    loader = unittest.TestLoader()
    for path in paths:
        suite.addTests(loader.discover(str(HERE / "integration"), path.name, str(HERE / "integration")))

    def flatten(tests):
        for test in tests:
            if isinstance(test, unittest.TestSuite):
                yield from flatten(test)
            elif arguments.k.lower() in test.id().lower():
                yield test
    result = Result(unittest.runner._WritelnDecorator(sys.stderr), True, 0)
    chosen = list(flatten(suite))
    for test in chosen:
        test.run(result)
    print(result.told())
    return 1 if result.failures or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
