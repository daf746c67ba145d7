#!/usr/bin/env python3
"""Everything at once for a long time, with faults: nothing may be lost and nothing may grow.

    bench/soak.py [--minutes 30] [--build build/release]

Clients ask over HTTP/1.1 and HTTP/2 with tokens and without, send and fetch bodies, make a connection for each request,
are refused, leave in the middle; the service fails and breaks off. Meanwhile the configuration is read again every few
seconds, bans come and go, Redis is killed, stalled and started empty.

At the end every request must be accounted for: those that clients sent are those that they got an answer to or gave up
themselves, those that the gateway counted and those that it wrote a line for; those that it sent to the service are
those that the service saw. Memory and descriptors must be where they were after the first tenth. Needs what
`make install-test` installs.
"""
import collections
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests")]

import cli as programs  # noqa: E402
from support import tokens  # noqa: E402
from support.clients import Client  # noqa: E402
from support.h2 import H2Client  # noqa: E402
from support.origins import Origin  # noqa: E402
from support.process import Gateway, ask, free_ports  # noqa: E402
from support.redis import Redis, cli  # noqa: E402
from support.wait import wait_until  # noqa: E402

CONFIG = """
services:
  origin: {{url: "{origin}", retry: {{retries_max: 0}}}}
  failing: {{url: "{failing}", retry: {{retries_max: 0}}}}
circuit_breaker: {{volume_threshold: 100000}}
limits: {{policies: {{soak: {{requests: 900000, window_ms: 60000, mode: leased}}}}}}
routes:
  - {{name: work, path: /api/v1/work/**, service: origin, rewrite: /up, timeout_ms: 20000, body_bytes_max: 10000000,
     rate_limit: {{policies: [soak]}}}}
  - {{name: fail, path: /api/v1/fail/**, service: failing, rewrite: /up, authenticate: {{public: [/**]}},
     rate_limit: {{policies: []}}}}
# {number}
"""
LINE = '"msg":"request"'


