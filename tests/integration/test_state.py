"""Bans and revocations, written by redis-cli as operators write them, in both modes; and Redis coming and going."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest

from support import tokens
from support.clients import Client, Load
from support.process import ask, free_ports, set_clock
from support.redis import Redis, cli
from support.scenario import BINARY
from support.wait import wait_until
from test_identity import Identity

FAKETIME = next(iter(sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
BANNED = (403, "banned")
REVOKED = (401, "token_revoked")
FINE = (200, None)


def tool(port, *words, **environment):
    """The gateway's own commands: status, output, errors."""
    done = subprocess.run([str(BINARY), *words, "--port", str(port)], capture_output=True, text=True, timeout=20,
                          env=os.environ | environment)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def shell(command):
    """A line as operators type it."""
    return subprocess.run(command, shell=True, capture_output=True, text=True, timeout=10).stdout.strip()


class State(Identity):
    environment = {}

    def start(self, text=None, **options):
        self.resp_port = free_ports(1)[0]
        options.setdefault("environment", {})
        options["environment"] = {"RESP_PORT": str(self.resp_port), "TRUSTED_PROXIES": "127.0.0.1"} \
            | self.environment | options["environment"]
        return super().start(self.text if text is None else text, **options)

    def answer(self, gateway, header="", address="198.51.100.9", target="/api/v1/s0/text"):
        answer = self.get(gateway, target, f"X-Forwarded-For: {address}\r\n{header}")
        return answer.status, None if answer.status == 200 else json.loads(answer.body)["code"]

    def becomes(self, expected, gateway, header="", address="198.51.100.9", target="/api/v1/s0/text"):
        def asked():
            # A ban that arrives while the question is under way cuts it off.
            with contextlib.suppress(ConnectionError):
                return self.answer(gateway, header, address, target) == expected
            return False
        wait_until(asked, 10, f"the answer is {expected}")

    def keeps_the_ledger(self, gateway):
        port = self.resp_port
        status, out, _ = tool(port, "ban", "ip", "203.0.113.7", "--for", "1h", "--reason", "scans")
        self.assertEqual(0, status)
        self.assertIn("banned ip:203.0.113.7 until ", out)
        self.becomes(BANNED, gateway, address="203.0.113.7")
        cli(port, "SET", "banned:user:42", "1")
        cli(port, "SET", "banned:ip:300.1.1.1", "1", "EX", "60")
        status, out, errors = tool(port, "bans", "--json")
        bans = {ban["key"]: ban for ban in json.loads(out)}
        self.assertEqual((0, 3), (status, len(bans)))
        ban = bans["banned:ip:203.0.113.7"]
        self.assertEqual(("scans", False, None), (ban["reason"], ban["byHand"], ban["warning"]))
        self.assertIn("@", ban["by"])
        self.assertTrue(3590 < ban["remainingSeconds"] <= 3600)
        self.assertTrue(bans["banned:user:42"]["byHand"])
        self.assertIn("warning: banned:user:42 has no end", errors)
        self.assertIn("warning: banned:ip:300.1.1.1 bans nobody", errors)
        self.assertEqual((0, "lifted banned:ip:203.0.113.7", ""), tool(port, "unban", "ip", "203.0.113.7"))
        self.becomes(FINE, gateway, address="203.0.113.7")
        self.assertEqual(1, tool(port, "unban", "ip", "203.0.113.7")[0])
        self.assertEqual(3, tool(free_ports(1)[0], "bans")[0])
        self.assertRegex(cli(port, "GATEWAY"), r"^api-gateway \d")
        cli(port, "DEL", "banned:user:42", "banned:ip:300.1.1.1")

    def asks_for_the_password(self, gateway):
        port = self.resp_port
        for words in (["PING"], ["SET", "banned:ip:203.0.113.7", "1"], ["KEYS", "*"], ["COMMAND", "DOCS"], ["INFO"]):
            self.assertEqual("NOAUTH Authentication required.", cli(port, *words))
        login = ["-a", "first", "--no-auth-warning"]
        self.assertEqual("PONG", cli(port, *login, "PING"))
        self.assertEqual("OK", cli(port, *login, "SET", "banned:ip:203.0.113.7", "1", "EX", "60"))
        self.becomes(BANNED, gateway, address="203.0.113.7")
        self.assertEqual("1", cli(port, "--user", "default", "--pass", "first", "--no-auth-warning", "EXISTS", "banned:ip:203.0.113.7"))
        self.assertIn("WRONGPASS", cli(port, "-a", "wrong", "--no-auth-warning", "PING", shown="err"))
        self.assertIn("NOAUTH", cli(port, "-a", "wrong", "--no-auth-warning", "PING", shown="out"))
        self.assertIn("WRONGPASS", cli(port, "--user", "root", "--pass", "first", "--no-auth-warning", "PING", shown="err"))
        self.assertEqual("1", cli(port, *login, "DEL", "banned:ip:203.0.113.7"))

    def bans_and_revokes(self, port, gateway):
        # The runbook's command, as it stands there.
        self.assertEqual("OK", cli(port, "SET", "banned:ip:203.0.113.7", "1", "EX", "2"))
        self.becomes(BANNED, gateway, address="203.0.113.7")
        self.assertEqual(FINE, self.answer(gateway))
        self.assertEqual((200, None), (ask(gateway.port, "/health")[0], None))
        self.becomes(FINE, gateway, address="203.0.113.7")
        # Blocks, and other spellings of an address.
        cli(port, "SET", "banned:ip:192.0.2.0/24", "scanners", "EX", "60")
        self.becomes(BANNED, gateway, address="192.0.2.200")
        self.becomes(BANNED, gateway, address="::ffff:192.0.2.1")
        self.assertEqual(FINE, self.answer(gateway, address="192.0.3.1"))
        self.assertEqual("1", cli(port, "DEL", "banned:ip:192.0.2.0/24"))
        self.becomes(FINE, gateway, address="192.0.2.200")
        # Accounts and tokens.
        seen = "/api/v1/s0/seen"
        now = int(time.time())
        old = tokens.bearer(jti="t1", iat=now - 5, exp=now + 500)
        self.assertEqual(FINE, self.answer(gateway, old, target=seen))
        for key, value, expected in (("banned:user:user-1", "1", BANNED),
                                     (f"banned:tenant:{tokens.TENANT}", "1", BANNED),
                                     ("revoked:jti:t1", "1", REVOKED),
                                     ("revoked:user:user-1", str(now - 1), REVOKED),
                                     (f"revoked:tenant:{tokens.TENANT}", str(now - 1), REVOKED),
                                     ("revoked:all", str(now - 1), REVOKED)):
            self.assertEqual("OK", cli(port, "SET", key, value))
            self.becomes(expected, gateway, old, target=seen)
            if key.startswith("revoked") and "jti" not in key:
                self.assertEqual(FINE, self.answer(gateway, tokens.bearer(iat=now), target=seen), key)
            cli(port, "DEL", key)
            self.becomes(FINE, gateway, old, target=seen)


