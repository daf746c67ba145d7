#!/usr/bin/env python3
"""The table of hostile input at the end of docs/security.md: every kind has its line, and every test it names exists."""
import pathlib
import re
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
KINDS = 128
LINE = re.compile(r"^\| (\d+) \| (.+) \| (.+) \| (`.+`) \|$", re.M)


def named():
    """number: the tests that its line names."""
    return {int(number): re.findall(r"`([^`]+)`", tests)
            for number, _, _, tests in LINE.findall((ROOT / "docs/security.md").read_text())}


def existing():
    tests = {path.name for path in (HERE / "cases").glob("*.case")}
    for path in (HERE / "integration").glob("test_*.py"):
        tests |= {f"{path.stem}.{name}" for name in re.findall(r"^    def (test_\w+)\(", path.read_text(), re.M)}
    for path in (ROOT / "src").rglob("*_test.cpp"):
        tests |= {f"{suite}.{name}" for suite, name in
                  re.findall(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", path.read_text(), re.M)}
    return tests | {str(path.relative_to(ROOT)) for path in (ROOT / "bench").glob("*.py")}


class Table(unittest.TestCase):
    def test_every_kind_has_its_line(self):
        self.assertEqual(list(range(1, KINDS + 1)), sorted(named()))

    def test_every_test_it_names_exists(self):
        there = existing()
        self.assertGreater(len(there), 1000)
        self.assertEqual({}, {number: missing for number, tests in named().items()
                              if (missing := [test for test in tests if test not in there])})

    def test_every_case_that_covers_a_kind_may_be_found(self):
        covered = {int(n) for path in (HERE / "cases").glob("*.case")
                   for n in re.findall(r"\d+", "".join(re.findall(r"^covers:(.*)", path.read_text(), re.M)))}
        self.assertEqual(set(), covered - set(named()))


if __name__ == "__main__":
    unittest.main()
