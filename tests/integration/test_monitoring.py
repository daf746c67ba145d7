"""What a real Prometheus gets from a real gateway: an answer for every panel of the dashboard, traces in buckets; and what
no client can bring about: more series, or a slow scrape."""
import itertools
import json
import os
import re
import shutil
import socket
import threading
import time
import unittest

from support import tokens
from support.monitoring import DEPLOY, RULES, Prometheus
from support.platform import Platform, Traffic, ask_once
from support.process import ask
from support.scenario import BINARY, Scenario, config, sanitized
from support.wait import wait_until

DASHBOARD = DEPLOY / "grafana" / "dashboards" / "api-gateway.json"
OF_THE_RUNBOOK = {"Error Rate", "Circuit Breaker", "Downstream Service Latency", "Memory Usage"}
OPEN_METRICS = "Accept: application/openmetrics-text;version=1.0.0\r\n"


def panels():
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def series_of(gateway):
    return {line.rsplit(" ", 1)[0] for line in ask(gateway.admin_port, "/metrics", seconds=20)[2].splitlines()
            if not line.startswith("#")}


@unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed")
class Dashboard(Scenario):
    def setUp(self):
        super().setUp()
        self.platform = Platform(self.folder, BINARY, REGION="eu-1")
        self.addCleanup(self.platform.close)
        self.prometheus = Prometheus(self.folder, [self.platform.target], RULES)
        self.addCleanup(self.prometheus.stop)

    def answer(self, expression):
        text = (expression.replace("$__rate_interval", "5s").replace("[1h]", "[5s]")
                .replace("$instance", ".*").replace("$route", ".*"))
        self.assertNotIn("$", text)
        return [(labels, value) for labels, value in self.prometheus.query(text) if value == value]

    def test_every_panel_has_an_answer_under_traffic(self):
        kinds = ("good", "well", "failing", "anonymous", "broken token", "forged", "injection", "crossing", "login",
                 "search", "nowhere", "no route")
        wanted = [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]
        with Traffic(self.platform.gateway.port, *kinds):
            def empty():
                return [f"{title}: {expression}" for title, expression in wanted if not self.answer(expression)]
            try:
                wait_until(lambda: not empty(), 20, "every panel has an answer", 0.5)
            except AssertionError:
                self.fail("no answer, though there is traffic:\n" + "\n".join(empty()))

    def test_a_region_shows_its_own_gateways(self):
        queries = {variable["name"]: re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"])
                   for variable in json.loads(DASHBOARD.read_text())["templating"]["list"] if variable["type"] == "query"}

        def values(name, region=".*"):
            text, label = queries[name].groups()
            return {labels[label] for labels, _ in self.prometheus.query(text.replace("$region", region))}

        wait_until(lambda: values("region") == {"eu-1"}, 20, "the region is known", 0.5)
        self.assertEqual(1, len(values("instance", "eu-1")))
        self.assertEqual(set(), values("instance", "eu-2"))

    def test_the_dashboard_has_what_operators_look_for(self):
        dashboard = json.loads(DASHBOARD.read_text())
        self.assertEqual("api-gateway", dashboard["uid"])
        titles = [panel["title"] for panel in panels()]
        self.assertLessEqual(OF_THE_RUNBOOK, set(titles))
        self.assertEqual(len(titles), len(set(titles)))
        self.assertEqual(len(dashboard["panels"]), len({panel["id"] for panel in dashboard["panels"]}))
        for one, other in itertools.combinations(dashboard["panels"], 2):
            a, b = one["gridPos"], other["gridPos"]
            apart = (a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"] or a["y"] + a["h"] <= b["y"]
                     or b["y"] + b["h"] <= a["y"])
            self.assertTrue(apart, f"{one['title']} lies over {other['title']}")

    def test_a_bucket_names_a_trace_that_prometheus_keeps(self):
        ask_once(self.platform.gateway.port, "good")
        # A request is counted once its answer is on its way.
        bucket = re.compile(r'_bucket\{[^}]*le="[^"]+"\} \d+ # \{trace_id="0af7651916cd43dd8448eb211c80319c"\} 0\.\d+ \d{10}')
        wait_until(lambda: bucket.search(ask(self.platform.admin_port, "/metrics", headers=OPEN_METRICS)[2]), 5, "the bucket names it")
        text = ask(self.platform.admin_port, "/metrics", headers=OPEN_METRICS)
        self.assertIn("Content-Type: application/openmetrics-text; version=1.0.0", text[1])
        self.assertTrue(text[2].endswith("# EOF\n"))
        self.assertNotIn("trace_id", ask(self.platform.admin_port, "/metrics")[2])
        # Prometheus asks for OpenMetrics by itself, and takes it.
        since = time.time() - 60

        def kept():
            return self.prometheus.get("/api/v1/query_exemplars?query=http_request_duration_seconds_bucket"
                                       f"&start={since}&end={since + 120}")
        wait_until(kept, 10, "Prometheus has the trace", 0.1)
        self.assertEqual("0af7651916cd43dd8448eb211c80319c", kept()[0]["exemplars"][0]["labels"]["trace_id"])


