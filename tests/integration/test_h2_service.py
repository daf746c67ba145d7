"""Services that speak HTTP/2, frame by frame: what they see, and what becomes of it when they behave badly."""
import hashlib
import socket
import threading
import time
import unittest

from support.clients import Client
from support.h2 import CANCEL, NO_ERROR, PREFACE, REFUSED_STREAM, GoAwayFrame, H2Client, PingFrame, RstStreamFrame, SettingsFrame, metric
from support.h2_service import H2Service
from support.process import free_ports
from support.scenario import Scenario, sanitized
from support.wait import readable, wait_until


HEADERS = 1


def kinds(frames):
    """The types of frames, one after the other."""
    while len(frames) >= 9:
        yield frames[3]
        frames = frames[9 + int.from_bytes(frames[:3], "big"):]


class H2ServiceScenario(Scenario):
    def setUp(self):
        super().setUp()
        self.service = self.serve()
        self.gateway = self.start(self.config(), environment={"WORKERS": "1", "CIRCUIT_BREAKER_VOLUME_THRESHOLD": "1000"})

    def serve(self, **options):
        service = H2Service(**options)
        self.addCleanup(service.close)
        return service

    def config(self):
        return (f"services:\n  origin:\n    url: {self.service.url}\n    protocol: h2\n    idle_timeout_ms: 60000\n"
                "routes:\n  - name: s0\n    path: /api/v1/s0/**\n    service: origin\n    rewrite: /up\n    timeout_ms: 2000\n"
                "    authenticate: {public: [/**]}\n    body_bytes_max: 100000000\n")

    def ask(self, method="GET", target="/api/v1/s0/x", extra="", body=b""):
        """A client over HTTP/1.1 that has asked and reads nothing yet."""
        client = Client(self.gateway.port)
        self.addCleanup(client.sock.close)
        client.send(f"{method} {target} HTTP/1.1\r\nHost: a.example\r\n{extra}\r\n".encode() + body)
        return client

    def h2(self, **options):
        client = H2Client(self.gateway.port, **options)
        self.addCleanup(client.close)
        return client


