"""Bodies of any size and kind pass unchanged, and through bounded memory."""
import gzip
import hashlib
import json
import signal
import socket
import threading
import unittest

from support.clients import Client
from support.origins import pattern
from support.scenario import Scenario, config, sanitized

GIB = 1 << 30
GROWTH_KB_MAX = 10 * 1024


def digest_of(size):
    digest = hashlib.sha256()
    for piece in pattern(size):
        digest.update(piece)
    return digest.hexdigest()


class Memory:
    """The gateway's resident memory while something happens: how much it grew at most."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.before = gateway.rss_kb()
        self.most = self.before
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self._stop.wait(0.02):
            self.most = max(self.most, self.gateway.rss_kb())

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self.most = max(self.most, self.gateway.rss_kb())

    @property
    def growth_kb(self):
        return self.most - self.before


class Bodies(Scenario):
    def setUp(self):
        super().setUp()
        self.gateway = self.start()
        self.client = Client(self.gateway.port, seconds=120)
        # What is taken once and kept is not growth.
        for _ in range(20):
            self.upload("warm", 1 << 20)
            self.download("n=1000000")

    def upload(self, _label, size, chunked=False, head=""):
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
        self.client.send(f"POST /api/v1/s0/digest HTTP/1.1\r\nHost: a\r\n{framing}\r\n{head}\r\n".encode())
        for piece in pattern(size):
            self.client.send(b"%x\r\n" % len(piece) + piece + b"\r\n" if chunked else piece)
        if chunked:
            self.client.send(b"0\r\n\r\n")
        answer = self.client.response()
        self.assertEqual(200, answer.status)
        return json.loads(answer.body)

    def download(self, query):
        digest, count = hashlib.sha256(), [0]

        def sink(piece):
            digest.update(piece)
            count[0] += len(piece)
        self.client.send(f"GET /api/v1/s0/bytes?{query} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        head = self.client.download(sink)
        return head, count[0], digest.hexdigest()

    def assertBounded(self, memory):
        print(f"    resident memory: {memory.before} kB, grew by {memory.growth_kb} kB at most")
        if not sanitized():
            self.assertLess(memory.growth_kb, GROWTH_KB_MAX)

    def test_a_gibibyte_up(self):
        with Memory(self.gateway) as memory:
            seen = self.upload("whole", GIB)
        self.assertEqual((GIB, digest_of(GIB)), (seen["bytes"], seen["sha256"]))
        self.assertBounded(memory)

    def test_a_gibibyte_up_in_chunks(self):
        with Memory(self.gateway) as memory:
            seen = self.upload("chunked", GIB, chunked=True)
        self.assertEqual((GIB, digest_of(GIB)), (seen["bytes"], seen["sha256"]))
        self.assertBounded(memory)

    def test_a_gibibyte_down(self):
        with Memory(self.gateway) as memory:
            head, count, digest = self.download(f"n={GIB}")
        self.assertIn(f"Content-Length: {GIB}", head)
        self.assertEqual((GIB, digest_of(GIB)), (count, digest))
        self.assertBounded(memory)

    def test_a_gibibyte_down_in_chunks(self):
        with Memory(self.gateway) as memory:
            head, count, digest = self.download(f"n={GIB}&chunked=1")
        self.assertIn("Transfer-Encoding: chunked", head)
        self.assertEqual((GIB, digest_of(GIB)), (count, digest))
        self.assertBounded(memory)

    def test_a_body_that_is_answered_while_it_comes(self):
        """Each part comes back before the next is sent, and the connection is good for another request."""
        def part():
            size = int(self.client._line(), 16)
            taken = bytearray()
            self.client._take(size, taken.extend)
            self.assertEqual(b"", self.client._line())
            return bytes(taken)
        for _ in range(3):
            self.client.send(b"POST /api/v1/s0/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            head = b""
            while line := self.client._line():
                head += line + b"\n"
            self.assertIn(b" 200 ", head)
            self.assertNotIn(b"close", head.lower())
            for number in range(20):
                sent = b"part %d " % number * (number + 1)
                self.client.send(b"%x\r\n%s\r\n" % (len(sent), sent))
                self.assertEqual(sent, part())
            self.client.send(b"0\r\n\r\n")
            self.assertEqual(b"", part())

    def test_multipart_and_compressed_bodies_are_not_touched(self):
        boundary = "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\n\r\n"
        parts = {
            "multipart/form-data; boundary=x": boundary.encode() + bytes(range(256)) * 100 + b"\r\n--x--\r\n",
            "application/json": b'{"a": 12345678901234567890.10, "a": 1}',
            "application/x-www-form-urlencoded": b"a=1&a=2&b%5B%5D=%zz",
            "application/gzip": gzip.compress(b"abc" * 100000, mtime=0),
            "text/plain; charset=utf-16": "ü€𝄞".encode("utf-16"),
        }
        for kind, body in parts.items():
            for chunked in (False, True):
                framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
                content = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
                self.client.send(f"POST /api/v1/s0/digest HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\n"
                                 f"{framing}\r\n\r\n".encode() + content)
                seen = json.loads(self.client.response().body)
                self.assertEqual({"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest(),
                                  "contentType": kind}, seen)

    def test_a_compressed_answer_arrives_compressed(self):
        pieces = []
        self.client.send(b"GET /api/v1/s0/bytes?n=5000000&gzip=1 HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
        head = self.client.download(pieces.append)
        self.assertIn("Content-Encoding: gzip", head)
        self.assertEqual(digest_of(5000000), hashlib.sha256(gzip.decompress(b"".join(pieces))).hexdigest())

    def test_a_reader_that_stops_stops_the_service(self):
        """Back-pressure: what the client does not read is not taken from the service, let alone kept."""
        with Memory(self.gateway) as memory, Client(self.gateway.port, seconds=60) as slow:
            slow.send(f"GET /api/v1/s0/bytes?n={GIB} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            slow.sock.recv(1000)
            for _ in range(50):   # meanwhile others are served
                self.assertEqual(200, self.client.get("/api/v1/s0/text").status)
            self.assertBounded(memory)
        self.assertBounded(memory)

    def test_a_hundred_readers_that_stop_cost_a_buffer_each(self):
        slow = []
        try:
            with Memory(self.gateway) as memory:
                for _ in range(100):
                    client = Client(self.gateway.port, seconds=60)
                    slow.append(client)
                    client.send(f"GET /api/v1/s0/bytes?n={GIB} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                for client in slow:
                    self.assertTrue(client.sock.recv(1000))
                self.assertEqual(200, self.client.get("/api/v1/s0/text").status)
        finally:
            for client in slow:
                client.close()
        self.assertBounded(memory)



class EarlyAnswers(Scenario):
    def test_an_answer_that_comes_with_a_part_of_the_body_ends_the_upload(self):
        service = socket.create_server(("127.0.0.1", 0))
        service.settimeout(10)
        self.addCleanup(service.close)
        gateway = self.start(config(f"http://127.0.0.1:{service.getsockname()[1]}"), environment={"WORKERS": "1"})
        client = Client(gateway.port)
        self.addCleanup(client.sock.close)
        client.send(b"POST /api/v1/s0/x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        behind, _ = service.accept()
        self.addCleanup(behind.close)
        came = b""
        while b"hello" not in came:
            came += behind.recv(65536)
        # Both are found by the same turn of the loop.
        gateway.signal(signal.SIGSTOP)
        try:
            behind.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
            client.send(b"5\r\nagain\r\n")
        finally:
            gateway.signal(signal.SIGCONT)
        self.assertEqual(403, client.response().status)
        client.sock.settimeout(4)       # a client that sends nothing is waited for longer
        self.assertEqual(b"", client.rest())

    def held(self, url):
        """A gateway that holds bodies of up to 40 MB before it sends them."""
        return self.start(config(url, extra="signing: {body_bytes_max: 40000000}\n"),
                          environment={"WORKERS": "1", "INTERNAL_HMAC_SECRET": "a secret of the services, 32 bytes or more"})

    def test_a_service_that_answers_before_it_has_read_a_body_that_was_held_is_heard(self):
        service = socket.create_server(("127.0.0.1", 0))
        service.settimeout(10)
        self.addCleanup(service.close)
        gateway = self.held(f"http://127.0.0.1:{service.getsockname()[1]}")
        with Client(gateway.port, seconds=10) as client:
            client.send(b"POST /api/v1/s0/x HTTP/1.1\r\nHost: test\r\nContent-Length: 32000000\r\n\r\n")
            for piece in pattern(32000000):
                client.send(piece)
            behind, _ = service.accept()
            self.addCleanup(behind.close)
            self.assertIn(b"x-internal-signature", behind.recv(1000).lower())
            behind.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
            answer = client.response("POST")
            self.assertEqual((413, b"no"), (answer.status, bytes(answer.body)))

    def test_a_body_that_was_held_may_be_answered_while_it_is_read(self):
        gateway = self.held(self.origin.url)
        with Client(gateway.port, seconds=20) as client:
            client.send(b"POST /api/v1/s0/echo HTTP/1.1\r\nHost: test\r\nContent-Length: 32000000\r\n\r\n")
            for piece in pattern(32000000):
                client.send(piece)
            digest = hashlib.sha256()
            client.download(digest.update)
            self.assertEqual(digest_of(32000000), digest.hexdigest())


if __name__ == "__main__":
    unittest.main()
