#!/usr/bin/env python3
"""Do rules, dashboard and runbooks speak of what is really there? `make check` runs it. A gateway is started and asked
one request of each kind; every metric, label, value of a label and line of the log that is spoken of must be among
what it exports and writes, and every page, panel and alert that is linked to must exist.

    tools/drift.py [--gateway build/release/api-gateway]

A metric that only some gateways have is named in the rules' file: `# drift: not exported without TLS: <metric>`. Prints
`path: what`; exit 1 if there is anything. tools/drift_test.py shows of each that it is found.
"""
import argparse
import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests")]

import promql  # noqa: E402

# What Prometheus adds to every series, and its own metrics.
TARGET_LABELS = {"job", "instance"}
OWN = {"up": TARGET_LABELS, "ALERTS": TARGET_LABELS | {"alertname", "alertstate", "severity", "category", "service"}}
OWN_VALUES = {("job",): {"api-gateway"}, ("alertstate",): {"firing", "pending"}, ("severity",): {"none", "warning", "critical"}}
GREP = re.compile(r"\bgrep\s+((?:-[A-Za-z]+\s+(?:\d+\s+)?)*)(\"(?:\\.|[^\"])*\"|'[^']*'|[^\s|]+)")
MESSAGE = re.compile(r'\b(?:log_?warn|warn|info|error|debug)\(\s*"([^"]+)"')
# Commands whose output is not the gateway's log.
NOT_THE_LOG = re.compile(r"kubectl (?:describe|get|top|exec)|curl|^grep")
PLACEHOLDER = re.compile(r"<[a-z-]+>")


@dataclasses.dataclass
class Facts:
    metrics: dict       # name: labels, as recorded in tests/golden/metrics.txt
    values: dict        # (metric, label): values that were seen
    log: str            # lines of the log, and messages that the source can write


