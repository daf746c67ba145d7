#!/usr/bin/env python3
"""What an answer costs that is given from memory, beside the same one fetched from the service: CPU of the gateway per
request, the shipped configuration with everything on, the same headers and token. Fails where it is not under half.

    bench/cache.py [--build build/release] [--rounds 5] [--seconds 5]

Rounds are interleaved and ratios taken inside each, as in bench/run.py. Needs what `make install-bench` installs."""
import contextlib
import statistics
import sys

sys.dont_write_bytecode = True
import peers
import run
import tokens


def fetched(build):
    return peers.gateway_command(build)


def kept(build):
    return peers.gateway_command(build, {"CONFIG_FILE": str(peers.ROOT / "config" / "gateway.yaml")})


def main():
    options = run.arguments()
    options.out = peers.ROOT / "build" / "bench"
    options.out.mkdir(parents=True, exist_ok=True)
    run.HEADERS["Authorization"] = "Bearer " + tokens.make(options.out)
    with (peers.origin(options.build, options.load_core, options.out) as origin_port, contextlib.ExitStack() as stack):
        ask = run.asker(peers.get(origin_port, run.PATH, run.HEADERS)[1])
        running = {}
        for name, command in (("fetched", fetched), ("kept", kept)):
            peer = peers.Peer(name, name, command(options.build))
            running[name] = stack.enter_context(peer.running(options.proxy_core, options.out, origin_port, ask))
            run.wrk(options, running[name][1], 1)
        found = {name: [] for name in running}
        for _ in range(options.rounds):
            for name, (process, port) in running.items():
                found[name].append(run.measure(options, process, port)["cpu_us"])
                process.empty_log()
    ratio = statistics.median(a / b for a, b in zip(found["kept"], found["fetched"]))
    print(f"{'met:    ' if ratio < 0.5 else 'MISSED: '}{statistics.median(found['kept']):.2f} µs a request from memory, "
          f"{statistics.median(found['fetched']):.2f} fetched: {ratio:.2f} (median of rounds; below 0.5)")
    sys.exit(ratio >= 0.5)


if __name__ == "__main__":
    main()
