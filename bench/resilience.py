#!/usr/bin/env python3
"""What holds under stress, measured on real gateways: prints a line for each promise and fails if one is broken.

    bench/resilience.py [leases failing goodput upload] [--mode garbage] [--build build/release]

leases   4 gateways and one Redis, a limit of 10,000 a second in leases, asked for more: what is admitted, what Redis is asked
failing  one service hangs, refuses, resets, talks garbage or is slow while others are asked: their p99 before and meanwhile,
         its breaker, and how fast it fails
goodput  a service that its crowd makes slower, asked by as many as it can bear and by five times as many
upload   100 MB, slowly but honestly; and a body of which a byte comes now and then
Needs what `make install-bench` installs, and redis-server. Takes about fifteen minutes.
"""
import collections
import contextlib
import http.client
import math
import os
import pathlib
import re
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench")]
import cli as programs                                  # noqa: E402
import steady                                           # noqa: E402
from support import tokens                              # noqa: E402
from support.clients import Client                      # noqa: E402
from support.process import Gateway, ask, free_ports    # noqa: E402
from support.redis import Redis, cli                    # noqa: E402
from support.wait import wait_until                     # noqa: E402

failures = []
MODES = ("hung", "refusing", "resetting", "garbage", "slow")


def judged(good, text):
    print(("met:    " if good else "MISSED: ") + text, flush=True)
    if not good:
        failures.append(text)


class Stage:
    """Processes of one measurement, ended with it."""

    def __init__(self, build):
        self.build, self.folder = build, tempfile.mkdtemp(prefix="gateway-bench-")
        self.ends = contextlib.ExitStack()

    def __enter__(self):
        port, = free_ports(1)
        origin = subprocess.Popen([self.build / "bench" / "bench_origin", str(port)], stdout=subprocess.DEVNULL)
        self.ends.callback(lambda: (origin.kill(), origin.wait()))

        def listens():
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                return True
        try:
            wait_until(listens, 10, "the origin")
        except BaseException:
            self.ends.close()
            raise
        self.origin = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_):
        self.ends.close()

    def gateway(self, text, name="gateway", **environment):
        with open(f"{self.folder}/{name}.log", "wb") as log:
            gateway = Gateway(text, self.folder, self.build / "api-gateway", name=name, stdout=log,
                              environment={"WORKERS": "1"} | environment)
        self.ends.callback(gateway.stop)
        return gateway.wait_ready()


def wrk(port, path, seconds, connections, *headers):
    """requests, other than 2xx, p99 in ms"""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s",
               *(part for header in headers for part in ("-H", header)), f"http://127.0.0.1:{port}{path}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30).stdout
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return (int(re.search(r"(\d+) requests in", text)[1]), int(refused[1]) if refused else 0,
            float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit])


def answers(gateway, status):
    """Counted by the gateway, of the route that is asked."""
    text = ask(gateway.admin_port, "/metrics")[2]
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in text.splitlines()
               if line.startswith("http_requests_total{") and f'status_code="{status}"' in line and "/api/" in line)


def leases(build):
    limit, seconds = 10_000, 10
    with Stage(build) as stage:
        redis = Redis(stage.folder)
        stage.ends.callback(redis.kill)
        text = f"""
limits: {{general: {{requests: {limit}, window_ms: 1000, mode: leased}}}}
services: {{origin: {{url: "{stage.origin}"}}}}
routes: [{{name: all, path: /api/**, service: origin}}]
"""
        gateways = [stage.gateway(text, f"gateway-{i}", REDIS_URL=f"redis://127.0.0.1:{redis.port}/0", ADMIN_TOKEN="t",
                                  RATE_LIMIT_ENABLED="true") for i in range(4)]
        for gateway in gateways:
            wait_until(lambda g=gateway: '"gateways":4' in ask(g.admin_port, "/admin/v1/status",
                                                               headers="Authorization: Bearer t\r\n")[2], 15, "a fleet of 4")
        header = tokens.bearer().strip()
        load = [threading.Thread(target=wrk, args=(g.port, "/api/a", seconds + 4, 4, header)) for g in gateways]
        for thread in load:
            thread.start()
        time.sleep(2)      # the first windows, in which leases find their size

        def counted():
            now = time.monotonic()
            stats = cli(redis.port, "INFO", "commandstats", shown="out")
            # What limits ask: other commands are the followers of bans and the roll of gateways.
            calls = sum(int(n) for n in re.findall(r"cmdstat_eval(?:sha)?:calls=(\d+)", stats))
            return now, [answers(g, 200) for g in gateways], [answers(g, 429) for g in gateways], calls
        began, good, refused, calls = counted()
        time.sleep(seconds)
        ended, good_then, refused_then, calls_then = counted()
        for thread in load:
            thread.join()
        took = ended - began
        admitted = sum(good_then) - sum(good)
        asked = admitted + sum(refused_then) - sum(refused)
        share = admitted / (limit * took)
        judged(0.95 <= share <= 1.01, f"leases: {asked / took:,.0f} requests a second to 4 gateways, {share:.1%} of the limit "
                                      f"of {limit:,} admitted (95 % to 101 %)")
        each = (calls_then - calls) / asked
        judged(each < 0.02, f"leases: {each:.4f} calls of Redis for each request (below 0.02)")


