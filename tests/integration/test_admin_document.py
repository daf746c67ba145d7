"""docs/admin-api.json (OpenAPI) and the admin API say the same."""
import json
import unittest

from support.process import ROOT
from test_admin import VIEWER, AdminCalls

DOCUMENT = json.loads((ROOT / "docs/admin-api.json").read_text())
TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict, "null": type(None)}
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

    def fits(self, schema, value, where):
        """The value is what the schema says, and has nothing that it does not name, where it names anything."""
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        self.assertIsInstance(value, tuple(TYPES[name] for name in types), where)
        if "enum" in schema:
            self.assertIn(value, schema["enum"], where)
        if isinstance(value, dict):
            self.assertLessEqual(set(schema.get("required", ())), set(value), where)
            for name, inner in value.items():
                if name in schema.get("properties", {}):
                    self.fits(schema["properties"][name], inner, f"{where}.{name}")
        for inner in value if isinstance(value, list) else ():
            self.fits(schema["items"], inner, where + "[]")

    def test_they_have_the_same_operations(self):
        gateway = self.start()
        real = {(o["method"].lower(), o["path"].removeprefix("/admin/v1")) for o in self.call(gateway, "GET", "")[1]["operations"]}
        self.assertEqual(real, {(method, path) for method, path, _ in self.operations()})

    def test_answers_are_as_documented(self):
        gateway = self.start()
        breaker = next(iter(self.call(gateway, "GET", "/breakers")[1]))
        for method, path, operation in sorted(self.operations(), key=lambda o: (o[0] == "delete", o[0] == "get")):
            names = FILLED | {"name": breaker}
            body = BODIES.get((method, path))
            status, answer = self.call(gateway, method.upper(), path.format(**names), body)
            if path == "/containments":
                FILLED["id"] = answer["id"]
            self.assertEqual(200, status, (method, path, answer))
            self.fits(operation["responses"]["200"]["content"]["application/json"]["schema"], answer, f"{method} {path}")

    def test_what_is_required_is_and_who_may_is_as_documented(self):
        gateway = self.start()
        for method, path, operation in self.operations():
            target = path.format(**FILLED)
            viewers = {"viewer": []} in operation["security"]
            status = self.call(gateway, method.upper(), target, BODIES.get((method, path)), VIEWER)[0]
            self.assertEqual(not viewers, status == 403, (method, path, status))
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            for name in schema.get("required", ()):
                body = {k: v for k, v in BODIES[(method, path)].items() if k != name}
                self.assertIn(self.call(gateway, method.upper(), target, body)[0], (400, 404), (method, path, name))


if __name__ == "__main__":
    unittest.main()
