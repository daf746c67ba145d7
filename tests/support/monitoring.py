"""Prometheus and Alertmanager as real processes, on free ports and in folders of their own."""
import json
import pathlib
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from support.process import ROOT, free_ports
from support.services import Handler, WebService
from support.wait import wait_until

DEPLOY = ROOT / "deploy"
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))


def fetch(url, data=None, seconds=10):
    """Status and body; None if nobody answers."""
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"} if data else {})
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return None


class _Process:
    def __init__(self, folder, name, command, ready):
        self.said = pathlib.Path(folder) / f"{name}.log"
        with open(self.said, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

        def answers():
            if self.process.poll() is not None:
                raise AssertionError(f"{name} ended:\n" + self.said.read_text()[-3000:])
            found = fetch(self.url + ready)
            return found and found[0] == 200
        wait_until(answers, 20, f"{name} answers", 0.05)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Prometheus(_Process):
    """Scrapes `targets` (host:port of gateways) as the job api-gateway, and evaluates `rules` (files)."""

    def __init__(self, folder, targets, rules=(), every="250ms", alertmanager=None, listen=None):
        host, port = listen or ("127.0.0.1", free_ports(1)[0])
        self.url = f"http://{host}:{port}"
        folder = pathlib.Path(folder) / f"prometheus-{port}"
        folder.mkdir()
        self.targets = folder / "targets.json"
        self.scrape(targets)
        text = f"global: {{scrape_interval: {every}, scrape_timeout: {every}, evaluation_interval: {every}}}\n"
        text += "rule_files:\n" + "".join(f"  - {rule}\n" for rule in rules) if rules else ""
        if alertmanager:
            text += f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]}}\n"
        text += ("scrape_configs:\n  - job_name: api-gateway\n    honor_labels: true\n"
                 f"    file_sd_configs: [{{files: ['{self.targets}']}}]\n")
        (folder / "prometheus.yml").write_text(text)
        super().__init__(folder, "prometheus", [
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={host}:{port}", "--query.lookback-delta=5s", "--enable-feature=exemplar-storage"],
            "/-/ready")

    def scrape(self, targets):
        fresh = self.targets.with_suffix(".fresh")
        fresh.write_text(json.dumps([{"targets": list(targets)}]))
        fresh.replace(self.targets)      # never seen half written

    def get(self, path):
        status, body = fetch(self.url + path)
        answer = json.loads(body)
        if status != 200:
            raise AssertionError(f"{path}: {answer}")
        return answer["data"]

    def query(self, text):
        """What an expression is now: a list of (labels, number)."""
        data = self.get("/api/v1/query?" + urllib.parse.urlencode({"query": text}))
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]

    def firing(self, name=None):
        """Labels of the alerts that fire, of that name or all."""
        return [alert["labels"] for alert in self.get("/api/v1/alerts")["alerts"]
                if alert["state"] == "firing" and name in (None, alert["labels"]["alertname"])]


class Alertmanager(_Process):
    def __init__(self, folder, config):
        port, = free_ports(1)
        self.address = f"127.0.0.1:{port}"
        self.url = f"http://{self.address}"
        super().__init__(folder, "alertmanager", [
            "prometheus-alertmanager", f"--config.file={config}", f"--storage.path={folder}/alertmanager-{port}",
            f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="], "/-/ready")

    def post(self, *alerts):
        status, body = fetch(self.url + "/api/v2/alerts", json.dumps(alerts).encode())
        assert status == 200, body

    def alerts(self):
        return json.loads(fetch(self.url + "/api/v2/alerts")[1])


class Notices(Handler):
    def do_POST(self):
        self.service.messages.append((self.path, json.loads(self.body())))
        if self.path == "/pagerduty":
            self.respond(202, b'{"status": "success"}')
        else:
            self.respond(200, b"ok")


class Sink(WebService):
    """Takes what Alertmanager sends: a list of (path, message)."""
    handler = Notices

    def __init__(self):
        self.messages = []
        super().__init__()
