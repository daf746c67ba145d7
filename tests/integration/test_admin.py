"""The admin API: who may call it, what it does, and that each change is recorded."""
import http.client
import json
import signal
import pathlib
import socket
import time
import unittest

from support import tokens
from support.process import ask
from support.wait import wait_until
from test_state import BANNED, FINE, REVOKED, State, cli

OPERATOR, VIEWER = "operator-token", "viewer-token"


class AdminCalls(State):
    def setUp(self):
        super().setUp()
        self.audit = pathlib.Path(self.folder) / "audit.log"
        self.environment = {"ADMIN_TOKEN": OPERATOR, "ADMIN_VIEWER_TOKEN": VIEWER, "AUDIT_PATH": str(self.audit)}

    def call(self, gateway, method, path, body=None, token=OPERATOR):
        connection = http.client.HTTPConnection("127.0.0.1", gateway.admin_port, timeout=5)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        connection.request(method, "/admin/v1" + path, text, headers)
        answer = connection.getresponse()
        found = answer.status, json.loads(answer.read())
        connection.close()
        return found

    def refused(self, status, gateway, method, path, body=None, token=OPERATOR):
        found, problem = self.call(gateway, method, path, body, token)
        self.assertEqual(status, found, problem)
        self.assertTrue(problem["detail"])
        return problem


