"""How the programs of this folder are called: the options that all of them have, what has to be there before anything is
measured, and how they end."""

import argparse
import os
import pathlib
import resource
import sys

import peers


def parser(doc):
    """doc: of the program; --help begins with its first line."""
    made = argparse.ArgumentParser(description=doc.splitlines()[0])
    made.add_argument("--build", type=pathlib.Path, default=peers.ROOT / "build" / "release")
    made.add_argument("--write-docs", action="store_true", help="refresh docs/performance.md")
    made.add_argument("--check", action="store_true", help="fail when a promise is missed")
    cores = sorted(os.sched_getaffinity(0))
    made.add_argument("--proxy-core", type=int, default=cores[-1])
    made.add_argument("--load-core", type=int, default=cores[0])
    return made


def prepare(options):
    """Adds the folder for what is written, and opens as many files as the system allows: their number."""
    options.build = options.build.resolve()
    options.out = peers.ROOT / "build" / "bench"
    options.out.mkdir(parents=True, exist_ok=True)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def end_with(main):
    """What is missing, or has failed, is a line of text; a mistake of ours is a traceback."""
    try:
        sys.exit(main())
    except peers.NotBuilt as missing:
        sys.exit(f"not built: {missing}")
    except RuntimeError as failure:
        sys.exit(str(failure))