class Tally:
    """What clients sent, and what became of it. From any thread."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sent = 0
        self.answers = collections.Counter()
        self.left = 0          # clients that went away themselves
        self.lost = []         # requests without an answer, or with a wrong one

    def count(self, sent=0, status=None, left=0, lost=None):
        with self.lock:
            self.sent += sent
            self.left += left
            if status is not None:
                self.answers[status] += 1
            if lost is not None:
                self.lost.append(lost)


class Clients:
    """Each kind of client is a thread that asks until it is told to stop, some tens of times a second."""

    def __init__(self, port, tally):
        self.port, self.tally = port, tally
        self.over = threading.Event()
        kinds = (self.steady, self.steady, self.bodies, self.short, self.refused, self.leaving, self.failed, self.http2)
        self.threads = [threading.Thread(target=self._run, args=(kind,), daemon=True) for kind in kinds]
        for thread in self.threads:
            thread.start()

    def _run(self, kind):
        number = 0
        while not self.over.is_set():
            try:
                kind(number)
            except (OSError, AssertionError) as error:
                self.tally.count(lost=f"{kind.__name__}: {error!r}")
            number += 1
            self.over.wait(0.02)

    def get(self, client, target, header="", expected=200):
        self.tally.count(sent=1)
        answer = client.get(target, header)
        self.tally.count(status=answer.status)
        if answer.status != expected:
            raise AssertionError(f"{target}: {answer.status} instead of {expected}")
        return answer

    def steady(self, number):
        with Client(self.port, seconds=30) as client:
            for turn in range(40):
                self.get(client, "/api/v1/work/text", tokens.bearer(sub=f"user-{number % 97}"))
                if self.over.wait(0.005):
                    return

    def bodies(self, number):
        body = os.urandom(1 + number * 7919 % 300_000)
        with Client(self.port, seconds=30) as client:
            self.tally.count(sent=1)
            client.send(f"POST /api/v1/work/digest HTTP/1.1\r\nHost: a\r\n{tokens.bearer()}Content-Length: {len(body)}\r\n\r\n"
                        .encode() + body)
            answer = client.response("POST")
            self.tally.count(status=answer.status)
            assert json.loads(answer.body)["bytes"] == len(body), answer
            answer = self.get(client, f"/api/v1/work/bytes?n={len(body)}&chunked=1", tokens.bearer())
            assert len(answer.body) == len(body), len(answer.body)

    def short(self, number):
        with Client(self.port, seconds=30) as client:
            self.get(client, "/api/v1/work/seen?x=1", tokens.bearer() + "Connection: close\r\n")

    def refused(self, number):
        with Client(self.port, seconds=30) as client:
            self.get(client, "/api/v1/work/text", expected=401)
            self.get(client, "/api/v1/nowhere", expected=404)
            self.get(client, f"/api/v1/work/text?tenantId={tokens.OTHER_TENANT}", tokens.bearer(), expected=403)

    def leaving(self, number):
        self.tally.count(sent=1, left=1)
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as sock:
            sock.sendall(f"GET /api/v1/work/bytes?n=3000000 HTTP/1.1\r\nHost: a\r\n{tokens.bearer()}\r\n".encode())
            sock.recv(1000)

    def failed(self, number):
        with Client(self.port, seconds=30) as client:
            self.get(client, "/api/v1/fail/status?code=500", expected=500)
            self.tally.count(sent=1)
            client.send(b"GET /api/v1/fail/cut HTTP/1.1\r\nHost: a\r\n\r\n")
            head = client.rest()
            assert head.startswith(b"HTTP/1.1 200 ") and head.endswith(b"half"), head
            self.tally.count(status=200)

    def http2(self, number):
        client = H2Client(self.port, seconds=30)
        try:
            bearer = ("authorization", tokens.bearer()[len("Authorization: "):].strip())
            streams = [client.request(path="/api/v1/work/text", extra=(bearer,)) for _ in range(8)]
            self.tally.count(sent=len(streams))
            for stream in streams:
                answer = client.finish(stream)
                if answer.status != 200:
                    raise AssertionError(f"HTTP/2: {answer.status}, reset {answer.reset}")
                self.tally.count(status=answer.status)
        finally:
            client.sock.close()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(60)


class Lines(threading.Thread):
    """Counts the gateway's lines as they come, and keeps none."""

    def __init__(self, stream):
        super().__init__(daemon=True)
        self.stream, self.requests, self.forwarded = stream, 0, 0
        self.start()

    def run(self):
        for line in self.stream:
            if LINE in line and '"path":"/health' not in line:
                self.requests += 1
                self.forwarded += '"upstream":"' in line


class Faults(threading.Thread):
    """One after the other until told to stop. Whatever it breaks it has mended when it ends."""

    def __init__(self, gateway, redis, config):
        super().__init__(daemon=True)
        self.gateway, self.redis, self.config = gateway, redis, config
        self.over = threading.Event()
        self.done = collections.Counter()
        self.start()

    def run(self):
        number = 0
        while not self.over.wait(3):
            number += 1
            self.gateway.config.write_text(self.config(number))
            os.kill(self.gateway.pid, signal.SIGHUP)
            self.done["reloads"] += 1
            if number % 5 == 1:
                cli(self.redis.port, "SET", f"banned:ip:198.51.100.{number % 250}", "1", "EX", "20")
                self.done["bans"] += 1
            if number % 10 == 4:
                os.kill(self.redis.process.pid, signal.SIGSTOP)
                self.over.wait(3)
                os.kill(self.redis.process.pid, signal.SIGCONT)
                self.done["stalls of Redis"] += 1
            if number % 20 == 9:
                self.redis.kill()
                self.over.wait(3)
                self.redis.start()
                self.done["losses of Redis"] += 1

    def stop(self):
        self.over.set()
        self.join(60)


def metric(gateway, name):
    """The sum of a metric's series; those of health checks and scrapes are no client's."""
    text = ask(gateway.admin_port, "/metrics", seconds=30)[2]
    return sum(float(value) for labels, value in re.findall(rf"^{name}{{(.*)}} (\S+)$", text, re.M)
               if 'route="/health' not in labels)