class Admin(AdminCalls):
    def test_it_is_off_without_a_token(self):
        self.environment = {}
        gateway = self.start()
        self.assertIn("ADMIN_TOKEN", self.refused(404, gateway, "GET", "/status")["detail"])

    def test_a_viewer_looks_and_an_operator_changes(self):
        gateway = self.start()
        self.refused(401, gateway, "GET", "/status", token=None)
        self.refused(401, gateway, "GET", "/status", token=OPERATOR + "x")
        self.assertEqual("embedded", self.call(gateway, "GET", "/status", token=VIEWER)[1]["state"]["backend"])
        self.refused(403, gateway, "PUT", "/bans/ip/203.0.113.7", {"seconds": 60}, VIEWER)
        self.assertEqual(FINE, self.answer(gateway, address="203.0.113.7"))
        listed = self.call(gateway, "GET", "")[1]["operations"]
        for path in ("/metrics", "/health", "/admin/v1/status", "/console/"):
            self.assertIn("\r\ndate: ", ask(gateway.admin_port, path)[1].lower(), path)
        self.assertIn({"method": "PUT", "path": "/admin/v1/bans/{kind}/{who}"},
                      [{k: o[k] for k in ("method", "path")} for o in listed])

    def test_bans_come_with_reason_end_and_author_and_can_be_lifted(self):
        gateway = self.start()
        for i in range(3):
            self.get(gateway, "/api/v1/s0/seen", "X-Forwarded-For: 203.0.113.7\r\n" + tokens.bearer(sub=f"user-{i}"))
        status, answer = self.call(gateway, "PUT", "/bans/ip/203.0.113.7",
                                   {"seconds": 60, "reason": "probing", "by": "ana"})
        self.assertEqual((200, "banned:ip:203.0.113.7", 3), (status, answer["key"], answer["usersLastHour"]))
        self.becomes(BANNED, gateway, address="203.0.113.7")
        cli(self.resp_port, "SET", "banned:user:42", "1")
        wait_until(lambda: self.call(gateway, "GET", "/bans", token=VIEWER)[1]["total"] == 2, 5, "both are listed")
        ours, theirs = sorted(self.call(gateway, "GET", "/bans")[1]["bans"], key=lambda b: b["key"])
        self.assertEqual(("probing", "operator:ana", False, 3), tuple(
            ours[name] for name in ("reason", "by", "byHand", "usersLastHour")))
        self.assertEqual((True, None, "it has no end"), tuple(theirs[name] for name in ("byHand", "until", "warning")))
        self.assertEqual(200, self.call(gateway, "DELETE", "/bans/ip/203.0.113.7")[0])
        self.becomes(FINE, gateway, address="203.0.113.7")
        self.refused(404, gateway, "DELETE", "/bans/ip/203.0.113.7")
        changes = [json.loads(line) for line in self.audit.read_text().splitlines()]
        self.assertEqual([("admin", "operator:ana", "done"), ("admin", "operator", "done"), ("admin", "operator", "refused")],
                         [(c["event"], c["requester"], c["decision"]) for c in changes if c["event"] == "admin"])

    def test_a_ban_is_lifted_and_shortened_in_every_spelling(self):
        gateway = self.start()

        def listed():
            return [ban["key"] for ban in self.call(gateway, "GET", "/bans")[1]["bans"]]

        for written, asked in (("::ffff:198.51.100.51", "198.51.100.51"), ("::ffff:198.51.100.51", "::ffff:198.51.100.51"),
                               ("198.51.100.052", "198.51.100.52"), ("2001:DB8:0:0:0:0:0:1", "2001:db8::1")):
            cli(self.resp_port, "SET", f"banned:ip:{written}", "1", "EX", "600")
            wait_until(lambda: f"banned:ip:{written}" in listed(), 5, "it is known")
            self.assertEqual(200, self.call(gateway, "DELETE", f"/bans/ip/{asked}")[0], asked)
            self.assertEqual("0", cli(self.resp_port, "DBSIZE"))
            wait_until(lambda: listed() == [], 5, "it is lifted")
        cli(self.resp_port, "SET", "banned:ip:::ffff:198.51.100.51", "1", "EX", "600")
        wait_until(listed, 5, "it is known")
        self.assertEqual(200, self.call(gateway, "PUT", "/bans/ip/198.51.100.51", {"seconds": 60, "shorten": True})[0])
        wait_until(lambda: listed() == ["banned:ip:198.51.100.51"], 5, "the longer one is gone")

    def test_a_revocation_that_holds_longer_stays(self):
        gateway = self.start()
        earlier = int(time.time()) - 3600
        for kind, who, value in (("jti", "t1", "1"), ("user", "user-1", str(earlier)), ("all", "", str(earlier))):
            key = "revoked:all" if kind == "all" else f"revoked:{kind}:{who}"
            cli(self.resp_port, "SET", key, value, "EX", "86400")
            status, answer = self.call(gateway, "POST", "/revocations", {"kind": kind, "who": who, "seconds": 60})
            self.assertEqual((200, key, "jti" == kind), (status, answer["key"], answer.get("kept", False)))
            self.assertGreater(int(cli(self.resp_port, "TTL", key)), 86000, key)
            cli(self.resp_port, "PERSIST", key)
            self.assertIsNone(self.call(gateway, "POST", "/revocations", {"kind": kind, "who": who, "seconds": 60})[1]["until"])
            self.assertEqual("-1", cli(self.resp_port, "TTL", key), key)
        # Tokens that were issued since are revoked all the same.
        self.assertGreater(int(cli(self.resp_port, "GET", "revoked:user:user-1")), earlier)

    def test_a_revocation_is_made_longer(self):
        gateway = self.start()
        for body, least in (({"seconds": 60}, 1), ({"seconds": 600}, 500), ({"endless": True}, -1)):
            self.assertEqual(200, self.call(gateway, "POST", "/revocations", {"kind": "jti", "who": "t1"} | body)[0])
            self.assertGreaterEqual(int(cli(self.resp_port, "TTL", "revoked:jti:t1")), least)
        self.assertEqual("-1", cli(self.resp_port, "TTL", "revoked:jti:t1"))

    def test_a_ban_that_lasts_longer_stays_unless_a_shorter_one_is_asked_for(self):
        gateway = self.start()
        for there in (("EX", "86400"), ()):
            cli(self.resp_port, "SET", "banned:user:42", "scans", *there)
            status, answer = self.call(gateway, "PUT", "/bans/user/42", {"seconds": 60, "reason": "probing"})
            self.assertEqual((200, True), (status, answer.get("kept")))
            self.assertEqual(not there, answer["until"] is None)
            self.assertEqual("scans", cli(self.resp_port, "GET", "banned:user:42"))
        answer = self.call(gateway, "PUT", "/bans/user/42", {"seconds": 60, "shorten": True, "reason": "probing"})[1]
        self.assertNotIn("kept", answer)
        self.assertIn(int(cli(self.resp_port, "TTL", "banned:user:42")), range(1, 61))
        self.assertNotIn("kept", self.call(gateway, "PUT", "/bans/user/42", {"seconds": 600})[1])
        self.assertGreater(int(cli(self.resp_port, "TTL", "banned:user:42")), 500)
        self.assertNotIn("kept", self.call(gateway, "PUT", "/bans/user/42", {"endless": True})[1])
        self.assertEqual("-1", cli(self.resp_port, "TTL", "banned:user:42"))

    def test_a_lifetime_with_an_end_and_without_one_is_refused(self):
        gateway = self.start()
        for method, path, body in (("PUT", "/bans/user/42", {}), ("POST", "/revocations", {"kind": "user", "who": "42"}),
                                   ("PUT", "/maintenance", {"mode": "down"})):
            problem = self.refused(400, gateway, method, path, body | {"seconds": 60, "endless": True})
            self.assertIn("not both", problem["detail"])
        self.assertEqual("0", cli(self.resp_port, "DBSIZE"))
        self.assertEqual(200, self.call(gateway, "PUT", "/bans/user/42", {"seconds": 60, "endless": False})[0])

    def test_a_member_that_is_misspelt_or_of_another_type_is_not_done_without(self):
        gateway = self.start(environment={"RATE_LIMIT_ENABLED": "true"})
        for path, body, said in (("/limits/general", {"requests": 5, "seconds": 60, "dryrun": True}, 'no operation has a member "dryrun"'),
                                 ("/limits/general", {"requests": 5, "seconds": 60, "dryRun": "true"}, '"dryRun": write true or false'),
                                 ("/bans/user/42", {"seconds": 60, "shorten": 1}, '"shorten": write true or false'),
                                 ("/bans/user/42", {"seconds": 60, "reason": ["scans"]}, '"reason": write a text')):
            self.assertIn(said, self.refused(400, gateway, "PUT", path, body)["detail"])
        self.assertEqual([], self.call(gateway, "GET", "/bans")[1]["bans"])
        self.assertEqual([], self.call(gateway, "GET", "/knobs")[1]["knobs"])

    def test_a_name_that_cannot_be_shown_is_neither_banned_nor_revoked(self):
        gateway = self.start()
        for name in ("%ff", "a%00", "a%0Ab", "a" * 513):
            self.assertIn("UTF-8", self.refused(400, gateway, "PUT", f"/bans/user/{name}", {"seconds": 60})["detail"], name)
        for name in ("a\0", "a\nb", "a" * 513):
            problem = self.refused(400, gateway, "POST", "/revocations", {"kind": "user", "who": name, "seconds": 60})
            self.assertIn("control character", problem["detail"])
        self.assertEqual("0", cli(self.resp_port, "DBSIZE"))
        # Who has written one by hand gets rid of it.
        cli(self.resp_port, "SET", b"banned:user:a\xff", "1")
        self.assertEqual(200, self.call(gateway, "DELETE", "/bans/user/a%ff")[0])

    def test_what_somebody_wrote_by_hand_in_no_utf8_is_shown_in_json_all_the_same(self):
        gateway = self.start()
        cli(self.resp_port, "SET", b"banned:user:a\xff", b"sc\xe2ns")
        (ban,) = wait_until(lambda: self.call(gateway, "GET", "/bans")[1]["bans"], 5, "it is known")
        self.assertEqual(("banned:user:a\ufffd", "sc\ufffdns"), (ban["key"], ban["reason"]))

    def test_bad_calls_say_what_would_be_right(self):
        gateway = self.start()
        for method, path, body in (("PUT", "/bans/ip/nonsense", {"seconds": 1}), ("PUT", "/bans/ip/0.0.0.0%2F0", {"seconds": 1}),
                                   ("PUT", "/bans/ip/203.0.113.7", {}), ("PUT", "/bans/ip/203.0.113.7", {"seconds": -1}),
                                   ("PUT", "/bans/ip/203.0.113.7", "no json"), ("PUT", "/bans/ip/203.0.113.7", "[]"),
                                   ("POST", "/revocations", {"kind": "user", "seconds": 5}),
                                   ("PUT", "/maintenance", {"mode": "sideways"}), ("PUT", "/log-level", {"level": "loud"})):
            self.refused(400, gateway, method, path, body)
        self.refused(404, gateway, "GET", "/nowhere")
        self.refused(405, gateway, "POST", "/status")
        self.assertEqual("payload_too_large", self.refused(
            413, gateway, "PUT", "/log-level", json.dumps({"level": "x" * 100_000}))["code"])
        self.refused(400, gateway, "PUT", "/maintenance", {"mode": "off", "banner": "soon back"})

    def test_refusals_have_the_fields_that_http_asks_for(self):
        gateway = self.start()
        token = f"Authorization: Bearer {OPERATOR}\r\n"
        for method, path, headers, status, field in (
                ("POST", "/metrics", "", 405, "Allow: GET, HEAD"), ("DELETE", "/health", "", 405, "Allow: GET, HEAD"),
                ("POST", "/admin/v1/status", token, 405, "Allow: GET, HEAD"), ("TRACE", "/", "", 405, "Allow: GET, HEAD"),
                ("GET", "/admin/v1/bans/ip/192.0.2.1", token, 405, "Allow: PUT, DELETE"),
                ("HEAD", "/admin/v1/tail", token, 405, "Allow: GET"),
                ("GET", "/admin/v1/status", "", 401, "WWW-Authenticate: Bearer"),
                # Told before the body has come: whoever waits for an answer first gets one.
                ("PUT", "/admin/v1/log-level", token + "Content-Length: 99999999\r\n", 413, "X-Request-Id: ")):
            with socket.create_connection(("127.0.0.1", gateway.admin_port), timeout=5) as connection:
                connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: test\r\n{headers}\r\n".encode())
                head = connection.recv(65536).decode()
            self.assertIn(f"HTTP/1.1 {status} ", head, (method, path))
            self.assertIn(f"\r\n{field}", head, (method, path))

    def test_revocations(self):
        gateway = self.start()
        old = tokens.bearer(iat=int(time.time()) - 5, exp=int(time.time()) + 300)
        for body in ({"kind": "user", "who": "user-1", "seconds": 60}, {"kind": "all", "seconds": 60}):
            self.assertEqual(200, self.call(gateway, "POST", "/revocations", body)[0])
            self.becomes(REVOKED, gateway, old, target="/api/v1/s0/seen")
            cli(self.resp_port, "FLUSHALL")
            self.becomes(FINE, gateway, old, target="/api/v1/s0/seen")

    def test_a_revocation_lasts_as_long_as_tokens_live(self):
        gateway = self.start(environment={"JWT_ACCESS_TOKEN_EXPIRY": "30d"})
        for body, least, warned in (({}, 30 * 86_400, False), ({"seconds": 40 * 86_400}, 40 * 86_400 - 5, False), ({"endless": True}, None, False),
                                    ({"seconds": 86_400}, 86_395, True)):
            status, answer = self.call(gateway, "POST", "/revocations", {"kind": "user", "who": "user-1"} | body)
            self.assertEqual((200, warned), (status, "warning" in answer), answer)
            self.assertGreaterEqual(int(cli(self.resp_port, "TTL", "revoked:user:user-1")), -1 if least is None else least)
            cli(self.resp_port, "FLUSHALL")
        self.refused(400, gateway, "POST", "/revocations", {"kind": "user", "who": "user-1", "seconds": 0})
        self.refused(400, gateway, "POST", "/revocations", {"kind": "user", "who": "user-1", "endless": False})

    def test_maintenance_and_log_level(self):
        gateway = self.start()
        self.assertEqual(200, self.call(gateway, "PUT", "/maintenance",
                                        {"mode": "down", "banner": "soon back", "seconds": 60})[0])
        self.becomes((503, "maintenance"), gateway)
        self.assertEqual(200, self.call(gateway, "PUT", "/maintenance", {"mode": "off"})[0])
        self.becomes(FINE, gateway)
        for service, left in (("origin", "1"), (None, "0")):  # the banner is of everything that is closed
            for mode in ({"service": "origin"}, {}):
                self.assertEqual(200, self.call(gateway, "PUT", "/maintenance",
                                                {"mode": "read-only", "banner": "soon back", "seconds": 60} | mode)[0])
            self.assertEqual("3", cli(self.resp_port, "DBSIZE"))
            self.assertEqual(200, self.call(gateway, "PUT", "/maintenance", {"mode": "off"} | ({"service": service} if service else {}))[0])
            self.assertEqual(left, cli(self.resp_port, "EXISTS", "maintenance:banner"))
        self.call(gateway, "PUT", "/maintenance", {"mode": "down", "service": "origin", "banner": "soon back", "seconds": 60})
        self.call(gateway, "PUT", "/maintenance", {"mode": "off", "service": "origin"})
        self.assertEqual("0", cli(self.resp_port, "EXISTS", "maintenance:banner"))
        self.becomes(FINE, gateway)
        self.assertEqual(200, self.call(gateway, "PUT", "/log-level", {"level": "ERROR"})[0])
        before = len(gateway.events)
        self.get(gateway, "/api/v1/s0/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc")
        self.assertEqual(200, self.call(gateway, "PUT", "/log-level", {"level": "INFO"})[0])
        self.get(gateway, "/api/v1/s0/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc")

        def violations():
            return [e for e in gateway.events[before:] if e["msg"] == "security violation"]
        wait_until(violations, 5, "the second is logged")
        self.assertEqual(1, len(violations()))

    def test_access_lines_cease_below_the_level_in_force_and_come_back(self):
        gateway = self.start()

        def ask_as(request_id, code):
            self.get(gateway, f"/api/v1/s0/status?code={code}", tokens.bearer() + f"X-Request-Id: {request_id}\r\n")

        def lines():
            return {x["requestId"] for x in gateway.lines if "durationMs" in x and x["requestId"].startswith(("WARN-", "INFO-"))}
        expected = set()
        for level, left in (("WARN", ["failed"]), ("INFO", ["fine", "refused", "failed"])):
            self.assertEqual(200, self.call(gateway, "PUT", "/log-level", {"level": level})[0])
            for name, code in (("fine", 200), ("refused", 404), ("failed", 500)):
                ask_as(f"{level}-{name}", code)
            expected |= {f"{level}-{name}" for name in left}
            wait_until(lambda: expected <= lines(), 5, "those of the level are logged")
        gateway.signal(signal.SIGTERM)
        self.assertEqual(0, gateway.process.wait(20))
        self.assertEqual(expected, lines())


if __name__ == "__main__":
    unittest.main()
