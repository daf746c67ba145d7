"""Who calls, and what they may have: tokens, what services learn of the caller, tenants, bans, revocations."""
import hashlib
import hmac
import json
import signal
import socket
import time
import unittest

from support import services, tokens
from support.clients import Client
from support.h2 import H2Client
from support.process import ask
from support.scenario import Scenario
from support.services import SocketService
from support.wait import wait_until

SIGNING_SECRET = "a secret that services share with the gateway"


class EarlyOwner(SocketService):
    """Says in an interim answer alone whose its answer is."""

    def serve(self, sock):
        for head in services.heads(sock):
            owner = services.target(head).rsplit("=", 1)[1].encode()
            sock.sendall(b"HTTP/1.1 103 Early Hints\r\nX-Resource-Tenant: %s\r\nLink: </near>\r\n\r\n" % owner)
            services.respond(sock, body=b"secret")


class Identity(Scenario):
    def setUp(self):
        super().setUp()
        self.text = f"""
services:
  origin: {{url: "{self.origin.url}"}}
routes:
  - {{name: s0, path: /api/v1/s0/**, service: origin, rewrite: /up, authenticate: {{public: [/text, "/open/**"]}}}}
  - {{name: tenants, path: "/api/v1/tenants/{{tenantId}}/text", service: origin, rewrite: /up/text}}
  - {{name: sale, path: /api/v1/sale/**, service: origin, rewrite: /up, authorize: {{permission: "tickets:purchase"}}}}
  - {{name: staff, path: /api/v1/staff/**, service: origin, rewrite: /up, authorize: {{roles: [admin, venue-manager]}}}}
"""

    def get(self, gateway, target, header=""):
        with Client(gateway.port) as client:
            return client.get(target, header)

    def assertAnswers(self, status, code, gateway, target, header=""):
        answer = self.get(gateway, target, header)
        found = json.loads(answer.body).get("code") if status >= 400 else None
        self.assertEqual((status, code), (answer.status, found), target)
        return answer

    def seen(self, gateway, target="/api/v1/s0/seen", header=None):
        answer = self.get(gateway, target, tokens.bearer() if header is None else header)
        self.assertEqual(200, answer.status, answer.body)
        return json.loads(answer.body)

    def metric(self, gateway, line):
        return ask(gateway.admin_port, "/metrics")[2].count(line)

    def events(self, gateway, text, count=1):
        def found():
            return [e for e in gateway.events if text in e.get("msg", "")]
        wait_until(lambda: len(found()) >= count, 5, f"{count} lines with {text}")
        return found()


