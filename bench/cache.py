#!/usr/bin/env python3
"""What an answer costs that is given from memory, beside the same one fetched from the service: CPU of the gateway per
request, the shipped configuration with everything on, the same headers and token.

    bench/cache.py [--build build/release] [--rounds 5] [--seconds 4] [--write-docs] [--check]

Four loads: 1 KB and 16 KB over HTTP/1.1, and the same over HTTP/2 with prior knowledge, 32 connections of 10 streams.
Rounds are interleaved and ratios taken inside each, as in bench/run.py. Needs what `make install-bench` installs."""
import contextlib
import shlex
import sys

sys.dont_write_bytecode = True
import cli
import peers
import protocols
import report
import run
import tokens

LARGE = "/api/v1/events/bytes/16384"


def fetched(build):
    return peers.gateway_command(build)


def kept(build):
    return peers.gateway_command(build, {"CONFIG_FILE": str(peers.ROOT / "config" / "gateway.yaml")})


class Load:
    """Asks for one path. h2: by h2load over HTTP/2, else by wrk."""

    def __init__(self, title, path, h2=False):
        self.title, self.path, self.h2 = title, path, h2

    def measure(self, options, process, port):
        run.PATH = self.path
        if not self.h2:
            return run.measure(options, process, port)["cpu_us"]
        load = protocols.Load("h2c", self.title, tls=False, connections=32, streams=10)
        return protocols.measure(options, process, load, {"h2c": port})["cpu_us"]


LOADS = [Load("1 KB, HTTP/1.1", run.PATH), Load("16 KB, HTTP/1.1", LARGE),
         Load("1 KB, HTTP/2", run.PATH, h2=True), Load("16 KB, HTTP/2", LARGE, h2=True)]
HEADINGS = ["load", "from memory, µs", "fetched, µs", "ratio"]


def main():
    options = run.arguments()
    cli.prepare(options)
    run.HEADERS["Authorization"] = "Bearer " + tokens.make(options.out)
    found = {load.title: {"kept": [], "fetched": []} for load in LOADS}
    with (peers.origin(options.build, options.load_core, options.out) as origin_port, contextlib.ExitStack() as stack):
        ask = run.asker(peers.get(origin_port, run.PATH, run.HEADERS)[1])
        running = {}
        for name, command in (("fetched", fetched), ("kept", kept)):
            peer = peers.Peer(name, name, command(options.build))
            running[name] = stack.enter_context(peer.running(options.proxy_core, options.out, origin_port, ask))
            run.warm(options, *running[name])
        for _ in range(options.rounds):
            for load in LOADS:
                for name, (process, port) in running.items():
                    found[load.title][name].append(load.measure(options, process, port))
                    process.rewind_log()
    rows, promises = [], []
    for title, figures in found.items():
        ratio = report.spread([a / b for a, b in zip(figures["kept"], figures["fetched"])])
        rows.append([title, *(report.with_spread(report.spread(figures[name]), 2) for name in ("kept", "fetched")),
                     report.with_spread(ratio, 2)])
        promises.append(report.verdict(ratio["median"] < 0.5, f"{title}: {ratio['median']:.2f} of a request that is "
                                                              "fetched, under half"))
    print(report.markdown(HEADINGS, rows), *promises, sep="\n")
    if options.write_docs:
        facts = report.machine()
        command = shlex.join(["bench/cache.py", *sys.argv[1:]])
        report.write_section("bench-cache", "\n".join([
            f"Made by `{command}` on {facts['date']}, commit {facts['commit']}: {facts['cpu']}, Linux {facts['kernel']}; "
            f"{options.rounds} rounds of {options.seconds} s each. Medians, with the smallest and largest round.", "",
            report.markdown(HEADINGS, rows), "", *promises]))
    return 1 if options.check and any("MISSED" in line for line in promises) else 0


if __name__ == "__main__":
    cli.end_with(main)
