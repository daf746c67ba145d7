"""Idempotency-Key on routes that enforce it: a request is served once, on whichever gateway it is asked for again."""
import concurrent.futures
import hashlib
import hmac
import json
import shutil
import signal
import os
import threading
import time
import unittest

from support import tokens
from support.clients import Client
from support.h2 import metric
from support.process import ask
from support.redis import Redis, cli
from support.services import Handler, WebService
from support.wait import wait_until
from test_state import State


class Till(Handler):
    def do_POST(self):
        body, shop = self.body(), self.service
        with shop.lock:
            shop.sold.append((self.headers.get("Idempotency-Key"), body))
            number = len(shop.sold)
        shop.turns.get(number, shop.go).wait(20)
        owner = [("X-Resource-Tenant", shop.owner)] if shop.owner else []
        self.respond(shop.status, json.dumps({"order": number}).encode() + b" " * shop.size,
                     [("Content-Type", "application/json"), ("X-Order", str(number)), *owner])

    do_PUT = do_GET = do_POST


class Shop(WebService):
    """Counts what it sells. A cleared `go` makes it wait, or one of `turns` by its number; `status` says how it answers,
    `size` how much, `owner` whose it says that is."""
    handler = Till

    def __init__(self):
        self.sold, self.turns = [], {}
        self.lock = threading.Lock()
        self.status, self.size, self.owner = 201, 0, None
        super().__init__()

    def count(self):
        with self.lock:
            return len(self.sold)


class Once(State):
    def setUp(self):
        super().setUp()
        self.shop = Shop()
        self.addCleanup(self.shop.close)
        self.text = self.config()

    def config(self, options="request_bytes_max: 1000, answer_bytes_max: 2000"):
        return f"""
services:
  shop: {{url: "{self.shop.url}", retry: {{retries_max: 0}}}}
circuit_breaker: {{volume_threshold: 1000}}
routes:
  - {{name: buy, path: /api/v1/buy/**, service: shop, timeout_ms: 15000, idempotency: {{{options}}}}}
  - {{name: must, path: /api/v1/must/**, service: shop, idempotency: {{required: true}}}}
  - {{name: sign-up, path: /api/v1/sign-up, service: shop, authenticate: {{public: [/**]}}, idempotency: {{}}}}
  - {{name: plain, path: /api/v1/plain/**, service: shop}}
"""

    def request(self, key, body=b"two tickets", target="/api/v1/buy/e1", method="POST", header=None):
        named = f"Idempotency-Key: {key}\r\n" if key else ""
        header = tokens.bearer() if header is None else header
        return (f"{method} {target} HTTP/1.1\r\nHost: a\r\n{header}{named}Content-Length: {len(body)}\r\n\r\n").encode() + body

    def buy(self, gateway, key, *arguments, **options):
        with Client(gateway.port, seconds=20) as client:
            client.send(self.request(key, *arguments, **options))
            return client.response("POST")

    def unguarded(self, gateway, route="/api/v1/buy/**"):
        return metric(gateway, "idempotency_unguarded_total", route=route)

    def assertRefused(self, status, code, answer):
        self.assertEqual((status, code), (answer.status, json.loads(answer.body)["code"]), answer)


