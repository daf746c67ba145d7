"""Traces of requests, as a collector gets them: by their JSON mapping, and decoded by OpenTelemetry's own definitions
(tests/npm/otlp_collector.mjs). A collector that is slow or away costs requests nothing."""
import json
import subprocess
import time
import unittest

from support import tokens
from support.clients import Client
from support.process import ROOT, ask, free_ports
from support.scenario import Scenario
from support.services import Handler, WebService
from support.wait import wait_until

NPM = ROOT / "tests/npm"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Spans(Handler):
    def do_POST(self):
        body, collector = self.body(), self.service
        collector.go.wait(30)
        if collector.status == 200:
            collector.bodies.append((self.path, self.headers["Content-Type"], body))
        self.respond(collector.status, collector.answer)


class Collector(WebService):
    handler = Spans

    def __init__(self, port=0, status=200):
        self.bodies, self.status, self.answer = [], status, b"{}"
        super().__init__(port)

    def spans(self):
        found = []
        for _, _, body in list(self.bodies):
            for resource in json.loads(body)["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    for span in scope["spans"]:
                        attributes = {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}
                        found.append(span | {"attributes": attributes})
        return found


class Traces(Scenario):
    def text(self, extra=""):
        return f"""
tracing: {{queue_max: 64}}
{extra}
services:
  origin: {{url: "{self.origin.url}"}}
  gone: {{url: "http://127.0.0.1:{self.nobody}"}}
routes:
  - {{name: open, path: /api/v1/open/**, service: origin, rewrite: /up, authenticate: {{public: [/**]}}}}
  - {{name: own, path: /api/v1/own/**, service: origin, rewrite: /up}}
  - {{name: gone, path: /api/v1/gone/**, service: gone, authenticate: {{public: [/**]}}}}
"""

    def setUp(self):
        super().setUp()
        self.nobody, = free_ports(1)
        self.collector = Collector()
        self.addCleanup(lambda: self.collector.close())

    def start_traced(self, share="1", **environment):
        return self.start(self.text(), environment={"OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.url,
                                                    "OTEL_TRACES_SAMPLER_ARG": share} | environment)

    def get(self, gateway, target, header=""):
        with Client(gateway.port) as client:
            return client.get(target, header)

    def series(self, gateway, name):
        line = next(line for line in ask(gateway.admin_port, "/metrics")[2].splitlines() if line.startswith(name + "{"))
        return float(line.split()[-1])

    def wait_for(self, count, what):
        wait_until(lambda: len(self.collector.spans()) >= count, 10, what)
        return self.collector.spans()

    def test_a_request_and_its_try_are_spans_of_the_clients_trace(self):
        gateway = self.start_traced("0", INSTANCE_ID="gw-7", REGION="eu")
        seen = json.loads(self.get(gateway, "/api/v1/own/seen?password=secret",
                                   tokens.bearer() + f"traceparent: {PARENT}\r\ntracestate: a=b\r\n").body)
        server, client = sorted(self.wait_for(2, "two spans"), key=lambda span: span["kind"])
        self.assertEqual((2, 3), (server["kind"], client["kind"]))
        self.assertEqual(("0af7651916cd43dd8448eb211c80319c",) * 2, (server["traceId"], client["traceId"]))
        self.assertEqual(("b7ad6b7169203331", server["spanId"]), (server["parentSpanId"], client["parentSpanId"]))
        self.assertEqual(f"00-0af7651916cd43dd8448eb211c80319c-{client['spanId']}-01", seen["headers"]["traceparent"])
        self.assertEqual("a=b", seen["headers"]["tracestate"])
        self.assertEqual("GET /api/v1/own/**", server["name"])
        wanted = {"http.request.method": "GET", "url.path": "/api/v1/own/seen", "http.route": "/api/v1/own/**",
                  "http.response.status_code": "200", "client.address": "127.0.0.1", "user.id": "user-1",
                  "tenant.id": tokens.TENANT, "gateway.outcome": "upstream", "network.protocol.version": "1.1"}
        self.assertEqual(wanted, {key: server["attributes"].get(key) for key in wanted})
        self.assertEqual("origin", client["attributes"]["peer.service"])
        for kind in ("server", "network.peer"):
            address, port = (client["attributes"][f"{kind}.{what}"] for what in ("address", "port"))
            self.assertEqual(self.origin.url, f"http://{address}:{port}")
        now = time.time_ns()
        self.assertLess(int(server["startTimeUnixNano"]), int(client["endTimeUnixNano"]))
        self.assertLessEqual(int(client["endTimeUnixNano"]), int(server["endTimeUnixNano"]))
        self.assertLess(abs(now - int(server["endTimeUnixNano"])), 30e9)
        path, kind, body = self.collector.bodies[0]
        self.assertEqual(("/v1/traces", "application/json"), (path, kind))
        self.assertNotIn(b"secret", body)
        resource = {a["key"]: a["value"]["stringValue"] for a in json.loads(body)["resourceSpans"][0]["resource"]["attributes"]}
        self.assertEqual(("api-gateway", "gw-7", "eu"),
                         (resource["service.name"], resource["service.instance.id"], resource["cloud.region"]))

    def test_the_clients_word_about_sampling_counts_and_failures_are_traced_always(self):
        gateway = self.start_traced("1")
        self.get(gateway, "/api/v1/open/text", f"traceparent: {PARENT[:-1]}0\r\n")
        self.get(gateway, "/api/v1/gone/x", f"traceparent: {PARENT[:-1]}0\r\n")
        self.get(gateway, "/api/v1/open/text")
        spans = self.wait_for(4, "spans")
        servers = [span for span in spans if span["kind"] == 2]
        self.assertEqual(["GET /api/v1/gone/**", "GET /api/v1/open/**"], sorted(span["name"] for span in servers))
        failed = next(span for span in servers if "gone" in span["name"])
        self.assertEqual(({"code": 2}, "502"), (failed["status"], failed["attributes"]["error.type"]))
        self.assertTrue([s for s in spans if s["kind"] == 3 and s["parentSpanId"] == failed["spanId"]])

    def test_traces_are_sent_though_no_line_is_written_the_last_at_the_end(self):
        gateway = self.start_traced(LOG_LEVEL="ERROR")
        requests = lambda: len([span for span in self.collector.spans() if span["name"] == "GET /api/v1/open/**"])
        self.get(gateway, "/api/v1/open/text")
        wait_until(lambda: requests() == 1, 10, "a request's span")
        for _ in range(3):
            self.get(gateway, "/api/v1/open/text")
        self.assertEqual(0, gateway.stop())
        self.assertEqual(4, requests())

    @unittest.skipUnless((NPM / "node_modules/@opentelemetry").is_dir(), "npm ci in tests/npm brings what this needs")
    def test_opentelemetrys_own_definitions_decode_what_is_sent(self):
        node = subprocess.Popen(["node", "otlp_collector.mjs"], cwd=NPM, stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (node.kill(), node.wait(), node.stdout.close()))
        gateway = self.start(self.text(), environment={"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{int(node.stdout.readline())}",
                                                       "OTEL_TRACES_SAMPLER_ARG": "1", "INSTANCE_ID": "gw-7", "REGION": "eu"})
        self.get(gateway, "/api/v1/own/text", tokens.bearer() + f"traceparent: {PARENT}\r\n")
        self.get(gateway, "/api/v1/gone/x")
        spans = [json.loads(node.stdout.readline()) for _ in range(4)]
        self.assertEqual([], [span["refused"] for span in spans if "refused" in span])
        own = {span["kind"]: span for span in spans if span["traceId"] == "0af7651916cd43dd8448eb211c80319c"}
        server, client = own["SPAN_KIND_SERVER"], own["SPAN_KIND_CLIENT"]
        self.assertEqual(("b7ad6b7169203331", server["spanId"]), (server["parentSpanId"], client["parentSpanId"]))
        self.assertEqual(("GET /api/v1/own/**", "user-1", "200"),
                         (server["name"], server["attributes"]["user.id"], server["attributes"]["http.response.status_code"]))
        self.assertEqual(("api-gateway", "gw-7", "eu"),
                         tuple(server["resource"][key] for key in ("service.name", "service.instance.id", "cloud.region")))
        failed = next(span for span in spans if span["kind"] == "SPAN_KIND_SERVER" and span is not server)
        self.assertEqual((2, "502"), (failed["status"]["code"], failed["attributes"]["error.type"]))

    def test_a_share_of_nothing_is_nothing(self):
        gateway = self.start_traced("0")
        for _ in range(50):
            self.get(gateway, "/api/v1/open/text")
        self.get(gateway, "/api/v1/open/text", f"traceparent: {PARENT}\r\n")
        self.assertEqual(2, len(self.wait_for(2, "the one that was chosen")))

    def test_a_collector_that_is_away_costs_nothing_and_is_found_again(self):
        port = self.collector.server.server_port
        self.collector.close()
        gateway = self.start_traced("1")
        began = time.monotonic()
        for _ in range(200):
            self.assertEqual(200, self.get(gateway, "/api/v1/open/text").status)
        self.assertLess(time.monotonic() - began, 10)
        wait_until(lambda: [e for e in gateway.events if e["msg"] == "traces cannot be sent"], 10, "a warning")
        wait_until(lambda: self.series(gateway, "traces_dropped_total") >= 200 - 64, 10, "traces without room")
        self.collector = Collector(port)
        wait_until(lambda: self.collector.spans(), 40, "what had waited")
        self.assertGreater(self.series(gateway, "traces_sent_total"), 0)

    def test_a_collector_that_hangs_costs_nothing(self):
        self.collector.go.clear()
        gateway = self.start_traced("1")
        for _ in range(100):
            self.assertEqual(200, self.get(gateway, "/api/v1/open/text").status)
        wait_until(lambda: self.series(gateway, "traces_dropped_total") > 0, 10, "traces without room")

    def test_what_a_collector_never_takes_is_dropped(self):
        self.collector.status = 400
        gateway = self.start_traced("1")
        self.get(gateway, "/api/v1/open/text")
        wait_until(lambda: self.series(gateway, "traces_dropped_total") >= 1, 10, "a dropped one")
        wait_until(lambda: self.reasons(gateway), 5, "a warning")
        self.assertEqual(["its answer is 400"], self.reasons(gateway))

    def reasons(self, gateway):
        return [e["reason"] for e in gateway.events if e["msg"] == "traces cannot be sent"]

    def test_what_a_collector_takes_in_part_is_not_counted_as_sent(self):
        self.collector.answer = json.dumps({"partialSuccess": {"rejectedSpans": "2", "errorMessage": "full"}}).encode()
        gateway = self.start_traced("1")
        self.get(gateway, "/api/v1/open/text")
        wait_until(lambda: self.series(gateway, "traces_dropped_total") == 1, 10, "a refused one")
        self.assertEqual(0, self.series(gateway, "traces_sent_total"))
        wait_until(lambda: self.reasons(gateway), 5, "a warning")
        self.assertEqual(["it refused 2 spans"], self.reasons(gateway))
        # Only a word of warning is no refusal.
        self.collector.answer = json.dumps({"partialSuccess": {"errorMessage": "slow"}}).encode()
        self.get(gateway, "/api/v1/open/text")
        wait_until(lambda: self.series(gateway, "traces_sent_total") == 1, 10, "a sent one")

    def test_traces_without_room_are_told_of_once_when_it_begins_and_when_it_is_over(self):
        self.collector.go.clear()
        gateway = self.start_traced("1")
        while self.series(gateway, "traces_dropped_total") == 0:
            self.assertEqual(200, self.get(gateway, "/api/v1/open/text").status)
        self.collector.go.set()
        told = lambda text: [e for e in gateway.events if e["msg"] == text]
        wait_until(lambda: told("traces are no longer lost"), 40, "it is over")
        self.assertGreaterEqual(told("traces are no longer lost")[0]["lost"], 1)
        self.assertEqual([64], [e["queueMax"] for e in told("traces are lost: they come faster than they can be sent")])

    def test_answers_say_how_long_it_took_where_that_is_wanted(self):
        gateway = self.start(self.text().replace("queue_max: 64", "server_timing: true"))
        timing = self.get(gateway, "/api/v1/open/text").values("Server-Timing")
        self.assertRegex(timing[0], r"^total;dur=[0-9.]+, upstream;dur=[0-9.]+$")
        self.assertRegex(self.get(gateway, "/api/v1/none").values("Server-Timing")[0], r"^total;dur=[0-9.]+$")


if __name__ == "__main__":
    unittest.main()
