"""Certificates of clients, and OCSP responses beside our own."""
import base64
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import time

from support import certificates
from support.clients import Client
from support.h2 import H2Client, metric
from support.process import ask, free_ports
from support.scenario import BINARY, Scenario, config
from support.wait import wait_until
from test_tls import TlsClient

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


class Secured(Scenario):
    def setUp(self):
        super().setUp()
        self.ca = certificates.Authority(self.folder)
        self.cert, self.key = self.ca.issue("own", ["a.test"])

    def start_tls(self, extra="", **environment):
        self.tls_port = free_ports(1)[0]
        self.gateway = self.start(config(self.origin.url, extra=extra), environment={
            "TLS_PORT": str(self.tls_port), "TLS_CERT_FILE": str(self.cert), "TLS_KEY_FILE": str(self.key)} | environment)
        return self.gateway

    def context(self, identity=None, version=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.ca.cert)
        if identity:
            context.load_cert_chain(*identity)
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def connect(self, identity=None, version=None, session=None, context=None):
        return TlsClient(self.tls_port, self.ca.cert, context=context or self.context(identity, version), session=session)

    def mistakes(self, extra, **environment):
        file = pathlib.Path(self.folder) / "wrong.yaml"
        file.write_text(config(self.origin.url, extra=extra))
        done = subprocess.run([BINARY, "check", "--config", file], capture_output=True, text=True, timeout=20,
                              env=os.environ | {"JWT_SECRET": "x" * 40, "JWT_ISSUER": "i"} | environment)
        self.assertNotEqual(0, done.returncode)
        return done.stdout + done.stderr


