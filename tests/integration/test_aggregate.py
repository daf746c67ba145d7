"""Answers that are put together of several services'."""
import json
import unittest

from support.clients import Client
from support.h2 import H2Client
from support.h2_service import H2Service
from support.shaping import Shaping, config
from support.tokens import OTHER_TENANT, TENANT, bearer
from support.wait import wait_until

PARTS = """
      parts:
        event: {service: events, path: '/events/{id}'}
        seats: {service: events, path: '/events/{id}/seats?by=edge', required: false, timeout_ms: 700, query: true}
        venue: {service: venues, path: '/venues/{event#/venue/id}', required: false}
"""


def text(events, venues, parts=PARTS, options="", timeout=5000):
    return config({"events": events.url, "venues": venues.url}).rstrip() + f"""
  - name: details
    path: /api/events/{{id}}/details
    methods: [GET]
    timeout_ms: {timeout}
    authenticate: {{public: [/**]}}
    aggregate:{parts}
""" + options


class Aggregate(Shaping):
    def setUp(self):
        super().setUp()
        self.events, self.venues = self.service("events"), self.service("venues")
        self.events.say("/events/7", '{"id": 12345678901234567890123, "venue": {"id": 42}, "price": 1.50, "t": "\\u00e9"}')
        self.events.say("/events/7/seats", [1, 2])
        self.venues.say("/venues/42", {"name": "Hall"})

    def details(self, gateway, header="", target="/api/events/7/details"):
        answer = self.ask(gateway, target, header)
        return answer.status, json.loads(answer.body)

    def problem(self, gateway, header="", target="/api/events/7/details"):
        status, body = self.details(gateway, header, target)
        return status, body["code"]

    def line(self, gateway, count=1):
        lines = lambda: [e for e in gateway.lines if e.get("route") == "/api/events/{id}/details"]   # noqa: E731
        wait_until(lambda: len(lines()) >= count, 5, "an access line")
        return lines()[-1]


