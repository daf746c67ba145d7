"""Clients that speak HTTP/2: everything that works over HTTP/1.1 works, many requests at once."""
import hashlib
import json
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

from support import h2
from support.h2 import H2Client, SettingsFrame, WindowUpdateFrame, metric
from support.origins import pattern
from support.scenario import Scenario, config, sanitized
from support.wait import wait_until


def body_of(size):
    return b"".join(pattern(size))


class Http2(Scenario):
    def setUp(self):
        super().setUp()
        self.gateway = self.start()

    def client(self, **options):
        client = H2Client(self.gateway.port, **options)
        self.addCleanup(client.close)
        return client

    def url(self, path):
        return f"http://127.0.0.1:{self.gateway.port}/api/v1/s0{path}"

    def test_a_request_and_its_answer(self):
        client = self.client()
        answer = client.get()
        self.assertEqual((200, b"hello from origin"), (answer.status, bytes(answer.body)))
        self.assertEqual("17", answer.fields["content-length"])
        for name in ("x-request-id", "x-correlation-id", "date"):
            self.assertIn(name, answer.fields)
        for name in ("connection", "transfer-encoding", "keep-alive"):
            self.assertNotIn(name, answer.fields)
        self.assertEqual(100, client.settings[SettingsFrame.MAX_CONCURRENT_STREAMS])
        self.gateway.stop()
        line = [l for l in self.gateway.lines if l.get("path") == "/api/v1/s0/text"][0]
        self.assertEqual(("HTTP/2", 200, "upstream"), (line["protocol"], line["status"], line["outcome"]))

    def test_the_service_sees_one_plain_request(self):
        client = self.client()
        extra = [("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers"), ("x-user-id", "me"), ("accept", "*/*"),
                 ("x-tenant-id", "other"), ("x-forwarded-for", "1.2.3.4")]
        seen = json.loads(client.get("/api/v1/s0/seen?q=%20", authority="a.example", extra=extra).body)
        self.assertEqual("GET /up/seen?q=%20 HTTP/1.1", seen["line"])
        fields = seen["headers"]
        self.assertEqual("a=1; b=2", fields["cookie"])
        self.assertTrue(fields["via"].startswith("2.0 "))
        self.assertEqual(("a.example", "127.0.0.1", "http"),
                         (fields["x-forwarded-host"], fields["x-forwarded-for"], fields["x-forwarded-proto"]))
        for name in ("te", "x-user-id", "x-tenant-id", "transfer-encoding", "content-length"):
            self.assertNotIn(name, fields)

    def test_bodies_with_and_without_a_length(self):
        client = self.client()
        for size in (0, 1, 16384, 65535, 3_000_000):
            for length in (True, False):
                body = body_of(size)
                extra = [("content-length", str(size))] if length else []
                stream = client.request(path="/api/v1/s0/digest", method="POST", extra=extra, end=False)
                client.upload(stream, body) if body else client.send(client.data_frame(stream, b"", True))
                seen = json.loads(client.finish(stream).body)
                self.assertEqual((size, hashlib.sha256(body).hexdigest()), (seen["bytes"], seen["sha256"]))

    def test_answers_with_and_without_a_length(self):
        client = self.client()
        for size in (0, 1, 65536, 5_000_000):
            for query in ("", "&chunked=1"):
                answer = client.get(f"/api/v1/s0/bytes?n={size}{query}")
                self.assertEqual(200, answer.status)
                self.assertEqual(query == "", "content-length" in answer.fields)
                self.assertEqual(body_of(size), bytes(answer.body))

    def test_head_204_and_304_have_no_body(self):
        client = self.client()
        answer = client.get("/api/v1/s0/status?code=204")
        self.assertEqual((204, b""), (answer.status, bytes(answer.body)))
        self.assertNotIn("content-length", answer.fields)
        self.assertEqual(304, client.get("/api/v1/s0/status?code=304").status)

    def test_a_hundred_streams_at_once_are_served_unmixed(self):
        client = self.client(seconds=60)
        chance = random.Random(9113)
        sizes = {}
        for _ in range(100):
            size = chance.choice([0, 1, 100, 5_000, 16_384, 70_000, 400_000])
            sizes[client.request(path=f"/api/v1/s0/bytes?n={size}&chunked={chance.choice(['', '1'])}")] = size
        for stream, size in sizes.items():
            answer = client.finish(stream)
            self.assertEqual((None, 200, body_of(size)), (answer.reset, answer.status, bytes(answer.body)))

    # Windows that open in pieces make frames of such pieces, which are acknowledged one by one in their turn.
    def test_who_acknowledges_each_frame_alone_floods_nobody(self):
        client = self.client(seconds=60, frame_by_frame=True)
        streams = [client.request(path="/api/v1/s0/bytes?n=70001&chunked=1") for _ in range(60)]
        for stream in streams:
            self.assertEqual(body_of(70001), bytes(client.finish(stream).body))

    def test_uploads_at_once_are_not_mixed(self):
        client = self.client(seconds=60)
        streams = {}
        for number in range(50):
            body = bytes([number]) * (number * 700)
            streams[client.request(path="/api/v1/s0/digest", method="POST", body=body)] = body
        for stream, body in streams.items():
            seen = json.loads(client.finish(stream).body)
            self.assertEqual(hashlib.sha256(body).hexdigest(), seen["sha256"])

    def test_one_more_stream_than_allowed_is_refused_unread(self):
        client = self.client()
        streams = [client.request(path="/api/v1/s0/hold") for _ in range(100)]
        refused = client.finish(client.request(path="/api/v1/s0/text"))
        self.assertEqual(h2.REFUSED_STREAM, refused.reset)
        self.origin.release()
        for stream in streams:
            self.assertEqual(200, client.finish(stream).status)
        self.assertEqual(200, client.get().status)

    def test_a_long_answer_does_not_hold_up_a_short_one(self):
        client = self.client(windows=False)
        long = client.request(path="/api/v1/s0/bytes?n=100000000")
        client.wait(lambda: len(client.answer(long).body) >= 65535, "the first window")
        client.send(WindowUpdateFrame(0, 1 << 20))
        self.assertEqual(b"hello from origin", bytes(client.get().body))

    def test_a_body_that_is_answered_while_it_comes(self):
        client = self.client()
        stream = client.request(path="/api/v1/s0/echo", method="POST", end=False)
        came = 0
        for number in range(20):
            part = b"part %d " % number * (number + 1)
            client.send(client.data_frame(stream, part))
            came += len(part)
            client.wait(lambda: len(client.answer(stream).body) == came, "the part comes back")
        client.send(client.data_frame(stream, b"", True))
        self.assertTrue(client.finish(stream).ended)

    def test_trailers_and_interim_answers_pass_both_ways(self):
        seen = []

        def serve(listener):
            sock, _ = listener.accept()
            with sock:
                while not b"".join(seen).endswith(b"\r\n\r\n") or b"0\r\n" not in b"".join(seen):
                    seen.append(sock.recv(65536))
                sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                             b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                             b"3\r\nabc\r\n0\r\nX-Sum: 2\r\n\r\n")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=serve, args=(listener,), daemon=True).start()
            gateway = self.start(config(f"http://127.0.0.1:{listener.getsockname()[1]}"))
            with H2Client(gateway.port) as client:
                answer = client.finish(client.request(method="POST", body=b"xyz", extra=[("te", "trailers")],
                                                      trailers=[("x-sum", "1"), ("content-length", "9")]))
        self.assertTrue(b"".join(seen).endswith(b"\r\n3\r\nxyz\r\n0\r\nx-sum: 1\r\n\r\n"), seen)
        self.assertEqual(["103", "200"], [dict(head).get(":status") for head in answer.heads[:2]])
        self.assertEqual((b"abc", [("x-sum", "2")], True), (bytes(answer.body), list(answer.trailers), answer.ended))

    def test_expectations_are_met(self):
        client = self.client()
        stream = client.request(path="/api/v1/s0/digest", method="POST", extra=[("expect", "100-continue")], end=False)
        client.wait(lambda: client.answer(stream).heads, "100")
        self.assertEqual([(":status", "100")], list(client.answer(stream).heads[0]))
        client.send(client.data_frame(stream, b"abc", True))
        self.assertEqual(3, json.loads(client.finish(stream).body)["bytes"])
        self.assertEqual(417, client.get(extra=[("expect", "wonders")]).status)

    def test_who_sends_its_body_at_once_is_not_told_to(self):
        client = self.client()
        stream = client.request(path="/api/v1/s0/digest", method="POST", extra=[("expect", "100-continue")], body=b"abc", end=False)
        client.ping()
        client.send(client.data_frame(stream, b"d", True))
        answer = client.finish(stream)
        self.assertEqual(4, json.loads(answer.body)["bytes"])
        self.assertEqual(["200"], [dict(head)[":status"] for head in answer.heads])

    def test_a_body_over_the_limit_is_413(self):
        gateway = self.start(config(self.origin.url).replace("4000000000", "1000"))
        with H2Client(gateway.port) as client:
            announced = client.request(path="/api/v1/s0/digest", method="POST", end=False,
                                       extra=[("content-length", "1001")])
            self.assertEqual(413, client.finish(announced).status)
            growing = client.request(path="/api/v1/s0/digest", method="POST", end=False)
            client.send(*[client.data_frame(growing, b"x" * 400) for _ in range(4)])
            self.assertEqual(413, client.finish(growing).status)
            client.wait(lambda: client.answer(growing).reset is not None, "that the rest is not wanted")
            self.assertEqual(h2.NO_ERROR, client.answer(growing).reset)
            self.assertEqual(200, client.get().status)

    def test_an_answer_cut_short_by_the_service_is_cut_short(self):
        client = self.client()
        answer = client.get("/api/v1/s0/cut")
        self.assertEqual((200, b"half", False, h2.INTERNAL_ERROR),
                         (answer.status, bytes(answer.body), answer.ended, answer.reset))
        self.assertEqual(200, client.get().status)

    def test_a_cancelled_stream_cancels_its_request_only(self):
        client = self.client()
        kept = client.request(path="/api/v1/s0/hold")
        gone = client.request(path="/api/v1/s0/hold")
        wait_until(lambda: self.origin.holding == 2, 10, "both are at the service")
        client.reset(gone)
        client.ping()
        lines = wait_until(lambda: [l for l in self.gateway.lines if l.get("status") == 499], 10, "the request was given up")
        self.assertEqual("client: the client closed the connection", lines[0]["outcome"])
        self.origin.release()
        self.assertEqual(200, client.finish(kept).status)

    def test_a_client_that_leaves_cancels_all_it_asked_for(self):
        client = self.client()
        for _ in range(10):
            client.request(path="/api/v1/s0/hold")
        wait_until(lambda: self.origin.holding == 10, 10, "all are at the service")
        client.close()
        wait_until(lambda: sum(l.get("status") == 499 for l in self.gateway.lines) == 10, 10, "all were given up")

    def test_what_the_service_does_not_take_is_not_taken_from_the_client(self):
        """Back-pressure upwards: a window is opened again only by what was passed on."""
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            gateway = self.start(config(f"http://127.0.0.1:{deaf.getsockname()[1]}"))
            before = gateway.rss_kb()
            with H2Client(gateway.port) as client:
                stream = client.request(method="POST", end=False)
                sent = 0
                while True:
                    if not client.allowed(stream):
                        client.settle(0.3)
                    room = min(client.allowed(stream), 16384)
                    if room <= 0 or sent > 64_000_000:
                        break
                    client.send(client.data_frame(stream, b"x" * room))
                    client.count(stream, room)
                    sent += room
            self.assertLess(sent, 64_000_000)
            if not sanitized():
                self.assertLess(gateway.rss_kb() - before, 4_000)

    def test_what_the_client_does_not_read_is_not_taken_from_the_service(self):
        before = self.gateway.rss_kb()
        client = self.client(windows=False)
        for _ in range(50):
            client.request(path="/api/v1/s0/bytes?n=1000000000")
        client.send(WindowUpdateFrame(0, 1 << 30))
        client.settle(1)
        self.assertEqual({65535}, {len(a.body) for a in client.streams.values()})
        if not sanitized():
            self.assertLess(self.gateway.rss_kb() - before, 20_000)

    def test_an_idle_connection_ends_politely(self):
        gateway = self.start(config(self.origin.url, connections={"idle_timeout_ms": 500}))
        with H2Client(gateway.port) as client:
            self.assertEqual(200, client.get().status)
            began = time.monotonic()
            for _ in range(3):   # PING is no request
                client.ping()
            self.assertEqual(h2.NO_ERROR, client.wait_closed())
            self.assertLess(time.monotonic() - began, 3)

    def test_after_its_last_request_a_connection_ends(self):
        gateway = self.start(config(self.origin.url, connections={"requests_per_connection_max": 3}))
        with H2Client(gateway.port) as client:
            for _ in range(3):
                self.assertEqual(200, client.get().status)
            self.assertEqual(h2.NO_ERROR, client.wait_closed())
            self.assertEqual((5, h2.NO_ERROR), client.goaways[-1])

    def test_it_can_be_switched_off(self):
        gateway = self.start(config(self.origin.url, extra="http2: {enabled: false}\n"))
        with H2Client(gateway.port) as client:
            client.sock.settimeout(5)
            self.assertTrue(client.sock.recv(100).startswith(b"HTTP/1.1 400"))

    def test_connections_and_requests_are_counted_by_protocol(self):
        client = self.client()
        self.assertEqual(200, client.get().status)
        held = client.request(path="/api/v1/s0/hold")
        wait_until(lambda: self.origin.holding == 1, 10, "it is at the service")
        wait_until(lambda: metric(self.gateway, "active_connections", protocol="HTTP/2") == 1, 5, "one connection")
        self.assertEqual(1, metric(self.gateway, "http_requests_in_progress", protocol="HTTP/2"))
        self.origin.release()
        client.finish(held)
        client.close()
        wait_until(lambda: metric(self.gateway, "active_connections", protocol="HTTP/2") == 0, 5, "none")