class Requests(H2ServiceScenario):
    def test_the_service_sees_one_plain_request(self):
        client = self.ask(target="/api/v1/s0/x?q=%20", extra="Connection: X-Hop\r\nX-Hop: 1\r\nTE: gzip\r\nX-App: 7\r\nUpgrade: h2c\r\n")
        peer = self.service.next()
        stream = peer.request_on()
        fields = peer.answer(stream).heads[0]
        self.assertEqual([(":method", "GET"), (":scheme", "http"), (":authority", self.service.url[7:]), (":path", "/up/x?q=%20")],
                         fields[:4])
        names = dict(fields)
        self.assertEqual(("trailers", "7"), (names["te"], names["x-app"]))
        for name in ("host", "connection", "x-hop", "upgrade", "transfer-encoding", "content-length"):
            self.assertNotIn(name, names)
        self.assertTrue(all(name == name.lower() for name, _ in fields))
        self.assertTrue(peer.answer(stream).ended)
        peer.respond(stream, fields=[("content-type", "text/plain"), ("server", "me"), ("x-app", "8")], body=b"hello")
        answer = client.response()
        self.assertEqual((200, b"hello", ["8"], []),
                         (answer.status, bytes(answer.body), answer.values("X-App"), answer.values("Server")))

    def test_many_requests_share_a_connection_and_are_answered_in_any_order(self):
        client = self.h2()
        streams = [client.request(path=f"/api/v1/s0/{n}") for n in range(50)]
        peer = self.service.next()
        last = peer.request_on(49)
        self.assertEqual(99, last)
        for stream in reversed(peer.begun()):
            peer.respond(stream, body=dict(peer.answer(stream).heads[0])[":path"].encode())
        for number, stream in enumerate(streams):
            self.assertEqual(f"/up/{number}".encode(), bytes(client.finish(stream).body))
        self.assertFalse(readable(self.service.listener, 0))

    def test_connections_are_counted_and_not_the_requests_on_them(self):
        clients = [self.ask() for _ in range(5)]
        peer = self.service.next()
        peer.request_on(4)

        def counted(idle, active):
            return all(metric(self.gateway, "upstream_connections", upstream="origin", state=state) == count
                       for state, count in (("idle", idle), ("active", active)))
        wait_until(lambda: counted(0, 1), 10, "one is busy")
        for stream in peer.begun():
            peer.respond(stream)
        self.assertEqual([200] * 5, [client.response().status for client in clients])
        wait_until(lambda: counted(1, 0), 10, "it is idle")

    def test_bodies_and_trailers_go_both_ways(self):
        client = self.h2()
        stream = client.request(method="POST", path="/api/v1/s0/x", body=b"up" * 3000, trailers=[("x-sum", "1")])
        peer = self.service.next()
        behind = peer.request_on()
        peer.wait(lambda: peer.answer(behind).ended, "the end of the request")
        self.assertEqual(b"up" * 3000, bytes(peer.answer(behind).body))
        self.assertEqual([("x-sum", "1")], peer.answer(behind).trailers)
        peer.respond(behind, body=b"down", end=False)
        peer.send(*peer.header_frames(behind, [("grpc-status", "0")]))
        answer = client.finish(stream)
        self.assertEqual((b"down", [("grpc-status", "0")]), (bytes(answer.body), answer.trailers))

    def test_a_service_that_takes_one_at_a_time_gets_more_connections(self):
        self.service.settings = {SettingsFrame.MAX_CONCURRENT_STREAMS: 1}
        first = self.ask()
        peer = self.service.next()
        peer.respond(peer.request_on())
        first.response()
        clients = [self.ask() for _ in range(2)]
        stream = peer.request_on(1)
        other = self.service.next()
        other.respond(other.request_on())
        peer.respond(stream)
        self.assertEqual([200, 200], [c.response().status for c in clients])

    def test_a_burst_waits_until_the_service_has_said_how_many_it_takes(self):
        self.service.settings = {SettingsFrame.MAX_CONCURRENT_STREAMS: 4}
        client = self.h2()
        streams = [client.request(method="POST", path="/api/v1/s0/x") for _ in range(12)]
        peers = []
        for _ in range(3):
            peers.append(self.service.next())
            peers[-1].request_on(3)
        for peer in peers:
            peer.settle(0.2)
            self.assertEqual(4, len(peer.begun()))
            for stream in peer.begun():
                peer.respond(stream)
        self.assertEqual([200] * 12, [client.finish(stream).status for stream in streams])

    def test_a_head_that_is_larger_than_the_service_takes_does_not_leave(self):
        self.service.settings = {SettingsFrame.MAX_HEADER_LIST_SIZE: 8192}
        first = self.ask()
        peer = self.service.next()
        peer.respond(peer.request_on())
        self.assertEqual(200, first.response().status)
        large = self.ask(extra=f"X-Large: {'a' * 9000}\r\n")
        self.assertEqual(431, large.response().status)
        fair = self.ask(extra=f"X-Large: {'a' * 5000}\r\n")
        peer.respond(peer.request_on(1))
        self.assertEqual(200, fair.response().status)

    def test_a_service_that_is_slow_to_say_what_it_takes_is_sent_more(self):
        client = self.h2()
        for _ in range(5):
            client.request(path="/api/v1/s0/x")
        sock, _ = self.service.listener.accept()   # which says nothing: not even that it has seen our SETTINGS
        sock.settimeout(10)
        with sock:
            data = b""
            while sum(kind == HEADERS for kind in kinds(data[len(PREFACE):])) < 5:
                data += sock.recv(65_536)

    def test_those_who_wait_fail_with_a_connection_that_ends_without_a_word(self):
        client = self.h2()
        streams = [client.request(method="POST", path="/api/v1/s0/x") for _ in range(4)]
        sock, _ = self.service.listener.accept()
        self.assertTrue(readable(sock, 10))
        sock.close()
        peer = self.service.next()
        for number in range(3):    # what had left on the first may have been read
            peer.respond(peer.request_on(number))
        self.assertEqual([200] * 3 + [502], sorted(client.finish(stream).status for stream in streams))

    def test_a_service_that_takes_none_is_a_bad_gateway_and_keeps_no_connection(self):
        self.service.settings = {SettingsFrame.MAX_CONCURRENT_STREAMS: 0}
        client = self.ask()
        peers = []
        for _ in range(3):     # it is tried twice more
            peers.append(self.service.next())
            peers[-1].send(RstStreamFrame(peers[-1].request_on(), REFUSED_STREAM))
        self.assertEqual(502, client.response().status)
        for peer in peers:
            peer.wait_closed(5)

    def test_a_client_that_reads_nothing_holds_the_service_back(self):
        client = self.h2(windows=False)
        stream = client.request(path="/api/v1/s0/x")
        peer = self.service.next()
        behind = peer.request_on()
        peer.respond(behind, end=False)
        sent = 0
        peer.windows = False
        before = self.gateway.rss_kb()
        for _ in range(3):
            peer.settle(0.1)
            updates = [f for f in peer.frames if type(f).__name__ == "WindowUpdateFrame" and f.stream_id == behind]
            window = peer.settings[SettingsFrame.INITIAL_WINDOW_SIZE] + sum(f.window_increment for f in updates)
            while sent < window:
                piece = min(16_384, window - sent)
                peer.send(peer.data_frame(behind, bytes(piece)))
                sent += piece
        self.assertLess(sent, 1_000_000)
        if not sanitized():
            self.assertLess(self.gateway.rss_kb() - before, 4_000)
        self.assertLess(65_535, sent)
        client.reset(stream)
        peer.wait(lambda: peer.answer(behind).reset is not None, "the reset goes on")
        self.assertEqual(CANCEL, peer.answer(behind).reset)

    def test_clients_that_read_nothing_hold_up_nobody_else_on_their_connection(self):
        idle = self.h2(windows=False, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 0})
        for _ in range(80):   # of 256 KiB each: more than the connection's window
            idle.request(path="/api/v1/s0/x")
        peer = self.service.next()
        peer.request_on(79)
        peer.windows = False

        def window(stream, initial):
            return initial + sum(f.window_increment for f in peer.frames
                                 if type(f).__name__ == "WindowUpdateFrame" and f.stream_id == stream)
        of_stream = peer.settings[SettingsFrame.INITIAL_WINDOW_SIZE]
        sent = 0
        for stream in peer.begun():
            peer.respond(stream, end=False)
            for at in range(0, of_stream, 16_384):
                piece = min(16_384, of_stream - at)
                peer.wait(lambda: window(0, 65_535) - sent >= piece, "the connection's window opens")
                peer.send(peer.data_frame(stream, bytes(piece)))
                sent += piece
        self.assertEqual(80 * of_stream, sent)
        client = self.ask()
        peer.respond(peer.request_on(80), body=b"hello")
        self.assertEqual(b"hello", bytes(client.response().body))

    def test_an_answer_in_full_ends_the_upload(self):
        client = self.ask("POST", extra="Content-Length: 50000000\r\n", body=bytes(100_000))
        peer = self.service.next()
        stream = peer.request_on()
        peer.respond(stream, status=413, body=b"too much")
        peer.send(RstStreamFrame(stream, NO_ERROR))
        answer = client.response()
        self.assertEqual((413, b"too much"), (answer.status, bytes(answer.body)))


