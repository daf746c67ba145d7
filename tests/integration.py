#!/usr/bin/env python3
"""Runs tests/integration/test_*.py: scenarios with the real process and real sockets. The last line counts them.

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


class Result(unittest.TextTestResult):
    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        print(f"ok     {test.id()} ({time.monotonic() - self.began:.1f} s)", flush=True)

    def _failed(self, test, error):
        print(f"FAILED {test.id()} ({time.monotonic() - self.began:.1f} s)\n    "
              + self._exc_info_to_string(error, test).replace("\n", "\n    "), flush=True)

    def addFailure(self, test, error):
        unittest.TestResult.addFailure(self, test, error)
        self._failed(test, error)

    addError = addFailure

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
    failed = len(result.failures)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
