"""What the tests of shaped routes have in common: a configuration in a few words, and services that answer by a table."""
import json
import subprocess

from support.clients import Client
from support.process import ask
from support.scenario import BINARY, Scenario
from support.services import Handler, WebService


def config(services, *routes, extra=""):
    """Services by name (a URL, or further options as text), and the routes given as flow mappings; all of them public."""
    lines = ["services:"]
    lines += [f"  {name}: {{url: '{url}'}}" if url.startswith("http") else f"  {name}: {url}" for name, url in services.items()]
    lines += ["routes:"]
    lines += [f"  - {{name: r{number}, authenticate: {{public: [/**]}}, {route}}}" for number, route in enumerate(routes)]
    return "\n".join(lines) + "\n" + extra


class Answers(Handler):
    def do_GET(self):
        body, service = self.body(), self.service
        service.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        path = self.path.partition("?")[0]
        if path in service.held:
            service.go.wait(30)
        status, text, fields = service.answers.get(path, (200, json.dumps(service.name).encode(),
                                                          {"Content-Type": "application/json"}))
        self.respond(status, text, fields.items())

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET


class Service(WebService):
    """Answers by path: `answers[path] = (status, body, {name: value})`; 200 and its own name where nothing is said. A path
    in `held` waits until `go` is set."""
    handler = Answers

    def __init__(self, name):
        self.name = name
        self.answers = {}
        self.held = set()
        self.seen = []     # (method, target, {lower-case name: value}, body), in the order of arrival
        super().__init__()
        self.go.clear()

    def say(self, path, body, status=200, **headers):
        text = body if isinstance(body, (bytes, str)) else json.dumps(body)
        self.answers[path] = (status, text.encode() if isinstance(text, str) else text,
                              {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()})

    def targets(self):
        return [target for _, target, _, _ in self.seen]


class Shaping(Scenario):
    def service(self, name):
        made = Service(name)
        self.addCleanup(made.close)
        return made

    def ask(self, gateway, target, header="", method="GET", body=b"", source=None):
        with Client(gateway.port, source=source) as client:
            client.send(f"{method} {target} HTTP/1.1\r\nHost: test\r\n{header}\r\n".encode() + body)
            return client.response(method)

    def metric(self, gateway, name, **labels):
        """The sum of a metric's series that have these labels, among others."""
        lines = ask(gateway.admin_port, "/metrics")[2].splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines
                   if line.startswith(name + "{") and all(f'{k}="{v}"' in line for k, v in labels.items()))

    def check(self, text):
        path = f"{self.folder}/bad.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return subprocess.run([str(BINARY), "check", "--config", path], capture_output=True, text=True, timeout=20)

    def assertRefused(self, route, *texts):
        done = self.check(config({"origin": "http://a:1", "other": "http://b:1"}, route))
        self.assertEqual(1, done.returncode, (route, done))
        for text in (*texts, "bad.yaml:5:"):
            self.assertIn(text, done.stderr)
