"""docs/admin-api.json (OpenAPI) and the admin API say the same."""
import json
import unittest

from support.clients import Client
from support.process import ROOT
from support.wait import wait_until
from test_admin import OPERATOR, VIEWER, AdminCalls
from test_console import Listener

DOCUMENT = json.loads((ROOT / "docs/admin-api.json").read_text())
EVENTS = "text/event-stream"
TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict, "null": type(None)}
FILLED = {"kind": "user", "who": "42", "name": "none", "id": "none", "policy": "general"}
# Bodies that are taken, and do little.
BODIES = {("put", "/bans/{kind}/{who}"): {"seconds": 60}, ("post", "/revocations"): {"kind": "jti", "who": "j", "seconds": 60},
          ("put", "/maintenance"): {"mode": "off"}, ("put", "/breakers/{name}"): {"state": "auto"},
          ("put", "/limits/{policy}"): {"requests": 1000, "seconds": 60}, ("post", "/explain"): {"method": "GET", "url": "/api/v1/s0/text"},
          ("put", "/log-level"): {"level": "INFO"}, ("post", "/reload"): {}, ("post", "/cache/purge"): {"all": True}, ("post", "/containments"): {"users": ["42"], "seconds": 60, "reason": "test"}}


class Document(AdminCalls):
    def setUp(self):
        super().setUp()
        self.environment |= {"RATE_LIMIT_ENABLED": "true"}

    def operations(self):
        for path, methods in DOCUMENT["paths"].items():
            for method, operation in methods.items():
                yield method, path, operation

    def calls(self):
        """Operations that are answered at once."""
        return [each for each in self.operations() if EVENTS not in each[2]["responses"]["200"]["content"]]

    def feeds(self):
        """Those that are listened to: the path, and the schema of the data of each of its events."""
        for _, path, operation in self.operations():
            if EVENTS in operation["responses"]["200"]["content"]:
                events = operation["responses"]["200"]["content"][EVENTS]["schema"]["items"]["oneOf"]
                yield path, {each["properties"]["event"]["const"]: each["properties"]["data"] for each in events}

    def fits(self, schema, value, where):
        """The value is what the schema says, and has nothing that it does not name, where it names anything."""
        if "$ref" in schema:
            schema = DOCUMENT["components"]["schemas"][schema["$ref"].removeprefix("#/components/schemas/")]
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        self.assertTrue(any(isinstance(value, TYPES[name]) for name in types), (where, value))
        if "enum" in schema:
            self.assertIn(value, schema["enum"], where)
        if isinstance(value, dict):
            self.assertLessEqual(set(schema.get("required", ())), set(value), where)
            named, others = schema.get("properties", {}), schema.get("additionalProperties", "properties" not in schema)
            for name, inner in value.items():
                self.assertTrue(name in named or others, f"{where}.{name} is not documented")
                if name in named or isinstance(others, dict):
                    self.fits(named.get(name, others), inner, f"{where}.{name}")
        if isinstance(value, list):
            self.assertTrue(schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)), where)
            for inner in value:
                self.fits(schema["items"], inner, where + "[]")

    def test_they_have_the_same_operations(self):
        gateway = self.start()
        real = {(o["method"].lower(), o["path"].removeprefix("/admin/v1")) for o in self.call(gateway, "GET", "")[1]["operations"]}
        self.assertEqual(real, {(method, path) for method, path, _ in self.operations()})

    def test_answers_are_as_documented(self):
        gateway = self.start()
        breaker = next(iter(self.call(gateway, "GET", "/breakers")[1]))
        for method, path, operation in sorted(self.calls(), key=lambda o: (o[0] == "delete", o[0] == "get")):
            names = FILLED | {"name": breaker}
            body = BODIES.get((method, path))
            status, answer = self.call(gateway, method.upper(), path.format(**names), body)
            if path == "/containments":
                FILLED["id"] = answer["id"]
            self.assertEqual(200, status, (method, path, answer))
            self.fits(operation["responses"]["200"]["content"]["application/json"]["schema"], answer, f"{method} {path}")

    def test_what_is_required_is_and_who_may_is_as_documented(self):
        gateway = self.start()
        for method, path, operation in self.calls():
            target = path.format(**FILLED)
            viewers = {"viewer": []} in operation["security"]
            status = self.call(gateway, method.upper(), target, BODIES.get((method, path)), VIEWER)[0]
            self.assertEqual(not viewers, status == 403, (method, path, status))
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            for name in schema.get("required", ()):
                body = {k: v for k, v in BODIES[(method, path)].items() if k != name}
                self.assertIn(self.call(gateway, method.upper(), target, body)[0], (400, 404), (method, path, name))

    def listen(self, gateway, path, **options):
        listener = Listener(gateway.admin_port, path=f"/admin/v1{path}", **options)
        self.addCleanup(listener.close)
        return listener

    def test_events_are_as_documented(self):
        gateway = self.start()
        feeds = dict(self.feeds())
        listeners = {path: self.listen(gateway, path) for path in feeds}
        for path, listener in listeners.items():
            wait_until(lambda l=listener: l.events, 5, f"{path} begins")
        # Something of everything that is told: a closed service, a knob, violations, a reload, more lines than there is room for.
        service = next(iter(self.call(gateway, "GET", "/breakers")[1]))
        for method, path, body in (("PUT", "/maintenance", {"mode": "read-only", "service": service, "seconds": 60}),
                                   ("PUT", "/log-level", {"level": "INFO", "seconds": 60}), ("POST", "/reload", {})):
            self.assertEqual(200, self.call(gateway, method, path, body)[0], path)
        with Client(gateway.port) as client:
            client.send(b"GET /api/v1/s0/text HTTP/1.1\r\nHost: t\r\n\r\n" + b"GET /api/v1/none HTTP/1.1\r\nHost: t\r\n\r\n" * 3000)
            for _ in range(3001):
                client.response()
        wait_until(lambda: any(tick["status"]["knobs"] and tick["status"].get("maintenanceServices") and tick["reloads"]
                               for tick in listeners["/live"].all("tick")), 5, "it is told")
        later = self.listen(gateway, "/live")
        wait_until(lambda: later.all("tick"), 5, "who comes later is told")
        for path, events in feeds.items():
            # How many lines there is no room for is a matter of speed.
            wait_until(lambda p=path, e=events: set(e) - {"skipped"} <= {name for name, _ in listeners[p].events}, 5, f"each event of {path}")
        for path, listener in [*listeners.items(), ("/live", later)]:
            for name, data in list(listener.events):
                self.assertIn(name, feeds[path])
                self.fits(feeds[path][name], data, f"{path} {name}")

    def test_who_may_listen_and_who_is_refused_is_as_documented(self):
        gateway = self.start()
        for path, _ in self.feeds():
            operation = DOCUMENT["paths"][path]["get"]
            for role, token in (("viewer", VIEWER), ("operator", OPERATOR)):
                self.assertEqual({role: []} in operation["security"], self.listen(gateway, path, token=token).status == 200, (path, role))
            refused = {self.listen(gateway, path, token=None).status}
            listeners = [self.listen(gateway, path) for _ in range(17)]
            refused |= {each.status for each in listeners} - {200}
            self.assertEqual({"401", "503"}, {str(status) for status in refused}, path)
            self.assertLessEqual({str(status) for status in refused}, set(operation["responses"]), path)
            # Nothing but GET; what is listed is served so, whoever asks.
            self.refused(405, gateway, "POST", path, {})


if __name__ == "__main__":
    unittest.main()
