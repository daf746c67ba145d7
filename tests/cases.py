#!/usr/bin/env python3
"""Plays tests/cases/*.case against the gateway, or against another proxy to compare. See tests/cases/README.md."""
import argparse
import concurrent.futures
import fnmatch
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from support import casefile, configs, expect, play  # noqa: E402
from support.process import DEFAULT_BINARY, Gateway, ask, free_ports  # noqa: E402
from support.slots import Slot  # noqa: E402
from support.wait import wait_until  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parent / "cases"
# Short, so that the cases about silence are quick.
CONNECTIONS = {"head_timeout_ms": 1000, "idle_timeout_ms": 3000, "body_stall_ms": 700}
TRUSTED_PROXY = "127.0.0.9"


class Run:
    """All chosen cases with their slots, against one target."""

    def __init__(self, cases, arguments):
        self.arguments = arguments
        self.cases = cases
        self.slots = [] if arguments.target else [self._slot(i, c) for i, c in enumerate(cases)]
        self.failures = {}
        self.not_played = []
        self.players = {}
        self.lock = threading.Lock()
        self.gateway = None

    @staticmethod
    def _slot(index, case, port=0):
        words = case.header.get("service", "").split()
        kinds = [w for w in words if "=" not in w]
        slot = Slot(index, kinds[0] if kinds else "origin", play.case_route(case),
                    dict(w.split("=", 1) for w in words if "=" in w), port)
        case.values = {"route": slot.prefix.encode(), "peer": b"127.0.0.1",
                       "origin": slot.url.removeprefix("http://").encode()} | case.values
        return slot

    def fail(self, case, why):
        with self.lock:
            self.failures.setdefault(case.name, str(why))

    def play(self, index, target, strict):
        case = self.cases[index]
        if self.gateway and self.gateway.process.poll() is not None:
            self.not_played.append(case)
            return
        player = play.Player(case, target, self.slots[index].listener, strict, self.arguments.patience)
        self.players[index] = player
        try:
            player.run()
        except (play.Failure, casefile.CaseError, OSError) as error:
            self.fail(case, error)
        if self.gateway and not self.gateway.alive():
            self.fail(case, "the gateway does not answer after this case")

    def play_all(self, target, strict):
        with concurrent.futures.ThreadPoolExecutor(self.arguments.jobs) as pool:
            for future in [pool.submit(self.play, i, target, strict) for i in range(len(self.cases))]:
                future.result()

    def against_gateway(self, folder):
        config = configs.gateway(self.slots, CONNECTIONS)
        self.gateway = Gateway(config, folder, self.arguments.gateway,
                               environment={"TRUSTED_PROXIES": TRUSTED_PROXY + "/32"})
        try:
            self.gateway.wait_ready(self.arguments.patience)
            self.play_all(("127.0.0.1", self.gateway.port), True)
            code = self.gateway.stop()
            self.check_logs()
        finally:
            self.gateway.kill()
        problems = [f"the gateway ended with {code}"] if code != 0 else []
        if problems:
            problems += self.gateway.errors().splitlines()[:20]
        return problems + [alarm for alarm in self.gateway.alarms() if alarm not in problems]

    def check_logs(self):
        by_id, rest = {}, []
        for line in self.gateway.lines:
            by_id.setdefault(line.get("requestId"), []).append(line)
            rest.append(line)
            if "notJson" in line:
                self.fail(self.cases[0], f"a line on standard output that is not JSON: {line['notJson']}")
        for index, player in self.players.items():
            route = self.slots[index].prefix
            if self.cases[index].name in self.failures:
                continue
            try:
                for answer in player.answers:
                    expect.check_log(answer, by_id.get(answer.request_id, []) if answer.request_id else rest, route)
            except expect.Mismatch as error:
                self.fail(self.cases[index], error)

    def against_peer(self, folder):
        port = free_ports(1)[0]
        name = self.arguments.peer
        text = (configs.nginx(self.slots, port, folder) if name == "nginx" else configs.haproxy(self.slots, port))
        path = pathlib.Path(folder) / "peer.conf"
        path.write_text(text)
        command = {"nginx": ["nginx", "-c", str(path)], "haproxy": ["haproxy", "-q", "-db", "-f", str(path)]}[name]
        with open(pathlib.Path(folder) / "peer.stderr", "wb") as errors:
            process = subprocess.Popen(command, stderr=errors, stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: ask(port, "/live", seconds=1), 10, f"{name} serves")
            self.play_all(("127.0.0.1", port), False)
        finally:
            process.terminate()
            process.wait(10)

    def against_target(self):
        """One case after the other, each with its origin on the one port that the target forwards to."""
        host, _, port = self.arguments.target.rpartition(":")
        for case in self.cases:
            slot = self._slot(0, case, self.arguments.origin_port)
            self.slots.append(slot)
            self.play(len(self.slots) - 1, (host, int(port)), False)
            slot.close()

    def report(self, problems):
        for case in self.cases:
            if case.name in self.failures:
                print(f"FAILED {case.name}: {case.header['title']}\n    {self.failures[case.name]}")
                if self.arguments.verbose:
                    index = self.cases.index(case)
                    for line in self.players[index].exchange.transcript if index in self.players else []:
                        print("        " + line)
            elif self.arguments.verbose:
                print(f"ok     {case.name}")
        for problem in problems:
            print(f"FAILED after all cases: {problem}")
        if self.not_played:
            print(f"{len(self.not_played)} cases were not played, since the gateway had ended")
        failed = len(self.failures) + len(self.not_played)
        print(f"{len(self.cases) - failed} passed, {failed + len(problems)} failed")
        failed += len(problems)
        return failed


