"""A service that closes idle connections at the worst moment: no client notices, and nothing is done twice."""
import hashlib
import itertools
import json
import random
import socket
import struct
import threading
import unittest

from support import services
from support.clients import Client
from support.h2 import H2Client
from support.origins import Origin
from support.process import ask
from support.scenario import Scenario, config
from support.services import SocketService

TRIALS = 1000


class Closing(SocketService):
    """Answers, then closes its connection after a moment that nobody can foresee. Keeps the ids that it has read."""

    def __init__(self, pauses, keep_alive=None):
        self.pauses = pauses
        self.fields = b"Keep-Alive: timeout=%d\r\n" % keep_alive if keep_alive else b""
        self.read, self.connections = [], 0
        super().__init__()

    def serve(self, sock):
        self.connections += 1
        waits = itertools.chain([10], iter(self.pauses, None))
        for head in services.heads(sock, lambda: next(waits)):
            self.read.append(services.target(head).rsplit("=", 1)[1])
            services.respond(sock, fields=self.fields)


class Resetting(SocketService):
    """Answers reads; reads a whole POST, works for so many seconds on it, and resets. Keeps the ids of what it has read."""

    def __init__(self):
        self.work, self.read = 0, []
        super().__init__()

    def serve(self, sock):
        for head in services.heads(sock):
            self.read.append(services.target(head).rsplit("=", 1)[1])
            if head.startswith(b"POST"):
                threading.Event().wait(self.work)    # the service's pace, not a wait for something
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            services.respond(sock)


class Leaving(Origin):
    """Closes its first connection when a second request's head has come on it; begun: a head came on another."""

    def __init__(self):
        self.first, self.begun = True, threading.Event()
        super().__init__()

    def _answer(self, sock, stream, head, target):
        if not target.endswith("/digest"):
            return super()._answer(sock, stream, head, target)
        if self.first:
            self.first = False
            return False
        self.begun.set()
        return super()._answer(sock, stream, head, target)


class Stale(Scenario):
    def service(self, pauses, **options):
        service = Closing(pauses, **options)
        self.addCleanup(service.close)
        return service

    def ask_often(self, gateway, method, pauses, trials=TRIALS):
        statuses = []
        with Client(gateway.port) as client:
            for number in range(trials):
                client.send(f"{method} /api/v1/s0/text?id={number} HTTP/1.1\r\nHost: a\r\n"
                            f"{'Content-Length: 0' + chr(13) + chr(10) if method == 'POST' else ''}\r\n".encode())
                statuses.append(client.response().status)
                threading.Event().wait(pauses())     # the client's pace, not a wait for something
        return statuses

    def test_a_request_that_may_be_sent_again_is_never_lost(self):
        dice = random.Random(7)
        service = self.service(lambda: dice.uniform(0, 0.002))
        gateway = self.start(config(service.url), environment={"WORKERS": "1"})
        statuses = self.ask_often(gateway, "GET", lambda: dice.uniform(0, 0.002))
        self.assertEqual([200] * TRIALS, statuses)

    def test_a_body_on_its_way_is_sent_again_as_it_was(self):
        service = Leaving()
        self.addCleanup(service.close)
        gateway = self.start(config(service.url), environment={"WORKERS": "1"})
        parts = (b"this came with the head, ", b"and this afterwards")
        right = (25 + 19, hashlib.sha256(b"".join(parts)).hexdigest())
        with H2Client(gateway.port) as client:
            self.assertEqual(200, client.get().status)      # its connection is kept, and stale when it is used again
            stream = client.request(path="/api/v1/s0/digest", method="PUT", body=parts[0], end=False)
            self.assertTrue(service.begun.wait(10))
            client.send(client.data_frame(stream, parts[1], end=True))
            seen = json.loads(client.finish(stream).body)
        self.assertEqual(right, (seen["bytes"], seen["sha256"]))

    def test_a_request_that_may_not_is_never_done_twice(self):
        dice = random.Random(8)
        service = self.service(lambda: dice.uniform(0, 0.002))
        gateway = self.start(config(service.url), environment={"WORKERS": "1"})
        statuses = self.ask_often(gateway, "POST", lambda: dice.uniform(0, 0.002))
        self.assertEqual(len(set(service.read)), len(service.read))
        for number, status in enumerate(statuses):
            self.assertEqual(200 if str(number) in service.read else 502, status)

    def test_what_was_read_before_a_reset_is_never_done_twice(self):
        service = Resetting()
        self.addCleanup(service.close)
        text = config(service.url) + "circuit_breaker: {volume_threshold: 1000}\n"
        gateway = self.start(text, environment={"WORKERS": "1"})
        numbers = itertools.count()
        asked = []

        def ask(client, method):
            asked.append(str(next(numbers)))
            length = "Content-Length: 0\r\n" if method == "POST" else ""
            client.send(f"{method} /api/v1/s0/text?id={asked[-1]} HTTP/1.1\r\nHost: a\r\n{length}\r\n".encode())
            return client.response().status

        for service.work, before in itertools.product((0, 0.02, 0.1), (0, 1, 3, 10, 40)):
            for _ in range(4):
                with Client(gateway.port) as client:     # the connection to the service is fresh, or has served `before`
                    self.assertEqual([200] * before, [ask(client, "GET") for _ in range(before)])
                    self.assertEqual(502, ask(client, "POST"), (service.work, before))
        self.assertEqual(asked, service.read)

    def test_what_a_service_allows_is_learnt_and_undercut(self):
        service = self.service(lambda: 0.8)
        gateway = self.start(config(service.url), environment={"WORKERS": "1"})
        for _ in range(3):      # closings that are seen
            self.ask_often(gateway, "GET", lambda: 1.0, 1)
        before = service.connections
        # Now a connection lies unused for longer than the gateway keeps it, and shorter than the service does.
        self.ask_often(gateway, "POST", lambda: 0.7, 3)
        self.assertEqual(before + 3, service.connections)

    def test_a_service_is_taken_at_its_word(self):
        service = self.service(lambda: 10, keep_alive=1)
        gateway = self.start(config(service.url), environment={"WORKERS": "1"})
        self.ask_often(gateway, "GET", lambda: 0.9, 2)
        self.assertEqual(2, service.connections)

    def test_requests_sent_again_for_it_are_counted(self):
        dice = random.Random(9)
        service = self.service(lambda: dice.uniform(0, 0.001))
        gateway = self.start(config(service.url), environment={"WORKERS": "1"})
        counted = 0
        for _ in range(20):
            self.ask_often(gateway, "GET", lambda: dice.uniform(0, 0.001), 200)
            text = ask(gateway.admin_port, "/metrics")[2]
            line = next(l for l in text.splitlines() if l.startswith("upstream_stale_retries_total"))
            counted = float(line.rsplit(" ", 1)[1])
            if counted:
                break
        self.assertGreater(counted, 0)


if __name__ == "__main__":
    unittest.main()
