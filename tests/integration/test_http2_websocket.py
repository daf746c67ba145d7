"""WebSockets over HTTP/2 (RFC 8441): asked for with CONNECT, towards the service as they always were."""
import hashlib
import hmac
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import unittest

sys.path.append("/usr/lib/python3/dist-packages")   # where Debian puts h2, for a python that came from elsewhere

import h2.config  # noqa: E402
import h2.connection  # noqa: E402
import h2.events  # noqa: E402
import h2.settings  # noqa: E402

from support import certificates, tokens
from support.h2 import NO_ERROR, PROTOCOL_ERROR, H2Client, metric
from support.process import ROOT, free_ports
from support.redis import cli
from support.scenario import sanitized
from support.wait import wait_until, writable
from support.websocket import KEY, NPM, Node, Socket, accept_of, frame, have_npm
from test_websocket import MASK, WebSocketScenario

OFFERED = 8   # SETTINGS_ENABLE_CONNECT_PROTOCOL


class StreamSocket(Socket):
    """A WebSocket on a stream of an H2Client, with the manners of one on a connection."""

    def __init__(self, client, stream):
        self.client, self.stream, self.data = client, stream, b""

    @property
    def answer(self):
        return self.client.answer(self.stream)

    def send(self, data):
        self.client.upload(self.stream, data, end=False)

    def more(self):
        self.client.wait(lambda: self.answer.body or self.answer.over, "bytes or an end")
        if not self.answer.body:
            raise EOFError
        self.data += bytes(self.answer.body)
        self.answer.body.clear()

    def quiet(self, seconds):
        self.client.settle(seconds)
        return not self.answer.body and not self.answer.over

    def close(self):
        self.client.send(self.client.data_frame(self.stream, b"", True))

    def reset(self):
        self.client.reset(self.stream)


