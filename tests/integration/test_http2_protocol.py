"""HTTP/2 that breaks its rules (RFC 9113): refused by what the RFC says, never passed on, and told."""
import hashlib
import json
import time
import unittest

from support import h2
from support.h2 import (ContinuationFrame, H2Client, HeadersFrame, SettingsFrame, WindowUpdateFrame, metric, raw_frame)
from support.scenario import Scenario
from support.wait import wait_until

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITIZED = 1, 1, 4, 8, 32
PATH = "/api/v1/s0/text"
BYTES = ("content-type", "application/octet-stream")    # which nobody looks into


class Protocol(Scenario):
    """One gateway; each test has connections of its own."""

    def setUp(self):
        super().setUp()
        self.gateway = self.start()

    def client(self, **options):
        client = H2Client(self.gateway.port, **options)
        self.addCleanup(client.close)
        return client

    def abuses(self):
        return metric(self.gateway, "security_violations_total", violation_type="protocol_abuse")

    def assertMalformed(self, fields, **options):
        """The stream is reset, the service sees nothing, it is counted, and the connection serves on."""
        client = self.client()
        before, seen = self.abuses(), self.origin.requests
        answer = client.finish(client.request(fields(client) if callable(fields) else fields, **options))
        self.assertEqual((h2.PROTOCOL_ERROR, None), (answer.reset, answer.status), fields)
        self.assertEqual(seen, self.origin.requests)
        self.assertEqual(200, client.get().status)
        wait_until(lambda: self.abuses() == before + 1, 5, "it is counted")

    def assertBroken(self, codes, *frames, request=False, **options):
        """The connection ends with one of these codes."""
        client = self.client(**options)
        client.wait(lambda: client.settings, "the gateway's SETTINGS")
        before = self.abuses()
        if request:
            client.request(path="/api/v1/s0/hold")
        client.raw(b"".join(f if isinstance(f, bytes) else f.serialize() for f in frames))
        self.assertIn(client.wait_closed(5), codes if isinstance(codes, tuple) else (codes,))
        wait_until(lambda: self.abuses() > before, 5, "it is counted")

    # ---- messages (8.1 to 8.3)

    def test_line_breaks_and_nul_in_values_are_malformed(self):
        for value in ("a\r\nx: y", "a\nb", "a\rb", "a\0b", " a", "a ", "\ta", "a\x01b"):
            self.assertMalformed(lambda c: c.head(extra=[("x-a", value)]))

    def test_upper_case_and_illegal_names_are_malformed(self):
        for name in ("X-A", "x a", "x\r\ny", "x:", "", "x\0", "ü"):
            self.assertMalformed(lambda c: c.head(extra=[(name, "1")]))

    def test_fields_of_http11_connections_are_malformed(self):
        for name, value in (("connection", "close"), ("connection", "x-user-id"), ("keep-alive", "5"),
                            ("proxy-connection", "close"), ("transfer-encoding", "chunked"), ("upgrade", "h2c"),
                            ("te", "gzip"), ("te", "trailers, gzip")):
            self.assertMalformed(lambda c: c.head(extra=[(name, value)]))

    def test_a_body_and_its_length_must_agree(self):
        for length, body in ((5, b"abc"), (2, b"abc"), (0, b"a")):
            self.assertMalformed(lambda c: c.head("/api/v1/s0/digest", "POST", extra=[("content-length", str(length))]),
                                 body=body)
        self.assertMalformed(lambda c: c.head("/api/v1/s0/digest", "POST", extra=[("content-length", "5")]))
        for value in ("x", "-1", "+1", "1,1", "0x1", ""):
            self.assertMalformed(lambda c: c.head("/api/v1/s0/digest", "POST", extra=[("content-length", value)]),
                                 body=b"a")
        self.assertMalformed(lambda c: c.head("/api/v1/s0/digest", "POST",
                                              extra=[("content-length", "1"), ("content-length", "1")]), body=b"a")

    def test_a_body_that_turns_out_too_long_or_short_completes_nothing(self):
        for end in (b"", b"toolong"):
            client, seen = self.client(), self.origin.requests
            stream = client.request(path="/api/v1/s0/digest", method="POST", end=False,
                                    extra=[("content-length", "8")])
            client.send(client.data_frame(stream, b"half"))
            broken = len(self.origin.broken)
            wait_until(lambda: self.origin.requests > seen, 5, "the service is asked")
            client.send(client.data_frame(stream, end, True))
            answer = client.finish(stream)
            self.assertEqual((h2.PROTOCOL_ERROR, None), (answer.reset, answer.status))
            wait_until(lambda: len(self.origin.broken) > broken, 5, "the service saw it end in the middle")

    def test_a_body_that_goes_on_behind_its_length_completes_nothing(self):
        for length, body, rest in ((8, b"complete", lambda c, s: [c.data_frame(s, b"X", True)]),
                                   (1, b"c", lambda c, s: [c.data_frame(s, b"X")]),
                                   (8, b"complete", lambda c, s: c.header_frames(s, [(":path", "/")])),
                                   (8, b"complete", lambda c, s: c.header_frames(s, [("X-Up", "1")]))):
            client, seen, before = self.client(), self.origin.requests, self.abuses()
            broken = len(self.origin.broken)
            stream = client.request(path="/api/v1/s0/digest", method="POST", body=body, end=False,
                                    extra=[("content-length", str(length)), BYTES])
            wait_until(lambda: self.origin.requests > seen, 5, "the service is asked")
            client.send(*rest(client, stream))
            answer = client.finish(stream)
            self.assertEqual((h2.PROTOCOL_ERROR, None), (answer.reset, answer.status))
            wait_until(lambda: len(self.origin.broken) > broken, 5, "the service saw it end in the middle")
            wait_until(lambda: self.abuses() == before + 1, 5, "it is counted")
            self.assertEqual(200, client.get().status)

    def test_a_body_of_no_bytes_is_one_when_it_has_ended(self):
        client, seen = self.client(), self.origin.requests
        stream = client.request(path="/api/v1/s0/digest", method="POST", end=False, extra=[("content-length", "0")])
        client.ping()
        self.assertEqual(seen, self.origin.requests)
        client.send(client.data_frame(stream, b"X", True))
        self.assertEqual(h2.PROTOCOL_ERROR, client.finish(stream).reset)
        self.assertEqual(seen, self.origin.requests)
        stream = client.request(path="/api/v1/s0/digest", method="POST", end=False, extra=[("content-length", "0")])
        client.ping()
        client.send(client.data_frame(stream, b"", True))
        self.assertEqual(200, client.finish(stream).status)

    def test_a_body_whose_end_comes_later_is_whole(self):
        body = bytes(range(256)) * 400
        for size in (1, 2, 16384, len(body)):
            client, seen = self.client(), self.origin.requests
            stream = client.request(path="/api/v1/s0/digest", method="POST", end=False,
                                    extra=[("content-length", str(size)), BYTES])
            client.upload(stream, body[:size], end=False)
            wait_until(lambda: self.origin.requests > seen, 5, "the service is asked")
            client.send(client.data_frame(stream, b"", True))
            answer = client.finish(stream)
            self.assertEqual((200, size, hashlib.sha256(body[:size]).hexdigest()),
                             (answer.status, *(json.loads(answer.body)[k] for k in ("bytes", "sha256"))))
            with_trailers = client.request(path="/api/v1/s0/digest", method="POST", end=False,
                                           extra=[("content-length", str(size))])
            client.upload(with_trailers, body[:size], end=False)
            client.send(*client.header_frames(with_trailers, [("x-sum", "1")]))
            self.assertEqual(size, json.loads(client.finish(with_trailers).body)["bytes"])

    def test_what_asks_for_https_in_the_clear_is_misdirected(self):
        client = self.client()
        fields = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", PATH)]
        answer, seen = client.finish(client.request(fields)), self.origin.requests
        self.assertEqual((421, "misdirected_request"), (answer.status, json.loads(answer.body)["code"]))
        self.assertEqual(seen, self.origin.requests)
        # From a stranger that says nothing.
        self.assertEqual(421, client.finish(client.request([*fields, ("x-forwarded-proto", "https")])).status)
        self.assertEqual(200, client.get().status)

    def test_two_authorities_that_differ_are_malformed(self):
        self.assertMalformed(lambda c: c.head(authority="a.example", extra=[("host", "b.example")]))
        self.assertMalformed(lambda c: c.head(extra=[("host", "a"), ("host", "a")]))
        for value in ("", "user@a", "a/b", "a b", "a\r\nb", "a:b", "a,b"):
            self.assertMalformed(lambda c: c.head(authority=value) if value else
                                 [(":method", "GET"), (":scheme", "http"), (":authority", ""), (":path", PATH)])
        client = self.client()
        self.assertEqual(200, client.get(authority="A.example", extra=[("host", "a.EXAMPLE:80")]).status)
        self.assertEqual(200, client.finish(client.request(
            [(":method", "GET"), (":scheme", "http"), (":path", PATH), ("host", "a")])).status)
        self.assertEqual(400, client.finish(client.request(
            [(":method", "GET"), (":scheme", "http"), (":path", PATH)])).status)

    def test_methods_schemes_and_paths_outside_their_grammar_are_malformed(self):
        for method in ("GET / HTTP/1.1\r\nX:", "G T", "", "GET\0"):
            self.assertMalformed([(":method", method), (":scheme", "http"), (":authority", "a"), (":path", PATH)])
        for scheme in ("http://x/", "", "h ttp", "http\r\n"):
            self.assertMalformed([(":method", "GET"), (":scheme", scheme), (":authority", "a"), (":path", PATH)])
        for path in ("", "*", "x", "http://a/", PATH + " HTTP/1.1", PATH + "#f", PATH + "\r\n", PATH + "\x7f", "/ü"):
            self.assertMalformed([(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", path)])

    def test_pseudo_headers_repeated_late_unknown_or_missing_are_malformed(self):
        plain = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", PATH)]
        for field in plain:
            self.assertMalformed([*plain, field])
            if field[0] != ":authority":
                self.assertMalformed([f for f in plain if f != field])
        self.assertMalformed([*plain[:3], ("accept", "x"), plain[3]])
        for field in ((":status", "200"), (":protocol", "websocket"), (":x", "y")):
            self.assertMalformed([*plain, field])

    def test_extended_connect_was_not_offered(self):
        self.assertMalformed([(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
                              (":authority", "a"), (":path", PATH)])

    def test_connect_and_trace_are_405(self):
        client = self.client()
        self.assertEqual(405, client.finish(client.request([(":method", "CONNECT"), (":authority", "a:443")])).status)
        self.assertEqual(405, client.get(method="TRACE").status)

    def test_pseudo_headers_and_connection_fields_in_trailers_are_malformed(self):
        for trailers in ([(":path", "/")], [(":status", "200")], [("connection", "x")], [("X-A", "1")], [("a", "b\r\n")]):
            client = self.client()
            seen = self.origin.requests
            answer = client.finish(client.request(path="/api/v1/s0/digest", method="POST", body=b"abc",
                                                  trailers=trailers))
            self.assertEqual((h2.PROTOCOL_ERROR, None), (answer.reset, answer.status))
            self.assertEqual(seen, self.origin.requests)

    def test_fields_in_the_middle_of_a_body_are_malformed(self):
        client = self.client()
        stream = client.request(path="/api/v1/s0/digest", method="POST", end=False)
        client.send(client.data_frame(stream, b"a"), *client.header_frames(stream, [("a", "b")], False))
        self.assertEqual(h2.PROTOCOL_ERROR, client.finish(stream).reset)

    def test_what_http11_answers_is_answered_the_same_way(self):
        client = self.client()
        for status, options in (
                (400, {"extra": [("x_user_id", "1")]}), (400, {"extra": [("content_length", "1")]}),
                (400, {"extra": [("authorization", "a"), ("authorization", "b")]}),
                (417, {"extra": [("expect", "x")]}), (501, {"method": "A" * 33}), (404, {"path": "/none"}),
                (400, {"path": "/api/v1/s0/%2f.."}), (400, {"path": "/api/v1/s0/\\x"}),
                (414, {"path": PATH + "?" + "a" * 9000}), (414, {"path": "/" + "a" * 65000}),
                (431, {"extra": [("a", "x" * 12000), ("b", "x" * 6000)]}),
                (431, {"extra": [(f"a{i}", "x") for i in range(1000)]})):
            client = self.client()
            answer = client.get(**options)
            self.assertEqual((status, "application/problem+json"), (answer.status, answer.fields["content-type"]))
            self.assertEqual(200, client.get().status)

    # ---- frames (4, 5 and 6)

    def test_bytes_that_are_no_preface_are_refused(self):
        client = self.client(preface=h2.PREFACE[:-2] + b"XX")
        client.sock.settimeout(5)
        self.assertIn(b" 400 ", client.sock.recv(1000))

    def test_a_preface_without_settings_is_refused(self):
        client = self.client(preface=b"")
        client.raw(h2.PREFACE + raw_frame(PING, 0, 0, b"12345678"))
        self.assertEqual(h2.PROTOCOL_ERROR, client.wait_closed(5))

    def test_a_preface_byte_by_byte_is_one(self):
        client = self.client(preface=b"")
        for byte in h2.PREFACE:
            client.raw(bytes([byte]))
            time.sleep(0.001)   # allow(sleep): the client's pace
        client.send(SettingsFrame(0))
        self.assertEqual(200, client.get().status)

    def test_frames_on_streams_where_they_do_not_belong(self):
        self.assertBroken(h2.PROTOCOL_ERROR, raw_frame(DATA, 0, 0, b"x"))
        self.assertBroken(h2.PROTOCOL_ERROR, raw_frame(HEADERS, END_HEADERS | END_STREAM, 0, b"\x82"))
        self.assertBroken(h2.PROTOCOL_ERROR, raw_frame(RST, 0, 0, b"\0\0\0\x08"))
        self.assertBroken(h2.PROTOCOL_ERROR, raw_frame(SETTINGS, 0, 1))
        self.assertBroken(h2.PROTOCOL_ERROR, raw_frame(PING, 0, 1, b"12345678"))
        self.assertBroken(h2.PROTOCOL_ERROR, raw_frame(GOAWAY, 0, 1, b"\0" * 8))
        self.assertBroken(h2.PROTOCOL_ERROR, raw_frame(PUSH, END_HEADERS, 1, b"\0\0\0\x02\x82"), request=True)

    def test_frames_of_the_wrong_size(self):
        size = h2.FRAME_SIZE_ERROR
        self.assertBroken(size, raw_frame(PING, 0, 0, b"1234567"))
        self.assertBroken(size, raw_frame(SETTINGS, 0, 0, b"12345"))
        self.assertBroken(size, raw_frame(SETTINGS, ACK, 0, b"123456"))
        self.assertBroken(size, raw_frame(UPDATE, 0, 0, b"123"))
        self.assertBroken(size, raw_frame(RST, 0, 1, b"123"), request=True)
        self.assertBroken(size, raw_frame(DATA, 0, 1, b"x" * 16385), request=True)

    def test_frames_on_idle_streams_and_streams_that_go_backwards(self):
        self.assertBroken(h2.PROTOCOL_ERROR, raw_frame(DATA, 0, 5, b"x"))
        self.assertBroken(h2.PROTOCOL_ERROR, raw_frame(RST, 0, 5, b"\0\0\0\x08"))
        self.assertBroken(h2.PROTOCOL_ERROR, raw_frame(UPDATE, 0, 5, b"\0\0\0\x01"))
        self.assertBroken(h2.PROTOCOL_ERROR, raw_frame(HEADERS, END_HEADERS | END_STREAM, 2, b"\x82"))
        client = self.client()
        client.next_id = 5
        self.assertEqual(200, client.get().status)
        seen = self.origin.requests
        client.next_id = 3
        client.request()
        self.assertEqual(h2.PROTOCOL_ERROR, client.wait_closed(5))
        self.assertEqual(seen, self.origin.requests)

    def test_settings_out_of_range(self):
        def setting(name, value):
            return raw_frame(SETTINGS, 0, 0, name.to_bytes(2, "big") + value.to_bytes(4, "big"))
        self.assertBroken(h2.PROTOCOL_ERROR, setting(SettingsFrame.ENABLE_PUSH, 2))
        self.assertBroken(h2.FLOW_CONTROL_ERROR, setting(SettingsFrame.INITIAL_WINDOW_SIZE, 1 << 31))
        self.assertBroken(h2.PROTOCOL_ERROR, setting(SettingsFrame.MAX_FRAME_SIZE, 16383))
        self.assertBroken(h2.PROTOCOL_ERROR, setting(SettingsFrame.MAX_FRAME_SIZE, 1 << 24))
        client = self.client()
        client.raw(setting(0x7777, 1))   # an unknown one is passed over
        self.assertEqual(200, client.get().status)

    def test_windows_beyond_their_size(self):
        self.assertBroken(h2.FLOW_CONTROL_ERROR, WindowUpdateFrame(0, (1 << 31) - 1), WindowUpdateFrame(0, (1 << 31) - 1))
        self.assertBroken(h2.PROTOCOL_ERROR, raw_frame(UPDATE, 0, 0, b"\0\0\0\0"))
        client = self.client()
        stream = client.request(path="/api/v1/s0/hold")
        client.send(WindowUpdateFrame(stream, (1 << 31) - 1), WindowUpdateFrame(stream, (1 << 31) - 1))
        self.assertEqual(h2.FLOW_CONTROL_ERROR, client.finish(stream).reset)

    def test_more_data_than_the_window_allows(self):
        client = self.client()
        stream = client.request(path="/api/v1/s0/hold", method="POST", end=False)
        client.raw(b"".join(raw_frame(DATA, 0, stream, b"x" * 16384) for _ in range(200)))
        client.wait(lambda: client.closed or client.answer(stream).reset is not None, "an end")
        codes = [client.answer(stream).reset] + [code for _, code in client.goaways]
        self.assertIn(h2.FLOW_CONTROL_ERROR, codes)

    def test_data_after_the_end(self):
        client = self.client()
        stream = client.request(path="/api/v1/s0/hold")
        client.send(client.data_frame(stream, b"x"))
        client.wait(lambda: client.closed or client.answer(stream).reset is not None, "an end")
        codes = [client.answer(stream).reset] + [code for _, code in client.goaways]
        self.assertIn(h2.STREAM_CLOSED, codes)

    def test_padding_longer_than_its_frame(self):
        client = self.client()
        stream = client.request(path="/api/v1/s0/hold", method="POST", end=False)
        client.raw(raw_frame(DATA, PADDED, stream, b"\x05abc"))
        self.assertEqual(h2.PROTOCOL_ERROR, client.wait_closed(5))

    def test_a_header_block_that_something_else_interrupts(self):
        begin = raw_frame(HEADERS, END_STREAM, 1, b"\x82")
        self.assertBroken(h2.PROTOCOL_ERROR, begin, raw_frame(PING, 0, 0, b"12345678"))
        self.assertBroken(h2.PROTOCOL_ERROR, begin, raw_frame(CONTINUATION, END_HEADERS, 3, b"\x84"))
        self.assertBroken(h2.PROTOCOL_ERROR, raw_frame(CONTINUATION, END_HEADERS, 1, b"\x82"))

    def test_a_header_block_in_pieces_is_one(self):
        client = self.client()
        block = client.encoder.encode(client.head())
        first = HeadersFrame(1, block[:5])
        first.flags.add("END_STREAM")
        last = ContinuationFrame(1, block[10:])
        last.flags.add("END_HEADERS")
        client.send(first, ContinuationFrame(1, block[5:10]), last)
        self.assertEqual(200, client.finish(1).status)

    def test_hpack_that_cannot_be_decoded(self):
        for block in (b"\xff\xff\xff\xff\x0f", b"\x80", b"\x40\x01", b"\x3f\xff\xff\x03", b"\x00\x85\xff\xff\xff\xff\xff\x00"):
            self.assertBroken((h2.COMPRESSION_ERROR, h2.PROTOCOL_ERROR),
                              raw_frame(HEADERS, END_HEADERS | END_STREAM, 1, block))

    def test_unknown_frames_flags_and_priorities_are_passed_over(self):
        client = self.client()
        client.raw(raw_frame(0x77, 0xFF, 0, b"whatever") + raw_frame(PING, 0xFE, 0, b"12345678"))
        client.raw(raw_frame(PRIORITY, 0, 1, b"\x80\0\0\0\xff") + raw_frame(PRIORITY, 0, 3, b"\0\0\0\x01\x10"))
        client.encoder.encode([])
        block = client.encoder.encode(client.head())
        client.next_id = 3
        client.raw(raw_frame(HEADERS, END_HEADERS | END_STREAM | PRIORITIZED, 1, b"\x80\0\0\0\x10" + block))
        self.assertEqual(200, client.finish(1).status)
        self.assertEqual(200, client.get(extra=[("priority", "u=0, i")]).status)

    def test_ping_and_settings_are_answered(self):
        client = self.client()
        client.ping(b"abcdefgh")
        self.assertEqual([b"abcdefgh"], client.pongs)
        client.send(SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 100000}))
        client.wait(lambda: sum("ACK" in f.flags for f in client.frames if isinstance(f, SettingsFrame)) == 2, "ACK")

    def test_a_smaller_table_and_larger_frames_are_obeyed(self):
        client = self.client(settings={SettingsFrame.HEADER_TABLE_SIZE: 0, SettingsFrame.MAX_FRAME_SIZE: 1 << 20})
        client.decoder.max_allowed_table_size = 0
        for _ in range(3):
            self.assertEqual(200, client.get().status)

    def test_a_window_that_shrinks_and_grows_again(self):
        client = self.client(windows=False, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 1})
        stream = client.request(path="/api/v1/s0/bytes?n=100")
        client.wait(lambda: len(client.answer(stream).body) == 1, "one byte")
        client.send(SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 50}))
        client.wait(lambda: len(client.answer(stream).body) == 50, "fifty")
        client.send(SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 10}))
        client.send(WindowUpdateFrame(stream, 45))
        client.wait(lambda: len(client.answer(stream).body) == 55, "five more")
        client.send(WindowUpdateFrame(stream, 45))
        self.assertEqual(100, len(client.finish(stream).body))


if __name__ == "__main__":
    unittest.main()
