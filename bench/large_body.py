#!/usr/bin/env python3
"""Bodies of 1 GiB through the gateway, up and down: the same bytes must come out, and memory must stay where it was.

Every case ends with SHA-256 on both sides. Up: the origin hashes what reached it. Down: the origin sends a pattern
that is made again here. There and back: the origin echoes while the body still comes, so that both directions
stream at once. Resident memory of the proxy is looked at every 16 MiB, and may grow by less than 10 MB. Fails when bytes
differ. Each body goes once: --rounds and --seconds are taken as all of `make bench` take them, and change nothing.
"""

import hashlib
import http.client
import json
import struct
import sys
import threading
import time
import zlib

sys.dont_write_bytecode = True
import cli
import peers
import report
import tokens

BLOCK = 65536
SAMPLE_BLOCKS = 256
GROWTH_MAX = 10_000_000
BOUNDARY = "a-boundary-of-the-bench"
TIMEOUT_S = 60


def pattern(size):
    """The blocks that bench/origin_body.hpp describes."""
    text = b"".join(hashlib.sha256(b"pattern %d" % i).digest() for i in range(BLOCK // 32))
    for number in range((size + BLOCK - 1) // BLOCK):
        block = struct.pack("<Q", number) + text[8:]
        yield block[: size - number * BLOCK]


def multipart(size):
    yield (f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n"
           "Content-Type: application/octet-stream\r\n\r\n").encode()
    yield from pattern(size)
    yield f"\r\n--{BOUNDARY}--\r\n".encode()


def gzipped(size):
    squeeze = zlib.compressobj(1, zlib.DEFLATED, 31)
    for block in pattern(size):
        yield squeeze.compress(block)
    yield squeeze.flush()


class Watch:
    """The largest resident size seen since it was made."""

    def __init__(self, process):
        self.process = process
        self.before = self.largest = process.memory()
        self.blocks = 0

    def block(self):
        self.blocks += 1
        if self.blocks % SAMPLE_BLOCKS == 0:
            self.sample()

    def sample(self):
        self.largest = max(self.largest, self.process.memory())

    def growth(self):
        self.sample()
        return self.largest - self.before


CREDENTIALS = {}  # Authorization, once there is a token


def send(connection, blocks, chunked, hashed, watch):
    for block in blocks:
        if not block:
            continue
        hashed.update(block)
        connection.send(b"%x\r\n%s\r\n" % (len(block), block) if chunked else block)
        watch.block()
    if chunked:
        connection.send(b"0\r\n\r\n")


def read_hash(answer, watch):
    hashed = hashlib.sha256()
    size = 0
    while block := answer.read(BLOCK):
        hashed.update(block)
        size += len(block)
        watch.block()
    return hashed.hexdigest(), size


def begin(port, method, path, fields):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    connection.putrequest(method, path)
    for name, value in {**CREDENTIALS, **fields}.items():
        connection.putheader(name, value)
    connection.endheaders()
    return connection


def framing(length):
    return {"Content-Length": str(length)} if length is not None else {"Transfer-Encoding": "chunked"}


def up(port, base, watch, size, length):
    hashed = hashlib.sha256()
    fields = {"Content-Type": "application/octet-stream", **framing(length)}
    connection = begin(port, "POST", base + "/sha256", fields)
    send(connection, pattern(size), length is None, hashed, watch)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"answered {answer.status}: {text[:300]}")
    found = json.loads(text)
    return found["bytes"], found["bytes"] == size and found["sha256"] == hashed.hexdigest()


def down(port, base, watch, size, query):
    expected = hashlib.sha256()
    for block in pattern(size):
        expected.update(block)
    connection = begin(port, "GET", f"{base}/bytes/{size}{query}", {})
    answer = connection.getresponse()
    digest, got = read_hash(answer, watch)
    connection.close()
    return got, answer.status == 200 and got == size and digest == expected.hexdigest()


def there_and_back(port, base, watch, blocks, fields):
    hashed = hashlib.sha256()
    connection = begin(port, "POST", base + "/echo", fields)
    sender = threading.Thread(daemon=True, target=send, args=(
        connection, blocks, "Transfer-Encoding" in fields, hashed, watch))
    sender.start()
    answer = connection.getresponse()
    digest, got = read_hash(answer, watch)
    sender.join(TIMEOUT_S)
    connection.close()
    kept = all(answer.headers[name] == fields[name]
               for name in ("Content-Type", "Content-Encoding") if name in fields)
    return got, answer.status == 200 and kept and digest == hashed.hexdigest()


def cases(size):
    small = min(size, 1 << 26)
    form = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            **framing(sum(map(len, multipart(small))))}
    packed = {"Content-Type": "application/json", "Content-Encoding": "gzip", **framing(None)}
    binary = {"Content-Type": "application/octet-stream", **framing(small)}
    return [
        ("up, Content-Length", lambda *to: up(*to, size, size)),
        ("up, chunked", lambda *to: up(*to, size, None)),
        ("down, Content-Length", lambda *to: down(*to, size, "")),
        ("down, chunked", lambda *to: down(*to, size, "?chunked")),
        ("there and back, binary", lambda *to: there_and_back(*to, pattern(small), binary)),
        ("there and back, multipart", lambda *to: there_and_back(*to, multipart(small), form)),
        ("there and back, gzip, chunked", lambda *to: there_and_back(*to, gzipped(small), packed)),
    ]


def run(options, process, port):
    found = []
    for name, play in cases(options.size):
        watch = Watch(process)
        began = time.monotonic()
        moved, same = play(port, options.path, watch)
        took = time.monotonic() - began
        found.append({"case": name, "bytes": moved, "same": same, "growth": watch.growth(),
                      "mb_s": moved / took / 1e6})
        print(f"{name:30} {moved:14,} bytes  {'identical' if same else 'DIFFERENT'}  "
              f"memory +{found[-1]['growth'] / 1e6:.2f} MB  {found[-1]['mb_s']:,.0f} MB/s", flush=True)
    return found


HEADINGS = ["case", "bytes", "SHA-256", "resident memory grew by, MB", "MB/s"]


def verdicts(result):
    most = max(one["growth"] for one in result["cases"])
    return [report.verdict(most < GROWTH_MAX, f"resident memory grew by {most / 1e6:.2f} MB, less than {GROWTH_MAX / 1e6:.0f}")]


def section(result):
    rows = [[one["case"], f"{one['bytes']:,}", "identical" if one["same"] else "DIFFERENT",
             f"{one['growth'] / 1e6:.2f}", f"{one['mb_s']:,.0f}"] for one in result["cases"]]
    return report.composed("large_body", result, report.made_by(result), report.markdown(HEADINGS, rows), verdicts(result))


def main():
    parser = cli.measuring(__doc__, rounds=1, seconds=1)
    parser.add_argument("--size", type=int, default=1 << 30)
    parser.add_argument("--target", default="gateway", help="gateway, or haproxy or relay to compare")
    parser.add_argument("--path", default="/api/v1/events", help="a route of the gateway")
    options = parser.parse_args()
    cli.prepare(options)
    if options.quick:
        options.size = min(options.size, 1 << 26)
    CREDENTIALS["Authorization"] = "Bearer " + tokens.make(options.out)
    # The limits that a body of this size would meet on purpose are out of the way here.
    settings = {"MAX_REQUEST_SIZE": str(4 << 30), "TIMEOUT_DEFAULT": "600000"}
    peer = next(one for one in peers.all_peers(options.build) if one.name == options.target)
    if options.target == "gateway":
        peer.command = peers.gateway_command(options.build, settings)

    ask = lambda port: peers.get(port, options.path, CREDENTIALS)
    with peers.origin(options.build, options.load_core, options.out) as origin_port, \
            peer.running(options.proxy_core, options.out, origin_port, ask) as (process, port):
        result = report.of_run(cases=run(options, process, port))
    ended = report.finish(options, "large_body", result, section, verdicts(result))
    return ended if all(one["same"] for one in result["cases"]) else 1


if __name__ == "__main__":
    cli.end_with(main)
