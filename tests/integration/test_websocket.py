"""WebSockets through the gateway: the handshake is a request, what follows it is carried, and the gateway can end it."""
import json
import os
import signal
import threading
import time
import unittest

from support import tokens
from support.h2 import metric
from support.process import ask, free_ports
from support.redis import cli
from support.scenario import Scenario, sanitized
from support.wait import readable, wait_until, writable
from support.websocket import KEY, Node, Service, accept_of, connect, frame, have_npm, request

OPEN = "    authenticate: {public: [/**]}\n"
MASK = b"\x01\x02\x03\x04"


def code_of(payload):
    return int.from_bytes(payload[:2], "big")


class WebSocketScenario(Scenario):
    environment = {}

    def config(self, url, websocket="{}", more=OPEN, name="chat", service=""):
        return (f"services:\n  origin:\n    url: {url}\n    connections_max: 100000\n{service}"
                f"routes:\n  - name: {name}\n    path: /api/v1/s0/**\n    service: origin\n    rewrite: /up\n"
                f"    timeout_ms: 2000\n    websocket: {websocket}\n{more}"
                f"  - name: plain\n    path: /api/v1/s1/**\n    service: origin\n    rewrite: /up\n{OPEN}")

    def service(self, **options):
        service = Service(**options)
        self.addCleanup(service.close)
        return service

    def run_gateway(self, service, **options):
        environment = options.pop("environment", {})
        self.resp_port = free_ports(1)[0]
        environment = {"RESP_PORT": str(self.resp_port), "WORKERS": "1"} | self.environment | environment
        return self.start(self.config(service.url, **options), environment=environment)

    def client(self, gateway, **options):
        client = connect(gateway.port, **options)
        self.addCleanup(client.close)
        return client

    def open(self, gateway, service, **handshake):
        """Both ends of a WebSocket."""
        client = self.client(gateway)
        client.send(request(**handshake))
        head = client.head()
        self.assertTrue(head.startswith("HTTP/1.1 101 "), head)
        behind = service.next()
        self.addCleanup(behind.close)
        return client, behind

    def lines(self, gateway, count=1, status=101):
        def found():
            lines = [l for l in gateway.lines if l.get("status") == status and "durationMs" in l]
            return lines if len(lines) >= count else None
        return wait_until(found, 5, f"{count} access lines with {status}")

    def assertClosed(self, client, code, reason):
        opcode, payload = client.frame()
        self.assertEqual((8, code, reason), (opcode, code_of(payload), payload[2:].decode()))
        self.assertEqual(b"", client.rest())


