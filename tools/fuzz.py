#!/usr/bin/env python3
"""Runs fuzz targets for a number of executions and keeps account of what each has had.

    tools/fuzz.py run [TARGET …] [--runs N | --seconds N] [--upto N] [--fast] [--bytes N] [--jobs N]   all targets unless some are named
    tools/fuzz.py table [--write]                                   the account as a table; --write: into docs/fuzzing.md
    tools/fuzz.py seeds TARGET …                                    the smallest set of inputs that reaches as much, to tests/corpus

The account is build/fuzz/ledger.json (--ledger), written after each minute of running, so that ending this process at any time
loses no more; several may run at once. --upto N runs a target only for what it lacks of N executions in all.
Programs are those of `cmake --build --preset fuzz` (ASan and UBSan), or with --fast of the preset fuzz-fast, without
sanitizers but with every ensure(). A finding ends that target's run: its input is kept in build/fuzz/findings, its summary in the account,
and this command ends with 1.
"""
import argparse
import concurrent.futures
import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "fuzzing.md"
BEGIN, END = "<!-- made by tools/fuzz.py table --write -->", "<!-- end -->"
# One piece of a run: what is lost at most when it is ended from outside.
PIECE_SECONDS = 60
INPUT_BYTES_MAX = 20000
SEEDS_MAX = 24
SEED_BYTES_MAX = 16384
# An input that takes longer is a finding; a process that takes longer than a piece by so much is stuck outside of any input.
INPUT_SECONDS_MAX = 25
STUCK_SECONDS = 120


def targets():
    return sorted(path.stem for path in (ROOT / "src").rglob("*_fuzz.cpp"))


