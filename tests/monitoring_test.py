#!/usr/bin/env python3
"""Rules, routes of alerts, and what is sent to whom: by promtool, amtool and a real Alertmanager. No gateway is needed."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

from support.monitoring import DEPLOY, RULES, Alertmanager, Sink  # noqa: E402
from support.process import ROOT  # noqa: E402
from support.wait import wait_until  # noqa: E402
import faster  # noqa: E402

ROUTES = DEPLOY / "alertmanager" / "alertmanager.yml"
OF_THE_RUNBOOK = {    # alert: what its query must say, and how it is graded
    "APIGatewayDown": (r'up\{job="api-gateway"\} == 0', "critical", {"acknowledge": "5m", "resolve": "15m"}),
    "APIGatewayHighErrorRate": (r"> 0\.05$", "critical", {"acknowledge": "5m", "resolve": "30m"}),
    "SecurityViolationDetected": (r"increase\(security_violations_total\S*\) > 0$", "critical",
                                  {"acknowledge": "2m", "investigate": "15m"}),
    "CrossTenantAccessAttempt": (r"increase\(cross_tenant_attempts_total\S*\) > 0$", "critical",
                                 {"acknowledge": "2m", "investigate": "15m"}),
    "CircuitBreakerOpen": (r"circuit_breaker_state\S* == 1", "warning", {"investigate": "1h"}),
    "HighAuthenticationFailureRate": (r"> 0\.10$", "warning", {"investigate": "1h"}),
}


def run(*command, folder=None):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, cwd=folder)
    return done.returncode, done.stdout + done.stderr


def alerts():
    return {rule["alert"]: rule for path in RULES for group in yaml.safe_load(path.read_text())["groups"]
            for rule in group["rules"] if "alert" in rule}


def within(rule):
    """How soon somebody has to do what: {"acknowledge": "5m", …}."""
    return {name.removesuffix("_within"): value for name, value in rule["annotations"].items() if name.endswith("_within")}


class Rules(unittest.TestCase):
    def passes(self, *command, folder=None):
        code, said = run(*command, folder=folder)
        self.assertEqual(0, code, said)

    def test_promtool_finds_no_fault(self):
        self.passes("promtool", "check", "rules", *RULES)
        self.passes("promtool", "check", "config", DEPLOY / "prometheus/prometheus.yml")

    def test_promtool_finds_no_fault_in_the_cluster(self):
        # Debian's Prometheus is built without discovery in Kubernetes: that part is left out, the rest checked.
        config = yaml.safe_load((DEPLOY / "prometheus/prometheus.kubernetes.yml").read_text())
        job = config["scrape_configs"][0]
        found = job.pop("kubernetes_sd_configs")
        self.assertEqual([{"role": "pod", "label": "app=api-gateway"}], found[0]["selectors"])
        self.assertEqual(["production"], found[0]["namespaces"]["names"])
        config["rule_files"] = [str(DEPLOY / "prometheus" / name) for name in config["rule_files"]]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "prometheus.yml"
            path.write_text(yaml.safe_dump(config))
            self.passes("promtool", "check", "config", path)

    def test_both_configurations_give_the_labels_that_queries_ask_for(self):
        for name in ("prometheus.yml", "prometheus.kubernetes.yml"):
            job = yaml.safe_load((DEPLOY / "prometheus" / name).read_text())["scrape_configs"][0]
            self.assertEqual(("api-gateway", True), (job["job_name"], job["honor_labels"]), name)

    def test_each_alert_fires_does_not_fire_and_resolves(self):
        tests = sorted((DEPLOY / "prometheus/tests").glob("*_test.yml"))
        self.passes("promtool", "test", "rules", *tests)
        told = "\n".join(path.read_text() for path in tests)
        for name in alerts():
            seen = re.findall(rf'alertname="{name}",alertstate="firing"}}\n +eval_time: \S+\n +exp_samples:( \[\])?', told)
            self.assertIn("", seen, f"{name} never fires in a test")
            self.assertIn(" []", seen, f"{name} always fires in its tests")

    def test_the_runbook_is_kept_to_the_letter(self):
        found = alerts()
        for name, (query, severity, times) in OF_THE_RUNBOOK.items():
            rule = found[name]
            self.assertRegex(rule["expr"].strip(), query)
            self.assertEqual((severity, times), (rule["labels"]["severity"], within(rule)), name)

    def test_each_alert_tells_who_reads_it_what_to_do(self):
        for name, rule in alerts().items():
            self.assertLessEqual({"summary", "description", "runbook_url"}, set(rule["annotations"]), name)
            # Nobody is told of those of severity none: they silence others.
            self.assertEqual(rule["labels"]["severity"] != "none", bool(within(rule)), name)
            self.assertIn(rule["labels"]["severity"], ("critical", "warning", "none"), name)
            page = ROOT / rule["annotations"]["runbook_url"]
            self.assertTrue(page.is_file(), f"{name}: {page}")
            self.assertIn(name, page.read_text() + page.stem, name)

    def test_time_runs_faster_where_it_is_divided_and_nothing_else_changes(self):
        self.assertEqual("rate(x:rate5m[5000ms] offset 60000ms) > 0.05\nfor: 2000ms\n  resolve_within: 1h\n",
                         faster.faster("rate(x:rate5m[5m] offset 1h) > 0.05\nfor: 2m\n  resolve_within: 1h\n", 60))
        with tempfile.TemporaryDirectory() as folder:
            faster.main(["60", "--to", folder, *map(str, RULES)])
            self.passes("promtool", "check", "rules", *sorted(pathlib.Path(folder).glob("*.yml")))


class Compose(unittest.TestCase):
    def test_each_part_finds_the_others(self):
        stack = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
        services = stack["services"]
        for name, service in services.items():
            for mount in service.get("volumes", []):
                self.assertTrue((DEPLOY / mount.split(":")[0]).exists(), f"{name}: {mount}")
            for secret in service.get("secrets", []):
                self.assertIn(secret["source"], stack["secrets"])
                self.assertIn(secret["target"], ROUTES.read_text())
        named = [*yaml.safe_load((DEPLOY / "prometheus/targets/api-gateway.yml").read_text())[0]["targets"],
                 *re.findall(r"\[(alertmanager:\d+)\]", (DEPLOY / "prometheus/prometheus.yml").read_text())]
        sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
        named += [source["url"].removeprefix("http://") for source in sources]
        self.assertEqual({"api-gateway:9300", "alertmanager:9093", "prometheus:9090", "jaeger:16686"}, set(named))
        self.assertLessEqual({name.split(":")[0] for name in named}, set(services))
        boards = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/api-gateway.yml").read_text())
        self.assertIn(f"./grafana/dashboards:{boards['providers'][0]['options']['path']}:ro", services["grafana"]["volumes"])


    def test_it_starts_without_secrets_of_anybody(self):
        for name, secret in yaml.safe_load((DEPLOY / "compose.yaml").read_text())["secrets"].items():
            self.assertEqual(["file"], list(secret), name)
            path = DEPLOY / re.fullmatch(r"\$\{[A-Z_]+:-(\S+)\}", secret["file"])[1]
            self.assertTrue(path.read_text().strip(), name)
            self.assertTrue(path.stat().st_mode & 0o004, f"{name}: Alertmanager runs as nobody, and could not read it")

    def test_it_runs_beside_the_demo(self):
        """`make run`, where its services are, holds a port that the gateway in here must not be published on."""
        ports = [port.split(":")[0] for service in yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].values()
                 for port in service.get("ports", [])]
        self.assertEqual(sorted(set(ports)), sorted(ports))
        held = re.search(r'export PORT="\$\{PORT:-(\d+)\}', (DEPLOY.parent / "demo/run.sh").read_text())[1]
        self.assertNotIn(held, ports)


class Routes(unittest.TestCase):
    def test_amtool_finds_no_fault(self):
        code, said = run("amtool", "check-config", ROUTES)
        self.assertEqual(0, code, said)

    def test_each_alert_goes_to_whom_it_should(self):
        for name, rule in alerts().items():
            labels = rule["labels"]
            expected = "security" if labels["category"] == "security" else \
                {"critical": "pagerduty", "warning": "slack", "none": "nobody"}[labels["severity"]]
            code, said = run("amtool", "config", "routes", "test", "--config.file", ROUTES,
                             f"--verify.receivers={expected}", f"alertname={name}",
                             *(f"{key}={value}" for key, value in labels.items()))
            self.assertEqual(0, code, f"{name}: {said}")


@unittest.skipUnless(shutil.which("prometheus-alertmanager"), "prometheus-alertmanager is not installed")
class Messages(unittest.TestCase):
    """The shipped configuration with other addresses, and time thirty times as fast."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="alertmanager-test-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.sink = Sink()
        self.addCleanup(self.sink.close)
        (self.folder / "slack").write_text(self.sink.url + "/slack")
        (self.folder / "key").write_text("a key")
        text = faster.faster(ROUTES.read_text(), 30)
        for old, new in (("/etc/alertmanager/secrets/slack_api_url", str(self.folder / "slack")),
                         ("/etc/alertmanager/secrets/pagerduty_routing_key", str(self.folder / "key")),
                         ("templates/*.tmpl", str(ROUTES.parent / "templates/*.tmpl")),
                         ("global:\n", f"global:\n  pagerduty_url: {self.sink.url}/pagerduty\n")):
            self.assertIn(old, text)
            text = text.replace(old, new)
        (self.folder / "alertmanager.yml").write_text(text)
        self.manager = Alertmanager(self.folder, self.folder / "alertmanager.yml")
        self.addCleanup(self.manager.stop)

    def alert(self, name, **labels):
        rule = alerts()[name]
        return {"labels": {"alertname": name, "service": "api-gateway"} | rule["labels"] | labels,
                "endsAt": "2100-01-01T00:00:00Z",
                "annotations": rule["annotations"] | {"summary": f"about {name}"}}

    def told(self, path):
        return [message for where, message in self.sink.messages if where == path]

    def states(self, expected):
        def found():
            return {f"{a['labels']['alertname']} {a['labels'].get('instance', '')}".strip(): a["status"]["state"]
                    for a in self.manager.alerts()}
        wait_until(lambda: found() == expected, 10, f"{expected}, at last {found()}")

    def test_warnings_of_five_services_are_one_message(self):
        self.manager.post(*(self.alert("CircuitBreakerOpen", upstream=f"s{i}") for i in range(5)))
        wait_until(lambda: self.told("/slack"), 10, "Slack is told")
        message, = self.told("/slack")
        self.assertEqual("#api-gateway-alerts", message["channel"])
        self.assertIn("CircuitBreakerOpen (5)", message["attachments"][0]["title"])
        self.assertIn("docs/runbooks/CircuitBreakerOpen.md", message["attachments"][0]["text"])
        self.assertIn("\nInvestigate within 1h.", message["attachments"][0]["text"])
        self.assertEqual([], self.told("/pagerduty"))

    def test_critical_ones_page_and_security_goes_to_both(self):
        self.manager.post(self.alert("APIGatewayHighErrorRate"))
        wait_until(lambda: self.told("/pagerduty"), 10, "PagerDuty is told")
        self.assertEqual([], self.told("/slack"))
        event, = self.told("/pagerduty")
        self.assertEqual(("a key", "trigger", "critical"),
                         (event["routing_key"], event["event_action"], event["payload"]["severity"]))
        self.assertIn("docs/runbooks/APIGatewayHighErrorRate.md", event["client_url"])
        self.manager.post(self.alert("SecurityViolationDetected", violation_type="injection"))
        wait_until(lambda: len(self.told("/pagerduty")) == 2 and self.told("/slack"), 10, "both are told")
        self.assertEqual("#security-incidents", self.told("/slack")[0]["channel"])

    def test_what_follows_from_a_gateway_that_is_down_is_not_told(self):
        self.manager.post(self.alert("APIGatewayUnavailable"), self.alert("APIGatewayDown", instance="a"),
                          self.alert("APIGatewayHighErrorRate"), self.alert("CircuitBreakerOpen", upstream="s"),
                          self.alert("CrossTenantAccessAttempt"))
        wait_until(lambda: len(self.told("/pagerduty")) == 2, 10, "PagerDuty is told")
        self.states({"APIGatewayUnavailable": "active", "APIGatewayDown a": "active",
                     "CrossTenantAccessAttempt": "active", "APIGatewayHighErrorRate": "suppressed",
                     "CircuitBreakerOpen": "suppressed"})
        titles = sorted(event["payload"]["summary"] for event in self.told("/pagerduty"))
        self.assertEqual(["APIGatewayDown: about APIGatewayDown",
                          "CrossTenantAccessAttempt: about CrossTenantAccessAttempt"], titles)

    def test_one_gateway_of_many_silences_only_what_concerns_itself(self):
        self.manager.post(self.alert("APIGatewayDown", instance="a"), self.alert("StateBackendDown", instance="a"),
                          self.alert("StateBackendDown", instance="b"), self.alert("CircuitBreakerOpen", upstream="s"))
        wait_until(lambda: len(self.told("/slack")) == 2, 10, "Slack is told of the others")
        self.states({"APIGatewayDown a": "active", "StateBackendDown a": "suppressed",
                     "StateBackendDown b": "active", "CircuitBreakerOpen": "active"})


if __name__ == "__main__":
    unittest.main()
