"""The console on the admin port: its files, who may listen, and that what is told is what clients did."""
import contextlib
import gzip
import http.client
import json
import pathlib
import re
import signal
import socket
import threading
import time

from support import tokens
from support.clients import Client
from support.process import ROOT
from support.wait import wait_until
from test_admin import OPERATOR, VIEWER, AdminCalls

POLICY = ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'")


class Listener:
    """Server-sent events, as they come."""

    def __init__(self, port, path="/admin/v1/live", token=OPERATOR):
        self.events = []
        self.ended = False
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        if self.status == 200:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        event = None
        try:
            while line := self.answer.readline():
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    self.events.append((event, json.loads(value)))
        except (OSError, ValueError, AttributeError):
            pass
        self.ended = True

    def all(self, event):
        return [data for name, data in self.events if name == event]

    def tick(self, condition=lambda tick: True, seconds=5, what="a tick"):
        """The first tick, of those to come, for which it holds."""
        seen = len(self.all("tick"))
        return wait_until(lambda: next((t for t in self.all("tick")[seen:] if condition(t)), None), seconds, what)

    def close(self):
        # Whoever reads meanwhile would hold it open until the next event.
        with contextlib.suppress(OSError, AttributeError):
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.connection.close()


class ConsoleCase(AdminCalls):
    def listen(self, gateway, **options):
        listener = Listener(gateway.admin_port, **options)
        self.addCleanup(listener.close)
        return listener

    def fetch(self, gateway, path, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", gateway.admin_port, timeout=5)
        connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body


class Files(ConsoleCase):
    def test_the_page_and_its_files_come_from_the_gateway_alone(self):
        gateway = self.start()
        answer, page = self.fetch(gateway, "/")
        self.assertEqual((200, "text/html; charset=utf-8"), (answer.status, answer.headers["Content-Type"]))
        for part in POLICY:
            self.assertIn(part, answer.headers["Content-Security-Policy"])
        self.assertNotIn("unsafe", answer.headers["Content-Security-Policy"])
        self.assertEqual(answer.headers["X-Request-Id"], answer.headers["X-Correlation-Id"])
        self.assertRegex(answer.headers["X-Request-Id"], "^[0-9a-f-]{36}$")
        self.assertEqual(("nosniff", "DENY", "no-referrer"), tuple(
            answer.headers[name] for name in ("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy")))
        text = page.decode()
        self.assertNotRegex(text, r"https?://|<style|style=|<script>|onload")
        for name in re.findall(r'(?:src|href)="([^"]+)"', text):
            self.assertEqual(200, self.fetch(gateway, name)[0].status, name)
        for path in (ROOT / "console/dist").iterdir():
            self.assertEqual(path.read_bytes(), self.fetch(gateway, "/" if path.name == "index.html" else f"/console/{path.name}")[1])

    def test_files_come_packed_to_those_who_ask_and_once(self):
        gateway = self.start()
        plain = self.fetch(gateway, "/console/console.js")
        packed = self.fetch(gateway, "/console/console.js", Accept_Encoding="gzip, br")
        self.assertEqual("gzip", packed[0].headers["Content-Encoding"])
        self.assertEqual(plain[1], gzip.decompress(packed[1]))
        self.assertIsNone(plain[0].headers["Content-Encoding"])
        self.assertEqual("Accept-Encoding", packed[0].headers["Vary"])
        again = self.fetch(gateway, "/console/console.js", If_None_Match=plain[0].headers["ETag"])
        self.assertEqual((304, b""), (again[0].status, again[1]))
        head = self.fetch(gateway, "/", "HEAD")
        self.assertEqual((200, b""), (head[0].status, head[1]))
        self.assertEqual(str((ROOT / "console/dist/index.html").stat().st_size), head[0].headers["Content-Length"])

    def test_there_is_nothing_else(self):
        gateway = self.start()
        for path in ("/console", "/console/", "/console/../admin.cpp", "/console/%2e%2e/x", "/index.html", "//"):
            self.assertEqual(404, self.fetch(gateway, path)[0].status, path)
        self.assertEqual(405, self.fetch(gateway, "/", "POST")[0].status)

    def test_runbooks_are_there(self):
        gateway = self.start()
        for path in (ROOT / "docs/runbooks").glob("*.md"):
            self.assertEqual(path.read_bytes(), self.fetch(gateway, f"/console/runbooks/{path.name}")[1])


class Live(ConsoleCase):
    def test_only_who_has_a_token_listens(self):
        gateway = self.start()
        for path in ("/admin/v1/live", "/admin/v1/tail"):
            self.assertRegex(self.listen(gateway, path=path).answer.headers["X-Request-Id"], "^[0-9a-f-]{36}$")
        for token in (None, "wrong", OPERATOR + "x"):
            self.assertEqual(401, self.listen(gateway, token=token).status)
        for token, role in ((OPERATOR, "operator"), (VIEWER, "viewer")):
            listener = self.listen(gateway, token=token)
            wait_until(lambda l=listener: l.all("hello"), 5, "hello")
            self.assertEqual(role, listener.all("hello")[0]["role"])
        # A token in the address opens nothing.
        self.assertEqual(401, self.fetch(gateway, f"/admin/v1/live?token={OPERATOR}")[0].status)

    def test_without_a_token_configured_nobody_listens(self):
        self.environment = {}
        gateway = self.start()
        self.assertEqual(404, self.listen(gateway, token="x").status)
        self.assertEqual(200, self.fetch(gateway, "/")[0].status)

    def test_what_is_told_is_what_clients_did(self):
        gateway = self.start()
        listener = self.listen(gateway, token=VIEWER)
        listener.tick()
        asked_before = sum(t["all"][0] for t in listener.all("tick"))   # is it ready?
        with Client(gateway.port) as client:
            for _ in range(7):
                client.get("/api/v1/s0/text")
            for _ in range(3):
                client.get("/api/v1/s0/status?code=500", tokens.bearer())
            client.get("/api/v1/s0/seen")
            client.get(f"/api/v1/tenants/{tokens.OTHER_TENANT}/text", tokens.bearer())
        wait_until(lambda: sum(t["all"][0] for t in listener.all("tick")) - asked_before == 12, 5, "all twelve are told")
        ticks = listener.all("tick")
        self.assertEqual(3, sum(t["all"][1] for t in ticks))
        self.assertEqual(2, sum(t["all"][2] for t in ticks))
        self.assertEqual(10, sum(t["services"].get("origin", [0])[0] for t in ticks))
        self.assertEqual(3, sum(t["services"].get("origin", [0, 0])[1] for t in ticks))
        self.assertEqual(1, sum(t["counts"].get("token.missing", 0) for t in ticks))
        self.assertEqual(1, sum(t["counts"].get("tenant.blocked", 0) for t in ticks))
        last = listener.tick()
        self.assertEqual([11, 3, 1], last["routeMinutes"]["/api/v1/s0/**"][:3])
        self.assertEqual([10, 3], last["serviceFacts"]["origin"]["minute"][:2])
        self.assertEqual("CLOSED", last["serviceFacts"]["origin"]["breaker"]["state"])
        self.assertTrue(last["serviceFacts"]["origin"]["endpoints"][0]["well"])
        events = [e for t in ticks for e in t["events"]]
        self.assertIn(("tenant_bypass", "user-1", "blocked", 403), [(e["kind"], e["user"], e["decision"], e["status"]) for e in events])
        # Whoever comes later is told the same.
        hello = wait_until(lambda: self.listen(gateway).all("hello"), 5, "hello")[0]
        self.assertLessEqual(12, sum(p[0] for p in hello["history"]["fine"]["all"]))
        self.assertEqual([e["n"] for e in events], [e["n"] for e in hello["events"]][:len(events)])
        route = next(r for r in hello["routes"] if r["name"] == "s0")
        self.assertEqual(("/api/v1/s0/**", "origin"), (route["path"], route["service"]))
        self.assertLess(route["stages"].index("banned"), route["stages"].index("authenticate"))

    def test_ticks_are_a_second_apart_and_numbered(self):
        gateway = self.start()
        listener = self.listen(gateway)
        wait_until(lambda: len(listener.all("tick")) >= 4, 8, "four ticks")
        ticks = listener.all("tick")
        hello = listener.all("hello")[0]
        self.assertEqual([hello["tick"] + 1 + i for i in range(len(ticks))], [t["tick"] for t in ticks])
        for one, two in zip(ticks, ticks[1:]):
            self.assertTrue(700 <= two["end"] - one["end"] <= 1700, (one["end"], two["end"]))
        self.assertLess(abs(ticks[-1]["end"] / 1000 - time.time()), 2)

    def test_listeners_are_bounded_and_give_back_their_place(self):
        gateway = self.start()
        listeners = [self.listen(gateway) for _ in range(16)]
        self.assertEqual([200] * 16, [l.status for l in listeners])
        self.assertEqual(503, self.listen(gateway).status)
        self.assertEqual(200, self.fetch(gateway, "/metrics")[0].status)
        for listener in listeners:
            listener.close()
        wait_until(lambda: self.listen(gateway).status == 200, 10, "there is room again", every=0.3)

    def test_who_does_not_read_is_dropped(self):
        gateway = self.start()
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", gateway.admin_port))
        self.addCleanup(slow.close)
        slow.sendall(f"GET /admin/v1/live HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {OPERATOR}\r\n\r\n".encode())
        # Events with long paths fill what the kernel keeps for it.
        deadline = time.monotonic() + 60
        long = "x" * 380
        while time.monotonic() < deadline:
            with Client(gateway.port) as client:
                for _ in range(300):
                    client.get(f"/api/v1/tenants/{tokens.OTHER_TENANT}/text", tokens.bearer() + f"X-Request-Id: {long[:100]}\r\n")
            done = slow.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if done or self._was_cut(slow):
                break
        else:
            self.fail("it was not dropped")
        self.assertEqual(200, self.fetch(gateway, "/metrics")[0].status)

    @staticmethod
    def _was_cut(sock):
        state = pathlib.Path("/proc/net/tcp").read_text()
        local = f"{sock.getsockname()[1]:04X}"
        peer = f"{sock.getpeername()[1]:04X}"
        return not any(line.split()[1].endswith(":" + peer) and line.split()[2].endswith(":" + local) and line.split()[3] == "01"
                       for line in state.splitlines()[1:])

    def test_a_reload_is_told_whether_taken_or_refused(self):
        gateway = self.start()
        listener = self.listen(gateway)
        listener.tick()
        gateway.config.write_text(gateway.config.read_text() + "nonsense: 1\n")
        tick = listener.tick(lambda t: t["reloads"], what="the refusal is told")
        self.assertFalse(tick["reloads"][-1]["taken"])
        self.assertIn("nonsense", tick["reloads"][-1]["mistake"])
        gateway.config.write_text(self.text + "# changed\n")
        tick = listener.tick(lambda t: t["reloads"][-1]["taken"], what="the reload is told")
        self.assertEqual(tick["status"]["configGeneration"], tick["reloads"][-1]["generation"])
        self.assertIn("routes", tick)

    def test_a_token_that_is_replaced_hears_no_more(self):
        path = pathlib.Path(self.folder) / "token"
        path.write_text("first")
        self.environment = {"ADMIN_TOKEN_FILE": str(path)}
        gateway = self.start()
        listeners = [self.listen(gateway, token="first", path=f"/admin/v1/{name}") for name in ("live", "tail")]
        wait_until(lambda: listeners[0].all("tick") and listeners[1].all("begin"), 5, "both listen")
        path.write_text("second")
        gateway.signal(signal.SIGHUP)
        wait_until(lambda: all(l.ended for l in listeners), 5, "both are cut off")
        self.assertEqual(401, self.listen(gateway, token="first").status)
        self.assertEqual(200, self.listen(gateway, token="second").status)

    def test_a_stop_ends_listeners(self):
        gateway = self.start()
        listener = self.listen(gateway)
        listener.tick()
        self.assertStops(gateway)
        wait_until(lambda: listener.ended, 5, "the stream ended")


class Lines(ConsoleCase):
    def test_lines_that_fit_are_told_as_they_are_written(self):
        gateway = self.start()
        failing = self.listen(gateway, path="/admin/v1/tail?status=5xx", token=VIEWER)
        mine = self.listen(gateway, path="/admin/v1/tail?user=user-7&only=requests")
        events = self.listen(gateway, path="/admin/v1/tail?only=events&address=203.0.113.")
        for listener in (failing, mine, events):
            wait_until(lambda l=listener: l.all("begin"), 5, "it has begun")
        with Client(gateway.port) as client:
            client.get("/api/v1/s0/text")
            client.get("/api/v1/s0/status?code=503&password=hunter2", tokens.bearer())
            client.get("/api/v1/s0/seen", tokens.bearer(sub="user-7"))
            client.get("/api/v1/s0/seen", "X-Forwarded-For: 203.0.113.7\r\nAuthorization: Bearer x.y\r\n")
        for listener in (failing, mine, events):
            wait_until(lambda l=listener: [line for line in l.all("line") if line.get("outcome") != "health"], 2,
                       "its line came within two seconds")
        # Whoever waited for the gateway may have asked for its health too early, and that be told late.
        self.assertEqual([503], [line["status"] for line in failing.all("line") if line["outcome"] != "health"])
        self.assertNotIn("hunter2", json.dumps(failing.events))
        self.assertEqual(["/api/v1/s0/seen"], [line["path"] for line in mine.all("line")])
        wait_until(lambda: len(events.all("line")) == 2, 2, "both events are told")
        self.assertEqual({("authentication failed", "203.0.113.7"), ("security violation", "203.0.113.7")},
                         {(line["msg"], line["ip"]) for line in events.all("line")})

    def test_watchers_are_bounded_and_need_a_token(self):
        gateway = self.start()
        self.assertEqual(401, self.listen(gateway, path="/admin/v1/tail", token=None).status)
        watchers = [self.listen(gateway, path="/admin/v1/tail") for _ in range(4)]
        self.assertEqual([200] * 4, [w.status for w in watchers])
        self.assertEqual(503, self.listen(gateway, path="/admin/v1/tail").status)
        for watcher in watchers:
            watcher.close()
        wait_until(lambda: self.listen(gateway, path="/admin/v1/tail").status == 200, 10, "there is room again", every=0.3)

    def test_a_flood_is_cut_and_said(self):
        gateway = self.start()
        watcher = self.listen(gateway, path="/admin/v1/tail?status=404")
        wait_until(lambda: watcher.all("begin"), 5, "it has begun")
        with Client(gateway.port) as client:
            client.send(b"GET /api/v1/none HTTP/1.1\r\nHost: t\r\n\r\n" * 5000)
            for _ in range(5000):
                client.response()
        wait_until(lambda: len(watcher.all("line")) + sum(watcher.all("skipped")) == 5000, 10, "all are told or counted")
        self.assertLessEqual(500, len(watcher.all("line")))

    def test_it_is_told_who_fails_and_who_is_limited(self):
        text = self.text.replace("rewrite: /up, authenticate: {public: [/text", "rewrite: /up, rate_limit: {policies: [few]}, authenticate: {public: [/text") \
            + "limits:\n  policies:\n    few: {requests: 6, window_ms: 60000, key: [address]}\n"
        gateway = self.start(text, environment={"RATE_LIMIT_ENABLED": "true"})
        listener = self.listen(gateway)
        listener.tick()
        with Client(gateway.port) as client:
            for _ in range(10):
                client.get("/api/v1/s0/status?code=503", "X-Forwarded-For: 203.0.113.9\r\n" + tokens.bearer(sub="user-9"))
        tick = listener.tick(lambda t: t["suffering"], what="who fails is told")
        self.assertEqual([{"tenant": tokens.TENANT, "user": "user-9", "address": "203.0.113.9", "limited": 4, "failed": 6}],
                         tick["suffering"])


class Operations(ConsoleCase):
    def test_revocations_are_listed_and_can_be_lifted(self):
        gateway = self.start()
        old = tokens.bearer(iat=int(time.time()) - 5, exp=int(time.time()) + 300)
        for kind, who in (("user", "user-1"), ("all", None)):
            self.call(gateway, "POST", "/revocations", {"kind": kind, "who": who or "", "seconds": 600, "reason": "leaked"})
            self.becomes((401, "token_revoked"), gateway, old, target="/api/v1/s0/seen")
            found = self.call(gateway, "GET", "/revocations", token=VIEWER)[1]
            self.assertEqual(1, found["total"])
            self.assertEqual("revoked:" + (f"user:{who}" if who else "all"), found["revocations"][0]["key"])
            self.assertTrue(found["revocations"][0]["issuedUntil"])
            path = f"/revocations/{kind}/{who or 'all'}"
            self.refused(403, gateway, "DELETE", path, token=VIEWER)
            self.assertEqual(200, self.call(gateway, "DELETE", path)[0])
            self.becomes((200, None), gateway, old, target="/api/v1/s0/seen")
            self.refused(404, gateway, "DELETE", path)
        self.refused(400, gateway, "DELETE", "/revocations/nobody/x")

    def test_reload(self):
        gateway = self.start()
        before = self.call(gateway, "GET", "/status")[1]["configGeneration"]
        status, answer = self.call(gateway, "POST", "/reload", {"reason": "try"})
        self.assertEqual((200, before + 1), (status, answer["configGeneration"]))
        gateway.config.write_text("nonsense: 1\n")
        self.assertIn("nonsense", self.refused(422, gateway, "POST", "/reload")["detail"])
        self.refused(403, gateway, "POST", "/reload", token=VIEWER)
        self.assertEqual(before + 1, self.call(gateway, "GET", "/status")[1]["configGeneration"])
        self.assertEqual("admin", json.loads(self.audit.read_text().splitlines()[-1])["event"])
