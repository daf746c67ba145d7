"""TLS towards clients, seen with Python's ssl, curl and openssl."""
import hashlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time

from support import certificates
from support.clients import Client, Load
from support.origins import pattern
from support.process import ask, free_ports
from support.scenario import Scenario, config, sanitized
from support.shaping import Service, config as shaped
from support.wait import wait_until


class TlsClient(Client):
    """A connection that speaks TLS. ca: whom it believes; None: anybody."""

    def __init__(self, port, ca=None, name="a.test", version=None, ciphers=None, alpn=None, session=None, context=None):
        super().__init__(port)
        self.context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if ca is None:
            self.context.check_hostname = False
            self.context.verify_mode = ssl.CERT_NONE
        else:
            self.context.load_verify_locations(ca)
        if version:
            self.context.minimum_version = self.context.maximum_version = version
        if ciphers:
            self.context.set_ciphers(ciphers)
        if alpn:
            self.context.set_alpn_protocols(alpn)
        try:
            self.sock = self.context.wrap_socket(self.sock, server_hostname=name, session=session)
        except OSError:
            self.sock.close()
            raise


class TlsLoad(Load):
    """Five requests on each connection, so that there are many handshakes."""

    def connect(self):
        client = TlsClient(self.port)
        client.left = 5
        return client

    def turn(self, client):
        client.left -= 1
        return super().turn(client) and client.left > 0


