"""Rate limits: by whom they count, what clients are told, and that gateways count together."""
import concurrent.futures
import json
import os
import shutil
import signal
import socket
import threading
import time
import unittest

from support import tokens
from support.clients import Client
from support.process import ask
from support.redis import Redis, cli
from support.services import SocketService
from support.wait import wait_until
from test_state import State


class Limits(State):
    limits = ""

    def start(self, limits="", **environment):
        text = f"limits: {{{limits}}}\n" + self.text + """
  - {name: sell, path: /api/v1/sell, service: origin, rewrite: /up/text, rate_limit: {policies: [tickets]}}
  - {name: pay, path: /api/v1/pay/**, service: origin, rewrite: /up, rate_limit: {policies: [failed]}}
  - {name: free, path: /api/v1/free/**, service: origin, rewrite: /up, rate_limit: {policies: []}}
"""
        return super().start(text, environment={"RATE_LIMIT_ENABLED": "true"} | environment)

    FAILED = "policies: {failed: {requests: 3, window_ms: 60000, count: failures, mode: exact}}"

    def statuses(self, gateway, count, header="", target="/api/v1/s0/text"):
        return [self.get(gateway, target, header).status for _ in range(count)]

    def sell(self, gateway, event, user="user-1", chunked=False):
        body = json.dumps({"eventId": event, "tickets": [{"quantity": 1}]}).encode()
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
        with Client(gateway.port) as client:
            client.send(f"POST /api/v1/sell HTTP/1.1\r\nHost: a\r\n{tokens.bearer(sub=user)}"
                        f"Content-Type: application/json\r\n{framing}\r\n\r\n".encode() + sent)
            return client.response()

    def pay_at_once(self, gateway):
        """Three payments are under way, a fourth is refused for a moment; then all were good."""
        header = tokens.bearer()
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            held = [pool.submit(self.get, gateway, "/api/v1/pay/hold", header) for _ in range(3)]
            try:
                wait_until(lambda: self.origin.holding == 3, 10, "three are at the service")
                refused = self.get(gateway, "/api/v1/pay/text", header)
            finally:
                self.origin.release()
            self.assertEqual([200] * 3, [each.result().status for each in held])
        self.assertEqual((429, ["1"], ["1"]), (refused.status, refused.values("Retry-After"), refused.values("X-RateLimit-Reset")))
        failing = lambda: self.get(gateway, "/api/v1/pay/status?code=402", header)
        wait_until(lambda: self.get(gateway, "/api/v1/pay/text", header).status == 200, 10, "there is room again")
        self.assertEqual([402] * 3, [failing().status for _ in range(3)])
        refused = failing()
        self.assertEqual(429, refused.status)
        self.assertGreater(int(refused.values("Retry-After")[0]), 30)


