#!/usr/bin/env python3
"""Shows of what becomes of a run, its verdicts, sections and charts, that it is what the run was; measures nothing."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

import charts  # noqa: E402
import document  # noqa: E402
import report  # noqa: E402

ROOT = HERE.parent
COMMON = ("--build", "--rounds", "--seconds", "--quick", "--write-docs", "--check", "--proxy-core", "--load-core")


def even(median):
    return {"median": median, "min": median, "max": median}


def of_peers(**ratios):
    """A run of bench/run.py in which such peers cost such ratios."""
    return {"peers": {name: {"title": name, "load": {"cpu_us": even(10 * ratio), "ratio": even(ratio)}}
                      for name, ratio in ratios.items()}}


class Verdicts(unittest.TestCase):
    def judged(self, **ratios):
        return report.verdicts(of_peers(**{name.replace("_", "-"): ratio for name, ratio in ratios.items()}))

    def test_everything_on_is_held_against_its_own_aim(self):
        self.assertIn("- MISSED: gateway-limits: CPU per request 1.21 times the relay's, at most 1.2",
                      self.judged(gateway=1.2, gateway_limits=1.21))
        self.assertIn("- met: gateway-limits: CPU per request 1.20 times the relay's, at most 1.2",
                      self.judged(gateway=1.2, gateway_limits=1.2))

    def test_without_limits_a_quarter_more_than_the_relay_is_allowed(self):
        self.assertIn("- met: gateway: CPU per request 1.25 times the relay's, at most 1.25", self.judged(gateway=1.25))
        self.assertIn("- MISSED: gateway: CPU per request 1.26 times the relay's, at most 1.25", self.judged(gateway=1.26))

    def test_much_of_everything_may_cost_a_twentieth(self):
        one = lambda ratio: {"found": {"bans": {"ratio": even(ratio)}}}   # noqa: E731
        self.assertTrue(document.growth.verdicts(one(1.05))[0].startswith("- met"))
        self.assertTrue(document.growth.verdicts(one(1.051))[0].startswith("- MISSED"))


class Commit(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.git("init", "-q")
        self.write("src/a.cpp", "one")
        self.write("docs/performance.md", "one")
        self.git("add", ".")
        self.git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "one")
        self.name = self.git("rev-parse", "--short", "HEAD")

    def git(self, *words):
        return subprocess.run(["git", *words], cwd=self.root, check=True, capture_output=True, text=True).stdout.strip()

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def test_a_clean_tree_is_its_commit(self):
        self.assertEqual(self.name, report.commit(self.root))

    def test_a_tree_that_differs_is_none(self):
        self.write("src/a.cpp", "two")
        self.assertEqual("uncommitted", report.commit(self.root))

    def test_a_new_file_makes_it_differ(self):
        self.write("src/b.cpp", "one")
        self.assertEqual("uncommitted", report.commit(self.root))

    def test_what_an_earlier_run_has_written_does_not(self):
        self.write("docs/performance.md", "two")
        self.write("docs/performance/data/growth.json", "{}")
        self.assertEqual(self.name, report.commit(self.root))

    def test_the_document_says_it(self):
        facts = {"date": "today", "cpu": "a CPU", "kernel": "6"}
        told = lambda name: report.made_by({"command": "bench/a.py", "machine": {**facts, "commit": name}})   # noqa: E731
        self.assertEqual("Made by `bench/a.py` on today, commit abc: a CPU, Linux 6.", told("abc"))
        self.assertEqual("Made by `bench/a.py` on today, uncommitted: a CPU, Linux 6.", told("uncommitted"))


class Document(unittest.TestCase):
    maxDiff = None

    def test_each_section_is_what_its_data_says(self):
        for name, text in document.recorded().items():
            with self.subTest(name):
                self.assertEqual(text, report.read_section(name))

    def test_commits_that_it_names_are_in_the_history(self):
        if subprocess.run(["git", "rev-parse", "--is-shallow-repository"], cwd=ROOT, capture_output=True,
                          text=True, check=False).stdout.strip() != "false":
            self.skipTest("the history is not here")
        for commit in re.findall(r"\bcommit ([0-9a-f]{7,})|`([0-9a-f]{7,})`", report.DOCUMENT.read_text()):
            with self.subTest(commit):
                self.assertEqual(0, subprocess.run(["git", "merge-base", "--is-ancestor", "".join(commit), "HEAD"], cwd=ROOT,
                                                   capture_output=True, check=False).returncode)


class Charts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = pathlib.Path(folder.name)

    def draw(self, *arguments):
        done = subprocess.run([HERE / "charts.py", *arguments, "--out", self.out], capture_output=True, text=True, check=False)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return done.stdout

    def test_those_in_the_tree_are_what_their_data_draws(self):
        self.draw()
        made = {file.name: file.read_text() for file in self.out.iterdir()}
        self.assertEqual({file.name: file.read_text() for file in charts.FOLDER.glob("*.svg")}, made)
        for name, text in made.items():
            with self.subTest(name):
                self.assertLess(len(text.encode()), 60_000)
                self.assertNotIn("<script", text)

    def test_one_without_data_is_left_as_it_is_and_said_to_be(self):
        (self.out / "growth.svg").write_text("as it was")
        self.assertIn("growth.svg is left as it is", self.draw("growth", "--data", str(self.out)))
        self.assertEqual("as it was", (self.out / "growth.svg").read_text())

    def test_a_peer_that_was_not_built_has_no_bar(self):
        run = of_peers(relay=1, gateway=1.2)
        run["peers"]["nginx"] = {"title": "nginx", "missing": "nginx"}
        (self.out / "bench.json").write_text(json.dumps(run))
        self.draw("bench", "--data", str(self.out))
        self.assertEqual(2, (self.out / "bench.svg").read_text().count('class="bar"'))

    def test_only_an_aim_has_a_line_of_its_own(self):
        run = {**of_peers(relay=1, gateway=1.2), "found": {"bans": {"ratio": even(1.02)}}}
        for name, lines in (("bench-workers", 0), ("growth", 1)):
            with self.subTest(name):
                (self.out / f"{name}.json").write_text(json.dumps(run))
                self.draw(name, "--data", str(self.out))
                self.assertEqual(lines, len(re.findall(r'class="[^"]*major[^"]*line"', (self.out / f"{name}.svg").read_text())))

    def test_their_alt_text_tells_the_figures(self):
        chart = charts.Chart("Cost", ["a", "b"], {"x": [even(1), None], "y": [even(2), even(3)]}, digits=1, aim=2)
        self.assertEqual("Cost (aim: at most 2). a: x 1.0, y 2.0; b: y 3.0", chart.alt())

    def test_marks_are_few_and_round(self):
        self.assertEqual([0, 1, 2, 3, 4], charts.marks(4.47))
        self.assertEqual([0, 5, 10, 15, 20, 25, 30], charts.marks(33.8))


class Programs(unittest.TestCase):
    def test_those_of_make_bench_take_the_same_options(self):
        listed = re.search(r"^BENCHES = (.*)$", (ROOT / "Makefile").read_text(), re.M)[1]
        names = set(re.findall(r"\w+\.py", listed))
        self.assertLessEqual({"run.py", "latency.py", "growth.py", "large_body.py", "workers.py"}, names)
        for name in names:
            with self.subTest(name):
                text = subprocess.run([sys.executable, HERE / name, "--help"], capture_output=True, text=True, check=True).stdout
                self.assertEqual([], [option for option in COMMON if option not in text])

    def test_whatever_can_be_run_may_be_run(self):
        refused = [file.name for file in HERE.iterdir()
                   if file.is_file() and file.read_bytes().startswith(b"#!") and not os.access(file, os.X_OK)]
        self.assertEqual([], refused)


if __name__ == "__main__":
    unittest.main()
