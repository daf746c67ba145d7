"""Services that are spoken to in TLS: verified by name and by who certified them, never in the clear instead."""
import json
import os
import socket
import ssl
import subprocess
import unittest

from support import certificates, tokens
from support.clients import Client
from support.origins import Origin, pattern
from support.process import ask
from support.scenario import BINARY, Scenario
from support.wait import wait_until


class TlsOrigin(Origin):
    """An origin behind TLS. asks: whose clients' certificates it wants."""

    def __init__(self, cert, key, asks=None, version=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.context.set_alpn_protocols(["http/1.1"])
        if asks:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(asks)
        if version:
            self.context.minimum_version = self.context.maximum_version = version
        self.names, self.failed, self.shaken = [], [], 0
        self.context.sni_callback = lambda sock, name, context: self.names.append(name)
        super().__init__()
        self.url = f"https://127.0.0.1:{self.port}"

    def _serve(self, sock):
        try:
            secure = self.context.wrap_socket(sock, server_side=True)
        except OSError as error:
            self.failed.append(repr(error))
            sock.close()
            return
        with self._lock:
            self._connections.discard(sock)
            self._connections.add(secure)
            self.shaken += 1
        super()._serve(secure)


def config(url, tls="", more=""):
    return f"""
services:
  origin: {{url: "{url}", tls: {{{tls}}}{more}}}
routes:
  - {{name: s0, path: /api/v1/s0/**, service: origin, rewrite: /up, authenticate: {{public: [/**]}}}}
"""


class UpstreamTls(Scenario):
    def setUp(self):
        super().setUp()
        self.cert, self.key = certificates.make(self.folder, "service", ["service.test", "localhost"])

    def serve_tls(self, cert=None, key=None, **options):
        origin = TlsOrigin(cert or self.cert, key or self.key, **options)
        self.addCleanup(origin.close)
        return origin

    def get(self, gateway, target="/api/v1/s0/text"):
        with Client(gateway.port) as client:
            return client.get(target)

    def trusted(self, **more):
        fields = {"ca_file": self.cert, "server_name": "service.test"} | more
        return ", ".join(f'{k}: "{v}"' if k != "verify" else f"{k}: {v}" for k, v in fields.items())

    def test_requests_and_answers_pass(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            origin = self.serve_tls(version=version)
            gateway = self.start(config(origin.url, self.trusted()), environment={"WORKERS": "1"})
            with Client(gateway.port) as client:
                for _ in range(20):
                    self.assertEqual((200, b"hello from origin"), (client.get("/api/v1/s0/text").status,
                                                                   client.get("/api/v1/s0/text").body))
                self.assertEqual(b"".join(pattern(3_000_000)), client.get("/api/v1/s0/bytes?n=3000000").body)
                body = b"".join(pattern(2_000_000))
                client.send(b"POST /api/v1/s0/digest HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body))
                client.send(body)
                self.assertEqual(2_000_000, json.loads(client.response("POST").body)["bytes"])
            self.assertEqual(1, origin.shaken)   # one connection, kept
            self.assertEqual(["service.test"], origin.names)
            self.assertStops(gateway)

    def test_the_name_of_the_url_is_asked_for_and_verified(self):
        origin = self.serve_tls()
        gateway = self.start(config(f"https://localhost:{origin.port}", f'ca_file: "{self.cert}"'))
        self.assertEqual(200, self.get(gateway).status)
        self.assertEqual("localhost", origin.names[0])

    def test_who_cannot_be_believed_gets_no_request(self):
        other, other_key = certificates.make(self.folder, "other", ["other.test"])
        expired, expired_key = self.expired()
        for cert, key, ca, name in ((self.cert, self.key, None, "service.test"),      # certified by nobody we know
                                    (other, other_key, self.cert, "other.test"),      # by somebody else
                                    (self.cert, self.key, self.cert, "wrong.test"),   # for another name
                                    (self.cert, self.key, self.cert, "127.0.0.1"),
                                    (expired, expired_key, expired, "service.test")):
            origin = self.serve_tls(cert, key)
            options = f'server_name: "{name}"' + (f', ca_file: "{ca}"' if ca else "")
            gateway = self.start(config(origin.url, options))
            answer = self.get(gateway)
            self.assertEqual((502, "bad_gateway"), (answer.status, json.loads(answer.body)["code"]), (cert, name))
            self.assertNotIn(b"certificate", answer.body)
            self.assertEqual(0, origin.requests)
            errors = [l for l in ask(gateway.admin_port, "/metrics")[2].splitlines()
                      if l.startswith("downstream_errors_total") and not l.endswith(" 0")]
            self.assertTrue(errors)

    def expired(self):
        cert, key = f"{self.folder}/expired.crt", f"{self.folder}/expired.key"
        subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                        "-out", f"{self.folder}/expired.csr", "-subj", "/CN=service.test",
                        "-addext", "subjectAltName=DNS:service.test"], check=True, capture_output=True)
        with open(f"{self.folder}/index.txt", "w"), open(f"{self.folder}/ca.cnf", "w") as file:
            file.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={self.folder}/index.txt\nserial={self.folder}/serial\n"
                       f"new_certs_dir={self.folder}\ndefault_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n")
        with open(f"{self.folder}/serial", "w") as file:
            file.write("01\n")
        subprocess.run(["openssl", "ca", "-batch", "-config", f"{self.folder}/ca.cnf", "-selfsign", "-keyfile", key,
                        "-in", f"{self.folder}/expired.csr", "-out", cert, "-notext", "-startdate", "20200101000000Z",
                        "-enddate", "20200201000000Z"], check=True, capture_output=True)
        return cert, key

    def test_without_verification_it_warns_aloud(self):
        origin = self.serve_tls()
        gateway = self.start(config(origin.url, "verify: false"))
        self.assertEqual(200, self.get(gateway).status)
        warnings = [l for l in gateway.events if "not verified" in l.get("msg", "")]
        self.assertEqual([("WARN", "origin")], [(l["level"], l["upstream"]) for l in warnings])

    def test_never_in_the_clear_instead(self):
        """A service that speaks plain HTTP where TLS is asked for gets no request, nor the other way round."""
        gateway = self.start(config(self.origin.url.replace("http://", "https://"), "verify: false"))
        self.assertEqual(502, self.get(gateway).status)
        self.assertEqual([], self.origin.broken)
        origin = self.serve_tls()
        gateway = self.start(config(origin.url.replace("https://", "http://")))
        self.assertEqual(502, self.get(gateway).status)
        self.assertEqual(0, origin.requests)

    def test_shows_its_own_certificate_to_who_asks_for_it(self):
        mine, mine_key = certificates.make(self.folder, "gateway", ["gateway.test"])
        origin = self.serve_tls(asks=mine)
        gateway = self.start(config(origin.url, self.trusted(cert_file=mine, key_file=mine_key)))
        self.assertEqual(200, self.get(gateway).status)
        stranger = self.start(config(origin.url, self.trusted()))
        self.assertEqual(502, self.get(stranger).status)

    def test_a_service_that_does_not_shake_hands_costs_its_connect_timeout(self):
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        gateway = self.start(config(f"https://127.0.0.1:{silent.getsockname()[1]}", "verify: false",
                                    ", connect_timeout_ms: 200"))
        self.assertIn(self.get(gateway).status, (502, 503, 504))

    def test_other_files_make_other_connections(self):
        origin = self.serve_tls()
        gateway = self.start(config(origin.url, self.trusted()), environment={"WORKERS": "1"})
        self.assertEqual(200, self.get(gateway).status)
        gateway.config.write_text(config(origin.url, self.trusted(server_name="localhost")))
        wait_until(lambda: self.get(gateway).status == 200 and "localhost" in origin.names, 5, "a connection for the new name")

    def test_key_sets_are_read_over_it(self):
        issuer = tokens.Issuer(self.folder)
        self.addCleanup(issuer.close)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        issuer.server.socket = context.wrap_socket(issuer.server.socket, server_side=True)
        issuer.make_key("first")
        url = f"https://localhost:{issuer.server.server_port}/keys"
        text = config(self.origin.url).replace(", authenticate: {public: [/**]}", "")
        environment = {"JWT_SECRET": "", "JWT_JWKS_URL": url}
        gateway = self.start(text, environment=environment | {"JWT_JWKS_CA_FILE": str(self.cert)})
        header = tokens.bearer(issuer.sign("first"))
        with Client(gateway.port) as client:
            wait_until(lambda: client.get("/api/v1/s0/text", header).status == 200, 5, "the key is known")
        stranger = self.start(text, environment=environment)
        wait_until(lambda: any("key set cannot be read" in l.get("msg", "") and "nobody who is trusted" in l["reason"]
                               for l in stranger.events), 5, "an issuer that nobody vouches for is not believed")

    def test_health_checks_use_it_too(self):
        origin = self.serve_tls()
        gateway = self.start(config(origin.url, self.trusted(),
                                    ", check: {enabled: true, path: /up/text, interval_ms: 100}"))
        wait_until(lambda: origin.requests >= 3, 5, "it is asked how it is")
        self.assertEqual(200, self.get(gateway).status)

    def test_files_that_cannot_be_used_stop_the_start(self):
        path = f"{self.folder}/wrong.yaml"
        with open(path, "w") as file:
            file.write(config("https://a.test:1", 'ca_file: "/nowhere/ca.pem", cert_file: "/nowhere/c.pem"'))
        done = subprocess.run([BINARY, "check", "--config", path], capture_output=True, text=True,
                              env=os.environ | {"JWT_SECRET": "s" * 40})
        self.assertNotEqual(0, done.returncode)
        said = done.stdout + done.stderr
        self.assertIn("services.origin.tls.ca_file names", said)
        self.assertIn("set both", said)


if __name__ == "__main__":
    unittest.main()