class Tokens(Identity):
    def test_a_route_needs_a_token_unless_the_path_is_public(self):
        gateway = self.start(self.text)
        self.assertAnswers(200, None, gateway, "/api/v1/s0/text")
        self.assertAnswers(200, None, gateway, "/api/v1/s0/open/any/text")
        answer = self.assertAnswers(401, "token_missing", gateway, "/api/v1/s0/seen")
        self.assertEqual(["Bearer"], answer.values("WWW-Authenticate"))
        for closed in ("/api/v1/s0/text/", "/api/v1/s0/textual", "/api/v1/s0/opened/text", "/api/v1/s0/x/text",
                       "/api/v1/s0/open/../seen", "/api/v1/s0/open/%2e%2e/seen"):
            self.assertAnswers(401, "token_missing", gateway, closed)
        self.assertEqual(2, self.origin.requests)

    def test_a_service_learns_of_the_caller_from_the_token_alone(self):
        gateway = self.start(self.text)
        forged = "".join(f"{name}: forged\r\n" for name in (
            "X-User-Id", "X-User-Role", "X-Tenant-Source", "X-Internal-Service", "X-Gateway-Forwarded",
            "X-Original-Ip", "X-Admin-Token", "X-Privileged"))
        headers = self.seen(gateway, header=tokens.bearer(role="venue-manager") + forged)["headers"]
        self.assertEqual(("user-1", tokens.TENANT, "jwt", "venue-manager", "true", "127.0.0.1"), tuple(
            headers[name] for name in ("x-user-id", "x-tenant-id", "x-tenant-source", "x-user-role",
                                       "x-gateway-forwarded", "x-original-ip")))
        self.assertNotIn("forged", json.dumps(headers))
        line = self.events(gateway, "security violation")[0]
        self.assertEqual(("header_manipulation", "user-1"), (line["violationType"], line["userId"]))
        self.assertEqual(1, self.metric(
            gateway, 'security_violations_total{service="api-gateway",violation_type="header_manipulation"} 1\n'))

    def test_bad_tokens_have_the_answer_of_their_fault(self):
        gateway = self.start(self.text)
        now = int(time.time())
        good = tokens.token()
        head, body, signature = good.split(".")
        for expected, text in (
                ("token_expired", tokens.token(iat=now - 700, exp=now - 100)),
                ("token_invalid", tokens.token(iss="somebody else")),
                ("token_invalid", tokens.token(type="refresh")),
                ("token_invalid", tokens.token(nbf=now + 300)),
                ("token_invalid", tokens.token(exp=now + 5000)),
                ("token_invalid", tokens.token(tenant_id=None)),
                ("token_invalid", tokens.signed(tokens.claims(), secret="x" * 32)),
                ("token_invalid", f"{head}.{tokens.part(tokens.claims(sub='root'))}.{signature}"),
                ("token_malformed", f"{head}.{body}"),
                ("token_malformed", "x")):
            self.assertAnswers(401, expected, gateway, "/api/v1/s0/seen", tokens.bearer(text))
        none = tokens.part({"alg": "none"}) + "." + body + "."
        answer = self.get(gateway, "/api/v1/s0/seen", tokens.bearer(none))
        self.assertEqual(401, answer.status)
        self.assertAnswers(400, "bad_request", gateway, "/api/v1/s0/seen", tokens.bearer(good) + tokens.bearer(good))
        self.assertAnswers(401, "token_malformed", gateway, "/api/v1/s0/seen", "Authorization: Basic eDp5\r\n")
        self.assertAnswers(200, None, gateway, "/api/v1/s0/seen", tokens.bearer(good))
        self.assertAnswers(200, None, gateway, "/api/v1/s0/text", tokens.bearer("broken"))
        self.assertEqual(2, self.origin.requests)
        lines = self.events(gateway, "authentication failed", 12)
        self.assertEqual(12, len(lines))
        self.assertEqual(("expired", "user-1"), (lines[0]["cause"], lines[0]["userId"]))
        # Nobody vouches for what these say.
        self.assertEqual({""}, {line["userId"] for line in lines if line["cause"] in ("signature", "malformed", "algorithm")})
        self.assertNotIn(signature, json.dumps(gateway.lines))

    def test_an_access_line_names_the_caller(self):
        gateway = self.start(self.text)
        self.seen(gateway)
        wait_until(lambda: any(l.get("userId") == "user-1" for l in gateway.lines), 5, "the access line")
        line = next(l for l in gateway.lines if l.get("userId") == "user-1")
        self.assertEqual(tokens.TENANT, line["tenantId"])

    def test_without_a_key_it_does_not_start(self):
        with self.assertRaisesRegex(AssertionError, "there is no key to verify tokens with"):
            self.start(self.text, environment={"JWT_SECRET": ""})

    def test_rules_that_let_in_more_than_they_should_are_warned_of(self):
        gateway = self.start(self.text, environment={"JWT_SECRET": "short", "JWT_ISSUER": ""})
        warned = lambda: {line.get("setting") for line in gateway.lines if line["level"] == "WARN"}
        wait_until(lambda: {"tokens.issuer", "tokens.secret"} <= warned(), 5, "both warnings")
        self.assertFalse({"tokens.issuer", "tokens.secret"} & {line.get("setting") for line in self.start(self.text).lines})

    def test_roles_and_permissions_guard_a_route(self):
        gateway = self.start(self.text)
        self.assertAnswers(200, None, gateway, "/api/v1/sale/text", tokens.bearer(role="customer"))
        self.assertAnswers(403, "forbidden", gateway, "/api/v1/sale/text", tokens.bearer(role="door-staff"))
        self.assertAnswers(200, None, gateway, "/api/v1/sale/text",
                           tokens.bearer(role="door-staff", permissions=["tickets:*"]))
        self.assertAnswers(200, None, gateway, "/api/v1/staff/text", tokens.bearer(role="admin"))
        self.assertAnswers(403, "forbidden", gateway, "/api/v1/staff/text", tokens.bearer(role="customer"))


