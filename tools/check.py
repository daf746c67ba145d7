#!/usr/bin/env python3
"""Holds the tree against its own rules; `make check` runs it. Prints `path:line: rule: what and what instead`.

    tools/check.py             the rules; exit 1 if one is broken
    tools/check.py --headers   besides, compiles every header alone (clang++-19, two at a time)
    tools/check.py --quote     brings the quotations in the documents up to date

A rule may be broken where a comment says why: `// allow(rule): reason` on the line or the one above. Rules live in
tools/rules.py; tools/check_test.py shows of each that it can fail.
"""
import argparse
import concurrent.futures
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import measures  # noqa: E402
import rules  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent


def compile_alone(root, header):
    """A header that needs something included before it is not self-contained."""
    unit = f'#include "{header.relative_to(root / "src")}"\n'
    command = ["clang++-19", "-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-Wshadow", "-Wconversion",
               "-Isrc", "-x", "c++", "-"]
    done = subprocess.run(command, input=unit, capture_output=True, text=True, cwd=root)
    if done.returncode or "warning:" in done.stderr:
        return rules.Finding(str(header.relative_to(root)), 1, "self-contained", done.stderr.strip()[:2000])
    return None


def headers_alone(root):
    headers = sorted((root / "src").rglob("*.hpp"))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [f for f in pool.map(lambda h: compile_alone(root, h), headers) if f]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--headers", action="store_true", help="compile every header alone")
    parser.add_argument("--quote", action="store_true", help="refresh quotations")
    parser.add_argument("--root", type=pathlib.Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    tree = rules.Tree(root)
    if options.quote:
        for path in rules.refresh_quotes(tree):
            print(f"{path}: quotations refreshed")
        tree = rules.Tree(root)
    findings = rules.check(tree)
    if options.headers:
        findings += headers_alone(root)
    for finding in findings:
        print(finding)
    for line in [*rules.shared_pointers(tree), *measures.long_ones(tree)]:
        print("  (" + line + ")")
    print(f"check: {len(tree.sources)} source files, {len(rules.RULES)} rules, {len(findings)} broken")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