class OneOfTwoPlaces(H2ServiceScenario):
    def config(self):
        places = f"endpoints: [{{url: 'http://127.0.0.1:{free_ports(1)[0]}'}}, {{url: '{self.service.url}'}}]\n" \
                 "    balance: {policy: round_robin}\n    health: {failures_max: 1000}\n"
        return super().config().replace(f"url: {self.service.url}\n", places)

    def test_who_finds_nobody_at_one_goes_to_the_other_at_once(self):
        client = self.h2()
        streams = [client.request(method="POST", path="/api/v1/s0/x") for _ in range(40)]
        peer = self.service.next()
        for number in range(40):   # twenty of them are more than may be sent again to the same place
            peer.respond(peer.request_on(number))
        self.assertEqual([200] * 40, [client.finish(stream).status for stream in streams])
        self.assertEqual(0, metric(self.gateway, "circuit_breaker_state", upstream="origin"))


class OldConnections(H2ServiceScenario):
    def config(self):
        return super().config().replace("idle_timeout_ms: 60000", "idle_timeout_ms: 60000\n    age_max_ms: 400")

    def test_finish_what_they_have_and_get_no_more(self):
        first = self.ask()
        old = self.service.next()
        stream = old.request_on()
        old.settle(0.5)
        second = self.ask()
        other = self.service.next()
        other.respond(other.request_on(), body=b"second")
        self.assertEqual(b"second", bytes(second.response().body))
        old.respond(stream, body=b"first")
        self.assertEqual(b"first", bytes(first.response().body))
        old.wait_closed()