class CertificatesOfClients(Secured):
    def setUp(self):
        super().setUp()
        self.partners = certificates.Authority(self.folder, "partners")
        self.good = self.partners.issue("good", subject="/O=Partner, Inc./CN=till-7", usage="clientAuth")

    def section(self, how="require"):
        return f"tls:\n  client_verify: {how}\n  client_ca_file: {self.partners.cert}\n"

    def assertRefused(self, identity, version=None):
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            with self.connect(identity, version) as client:   # over 1.3 the alert comes behind the handshake
                client.get("/api/v1/s0/text")

    def test_open_the_door_and_are_told_to_services(self):
        gateway = self.start_tls(self.section())
        der = ssl.PEM_cert_to_DER_cert(self.good[0].read_text().split("-----END CERTIFICATE-----")[0]
                                       + "-----END CERTIFICATE-----\n")
        for version in VERSIONS:
            with self.connect(self.good, version) as client:
                for _ in range(2):
                    seen = json.loads(client.get("/api/v1/s0/seen").body)["headers"]
                    self.assertEqual(":" + base64.b64encode(der).decode() + ":", seen["client-cert"])
        h2 = self.context(self.good)
        h2.set_alpn_protocols(["h2"])
        with H2Client(self.tls_port, tls=h2) as client:
            self.assertIn("client-cert", json.loads(client.get("/api/v1/s0/seen").body)["headers"])
        self.assertStops(gateway)
        lines = [line for line in gateway.lines if line.get("path") == "/api/v1/s0/seen"]
        self.assertEqual(["CN=till-7,O=Partner\\, Inc."] * 5, [line["clientCert"] for line in lines])

    def test_nobody_comes_in_without_a_good_one(self):
        gateway = self.start_tls(self.section())
        stranger = certificates.Authority(self.folder, "strangers").issue("other", subject="/CN=x", usage="clientAuth")
        expired = self.partners.issue("expired", subject="/CN=x", usage="clientAuth", days=-1)
        server = self.partners.issue("server", ["x.test"])
        refused = 0
        for identity, reason in ((None, "the client showed no certificate"),
                                 (stranger, "the client's certificate leads to nobody who is trusted"),
                                 (expired, "the client's certificate has expired"),
                                 (server, "the client's certificate is not one for clients")):
            for version in VERSIONS:
                self.assertRefused(identity, version)
                refused += 1
            wait_until(lambda r=reason: sum(line.get("reason") == r for line in gateway.events) == 2, 5, reason)
        self.assertEqual(refused, metric(gateway, "tls_handshakes_total", result="unverified"))
        self.assertEqual(0, self.origin.requests)
        self.assertEqual(200, ask(gateway.port, "/health/ready")[0])   # probes come by the plain port
        self.assertEqual(200, ask(gateway.admin_port, "/health")[0])

    def test_are_not_asked_of_everybody_where_they_are_only_requested(self):
        gateway = self.start_tls(self.section("request"))
        stranger = certificates.Authority(self.folder, "strangers").issue("other", subject="/CN=x", usage="clientAuth")
        for version in VERSIONS:
            with self.connect(version=version) as client:
                self.assertNotIn("client-cert", json.loads(client.get("/api/v1/s0/seen").body)["headers"])
            with self.connect(self.good, version) as client:
                self.assertIn("client-cert", json.loads(client.get("/api/v1/s0/seen").body)["headers"])
            self.assertRefused(stranger, version)
        self.assertStops(gateway)

    def test_nobody_says_so_in_a_field(self):
        gateway = self.start_tls(self.section("request"))
        claim = "Client-Cert: :AAAA:\r\nclient-cert-chain: :AAAA:\r\n"
        for client in (Client(gateway.port), self.connect()):
            with client:
                seen = json.loads(client.get("/api/v1/s0/seen", claim).body)["headers"]
                self.assertEqual([], [name for name in seen if "cert" in name])
        with self.connect(self.good) as client:
            self.assertNotIn(":AAAA:", client.get("/api/v1/s0/seen", claim).body.decode())
            self.assertEqual(400, client.get("/api/v1/s0/seen", "client_cert: :AAAA:\r\n").status)
        self.assertEqual(6, metric(gateway, "dangerous_headers_filtered_total", header_name="client-cert"))
        self.assertEqual(3, metric(gateway, "security_violations_total", violation_type="header_manipulation"))

    def test_what_one_is_shown_is_kept_for_no_other(self):
        other = self.partners.issue("other", subject="/CN=till-8", usage="clientAuth")
        text = config(self.origin.url, extra=self.section("request")).replace(
            "    timeout_ms: 20000\n", "    timeout_ms: 20000\n    cache: {ttl_s: 60}\n")
        self.tls_port = free_ports(1)[0]
        gateway = self.start(text, environment={"TLS_PORT": str(self.tls_port), "TLS_CERT_FILE": str(self.cert),
                                                "TLS_KEY_FILE": str(self.key)})

        def shown(identity):
            with self.connect(identity) as client:
                message = client.get("/api/v1/s0/seen")
                return message.values("Cache-Status")[0], json.loads(message.body)["headers"].get("client-cert")
        first = [shown(identity) for identity in (None, self.good, other)]
        self.assertEqual(3, len({certificate for _, certificate in first}))
        again = [shown(identity) for identity in (None, self.good, other)]
        self.assertEqual([c for _, c in first], [c for _, c in again])
        self.assertTrue(all("hit" in status for status, _ in again), again)
        self.assertStops(gateway)

    def test_a_session_brings_its_certificate_along_and_no_other(self):
        gateway = self.start_tls(self.section())
        for version in VERSIONS:
            context = self.context(self.good, version)
            with self.connect(context=context) as client:
                client.get("/api/v1/s0/text")
                session = client.sock.session
            with self.connect(context=context, session=session) as client:
                self.assertIn("client-cert", json.loads(client.get("/api/v1/s0/seen").body)["headers"])
                self.assertTrue(client.sock.session_reused)
        self.assertStops(gateway)

    def test_a_session_from_before_does_not_open_the_door(self):
        """Neither one without a certificate, nor one whose authority is trusted no longer."""
        gateway = self.start_tls("")
        kept = {}
        for version in VERSIONS:
            kept[version] = self.context(self.good, version)
            with self.connect(context=kept[version]) as client:
                client.get("/api/v1/s0/text")
                session = client.sock.session
            kept[version] = (kept[version], session)
        others = certificates.Authority(self.folder, "others")
        trusted = pathlib.Path(self.folder) / "trusted.pem"
        shutil.copy(self.partners.cert, trusted)
        gateway.config.write_text(config(self.origin.url, extra=f"tls:\n  client_verify: require\n  client_ca_file: {trusted}\n"))
        wait_until(lambda: any(line["msg"] == "configuration reloaded" for line in gateway.events), 10, "asks from now on")
        for version, (context, session) in kept.items():
            with self.connect(context=context, session=session) as client:
                self.assertIn("client-cert", json.loads(client.get("/api/v1/s0/seen").body)["headers"])
                self.assertFalse(client.sock.session_reused)
                kept[version] = (context, client.sock.session)
        with self.connect(self.good) as stays:
            self.assertEqual(200, stays.get("/api/v1/s0/text").status)
            shutil.copy(others.cert, str(trusted) + ".new")
            os.replace(str(trusted) + ".new", trusted)
            wait_until(lambda: sum(line["msg"] == "configuration reloaded" for line in gateway.events) == 2, 10, "others")
            for context, session in kept.values():
                with self.assertRaises((ssl.SSLError, ConnectionError)):
                    with self.connect(context=context, session=session) as client:
                        client.get("/api/v1/s0/text")
            self.assertEqual(200, stays.get("/api/v1/s0/text").status)   # who is there goes on
        self.assertStops(gateway)

    def test_what_is_half_said_is_refused(self):
        files = f"  cert_file: {self.cert}\n  key_file: {self.key}\n"
        for lines, wanted in (
                ("  client_verify: require\n", "client_ca_file is not set"),
                (f"  client_ca_file: {self.partners.cert}\n", "client_verify is off: nobody is asked"),
                (f"  client_verify: request\n  client_ca_file: {self.key}\n", "holds no certificates that can be used"),
                (f"  client_verify: request\n  client_ca_file: {self.folder}/none\n", "client_ca_file names"),
                ("  client_verify: maybe\n", "require")):
            said = self.mistakes("tls:\n" + files + lines)
            self.assertRegex(said, r"wrong\.yaml:\d+", lines)
            self.assertIn(wanted, said)
        self.assertIn("tls.ocsp_file is set, but cert_file is not",
                      self.mistakes("tls:\n  ocsp_file: /none\n"))
        self.assertIn("there is no certificate",
                      self.mistakes(f"tls:\n  client_verify: require\n  client_ca_file: {self.partners.cert}\n"))


