#!/usr/bin/env python3
"""How long clients wait while there is room: requests that come by the clock, at shares of what nginx can do at most.

    bench/latency.py [--rounds 7] [--seconds 3] [--quick] [--write-docs] [--check]

wrk finds what nginx serves with its core full. Then h2load asks nginx and the gateway at a quarter, half and three quarters of
that rate, in turns, from 64 connections, whether or not the answer before has come (bench/steady.py). The gateway has
everything on. What is promised holds at half load.
"""

import contextlib
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
SHARES = {"a quarter": 0.25, "half": 0.5, "three quarters": 0.75}
PROXIES = {"nginx": "nginx, plain", "gateway": "this gateway, everything on"}
PERCENTS = (50, 99)
HEADINGS = ["of what nginx serves", "proxy", *(f"p{percent} µs" for percent in PERCENTS)]


def rounds_at(options, running, each_s):
    """Percentiles by proxy, one a round. each_s: requests a second on each connection."""
    found = {name: [] for name in running}
    for number in range(options.rounds):
        for name in sorted(running, reverse=number % 2 == 1):
            process, port = running[name]
            answers = steady.ask(port, run.PATH, CLIENTS, each_s, options.seconds, run.HEADERS, options.load_core)
            if set(answers.statuses) != {200}:
                raise RuntimeError(f"{name} answers {dict(answers.statuses)}")
            process.rewind_log()
            found[name].append({f"p{percent}": answers.percentile(percent) for percent in PERCENTS})
            print(f"round {number + 1}, {each_s * CLIENTS:,} a second: {name:8} "
                  + ", ".join(f"{key} {value:,} µs" for key, value in found[name][-1].items()), flush=True)
    return found


def summary(share, requests_s, found):
    return {"share": share, "requests_s": requests_s,
            "proxies": {name: {key: report.spread([one[key] for one in rounds]) for key in rounds[0]}
                        for name, rounds in found.items()},
            "p99_ratio": report.spread([ours["p99"] / theirs["p99"]
                                        for ours, theirs in zip(found["gateway"], found["nginx"])])}


def measured(options, running):
    most = statistics.median(
        run.parse_wrk(run.wrk(options, running["nginx"][1], 1))["requests_s"] for _ in range(3))
    print(f"nginx serves {most:,.0f} a second", flush=True)
    rates = []
    for name, share in SHARES.items():
        each_s = max(1, int(most * share / CLIENTS))
        rates.append(summary(name, each_s * CLIENTS, rounds_at(options, running, each_s)))
    return rates


def rows(result):
    return [[f"{rate['share']}, {rate['requests_s']:,} a second", title,
             *(report.with_spread(rate["proxies"][name][f"p{percent}"], 0) for percent in PERCENTS)]
            for rate in result["rates"] for name, title in PROXIES.items()]


def verdicts(result):
    return [report.verdict(rate["p99_ratio"]["median"] <= 1,
                           f"p99 at half load {rate['p99_ratio']['median']:.2f} times nginx's, at most 1")
            for rate in result["rates"] if rate["share"] == "half"]


def section(result):
    return report.composed("latency", result, report.made_by(result, ["nginx"]), report.markdown(HEADINGS, rows(result)),
                           verdicts(result))


def main():
    options = cli.measuring(__doc__, rounds=7, seconds=3).parse_args()
    options.connections = CLIENTS
    cli.prepare(options)
    run.HEADERS["Authorization"] = "Bearer " + tokens.make(options.out)
    chosen = {"nginx": "nginx", "gateway-limits": "gateway"}
    with contextlib.ExitStack() as stack:
        origin_port = stack.enter_context(peers.origin(options.build, options.load_core, options.out))
        ask = run.asker(peers.get(origin_port, run.PATH, run.HEADERS)[1])
        running = {chosen[peer.name]: stack.enter_context(peer.running(options.proxy_core, options.out, origin_port, ask))
                   for peer in peers.all_peers(options.build) if peer.name in chosen}
        result = report.of_run(options, rates=measured(options, running))
    return report.finish(options, "latency", result, section, verdicts(result))


if __name__ == "__main__":
    cli.end_with(main)
