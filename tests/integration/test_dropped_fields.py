"""Fields of clients that go no further: they are counted, and told of, whatever becomes of the request."""
from test_identity import Identity
from support import tokens
from support.clients import Client
from support.h2 import metric
from support.wait import wait_until


class DroppedFields(Identity):
    def counted(self, gateway, name):
        return metric(gateway, "dangerous_headers_filtered_total", header_name=name)

    def test_they_are_counted_also_where_the_request_is_refused(self):
        gateway = self.start(self.text)
        forged = "X-User-Id: root\r\nX-Tenant-Id: other\r\n"
        for target, header, status in (("/api/v1/s0/seen", "", 401), ("/api/v1/nowhere", "", 404),
                                       ("/api/v1/s0/seen", tokens.bearer(), 403), ("/health", "", 200)):
            with Client(gateway.port) as client:
                self.assertEqual(status, client.get(target, header + forged).status, target)
        wait_until(lambda: self.counted(gateway, "x-user-id") == 4, 5, "all are counted")
        self.assertEqual(4, self.counted(gateway, "x-tenant-id"))

        def told():
            return [e for e in gateway.events if e.get("violationType") == "header_manipulation"]
        wait_until(lambda: len(told()) == 4, 5, "all are told of")
        # They are told of while nobody knows what the request will be answered with; it was 0, which is no status.
        self.assertEqual([], [e for e in told() if "status" in e])

    def test_roles_and_their_like_are_claims_too(self):
        gateway = self.start(self.text)
        names = ("x-roles", "x-role", "x-user-roles", "x-permissions", "x-user-permissions", "x-user", "x-venues")
        answer = self.get(gateway, "/api/v1/s0/seen", tokens.bearer() + "".join(f"{name}: root\r\n" for name in names))
        self.assertEqual(200, answer.status)
        for name in names:
            self.assertNotIn(f'"{name}"', answer.body.decode())
            wait_until(lambda: self.counted(gateway, name) == 1, 5, f"{name} is counted")
        wait_until(lambda: [e for e in gateway.events if e.get("violationType") == "header_manipulation"], 5, "it is told of")
        # The caller's own is dropped as well, and no attempt at another's.
        answer = self.get(gateway, "/api/v1/s0/seen", tokens.bearer() + f"X-Tenant: {tokens.TENANT}\r\n")
        self.assertEqual((200, False), (answer.status, '"x-tenant"' in answer.body.decode()))
        wait_until(lambda: self.counted(gateway, "x-tenant") == 1, 5, "x-tenant is counted")

    def test_fields_of_one_connection_are_counted(self):
        gateway = self.start(self.text)
        answer = self.get(gateway, "/api/v1/s0/seen", tokens.bearer() +
                          "Connection: keep-alive, X-Foo\r\nX-Foo: 1\r\nKeep-Alive: timeout=5\r\n"
                          "Proxy-Authorization: Basic YTpi\r\nTE: trailers\r\n")
        self.assertEqual(200, answer.status)
        self.assertNotIn("x-foo", answer.body.decode())
        for name in ("connection", "keep-alive", "proxy-authorization", "te"):
            wait_until(lambda: self.counted(gateway, name) == 1, 5, f"{name} is counted")
        self.assertEqual(200, self.get(gateway, "/api/v1/s0/seen", tokens.bearer() + "Connection: keep-alive\r\n").status)
        self.assertEqual(1, self.counted(gateway, "connection"))
        self.assertEqual([], [e for e in gateway.events if e.get("violationType") == "header_manipulation"])

    def test_what_an_administrator_may_have_anyway_is_no_attempt(self):
        gateway = self.start(self.text)
        self.assertAnswers(200, None, gateway, "/api/v1/s0/seen?venueId=v1", tokens.bearer(role="admin", venues=["v1"]))
        self.assertAnswers(200, None, gateway, "/api/v1/s0/seen?venueId=v2", tokens.bearer(role="admin", venues=["v1"]))
        lines = self.events(gateway, "cross-tenant")
        self.assertEqual([("allowed", "v2", "", 200)],
                         [(e["outcome"], e["targetVenue"], e["targetTenant"], e["status"]) for e in lines])
        self.assertEqual(1, metric(gateway, "cross_tenant_attempts_total", outcome="allowed"))
