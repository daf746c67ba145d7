"""Answers that come bit by bit: server-sent events and long polling. Nothing waits for more to come."""
import time
import unittest

from support.h2 import H2Client
from support.scenario import Scenario
from support.websocket import Service, connect
from support.wait import readable

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
PLAIN = STREAM.replace(b"text/event-stream; charset=utf-8", b"text/plain")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Over1:
    """A client that reads one answer over HTTP/1.1, piece by piece."""

    def __init__(self, port):
        self.socket = connect(port)

    def ask(self):
        self.socket.send(b"GET /api/v1/s0/events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n")

    def status(self):
        return int(self.socket.head()[9:12])

    def piece(self):
        """The next chunk; None at a good end, "cut" at a bad one."""
        try:
            while b"\r\n" not in self.socket.data:
                self.socket.more()
            line, _, self.socket.data = self.socket.data.partition(b"\r\n")
            data = self.socket.exactly(int(line, 16) + 2)[:-2]
        except EOFError:
            return "cut"
        return data or None

    def leave(self):
        self.socket.close()

    close = leave


class Over2:
    """The same over HTTP/2."""

    def __init__(self, port):
        self.client = H2Client(port)
        self.taken = 0

    def ask(self):
        self.stream = self.client.request(path="/api/v1/s0/events")

    def status(self):
        self.client.wait(lambda: self.client.answer(self.stream).heads, "a head")
        return self.client.answer(self.stream).status

    def piece(self):
        answer = self.client.answer(self.stream)
        self.client.wait(lambda: len(answer.body) > self.taken or answer.over, "a piece")
        piece = bytes(answer.body[self.taken:])
        self.taken = len(answer.body)
        return piece or ("cut" if answer.reset is not None else None)

    def leave(self):
        self.client.reset(self.stream)

    def close(self):
        self.client.close()


class Events(Scenario):
    def setUp(self):
        super().setUp()
        self.service = Service(answer=b"")
        self.addCleanup(self.service.close)

    def run_gateway(self, more="    timeout_ms: 600\n"):
        return self.start(f"services:\n  origin:\n    url: {self.service.url}\n    idle_connections_max: 0\nroutes:\n  - name: s0\n    path: /api/v1/s0/**\n"
                          f"    service: origin\n    rewrite: /up\n    authenticate: {{public: [/**]}}\n{more}")

    def both(self, gateway, answer=STREAM):
        """Over each protocol: the client, which has its head, and the service's connection."""
        for kind in (Over1, Over2):
            with self.subTest(kind.__name__):
                client = kind(gateway.port)
                self.addCleanup(client.close)
                client.ask()
                behind = self.service.next()
                self.addCleanup(behind.close)
                if answer:
                    behind.send(answer)
                    self.assertEqual(200, client.status())
                yield client, behind

    def test_each_event_arrives_before_the_next_is_sent(self):
        gateway = self.run_gateway()
        for client, behind in self.both(gateway):
            for number in range(100):
                event = b"data: %d\n\n" % number
                behind.send(chunk(event))
                self.assertEqual(event, client.piece())
            behind.send(b"0\r\n\r\n")
            self.assertIsNone(client.piece())

    def test_a_head_arrives_before_the_first_event(self):
        gateway = self.run_gateway()
        for _client, behind in self.both(gateway):
            self.assertFalse(readable(behind.sock, 0.05))

    def test_events_may_pause_longer_than_other_answers(self):
        gateway = self.run_gateway("    timeout_ms: 600\n    stream_idle_timeout_ms: 1600\n")
        for client, behind in self.both(gateway):
            behind.send(chunk(b"data: 1\n\n"))
            self.assertEqual(b"data: 1\n\n", client.piece())
            self.assertFalse(readable(behind.sock, 1.1))    # nothing ends it meanwhile
            behind.send(chunk(b"data: 2\n\n"))
            self.assertEqual(b"data: 2\n\n", client.piece())
            began = time.monotonic()
            self.assertEqual("cut", client.piece())
            self.assertTrue(1.4 < time.monotonic() - began < 3)
            self.assertEqual(b"", behind.rest())

    def test_other_answers_may_not(self):
        gateway = self.run_gateway()
        for client, behind in self.both(gateway, PLAIN):
            began = time.monotonic()
            self.assertEqual("cut", client.piece())
            self.assertLess(time.monotonic() - began, 1.5)

    def test_an_answer_whose_parts_come_in_time_may_take_longer_as_a_whole(self):
        gateway = self.run_gateway()
        for client, behind in self.both(gateway, PLAIN):
            for part in (b"1", b"2", b"3", b"4"):
                self.assertFalse(readable(behind.sock, 0.25))    # nothing ends it meanwhile
                behind.send(chunk(part))
                self.assertEqual(part, client.piece())
            behind.send(b"0\r\n\r\n")
            self.assertIsNone(client.piece())

    def test_a_client_that_leaves_takes_its_request_at_the_service_along(self):
        gateway = self.run_gateway()
        for client, behind in self.both(gateway):
            behind.send(chunk(b"data: 1\n\n"))
            client.piece()
            client.leave()
            began = time.monotonic()
            self.assertEqual(b"", behind.rest())
            self.assertLess(time.monotonic() - began, 2)

    def test_a_long_poll_has_the_time_of_its_route_and_ends_with_its_client(self):
        gateway = self.run_gateway("    timeout_ms: 5000\n")
        for client, behind in self.both(gateway, b""):
            self.assertFalse(readable(behind.sock, 1.5))
            behind.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.assertEqual(200, client.status())
        for client, behind in self.both(gateway, b""):
            client.leave()
            self.assertEqual(b"", behind.rest())


if __name__ == "__main__":
    unittest.main()