class Embedded(State):
    def test_redis_cli_bans_and_revokes(self):
        gateway = self.start()
        self.bans_and_revokes(self.resp_port, gateway)
        line = self.events(gateway, "security violation")[0]
        self.assertEqual(("banned_access", "203.0.113.7"), (line["violationType"], line["ip"]))
        self.assertEqual("embedded", json.loads(ask(gateway.port, "/health")[2])["state"]["backend"])

    def test_redis_cli_finds_its_commands(self):
        self.start()
        port = self.resp_port
        self.assertEqual("PONG", cli(port, "PING"))
        self.assertEqual("OK", cli(port, "SET", "banned:ip:2001:db8::1", "1", "EX", "3600"))
        self.assertEqual("", cli(port, "SET", "banned:ip:2001:db8::1", "2", "NX"))
        self.assertIn(int(cli(port, "TTL", "banned:ip:2001:db8::1")), range(3590, 3601))
        self.assertEqual("1", cli(port, "EXPIRE", "banned:ip:2001:db8::1", "60"))
        self.assertEqual("banned:ip:2001:db8::1", cli(port, "KEYS", "banned:*"))
        self.assertEqual("banned:ip:2001:db8::1", cli(port, "--scan", "--pattern", "banned:ip:*"))
        self.assertEqual("1", cli(port, "DBSIZE"))
        self.assertIn("role:master", cli(port, "INFO"))
        self.assertEqual("ERR unknown command 'NONSENSE'", cli(port, "NONSENSE"))
        self.assertEqual("ERR wrong number of arguments for 'get' command", cli(port, "GET"))
        self.assertEqual("ERR invalid expire time in 'set' command", cli(port, "SET", "a", "b", "EX", "0"))
        self.assertEqual("OK", cli(port, "FLUSHALL"))
        self.assertEqual("0", cli(port, "DBSIZE"))

    def test_what_speaks_http_to_the_port_commands_nothing(self):
        self.start()
        body = b"SET banned:ip:127.0.0.1 1 EX 60\r\n"
        for head in (b"POST / HTTP/1.1\r\nHost: localhost\r\n", b"PUT / HTTP/1.1\r\nAccept: */*\r\nhost: localhost\r\n"):
            with socket.create_connection(("127.0.0.1", self.resp_port), 5) as sock:
                sock.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
                while sock.recv(4096):
                    pass
        self.assertEqual("0", cli(self.resp_port, "DBSIZE"))

    def test_the_ledger_of_bans(self):
        self.keeps_the_ledger(self.start())

    def test_what_operators_type(self):
        gateway = self.start()
        port = self.resp_port
        # Their runbook.
        self.assertEqual("OK", shell(f'redis-cli -p {port} SET "banned:ip:203.0.113.7" "1" EX 3600'))
        self.assertEqual("PONG", shell(f"redis-cli -h 127.0.0.1 -p {port} PING"))
        self.assertIn(int(shell(f'redis-cli -p {port} TTL "banned:ip:203.0.113.7"')), range(3590, 3601))
        self.becomes(BANNED, gateway, address="203.0.113.7")
        # What they will come to next.
        for number in range(40):
            cli(port, "SET", f"banned:ip:198.51.100.{number}", "scan", "EX", "3600")
        self.assertEqual("41", shell(f"redis-cli -p {port} --scan --pattern 'banned:ip:*' | wc -l"))
        self.assertEqual("41", shell(f"redis-cli -p {port} --scan --pattern 'banned:*' | sort -u | wc -l"))
        self.assertEqual("41", shell(f"redis-cli -p {port} --scan --pattern 'banned:*' | xargs redis-cli -p {port} DEL"))
        self.assertEqual("0", cli(port, "DBSIZE"))
        self.becomes(FINE, gateway, address="203.0.113.7")
        # A session, a batch, and other ways to give a value.
        self.assertEqual("OK\n1\nOK", shell(f"printf 'SET a 1\\nGET a\\nSELECT 0\\n' | redis-cli -p {port}"))
        self.assertEqual("OK", shell(f"printf 'a longer\\nreason' | redis-cli -p {port} -x SET banned:user:u1"))
        self.assertEqual('"a longer\\nreason"', shell(f"redis-cli -p {port} --no-raw GET banned:user:u1"))
        self.assertIn("errors: 0, replies: 2", shell(f"printf 'SET a 1\\r\\nDEL a\\r\\n' | redis-cli -p {port} --pipe"))
        self.assertIn("Keyspace", shell(f"redis-cli -p {port} INFO keyspace"))
        self.assertIn("redis_version", shell(f"redis-cli -p {port} INFO"))
        self.assertIn("maxmemory", shell(f"redis-cli -p {port} CONFIG GET '*memory*'"))
        self.assertIn("Biggest string found", shell(f"redis-cli -p {port} --bigkeys").replace("   ", " "))
        self.assertEqual("OK", cli(port, "CLIENT", "SETNAME", "runbook"))
        self.assertIn("NOPROTO", cli(port, "HELLO", "3"))
        self.assertIn("server", cli(port, "HELLO", "2"))
        self.assertTrue(abs(int(cli(port, "TIME").split()[0]) - time.time()) < 5)
        self.assertGreater(int(cli(port, "COMMAND", "COUNT")), 30)
        # A password that nobody asked for.
        self.assertIn("without any password configured", cli(port, "-a", "x", "--no-auth-warning", "PING", shown="err"))
        self.assertEqual("PONG", cli(port, "-a", "x", "--no-auth-warning", "PING", shown="out"))

    def test_maintenance_of_a_service_that_is_not_there_is_told_as_such(self):
        gateway = self.start()
        cli(self.resp_port, "SET", "maintenance:mode:orgin", "down", "EX", "600")
        line = self.events(gateway, "maintenance is set of a service that there is not")[0]
        self.assertEqual(("WARN", "orgin", "down"), (line["level"], line["upstream"], line["to"]))

    def test_the_password_of_the_port(self):
        path = os.path.join(self.folder, "password")
        with open(path, "w", encoding="utf-8") as file:
            file.write("first\n")
        gateway = self.start(environment={"RESP_PASSWORD_FILE": path})
        self.asks_for_the_password(gateway)
        # Another one, without a restart.
        with open(path, "w", encoding="utf-8") as file:
            file.write("second\n")
        gateway.signal(signal.SIGHUP)
        wait_until(lambda: cli(self.resp_port, "-a", "second", "--no-auth-warning", "PING") == "PONG", 5, "the new one")
        self.assertIn("WRONGPASS", cli(self.resp_port, "-a", "first", "--no-auth-warning", "PING", shown="err"))
        self.assertNotIn("second", "".join(json.dumps(line) for line in gateway.lines))

    def test_maintenance_by_plan(self):
        clock = lambda minutes: time.strftime("%H:%M", time.gmtime(time.time() + 60 * minutes))   # noqa: E731
        windows = lambda first, last: (   # noqa: E731
            self.text + f'maintenance: {{windows: {{now: {{day: daily, from: "{clock(first)}", to: "{clock(last)}", '
                        f'banner: "by plan"}}}}}}\n')
        gateway = self.start(windows(-30, 30))
        self.assertEqual(FINE, self.answer(gateway))
        refused = self.writes(gateway)
        self.assertEqual((503, "maintenance"), (refused.status, json.loads(refused.body)["code"]))
        self.assertTrue(28 * 60 < int(refused.values("Retry-After")[0]) <= 30 * 60, refused.values("Retry-After"))
        self.assertEqual(["by plan"], self.get(gateway, "/api/v1/s0/text").values("X-Maintenance-Banner"))
        health = lambda: json.loads(ask(gateway.port, "/health")[2])   # noqa: E731
        wait_until(lambda: (health()["maintenance"], health().get("banner")) == ("read-only", "by plan"), 5, "health says so")
        # Operators may be stricter.
        cli(self.resp_port, "SET", "maintenance:mode", "down")
        self.becomes((503, "maintenance"), gateway)
        cli(self.resp_port, "DEL", "maintenance:mode")
        self.becomes(FINE, gateway)
        gateway.config.write_text(windows(120, 180))
        wait_until(lambda: self.writes(gateway).status == 200, 10, "the plan has changed")
        self.assertEqual([], self.get(gateway, "/api/v1/s0/text").values("X-Maintenance-Banner"))
        wait_until(lambda: self.events(gateway, "maintenance mode changed"), 5, "it is told")

    def test_maintenance_by_key(self):
        gateway = self.start()
        health = lambda: json.loads(ask(gateway.port, "/health")[2])
        write = lambda: self.writes(gateway)
        cli(self.resp_port, "SET", "maintenance:mode", "read-only", "EX", "2")
        wait_until(lambda: write().status == 503, 5, "writes are turned away")
        refused = write()
        self.assertEqual("maintenance", json.loads(refused.body)["code"])
        self.assertIn(int(refused.values("Retry-After")[0]), (1, 2))
        self.assertEqual(FINE, self.answer(gateway))
        wait_until(lambda: health()["maintenance"] == "read-only", 5, "health says so")
        wait_until(lambda: write().status == 200, 10, "it ends by itself")
        wait_until(lambda: health()["maintenance"] == "off", 5, "health says so")
        cli(self.resp_port, "SET", "maintenance:mode", "down")
        self.becomes((503, "maintenance"), gateway)
        self.assertEqual(200, ask(gateway.port, "/health/ready")[0])
        self.assertEqual(200, ask(gateway.admin_port, "/metrics")[0])
        cli(self.resp_port, "SET", "maintenance:mode", "DOWN please")
        wait_until(lambda: self.events(gateway, "a key of the state is not understood"), 5, "a slip of the pen is told")
        self.assertEqual((503, "maintenance"), self.answer(gateway))
        cli(self.resp_port, "SET", "maintenance:banner", "back at 04:00 UTC")
        cli(self.resp_port, "DEL", "maintenance:mode")
        self.becomes(FINE, gateway)
        wait_until(lambda: health().get("banner") == "back at 04:00 UTC", 5, "health shows the banner")
        for target in ("/api/v1/s0/text", "/health", "/nowhere"):
            self.assertEqual(["back at 04:00 UTC"], self.get(gateway, target).values("X-Maintenance-Banner"), target)
        cli(self.resp_port, "DEL", "maintenance:banner")
        wait_until(lambda: not self.get(gateway, "/api/v1/s0/text").values("X-Maintenance-Banner"), 5, "it is gone")

    def writes(self, gateway):
        with Client(gateway.port) as client:
            client.send(b"POST /api/v1/s0/text HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            return client.response()

    def test_a_ban_ends_what_is_in_flight(self):
        gateway = self.start()
        with Client(gateway.port) as client:
            client.send(f"POST /api/v1/s0/digest HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\n"
                        f"{tokens.bearer()}Content-Length: 1000000\r\n\r\nbegun".encode())
            wait_until(lambda: self.origin.requests == 1, 5, "the upload has begun")
            cli(self.resp_port, "SET", "banned:ip:203.0.113.7", "1", "EX", "60")
            self.assertTrue(client.ended(5))

    def test_a_taken_port_keeps_nothing_from_serving(self):
        first = self.start()
        second = self.start(environment={"RESP_PORT": str(self.resp_port)})
        self.events(second, "the port for redis-cli is taken")
        self.assertEqual(FINE, self.answer(first))
        self.assertEqual(FINE, self.answer(second))


@unittest.skipUnless(shutil.which("redis-server"), "redis-server is not installed")
class WithRedis(State):
    def setUp(self):
        super().setUp()
        self.redis = Redis(self.folder)
        self.addCleanup(lambda: self.redis.kill())
        self.environment = {"REDIS_URL": f"redis://127.0.0.1:{self.redis.port}/0"}

    def ready(self, gateway):
        wait_until(lambda: self.status(gateway) == "ok", 10, "the state backend answers")
        return gateway

    def status(self, gateway):
        return json.loads(ask(gateway.port, "/health")[2])["state"]["status"]

    def test_redis_cli_bans_and_revokes(self):
        gateway = self.ready(self.start())
        self.bans_and_revokes(self.redis.port, gateway)

    def test_commands_take_no_other_redis_for_a_gateways_port(self):
        other = Redis(self.folder)
        self.addCleanup(lambda: other.kill())
        for words in (("ban", "user", "42", "--for", "1h"), ("unban", "user", "42"), ("bans",), ("cache", "purge", "--all")):
            for environment in ({}, self.environment):
                status, out, errors = tool(other.port, *words, **environment)
                self.assertEqual((1, ""), (status, out), words)
                self.assertIn(f"127.0.0.1:{other.port} is no gateway's port", errors)
                self.assertIn("--port or RESP_PORT", errors)
        self.assertEqual("0", cli(other.port, "DBSIZE"))
        # What is written into the Redis that gateways share is in force on them, whoever hands it on.
        shared = {"REDIS_URL": f"redis://localhost:{self.redis.port}/3"}
        self.assertEqual(0, tool(self.redis.port, "ban", "user", "42", "--for", "1h", **shared)[0])
        self.assertEqual("1", cli(self.redis.port, "-n", "3", "EXISTS", "banned:user:42"))

    def test_what_operators_type_at_the_prompt(self):
        self.ready(self.start())
        port = self.resp_port
        self.assertEqual("OK\n1\nOK", shell(f"printf 'SET a 1\\nGET a\\nSELECT 0\\n' | redis-cli -p {port}"))
        shell(f"redis-cli -p {port} COMMAND DOCS")
        self.assertEqual("OK", shell(f'redis-cli -p {port} SET "banned:ip:203.0.113.7" "1" EX 3600'))

    def test_the_resp_port_reaches_redis(self):
        gateway = self.ready(self.start())
        self.assertEqual("OK", cli(self.resp_port, "SET", "banned:ip:203.0.113.7", "1", "EX", "3600"))
        self.assertEqual("1", cli(self.redis.port, "GET", "banned:ip:203.0.113.7"))
        self.becomes(BANNED, gateway, address="203.0.113.7")

    def test_the_password_of_the_port_is_the_gateways_own(self):
        redis = Redis(self.folder, "--requirepass", "of redis")
        self.addCleanup(redis.kill)
        self.environment = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis.port), "REDIS_PASSWORD": "of redis",
                            "RESP_PASSWORD": "first"}
        self.asks_for_the_password(self.ready(self.start()))
        self.assertIn("WRONGPASS", cli(self.resp_port, "-a", "of redis", "--no-auth-warning", "PING", shown="err"))

    def test_the_ledger_of_bans(self):
        self.keeps_the_ledger(self.ready(self.start()))

    def test_every_gateway_sees_a_ban(self):
        gateways = [self.ready(self.start()) for _ in range(3)]
        old = tokens.bearer(iat=int(time.time()) - 5, exp=int(time.time()) + 300)
        cli(self.redis.port, "SET", "revoked:all", str(int(time.time()) - 1))
        for gateway in gateways:
            self.becomes(REVOKED, gateway, old, target="/api/v1/s0/seen")
            self.assertEqual(FINE, self.answer(gateway, tokens.bearer(), target="/api/v1/s0/seen"))

    def test_a_revocation_that_is_no_time_is_given_the_moment_at_which_it_was_first_seen(self):
        gateways = [self.ready(self.start()) for _ in range(2)]
        old = tokens.bearer(iat=int(time.time()) - 5, exp=int(time.time()) + 300)
        value = lambda: cli(self.redis.port, "GET", "revoked:all")   # noqa: E731
        cli(self.redis.port, "SET", "revoked:all", "1", "EX", "100")
        wait_until(lambda: re.fullmatch(r"\d{10}\.\d{3}", value()), 5, "it says the moment")
        said = value()
        self.assertTrue(0 < int(cli(self.redis.port, "TTL", "revoked:all")) <= 100)
        gateways.append(self.ready(self.start()))
        after = int(float(said)) + 1
        fresh = tokens.bearer(iat=after, exp=after + 300)
        for gateway in gateways:
            self.becomes(REVOKED, gateway, old, target="/api/v1/s0/seen")
            self.assertEqual(FINE, self.answer(gateway, fresh, target="/api/v1/s0/seen"))
        self.assertEqual(said, value())
        told = [e for g in gateways for e in g.events if "did not say since when" in str(e.get("msg"))]
        self.assertEqual([("revoked:all", said)], [(e["key"], e["value"]) for e in told])

    def test_what_lives_longer_than_any_clock_shows_is_in_force_and_endless(self):
        gateway = self.ready(self.start(environment={"ADMIN_TOKEN": "an-operators-token"}))
        token = "Authorization: Bearer an-operators-token\r\n"
        for_ever = ("EX", "9999999999")
        cli(self.redis.port, "SET", "banned:ip:203.0.113.7", "1", "EX", "3600")
        self.becomes(BANNED, gateway, address="203.0.113.7")
        cli(self.redis.port, "SET", "banned:ip:203.0.113.7", "for ever", *for_ever)
        cli(self.redis.port, "SET", "banned:ip:203.0.113.8", "for ever", *for_ever)
        listed = lambda: json.loads(ask(gateway.admin_port, "/admin/v1/bans", headers=token)[2])
        wait_until(lambda: (listed()["total"], listed()["endless"]) == (2, 2), 10, "both are known")
        for address in ("203.0.113.7", "203.0.113.8"):
            self.becomes(BANNED, gateway, address=address)
        status, out, errors = tool(self.resp_port, "bans")
        self.assertEqual((0, 2), (status, out.count("never")))
        self.assertIn("warning: banned:ip:203.0.113.7 has no end", errors)
        # A revocation of what is issued until the year 5138.
        cli(self.redis.port, "SET", "revoked:user:user-1", "99999999999", *for_ever)
        self.becomes(REVOKED, gateway, tokens.bearer(), target="/api/v1/s0/seen")
        shown = json.loads(ask(gateway.admin_port, "/admin/v1/revocations", headers=token)[2])
        self.assertEqual(("2262", None), (shown["revocations"][0]["issuedUntil"][:4], shown["revocations"][0]["until"]))

    def test_what_is_known_outlives_redis(self):
        gateway = self.ready(self.start())
        cli(self.redis.port, "SET", "banned:ip:203.0.113.7", "1", "EX", "3600")
        self.becomes(BANNED, gateway, address="203.0.113.7")
        with Load(gateway.port, "/api/v1/s0/text", b"hello from origin", connections=4) as load:
            self.redis.kill()
            wait_until(lambda: self.status(gateway) == "down", 10, "it is noticed")
            self.assertEqual(BANNED, self.answer(gateway, address="203.0.113.7"))
            self.assertEqual(200, ask(gateway.port, "/health/ready")[0])
            self.redis.start()   # empty
            wait_until(lambda: cli(self.redis.port, "GET", "banned:ip:203.0.113.7") == "1", 40, "it is written back")
            self.assertEqual(BANNED, self.answer(gateway, address="203.0.113.7"))
            self.ready(gateway)
        self.assertEqual([], load.failures)
        cli(self.redis.port, "FLUSHALL")
        self.becomes(FINE, gateway, address="203.0.113.7")

    def test_a_redis_that_stalls_holds_nobody_up(self):
        gateway = self.ready(self.start())
        cli(self.redis.port, "SET", "banned:ip:203.0.113.7", "1", "EX", "3600")
        self.becomes(BANNED, gateway, address="203.0.113.7")
        with Load(gateway.port, "/api/v1/s0/text", b"hello from origin", connections=4) as load:
            os.kill(self.redis.process.pid, signal.SIGSTOP)
            try:
                wait_until(lambda: self.status(gateway) == "down", 10, "it is noticed")
                self.assertEqual(BANNED, self.answer(gateway, address="203.0.113.7"))
            finally:
                os.kill(self.redis.process.pid, signal.SIGCONT)
            wait_until(lambda: self.status(gateway) == "ok", 40, "it recovers")
        self.assertEqual([], load.failures)

    def test_a_start_waits_until_it_knows_who_is_banned(self):
        self.redis.kill()
        self.redis.start("--enable-debug-command", "yes")
        self.assertEqual("OK", cli(self.redis.port, "SET", "banned:ip:203.0.113.7", "1"))
        with socket.create_connection(("127.0.0.1", self.redis.port)) as busy:
            busy.sendall(b"DEBUG SLEEP 1\r\n")    # Redis is there, and slow to say so
            gateway = self.start()
            self.assertEqual(BANNED, self.answer(gateway, address="203.0.113.7"))
            self.assertEqual(b"+OK\r\n", busy.recv(100))
        self.assertEqual([], [line for line in gateway.events if "before all bans" in line["msg"]])

    @unittest.skipUnless(FAKETIME, "faketime is not installed")
    def test_a_clock_that_is_set_forward_ends_no_ban(self):
        clock = pathlib.Path(self.folder) / "clock"
        set_clock(clock, "+0s\n")
        self.environment |= {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
                             "DONT_FAKE_MONOTONIC": "1"}
        gateway = self.ready(self.start())
        self.assertEqual("OK", cli(self.redis.port, "SET", "banned:ip:203.0.113.7", "1", "EX", "600"))
        self.becomes(BANNED, gateway, address="203.0.113.7")
        bearer = tokens.bearer(exp=int(time.time()) + 600)
        self.assertEqual(FINE, self.answer(gateway, bearer, target="/api/v1/s0/seen"))
        set_clock(clock, "+2h\n")
        wait_until(lambda: self.answer(gateway, bearer, target="/api/v1/s0/seen") != FINE, 10, "its clock is set")

        def is_banned():
            try:
                return self.answer(gateway, address="203.0.113.7") == BANNED
            except ConnectionError:
                return False    # let in between the two clocks, and cut when the ban was there again
        wait_until(is_banned, 2, "the ban is in force by the new clock")

    def test_it_starts_and_serves_without_redis(self):
        self.redis.kill()
        gateway = self.start()
        self.assertEqual(FINE, self.answer(gateway))
        said = [line["level"] for line in gateway.events if "before all bans" in line["msg"]]
        self.assertEqual(["WARN"], said)
        self.events(gateway, "the state backend does not answer; no bans and revocations are known yet")
        self.assertEqual("degraded", json.loads(ask(gateway.port, "/health")[2])["status"])
        self.assertTrue('state_backend_up{service="api-gateway"} 0\n' in ask(gateway.admin_port, "/metrics")[2])
        self.redis.start()
        self.ready(gateway)
        wait_until(lambda: ["ERROR", "INFO"] == [
            line["level"] for line in gateway.events if line["msg"].startswith("the state backend")], 5, "it tells both, once")


if __name__ == "__main__":
    unittest.main()