class KeySets(Identity):
    def setUp(self):
        super().setUp()
        self.issuer = tokens.Issuer(self.folder)
        self.addCleanup(self.issuer.close)
        self.issuer.make_key("first")
        self.environment = {"JWT_SECRET": "", "JWT_JWKS_URL": self.issuer.url}

    def test_a_new_key_is_known_as_soon_as_a_token_of_it_comes(self):
        gateway = self.start(self.text, environment=self.environment)
        self.seen(gateway, header=tokens.bearer(self.issuer.sign("first")))
        self.issuer.make_key("second")
        # What strangers may cause is limited: the last reading has to be ten seconds old.
        fresh = tokens.bearer(self.issuer.sign("second"))
        wait_until(lambda: self.get(gateway, "/api/v1/s0/seen", fresh).status == 200, 20, "the second key", every=0.3)
        self.seen(gateway, header=tokens.bearer(self.issuer.sign("first")))

    def test_unknown_keys_cause_few_questions(self):
        gateway = self.start(self.text, environment=self.environment)
        self.seen(gateway, header=tokens.bearer(self.issuer.sign("first")))
        before = self.issuer.questions
        self.issuer.make_key("stranger", publish=False)
        strange = tokens.bearer(self.issuer.sign("stranger"))
        for _ in range(50):
            self.assertAnswers(401, "token_invalid", gateway, "/api/v1/s0/seen", strange)
        self.assertLessEqual(self.issuer.questions - before, 2)

    def test_an_issuer_that_is_given_up_while_it_is_asked_keeps_nobody_waiting(self):
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/keys"
        gateway = self.start(f"tokens: {{key_set_url: \"{url}\"}}\n" + self.text)
        gateway.config.write_text(self.text)
        gateway.signal(signal.SIGHUP)
        self.events(gateway, "configuration reloaded")
        strange = tokens.bearer(self.issuer.sign("first"))
        began = time.monotonic()
        self.assertAnswers(401, "token_invalid", gateway, "/api/v1/s0/seen", strange)
        self.assertLess(time.monotonic() - began, 1)

    def test_an_issuer_that_is_away_takes_no_key_away(self):
        gateway = self.start("tokens: {key_set_refresh_ms: 1000}\n" + self.text, environment=self.environment)
        self.seen(gateway, header=tokens.bearer(self.issuer.sign("first")))
        self.issuer.answering = False
        self.events(gateway, "the key set cannot be read")
        self.seen(gateway, header=tokens.bearer(self.issuer.sign("first")))
        self.issuer.answering = True
        self.events(gateway, "the key set can be read again")


