#!/usr/bin/env python3
"""The same bytes to this gateway, nginx and HAProxy, each in front of a service that takes anything: what gets through.

    tests/differential.py [--inputs 2000] [--seed 1] [--gateway build/release/api-gateway]

The bytes are those of all wire cases, and as many more bent at random by the seed. The service behind reads as the most
lenient server would (bare line feeds, any `chunked`, the first length) and remembers all. A request that it saw, but
for which the gateway has no line in its log, has been smuggled; so has one that a strict reader finds elsewhere. One
such request fails the run. The peers are there to compare with. Needs what `make install-bench` installs.
"""
import argparse
import collections
import concurrent.futures
import json
import pathlib
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "integration")]

from support import configs, services, wire            # noqa: E402
from support.process import Gateway, ask, free_ports    # noqa: E402
from support.services import SocketService              # noqa: E402
from support.wait import wait_until                     # noqa: E402
from test_noise import FAST, bend, corpus               # noqa: E402

HEAD_END = re.compile(rb"\r?\n\r?\n")


class LenientService(SocketService):
    """Finds a request wherever the most forgiving server would find one."""

    def __init__(self):
        self.lock = threading.Lock()
        self.requests = 0
        self.connections = []     # all bytes of each
        super().__init__()

    @staticmethod
    def _body(head, rest):
        """The bytes of rest that are this head's body, or None: not all there yet."""
        if re.search(rb"(?im)^transfer-encoding[ \t]*:.*chunked", head):
            at = 0
            while match := re.compile(rb"[ \t]*([0-9a-fA-F]+)[^\n]*\n").match(rest, at):
                size = int(match.group(1), 16)
                at = match.end() + size
                end = re.compile(rb"\r?\n").match(rest, at)
                if size == 0:
                    over = re.compile(rb"(?:[^\r\n]+\r?\n)*\r?\n").match(rest, match.end())
                    return over.end() if over else None
                if not end:
                    return None
                at = end.end()
            return None if re.match(rb"[ \t]*[0-9a-fA-F]*\r?$", rest[at:]) else at
        length = re.search(rb"(?im)^content-length[ \t]*:[ \t]*\+?(\d+)", head)
        size = int(length.group(1)) if length else 0
        return size if len(rest) >= size else None

    def serve(self, sock):
        record, data = bytearray(), bytearray()
        with self.lock:
            self.connections.append(record)
        while piece := sock.recv(65536):
            record += piece
            data += piece
            while match := HEAD_END.search(data):
                used = self._body(bytes(data[:match.end()]), bytes(data[match.end():]))
                if used is None:
                    break
                del data[:match.end() + used]
                with self.lock:
                    self.requests += 1
                services.respond(sock)

    def strictly(self):
        """How many whole requests a strict reader finds, and on how many connections it finds something else."""
        found, strange = 0, []
        for record in list(self.connections):
            data = bytearray(record)
            while data:
                try:
                    message, length = wire.read_request(data, True)
                except wire.Incomplete:
                    break
                except wire.BadMessage as error:
                    strange.append(f"{error}: {bytes(data[:300])!r}")
                    break
                del data[:length]
                found += not message.cut
        return found, strange


class Slot:
    """What support.configs asks of a route."""
    name, prefix, service_options, route_options = "origin", "/api/v1/s0", {"retry": "{retries_max: 0}"}, {}

    def __init__(self, url):
        self.url = url


def send(port, data):
    """All of it, then what comes until the end: the statuses."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        received = bytearray()
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        try:
            while piece := sock.recv(65536):
                received += piece
        except OSError:
            pass
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", received)]


def play(port, inputs):
    statuses = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for found in pool.map(lambda data: send(port, data), inputs):
            statuses.update(found or ["no answer"])
    return statuses


def through_peer(name, inputs, folder):
    service, port = LenientService(), free_ports(1)[0]
    path = pathlib.Path(folder) / f"{name}.conf"
    path.write_text(configs.nginx([Slot(service.url)], port, folder) if name == "nginx"
                    else configs.haproxy([Slot(service.url)], port))
    command = ["nginx", "-c", str(path)] if name == "nginx" else ["haproxy", "-db", "-f", str(path)]
    with open(pathlib.Path(folder) / f"{name}.stderr", "wb") as errors:
        process = subprocess.Popen(command, stdout=errors, stderr=errors)
    try:
        wait_until(lambda: ask(port, "/live"), 10, f"{name} answers")
        return service, play(port, inputs)
    finally:
        process.kill()
        process.wait()
        service.close()


def through_gateway(binary, inputs, folder):
    service = LenientService()
    gateway = Gateway(configs.gateway([Slot(service.url)], FAST), folder, binary)
    try:
        gateway.wait_ready()
        statuses = play(gateway.port, inputs)
        assert gateway.stop() == 0 and not gateway.alarms(), gateway.errors()
    finally:
        gateway.kill()
        service.close()
    lines = [line for line in gateway.lines if line.get("msg") == "request" and line.get("upstream") == "origin"]
    return service, statuses, len(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--gateway", type=pathlib.Path, default=HERE.parent / "build/release/api-gateway")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    seeds = corpus("client")
    inputs = seeds + [bend(seeds, chance) for _ in range(options.inputs)]
    failures = []
    folder = tempfile.mkdtemp(prefix="gateway-test-")
    print(f"{len(inputs)} inputs, seed {options.seed}\n")
    print(f"{'':10} {'seen by the service':>20} {'by a strict reader':>20} {'what is no request':>20} {'2xx':>7} {'4xx, 5xx':>9}")
    try:
        for name in ("gateway", "nginx", "haproxy"):
            if name == "gateway":
                service, statuses, told = through_gateway(options.gateway, inputs, folder)
            elif shutil.which(name):
                service, statuses = through_peer(name, inputs, folder)
            else:
                print(f"{name:10} is not installed")
                continue
            strict, strange = service.strictly()
            good = sum(n for status, n in statuses.items() if status != "no answer" and 200 <= status < 300)
            bad = sum(n for status, n in statuses.items() if status != "no answer" and status >= 400)
            print(f"{name:10} {service.requests:20} {strict:20} {len(strange):20} {good:7} {bad:9}", flush=True)
            if name != "gateway":
                continue
            if strange or strict != service.requests:
                failures.append(f"the service saw {service.requests} requests, a strict reader {strict}: {strange[:3]}")
            if told < service.requests:
                failures.append(f"the service saw {service.requests} requests, of which the log tells {told}")
            print(f"{'':10} {told:20} lines of the gateway's log tell of requests sent there")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for failure in failures:
        print("SMUGGLED: " + json.dumps(failure)[:2000])
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
