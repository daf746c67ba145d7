#!/usr/bin/env python3
"""The demo's services by themselves: logins, refresh, stock, and every fault switch. Ends with a count.

    python3 demo/demo_test.py --service build/release/demo/demo-service
"""
import argparse
import base64
import concurrent.futures
import gzip
import hashlib
import http.client
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest

SERVICE = pathlib.Path("build/release/demo/demo-service")
EVENT = "33333333-3333-4333-8333-333333333333"
ALPHA = "6b0f6a6e-2d0f-4c1a-9d7e-0a1f5f0a0001"
ALPHA_TYPE = "55555555-5555-4555-8555-555555555555"
BETA_EVENT = "44444444-4444-4444-8444-444444444444"
BETA_TYPE = "66666666-6666-4666-8666-666666666666"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    def __init__(self, role, *options):
        self.port = free_port()
        self.process = subprocess.Popen([str(SERVICE), role, "--port", str(self.port), *options])
        deadline = time.monotonic() + 10
        while True:
            try:
                if self.ask("GET", "/health")[0] == 200:
                    return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.stop()
                    raise
                time.sleep(0.01)

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            data = json.dumps(body) if isinstance(body, dict) else body
            connection.request(method, path, data, headers or {})
            answer = connection.getresponse()
            raw = answer.read()
            kind = answer.getheader("Content-Type", "")
            return answer.status, json.loads(raw) if "json" in kind and raw else raw, answer.headers
        finally:
            connection.close()

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class Running(unittest.TestCase):
    role = ""

    @classmethod
    def setUpClass(cls):
        cls.service = Service(cls.role)

    @classmethod
    def tearDownClass(cls):
        cls.service.stop()


