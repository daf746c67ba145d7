"""Other versions of a service for some of a route's requests."""
import json
import unittest

from support.shaping import Shaping, config
from support.tokens import OTHER_TENANT, bearer, token_of
from support.wait import wait_until


class Canary(Shaping):
    def setUp(self):
        super().setUp()
        self.stable, self.next = self.service("stable"), self.service("next")

    def begin(self, versions, more="", route="", extra="", next_options=""):
        services = {"stable": self.stable.url, "next": f"{{url: '{self.next.url}'{next_options}}}"}
        return self.start(config(services, f"path: /x/**, service: stable, canary: {{versions: [{versions}]{more}}}{route}",
                                 extra=extra), environment={"RATE_LIMIT_ENABLED": "false"})

    def version(self, gateway, header="", target="/x/1", **options):
        return json.loads(self.ask(gateway, target, header, **options).body)

    def test_a_share_of_the_users_each_always_the_same(self):
        gateway = self.begin("{service: next, percent: 20}")
        first = [self.version(gateway, bearer(token_of(number))) for number in range(120)]
        # Of 120 users a fifth are 24, give or take; the hash is the same in every run.
        self.assertTrue(10 <= first.count("next") <= 45, first.count("next"))
        self.assertEqual(first, [self.version(gateway, bearer(token_of(number)), f"/x/{number}") for number in range(120)])
        # Another gateway, and a larger share: who was among the few is among the more.
        other = self.begin("{service: next, percent: 40}")
        second = [self.version(other, bearer(token_of(number))) for number in range(120)]
        self.assertTrue(all(b == "next" for a, b in zip(first, second) if a == "next"))
        self.assertGreater(second.count("next"), first.count("next"))

    def test_tenants_stay_together(self):
        gateway = self.begin("{service: next, percent: 50}", ", sticky: tenant")
        for number in range(20):
            tenant = {self.version(gateway, bearer(sub=f"u{user}", tenant_id=f"tenant-{number}")) for user in range(4)}
            self.assertEqual(1, len(tenant), number)

    def test_rules_go_before_shares(self):
        gateway = self.begin("{service: next, header: 'X-Beta: yes', cookie: beta=1, tenants: [" + OTHER_TENANT + "]}")
        self.assertEqual("stable", self.version(gateway))
        self.assertEqual("stable", self.version(gateway, bearer()))
        self.assertEqual("next", self.version(gateway, "X-Beta: yes\r\n"))
        self.assertEqual("stable", self.version(gateway, "X-Beta: yesterday\r\n"))
        self.assertEqual("next", self.version(gateway, "Cookie: a=b; beta=1\r\n"))
        self.assertEqual("stable", self.version(gateway, "Cookie: a=b; beta=10; xbeta=1\r\n"))
        self.assertEqual("next", self.version(gateway, bearer(tenant_id=OTHER_TENANT)))

    def test_logs_metrics_and_routes_name_the_version_and_clients_learn_it_only_where_asked(self):
        gateway = self.begin("{service: next, header: 'X-Beta: yes'}")
        answer = self.ask(gateway, "/x/1", "X-Beta: yes\r\n")
        self.assertNotIn("next", str(answer.fields).replace("X-Beta", ""))
        wait_until(lambda: any(e.get("upstream") == "next" for e in gateway.lines), 5, "the access line names it")
        self.assertEqual(1, self.metric(gateway, "downstream_requests_total", upstream="next"))
        self.assertEqual(0, self.metric(gateway, "downstream_requests_total", upstream="stable"))
        told = self.begin("{service: next, header: 'X-Beta: yes'}", ", answer_field: X-Served-By")
        self.assertEqual("next", self.ask(told, "/x/1", "X-Beta: yes\r\n").value("x-served-by"))
        self.assertEqual("stable", self.ask(told, "/x/1").value("x-served-by"))

    def test_who_asks_again_is_told_the_version_that_answered_first(self):
        gateway = self.begin("{service: next, header: 'X-Beta: yes'}", ", answer_field: X-Served-By", ", idempotency: {}")
        buy = lambda header="": self.ask(gateway, "/x/1", f"Idempotency-Key: k\r\nContent-Length: 0\r\n{header}", "POST")   # noqa: E731
        for answer in (buy("X-Beta: yes\r\n"), buy(), buy("X-Beta: yes\r\n")):
            self.assertEqual(("next", "next"), (json.loads(answer.body), answer.value("x-served-by")))
        self.assertEqual((1, 0), (len(self.next.seen), len(self.stable.seen)))

    def test_answers_are_kept_apart(self):
        gateway = self.begin("{service: next, header: 'X-Beta: yes'}", route=", cache: {ttl_s: 60}")
        for _ in range(2):
            self.assertEqual("next", self.version(gateway, "X-Beta: yes\r\n"))
            self.assertEqual("stable", self.version(gateway))
        self.assertEqual((1, 1), (len(self.next.seen), len(self.stable.seen)))

    def test_retries_stay_and_an_open_breaker_falls_back(self):
        gateway = self.begin("{service: next, header: 'X-Beta: yes'}", next_options=", retry: {retries_max: 1, statuses: [500]}",
                             extra="circuit_breaker: {volume_threshold: 4, reset_timeout_ms: 60000}\n")
        self.next.say("/x/1", {}, 500)
        self.assertEqual(500, self.ask(gateway, "/x/1", "X-Beta: yes\r\n").status)
        self.assertEqual((2, 0), (len(self.next.seen), len(self.stable.seen)))
        wait_until(lambda: self.ask(gateway, "/x/1", "X-Beta: yes\r\n").status == 200, 10, "the breaker is open")
        self.assertEqual("stable", self.version(gateway, "X-Beta: yes\r\n"))
        self.assertGreaterEqual(self.metric(gateway, "canary_fallbacks_total", upstream="next"), 2)

    def test_a_version_under_maintenance_is_passed_over(self):
        windows = "maintenance: {windows: {now: {day: daily, from: '00:00', to: '00:00', mode: down, services: [next]}}}\n"
        gateway = self.begin("{service: next, percent: 100}", extra=windows)
        self.assertEqual("stable", self.version(gateway))
        self.assertEqual(1, self.metric(gateway, "canary_fallbacks_total", upstream="next"))

    def test_what_is_wrong_is_refused_with_its_place(self):
        for versions, *texts in (("", "canary.versions is empty"), ("{service: nobody, percent: 1}", "nobody"),
                                 ("{service: other}", "gets no requests"), ("{service: other, percent: 101}", "0 to 100"),
                                 ("{service: other, percent: 60}, {service: origin, percent: 60}", "120 percent"),
                                 ("{service: other, header: X-Beta}", "Name: value"), ("{service: other, cookie: beta}", "name=value")):
            self.assertRefused(f"path: /a, service: origin, canary: {{versions: [{versions}]}}", *texts)
        self.assertRefused("path: /a, service: origin, canary: {versions: [{service: other, percent: 1}], "
                           "answer_field: Content-Length}", "gateway's own")


if __name__ == "__main__":
    unittest.main()