class Drift:
    def __init__(self, root, facts):
        self.root, self.facts, self.findings = pathlib.Path(root), facts, []
        self.metrics = dict(OWN) | {name: labels | TARGET_LABELS for name, labels in facts.metrics.items()}
        self.rules = [(path, rule) for path in sorted((self.root / "deploy/prometheus/rules").glob("*.yml"))
                      for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]
        for _, rule in self.rules:
            if "record" in rule:     # its labels are the first part of its name
                self.metrics[rule["record"]] = set(rule["record"].split(":")[0].split("_")) | TARGET_LABELS
        self.alerts = {rule["alert"]: rule for _, rule in self.rules if "alert" in rule}
        self.dashboards = [(path, json.loads(path.read_text()))
                           for path in sorted((self.root / "deploy/grafana/dashboards").glob("*.json"))]
        self.panels = {panel["title"]: panel for _, board in self.dashboards for panel in board["panels"]}
        self.excused = set()
        for path in (self.root / "deploy/prometheus/rules").glob("*.yml"):
            for name in re.findall(r"# drift: not exported [^:]*: (\w+)", path.read_text()):
                self.excused.add(name)
                if name in facts.metrics:
                    self.found(path, f"{name} is exported now: the remark that it is not is out of date")

    def found(self, path, what):
        self.findings.append(f"{path.relative_to(self.root)}: {what}")

    def check(self):
        for path, rule in self.rules:
            self.check_rule(path, rule)
        for path, board in self.dashboards:
            self.check_dashboard(path, board)
        for path in sorted((self.root / "docs/runbooks").rglob("*.md")):
            self.check_page(path, path.read_text())
        self.check_index()
        return self.findings

    def check_expression(self, path, expression):
        """The labels that what it gives may have."""
        said = promql.spoken(expression)
        labels = set()
        for name in said.metrics:
            if name in self.excused:
                labels |= said.grouped | TARGET_LABELS
            elif name not in self.metrics:
                self.found(path, f"no metric {name}")
            labels |= self.metrics.get(name, set())
        if set(said.metrics) <= set(self.metrics):
            for label in said.grouped - labels:
                self.found(path, f"groups by {label}, which {', '.join(said.metrics)} does not have")
        for name, label, operator, value in said.matchers:
            self.check_matcher(path, name, label, operator, value)
        return labels

    def check_matcher(self, path, name, label, operator, value):
        if name not in self.metrics:
            return
        if label not in self.metrics[name]:
            self.found(path, f"{name} has no label {label}")
            return
        value = re.sub(r"\$\{?\w+\}?", ".*", value)
        if operator == "!~" or value == ".*" or PLACEHOLDER.search(value):
            return
        known = self.values_of(name, label)
        exact = operator in ("=", "!=")
        if known is not None and not any(v == value if exact else re.fullmatch(value, v) for v in known):
            self.found(path, f'no {name} has {label}{operator}"{value}"; there is {", ".join(sorted(known)[:12])}')

    def values_of(self, name, label):
        if label == "instance":
            return None
        if (label,) in OWN_VALUES:
            return OWN_VALUES[(label,)]
        if label == "service":
            return {"api-gateway"}
        if label == "alertname":
            return set(self.alerts)
        if name in OWN or ":" in name:
            return None
        return self.facts.values.get((name, label), set())

    def check_rule(self, path, rule):
        name = rule.get("alert") or rule["record"]
        labels = self.check_expression(path, rule["expr"]) | set(rule.get("labels", {})) | {"alertname"}
        for text in rule.get("annotations", {}).values():
            for label in re.findall(r"\$labels\.(\w+)", text):
                if label not in labels:
                    self.found(path, f"{name} tells of {label}, which it does not have")
        if "alert" in rule:
            page = rule["annotations"].get("runbook_url", "")
            if not (self.root / page).is_file():
                self.found(path, f"{name} links to {page or 'no page'}, which does not exist")

    def check_dashboard(self, path, board):
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                labels = self.check_expression(path, target["expr"])
                for label in re.findall(r"{{\s*(\w+)\s*}}", target.get("legendFormat", "")):
                    if label not in labels:
                        self.found(path, f"{panel['title']}: its legend shows {label}, which is not there")
        for variable in board.get("templating", {}).get("list", []):
            if variable["type"] == "query":
                self.check_expression(path, variable["query"])
        for note in board.get("annotations", {}).get("list", []):
            self.check_expression(path, note["expr"])
        for link in board.get("links", []):
            file = re.sub(r"^.*/blob/main/", "", link["url"])
            if not (self.root / file).is_file():
                self.found(path, f"links to {file}, which does not exist")

    def check_page(self, path, text):
        for query in re.findall(r"```promql\n(.*?)```", text, re.DOTALL) + re.findall(r"'query=([^']*)'", text):
            self.check_expression(path, query)
        for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
            for line in block.splitlines():
                if not NOT_THE_LOG.search(line.split("|")[0]):
                    self.check_searches(path, line)
        for titles in re.findall(r"Dashboard: ((?:\*[^*]+\*(?:, )?)+)", text):
            for title in re.findall(r"\*([^*]+)\*", titles):
                if title not in self.panels:
                    self.found(path, f"the dashboard has no panel {title}")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            if not (path.parent / target).exists():
                self.found(path, f"links to {target}, which does not exist")
        for label, rows in re.findall(r"^\| `(\w+)` \|[^\n]*\n\|[-|]+\n((?:\|[^\n]*\n)+)", text, re.MULTILINE):
            known = {v for (_, name), values in self.facts.values.items() if name == label for v in values}
            for cell in (row.split("|")[1] for row in rows.splitlines()):
                for value in re.findall(r"`([^`]+)`", cell):
                    if known and value not in known:
                        self.found(path, f"no {label} is {value}")

    def check_searches(self, path, line):
        """Each pattern must be found in the log; one with a place to fill in, up to there."""
        for options, pattern in GREP.findall(line):
            pattern = pattern[1:-1] if pattern[0] in "\"'" else pattern
            pattern = pattern.replace("\\\\", "\\")
            if pattern == "<user>":
                continue
            pattern = PLACEHOLDER.sub('[^"]*', pattern)
            flags = "-qi" if "i" in options else "-q"
            done = subprocess.run(["grep", flags, "-e", pattern], input=self.facts.log, text=True)
            if done.returncode:
                self.found(path, f"the log never has {pattern}")

    def check_index(self):
        index = self.root / "docs/runbooks/README.md"
        text = index.read_text() if index.exists() else ""
        linked = {pathlib.Path(rule["annotations"].get("runbook_url", "")).name for rule in self.alerts.values()}
        for path in sorted((self.root / "docs/runbooks").rglob("*.md")):
            if path != index and path.name not in text:
                self.found(index, f"does not name {path.name}")
            if path != index and path.parent.name != "playbooks" and path.name not in linked:
                self.found(path, "no alert links to it")


