#!/usr/bin/env python3
"""make bench: what a proxied request costs here, beside the least it can cost and beside nginx and HAProxy.

Each proxy has one core and one thread; wrk and the origin share the other core. Rounds are interleaved (every proxy
once, then all again), so that what else the machine does falls on all alike. docs/performance.md says how to read
the result; --help says what can be changed.
"""

import contextlib
import functools
import pathlib
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import cli
import peers
import report
import tokens

PATH = "/api/v1/events/1"
CONNECTIONS = 64
UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}
SETTLE_S = 8


HEADERS = {
    "Host": "api.example.com",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "application/json, text/plain, */*",
    "X-Forwarded-For": "203.0.113.7",
}


def arguments():
    parser = cli.measuring(__doc__, rounds=5, seconds=4)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--idle", type=int, default=15000, help="idle connections held; 0: skip")
    parser.add_argument("--only", default="", help="names, by comma: relay,asio,nginx,haproxy,haproxy-jwt,haproxy-same,"
                        "gateway,gateway-limits,gateway-h2,gateway-h2-limits,gateway-h2-withheld,gateway-h2-withheld-limits")
    parser.add_argument("--plain", action="store_true",
                        help="forwarding only: requests without a token, the gateway with nothing on but its access log")
    options = parser.parse_args()
    if options.quick:
        options.idle = min(options.idle, 1000)
    cli.prepare(options)
    return options


def wrk(options, port, seconds, threads=1):
    command = ["wrk", "--threads", str(threads), "--connections", str(options.connections),
               "--duration", f"{seconds}s", "--latency"]
    for name, value in HEADERS.items():
        command += ["--header", f"{name}: {value}"]
    command.append(f"http://127.0.0.1:{port}{PATH}")
    done = subprocess.run(peers.pinned(options.load_core, command), capture_output=True, text=True,
                          check=True, timeout=seconds + 30)
    return done.stdout


def parse_wrk(text):
    """Requests and latencies out of wrk's report; anything but clean 2xx answers is a failed run."""
    for bad in ("Non-2xx", "Socket errors"):
        if bad in text:
            raise RuntimeError("wrk saw failures:\n" + text)

    def latency(percent):
        value, unit = re.search(rf"^ +{percent}% +([\d.]+)([a-z]+)$", text, re.MULTILINE).groups()
        return float(value) * UNITS_MS[unit]

    return {
        "requests": int(re.search(r"(\d+) requests in", text).group(1)),
        "requests_s": float(re.search(r"Requests/sec: +([\d.]+)", text).group(1)),
        "p50_ms": latency(50),
        "p99_ms": latency(99),
    }


def warm(options, process, port):
    """Connections upstream, caches and pages, also those of a log that is as long as the measured one."""
    wrk(options, port, options.seconds)
    process.rewind_log()


def measure(options, process, port, threads=1):
    """threads: of the load."""
    cpu, began = process.cpu_s(), time.monotonic()
    found = parse_wrk(wrk(options, port, options.seconds, threads))
    cpu, wall = process.cpu_s() - cpu, time.monotonic() - began
    return {"cpu_us": cpu / found["requests"] * 1e6, "busy": cpu / wall, **found}


def asker(expected):
    """Asks a proxy once and compares: what answers wrongly is not worth measuring."""
    def ask(port):
        status, body = peers.get(port, PATH, HEADERS)
        if (status, body) != (200, expected):
            raise RuntimeError(f"answered {status} and {len(body)} bytes, not the origin's: {body[:200]}")
    return ask