class FirstFailures(Scenario):
    def test_what_fails_before_the_first_look_is_counted_from_0(self):
        """rate() and increase() do not see that with which a series begins."""
        gateway = self.start()

        def value(text, name, **labels):
            found = [line for line in text.splitlines()
                     if line.startswith(name + "{") and all(f'{k}="{v}"' in line for k, v in labels.items())]
            self.assertEqual(1, len(found), (name, labels, found))
            return float(found[0].rsplit(" ", 1)[1])
        before = ask(gateway.admin_port, "/metrics")[2]
        for status in (200, 500, 502, 503, 504):
            self.assertEqual(0, value(before, "downstream_requests_total", upstream="origin", status_code=status))
            for method in ("GET", "POST"):
                self.assertEqual(0, value(before, "http_requests_total", route="/api/v1/s0/**", method=method, status_code=status))
        for _ in range(3):
            self.assertEqual(500, ask(gateway.port, "/api/v1/s0/status?code=500")[0])
        after = ask(gateway.admin_port, "/metrics")[2]
        self.assertEqual(3, value(after, "http_requests_total", route="/api/v1/s0/**", method="GET", status_code=500))
        self.assertEqual(3, value(after, "downstream_requests_total", upstream="origin", status_code=500))


class Bounds(Scenario):
    def pipelined(self, port, heads):
        """Sends all, many at a time on one connection, and counts the answers by status."""
        found = {}
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            for batch in _batched(heads, 50):
                sock.sendall(b"".join(batch))
                answers, data = 0, b""
                while answers < len(batch):
                    data += sock.recv(262144)
                    *whole, data = re.split(rb"(?=HTTP/1\.1 \d{3} )", data)
                    # The last one may be cut: it counts once its body is there.
                    done = [*whole, data] if _is_whole(data) else whole
                    data = b"" if _is_whole(data) else data
                    for answer in filter(None, done):
                        answers += 1
                        status = int(answer[9:12])
                        found[status] = found.get(status, 0) + 1
        return found

    def test_however_many_paths_users_and_tenants_are_no_more_series(self):
        gateway = self.start(config(self.origin.url).replace("authenticate: {public: [/**]}", "authenticate: {}"),
                             environment={"LOG_LEVEL": "ERROR"})

        def head(number):
            token = tokens.token_of(number)
            claim = f"X-Tenant-Id: {tokens.OTHER_TENANT}" if number % 10 == 1 else f"X-User-Id: {number}"
            return (f"GET /api/v1/{'s0' if number % 2 else 'gone'}/status/{number}?code=200&n={number} HTTP/1.1\r\n"
                    f"Host: h{number}.test\r\nUser-Agent: agent-{number}\r\n{claim}\r\n"
                    f"X-Internal-{number}: 1\r\nAuthorization: Bearer {token}\r\n\r\n").encode()
        self.pipelined(gateway.port, map(head, range(200)))
        before = series_of(gateway)
        every = int(os.environ.get("MONITORED_REQUESTS", "5000" if sanitized() else "100000"))
        counts = {}
        lock = threading.Lock()

        def send(share):
            found = self.pipelined(gateway.port, map(head, range(1_000 + share, 1_000 + every, 4)))
            with lock:
                for status, count in found.items():
                    counts[status] = counts.get(status, 0) + count
        threads = [threading.Thread(target=send, args=(share,)) for share in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(90 + every / 1_000)
        self.assertEqual({200: every * 4 // 10, 403: every // 10, 404: every // 2}, counts)
        self.assertEqual(set(), series_of(gateway) - before)
        self.assertFalse([e for e in gateway.events if "more series" in e.get("msg", "")])

    def test_a_service_that_answers_with_any_status_has_a_bound(self):
        gateway = self.start()
        for status in range(200, 600):
            if status not in (204, 304):
                self.assertEqual(status, ask(gateway.port, f"/api/v1/s0/status?code={status}")[0])
        count = sum(name.startswith("http_requests_total") for name in series_of(gateway))
        self.assertLess(count, 500)

    def test_what_has_no_room_is_other_counted_and_told_once(self):
        gateway = self.start(config(self.origin.url, routes=2_100))
        self.pipelined(gateway.port, (f"GET /api/v1/s{n}/status?code=200 HTTP/1.1\r\nHost: a\r\n\r\n".encode()
                                      for n in range(2_100)))
        other = [name for name in series_of(gateway)
                 if 'route="_other"' in name and "requests_total" in name and 'status_code="200"' in name]
        self.assertEqual(1, len(other), other)
        for _ in range(3):
            ask(gateway.admin_port, "/metrics", seconds=20)
        wait_until(lambda: [e for e in gateway.events if "more series than there is room for" in e.get("msg", "")],
                   5, "it is told")
        told = [e for e in gateway.events if "more series than there is room for" in e.get("msg", "")]
        self.assertEqual(["http_requests_total"], [e["metric"] for e in told])

    @unittest.skipIf(sanitized(), "a sanitizer is slower")
    def test_a_scrape_of_a_thousand_routes_is_quick(self):
        gateway = self.start(config(self.origin.url, routes=1_000), environment={"LOG_LEVEL": "ERROR"})
        self.pipelined(gateway.port, (f"GET /api/v1/s{n}/status?code=200 HTTP/1.1\r\nHost: a\r\n\r\n".encode()
                                      for n in range(1_000)))
        took = []
        for _ in range(15):
            with socket.create_connection(("127.0.0.1", gateway.admin_port), timeout=10) as sock:
                began = time.perf_counter()
                sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                size = len(sock.recv(65536))       # the first bytes are there when all has been made
                took.append(time.perf_counter() - began)
                while piece := sock.recv(1 << 20):
                    size += len(piece)
        self.assertGreater(size, 3_000_000)
        self.assertLess(min(took), 0.010, took)


def _batched(items, count):
    items = iter(items)
    while batch := list(itertools.islice(items, count)):
        yield batch


def _is_whole(answer):
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return bool(end) and (not length or len(body) >= int(length.group(1)))


if __name__ == "__main__":
    unittest.main()
