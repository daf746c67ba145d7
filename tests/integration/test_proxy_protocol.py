"""Load balancers that say by a PROXY header who the client is."""
import json
import os
import socket
import ssl
import subprocess

from support import certificates
from support.clients import Client
from support.h2 import H2Client, metric
from support.process import Gateway, ask, free_ports
from support.scenario import BINARY, Scenario, config
from support.wait import wait_until

V1 = b"PROXY TCP4 203.0.113.7 10.0.0.1 12345 443\r\n"
NAME2 = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command=0x21, address="203.0.113.8", rest=b""):
    body = socket.inet_aton(address) + socket.inet_aton("10.0.0.1") + (12345).to_bytes(2, "big") + b"\x01\xbb" + rest
    return NAME2 + bytes([command, 0x11]) + len(body).to_bytes(2, "big") + body


class ProxyProtocol(Scenario):
    def start_behind(self, mode, trusted="127.0.0.1", extra=""):
        # Who asks without a header gets no answer: readiness is asked for on the operators' port.
        self.gateway = Gateway(
            config(self.origin.url, connections={"head_timeout_ms": 800},
                   extra=f"listen: {{proxy_protocol: {mode}}}\n{extra}"),
            self.folder, BINARY, environment={"TRUSTED_PROXIES": trusted} | getattr(self, "environment", {}))
        self.gateways.append(self.gateway)
        self.addCleanup(self.gateway.kill)
        wait_until(lambda: (ask(self.gateway.admin_port, "/health/ready") or [0])[0] == 200, 10, "the gateway is ready")
        return self.gateway

    def seen(self, header, fields="", pieces=False):
        """The client's address as a service is told it; None: no answer."""
        with Client(self.gateway.port) as client:
            request = header + (f"GET /api/v1/s0/seen HTTP/1.1\r\nHost: a\r\n{fields}\r\n").encode()
            for piece in ([request[i:i + 1] for i in range(len(request))] if pieces else [request]):
                client.sock.sendall(piece)
            client.sock.settimeout(5)
            try:
                answer = b""
                while b"}" not in answer:
                    got = client.sock.recv(65536)
                    if not got:
                        return None
                    answer += got
            except ConnectionResetError:
                return None
        if b" 200 " not in answer.split(b"\r\n")[0]:
            return answer.split(b" ")[1].decode()
        return json.loads(answer.split(b"\r\n\r\n", 1)[1])["headers"]["x-original-ip"]

    def abuses(self):
        return metric(self.gateway, "security_violations_total", violation_type="protocol_abuse")

    def test_says_who_the_client_is(self):
        for mode in ("accept", "require"):
            self.start_behind(mode)
            self.assertEqual("203.0.113.7", self.seen(V1))
            self.assertEqual("203.0.113.7", self.seen(V1, pieces=True))
            self.assertEqual("203.0.113.8", self.seen(v2()))
            self.assertEqual("203.0.113.8", self.seen(v2(rest=b"\x04\x00\x64" + b"x" * 100), pieces=True))
            self.assertEqual("127.0.0.1", self.seen(b"PROXY UNKNOWN\r\n"))
            self.assertEqual("127.0.0.1", self.seen(v2(0x20)))
            # The client behind it is not one of those whose X-Forwarded-For is believed.
            self.assertEqual("203.0.113.7", self.seen(V1, "X-Forwarded-For: 198.51.100.1\r\n"))

    def test_a_ban_is_of_the_client_and_not_of_the_balancer(self):
        port = free_ports(1)[0]
        self.environment = {"RESP_PORT": str(port)}
        self.start_behind("require")
        subprocess.run(["redis-cli", "-p", str(port), "SET", "banned:ip:203.0.113.7", "1"], check=True,
                       capture_output=True)
        wait_until(lambda: self.seen(V1) == "403", 5, "the ban is in force")
        self.assertEqual("203.0.113.8", self.seen(v2()))

    def test_without_one(self):
        self.start_behind("accept")
        self.assertEqual("127.0.0.1", self.seen(b""))
        self.start_behind("require")
        self.assertIsNone(self.seen(b""))
        wait_until(lambda: self.abuses() == 1, 5, "it is told")

    def test_malformed_ones_end_the_connection(self):
        for mode in ("accept", "require"):
            self.start_behind(mode)
            for count, header in enumerate((b"PROXY TCP4 1 2 3 4\r\n", b"PROXY TCP4 203.0.113.7  10.0.0.1 1 2\r\n", v2(0x11),
                                            b"PROXY " + b"x" * 200), 1):
                self.assertIsNone(self.seen(header))
                wait_until(lambda: self.abuses() == count, 5, "it is told")

    def test_strangers_are_not_believed(self):
        self.start_behind("accept", "10.0.0.0/8")
        self.assertEqual("127.0.0.1", self.seen(b""))
        self.assertIn(self.seen(V1), ("400", "505", "501"))
        self.start_behind("require", "10.0.0.0/8")
        self.assertIsNone(self.seen(V1))

    def test_off_it_is_no_request(self):
        self.start_behind("off")
        self.assertIn(self.seen(V1), ("400", "505", "501"))

    def test_a_second_one_is_no_request(self):
        self.start_behind("require")
        self.assertIn(self.seen(V1 + V1), ("400", "505", "501"))

    def test_one_that_does_not_come_is_not_waited_for_long(self):
        self.start_behind("require")
        for beginning in (b"", V1[:20]):
            with Client(self.gateway.port) as client:
                client.sock.sendall(beginning)
                self.assertEnds(client)
        with Client(self.gateway.port) as client:   # whoever leaves in the middle is let go
            client.sock.sendall(V1[:20])
            client.sock.shutdown(socket.SHUT_WR)
            self.assertEnds(client)

    def assertEnds(self, client):
        client.sock.settimeout(5)
        try:
            self.assertEqual(b"", client.sock.recv(10))
        except ConnectionResetError:
            pass   # what was not read is thrown away

    def test_before_http2_and_before_tls(self):
        cert, key = certificates.make(self.folder, "own", ["a.test"])
        tls_port = free_ports(1)[0]
        self.environment = {"TLS_PORT": str(tls_port), "TLS_CERT_FILE": str(cert), "TLS_KEY_FILE": str(key)}
        self.start_behind("require")
        with H2Client(self.gateway.port, preface=b"") as client:
            client.raw(V1 + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
            self.assertEqual("203.0.113.7", json.loads(client.get("/api/v1/s0/seen").body)["headers"]["x-original-ip"])
        for header, address in ((V1, "203.0.113.7"), (v2(), "203.0.113.8")):
            with socket.create_connection(("127.0.0.1", tls_port), 5) as raw:
                raw.sendall(header)
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.load_verify_locations(cert)
                with context.wrap_socket(raw, server_hostname="a.test") as tls:
                    tls.sendall(b"GET /api/v1/s0/seen HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
                    answer = b""
                    while piece := tls.recv(65536):
                        answer += piece
            self.assertIn(f'"x-original-ip": "{address}"'.encode(), answer.replace(b'":"', b'": "'))

    def test_somebody_must_be_trusted_to_say_it(self):
        gateway = self.start_wrong("listen: {proxy_protocol: require}\n")
        self.assertIn("nobody is trusted to say it", gateway)

    def start_wrong(self, extra):
        path = f"{self.folder}/wrong.yaml"
        with open(path, "w") as file:
            file.write(config(self.origin.url, extra=extra))
        environment = {k: v for k, v in os.environ.items() if k != "TRUSTED_PROXIES"} | {"JWT_SECRET": "s" * 32}
        done = subprocess.run([BINARY, "check", "--config", path], capture_output=True, text=True, env=environment)
        self.assertNotEqual(0, done.returncode)
        return done.stdout + done.stderr