def resident_kb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def soak(build, minutes, folder):
    origin, failing, redis = Origin(), Origin("failing"), Redis(folder)
    config = lambda number: CONFIG.format(origin=origin.url, failing=failing.url, number=number)   # noqa: E731
    read, write = os.pipe()
    gateway = Gateway(config(0), folder, build / "api-gateway", stdout=write,
                      environment={"REDIS_URL": f"redis://127.0.0.1:{redis.port}/0", "RATE_LIMIT_ENABLED": "true",
                                   "AUDIT_PATH": f"{folder}/audit.log", "RESP_PORT": str(free_ports(1)[0])})
    os.close(write)
    lines = Lines(os.fdopen(read, encoding="latin-1"))
    found = []
    try:
        gateway.wait_ready(30)
        before = {name: metric(gateway, name) for name in ("http_requests_total",)}
        tally = Tally()
        clients, faults = Clients(gateway.port, tally), Faults(gateway, redis, config)
        rows, began = [], time.monotonic()
        while (passed := time.monotonic() - began) < minutes * 60:
            clients.over.wait(min(10, minutes * 60 - passed) + 0.01)
            rows.append((time.monotonic() - began, resident_kb(gateway.pid), descriptors(gateway.pid), tally.sent))
            print(f"{rows[-1][0]:6.0f} s  {rows[-1][1] / 1024:6.1f} MB  {rows[-1][2]:4} descriptors  {tally.sent:9} requests  "
                  f"{len(tally.lost)} lost", flush=True)
        clients.stop()
        faults.stop()
        wait_until(lambda: metric(gateway, "http_requests_in_progress") == 0, 30, "nothing is in flight")
        counted = metric(gateway, "http_requests_total") - before["http_requests_total"]
        wait_until(lambda: lines.requests >= counted, 30, "lines for all of them")
        answered = sum(tally.answers.values())
        found = report(minutes, rows, tally, counted, lines.requests, lines.forwarded, origin.requests + failing.requests,
                       faults.done, answered)
        alarms = gateway.alarms()
        judge(found, not alarms, f"nothing complained on standard error {alarms[:3]}")
        judge(found, gateway.stop() == 0, "it ended as it should")
    finally:
        gateway.kill()
        redis.kill()
        origin.close()
        failing.close()
    return found


def judge(found, good, text):
    print(("met:    " if good else "MISSED: ") + text, flush=True)
    found.append((good, text))


def report(minutes, rows, tally, counted, lines, up, seen, done, answered):
    found = []
    judge(found, not tally.lost, f"no request was lost: {tally.sent:,} in {minutes:g} minutes; {tally.lost[:5]}")
    judge(found, tally.sent == answered + tally.left,
          f"sent {tally.sent:,} = answered {answered:,} + left by their clients {tally.left:,}")
    judge(found, counted == tally.sent, f"the gateway counted {int(counted):,}")
    judge(found, lines == tally.sent, f"and wrote {lines:,} lines")
    judge(found, up == seen, f"of which {up:,} tell of a service; services saw {seen:,}")
    settled = [row for row in rows if row[0] >= minutes * 6]   # the first tenth is for warming up
    early, late = settled[:max(1, len(settled) // 4)], settled[-max(1, len(settled) // 4):]
    median = lambda part, at: sorted(row[at] for row in part)[len(part) // 2]   # noqa: E731
    judge(found, median(late, 1) < median(early, 1) * 1.1 + 2048,
          f"memory: {median(early, 1) / 1024:.1f} MB in the first quarter, {median(late, 1) / 1024:.1f} MB in the last")
    judge(found, abs(median(late, 2) - median(early, 2)) <= 16,
          f"descriptors: {median(early, 2)} in the first quarter, {median(late, 2)} in the last")
    judge(found, True, "meanwhile: " + ", ".join(f"{count} {what}" for what, count in sorted(done.items())))
    return found


def main():
    options = programs.parser(__doc__)
    options.add_argument("--minutes", type=float, default=30)
    chosen = options.parse_args()
    folder = tempfile.mkdtemp(prefix="gateway-soak-")
    try:
        found = soak(chosen.build, chosen.minutes, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if all(good for good, _ in found) else 1


if __name__ == "__main__":
    programs.end_with(main)