class Checks(H2ServiceScenario):
    def config(self):
        check = "check: {enabled: true, path: /healthz, interval_ms: 100, unhealthy_threshold: 1, healthy_threshold: 1}"
        return super().config().replace("    protocol: h2\n", f"    protocol: h2\n    {check}\n")

    def answer_checks(self):
        while True:
            try:
                peer = self.service.next()
                stream = peer.request_on()
                self.asked.add(dict(peer.answer(stream).heads[0])[":path"])
                peer.respond(stream, status=self.status)
            except ConnectionError:
                continue    # the check had no more time
            except OSError:
                return

    def test_endpoints_are_asked_in_their_own_protocol(self):
        self.status, self.asked = 200, set()
        threading.Thread(target=self.answer_checks, daemon=True).start()
        for status, well in ((200, 1), (503, 0), (200, 1)):
            self.status = status
            wait_until(lambda: metric(self.gateway, "upstream_health", upstream="origin") == well, 10, f"it is {well}")
        self.assertEqual({"/healthz"}, self.asked)


class Calling(H2ServiceScenario):
    """gRPC, of which the frames are enough."""
    FIELDS = (("content-type", "application/grpc"), ("te", "trailers"))
    MESSAGE = bytes(4) + b"\x01x"

    def config(self):
        return super().config().replace("timeout_ms: 2000", "timeout_ms: 8000")

    def call(self, *fields):
        client = self.h2()
        return client, client.request(method="POST", path="/api/v1/s0/Call", end=False, extra=(*self.FIELDS, *fields))


class Calls(Calling):
    def test_the_time_that_a_call_gives_itself_ends_it_whenever_its_messages_come(self):
        for ends in (True, False):
            client, stream = self.call(("grpc-timeout", "700m"))
            peer = self.service.peers[0] if self.service.peers else self.service.next()
            peer.request_on(0 if ends else 1)
            began = time.monotonic()
            client.send(client.data_frame(stream, self.MESSAGE, ends))
            answer = client.finish(stream)
            self.assertEqual("4", dict(answer.heads[-1])["grpc-status"], answer.heads)
            self.assertLess(time.monotonic() - began, 4)

    def test_a_client_that_says_nothing_for_a_while_keeps_its_call(self):
        client, stream = self.call()
        peer = self.service.next()
        behind = peer.request_on()
        peer.respond(behind, fields=[("content-type", "application/grpc")], end=False)
        client.wait(lambda: client.answer(stream).heads, "the head of the answer")
        client.settle(11)       # bodies must move faster
        self.assertFalse(client.answer(stream).over, client.answer(stream).heads)
        client.send(client.data_frame(stream, self.MESSAGE))
        peer.wait(lambda: bytes(peer.answer(behind).body) == self.MESSAGE, "the message")