class Tenants(Identity):
    def test_another_tenant_is_out_of_reach_however_it_is_named(self):
        gateway = self.start(self.text)
        other = tokens.OTHER_TENANT
        for target, header in (
                (f"/api/v1/tenants/{other}/text", ""),
                (f"/api/v1/s0/seen?tenantId={other}", ""),
                (f"/api/v1/s0/seen?a=1&tenant_id={other}", ""),
                (f"/api/v1/s0/seen?tenantId={tokens.TENANT}&tenantId={other}", ""),
                (f"/api/v1/s0/seen?%74enantId={other}", ""),
                (f"/api/v1/s0/seen?TENANTID={other}", ""),
                (f"/api/v1/s0/seen?tenantId[]={other}", ""),
                (f"/api/v1/s0/seen?tenantId%5B0%5D={other}", ""),
                (f"/api/v1/s0/seen?filter[tenant_id][eq]={other}", ""),
                (f"/api/v1/s0/seen?filter.tenantId={other}", ""),
                (f"/api/v1/s0/seen?%74enantId[%zz]={other}", ""),
                (f"/api/v1/s0/seen?tenant-id={other}", ""),
                (f"/api/v1/s0/seen?tenant[id]={other}", ""),
                (f"/api/v1/s0/seen?tenant.id={other}", ""),
                (f"/api/v1/s0/seen?x_tenant_id={other}", ""),
                (f"/api/v1/s0/seen?+tenantId={other}", ""),
                (f"/api/v1/s0/seen?%20tenantId={other}", ""),
                (f"/api/v1/s0/seen?%00tenantId={other}", ""),
                (f"/api/v1/s0/seen?a=1;b;tenantId={other}", ""),
                (f"/api/v1/s0/seen?tenantIds={tokens.TENANT},{other}", ""),
                ("/api/v1/s0/seen", f"Tenant: {other}\r\n"),
                ("/api/v1/s0/seen", f"X-Tenant: {other}\r\n"),
                ("/api/v1/s0/seen", f"X-Tenant-Ids: {other}\r\n"),
                ("/api/v1/s0/seen", f"Tenant-Id: {other}\r\n"),
                ("/api/v1/s0/seen", f"x-tenantid: {other}\r\n"),
                ("/api/v1/s0/seen", f"X-Tenant-Id: {other}\r\n")):
            self.assertAnswers(403, "cross_tenant", gateway, target, tokens.bearer() + header)
        self.assertEqual(0, self.origin.requests)
        lines = self.events(gateway, "cross-tenant", 26)
        self.assertEqual(26, len(lines))
        self.assertEqual((tokens.TENANT, other, "user-1", "blocked", 403), tuple(
            lines[0][name] for name in ("sourceTenant", "targetTenant", "userId", "outcome", "status")))
        self.assertEqual((f"/api/v1/tenants/{other}/text", "path"), (lines[0]["resource"], lines[0]["namedIn"]))
        self.assertEqual({("/api/v1/s0/seen", "query"), ("/api/v1/s0/seen", "header")},
                         {(line["resource"], line["namedIn"]) for line in lines[1:]})
        self.assertEqual(1, self.metric(
            gateway, 'cross_tenant_attempts_total{service="api-gateway",outcome="blocked"} 26\n'))

    def test_its_own_tenant_may_be_named(self):
        gateway = self.start(self.text)
        for target in (f"/api/v1/tenants/{tokens.TENANT}/text", f"/api/v1/s0/seen?tenantId={tokens.TENANT}"):
            self.assertAnswers(200, None, gateway, target, tokens.bearer())

    def test_what_only_resembles_a_name_of_a_tenant_names_none(self):
        gateway = self.start(self.text)
        other = tokens.OTHER_TENANT
        for target, header in ((f"/api/v1/s0/seen?filter.tenantId={tokens.TENANT}", f"Tenant-Id: {tokens.TENANT}\r\n"),
                               ("/api/v1/s0/seen?tenantId.exists=true&venueId.name=Arena&sort=venueId", ""),
                               (f"/api/v1/s0/seen?tenantIds={tokens.TENANT}&a=1;b", f"X-Tenant: {tokens.TENANT}\r\n"),
                               ("/api/v1/s0/seen?tenant=a;b&tenant.name=b&tenantIdentity=c&id.tenant=d", ""),
                               ("/api/v1/s0/seen?100%=%zz", f"Tenants: {other}\r\nTenant-Name: a\r\n")):
            self.assertAnswers(200, None, gateway, target, tokens.bearer() + header)

    def test_a_venue_that_is_not_held_does_not_exist(self):
        gateway = self.start(self.text)
        target = "/api/v1/s0/seen?venueId=v2"
        self.assertAnswers(404, "not_found", gateway, target, tokens.bearer(venue_id="v1", role="venue-manager"))
        self.assertAnswers(200, None, gateway, target, tokens.bearer(venues=["v1", "v2"], role="venue-manager"))
        self.assertAnswers(200, None, gateway, target, tokens.bearer(role="admin"))
        two = tokens.bearer(venues=["v1", "v2"], role="venue-manager")
        for spelling, status in (("venueIds=v1,v2", 200), ("venue_ids[]=v2", 200), ("venueIds=v1,v3", 404), ("venue.id=v3", 404)):
            self.assertEqual(status, self.get(gateway, f"/api/v1/s0/seen?{spelling}", two).status, spelling)
        self.assertEqual(404, self.get(gateway, "/api/v1/s0/status?code=404&venueId=v2&venueId=v3", tokens.bearer(role="admin")).status)
        outcomes = [(l["outcome"], l["targetVenue"], l["status"]) for l in self.events(gateway, "cross-tenant", 5)]
        self.assertEqual([("blocked", "v2", 404), ("allowed", "v2", 200), ("blocked", "v3", 404), ("blocked", "v3", 404),
                          ("allowed", "v2,v3", 404)], outcomes)

    def test_one_request_is_one_attempt_whatever_it_names(self):
        gateway = self.start(self.text)
        target = f"/api/v1/s0/seen?venueId=v2&tenantId={tokens.OTHER_TENANT}"
        self.assertAnswers(403, "cross_tenant", gateway, target, tokens.bearer(role="admin"))
        self.assertAnswers(200, None, gateway, "/api/v1/s0/seen?venueId=v3", tokens.bearer(role="admin"))
        told = [(l["outcome"], l["targetVenue"], l["targetTenant"]) for l in self.events(gateway, "cross-tenant", 2)]
        self.assertEqual([("blocked", "", tokens.OTHER_TENANT), ("allowed", "v3", "")], told)

    def test_an_answer_of_another_tenant_is_withheld(self):
        gateway = self.start(self.text)
        answer = self.get(gateway, f"/api/v1/s0/owned?by={tokens.TENANT}", tokens.bearer())
        self.assertEqual((200, b"secret", []), (answer.status, answer.body, answer.values("X-Resource-Tenant")))
        answer = self.assertAnswers(404, "not_found", gateway, f"/api/v1/s0/owned?by={tokens.OTHER_TENANT}",
                                    tokens.bearer())
        self.assertNotIn(b"secret", answer.body)
        line = self.events(gateway, "cross-tenant")[0]
        self.assertEqual((404, "/api/v1/s0/owned", "answer"), (line["status"], line["resource"], line["namedIn"]))
        self.assertAnswers(404, "not_found", gateway, f"/api/v1/s0/owned?by={tokens.TENANT}+{tokens.OTHER_TENANT}",
                           tokens.bearer())
        # As services write it whose names come from the variables of CGI.
        for by, status in ((tokens.TENANT, 200), (tokens.OTHER_TENANT, 404)):
            answer = self.get(gateway, f"/api/v1/s0/owned?as=x_resource_tenant&by={by}", tokens.bearer())
            self.assertEqual((status, []), (answer.status, answer.values("x_resource_tenant")))
        self.assertEqual(3, len(self.events(gateway, "cross-tenant", 3)))


