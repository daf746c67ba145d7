"""What routes do to traffic on its way: redirections, other paths and other fields."""
import json
import unittest

from support import shaping
from support.shaping import Shaping
from support.tokens import TENANT, bearer


def config(url, *routes):
    return shaping.config({"origin": url}, *routes)


class Redirects(Shaping):
    def test_lead_where_the_template_says_with_the_query(self):
        gateway = self.start(config(
            self.origin.url,
            "path: /old/**, redirect: {to: 'https://new.example{rest}', status: 308}",
            "path: '/t/{id}', redirect: {to: '/v2/things/{id}?from=old', status: 301}",
            "path: /plain, redirect: {to: '/x#part', keep_query: false}"))
        for target, status, location in (
                ("/old", 308, "https://new.example"),
                ("/old/a/b?q=1&r=%20", 308, "https://new.example/a/b?q=1&r=%20"),
                ("/old/%2e/a//b", 308, "https://new.example/a/b"),
                ("/t/a%20b?q=1", 301, "/v2/things/a%20b?from=old&q=1"),
                ("/t/x?", 301, "/v2/things/x?from=old"),
                ("/plain?q=1", 302, "/x#part")):
            answer = self.ask(gateway, target)
            self.assertEqual((status, location, b""), (answer.status, answer.value("location"), answer.body), target)
            self.assertTrue(answer.has("x-request-id"))
        self.assertEqual("no-store", self.ask(gateway, "/plain").value("cache-control"))
        self.assertFalse(self.ask(gateway, "/old/a").has("cache-control"))
        self.assertEqual(0, self.origin.requests)

    def test_take_any_method_and_need_no_body_read(self):
        gateway = self.start(config(self.origin.url, "path: /old/**, redirect: {to: '/new{rest}', status: 307}"))
        answer = self.ask(gateway, "/old/a", "Content-Length: 5\r\n", "POST", b"hello")
        self.assertEqual((307, "/new/a"), (answer.status, answer.value("location")))
        self.assertEqual((307, ""), ((head := self.ask(gateway, "/old/a", method="HEAD")).status, head.body.decode()))

    def test_are_never_opened_by_what_a_client_sends(self):
        gateway = self.start(config(self.origin.url, "path: /old/**, redirect: {to: '/new{rest}'}",
                                    "path: '/g/{id}', redirect: {to: '/{id}'}"))
        for target in ("/old//evil.example/x", "/old/%2Fevil.example", "/old/..%2f..%2fevil", "/old/%0d%0aSet-Cookie:x",
                       "/old/x?a=\"><b>", "/g/evil.example", "/g/%5Cevil.example", "/old/\\evil.example",
                       "//evil.example/..", "http://evil.example/old/x"):
            answer = self.ask(gateway, target)
            if answer.status == 302:
                location = answer.value("location")
                self.assertRegex(location, r"^/(new|evil\.example)(/|\?|$)", target)
                self.assertNotRegex(location, r"[\"<>\\\r\n]|//", target)
            else:
                self.assertIn(answer.status, (400, 404), target)
                self.assertFalse(answer.has("location"), target)

    def test_may_lead_below_themselves_where_another_route_is(self):
        gateway = self.start(config(self.origin.url, "path: /a/**, redirect: {to: '/a/new{rest}'}", "path: /a/new/**, service: origin",
                                    "path: /b, methods: [POST], redirect: {to: /b}", "path: /b, methods: [GET], service: origin"))
        self.assertEqual("/a/new/x", self.ask(gateway, "/a/x").value("location"))
        self.assertEqual("/b", self.ask(gateway, "/b", "Content-Length: 0\r\n", "POST").value("location"))

    def test_ask_for_a_token_like_any_route_and_know_the_caller(self):
        text = config(self.origin.url, "path: /mine, redirect: {to: '/tenants/{tenant}/{user}'}").replace(
            "authenticate: {public: [/**]}, ", "")
        gateway = self.start(text)
        self.assertEqual(401, self.ask(gateway, "/mine").status)
        answer = self.ask(gateway, "/mine", bearer(sub="a|b"))
        self.assertEqual((302, f"/tenants/{TENANT}/a%7Cb"), (answer.status, answer.value("location")), answer.body)
        for subject in ("..", "a/b", "a\\b"):
            answer = self.ask(gateway, "/mine", bearer(sub=subject))
            self.assertEqual((400, False), (answer.status, answer.has("location")), subject)

    def test_that_are_wrong_keep_the_gateway_from_starting(self):
        self.assertRefused("path: /a, redirect: {to: '//evil.example/'}", "redirect.to", "begins with neither")
        self.assertRefused("path: /a, redirect: {to: '/x', status: 303}", "redirect.status is 303", "301, 302, 307 or 308")
        self.assertRefused("path: /a, redirect: {to: '/{id}'}", "uses {id}", "parameters of /a")
        self.assertRefused("path: /a, redirect: {to: '/b{rest}'}", "does not end in /**")
        self.assertRefused("path: /a, service: origin, redirect: {to: /b}", "never asked")
        for route in ("path: /a, redirect: {to: '/a?again=1'}", "path: '/a/{id}', redirect: {to: '/a/b', status: 308}",
                      "path: /a/**, redirect: {to: '/a/b{rest}'}", "path: '/a/{id}', redirect: {to: '/a/{id}'}",
                      "path: /a, hosts: ['*.shop.example'], methods: [POST, GET], redirect: {to: /a}"):
            self.assertRefused(route, "redirect.to leads back to the route itself")
        self.assertRefused("path: /a", "service is missing", "redirect")