def give_way():
    """This thread takes only what the gateway and those who are measured leave: it stands for other machines."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


class Failing:
    """A service that does what `mode` says with each request."""

    def __init__(self):
        self.mode = "well"
        self.held = []
        self.listener = None
        self.port, = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.listen()

    def listen(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def be(self, mode):
        """Nothing that was opened before stays open."""
        if mode == "refusing":
            self._shut()
        elif self.mode == "refusing":
            self.listen()
        self.mode = mode
        held, self.held = self.held, []
        for sock in held:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                sock = listener.accept()[0]
                self.held.append(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        give_way()
        with sock, contextlib.suppress(OSError):
            while sock.recv(65536):
                if self.mode == "hung":
                    continue
                if self.mode == "slow":
                    time.sleep(2)
                if self.mode == "garbage":
                    sock.sendall(b"\x16\x03\x01 this is no answer\r\n\r\n")
                    return
                if self.mode == "resetting":
                    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def _shut(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def close(self):
        self.be("well")
        self._shut()


class Crowd:
    """32 clients with ten requests a second each, whatever becomes of them, until it is left."""

    def __init__(self, port, path):
        self.port, self.path, self.over, self.got = port, path, threading.Event(), []
        self.threads = [threading.Thread(target=self._run, args=(i / 320,)) for i in range(32)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def _run(self, after):
        give_way()
        client, due = None, time.monotonic() + after
        while not self.over.wait(max(0.0, due - time.monotonic())):
            began = time.monotonic()
            try:
                client = client or http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                client.request("GET", self.path)
                answer = client.getresponse()
                answer.read()
                told = answer.status
            except (OSError, http.client.HTTPException):
                client, told = None, "cut"
            self.got.append((began, told, time.monotonic() - began))
            # Each at its own tenth of the second, also after they have all waited for the same.
            due += 0.1 * max(1, math.ceil((time.monotonic() - due) / 0.1))

    def since(self, moment):
        """How often what was told, and how long half of them took at most."""
        rows = [row for row in self.got if row[0] >= moment]
        return collections.Counter(told for _, told, _ in rows), statistics.median(took for _, _, took in rows) * 1000


def failing(build, modes=MODES, pairs=15):
    for mode in modes:
        with Stage(build) as stage:
            service = Failing()
            stage.ends.callback(service.close)
            gateway = stage.gateway(f"""
