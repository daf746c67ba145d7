"""Session tickets: whose they are, how long they are good, and that no gateway minds those it cannot read."""
import re
import ssl
import time

from support import certificates
from support.h2 import metric
from support.process import free_ports
from support.redis import Redis, cli
from support.scenario import Scenario, config
from support.wait import wait_until
from test_tls import TlsClient

SECRET = "a secret of an operator, longer than thirty-two"
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


class Tickets(Scenario):
    def setUp(self):
        super().setUp()
        self.cert, self.key = certificates.make(self.folder, "own", ["a.test"])
        self.contexts = {}

    def start_one(self, extra="", secret=SECRET, redis=None, **environment):
        port = free_ports(1)[0]
        environment |= {"TLS_PORT": str(port), "TLS_CERT_FILE": str(self.cert), "TLS_KEY_FILE": str(self.key), "WORKERS": "2"}
        if secret:
            environment["TLS_TICKET_SECRET"] = secret
        if redis:
            environment["REDIS_URL"] = f"redis://127.0.0.1:{redis.port}"
        gateway = self.start(config(self.origin.url, extra=extra), environment=environment)
        gateway.tls_port = port
        return gateway

    def visit(self, gateway, version, session=None):
        """Was the session taken up again? And the session to come back with."""
        context = self.contexts.setdefault(version, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        with TlsClient(gateway.tls_port, self.cert, version=version, session=session, context=context) as client:
            self.assertEqual(200, client.get("/api/v1/s0/text").status)
            return client.sock.session_reused, client.sock.session

    def resumes(self, gateway, version, session):
        return self.visit(gateway, version, session)[0]

    def shares(self, gateway):
        wait_until(lambda: any("session tickets are shared" in line["msg"] for line in gateway.events), 10, "they are shared")

    def test_of_one_gateway_are_good_at_all_that_share_its_redis(self):
        redis = Redis(self.folder)
        self.addCleanup(redis.kill)
        a = self.start_one(redis=redis)
        wait_until(lambda: "tls:ticket:" in cli(redis.port, "KEYS", "tls:*"), 10, "the key is in the store")
        b = self.start_one(redis=redis)
        self.shares(b)
        for version in VERSIONS:
            reused, session = self.visit(a, version)
            self.assertFalse(reused)
            for gateway in (b, a, b):
                self.assertTrue(self.resumes(gateway, version, session), version)
        self.assertEqual(4, metric(b, "tls_handshakes_total", result="resumed"))
        stranger = self.start_one(secret=SECRET + "!", redis=redis)
        for version in VERSIONS:
            session = self.visit(a, version)[1]
            self.assertFalse(self.resumes(stranger, version, session))   # and no error
        self.assertEqual(0, metric(stranger, "tls_handshakes_total", result="failed"))
        for gateway in (a, b, stranger):
            self.assertStops(gateway)

    def test_are_good_again_when_redis_has_forgotten_and_good_while_it_is_away(self):
        redis = Redis(self.folder)
        self.addCleanup(redis.kill)
        a = self.start_one(redis=redis)
        wait_until(lambda: "tls:ticket:" in cli(redis.port, "KEYS", "tls:*"), 10, "the key is in the store")
        sessions = {version: self.visit(a, version)[1] for version in VERSIONS}
        redis.kill()
        wait_until(lambda: metric(a, "state_backend_up") == 0, 10, "Redis is missed")
        for version, session in sessions.items():
            self.assertTrue(self.resumes(a, version, session))
        redis.start()
        wait_until(lambda: "tls:ticket:" in cli(redis.port, "KEYS", "tls:*"), 10, "the key is there again")
        b = self.start_one(redis=redis)
        self.shares(b)
        for version, session in sessions.items():
            self.assertTrue(self.resumes(b, version, session))

    def test_outlive_a_reload_with_a_secret_and_without(self):
        for secret in (SECRET, None):
            gateway = self.start_one(secret=secret)
            sessions = {version: self.visit(gateway, version)[1] for version in VERSIONS}
            gateway.config.write_text(config(self.origin.url, routes=2))
            wait_until(lambda: any(line["msg"] == "configuration reloaded" for line in gateway.events), 10, "reloaded")
            for version, session in sessions.items():
                self.assertTrue(self.resumes(gateway, version, session), (version, secret))
            self.assertStops(gateway)

    def test_without_a_secret_every_gateway_has_its_own(self):
        a, b = self.start_one(secret=None), self.start_one(secret=None)
        for version in VERSIONS:
            session = self.visit(a, version)[1]
            self.assertTrue(self.resumes(a, version, session))
            self.assertFalse(self.resumes(b, version, session))
        self.assertEqual(0, metric(b, "tls_handshakes_total", result="failed"))

    def test_end_with_their_key_and_clients_do_not_notice(self):
        gateway = self.start_one("tls: {ticket_rotation_ms: 5000}\n")
        kept = {version: self.visit(gateway, version)[1] for version in VERSIONS}
        for version, session in kept.items():
            self.assertTrue(self.resumes(gateway, version, session))
        gone = time.time() // 5 * 5 + 11   # this period, and the life of its last ticket
        wait_until(lambda: time.time() > gone, 15, "the key is forgotten")
        for version, session in kept.items():
            self.assertFalse(self.resumes(gateway, version, session))
            self.assertTrue(self.resumes(gateway, version, self.visit(gateway, version)[1]))
        self.assertEqual(0, metric(gateway, "tls_handshakes_total", result="failed"))
        self.assertStops(gateway)

    def test_keys_lie_in_the_embedded_store_as_nobody_can_read_them(self):
        port = free_ports(1)[0]
        gateway = self.start_one(RESP_PORT=str(port))
        wait_until(lambda: "tls:ticket:" in cli(port, "KEYS", "tls:*"), 10, "the key is in the store")
        name = cli(port, "KEYS", "tls:*").split()[0]
        self.assertRegex(name, r"^tls:ticket:[0-9a-f]{16}:\d+$")
        self.assertRegex(cli(port, "GET", name), r"^[A-Za-z0-9_-]{144}$")
        self.assertGreater(int(cli(port, "TTL", name)), 0)
        lines = "\n".join(map(str, gateway.lines))
        self.assertNotIn(SECRET, lines)
        self.assertNotIn(cli(port, "GET", name), lines)

    def test_a_secret_that_can_be_guessed_is_refused(self):
        from support.scenario import BINARY
        import os
        import pathlib
        import subprocess
        file = pathlib.Path(self.folder) / "short.yaml"
        file.write_text(config(self.origin.url, extra="tls:\n  ticket_secret: short\n"))
        done = subprocess.run([BINARY, "check", "--config", file], capture_output=True, text=True, timeout=20,
                              env=os.environ | {"JWT_SECRET": "x" * 40, "JWT_ISSUER": "i"})
        said = done.stdout + done.stderr
        self.assertNotEqual(0, done.returncode)
        self.assertTrue(re.search(r"short\.yaml:\d+.*tls\.ticket_secret is shorter than 32", said), said)
