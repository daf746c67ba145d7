"""Endpoints of a service: how requests are spread, who is left out and comes back, and reads that are sent twice."""
import json
import re
import socket
import threading
import time
import unittest

from support.clients import Client, Load
from support.names import NameServer
from support.origins import Origin
from support.process import ask, free_ports
from support.scenario import Scenario
from support.wait import wait_until

NAME = "service.test"


class Endpoint(Origin):
    """Counts what it serves apart from how often it is asked whether it is well; slow(n) says how long the n-th takes."""

    def __init__(self, name, host="127.0.0.1", port=0):
        self.well, self.served, self.slow = True, 0, lambda number: 0
        self._count = threading.Lock()
        super().__init__(name, host, port)

    def die(self):
        """As a process does: from here on nobody listens."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.close()

    def _answer(self, sock, stream, head, target):
        if target == "/healthz":
            sock.sendall(b"HTTP/1.1 %s Status\r\nContent-Length: 0\r\n\r\n" % (b"200" if self.well else b"503"))
            return True
        with self._count:
            self.served += 1
            number = self.served
        time.sleep(self.slow(number))   # allow(sleep): what the service takes
        return super()._answer(sock, stream, head, target)


class Endpoints(Scenario):
    def endpoints(self, count, **options):
        self.origins = [Endpoint(f"e{i}") for i in range(count)]
        for origin in self.origins:
            self.addCleanup(origin.close)
        return self.origins

    def text(self, options="", each=None, route="", host="127.0.0.1"):
        lines = ["services:", "  origin:", "    endpoints:"]
        for number, origin in enumerate(self.origins):
            lines.append(f"      - {{url: \"{origin.url}\"{(each or {}).get(number, '')}}}")
        return "\n".join(lines) + f"\n{options}\n" + self.routes(route)

    @staticmethod
    def routes(more=""):
        return f"""
