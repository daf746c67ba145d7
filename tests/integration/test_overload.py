"""More work than a service, or we, can do: a service is sent what it can bear, who waits takes turns by urgency and by
tenant, and the rest is refused at once, with a word about when to come again."""
import contextlib
import json
import subprocess
import threading
import time
import unittest

from support import services, tokens
from support.clients import Client
from support.h2 import metric
from support.process import ask
from support.scenario import BINARY, sanitized
from support.services import SocketService
from support.wait import wait_until
from test_state import State


class Narrow(SocketService):
    """A service that is quick while few are in it, and slower by the square of the crowd. `gate` holds all up."""

    def __init__(self, slots=8, seconds=0.01):
        self.slots, self.seconds = slots, seconds
        self.lock = threading.Lock()
        self.inside, self.most, self.served = 0, 0, []
        self.gate = threading.Event()
        self.gate.set()
        super().__init__(backlog=1024)

    def serve(self, sock):
        for head in services.heads(sock):
            with self.lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
                crowd = max(1.0, self.inside / self.slots) ** 2
            self.gate.wait(20)
            time.sleep(self.seconds * crowd)    # allow(sleep): what the service takes
            with self.lock:
                self.inside -= 1
                self.served.append(services.target(head))
            services.respond(sock)

    def close(self):
        self.gate.set()
        super().close()


