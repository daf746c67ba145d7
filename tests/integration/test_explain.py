"""What operators ask of a running gateway: what would become of a request, and how it goes now."""
import itertools
import json
import os
import pty
import signal
import subprocess
import time
import unittest

from support import tokens
from support.process import ask
from support.scenario import BINARY
from support.shaping import Service
from support.wait import readable, wait_until
from test_admin import OPERATOR, VIEWER
from test_knobs import Knobs
from test_state import cli

SEEN = "/api/v1/s0/seen"


class Explain(Knobs):
    def explained(self, gateway, method, url, headers=None, **more):
        status, answer = self.call(gateway, "POST", "/explain", {"method": method, "url": url, "headers": headers or {}} | more, VIEWER)
        self.assertEqual(200, status, answer)
        return answer

    def by(self, answer):
        last = answer["stages"][-1]
        return answer["decides"], answer["status"], last.get("code"), last["why"]

    def bearer(self, **claims):
        return {"Authorization": "Bearer " + tokens.token(**claims)}

    def test_what_goes_on_is_shown_with_what_the_service_would_get(self):
        gateway = self.start()
        answer = self.explained(gateway, "GET", SEEN + "?a=1", self.bearer() | {"X-User-Id": "forged", "Cookie": "s=secret"}, address="203.0.113.7")
        self.assertEqual(("upstream", None), (answer["decides"], answer["status"]))
        self.assertEqual(("203.0.113.7", "user-1", tokens.TENANT), (answer["client"], answer["user"], answer["tenant"]))
        stages = [stage["stage"] for stage in answer["stages"]]
        self.assertLess(stages.index("banned"), stages.index("authenticate"))
        self.assertLess(stages.index("authenticate"), stages.index("rate_limit"))
        up = answer["upstream"]
        self.assertEqual(("origin", "/up/seen?a=1", "CLOSED"), (up["service"], up["path"], up["breaker"]))
        self.assertEqual(1, len(up["endpoints"]))
        self.assertEqual(("user-1", "…", "…"), tuple(up["headers"][name] for name in ("X-User-Id", "Authorization", "Cookie")))
        self.assertIn("X-Request-Deadline", up["headers"])
        self.assertEqual(["x-user-id"], up["dropped"])
        limit = answer["limits"][0]
        self.assertEqual(("general", "user user-1", 3, 3), tuple(limit[name] for name in ("policy", "who", "requests", "remaining")))

    def test_each_refusal_is_told_with_what_clients_are_not(self):
        gateway = self.start()
        now = int(time.time())
        for url, headers, decides, status, code, why in (
                (SEEN, {}, "authenticate", 401, "token_missing", "cause: missing"),
                (SEEN, self.bearer(exp=now - 100, iat=now - 700), "authenticate", 401, "token_expired", "cause: expired"),
                (SEEN, self.bearer(iss="evil"), "authenticate", 401, "token_invalid", "cause: issuer"),
                ("/api/v1/sale/x", self.bearer(), "authorize", 403, "forbidden", "the caller has role customer, permissions none"),
                (f"/api/v1/tenants/{tokens.OTHER_TENANT}/text", self.bearer(), "tenant", 403, "cross_tenant", "another tenant"),
                ("/nowhere", {}, "route", 404, "no_route", "no route"),
                ("/api/v1/s0/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc", {}, "route", 400, "bad_request", ""),
                ("/api/v1/s0/text", {"Transfer-Encoding": "chunked", "Content-Length": "1"}, "protocol", 400, "bad_request", "")):
            found = self.by(self.explained(gateway, "GET", url, headers))
            if decides == "authorize" and found[0] != "authorize":
                self.assertEqual("upstream", found[0])   # roles may give it
                continue
            self.assertEqual((decides, status, code), found[:3], (url, found))
            self.assertIn(why, found[3])
        self.call(gateway, "PUT", "/bans/ip/203.0.113.0%2F24", {"seconds": 60, "reason": "scans"})
        wait_until(lambda: self.by(self.explained(gateway, "GET", SEEN, address="203.0.113.9"))[0] == "banned", 5, "the ban is known")
        self.assertIn("the address 203.0.113.9 is banned: scans", self.by(self.explained(gateway, "GET", SEEN, address="203.0.113.9"))[3])
        cli(self.resp_port, "SET", "banned:user:user-1", "fraud", "EX", "60")
        wait_until(lambda: self.by(self.explained(gateway, "GET", SEEN, self.bearer()))[2] == "banned", 5, "so is this")
        self.assertIn("the user user-1 is banned: fraud", self.by(self.explained(gateway, "GET", SEEN, self.bearer()))[3])
        self.call(gateway, "PUT", "/maintenance", {"mode": "down", "seconds": 60})
        wait_until(lambda: self.by(self.explained(gateway, "GET", SEEN))[:2] == ("maintenance", 503), 5, "and this")

    def test_nothing_is_counted_asked_logged_or_kept_but_that_somebody_looked(self):
        gateway = self.start()
        user = tokens.bearer(sub="ana")
        before = ask(gateway.admin_port, "/metrics")[2]
        lines = len(gateway.lines)
        for _ in range(5):
            self.explained(gateway, "GET", SEEN, {"Authorization": user.split(": ")[1].strip()})
            self.explained(gateway, "GET", SEEN + "?token=hunter2", {"Authorization": "Bearer a.b.c"})
        after = ask(gateway.admin_port, "/metrics")[2]

        def of(text):
            wanted = ("auth_attempts", "jwt_", "rate_limit", "security_v", "http_requests_total", "downstream_requests")
            return [line for line in text.splitlines() if line.startswith(wanted)]
        self.assertEqual(of(before), of(after))
        self.assertEqual(lines, len(gateway.lines))
        self.assertEqual([200] * 3 + [429], self.statuses(gateway, 4, user))
        answer = self.explained(gateway, "GET", "/api/v1/s0/text", {"Authorization": user.split(": ")[1].strip()})
        self.assertEqual(("rate_limit", 429, "rate_limited", "policy general: none are left"), self.by(answer))
        looks = [r for r in self.records() if r["event"] == "admin"]
        self.assertEqual({("POST /admin/v1/explain", "looked", "viewer")}, {(r["resource"], r["decision"], r["requester"]) for r in looks})
        self.assertNotIn("hunter2", self.audit.read_text())
        self.assertNotIn("Bearer", self.audit.read_text())

    def test_a_breaker_that_is_open_is_told_and_a_knob_counts(self):
        gateway = self.start()
        self.call(gateway, "PUT", "/breakers/origin", {"state": "open", "seconds": 60})
        answer = self.explained(gateway, "GET", "/api/v1/s0/text")
        self.assertEqual(("breaker", 503, "OPEN"), (answer["decides"], answer["status"], answer["upstream"]["breaker"]))
        self.call(gateway, "PUT", "/limits/general", {"requests": 9, "seconds": 60})
        wait_until(lambda: self.explained(gateway, "GET", "/api/v1/s0/text")["limits"][0]["requests"] == 9, 5, "it is by the knob")

    def test_a_mirror_is_told_of_and_no_copy_is_sent(self):
        copies = Service("copies")
        self.addCleanup(copies.close)
        self.text = self.text.replace("\nroutes:", f"\n  copies: {{url: '{copies.url}'}}\nroutes:") + """
  - {name: m, path: /api/v1/m/**, service: origin, rewrite: /up, authenticate: {public: [/**]}, mirror: {service: copies, percent: 99}}"""
        gateway = self.start()
        for method, why in (("GET", "99 % of such requests are copied to copies"), ("POST", "no copy is made of such a request")) * 3:
            answer = self.explained(gateway, method, "/api/v1/m/text")
            self.assertEqual(("upstream", "mirror", "goes on", why),
                             (answer["decides"], *(answer["stages"][-1][name] for name in ("stage", "verdict", "why"))))
        self.assertEqual(200, self.get(gateway, "/api/v1/s0/text").status)
        self.assertEqual([], copies.seen)

    def test_an_answer_that_is_put_together_is_told_by_its_parts(self):
        self.text += """
  - {name: whole, path: "/api/v1/whole/{id}", methods: [GET], authenticate: {public: [/**]},
     aggregate: {parts: {event: {service: origin, path: "/up/{id}"}, seats: {service: origin, path: "/up/{event#/id}"}}}}"""
        gateway = self.start()
        answer = self.explained(gateway, "GET", "/api/v1/whole/text")
        self.assertEqual(("aggregate", None, None, "put together of event from origin, seats from origin"), self.by(answer))
        self.assertIsNone(answer["upstream"])
        self.assertRegex(self.done(gateway, "explain", "GET", "/api/v1/whole/text"), r"(?m)^decided by aggregate$")

    def test_a_service_that_is_not_asked_is_told_as_the_request_would_be(self):
        self.text = self.text.replace("\nroutes:", "\n  nowhere: {url: 'http://nowhere.invalid:80'}\nroutes:") + """
  - {name: nowhere, path: /api/v1/nowhere/**, service: nowhere, authenticate: {public: [/**]}}
  - {name: whole, path: "/api/v1/whole/{id}", methods: [GET], authenticate: {public: [/**]},
     aggregate: {parts: {event: {service: origin, path: "/up/{id}"}}}}
  - {name: perhaps, path: "/api/v1/perhaps/{id}", methods: [GET], authenticate: {public: [/**]},
     aggregate: {parts: {event: {service: origin, path: "/up/{id}"}, more: {service: nowhere, path: /x, required: false}}}}
  - {name: half, path: "/api/v1/half/{id}", methods: [GET], authenticate: {public: [/**]},
     aggregate: {parts: {event: {service: origin, path: "/up/{id}"}, more: {service: nowhere, path: /x}}}}"""
        gateway = self.start()

        users = itertools.count()

        def real(path):
            """By somebody who has asked for nothing yet: limits are not what this is about."""
            return self.get(gateway, path, tokens.bearer(sub=f"new-{next(users)}")).status
        answer = self.explained(gateway, "GET", "/api/v1/nowhere/x")
        self.assertEqual(("upstream", 503, []), (answer["decides"], answer["status"], answer["upstream"]["endpoints"]))
        self.assertEqual(503, real("/api/v1/nowhere/x"))
        status, out, _ = self.tool(gateway, "explain", "GET", "/api/v1/nowhere/x")
        self.assertEqual(4, status, out)
        self.assertIn("no address of the service is known", out)
        self.assertRegex(out, r"(?m)^from 127\.0\.0\.1, Host localhost, nobody known$")
        self.assertIn(", Host a.example:81,", self.done(gateway, "explain", "GET", "http://a.example:81/api/v1/s0/text"))

        self.assertEqual(("aggregate", 503, "no_healthy_upstream"), self.by(self.explained(gateway, "GET", "/api/v1/half/text"))[:3])
        self.assertEqual(503, real("/api/v1/half/text"))
        self.assertEqual(("aggregate", None, None), self.by(self.explained(gateway, "GET", "/api/v1/perhaps/text"))[:3])
        self.assertEqual(4, self.tool(gateway, "explain", "GET", "/api/v1/half/text")[0])
        self.call(gateway, "PUT", "/maintenance", {"mode": "down", "service": "origin", "seconds": 60})
        wait_until(lambda: self.by(self.explained(gateway, "GET", "/api/v1/whole/text"))[:3] == ("aggregate", 503, "maintenance"), 5,
                   "the maintenance is known")
        wait_until(lambda: real("/api/v1/whole/text") == 503, 5, "by the workers, too")
        self.call(gateway, "PUT", "/maintenance", {"mode": "off", "service": "origin"})
        self.call(gateway, "PUT", "/breakers/origin", {"state": "open", "seconds": 60})
        wait_until(lambda: self.by(self.explained(gateway, "GET", "/api/v1/whole/text"))[:3] == ("aggregate", 503, "circuit_open"), 5,
                   "the breaker is open")
        self.assertEqual(503, real("/api/v1/whole/text"))

    def test_a_redirect_is_told_with_where_it_leads(self):
        self.text += """
  - {name: old, path: "/api/v1/old/{id}", authenticate: {public: [/**]}, redirect: {to: "/api/v1/s0/{id}"}}"""
        gateway = self.start()
        self.assertEqual(("redirect", 302, None, "to /api/v1/s0/7"), self.by(self.explained(gateway, "GET", "/api/v1/old/7")))
        self.assertRegex(self.done(gateway, "explain", "GET", "/api/v1/old/7"), r"(?m)^decided by redirect: 302$")

    def test_the_command_says_it_and_ends_by_it(self):
        gateway = self.start()
        status, out, errors = self.tool(gateway, "explain", "GET", SEEN, "--address", "203.0.113.7")
        self.assertEqual((4, ""), (status, errors))
        self.assertRegex(out, r"(?m)^  authenticate +refuses 401 token_missing: .*\(cause: missing\)$")
        self.assertRegex(out, r"(?m)^decided by authenticate: 401$")
        out = self.done(gateway, "explain", "GET", SEEN, "-H", tokens.bearer().strip(), ADMIN_TOKEN="", ADMIN_VIEWER_TOKEN=VIEWER)
        self.assertRegex(out, r"(?m)^to origin /up/seen$")
        self.assertRegex(out, r"(?m)^  limit general, user user-1: 3 of 3 left$")
        self.assertEqual("upstream", json.loads(self.done(gateway, "explain", "GET", "/api/v1/s0/text", "--json"))["decides"])
        self.assertEqual(2, self.tool(gateway, "explain", "GET", SEEN, "-H", "nonsense")[0])
        self.assertIn("which request?", self.tool(gateway, "explain", "G T", SEEN)[2])
        for body in ({"method": "GET", "url": "/", "headers": {"A": "b\r\nC: d"}}, {"method": "GET", "url": "/x HTTP/1.1\r\n\r\n"}, {}):
            self.assertEqual(400, self.call(gateway, "POST", "/explain", body)[0], body)