class Draining(Scenario):
    def test_it_says_twice_that_the_connection_ends_and_serves_what_comes_between(self):
        gateway = self.start(environment={"SHUTDOWN_DRAIN_MS": "100"})
        with H2Client(gateway.port, seconds=20) as client:
            held = client.request(path="/api/v1/s0/hold")
            wait_until(lambda: self.origin.holding == 1, 10, "it is at the service")
            gateway.signal(signal.SIGTERM)
            client.wait(lambda: len(client.goaways) == 2, "two GOAWAY")
            self.assertEqual([((1 << 31) - 1, 0), (held, 0)], client.goaways)
            self.origin.release()
            self.assertEqual(200, client.finish(held).status)
            self.assertEqual(h2.NO_ERROR, client.wait_closed())
        self.assertEqual(0, gateway.process.wait(30))

    def test_a_request_that_crosses_the_first_goaway_is_served(self):
        gateway = self.start(environment={"SHUTDOWN_DRAIN_MS": "100"})
        with H2Client(gateway.port, seconds=20) as client:
            held = client.request(path="/api/v1/s0/hold")
            wait_until(lambda: self.origin.holding == 1, 10, "it is at the service")
            take = client._take
            client._take = lambda frame: None   # sees nothing yet, hence answers no PING
            gateway.signal(signal.SIGTERM)
            client.wait(lambda: client.frames or client.settle(0.3) or True, "GOAWAY")
            crossing = client.request(path="/api/v1/s0/text")
            client._take = take
            self.assertEqual(200, client.finish(crossing).status)
            self.origin.release()
            self.assertEqual(200, client.finish(held).status)
        self.assertEqual(0, gateway.process.wait(30))

    def test_idle_connections_do_not_hold_it_up(self):
        gateway = self.start(environment={"SHUTDOWN_DRAIN_MS": "100"})
        idle = [H2Client(gateway.port) for _ in range(10)]
        for client in idle:
            self.assertEqual(200, client.get().status)
        began = time.monotonic()
        gateway.signal(signal.SIGTERM)
        for client in idle:
            self.assertEqual(h2.NO_ERROR, client.wait_closed())
            client.close()
        self.assertEqual(0, gateway.process.wait(30))
        self.assertLess(time.monotonic() - began, 5)

    def test_a_drain_under_load_fails_no_request(self):
        """Clients that obey GOAWAY, and ask again elsewhere what was not taken, lose nothing."""
        gateway = self.start(environment={"SHUTDOWN_DRAIN_MS": "700"})
        failures, done, stop = [], [0], threading.Event()

        def load():
            client = H2Client(gateway.port, seconds=20)
            try:
                while not stop.is_set():
                    if client.goaways:
                        client.close()
                        client = H2Client(gateway.port, seconds=20)
                    streams = [client.request() for _ in range(5)]
                    for stream in streams:
                        answer = client.finish(stream)
                        if answer.status != 200:
                            failures.append((answer.status, answer.reset))
                        done[0] += 1
            except (OSError, AssertionError) as error:
                # New connections are refused once the drain is over: that is how a client learns of it.
                if not isinstance(error, ConnectionRefusedError) and not client.goaways:
                    failures.append(repr(error))
            finally:
                client.close()
        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: done[0] > 200, 20, "some load")
        gateway.signal(signal.SIGTERM)
        code = gateway.process.wait(30)
        stop.set()
        for thread in threads:
            thread.join(30)
        self.assertEqual(([], 0), (failures, code))


