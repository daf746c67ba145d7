#!/usr/bin/env python3
"""What watching costs, measured on real gateways: prints a line for each promise and fails if one is broken.

    bench/overhead.py [observed console] [--rounds 5] [--seconds 4] [--quick]

observed  CPU per request with the access log, traces (a tenth, to a collector that takes them) and a scrape a second,
          beside the same gateway with none of them
console   CPU of a gateway that nobody asks, with and without one who watches; and the latency of requests that come
          at a fixed rate, with nobody and with ten who watch
Rounds are interleaved and ratios taken inside each, as in bench/run.py. Needs what `make install-bench` installs.
"""
import contextlib
import http.server
import pathlib
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

sys.dont_write_bytecode = True
import cli
import peers
import run
import steady
import tokens

failures = []
OPERATOR = "a-token-of-the-bench-for-operators"
CLIENTS, EACH_S = 16, 125


def judged(good, text):
    print(("met:    " if good else "MISSED: ") + text, flush=True)
    if not good:
        failures.append(text)


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes spans and forgets them."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def collector():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def admin_port(process):
    """As the process was told."""
    environment = pathlib.Path(f"/proc/{process.pids()[0]}/environ").read_bytes().split(b"\0")
    return int(next(part for part in environment if part.startswith(b"ADMIN_PORT=")).partition(b"=")[2])


class Scrapes:
    """One a second, until it is left."""

    def __init__(self, port):
        self.port, self.over = port, threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.over.wait(1):
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5).read()

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def gateway(options, name, **settings):
    return peers.Peer(name, name, peers.gateway_command(options.build, {"RATE_LIMIT_ENABLED": "false", **settings}))


def observed(options, origin_port, ask):
    with collector() as url, contextlib.ExitStack() as stack:
        chosen = [gateway(options, "off", LOG_LEVEL="ERROR"), gateway(options, "log"),
                  gateway(options, "on", OTEL_EXPORTER_OTLP_ENDPOINT=url)]
        running = {}
        for peer in chosen:
            running[peer.name] = stack.enter_context(peer.running(options.proxy_core, options.out, origin_port, ask))
            run.warm(options, *running[peer.name])
        found = {name: [] for name in running}
        for _ in range(options.rounds):
            for name, (process, port) in running.items():
                with Scrapes(admin_port(process)) if name == "on" else contextlib.nullcontext():
                    found[name].append(run.measure(options, process, port)["cpu_us"])
                process.rewind_log()
        for name, title in (("log", "access log"), ("on", "access log, traces and scrapes")):
            ratio = statistics.median(a / b for a, b in zip(found[name], found["off"]))
            line = (f"observed: {statistics.median(found[name]):.2f} µs a request with {title}, "
                    f"{statistics.median(found['off']):.2f} with none: {(ratio - 1) * 100:+.1f} %")
            if name == "on":
                judged(ratio <= 1.08, line + " (median of rounds; at most 8 %)")
            else:
                print("        " + line, flush=True)


@contextlib.contextmanager
def watchers(port, count):
    """Consoles that are open: each takes what it is told."""
    head = f"Authorization: Bearer {OPERATOR}"
    children = [subprocess.Popen(["curl", "-sN", "-o", "/dev/null", "-H", head, f"http://127.0.0.1:{port}/admin/v1/live"])
                for _ in range(count)]
    try:
        time.sleep(1.5)
        if any(child.poll() is not None for child in children):
            raise RuntimeError("a console was sent away")
        yield
    finally:
        for child in children:
            child.terminate()
            child.wait()


def latency(options, port):
    """p50 and p99 in microseconds."""
    answers = steady.ask(port, run.PATH, CLIENTS, EACH_S, options.seconds, run.HEADERS, options.load_core)
    if not answers.times or set(answers.statuses) != {200}:
        raise RuntimeError(f"not every request was answered: {dict(answers.statuses)}")
    return answers.percentile(50), answers.percentile(99)


def console(options, origin_port, ask):
    with gateway(options, "console", ADMIN_TOKEN=OPERATOR).running(options.proxy_core, options.out, origin_port, ask) as (process, port):
        run.wrk(options, port, 1)
        admin = admin_port(process)

        def share(count, seconds=5):
            with watchers(admin, count):
                cpu, began = process.cpu_s(), time.monotonic()
                time.sleep(seconds)
                return (process.cpu_s() - cpu) / (time.monotonic() - began)
        alone, watched = (statistics.median(share(count) for _ in range(3)) for count in (0, 1))
        judged(watched < 0.01, f"console: {watched:.2%} of a core with one who watches, {alone:.2%} without (below 1 %)")
        found = {"nobody": [], "nobody again": [], "ten": []}
        for _ in range(options.rounds):
            for name in found:
                with watchers(admin, 10 if name == "ten" else 0):
                    found[name].append(latency(options, port))
            process.rewind_log()
        for place, title in enumerate(("p50", "p99")):
            by_nobody = sorted(b[place] / a[place] for a, b in zip(found["nobody"], found["nobody again"]))
            by_ten = statistics.median(b[place] / a[place] for a, b in zip(found["nobody"], found["ten"]))
            values = {name: statistics.median(each[place] for each in rows) for name, rows in found.items()}
            judged(by_ten <= max(1.05, by_nobody[-1]),
                   f"console: {title} {values['ten']:.0f} µs at {CLIENTS * EACH_S:,} requests a second with ten who watch, "
                   f"{values['nobody']:.0f} with nobody: {by_ten:.2f} times; nobody beside nobody differs by "
                   f"{by_nobody[0]:.2f} to {by_nobody[-1]:.2f} (not more than that, or 1.05)")


def main():
    all_of_them = {"observed": observed, "console": console}
    parser = cli.parser(__doc__)
    cli.add_rounds(parser, rounds=5, seconds=4)
    parser.add_argument("names", nargs="*", choices=[[], *all_of_them], default=[])
    options = parser.parse_args()
    options.connections = run.CONNECTIONS
    cli.prepare(options)
    run.HEADERS["Authorization"] = "Bearer " + tokens.make(options.out)
    with peers.origin(options.build, options.load_core, options.out) as origin_port:
        ask = run.asker(peers.get(origin_port, run.PATH, run.HEADERS)[1])
        for name in options.names or all_of_them:
            all_of_them[name](options, origin_port, ask)
    return 1 if failures else 0


if __name__ == "__main__":
    cli.end_with(main)