class Alone(Limits):
    def test_so_many_in_a_window_and_no_more(self):
        gateway = self.start(self.FAILED, RATE_LIMIT_MAX="3")
        answers = [self.get(gateway, "/api/v1/s0/text") for _ in range(5)]
        self.assertEqual([200, 200, 200, 429, 429], [a.status for a in answers])
        first, refused = answers[0], answers[3]
        self.assertEqual(['"general";q=3;w=60'], first.values("RateLimit-Policy"))
        self.assertRegex(first.values("RateLimit")[0], r'^"general";r=2;t=\d+$')
        self.assertEqual((["3"], ["2"]), (first.values("X-RateLimit-Limit"), first.values("X-RateLimit-Remaining")))
        self.assertEqual("rate_limited", json.loads(refused.body)["code"])
        self.assertTrue(50 < int(refused.values("Retry-After")[0]) <= 60)
        self.assertEqual(refused.values("Retry-After"), refused.values("X-RateLimit-Reset"))
        self.assertLessEqual(int(first.values("X-RateLimit-Reset")[0]), 60)
        self.assertEqual(["0"], refused.values("X-RateLimit-Remaining"))
        self.assertEqual(1, self.metric(gateway, 'rate_limit_exceeded_total{service="api-gateway",policy="general"} 2'))
        self.assertEqual(1, self.metric(gateway, 'rate_limit_exceeded_total{service="api-gateway",policy="tickets"} 0'))
        for path in ("/health", "/health/ready", "/health/live"):
            self.assertEqual([200] * 5, [ask(gateway.port, path)[0] for _ in range(5)])
        self.assertEqual([200] * 5, self.statuses(gateway, 5, tokens.bearer(), "/api/v1/free/text"))

    def test_it_counts_by_user_where_there_is_one_else_by_address(self):
        gateway = self.start(self.FAILED, RATE_LIMIT_MAX="3")
        one, other = tokens.bearer(sub="one"), tokens.bearer(sub="other")
        self.assertEqual([200] * 3 + [429], self.statuses(gateway, 4, one))
        self.assertEqual([200] * 3 + [429], self.statuses(gateway, 4, other))
        self.assertEqual([200] * 3 + [429], self.statuses(gateway, 4))
        self.assertEqual([200] * 3 + [429], self.statuses(gateway, 4, "X-Forwarded-For: 2001:db8:1:2::1\r\n"))
        self.assertEqual([429], self.statuses(gateway, 1, "X-Forwarded-For: 2001:db8:1:2:aaaa::9\r\n"))
        self.assertEqual([200], self.statuses(gateway, 1, "X-Forwarded-For: 2001:db8:1:3::1\r\n"))
        # A token that is not good is nobody's: it is refused before it is counted.
        self.assertEqual([401] * 5, self.statuses(gateway, 5, tokens.bearer("x.y.z"), "/api/v1/s0/seen"))

    def test_a_purchase_counts_by_user_and_event_and_blocks(self):
        gateway = self.start('tickets: {key: [caller, "parameter:eventId"], mode: exact}, ' + self.FAILED)
        self.assertEqual([200] * 5, [self.sell(gateway, "e1").status for _ in range(5)])
        refused = self.sell(gateway, "e1")
        self.assertEqual((429, 300), (refused.status, int(refused.values("Retry-After")[0])))
        self.assertEqual(429, self.sell(gateway, "e1", chunked=True).status)
        self.assertEqual(200, self.sell(gateway, "e2").status)
        self.assertEqual(200, self.sell(gateway, "e1", "user-2").status)
        self.assertEqual("tickets", self.events(gateway, "rate limit: blocked")[0]["policy"])

    def test_no_way_of_writing_a_purchase_leads_to_ever_new_counts(self):
        gateway = self.start('tickets: {key: [caller, "parameter:eventId"], mode: exact}, ' + self.FAILED)
        deep = "[" * 40 + "]" * 40

        def sell(body, header="", user="user-1"):
            with Client(gateway.port) as client:
                client.send(f"POST /api/v1/sell HTTP/1.1\r\nHost: a\r\n{tokens.bearer(sub=user)}Content-Type: application/json\r\n"
                            f"{header}Content-Length: {len(body)}\r\n\r\n{body}".encode())
                return client.response().status
        # Beside the event's own count there is one for all that cannot be told.
        for number, body in enumerate(('{"eventId": "x%d", "eventId": "e1"}', '{"a": {"eventId": "x%d"}, "eventId": "e1"}',
                                       '{"eventId": "e1", "a": [{"eventId": "x%d"}]}', '{"a": {"eventId": "x%d"}, "b": DEEP, "eventId": "e1"}')):
            statuses = [sell(body.replace("DEEP", deep) % i, user=f"user-{number}") for i in range(6)]
            self.assertEqual([200] * 5 + [429], statuses, body)
        self.assertEqual([200] * 5 + [429], [sell('{"eventId": "%s"}' % event, user="case") for event in
                                             ("abc", "abC", "aBc", "aBC", "Abc", "AbC")])
        self.assertEqual([200] * 5 + [429], [sell('{"eventId": "e1"}', header, "coding") for header in
                                             ["Content-Encoding: identity\r\n", "Content-Encoding:\r\n", ""] * 2])

    def test_where_only_failures_count_success_is_free(self):
        gateway = self.start(self.FAILED)
        fine = lambda count: self.statuses(gateway, count, tokens.bearer(), "/api/v1/pay/text")
        failing = lambda: self.statuses(gateway, 1, tokens.bearer(), "/api/v1/pay/status?code=402")
        self.assertEqual([200] * 10, fine(10))
        self.assertEqual([402], failing())
        self.assertEqual([200] * 5, fine(5))
        self.assertEqual([402, 402, 429], failing() + failing() + failing())
        self.assertEqual([429], fine(1))

    def test_what_another_limit_refuses_is_no_failure(self):
        self.text += """
  - {name: both, path: /api/v1/both/**, service: origin, rewrite: /up, rate_limit: {policies: [failed, few]}}
"""
        gateway = self.start(self.FAILED[:-1] + ", few: {requests: 2, mode: local}}")
        self.assertEqual([200] * 2 + [429] * 6, self.statuses(gateway, 8, tokens.bearer(), "/api/v1/both/text"))
        self.assertEqual([200], self.statuses(gateway, 1, tokens.bearer(), "/api/v1/pay/text"))

    def test_payments_under_way_refuse_others_for_a_moment_only(self):
        self.pay_at_once(self.start(self.FAILED))

    def test_where_only_failures_count_the_gateways_own_success_is_free_too(self):
        self.text += """
  - {name: moved, path: "/moved/{id}", redirect: {to: "/new/{id}"}, rate_limit: {policies: [failed]}}
  - name: whole
    path: /whole/{id}
    methods: [GET]
    aggregate: {parts: {one: {service: origin, path: "/up/{id}"}}}
    rate_limit: {policies: [failed]}
"""
        gateway = self.start(self.FAILED)
        for header, target, status in ((tokens.bearer(sub="moving"), "/moved/1", 302), (tokens.bearer(), "/whole/seen", 200)):
            self.assertEqual([status] * 10, self.statuses(gateway, 10, header, target))
        self.assertEqual([502] * 3 + [429], self.statuses(gateway, 4, tokens.bearer(), "/whole/text"))

    def test_a_dry_run_refuses_nothing_and_tells(self):
        gateway = self.start(self.FAILED + ", general: {requests: 2, dry_run: true}")
        self.assertEqual([200] * 5, self.statuses(gateway, 5))
        self.assertEqual(1, self.metric(
            gateway, 'rate_limit_exceeded_total{service="api-gateway",policy="general:dry-run"} 3'))

    def test_tiers_give_tenants_their_own_numbers(self):
        gateway = self.start(f'general: {{requests: 2, tiers: {{big: {{requests: 4, tenants: ["{tokens.TENANT}"]}}}}}}, '
                             + self.FAILED)
        self.assertEqual([200] * 4 + [429], self.statuses(gateway, 5, tokens.bearer()))
        self.assertEqual([200] * 2 + [429], self.statuses(gateway, 3, tokens.bearer(tenant_id=tokens.OTHER_TENANT)))

    def test_it_can_be_turned_off(self):
        gateway = self.start(self.FAILED, RATE_LIMIT_MAX="1", RATE_LIMIT_ENABLED="false")
        answers = [self.get(gateway, "/api/v1/s0/text") for _ in range(5)]
        self.assertEqual([200] * 5, [a.status for a in answers])
        self.assertEqual([], answers[0].values("RateLimit"))

    def test_requests_that_are_counted_outlive_a_reload_that_turns_it_off(self):
        text = f"limits: {{enabled: SWITCH, tickets: {{key: [caller, 'parameter:eventId']}}, {self.FAILED}}}\n" + self.text + """
  - {name: pay, path: /api/v1/pay/**, service: origin, rewrite: /up, rate_limit: {policies: [failed]}}
  - {name: sell, path: /api/v1/sell, service: origin, rewrite: /up/text, rate_limit: {policies: [tickets]}}
"""
        gateway = State.start(self, text.replace("SWITCH", "true"), environment={"RATE_LIMIT_ENABLED": ""})   # the file says
        with Client(gateway.port) as client, Client(gateway.port) as slow:
            slow.send(f"POST /api/v1/sell HTTP/1.1\r\nHost: a\r\n{tokens.bearer()}Content-Type: application/json\r\n"
                      'Content-Length: 17\r\n\r\n{"eventId": '.encode())
            client.send(f"GET /api/v1/pay/hold HTTP/1.1\r\nHost: a\r\n{tokens.bearer()}\r\n".encode())
            wait_until(lambda: self.origin.holding == 1, 10, "the request is at the service")
            gateway.config.write_text(text.replace("SWITCH", "false"))
            gateway.signal(signal.SIGHUP)
            self.events(gateway, "configuration reloaded")
            self.origin.release()
            self.assertEqual(200, client.response().status)
            slow.send(b'"e1"}')
            self.assertEqual(200, slow.response("POST").status)


