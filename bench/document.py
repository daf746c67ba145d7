#!/usr/bin/env python3
"""Makes the figures of docs/performance.md again from the runs that docs/performance/data records: tables, promises, charts.

    bench/document.py [--check]

For when the words around figures change, or a chart's looks; --check only says which sections are not what their data says.
"""

import argparse
import functools
import json
import sys

sys.dont_write_bytecode = True
import cache
import charts
import cli
import growth
import large_body
import latency
import protocols
import report
import websockets
import workers

SECTIONS = {
    "bench-plain": functools.partial(report.section, "bench-plain"),
    "bench": functools.partial(report.section, "bench"),
    "bench-protocols": protocols.section,
    "latency": latency.section,
    "growth": growth.section,
    "bench-cache": cache.section,
    "bench-workers": workers.section,
    "websockets": websockets.section,
    "large_body": large_body.section,
}


def recorded():
    """Sections by name, of the runs that there are."""
    files = {name: charts.DATA / f"{name}.json" for name in SECTIONS}
    return {name: SECTIONS[name](json.loads(file.read_text())) for name, file in files.items() if file.is_file()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args()
    if options.check:
        others = [name for name, text in recorded().items() if report.read_section(name) != text]
        if others:
            raise RuntimeError(f"not what their data says: {', '.join(others)}")
        return 0
    for name, text in recorded().items():
        report.write_section(name, text)
    report.draw()
    return 0


if __name__ == "__main__":
    cli.end_with(main)
