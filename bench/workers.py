#!/usr/bin/env python3
"""One worker and two: CPU per request and requests a second of the gateway with WORKERS=1 and WORKERS=2, the raw relay beside.

    bench/workers.py [--rounds 5] [--seconds 4] [--quick] [--write-docs] [--check]

Elsewhere a proxy has one core, here it may use two, whichever it takes. Where the machine has more, the load (wrk, two threads)
and the origin have the others; where it has two, all share them, and what a second worker adds in requests a second is only what the
others leave. The gateway has everything on. Rounds are interleaved and ratios taken inside each, as in bench/run.py.
"""

import contextlib
import os
import sys

sys.dont_write_bytecode = True
import cli
import peers
import report
import run
import tokens

NAME = "bench-workers"
HEADINGS = ["proxy", "CPU µs/request", "ratio to one worker", "cores busy", "requests/s", "ratio to one worker"]


def place(options):
    """Which cores the proxy and the load have, as taskset takes them, rather than one each."""
    cores = sorted(os.sched_getaffinity(0))
    options.proxy_core = ",".join(map(str, cores[-2:]))
    options.load_core = ",".join(map(str, cores[:-2] or cores))
    return len(cores[:-2])


def chosen(build):
    relay = next(peer for peer in peers.plain_peers(build) if peer.name == "relay")
    return [relay, *(peers.Peer(f"gateway-{count}", f"this gateway, {title}",
                                peers.gateway_command(build, {"WORKERS": str(count)}, f"gateway-{count}"))
                     for count, title in ((1, "one worker"), (2, "two workers")))]


def all_rounds(options, origin_port, ask):
    with contextlib.ExitStack() as stack:
        running = []
        for peer in chosen(options.build):
            process, port = stack.enter_context(peer.running(options.proxy_core, options.out, origin_port, ask))
            run.warm(options, process, port)
            running.append((peer, process, port))
        rounds = {peer.name: [] for peer, _, _ in running}
        for number in range(options.rounds):
            for peer, process, port in running:
                found = run.measure(options, process, port, threads=2)
                process.rewind_log()
                rounds[peer.name].append(found)
                print(f"round {number + 1}: {peer.title:26} {found['cpu_us']:6.2f} µs/request {found['requests_s']:9,.0f}/s  "
                      f"{found['busy']:.2f} cores", flush=True)
    one = rounds["gateway-1"]
    return {peer.name: {"title": peer.title, "load": {
        **report.summary(rounds[peer.name], one),
        "more": report.spread([ours["requests_s"] / theirs["requests_s"] for ours, theirs in zip(rounds[peer.name], one)])}}
        for peer, _, _ in running}


def rows(result):
    return [[peer["title"], report.with_spread(load["cpu_us"], 2), report.with_spread(load["ratio"], 2),
             f"{load['busy']['median']:.2f}", f"{load['requests_s']['median']:,.0f}", report.with_spread(load["more"], 2)]
            for peer in result["peers"].values() for load in [peer["load"]]]


def section(result):
    apart = "apart from load and origin" if result["apart"] else "shared with load and origin"
    return report.composed(NAME, result, report.made_by(result, ["wrk"], [f"two cores, {apart}"]),
                           report.markdown(HEADINGS, rows(result)), [])


def main():
    options = cli.measuring(__doc__, rounds=5, seconds=4).parse_args()
    options.connections = run.CONNECTIONS
    cli.prepare(options)
    apart = place(options) > 0
    run.HEADERS["Authorization"] = "Bearer " + tokens.make(options.out)
    with peers.origin(options.build, options.load_core, options.out) as origin_port:
        ask = run.asker(peers.get(origin_port, run.PATH, run.HEADERS)[1])
        result = report.of_run(options, apart=apart, peers=all_rounds(options, origin_port, ask))
    print("\n" + report.markdown(HEADINGS, rows(result)))
    return report.finish(options, NAME, result, section, [])


if __name__ == "__main__":
    cli.end_with(main)
