"""Copies of requests for another service."""
import unittest

from support.clients import Client
from support.shaping import Shaping, config
from support.tokens import bearer
from support.wait import wait_until


class Mirror(Shaping):
    def setUp(self):
        super().setUp()
        self.real, self.copies = self.service("real"), self.service("copies")

    def begin(self, options="", route="", **more):
        return self.start(config({"real": self.real.url, "copies": self.copies.url},
                                 f"path: /x/**, service: real, mirror: {{service: copies{options}}}{route}"),
                          environment={"WORKERS": "1", "RATE_LIMIT_ENABLED": "false"}, **more)

    def mirrored(self, gateway, result):
        return self.metric(gateway, "mirrored_requests_total", upstream="copies", result=result)

    def counted(self, gateway, result, count):
        wait_until(lambda: self.mirrored(gateway, result) == count, 10, f"{count} {result}")

    def test_gets_what_the_service_gets_and_its_answer_is_dropped(self):
        self.copies.say("/x/1", {"secret": 1}, 500, Set_Cookie="a=b")
        gateway = self.begin()
        answer = self.ask(gateway, "/x/1?q=1", bearer(sub="ann") + "Cookie: s=1\r\nX-Request-Id: r-1\r\nX-Other: o\r\n")
        self.assertEqual((200, b'"real"', False), (answer.status, answer.body, answer.has("set-cookie")))
        self.counted(gateway, "answered", 1)
        (_, target, real, _), (_, copied, copy, _) = self.real.seen[0], self.copies.seen[0]
        self.assertEqual(("/x/1?q=1", "/x/1?q=1"), (target, copied))
        for name in ("x-user-id", "x-tenant-id", "x-request-id", "x-correlation-id", "x-other", "x-forwarded-for"):
            self.assertEqual(real[name], copy[name], name)
        self.assertEqual(("true", None), (copy["x-gateway-mirrored"], real.get("x-gateway-mirrored")))
        self.assertEqual((True, False, True, False), ("authorization" in real, "authorization" in copy, "cookie" in real, "cookie" in copy))
        # No client can pass its request off as a copy.
        self.ask(gateway, "/x/1", "X-Gateway-Mirrored: true\r\n")
        self.assertNotIn("x-gateway-mirrored", self.real.seen[-1][2])

    def test_who_forges_fields_of_the_gateway_is_reported_for_the_request_and_not_for_its_copy(self):
        gateway = self.begin()
        self.ask(gateway, "/x/1", "X-User-Id: root\r\n")
        self.counted(gateway, "answered", 1)
        self.assertNotIn("x-user-id", self.copies.seen[0][2])
        self.assertEqual(1, self.metric(gateway, "security_violations_total", violation_type="header_manipulation"))

    def test_credentials_go_along_where_it_says_so(self):
        gateway = self.begin(", credentials: true")
        self.ask(gateway, "/x/1", bearer())
        self.counted(gateway, "answered", 1)
        self.assertIn("authorization", self.copies.seen[0][2])

    def test_what_changes_something_is_copied_only_where_it_says_so(self):
        gateway = self.begin()
        self.ask(gateway, "/x/1", "Content-Length: 2\r\n", "POST", b"hi")
        asked = self.begin(", methods: [POST], body_bytes_max: 10")
        self.assertEqual(200, self.ask(asked, "/x/2", "Content-Length: 2\r\n", "POST", b"hi").status)
        self.counted(asked, "answered", 1)
        self.assertEqual([("POST", "/x/2", b"hi")], [(m, t, b) for m, t, _, b in self.copies.seen])
        # Larger, or not here yet: the service gets it all the same.
        self.assertEqual(200, self.ask(asked, "/x/3", "Content-Length: 11\r\n", "POST", b"hello world").status)
        with Client(asked.port) as client:
            client.send(b"POST /x/4 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nhe")
            self.counted(asked, "skipped_body", 2)
            client.send(b"re")
            self.assertEqual(200, client.response().status)
        self.assertEqual([b"hi", b"hi", b"hello world", b"here"], [body for *_, body in self.real.seen])
        self.assertEqual(0, self.mirrored(gateway, "answered"))

    def test_a_silent_copy_neither_delays_nor_outlives_its_time_and_its_number_is_limited(self):
        self.copies.held.add("/x/1")
        gateway = self.begin(", in_flight_max: 2, timeout_ms: 1500")
        for _ in range(5):
            self.assertEqual(200, self.ask(gateway, "/x/1").status)
        self.assertEqual(3, self.mirrored(gateway, "skipped_busy"))
        self.counted(gateway, "failed", 2)
        self.assertEqual(5, len(self.real.seen))
        self.assertEqual(200, self.ask(gateway, "/x/2").status)
        self.counted(gateway, "answered", 1)

    def test_a_service_under_maintenance_gets_no_copies(self):
        windows = "maintenance: {windows: {now: {day: daily, from: '00:00', to: '00:00', mode: down, services: [copies]}}}\n"
        gateway = self.start(config({"real": self.real.url, "copies": self.copies.url},
                                    "path: /x/**, service: real, mirror: {service: copies}") + windows)
        self.assertEqual(200, self.ask(gateway, "/x/1").status)
        self.assertEqual((1, []), (self.mirrored(gateway, "skipped_closed"), self.copies.seen))

    def test_a_dead_copy_is_counted_and_changes_nothing(self):
        self.copies.close()
        gateway = self.begin()
        for _ in range(3):
            self.assertEqual(200, self.ask(gateway, "/x/1").status)
        self.counted(gateway, "failed", 3)
        self.assertEqual(0, self.mirrored(gateway, "answered"))

    def test_a_client_that_leaves_does_not_end_the_copy(self):
        self.real.held.add("/x/1")
        gateway = self.begin()
        with Client(gateway.port) as client:
            client.send(b"GET /x/1 HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: self.real.seen, 5, "it is asked")
        self.counted(gateway, "answered", 1)

    def test_a_share_of_the_requests(self):
        gateway = self.begin(", percent: 50, in_flight_max: 1024")
        for _ in range(100):
            self.ask(gateway, "/x/1")
        # They come behind the answers, each in its own time.
        wait_until(lambda: len(self.copies.seen) > 20, 10, "a good share has come")
        wait_until(lambda: len(self.copies.seen) == self.mirrored(gateway, "answered"), 10, "all copies are through")
        self.assertLess(len(self.copies.seen), 80)

    def test_what_is_given_from_memory_has_no_copy(self):
        gateway = self.begin(route=", cache: {ttl_s: 60}")
        for _ in range(3):
            self.ask(gateway, "/x/1")
        self.counted(gateway, "answered", 1)
        self.assertEqual((1, 1), (len(self.real.seen), len(self.copies.seen)))

    def test_the_end_of_the_process_waits_for_no_copy(self):
        self.copies.held.add("/x/1")
        gateway = self.begin(", timeout_ms: 60000")
        self.ask(gateway, "/x/1")
        wait_until(lambda: self.copies.seen, 5, "the copy is on its way")
        self.assertEqual(0, gateway.stop(15), gateway.errors())

    def test_what_is_wrong_is_refused_with_its_place(self):
        for options, *texts in (("{}", "service is missing"), ("{service: nobody}", "nobody"), ("{service: other, percent: 0}", "1 to 100"),
                                ("{service: other, in_flight_max: 0}", "in_flight_max"), ("{service: other, methods: [GTE]}", "methods")):
            self.assertRefused(f"path: /a, service: origin, mirror: {options}", *texts)


if __name__ == "__main__":
    unittest.main()