class Auth(Running):
    role = "auth"

    def login(self, email="alice@alpha.example"):
        status, body, _ = self.service.ask("POST", "/auth/login", {"email": email, "password": "demo-password"})
        self.assertEqual(200, status)
        return body

    def test_a_token_has_the_claims_of_the_platform(self):
        head, claims, _ = self.login("manager@beta.example")["accessToken"].split(".")
        self.assertEqual({"alg": "RS256", "typ": "JWT", "kid": "current"}, json.loads(decoded(head)))
        claims = json.loads(decoded(claims))
        self.assertEqual("access", claims["type"])
        self.assertEqual(claims["iss"], claims["aud"])
        self.assertEqual(900, claims["exp"] - claims["iat"])
        self.assertEqual("venue-manager", claims["role"])
        self.assertEqual(1, len(claims["venues"]))

    def test_the_published_key_verifies_a_token(self):
        token = self.login()["accessToken"]
        pem = self.service.ask("GET", "/auth/public-key.pem")[1]
        signed, _, signature = token.rpartition(".")
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "key").write_bytes(pem)
            (folder / "signature").write_bytes(decoded(signature))
            done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", folder / "key", "-signature",
                                   folder / "signature"], input=signed.encode(), capture_output=True)
        self.assertEqual(0, done.returncode, done)
        keys = self.service.ask("GET", "/.well-known/jwks.json")[1]["keys"]
        self.assertEqual(("current", "RS256"), (keys[0]["kid"], keys[0]["alg"]))

    def test_a_wrong_password_is_refused(self):
        status, _, _ = self.service.ask("POST", "/auth/login", {"email": "alice@alpha.example", "password": "no"})
        self.assertEqual(401, status)

    def test_registration_logs_in(self):
        email = f"new{time.time_ns()}@alpha.example"
        self.assertEqual(201, self.service.ask("POST", "/auth/register",
                                               {"email": email, "password": "demo-password"})[0])
        self.login(email)

    def test_a_refresh_token_used_twice_ends_its_family(self):
        first = self.login()["refreshToken"]
        status, body, _ = self.service.ask("POST", "/auth/refresh", {"refreshToken": first})
        self.assertEqual(200, status)
        self.assertEqual(401, self.service.ask("POST", "/auth/refresh", {"refreshToken": first})[0])
        self.assertEqual(401, self.service.ask("POST", "/auth/refresh", {"refreshToken": body["refreshToken"]})[0])

    def test_logging_out_ends_the_family(self):
        token = self.login()["refreshToken"]
        self.assertEqual(204, self.service.ask("POST", "/auth/logout", {"refreshToken": token})[0])
        self.assertEqual(401, self.service.ask("POST", "/auth/refresh", {"refreshToken": token})[0])

    def test_an_access_token_refreshes_nothing_and_a_refresh_token_opens_nothing(self):
        tokens = self.login()
        self.assertEqual(401, self.service.ask("POST", "/auth/refresh", {"refreshToken": tokens["accessToken"]})[0])
        self.assertEqual(401, self.service.ask("GET", "/auth/me", headers={
            "Authorization": "Bearer " + tokens["refreshToken"]})[0])

    def test_a_body_that_is_no_object_is_a_bad_request(self):
        for path in ("/auth/login", "/auth/register", "/auth/refresh", "/auth/logout"):
            self.assertEqual(400, self.service.ask("POST", path, "[1]")[0], path)

    def test_a_taken_port_is_an_error(self):
        second = subprocess.run([str(SERVICE), "venue", "--port", str(self.service.port)], capture_output=True,
                                timeout=10)
        self.assertEqual(1, second.returncode)
        self.assertIn(b"is taken", second.stderr)

    def test_a_kept_key_signs_again_and_is_private(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "key.pem"
            keys = []
            for _ in range(2):
                service = Service("auth", "--key-file", str(path))
                keys.append(service.ask("GET", "/.well-known/jwks.json")[1])
                service.stop()
            self.assertEqual(0o600, path.stat().st_mode & 0o777)
        self.assertEqual(*keys)

    def test_who_am_i(self):
        token = self.login()["accessToken"]
        self.assertEqual(200, self.service.ask("GET", "/auth/me", headers={"Authorization": "Bearer " + token})[0])
        self.assertEqual(401, self.service.ask("GET", "/auth/me", headers={"Authorization": "Bearer x" + token})[0])


class Events(Running):
    role = "event"

    def test_a_tenant_sees_its_own(self):
        everything = self.service.ask("GET", "/api/v1/events")[1]
        alpha = self.service.ask("GET", "/api/v1/events/" + EVENT)[1]["tenantId"]
        own = self.service.ask("GET", "/api/v1/events", headers={"X-Tenant-Id": alpha})[1]
        self.assertEqual((2, 1), (everything["total"], own["total"]))

    def test_one_names_its_tenant(self):
        status, body, headers = self.service.ask("GET", "/api/v1/events/" + EVENT)
        self.assertEqual((200, body["tenantId"]), (status, headers["X-Resource-Tenant"]))

    def test_tells_what_is_left(self):
        status, body, _ = self.service.ask("GET", "/api/v1/events/" + EVENT + "/availability")
        self.assertEqual((200, EVENT), (status, body["eventId"]))

    def test_echo_digests_the_body(self):
        data = bytes(range(256)) * 1000
        body = self.service.ask("POST", "/api/v1/events/echo?a=1&a=2", data)[1]
        self.assertEqual((len(data), hashlib.sha256(data).hexdigest()), (body["length"], body["sha256"]))
        self.assertEqual("/api/v1/events/echo?a=1&a=2", body["target"])
        self.assertEqual(("POST", "/api/v1/events/echo", "a=1&a=2"), (body["method"], body["path"], body["query"]))

    def test_echo_takes_the_bytes_as_they_were_sent(self):
        form = b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\nhello\r\n--X--\r\n'
        packed = gzip.compress(b"hello")
        for data, name, value in ((form, "Content-Type", "multipart/form-data; boundary=X"),
                                  (packed, "Content-Encoding", "gzip")):
            body = self.service.ask("POST", "/api/v1/events/echo", data, {name: value})[1]
            self.assertEqual(hashlib.sha256(data).hexdigest(), body["sha256"])
            self.assertEqual(value, body["headers"][name.lower()])

    def test_echo_takes_chunks_and_no_body(self):
        body = self.service.ask("PUT", "/api/v1/events/echo", iter([b"hel", b"lo"]))[1]
        self.assertEqual((5, "chunked"), (body["length"], body["headers"]["transfer-encoding"]))
        self.assertEqual(0, self.service.ask("DELETE", "/api/v1/events/echo")[1]["length"])

    def test_a_delay(self):
        for path, headers in (("/api/v1/events?demo_delay_ms=200", {}),
                              ("/api/v1/events", {"X-Demo-Delay-Ms": "200"})):
            began = time.monotonic()
            self.assertEqual(200, self.service.ask("GET", path, headers=headers)[0])
            self.assertGreater(time.monotonic() - began, 0.19)

    def test_a_status(self):
        self.assertEqual(503, self.service.ask("GET", "/api/v1/events?demo_status=503")[0])
        self.assertEqual(418, self.service.ask("GET", "/api/v1/events", headers={"X-Demo-Status": "418"})[0])
        self.assertEqual(200, self.service.ask("GET", "/api/v1/events?demo_status=99")[0])

    def test_a_generated_body(self):
        status, body, _ = self.service.ask("GET", "/api/v1/events?demo_body_bytes=100000&demo_status=500")
        self.assertEqual((500, 100_000), (status, len(body)))
        self.assertEqual(7, len(self.service.ask("GET", "/x", headers={"X-Demo-Body-Bytes": "7"})[1]))

    def test_a_close_instead_of_an_answer(self):
        for path, headers in (("/api/v1/events?demo_close=head", {}), ("/api/v1/events", {"X-Demo-Close": "head"})):
            with self.assertRaises((http.client.RemoteDisconnected, ConnectionError)):
                self.service.ask("GET", path, headers=headers)

    def test_a_close_in_the_middle_of_the_body(self):
        with self.assertRaises(http.client.IncompleteRead) as caught:
            self.service.ask("GET", "/api/v1/events?demo_close=body&demo_body_bytes=1000")
        self.assertEqual((500, 500), (len(caught.exception.partial), caught.exception.expected))

    def test_the_connection_stays_usable_after_a_fault(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=10)
        for _ in range(3):
            connection.request("POST", "/api/v1/events?demo_status=503", b"GET / HTTP/1.1\r\n\r\n" * 1000)
            answer = connection.getresponse()
            self.assertEqual((503, 503), (answer.status, json.loads(answer.read())["status"]))
            connection.request("GET", "/health")
            answer = connection.getresponse()
            self.assertEqual((200, "ok"), (answer.status, json.loads(answer.read())["status"]))
        connection.close()


class Tickets(Running):
    role = "ticket"

    def purchase(self, quantity=1, event=BETA_EVENT, kind=BETA_TYPE, **fields):
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        return self.service.ask("POST", "/api/v1/tickets/purchase",
                                {"eventId": event, "tickets": [{"ticketTypeId": kind, "quantity": quantity}]}, headers)

    def test_nothing_is_sold_twice(self):
        left = self.service.ask("GET", "/api/v1/tickets/types?eventId=" + BETA_EVENT)[1]["items"][0]["available"]
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            answers = [f.result()[0] for f in [pool.submit(self.purchase) for _ in range(left + 40)]]
        self.assertEqual((left, 40), (answers.count(201), answers.count(409)))

    def test_a_key_makes_a_purchase_once(self):
        alpha = {"event": EVENT, "kind": ALPHA_TYPE, "Idempotency_Key": "key-1"}
        first = self.purchase(1, **alpha)[1]
        self.assertEqual(first, self.purchase(1, **alpha)[1])
        self.assertEqual(422, self.purchase(2, **alpha)[0])
        self.assertNotEqual(first["orderId"], self.purchase(1, X_User_Id="another", **alpha)[1]["orderId"])

    def test_a_user_sees_the_own_orders(self):
        order = self.purchase(2, EVENT, ALPHA_TYPE, X_User_Id="carol")[1]
        mine = self.service.ask("GET", "/api/v1/tickets", headers={"X-User-Id": "carol"})[1]["items"]
        self.assertEqual([order], mine)
        self.assertEqual(2, len(order["tickets"]))

    def test_a_tenant_neither_sees_nor_buys_what_is_anothers(self):
        event = self.service.ask("GET", "/api/v1/tickets/types", headers={"X-Tenant-Id": ALPHA})[1]["items"]
        self.assertEqual([EVENT], [item["eventId"] for item in event])
        self.assertEqual(404, self.purchase(1, X_Tenant_Id=ALPHA)[0])

    def test_a_bad_body_is_refused(self):
        self.assertEqual(422, self.purchase(11)[0])
        self.assertEqual(422, self.purchase(1, event="x")[0])
        self.assertEqual(400, self.service.ask("POST", "/api/v1/tickets/purchase", "no json")[0])


def main():
    global SERVICE
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--service", type=pathlib.Path, default=SERVICE)
    SERVICE = parser.parse_args().service
    result = unittest.TextTestRunner(verbosity=1).run(unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__]))
    failed = len(result.failures) + len(result.errors)
    print(f"{max(result.testsRun - failed, 0)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
