#!/usr/bin/env python3
"""Runs tests/integration/test_*.py: scenarios with the real process and real sockets. The last line counts them:
`N passed, M failed, S left out`; above it stands what was left out, and why. Where GW_LEAVE_NOTHING_OUT is set, only what
MAY_LACK names is left out; the rest fails.

    tests/integration.py                          all
    tests/integration.py reload bodies            those of test_reload.py and test_bodies.py
    tests/integration.py -k handover              those whose name contains it
    tests/integration.py --gateway build/asan/api-gateway
"""
import argparse
import os
import pathlib
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
        """What was left out, and the line of counts."""
        failed = len({test.id() for test, _ in self.failures})
        return "\n".join([*(f"left out: {test.id()}: {reason}" for test, reason in self.skipped),
                          f"{self.passed} passed, {failed} failed, {self.testsRun - self.passed - failed} left out"])

    def addSubTest(self, test, subtest, error):
        if error is not None:
            unittest.TestResult.addFailure(self, test, error)
            print(f"FAILED {subtest.id()}\n    " + self._exc_info_to_string(error, test).replace("\n", "\n    "),
                  flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("-k", metavar="TEXT", default="", help="only tests whose name contains it")
    parser.add_argument("--gateway", type=pathlib.Path, help="the program to test")
    arguments = parser.parse_args()
    if arguments.gateway:
        os.environ["GATEWAY"] = str(arguments.gateway.resolve())
    suite = unittest.TestSuite()
    loader = unittest.TestLoader()
    for path in sorted((HERE / "integration").glob("test_*.py")):
        if not arguments.names or path.stem.removeprefix("test_") in arguments.names:
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