class OverHttp2(WebSocketScenario):
    def connection(self, gateway, **options):
        client = H2Client(gateway.port, **options)
        self.addCleanup(client.close)
        client.wait(lambda: client.settings, "SETTINGS")
        return client

    def fields(self, client, path="/api/v1/s0/ws", protocol="websocket", version="13", extra=()):
        fields = client.head(path=path, method="CONNECT")
        if protocol is not None:
            fields.insert(1, (":protocol", protocol))
        return fields + ([("sec-websocket-version", version)] if version else []) + list(extra)

    def ask(self, client, **request):
        """The status that it is answered with, or the code of the reset."""
        stream = client.request(self.fields(client, **request), end=False)
        client.wait(lambda: client.answer(stream).heads or client.answer(stream).reset is not None, "an answer")
        answer = client.answer(stream)
        return stream, answer.status if answer.heads else -answer.reset

    def open_on(self, client, service, **request):
        stream, status = self.ask(client, **request)
        self.assertEqual(200, status)
        behind = service.next()
        self.addCleanup(behind.close)
        return StreamSocket(client, stream), behind

    def pair(self, gateway, service, token=None):
        extra = [("authorization", "Bearer " + token)] if token else []
        return self.open_on(self.connection(gateway), service, extra=extra)

    def line(self, gateway):
        """The access line of the first WebSocket that has ended."""
        return wait_until(lambda: next((l for l in gateway.lines if l.get("path") == "/api/v1/s0/ws"), None), 5, "its line")

    def assertClosed(self, client, code, reason):
        super().assertClosed(client, code, reason)
        self.assertTrue(client.answer.ended)

    # ---- the handshake

    def test_is_offered_where_a_route_takes_websockets(self):
        service = self.service()
        self.assertEqual(1, self.connection(self.run_gateway(service)).settings.get(OFFERED))
        gateway = self.start(self.config(service.url).replace("    websocket: {}\n", ""))
        client = self.connection(gateway)
        self.assertNotIn(OFFERED, client.settings)
        self.assertEqual(-PROTOCOL_ERROR, self.ask(client)[1])
        self.assertEqual(404, client.get("/nowhere").status)   # the connection goes on
        self.assertEqual([], service.heads)

    def test_the_service_sees_the_handshake_of_http_1(self):
        service = self.service()
        gateway = self.run_gateway(service)
        client = self.connection(gateway)
        socket_, _ = self.open_on(client, service, path="/api/v1/s0/ws?a=1", extra=[
            ("sec-websocket-key", KEY), ("sec-websocket-protocol", "chat"), ("x-user-id", "me"), ("cookie", "a=1"), ("cookie", "b=2")])
        self.open_on(client, service)
        head = service.heads[0].split("\r\n")
        lower = [line.lower() for line in head]
        self.assertEqual("GET /up/ws?a=1 HTTP/1.1", head[0])
        for line in ("connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13", "sec-websocket-protocol: chat",
                     "cookie: a=1; b=2", "x-forwarded-proto: http"):
            self.assertEqual(1, lower.count(line), line)
        keys = [[line for line in one.split("\r\n") if line.lower().startswith("sec-websocket-key")] for one in service.heads]
        self.assertEqual([1, 1], [len(k) for k in keys])
        self.assertNotEqual(keys[0], keys[1])
        self.assertNotIn(KEY, keys[0][0])
        for name in ("x-user-id", "content-length", "transfer-encoding", ":"):
            self.assertEqual([], [line for line in lower[1:] if line.startswith(name)])
        fields = socket_.answer.fields
        for name in ("upgrade", "connection", "sec-websocket-accept", "content-length", "transfer-encoding"):
            self.assertNotIn(name, fields)
        self.assertIn("x-request-id", fields)

    def test_the_handshake_is_signed_as_the_service_sees_it(self):
        service = self.service()
        secret = "a secret of the services, longer than 32 bytes"
        gateway = self.run_gateway(service, environment={"INTERNAL_HMAC_SECRET": secret})
        self.open_on(self.connection(gateway), service, path="/api/v1/s0/ws?a=1")
        lines = service.heads[0].split("\r\n")[1:]
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        text = ":".join(("api-gateway", fields["x-internal-timestamp"], fields["x-internal-nonce"], "GET", "/up/ws?a=1", ""))
        self.assertEqual(hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest(), fields["x-internal-signature"])

    def test_whoever_asks_wrongly_is_refused_and_the_service_hears_nothing(self):
        service = self.service()
        gateway = self.run_gateway(service)
        client = self.connection(gateway)
        for expected, request in (
                (426, {"version": "8"}), (426, {"version": None}), (501, {"protocol": "connect-udp"}),
                (501, {"path": "/api/v1/s1/ws"}), (404, {"path": "/nowhere"}), (405, {"path": "/health"}),
                (400, {"extra": [("content-length", "5")]}), (400, {"path": "/api/v1/s0/%2e%2e/x%2fy"}),
                (-PROTOCOL_ERROR, {"protocol": ""}), (-PROTOCOL_ERROR, {"protocol": "a b"}),
                (-PROTOCOL_ERROR, {"protocol": None}),                      # a CONNECT with :path
                (-PROTOCOL_ERROR, {"extra": [("upgrade", "websocket")]}),
                (-PROTOCOL_ERROR, {"extra": [(":protocol", "websocket")]})):
            self.assertEqual(expected, self.ask(client, **request)[1], request)
        plain = client.request([(":method", "CONNECT"), (":authority", "a:443")])
        self.assertEqual(405, client.finish(plain).status)
        get = client.request([(":method", "GET"), (":protocol", "websocket"), *client.head()[1:]])
        self.assertEqual(PROTOCOL_ERROR, client.finish(get).reset)
        for missing in (":scheme", ":authority", ":path"):
            stream = client.request([f for f in self.fields(client) if f[0] != missing], end=False)
            self.assertEqual(PROTOCOL_ERROR, client.finish(stream).reset, missing)
        self.assertEqual([], service.heads)
        client.ping()

    def test_it_passes_the_stages_of_any_request(self):
        service = self.service()
        gateway = self.run_gateway(service, more="", websocket="{origins: ['https://app.example']}")
        client = self.connection(gateway)
        bearer = ("authorization", "Bearer " + tokens.token_of(1))
        for status, extra in ((401, []), (403, [bearer, ("origin", "https://evil.example")]),
                              (403, [bearer, ("x-tenant-id", tokens.OTHER_TENANT)])):
            self.assertEqual(status, self.ask(client, extra=extra)[1], extra)
        self.assertEqual([], service.heads)
        self.open_on(client, service, extra=[bearer, ("origin", "https://app.example")])
        self.assertIn("X-User-Id: user-1", service.heads[0])
        cli(self.resp_port, "SET", "maintenance:mode", "read-only")
        wait_until(lambda: client.finish(client.request(client.head("/nowhere", "POST"))).status == 503, 5, "nothing is to be written")
        self.open_on(client, service, extra=[bearer])
        cli(self.resp_port, "SET", "maintenance:mode", "down")
        wait_until(lambda: self.ask(client, extra=[bearer])[1] == 503, 5, "the house is closed")

    def test_a_service_that_does_not_agree_is_no_tunnel(self):
        service = self.service(answer=b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
        gateway = self.run_gateway(service)
        client = self.connection(gateway)
        stream, status = self.ask(client)
        self.assertEqual(403, status)
        self.assertEqual(b"no", bytes(client.finish(stream).body))
        for answer in ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", "HTTP/1.1 204 No\r\n\r\n",
                       f"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept_of(KEY)}\r\n\r\n",
                       "HTTP/1.1 101 Go\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"):
            service.answer = answer.encode()
            stream, status = self.ask(client)
            self.assertEqual(502, status, answer)
            client.finish(stream)

    # ---- the tunnel

    def test_bytes_go_both_ways_at_once_beside_other_requests_and_are_counted(self):
        service = self.service()
        gateway = self.run_gateway(service)
        client = self.connection(gateway)
        tunnels = [self.open_on(client, service) for _ in range(5)]
        one, behind = tunnels[0]
        up = b"".join(frame(os.urandom(size), mask=MASK) for size in (0, 1, 125, 126, 65535, 65536, 1_000_000))
        down = b"".join(frame(os.urandom(size)) for size in (0, 1, 125, 126, 65535, 65536, 2_000_000))
        sender = threading.Thread(target=behind.send, args=(down,))
        got = []
        reader = threading.Thread(target=lambda: got.append(behind.exactly(len(up))))
        sender.start()
        reader.start()
        one.send(up)
        self.assertTrue(one.exactly(len(down)) == down)
        sender.join(20)
        reader.join(20)
        self.assertTrue(got == [up])
        for number, (other, far) in enumerate(tunnels[1:]):
            other.send(frame(b"%d" % number, 1, MASK))
            self.assertEqual((1, b"%d" % number), far.frame())
            far.send(frame(b"re", 1))
            self.assertEqual((1, b"re"), other.frame())
        self.assertEqual(404, client.get("/nowhere").status)
        self.assertEqual(5, metric(gateway, "websocket_tunnels"))
        self.assertEqual(0, metric(gateway, "http_requests_in_progress", protocol="HTTP/2"))
        one.send(frame(b"\x03\xe8", 8, MASK))
        self.assertEqual((8, b"\x03\xe8"), behind.frame())
        behind.send(frame(b"\x03\xe8", 8))
        behind.close()
        self.assertEqual((8, b"\x03\xe8"), one.frame())
        self.assertEqual(b"", one.rest())
        self.assertTrue(one.answer.ended)
        one.close()
        line = self.line(gateway)
        self.assertEqual((len(up) + 8, len(down) + 4, "CONNECT", "/api/v1/s0/ws", "HTTP/2"),
                         (line["bytesIn"], line["bytesOut"], line["method"], line["path"], line["protocol"]))
        wait_until(lambda: metric(gateway, "websocket_tunnels") == 4, 5, "it is over")
        self.assertEqual(1, metric(gateway, "websocket_tunnels_ended_total", reason="service"))
        self.assertEqual(5, metric(gateway, "http_requests_total", status_code="200", method="CONNECT"))

    def test_each_side_learns_of_the_others_end(self):
        service = self.service()
        gateway = self.run_gateway(service)
        client = self.connection(gateway)
        one, behind = self.open_on(client, service)
        one.reset()
        self.assertEqual(b"", behind.rest())
        one, behind = self.open_on(client, service)
        behind.reset()
        self.assertEqual(b"", one.rest())
        one, behind = self.open_on(client, service)      # only its sending: the goodbye still comes
        one.send(frame(b"\x03\xe8", 8, MASK))
        one.close()
        self.assertEqual((8, b"\x03\xe8"), behind.frame())
        behind.send(frame(b"\x03\xe8", 8))
        behind.close()
        self.assertEqual((8, b"\x03\xe8"), one.frame())
        self.assertEqual(b"", one.rest())
        one, behind = self.open_on(client, service)      # fields in the middle are no part of it
        client.send(*client.header_frames(one.stream, [("x", "y")]))
        self.assertEqual(b"", behind.rest())
        one, behind = self.open_on(client, service)
        client.close()                                   # the connection takes all along
        self.assertEqual(b"", behind.rest())
        wait_until(lambda: metric(gateway, "websocket_tunnels") == 0, 5, "the tunnels are over")
        self.assertStops(gateway)

    def test_a_client_without_windows_holds_the_service_back_and_nobody_else(self):
        service = self.service()
        gateway = self.run_gateway(service)
        client = self.connection(gateway, windows=False)
        one, behind = self.open_on(client, service)
        before = gateway.rss_kb()
        behind.sock.setblocking(False)
        sent, quiet = 0, time.monotonic()
        while time.monotonic() - quiet < 0.5:
            try:
                sent += behind.sock.send(frame(bytes(65_000)))
                quiet = time.monotonic()
            except BlockingIOError:
                writable(behind.sock, 0.1)
        self.assertLess(sent, 20_000_000)
        if not sanitized():
            self.assertLess(gateway.rss_kb() - before, 2_000)
        self.assertEqual(404, client.get("/nowhere", method="HEAD").status)   # there is no window for a body

    def test_a_service_that_reads_nothing_stops_the_client_by_its_window(self):
        service = self.service()
        gateway = self.run_gateway(service)
        client = self.connection(gateway)
        one, behind = self.open_on(client, service)
        sent = 0
        try:
            while sent < 100_000_000:
                client.wait(lambda: client.allowed(one.stream) >= 16384, "room", 1)
                client.count(one.stream, 16384)
                client.send(client.data_frame(one.stream, bytes(16384)))
                sent += 16384
        except AssertionError:
            pass
        self.assertLess(sent, 60_000_000)
        self.assertEqual(sent, len(behind.exactly(sent)))

    def test_idle_ones_hold_little(self):
        count = 1000
        service = self.service()
        gateway = self.run_gateway(service)

        def some(connections):
            for _ in range(connections):
                client = self.connection(gateway)
                for _ in range(50):
                    self.open_on(client, service)
        some(4)
        before = gateway.rss_kb()
        some(count // 50)
        each = (gateway.rss_kb() - before) * 1024 / count
        if not sanitized():
            self.assertLess(each, 16384)
        print(f"       {each:.0f} bytes each")

    # ---- how it ends

    def test_idle_ones_and_old_ones_are_told_to_go(self):
        service = self.service()
        gateway = self.run_gateway(service, websocket="{idle_timeout_ms: 1000, lifetime_ms: 2500}")
        one, behind = self.pair(gateway, service)
        self.assertClosed(one, 1001, "idle")
        self.assertEqual(b"", behind.rest())
        one, behind = self.pair(gateway, service)
        began = time.monotonic()
        while one.quiet(0.4) and time.monotonic() - began < 5:
            behind.send(frame(b"busy"))
            self.assertEqual((2, b"busy"), one.frame())
        self.assertClosed(one, 1001, "lifetime")

    def test_bans_revocations_and_expiry_end_it(self):
        service = self.service()
        gateway = self.run_gateway(service, more="", environment={"JWT_CLOCK_SKEW": "0"})
        for key, reason, number in (("revoked:user:user-0", "token_revoked", 0), ("banned:user:user-1", "banned", 1)):
            one, behind = self.pair(gateway, service, tokens.token_of(number))
            message = frame(b"0123456789", 1)
            behind.send(message + message[:5])
            self.assertEqual(message + message[:5], one.exactly(len(message) + 5))
            value = str(int(time.time()) + 5) if key.startswith("revoked") else "1"
            self.assertEqual("OK", cli(self.resp_port, "SET", key, value, "EX", "60"))
            self.assertTrue(one.quiet(0.3))    # in the middle of a frame: not yet
            behind.send(message[5:])
            self.assertEqual(message[5:], one.exactly(len(message) - 5))
            self.assertClosed(one, 1008, reason)
        cli(self.resp_port, "DEL", "banned:user:user-1")
        expiring = tokens.bearer(exp=int(time.time()) + 2).split()[2]
        one, behind = self.pair(gateway, service, expiring)
        self.assertClosed(one, 1008, "token_expired")

    def test_a_drain_says_going_away_and_the_connection_ends(self):
        service = self.service()
        gateway = self.run_gateway(service, environment={"SHUTDOWN_DRAIN_MS": "300"})
        one, behind = self.pair(gateway, service)
        gateway.signal(signal.SIGTERM)
        self.assertClosed(one, 1001, "draining")
        self.assertEqual(NO_ERROR, one.client.wait_closed())
        self.assertEqual(0, gateway.process.wait(20))

    def test_a_reload_touches_it_only_when_its_route_goes(self):
        service = self.service()
        gateway = self.run_gateway(service)
        one, behind = self.pair(gateway, service)
        gateway.config.write_text(self.config(service.url) + "log_level: warn\n")
        gateway.signal(signal.SIGHUP)
        self.assertTrue(one.quiet(0.5))
        behind.send(frame(b"x"))
        self.assertEqual((2, b"x"), one.frame())
        gateway.config.write_text(self.config(service.url, name="other"))
        gateway.signal(signal.SIGHUP)
        self.assertClosed(one, 1001, "reconfigured")

    # ---- clients of other hands

    def test_python_h2_over_tls(self):
        service = self.service()
        cert, key = certificates.make(self.folder, "own", ["a.test"])
        port = free_ports(1)[0]
        gateway = self.run_gateway(service, environment={"TLS_PORT": str(port), "TLS_CERT_FILE": str(cert),
                                                         "TLS_KEY_FILE": str(key)})
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cert)
        context.set_alpn_protocols(["h2"])
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname="a.test") as sock:
            connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
            connection.initiate_connection()
            seen, body = [], b""

            def until(kind):
                nonlocal body
                while not any(isinstance(event, kind) for event in seen):
                    sock.sendall(connection.data_to_send())
                    for event in connection.receive_data(sock.recv(65536)):
                        seen.append(event)
                        if isinstance(event, h2.events.DataReceived):
                            body += event.data
                return next(event for event in seen if isinstance(event, kind))
            until(h2.events.RemoteSettingsChanged)
            self.assertEqual(1, connection.remote_settings.enable_connect_protocol)
            connection.send_headers(1, [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"),
                                        (":path", "/api/v1/s0/ws"), (":authority", "a.test"), ("sec-websocket-version", "13")])
            self.assertIn((":status", "200"), until(h2.events.ResponseReceived).headers)
            behind = service.next()
            connection.send_data(1, frame(b"hello", 1, MASK))
            sock.sendall(connection.data_to_send())
            self.assertEqual((1, b"hello"), behind.frame())
            behind.send(frame(b"hello yourself", 1))
            until(h2.events.DataReceived)
            self.assertEqual(frame(b"hello yourself", 1), body)
            connection.end_stream(1)
            sock.sendall(connection.data_to_send())
            behind.close()
            until(h2.events.StreamEnded)
        self.assertStops(gateway)

    @unittest.skipUnless(have_npm(), "npm ci in tests/npm brings what this needs")
    def test_node_and_npms_ws_over_tls(self):
        behind = Node("ws_service.mjs")
        self.addCleanup(behind.close)
        cert, key = certificates.make(self.folder, "own", ["a.test"])
        port = free_ports(1)[0]
        gateway = self.start(self.config(f"http://127.0.0.1:{behind.event('port')['port']}"), environment={
            "TLS_PORT": str(port), "TLS_CERT_FILE": str(cert), "TLS_KEY_FILE": str(key)})
        client = Node("ws_h2_client.mjs", f"https://127.0.0.1:{port}/api/v1/s0/ws", str(cert))
        self.addCleanup(client.close)
        client.event("open")
        client.order(text="grüße")
        self.assertEqual("grüße", client.event("message")["message"])
        for size in (0, 125, 126, 65535, 65536, 2_000_000):
            client.order(binary=size)
            self.assertEqual(size, client.event("message")["message"])
        client.order(ping=True)
        client.event("pong")
        client.order(close=4001)
        self.assertEqual(4001, client.event("closed")["closed"])
        self.assertEqual("HTTP/2", self.line(gateway)["protocol"])
        self.assertStops(gateway)

    @unittest.skipUnless(shutil.which("chromium") and (ROOT / "console/node_modules/playwright-core").is_dir() and have_npm(),
                         "apt-get install chromium, and npm ci in console and tests/npm, bring what this needs")
    def test_a_browser(self):
        """Chromium opens it on the connection that it has."""
        behind = Node("ws_service.mjs")
        self.addCleanup(behind.close)
        cert, key = certificates.make(self.folder, "own", ["localhost"])
        port = free_ports(1)[0]
        text = self.config(f"http://127.0.0.1:{behind.event('port')['port']}").replace(
            "    path: /api/v1/s1/**\n    service: origin\n", "    path: /api/v1/s1/**\n    service: pages\n").replace(
            "routes:\n", f"  pages:\n    url: {self.origin.url}\nroutes:\n")
        gateway = self.start(text, environment={"TLS_PORT": str(port), "TLS_CERT_FILE": str(cert), "TLS_KEY_FILE": str(key)})
        place = {"browser": shutil.which("chromium"), "page": f"https://localhost:{port}/api/v1/s1/text",
                 "socket": f"wss://localhost:{port}/api/v1/s0/ws"}
        done = subprocess.run(["node", "--input-type=module"], input=(NPM / "browser_websocket.mjs").read_text(), text=True,
                              cwd=ROOT / "console", env=os.environ | {"PLACE": json.dumps(place)}, capture_output=True, timeout=90)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual({"protocol": "h2", "messages": ["grüße", 200000], "code": 4001, "clean": True}, json.loads(done.stdout))
        line = self.line(gateway)
        self.assertEqual(("CONNECT", "HTTP/2"), (line["method"], line["protocol"]))