class FarRedis(SocketService):
    """The way to a Redis: what it answers arrives `seconds` later."""

    def __init__(self, port):
        self.behind, self.seconds = port, 0
        super().__init__()

    def serve(self, sock):
        with socket.create_connection(("127.0.0.1", self.behind)) as redis:
            redis.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._back, args=(redis, sock), daemon=True).start()
            while data := sock.recv(65536):
                redis.sendall(data)

    def _back(self, redis, sock):
        try:
            while data := redis.recv(65536):
                time.sleep(self.seconds)   # allow(sleep): the way
                sock.sendall(data)
        except OSError:
            pass


@unittest.skipUnless(shutil.which("redis-server"), "redis-server is not installed")
class Together(Limits):
    def setUp(self):
        super().setUp()
        self.redis = Redis(self.folder)
        self.addCleanup(lambda: self.redis.kill())
        self.environment = {"REDIS_URL": f"redis://127.0.0.1:{self.redis.port}/0"}

    def fleet(self, count, limits=Limits.FAILED, **environment):
        gateways = [self.start(limits, ADMIN_TOKEN="t", **environment) for _ in range(count)]
        for gateway in gateways:
            wait_until(lambda g=gateway: json.loads(ask(g.port, "/health")[2])["state"]["status"] == "ok", 10, "Redis")
        for gateway in gateways:
            wait_until(lambda g=gateway: self.knows(g) == count, 10, "each knows how many they are")
        return gateways

    def knows(self, gateway):
        return json.loads(ask(gateway.admin_port, "/admin/v1/status", headers="Authorization: Bearer t\r\n")[2])["gateways"]

    def ask_all(self, gateways, count, header, target, workers=32):
        def one(number):
            with Client(gateways[number % len(gateways)].port, seconds=30) as client:
                return client.get(target, header).status
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            return list(pool.map(one, range(count)))

    def test_five_hundred_purchases_at_once_buy_five(self):
        gateways = self.fleet(4)
        statuses = self.ask_all(gateways, 500, tokens.bearer(), "/api/v1/sell", 64)
        self.assertEqual((5, 495), (statuses.count(200), statuses.count(429)))

    def test_four_gateways_with_permits_ahead_keep_the_limit(self):
        limit = 400
        gateways = self.fleet(4, RATE_LIMIT_MAX=str(limit))
        statuses = self.ask_all(gateways, 1200, tokens.bearer(), "/api/v1/s0/text")
        self.assertLessEqual(statuses.count(200), limit * 1.01)
        self.assertGreaterEqual(statuses.count(200), limit * 0.95)
        self.assertEqual(1200, statuses.count(200) + statuses.count(429))

    def test_a_redis_that_stalls_keeps_nobody_waiting(self):
        gateway, = self.fleet(1, RATE_LIMIT_MAX="20")
        os.kill(self.redis.process.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            found = [s for user in range(30) for s in self.statuses(gateway, 2, tokens.bearer(sub=f"user-{user}"))]
            self.assertEqual([200] * 60, found)
            # Not each of them, as it would be if each waited for the store by itself.
            self.assertLess(time.monotonic() - began, 30 * 0.05)
        finally:
            os.kill(self.redis.process.pid, signal.SIGCONT)

    def test_a_client_that_moves_finds_what_is_left(self):
        here, there = self.fleet(2)
        header = tokens.bearer()
        found = self.statuses(here, 50, header) + self.statuses(there, 100, header)
        self.assertGreaterEqual(found.count(200), 95)
        # What was taken ahead for it and not used comes back.
        wait_until(lambda: found.extend(self.statuses(there, 1, header)) or found.count(200) == 100, 10, "all of its limit")
        self.assertEqual([429] * 20, self.statuses(here, 10, header) + self.statuses(there, 10, header))

    def test_a_limit_of_few_is_all_there_on_whichever_gateway(self):
        gateways = self.fleet(3, RATE_LIMIT_MAX="3")
        header = tokens.bearer()
        found = [self.statuses(gateways[i % 3], 1, header)[0] for i in range(5)]
        self.assertEqual([200] * 3 + [429] * 2, found)

    def test_a_redis_that_stalls_gives_nobody_his_limit_again(self):
        gateway, = self.fleet(1, RATE_LIMIT_MAX="20")
        header = tokens.bearer()
        self.assertEqual([200] * 20 + [429], self.statuses(gateway, 21, header))
        self.assertEqual([200] * 5 + [429], [self.sell(gateway, "e1").status for _ in range(6)])
        self.assertEqual([200] * 3, [self.sell(gateway, "e2", "user-2").status for _ in range(3)])
        os.kill(self.redis.process.pid, signal.SIGSTOP)
        try:
            self.assertEqual([429] * 5, [self.sell(gateway, "e1").status for _ in range(5)])
            self.assertEqual([200] * 2 + [429], [self.sell(gateway, "e2", "user-2").status for _ in range(3)])
            self.assertEqual([429] * 30, self.statuses(gateway, 30, header))
        finally:
            os.kill(self.redis.process.pid, signal.SIGCONT)
        self.redis.kill()
        wait_until(lambda: json.loads(ask(gateway.port, "/health")[2])["state"]["status"] == "down", 10, "noticed")
        self.assertEqual([429] * 30, self.statuses(gateway, 30, header))
        self.assertEqual(429, self.sell(gateway, "e1").status)

    def test_a_redis_that_goes_on_answering_late_is_told_and_each_gateway_has_its_share(self):
        far = FarRedis(self.redis.port)
        self.addCleanup(far.close)
        self.environment = {"REDIS_URL": f"redis://127.0.0.1:{far.port}/0"}
        gateways = self.fleet(2, RATE_LIMIT_MAX="20")
        told = lambda gateway: json.loads(ask(gateway.port, "/health")[2])["state"]["status"]
        slow = lambda gateway, value: self.metric(gateway, f'state_backend_slow{{service="api-gateway"}} {value}\n')
        self.assertEqual([1, 1], [slow(gateway, 0) for gateway in gateways])
        far.seconds = 0.08
        for gateway in gateways:
            wait_until(lambda g=gateway: told(g) == "degraded", 20, "it is told")
            self.assertEqual(1, slow(gateway, 1))
            self.assertEqual(1, self.metric(gateway, 'state_backend_up{service="api-gateway"} 1\n'))
            self.events(gateway, "too late for rate limits")
        for gateway in gateways:
            found = self.statuses(gateway, 20, tokens.bearer())
            self.assertEqual((10, 10), (found.count(200), found.count(429)))
        far.seconds = 0
        for gateway in gateways:
            wait_until(lambda g=gateway: told(g) == "ok", 20, "it is over")
            self.assertEqual(1, slow(gateway, 0))
            self.assertEqual(1, len(self.events(gateway, "in time for rate limits again")))
            self.assertEqual(1, len(self.events(gateway, "too late for rate limits")))

    def test_payments_under_way_refuse_others_for_a_moment_only(self):
        gateway, = self.fleet(1)
        self.pay_at_once(gateway)

    def failures(self):
        """Held in Redis by whoever paid."""
        count = "local sum = 0; for _, key in ipairs(redis.call('KEYS', 'ratelimit:failed:*')) do " \
                "local v = cmsgpack.unpack(redis.call('GET', key)); for i = 4, #v, 2 do sum = sum + v[i] end end; return sum"
        return int(cli(self.redis.port, "EVAL", count, "0"))

    def test_a_payment_whose_permit_came_late_is_no_failure(self):
        gateway, = self.fleet(1)
        for _ in range(4):
            os.kill(self.redis.process.pid, signal.SIGSTOP)
            try:
                self.assertEqual([200], self.statuses(gateway, 1, tokens.bearer(), "/api/v1/pay/text"))
            finally:
                os.kill(self.redis.process.pid, signal.SIGCONT)
            # One that asks again shows that the store is counted in.
            wait_until(lambda: self.statuses(gateway, 1, tokens.bearer(sub="another"), "/api/v1/pay/text") == [200]
                       and self.failures() == 0, 10, "what was granted went back")
        # One that fails keeps it, late as it is.
        os.kill(self.redis.process.pid, signal.SIGSTOP)
        try:
            self.assertEqual([402], self.statuses(gateway, 1, tokens.bearer(), "/api/v1/pay/status?code=402"))
        finally:
            os.kill(self.redis.process.pid, signal.SIGCONT)
        wait_until(lambda: self.failures() == 1, 10, "it counts")

    def test_without_redis_each_gateway_has_its_share(self):
        gateways = self.fleet(2, RATE_LIMIT_MAX="20")
        self.redis.kill()
        for gateway in gateways:
            wait_until(lambda g=gateway: json.loads(ask(g.port, "/health")[2])["state"]["status"] == "down", 10, "noticed")
        for gateway in gateways:
            found = self.statuses(gateway, 20, tokens.bearer())
            self.assertEqual((10, 10), (found.count(200), found.count(429)))


if __name__ == "__main__":
    unittest.main()