@contextlib.contextmanager
def account(path):
    """The ledger, alone with it; written whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ledger = read(path)
        yield ledger
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            json.dump(ledger, file, indent=1, sort_keys=True)
            file.write("\n")
        os.chmod(file.name, 0o644)
        os.replace(file.name, path)


def read(path):
    return json.loads(path.read_text()) if path.exists() else {}


def executed(entry):
    return entry.get("executions", 0) + entry.get("executions_fast", 0)


def number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


class Started:
    """The programs that run now: whoever ends this process ends them."""

    def __init__(self):
        self.lock, self.processes, self.over = threading.Lock(), set(), False

    def start(self, *arguments, **options):
        with self.lock:
            if self.over:
                sys.exit(143)
            process = subprocess.Popen(*arguments, **options)
            self.processes.add(process)
            return process

    def ended(self, process):
        with self.lock:
            self.processes.discard(process)
        if self.over:
            sys.exit(143)

    def end(self, *_):
        self.over = True
        for process in list(self.processes):
            process.terminate()
        sys.exit(143)


STARTED = Started()


class Run:
    """One piece of one target, and what libFuzzer said at its end."""

    def __init__(self, options, target, runs, seconds):
        build = ROOT / "build" / ("fuzz-fast" if options.fast else "fuzz")
        self.corpus = ROOT / "build" / "fuzz" / "corpus" / target
        self.findings = ROOT / "build" / "fuzz" / "findings"
        for folder in (self.corpus, self.findings):
            folder.mkdir(parents=True, exist_ok=True)
        seeds = ROOT / "tests" / "corpus" / target
        words = ROOT / "tests" / "corpus" / f"{target}.dict"
        command = [build / "src" / target, f"-max_total_time={seconds}", f"-max_len={options.bytes}", f"-timeout={INPUT_SECONDS_MAX}",
                   "-print_final_stats=1", f"-artifact_prefix={self.findings}/{target}-", *([f"-runs={runs}"] if runs else []),
                   *([f"-dict={words}"] if words.exists() else []), self.corpus, *([seeds] if seeds.is_dir() else [])]
        began = time.monotonic()
        environment = {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"} | os.environ
        process = STARTED.start(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                errors="replace", env=environment)
        try:
            self.text = process.communicate(timeout=seconds + STUCK_SECONDS)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            self.text = process.communicate()[1] + f"\nSUMMARY: stuck for {STUCK_SECONDS} s\n"
        except BaseException:
            process.terminate()
            self.text = process.communicate()[1]
            raise
        STARTED.ended(process)
        self.seconds = time.monotonic() - began
        self.good = process.returncode == 0
        self.executions = max(number(r"stat::number_of_executed_units:\s*(\d+)", self.text), number(r"(?m)^#(\d+)\s", self.text))

    def finding(self, target):
        summary = re.findall(r"SUMMARY: (.*)", self.text) or [self.text.strip().splitlines()[-1] if self.text.strip() else "it ended at once"]
        written = re.findall(r"Test unit written to (\S+)", self.text)
        return {"target": target, "summary": summary[-1][:300], "input": written[-1] if written else None,
                "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def note(options, target, run):
    with account(options.ledger) as ledger:
        entry = ledger.setdefault(target, {})
        kind = "_fast" if options.fast else ""
        before = entry.get("executions" + kind, 0)
        # An account that was made from the table has executions and their rate only.
        took = entry.get("seconds" + kind) or (before / entry["rate" + kind] if entry.get("rate" + kind) else 0)
        entry["executions" + kind] = before + run.executions
        entry["seconds" + kind] = round(took + run.seconds, 1)
        entry["rate" + kind] = round(entry["executions" + kind] / entry["seconds" + kind])
        for name in ("cov", "ft"):
            entry[name] = number(rf"\b{name}: (\d+)", run.text) or entry.get(name, 0)
        entry["inputs"] = sum(1 for _ in run.corpus.iterdir())
        entry["last"] = time.strftime("%Y-%m-%d", time.gmtime())
        if not run.good:
            entry.setdefault("findings", []).append(run.finding(target))
        return dict(entry)


def run_target(options, target):
    preset = "fuzz-fast" if options.fast else "fuzz"
    if not (ROOT / "build" / preset / "src" / target).exists():
        print(f"{target}: not built; cmake --preset {preset} && cmake --build --preset {preset} --target {target}", flush=True)
        return False
    left, until = options.runs, time.monotonic() + options.seconds if options.seconds else None
    if options.upto:
        left = options.upto - executed(read(options.ledger).get(target, {}))
        if left <= 0:
            return True
    while (left is None or left > 0) and (until is None or time.monotonic() < until):
        seconds = PIECE_SECONDS if until is None else max(1, min(PIECE_SECONDS, round(until - time.monotonic())))
        run = Run(options, target, left, seconds)
        entry = note(options, target, run)
        print(f"{target}: {run.executions:,} executions in {run.seconds:.0f} s, {executed(entry):,} in all; "
              f"{entry['cov']} edges, {entry['inputs']} inputs", flush=True)
        if not run.good:
            found = entry["findings"][-1]
            print(f"FOUND by {target}: {found['summary']}\n  input: {found['input']}", flush=True)
            print("\n".join("  | " + line for line in run.text.splitlines()[-60:]), flush=True)
            return False
        if left is not None:
            left -= run.executions
        if run.executions == 0:
            print(f"{target}: nothing was executed", flush=True)
            return False
    return True


def table(ledger):
    rows = ["| target | executions with sanitizers | without | a second, with / without | edges | found and mended |", "|---|--:|--:|--:|--:|--:|"]
    for target in targets():
        entry = ledger.get(target, {})
        rows.append(f"| {target} | {entry.get('executions', 0):,} | {entry.get('executions_fast', 0):,} | "
                    f"{entry.get('rate', 0):,} / {entry.get('rate_fast', 0):,} | {entry.get('cov', 0):,} | {len(entry.get('findings', []))} |")
    return "\n".join(rows)


def write_table(ledger, document=DOCUMENT):
    """Refuses (SystemExit) an account that has nothing of a target of which the document has figures: it is not the one that made them."""
    before, rest = document.read_text().split(BEGIN)
    old, after = rest.split(END)
    lost = [target for target in re.findall(r"(?m)^\| (\w+_fuzz) \|.*[1-9]", old) if target in targets() and not executed(ledger.get(target, {}))]
    if lost:
        sys.exit(f"the account has nothing of {', '.join(lost)}, and {document.name} has figures of them: nothing is written")
    document.write_text(f"{before}{BEGIN}\n{table(ledger)}\n{END}{after}")


def keep_seeds(options, target):
    """libFuzzer's own minimisation over what is kept and what was found; the small ones only."""
    kept, found = ROOT / "tests" / "corpus" / target, ROOT / "build" / "fuzz" / "corpus" / target
    kept.mkdir(parents=True, exist_ok=True)
    program = ROOT / "build" / ("fuzz-fast" if options.fast else "fuzz") / "src" / target
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "-merge=1", f"-max_len={INPUT_BYTES_MAX}", folder, kept, found], check=True, stderr=subprocess.DEVNULL)
        best = sorted((path for path in pathlib.Path(folder).iterdir() if path.stat().st_size <= SEED_BYTES_MAX), key=lambda path: path.stat().st_size)
        # Seeds that were written by hand have names; those stay.
        room = SEEDS_MAX - sum(1 for _ in kept.iterdir())
        known = {path.read_bytes() for path in kept.iterdir()}
        fresh = [path for path in best if path.read_bytes() not in known]
        # Of too many, some of every size.
        step = max(1, -(-len(fresh) // room)) if room > 0 else len(fresh) + 1
        for path in fresh[::step]:
            shutil.copyfile(path, kept / path.name[:12])
    print(f"{target}: {sum(1 for _ in kept.iterdir())} seeds")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "table", "seeds"])
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--upto", type=int)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--bytes", type=int, default=INPUT_BYTES_MAX, help="of an input, at most")
    parser.add_argument("--jobs", type=int, default=1, help="so many targets at once")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--ledger", type=pathlib.Path, default=ROOT / "build" / "fuzz" / "ledger.json")
    options = parser.parse_intermixed_args()
    unknown = set(options.targets) - set(targets())
    if unknown:
        parser.error(f"no such target: {' '.join(sorted(unknown))}")
    if options.what == "table":
        print(table(read(options.ledger)))
        if options.write:
            write_table(read(options.ledger))
        return 0
    chosen = options.targets or targets()
    if options.what == "seeds":
        for target in chosen:
            keep_seeds(options, target)
        return 0
    if not (options.runs or options.seconds or options.upto):
        options.seconds = PIECE_SECONDS
    # Ended from outside it ends what it started as well.
    signal.signal(signal.SIGTERM, STARTED.end)
    with concurrent.futures.ThreadPoolExecutor(max(1, options.jobs)) as pool:
        good = list(pool.map(lambda target: run_target(options, target), chosen))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
