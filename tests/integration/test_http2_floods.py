"""HTTP/2 that costs us more than it costs the client (RFC 9113, 10.5): bounded, ended with ENHANCE_YOUR_CALM, told; and
whoever else is there does not notice."""
import threading
import time
import unittest

from support import h2
from support.h2 import H2Client, SettingsFrame, WindowUpdateFrame, metric, raw_frame
from support.scenario import Scenario, config, sanitized
from support.wait import wait_until

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS = 1, 4


class Floods(Scenario):
    def setUp(self):
        super().setUp()
        self.gateway = self.start(config(self.origin.url, connections={
            "head_timeout_ms": 600, "body_stall_ms": 600, "lingering_close_ms": 300}))
        self.other = self.client()
        self.assertEqual(200, self.other.get().status)

    def client(self, **options):
        client = H2Client(self.gateway.port, **options)
        self.addCleanup(client.close)
        client.wait(lambda: client.settings, "the gateway's SETTINGS")
        return client

    def abuses(self):
        return metric(self.gateway, "security_violations_total", violation_type="protocol_abuse")

    def assertCalmed(self, client, before):
        self.assertEqual(h2.CALM, client.wait_closed(10))
        wait_until(lambda: self.abuses() == before + 1, 5, "it is counted, once")
        self.assertEqual(200, self.other.get().status)

    def flood(self, *frames, times=20_000, **options):
        client = self.client(**options)
        before, memory = self.abuses(), self.gateway.rss_kb()
        block = b"".join(frames) * 100
        for _ in range(times // 100):
            client.raw(block)
            if client.closed:
                break
        client.closed = False
        self.assertCalmed(client, before)
        if not sanitized():
            self.assertLess(self.gateway.rss_kb() - memory, 8_000)

    def test_rapid_reset(self):
        client = self.client()
        before, seen = self.abuses(), self.origin.requests
        for stream in range(1, 20_001, 2):
            client.send(*client.header_frames(stream, client.head()), h2.RstStreamFrame(stream, h2.CANCEL))
            if client.closed:
                break
        client.closed = False
        self.assertCalmed(client, before)
        self.assertLess(self.origin.requests - seen, 400)

    def test_resets_of_requests_that_are_at_the_service(self):
        client = self.client()
        before = self.abuses()
        for _ in range(400):
            stream = client.request(path="/api/v1/s0/hold")
            client.reset(stream)
            client.settle(0.002)
            if client.closed:
                break
        self.assertCalmed(client, before)

    def test_made_you_reset(self):
        """Resets that the client makes us send count like its own."""
        client = self.client()
        before = self.abuses()
        top = (1 << 31) - 1
        for _ in range(400):
            stream = client.request(path="/api/v1/s0/hold")
            client.send(WindowUpdateFrame(stream, top))
            client.settle(0.001)
            if client.closed:
                break
        self.assertCalmed(client, before)

    def test_malformed_requests_again_and_again(self):
        client = self.client()
        for _ in range(1_000):
            client.request(extra=[("connection", "x")])
            if client.closed:
                break
        client.closed = False
        self.assertEqual(h2.CALM, client.wait_closed(10))

    def test_streams_beyond_the_limit_again_and_again(self):
        client = self.client()
        before, seen = self.abuses(), self.origin.requests
        for _ in range(1_000):
            client.request(path="/api/v1/s0/hold")
            if client.closed:
                break
        client.closed = False
        self.assertCalmed(client, before)
        self.assertLessEqual(self.origin.requests - seen, 101)

    def test_headers_on_streams_that_are_gone(self):
        client = self.client()
        self.assertEqual(h2.PROTOCOL_ERROR, client.finish(client.request(extra=[("connection", "x")], end=False)).reset)
        before = self.abuses()
        for _ in range(1_000):
            client.send(*client.header_frames(1, [("a", "b")]))
            if client.closed:
                break
        client.closed = False
        self.assertCalmed(client, before)

    def test_padding_alone(self):
        client = self.client()
        before = self.abuses()
        stream = client.request(path="/api/v1/s0/digest", method="POST", end=False)
        for _ in range(100):
            client.raw(raw_frame(DATA, 8, stream, b"\x02\0\0") * 100)
        client.closed = False
        self.assertCalmed(client, before)

    def test_hpack_bomb_in_trailers(self):
        client = self.client()
        before, memory = self.abuses(), self.gateway.rss_kb()
        stream = client.request(path="/api/v1/s0/digest", method="POST", end=False)
        entry = b"\x40\x01a\x7f\xa1\x1e" + b"x" * 4000
        client.raw(raw_frame(HEADERS, END_STREAM, stream, entry + b"\xbe" * 10_000)
                   + raw_frame(CONTINUATION, END_HEADERS, stream, b"\xbe" * 16_000))
        self.assertCalmed(client, before)
        if not sanitized():
            self.assertLess(self.gateway.rss_kb() - memory, 8_000)

    def test_answers_without_a_body_that_nobody_reads(self):
        """They need no window, but they wait to be sent all the same: no more of them than streams."""
        memory = self.gateway.rss_kb()
        client = self.client(receive_buffer=2048)
        head = b"".join(bytes([0, len(n)]) + n + bytes([len(v)]) + v for n, v in (
            (b":method", b"HEAD"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/health")))
        client.sock.settimeout(3)
        try:
            for first in range(1, 120_000, 180):   # fewer at once than there may be streams
                client.sock.sendall(b"".join(raw_frame(HEADERS, END_HEADERS | END_STREAM, first + 2 * i, head)
                                             for i in range(90)))
                time.sleep(0.003)   # allow(sleep): the client's pace
        except OSError:
            pass
        self.assertEqual(200, self.other.get().status)
        if not sanitized():
            self.assertLess(self.gateway.rss_kb() - memory, 8_000)

    def test_a_rapid_reset_flood_leaves_others_alone(self):
        """CVE-2023-44487, by one who comes back again and again while another asks and is answered."""
        stop, failures, rounds = threading.Event(), [], []

        def flood():
            while not stop.is_set():
                try:
                    with H2Client(self.gateway.port) as client:
                        for stream in range(1, 4_001, 2):
                            client.send(*client.header_frames(stream, client.head()), h2.RstStreamFrame(stream, h2.CANCEL))
                            if client.closed:
                                break
                        client.closed = False
                        rounds.append(client.wait_closed(10))
                except (OSError, AssertionError) as error:
                    failures.append(repr(error))
        flooders = [threading.Thread(target=flood) for _ in range(2)]
        memory = self.gateway.rss_kb()
        for thread in flooders:
            thread.start()
        slowest, deadline = 0.0, time.monotonic() + 20
        try:
            while len(rounds) < 20 and time.monotonic() < deadline:
                began = time.monotonic()
                self.assertEqual(200, self.other.get().status)
                slowest = max(slowest, time.monotonic() - began)
        finally:
            stop.set()
            for thread in flooders:
                thread.join(30)
        self.assertEqual([], failures)
        self.assertGreaterEqual(len(rounds), 20)
        self.assertEqual({h2.CALM}, set(rounds))
        self.assertLess(slowest, 2.0)
        wait_until(lambda: self.abuses() == len(rounds), 5, "each is counted, once")
        lines = [line for line in self.gateway.lines if "security violation" in line.get("msg", "")]
        self.assertEqual({"protocol_abuse"}, {line["violationType"] for line in lines})
        if not sanitized():
            self.assertLess(self.gateway.rss_kb() - memory, 12_000)

    def test_continuation_without_end(self):
        client = self.client()
        before = self.abuses()
        client.raw(raw_frame(HEADERS, END_STREAM, 1, b"\x82"))
        for _ in range(10_000):
            client.raw(raw_frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b" * 100))
            if client.closed:
                break
        client.closed = False
        self.assertCalmed(client, before)

    def test_empty_continuation_without_end(self):
        client = self.client()
        before = self.abuses()
        client.raw(raw_frame(HEADERS, END_STREAM, 1, b"\x82") + raw_frame(CONTINUATION, 0, 1) * 10_000)
        client.closed = False
        self.assertCalmed(client, before)

    def test_hpack_bomb(self):
        """A byte each for four thousand: decoded, and not kept."""
        client = self.client()
        before, memory = self.abuses(), self.gateway.rss_kb()
        entry = b"\x40\x01a\x7f\xa1\x1e" + b"x" * 4000     # into the table: "a: xxx…"
        client.raw(raw_frame(HEADERS, END_STREAM, 1, b"\x82\x87\x84" + entry + b"\xbe" * 10_000)
                   + raw_frame(CONTINUATION, END_HEADERS, 1, b"\xbe" * 16_000))
        self.assertCalmed(client, before)
        if not sanitized():
            self.assertLess(self.gateway.rss_kb() - memory, 8_000)

    def test_tables_that_change_their_size_all_the_time(self):
        client = self.client()
        block = client.encoder.encode(client.head())
        client.raw(raw_frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x20" + b"\x3f\xe1\x1f" * 500 + block))
        client.wait(lambda: client.closed or client.answer(1).over, "an answer, or an end")
        self.assertEqual(200, self.other.get().status)

    def test_settings(self):
        self.flood(raw_frame(SETTINGS, 0, 0, b"\0\4\0\0\xff\xff"))

    def test_settings_with_very_many_entries(self):
        client = self.client()
        before = self.abuses()
        client.raw(raw_frame(SETTINGS, 0, 0, b"\0\4\0\0\xff\xff" * 2_000))
        self.assertCalmed(client, before)

    def test_ping(self):
        self.flood(raw_frame(PING, 0, 0, b"12345678"))

    def test_ping_by_one_who_reads_nothing(self):
        client = self.client(receive_buffer=2048)
        try:
            client.sock.settimeout(5)
            for _ in range(2_000):
                client.sock.sendall(raw_frame(PING, 0, 0, b"12345678") * 100)
        except OSError:
            pass
        self.assertEqual(200, self.other.get().status)
        wait_until(lambda: self.abuses() >= 1, 5, "it is counted")

    def test_priority_and_unknown_frames(self):
        self.flood(raw_frame(PRIORITY, 0, 1, b"\0\0\0\x03\x10"))
        self.flood(raw_frame(0x10, 0, 0, b"\0\0\0\x01u=0"))
        self.flood(raw_frame(0x77, 0, 0))

    def test_window_updates_of_one_byte(self):
        self.flood(raw_frame(UPDATE, 0, 0, b"\0\0\0\1"))

    def test_empty_data(self):
        client = self.client()
        before = self.abuses()
        stream = client.request(path="/api/v1/s0/digest", method="POST", end=False)
        for _ in range(100):
            client.raw(raw_frame(DATA, 0, stream) * 100)
        client.closed = False
        self.assertCalmed(client, before)

    def test_an_answer_asked_for_byte_by_byte(self):
        client = self.client(windows=False, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 0})
        before = self.abuses()
        stream = client.request(path="/api/v1/s0/bytes?n=1000000")
        for _ in range(100_000):
            client.raw(raw_frame(UPDATE, 0, stream, b"\0\0\0\1"))
            if client.closed:
                break
        client.closed = False
        self.assertCalmed(client, before)

    def test_a_window_that_never_opens(self):
        client = self.client(windows=False, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 0})
        began = time.monotonic()
        answer = client.get("/api/v1/s0/bytes?n=100000000")
        self.assertEqual((200, b"", h2.CANCEL), (answer.status, bytes(answer.body), answer.reset))
        self.assertLess(time.monotonic() - began, 5)
        wait_until(lambda: self.origin.broken, 5, "the service is let go")

    def test_a_client_that_never_reads(self):
        memory = self.gateway.rss_kb()
        clients = [H2Client(self.gateway.port, receive_buffer=2048) for _ in range(20)]
        for client in clients:
            client.send(WindowUpdateFrame(0, (1 << 31) - 1 - 65535))
            client.send(SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: (1 << 31) - 1}))
            for _ in range(10):
                client.request(path="/api/v1/s0/bytes?n=1000000000")
        wait_until(lambda: sum("/bytes" in l.get("path", "") for l in self.gateway.lines) == 200, 20,
                   "all of it is given up")
        if not sanitized():
            self.assertLess(self.gateway.rss_kb() - memory, 30_000)
        for client in clients:
            client.close()

    def test_a_head_that_does_not_end(self):
        client = self.client()
        block = client.encoder.encode(client.head())
        began = time.monotonic()
        client.raw(raw_frame(HEADERS, END_STREAM | END_HEADERS, 1, block)[:12])
        for at in range(12, 40):
            time.sleep(0.05)    # allow(sleep): the client's pace
            client.raw(raw_frame(HEADERS, END_STREAM | END_HEADERS, 1, block)[at:at + 1])
            if client.closed:
                break
        client.closed = False
        self.assertEqual(h2.CALM, client.wait_closed(10))
        self.assertLess(time.monotonic() - began, 3)

    def test_a_body_that_does_not_come(self):
        client = self.client()
        stream = client.request(path="/api/v1/s0/digest", method="POST", end=False)
        self.assertEqual(408, client.finish(stream).status)
        self.assertEqual(200, client.get().status)

    def test_a_body_that_comes_too_slowly(self):
        gateway = self.start(config(self.origin.url, connections={
            "body_stall_ms": 500, "body_rate_grace_ms": 1000, "body_rate_min_bytes_per_s": 256}))
        with H2Client(gateway.port) as client:
            stream = client.request(path="/api/v1/s0/digest", method="POST", end=False)
            began = time.monotonic()
            while not client.answer(stream).over and time.monotonic() - began < 10:
                client.send(client.data_frame(stream, b"x"))
                client.settle(0.1)
            self.assertEqual(408, client.answer(stream).status)
            self.assertLess(time.monotonic() - began, 5)


if __name__ == "__main__":
    unittest.main()