circuit_breaker: {{window_ms: 4000, slow_ms: 1000, reset_timeout_ms: 2000, reset_timeout_max_ms: 2000}}
services: {{origin: {{url: "{stage.origin}"}}, failing: {{url: "{service.url}"}}}}
routes:
  - {{name: good, path: /api/good/**, service: origin, authenticate: {{public: [/**]}}}}
  - {{name: bad, path: /api/bad/**, service: failing, timeout_ms: 5000, authenticate: {{public: [/**]}}}}
""", LOG_LEVEL="ERROR")

            def state(gateway=gateway):
                text = ask(gateway.admin_port, "/metrics")[2]
                return int(re.search(r'circuit_breaker_state\{[^}]*upstream="failing"\} (\d)', text)[1])

            def others(gateway=gateway):
                answers = steady.ask(gateway.port, "/api/good/a", 16, 60, 3)
                return answers.percentile(99) if set(answers.statuses) == {200} else float("inf")
            rounds, opened_after = [], []
            with Crowd(gateway.port, "/api/bad/a") as crowd:
                for _ in range(pairs):
                    wait_until(lambda: state() == 0, 30, "the breaker closes by itself", every=0.1)
                    before = others()
                    service.be(mode)
                    began = time.monotonic()
                    wait_until(lambda: state() != 0, 30, "the breaker opens", every=0.1)
                    opened_after.append(time.monotonic() - began)
                    then = time.monotonic()
                    rounds.append((before, others()))
                    told, half = crowd.since(then)
                    service.be("well")
            ratio = statistics.median(then / before for before, then in rounds)
            judged(ratio <= 1.2,
                   f"failing: {mode:9}: p99 of others {statistics.median(then for _, then in rounds) / 1000:.2f} ms, before "
                   f"{statistics.median(before for before, _ in rounds) / 1000:.2f} ms: {ratio:.2f} times (median of {pairs} pairs, at most "
                   f"1.2); breaker open after {statistics.median(opened_after):.1f} s and closed by itself each time; then its own are "
                   f"answered in {half:.1f} ms (median; {dict(told)})")


class Crowded:
    """Serves 8 at once in 5 ms each; a crowd makes each slower by the square of what is too much."""

    def __init__(self):
        self.lock, self.inside = threading.Lock(), 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self.listener.accept()[0],), daemon=True).start()

    def _serve(self, sock):
        with sock, contextlib.suppress(OSError):
            while sock.recv(65536):
                with self.lock:
                    self.inside += 1
                    crowd = max(1.0, self.inside / 8) ** 2
                time.sleep(0.005 * crowd)
                with self.lock:
                    self.inside -= 1
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def close(self):
        self.listener.close()


def goodput(build):
    for name, bulkhead in (("a limit of 8", "limit: 8, queue_max: 8, wait_max_ms: 50, tenant_share_max: 100"),
                           ("a limit that adapts", "limit: 64, adaptive: true, limit_min: 4, queue_max: 8, wait_max_ms: 50, "
                                                   "tenant_share_max: 100")):
        with Stage(build) as stage:
            service = Crowded()
            stage.ends.callback(service.close)
            gateway = stage.gateway(f"""
services: {{crowded: {{url: "{service.url}", bulkhead: {{{bulkhead}}}}}}}
routes: [{{name: all, path: /api/**, service: crowded, authenticate: {{public: [/**]}}}}]
""")

            def at_service(gateway=gateway):
                text = ask(gateway.admin_port, "/metrics")[2]
                return [float(re.search(rf'^downstream_request_duration_seconds_{part}\{{[^}}]*upstream="crowded"[^}}]*\}} (\S+)',
                                        text, re.M)[1]) for part in ("sum", "count")]

            def served(connections, seconds):
                """Answers a second, and how long each took the service, in ms."""
                before, (spent, count) = answers(gateway, 200), at_service()
                wrk(gateway.port, "/api/a", seconds, connections)
                now_spent, now_count = at_service()
                return (answers(gateway, 200) - before) / seconds, (now_spent - spent) / (now_count - count) * 1000
            served(40, 6)      # a limit that adapts learns
            few, crowd = ([served(clients, 2) for _ in range(3)] for clients in (8, 40))
            best, rate = (statistics.median(rate for rate, _ in rows) for rows in (few, crowd))
            quick, took = (statistics.median(took for _, took in rows) for rows in (few, crowd))
            judged(rate >= 0.9 * best, f"goodput, {name}: {rate:,.0f} a second for 40 clients at once, {best:,.0f} for the 8 that "
                                       f"the service can bear: {rate / best:.0%} (at least 90 %)")
            judged(took <= 1.2 * quick, f"goodput, {name}: each answer takes the service {took:.1f} ms, {quick:.1f} for the 8 (at most "
                                        "1.2 times); none waits longer than 50 ms before")


def upload(build):
    size, rate = 100_000_000, 10_000_000
    with Stage(build) as stage:
        gateway = stage.gateway(f"""
body_bytes_max: 200000000
services: {{origin: {{url: "{stage.origin}"}}}}
routes: [{{name: all, path: /api/**, service: origin, timeout_ms: 5000, authenticate: {{public: [/**]}}}}]
""")
        with Client(gateway.port, seconds=60) as client:
            client.send(f"POST /api/sha256 HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode())
            piece, began = bytes(100_000), time.monotonic()
            for sent in range(0, size, len(piece)):
                client.send(piece)
                time.sleep(max(0.0, began + (sent + len(piece)) / rate - time.monotonic()))
            status, took = client.response().status, time.monotonic() - began
        judged(status == 200 and took > 9, f"upload: 100 MB in {took:.1f} s through a route with 5 s for the answer: {status}")
        with Client(gateway.port, seconds=60) as client:
            client.send(b"POST /api/sha256 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
            began = time.monotonic()
            with contextlib.suppress(OSError):
                while time.monotonic() - began < 50:
                    client.send(b"x")
                    client.sock.settimeout(0.2)
                    with contextlib.suppress(TimeoutError):
                        if client.sock.recv(65536) is not None:
                            break
            took = time.monotonic() - began
        judged(took < 45, f"upload: a body of five bytes a second is cut after {took:.1f} s")


def main():
    all_of_them = {"leases": leases, "failing": failing, "goodput": goodput, "upload": upload}
    parser = programs.parser(__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *all_of_them], default=[])
    parser.add_argument("--mode", action="append", choices=MODES, help="only this way of failing; may be given again")
    parser.add_argument("--pairs", type=int, default=15, help="before and meanwhile, such many times (15: a p99 of one round strays by a quarter)")
    arguments = parser.parse_args()
    all_of_them["failing"] = lambda build: failing(build, arguments.mode or MODES, arguments.pairs)
    for name in arguments.names or all_of_them:
        all_of_them[name](arguments.build)
    return 1 if failures else 0


if __name__ == "__main__":
    programs.end_with(main)