class Transforms(Shaping):
    def seen(self, gateway, target, header="", method="GET"):
        answer = self.ask(gateway, target, header, method)
        self.assertEqual(200, answer.status, answer.body)
        return json.loads(answer.body)

    def test_give_requests_another_path(self):
        gateway = self.start(config(
            self.origin.url,
            "path: '/api/{kind}/{id}/seen', service: origin, transform: {path: '/v2/{kind}-{id}/seen'}",
            "path: '/deep/**', service: origin, transform: {path: '/v3/{method}{rest}'}"))
        self.assertEqual("GET /v2/a-b%20c/seen?q=1 HTTP/1.1", self.seen(gateway, "/api/a/b%20c/seen?q=1")["line"])
        self.assertEqual("GET /v3/GET/x/seen HTTP/1.1", self.seen(gateway, "/deep/x/seen")["line"])

    def test_keep_private_paths_out_of_reach(self):
        gateway = self.start(config(
            self.origin.url,
            "path: '/a/{id}', service: origin, transform: {path: '/{id}'}",
            "path: '/b/{id}', service: origin, transform: {path: '/base/{id}'}",
            "path: '/c/{x}/{y}', service: origin, transform: {path: '/base/{x}{y}/seen'}",
            "path: '/d/**', service: origin, transform: {path: '/base{rest}'}"))
        for target in ("/a/metrics", "/a/internal", "/a/%69nternal", "/b/metrics", "/b/METRICS", "/b/internal",
                       "/c/met/rics", "/c/inter/nal", "/d/internal/x", "/d/metrics", "/d/x/internal"):
            self.assertEqual(404, self.ask(gateway, target).status, target)
        self.assertEqual(400, self.ask(gateway, "/a/..%2finternal").status)
        self.assertEqual(0, self.origin.requests)

    def test_refuse_callers_whose_names_do_not_fit_a_path(self):
        gateway = self.start(config(self.origin.url, "path: /me/seen, service: origin, transform: {path: '/u/{user}/seen'}"))
        self.assertEqual(400, self.ask(gateway, "/me/seen").status)
        self.assertEqual("GET /u/ann/seen HTTP/1.1", self.seen(gateway, "/me/seen", bearer(sub="ann"))["line"])
        for subject in ("..", "a/../b", "%2e%2e"):
            self.assertEqual(400, self.ask(gateway, "/me/seen", bearer(sub=subject)).status, subject)

    def test_set_add_and_remove_fields_of_requests(self):
        gateway = self.start(config(
            self.origin.url,
            "path: '/x/{id}/seen', service: origin, transform: {request: {set: ['X-Source: edge {id}', 'X-Caller: {user}'], "
            "add: ['X-Many: of-ours'], remove: [X-Debug, Authorization]}}"))
        headers = self.seen(gateway, "/x/7/seen", bearer(sub="ann") + "X-Source: mine\r\nX-Many: of-client\r\nX-Debug: 1\r\n")[
            "headers"]
        self.assertEqual(("edge 7", "ann", "ann", False, False), (
            headers["x-source"], headers["x-caller"], headers["x-user-id"], "x-debug" in headers, "authorization" in headers))
        # Who shows no token cannot say who he is by the field either.
        self.assertNotIn("x-caller", self.seen(gateway, "/x/7/seen", "X-Caller: admin\r\n")["headers"])

    def test_change_fields_of_answers_and_leave_the_gateways_own_answers_alone(self):
        gateway = self.start(config(
            self.origin.url,
            "path: /x/**, service: origin, transform: {response: {set: ['Cache-Control: private', 'X-For: {request_id}'], "
            "remove: [content-type]}}",
            "path: /away, service: away, transform: {response: {set: ['Cache-Control: private', 'X-For: {request_id}']}}"
        ).replace("routes:", "  away: {url: 'http://127.0.0.1:1'}\nroutes:"))
        answer = self.ask(gateway, "/x/text", "X-Request-Id: r-1\r\n")
        self.assertEqual((200, "private", "r-1", False), (answer.status, answer.value("cache-control"),
                                                          answer.value("x-for"), answer.has("content-type")))
        answer = self.ask(gateway, "/away")
        self.assertEqual((502, "no-store", False), (answer.status, answer.value("cache-control"), answer.has("x-for")))

    def test_change_answers_that_were_kept_for_each_who_gets_them(self):
        gateway = self.start(config(self.origin.url, "path: /x/**, service: origin, cache: {ttl_s: 60}, "
                                    "transform: {response: {set: ['X-For: {request_id}']}}"))
        got = [self.ask(gateway, "/x/text", f"X-Request-Id: {name}\r\n") for name in ("first", "second")]
        self.assertEqual(["first", "second"], [answer.value("x-for") for answer in got])
        self.assertEqual(1, self.origin.requests)

    def test_that_are_wrong_keep_the_gateway_from_starting(self):
        for section, *texts in (
                ("{path: /a//b}", "transform.path", "canonical"), ("{path: '/a/{rest}'}", "transform.path", "{rest}"),
                ("{path: '/a?b'}", "'?'"), ("{path: '/{id}'}", "uses {id}"), ("{request: {set: ['Host: a']}}", '"Host"', "set"),
                ("{request: {remove: [X-User-Id]}}", "X-User-Id"), ("{request: {add: ['x_internal_service: a']}}", "gateway's own"),
                ("{request: {set: ['Authorization: Basic x']}}", "authorization: true"),
                ("{request: {set: ['X-A: {nobody}']}}", "uses {nobody}"), ("{request: {set: ['X-A']}}", "Name: value"),
                ("{response: {set: ['Content-Length: 1']}}", "Content-Length"), ("{response: {remov: [a]}}", "did you mean remove")):
            self.assertRefused(f"path: /a/**, service: origin, transform: {section}", *texts)
        self.assertRefused("path: /a, service: origin, rewrite: /b, transform: {path: /c}", "both rewrite and transform.path")
        self.assertRefused("path: /a, service: origin, cache: {}, transform: {path: '/{user}'}", "tells callers apart")


if __name__ == "__main__":
    unittest.main()
