"""How the programs of this folder are called: the options that they share, what has to be there before anything is measured,
and how they end."""

import argparse
import os
import pathlib
import resource
import sys

import peers


def parser(doc):
    """For every program. doc: of the program; --help shows it."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--build", type=pathlib.Path, default=peers.ROOT / "build" / "release")
    return made


def add_rounds(made, rounds, seconds):
    """For what is measured in rounds, a proxy and its load on a core each."""
    made.add_argument("--rounds", type=int, default=rounds)
    made.add_argument("--seconds", type=int, default=seconds, help="a measurement")
    made.add_argument("--quick", action="store_true", help="a first look: 2 rounds of 1 s")
    cores = sorted(os.sched_getaffinity(0))
    made.add_argument("--proxy-core", type=int, default=cores[-1])
    made.add_argument("--load-core", type=int, default=cores[0])


def measuring(doc, rounds, seconds):
    """For the programs of `make bench`: what stands here all of them take, so that BENCH_ARGS may hold any of it."""
    made = parser(doc)
    add_rounds(made, rounds, seconds)
    made.add_argument("--write-docs", action="store_true", help="refresh docs/performance.md, its data and its charts")
    made.add_argument("--check", action="store_true", help="fail when a promise is missed")
    return made


def prepare(options):
    """For what was told its rounds. Adds the folder for what is written, and opens as many files as the system allows:
    their number."""
    if options.proxy_core == options.load_core:
        raise RuntimeError("a proxy and its load need a core each")
    if options.quick:
        options.rounds, options.seconds = 2, 1
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
