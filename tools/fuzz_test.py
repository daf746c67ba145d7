#!/usr/bin/env python3
"""Shows of tools/fuzz.py that its account is right, and that it does not write over figures it knows nothing of."""
import pathlib
import sys
import tempfile
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import fuzz  # noqa: E402


class AccountTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def noted(self, *pieces, before=None):
        """The entry of a target after these pieces (executions, seconds)."""
        options = types.SimpleNamespace(ledger=self.folder / "ledger.json", fast=True)
        if before:
            with fuzz.account(options.ledger) as ledger:
                ledger["uri_fuzz"] = before
        for executions, seconds in pieces:
            entry = fuzz.note(options, "uri_fuzz", types.SimpleNamespace(executions=executions, seconds=seconds, text="", good=True, corpus=self.folder))
        return entry

    def test_the_rate_is_that_of_all_pieces(self):
        self.assertEqual(400, self.noted((1000, 1.0), (1000, 4.0))["rate_fast"])

    def test_what_the_table_told_counts_too(self):
        entry = self.noted((1000, 5.0), before={"executions_fast": 5000, "rate_fast": 1000})
        self.assertEqual((6000, 10.0, 600), (entry["executions_fast"], entry["seconds_fast"], entry["rate_fast"]))

    def test_figures_of_which_the_account_has_nothing_are_not_written_over(self):
        document = self.folder / "fuzzing.md"
        names = fuzz.targets()
        row = "| {} | 0 | 5,000 | 0 / 10 | 7 | 0 |\n"
        document.write_text(f"# T\n{fuzz.BEGIN}\n{row.format(names[0])}{fuzz.END}\nrest\n")
        before = document.read_text()
        with self.assertRaisesRegex(SystemExit, names[0]):
            fuzz.write_table({names[1]: {"executions": 1}}, document)
        self.assertEqual(before, document.read_text())
        fuzz.write_table({names[0]: {"executions": 6000}}, document)
        self.assertIn(f"| {names[0]} | 6,000 |", document.read_text())
        self.assertTrue(document.read_text().endswith(f"{fuzz.END}\nrest\n"))


if __name__ == "__main__":
    unittest.main()
