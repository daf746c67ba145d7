"""Answers in a content coding: what is compressed for whom, what is left alone, and what the client sees while it comes."""
import gzip
import hashlib
import random
import re
import socket
import struct
import subprocess
import threading
import urllib.parse
import zlib

from support.clients import Client
from support.h2 import H2Client
from support.scenario import BINARY, Scenario
from support.services import Handler, WebService
from support.wait import wait_until


def text_of(size):
    """JSON that compresses about as answers do."""
    chance = random.Random(7)
    lines = [b'{"id": %d, "name": "an event of some kind", "open": true},\n' % chance.getrandbits(60) for _ in range(1000)]
    block = b"".join(lines)
    return (block * (size // len(block) + 1))[:size]


class Answers(Handler):
    FIELDS = (("cc", "Cache-Control"), ("etag", "ETag"), ("cookie", "Set-Cookie"), ("vary", "Vary"), ("enc", "Content-Encoding"),
              ("digest", "Content-Digest"), ("ranges", "Accept-Ranges"), ("range", "Content-Range"), ("owner", "X-Resource-Tenant"))

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        options = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.body()
        self.service.asked.append((self.command, self.path, dict(self.headers)))
        status, body = int(options.get("status", 200)), text_of(int(options.get("n", 5000)))
        etag = options.get("etag")
        if etag and etag in self.headers.get("If-None-Match", ""):   # weakly, as RFC 9110 has it
            status = 304
        self.send_response(status)
        for name, field in self.FIELDS:
            if name in options:
                self.send_header(field, options[name])
        if options.get("type", "application/json"):
            self.send_header("Content-Type", options.get("type", "application/json"))
        if status in (204, 304):
            self.end_headers()
        elif "parts" in options or "cut" in options or "endless" in options:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if self.command != "HEAD":
                self.in_parts(body, options)
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    do_POST = do_HEAD = do_GET

    def part(self, piece):
        self.wfile.write(b"%x\r\n" % len(piece) + piece + b"\r\n")
        self.wfile.flush()

    def in_parts(self, body, options):
        if "endless" in options:
            try:
                while True:
                    self.part(body)
            except OSError:
                self.service.gone.set()
                raise
        half = len(body) // 2
        self.part(body[:half])
        if "cut" in options:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.service.go.wait(20)
        self.part(body[half:])
        self.wfile.write(b"0\r\n\r\n")


class Origin(WebService):
    """Answers with what the query asks for: n bytes, and the fields that it names. The second half of an answer in parts
    waits for `go`."""
    handler = Answers

    def __init__(self):
        self.asked = []
        self.gone = threading.Event()
        super().__init__()
        self.go.clear()


def curl(gateway, target, *words):
    """Head and body, as curl has it after decoding."""
    done = subprocess.run(["curl", "-sS", "-i", "--max-time", "60", *words, f"http://127.0.0.1:{gateway.port}{target}"],
                          capture_output=True, timeout=70)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    return head.decode(), body, done.stderr.decode()


class Compression(Scenario):
    PUBLIC = "authenticate: {public: [/**]}, rate_limit: {policies: []}"

    def setUp(self):
        super().setUp()
        self.source = Origin()
        self.addCleanup(self.source.close)
        self.text = f"""
services:
  origin: {{url: "{self.source.url}"}}
routes:
  - {{name: packed, path: /api/v1/packed/**, service: origin, timeout_ms: 20000, {self.PUBLIC}, compression: {{}}}}
  - {{name: plain, path: /api/v1/plain/**, service: origin, {self.PUBLIC}}}
  - {{name: kept, path: /api/v1/kept/**, service: origin, {self.PUBLIC}, compression: {{codings: [gzip]}}, cache: {{ttl_s: 60}}}}
  - {{name: cookies, path: /api/v1/cookies/**, service: origin, {self.PUBLIC}, compression: {{set_cookie: true, bytes_min: 0}}}}
"""

    def begin(self):
        return self.start(self.text)

    def ask(self, gateway, target, coding="gzip", header="", method="GET"):
        accept = f"Accept-Encoding: {coding}\r\n" if coding is not None else ""
        with Client(gateway.port) as client:
            client.send(f"{method} {target} HTTP/1.1\r\nHost: a\r\n{accept}{header}\r\n".encode())
            return client.response(method)

    def test_curl_has_the_same_bytes_in_each_coding_and_protocol(self):
        gateway = self.begin()
        for version in ("--http1.1", "--http2-prior-knowledge", "--http1.0"):
            for coding in ("gzip", "br", None):
                words = ["-H", f"Accept-Encoding: {coding}", "--compressed"] if coding else []
                head, body, errors = curl(gateway, "/api/v1/packed/x?n=300000&etag=%22a%22&ranges=bytes", version, *words)
                self.assertEqual((text_of(300000), ""), (body, errors), (version, coding))
                fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
                self.assertEqual(coding, fields.get("content-encoding"), head)
                self.assertEqual("accept-encoding", fields["vary"])
                self.assertEqual('w/"a"' if coding else '"a"', fields["etag"])
                self.assertEqual(None if coding else "300000", fields.get("content-length"))
                self.assertEqual(None if coding else "bytes", fields.get("accept-ranges"))
        wait_until(lambda: len([line for line in gateway.lines if line.get("route") == "/api/v1/packed/**"]) == 9, 5, "each has its line")
        packed = [line for line in gateway.lines if line.get("route") == "/api/v1/packed/**" and line["bytesOut"] < 100000]
        self.assertEqual(6, len(packed), "what is counted is what was sent")

    def test_a_short_answer_is_one_piece_with_its_new_length(self):
        answer = self.ask(self.begin(), "/api/v1/packed/x?n=5000")
        self.assertEqual(text_of(5000), gzip.decompress(answer.body))
        self.assertEqual(str(len(answer.body)), answer.value("Content-Length"))

    def test_what_is_left_alone(self):
        gateway = self.begin()
        alone = ("n=1000", "type=image%2Fpng", "type=", "type=text%2Fevent-stream", "type=application%2Fgrpc%2Bproto", "enc=zstd",
                 "cc=public,%20no-transform", "cookie=a%3Db", "digest=sha-256%3D%3A%3A",
                 "status=206&range=bytes%200-4999%2F9000&type=image%2Fpng")
        for query in alone:
            answer = self.ask(gateway, f"/api/v1/packed/x?{query}")
            size = 1000 if query == "n=1000" else 5000
            self.assertEqual(text_of(size), answer.body, query)
            self.assertEqual("zstd" if query.startswith("enc") else None, answer.value("Content-Encoding"), query)
            self.assertIsNone(answer.value("Vary"), query)
        for coding, header in (("deflate", ""), (None, ""), ("gzip;q=0", ""), ("gzip", "Cache-Control: no-transform\r\n"),
                               ("identity;q=1, gzip;q=0.9", "")):
            answer = self.ask(gateway, "/api/v1/packed/x", coding, header)
            self.assertEqual((text_of(5000), None, "Accept-Encoding"),
                             (answer.body, answer.value("Content-Encoding"), answer.value("Vary")), coding)
        for status in (204, 304):
            answer = self.ask(gateway, f"/api/v1/packed/x?status={status}")
            self.assertEqual((status, b"", None), (answer.status, answer.body, answer.value("Content-Encoding")))
        answer = self.ask(gateway, "/api/v1/plain/x")
        self.assertEqual((text_of(5000), None, None), (answer.body, answer.value("Content-Encoding"), answer.value("Vary")))

    def test_who_refuses_identity_gets_small_answers_coded_too_and_cookies_where_told(self):
        gateway = self.begin()
        answer = self.ask(gateway, "/api/v1/packed/x?n=100", "gzip, identity;q=0")
        self.assertEqual(text_of(100), gzip.decompress(answer.body))
        answer = self.ask(gateway, "/api/v1/cookies/x?n=100&cookie=a%3Db")
        self.assertEqual((text_of(100), "a=b"), (gzip.decompress(answer.body), answer.value("Set-Cookie")))

    def test_head_says_what_get_says(self):
        gateway = self.begin()
        for query in ("n=300000", "n=300000&parts=1", "n=10", "n=5000&type=image%2Fpng"):
            self.source.go.set()
            heads = []
            for method in ("GET", "HEAD"):
                answer = self.ask(gateway, f"/api/v1/packed/x?etag=%22a%22&{query}", method=method)
                heads.append({name: answer.value(name) for name in
                              ("Content-Encoding", "Content-Length", "Vary", "ETag", "Content-Type")})
                self.assertTrue(method == "GET" or answer.body == b"")
            self.assertEqual(heads[0], heads[1], query)

    def test_vary_is_one_list(self):
        gateway = self.begin()
        for vary, expected in (("Origin", "Origin, Accept-Encoding"), ("accept-encoding", "accept-encoding"), ("*", "*")):
            answer = self.ask(gateway, f"/api/v1/packed/x?vary={vary}")
            self.assertEqual([expected], answer.values("Vary"))

    def test_the_weak_tag_that_was_given_revalidates(self):
        gateway = self.begin()
        for route in ("packed", "kept"):
            target = f"/api/v1/{route}/x?etag=%22a%22&cc=max-age%3D60"
            tag = self.ask(gateway, target).value("ETag")
            self.assertEqual('W/"a"', tag)
            answer = self.ask(gateway, target, header=f"If-None-Match: {tag}\r\n")
            self.assertEqual((304, 'W/"a"', "Accept-Encoding"), (answer.status, answer.value("ETag"), answer.value("Vary")))
            answer = self.ask(gateway, target, None, 'If-None-Match: "a"\r\n')
            self.assertEqual((304, '"a"'), (answer.status, answer.value("ETag")))

    def test_parts_and_304_vary_as_the_whole_answer_does(self):
        gateway = self.begin()
        vary = "Accept-Encoding"
        for query, expected in (("status=206&range=bytes%200-4999%2F9000", vary), ("status=304", vary), ("status=304&type=", vary),
                                ("status=206&type=multipart%2Fbyteranges", vary), ("status=304&type=image%2Fpng", None),
                                ("status=304&enc=zstd", None), ("status=304&vary=Origin", "Origin, Accept-Encoding")):
            for coding in (None, "gzip"):
                answer = self.ask(gateway, f"/api/v1/packed/x?{query}", coding)
                self.assertEqual(("zstd" if "enc=" in query else None, expected),
                                 (answer.value("Content-Encoding"), answer.value("Vary")), query)
        target = "/api/v1/kept/x?etag=%22a%22&cc=max-age%3D60"
        self.ask(gateway, target, None)
        for header, status in (('If-None-Match: "a"\r\n', 304), ("Range: bytes=0-9\r\n", 206)):
            answer = self.ask(gateway, target, None, header)
            self.assertEqual((status, vary), (answer.status, answer.value("Vary")))

    def test_parts_of_a_slow_answer_come_as_the_service_sends_them(self):
        gateway = self.begin()
        for coding in ("gzip", "br"):
            self.source.go.clear()
            with Client(gateway.port) as client:
                client.send(f"GET /api/v1/packed/x?n=9000&parts=1 HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {coding}\r\n\r\n".encode())
                while b"\r\n\r\n" not in client.data or not client.data.endswith(b"\r\n"):
                    client.data += client.sock.recv(65536)
                head, _, chunks = bytes(client.data).partition(b"\r\n\r\n")
                self.assertIn(b"Transfer-Encoding: chunked", head)
                if coding == "gzip":
                    decoder, half = zlib.decompressobj(31), b""
                    while len(half) < 4500:
                        size, _, rest = chunks.partition(b"\r\n")
                        half += decoder.decompress(rest[:int(size, 16)])
                        chunks = rest[int(size, 16) + 2:]
                    self.assertEqual(text_of(9000)[:4500], half)
                self.source.go.set()
                whole = client.response()
                if coding == "gzip":
                    self.assertEqual(text_of(9000), gzip.decompress(whole.body))

    def test_what_the_service_cut_short_is_never_ended(self):
        gateway = self.begin()
        target = "/api/v1/packed/x?n=400000&cut=1"
        with Client(gateway.port) as client:
            client.send(f"GET {target} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n".encode())
            rest = client.rest()
            self.assertIn(b"Content-Encoding: gzip", rest)
            self.assertFalse(rest.endswith(b"0\r\n\r\n"))
        with Client(gateway.port) as client:   # the end of the connection is the end of the body: it has to look broken
            client.send(f"GET {target} HTTP/1.0\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n".encode())
            with self.assertRaises(ConnectionResetError):
                client.rest()
        with H2Client(gateway.port) as client:
            answer = client.get(target, extra=[("accept-encoding", "gzip")])
            self.assertIsNotNone(answer.reset)
            self.assertFalse(answer.ended)
        for coding in ("gzip", "br"):
            self.assertNotEqual("", curl(gateway, target, "--compressed", "-H", f"Accept-Encoding: {coding}")[2])

    def test_a_client_that_leaves_ends_the_request_at_the_service(self):
        gateway = self.begin()
        with Client(gateway.port) as client:
            client.send(b"GET /api/v1/packed/x?n=100000&endless=1 HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
            client.sock.recv(1000)
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.assertTrue(self.source.gone.wait(10))
        self.assertEqual(text_of(5000), gzip.decompress(self.ask(gateway, "/api/v1/packed/x").body))

    def test_fifty_megabytes_arrive_whole_through_a_bounded_memory(self):
        gateway = self.begin()
        size, expected = 50_000_000, hashlib.sha256(text_of(50_000_000)).hexdigest()
        for coding in ("gzip", "br"):
            done = subprocess.run(f"curl -sS --compressed -H 'Accept-Encoding: {coding}' "
                                  f"'http://127.0.0.1:{gateway.port}/api/v1/packed/x?n={size}' | sha256sum",
                                  shell=True, capture_output=True, text=True, timeout=120)
            self.assertEqual((expected, ""), (done.stdout.split()[0], done.stderr), coding)
        peak = int(re.search(r"VmHWM:\s+(\d+) kB", open(f"/proc/{gateway.process.pid}/status").read()).group(1))
        self.assertLess(peak, 600_000 if self.is_sanitized() else 120_000)

    def is_sanitized(self):
        return b"__asan_init" in BINARY.read_bytes() or b"__tsan_init" in BINARY.read_bytes()

    def test_the_cache_keeps_the_answer_as_it_was_and_gives_it_in_each_coding(self):
        gateway = self.begin()
        target = "/api/v1/kept/x?n=200000"
        for coding in ("gzip", None, "gzip", "br"):
            answer = self.ask(gateway, target, coding)
            body = gzip.decompress(answer.body) if coding == "gzip" else answer.body
            self.assertEqual((text_of(200000), "gzip" if coding == "gzip" else None),
                             (body, answer.value("Content-Encoding")))
        self.assertEqual(1, len(self.source.asked))
        self.assertIn("hit", answer.value("Cache-Status"))
        part = self.ask(gateway, target, "gzip", "Range: bytes=10-19\r\n")
        self.assertEqual((206, text_of(20)[10:], None), (part.status, part.body, part.value("Content-Encoding")))
        head = self.ask(gateway, target, "gzip", method="HEAD")
        self.assertEqual(("gzip", None), (head.value("Content-Encoding"), head.value("Content-Length")))

    def test_hostile_wishes_are_answered(self):
        gateway = self.begin()
        for wish in ("gzip;q=" + "9" * 5000, "," * 8000, "gzip;" * 1000, "*;q=0", "br;q=0.0001", "gzip" * 1000, "\x7f".join("abc"),
                     ", ".join(f"x{n};q=0.{n % 10}" for n in range(900))):
            answer = self.ask(gateway, "/api/v1/packed/x", wish.replace("\x7f", "\t"))
            self.assertEqual((200, text_of(5000)), (answer.status, answer.body), wish[:40])

    def test_mistakes_in_the_section_are_told_with_their_place(self):
        path = f"{self.folder}/bad.yaml"
        with open(path, "w") as file:
            file.write(self.text.replace("compression: {}", "compression: {codings: [zstd], types: [html], gzip_level: 10, fast: yes}"))
        done = subprocess.run([str(BINARY), "check", "--config", path], capture_output=True, text=True, timeout=20)
        said = done.stdout + done.stderr
        self.assertNotEqual(0, done.returncode)
        for part in (":5:", "codings[0]", "br", "types[0]", "text/html", "gzip_level", "1 to 9", "fast"):
            self.assertIn(part, said)