class Top(Knobs):
    def test_once_it_shows_what_clients_did(self):
        gateway = self.start()
        for _ in range(6):
            self.get(gateway, "/api/v1/s0/text", tokens.bearer(sub="ana"))
        self.call(gateway, "PUT", "/limits/tickets", {"requests": 9, "seconds": 60, "reason": "sale"})
        out = self.done(gateway, "top", ADMIN_TOKEN="", ADMIN_VIEWER_TOKEN=VIEWER)
        self.assertRegex(out, r"(?m)^origin +CLOSED +1/1 +\d+ ")
        self.assertIn("changed limit:tickets: 9 requests", out)
        self.assertIn("PUT /admin/v1/limits/tickets", out)
        tick = json.loads(self.done(gateway, "top", "--once", "--json"))
        self.assertIn("origin", tick["serviceFacts"])
        self.assertEqual(1, self.tool(gateway, "top", "--once", ADMIN_TOKEN="wrong")[0])
        self.assertEqual(3, self.tool(gateway, "top", "--once", "--admin-port", "1")[0])

    def test_on_a_terminal_it_goes_on_until_q_and_leaves_it_as_it_was(self):
        gateway = self.start()
        main, side = pty.openpty()
        top = subprocess.Popen([str(BINARY), "top"], stdin=side, stdout=side, stderr=side,
                               env=os.environ | {"ADMIN_TOKEN": OPERATOR, "ADMIN_PORT": str(gateway.admin_port), "TERM": "xterm"}, cwd=self.folder)
        self.addCleanup(lambda: top.poll() is None and top.send_signal(signal.SIGKILL))
        seen = b""

        def shows(text, count=1):
            nonlocal seen
            while readable(main, 0):
                seen += os.read(main, 65536)
            return seen.count(text) >= count
        wait_until(lambda: shows(b"q quits", 2), 10, "it is drawn again")
        self.assertIn(b"origin", seen)
        os.write(main, b"q")
        wait_until(lambda: shows(b"\x1b[?1049l") and top.poll() is not None, 5, "it ends")
        self.assertEqual(0, top.returncode)
        os.close(main)
        os.close(side)


if __name__ == "__main__":
    unittest.main()