def load_cases(pattern):
    cases = []
    for path in sorted(FOLDER.glob("*.case")):
        cases += casefile.load(path, f"tests/cases/{path.name}")
    names = [c.name for c in cases]
    if len(names) != len(set(names)):
        raise casefile.CaseError(f"two cases of one name: {sorted(n for n in names if names.count(n) > 1)}")
    return [c for c in cases if not pattern or fnmatch.fnmatch(c.name, pattern)
            or fnmatch.fnmatch(pathlib.Path(c.path).stem, pattern)]


def print_coverage(cases):
    """Which numbers of the list of hostile input have a case."""
    files = {}
    for case in cases:
        for number in case.header.get("covers", "").replace(",", " ").split():
            files.setdefault(int(number), set()).add(pathlib.Path(case.path).name)
    for number in sorted(files):
        print(f"{number:4}  {' '.join(sorted(files[number]))}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateway", type=pathlib.Path, default=DEFAULT_BINARY, help="the program to test")
    parser.add_argument("--only", metavar="GLOB", help="play only cases or files whose name matches")
    parser.add_argument("--peer", choices=["nginx", "haproxy"], help="start this proxy instead and report differences")
    parser.add_argument("--target", metavar="HOST:PORT", help="play against a proxy that is already running")
    parser.add_argument("--origin-port", type=int, help="with --target: the port that it forwards "
                        "/api/v1/t0000/ to, as /up/")
    parser.add_argument("--jobs", type=int, default=8, help="cases at a time")
    parser.add_argument("--patience", type=float, default=10, help="seconds until a step counts as failed")
    parser.add_argument("--keep", metavar="FOLDER", help="leave configuration and output there")
    parser.add_argument("--coverage", action="store_true", help="list what is covered, and end")
    parser.add_argument("-v", "--verbose", action="store_true", help="name every case; show the bytes of failed ones")
    arguments = parser.parse_args()
    if arguments.target and not arguments.origin_port:
        parser.error("--target needs --origin-port")
    try:
        cases = load_cases(arguments.only)
    except casefile.CaseError as error:
        sys.exit(f"a mistake in a case: {error}")
    if arguments.coverage:
        return print_coverage(cases)
    run = Run(cases, arguments)
    with tempfile.TemporaryDirectory(prefix="gateway-cases-") as temporary:
        folder = arguments.keep or temporary
        os.makedirs(folder, exist_ok=True)
        if arguments.peer or arguments.target:
            run.against_peer(folder) if arguments.peer else run.against_target()
            run.report([])
            return 0
        try:
            problems = run.against_gateway(folder)
        except AssertionError as error:
            sys.exit(f"the gateway did not start: {error}\n0 passed, {len(cases)} failed")
    return 1 if run.report(problems) else 0


if __name__ == "__main__":
    sys.exit(main())
