"""gRPC through the gateway, with `@grpc/grpc-js` on both ends; and services that speak HTTP/2 in other ways."""
import json
import shutil
import subprocess
import time
import unittest

from support import tokens
from support.h2 import metric
from support.process import ask
from support.scenario import Scenario
from support.wait import wait_until
from support.websocket import Node, have_npm

OPEN = "    authenticate: {public: [/**]}\n"


@unittest.skipUnless(have_npm(), "npm ci in tests/npm brings the client and the service that this needs")
class Grpc(Scenario):
    def setUp(self):
        super().setUp()
        self.behind = self.node("grpc_service.mjs")
        self.port = self.behind.event("port")["port"]

    def node(self, *arguments):
        node = Node(*arguments)
        self.addCleanup(node.close)
        return node

    def run_gateway(self, more=OPEN, service="", url=None, **options):
        return self.start(f"services:\n  origin:\n    url: {url or f'http://127.0.0.1:{self.port}'}\n    protocol: h2\n{service}"
                          "routes:\n  - name: echo\n    path: /echo.Echo/**\n    service: origin\n    timeout_ms: 3000\n"
                          f"    body_bytes_max: 1000000000\n{more}", **options)

    def calls(self, gateway, *calls, **metadata):
        client = self.node("grpc_client.mjs", f"127.0.0.1:{gateway.port}", json.dumps(metadata), *calls)
        client.event("end", 40)
        return [e for e in client.events if "called" in e]

    def test_unary_calls_with_metadata_before_and_behind(self):
        gateway = self.run_gateway()
        for answer, size in zip(self.calls(gateway, "Unary=0", "Unary=5", "Unary=1000000", **{"x-app": "7", "x-user-id": "me"}),
                                (0, 5, 1_000_000)):
            self.assertEqual((0, size, True), (answer["code"], answer["bytes"], answer["same"]), answer)
            self.assertEqual(("head", "trailer"), (answer["head"]["x-before"], answer["trailer"]["x-behind"]))
        seen = self.behind.event("call")["metadata"]
        self.assertEqual("7", seen["x-app"])
        self.assertNotIn("x-user-id", seen)
        self.assertIn("x-request-id", seen)
        self.assertStops(gateway)
        line = [l for l in gateway.lines if l.get("path") == "/echo.Echo/Unary"][0]
        self.assertEqual((200, "HTTP/2", "origin"), (line["status"], line["protocol"], line["upstream"]))

    def test_streams_down_up_and_both_ways(self):
        gateway = self.run_gateway()
        down, up, both = self.calls(gateway, "Down=2000", "Up=2000", "Both=300")
        self.assertEqual((2000, True, 0), (down["messages"], down["good"], down["code"]))
        self.assertEqual((20_000_000, 0), (up["bytes"], up["code"]))
        self.assertEqual((300, 0), (both["back"], both["code"]), both)

    def test_many_calls_share_a_connection(self):
        gateway = self.run_gateway(environment={"WORKERS": "1"})
        many, = self.calls(gateway, "Many=500")
        self.assertEqual(500, many["good"])
        peers = subprocess.run(["ss", "-Htn", "state", "established", "dst", f"127.0.0.1:{self.port}"],
                               capture_output=True, text=True).stdout.splitlines()
        self.assertLessEqual(len(peers), 6)

    def test_failures_of_the_service_arrive_as_they_are(self):
        gateway = self.run_gateway()
        fail, missing = self.calls(gateway, "Fail", "Missing")
        self.assertEqual((9, "not now"), (fail["code"], fail["details"]))
        self.assertEqual(12, missing["code"])

    def test_the_gateways_own_refusals_are_statuses_of_grpc(self):
        gateway = self.run_gateway(more="    authorize: {roles: [admin]}\n")
        answer, = self.calls(gateway, "Unary=1")
        self.assertEqual((16, "token_missing: this needs a bearer token"), (answer["code"], answer["details"]))
        answer, = self.calls(gateway, "Unary=1", authorization="Bearer " + tokens.token())
        self.assertEqual(7, answer["code"])
        answer, = self.calls(gateway, "Unary=1", authorization="Bearer " + tokens.token(role="admin"))
        self.assertEqual(0, answer["code"], answer)
        self.assertEqual(1, metric(gateway, "http_requests_total", route="/echo.Echo/**", status_code="401"))

    def test_a_service_that_is_away_is_unavailable_and_found_again(self):
        gateway = self.run_gateway(environment={"CIRCUIT_BREAKER_VOLUME_THRESHOLD": "1000"})
        self.assertEqual(0, self.calls(gateway, "Unary=1")[0]["code"])
        self.behind.close()
        self.assertEqual(14, self.calls(gateway, "Unary=1")[0]["code"])

    def test_deadlines_and_cancellation_reach_the_service(self):
        gateway = self.run_gateway()
        slow, cancelled = self.calls(gateway, "Slow=500", "Cancelled")
        self.assertEqual(4, slow["code"])
        self.assertEqual(1, cancelled["code"])
        self.assertEqual("Slow", self.behind.event("cancelled")["cancelled"])
        self.assertEqual("Down", self.behind.event("cancelled")["cancelled"])
        began = time.monotonic()
        slow, = self.calls(gateway, "Slow=20000")     # longer than the route allows
        self.assertEqual(4, slow["code"])
        self.assertLess(time.monotonic() - began, 6)

    def test_deadlines_that_clients_choose_say_nothing_of_the_service(self):
        gateway = self.run_gateway(environment={"CIRCUIT_BREAKER_VOLUME_THRESHOLD": "2"})
        self.assertEqual([4] * 6, [answer["code"] for answer in self.calls(gateway, *["Slow=50"] * 6)])
        self.assertEqual(0, self.calls(gateway, "Unary=1")[0]["code"])
        self.assertEqual(0, metric(gateway, "circuit_breaker_state", upstream="origin"))

    def test_clients_of_http1_may_ask_as_well(self):
        gateway = self.run_gateway()
        status, head, _ = ask(gateway.port, "/echo.Echo/Unary")
        self.assertEqual(415, status, head)      # what grpc-js says of what is no call