class OtherClients(Scenario):
    """Clients by other hands."""

    def setUp(self):
        super().setUp()
        self.gateway = self.start()
        self.url = f"http://127.0.0.1:{self.gateway.port}/api/v1/s0"

    def run_tool(self, *command):
        if shutil.which(command[0]) is None:
            self.skipTest(f"{command[0]} is not installed")
        done = subprocess.run(command, capture_output=True, timeout=120)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def test_curl(self):
        out = self.run_tool("curl", "-s", "--http2-prior-knowledge", "-w", "%{http_version} %{http_code}",
                            self.url + "/text")
        self.assertEqual(b"hello from origin2 200", out)
        path = f"{self.folder}/upload"
        with open(path, "wb") as file:
            file.write(body_of(20_000_000))
        seen = json.loads(self.run_tool("curl", "-s", "--http2-prior-knowledge", "-T", path, self.url + "/digest"))
        self.assertEqual(hashlib.sha256(body_of(20_000_000)).hexdigest(), seen["sha256"])

    def test_nghttp_with_trailers_and_padding(self):
        path = f"{self.folder}/upload"
        with open(path, "wb") as file:
            file.write(body_of(1_000_000))
        out = self.run_tool("nghttp", "--padding=200", "--trailer=x-sum: 1", f"--data={path}", self.url + "/digest")
        self.assertEqual(1_000_000, json.loads(out)["bytes"])

    def test_h2load(self):
        out = self.run_tool("h2load", "-n", "5000", "-c", "10", "-m", "50", self.url + "/text").decode()
        self.assertIn("5000 succeeded, 0 failed, 0 errored", out)


if __name__ == "__main__":
    unittest.main()
