"""A service that fails: its routes fail fast, others do not notice, it is asked little more than it can bear, and the
breaker says what it does and recovers by itself."""
import json
import signal
import threading
import time
import types
import unittest

from support import services
from support.clients import Client, Load
from support.h2 import metric
from support.process import ask, free_ports
from support.scenario import Scenario
from support.services import SocketService
from support.wait import wait_until
from test_state import State


class Faulty(SocketService):
    """A service that does as it is told: 'ok', 'fail' (500), 'hang', 'reset', 'cut' (in its body), 'garbage', 'gone' (404)."""

    def __init__(self, mood="ok"):
        self.mood, self.requests = mood, 0
        self.ended = threading.Event()
        super().__init__()

    def serve(self, sock):
        for _ in services.heads(sock):
            self.requests += 1
            if self.mood == "hang":
                self.ended.wait(30)
                return
            if self.mood == "reset":
                return
            if self.mood == "cut":
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
                return
            if self.mood == "garbage":
                sock.sendall(b"no HTTP at all\r\n\r\n")
                return
            services.respond(sock, {"ok": b"200 OK", "fail": b"500 Broken", "gone": b"404 Gone"}[self.mood])

    def close(self):
        self.ended.set()
        super().close()


class Breakers(State):
    def setUp(self):
        super().setUp()
        self.faulty = Faulty()
        self.addCleanup(self.faulty.close)

    def start(self, extra="", **environment):
        text = f"""
circuit_breaker: {{reset_timeout_ms: 500, reset_timeout_max_ms: 500}}
services:
  origin: {{url: "{self.origin.url}"}}
  faulty: {{url: "{self.faulty.url}"}}
routes:
  - {{name: good, path: /api/v1/good/**, service: origin, rewrite: /up, authenticate: {{public: [/**]}}}}
  - {{name: bad, path: /api/v1/bad/**, service: faulty, rewrite: /up, timeout_ms: 300, authenticate: {{public: [/**]}}}}
""" + extra
        return super().start(text, environment={"ADMIN_TOKEN": "t"} | environment)

    def bad(self, gateway, method="GET"):
        with Client(gateway.port) as client:
            client.send(f"{method} /api/v1/bad/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode())
            try:
                return client.response()
            except ConnectionError:
                return types.SimpleNamespace(status="cut")

    def gauge(self, gateway, name="circuit_breaker_state", rest=""):
        line = f'{name}{{service="api-gateway",upstream="faulty"{rest}}} '
        text = ask(gateway.admin_port, "/metrics")[2]
        return float(next(l for l in text.splitlines() if l.startswith(line)).rsplit(" ", 1)[1])

    def told(self, gateway):
        return json.loads(ask(gateway.port, "/health")[2])["circuitBreakers"]["faulty"]["state"]

    def opens(self, gateway):
        wait_until(lambda: self.bad(gateway).status == 503 and self.gauge(gateway) == 1, 20, "the breaker opens")

    def test_each_kind_of_failure_opens_it_and_it_recovers_by_itself(self):
        gateway = self.start()
        with Load(gateway.port, "/api/v1/good/text", b"hello from origin", connections=2) as load:
            for mood in ("fail", "reset", "cut", "garbage", "hang"):
                self.faulty.mood = mood
                self.opens(gateway)
                refused = self.bad(gateway)
                if refused.status == 503:      # and not one that may try, half a second later
                    self.assertEqual("circuit_open", json.loads(refused.body)["code"])
                    self.assertIn("too often to be asked", json.loads(refused.body)["detail"])
                    self.assertGreaterEqual(int(refused.values("Retry-After")[0]), 1)
                wait_until(lambda: self.told(gateway) == "OPEN", 5, "health says so")
                self.assertEqual(200, ask(gateway.port, "/health/ready")[0])
                asked = self.faulty.requests
                for _ in range(20):
                    self.bad(gateway)
                self.assertLessEqual(self.faulty.requests - asked, 6)     # of those that may try
                self.faulty.mood = "ok"
                wait_until(lambda: self.bad(gateway).status == 200 and self.gauge(gateway) == 0, 20, "it closes")
        self.assertEqual([], load.failures)
        # Whenever one that tried has failed it opens again.
        self.assertGreaterEqual(self.gauge(gateway, "circuit_breaker_transitions_total", ',to="open"'), 4)
        self.assertGreater(self.gauge(gateway, "circuit_breaker_rejects_total"), 0)
        states = [e["state"] for e in self.events(gateway, "circuit breaker changed", 12)]
        self.assertEqual({"OPEN", "HALF_OPEN", "CLOSED"}, set(states))
        self.assertIn("failed", self.events(gateway, "circuit breaker changed")[0]["reason"])

    def test_who_was_tried_and_failed_is_not_told_that_nobody_was_asked(self):
        gateway = self.start()
        self.faulty.mood = "reset"
        self.opens(gateway)
        wait_until(lambda: self.told(gateway) == "HALF_OPEN", 10, "it may be tried")
        asked = self.faulty.requests
        self.assertEqual(502, self.bad(gateway).status)
        self.assertGreater(self.faulty.requests, asked)

    def test_a_second_try_that_is_not_sent_is_no_reject(self):
        other = Faulty("hang")
        self.addCleanup(other.close)
        self.faulty.mood = "hang"
        gateway = Scenario.start(self, f"""
services:
  faulty: {{endpoints: [{{url: "{self.faulty.url}"}}, {{url: "{other.url}"}}]}}
routes:
  - {{name: bad, path: /api/v1/bad/**, service: faulty, rewrite: /up, timeout_ms: 2500, hedge_after_ms: 1000,
     authenticate: {{public: [/**]}}}}
""", environment={"WORKERS": "1", "ADMIN_TOKEN": "t"})
        with Client(gateway.port) as client:
            client.send(b"GET /api/v1/bad/x HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: self.faulty.requests + other.requests, 10, "it is asked")
            self.assertEqual(200, self.call(gateway, {"state": "open", "seconds": 60}))
            self.assertEqual(503, self.bad(gateway).status)
            # Its time is over, and so is that after which it would have been sent a second time.
            self.assertEqual(504, client.response().status)
        self.assertEqual(1, self.gauge(gateway, "circuit_breaker_rejects_total"))

    def test_what_the_client_did_wrong_never_opens_it(self):
        gateway = self.start()
        self.faulty.mood = "gone"
        self.assertEqual([404] * 50, [self.bad(gateway).status for _ in range(50)])
        self.assertEqual(0, self.gauge(gateway))

    def test_nobody_listening_opens_it_too(self):
        gateway = self.start(FAULTY_SERVICE_URL=f"http://127.0.0.1:{free_ports(1)[0]}")
        self.opens(gateway)

    def test_a_try_that_finds_nobody_is_counted_once_and_so_is_each_after_it(self):
        for retries in (0, 2):
            gateway = Scenario.start(self, f"""
services:
  faulty: {{url: "http://127.0.0.1:{free_ports(1)[0]}", retry: {{retries_max: {retries}}}}}
routes:
  - {{name: bad, path: /api/v1/bad/**, service: faulty, rewrite: /up, authenticate: {{public: [/**]}}}}
""", environment={"WORKERS": "1"})
            self.assertEqual(502, self.bad(gateway).status)
            self.assertEqual((retries + 1, retries),
                             (metric(gateway, "downstream_errors_total", upstream="faulty", error_type="connect_refused"),
                              metric(gateway, "downstream_retries_total", upstream="faulty")))

    def test_operators_hold_it_open_or_closed(self):
        gateway = self.start()
        call = lambda body: self.call(gateway, body)
        self.assertEqual(200, self.bad(gateway).status)
        self.assertEqual(200, call({"state": "open", "seconds": 60}))
        self.assertEqual(503, self.bad(gateway).status)
        self.assertEqual(200, call({"state": "auto"}))
        self.assertEqual(200, self.bad(gateway).status)
        self.assertEqual(200, call({"state": "closed", "seconds": 60}))
        self.faulty.mood = "fail"
        self.assertEqual([500] * 30, [self.bad(gateway).status for _ in range(30)])
        self.assertEqual(400, call({"state": "open"}))
        self.assertEqual(400, call({"state": "ajar", "seconds": 1}))

    def test_health_follows_what_time_alone_changes(self):
        gateway = self.start()
        self.faulty.mood = "fail"
        self.opens(gateway)
        wait_until(lambda: self.told(gateway) == "HALF_OPEN", 10, "its time is over, though nobody asks it")
        self.assertEqual(2, self.gauge(gateway))
        self.assertEqual(200, self.call(gateway, {"state": "open", "seconds": 2}))
        wait_until(lambda: self.told(gateway) == "OPEN", 10, "it is forced")
        wait_until(lambda: self.told(gateway) == "CLOSED", 10, "until its time is over")
        self.assertEqual(0, self.gauge(gateway))

    def test_a_service_that_is_configured_no_longer_has_no_breaker_to_show(self):
        gateway = self.start()
        whole = gateway.config.read_text()
        self.assertEqual(200, self.call(gateway, {"state": "open", "seconds": 600}))
        self.assertEqual(1, self.gauge(gateway))
        told = lambda: json.loads(ask(gateway.port, "/health")[2])["circuitBreakers"]
        shown = lambda: {line.split("{")[0] for line in ask(gateway.admin_port, "/metrics")[2].splitlines()
                         if 'upstream="faulty"' in line}
        states = {"circuit_breaker_state", "upstream_concurrency_limit", "upstream_requests_waiting"}
        self.assertLessEqual(states, shown())
        gateway.config.write_text("".join(line for line in whole.splitlines(True) if "faulty" not in line))
        gateway.signal(signal.SIGHUP)
        wait_until(lambda: not states & shown(), 10, "its state is gone")
        self.assertIn("downstream_requests_total", shown())
        wait_until(lambda: set(told()) == {"origin"}, 10, "health says so")
        self.assertEqual(404, self.call(gateway, {"state": "open", "seconds": 600}))
        # What was forced has ended with it.
        self.assertEqual(404, self.call(gateway, {"state": "auto"}))
        gateway.config.write_text(whole)
        gateway.signal(signal.SIGHUP)
        wait_until(lambda: states <= shown(), 10, "its state is there again")
        wait_until(lambda: told().get("faulty") == {"state": "CLOSED"}, 10, "and health says so")

    def call(self, gateway, body):
        text = json.dumps(body)
        with Client(gateway.admin_port) as client:
            client.send(f"PUT /admin/v1/breakers/faulty HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n"
                        f"Content-Length: {len(text)}\r\n\r\n{text}".encode())
            return client.response().status

    def test_a_retry_storm_cannot_happen(self):
        gateway = self.start("", CIRCUIT_BREAKER_VOLUME_THRESHOLD="1000000000")
        self.faulty.mood = "ok"
        count = 200
        for _ in range(count):
            self.bad(gateway)
        self.faulty.mood = "reset"
        asked, sent = self.faulty.requests, 0
        began = time.monotonic()
        for _ in range(count):
            self.bad(gateway)
            sent += 1
        seconds = time.monotonic() - began
        # A fifth more, what the requests before had left of it, and three a second.
        allowed = sent * 0.2 + count * 0.2 + 3 * (seconds + 1) * 2
        self.assertLessEqual(self.faulty.requests - asked - sent, allowed)


if __name__ == "__main__":
    unittest.main()