routes:
  - {{name: s0, path: /api/v1/s0/**, service: origin, rewrite: /up, authenticate: {{public: [/**]}}{more}}}
"""

    def named(self, options=""):
        """A service by one name, which has the first of three addresses."""
        self.names = NameServer()
        self.addCleanup(self.names.close)
        port = free_ports(1)[0]
        self.origins = [Endpoint("all", host, port) for host in ("127.0.0.2", "127.0.0.3", "127.0.0.4")]
        for origin in self.origins:
            self.addCleanup(origin.close)
        self.names.table[NAME] = ["127.0.0.2"]
        return f"""
dns: {{servers: ["{self.names.address}"], ttl_min_ms: 100, ttl_max_ms: 200}}
services:
  origin:
    url: http://{NAME}:{port}
{options}
""" + self.routes()

    def begin(self, text, **environment):
        environment.setdefault("WORKERS", "1")
        gateway = self.start(text, environment=environment)
        wait_until(lambda: self.get(gateway)[0] == 200, 10, "it serves")
        for origin in self.origins:
            origin.served = 0
        return gateway

    def get(self, gateway, action="text", headers=""):
        answer = ask(gateway.port, f"/api/v1/s0/{action}", headers=headers)
        return (answer[0], answer[2].removeprefix("hello from ")) if answer else (None, None)

    def served(self):
        return [origin.served for origin in self.origins]

    def metric(self, gateway, name):
        text = ask(gateway.admin_port, "/metrics")[2]
        return {m[1]: float(m[2]) for m in re.finditer(rf"(?m)^{name}{{(.*)}} (\S+)$", text)}

    def health_of(self, gateway, origin):
        return next(value for labels, value in self.metric(gateway, "upstream_health").items()
                    if f"endpoint=\"{origin.url.removeprefix('http://')}\"" in labels)


class Spreading(Endpoints):
    def test_in_turn(self):
        self.endpoints(3)
        gateway = self.begin(self.text("    balance: {policy: round_robin}"))
        for _ in range(30):
            self.assertEqual(200, self.get(gateway)[0])
        self.assertEqual([10, 10, 10], self.served())

    def test_by_weight(self):
        self.endpoints(3)
        gateway = self.begin(self.text("    balance: {policy: weighted}", {0: ", weight: 3", 2: ", weight: 0"}))
        for _ in range(40):
            self.assertEqual(200, self.get(gateway)[0])
        self.assertEqual(40, sum(self.served()))
        self.assertAlmostEqual(30, self.origins[0].served, delta=1)
        self.assertEqual(0, self.origins[2].served)

    def test_the_less_busy_one_gets_more(self):
        busy, idle = self.endpoints(2)
        busy.name = idle.name = "all"
        gateway = self.begin(self.text())
        busy.slow = lambda number: 0.2
        with Load(gateway.port, "/api/v1/s0/text", b"hello from all", 4) as load:
            wait_until(lambda: idle.served > 200, 20, "many requests")
        self.assertEqual([], load.failures[:5])
        self.assertGreater(idle.served, 5 * busy.served)

    def test_by_key(self):
        self.endpoints(4)
        for key, headers in (("header:X-Session", "X-Session: %d\r\n"), ("cookie:sid", "Cookie: a=b; sid=%d\r\n")):
            gateway = self.begin(self.text(f"    balance: {{policy: hash, key: \"{key}\"}}"))
            first = {n: self.get(gateway, headers=headers % n) for n in range(40)}
            self.assertEqual({200}, {status for status, _ in first.values()})
            self.assertEqual(4, len({name for _, name in first.values()}))
            for n, answer in first.items():
                self.assertEqual(answer, self.get(gateway, headers=headers % n))
            self.assertEqual(0, gateway.stop())

    def test_keys_of_one_that_died_move_and_no_others(self):
        self.endpoints(4)
        gateway = self.begin(self.text("    balance: {policy: hash, key: \"header:X-Session\"}"))
        first = {n: self.get(gateway, headers=f"X-Session: {n}\r\n")[1] for n in range(40)}
        self.origins[0].die()
        for n, name in first.items():
            status, now = self.get(gateway, headers=f"X-Session: {n}\r\n")
            self.assertEqual(200, status)
            self.assertTrue(now == name if name != "e0" else now != "e0")

    def test_our_own_zone_first(self):
        near, far = self.endpoints(2)
        gateway = self.begin(self.text(each={0: ", zone: a", 1: ", zone: b"}), ZONE="a")
        for _ in range(20):
            self.assertEqual((200, "e0"), self.get(gateway))
        near.die()
        for _ in range(20):
            self.assertEqual((200, "e1"), self.get(gateway))
        self.assertGreater(far.served, 0)


class Coming(Endpoints):
    HEALTH = "    health: {failures_max: 2, ejected_ms: 1000, ejected_max_ms: 1000, slow_start_ms: 0}"

    def test_one_that_dies_and_returns_costs_no_request(self):
        first, second = self.endpoints(2)
        for origin in self.origins:
            origin.name = "all"
        gateway = self.begin(self.text(self.HEALTH))
        with Load(gateway.port, "/api/v1/s0/text", b"hello from all", 4) as load:
            wait_until(lambda: second.served > 20, 10, "both serve")
            second.die()
            wait_until(lambda: self.health_of(gateway, second) == 0, 10, "it is left out")
            shown = json.loads(ask(gateway.port, "/health")[2])["upstreams"]["origin"]
            self.assertEqual({"endpoints": 2, "healthy": 1}, shown)
            again = Endpoint("all", port=second.port)
            self.addCleanup(again.close)
            wait_until(lambda: again.served > 20, 10, "it serves again")
            wait_until(lambda: self.health_of(gateway, second) == 1, 10, "it is well again")
        self.assertEqual([], load.failures[:5])

    def test_those_that_join_and_leave_by_name_cost_no_request(self):
        gateway = self.begin(self.named(self.HEALTH))
        with Load(gateway.port, "/api/v1/s0/text", b"hello from all", 4) as load:
            self.names.table[NAME] = ["127.0.0.2", "127.0.0.3"]
            wait_until(lambda: self.origins[1].served > 20, 10, "the second serves")
            self.names.table[NAME] = ["127.0.0.3", "127.0.0.4"]
            wait_until(lambda: self.origins[2].served > 20, 10, "the third serves")
            wait_until(lambda: self.origins[0].connections == 0, 10, "the first is let go of")
        self.assertEqual([], load.failures[:5])
        self.assertEqual(2, len(self.metric(gateway, "upstream_health")))

    def test_who_joins_gets_less_at_first(self):
        text = self.named("    balance: {policy: weighted}\n    health: {slow_start_ms: 3000}")
        gateway = self.begin(text)
        self.names.table[NAME] = ["127.0.0.2", "127.0.0.3"]
        wait_until(lambda: len(self.metric(gateway, "upstream_health")) == 2, 10, "it has joined")
        self.origins[0].served = 0
        for _ in range(60):
            self.assertEqual(200, self.get(gateway)[0])
        self.assertLess(self.origins[1].served, 20)
        self.assertGreater(self.origins[1].served, 0)

        def share_of_sixty():
            before = self.origins[1].served
            for _ in range(60):
                self.assertEqual(200, self.get(gateway)[0])
            return self.origins[1].served - before
        wait_until(lambda: abs(share_of_sixty() - 30) <= 2, 20, "half of the requests are its own", 0.1)


class Checks(Endpoints):
    CHECK = "    check: {enabled: true, path: /healthz, interval_ms: 100, unhealthy_threshold: 2, healthy_threshold: 1}\n" \
            "    health: {slow_start_ms: 0}"

    def test_a_sick_one_is_out_before_a_request_meets_it(self):
        good, sick = self.endpoints(2)
        gateway = self.begin(self.text(self.CHECK))
        sick.well = False
        wait_until(lambda: self.health_of(gateway, sick) == 0, 10, "it is left out")
        wait_until(lambda: {self.get(gateway) for _ in range(20)} == {(200, "e0")}, 5, "the worker knows")
        before = sick.served
        for _ in range(40):
            self.assertEqual((200, "e0"), self.get(gateway))
        self.assertEqual(before, sick.served)
        sick.well = True
        wait_until(lambda: self.get(gateway) == (200, "e1"), 10, "it serves again")

    def test_the_first_checks_do_not_make_the_start_slow(self):
        self.endpoints(3)
        gateway = self.begin(self.text(self.CHECK.replace("slow_start_ms: 0", "slow_start_ms: 60000")
                                       + "\n    balance: {policy: weighted}"))
        wait_until(lambda: all(origin.requests > origin.served + 2 for origin in self.origins), 10, "all are checked")
        before = self.served()
        for _ in range(60):
            self.assertEqual(200, self.get(gateway)[0])
        for origin, count in zip(self.origins, before):
            self.assertAlmostEqual(20, origin.served - count, delta=2)

    def test_one_that_is_sick_when_it_joins_gets_no_request(self):
        gateway = self.begin(self.named(self.CHECK))
        wait_until(lambda: self.origins[0].requests > self.origins[0].served, 10, "it is checked")
        self.origins[1].well = False
        with Load(gateway.port, "/api/v1/s0/text", b"hello from all", 2) as load:
            self.names.table[NAME] = ["127.0.0.2", "127.0.0.3"]
            wait_until(lambda: self.origins[1].requests > 5, 10, "it is checked")
        self.assertEqual([], load.failures[:5])
        self.assertEqual(0, self.origins[1].served)

    def test_when_too_few_are_well_all_are_asked(self):
        self.endpoints(3)
        gateway = self.begin(self.text(self.CHECK + "\n    balance: {policy: round_robin}"))
        for origin in self.origins:
            origin.well = False
        wait_until(lambda: sum(self.metric(gateway, "upstream_health").values()) == 0, 10, "all are ill")

        def all_are_asked():
            for origin in self.origins:
                origin.served = 0
            for _ in range(30):
                self.assertEqual(200, self.get(gateway)[0])
            return self.served() == [10, 10, 10]
        wait_until(all_are_asked, 5, "each is asked as often as the others", 0.1)


class Hedging(Endpoints):
    TURN = "    balance: {policy: round_robin}"

    def test_it_cuts_the_slow_tail(self):
        slow, _ = self.endpoints(2)
        gateway = self.begin(self.text(self.TURN, route=", hedge_after_ms: 30"))
        slow.slow = lambda number: 1 if number % 5 == 0 else 0
        times = []
        with Client(gateway.port) as client:
            for _ in range(60):
                began = time.monotonic()
                self.assertEqual(200, client.get("/api/v1/s0/text").status)
                times.append(time.monotonic() - began)
        self.assertLess(max(times), 0.5)
        hedges = sum(self.metric(gateway, "upstream_hedges_total").values())
        self.assertGreater(hedges, 0)
        self.assertEqual(60 + hedges, sum(self.served()))
        wait_until(lambda: slow.broken or slow.connections <= 1, 10, "the slow ones are let go of")

    def test_it_stays_within_its_budget(self):
        slow, _ = self.endpoints(2)
        gateway = self.begin(self.text(self.TURN, route=", hedge_after_ms: 10"))
        slow.slow = lambda number: 0.1
        began = time.monotonic()
        with Client(gateway.port) as client:
            for _ in range(100):
                self.assertEqual(200, client.get("/api/v1/s0/text").status)
        most = 100 * 1.2 + 3 * (time.monotonic() - began) + 3 + 1
        self.assertLessEqual(sum(self.served()), most)
        self.assertGreater(sum(self.served()), 105)

    def test_what_is_no_read_is_sent_once(self):
        slow, _ = self.endpoints(2)
        gateway = self.begin(self.text(self.TURN, route=", hedge_after_ms: 10"))
        slow.slow = lambda number: 0.1
        with Client(gateway.port) as client:
            for _ in range(10):
                client.send(b"POST /api/v1/s0/text HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi")
                self.assertEqual(200, client.response("POST").status)
        self.assertEqual(10, sum(self.served()))

    def test_a_read_with_a_body_takes_it_along_and_is_sent_once(self):
        slow, _ = self.endpoints(2)
        gateway = self.begin(self.text(self.TURN, route=", hedge_after_ms: 10"))
        slow.slow = lambda number: 0.1
        with Client(gateway.port) as client:
            for framed in (b"Content-Length: 2\r\n\r\nhi", b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"):
                client.send(b"GET /api/v1/s0/digest HTTP/1.1\r\nHost: test\r\n" + framed)
                answer = client.response()
                self.assertEqual((200, 2), (answer.status, json.loads(answer.body)["bytes"]))
        self.assertEqual(2, sum(self.served()))
        self.assertEqual([], [broken for origin in self.origins for broken in origin.broken])

    def active(self, gateway):
        return sum(value for labels, value in self.metric(gateway, "upstream_connections").items() if "active" in labels)

    def test_whichever_is_sent_second_is_signed_anew(self):
        heads = {}

        def take(listener):
            sock, _ = listener.accept()
            self.addCleanup(sock.close)
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(65536)
            heads[listener] = head, sock

        # One connects so slowly that the other has been asked by then: the first to be tried, or the second.
        late, prompt = (socket.create_server(("127.0.0.1", 0), backlog=backlog) for backlog in (0, 8))
        full = socket.create_connection(late.getsockname())
        for each in (late, prompt, full):
            self.addCleanup(each.close)
        gateway = self.start("services:\n  origin:\n    connect_timeout_ms: 8000\n    endpoints:\n" + "".join(
            f"      - {{url: \"http://127.0.0.1:{each.getsockname()[1]}\"}}\n" for each in (late, prompt)) + self.TURN + "\n" +
            self.routes(", hedge_after_ms: 100, timeout_ms: 9000"),
            environment={"WORKERS": "1", "INTERNAL_HMAC_SECRET": "a secret of the services, 32 bytes or more"})
        with Client(gateway.port) as client:
            client.send(b"GET /api/v1/s0/x HTTP/1.1\r\nHost: test\r\n\r\n")
            take(prompt)
            late.accept()[0].close()
            take(late)
            heads[prompt][1].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            self.assertEqual(200, client.response().status)
        nonces = {re.search(rb"(?i)x-internal-nonce: (\S+)", head)[1] for head, _ in heads.values()}
        self.assertEqual(2, len(nonces), "each is taken once")

    def test_the_one_that_is_not_passed_on_is_no_probe_any_more(self):
        over, asked = threading.Event(), []
        self.addCleanup(over.set)

        class Events(Endpoint):
            """/events: the first that is asked takes long to answer, the second has events for as long as they are wanted."""

            def _answer(self, sock, stream, head, target):
                if target != "/up/events":
                    return super()._answer(sock, stream, head, target)
                asked.append(self)
                if len(asked) > 1:
                    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
                over.wait(20)
                return False

        self.origins = [Events(f"e{i}") for i in range(2)]
        for origin in self.origins:
            self.addCleanup(origin.close)
        gateway = self.begin(self.text(self.TURN, route=", hedge_after_ms: 30"),
                             CIRCUIT_BREAKER_VOLUME_THRESHOLD="2", CIRCUIT_BREAKER_RESET_TIMEOUT="300")
        wait_until(lambda: self.get(gateway, "status?code=500")[0] == 503, 5, "the breaker opens")

        def listens():
            client = Client(gateway.port)
            self.addCleanup(client.sock.close)
            client.send(b"GET /api/v1/s0/events HTTP/1.1\r\nHost: test\r\n\r\n")
            while not re.search(rb"data: 1|HTTP/1.1 503 ", client.data):
                client._more()
            return b"data: 1" in client.data
        wait_until(listens, 10, "the breaker lets somebody try")
        self.assertEqual(2, len(asked))
        self.assertEqual([200] * 3, [self.get(gateway)[0] for _ in range(3)])

    def test_one_that_failed_while_the_other_answers_has_failed_and_is_let_go(self):
        class Mixed(Endpoint):
            """/mixed: the first that is asked fails once the second is asked, which has events for as long as they are wanted."""

            def _answer(self, sock, stream, head, target):
                if target != "/up/mixed":
                    return super()._answer(sock, stream, head, target)
                asked.append(self)
                if len(asked) == 1:
                    second.wait(20)
                    sock.sendall(b"HTTP/1.1 500 Status\r\nContent-Length: 4\r\n\r\nlost")
                    failed.set()
                    return True
                second.set()
                failed.wait(20)
                ask(gateway.port, "/health/live")     # behind that the gateway has read it
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
                over.wait(20)
                return False

        asked, second, failed, over = [], *(threading.Event() for _ in range(3))
        self.addCleanup(over.set)
        self.origins = [Mixed(f"e{i}") for i in range(2)]
        for origin in self.origins:
            self.addCleanup(origin.close)
        gateway = self.begin(self.text(self.TURN + "\n    health: {failures_max: 1, ejected_share_max: 100}",
                                       route=", hedge_after_ms: 30"))
        listens = Client(gateway.port)
        self.addCleanup(listens.sock.close)
        listens.send(b"GET /api/v1/s0/mixed HTTP/1.1\r\nHost: test\r\n\r\n")
        while b"data: 1" not in listens.data:
            listens._more()
        wait_until(lambda: self.active(gateway) == 1, 5, "the one that failed is let go of")
        wait_until(lambda: self.health_of(gateway, asked[0]) == 0, 5, "it is left out")

    def test_a_client_that_leaves_ends_both(self):
        self.endpoints(2)
        gateway = self.begin(self.text(self.TURN, route=", hedge_after_ms: 10"))
        client = Client(gateway.port)
        client.send(b"GET /api/v1/s0/hold HTTP/1.1\r\nHost: test\r\n\r\n")
        wait_until(lambda: sum(origin.holding for origin in self.origins) == 2, 10, "both hold it")
        wait_until(lambda: self.active(gateway) == 2, 10, "both are counted")
        client.close()
        wait_until(lambda: self.active(gateway) == 0, 10, "both are let go of")
        self.assertEqual(200, self.get(gateway)[0])


class Again(Endpoints):
    def test_an_answer_that_configuration_names_is_asked_for_again(self):
        self.endpoints(2)
        text = self.text("    retry: {statuses: [503]}\n    balance: {policy: round_robin}\n    health: {failures_max: 1000}")
        gateway = self.begin(text)
        self.assertEqual(503, self.get(gateway, "status?code=503")[0])
        self.assertEqual(3, sum(self.served()))
        self.assertEqual(500, self.get(gateway, "status?code=500")[0])
        self.assertEqual(4, sum(self.served()))
        with Client(gateway.port) as client:
            client.send(b"POST /api/v1/s0/status?code=503 HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi")
            self.assertEqual(503, client.response("POST").status)
        self.assertEqual(5, sum(self.served()))


if __name__ == "__main__":
    unittest.main()
