"""Plays the operators' runbook: the condition of each of its alerts is caused on a real gateway, a real Prometheus with the
shipped rules sees it and sees it go, and the runbook's queries and searches of the log have an answer afterwards.

Rules are derived by tools/faster.py: windows and waits are a sixtieth of what is shipped, nothing else is changed.

OPERATORS_RUNBOOK names the runbook's text. Where it is set, every command of it that asks Prometheus or searches the
log is taken from there as it stands; the list below is what is known of it otherwise."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import unittest

from support.monitoring import RULES, Prometheus
from support.platform import Platform, Traffic
from support.process import ROOT
from support.scenario import BINARY, Scenario
from support.wait import wait_until

sys.path.insert(0, str(ROOT / "tools"))
import faster  # noqa: E402

FACTOR = 60
WINDOW = 5      # seconds, of what is five minutes
QUERIES = [
    'rate(http_requests_total{service="api-gateway",status_code=~"5.."}[5m])',
    'security_violations_total{service="api-gateway"}',
    'circuit_breaker_state{service="api-gateway"}',
    'sum(rate(http_requests_total{service="api-gateway",status_code=~"5.."}[5m]))',
    'histogram_quantile(0.95, sum(rate(http_request_duration_seconds_bucket{service="api-gateway"}[5m])) by (le))',
    'sum(rate(auth_attempts_total{service="api-gateway",status="success"}[5m])) / '
    'sum(rate(auth_attempts_total{service="api-gateway"}[5m]))',
]
SEARCHES = [
    "grep ERROR",
    r'grep -i "security\|violation\|unauthorized"',
    'grep "cross-tenant"',
    'grep "<user-id>" | grep "200"',
    'grep "auth.*fail"',
]
USER = "user-1"
CURL = re.compile(r"curl '(http://prometheus:9090/api/v1/query\?query=([^']+))'")
SEARCH = re.compile(r"kubectl logs [^|\n]*\| (grep .+)")


def runbook():
    path = os.environ.get("OPERATORS_RUNBOOK")
    return pathlib.Path(path).read_text() if path and pathlib.Path(path).is_file() else None


def queries_of(text):
    """Lines of its promql blocks, and the alerts' own conditions where these are queries."""
    for block in re.findall(r"```promql\n(.*?)```", text, re.DOTALL):
        yield from (line for line in block.splitlines() if line.strip() and not line.startswith("#"))
    yield from re.findall(r"\*\*Alert:\*\* `((?:up|circuit_breaker_state)\b[^`]*)`", text)


@unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed")
class Runbook(Scenario):
    def setUp(self):
        super().setUp()
        rules = pathlib.Path(self.folder) / "rules"
        faster.main([str(FACTOR), "--to", str(rules), *map(str, RULES)])
        self.platform = Platform(self.folder, BINARY)
        self.addCleanup(self.platform.close)
        self.prometheus = Prometheus(self.folder, [self.platform.target], sorted(rules.glob("*.yml")))
        self.addCleanup(self.prometheus.stop)

    def fires(self, name, seconds=4 * WINDOW, **labels):
        def found():
            return [f for f in self.prometheus.firing(name) if labels.items() <= f.items()]
        wait_until(found, seconds, f"{name} fires with {labels}; now {self.prometheus.firing()}", 0.1)
        return found()[0]

    def resolves(self, *names):
        wait_until(lambda: not any(self.prometheus.firing(name) for name in names), 4 * WINDOW,
                   f"{names} resolve", 0.1)

    def tells_what_to_do(self, name):
        alert = next(a for a in self.prometheus.get("/api/v1/alerts")["alerts"] if a["labels"]["alertname"] == name)
        self.assertTrue((ROOT / alert["annotations"]["runbook_url"]).is_file())
        self.assertNotRegex(alert["annotations"]["summary"], r"<no value>|error")

    def test_each_alert_fires_and_resolves_and_each_command_has_an_answer(self):
        with Traffic(self.platform.gateway.port, "well") as traffic:
            wait_until(lambda: self.prometheus.query("service:http_requests:rate5m > 0"), 10, "traffic is seen", 0.1)
            time.sleep(WINDOW / 2)      # allow(sleep): nothing must fire while all is well: there is no event to wait for
            self.assertEqual([], self.prometheus.firing())
            self.attacked(traffic)
            self.failing(traffic)
            self.down()
        self.commands()

    def attacked(self, traffic):
        traffic.kinds |= {"forged", "crossing"}
        self.fires("SecurityViolationDetected", severity="critical", category="security", service="api-gateway",
                   violation_type="header_manipulation")
        self.fires("SecurityViolationDetected", violation_type="tenant_bypass")
        self.fires("CrossTenantAccessAttempt", severity="critical", category="security", service="api-gateway")
        for name in ("SecurityViolationDetected", "CrossTenantAccessAttempt"):
            self.tells_what_to_do(name)
        traffic.kinds -= {"forged", "crossing"}

    def failing(self, traffic):
        """Errors, a breaker that opens, and failed authentications, at once."""
        traffic.kinds |= {"failing", "nowhere", "anonymous", "login", "broken token"}
        traffic.kinds -= {"well"}
        self.fires("CircuitBreakerOpen", severity="warning", service="api-gateway", upstream="venue-service")
        self.fires("APIGatewayHighErrorRate", severity="critical", service="api-gateway")
        self.fires("HighAuthenticationFailureRate", severity="warning", service="api-gateway")
        for name in ("CircuitBreakerOpen", "APIGatewayHighErrorRate", "HighAuthenticationFailureRate"):
            self.tells_what_to_do(name)
        traffic.kinds.clear()
        traffic.kinds |= {"well"}
        self.resolves("APIGatewayHighErrorRate", "HighAuthenticationFailureRate", "SecurityViolationDetected",
                      "CrossTenantAccessAttempt")
        # Nobody asks scanning-service any more, so that its breaker is left to itself.
        wait_until(lambda: "venue-service" not in [f["upstream"] for f in self.prometheus.firing("CircuitBreakerOpen")],
                   4 * WINDOW, "the breaker's alert resolves", 0.1)

    def down(self):
        self.platform.kill()
        self.fires("APIGatewayDown", severity="critical", service="api-gateway", job="api-gateway",
                   instance=self.platform.target)
        self.tells_what_to_do("APIGatewayDown")
        self.assertTrue(self.prometheus.firing("APIGatewayUnavailable"))
        self.platform.start()
        self.resolves("APIGatewayDown", "APIGatewayUnavailable")

    def commands(self):
        text = runbook()
        queries, searches = list(QUERIES), list(SEARCHES)
        if text:
            found = [query for _, query in CURL.findall(text)] + list(queries_of(text))
            searched = SEARCH.findall(text)
            self.assertEqual([], [q for q in QUERIES if q not in found], "known, but not in the runbook")
            self.assertEqual(set(SEARCHES), set(searched))
            queries = found
            for url, query in CURL.findall(text):
                self.asks(url, query)
        for query in queries:
            self.answers(query)
        log = pathlib.Path(self.folder) / "gateway.log"
        log.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n"
                               for line in self.platform.ended_lines + self.platform.gateway.lines))
        for search in searches:
            command = search.replace("<user-id>", USER).replace("<gateway-pod>", "")
            done = subprocess.run(["sh", "-c", f"cat {log} | {command}"], capture_output=True, text=True, timeout=20)
            self.assertEqual(0, done.returncode, f"{command} finds nothing")
            self.finds(search, [json.loads(line) for line in done.stdout.splitlines()])

    def asks(self, url, query):
        """As an operator types it. -g: curl would take the brackets for patterns."""
        url = url.replace("http://prometheus:9090", self.prometheus.url)
        done = subprocess.run(["curl", "-gs", url], capture_output=True, text=True, timeout=20)
        answer = json.loads(done.stdout)
        self.assertEqual("success", answer["status"], f"{query}: {answer}")
        self.assertTrue(answer["data"]["result"], query)

    def answers(self, query):
        # An alert's own condition is quiet once all is well: what it looks at must be there.
        quiet = re.sub(r" == \d$", "", query)
        result = self.prometheus.query(quiet)
        self.assertTrue(result, f"{quiet} has no answer")
        for labels, value in result:
            self.assertEqual(value, value, f"{quiet} is not a number for {labels}")
            self.assertGreaterEqual(value, 0)
        if "success" in query:
            self.assertTrue(0.5 < result[0][1] <= 1, result)
        if query.startswith("security_violations_total"):
            self.assertIn("header_manipulation", [labels["violation_type"] for labels, _ in result])

    def finds(self, search, lines):
        if "ERROR" in search:
            self.assertLessEqual({500, 502}, {line.get("status") for line in lines})
        if "cross-tenant" in search:
            for name in ("sourceTenant", "targetTenant", "userId", "resource", "time"):
                self.assertTrue(lines[0][name], name)
            self.assertEqual({("blocked", 403)}, {(line["outcome"], line["status"]) for line in lines})
        if "user-id" in search:
            self.assertIn((USER, 200), {(line.get("userId"), line.get("status")) for line in lines})
        if "auth.*fail" in search:
            self.assertLessEqual({"missing", "malformed", "login"}, {line.get("cause") for line in lines})
        if "violation" in search:
            self.assertIn("header_manipulation", {line.get("violationType") for line in lines})


if __name__ == "__main__":
    unittest.main()
