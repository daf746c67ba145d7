"""Kept answers that gateways share through Redis: what one has fetched the others give; what was purged or written to, nobody;
and what Redis does wrong costs no request and tells nobody what is another's."""
import json
import os
import re
import shutil
import signal
import threading
import unittest

from support import tokens
from support.clients import Client
from support.process import ask
from support.redis import Redis, cli
from support.wait import wait_until
from test_cache import Cache, Origin
from test_state import tool

FRESH = "cc=max-age%3D300"
TURNS = int(os.environ.get("CACHE_TURNS", "1500"))   # of each of eight clients


@unittest.skipUnless(shutil.which("redis-server"), "Redis is not installed")
class Shared(Cache):
    def setUp(self):
        super().setUp()
        self.redis = Redis(self.folder)
        self.addCleanup(self.redis.kill)

    def gateway(self, text=None, **environment):
        gateway = self.start(text, environment={"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self.redis.port)} | environment)
        gateway.resp = self.resp_port
        wait_until(lambda: json.loads(ask(gateway.port, "/health")[2])["state"]["status"] == "ok", 20, "Redis answers")
        return gateway

    def metric(self, gateway, name, **labels):
        text = ask(gateway.admin_port, "/metrics")[2]
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(float(line.split()[-1]) for line in text.splitlines()
                   if line.startswith(name + "{") and all(label in line for label in wanted))

    def keys(self):
        return [key for key in cli(self.redis.port, "--scan", "--pattern", "cache:answer:*").splitlines() if key]

    def stored(self, count=1):
        """The hashes of answers, once there are so many."""
        def found():
            kept = [key for key in self.keys() if key.endswith("}") and cli(self.redis.port, "HLEN", key) != "0"]
            return kept if len(kept) >= count else None
        return wait_until(found, 10, f"Redis has {count}")

    def test_what_one_has_fetched_another_gives(self):
        target = f"/open/a?{FRESH}&tag=x"
        one = self.gateway()
        first = self.ask_for(one, target)
        key, = self.stored()
        two = self.gateway()
        again = self.ask_for(two, target)
        self.assertEqual((first.body, "api-gateway; hit", 1), (again.body, again.value("cache-status"), self.service.count()))
        self.assertLessEqual(0, int(again.value("age")))
        self.assertEqual(1, self.metric(two, "cache_hits_total", cache_type="shared"))
        self.assertEqual(1, self.metric(one, "cache_misses_total", cache_type="shared"))
        # Names tell nothing, and everything ends.
        self.assertRegex(key, r"^cache:answer:\{[0-9a-f]{64}\}$")
        self.assertTrue(0 < int(cli(self.redis.port, "PTTL", key)) <= 300_000)
        # What a service says of a second one is kept beside it.
        for language in ("de", "en", "de", "en"):
            for gateway in (one, two):
                answer = self.ask_for(gateway, f"/open/v?{FRESH}&vary=Accept-Language", f"Accept-Language: {language}\r\n")
                self.assertEqual(language, json.loads(answer.body)["language"])
        self.assertEqual(3, self.service.count())

    def test_nobody_is_given_what_is_of_another_tenant_or_role_and_of_one_user_nothing_is_shared(self):
        callers = [tokens.bearer(**claims) for claims in (
            {}, {"tenant_id": "1b9d6bcd-bbfd-4b2d-9b5d-000000000002"}, {"role": "admin"}, {"role": "box-office"})] + [""]
        one, two = self.gateway(), self.gateway()
        for gateway in (one, two):
            seen = [self.number(gateway, "/silent/t?cc=public%2C+max-age%3D300", caller) for caller in callers]
            self.assertEqual([1, 2, 3, 4, 5], seen)
        for gateway in (one, two):
            self.number(gateway, "/mine/t", callers[0])
        self.assertEqual(7, self.service.count(), "each gateway asks for what is of one user")
        self.assertEqual(1, len(self.stored()))

    def test_a_cluster_does_as_well(self):
        nodes = [Redis(self.folder, "--cluster-node-timeout", "2000", cluster=True) for _ in range(3)]
        for node in nodes:
            self.addCleanup(node.kill)
        hosts = [f"127.0.0.1:{node.port}" for node in nodes]
        cli(nodes[0].port, "--cluster", "create", *hosts, "--cluster-yes", seconds=60)
        for node in nodes:
            wait_until(lambda n=node: "cluster_state:ok" in cli(n.port, "CLUSTER", "INFO"), 30, "the cluster is whole")
        where = {"REDIS_HOST": "", "REDIS_PORT": "", "REDIS_URL": f"redis+cluster://{hosts[0]}"}
        one = self.gateway(**where)
        targets = [f"/open/c{number}?{FRESH}&tag=t{number}" for number in range(20)]
        before = [self.number(one, target) for target in targets]
        two = self.gateway(**where)
        wait_until(lambda: [self.number(two, target) for target in targets] == before, 5, "all are shared")
        self.assertEqual(20, self.service.count())
        self.assertEqual(0, tool(one.resp, "cache", "purge", "--tag", "t7")[0])
        wait_until(lambda: self.number(two, targets[7]) != before[7], 5, "it is purged")
        self.assertEqual(200, self.ask_for(one, targets[9], "Content-Length: 0\r\n", "PUT").status)
        wait_until(lambda: self.number(two, targets[9]) != before[9], 5, "it is outdated")

    def test_a_purge_is_true_of_gateways_that_start_later(self):
        one = self.gateway()
        targets = [f"/open/{name}?{FRESH}&tag=event-{name}" for name in "abcd"]

        def numbers(gateway):
            return [self.number(gateway, target) for target in targets]
        before = numbers(one)
        self.stored(4)
        self.assertEqual(0, tool(one.resp, "cache", "purge", "--tag", "EVENT-a")[0])
        self.assertEqual(200, self.call(one, "POST", "/cache/purge", {"path": "/api/v1/open/b"})[0])
        cli(self.redis.port, "SET", "cache:purge:path:/api/v1/open/c/**", "1", "EX", "1")
        wait_until(lambda: all(cli(self.redis.port, "GET", f"cache:purge:{what}").startswith("at:")
                               for what in ("tag:EVENT-a", "path:/api/v1/open/b", "path:/api/v1/open/c/**")), 5, "all are stamped")
        two = self.gateway()
        after = numbers(two)
        self.assertEqual([False, False, False, True], [a == b for a, b in zip(before, after)])
        # What is fetched a little later is shared again.
        wait_until(lambda: numbers(self.gateway()) == numbers(self.gateway()), 20, "what one fetches the next gives")
        cli(self.redis.port, "SET", "cache:purge:all", "1", "EX", "60")
        wait_until(lambda: numbers(one)[3] != before[3], 5, "all are purged")
        self.assertNotIn(before[3], numbers(self.gateway()))

    def test_a_write_is_heard_of_by_all(self):
        one, two = self.gateway(), self.gateway()
        target = f"/open/w?{FRESH}"
        first = self.number(one, target)
        self.stored()
        self.assertEqual(first, self.number(two, target))
        self.assertEqual(200, self.ask_for(one, target, "Content-Length: 0\r\n", "PUT").status)
        wait_until(lambda: self.number(two, target) != first, 5, "the other gateway has forgotten it")
        self.assertNotEqual(first, self.number(self.gateway(), target))
        for key in cli(self.redis.port, "--scan", "--pattern", "cache:*").splitlines():
            self.assertRegex(key, r"^cache:(answer:\{[0-9a-f]{64}\}(:outdated|:fetch:[0-9a-f]{64})?|outdated:[0-9a-f]{64})$")
            self.assertGreater(int(cli(self.redis.port, "PTTL", key)), 0, key)

    def test_a_crowd_at_three_gateways_costs_one_request(self):
        gateways = [self.gateway(WORKERS="2") for _ in range(3)]
        self.service.go.clear()
        clients = [Client(gateway.port, seconds=30) for gateway in gateways for _ in range(100)]
        for client in clients:
            client.send(f"GET /api/v1/open/cold?{FRESH} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        wait_until(lambda: self.service.count() == 1, 5, "one of them asks")
        self.service.go.set()
        self.assertEqual(1, len({client.response().body for client in clients}))
        for client in clients:
            client.close()
        self.assertEqual(1, self.service.count())

    def test_what_stands_in_redis_and_is_not_right_is_a_miss_that_is_counted(self):
        one = self.gateway()
        self.number(one, f"/open/a?{FRESH}")
        self.number(one, f"/open/b?{FRESH}")
        first, second = self.stored(2)
        fields = [cli(self.redis.port, "HKEYS", key) for key in (first, second)]
        # Each in the other's place, as a collision would have it.
        script = """local a, b = redis.call('HGET', KEYS[1], ARGV[1]), redis.call('HGET', KEYS[2], ARGV[2])
                    redis.call('HSET', KEYS[1], ARGV[1], b) redis.call('HSET', KEYS[2], ARGV[2], a) return 1"""
        self.assertEqual("1", cli(self.redis.port, "EVAL", script, "2", first, second, *fields))
        two = self.gateway()
        self.assertEqual([3, 4], [self.number(two, f"/open/{name}?{FRESH}") for name in "ab"])
        self.assertEqual(2, self.metric(two, "cache_errors_total", cache_type="shared"))
        wait_until(lambda: self.number(self.gateway(), f"/open/a?{FRESH}") == 3, 10, "what is right takes its place")
        for value in ("", "a", "a1 2 ", "a1 99999999999999 gw1 ", "v", "v" + "x," * 5000, "a9999999999999999 9999999999999999 x"):
            cli(self.redis.port, "HSET", first, fields[0], value)
            cli(self.redis.port, "DEL", second)
            cli(self.redis.port, "SET", second, "no hash", "PX", "60000")
            before = self.service.count()
            bad = self.gateway()
            self.assertEqual(200, self.ask_for(bad, f"/open/a?{FRESH}").status)
            self.assertEqual(200, self.ask_for(bad, f"/open/b?{FRESH}").status)
            self.assertEqual(before + 2, self.service.count(), value[:20])
            self.assertEqual(0, bad.stop())

    def test_redis_that_stops_comes_back_and_forgets_costs_no_request(self):
        gateway = self.gateway()
        for number in range(20):
            self.number(gateway, f"/open/k{number}?{FRESH}")
        self.stored(20)
        self.redis.process.send_signal(signal.SIGSTOP)
        try:
            for number in range(20):
                self.number(gateway, f"/open/s{number}?{FRESH}")
        finally:
            self.redis.process.send_signal(signal.SIGCONT)
        self.assertEqual(40, self.service.count())
        self.assertGreater(self.metric(gateway, "cache_errors_total", cache_type="shared"), 0)
        cli(self.redis.port, "FLUSHALL")
        two = self.gateway()
        self.assertEqual(41, self.number(two, f"/open/k0?{FRESH}"))
        wait_until(lambda: self.number(self.gateway(), f"/open/k0?{FRESH}") == 41, 10, "it is shared again")
        self.redis.kill()
        self.number(gateway, f"/open/down?{FRESH}")

    def test_it_never_takes_the_room_of_bans(self):
        used = int(re.search(r"used_memory:(\d+)", cli(self.redis.port, "INFO", "memory")).group(1))
        cli(self.redis.port, "CONFIG", "SET", "maxmemory", str(used * 4 // 3 + 1_000_000))
        gateway = self.gateway()
        with Client(gateway.port) as client:
            for number in range(2500):
                client.get(f"/api/v1/open/f{number}?{FRESH}")
        used, most = (int(re.search(rf"\b{name}:(\d+)", cli(self.redis.port, "INFO", "memory")).group(1))
                      for name in ("used_memory", "maxmemory"))
        self.assertLess(used, most * 0.8)
        self.assertEqual("OK", cli(self.redis.port, "SET", "banned:ip:203.0.113.7", "1", "EX", "60"))

    def test_gateways_whose_services_are_elsewhere_share_nothing(self):
        elsewhere = Origin()
        self.addCleanup(elsewhere.close)
        one = self.gateway()
        two = self.gateway(ORIGIN_SERVICE_URL=elsewhere.url)
        for gateway in (one, two):
            self.number(gateway, f"/open/a?{FRESH}")
        self.assertEqual((1, 1), (self.service.count(), elsewhere.count()))
        self.stored(2)
        third = self.gateway(INSTANCE_ID="third")
        self.assertEqual("api-gateway; hit", self.ask_for(third, f"/open/a?{FRESH}").value("cache-status"))

    def test_routes_and_processes_may_keep_to_themselves(self):
        text = self.text.replace("cache: {}", "cache: {shared: false}")
        one = self.gateway(text)
        self.number(one, f"/open/a?{FRESH}")
        off = self.gateway("cache: {shared: false}\n" + self.text)
        self.number(off, f"/open/a?{FRESH}")
        self.assertEqual((2, []), (self.service.count(), self.keys()))

    def test_a_crowd_of_two_tenants_at_two_gateways_is_given_its_own(self):
        gateways = [self.gateway(), self.gateway()]
        callers = [(tenant, tokens.bearer(tenant_id=tenant, role=role)) for role in ("customer", "admin") for tenant in
                   ("1b9d6bcd-bbfd-4b2d-9b5d-000000000001", "1b9d6bcd-bbfd-4b2d-9b5d-000000000002")]
        wrong, done = [], []

        def run(seed):
            count = 0
            with Client(gateways[seed % 2].port, seconds=30) as client:
                for turn in range(TURNS):
                    tenant, header = callers[(seed + turn * 7) % 4]
                    target = f"/api/v1/silent/x{turn // 8 % 40}?cc=public%2C+max-age%3D1&page={turn % 3}"
                    client.send(f"GET {target} HTTP/1.1\r\nHost: test\r\n{header}\r\n".encode())
                    answer = client.response()
                    if answer.status != 200 or json.loads(answer.body)["tenant"] != tenant:
                        wrong.append((target, tenant, answer))
                    count += 1
            done.append(count)
        threads = [threading.Thread(target=run, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(([], 8 * TURNS), (wrong[:3], sum(done)))
        self.assertGreater(sum(self.metric(g, "cache_hits_total", cache_type="shared") for g in gateways), 0)


if __name__ == "__main__":
    unittest.main()
