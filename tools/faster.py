#!/usr/bin/env python3
"""Derives rules, or an Alertmanager configuration, in which time runs faster, so that a test need not wait for minutes.

    tools/faster.py 60 --to FOLDER deploy/prometheus/rules/*.yml

Every duration is divided: windows (`[5m]` becomes `[5000ms]`), `offset`, `for`, `keep_firing_for`, waits and intervals.
Everything else stays: thresholds, labels, names. A duration that a query gives in plain seconds (`4 * 3600`) is not
found, and an alert that has one is not to be judged by what is derived.
"""
import argparse
import pathlib
import re

MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
DURATION = re.compile(r"(?<![\w.])(\d+)(ms|[smhdw])(?!\w)")
TOLD = re.compile(r"\s*(#|(summary|description|(acknowledge|investigate|resolve)_within|runbook_url):)")   # what is for readers


def faster(text, factor):
    def divided(match):
        ms = int(match.group(1)) * MS[match.group(2)]
        return f"{max(1, round(ms / factor))}ms" if ms else match.group(0)
    return "".join(line if TOLD.match(line) else DURATION.sub(divided, line) for line in text.splitlines(keepends=True))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("factor", type=float)
    parser.add_argument("--to", type=pathlib.Path, required=True, help="folder for the derived files")
    parser.add_argument("files", type=pathlib.Path, nargs="+")
    options = parser.parse_args(arguments)
    options.to.mkdir(parents=True, exist_ok=True)
    for file in options.files:
        (options.to / file.name).write_text(faster(file.read_text(), options.factor))


if __name__ == "__main__":
    main()