class Hints(Identity):
    def test_what_an_interim_answer_calls_another_tenants_is_withheld_with_the_answer_behind_it(self):
        service = EarlyOwner()
        self.addCleanup(service.close)
        gateway = self.start(self.text.replace(self.origin.url, service.url))
        with Client(gateway.port) as client:
            own = client.get(f"/api/v1/s0/x?by={tokens.TENANT}", tokens.bearer())
            self.assertEqual((103, ["</near>"], []), (own.status, own.values("Link"), own.values("X-Resource-Tenant")))
            self.assertEqual((200, b"secret"), ((answer := client.response()).status, answer.body))
            # The first that comes is the refusal.
            answer = client.get(f"/api/v1/s0/x?by={tokens.OTHER_TENANT}", tokens.bearer())
            self.assertEqual(404, answer.status, answer)
            self.assertNotIn(b"secret", answer.body)
        lines = wait_until(lambda: self.events(gateway, "cross-tenant"), 5, "it is told")
        self.assertEqual([(404, "answer")], [(line["status"], line["namedIn"]) for line in lines])


class Injection(Identity):
    ATTACK = "%27%20OR%201%3D1--"

    def test_what_looks_like_an_attack_is_blocked_where_a_route_says_so(self):
        text = self.text.replace("name: s0,", "name: s0, injection: {mode: block},")
        gateway = self.start(text)
        self.assertAnswers(400, "bad_request", gateway, f"/api/v1/s0/text?q={self.ATTACK}")
        self.assertAnswers(200, None, gateway, "/api/v1/s0/text?q=O%27Brien+and+the+select+few")
        body = b'{"name": "x\' UNION SELECT password FROM users--"}'
        with Client(gateway.port) as client:
            for cut in (0, 10):
                client.send(f"POST /api/v1/s0/text HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                            f"Content-Length: {len(body)}\r\n\r\n".encode() + body[:cut])
                client.send(body[cut:])
                self.assertEqual(400, client.response().status)
            good = b'{"name": "O\'Brien"}'
            client.send(f"POST /api/v1/s0/text HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                        f"Content-Length: {len(good)}\r\n\r\n".encode() + good)
            self.assertEqual(200, client.response().status)
        self.assertEqual("injection", self.events(gateway, "security violation", 3)[0]["violationType"])

    def test_a_body_is_looked_at_however_its_type_is_said(self):
        text = self.text.replace("name: s0,", "name: s0, injection: {mode: block},")
        gateway = self.start(text)
        body = b'{"name": "x\' UNION SELECT password FROM users--"}'
        for fields in ("Content-Type: application/json\r\nContent-Encoding: identity\r\n",
                       "Content-Type: application/json\r\nContent-Encoding:\r\n",
                       "Content-Type: text/plain\r\nContent-Type: application/json\r\n",
                       "Content-Type: text/json\r\n", "Content-Type: text/plain;charset=UTF-8\r\n",
                       "Content-Type: application/json, text/plain\r\n"):
            with Client(gateway.port) as client:
                client.send(f"POST /api/v1/s0/text HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                self.assertEqual(400, client.response("POST").status, fields)
        self.assertEqual(0, self.origin.requests)

    def test_a_body_whose_type_nobody_says_is_json_if_it_begins_as_such(self):
        text = self.text.replace("name: s0,", "name: s0, injection: {mode: block, body_bytes_max: 1024},")
        gateway = self.start(text)
        attack = "x' UNION SELECT password FROM users--"
        objects = json.dumps({"name": attack}).encode()
        for body, status in ((objects, 400), (b" \t\r\n" + objects, 400), (json.dumps([attack]).encode(), 400),
                             (b'{"name": "O\'Brien"}', 200), (b"name=" + attack.encode(), 200), (b" " * 200, 200),
                             (b'{"x": "%s", ' % (b"y" * 1024) + objects[1:], 200)):
            for cut in (0, 1, 6, len(body)):
                # What is here already is looked at, however much it is.
                for length in (True, False) if len(body) <= 1024 else (True,):
                    with Client(gateway.port) as client:
                        pieces = [piece for piece in (body[:cut], body[cut:]) if piece]
                        client.send(b"POST /api/v1/s0/text HTTP/1.1\r\nHost: a\r\n" +
                                    (b"Content-Length: %d\r\n\r\n" % len(body) if length else b"Transfer-Encoding: chunked\r\n\r\n"))
                        for piece in pieces:
                            client.send(piece if length else b"%x\r\n%s\r\n" % (len(piece), piece))
                        client.send(b"" if length else b"0\r\n\r\n")
                        self.assertEqual(status, client.response("POST").status, (body, cut, length))

    def test_what_is_no_json_waits_for_no_more_than_its_first_byte(self):
        text = self.text.replace("name: s0,", "name: s0, injection: {mode: block},")
        gateway = self.start(text)
        with Client(gateway.port) as client:
            client.send(b"POST /api/v1/s0/echo HTTP/1.1\r\nHost: a\r\n" + tokens.bearer().encode() +
                        b"Transfer-Encoding: chunked\r\n\r\n")
            client.send(b"2\r\n  \r\n")
            client.send(b"5\r\nhello\r\n")
            wait_until(lambda: self.comes(client, b"hello"), 5, "it comes back before its end")
            client.send(b"0\r\n\r\n")

    @staticmethod
    def comes(client, text):
        client.data += client.sock.recv(4096)
        return text in client.data

    def test_a_body_that_does_not_say_how_long_it_is_is_looked_at_too(self):
        text = self.text.replace("name: s0,", "name: s0, injection: {mode: block},")
        gateway = self.start(text)
        bad, good = (json.dumps({"name": name}).encode() for name in ("x' UNION SELECT password FROM users--", "O'Brien"))
        with Client(gateway.port) as client:
            for body, status in ((good, 200), (bad, 400)):
                client.send(b"POST /api/v1/s0/text HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                            b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
                self.assertEqual(status, client.response("POST").status)
        with H2Client(gateway.port) as client:
            for body, status in ((good, 200), (bad, 400)):
                stream = client.request(path="/api/v1/s0/text", method="POST", body=body,
                                        extra=[("content-type", "application/json")])
                self.assertEqual(status, client.finish(stream).status)

    def test_nothing_is_let_in_unseen_because_it_came_late(self):
        text = self.text.replace("name: s0,", "name: s0, injection: {mode: block},")
        gateway = self.start(text + "connections: {body_stall_ms: 300}\n")
        body = b'{"name": "x\' UNION SELECT password FROM users--"}'
        with Client(gateway.port) as client:
            client.send(f"POST /api/v1/s0/text HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                        f"Content-Length: {len(body)}\r\n\r\n".encode() + body[:10])
            self.assertEqual(408, client.response("POST").status)
        self.assertEqual(0, self.origin.requests)

    def test_header_fields_are_looked_at_where_a_route_names_them(self):
        text = self.text.replace("name: s0,", "name: s0, injection: {mode: block, headers: [User-Agent]},")
        gateway = self.start(text)
        self.assertAnswers(400, "bad_request", gateway, "/api/v1/s0/text", "user-agent: x' OR 1=1--\r\n")
        browser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"
        self.assertAnswers(200, None, gateway, "/api/v1/s0/text", f"User-Agent: {browser}\r\n")

    def test_elsewhere_it_is_told_and_passes(self):
        gateway = self.start(self.text)
        self.assertAnswers(200, None, gateway, f"/api/v1/s0/text?q={self.ATTACK}")
        self.assertEqual("logged", self.events(gateway, "security violation")[0]["decision"])


class ProtocolAbuse(Identity):
    def test_what_is_no_request_and_what_climbs_out_of_a_path_is_told(self):
        gateway = self.start(self.text)
        for target, header, kind in (
                ("/api/v1/s0/text", "Content-Length: 1\r\nContent-Length: 2\r\n", "protocol_abuse"),
                ("/api/v1/s0/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc", "", "path_traversal")):
            self.assertAnswers(400, "bad_request", gateway, target, header)
            wait_until(lambda: [e["decision"] for e in gateway.events if e.get("violationType") == kind] == ["blocked"],
                       5, f"one line says {kind}")
            self.assertEqual(1, self.metric(gateway, f'violation_type="{kind}"}} 1'))

    @staticmethod
    def rest(client):
        got = b""
        try:
            while piece := client.sock.recv(65536):
                got += piece
        except ConnectionResetError:
            pass
        return got

    def test_a_body_that_is_none_is_told_once_whenever_that_turns_out(self):
        gateway = self.start(self.text)

        def told(count, decision):
            event = self.events(gateway, "security violation", count)[-1]
            self.assertEqual(("protocol_abuse", decision), (event["violationType"], event["decision"]))
            wait_until(lambda: [line for line in gateway.lines if line.get("outcome", "").startswith("protocol")
                                and line["requestId"] == event["requestId"]], 5, "its access line says so")
            self.assertEqual(1, self.metric(gateway, f'violation_type="protocol_abuse"}} {count}'))
        head = b"POST /api/v1/s0/open/%s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        with Client(gateway.port) as client:
            client.send(head % b"digest" + b"ZZ\r\n")
            self.assertEqual(400, client.response().status)
        told(1, "blocked")
        seen = self.origin.requests
        with Client(gateway.port) as client:
            client.send(head % b"digest" + b"5\r\nhello\r\n")
            wait_until(lambda: self.origin.requests > seen, 5, "the service is asked")
            client.send(b"ZZ\r\n")
            self.assertEqual(400, client.response().status)
        told(2, "blocked")
        with Client(gateway.port) as client:
            client.send(head % b"echo" + b"5\r\nhello\r\n")
            got = b""
            while b"hello" not in got:
                got += client.sock.recv(65536)
            client.send(b"ZZ\r\n")
            self.assertNotIn(b"\r\n0\r\n", self.rest(client))
        told(3, "disconnected")


class Signatures(Identity):
    def check(self, seen, method, target, body):
        headers = seen["headers"]
        digest = hashlib.sha256(body).hexdigest() if body else ""
        self.assertEqual(digest, headers.get("x-internal-body-hash", ""))
        text = ":".join(("api-gateway", headers["x-internal-timestamp"], headers["x-internal-nonce"], method, target,
                         digest))
        right = hmac.new(SIGNING_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
        self.assertEqual(right, headers["x-internal-signature"])
        self.assertLess(abs(time.time() * 1000 - int(headers["x-internal-timestamp"])), 60_000)

    def test_a_service_can_verify_what_the_gateway_sent(self):
        gateway = self.start(self.text, environment={"INTERNAL_HMAC_SECRET": SIGNING_SECRET})
        self.check(self.seen(gateway, "/api/v1/s0/./seen?a=1&a=2"), "GET", "/up/seen?a=1&a=2", b"")
        body = bytes(range(256)) * 300
        with Client(gateway.port) as client:
            client.send(f"POST /api/v1/s0/seen HTTP/1.1\r\nHost: a\r\n{tokens.bearer()}"
                        f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            self.check(json.loads(client.response().body), "POST", "/up/seen", body)
            client.send(f"POST /api/v1/s0/seen HTTP/1.1\r\nHost: a\r\n{tokens.bearer()}"
                        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".encode())
            self.check(json.loads(client.response().body), "POST", "/up/seen", b"abc")

    def test_a_request_that_is_sent_again_is_signed_anew(self):
        gateway = self.start(self.text, environment={"INTERNAL_HMAC_SECRET": SIGNING_SECRET, "WORKERS": "1"})
        self.seen(gateway)      # its connection is kept, and may be stale when it is used again
        seen = self.seen(gateway, "/api/v1/s0/second")
        self.check(seen, "GET", "/up/second", b"")
        nonces = [line.split(b": ")[1] for head in self.origin.turned_down for line in head.split(b"\r\n")
                  if line.lower().startswith(b"x-internal-nonce")]
        self.assertEqual(1, len(nonces))
        self.assertEqual(2, len({*nonces, seen["headers"]["x-internal-nonce"].encode()}), "each is taken once")

    def test_a_body_that_took_long_leaves_the_service_its_time(self):
        gateway = self.start("request_timeout_ms: 1000\n" + self.text,
                             environment={"INTERNAL_HMAC_SECRET": SIGNING_SECRET})
        with Client(gateway.port) as client:
            client.send(f"POST /api/v1/s0/seen HTTP/1.1\r\nHost: a\r\n{tokens.bearer()}"
                        "Content-Length: 3\r\n\r\n".encode())
            for byte in (b"a", b"b", b"c"):
                time.sleep(0.4)      # allow(sleep): the client's pace
                client.send(byte)
            sent = time.time() * 1000
            answer = client.response()
        self.assertEqual(200, answer.status)
        self.assertGreater(int(json.loads(answer.body)["headers"]["x-request-deadline"]), sent + 500)

    def test_a_body_too_large_to_hold_is_marked(self):
        gateway = self.start("signing: {body_bytes_max: 1000}\n" + self.text,
                             environment={"INTERNAL_HMAC_SECRET": SIGNING_SECRET})
        body = b"x" * 100_000
        with Client(gateway.port) as client:
            client.send(f"POST /api/v1/s0/seen HTTP/1.1\r\nHost: a\r\n{tokens.bearer()}"
                        f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            seen = json.loads(client.response().body)
        self.assertEqual("UNSIGNED-BODY", seen["headers"]["x-internal-body-hash"])
        self.assertEqual(hashlib.sha256(body).hexdigest(), seen["sha256"])


if __name__ == "__main__":
    unittest.main()
