#!/usr/bin/env python3
"""Shows of each thing that tools/drift.py looks for that it is found, and that a tree in step passes."""
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import drift  # noqa: E402
import promql  # noqa: E402

FACTS = drift.Facts(
    {"http_requests_total": {"service", "route", "status_code"}, "lag_seconds_bucket": {"service", "le"}},
    {("http_requests_total", "status_code"): {"200", "503"}, ("http_requests_total", "route"): {"/a"},
     ("lag_seconds_bucket", "le"): {"1", "1.0"}},
    '{"level":"ERROR","msg":"request"}\n{"msg":"security violation","userId":"u"}\n')
RULES = """groups:
  - name: g
    rules:
      - record: service:errors:rate5m
        expr: sum by (service) (rate(http_requests_total{status_code=~"5.."}[5m]))
      - alert: Errors
        expr: service:errors:rate5m{service="api-gateway"} > 1
        labels: {severity: critical}
        annotations: {summary: 'in {{ $labels.service }}', runbook_url: docs/runbooks/Errors.md}
"""
BOARD = {"panels": [{"title": "Error Rate", "targets": [
    {"expr": 'sum by (route) (rate(http_requests_total{route=~"$route"}[$__rate_interval]))', "legendFormat": "{{route}}"}]}],
    "templating": {"list": [{"type": "query", "query": 'label_values(up{job="api-gateway"}, instance)'}]},
    "annotations": {"list": [{"expr": 'ALERTS{alertname="Errors",severity!="none"}'}]},
    "links": [{"url": "https://host/x/blob/main/docs/runbooks/README.md"}]}
PAGE = """# Errors
Dashboard: *Error Rate*. See [the list](README.md).
```promql
sum(rate(http_requests_total{status_code=~"5.."}[5m]))
```
```bash
kubectl logs x | grep ERROR
kubectl logs x | grep "<user>" | grep -i "SECURITY\\|nothing"
kubectl logs x | grep '"userId":"<user>"'
kubectl describe pod x | grep "Last State"
```
| `status_code` | do |
|---|---|
| `503` | wait |
"""
GOOD = {"deploy/prometheus/rules/a.yml": RULES, "deploy/grafana/dashboards/d.json": json.dumps(BOARD),
        "docs/runbooks/Errors.md": PAGE, "docs/runbooks/README.md": "# Pages\n[Errors](Errors.md)\n"}


class DriftTest(unittest.TestCase):
    def found(self, path=None, old="", new="", **files):
        tree = GOOD | files
        if path:
            path = next(name for name in tree if name.endswith(path))
            self.assertIn(old, tree[path])
            tree[path] = tree[path].replace(old, new)
        with tempfile.TemporaryDirectory() as folder:
            for name, text in tree.items():
                if text is not None:
                    file = pathlib.Path(folder) / name
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_text(text)
            return drift.Drift(folder, FACTS).check()

    def assertFound(self, what, *change):
        found = self.found(*change)
        self.assertEqual(1, len(found), found)
        self.assertIn(what, found[0])

    def test_a_tree_in_step_passes(self):
        self.assertEqual([], self.found())

    def test_a_metric_that_is_not_exported(self):
        self.assertFound("no metric http_requests", "a.yml", "rate(http_requests_total{", "rate(http_requests{")
        self.assertFound("no metric gone", "Errors.md", "sum(rate(http_requests_total{status_code=~\"5..\"}[5m]))", "gone > 1")
        self.assertIn("no metric service:other:rate5m", " ".join(
            self.found("a.yml", "expr: service:errors", "expr: service:other")))
        self.assertIn("no metric http_request_total", " ".join(
            self.found("d.json", "rate(http_requests_total", "rate(http_request_total")))

    def test_a_label_that_a_metric_does_not_have(self):
        self.assertFound("no label status", "a.yml", "status_code=~", "status=~")
        self.assertFound("its legend shows path", "d.json", "{{route}}", "{{path}}")
        self.assertFound("tells of upstream", "a.yml", "$labels.service", "$labels.upstream")
        self.assertFound("groups by path", "a.yml", "sum by (service)", "sum by (service, path)")

    def test_a_value_that_a_label_never_has(self):
        self.assertFound('status_code=~"6.."', "a.yml", "5..", "6..")
        self.assertFound('status_code="500"', "Errors.md", 'status_code=~"5.."', 'status_code="500"')
        self.assertFound('job="gateway"', "d.json", 'job=\\"api-gateway', 'job=\\"gateway')
        self.assertFound('alertname="Error"', "d.json", 'alertname=\\"Errors', 'alertname=\\"Error')
        self.assertFound("no status_code is 504", "Errors.md", "| `503`", "| `504`")

    def test_a_search_for_what_is_never_logged(self):
        self.assertFound("the log never has FATAL", "Errors.md", "grep ERROR", "grep FATAL")
        self.assertFound("the log never has never", "Errors.md", "SECURITY\\|nothing", "never\\|nothing")
        self.assertFound("sub", "Errors.md", '"userId":"<user>"', '"sub":"<user>"')

    def test_a_link_or_a_panel_that_is_not_there(self):
        self.assertFound("no panel Errors", "Errors.md", "*Error Rate*", "*Errors*")
        self.assertFound("links to list.md", "Errors.md", "(README.md)", "(list.md)")
        self.assertFound("links to docs/none.md", "d.json", "docs/runbooks/README.md", "docs/none.md")

    def test_an_alert_without_a_page_and_a_page_without_an_alert(self):
        self.assertIn("Errors links to docs/runbooks/Error.md", " ".join(
            self.found("a.yml", "docs/runbooks/Errors.md", "docs/runbooks/Error.md")))
        self.assertEqual(2, len(self.found(**{"docs/runbooks/Old.md": "# Old\n"})))

    def test_a_metric_that_only_some_have_is_excused_until_it_is_exported(self):
        rule = RULES + ("      # drift: not exported without TLS: expiry_seconds\n      - alert: E\n        expr: expiry_seconds < 1\n"
                        "        annotations: {summary: x, runbook_url: docs/runbooks/Errors.md}\n")
        self.assertEqual([], self.found(**{"deploy/prometheus/rules/a.yml": rule}))
        self.assertFound("out of date", "a.yml", "      - alert: Errors",
                         "      # drift: not exported without TLS: http_requests_total\n      - alert: Errors")

    def test_what_an_expression_speaks_of(self):
        said = promql.spoken('histogram_quantile(0.95, sum by (le, a) (rate(m_bucket{x="a}b",y=~"5.."}[5m] offset 1h)))\n'
                             "  / on (z) group_left (w) n > 4 * 3600 and up == 0  # not this\n unless absent(o)")
        self.assertEqual(["m_bucket", "n", "up", "o"], said.metrics)
        self.assertEqual([("m_bucket", "x", "=", "a}b"), ("m_bucket", "y", "=~", "5..")], said.matchers)
        self.assertEqual({"le", "a", "z", "w"}, said.grouped)


if __name__ == "__main__":
    unittest.main()