class SignedCalls(Calling):
    def start(self, text, environment, **options):
        return super().start(text, environment=environment | {"INTERNAL_HMAC_SECRET": "a secret of the services, 32 bytes or more"},
                             **options)

    def test_messages_go_on_as_they_come_and_the_signature_says_that_it_has_not_seen_them(self):
        client, stream = self.call()
        peer = self.service.next()
        behind = peer.request_on()
        self.assertEqual("UNSIGNED-BODY", dict(peer.answer(behind).heads[0])["x-internal-body-hash"])
        peer.respond(behind, fields=[("content-type", "application/grpc")], end=False)
        for number in range(1, 4):
            client.send(client.data_frame(stream, self.MESSAGE))
            peer.wait(lambda: len(peer.answer(behind).body) == number * len(self.MESSAGE), "the message")
            peer.send(peer.data_frame(behind, self.MESSAGE))
            client.wait(lambda: len(client.answer(stream).body) == number * len(self.MESSAGE), "its answer")

    def test_a_call_that_says_how_long_it_is_has_its_body_signed(self):
        client, stream = self.call(("content-length", str(len(self.MESSAGE))))
        client.send(client.data_frame(stream, self.MESSAGE, True))
        peer = self.service.next()
        fields = dict(peer.answer(peer.request_on()).heads[0])
        self.assertEqual(hashlib.sha256(self.MESSAGE).hexdigest(), fields["x-internal-body-hash"])


class Refusing(H2ServiceScenario):
    def start(self, text, environment, **options):
        environment |= {"CIRCUIT_BREAKER_VOLUME_THRESHOLD": "5", "CIRCUIT_BREAKER_RESET_TIMEOUT": "600000"}
        return super().start(text, environment=environment, **options)

    def test_a_service_that_refuses_every_stream_is_found_to_fail(self):
        client = self.ask("POST")
        peer = self.service.next()
        peer.respond(peer.request_on())
        self.assertEqual(200, client.response().status)

        def refuse_all():
            number = 1
            while True:
                try:
                    peer.send(RstStreamFrame(peer.request_on(number), REFUSED_STREAM))
                except (AssertionError, OSError):    # the test is over
                    return
                number += 1
        threading.Thread(target=refuse_all, daemon=True).start()
        statuses = [self.ask("POST").response().status for _ in range(10)]
        self.assertEqual([503] * 5, statuses[5:])
        self.assertEqual({502, 503}, set(statuses))
        self.assertEqual(1, metric(self.gateway, "circuit_breaker_state", upstream="origin"))
        # What the connection did before explains one failure of each request, and no more.
        self.assertLessEqual(metric(self.gateway, "upstream_stale_retries_total", upstream="origin"), statuses.count(502))


