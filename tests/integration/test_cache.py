"""Answers that are kept: what is shared with whom, what is fetched once, what is forgotten when, and what the cache does
while services fail."""
import json
import random
import signal
import threading
import unittest
import urllib.parse

from support import tokens
from support.clients import Client
from support.h2 import metric
from support.process import ask
from support.redis import cli
from support.services import Handler, WebService
from support.wait import wait_until
import test_admin
from test_state import State, tool


class Answers(Handler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        options = dict(urllib.parse.parse_qsl(url.query))
        self.body()
        origin = self.service
        with origin.lock:
            origin.asked.append((self.command, self.path, dict(self.headers)))
            number = len(origin.asked)
        origin.go.wait(20)
        body = json.dumps({"number": number, "tenant": self.headers.get("X-Tenant-Id"), "user": self.headers.get("X-User-Id"),
                           "language": self.headers.get("Accept-Language")}).encode()
        status = origin.status or int(options.get("status", 200))
        if origin.status is None and options.get("etag") and self.headers.get("If-None-Match") == f'"{options["etag"]}"':
            status, body = 304, b""
        fields = [(header, options[name]) for name, header in origin.FIELDS if name in options]
        if origin.owner:
            fields.append(("x-resource-tenant", origin.owner))    # a field of its own beside that of the query
        if "etag" in options:
            fields.append(("ETag", f'"{options["etag"]}"'))
        if "cut" in options and origin.status is None:
            self.close_connection = True
            self.respond(status, body, [*fields, ("Content-Length", str(len(body) + 100))])
        else:
            self.respond(status, body, fields)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET


class Origin(WebService):
    """Says in its answer how often it was asked and for whom; what else it says stands in the query: cc, etag, status,
    tag, vary, cookie, at, type. A cleared `go` makes it wait, `status` fails it, `owner` is whose all of it is from now on."""
    handler = Answers
    FIELDS = (("cc", "Cache-Control"), ("tag", "Cache-Tag"), ("vary", "Vary"), ("sc", "Surrogate-Control"),
              ("cookie", "Set-Cookie"), ("owner", "X-Resource-Tenant"), ("at", "Location"), ("type", "Content-Type"))

    def __init__(self):
        self.asked = []
        self.lock = threading.Lock()
        self.status, self.owner = None, None
        super().__init__()

    def count(self):
        with self.lock:
            return len(self.asked)


class Cache(State):
    call, refused = test_admin.Admin.call, test_admin.Admin.refused

    def setUp(self):
        super().setUp()
        self.environment = {"ADMIN_TOKEN": test_admin.OPERATOR}
        self.service = Origin()
        self.addCleanup(self.service.close)
        self.text = f"""
services:
  origin: {{url: "{self.service.url}", retry: {{retries_max: 0}}}}
circuit_breaker: {{volume_threshold: 1000}}
routes:
  - {{name: open, path: /api/v1/open/**, service: origin, authenticate: {{public: [/**]}}, cache: {{}}}}
  - {{name: silent, path: /api/v1/silent/**, service: origin, authenticate: {{public: [/**]}},
     cache: {{ttl_s: 600, query: [page], stale_if_error_s: 60}}}}
  - {{name: mine, path: /api/v1/mine/**, service: origin, cache: {{ttl_s: 600, share: user}}}}
  - {{name: own, path: /api/v1/own/**, service: origin, authenticate: {{public: [/**]}}, cache: {{ttl_s: 600, share: user}}}}
  - {{name: listed, path: /api/v1/listed/**, service: origin, authenticate: {{public: [/**]}},
     cache: {{ttl_s: 600, query: ["filter[city]"]}}}}
  - {{name: brief, path: /api/v1/brief/**, service: origin, cache: {{ttl_s: 1, stale_while_revalidate_s: 3600}}}}
  - {{name: plain, path: /api/v1/plain/**, service: origin, authenticate: {{public: [/**]}}}}
  - {{name: marked, path: /api/v1/marked/**, service: origin, cache: {{}},
     transform: {{request: {{set: ["X-Source: edge", "X-Caller: {{user}}"]}}}}}}
"""

    def ask_for(self, gateway, target, header="", method="GET", allow_cut=False):
        with Client(gateway.port) as client:
            client.send(f"{method} /api/v1{target} HTTP/1.1\r\nHost: test\r\n{header}\r\n".encode())
            return client.response(method, allow_cut)

    def number(self, gateway, target, header=""):
        answer = self.ask_for(gateway, target, header)
        self.assertEqual(200, answer.status, answer)
        return json.loads(answer.body)["number"]

    def assertKept(self, gateway, target, header=""):
        self.assertEqual(self.number(gateway, target, header), self.number(gateway, target, header), target)

    def assertNotKept(self, gateway, target, header=""):
        self.assertNotEqual(self.number(gateway, target, header), self.number(gateway, target, header), target)


class Kept(Cache):
    def test_services_speak_to_us_alone_by_surrogate_control_which_clients_do_not_see(self):
        gateway = self.start()
        target = "/open/a?cc=no-store&sc=max-age%3D60%3Bapi-gateway"
        first, again = (self.ask_for(gateway, target, "Surrogate-Capability: abc=x\r\n") for _ in range(2))
        self.assertEqual(("api-gateway; hit", False, "no-store"),
                         (again.value("cache-status"), again.has("surrogate-control"), again.value("cache-control")))
        self.assertFalse(first.has("surrogate-control"))
        self.assertEqual('api-gateway="Surrogate/1.0"', self.service.asked[0][2]["Surrogate-Capability"])
        self.assertNotKept(gateway, "/open/b?cc=max-age%3D60&sc=no-store")
        self.assertNotKept(gateway, "/open/c?cc=max-age%3D60&sc=max-age%3D0")
        self.assertNotKept(gateway, "/open/d?cc=private&sc=max-age%3D60%3Bapi-gateway")
        self.assertKept(gateway, "/open/e?cc=max-age%3D60&sc=max-age%3D0%3Banother")

    def test_events_and_failures_are_not_kept(self):
        gateway = self.start()
        self.assertNotKept(gateway, "/silent/e?page=1&type=text/event-stream%3B+charset%3Dutf-8")
        failed = [self.ask_for(gateway, "/open/f?status=503&cc=max-age%3D60").value("cache-status") for _ in range(2)]
        self.assertEqual(["api-gateway; fwd=miss"] * 2, failed)

    def test_the_same_configuration_read_again_forgets_nothing(self):
        gateway = self.start()
        first = self.number(gateway, "/open/a?cc=max-age%3D60")
        gateway.signal(signal.SIGHUP)
        wait_until(lambda: self.events(gateway, "configuration reloaded"), 5, "it is read again")
        self.assertEqual(first, self.number(gateway, "/open/a?cc=max-age%3D60"))

    def test_what_may_be_kept_is_given_again_with_its_age_and_status(self):
        gateway = self.start()
        first = self.ask_for(gateway, "/open/a?cc=max-age%3D60")
        self.assertEqual((False, "api-gateway; fwd=miss; stored"), (first.has("age"), first.value("cache-status")))
        again = self.ask_for(gateway, "/open/a?cc=max-age%3D60")
        self.assertEqual((first.body, "api-gateway; hit"), (again.body, again.value("cache-status")))
        self.assertLessEqual(int(again.value("age")), 5)
        self.assertNotEqual(first.value("x-request-id"), again.value("x-request-id"))
        head = self.ask_for(gateway, "/open/a?cc=max-age%3D60", method="HEAD")
        self.assertEqual((b"", str(len(first.body)), "api-gateway; hit"),
                         (head.body, head.value("content-length"), head.value("cache-status")))
        part = self.ask_for(gateway, "/open/a?cc=max-age%3D60", "Range: bytes=2-5\r\n")
        self.assertEqual((206, first.body[2:6]), (part.status, part.body))
        self.assertEqual(1, self.service.count())
        lines = wait_until(lambda: len(found := [l for l in gateway.lines if l.get("outcome") == "cache"]) == 3 and found, 5,
                           "an access line of each")
        self.assertEqual([200, 200, 206], sorted(line["status"] for line in lines))
        self.assertFalse(any("upstream" in line for line in lines))
        metrics = ask(gateway.admin_port, "/metrics")[2]
        self.assertIn('cache_hits_total{cache_type="response",service="api-gateway"} 3', metrics.replace(
            'service="api-gateway",cache_type="response"', 'cache_type="response",service="api-gateway"'))

    def test_what_may_not_be_kept_is_asked_for_each_time(self):
        gateway = self.start()
        for query in ("", "cc=no-store", "cc=private%2C+max-age%3D60", "cc=no-cache", "cc=max-age%3D0",
                      "cc=max-age%3D60&cookie=a%3Db", "cc=max-age%3D60&vary=%2A"):
            self.assertNotKept(gateway, f"/open/n?{query}")
        self.assertNotKept(gateway, "/open/x?cc=max-age%3D60", tokens.bearer())
        self.assertNotKept(gateway, "/plain/x?cc=max-age%3D60")
        self.assertKept(gateway, "/open/y?cc=max-age%3D60%2C+public", tokens.bearer())

    def test_a_request_decides_for_itself_what_will_do(self):
        gateway = self.start()
        target = "/open/r?cc=max-age%3D60"
        self.assertEqual(504, self.ask_for(gateway, target, "Cache-Control: only-if-cached\r\n").status)
        self.assertKept(gateway, target)
        self.assertEqual(200, self.ask_for(gateway, target, "Cache-Control: only-if-cached\r\n").status)
        before = self.service.count()
        for header in ("Cache-Control: no-cache\r\n", "Cache-Control: max-age=0\r\n", "Pragma: no-cache\r\n",
                       "Cache-Control: min-fresh=600\r\n"):
            self.ask_for(gateway, target, header)
        self.assertEqual(before + 4, self.service.count())

    def test_conditions_are_answered_here_and_asked_there(self):
        gateway = self.start()
        target = "/open/e?cc=max-age%3D60&etag=v1"
        body = self.ask_for(gateway, target).body
        answer = self.ask_for(gateway, target, 'If-None-Match: "v0", W/"v1"\r\n')
        self.assertEqual((304, b"", '"v1"'), (answer.status, answer.body, answer.value("etag")))
        self.assertEqual(1, self.service.count())
        # Asked whether it still holds: it does.
        answer = self.ask_for(gateway, target, "Cache-Control: no-cache\r\n")
        self.assertEqual((200, body), (answer.status, answer.body))
        self.assertIn("fwd-status=304", answer.value("cache-status"))
        self.assertEqual('"v1"', self.service.asked[-1][2]["If-None-Match"])

    def test_who_forges_fields_of_the_gateway_is_reported_once_also_where_the_answer_is_kept(self):
        gateway = self.start()

        def reported():
            return [(e["violationType"], e["route"]) for e in gateway.events if e.get("msg") == "security violation"]

        forged = "X-User-Id: root\r\nX-Gateway-Forwarded: true\r\n"
        kept, stale = "/open/f?cc=max-age%3D60", "/open/g?cc=max-age%3D0%2C+stale-while-revalidate%3D60"
        for target in (kept, stale):
            self.assertIn("fwd=miss", self.ask_for(gateway, target).value("cache-status"))
        self.assertEqual("api-gateway; hit", self.ask_for(gateway, kept).value("cache-status"))
        self.assertEqual("api-gateway; hit", self.ask_for(gateway, kept, forged).value("cache-status"))
        one = ("header_manipulation", "/api/v1/open/**")
        wait_until(lambda: reported() == [one], 5, "it is reported")
        # What is fetched behind it is asked by the gateway itself.
        self.assertEqual("api-gateway; hit", self.ask_for(gateway, stale, forged).value("cache-status"))
        wait_until(lambda: self.service.count() == 3, 5, "it is fetched anew")
        wait_until(lambda: reported() == [one, one], 5, "it is reported")
        self.assertEqual(2, metric(gateway, "security_violations_total", violation_type="header_manipulation"))
        for name in ("x-user-id", "x-gateway-"):
            self.assertEqual(2, metric(gateway, "dangerous_headers_filtered_total", header_name=name), name)

    def test_answers_vary_by_what_they_say(self):
        gateway = self.start()
        target = "/open/v?cc=max-age%3D60&vary=Accept-Language"
        german = self.number(gateway, target, "Accept-Language: de\r\n")
        self.assertNotEqual(german, self.number(gateway, target, "Accept-Language: en\r\n"))
        self.assertEqual(german, self.number(gateway, target, "accept-language:   de\r\n"))
        self.assertEqual(2, self.service.count())

    def test_a_route_says_what_counts_where_the_service_is_silent(self):
        gateway = self.start()
        self.assertEqual(self.number(gateway, "/silent/q?page=1&utm=a"), self.number(gateway, "/silent/q?utm=b&page=1"))
        self.assertNotEqual(self.number(gateway, "/silent/q?page=1"), self.number(gateway, "/silent/q?page=2"))
        self.assertNotKept(gateway, "/silent/n?cc=no-store")
        self.assertEqual([404, 404], [self.ask_for(gateway, "/silent/m?status=404").status for _ in range(2)])
        self.assertNotKept(gateway, "/silent/c", "Cookie: session=1\r\n")

    def test_an_answer_that_broke_off_is_not_kept(self):
        gateway = self.start()
        before = self.service.count()
        for _ in range(2):
            self.assertTrue(self.ask_for(gateway, "/open/cut?cc=max-age%3D60&cut=1", allow_cut=True).cut)
        self.assertEqual(before + 2, self.service.count())


class Apart(Cache):
    def test_what_varies_by_a_field_that_only_we_write_is_not_kept_by_what_clients_write(self):
        gateway = self.start()
        for route, name in (("open", "X-User-Id"), ("open", "Accept, x-original-ip"), ("open", "X-Forwarded-For"),
                            ("open", "X-Request-Id"), ("marked", "x-caller")):
            target = f"/{route}/a?cc=public%2C+max-age%3D60&vary={name.replace(' ', '%20')}"
            self.assertNotKept(gateway, target, tokens.bearer())
        # These are the same for whoever shares it.
        self.assertKept(gateway, "/open/b?cc=public%2C+max-age%3D60&vary=X-Tenant-Id%2C+X-User-Role%2C+Host", tokens.bearer())
        self.assertKept(gateway, "/marked/b?cc=public%2C+max-age%3D60&vary=X-Source", tokens.bearer())
        self.assertKept(gateway, "/mine/b?cc=max-age%3D60&vary=X-User-Id", tokens.bearer())

    def test_what_is_one_strangers_own_is_kept_for_no_other_stranger(self):
        gateway = self.start()
        for target, header in (("/own/a?cc=private%2C+max-age%3D60", "Cookie: session=a\r\n"),
                               ("/own/b?cc=max-age%3D60", "Authorization: Basic YTpi\r\n"),
                               ("/own/c", "Authorization: Basic YTpi\r\n"), ("/own/d?cc=max-age%3D60", "X-API-Key: a\r\n"),
                               ("/own/e?cc=private%2C+max-age%3D60", tokens.bearer("not.a.token"))):
            self.assertNotKept(gateway, target, header)
        self.assertKept(gateway, "/own/f?cc=max-age%3D60")
        self.assertKept(gateway, "/own/g?cc=private%2C+max-age%3D60", tokens.bearer())

    def test_a_parameter_that_counts_does_however_its_name_is_written(self):
        gateway = self.start()
        for number, spelled in enumerate(("%70age=9", "p%61ge=9", "page[]=9", "page%5B0%5D=9", "page%5b%5d=9")):
            self.assertNotEqual(self.number(gateway, f"/silent/{number}?{spelled}"), self.number(gateway, f"/silent/{number}"), spelled)
        self.assertKept(gateway, "/silent/x?pages=9")

    def test_a_parameter_that_somebody_might_read_is_not_its_absence(self):
        gateway = self.start()
        for number, spelled in enumerate(("%20page=9", "+page=9", "a=1;page=9", "PAGE=9", "page%00=9", "pa%2567e=9")):
            self.assertNotEqual(self.number(gateway, f"/silent/s{number}?{spelled}"), self.number(gateway, f"/silent/s{number}"), spelled)

    def test_a_parameter_may_be_listed_with_its_brackets(self):
        gateway = self.start()
        paris, oslo = (self.number(gateway, f"/listed/a?filter[city]={city}") for city in ("Paris", "Oslo"))
        self.assertNotEqual(paris, oslo)
        self.assertEqual(paris, self.number(gateway, "/listed/a?utm=1&filter[city]=Paris"))

    def test_who_holds_other_venues_or_permissions_is_given_nothing_of_it(self):
        gateway = self.start()

        def number(user, **claims):
            return self.number(gateway, "/silent/venue", tokens.bearer(sub=user, role="venue-manager", **claims))

        first = number("user-1", venues=["v1", "v2"], permissions=["events:view"])
        self.assertEqual(first, number("user-2", venues=["v2", "v1"], permissions=["events:view"]))
        others = [number("user-3", venues=["v1"], permissions=["events:view"]), number("user-4", venues=["v1", "v2"]),
                  number("user-5", permissions=["events:view"]), number("user-6")]
        self.assertEqual(4, len(set(others) - {first}))
        self.assertEqual(others[3], number("user-7"))

    def test_no_tenant_and_no_user_is_given_what_is_anothers(self):
        gateway = self.start(environment={"WORKERS": "4"})
        chance = random.Random(7)
        callers = [(f"user-{i}", tenant) for tenant in (tokens.TENANT, tokens.OTHER_TENANT) for i in range(4)]
        headers = {caller: tokens.bearer(sub=caller[0], tenant_id=caller[1]) for caller in callers}
        directives = ["cc=max-age%3D60%2C+public", "cc=s-maxage%3D60", "", "cc=private%2C+max-age%3D60",
                      "cc=max-age%3D0&etag=v1", "cc=max-age%3D1%2C+public%2C+stale-while-revalidate%3D60"]
        wrong = []

        def work(seed):
            mine = random.Random(seed)
            clients = {caller: Client(gateway.port) for caller in callers}
            for _ in range(250):
                caller = mine.choice(callers)
                route = mine.choice(["silent", "mine", "open"])
                extra = mine.choice(["", "", "", "Cache-Control: no-cache\r\n", "Cache-Control: max-stale\r\n"])
                answer = clients[caller].get(f"/api/v1/{route}/{mine.randrange(4)}?{mine.choice(directives)}",
                                             headers[caller] + extra)
                said = json.loads(answer.body) if answer.status == 200 else {"tenant": answer.status, "user": ""}
                if said["tenant"] != caller[1] or (route == "mine" and said["user"] != caller[0]):
                    wrong.append((caller, route, said))
            for client in clients.values():
                client.close()

        threads = [threading.Thread(target=work, args=(chance.random(),)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], wrong)
        self.assertLess(self.service.count(), 1500)
        self.assertStops(gateway)

    def test_an_answer_of_another_tenant_is_withheld_and_not_kept(self):
        gateway = self.start()
        target = f"/silent/o?owner={tokens.OTHER_TENANT}"
        for _ in range(2):
            self.assertEqual(404, self.ask_for(gateway, target, tokens.bearer()).status)
        self.assertEqual(2, self.service.count())

    def test_what_has_become_another_tenants_is_not_given_any_more(self):
        gateway = self.start()
        self.number(gateway, "/brief/o", tokens.bearer())
        self.service.owner = tokens.OTHER_TENANT
        wait_until(lambda: self.ask_for(gateway, "/brief/o", tokens.bearer()).status == 404, 10, "it is withheld")
        self.assertEqual(404, self.ask_for(gateway, "/brief/o", tokens.bearer()).status)

    def test_that_an_answer_still_holds_is_not_believed_where_it_names_another_tenant_as_well(self):
        gateway = self.start()
        target = f"/open/o?cc=public%2C+max-age%3D60&etag=v1&owner={tokens.TENANT}"
        self.assertKept(gateway, target, tokens.bearer())
        self.service.owner = tokens.OTHER_TENANT     # beside the first
        self.assertEqual(404, self.ask_for(gateway, target, tokens.bearer() + "Cache-Control: no-cache\r\n").status)
        self.assertEqual('"v1"', self.service.asked[-1][2]["If-None-Match"])
        self.assertEqual(404, self.ask_for(gateway, target, tokens.bearer()).status)


class Once(Cache):
    def test_many_that_wait_for_one_answer_cost_one_request(self):
        gateway = self.start(environment={"WORKERS": "4"})
        target = "/api/v1/open/cold?cc=max-age%3D60"
        self.service.go.clear()
        clients = [Client(gateway.port, seconds=30) for _ in range(1000)]
        for client in clients:
            client.send(f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        wait_until(lambda: 'http_requests_in_progress{' in (text := ask(gateway.admin_port, "/metrics")[2]) and
                   sum(float(l.split()[-1]) for l in text.splitlines()
                       if l.startswith("http_requests_in_progress{")) >= 1000, 20, "all of them wait")
        self.service.go.set()
        bodies = {client.response().body for client in clients}
        for client in clients:
            client.close()
        self.assertEqual((1, 1), (len(bodies), self.service.count()))

    def test_who_fetches_may_leave(self):
        gateway = self.start()
        target = "/api/v1/open/left?cc=max-age%3D60"
        self.service.go.clear()
        first = Client(gateway.port)
        first.send(f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        wait_until(lambda: self.service.count() == 1, 5, "the service is asked")
        others = [Client(gateway.port) for _ in range(20)]
        for other in others:
            other.send(f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        first.close()
        wait_until(lambda: self.service.count() == 2, 5, "another one asks")
        self.service.go.set()
        self.assertEqual({200}, {other.response().status for other in others})
        self.assertEqual(2, self.service.count())
        for other in others:
            other.close()

    def test_who_waits_may_leave(self):
        gateway = self.start(environment={"WORKERS": "1"})
        line = 'http_requests_in_progress{service="api-gateway",protocol="HTTP/1.1"} '
        self.service.go.clear()
        with Client(gateway.port) as first, Client(gateway.port) as second:
            for number, client in enumerate((first, second), 1):
                client.send(b"GET /api/v1/open/both?cc=max-age%3D60 HTTP/1.1\r\nHost: test\r\n\r\n")
                wait_until(lambda n=number: f"{line}{n}\n" in ask(gateway.admin_port, "/metrics")[2], 5, "it has begun")
            second.close()
            wait_until(lambda: line + "1\n" in ask(gateway.admin_port, "/metrics")[2], 3, "it has ended")

    def test_what_can_not_be_shared_is_not_waited_for_again(self):
        gateway = self.start()
        self.number(gateway, "/open/p?cc=no-store")
        self.service.go.clear()
        clients = [Client(gateway.port) for _ in range(5)]
        for client in clients:
            client.send(b"GET /api/v1/open/p?cc=no-store HTTP/1.1\r\nHost: test\r\n\r\n")
        wait_until(lambda: self.service.count() == 6, 3, "each asks for itself")
        self.service.go.set()
        for client in clients:
            self.assertEqual(200, client.response().status)
            client.close()


class Stale(Cache):
    def test_it_is_given_while_it_is_fetched_anew(self):
        gateway = self.start()
        target = "/open/swr?cc=max-age%3D1%2C+stale-while-revalidate%3D60"
        first = self.number(gateway, target)
        wait_until(lambda: "fwd=" not in (a := self.ask_for(gateway, target)).value("cache-status")
                   and json.loads(a.body)["number"] > first, 10, "a newer one is kept")
        self.assertStops(gateway)

    def test_what_turns_out_to_be_gone_is_not_given_any_more(self):
        gateway = self.start()
        for status in (404, 410, 403):
            self.service.status = None
            target = f"/brief/gone-{status}"
            self.number(gateway, target, tokens.bearer())
            self.service.status = status
            wait_until(lambda t=target, s=status: self.ask_for(gateway, t, tokens.bearer()).status == s, 10, "the old one is gone")
            self.assertEqual(status, self.ask_for(gateway, target, tokens.bearer()).status)
        # Nor where the service fails afterwards.
        self.service.status = None
        self.number(gateway, "/silent/gone")
        for status in (404, 503):
            self.service.status = status
            self.assertEqual(status, self.ask_for(gateway, "/silent/gone", "Cache-Control: no-cache\r\n").status)
        self.assertEqual(503, self.ask_for(gateway, "/silent/gone").status)

    def test_many_that_are_given_the_old_one_cost_one_fetch_behind(self):
        gateway = self.start(environment={"WORKERS": "4"})
        target = "/open/many?cc=max-age%3D0%2C+stale-while-revalidate%3D60"
        self.number(gateway, target)
        self.service.go.clear()
        self.addCleanup(self.service.go.set)
        for _ in range(20):
            self.assertEqual("api-gateway; hit", self.ask_for(gateway, target).value("cache-status"))
        wait_until(lambda: self.service.count() == 2, 5, "it is fetched behind")
        self.assertEqual("api-gateway; hit", self.ask_for(gateway, target).value("cache-status"))
        self.assertEqual(2, self.service.count())
        self.service.go.set()
        self.assertStops(gateway)

    def test_what_is_fetched_anew_is_asked_for_as_before(self):
        gateway = self.start(self.text + """
  - {name: told, path: /api/v1/told/**, service: origin, authenticate: {public: [/**]}, cache: {},
     transform: {request: {set: ['X-Rest: {rest}']}}}
""")
        target = "/told/a/b?cc=max-age%3D0%2C+stale-while-revalidate%3D60"
        self.number(gateway, target)
        wait_until(lambda: self.ask_for(gateway, target) and self.service.count() > 1, 10, "it is fetched behind")
        self.assertEqual({"/a/b"}, {fields["X-Rest"] for _, _, fields in self.service.asked})

    def test_a_fetch_behind_does_not_outlive_the_process(self):
        gateway = self.start()
        target = "/open/end?cc=max-age%3D1%2C+stale-while-revalidate%3D60"
        self.number(gateway, target)
        self.service.go.clear()
        wait_until(lambda: self.ask_for(gateway, target) and self.service.count() == 2, 10, "it is fetched behind")
        self.addCleanup(self.service.go.set)
        threading.Timer(1, self.service.go.set).start()
        self.assertStops(gateway)

    def test_it_is_given_where_the_service_fails_and_only_if_it_may_be(self):
        gateway = self.start()
        good = "/open/sie?cc=max-age%3D0%2C+stale-if-error%3D60&etag=v1"
        strict = "/open/strict?cc=max-age%3D0%2C+must-revalidate%2C+stale-if-error%3D60&etag=v1"
        body = self.ask_for(gateway, good).body
        self.ask_for(gateway, strict)
        self.service.status = 503
        answer = self.ask_for(gateway, good)
        self.assertEqual((200, body), (answer.status, answer.body))
        self.assertEqual(503, self.ask_for(gateway, strict).status)
        self.service.close()
        self.assertEqual(200, self.ask_for(gateway, good).status)
        self.assertIn(self.ask_for(gateway, strict).status, (502, 503, 504))


class Forgotten(Cache):
    def test_a_write_outdates_what_is_kept(self):
        gateway = self.start()
        target = "/open/w?cc=max-age%3D60"
        first = self.number(gateway, target)
        self.ask_for(gateway, target + "&status=500", "Content-Length: 0\r\n", "POST")
        self.assertEqual(first, self.number(gateway, target))
        self.ask_for(gateway, target, "Content-Length: 0\r\n", "PUT")
        self.assertNotEqual(first, self.number(gateway, target))

    def test_a_write_outdates_what_its_answer_names_also_by_a_relative_reference(self):
        gateway = self.start()
        for kept, named in (("/open/a/w", "w"), ("/open/a/w", "./w"), ("/open/w", "../w"), ("/open/a/w", "/api/v1/open//a/%77")):
            first = self.number(gateway, kept + "?cc=max-age%3D60")
            self.assertEqual(first, self.number(gateway, kept + "?cc=max-age%3D60"))
            self.ask_for(gateway, "/open/a/other?" + urllib.parse.urlencode({"at": named + "?cc=max-age%3D60"}), "Content-Length: 0\r\n", "POST")
            self.assertNotEqual(first, self.number(gateway, kept + "?cc=max-age%3D60"), named)
        first = self.number(gateway, "/open/w?cc=max-age%3D60")
        for elsewhere in ("//other/api/v1/open/w?cc=max-age%3D60", "mailto:w?cc=max-age%3D60", "http://other/api/v1/open/w?cc=max-age%3D60"):
            self.ask_for(gateway, "/open/other?" + urllib.parse.urlencode({"at": elsewhere}), "Content-Length: 0\r\n", "POST")
        self.assertEqual(first, self.number(gateway, "/open/w?cc=max-age%3D60"))

    def test_operators_purge_by_path_tag_tenant_or_all(self):
        gateway = self.start()
        tagged, other = "/open/t/1?cc=max-age%3D60&tag=event-7%2C+x", "/open/u?cc=max-age%3D60"
        owned = "/silent/t?cc=max-age%3D60%2C+public"

        def kept():
            return [self.number(gateway, tagged), self.number(gateway, other),
                    self.number(gateway, owned, tokens.bearer())]

        def purged(which, purge):
            before = kept()
            purge()
            wait_until(lambda: [a == b for a, b in zip(before, kept())] == [i not in which for i in range(3)], 5,
                       f"{which} are purged")

        def over_the_api(body):
            return lambda: self.assertEqual(200, self.call(gateway, "POST", "/cache/purge", body)[0])

        def by_command(*words):
            return lambda: self.assertEqual(0, tool(self.resp_port, "cache", "purge", *words)[0])

        self.assertFalse(self.ask_for(gateway, tagged).has("cache-tag"))
        purged({0}, over_the_api({"tag": "event-7"}))
        purged({0}, over_the_api({"path": "/api/v1/open/t/**"}))
        purged({1}, by_command("--path", "/api/v1/open/u"))
        purged({2}, by_command("--tenant", tokens.TENANT))
        purged({0, 1, 2}, by_command("--all"))
        purged({1}, lambda: cli(self.resp_port, "SET", "cache:purge:path:/api/v1/open/u", "1", "EX", "60"))
        self.refused(400, gateway, "POST", "/cache/purge", {"path": "no path"})
        self.refused(400, gateway, "POST", "/cache/purge", {"tag": "a", "all": True})
        self.assertEqual(2, tool(self.resp_port, "cache", "purge")[0])
        # That could match nothing.
        for tag in ("event-7,x", " event-7"):
            self.assertEqual(2, tool(self.resp_port, "cache", "purge", "--tag", tag)[0], tag)
            self.refused(400, gateway, "POST", "/cache/purge", {"tag": tag})

    def test_what_is_kept_is_bounded(self):
        gateway = self.start("cache: {bytes_max: 1048576}\n" + self.text)
        for number in range(3000):
            if number % 1000 == 0:
                client = Client(gateway.port)
            client.get(f"/api/v1/open/b{number}?cc=max-age%3D600")
        self.assertEqual(3000, self.service.count())
        client.get("/api/v1/open/b2999?cc=max-age%3D600")
        self.assertEqual(3000, self.service.count())
        client.get("/api/v1/open/b0?cc=max-age%3D600")
        self.assertEqual(3001, self.service.count())


if __name__ == "__main__":
    unittest.main()