def under_load(options, out, chosen, origins, ask, result):
    with contextlib.ExitStack() as stack:
        running = []
        for peer in chosen:
            process, port = stack.enter_context(
                peer.running(options.proxy_core, out, origins[peer.upstream], ask))
            warm(options, process, port)
            running.append((peer, process, port))
        rounds = {peer.name: [] for peer in chosen}
        for number in range(options.rounds):
            for peer, process, port in running:
                found = measure(options, process, port)
                process.rewind_log()
                rounds[peer.name].append(found)
                print(f"round {number + 1}: {peer.title:32} {found['cpu_us']:6.2f} µs/request "
                      f"{found['requests_s']:9,.0f}/s  core {found['busy'] * 100:.0f} %", flush=True)
        for peer, process, _ in running:
            floor = rounds.get("relay", rounds[peer.name])
            result[peer.name].update(
                load=report.summary(rounds[peer.name], floor), rounds=rounds[peer.name],
                rss=process.memory(), peak=process.memory("VmHWM"))


def settled_memory(process):
    """Resident bytes once they have stopped moving: buffers may go back a moment after the last byte."""
    deadline = time.monotonic() + SETTLE_S
    before = process.memory()
    while True:
        time.sleep(0.5)
        now = process.memory()
        if now == before or time.monotonic() > deadline:
            return now
        before = now


def idle(options, out, peer, origin_port, ask, request):
    """Bytes a held connection costs, in a fresh process that has answered a few requests."""
    count = min(options.idle, peer.idle_max)
    with peer.running(options.proxy_core, out, origin_port, ask) as (process, port):
        for _ in range(20):
            ask(port)
        before = settled_memory(process)
        command = [str(options.build / "bench" / "bench_idle"), str(port), str(count)]
        holder = subprocess.Popen(peers.pinned(options.load_core, command + request),
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            if holder.stdout.readline() != f"open {count}\n":
                raise RuntimeError(f"{peer.title} could not hold {count} connections")
            after = settled_memory(process)
            alive = int(holder.communicate("\n", timeout=30)[0].split()[1])
        finally:
            holder.kill()
            holder.wait()
    return {"bytes": (after - before) / count, "held": count, "alive": alive}


def idle_of_all(options, out, chosen, origins, ask, result):
    file = out / "request.txt"
    lines = [f"GET {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in HEADERS.items())]
    file.write_bytes("\r\n".join([*lines, "", ""]).encode())
    for peer in (each for each in chosen if each.idle_max):
        found = {variant: idle(options, out, peer, origins[peer.upstream], ask, request)
                 for variant, request in (("asked", [str(file)]), ("silent", [str(file), "--silent"]))}
        result[peer.name]["idle"] = found
        for variant, figures in found.items():
            print(f"idle, {variant}: {peer.title:32} {figures['bytes']:8,.0f} bytes a connection, "
                  f"{figures['alive']:,} of {figures['held']:,} held", flush=True)


def choose(options):
    """The peers that can be started, and the result's skeleton, which also names those that cannot."""
    wanted = options.only.split(",") if options.only else None
    chosen, result = [], {}
    for peer in (peers.plain_peers if options.plain else peers.all_peers)(options.build):
        if wanted and peer.name not in wanted:
            continue
        result[peer.name] = {"title": peer.title}
        try:
            peer.command(options.out, 0, 0)
            chosen.append(peer)
        except peers.NotBuilt as missing:
            result[peer.name]["missing"] = pathlib.Path(str(missing)).name
    return chosen, result


def main():
    options = arguments()
    token = tokens.make(options.out)
    if not options.plain:
        HEADERS["Authorization"] = "Bearer " + token
    chosen, found = choose(options)
    with peers.origins(options.build, options.load_core, options.out) as origins:
        status, body = peers.get(origins["h1"], PATH, HEADERS)
        if status != 200 or len(body) != 1024:
            sys.exit("the origin does not answer as it should")
        ask = asker(body)
        under_load(options, options.out, chosen, origins, ask, found)
        if options.idle:
            idle_of_all(options, options.out, chosen, origins, ask, found)
    result = report.of_run(options, connections=options.connections, peers=found)
    name = "bench-plain" if options.plain else "bench"
    print("\n" + report.columns(report.HEADINGS, [report.row(peer) for peer in found.values()]))
    return report.finish(options, name, result, functools.partial(report.section, name), report.verdicts(result))


if __name__ == "__main__":
    cli.end_with(main)
