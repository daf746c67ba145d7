"""Two regions, each with a gateway and a Redis of its own: bans and revocations reach the other one, losing it changes
nothing, and traffic moves over when one is gone."""
import os
import re
import socket
import time
import unittest

from support.balancer import Balancer
from support.clients import Load
from support.process import ROOT, ask
from support.redis import Redis, cli
from support.wait import wait_until
from test_state import BANNED, FINE, State

BODY = b"hello from origin"
WITHIN = 1.0


def say(figure):
    if os.environ.get("FIGURES"):
        print(f"       {figure}", flush=True)


class Regions(State):
    def setUp(self):
        super().setUp()
        self.redis = [self.server() for _ in range(2)]
        self.regions = [self.region(0), self.region(1)]
        for gateway in self.regions:
            wait_until(lambda: self.peer_up(gateway) == 1, 10, "the other region is followed")
        self.a, self.b = self.regions

    def server(self):
        # What other regions may do there, as the manifest has it (and the documentation: tests/k8s).
        line = re.search(r'echo "user (peers .*)"\n', (ROOT / "k8s/redis.yaml").read_text()).group(1)
        redis = Redis(self.folder, "--user", *line.replace(">$PEERS_PASSWORD", ">secret").split())
        self.addCleanup(redis.kill)
        return redis

    def url(self, number, user=""):
        return f"redis://{user}127.0.0.1:{self.redis[number].port}"

    def region(self, number):
        return self.start(environment={"REGION": "ab"[number], "REDIS_URL": self.url(number),
                                       "REGION_PEERS": self.url(1 - number, "peers:secret@")})

    def peer_up(self, gateway):
        return sum(float(line.rsplit(" ", 1)[1]) for line in ask(gateway.admin_port, "/metrics")[2].splitlines()
                   if line.startswith("state_peer_up{"))

    def write(self, number, *words):
        return cli(self.redis[number].port, *words)

    def test_a_ban_of_one_region_is_in_force_in_the_other_within_a_second_until_it_is_lifted(self):
        self.assertEqual(FINE, self.answer(self.b))
        times = []
        for _ in range(10):
            began = time.monotonic()
            self.write(0, "SET", "banned:ip:198.51.100.9", "1", "EX", "60")
            self.becomes(BANNED, self.b)
            times.append(time.monotonic() - began)
            self.becomes(BANNED, self.a)
            self.write(0, "DEL", "banned:ip:198.51.100.9")
            self.becomes(FINE, self.b)
        self.assertLess(max(times), WITHIN)
        say(f"from redis-cli's start to the other region's 403: {sorted(times)[5] * 1000:.0f} ms, at most {max(times) * 1000:.0f}")
        # Who is banned in both stays so until both have let go.
        for number in (0, 1):
            self.write(number, "SET", "banned:ip:198.51.100.9", "1")
        self.becomes(BANNED, self.b)
        self.write(1, "DEL", "banned:ip:198.51.100.9")
        self.write(0, "SET", "banned:ip:192.0.2.1", "1")      # what is told after it has arrived
        self.becomes(BANNED, self.b, address="192.0.2.1")
        self.assertEqual(BANNED, self.answer(self.b))
        self.write(0, "DEL", "banned:ip:198.51.100.9")
        self.becomes(FINE, self.b)

    def test_the_other_region_s_redis_is_only_read_and_maintenance_is_its_own(self):
        self.write(1, "SET", "banned:ip:198.51.100.9", "1")
        self.becomes(BANNED, self.a)
        self.write(0, "SET", "maintenance:mode", "down")
        self.becomes((503, "maintenance"), self.a, address="192.0.2.8")
        self.assertEqual(FINE, self.answer(self.b, address="192.0.2.8"))
        self.assertEqual("(nil)", cli(self.redis[0].port, "--no-raw", "GET", "banned:ip:198.51.100.9"))
        self.assertStops(self.a)                               # nobody of its own region is left to write
        self.write(0, "FLUSHALL")
        # B's next look at it changes nothing there, and what it knew of it stays.
        self.write(0, "SET", "banned:ip:192.0.2.2", "1")
        self.becomes(BANNED, self.b, address="192.0.2.2")
        self.assertEqual("banned:ip:192.0.2.2", self.write(0, "KEYS", "*"))

    def test_losing_the_other_region_changes_nothing_but_a_metric_and_a_line(self):
        self.write(0, "SET", "banned:ip:198.51.100.9", "1")
        for gateway in self.regions:
            self.becomes(BANNED, gateway)
        self.redis[0].kill()
        wait_until(lambda: self.peer_up(self.b) == 0, 10, "the metric says so")
        said = wait_until(lambda: [line for line in self.b.events if "state of another region does not answer" in line.get("msg", "")],
                          10, "the log says so")
        self.assertEqual((1, "WARN"), (len(said), said[0]["level"]))
        self.assertEqual(BANNED, self.answer(self.b))
        self.assertEqual(FINE, self.answer(self.b, address="192.0.2.8"))
        for gateway in self.regions:
            self.assertEqual(200, ask(gateway.port, "/health/ready")[0])
        self.assertIn('"status":"ok"', ask(self.b.port, "/health")[2])
        self.assertIn('"status":"degraded"', ask(self.a.port, "/health")[2])
        # It comes back empty: its own gateway gives it back what it had, and nothing was let go meanwhile.
        self.redis[0].start()
        wait_until(lambda: self.peer_up(self.b) == 1, 10, "it is followed again")
        self.assertEqual(BANNED, self.answer(self.b))
        wait_until(lambda: self.write(0, "GET", "banned:ip:198.51.100.9") == "1", 10, "it was given back")
        self.assertEqual(BANNED, self.answer(self.b))
        self.write(0, "DEL", "banned:ip:198.51.100.9")
        self.becomes(FINE, self.b)

    def test_a_region_is_lost_and_traffic_moves_to_the_other(self):
        """The name's weights are the balancer's members: all on A, then all on B, once A has failed two checks."""
        name = Balancer()
        self.addCleanup(name.close)
        name.add(self.a.port)
        written = {}
        with socket.create_connection(("127.0.0.1", self.redis[0].port)) as sock:
            for number in range(2000):      # one after the other, without a pause: the last ones are as fresh as can be
                key = f"10.9.{number // 100}.{number % 100}"
                sock.sendall(f"SET banned:ip:{key} 1\r\n".encode())
                self.assertEqual(b"+OK\r\n", sock.recv(100))
                written[key] = time.monotonic()
            self.redis[0].kill()
            self.a.kill()
        lost = time.monotonic()
        misses = 0
        while misses < 2:
            misses = 0 if (ask(self.a.port, "/health/ready", seconds=1) or [0])[0] == 200 else misses + 1
            time.sleep(0.1)     # allow(sleep): the pace of the balancer's checks
        name.add(self.b.port)
        with Load(name.port, "/api/v1/s0/text", BODY, 4) as load:
            wait_until(lambda: load.done > 0, 10, "requests are answered")
            served = time.monotonic()
            wait_until(lambda: load.done > 200, 10, "requests flow")
        self.assertEqual([], load.failures[:5])
        missing = [moment for key, moment in written.items() if self.answer(self.b, address=key) != BANNED]
        window = max([0.0] + [lost - moment for moment in missing])
        say(f"RTO {served - lost:.1f} s with checks every 0.1 s, two of them; RPO {window * 1000:.0f} ms, "
                    f"{len(missing)} of {len(written)} bans lost")
        self.assertLess(window, WITHIN)


if __name__ == "__main__":
    unittest.main()