@unittest.skipUnless(shutil.which("nghttpd"), "nghttpd is not there")
class Nghttpd(Scenario):
    """A plain service over HTTP/2: files, by nghttpd."""

    def setUp(self):
        super().setUp()
        from support.process import free_ports
        import pathlib
        root = pathlib.Path(self.folder) / "root"
        root.mkdir()
        self.files = {"small": b"hello", "empty": b"", "large": bytes(range(256)) * 20_000}
        for name, data in self.files.items():
            (root / name).write_bytes(data)
        self.port = free_ports(1)[0]
        self.run_service(root)
        self.root = root

    def run_service(self, root):
        self.process = subprocess.Popen(["nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", str(root), str(self.port)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        import socket
        def listens():
            with socket.socket() as sock:
                return sock.connect_ex(("127.0.0.1", self.port)) == 0
        wait_until(listens, 5, "nghttpd listens")

    def run_gateway(self):
        return self.start(f"services:\n  origin:\n    url: http://127.0.0.1:{self.port}\n    protocol: h2\n    timeout_ms: 2000\n"
                          f"routes:\n  - name: files\n    path: /api/v1/s0/**\n    service: origin\n    rewrite: /\n{OPEN}")

    def test_files_come_whole_over_both_protocols(self):
        from support.clients import Client
        from support.h2 import H2Client
        gateway = self.run_gateway()
        for name, data in self.files.items():
            with Client(gateway.port) as client:
                for _ in range(3):
                    answer = client.get(f"/api/v1/s0/{name}")
                    self.assertEqual((200, data), (answer.status, bytes(answer.body)))
                self.assertEqual(404, client.get("/api/v1/s0/none").status)
                client.send(f"HEAD /api/v1/s0/{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                head = client.response("HEAD")
                self.assertEqual((200, b""), (head.status, bytes(head.body)))
            with H2Client(gateway.port) as client:
                answer = client.get(f"/api/v1/s0/{name}")
                self.assertEqual((200, data), (answer.status, bytes(answer.body)))

    def test_a_deadline_is_of_calls_and_may_be_further_than_clocks_reach(self):
        from support.h2 import H2Client
        gateway = self.run_gateway()
        with H2Client(gateway.port) as client:
            for timeout, kind, status in (("2562048H", "application/grpc", 200), ("99999999H", "application/grpc", 200),
                                          ("1n", "text/plain", 200), ("0n", "application/grpc", 4)):
                answer = client.get("/api/v1/s0/small", extra=[("content-type", kind), ("grpc-timeout", timeout)])
                self.assertEqual(status, int(answer.fields.get("grpc-status", answer.status)), (timeout, answer.fields))

    def test_a_restart_of_the_service_is_noticed_before_the_next_request(self):
        gateway = self.run_gateway()
        from support.clients import Client
        with Client(gateway.port) as client:
            self.assertEqual(200, client.get("/api/v1/s0/small").status)
            for _ in range(3):
                self.process.kill()
                self.process.wait()
                self.run_service(self.root)
                self.assertEqual(200, client.get("/api/v1/s0/small").status)
        self.assertStops(gateway)


if __name__ == "__main__":
    unittest.main()