class Handshake(WebSocketScenario):
    def test_the_service_sees_an_upgrade_that_the_gateway_wrote(self):
        service = self.service()
        gateway = self.run_gateway(service)
        client, _ = self.open(gateway, service, target="/api/v1/s0/ws?a=1", upgrade="WebSocket, h2c",
                              connection="Upgrade, X-Secret, HTTP2-Settings",
                              extra="X-Secret: 1\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nX-User-Id: me\r\n"
                                    "Sec-WebSocket-Protocol: chat\r\n")
        head = service.heads[0].lower().split("\r\n")
        self.assertEqual("get /up/ws?a=1 http/1.1", head[0])
        self.assertEqual(["connection: upgrade"], [l for l in head if l.startswith("connection:")])
        self.assertEqual(["upgrade: websocket"], [l for l in head if l.startswith("upgrade:")])
        self.assertIn("sec-websocket-protocol: chat", head)
        for name in ("x-secret", "http2-settings", "x-user-id", "content-length", "transfer-encoding"):
            self.assertEqual([], [l for l in head if l.startswith(name)])

    def test_the_client_gets_the_gateways_own_upgrade(self):
        service = self.service(answer=(
            "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: keep-alive, upgrade, X-Hop\r\nX-Hop: 1\r\n"
            f"Sec-WebSocket-Accept: {accept_of(KEY)}\r\nServer: me\r\nX-App: 7\r\n\r\n").encode())
        gateway = self.run_gateway(service)
        client = self.client(gateway)
        client.send(request())
        head = client.head().split("\r\n")
        self.assertEqual(1, head.count("Connection: Upgrade"))
        self.assertEqual(1, head.count("Upgrade: websocket"))
        self.assertIn(f"Sec-WebSocket-Accept: {accept_of(KEY)}", head)
        self.assertIn("X-App: 7", head)
        self.assertTrue(any(l.startswith("X-Request-Id: ") for l in head))
        for name in ("x-hop", "server", "content-length", "transfer-encoding"):
            self.assertEqual([], [l for l in head if l.lower().startswith(name)])

    def test_whoever_asks_wrongly_is_refused_and_the_service_hears_nothing(self):
        service = self.service()
        gateway = self.run_gateway(service)
        wrong = [
            (400, {"key": None}), (400, {"key": "short"}), (400, {"key": KEY + "="}), (400, {"key": KEY[:-1] + "A"}),
            (400, {"extra": f"Sec-WebSocket-Key: {KEY}\r\n"}), (400, {"connection": "keep-alive"}),
            (400, {"connection": None}), (400, {"method": "POST"}), (400, {"method": "PUT"}),
            (426, {"version": "8"}), (426, {"version": None}), (426, {"version": "13, 8"}),
            (426, {"extra": "Sec-WebSocket-Version: 13\r\n"}),
            (400, {"extra": "Content-Length: 5\r\n"}), (400, {"extra": "Transfer-Encoding: chunked\r\n"}),
        ]
        for status, handshake in wrong:
            client = self.client(gateway)
            client.send(request(**handshake) + b"GET /api/v1/s1/smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
            head = client.head()
            self.assertTrue(head.startswith(f"HTTP/1.1 {status} "), (handshake, head))
            self.assertIn("close", head)
            if status == 426:
                self.assertIn("Sec-WebSocket-Version: 13", head)
                self.assertIn("Connection: close, Upgrade", head)
            self.assertEqual(0, client.rest().count(b"HTTP/1.1 "))
        self.assertEqual([], service.heads)

    def test_any_other_upgrade_is_ignored(self):
        service = self.service(answer=b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
        gateway = self.run_gateway(service)
        for target, upgrade in (("/api/v1/s0/x", "h2c"), ("/api/v1/s0/x", "websockets"), ("/api/v1/s0/x", "TLS/1.0"),
                                ("/api/v1/s1/x", "websocket"), ("/api/v1/s1/x", "h2c")):
            client = self.client(gateway)
            client.send(request(target=target, upgrade=upgrade, extra="HTTP2-Settings: AAMAAABkAAQAAP__\r\n"))
            self.assertTrue(client.head().startswith("HTTP/1.1 200 "), (target, upgrade))
            head = service.heads[-1].lower()
            for name in ("upgrade", "http2-settings"):
                self.assertNotIn(f"\r\n{name}:", head)
            self.assertNotIn("connection: upgrade", head)
        client = self.client(gateway)
        client.send(request().replace(b"HTTP/1.1", b"HTTP/1.0"))
        self.assertTrue(client.head().startswith("HTTP/1.1 200 "))

    def test_a_service_that_does_not_agree_properly_is_a_bad_gateway(self):
        good = accept_of(KEY)
        answers = [
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept_of('other')}\r\n",
            "Upgrade: websocket\r\nConnection: Upgrade\r\n",
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {good}\r\nSec-WebSocket-Accept: {good}\r\n",
            f"Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {good}\r\n",
            f"Upgrade: websocket, h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {good}\r\n",
            f"Upgrade: websocket\r\nSec-WebSocket-Accept: {good}\r\n",
            f"Connection: Upgrade\r\nSec-WebSocket-Accept: {good}\r\n",
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {good}\r\nSec-WebSocket-Protocol: x\r\n",
        ]
        self.refuses_all_of(answers)

    def test_a_service_chooses_one_of_the_subprotocols_that_were_offered_to_the_letter(self):
        good = accept_of(KEY)
        self.refuses_all_of([f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {good}\r\n{chosen}" for chosen in (
            "Sec-WebSocket-Protocol: CHAT\r\n", "Sec-WebSocket-Protocol: chat, other\r\n", "Sec-WebSocket-Protocol:\r\n",
            "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: other\r\n",
            "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n")])

    def refuses_all_of(self, answers):
        service = self.service(behind=frame(b"for nobody"))
        gateway = self.run_gateway(service)
        for answer in answers:
            service.answer = f"HTTP/1.1 101 Switching Protocols\r\n{answer}\r\n".encode()
            client = self.client(gateway)
            client.send(request(extra="Sec-WebSocket-Protocol: chat, other\r\n") + frame(b"early", mask=MASK))
            self.assertTrue(client.head().startswith("HTTP/1.1 502 "), answer)
            self.assertNotIn(b"nobody", client.rest())
            self.assertEqual(b"", service.next().rest())
            client.close()

    def test_a_service_that_refuses_is_an_answer_and_never_a_tunnel(self):
        service = self.service(answer=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")
        gateway = self.run_gateway(service)
        client = self.client(gateway)
        client.send(request())
        self.assertTrue(client.head().startswith("HTTP/1.1 200 "))
        self.assertEqual(b"no", client.exactly(2))
        client.send(b"GET /api/v1/s1/internal HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(b"", client.rest())
        self.assertEqual(b"", service.next().rest())
        self.assertEqual(1, len(service.heads))

    def test_bytes_behind_the_request_wait_until_the_service_has_agreed(self):
        service = Service(answer=b"")
        self.addCleanup(service.close)
        gateway = self.run_gateway(service)
        client = self.client(gateway)
        early = b"".join(frame(bytes([n]) * 100, mask=MASK) for n in range(20))
        client.send(request() + early)
        behind = service.next()
        self.assertFalse(readable(behind.sock, 0.3))
        behind.send(f"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: {accept_of(KEY)}\r\n\r\n".encode()
                    + frame(b"hello"))
        self.assertTrue(client.head().startswith("HTTP/1.1 101 "))
        self.assertEqual((2, b"hello"), client.frame())
        self.assertEqual(early, behind.exactly(len(early)))

    def test_a_service_that_says_nothing_is_a_timeout_and_one_that_is_away_a_bad_gateway(self):
        service = Service(answer=b"")
        self.addCleanup(service.close)
        gateway = self.run_gateway(service)
        client = self.client(gateway)
        client.send(request())
        self.assertTrue(client.head().startswith("HTTP/1.1 504 "))
        service.close()
        client = self.client(gateway)
        client.send(request())
        self.assertTrue(client.head().startswith("HTTP/1.1 50"))

    def test_it_passes_the_stages_of_any_request(self):
        service = self.service()
        gateway = self.run_gateway(service, more="", websocket="{origins: ['https://app.example']}",
                                   environment={"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT_MAX": "3"})
        for status, extra in ((401, ""), (401, tokens.bearer(exp=int(time.time()) - 100)),
                              (403, tokens.bearer() + "Origin: https://evil.example\r\n"),
                              (403, tokens.bearer() + f"X-Tenant-Id: {tokens.OTHER_TENANT}\r\n")):
            client = self.client(gateway)
            client.send(request(extra=extra))
            self.assertTrue(client.head().startswith(f"HTTP/1.1 {status} "), extra)
        self.assertEqual([], service.heads)
        header = tokens.bearer() + "Origin: https://app.example\r\n"
        self.open(gateway, service, extra=header)
        self.assertIn("X-User-Id: user-1", service.heads[0])
        answers = []
        for _ in range(4):
            client = self.client(gateway)
            client.send(request(extra=header))
            answers.append(client.head()[9:12])
        self.assertIn("429", answers)


class Tunnel(WebSocketScenario):
    def test_bytes_go_both_ways_at_once_and_are_counted(self):
        service = self.service()
        gateway = self.run_gateway(service)
        client, behind = self.open(gateway, service)
        up = b"".join(frame(os.urandom(size), mask=MASK) for size in (0, 1, 125, 126, 65535, 65536, 3_000_000))
        down = b"".join(frame(os.urandom(size)) for size in (0, 1, 125, 126, 65535, 65536, 4_000_000))
        senders = [threading.Thread(target=client.send, args=(up,)), threading.Thread(target=behind.send, args=(down,))]
        got = {}
        readers = [threading.Thread(target=lambda: got.update(down=client.exactly(len(down)))),
                   threading.Thread(target=lambda: got.update(up=behind.exactly(len(up))))]
        for thread in senders + readers:
            thread.start()
        for thread in senders + readers:
            thread.join(20)
        self.assertTrue(got["up"] == up and got["down"] == down)
        self.assertEqual(1, metric(gateway, "websocket_tunnels"))
        self.assertEqual(0, metric(gateway, "http_requests_in_progress", protocol="HTTP/1.1"))
        self.assertEqual([], [l for l in gateway.lines if l.get("status") == 101])
        client.send(frame(b"\x03\xe8", 8, MASK))
        self.assertEqual((8, b"\x03\xe8"), behind.frame())
        behind.send(frame(b"\x03\xe8", 8))
        behind.close()
        self.assertEqual((8, b"\x03\xe8"), client.frame())
        self.assertEqual(b"", client.rest())
        client.close()
        line = self.lines(gateway)[0]
        self.assertEqual((len(up) + 8, len(down) + 4, "GET", "/api/v1/s0/ws", "/api/v1/s0/**", "origin", "HTTP/1.1"),
                         (line["bytesIn"], line["bytesOut"], line["method"], line["path"], line["route"],
                          line["upstream"], line["protocol"]))
        self.assertGreater(line["durationMs"], line["upstreamMs"])
        wait_until(lambda: metric(gateway, "websocket_tunnels") == 0, 5, "the tunnel is over")
        self.assertEqual(1, metric(gateway, "websocket_tunnels_ended_total", reason="service"))
        self.assertEqual(len(up) + 8, metric(gateway, "websocket_bytes_total", direction="in"))
        self.assertEqual(len(down) + 4, metric(gateway, "websocket_bytes_total", direction="out"))
        self.assertEqual(1, metric(gateway, "http_requests_total", status_code="101", route="/api/v1/s0/**"))
        self.assertStops(gateway)

    def test_each_message_goes_on_at_once(self):
        service = self.service()
        gateway = self.run_gateway(service)
        client, behind = self.open(gateway, service)
        for number in range(50):
            client.send(frame(str(number).encode(), 1, MASK))
            self.assertEqual((1, str(number).encode()), behind.frame())
            behind.send(frame(b"re " + str(number).encode(), 1))
            self.assertEqual((1, b"re " + str(number).encode()), client.frame())

    def test_a_client_that_reads_nothing_holds_the_service_back_and_not_the_gateways_memory(self):
        service = self.service()
        gateway = self.run_gateway(service)
        client, behind = self.open(gateway, service)
        before = gateway.rss_kb()
        block = frame(bytes(65_000))
        behind.sock.setblocking(False)
        sent = 0
        quiet = time.monotonic()
        while time.monotonic() - quiet < 0.5:
            try:
                sent += behind.sock.send(block)
                quiet = time.monotonic()
            except BlockingIOError:
                writable(behind.sock, 0.1)
        self.assertLess(sent, 60_000_000)
        if not sanitized():
            self.assertLess(gateway.rss_kb() - before, 2_000)
        self.assertEqual(sent, len(client.exactly(sent)))

    def test_each_side_learns_of_the_others_end(self):
        service = self.service()
        gateway = self.run_gateway(service)
        for number, end in enumerate(("close", "reset")):
            client, behind = self.open(gateway, service)
            getattr(client, end)()
            self.assertEqual(b"", behind.rest())
            client, behind = self.open(gateway, service)
            getattr(behind, end)()
            self.assertEqual(b"", client.rest())
            client.close()
            wait_until(lambda: metric(gateway, "websocket_tunnels") == 0, 5, "the tunnels are over")
        # Whose end it was stands first, also where a side broke.
        self.assertEqual(["upstream: client", "upstream: client: connection reset", "upstream: service",
                          "upstream: service: connection reset"], sorted(l["outcome"] for l in self.lines(gateway, 4)))

    def test_a_client_that_only_ended_its_sending_still_gets_the_services_goodbye(self):
        service = self.service()
        gateway = self.run_gateway(service)
        client, behind = self.open(gateway, service)
        client.send(frame(b"\x03\xe8", 8, MASK))
        client.sock.shutdown(1)
        self.assertEqual((8, b"\x03\xe8"), behind.frame())
        for piece in (b"\x88", b"\x02\x03", b"\xe8"):
            behind.send(piece)
            time.sleep(0.05)    # allow(sleep): the service's pace
        behind.close()
        self.assertEqual((8, b"\x03\xe8"), client.frame())
        self.assertEqual(b"", client.rest())

    def test_idle_ones_hold_no_buffers(self):
        count = 2_000
        service = self.service(backlog=4096)
        gateway = self.run_gateway(service)
        def some(number):
            pairs = []
            for _ in range(number):
                client = connect(gateway.port)
                client.send(request())
                pairs.append((client, service.next()))
                client.head()
            return pairs
        pairs = some(200)
        before = gateway.rss_kb()
        pairs += some(count)
        each = (gateway.rss_kb() - before) * 1024 / count
        if not sanitized():
            self.assertLess(each, 4096)
        print(f"       {each:.0f} bytes each")
        for number in (0, 100, count):
            client, behind = pairs[number]
            client.send(frame(b"x", 1, MASK))
            self.assertEqual((1, b"x"), behind.frame())
        for client, behind in pairs:
            client.close()
            behind.close()
        wait_until(lambda: metric(gateway, "websocket_tunnels") == 0, 10, "the tunnels are over")
        self.assertStops(gateway)


class Ended(WebSocketScenario):
    def test_idle_ones_and_old_ones_are_told_to_go(self):
        service = self.service()
        gateway = self.run_gateway(service, websocket="{idle_timeout_ms: 1000, lifetime_ms: 2500}")
        client, behind = self.open(gateway, service)
        began = time.monotonic()
        self.assertClosed(client, 1001, "idle")
        self.assertTrue(0.9 < time.monotonic() - began < 2.4)
        self.assertEqual(b"", behind.rest())
        client, behind = self.open(gateway, service)
        began = time.monotonic()
        while not readable(client.sock, 0.4):
            behind.send(frame(b"busy"))
            self.assertEqual((2, b"busy"), client.frame())
            if time.monotonic() - began > 5:
                break
        self.assertClosed(client, 1001, "lifetime")
        self.assertTrue(2.4 < time.monotonic() - began < 4)
        self.assertEqual(["idle", "lifetime"], [l["outcome"].split(": ")[-1] for l in self.lines(gateway, 2)])

    def test_a_token_takes_its_websocket_along_when_it_expires(self):
        service = self.service()
        gateway = self.run_gateway(service, more="", environment={"JWT_CLOCK_SKEW": "0"})
        client, behind = self.open(gateway, service, extra=tokens.bearer(exp=int(time.time()) + 2))
        self.assertClosed(client, 1008, "token_expired")
        self.assertEqual(b"", behind.rest())
        self.assertEqual("user-1", self.lines(gateway)[0]["userId"])

    def test_bans_and_revocations_end_it_between_two_frames(self):
        service = self.service()
        gateway = self.run_gateway(service, more="")
        for key, reason, number in (("revoked:user:user-0", "token_revoked", 0), ("banned:user:user-1", "banned", 1),
                                    ("banned:tenant:" + f"1b9d6bcd-bbfd-4b2d-9b5d-{2:012x}", "banned", 2)):
            header = f"Authorization: Bearer {tokens.token_of(number)}\r\n"
            client, behind = self.open(gateway, service, extra=header)
            other, _ = self.open(gateway, service, extra=f"Authorization: Bearer {tokens.token_of(50 + number)}\r\n")
            message = frame(b"0123456789", 1)
            behind.send(message + message[:5])
            self.assertEqual(message + message[:5], client.exactly(len(message) + 5))
            value = str(int(time.time()) + 5) if key.startswith("revoked") else "1"
            self.assertEqual("OK", cli(self.resp_port, "SET", key, value, "EX", "60"))
            self.assertFalse(readable(client.sock, 0.3))    # in the middle of a frame: not yet
            behind.send(message[5:])
            self.assertEqual(message[5:], client.exactly(len(message) - 5))
            self.assertClosed(client, 1008, reason)
            self.assertFalse(readable(other.sock, 0.05))
        wait_until(lambda: metric(gateway, "websocket_tunnels_ended_total", reason="banned") == 2, 5, "both are counted")

    def test_a_frame_that_never_ends_does_not_keep_who_was_banned(self):
        service = self.service()
        gateway = self.run_gateway(service, more="")
        client, behind = self.open(gateway, service, extra=tokens.bearer())
        behind.send(b"\x82\x7f" + (1 << 40).to_bytes(8, "big") + b"begun")
        client.exactly(15)
        cli(self.resp_port, "SET", "banned:user:user-1", "1", "EX", "60")
        began = time.monotonic()
        self.assertEqual(b"", client.rest())
        self.assertLess(time.monotonic() - began, 5)
        self.lines(gateway)

    def test_behind_the_services_own_close_nothing_is_put(self):
        service = self.service()
        gateway = self.run_gateway(service, more="")
        client, behind = self.open(gateway, service, extra=tokens.bearer())
        behind.send(frame(b"\x0f\xa0bye", 8))
        self.assertEqual((8, b"\x0f\xa0bye"), client.frame())
        cli(self.resp_port, "SET", "banned:user:user-1", "1", "EX", "60")
        self.assertEqual(b"", client.rest())

    def test_a_drain_says_going_away_and_a_new_one_is_sent_elsewhere(self):
        service = self.service()
        gateway = self.run_gateway(service, environment={"SHUTDOWN_DRAIN_MS": "1500"})
        pairs = [self.open(gateway, service) for _ in range(20)]
        gateway.signal(signal.SIGTERM)
        wait_until(lambda: any(l.get("msg") == "draining" for l in gateway.lines), 5, "it drains")
        for client, behind in pairs[:3]:      # until the drain is over they work
            client.send(frame(b"x", 1, MASK))
            self.assertEqual((1, b"x"), behind.frame())
        late = self.client(gateway)
        late.send(request())
        self.assertTrue(late.head().startswith("HTTP/1.1 503 "))
        for client, behind in pairs:
            self.assertClosed(client, 1001, "draining")
            client.close()
        self.assertEqual(0, gateway.stop())
        self.assertEqual(20, len(self.lines(gateway, 20)))

    def test_a_reload_touches_only_websockets_whose_route_is_gone(self):
        service = self.service()
        gateway = self.run_gateway(service)
        client, behind = self.open(gateway, service)

        def reload(text, number):
            gateway.config.write_text(text)
            gateway.signal(signal.SIGHUP)
            wait_until(lambda: sum(l.get("msg") == "configuration reloaded" for l in gateway.events) == number, 5, "reload")
        for number in range(1, 4):
            reload(self.config(service.url, service=f"    age_max_ms: {1000 + number}\n"), number)
            client.send(frame(b"still", 1, MASK))
            self.assertEqual((1, b"still"), behind.frame())
        reload(self.config(service.url, name="other"), 4)
        self.assertClosed(client, 1001, "reconfigured")

    def test_what_is_down_for_maintenance_leaves_none_open(self):
        service = self.service()
        gateway = self.run_gateway(service)

        def becomes(*wanted):
            def said():
                health = json.loads(ask(gateway.port, "/health")[2])
                return health["maintenance"], health.get("maintenanceServices", {})
            wait_until(lambda: said() == wanted, 5, f"health says {wanted}")

        def opened():
            client = self.client(gateway)
            client.send(request())
            return client if client.head().startswith("HTTP/1.1 101 ") else None
        cli(self.resp_port, "SET", "maintenance:mode:elsewhere", "down")
        for key, mode, services in (("maintenance:mode", "read-only", {}), ("maintenance:mode:origin", "off", {"origin": "read-only"})):
            client = wait_until(opened, 5, "the house is open")
            behind = service.next()
            self.addCleanup(behind.close)
            cli(self.resp_port, "SET", key, "read-only")
            becomes(mode, services | {"elsewhere": "down"})
            client.send(frame(b"still", 1, MASK))
            self.assertEqual((1, b"still"), behind.frame())
            behind.send(frame(b"there", 1))
            self.assertEqual((1, b"there"), client.frame())
            cli(self.resp_port, "SET", key, "down")
            self.assertClosed(client, 1001, "maintenance")
            self.assertEqual(b"", behind.rest())
            cli(self.resp_port, "DEL", key)
        self.assertEqual({"upstream: maintenance"}, {l["outcome"] for l in self.lines(gateway, 2)})
        self.assertEqual(2, metric(gateway, "websocket_tunnels_ended_total", reason="maintenance"))

    def test_a_window_of_maintenance_that_a_reload_brings_ends_them(self):
        service = self.service()
        gateway = self.run_gateway(service)
        client, _ = self.open(gateway, service)
        gateway.config.write_text(self.config(service.url) +
                                  "maintenance: {windows: {now: {day: daily, from: '00:00', to: '00:00', mode: down, services: [origin]}}}\n")
        gateway.signal(signal.SIGHUP)
        self.assertClosed(client, 1001, "maintenance")

    def test_breakers_judge_only_the_handshake(self):
        service = self.service()
        gateway = self.run_gateway(service, environment={"CIRCUIT_BREAKER_VOLUME_THRESHOLD": "5"})
        for _ in range(30):
            client, behind = self.open(gateway, service)
            behind.reset()
            client.rest()
        self.assertEqual(0, metric(gateway, "circuit_breaker_state", upstream="origin"))


@unittest.skipUnless(have_npm(), "npm ci in tests/npm brings the client and the service that this needs")
class Ws(WebSocketScenario):
    """npm's `ws` on both ends."""

    def node(self, *arguments):
        node = Node(*arguments)
        self.addCleanup(node.close)
        return node

    def start_both(self, *arguments, **options):
        self.behind = self.node("ws_service.mjs", *arguments)
        port = self.behind.event("port")["port"]
        gateway = self.start(self.config(f"http://127.0.0.1:{port}", **options))
        return gateway

    def opened(self, gateway, **options):
        client = self.node("ws_client.mjs", f"ws://127.0.0.1:{gateway.port}/api/v1/s0/ws", json.dumps(options))
        return client, client.event("open")

    def test_messages_pings_and_the_end(self):
        gateway = self.start_both()
        client, opened = self.opened(gateway, protocols=["chat", "other"])
        self.assertEqual("chat", opened["protocol"])
        client.order(text="grüße")
        self.assertEqual("grüße", client.event("message")["message"])
        for size in (0, 125, 126, 65535, 65536, 2_000_000):
            client.order(binary=size)
            self.assertEqual(size, client.event("message")["message"])
        client.order(ping=True)
        client.event("pong")
        client.order(close=4001)
        self.assertEqual((4001, "done"), (lambda e: (e["closed"], e["reason"]))(self.behind.event("closed")))
        self.assertEqual(4001, client.event("closed")["closed"])

    def test_compressed_messages_and_a_flood_that_the_client_stops(self):
        gateway = self.start_both("perMessageDeflate")
        client, opened = self.opened(gateway)
        self.assertIn("permessage-deflate", opened["extensions"])
        client.order(count=True, pause=True)
        client.order(text="burst 3000 10000")
        client.order(resume=True)
        client.order(text="close 1000")
        end = client.event("closed", 30)
        self.assertEqual((1000, "as asked", 3000, 30_000_000),
                         (end["closed"], end["reason"], end["messages"], end["bytes"]))

    def test_what_the_gateway_says_is_understood(self):
        gateway = self.start_both(websocket="{idle_timeout_ms: 1000}")
        client, _ = self.opened(gateway)
        end = client.event("closed")
        self.assertEqual((1001, "idle"), (end["closed"], end["reason"]))
        client = self.node("ws_client.mjs", f"ws://127.0.0.1:{gateway.port}/api/v1/s1/ws")
        self.assertEqual(426, client.event("status")["status"])     # of ws, asked without an upgrade



if __name__ == "__main__":
    unittest.main()
