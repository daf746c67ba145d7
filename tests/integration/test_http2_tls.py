"""HTTP/2 over TLS: who gets it (RFC 7301, RFC 9113, 3.2 and 9.2), by our own frames and by clients of other hands."""
import hashlib
import json
import shutil
import signal
import ssl
import subprocess
import time

from support import certificates, h2
from support.clients import Client
from support.h2 import H2Client, metric
from support.origins import pattern
from support.process import free_ports
from support.scenario import Scenario, config
from support.wait import wait_until


class Http2OverTls(Scenario):
    def setUp(self):
        super().setUp()
        self.cert, self.key = certificates.make(self.folder, "own", ["a.test", "localhost"])

    def start_tls(self, extra="", connections=None, environment=None):
        self.tls_port = free_ports(1)[0]
        self.gateway = self.start(config(self.origin.url, connections, extra=extra), environment={
            "TLS_PORT": str(self.tls_port), "TLS_CERT_FILE": str(self.cert), "TLS_KEY_FILE": str(self.key)}
            | (environment or {}))
        return self.gateway

    def context(self, *protocols, version=None, ciphers=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.cert)
        if protocols:
            context.set_alpn_protocols(protocols)
        if version:
            context.minimum_version = context.maximum_version = version
        if ciphers:
            context.set_ciphers(ciphers)
        return context

    def client(self, *protocols, version=None, **options):
        client = H2Client(self.tls_port, tls=self.context(*(protocols or ("h2",)), version=version), **options)
        self.addCleanup(client.close)
        return client

    def run_tool(self, *command):
        if shutil.which(command[0]) is None:
            self.skipTest(f"{command[0]} is not installed")
        done = subprocess.run(command, capture_output=True, timeout=120)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def test_is_chosen_by_whoever_offers_it(self):
        gateway = self.start_tls()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client = self.client("http/1.1", "h2", version=version)
            self.assertEqual("h2", client.sock.selected_alpn_protocol())
            answer = client.get("/api/v1/s0/seen")
            self.assertEqual("max-age=31536000; includeSubDomains; preload",
                             answer.fields["strict-transport-security"])
            self.assertEqual("https", json.loads(answer.body)["headers"]["x-forwarded-proto"])
            streams = [client.request(path="/api/v1/s0/bytes?n=300000") for _ in range(20)]
            for stream in streams:
                self.assertEqual(b"".join(pattern(300000)), bytes(client.finish(stream).body))
        client = self.client("h2")
        body = b"".join(pattern(1_000_000))
        stream = client.request(path="/api/v1/s0/digest", method="POST", end=False)
        client.upload(stream, body)
        self.assertEqual(hashlib.sha256(body).hexdigest(), json.loads(client.finish(stream).body)["sha256"])
        self.assertEqual(3, metric(gateway, "active_connections", protocol="HTTP/2"))
        self.assertStops(gateway)
        lines = [line for line in gateway.lines if line.get("path") == "/api/v1/s0/seen"]
        self.assertEqual(["HTTP/2", "HTTP/2"], [line["protocol"] for line in lines])

    def test_whoever_agreed_on_it_must_speak_it(self):
        gateway = self.start_tls()
        client = self.client(preface=b"GET /api/v1/s0/text HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(h2.PROTOCOL_ERROR, client.wait_closed(5))
        wait_until(lambda: metric(gateway, "security_violations_total", violation_type="protocol_abuse") == 1, 5, "told")
        self.assertEqual(0, self.origin.requests)

    def test_whoever_did_not_agree_on_it_does_not_get_it(self):
        self.start_tls()
        for protocols in (["http/1.1"], []):
            context = self.context(*protocols)
            client = H2Client(self.tls_port, tls=context)
            self.addCleanup(client.close)
            self.assertNotEqual("h2", client.sock.selected_alpn_protocol())
            client.sock.settimeout(5)
            self.assertRegex(client.sock.recv(1000), rb"^HTTP/1\.1 (400|505) ")

    def test_is_not_offered_when_switched_off(self):
        self.start_tls(extra="http2: {enabled: false}\n")
        with H2Client(self.tls_port, tls=self.context("h2", "http/1.1"), preface=b"") as client:
            self.assertEqual("http/1.1", client.sock.selected_alpn_protocol())
        with self.assertRaises(ssl.SSLError):
            H2Client(self.tls_port, tls=self.context("h2"))

    def test_a_reload_that_switches_it_off_leaves_connections_alone(self):
        gateway = self.start_tls()
        client = self.client()
        self.assertEqual(200, client.get().status)
        gateway.config.write_text(config(self.origin.url, extra="http2: {enabled: false}\n"))
        gateway.signal(signal.SIGHUP)

        def refused():
            try:
                H2Client(self.tls_port, tls=self.context("h2")).close()
                return False
            except ssl.SSLError:
                return True
        wait_until(refused, 5, "new connections are not offered it")
        self.assertEqual(200, client.get().status)

    def test_weak_ciphers_are_not_to_be_had(self):
        """RFC 9113, 9.2.2."""
        self.start_tls()
        for cipher in ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256",
                       "AES256-SHA"):
            with self.assertRaises(ssl.SSLError, msg=cipher):
                H2Client(self.tls_port, tls=self.context("h2", version=ssl.TLSVersion.TLSv1_2, ciphers=cipher))

    def test_whoever_says_nothing_is_let_go_and_is_no_abuser(self):
        gateway = self.start_tls(connections={"head_timeout_ms": 400, "lingering_close_ms": 200})
        began = time.monotonic()
        for preface in (b"", h2.PREFACE[:10]):
            client = self.client(preface=preface)
            client.raw = lambda data: None   # answers nothing either
            self.assertEqual(h2.NO_ERROR, client.wait_closed(5))
        self.assertLess(time.monotonic() - began, 4)
        self.assertEqual(0, metric(gateway, "security_violations_total", violation_type="protocol_abuse"))
        client = self.client()   # who has greeted may take its time
        client.settle(0.8)
        self.assertEqual(200, client.get().status)

    def test_a_drain_is_told(self):
        gateway = self.start_tls(environment={"SHUTDOWN_DRAIN_MS": "300"})
        client = self.client()
        held = client.request(path="/api/v1/s0/hold")
        client.ping()
        gateway.signal(signal.SIGTERM)
        client.wait(lambda: len(client.goaways) == 2, "GOAWAY, twice")
        self.origin.release()
        self.assertEqual(200, client.finish(held).status)
        self.assertEqual(h2.NO_ERROR, client.wait_closed())
        self.assertEqual(0, gateway.process.wait(30))

    def test_a_certificate_for_each_name(self):
        b, b_key = certificates.make(self.folder, "b", ["b.test"])
        self.start_tls(f"tls:\n  certificates:\n    - {{cert_file: {b}, key_file: {b_key}}}\n")
        context = self.context("h2")
        context.load_verify_locations(b)
        for name in ("a.test", "b.test"):
            with H2Client(self.tls_port, tls=context, name=name) as client:
                self.assertEqual(200, client.get(authority=name).status)

    def test_plain_http_is_sent_to_it(self):
        self.start_tls("tls: {redirect_port: 8443}\n")
        self.assertEqual(200, self.client().get(authority="a.test").status)
        with H2Client(self.gateway.port) as plain:
            answer = plain.get(authority="a.test")
            self.assertEqual((308, "https://a.test:8443/api/v1/s0/text"), (answer.status, answer.fields["location"]))
        with Client(self.gateway.port) as plain:
            self.assertEqual(308, plain.get("/api/v1/s0/text").status)

    def test_curl(self):
        self.start_tls()
        url = f"https://localhost:{self.tls_port}/api/v1/s0"
        for arguments, version in ((["--http2"], b"2"), ([], b"2"), (["--http1.1"], b"1.1"), (["--no-alpn"], b"1.1"),
                                   (["--http2", "--tls-max", "1.2"], b"2")):
            out = self.run_tool("curl", "-s", "--cacert", str(self.cert), *arguments, "-w", " %{http_version} %{http_code}",
                                f"{url}/text")
            self.assertEqual(b"hello from origin " + version + b" 200", out, arguments)

    def test_nghttp_and_h2load(self):
        self.start_tls()
        url = f"https://localhost:{self.tls_port}/api/v1/s0"
        out = self.run_tool("nghttp", "-v", "-n", url + "/text").decode()
        self.assertIn("The negotiated protocol: h2", out)
        self.assertIn(":status: 200", out)
        out = self.run_tool("h2load", "-n", "5000", "-c", "10", "-m", "50", url + "/text").decode()
        self.assertIn("5000 succeeded, 0 failed, 0 errored", out)
        out = self.run_tool("h2load", "--h1", "-n", "1000", "-c", "10", url + "/text").decode()
        self.assertIn("1000 succeeded, 0 failed, 0 errored", out)