class Overload(State):
    def setUp(self):
        super().setUp()
        self.narrow = Narrow()
        self.addCleanup(self.narrow.close)
        self.ended = threading.Event()
        self.addCleanup(self.ended.set)

    def narrow_text(self, bulkhead="", extra="", wait_ms=200):
        return f"""
{extra}
services:
  origin: {{url: "{self.origin.url}"}}
  narrow: {{url: "{self.narrow.url}", bulkhead: {{limit: 8, queue_max: 16, wait_max_ms: {wait_ms}{bulkhead}}}}}
routes:
  - {{name: good, path: /api/v1/good/**, service: origin, rewrite: /up, authenticate: {{public: [/**]}}}}
  - {{name: own, path: /api/v1/own/**, service: narrow, timeout_ms: 20000}}
  - {{name: narrow, path: /api/v1/narrow/**, service: narrow, timeout_ms: 20000, authenticate: {{public: [/**]}}}}
  - {{name: sale, path: /api/v1/sale/**, service: narrow, timeout_ms: 20000, priority: high,
     authenticate: {{public: [/**]}}}}
"""

    def start_narrow(self, *arguments, **options):
        return super().start(self.narrow_text(*arguments, **options), environment={"WORKERS": "1"})

    def crowd(self, gateway, clients, target, header="", seconds=None, each=None):
        """So many clients, each one request after the other; the counts of their answers by status and code."""
        found, lock, until = {}, threading.Lock(), time.monotonic() + (seconds or 60)

        def run():
            with Client(gateway.port) as client:
                count = 0
                while time.monotonic() < until and not self.ended.is_set() and count != each:
                    answer = client.get(target, header)
                    code = json.loads(answer.body)["code"] if answer.status >= 400 else ""
                    if code == "overloaded":
                        self.assertTrue(answer.values("Retry-After"))
                    with lock:
                        found[answer.status, code] = found.get((answer.status, code), 0) + 1
                    count += 1
        threads = [threading.Thread(target=run) for _ in range(clients)]
        for thread in threads:
            thread.start()
        return threads, found

    def run_crowd(self, *arguments, **options):
        threads, found = self.crowd(*arguments, **options)
        for thread in threads:
            thread.join(60)
        return found

    def series(self, gateway, text):
        return [line for line in ask(gateway.admin_port, "/metrics")[2].splitlines() if text in line]

    def test_a_service_gets_no_more_at_once_than_it_can_bear(self):
        gateway = self.start_narrow(", tenant_share_max: 100")
        alone = self.run_crowd(gateway, 8, "/api/v1/narrow/a", seconds=1.5)
        self.assertEqual({(200, "")}, set(alone))
        crowded = self.run_crowd(gateway, 40, "/api/v1/narrow/a", seconds=1.5)
        self.assertLessEqual(self.narrow.most, 8)
        self.assertEqual({(200, ""), (503, "overloaded")}, set(crowded))
        # What it serves does not collapse: five times the load would make it 25 times slower.
        self.assertGreater(crowded[200, ""], alone[200, ""] / 2)
        self.assertTrue(self.series(gateway, 'upstream_requests_shed_total{service="api-gateway",upstream="narrow"} '))
        self.assertTrue(self.series(gateway, 'upstream_concurrency_limit{service="api-gateway",upstream="narrow"} 8'))
        # Who looks for the service in the log finds those too that never reached it.
        refused = wait_until(lambda: [l for l in gateway.lines if l.get("status") == 503], 5, "a refused one's access line")
        self.assertEqual({("narrow", False)}, {(l["upstream"], "upstreamMs" in l) for l in refused})

    def test_what_has_no_room_at_its_service_is_told_so(self):
        gateway = self.start_narrow(", tenant_share_max: 100", wait_ms=0)
        self.narrow.gate.clear()
        threads, found = self.crowd(gateway, 8, "/api/v1/narrow/a", each=1)
        wait_until(lambda: self.narrow.inside == 8, 10, "all its places are taken")
        with Client(gateway.port) as client:
            answer = client.get("/api/v1/narrow/b")
        self.assertEqual((503, "overloaded", "there is no room for this request at the moment; try again"),
                         (answer.status, *(json.loads(answer.body)[name] for name in ("code", "detail"))))
        self.narrow.gate.set()
        for thread in threads:
            thread.join(30)
        self.assertEqual({(200, ""): 8}, found)

    def test_a_service_that_hangs_leaves_others_alone_and_refuses_soon(self):
        gateway = self.start_narrow()
        self.narrow.gate.clear()
        threads, found = self.crowd(gateway, 60, "/api/v1/narrow/a", each=1)
        wait_until(lambda: found.get((503, "overloaded"), 0) >= 60 - 8, 10, "refusals")
        with Client(gateway.port) as client:
            self.assertEqual(200, client.get("/api/v1/good/text").status)
        self.narrow.gate.set()
        for thread in threads:
            thread.join(20)
        self.assertEqual(60, sum(found.values()))

    def test_one_tenants_rush_leaves_the_others_alone(self):
        gateway = self.start_narrow()
        rush = tokens.bearer(tenant_id=tokens.TENANT)
        threads, found = self.crowd(gateway, 40, "/api/v1/own/rush", rush, seconds=4)
        wait_until(lambda: found.get((503, "overloaded"), 0) > 0, 10, "a rush")
        calm = self.run_crowd(gateway, 2, "/api/v1/own/calm", tokens.bearer(tenant_id=tokens.OTHER_TENANT), each=20)
        self.assertEqual({(200, ""): 40}, calm)
        wait_until(lambda: self.series(gateway, f'upstream_tenant_requests{{service="api-gateway",upstream="narrow",tenant="{tokens.TENANT}"}}'),
                   10, "the noisy tenant's series")
        told = "requests wait for a service"
        wait_until(lambda: any(e["msg"] == told for e in gateway.events), 10, "a line about it")
        line = next(e for e in gateway.events if e["msg"] == told)
        self.assertEqual(("narrow", tokens.TENANT), (line["upstream"], line["noisiestTenant"]))
        self.ended.set()
        for thread in threads:
            thread.join(20)

    def test_purchases_go_first(self):
        gateway = self.start_narrow(", tenant_share_max: 100", wait_ms=10_000)
        self.narrow.gate.clear()
        first, _ = self.crowd(gateway, 8, "/api/v1/narrow/first", each=1)
        wait_until(lambda: self.narrow.inside == 8, 10, "a full house")
        reads, _ = self.crowd(gateway, 6, "/api/v1/narrow/read", each=1)
        waiting = 'upstream_requests_waiting{service="api-gateway",upstream="narrow"} '
        wait_until(lambda: self.series(gateway, waiting + "6"), 10, "six who wait")
        sales, _ = self.crowd(gateway, 2, "/api/v1/sale/ticket", each=1)
        wait_until(lambda: self.series(gateway, waiting + "8"), 10, "eight who wait")
        self.narrow.slots = 1000   # all that is left takes the same time
        self.narrow.gate.set()
        for thread in first + reads + sales:
            thread.join(20)
        later = [path for path in self.narrow.served if "first" not in path]
        self.assertEqual(8, len(later))
        # All eight are let in as the first eight leave; the two most urgent are the first of them.
        self.assertIn("/api/v1/sale/ticket", later)

    def test_who_leaves_while_waiting_is_not_served(self):
        gateway = self.start_narrow(", tenant_share_max: 100", wait_ms=10_000)
        self.narrow.gate.clear()
        threads, _ = self.crowd(gateway, 8, "/api/v1/narrow/first", each=1)
        wait_until(lambda: self.narrow.inside == 8, 10, "a full house")
        waiting = 'upstream_requests_waiting{service="api-gateway",upstream="narrow"} '
        with Client(gateway.port) as client:
            client.send(b"GET /api/v1/narrow/gone HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: self.series(gateway, waiting + "1"), 10, "one who waits")
        wait_until(lambda: self.series(gateway, waiting + "0"), 10, "nobody who waits")
        self.narrow.gate.set()
        for thread in threads:
            thread.join(20)
        with Client(gateway.port) as client:
            self.assertEqual(200, client.get("/api/v1/narrow/last").status)
        self.assertNotIn("/api/v1/narrow/gone", self.narrow.served)

    def test_who_leaves_before_it_is_sent_again_leaves_its_place(self):
        gateway = self.start(f"""
services:
  origin: {{url: "{self.origin.url}", bulkhead: {{limit: 1, queue_max: 0}},
           retry: {{statuses: [503], pause_first_ms: 10000, pause_max_ms: 60000, pause_jitter: 10}}}}
routes:
  - {{name: s0, path: /api/v1/s0/**, service: origin, rewrite: /up, timeout_ms: 20000, authenticate: {{public: [/**]}}}}
""", environment={"WORKERS": "1"})
        client = Client(gateway.port)
        self.addCleanup(client.close)
        client.send(b"GET /api/v1/s0/status?code=503 HTTP/1.1\r\nHost: test\r\n\r\n")
        wait_until(lambda: ask(gateway.port, "/api/v1/s0/text")[0] == 503, 5, "the place is taken")
        wait_until(lambda: 'downstream_retries_total{service="api-gateway",upstream="origin"} 1\n' in
                   ask(gateway.admin_port, "/metrics")[2], 5, "it is to be sent again")
        self.assertEqual(503, ask(gateway.port, "/api/v1/s0/text")[0])
        client.close()
        wait_until(lambda: ask(gateway.port, "/api/v1/s0/text")[0] == 200, 4, "the place is free")

    def test_a_limit_may_learn(self):
        gateway = self.start_narrow(", adaptive: true, limit_min: 2, tenant_share_max: 100")
        self.assertTrue(self.run_crowd(gateway, 12, "/api/v1/narrow/a", seconds=2)[200, ""])
        limit = self.series(gateway, 'upstream_concurrency_limit{service="api-gateway",upstream="narrow"}')[0].split()[-1]
        self.assertTrue(2 <= int(limit) <= 8, limit)

    def test_without_memory_requests_are_refused_and_health_is_not(self):
        gateway = self.start_narrow(extra="overload: {memory_max_mb: 1}")
        wait_until(lambda: self.series(gateway, 'memory_pressure{service="api-gateway"} 3'), 10, "pressure")

        def answer():
            with Client(gateway.port) as client:
                return client.get("/api/v1/good/text")
        wait_until(lambda: answer().status == 503, 10, "a refusal")
        refused = answer()
        self.assertEqual(("overloaded", ["1"]), (json.loads(refused.body)["code"], refused.values("Retry-After")))
        self.assertEqual(200, ask(gateway.port, "/health/live")[0])
        self.assertTrue(self.series(gateway, 'requests_shed_total{service="api-gateway",priority="low"}'))
        gateway.config.write_text(self.narrow_text())
        wait_until(lambda: answer().status == 200, 10, "memory")

    @unittest.skipIf(sanitized(), "a sanitizer is slower, and keeps what is freed")
    def test_a_crowd_of_bodies_that_are_held_stays_within_the_memory_and_leaves_nothing_behind(self):
        most, size = 96, 1 << 20
        gateway = super().start(self.narrow_text(extra=f"overload: {{memory_max_mb: {most}}}"),
                                environment={"WORKERS": "1", "INTERNAL_HMAC_SECRET": "a secret for tests of 32 characters"})
        clients, peak = [], 0
        for _ in range(250):
            clients.append(Client(gateway.port, seconds=1))
            clients[-1].send(b"POST /api/v1/good/x HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % size)
        for client in clients:
            with contextlib.suppress(OSError):   # who is refused is not read to the end
                client.send(bytes(size - 1))

        def refused():
            nonlocal peak
            peak = max(peak, gateway.rss_kb() // 1024)
            return sum(metric(gateway, "requests_shed_total", priority=p) for p in ("low", "normal", "high")) > 150
        wait_until(refused, 10, "most are refused")
        self.assertLess(peak, most)
        for client in clients:
            client.close()
        wait_until(lambda: metric(gateway, "memory_pressure") == 0 and ask(gateway.port, "/api/v1/good/text")[0] == 200, 10,
                   "there is memory again")

    def test_a_tenant_in_two_shares_is_a_mistake(self):
        path = f"{self.folder}/twice.yaml"
        with open(path, "w") as file:
            file.write(self.narrow_text(extra="overload: {shares: {gold: {weight: 3, tenants: [a]}, iron: {weight: 2, tenants: [a]}}}"))
        done = subprocess.run([BINARY, "check", "--config", path], capture_output=True, text=True, timeout=30,
                              env={"JWT_SECRET": "x" * 32})
        self.assertNotEqual(0, done.returncode)
        self.assertIn("two shares", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