class Misbehaving(H2ServiceScenario):
    def test_requests_that_a_goaway_leaves_out_are_sent_again_and_those_it_names_are_served(self):
        for method in ("GET", "POST"):
            client = self.h2()
            streams = [client.request(method=method, path="/api/v1/s0/x") for _ in range(3)]
            peer = self.service.next()
            peer.request_on(2)
            peer.send(GoAwayFrame(0, 1, NO_ERROR))
            other = self.service.next()
            for number in range(2):
                other.respond(other.request_on(number), body=b"again")
            peer.respond(1, body=b"first")
            self.assertEqual([b"again", b"again", b"first"], sorted(bytes(client.finish(s).body) for s in streams))
            peer.wait_closed()
            other.send(GoAwayFrame(0, 99, NO_ERROR))
            other.wait_closed()

    def test_a_refused_stream_is_sent_again(self):
        client = self.ask("POST", extra="Content-Length: 2\r\n", body=b"hi")
        peer = self.service.next()
        peer.send(RstStreamFrame(peer.request_on(), REFUSED_STREAM))
        second = peer.request_on(1)
        peer.wait(lambda: peer.answer(second).ended, "the whole request")
        self.assertEqual(b"hi", bytes(peer.answer(second).body))
        peer.respond(second)
        self.assertEqual(200, client.response().status)

    def test_a_post_that_may_have_been_read_is_not(self):
        client = self.ask("POST", extra="Content-Length: 2\r\n", body=b"hi")
        peer = self.service.next()
        peer.request_on()
        peer.sock.shutdown(socket.SHUT_RDWR)
        self.assertEqual(502, client.response().status)

    def test_answers_that_are_none_are_a_bad_gateway_and_leave_the_others_alone(self):
        client = self.ask("POST", target="/api/v1/s0/good")
        peer = self.service.next()
        good = peer.request_on()
        bad = [[], [(":status", "abc")], [(":status", "101")], [(":status", "200"), (":status", "200")], [(":status", "99")],
               [("x-app", "1"), (":status", "200")], [(":status", "200"), ("X-App", "1")], [(":status", "200"), (":path", "/")],
               [(":status", "200"), ("connection", "close")], [(":status", "200"), ("transfer-encoding", "chunked")],
               [(":status", "200"), ("x-app", "a\r\nb: c")], [(":status", "200"), ("content-length", "5"), ("content-length", "6")],
               [(":status", "200"), ("content-length", "x")], [(":status", "200"), ("content-length", "5")],
               [(":status", "200"), *[(f"x-{n}", "1") for n in range(200)]], [(":status", "200"), ("x-large", "a" * 20_000)]]
        for number, fields in enumerate(bad, 1):
            other = self.ask("POST")
            stream = peer.request_on(number)
            peer.send(*peer.header_frames(stream, fields))
            self.assertEqual(502, other.response().status, fields)
        peer.respond(good, body=b"fine")
        self.assertEqual(b"fine", bytes(client.response().body))

    def test_bodies_of_another_length_than_said_are_cut(self):
        client = self.h2()
        peer = None
        for number, (body, length) in enumerate(((b"abc", "5"), (b"abcdef", "5"))):
            stream = client.request(path="/api/v1/s0/x")
            peer = peer or self.service.next()
            peer.respond(peer.request_on(number), fields=[("content-length", length)], body=body)
            answer = client.finish(stream)
            self.assertTrue(answer.reset is not None or answer.status == 502, answer)

    def test_a_service_that_says_nothing_is_given_up_and_told(self):
        client = self.ask()
        peer = self.service.next()
        stream = peer.request_on()
        began = time.monotonic()
        self.assertEqual(504, client.response().status)
        self.assertLess(time.monotonic() - began, 4)
        peer.wait(lambda: peer.answer(stream).reset is not None, "the reset")
        self.assertEqual(CANCEL, peer.answer(stream).reset)
        again = self.ask()
        peer.respond(peer.request_on(1))
        self.assertEqual(200, again.response().status)

    def test_a_connection_on_which_nothing_comes_any_more_is_left_alone_until_it_answers(self):
        first = self.ask()
        peer = self.service.next()
        peer.respond(peer.request_on())
        self.assertEqual(200, first.response().status)
        self.assertEqual(504, self.ask().response().status)   # nobody reads it
        second = self.ask()
        other = self.service.next()
        other.respond(other.request_on(), body=b"hello")
        self.assertEqual(b"hello", bytes(second.response().body))
        peer.wait(lambda: any(isinstance(frame, PingFrame) for frame in peer.frames), "a question whether it is there")
        third = self.ask()
        peer.respond(peer.request_on(2))
        self.assertEqual(200, third.response().status)

    def test_one_that_speaks_another_protocol_is_a_bad_gateway(self):
        answers = []
        for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"\x00" * 100, b""):
            client = self.ask("POST")
            sock, _ = self.service.listener.accept()
            sock.recv(65536)
            if answer:
                sock.sendall(answer)
            sock.close()
            answers.append(client.response().status)
        self.assertEqual([502, 502, 502], answers)

    def test_a_service_that_breaks_off_in_an_answer_is_seen_to(self):
        client = self.h2()
        stream = client.request(path="/api/v1/s0/x")
        peer = self.service.next()
        peer.respond(peer.request_on(), body=b"begun", end=False)
        client.wait(lambda: client.answer(stream).body, "the beginning")
        peer.sock.shutdown(socket.SHUT_RDWR)
        self.assertIsNotNone(client.finish(stream).reset)

    def test_a_drain_ends_shared_connections(self):
        client = self.ask()
        peer = self.service.next()
        peer.respond(peer.request_on())
        client.response()
        wait_until(lambda: metric(self.gateway, "downstream_requests_total", upstream="origin", status_code="200") > 0, 5, "it is counted")
        self.assertEqual(0, self.gateway.stop())
        peer.wait_closed()


if __name__ == "__main__":
    unittest.main()
