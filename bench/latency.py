#!/usr/bin/env python3
"""How long clients wait at half load: requests that come by the clock, at half of what nginx can do at most.

    bench/latency.py [--rounds 7] [--write-docs] [--check]

wrk finds what nginx serves with its core full. Then h2load asks nginx and the gateway at half that rate, in turns, from
64 connections, whether or not the answer before has come (bench/steady.py). The gateway has everything on.
"""

import contextlib
import shlex
import statistics
import sys

sys.dont_write_bytecode = True
import cli
import peers
import report
import run
import steady
import tokens

CLIENTS = 64


def rounds_of(options, running):
    most = statistics.median(
        run.parse_wrk(run.wrk(options, running["nginx"][1], 1))["requests_s"] for _ in range(3))
    each_s = max(1, int(most / 2 / CLIENTS))
    print(f"nginx serves {most:,.0f} a second; asked for are {each_s * CLIENTS:,}", flush=True)
    found = {name: [] for name in running}
    for number in range(options.rounds):
        for name in sorted(running, reverse=number % 2 == 1):
            process, port = running[name]
            answers = steady.ask(port, run.PATH, CLIENTS, each_s, options.seconds, run.HEADERS, options.load_core)
            if set(answers.statuses) != {200}:
                raise RuntimeError(f"{name} answers {dict(answers.statuses)}")
            process.rewind_log()
            found[name].append({f"p{percent}": answers.percentile(percent) for percent in (50, 99)})
            print(f"round {number + 1}: {name:8} " + ", ".join(f"{key} {value:,} µs" for key, value in found[name][-1].items()),
                  flush=True)
    return each_s * CLIENTS, found


def main():
    parser = cli.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3, help="a measurement")
    parser.add_argument("--connections", type=int, default=CLIENTS)
    options = parser.parse_args()
    cli.prepare(options)
    run.HEADERS["Authorization"] = "Bearer " + tokens.make(options.out)
    chosen = {"nginx": "nginx", "gateway-limits": "gateway"}
    with contextlib.ExitStack() as stack:
        origin_port = stack.enter_context(peers.origin(options.build, options.load_core, options.out))
        ask = run.asker(peers.get(origin_port, run.PATH, run.HEADERS)[1])
        running = {chosen[peer.name]: stack.enter_context(peer.running(options.proxy_core, options.out, origin_port, ask))
                   for peer in peers.all_peers(options.build) if peer.name in chosen}
        rate, found = rounds_of(options, running)
    spreads = {name: {key: report.spread([one[key] for one in rounds]) for key in ("p50", "p99")}
               for name, rounds in found.items()}
    ratio = statistics.median(ours["p99"] / theirs["p99"] for ours, theirs in zip(found["gateway"], found["nginx"]))
    promise = report.verdict(ratio <= 1, f"p99 at half load {ratio:.2f} times nginx's, at most 1")
    print("\n" + promise)
    if options.write_docs:
        facts = report.machine()
        rows = [[title, report.with_spread(spreads[name]["p50"], 0), report.with_spread(spreads[name]["p99"], 0)]
                for name, title in (("nginx", "nginx, plain"), ("gateway", "this gateway, everything on"))]
        report.write_section("latency", "\n".join([
            f"Made by `{shlex.join(['bench/latency.py', *sys.argv[1:]])}` on {facts['date']}, commit {facts['commit']}: "
            f"{facts['cpu']}, Linux {facts['kernel']}, nginx {facts['nginx']}; {rate:,} requests a second, {options.rounds} rounds "
            f"of {options.seconds} s each. Medians, with the smallest and largest round.", "",
            report.markdown(["proxy", "p50 µs", "p99 µs"], rows), "", promise]))
    return 1 if options.check and "MISSED" in promise else 0


if __name__ == "__main__":
    cli.end_with(main)