class Tls(Scenario):
    def start_tls(self, extra="", text=None, environment=None):
        self.cert, self.key = certificates.make(self.folder, "own", ["a.test", "localhost"])
        self.tls_port = free_ports(1)[0]
        return self.start(text or config(self.origin.url, extra=extra),
                          environment={"TLS_PORT": str(self.tls_port), "TLS_CERT_FILE": str(self.cert),
                                       "TLS_KEY_FILE": str(self.key)} | (environment or {}))

    def test_serves_both_versions_and_says_so_upstream(self):
        gateway = self.start_tls()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with TlsClient(self.tls_port, self.cert, version=version) as client:
                for _ in range(3):
                    message = client.get("/api/v1/s0/text")
                    self.assertEqual((200, b"hello from origin"), (message.status, message.body))
                self.assertEqual(["max-age=31536000; includeSubDomains; preload"],
                                 message.values("Strict-Transport-Security"))
        with Client(gateway.port) as client:
            self.assertEqual([], client.get("/api/v1/s0/text").values("Strict-Transport-Security"))
        metrics = ask(gateway.admin_port, "/metrics")[2]
        expiry = re.search(r'tls_certificate_expiry_timestamp_seconds\{[^}]*certificate="a.test"\} (\S+)', metrics)
        self.assertAlmostEqual(time.time() + 2 * 86400, float(expiry.group(1)), delta=3600)
        self.assertStops(gateway)

    def test_a_services_own_strict_transport_security_goes_out_alone_where_it_is_the_stricter(self):
        service = Service("origin")
        self.addCleanup(service.close)
        lax, strict = "max-age=0", "max-age=63072000; includeSubDomains; preload"
        for value, path in ((lax, "/x/lax"), (strict, "/x/strict")):
            service.say(path, {}, Strict_Transport_Security=value)
        self.start_tls(text=shaped({"origin": service.url}, "path: /x/**, service: origin"))
        with TlsClient(self.tls_port, self.cert) as client:
            self.assertEqual(["max-age=31536000; includeSubDomains; preload"], client.get("/x/lax").values("Strict-Transport-Security"))
            self.assertEqual([strict], client.get("/x/strict").values("Strict-Transport-Security"))

    def test_refuses_what_is_old_or_weak(self):
        self.start_tls()
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.set_ciphers("ALL:@SECLEVEL=0")
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            with self.assertRaises(ssl.SSLError):
                TlsClient(self.tls_port, version=version, context=old)
        for cipher in ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "AES128-GCM-SHA256"):
            with self.assertRaises(ssl.SSLError, msg=cipher):
                TlsClient(self.tls_port, version=ssl.TLSVersion.TLSv1_2, ciphers=cipher)

    def test_agrees_on_a_protocol(self):
        self.start_tls()
        with TlsClient(self.tls_port, alpn=["x", "http/1.1"]) as client:
            self.assertEqual("http/1.1", client.sock.selected_alpn_protocol())
        with TlsClient(self.tls_port) as client:
            self.assertIsNone(client.sock.selected_alpn_protocol())
            self.assertEqual(200, client.get("/api/v1/s0/text").status)
        with self.assertRaises(ssl.SSLError):
            TlsClient(self.tls_port, alpn=["x"])

    def test_a_certificate_that_has_expired_is_told_at_the_start(self):
        expired, key = certificates.Authority(self.folder).issue("expired", ["old.test"], days=-1)
        gateway = self.start_tls(f"tls:\n  certificates:\n    - {{cert_file: {expired}, key_file: {key}}}\n")
        told = [event for event in gateway.events if event["msg"].startswith("clients will not accept a certificate")]
        self.assertEqual([("WARN", str(expired))], [(event["level"], event["file"]) for event in told])

    def test_shows_the_certificate_of_the_name(self):
        b, b_key = certificates.make(self.folder, "b", ["b.test"], key="rsa")
        c, c_key = certificates.make(self.folder, "c", ["*.c.test"])
        self.start_tls(f"tls:\n  certificates:\n    - {{cert_file: {b}, key_file: {b_key}}}\n"
                       f"    - {{cert_file: {c}, key_file: {c_key}}}\n")
        for name, ca in (("a.test", self.cert), ("b.test", b), ("x.c.test", c), ("A.TEST", self.cert)):
            with TlsClient(self.tls_port, ca, name=name) as client:
                self.assertEqual(200, client.get("/api/v1/s0/text").status, name)
        for name in ("other.test", None):
            with TlsClient(self.tls_port, name=name) as client:
                self.assertEqual(ssl.PEM_cert_to_DER_cert(self.cert.read_text()), client.sock.getpeercert(True))

    def test_a_connection_is_for_the_hosts_of_its_certificate(self):
        b, b_key = certificates.make(self.folder, "b", ["b.test", "*.c.test"])
        self.start_tls(f"tls:\n  certificates:\n    - {{cert_file: {b}, key_file: {b_key}}}\n")

        def ask(name, host):
            with TlsClient(self.tls_port, name=name) as client:
                client.send(f"GET /api/v1/s0/text HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                answer = client.response()
                return answer.status if answer.status == 200 else json.loads(answer.body)["code"]
        for name, host in (("a.test", "a.test"), ("a.test", "localhost:8443"), ("b.test", "B.TEST:443"), ("b.test", "x.c.test"),
                           ("b.test", "nobodys.test"), ("other.test", "other.test"), (None, "b.test")):
            self.assertEqual(200, ask(name, host), (name, host))
        for name, host in (("a.test", "b.test"), ("a.test", "x.c.test:443"), ("b.test", "a.test"), ("other.test", "b.test")):
            self.assertEqual("misdirected_request", ask(name, host), (name, host))

    def test_with_one_certificate_every_host_is_served(self):
        self.start_tls()
        with TlsClient(self.tls_port) as client:
            client.send(b"GET /api/v1/s0/text HTTP/1.1\r\nHost: b.test\r\n\r\n")
            self.assertEqual(200, client.response().status)

    def test_handshakes_are_not_begun_again_and_nothing_comes_early(self):
        self.start_tls()
        said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.tls_port}", "-tls1_2"], input="R\n",
                              capture_output=True, text=True, timeout=20)
        self.assertIn("RENEGOTIATING", said.stdout + said.stderr)
        self.assertRegex(said.stdout + said.stderr, "no renegotiation|error")
        asked = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.tls_port}", "-tls1_3", "-ign_eof"],
                               input="GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", capture_output=True,
                               text=True, timeout=20)
        self.assertIn("200 OK", asked.stdout)
        self.assertIn("Max Early Data: 0", asked.stdout)

    def test_resumes_sessions(self):
        gateway = self.start_tls(environment={"WORKERS": "2"})
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            first = TlsClient(self.tls_port, self.cert, version=version)
            first.get("/api/v1/s0/text")
            session = first.sock.session
            first.close()
            for _ in range(8):  # other workers know it as well
                with TlsClient(self.tls_port, self.cert, version=version, session=session,
                               context=first.context) as again:
                    self.assertEqual(200, again.get("/api/v1/s0/text").status)
                    self.assertTrue(again.sock.session_reused, version)
        self.assertStops(gateway)

    def test_large_bodies_go_both_ways_unchanged(self):
        gateway = self.start_tls()
        size = 24 << 20
        body = b"".join(pattern(size))
        wanted = hashlib.sha256(body)
        for extra in ("", "&chunked=1"):
            with TlsClient(self.tls_port) as client:
                client.send(b"POST /api/v1/s0/digest HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + body)
                answer = json.loads(client.response().body)
                self.assertEqual((size, wanted.hexdigest()), (answer["bytes"], answer["sha256"]))
                digest = hashlib.sha256()
                client.send(f"GET /api/v1/s0/bytes?n={size}{extra} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                client.download(digest.update)
                self.assertEqual(wanted.digest(), digest.digest())
                self.assertEqual(200, client.get("/api/v1/s0/text").status)
        for version in ("--tlsv1.3", "--tls-max"):
            done = subprocess.run(["curl", "-s", "--cacert", self.cert, version, *(["1.2"] if version == "--tls-max" else []),
                                   f"https://localhost:{self.tls_port}/api/v1/s0/bytes?n={size}"],
                                  capture_output=True, timeout=60, check=True)
            self.assertTrue(done.stdout == body, version)
        self.assertStops(gateway)

    def test_who_reads_slowly_gets_all_of_it(self):
        gateway = self.start_tls()
        with TlsClient(self.tls_port) as client:
            size = 24 << 20  # more than all buffers on the way hold
            client.send(f"GET /api/v1/s0/bytes?n={size} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            digest = hashlib.sha256()
            pieces = iter(range(1 << 20))

            def sink(piece):
                digest.update(piece)
                if next(pieces) % 100 == 0:
                    time.sleep(0.05)    # allow(sleep): the client's pace
            client.download(sink)
            self.assertEqual(hashlib.sha256(b"".join(pattern(size))).digest(), digest.digest())
        self.assertStops(gateway)

    def test_one_byte_at_a_time_is_still_a_request(self):
        self.start_tls()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        tls = context.wrap_bio(incoming, outgoing, server_hostname="a.test")
        with socket.create_connection(("127.0.0.1", self.tls_port), timeout=10) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def step(action):
                while True:
                    try:
                        result, wait = action(), False
                    except ssl.SSLWantReadError:
                        result, wait = None, True
                    for byte in outgoing.read():
                        sock.send(bytes([byte]))
                    if not wait:
                        return result
                    incoming.write(sock.recv(65536))
            step(tls.do_handshake)
            for byte in b"GET /api/v1/s0/text HTTP/1.1\r\nHost: a\r\n\r\n":
                step(lambda b=byte: tls.write(bytes([b])))
            self.assertTrue(step(lambda: tls.read(65536)).startswith(b"HTTP/1.1 200"))

    def test_says_goodbye_and_understands_one(self):
        gateway = self.start_tls()
        with TlsClient(self.tls_port) as client:
            client.get("/api/v1/s0/text", "Connection: close\r\n")
            self.assertEqual(b"", client.sock.recv(1))  # an end without a goodbye raises
        with TlsClient(self.tls_port) as client:
            client.send(b"GET /api/v1/s0/text HTTP/1.1\r\nHost: a\r\n\r\n")
            try:
                client.sock.unwrap()
            except ssl.SSLError as error:  # the answer was on its way already
                self.assertIn("APPLICATION_DATA_AFTER_CLOSE_NOTIFY", str(error))
        done = subprocess.run(["openssl", "s_client", "-quiet", "-no_ign_eof", "-connect", f"127.0.0.1:{self.tls_port}"],
                              input=b"GET /api/v1/s0/text HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                              capture_output=True, timeout=20, check=False)
        self.assertNotIn(b"unexpected eof", done.stderr)
        self.assertStops(gateway)

    def test_ends_handshakes_that_do_not_come_to_one(self):
        gateway = self.start_tls("tls:\n  handshake_timeout_ms: 400\n")
        hello = ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls = context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="a.test")
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        first = hello.read()
        for name, sent in (("silence", b""), ("half a hello", first[:100]), ("no answer", first)):
            with socket.create_connection(("127.0.0.1", self.tls_port)) as sock:
                began = time.monotonic()
                sock.sendall(sent)
                sock.settimeout(5)
                while sock.recv(65536):
                    pass
                self.assertLess(time.monotonic() - began, 3, name)
        for name, sent in (("plain", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), ("noise", os.urandom(3000)),
                           ("a long record", b"\x16\x03\x01\xff\xff" + bytes(70000)),
                           ("an alert", b"\x15\x03\x03\x00\x02\x02\x28")):
            with socket.create_connection(("127.0.0.1", self.tls_port)) as sock:
                sock.settimeout(5)
                try:
                    sock.sendall(sent)
                    while sock.recv(65536):
                        pass
                except ConnectionError:
                    pass
                except TimeoutError:
                    self.fail(f"{name} keeps its connection")
        with TlsClient(self.tls_port) as client:
            self.assertEqual(200, client.get("/api/v1/s0/text").status)
        self.assertStops(gateway)

    def test_waiting_handshakes_hold_up_nobody(self):
        gateway = self.start_tls()
        waiting = [socket.create_connection(("127.0.0.1", self.tls_port)) for _ in range(300)]
        began = time.monotonic()
        for _ in range(20):
            with TlsClient(self.tls_port) as client:
                self.assertEqual(200, client.get("/api/v1/s0/text").status)
        self.assertLess(time.monotonic() - began, 5)
        for sock in waiting:
            sock.close()
        self.assertStops(gateway)

    def test_new_certificates_lose_no_request(self):
        gateway = self.start_tls()
        with TlsLoad(self.tls_port, "/api/v1/s0/text", b"hello from origin", 4) as load:
            kept = TlsClient(self.tls_port)
            for number in range(5):
                cert, key = certificates.make(self.folder, f"new{number}", ["a.test"])
                wanted = ssl.PEM_cert_to_DER_cert(cert.read_text())
                shutil.move(key, self.key)  # first one, then the other: between them they do not fit
                shutil.move(cert, self.cert)

                def shown():
                    with TlsClient(self.tls_port) as client:
                        return client.sock.getpeercert(True)
                wait_until(lambda: shown() == wanted, 10, "the new certificate is shown")
                self.assertEqual(200, kept.get("/api/v1/s0/text").status)
            kept.close()
        self.assertEqual([], load.failures[:5])
        self.assertGreater(load.done, 20)
        self.assertStops(gateway)

    def test_a_key_that_does_not_fit_changes_nothing(self):
        gateway = self.start_tls()
        _, key = certificates.make(self.folder, "other", ["a.test"])
        shutil.move(key, self.key)
        wait_until(lambda: any("is not the key of" in line.get("mistake", "") for line in gateway.events), 10,
                   "the key is refused")
        with TlsClient(self.tls_port, self.cert) as client:
            self.assertEqual(200, client.get("/api/v1/s0/text").status)
        self.assertStops(gateway)

    def test_a_start_with_bad_files_says_what_is_wrong(self):
        cert, key = certificates.make(self.folder, "x", ["a.test"])
        for variables, told in (({"TLS_CERT_FILE": str(cert)}, "tls.key_file is not set"),
                                ({"TLS_CERT_FILE": str(key), "TLS_KEY_FILE": str(key)}, "holds no usable certificate"),
                                ({"TLS_CERT_FILE": "/none", "TLS_KEY_FILE": str(key)}, "cannot be read")):
            with self.assertRaises(AssertionError) as caught:
                self.start(environment=variables)
            self.assertIn(told, str(caught.exception))

    def test_plain_http_is_sent_to_tls(self):
        gateway = self.start_tls("tls:\n  redirect_port: 443\ntrusted_proxies: [127.0.0.9]\n")
        with Client(gateway.port) as client:
            client.send(b"POST /api/v1/s0/text?a=%20b HTTP/1.1\r\nHost: a.test:3000\r\nContent-Length: 2\r\n\r\nhi")
            message = client.response()
            self.assertEqual((308, ["https://a.test/api/v1/s0/text?a=%20b"]),
                             (message.status, message.values("Location")))
            client.send(b"OPTIONS * HTTP/1.1\r\nHost: a.test:3000\r\n\r\n")
            message = client.response()
            self.assertEqual((308, ["https://a.test"]), (message.status, message.values("Location")))
        with Client(gateway.port, source="127.0.0.9") as client:
            self.assertEqual(200, client.get("/api/v1/s0/text", "X-Forwarded-Proto: https\r\n").status)
            self.assertEqual(308, client.get("/api/v1/s0/text", "X-Forwarded-Proto: http\r\n").status)
        with TlsClient(self.tls_port) as client:
            self.assertEqual(200, client.get("/api/v1/s0/text").status)
        self.assertEqual(200, ask(gateway.port, "/health")[0])

    def test_idle_connections_give_their_buffers_back(self):
        gateway = self.start_tls(environment={"WORKERS": "1"})
        clients = [TlsClient(self.tls_port) for _ in range(20)]
        before = gateway.rss_kb()
        clients += [TlsClient(self.tls_port) for _ in range(400)]
        for client in clients:
            self.assertEqual(200, client.get("/api/v1/s0/text").status)
        each = (gateway.rss_kb() - before) / 400
        if not sanitized():
            self.assertLess(each, 24)
        for client in clients:
            client.close()