class Whole(Aggregate):
    def test_holds_every_part_byte_by_byte(self):
        gateway = self.start(text(self.events, self.venues))
        answer = self.ask(gateway, "/api/events/7/details?day=1")
        self.assertEqual((200, "application/json", "no-store"), (answer.status, answer.value("content-type"),
                                                                 answer.value("cache-control")))
        self.assertEqual(b'{"event":{"id": 12345678901234567890123, "venue": {"id": 42}, "price": 1.50, "t": "\\u00e9"},'
                         b'"seats":[1, 2],"venue":{"name": "Hall"}}', answer.body)
        self.assertIn("/events/7/seats?by=edge&day=1", self.events.targets())
        self.assertEqual(["/venues/42"], self.venues.targets())
        line = self.line(gateway)
        self.assertRegex(line["parts"], r"^event=200/[0-9.]+ seats=200/[0-9.]+ venue=200/[0-9.]+$")
        self.assertEqual((200, "upstream"), (line["status"], line["outcome"]))
        self.assertEqual(3, self.metric(gateway, "answer_parts_total", result="given"))
        self.assertEqual(3, self.metric(gateway, "downstream_requests_total", status_code="200"))

    def test_who_forges_fields_of_the_gateway_is_reported_once_for_all_parts(self):
        gateway = self.start(text(self.events, self.venues))
        self.assertEqual(200, self.details(gateway, "X-User-Id: root\r\n")[0])
        self.assertEqual([None] * 3, [headers.get("x-user-id") for _, _, headers, _ in self.events.seen + self.venues.seen])
        self.assertEqual(1, self.metric(gateway, "security_violations_total", violation_type="header_manipulation"))

    def test_is_asked_for_by_head_too_and_by_nothing_else(self):
        gateway = self.start(text(self.events, self.venues))
        head = self.ask(gateway, "/api/events/7/details", method="HEAD")
        self.assertEqual((200, b""), (head.status, head.body))
        self.assertEqual({"GET"}, {method for method, *_ in self.events.seen})
        self.assertEqual(405, self.ask(gateway, "/api/events/7/details", "Content-Length: 0\r\n", "POST").status)

    def test_asks_in_the_callers_name_and_for_plain_json(self):
        gateway = self.start(text(self.events, self.venues))
        status, _ = self.details(gateway, bearer(sub="ann") + "X-Request-Id: r-1\r\nAccept: text/html\r\nIf-None-Match: \"x\"\r\n"
                                 "Range: bytes=0-1\r\nAccept-Encoding: br\r\nX-User-Id: root\r\n")
        self.assertEqual(200, status)
        for service in (self.events, self.venues):
            for method, _, headers, _ in service.seen:
                self.assertEqual(("GET", "ann", TENANT, "r-1", "application/json"), (
                    method, headers["x-user-id"], headers["x-tenant-id"], headers["x-request-id"], headers["accept"]))
                self.assertTrue({"if-none-match", "range", "accept-encoding"}.isdisjoint(headers), headers)
        deadlines = {target: int(headers["x-request-deadline"]) for _, target, headers, _ in self.events.seen}
        self.assertLess(deadlines["/events/7/seats?by=edge"], deadlines["/events/7"])

    def test_parts_are_asked_at_the_same_time_but_for_those_that_need_another(self):
        self.events.held |= {"/events/7", "/events/7/seats"}
        gateway = self.start(text(self.events, self.venues, PARTS.replace("timeout_ms: 700", "timeout_ms: 0")))
        with Client(gateway.port) as client:
            client.send(b"GET /api/events/7/details HTTP/1.1\r\nHost: a\r\n\r\n")
            # Both are there although neither has been answered.
            wait_until(lambda: len(self.events.seen) == 2, 5, "both parts are asked")
            self.assertEqual([], self.venues.seen)
            self.events.go.set()
            self.assertEqual(200, client.response().status)
        self.assertEqual(["/venues/42"], self.venues.targets())


    def test_is_put_together_over_http2_on_both_sides_as_well(self):
        other = H2Service()
        self.addCleanup(other.close)
        self.venues.url = f"{{url: '{other.url}', protocol: h2}}"
        gateway = self.start(text(self.events, self.venues))
        with H2Client(gateway.port) as client:
            stream = client.request(path="/api/events/7/details")
            peer = other.next()
            asked = peer.request_on()
            self.assertIn((":path", "/venues/42"), peer.answer(asked).heads[0])
            peer.respond(asked, fields=[("content-type", "application/json")], body=b'{"name": "Hall over h2"}')
            whole = client.finish(stream)
            self.assertEqual(200, whole.status)
            self.assertEqual({"name": "Hall over h2"}, json.loads(bytes(whole.body))["venue"])

    def test_goes_by_the_configuration_that_it_began_with(self):
        self.events.held.add("/events/7")
        gateway = self.start(text(self.events, self.venues))
        with Client(gateway.port) as client:
            client.send(b"GET /api/events/7/details HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: "/events/7" in self.events.targets(), 5, "it is asked")
            # Services that stand before those of old, and another place for one of them.
            gateway.config.write_text(text(self.events, self.venues).replace(
                "services:", f"services:\n  aaa: {{url: '{self.origin.url}'}}\n  bbb: {{url: '{self.origin.url}'}}"))
            wait_until(lambda: any(e.get("msg") == "configuration reloaded" for e in gateway.events), 10, "it is taken over")
            self.events.go.set()
            self.assertEqual({"name": "Hall"}, json.loads(client.response().body)["venue"])
        self.assertEqual(0, self.origin.requests)


class Failing(Aggregate):
    def test_optional_parts_are_null_and_named(self):
        gateway = self.start(text(self.events, self.venues))
        self.events.say("/events/7/seats", "secret of the service", 500)
        self.venues.say("/venues/42", "gone", 404)
        status, whole = self.details(gateway)
        self.assertEqual((200, None, None), (status, whole["seats"], whole["venue"]))
        self.assertEqual([{"part": "seats", "code": "bad_gateway"}, {"part": "venue", "code": "not_found"}], whole["errors"])
        self.assertNotIn("secret", json.dumps(whole))
        self.assertEqual((1, 1), (self.metric(gateway, "answer_parts_total", upstream="events", result="missing"),
                                  self.metric(gateway, "answer_parts_total", upstream="venues", result="missing")))

    def test_required_parts_decide_for_the_whole(self):
        gateway = self.start(text(self.events, self.venues))
        for status, wanted in ((404, (404, "not_found")), (403, (403, "forbidden")), (400, (400, "bad_request")),
                               (422, (422, "validation_failed")), (500, (502, "bad_gateway")), (503, (503, "overloaded")),
                               (302, (502, "bad_gateway"))):
            self.events.say("/events/7", {"venue": {"id": 1}}, status)
            self.assertEqual(wanted, self.problem(gateway), status)
        self.assertEqual([], self.venues.seen)
        self.assertEqual("aggregate: a required part failed", self.line(gateway, 7)["outcome"])

    def test_what_is_no_json_is_no_part(self):
        gateway = self.start(text(self.events, self.venues))
        for body, kind in (("{", "application/json"), ('{"a":1}{}', "application/json"), ("{'a':1}", "application/json"),
                           (b'"\xff"', "application/json"), ("[" * 500 + "]" * 500, "application/json"), ("", "application/json"),
                           ('{"a":1}', "text/plain")):
            self.events.say("/events/7/seats", body, Content_Type=kind)
            status, whole = self.details(gateway)
            self.assertEqual((200, None, "bad_gateway"), (status, whole["seats"], whole["errors"][0]["code"]), body)
        self.events.say("/events/7/seats", b'  {"a":1}\n ', Content_Type="application/vnd.seats+json; charset=utf-8")
        self.assertEqual({"a": 1}, self.details(gateway)[1]["seats"])
        for fields in ({"Content_Type": "text/json"}, {"Content_Encoding": "identity"}, {"Content_Encoding": ""}):
            self.events.say("/events/7/seats", b"[1]", **fields)
            self.assertEqual([1], self.details(gateway)[1]["seats"], fields)
        self.events.say("/events/7/seats", b"", 204)
        self.assertEqual((None, False), ((whole := self.details(gateway)[1])["seats"], "errors" in whole))

    def test_parts_that_are_too_large_are_not_read_to_their_end(self):
        gateway = self.start(text(self.events, self.venues, PARTS.replace("timeout_ms: 700", "bytes_max: 100")))
        self.events.say("/events/7/seats", '"' + "a" * 99 + '"')
        self.assertEqual("bad_gateway", self.details(gateway)[1]["errors"][0]["code"])
        self.events.say("/events/7/seats", '"' + "a" * 98 + '"')
        self.assertEqual("a" * 98, self.details(gateway)[1]["seats"])

    def test_slow_parts_have_their_own_time(self):
        self.events.held.add("/events/7/seats")
        gateway = self.start(text(self.events, self.venues))
        status, whole = self.details(gateway)
        self.assertEqual((200, "upstream_timeout"), (status, whole["errors"][0]["code"]))
        self.assertEqual({"name": "Hall"}, whole["venue"])

    def test_a_part_that_is_too_slow_is_its_services_timeout(self):
        self.events.held.add("/events/7/seats")
        gateway = self.start(text(self.events, self.venues))
        self.details(gateway)
        self.assertEqual(1, self.metric(gateway, "downstream_errors_total", upstream="events", error_type="timeout"))

    def test_a_part_that_hangs_in_its_body_is_its_services_timeout(self):
        self.events.say("/events/7/seats", "[1", Content_Length="100")
        gateway = self.start(text(self.events, self.venues))
        status, whole = self.details(gateway)
        self.assertEqual((200, "upstream_timeout"), (status, whole["errors"][0]["code"]))
        self.assertEqual(1, self.metric(gateway, "downstream_errors_total", upstream="events", error_type="timeout"))

    def test_a_required_part_that_is_too_slow_is_504(self):
        self.events.held.add("/events/7")
        gateway = self.start(text(self.events, self.venues, timeout=500))
        self.assertEqual((504, "upstream_timeout"), self.problem(gateway))

    def test_services_that_are_away_are_502_or_null(self):
        self.venues.url = "http://127.0.0.1:1"
        gateway = self.start(text(self.events, self.venues))
        self.assertEqual([{"part": "venue", "code": "bad_gateway"}], self.details(gateway)[1]["errors"])
        self.events.url = "http://127.0.0.1:1"
        self.assertEqual((502, "bad_gateway"), self.problem(self.start(text(self.events, self.venues))))

    def test_what_points_at_nothing_is_not_asked(self):
        gateway = self.start(text(self.events, self.venues))
        for body, code in ({"venue": None}, "not_found"), ({"venue": {"id": 1.5}}, "not_found"), ({}, "not_found"), (
                {"venue": {"id": ""}}, "not_found"), ({"venue": {"id": "../events"}}, "bad_gateway"), (
                {"venue": {"id": "a/b"}}, "bad_gateway"), ({"venue": {"id": ".."}}, "bad_gateway"), (
                {"venue": {"id": "internal"}}, "not_found"), ({"venue": {"id": "metrics"}}, "not_found"):
            self.events.say("/events/7", body)
            status, whole = self.details(gateway)
            self.assertEqual((200, [{"part": "venue", "code": code}]), (status, whole["errors"]), body)
        self.assertEqual([], self.venues.seen)
        self.events.say("/events/7", {"venue": {"id": "a b?c=d"}})
        self.venues.say("/venues/a%20b%3Fc%3Dd", 1)
        self.assertEqual(1, self.details(gateway)[1]["venue"])

    def test_parts_of_another_tenant_are_withheld(self):
        gateway = self.start(text(self.events, self.venues))
        self.venues.say("/venues/42", {"name": "secret"}, X_Resource_Tenant=OTHER_TENANT)
        status, whole = self.details(gateway, bearer())
        self.assertEqual((200, None, [{"part": "venue", "code": "not_found"}]), (status, whole["venue"], whole["errors"]))
        self.events.say("/events/7", {"name": "secret"}, X_Resource_Tenant=OTHER_TENANT)
        self.assertEqual((404, "not_found"), self.problem(gateway, bearer()))
        self.assertEqual(2, self.metric(gateway, "cross_tenant_attempts_total", outcome="blocked"))
        wait_until(lambda: sum("cross-tenant" in e.get("msg", "") for e in gateway.events) == 2, 5, "both are told of")

    def test_a_service_under_maintenance_is_a_part_that_is_missing(self):
        windows = "maintenance: {windows: {now: {day: daily, from: '00:00', to: '00:00', mode: down, services: [venues]}}}\n"
        gateway = self.start(text(self.events, self.venues, options=windows))
        self.assertEqual([{"part": "venue", "code": "maintenance"}], self.details(gateway)[1]["errors"])
        self.assertEqual([], self.venues.seen)

    def test_a_client_that_leaves_ends_what_was_asked_for_it(self):
        self.events.held.add("/events/7")
        gateway = self.start(text(self.events, self.venues))
        with Client(gateway.port) as client:
            client.send(b"GET /api/events/7/details HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: "/events/7" in self.events.targets(), 5, "it is asked")
        line = self.line(gateway)
        self.assertEqual((499, True), (line["status"], line["outcome"].startswith("client")), line)
        self.assertEqual(0, self.metric(gateway, "answer_parts_total", result="failed"))
        self.events.go.set()
        self.assertEqual(200, self.details(gateway)[0])
        self.assertStops(gateway)


class Configuration(Aggregate):
    def refused(self, parts, *texts, extra="", methods="[GET]"):
        self.assertRefused(f"path: '/a/{{id}}', methods: {methods}, aggregate: {{parts: {parts}}}{extra}", *texts)

    def test_that_is_wrong_keeps_the_gateway_from_starting(self):
        self.refused("{}", "aggregate.parts is empty")
        self.refused("{a: {service: nobody, path: /a}}", "no service", "nobody")
        self.refused("{a: {path: /a}}", "service is missing")
        self.refused("{a: {service: origin, path: 'a'}}", "begin it with '/'")
        self.refused("{a: {service: origin, path: '/{nr}'}}", "uses {nr}")
        self.refused("{a: {service: origin, path: '/{b#/x}'}}", "which is no part")
        self.refused("{a: {service: origin, path: '/{b#/x}'}, b: {service: origin, path: '/{a#/x}'}}", "circle")
        self.refused("{errors: {service: origin, path: /a}}", "errors")
        self.refused("{a: {service: origin, path: /a}}", "methods: [GET]", methods="[GET, POST]")
        self.refused("{a: {service: origin, path: /a}}", "`cache`", extra=", cache: {}")
        self.refused("{a: {service: origin, path: /a}}", "`service`", extra=", service: other")


if __name__ == "__main__":
    unittest.main()
