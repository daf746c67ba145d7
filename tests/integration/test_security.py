"""What security people live by: the audit record, failed sign-ins over all workers and automatic bans, the diagnosis
of failed authentication, keys of machines."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import unittest

from support import tokens
from support.clients import Client
from support.h2 import H2Client
from support.process import DEFAULT_BINARY, ask
from support.redis import Redis, cli
from support.wait import wait_until
from support.websocket import Service, connect, frame, request
from test_state import BANNED, FINE, State


def tool(*words, binary=None, **environment):
    inherited = {k: v for k, v in os.environ.items() if k not in ("CONFIG_FILE",)}
    return subprocess.run([str(binary or DEFAULT_BINARY), *words], capture_output=True, text=True, timeout=20,
                          env=inherited | environment)


class Audit(State):
    def setUp(self):
        super().setUp()
        self.path = pathlib.Path(self.folder) / "audit.log"
        self.environment = {"AUDIT_PATH": str(self.path)}

    def records(self, count):
        def found():
            lines = self.path.read_text().splitlines() if self.path.exists() else []
            return [json.loads(line) for line in lines]
        wait_until(lambda: len(found()) >= count, 5, f"{count} records")
        return found()

    def attempt(self, gateway):
        answer = self.get(gateway, f"/api/v1/tenants/{tokens.OTHER_TENANT}/text", tokens.bearer())
        self.assertEqual(403, answer.status)

    def test_each_event_is_a_record_of_who_did_what(self):
        gateway = self.start()
        self.attempt(gateway)
        record = self.records(1)[0]
        self.assertEqual(("tenant_bypass", "user-1", tokens.TENANT, "127.0.0.1", "blocked"), tuple(
            record[name] for name in ("event", "requester", "tenant", "address", "decision")))
        self.assertEqual(f"GET /api/v1/tenants/{tokens.OTHER_TENANT}/text", record["resource"])
        self.assertIn("(403)", record["detail"])

    def test_a_chain_goes_on_after_a_restart_and_its_verification_finds_a_change(self):
        for _ in range(2):
            gateway = self.start()
            self.attempt(gateway)
            self.attempt(gateway)
            self.assertEqual(0, gateway.stop())
        self.records(4)
        whole = tool("audit", "verify", str(self.path))
        self.assertEqual((0, True), (whole.returncode, "4 records, whole" in whole.stdout), whole)
        head = whole.stdout.split()[-1]
        lines = self.path.read_text().splitlines(keepends=True)
        self.path.write_text("".join(lines[:1] + [lines[1].replace("blocked", "allowed")] + lines[2:]))
        broken = tool("audit", "verify", "--json", str(self.path))
        self.assertEqual((1, "changed", 2), (broken.returncode, json.loads(broken.stdout)["finding"],
                                             json.loads(broken.stdout)["line"]))
        self.assertIn("hash", json.loads(broken.stdout)["why"])
        self.assertTrue(broken.stdout.endswith("}\n"))
        self.path.write_text("".join(lines[:-1]))
        self.assertEqual(0, tool("audit", "verify", str(self.path)).returncode)
        self.assertEqual(1, tool("audit", "verify", "--at-least", head, str(self.path)).returncode)
        self.assertEqual(1, tool("audit", "verify", str(self.path) + ".none").returncode)
        self.assertEqual(2, tool("audit", "verify").returncode)

    def test_a_secret_makes_the_chain_its_own(self):
        gateway = self.start(environment={"AUDIT_SECRET": "kept elsewhere"})
        self.attempt(gateway)
        self.records(1)
        self.assertEqual(0, tool("audit", "verify", str(self.path), AUDIT_SECRET="kept elsewhere").returncode)
        self.assertEqual(1, tool("audit", "verify", str(self.path)).returncode)

    def test_events_wait_while_the_file_cannot_be_written(self):
        self.path.mkdir()
        gateway = self.start()
        self.attempt(gateway)
        self.events(gateway, "the audit record cannot be written")
        self.attempt(gateway)
        self.path.rmdir()
        self.records(2)
        self.events(gateway, "the audit record is written again")
        self.assertEqual(1, len(self.events(gateway, "the audit record cannot be written")))

    @unittest.skipUnless(shutil.which("redis-server"), "redis-server is not installed")
    def test_with_redis_there_is_a_bounded_stream_too(self):
        redis = Redis(self.folder)
        self.addCleanup(redis.kill)
        gateway = self.start(environment={"REDIS_URL": f"redis://127.0.0.1:{redis.port}"})
        self.events(gateway, "the state backend answers")
        self.attempt(gateway)
        wait_until(lambda: cli(redis.port, "XLEN", "audit:events") == "1", 5, "the stream has the event")
        self.assertIn("tenant_bypass", cli(redis.port, "XRANGE", "audit:events", "-", "+"))


class BruteForce(State):
    def start(self, mode="log", **options):
        text = "watch: {diagnosis_interval_ms: 100}\n" + self.text + f"""
  - {{name: auth, path: /api/v1/auth/**, service: origin, rewrite: /up, authenticate: {{public: [/status]}},
     brute_force: {{mode: {mode}, login_paths: [/status]}}}}
"""
        return super().start(text, **options)

    def sign_in(self, gateway, status, email, address="203.0.113.7"):
        """On a connection of its own, so that all workers get their share."""
        self.sign_in_by(gateway, status, json.dumps({"email": email, "password": "x"}), address)

    def sign_in_by(self, gateway, status, body, address, content_type="application/json"):
        with Client(gateway.port) as client:
            client.send(f"POST /api/v1/auth/status?code={status} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {address}\r\n"
                        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            self.assertEqual(status, client.response().status)

    def violations(self, gateway):
        return [e for e in gateway.events if e.get("violationType") == "brute_force"]

    def test_failures_of_an_address_are_counted_over_all_workers(self):
        gateway = self.start(environment={"WORKERS": "4"})
        for i in range(10):
            self.sign_in(gateway, 401, f"user-{i}@example.org")
        wait_until(lambda: self.violations(gateway), 5, "the attack is noticed")
        line = self.violations(gateway)[0]
        self.assertEqual(("203.0.113.7", "logged", 10), (line["ip"], line["decision"], line["failures"]))
        self.assertEqual(("POST", "/api/v1/auth/**"), (line["method"], line["route"]))
        # Of one of those that failed, so that `why` finds it.
        failed = {e["requestId"]: e["traceId"] for e in self.events(gateway, "authentication failed", 10)}
        self.assertEqual(failed[line["requestId"]], line["traceId"])
        self.assertEqual(10, len(self.events(gateway, "authentication failed", 10)))
        wait_until(lambda: self.metric(
            gateway, 'security_violations_total{service="api-gateway",violation_type="brute_force"} 1'), 5, "it counts")
        self.assertEqual(FINE, self.answer(gateway, address="203.0.113.7"))

    def test_failures_of_an_account_are_counted_over_all_addresses(self):
        gateway = self.start()
        for i in range(4):
            self.sign_in(gateway, 401, "Victim@example.org", f"203.0.113.{i}")
        self.sign_in(gateway, 200, "victim@example.org")
        for i in range(4):
            self.sign_in(gateway, 401, "victim@example.org", f"203.0.113.{i}")
        self.sign_in(gateway, 401, "other@example.org")
        self.assertEqual([], self.violations(gateway))
        self.sign_in(gateway, 401, "victim@example.org", "203.0.113.9")
        wait_until(lambda: self.violations(gateway), 5, "the attack is noticed")
        self.assertIn("account", self.violations(gateway)[0]["detail"])
        self.assertNotIn("victim", json.dumps(self.violations(gateway)))

    def test_an_account_does_not_hide_among_others_that_a_body_names(self):
        gateway = self.start()
        form = "application/x-www-form-urlencoded"
        for number, (body, content_type) in enumerate((
                ('{"email": "decoy-%d@example.org", "email": "victim@example.org"}', "application/json"),
                ('{"email": "victim@example.org", "a": {"email": "decoy-%d@example.org"}}', "application/json"),
                ('{"x": ' + "[" * 40 + '"%d"' + "]" * 40 + ', "email": "victim@example.org"}', "application/json"),
                ("email=decoy-%d%%40example.org&email=victim%%40example.org", form),
                ("email=victim%%40example.org&email=decoy-%d%%40example.org", form))):
            self.assertEqual([], self.violations(gateway))
            self.sign_in_by(gateway, 401, body % number, f"203.0.113.{number}", content_type)
            # Somebody who does get in clears no failures but those of the own account.
            self.sign_in_by(gateway, 200, body % number, f"203.0.113.{number}", content_type)
        wait_until(lambda: self.violations(gateway), 5, "the attack is noticed")
        self.assertIn("account", self.violations(gateway)[0]["detail"])

    def test_a_sign_in_clears_no_account_that_it_only_named(self):
        gateway = self.start()
        for i in range(4):
            self.sign_in(gateway, 401, "victim@example.org", f"203.0.113.{i}")
        self.sign_in_by(gateway, 200, '{"email": "victim@example.org", "email": "own@example.org"}', "203.0.113.9")
        self.sign_in(gateway, 401, "victim@example.org", "203.0.113.9")
        wait_until(lambda: self.violations(gateway), 5, "the attack is noticed")

    def test_a_name_that_says_the_same_twice_names_one_account(self):
        gateway = self.start()
        for i in range(5):
            self.sign_in_by(gateway, 401, '{"email": "user-%d@a", "user": {"email": "User-%d@a"}}' % (i, i), f"203.0.113.{i}")
        self.events(gateway, "authentication failed", 5)
        self.assertEqual([], self.violations(gateway))

    def test_whoever_goes_on_is_banned_where_the_route_says_so(self):
        gateway = self.start("block")
        for i in range(10):
            self.sign_in(gateway, 401, f"user-{i}@example.org")
        self.becomes(BANNED, gateway, address="203.0.113.7")
        self.assertEqual(FINE, self.answer(gateway))
        self.assertTrue(280 < int(cli(self.resp_port, "TTL", "banned:ip:203.0.113.7")) <= 300)
        value = json.loads(cli(self.resp_port, "GET", "banned:ip:203.0.113.7"))
        self.assertEqual(("10 failed sign-ins", "api-gateway"), (value["reason"], value["by"]))

    def test_an_address_that_many_share_is_not_banned(self):
        gateway = self.start("block")
        for i in range(30):
            answer = self.get(gateway, "/api/v1/s0/seen",
                              "X-Forwarded-For: 203.0.113.7\r\n" + tokens.bearer(sub=f"user-{i}"))
            self.assertEqual(200, answer.status)
        for i in range(10):
            self.sign_in(gateway, 401, f"user-{i}@example.org")
        wait_until(lambda: self.violations(gateway), 5, "the attack is noticed")
        line = self.violations(gateway)[0]
        self.assertEqual("logged", line["decision"])
        self.assertGreater(line["usersLastHour"], 20)
        self.assertEqual("", cli(self.resp_port, "GET", "banned:ip:203.0.113.7"))

    def test_a_wave_of_failures_is_explained_in_one_line(self):
        gateway = self.start()
        for i in range(30):
            self.sign_in(gateway, 401, f"user-{i}@example.org")
        self.assertEqual("brute_force", self.events(gateway, "looks like brute force")[0]["cause"])

    def test_tokens_of_an_issuer_that_is_away_are_no_guesses(self):
        issuer = tokens.Issuer(self.folder)
        self.addCleanup(issuer.close)
        issuer.make_key("first")
        issuer.answering = False
        # One worker: what is asked later is counted later.
        gateway = self.start("block", environment={"JWT_SECRET": "", "JWT_JWKS_URL": issuer.url, "WORKERS": "1"})
        office = "X-Forwarded-For: 203.0.113.7\r\n"
        for _ in range(12):
            self.assertAnswers(401, "token_invalid", gateway, "/api/v1/s0/seen", office + tokens.bearer(issuer.sign("first")))
        self.sign_in(gateway, 401, "someone@example.org")
        self.sign_in(gateway, 200, "someone@example.org")
        for i in range(10):
            self.sign_in(gateway, 401, f"user-{i}@example.org", "198.51.100.77")
        wait_until(lambda: self.violations(gateway), 5, "who guesses is noticed")
        self.assertEqual(["198.51.100.77"], [line["ip"] for line in self.violations(gateway)])
        self.sign_in(gateway, 200, "someone@example.org")

    def test_expired_tokens_are_no_attack(self):
        gateway = self.start()
        for i in range(30):
            self.get(gateway, "/api/v1/s0/seen",
                     f"X-Forwarded-For: 198.51.100.{i}\r\n" + tokens.bearer(iat=1_700_000_000, exp=1_700_000_600))
        self.assertEqual("expiry", self.events(gateway, "tokens expire before clients renew them")[0]["cause"])
        self.assertEqual([], self.violations(gateway))


class WithheldTokens(State):
    environment = {"INTERNAL_HMAC_SECRET": "a secret of the services, longer than 32 bytes"}

    def setUp(self):
        super().setUp()
        self.assertEqual(1, self.text.count("services:"))
        self.sockets = Service()
        self.addCleanup(self.sockets.close)
        sealed = f'''services:
  sealed: {{url: "{self.origin.url}", withhold_token: true}}
  sockets: {{url: "{self.sockets.url}", withhold_token: true}}'''
        self.text = self.text.replace("services:", sealed) + """
  - {name: sealed, path: /api/v1/sealed/**, service: sealed, rewrite: /up}
  - {name: open, path: /api/v1/open/**, service: sealed, rewrite: /up, authenticate: {public: [/**]}}
  - {name: sockets, path: /api/v1/sockets/**, service: sockets, rewrite: /up, websocket: {}}
  - name: whole
    path: /api/v1/whole
    methods: [GET]
    aggregate: {parts: {sealed: {service: sealed, path: /up/seen}, plain: {service: origin, path: /up/seen}}}
  - {name: trial, path: /api/v1/trial/**, service: origin, rewrite: /up, canary: {versions: [{service: sealed, percent: 100}]}}
  - {name: hedged, path: /api/v1/hedged/**, service: sealed, rewrite: /up, hedge_after_ms: 1}
"""

    def test_without_a_signature_it_does_not_start(self):
        with self.assertRaises(AssertionError) as refused:
            self.start(environment={"INTERNAL_HMAC_SECRET": ""})
        self.assertIn("services.sealed.withhold_token", str(refused.exception))
        self.assertIn("set INTERNAL_HMAC_SECRET", str(refused.exception))

    def test_a_service_learns_who_asks_and_never_sees_the_token(self):
        gateway = self.start()
        sealed = self.seen(gateway, "/api/v1/sealed/seen", tokens.bearer())["headers"]
        self.assertEqual(("user-1", tokens.TENANT), (sealed["x-user-id"], sealed["x-tenant-id"]))
        self.assertNotIn("authorization", sealed)
        self.assertIn("authorization", self.seen(gateway, "/api/v1/s0/seen", tokens.bearer())["headers"])

    def test_it_never_does_however_it_is_asked(self):
        gateway = self.start(environment={"WORKERS": "1"})      # so that /second is sent on a connection that was kept
        for target in ("/api/v1/open/seen", "/api/v1/trial/seen", "/api/v1/hedged/seen", "/api/v1/sealed/second"):
            sealed = self.seen(gateway, target, tokens.bearer())["headers"]
            self.assertEqual(("user-1", False), (sealed["x-user-id"], "authorization" in sealed), target)
        self.assertNotIn(b"authorization", self.origin.turned_down[0].lower())   # what /second was sent first
        parts = self.seen(gateway, "/api/v1/whole", tokens.bearer())
        self.assertEqual((False, True), tuple("authorization" in parts[part]["headers"] for part in ("sealed", "plain")))
        bearer = ("authorization", "Bearer " + tokens.token())
        with H2Client(gateway.port) as client:
            seen = json.loads(client.get("/api/v1/sealed/seen", extra=[bearer]).body)["headers"]
        self.assertEqual(("user-1", False), (seen["x-user-id"], "authorization" in seen))

    def test_nor_does_one_behind_a_websocket(self):
        gateway = self.start()
        with contextlib.closing(connect(gateway.port)) as client:
            client.send(request("/api/v1/sockets/ws", tokens.bearer()))
            self.assertTrue(client.head().startswith("HTTP/1.1 101 "))
            self.sockets.next().close()
        with H2Client(gateway.port) as client:
            client.wait(lambda: client.settings, "SETTINGS")
            fields = client.head("/api/v1/sockets/ws", "CONNECT", extra=[
                ("authorization", "Bearer " + tokens.token()), ("sec-websocket-version", "13")])
            stream = client.request([fields[0], (":protocol", "websocket"), *fields[1:]], end=False)
            client.wait(lambda: client.answer(stream).heads, "an answer")
            self.assertEqual(200, client.answer(stream).status)
            self.sockets.next().close()
        for head in self.sockets.heads:
            names = [line.partition(":")[0].lower() for line in head.split("\r\n")[1:]]
            self.assertEqual((True, True, False),
                             tuple(name in names for name in ("x-user-id", "x-internal-signature", "authorization")))

    def test_what_the_gateway_has_not_verified_goes_on_as_it_came(self):
        gateway = self.start()
        foreign = self.seen(gateway, "/api/v1/open/seen", "Authorization: Basic dXNlcjpwYXNz\r\n")["headers"]
        self.assertEqual("Basic dXNlcjpwYXNz", foreign["authorization"])


class ApiKeys(State):
    def setUp(self):
        super().setUp()
        made = tool("api-key")
        self.key, hash_ = made.stdout.split()[1], made.stdout.split()[3]
        ended = tool("api-key").stdout.split()
        self.ended = ended[1]
        self.text = f"""
api_keys:
  scanner: {{hash: "{hash_}", tenant: "{tokens.TENANT}", role: scanner, permissions: ["tickets:purchase"]}}
  ended: {{hash: "{ended[3]}", tenant: "{tokens.TENANT}", expires: "2020-01-01T00:00:00Z"}}
""" + self.text + """
  - {name: people, path: /api/v1/people/**, service: origin, rewrite: /up, authenticate: {api_keys: false}}
"""

    def test_a_machine_is_who_the_configuration_says(self):
        gateway = self.start()
        headers = self.seen(gateway, header=f"X-API-Key: {self.key}\r\n")["headers"]
        self.assertEqual(("api-key:scanner", tokens.TENANT, "api-key", "scanner"), tuple(
            headers[name] for name in ("x-user-id", "x-tenant-id", "x-tenant-source", "x-user-role")))
        self.assertNotIn("x-api-key", headers)
        self.assertAnswers(200, None, gateway, "/api/v1/sale/text", f"X-API-Key: {self.key}\r\n")
        self.assertAnswers(403, "cross_tenant", gateway, f"/api/v1/tenants/{tokens.OTHER_TENANT}/text",
                           f"X-API-Key: {self.key}\r\n")
        self.assertNotIn(self.key, json.dumps(gateway.lines))

    def test_a_key_that_has_ended_is_told_at_the_start(self):
        gateway = self.start()
        told = lambda: [l for l in gateway.lines if l.get("setting") == "api_keys.ended"]   # noqa: E731
        wait_until(told, 5, "it is told")
        self.assertEqual([("WARN", "2020-01-01T00:00:00Z")], [(l["level"], l["expires"]) for l in told()])
        self.assertEqual([], [l for l in gateway.lines if l.get("setting") == "api_keys.scanner"])

    def test_a_key_that_is_not_accepted_is_called_a_key(self):
        gateway = self.start()
        for key, code, detail in (("nobody's", "token_invalid", "the API key is not valid"),
                                  (self.ended, "token_expired", "the API key has expired")):
            answer = self.assertAnswers(401, code, gateway, "/api/v1/s0/seen", f"X-API-Key: {key}\r\n")
            self.assertEqual(detail, json.loads(answer.body)["detail"])
            wait_until(lambda d=detail: [l for l in gateway.lines if l.get("outcome") == f"authenticate: {d}"], 5, "its access line")
            wait_until(lambda d=detail: [l for l in gateway.lines if l.get("msg") == "authentication failed" and l.get("detail") == d], 5,
                       "its line")

    def test_a_key_brings_its_rate_limit(self):
        text = self.text.replace('role: scanner,', 'role: scanner, tier: machines,') + """
limits:
  general: {requests: 2, window_ms: 60000, tiers: {machines: {requests: 4, tenants: []}, slow: {requests: 1, tenants: [%s]}}}
""" % tokens.TENANT
        gateway = self.start(text, environment={"ADMIN_TOKEN": "t", "RATE_LIMIT_ENABLED": "true"})
        key = f"X-API-Key: {self.key}\r\n"
        self.assertEqual([200] * 4 + [429], [self.get(gateway, "/api/v1/s0/text", key).status for _ in range(5)])
        self.assertEqual([200, 429], [self.get(gateway, "/api/v1/s0/seen", tokens.bearer()).status for _ in range(2)])
        answer = ask(gateway.admin_port, "/admin/v1/limits/api-key/scanner", headers="Authorization: Bearer t\r\n")
        self.assertEqual([4], [one["requests"] for one in json.loads(answer[2])["limits"] if one["policy"] == "general"])

    def test_a_key_of_ours_never_goes_on_and_one_of_a_service_does(self):
        gateway = self.start()
        for key in (self.key, self.ended):
            for target in ("/api/v1/s0/seen", "/api/v1/people/seen"):
                seen = self.seen(gateway, target, f"{tokens.bearer()}X-API-Key: {key}\r\n")["headers"]
                self.assertEqual(("user-1", False), (seen["x-user-id"], "x-api-key" in seen))
        seen = self.seen(gateway, "/api/v1/people/seen", f"{tokens.bearer()}X-API-Key: of-the-service\r\n")["headers"]
        self.assertEqual("of-the-service", seen["x-api-key"])

    def test_a_websocket_of_a_key_without_an_end_has_none(self):
        service = Service()
        self.addCleanup(service.close)
        gateway = self.start(self.text.replace("services:", f'services:\n  sockets: {{url: "{service.url}"}}') +
                             "  - {name: sockets, path: /api/v1/sockets/**, service: sockets, rewrite: /up, websocket: {}}\n")
        with contextlib.closing(connect(gateway.port)) as client:
            client.send(request("/api/v1/sockets/ws", f"X-API-Key: {self.key}\r\n"))
            self.assertTrue(client.head().startswith("HTTP/1.1 101 "))
            service.next().send(frame(b"hello"))
            self.assertEqual((2, b"hello"), client.frame())

    def test_a_reload_that_takes_a_key_away_or_changes_it_ends_what_is_in_flight_by_it(self):
        service = Service()
        self.addCleanup(service.close)
        text = (self.text.replace("services:", f'services:\n  sockets: {{url: "{service.url}"}}') +
                "  - {name: sockets, path: /api/v1/sockets/**, service: sockets, rewrite: /up, websocket: {}}\n")
        gateway = self.start(text)

        def reload(text, number):
            gateway.config.write_text(text)
            gateway.signal(signal.SIGHUP)
            wait_until(lambda: sum(e.get("msg") == "configuration reloaded" for e in gateway.events) == number, 10, "reload")

        def socket(header):
            client = connect(gateway.port)
            self.addCleanup(client.close)
            client.send(request("/api/v1/sockets/ws", header))
            self.assertTrue(client.head().startswith("HTTP/1.1 101 "))
            return client, service.next()
        by_key = f"X-API-Key: {self.key}\r\n"
        others, behind_others = socket(tokens.bearer())
        gone = [("role: scanner", "role: clerk"), ("  scanner: {", "  other: {")]
        first, behind_first = socket(by_key)
        reload(text := text.replace("role: scanner", "expires: '2200-01-01T00:00:00Z', role: scanner"), 1)
        behind_first.send(frame(b"a later end changes nothing"))
        self.assertEqual((2, b"a later end changes nothing"), first.frame())
        for number, (was, becomes) in enumerate(gone, 2):
            client, _ = socket(by_key)
            with Client(gateway.port) as waiting:
                held = self.origin.holding
                waiting.send(f"GET /api/v1/s0/hold HTTP/1.1\r\nHost: test\r\n{by_key}\r\n".encode())
                wait_until(lambda held=held: self.origin.holding > held, 10, "the request is at the service")
                reload(text := text.replace(was, becomes), number)
                began = time.monotonic()
                opcode, reason = client.frame()
                self.assertEqual((8, b"key_revoked"), (opcode, reason[2:]))
                self.assertEqual(b"", waiting.rest())
                self.assertLess(time.monotonic() - began, 1)
        behind_others.send(frame(b"of a token"))
        self.assertEqual((2, b"of a token"), others.frame())

    def test_the_end_that_a_reload_gives_a_key_ends_what_is_in_flight_by_it(self):
        service = Service()
        self.addCleanup(service.close)
        text = (self.text.replace("services:", f'services:\n  sockets: {{url: "{service.url}"}}') +
                "  - {name: sockets, path: /api/v1/sockets/**, service: sockets, rewrite: /up, websocket: {}}\n")
        gateway = self.start(text)
        by_key = f"X-API-Key: {self.key}\r\n"
        others = connect(gateway.port)
        self.addCleanup(others.close)
        others.send(request("/api/v1/sockets/ws", tokens.bearer()))
        self.assertTrue(others.head().startswith("HTTP/1.1 101 "))
        behind_others = service.next()
        client = connect(gateway.port)
        self.addCleanup(client.close)
        client.send(request("/api/v1/sockets/ws", by_key))
        self.assertTrue(client.head().startswith("HTTP/1.1 101 "))
        service.next()
        with Client(gateway.port) as waiting:
            held = self.origin.holding
            waiting.send(f"GET /api/v1/s0/hold HTTP/1.1\r\nHost: test\r\n{by_key}\r\n".encode())
            wait_until(lambda: self.origin.holding > held, 10, "the request is at the service")
            end = int(time.time()) + 3
            said = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
            gateway.config.write_text(text.replace("role: scanner", f"expires: '{said}', role: scanner"))
            gateway.signal(signal.SIGHUP)
            wait_until(lambda: any(e.get("msg") == "configuration reloaded" for e in gateway.events), 10, "reload")
            opcode, reason = client.frame()
            self.assertEqual((8, b"key_revoked"), (opcode, reason[2:]))
            self.assertEqual(b"", waiting.rest())
            self.assertTrue(end <= time.time() < end + 2)
        behind_others.send(frame(b"of a token"))
        self.assertEqual((2, b"of a token"), others.frame())

    def test_any_other_key_is_nobody(self):
        gateway = self.start()
        for header, code in ((f"X-API-Key: {self.key}x\r\n", "token_invalid"), ("X-API-Key: \r\n", "token_invalid"),
                             (f"X-API-Key: {self.ended}\r\n", "token_expired"),
                             (f"X-API-Key: {self.key}\r\nX-API-Key: {self.key}\r\n", "token_malformed")):
            self.assertAnswers(401, code, gateway, "/api/v1/s0/seen", header)
        self.assertEqual(1, self.metric(gateway, 'error_type="api_key"} 2'))
        self.assertAnswers(401, "token_missing", gateway, "/api/v1/people/seen", f"X-API-Key: {self.key}\r\n")
        self.assertEqual(0, self.origin.requests)

    def test_whoever_revokes_tokens_learns_that_keys_go_on(self):
        gateway = self.start(environment={"ADMIN_TOKEN": "t"})

        def operate(*words):
            return tool(*words, "--admin-port", str(gateway.admin_port), ADMIN_TOKEN="t")
        refused = operate("revoke", "user", "api-key:scanner")
        self.assertEqual(1, refused.returncode, refused)
        self.assertIn("ban it instead: ban user api-key:scanner", refused.stderr)
        for words, warned in ((("tenant", tokens.TENANT), True), (("all", "--yes"), True),
                              (("tenant", tokens.OTHER_TENANT), False), (("user", "42"), False)):
            done = operate("revoke", *words)
            self.assertEqual((0, warned), (done.returncode, "API keys go on" in done.stdout), done)
        self.becomes(FINE, gateway, f"X-API-Key: {self.key}\r\n", target="/api/v1/s0/seen")
        self.assertIn(": banned.", operate("disable", "user", "api-key:scanner", "--for", "1h").stdout)
        self.becomes(BANNED, gateway, f"X-API-Key: {self.key}\r\n", target="/api/v1/s0/seen")

    def test_a_ban_of_a_machine_or_its_tenant_is_in_force(self):
        gateway = self.start()
        for key in ("banned:user:api-key:scanner", f"banned:tenant:{tokens.TENANT}"):
            cli(self.resp_port, "SET", key, "1", "EX", "60")
            self.becomes(BANNED, gateway, f"X-API-Key: {self.key}\r\n", target="/api/v1/s0/seen")
            cli(self.resp_port, "DEL", key)
            self.becomes(FINE, gateway, f"X-API-Key: {self.key}\r\n", target="/api/v1/s0/seen")


if __name__ == "__main__":
    unittest.main()
