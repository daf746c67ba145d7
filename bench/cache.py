#!/usr/bin/env python3
"""What an answer costs that is given from memory, beside the same one fetched from the service: CPU of the gateway per
request, the shipped configuration with everything on, the same headers and token.

    bench/cache.py [--rounds 5] [--seconds 4] [--quick] [--write-docs] [--check]

Four loads: 1 KB and 16 KB over HTTP/1.1, and the same over HTTP/2 with prior knowledge, 32 connections of 10 streams.
Rounds are interleaved and ratios taken inside each, as in bench/run.py. Needs what `make install-bench` installs."""
import contextlib
import sys

sys.dont_write_bytecode = True
import cli
import peers
import protocols
import report
import run
import tokens

NAME = "bench-cache"
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


def rows(result):
    return [[title, *(report.with_spread(load[name], 2) for name in ("kept", "fetched", "ratio"))]
            for title, load in result["loads"].items()]


def verdicts(result):
    return [report.verdict(load["ratio"]["median"] < 0.5, f"{title}: {load['ratio']['median']:.2f} of a request that is "
                                                          "fetched, under half")
            for title, load in result["loads"].items()]


def section(result):
    return report.composed(NAME, result, report.made_by(result), report.markdown(HEADINGS, rows(result)), verdicts(result))


def main():
    parser = cli.measuring(__doc__, rounds=5, seconds=4)
    parser.add_argument("--connections", type=int, default=run.CONNECTIONS, help="over HTTP/1.1")
    options = parser.parse_args()
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
    loads = {title: {name: report.spread(values) for name, values in
                     (*figures.items(), ("ratio", [a / b for a, b in zip(figures["kept"], figures["fetched"])]))}
             for title, figures in found.items()}
    result = report.of_run(options, loads=loads)
    print(report.markdown(HEADINGS, rows(result)))
    return report.finish(options, NAME, result, section, verdicts(result))


if __name__ == "__main__":
    cli.end_with(main)