class Alone(Once):
    def test_who_asks_again_is_given_the_first_answer(self):
        gateway = self.start()
        first = self.buy(gateway, "k-1")
        self.assertEqual((201, ["1"], []), (first.status, first.values("X-Order"), first.values("Idempotent-Replayed")))
        for _ in range(3):
            again = self.buy(gateway, "k-1")
            self.assertEqual((201, first.body, ["1"], ["true"], ["application/json"]),
                             (again.status, again.body, again.values("X-Order"), again.values("Idempotent-Replayed"),
                              again.values("Content-Type")))
            self.assertNotEqual(first.values("X-Request-Id"), again.values("X-Request-Id"))
        self.assertEqual([("k-1", b"two tickets")], self.shop.sold)
        decided = lambda: [l["outcome"] for l in gateway.lines if l.get("msg") == "request" and l["status"] == 201]   # noqa: E731
        wait_until(lambda: sorted(decided()) == ["idempotency"] * 3 + ["upstream"], 5, "who answered stands in the log")

    def test_a_slow_body_is_served_once_too(self):
        gateway = self.start(self.text.replace("timeout_ms: 15000", "timeout_ms: 300"))
        for replayed in ([], ["true"]):
            sent = self.request("k-2")
            with Client(gateway.port) as client:
                client.send(sent[:-5])
                time.sleep(0.5)      # allow(sleep): the client's pace
                client.send(sent[-5:])
                answer = client.response("POST")
            self.assertEqual((201, replayed), (answer.status, answer.values("Idempotent-Replayed")))
        self.assertEqual(1, self.shop.count())

    def test_who_forges_fields_of_the_gateway_is_reported_also_where_the_first_answer_is_given(self):
        gateway = self.start()
        self.assertEqual(201, self.buy(gateway, "k-9").status)
        again = self.buy(gateway, "k-9", header=tokens.bearer() + "X-User-Id: root\r\n")
        self.assertEqual((201, ["true"]), (again.status, again.values("Idempotent-Replayed")))
        wait_until(lambda: metric(gateway, "security_violations_total", violation_type="header_manipulation") == 1, 5, "it is reported")

    def test_another_request_another_caller_and_another_route_are_not_the_same(self):
        gateway = self.start()
        self.assertEqual(201, self.buy(gateway, "k").status)
        self.assertRefused(422, "validation_failed", self.buy(gateway, "k", b"three tickets"))
        self.assertRefused(422, "validation_failed", self.buy(gateway, "k", target="/api/v1/buy/e2"))
        self.assertRefused(422, "validation_failed", self.buy(gateway, "k", target="/api/v1/buy/e1?x=1"))
        self.assertRefused(422, "validation_failed", self.buy(gateway, "k", method="PUT"))
        self.assertEqual(1, self.shop.count())
        others = ({"header": tokens.bearer(sub="user-2")}, {"header": tokens.bearer(tenant_id=tokens.OTHER_TENANT)},
                  {"target": "/api/v1/must/e1"})
        for number, other in enumerate(others):
            self.assertEqual([str(number + 2)], self.buy(gateway, "k", **other).values("X-Order"))

    def test_where_nobody_says_who_calls_an_address_is_the_caller(self):
        gateway = self.start()
        sign_up = lambda address: self.buy(gateway, "k", target="/api/v1/sign-up",   # noqa: E731
                                           header=f"X-Forwarded-For: {address}\r\n").values("X-Order")
        self.assertEqual([["1"], ["1"], ["2"]], [sign_up(a) for a in ("192.0.2.1", "192.0.2.1", "192.0.2.2")])

    def test_behind_one_address_nobody_is_given_the_answer_to_anothers_credentials(self):
        gateway = self.start()
        sign_up = lambda header: self.buy(gateway, "k", target="/api/v1/sign-up", header=header)   # noqa: E731
        for number, header in enumerate(("Authorization: Basic YTpi", "Authorization: Basic YTpj", "X-API-Key: of-the-service"), 1):
            self.assertEqual([[str(number)]] * 2, [sign_up(header + "\r\n").values("X-Order") for _ in range(2)], header)
        self.assertEqual([["4"], ["4"]], [sign_up("Cookie: session=a\r\n").values("X-Order") for _ in range(2)])
        self.assertRefused(422, "validation_failed", sign_up("Cookie: session=b\r\n"))
        self.assertRefused(422, "validation_failed", sign_up(""))

    def test_while_it_is_served_nobody_else_serves_it(self):
        gateway = self.start()
        self.shop.go.clear()
        with Client(gateway.port, seconds=20) as first:
            first.send(self.request("k"))
            wait_until(lambda: self.shop.count() == 1, 5, "the service works on it")
            second = self.buy(gateway, "k")
            self.assertRefused(409, "conflict", second)
            self.assertEqual(["1"], second.values("Retry-After"))
            self.assertRefused(422, "validation_failed", self.buy(gateway, "k", b"another"))
            self.shop.go.set()
            self.assertEqual(201, first.response("POST").status)
        self.assertEqual(["true"], self.buy(gateway, "k").values("Idempotent-Replayed"))
        self.assertEqual(1, self.shop.count())

    def test_a_client_that_leaves_finds_the_answer_when_it_returns(self):
        gateway = self.start()
        self.shop.go.clear()
        with Client(gateway.port) as first:
            first.send(self.request("k"))
            wait_until(lambda: self.shop.count() == 1, 5, "the service works on it")
        wait_until(lambda: self.buy(gateway, "k").status == 409, 5, "it is still served")
        self.shop.go.set()
        found = wait_until(lambda: (a := self.buy(gateway, "k")).status == 201 and a, 5, "its answer is there")
        self.assertEqual((["1"], ["true"]), (found.values("X-Order"), found.values("Idempotent-Replayed")))
        self.assertEqual(1, self.shop.count())

    def test_a_ban_ends_it_all_the_same(self):
        gateway = self.start()
        self.shop.go.clear()
        with Client(gateway.port, seconds=20) as first:
            first.send(self.request("k"))
            wait_until(lambda: self.shop.count() == 1, 5, "the service works on it")
            cli(self.resp_port, "SET", "banned:user:user-1", "1", "EX", "60")
            wait_until(lambda: any(l.get("status") == 499 for l in gateway.lines), 5, "it is cut")
        cli(self.resp_port, "DEL", "banned:user:user-1")
        self.shop.go.set()
        self.assertEqual(["2"], wait_until(lambda: (a := self.buy(gateway, "k")).status == 201 and a, 5,
                                           "it may be tried again").values("X-Order"))

    def test_the_end_of_the_process_ends_it_all_the_same(self):
        gateway = self.start()
        self.shop.go.clear()
        self.addCleanup(self.shop.go.set)
        with Client(gateway.port, seconds=20) as first:
            first.send(self.request("k"))
            wait_until(lambda: self.shop.count() == 1, 5, "the service works on it")
            gateway.signal(signal.SIGTERM)
            wait_until(lambda: (ask(gateway.port, "/health/ready") or [0])[0] == 503, 5, "it drains")
            gateway.signal(signal.SIGTERM)
            self.assertEqual(0, gateway.process.wait(10))

    def test_what_failed_may_be_tried_again(self):
        gateway = self.start()
        for number, status in enumerate((500, 503, 429)):
            self.shop.status = status
            self.assertEqual(status, self.buy(gateway, f"k{number}").status)
            self.shop.status = 201
            wait_until(lambda n=number: self.buy(gateway, f"k{n}").status == 201, 5, "it is tried again")
        self.shop.status = 402
        self.assertEqual(402, self.buy(gateway, "declined").status)
        self.shop.status = 201
        again = self.buy(gateway, "declined")
        self.assertEqual((402, ["true"]), (again.status, again.values("Idempotent-Replayed")))

    def test_what_is_too_large_is_refused_or_used_up(self):
        gateway = self.start()
        self.assertRefused(413, "payload_too_large", self.buy(gateway, "k", b"x" * 1001))
        with Client(gateway.port) as client:
            client.send(f"POST /api/v1/buy/e1 HTTP/1.1\r\nHost: a\r\n{tokens.bearer()}Idempotency-Key: k\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n3e9\r\n".encode() + b"x" * 1001 + b"\r\n0\r\n\r\n")
            self.assertRefused(413, "payload_too_large", client.response("POST"))
        self.assertEqual(0, self.shop.count())
        self.assertEqual(201, self.buy(gateway, "", b"x" * 5000).status)
        self.shop.size = 3000
        self.assertEqual(201, self.buy(gateway, "large").status)
        self.assertRefused(409, "conflict", self.buy(gateway, "large"))
        self.assertEqual(2, self.shop.count())

    def test_what_is_withheld_was_done_all_the_same(self):
        gateway = self.start()
        self.shop.owner = tokens.OTHER_TENANT
        for _ in range(3):
            self.assertRefused(404, "not_found", self.buy(gateway, "k"))
        self.assertRefused(422, "validation_failed", self.buy(gateway, "k", b"another"))
        self.assertEqual(1, self.shop.count())
        self.shop.status = 500
        wait_until(lambda: self.buy(gateway, "failed").status == 404 and self.shop.count() >= 3, 5, "what failed may be tried again")

    def test_one_who_fills_the_room_for_answers_takes_nobody_elses_key(self):
        gateway = self.start(self.text + """
  - {name: hook, path: /api/v1/hook, service: shop, authenticate: {public: [/**]}, webhook_signature: {}}
""", environment={"STRIPE_WEBHOOK_SECRET": "whsec"})
        victim = lambda key, target="/api/v1/must/e1": self.buy(   # noqa: E731
            gateway, key, target=target, header=tokens.bearer(tenant_id=tokens.OTHER_TENANT))
        self.assertEqual(["1"], victim("before").values("X-Order"))
        self.shop.size, greedy = 60_000, 1_150      # 69 of 64 MB
        with Client(gateway.port, seconds=60) as client:
            for number in range(greedy):
                client.send(self.request(f"g-{number}", target="/api/v1/must/e1"))
                self.assertEqual(201, client.response("POST").status)
        self.shop.size = 0
        self.assertEqual(1 + greedy, self.shop.count())
        self.assertEqual((["1"], ["true"]), (lambda a: (a.values("X-Order"), a.values("Idempotent-Replayed")))(victim("before")))
        new = [victim("after") for _ in range(2)]
        self.assertEqual([[], ["true"]], [answer.values("Idempotent-Replayed") for answer in new])
        # Webhooks are let in once as ever.
        at, paid = int(time.time()), b"paid"
        signed = f"Stripe-Signature: t={at},v1={hmac.new(b'whsec', b'%d.' % at + paid, hashlib.sha256).hexdigest()}\r\n"
        self.assertEqual([201, 409], [self.buy(gateway, "", paid, "/api/v1/hook", header=signed).status for _ in range(2)])
        # What had to go for it is used up: neither is it done again.
        again = set()
        with Client(gateway.port, seconds=60) as client:
            for number in range(greedy):
                client.send(self.request(f"g-{number}", target="/api/v1/must/e1"))
                again.add(client.response("POST").status)
        self.assertEqual({201, 409}, again)
        self.assertEqual(3 + greedy, self.shop.count(), "all of its own, two of the other and the webhook")
        self.events(gateway, "are given up for want of room")
        self.assertEqual(0, self.unguarded(gateway, "/api/v1/must/**"))

    def test_whether_requests_go_on_unguarded_is_counted_from_the_start(self):
        gateway = self.start()
        text = ask(gateway.admin_port, "/metrics")[2]
        told = sorted(line for line in text.splitlines() if line.startswith("idempotency_unguarded_total{"))
        self.assertEqual([f'idempotency_unguarded_total{{service="api-gateway",route="{route}"}} 0'
                          for route in ("/api/v1/buy/**", "/api/v1/must/**", "/api/v1/sign-up")], told)

    def test_a_key_may_be_needed_and_is_for_changes_only(self):
        gateway = self.start()
        self.assertRefused(422, "validation_failed", self.buy(gateway, "", target="/api/v1/must/e1"))
        self.assertEqual(0, self.shop.count())
        for _ in range(2):
            self.assertEqual([], self.buy(gateway, "k", b"", "/api/v1/must/e1", "GET").values("Idempotent-Replayed"))
            self.assertEqual([], self.buy(gateway, "k", target="/api/v1/plain/e1").values("Idempotent-Replayed"))
        self.assertEqual(4, self.shop.count())

    def test_who_is_refused_now_is_given_nothing(self):
        gateway = self.start()
        self.assertEqual(201, self.buy(gateway, "k").status)
        self.assertEqual(401, self.buy(gateway, "k", header="").status)
        cli(self.resp_port, "SET", "banned:user:user-1", "1", "EX", "60")
        wait_until(lambda: self.buy(gateway, "k").status == 403, 5, "a ban is in force")


