"""Redis goes away, stalls, forgets, refuses, fails over and reshards while gateways are under load: no request notices,
and no ban or revocation lapses."""
import json
import shutil
import threading
import time
import unittest

from support import tokens
from support.clients import Load
from support.process import ask
from support.redis import Redis, cli
from support.wait import wait_until
from test_state import BANNED, FINE, REVOKED, State

BAD = "203.0.113.7"


class Guard:
    """Asks without end as somebody banned and with a token that is revoked; keeps every answer that is neither refused."""

    def __init__(self, test, gateways, token):
        self.test, self.gateways, self.token = test, gateways, token
        self.lapses, self.asked = [], 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(30)

    def _run(self):
        while not self._stop.is_set():
            for gateway in self.gateways:
                try:
                    found = (self.test.answer(gateway, address=BAD),
                             self.test.answer(gateway, self.token, target="/api/v1/s0/seen"))
                except OSError as error:
                    found = repr(error)
                if found != (BANNED, REVOKED):
                    self.lapses.append((time.time(), found))
                self.asked += 1


@unittest.skipUnless(shutil.which("redis-server") and shutil.which("redis-sentinel"), "Redis is not installed")
class RedisFaults(State):
    def server(self, *options, **more):
        redis = Redis(self.folder, *options, **more)
        self.addCleanup(redis.kill)
        return redis

    def status(self, gateway):
        return json.loads(ask(gateway.port, "/health")[2])["state"]["status"]

    def ready(self, gateway, seconds=40):
        wait_until(lambda: self.status(gateway) == "ok", seconds, "the state backend answers")
        return gateway

    def become_down(self, gateways):
        for gateway in gateways:
            wait_until(lambda g=gateway: self.status(g) == "down", 15, "it is noticed")

    def ban_and_revoke(self, gateways):
        """By the gateway's own port, which finds the right server whatever there is behind it."""
        token = tokens.bearer(jti="the-lost-one")
        for words in (("banned:ip:" + BAD, "1", "EX", "3600"), ("revoked:jti:the-lost-one", "1", "EX", "3600")):
            self.assertEqual("OK", cli(self.resp_port, "SET", *words))
        for gateway in gateways:
            self.becomes(BANNED, gateway, address=BAD)
            self.becomes(REVOKED, gateway, token, target="/api/v1/s0/seen")
        return token

    def through(self, gateways, fault):
        """The fault, under load. Afterwards a new ban is in force everywhere, so replication works again."""
        token = self.ban_and_revoke(gateways)
        with Load(gateways[0].port, "/api/v1/s0/text", b"hello from origin", connections=4) as load, \
                Guard(self, gateways, token) as guard:
            wait_until(lambda: guard.asked > 20 and load.done > 20, 10, "load")
            fault()
            before = load.done, guard.asked
            wait_until(lambda: load.done > before[0] + 20 and guard.asked > before[1] + 20, 10, "load")
        self.assertEqual([], load.failures)
        self.assertEqual([], guard.lapses)
        for gateway in gateways:
            self.ready(gateway)
        wait_until(lambda: cli(self.resp_port, "SET", "banned:ip:198.51.100.77", "1", "EX", "60") == "OK", 20, "a new ban")
        for gateway in gateways:
            self.becomes(BANNED, gateway, address="198.51.100.77")
            self.assertEqual(FINE, self.answer(gateway))

    def fleet(self, url, count=2):
        self.environment = {"REDIS_URL": url}
        return [self.ready(self.start()) for _ in range(count)]

    def test_each_kind_of_revocation_reaches_three_gateways(self):
        redis = self.server()
        gateways = self.fleet(f"redis://127.0.0.1:{redis.port}/0", 3)
        now = int(time.time())
        old = {"iat": now - 5, "exp": now + 300}
        for key, value, token in (
                ("revoked:jti:one", "1", tokens.bearer(jti="one")),
                ("revoked:user:user-7", str(now - 1), tokens.bearer(sub="user-7", **old)),
                (f"revoked:tenant:{tokens.OTHER_TENANT}", str(now - 1),
                 tokens.bearer(tenant_id=tokens.OTHER_TENANT, **old)),
                ("revoked:all", str(now - 1), tokens.bearer(**old))):
            for gateway in gateways:
                self.assertEqual(FINE, self.answer(gateway, token, target="/api/v1/s0/seen"), key)
            self.assertEqual("OK", cli(redis.port, "SET", key, value))
            for gateway in gateways:
                self.becomes(REVOKED, gateway, token, target="/api/v1/s0/seen")
        for fresh in (tokens.bearer(), tokens.bearer(sub="user-7"), tokens.bearer(tenant_id=tokens.OTHER_TENANT)):
            for gateway in gateways:
                self.assertEqual(FINE, self.answer(gateway, fresh, target="/api/v1/s0/seen"))

    def test_killed_and_back_empty(self):
        redis = self.server()
        gateways = self.fleet(f"redis://127.0.0.1:{redis.port}/0")

        def fault():
            redis.kill()
            self.become_down(gateways)
            redis.start()
            wait_until(lambda: cli(redis.port, "GET", "banned:ip:" + BAD) == "1", 40, "it is written back")
        self.through(gateways, fault)

    def test_a_password_that_is_not_known(self):
        redis = self.server()
        gateways = self.fleet(f"redis://127.0.0.1:{redis.port}/0")

        def fault():
            redis.kill()
            redis.start("--requirepass", "somebody changed it")
            self.become_down(gateways)
            redis.kill()
            redis.start()
            for gateway in gateways:
                self.ready(gateway)
        self.through(gateways, fault)

    def test_sentinel_fails_over(self):
        master = self.server()
        replica = self.server("--replicaof", "127.0.0.1", str(master.port))
        sentinel = self.server(sentinel=[f"sentinel monitor main 127.0.0.1 {master.port} 1",
                                         "sentinel down-after-milliseconds main 500",
                                         "sentinel failover-timeout main 2000"])
        wait_until(lambda: str(replica.port) in cli(sentinel.port, "SENTINEL", "replicas", "main"), 20,
                   "the replica is known")
        gateways = self.fleet(f"redis+sentinel://127.0.0.1:{sentinel.port}/main/0")

        def fault():
            wait_until(lambda: cli(replica.port, "GET", "banned:ip:" + BAD) == "1", 10, "the replica follows")
            master.kill()
            wait_until(lambda: "role:master" in cli(replica.port, "INFO", "replication"), 30, "the replica is promoted")
            wait_until(lambda: cli(self.resp_port, "SET", "banned:ip:198.51.100.78", "1", "EX", "60") == "OK", 30,
                       "it is found")
            self.assertEqual("1", cli(replica.port, "GET", "banned:ip:198.51.100.78"))
        self.through(gateways, fault)

    def test_a_cluster_is_resharded(self):
        nodes = [self.server("--cluster-node-timeout", "2000", cluster=True) for _ in range(3)]
        hosts = [f"127.0.0.1:{node.port}" for node in nodes]
        cli(nodes[0].port, "--cluster", "create", *hosts, "--cluster-yes", seconds=60)
        for node in nodes:
            wait_until(lambda n=node: "cluster_state:ok" in cli(n.port, "CLUSTER", "INFO"), 30, "the cluster is whole")
        gateways = self.fleet(f"redis+cluster://{hosts[0]}")

        def owner():
            slot = int(cli(nodes[0].port, "CLUSTER", "KEYSLOT", "banned:ip:" + BAD))
            return slot, next(n for n in nodes if cli(n.port, "CLUSTER", "COUNTKEYSINSLOT", str(slot)) == "1")

        def fault():
            _, source = owner()
            target = next(n for n in nodes if n is not source)
            ids = {n: cli(n.port, "CLUSTER", "MYID") for n in nodes}
            moved = cli(source.port, "--cluster", "reshard", f"127.0.0.1:{source.port}", "--cluster-from", ids[source],
                        "--cluster-to", ids[target], "--cluster-slots", "5462", "--cluster-yes", seconds=120)
            self.assertNotIn("ERR", moved[-300:])
            self.assertIsNot(source, owner()[1])
        self.through(gateways, fault)


if __name__ == "__main__":
    unittest.main()