def recorded(path):
    """tests/golden/metrics.txt, which a unit test holds against the program: name and labels a line."""
    found = {}
    for line in path.read_text().splitlines():
        name, *labels = line.split()
        found[name] = set(labels)
    return found


def seen(gateway, metrics):
    """Starts a gateway, asks it one request of each kind, and tells what it exports and writes."""
    from support import tokens
    from support.platform import Platform, Traffic, ask_once
    from support.process import ask
    from support.wait import wait_until
    with tempfile.TemporaryDirectory(prefix="drift-") as folder:
        platform = Platform(folder, gateway)
        try:
            ask_once(platform.gateway.port)
            with Traffic(platform.gateway.port, "failing", "nowhere", "search"):
                wait_until(lambda: 'circuit_breaker_rejects_total{service="api-gateway",upstream="venue-service"} 0' not in
                           ask(platform.admin_port, "/metrics")[2], 20, "a breaker opens")
            platform.gateway.config.write_text("routes: nonsense\n")
            wait_until(lambda: any("refused" in e.get("msg", "") for e in platform.gateway.events), 20, "a reload")
            text = ask(platform.admin_port, "/metrics", headers="Accept: application/openmetrics-text\r\n")[2]
            text += ask(platform.admin_port, "/metrics")[2]
            log = "".join(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n"
                          for line in platform.gateway.lines)
        finally:
            platform.close()
    assert tokens.TENANT in log
    values = {}
    for name, labels in re.findall(r"^([a-z_]+)\{([^}]*)\} ", text, re.MULTILINE):
        if name not in metrics:
            raise SystemExit(f"drift: {name} is exported and not in tests/golden/metrics.txt")
        for label, value in re.findall(r'(\w+)="((?:\\.|[^"\\])*)"', labels):
            values.setdefault((name, label), set()).add(value)
    return values, log


def messages(root):
    """What the source can write: for lines that no request brings about."""
    found = []
    for path in sorted((root / "src").rglob("*.cpp")):
        text = re.sub(r'"\s*\n\s*"', "", path.read_text())
        found += [f'{{"msg":"{message}"}}' for message in MESSAGE.findall(text)]
    return "\n".join(found) + "\n"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateway", type=pathlib.Path, default=ROOT / "build/release/api-gateway")
    options = parser.parse_args(arguments)
    if not options.gateway.exists():
        raise SystemExit(f"drift: {options.gateway} is not built: make build")
    metrics = recorded(ROOT / "tests/golden/metrics.txt")
    values, log = seen(options.gateway.resolve(), metrics)
    drift = Drift(ROOT, Facts(metrics, values, log + messages(ROOT)))
    findings = sorted(set(drift.check()))
    print("".join(finding + "\n" for finding in findings), end="")
    print(f"drift: {len(drift.rules)} rules, {len(drift.panels)} panels, {len(findings)} out of step")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
