"""Webhooks of providers: let in where they are signed with a secret that we share, once, and byte by byte."""
import base64
import contextlib
import hashlib
import hmac
import json
import time

from support.clients import Client
from support.h2 import H2Client
from support.origins import Origin
from support.process import ask, free_ports
from support.redis import cli
from support.wait import wait_until
from test_state import State


class Webhooks(State):
    SECRET = "whsec_of_the_tests"

    def setUp(self):
        super().setUp()
        self.text = f"""
services:
  origin: {{url: "{self.origin.url}"}}
routes:
  - {{name: pay, path: /api/v1/pay, service: origin, rewrite: /up/seen, authenticate: {{public: [/**]}},
     webhook_signature: {{body_bytes_max: 5000}}}}
  - {{name: git, path: /api/v1/git, service: origin, rewrite: /up/seen, authenticate: {{public: [/**]}},
     webhook_signature: {{scheme: hmac, header: X-Hub-Signature-256}}}}
  - {{name: timed, path: /api/v1/timed, service: origin, rewrite: /up/seen, authenticate: {{public: [/**]}},
     webhook_signature: {{scheme: hmac, header: X-Signature, prefix: "", timestamp_header: X-Time, tolerance_s: 60}}}}
"""
        self.secrets = {"STRIPE_WEBHOOK_SECRET": f"old,{self.SECRET}", "WEBHOOK_SECRET": self.SECRET}

    def signed(self, text, secret=None):
        return hmac.new((secret or self.SECRET).encode(), text, hashlib.sha256)

    def stripe(self, body, at=None, secret=None):
        at = int(time.time()) if at is None else at
        return f"Stripe-Signature: t={at},v1={self.signed(b'%d.' % at + body, secret).hexdigest()}\r\n"

    def post(self, gateway, target, body, header, chunked=False):
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
        with Client(gateway.port) as client:
            client.send(f"POST {target} HTTP/1.1\r\nHost: a\r\n{header}{framing}\r\n\r\n".encode() + sent)
            return client.response("POST")

    def assertRefused(self, status, code, answer):
        self.assertEqual((status, code), (answer.status, json.loads(answer.body)["code"]), answer)

    def test_what_is_signed_arrives_as_it_was_sent(self):
        gateway = self.start(environment=self.secrets)
        body = bytes(range(256)) + b' {"id": "evt_1",\r\n "x":  1}'
        for number, chunked in enumerate((False, True)):
            sent = body + b"%d" % number
            answer = self.post(gateway, "/api/v1/pay", sent, self.stripe(sent), chunked)
            self.assertEqual((200, hashlib.sha256(sent).hexdigest()), (answer.status, json.loads(answer.body)["sha256"]))
        sent = body + b"old"
        self.assertEqual(200, self.post(gateway, "/api/v1/pay", sent, self.stripe(sent, secret="old")).status)
        plain = self.signed(body)
        for signature in (plain.hexdigest(), base64.b64encode(plain.digest()).decode()):
            self.assertEqual(200, self.post(gateway, "/api/v1/git", body, f"X-Hub-Signature-256: sha256={signature}\r\n").status)

    def test_what_is_not_is_refused_told_and_never_reaches_the_service(self):
        gateway = self.start(environment=self.secrets)
        now, body = int(time.time()), b"paid"
        good = self.stripe(body)
        wrong = (self.stripe(b"other"), self.stripe(body, secret="guess"), self.stripe(body, now - 400),
                 self.stripe(body, now + 400), good.replace("v1=", "v0="), "Stripe-Signature: \r\n", "",
                 good.replace("t=", "t=0,t="))
        for header in wrong:
            self.assertRefused(403, "forbidden", self.post(gateway, "/api/v1/pay", body, header))
        self.assertRefused(403, "forbidden", self.post(gateway, "/api/v1/git", body,
                                                       f"X-Hub-Signature-256: {self.signed(body).hexdigest()}\r\n"))
        self.assertRefused(403, "forbidden", self.post(gateway, "/api/v1/timed", body,
                                                       f"X-Signature: {self.signed(body).hexdigest()}\r\n"))
        self.assertRefused(413, "payload_too_large", self.post(gateway, "/api/v1/pay", b"x" * 5001, self.stripe(b"x" * 5001)))
        self.assertEqual(0, self.origin.requests)
        wait_until(lambda: 'security_violations_total{service="api-gateway",violation_type="token_manipulation"} 10'
                   in ask(gateway.admin_port, "/metrics")[2], 5, "each is counted")

    def test_a_body_that_stalls_is_not_let_in_unverified_when_it_goes_on(self):
        text = self.text.replace("routes:", "connections: {body_stall_ms: 300}\nroutes:")
        gateway = self.start(text, environment=self.secrets)
        with Client(gateway.port) as client:
            client.send(b"POST /api/v1/git HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nforged")
            answer = client.response("POST")
            with contextlib.suppress(OSError):
                client.send(b" paid!")
            self.assertRefused(408, "request_timeout", answer)
        with H2Client(gateway.port) as client:
            stream = client.request(path="/api/v1/git", method="POST", body=b"forged", end=False)
            client.wait(lambda: client.answer(stream).heads, "an answer")
            client.send(client.data_frame(stream, b" paid!", end=True))
            self.assertEqual(408, client.finish(stream).status)
        self.assertEqual(0, self.origin.requests)

    def test_what_came_before_does_not_come_again(self):
        gateway = self.start(environment=self.secrets)
        body, at = b"paid", int(time.time())
        good = self.stripe(body, at)
        self.assertEqual(200, self.post(gateway, "/api/v1/pay", body, good).status)
        for again in (good, good.replace("v1=", "v1=" + "0" * 64 + ",v1=")):
            self.assertRefused(409, "conflict", self.post(gateway, "/api/v1/pay", body, again))
        self.assertEqual(200, self.post(gateway, "/api/v1/pay", body, self.stripe(body, at + 1)).status)
        timed = f"X-Time: {at}\r\nX-Signature: {self.signed(b'%d.' % at + body).hexdigest()}\r\n"
        self.assertEqual([200, 409], [self.post(gateway, "/api/v1/timed", body, timed).status for _ in range(2)])

    def test_what_came_to_nothing_may_come_again(self):
        port = free_ports(1)[0]
        gateway = self.start(self.text.replace(self.origin.url, f"http://127.0.0.1:{port}"), environment=self.secrets)
        body = b"paid"
        good = self.stripe(body)

        def arrives():
            answer = self.post(gateway, "/api/v1/pay", body, good)
            self.assertIn(answer.status, (200, 409, 502))    # 409: the store has not taken it back yet
            return answer.status
        for _ in range(2):
            wait_until(lambda: arrives() == 502, 5, "it is asked for, though it came before")
        origin = Origin(port=port)
        self.addCleanup(origin.close)
        wait_until(lambda: arrives() == 200, 5, "it arrives when the service is back")
        self.assertRefused(409, "conflict", self.post(gateway, "/api/v1/pay", body, good))
        self.assertEqual(1, origin.requests)

    def test_what_the_service_failed_at_may_come_again(self):
        gateway = self.start(self.text.replace("/up/seen", "/up/status", 1), environment=self.secrets)
        body = b"paid"
        good = self.stripe(body)
        for number in (1, 2):
            wait_until(lambda: self.post(gateway, "/api/v1/pay?code=503", body, good).status == 503, 5, "the service is asked")
            self.assertEqual(number, self.origin.requests)

    def test_one_that_is_dated_ahead_is_held_for_as_long_as_its_time_is_good(self):
        gateway = self.start(environment=self.secrets)
        body = b"paid"
        self.assertEqual(200, self.post(gateway, "/api/v1/pay", body, self.stripe(body)).status)
        kept = [key for key in cli(self.resp_port, "KEYS", "webhook:*").split() if key]
        self.assertEqual(1, len(kept))
        left = int(cli(self.resp_port, "PTTL", kept[0]))
        self.assertTrue(600_000 < left <= 602_000, left)

    def test_nor_when_it_comes_so_slowly_that_its_time_is_over(self):
        gateway = self.start(self.text.replace("/api/v1/pay,", "/api/v1/pay, timeout_ms: 300,"), environment=self.secrets)
        body = b"paid"
        header = self.stripe(body)
        self.assertEqual(200, self.post(gateway, "/api/v1/pay", body, header).status)
        with Client(gateway.port) as client:
            client.send(f"POST /api/v1/pay HTTP/1.1\r\nHost: a\r\n{header}Content-Length: 4\r\n\r\npa".encode())
            time.sleep(0.5)      # allow(sleep): the client's pace
            client.send(b"id")
            self.assertRefused(409, "conflict", client.response("POST"))
        self.assertEqual(1, self.origin.requests)

    def test_without_a_secret_it_does_not_start(self):
        with self.assertRaises(AssertionError) as refused:
            self.start(environment={"WEBHOOK_SECRET": "x"})
        self.assertIn("STRIPE_WEBHOOK_SECRET", str(refused.exception))

    def test_commas_and_spaces_are_no_secret(self):
        for nothing in (",", " ", " , "):
            with self.assertRaises(AssertionError) as refused:
                self.start(environment={"WEBHOOK_SECRET": "x", "STRIPE_WEBHOOK_SECRET": nothing})
            self.assertIn("webhook_signature has no secret for its scheme", str(refused.exception))