@unittest.skipUnless(shutil.which("redis-server"), "redis-server is not installed")
class Together(Once):
    def setUp(self):
        super().setUp()
        self.redis = Redis(self.folder)
        self.addCleanup(lambda: self.redis.kill())
        self.environment = {"REDIS_URL": f"redis://127.0.0.1:{self.redis.port}/0"}

    def fleet(self, count, text=None):
        gateways = [self.start(text or self.text) for _ in range(count)]
        for gateway in gateways:
            wait_until(lambda g=gateway: json.loads(ask(g.port, "/health")[2])["state"]["status"] == "ok", 10, "Redis")
        return gateways

    def test_a_crowd_that_asks_all_gateways_at_once_is_served_once(self):
        # Refused where the store is too slow to tell: by default such a request would be served, and perhaps twice.
        gateways = self.fleet(3, self.config("without_store: refuse"))
        def one(number):
            answer = self.buy(gateways[number % 3], f"k{number % 5}")
            return number % 5, answer.status, answer.values("X-Order")
        with concurrent.futures.ThreadPoolExecutor(30) as pool:
            found = list(pool.map(one, range(150)))
        self.assertEqual({201, 409, 503}, {status for _, status, _ in found} | {409, 503})
        self.assertEqual(5, self.shop.count())
        for key in range(5):
            self.assertEqual(1, len({tuple(order) for k, status, order in found if k == key and status == 201}))

    def test_a_claim_that_has_lapsed_leaves_another_ones_alone(self):
        self.environment |= {"WORKERS": "1"}     # one after the other
        first, second = self.fleet(2)
        stands = lambda key: cli(self.redis.port, "GET", key)   # noqa: E731
        for status in (201, 500):     # an answer that is kept, and one that frees the key
            key, number = f"k{status}", self.shop.count()
            early, late = (self.shop.turns.setdefault(number + n, threading.Event()) for n in (1, 2))
            with Client(first.port, seconds=20) as a, Client(second.port, seconds=20) as b:
                a.send(self.request(key))
                wait_until(lambda: self.shop.count() == number + 1, 5, "the service works on it")
                place = cli(self.redis.port, "KEYS", "idempotency:*")
                cli(self.redis.port, "DEL", place)
                b.send(self.request(key))
                wait_until(lambda: self.shop.count() == number + 2, 5, "it is asked for again")
                claim = stands(place)
                self.assertTrue(claim.startswith("running "), claim)
                self.shop.status = status
                early.set()
                self.assertEqual(status, a.response("POST").status)
                self.shop.status = 201
                self.assertEqual(201, self.buy(first, f"behind-{key}").status)
                others = lambda: [k for k in cli(self.redis.port, "KEYS", "idempotency:*").split() if k != place]   # noqa: E731
                wait_until(lambda: any(stands(k).startswith("answered ") for k in others()), 5, "what came behind is kept")
                self.assertEqual(claim, stands(place))
                late.set()
                self.assertEqual(201, b.response("POST").status)
            wait_until(lambda: stands(place).startswith("answered "), 5, "the second one's answer is kept")
            self.assertGreater(int(cli(self.redis.port, "PTTL", place)), 60_000_000)
            cli(self.redis.port, "FLUSHALL")

    def test_the_answer_is_there_after_a_restart(self):
        gateway, = self.fleet(1)
        self.assertEqual(201, self.buy(gateway, "k").status)
        self.assertStops(gateway)
        other, = self.fleet(1)
        self.assertEqual((["1"], ["true"]), (lambda a: (a.values("X-Order"), a.values("Idempotent-Replayed")))(
            self.buy(other, "k")))

    def test_without_the_store_it_is_served_or_refused_as_the_route_says(self):
        for option, statuses, unguarded in (("serve", [201, 201], 2), ("refuse", [503, 503], 0)):
            gateway, = self.fleet(1, self.config(f"without_store: {option}"))
            os.kill(self.redis.process.pid, signal.SIGSTOP)
            try:
                self.assertEqual(statuses, [self.buy(gateway, f"away-{option}").status for _ in range(2)])
            finally:
                os.kill(self.redis.process.pid, signal.SIGCONT)
            self.assertEqual(unguarded, self.unguarded(gateway))
            if unguarded:
                line, = self.events(gateway, "nobody can tell whether they came before")
                self.assertEqual(("WARN", 1, "/api/v1/buy/**"), (line["level"], line["requests"], line["route"]))
                wait_until(lambda g=gateway: sum(l.get("outcome", "").startswith("upstream: the state store") for l in g.lines) == 2,
                           5, "access lines name them")
            wait_until(lambda g=gateway: json.loads(ask(g.port, "/health")[2])["state"]["status"] == "ok", 10, "Redis")
            self.assertStops(gateway)

    def test_a_pause_of_the_store_does_not_serve_it_twice(self):
        # Shorter than Redis has to answer, and longer: then the connection is given up and made anew.
        for within, pause in ((1000, 400), (200, 600)):
            gateway, = self.fleet(1, self.text + f"state: {{redis: {{command_timeout_ms: {within}}}}}\n")
            first = self.buy(gateway, f"k-{within}")
            self.assertEqual(201, first.status)
            wait_until(lambda g=gateway, k=f"k-{within}": self.buy(g, k).values("Idempotent-Replayed") == ["true"], 5, "it is kept")
            self.assertEqual("OK", cli(self.redis.port, "CLIENT", "PAUSE", str(pause), "ALL"))
            again = self.buy(gateway, f"k-{within}")
            self.assertEqual((201, ["true"], first.body), (again.status, again.values("Idempotent-Replayed"), again.body))
            self.assertEqual(0, self.unguarded(gateway))
            self.assertStops(gateway)

    def test_a_key_that_is_known_is_found_where_redis_takes_no_writes(self):
        gateway, = self.fleet(1)
        self.assertEqual(201, self.buy(gateway, "known").status)
        wait_until(lambda: self.buy(gateway, "known").values("Idempotent-Replayed") == ["true"], 5, "its answer is kept")
        cli(self.redis.port, "CONFIG", "SET", "maxmemory", "1")
        self.assertEqual(201, self.buy(gateway, "new").status)
        wait_until(lambda: json.loads(ask(gateway.port, "/health")[2])["state"]["status"] != "ok", 10, "it takes no writes")
        self.assertEqual(["true"], self.buy(gateway, "known").values("Idempotent-Replayed"))
        self.assertEqual((2, 1), (self.shop.count(), self.unguarded(gateway)))


if __name__ == "__main__":
    unittest.main()