class StapledResponses(Secured):
    def setUp(self):
        super().setUp()
        self.staple = pathlib.Path(self.folder) / "own.ocsp"

    def shown(self, *options):
        """What `openssl s_client -status` is shown."""
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.tls_port}", "-servername", "a.test",
                               "-status", "-CAfile", self.ca.cert, *options], input="", capture_output=True, text=True, timeout=20)
        return done.stdout

    def test_are_shown_to_who_asks_and_verified_by_openssl(self):
        self.ca.answer(self.cert, self.staple)
        gateway = self.start_tls(TLS_OCSP_FILE=str(self.staple))
        for version in ("-tls1_2", "-tls1_3"):
            said = self.shown(version)
            self.assertIn("OCSP Response Status: successful (0x0)", said)
            self.assertIn("Cert Status: good", said)
        until = metric(gateway, "tls_ocsp_response_expiry_timestamp_seconds", certificate="a.test")
        self.assertAlmostEqual(time.time() + 3600, until, delta=120)
        with self.connect() as client:   # who does not ask is served all the same
            self.assertEqual(200, client.get("/api/v1/s0/text").status)
        self.assertStops(gateway)

    def test_belong_to_their_certificate(self):
        cert, key = self.ca.issue("b", ["b.test"])
        staple = pathlib.Path(self.folder) / "b.ocsp"
        self.ca.answer(cert, staple)
        self.start_tls(f"tls:\n  certificates:\n    - {{cert_file: {cert}, key_file: {key}, ocsp_file: {staple}}}\n")
        self.assertIn("OCSP response: no response sent", self.shown())
        self.assertIn("Cert Status: good", self.shown("-servername", "b.test"))

    def test_what_must_not_be_shown_is_not_and_the_log_says_why(self):
        other, _ = self.ca.issue("other", ["a.test"])
        self.ca.answer(other, self.staple)
        gateway = self.start_tls(TLS_OCSP_FILE=str(self.staple))

        def told(reason):
            wait_until(lambda: any(line["msg"] == "an OCSP response is not shown to clients" and reason in line["reason"]
                                   and line["file"] == str(self.staple) for line in gateway.events), 10, reason)
            self.assertIn("OCSP response: no response sent", self.shown())
            self.assertEqual(0, metric(gateway, "tls_ocsp_response_expiry_timestamp_seconds", certificate="a.test"))
        told("about another certificate")
        stranger = certificates.Authority(self.folder, "stranger")
        stranger.serial, stranger.index = self.ca.serial, self.ca.index
        request = pathlib.Path(self.folder) / "r.der"
        forged = pathlib.Path(self.folder) / "forged"
        subprocess.run(["openssl", "ocsp", "-issuer", self.ca.cert, "-cert", self.cert, "-no_nonce", "-reqout", request],
                       check=True, capture_output=True)
        subprocess.run(["openssl", "ocsp", "-index", self.ca.index, "-rsigner", stranger.cert, "-rkey", stranger.key, "-CA",
                        self.ca.cert, "-reqin", request, "-respout", forged, "-nmin", "60"], check=True, capture_output=True)
        os.replace(forged, self.staple)
        told("not signed by who issued")
        own = int(subprocess.run(["openssl", "x509", "-in", self.cert, "-noout", "-serial"], capture_output=True, text=True,
                                 check=True).stdout.split("=")[1], 16)
        self.ca.note("R", own)
        self.ca.answer(self.cert, self.staple)
        told("revoked")
        self.ca.note("V", own)
        self.ca.answer(self.cert, self.staple)   # and a good one again, without a restart
        wait_until(lambda: "Cert Status: good" in self.shown(), 10, "the new response is shown")
        self.assertStops(gateway)

    def test_what_is_no_response_is_refused(self):
        self.staple.write_text("<html>proxy error</html>")
        files = f"  cert_file: {self.cert}\n  key_file: {self.key}\n"
        said = self.mistakes(f"tls:\n{files}  ocsp_file: {self.staple}\n")
        self.assertTrue(re.search(r"wrong\.yaml:\d+.*tls\.ocsp_file names .*no OCSP response in DER", said), said)
        said = self.mistakes(f"tls:\n{files}  ocsp_file: {self.folder}/none\n")
        self.assertIn("cannot be read: No such file", said)
        said = self.mistakes(f"tls:\n{files}  certificates:\n    - {{cert_file: {self.cert}, key_file: {self.key}, "
                             f"ocsp_file: {self.staple}}}\n")
        self.assertIn("tls.certificates[0].ocsp_file", said)
