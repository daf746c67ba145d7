"""The commands of operators, against the real gateway: what they say, what they do, how they end."""
import datetime
import gzip
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import threading
import time
import unittest

from support import tokens
from support.process import ask, free_ports
from support.redis import Redis, cli
from support.scenario import BINARY
from support.wait import wait_until
from test_admin import OPERATOR, VIEWER
from test_state import BANNED, FINE, REVOKED, State

SEEN = "/api/v1/s0/seen"


class Operate(State):
    def setUp(self):
        super().setUp()
        self.audit = pathlib.Path(self.folder) / "audit.log"
        self.environment = {"ADMIN_TOKEN": OPERATOR, "ADMIN_VIEWER_TOKEN": VIEWER, "AUDIT_PATH": str(self.audit)}

    def tool(self, gateway, *words, **environment):
        if gateway is not None:
            environment = {"ADMIN_PORT": str(gateway.admin_port)} | environment
        environment = {"ADMIN_TOKEN": OPERATOR} | environment
        done = subprocess.run([str(BINARY), *words], capture_output=True, text=True, timeout=20, cwd=self.folder,
                              env={k: v for k, v in os.environ.items() if k != "CONFIG_FILE"} | environment)
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    def done(self, gateway, *words, **environment):
        status, out, errors = self.tool(gateway, *words, **environment)
        self.assertEqual((0, ""), (status, errors), (words, out))
        return out

    def old_token(self, **claims):
        return tokens.bearer(iat=int(time.time()) - 5, exp=int(time.time()) + 300, **claims)

    def fresh_token(self, **claims):
        """Issued after any revocation of this second."""
        return tokens.bearer(iat=int(time.time()) + 1, exp=int(time.time()) + 300, **claims)

    def records(self):
        return [r for r in map(json.loads, self.audit.read_text().splitlines()) if r["event"] == "admin"]


class Commands(Operate):
    def test_status_shows_what_is_known_and_is_for_viewers_too(self):
        gateway = self.start()
        self.assertRegex(self.done(gateway, "status"), r"(?m)^maintenance +off$")
        found = json.loads(self.done(gateway, "status", "--json", ADMIN_TOKEN="", ADMIN_VIEWER_TOKEN=VIEWER))
        self.assertEqual(("embedded", "CLOSED"), (found["state"]["backend"], next(iter(found["breakers"].values()))["state"]))

    def test_what_is_no_gateway_is_not_believed(self):
        class Agrees(http.server.BaseHTTPRequestHandler):
            """Something else at ADMIN_PORT, which answers everything."""

            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")
            do_GET = do_PUT = do_POST = do_DELETE = answer

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Agrees)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        port = ["--admin-port", str(server.server_port)]
        for words in (["status"], ["revoke", "user", "x"], ["maintenance", "off"], ["log-level", "auto"],
                      ["limits"], ["limits", "reset", "general"], ["limits", "show", "--user", "1"], ["knobs"],
                      ["breaker"], ["bans"], ["ban", "user", "1", "--for", "1h"], ["explain", "GET", "/"]):
            status, out, errors = self.tool(None, *words, *port)
            self.assertEqual((3, ""), (status, out), words)
            self.assertIn("is no admin API of a gateway", errors)

    def test_a_gateway_is_found_by_its_name(self):
        gateway = self.start()
        self.done(gateway, "status", "--admin-host", "localhost")
        status, _, errors = self.tool(gateway, "status", "--admin-host", "gateway.invalid")
        self.assertEqual(3, status)
        self.assertIn('there is no host "gateway.invalid"', errors)

    def test_what_cannot_be_written_is_a_failure(self):
        gateway = self.start()
        environment = os.environ | {"ADMIN_TOKEN": OPERATOR, "ADMIN_PORT": str(gateway.admin_port),
                                    "RESP_PORT": str(self.resp_port)}
        for words in ("schema", "bans", "status --json", "top --once"):
            for target in (">/dev/full", ">&-"):
                done = subprocess.run(["sh", "-c", f"exec {BINARY} {words} {target}"], env=environment, timeout=20,
                                      stderr=subprocess.PIPE, text=True)
                self.assertEqual((1, "standard output does not take what was to be written\n"),
                                 (done.returncode, done.stderr), (words, target))

    def test_it_says_how_many_bans_a_gateway_leaves_out(self):
        gateway = self.start()
        piped = "".join(f"SET banned:user:{n} 1 EX 600\r\n" for n in range(1_003))
        subprocess.run(["redis-cli", "-p", str(self.resp_port)], input=piped, text=True, timeout=20,
                       stdout=subprocess.DEVNULL, check=True)
        port = ["--admin-port", str(gateway.admin_port)]
        wait_until(lambda: json.loads(self.tool(gateway, "bans", *port, "--json")[1])["total"] == 1_003, 10,
                   "all are in force")
        status, out, errors = self.tool(gateway, "bans", *port)
        self.assertEqual((0, 1_000), (status, len(out.splitlines())))
        self.assertIn("1000 of 1003 bans are shown", errors)

    def test_it_says_why_nothing_was_done(self):
        gateway = self.start()
        self.assertEqual(3, self.tool(gateway, "status", "--admin-port", str(free_ports(1)[0]))[0])
        for words, status, said in (
                (["status", "--admin-port", str(gateway.port)], 3, "is no admin API of a gateway"),
                (["revoke", "user"], 2, "revoke token JTI"),
                (["revoke", "all"], 2, "--yes"),
                (["disable", "user", "42"], 2, "--for"),
                (["disable", "user", "42", "--for", "1h", "--endless"], 2, "--for"),
                (["maintenance", "down"], 2, "--for"),
                (["breaker", "nobody"], 1, "no service of that name"),
                (["breaker", "origin", "open"], 2, "say for how long: --for 90s, 15m, 12h or 7d\n"),
                (["limits", "set", "general", "--requests", "5", "--reason", "x", "--for", "1x", "--endless"], 2, "say for how long"),
                (["contain", "--user", "42"], 2, "--reason"),
                (["contain", "--for", "1h", "--reason", "x"], 1, "whom?"),
                (["contain", "--ip", "0.0.0.0/0", "--for", "1h", "--reason", "x"], 1, "half the world"),
                (["contain", "--undo", "nothing"], 1, "no such containment")):
            found = self.tool(gateway, *words)
            self.assertEqual(status, found[0], (words, found))
            self.assertIn(said, found[2] + "\n")
        self.assertIn('{"users": ["42"]', self.tool(gateway, "contain", "--for", "1h", "--reason", "x")[2])
        self.assertEqual(2, self.tool(gateway, "status", ADMIN_TOKEN="")[0])
        self.assertIn("(401)", self.tool(gateway, "status", ADMIN_TOKEN="wrong")[2])
        found = self.tool(gateway, "log-level", "DEBUG", ADMIN_TOKEN="", ADMIN_VIEWER_TOKEN=VIEWER)
        self.assertEqual(1, found[0])
        self.assertIn("a viewer changes nothing", found[2])

    def test_revoke(self):
        gateway = self.start()
        for words in (("token", "t1"), ("user", "user-1"), ("tenant", tokens.TENANT), ("all", "--yes")):
            old = self.old_token(jti="t1")
            self.becomes(FINE, gateway, old, target=SEEN)
            self.assertIn("revoked ", self.done(gateway, "revoke", *words, "--reason", "leaked"))
            self.becomes(REVOKED, gateway, old, target=SEEN)
            cli(self.resp_port, "FLUSHALL")
        record = self.records()[0]
        self.assertEqual(("POST /admin/v1/revocations", "done"), (record["resource"], record["decision"]))
        self.assertIn("@", record["requester"])
        self.assertIn("leaked", record["detail"])
        status, _, errors = self.tool(gateway, "revoke", "user", "user-1", "--for", "1m")
        self.assertEqual(0, status)
        self.assertIn("warning: tokens live up to 930 s", errors)

    def test_disable_user_bans_and_revokes(self):
        gateway = self.start()
        old = self.old_token()
        self.assertIn("banned, tokens revoked", self.done(gateway, "disable", "user", "user-1", "--for", "1h"))
        self.becomes(REVOKED, gateway, old, target=SEEN)
        self.becomes(BANNED, gateway, self.fresh_token(), target=SEEN)
        # However short the ban, what was revoked stays so as long as it lives.
        self.done(gateway, "disable", "user", "brief", "--for", "10m")
        self.assertGreater(int(cli(self.resp_port, "TTL", "revoked:user:brief")), 86_000)
        # A name with everything that a path must not hold.
        name = "a/b ../%2f?c#ü"
        self.done(gateway, "disable", "user", name, "--for", "1h")
        self.assertEqual("1", cli(self.resp_port, "EXISTS", f"banned:user:{name}"))

    def test_maintenance_breaker_and_log_level(self):
        gateway = self.start()
        self.done(gateway, "maintenance", "down", "--for", "1h", "--banner", "soon back")
        self.becomes((503, "maintenance"), gateway)
        self.done(gateway, "maintenance", "off")
        self.becomes(FINE, gateway)
        status, _, said = self.tool(gateway, "maintenance", "off", "--banner", "soon back")
        self.assertEqual(2, status)
        self.assertIn("maintenance:banner", said)
        name = self.done(gateway, "breaker").split()[0]
        self.done(gateway, "breaker", name, "open", "--for", "1h", "--reason", "incident 7")
        self.assertIn(f"{name} OPEN, forced", self.done(gateway, "breaker", name))
        self.assertIn(f"{name} OPEN, forced", self.done(gateway, "status"))
        self.assertIn(f"{name}: auto, now CLOSED", self.done(gateway, "breaker", name, "auto"))
        self.assertNotIn("forced", self.done(gateway, "breaker", name))
        self.assertEqual("log level DEBUG", self.done(gateway, "log-level", "DEBUG"))


    def test_bans_and_purges_go_through_the_admin_api_of_a_gateway_elsewhere(self):
        gateway = self.start()
        elsewhere = ["--admin-port", str(gateway.admin_port)]
        self.assertEqual("banned banned:ip:203.0.113.7", self.done(gateway, "ban", "ip", "203.0.113.7", "--for", "1h", "--reason", "scans", *elsewhere))
        self.becomes(BANNED, gateway, address="203.0.113.7")
        self.assertIn("banned:ip:203.0.113.7  scans  operator:", self.done(gateway, "bans", *elsewhere))
        self.assertEqual(1, json.loads(self.done(gateway, "bans", "--json", *elsewhere))["total"])
        self.assertEqual("lifted banned:ip:203.0.113.7", self.done(gateway, "unban", "ip", "203.0.113.7", *elsewhere))
        self.becomes(FINE, gateway, address="203.0.113.7")
        self.assertEqual(1, self.tool(gateway, "unban", "ip", "203.0.113.7", *elsewhere)[0])
        self.assertEqual("purged all", self.done(gateway, "cache", "purge", "--all", *elsewhere))
        self.assertEqual(["PUT /admin/v1/bans/ip/203.0.113.7", "DELETE /admin/v1/bans/ip/203.0.113.7", "DELETE /admin/v1/bans/ip/203.0.113.7",
                          "POST /admin/v1/cache/purge"], [r["resource"] for r in self.records()])
        port = ["--port", str(self.resp_port)]
        self.assertEqual("banned:user:42", json.loads(self.done(gateway, "ban", "user", "42", "--endless", "--json", *port))["key"])
        self.assertEqual({"lifted": ["banned:user:42"]}, json.loads(self.done(gateway, "unban", "user", "42", "--json", *port)))

    def test_a_ban_that_lasts_longer_stays_unless_a_shorter_one_is_asked_for(self):
        gateway = self.start()
        for where in (["--port", str(self.resp_port)], ["--admin-port", str(gateway.admin_port)]):
            for words in (["--endless"], ["--for", "1d"]):
                self.done(gateway, "ban", "user", "42", *words, "--reason", "scans", *where)
                kept = self.done(gateway, "ban", "user", "42", "--for", "1h", *where)
                self.assertIn("kept banned:user:42: it is banned longer already, ", kept)
                self.assertTrue(json.loads(self.done(gateway, "ban", "user", "42", "--for", "1h", "--json", *where))["kept"])
                self.assertIn("scans", cli(self.resp_port, "GET", "banned:user:42"))
                self.assertIn("banned ", self.done(gateway, "ban", "user", "42", "--for", "1h", "--shorten", *where))
                self.assertIn(int(cli(self.resp_port, "TTL", "banned:user:42")), range(3590, 3601))

    def test_every_command_has_help_with_examples_and_is_completed(self):
        gateway = self.start()
        commands = ["run", "check", "routes", "status", "top", "ban", "unban", "bans", "revoke", "disable", "maintenance", "breaker", "log-level",
                    "limits", "limits set", "limits reset", "limits show", "limits forget", "knobs", "cache purge", "explain", "why", "contain",
                    "evidence", "evidence verify", "audit verify", "api-key"]
        completion = {shell: self.done(gateway, "completion", shell) for shell in ("bash", "zsh", "fish")}
        for command in commands:
            said = self.done(gateway, *command.split(), "--help")
            self.assertIn("Examples:\n", said, command)
            self.assertIn("Status: 0 ", said, command)
            if command not in ("run",):
                self.assertIn("--json", said, command)
            for shell, text in completion.items():
                for word in command.split():
                    self.assertIn(word, text, (shell, command))

    def test_commands_do_not_wait_until_the_file_is_right(self):
        gateway = self.start()
        for broken in ("services: [\n", "admin: {prot: 1}\nstate: {resp: 1}\n"):
            gateway.config.write_text(broken)
            there = {"CONFIG_FILE": str(gateway.config), "RESP_PORT": str(self.resp_port)}
            for words in (("ban", "user", "42", "--for", "1h", "--reason", "incident 7"), ("bans",), ("status",), ("knobs",)):
                status, out, errors = self.tool(gateway, *words, **there)
                self.assertEqual(0, status, (words, errors))
                self.assertIn("going on without that, by variables and defaults", errors)
            self.assertEqual("1", cli(self.resp_port, "EXISTS", "banned:user:42"))
        self.assertEqual(1, self.tool(gateway, "status", **there | {"ADMIN_PORT": "none"})[0])
        self.assertEqual(1, self.tool(gateway, "status", "--config", "none.yaml", **there)[0])

    def test_a_key_for_a_machine_comes_with_its_hash(self):
        gateway = self.start()
        made = json.loads(self.done(gateway, "api-key", "--json"))
        self.assertEqual({"key", "hash"}, made.keys())
        self.assertIn("hash  ", self.done(gateway, "api-key"))

    def test_a_record_that_proves_nothing_is_not_whole(self):
        gateway = self.start()
        empty = pathlib.Path(self.folder) / "empty.log"
        empty.write_text("")
        for path, said in ((empty, "there is no record in it"), (self.folder, "is it a file?")):
            status, out, errors = self.tool(gateway, "audit", "verify", str(path))
            self.assertEqual((1, ""), (status, out))
            self.assertIn(said, errors)


class Contain(Operate):
    ADDRESS = "203.0.113.7"

    def contains(self, gateways):
        first, last = gateways[0], gateways[-1]
        port = self.resp_port
        for i in range(3):
            self.get(first, SEEN, f"X-Forwarded-For: {self.ADDRESS}\r\n" + tokens.bearer(sub=f"guest-{i}"))
        whom = ["--user", "user-1", "--ip", self.ADDRESS, "--token", "t9", "--for", "1h", "--reason", "incident 7"]
        shown = self.done(first, "contain", *whom)
        self.assertIn("this would be done", shown)
        self.assertRegex(shown, rf"banned:ip:{self.ADDRESS}  403 .*; 3 users in the last hour")
        self.assertEqual("0", cli(port, "EXISTS", "banned:user:user-1"))
        self.assertEqual(FINE, self.answer(last, self.old_token(), target=SEEN))

        old = self.old_token()
        report = json.loads(self.done(first, "contain", *whom, "--yes", "--json"))
        self.assertTrue(report["complete"])
        self.becomes(REVOKED, last, old, target=SEEN)
        self.becomes(BANNED, last, self.fresh_token(), target=SEEN)
        self.becomes(BANNED, last, address=self.ADDRESS)
        self.becomes(REVOKED, last, self.fresh_token(sub="other", jti="t9"), target=SEEN)
        self.assertTrue(3500 < int(cli(port, "TTL", "revoked:user:user-1")) <= 3600)
        shown = self.done(last, "contain", "--report", report["id"])
        self.assertIn("incident 7", shown)
        self.assertIn("revoked:user:user-1  401 for tokens issued until now", shown)

        undone = self.done(last, "contain", "--undo", report["id"])
        self.assertEqual(4, undone.count("lifted "), undone)
        self.becomes(FINE, first, old, target=SEEN)
        self.becomes(FINE, first, address=self.ADDRESS)
        self.assertIn("undone ", self.done(first, "contain", "--report", report["id"]))

    def test_shows_then_does_then_undoes(self):
        self.contains([self.start()])

    def test_it_can_be_undone_after_a_restart(self):
        self.environment["STATE_SNAPSHOT_FILE"] = self.folder + "/state"
        gateway = self.start()
        contained = self.contained(gateway, "--user", "user-1", "--for", "1h")
        self.assertEqual(0, gateway.stop())
        gateway = self.start()
        self.becomes(BANNED, gateway, self.fresh_token(), target=SEEN)
        self.assertIn("incident 7", self.done(gateway, "contain", "--report", contained))
        self.assertIn("lifted banned:user:user-1", self.done(gateway, "contain", "--undo", contained))
        self.becomes(FINE, gateway, self.fresh_token(), target=SEEN)

    def test_what_holds_longer_is_neither_shortened_nor_lifted(self):
        gateway = self.start()
        port = self.resp_port
        earlier = int(time.time()) - 3600
        cli(port, "SET", "banned:user:user-1", "endless")
        cli(port, "SET", "revoked:user:user-1", str(earlier))
        cli(port, "SET", f"banned:ip:{self.ADDRESS}", "short", "EX", "60")
        report = json.loads(self.done(gateway, "contain", "--user", "user-1", "--ip", self.ADDRESS, "--for", "1h",
                                      "--reason", "incident 7", "--yes", "--json"))
        kept = {step["key"]: step["kept"] for step in report["steps"]}
        self.assertEqual({"banned:user:user-1": True, f"banned:ip:{self.ADDRESS}": False, "revoked:user:user-1": False}, kept)
        self.assertEqual(("endless", "-1", "-1"), (cli(port, "GET", "banned:user:user-1"), cli(port, "TTL", "banned:user:user-1"),
                                                   cli(port, "TTL", "revoked:user:user-1")))
        self.assertGreater(int(cli(port, "GET", "revoked:user:user-1")), earlier)
        self.assertGreater(int(cli(port, "TTL", f"banned:ip:{self.ADDRESS}")), 3000)
        cli(port, "SET", f"banned:ip:{self.ADDRESS}", "by hand", "EX", "600")
        undone = self.done(gateway, "contain", "--undo", report["id"])
        self.assertIn(f"left as they are:\n  banned:ip:{self.ADDRESS}: it was changed since", undone)
        self.assertEqual(("endless", "by hand", str(earlier)), tuple(
            cli(port, "GET", key) for key in ("banned:user:user-1", f"banned:ip:{self.ADDRESS}", "revoked:user:user-1")))

    def test_what_is_done_by_redis_cli_is_recorded_and_what_is_only_read_is_not(self):
        gateway = self.start()
        key = "banned:ip:192.0.2.9"
        cli(self.resp_port, "SET", key, "login attempts", "EX", "60")
        cli(self.resp_port, "GET", key)
        cli(self.resp_port, "SET", key)      # refused: no value
        cli(self.resp_port, "DEL", key)
        self.done(gateway, "ban", "ip", "192.0.2.10", "--for", "1h", "--reason", "incident 9", RESP_PORT=str(self.resp_port))

        def commands():
            found = [r for r in map(json.loads, self.audit.read_text().splitlines()) if r["event"] == "state"] if self.audit.exists() else []
            return [(r["requester"], r["resource"], r["decision"], r["detail"].split(" ")[0]) for r in found]
        wait_until(lambda: len(commands()) >= 4, 5, "they are recorded")
        self.assertEqual([("redis-cli", key, "done", "SET"), ("redis-cli", key, "refused", "SET"), ("redis-cli", key, "done", "DEL"),
                          ("redis-cli", "banned:ip:192.0.2.10", "done", "SET")], commands())
        self.assertEqual(0, self.tool(None, "audit", "verify", str(self.audit))[0])

    def contained(self, gateway, *words):
        return json.loads(self.done(gateway, "contain", *words, "--reason", "incident 7", "--yes", "--json"))["id"]

    def test_an_undo_leaves_a_token_that_is_revoked_for_another_reason_too(self):
        gateway = self.start()
        for jti, again in (("j7", lambda: self.contained(gateway, "--token", "j7", "--for", "24h")),
                           ("j8", lambda: self.contained(gateway, "--token", "j8", "--for", "10m")),
                           ("j9", lambda: self.done(gateway, "revoke", "token", "j9", "--for", "7d")),
                           ("j10", lambda: self.done(gateway, "revoke", "token", "j10", "--for", "1m"))):
            first = self.contained(gateway, "--token", jti, "--for", "1h")
            second = again()
            undone = self.done(gateway, "contain", "--undo", first)
            self.assertIn(f"left as they are:\n  revoked:jti:{jti}: ", undone)
            self.assertNotIn("lifted", undone)
            self.becomes(REVOKED, gateway, self.fresh_token(jti=jti), target=SEEN)
            if jti in ("j7", "j8"):
                self.assertEqual(f"lifted revoked:jti:{jti}", self.done(gateway, "contain", "--undo", second))
                self.becomes(FINE, gateway, self.fresh_token(jti=jti), target=SEEN)

    def test_a_user_is_free_when_all_containments_are_undone(self):
        gateway = self.start()
        old = self.old_token()
        keys = ("banned:user:user-1", "revoked:user:user-1")
        for length in ("24h", "10m"):  # the second longer or shorter than the first
            for backwards in (False, True):
                both = [self.contained(gateway, "--user", "user-1", "--for", "1h"), self.contained(gateway, "--user", "user-1", "--for", length)]
                first, last = reversed(both) if backwards else both
                said = self.done(gateway, "contain", "--undo", first)
                for key in keys:
                    self.assertIn(f"restored {key} as it was before, until " if backwards else f"  {key}: ", said)
                self.assertEqual("2", cli(self.resp_port, "EXISTS", *keys))
                self.assertEqual("\n".join(f"lifted {key}" for key in keys), self.done(gateway, "contain", "--undo", last))
                self.becomes(FINE, gateway, old, target=SEEN)

    @unittest.skipUnless(shutil.which("redis-server"), "redis-server is not installed")
    def test_each_gateway_of_a_redis_follows_in_a_second(self):
        redis = Redis(self.folder)
        self.addCleanup(redis.kill)
        self.environment |= {"REDIS_URL": f"redis://127.0.0.1:{redis.port}/0"}
        gateways = [self.start(), self.start()]
        for gateway in gateways:
            wait_until(lambda g=gateway: json.loads(ask(g.port, "/health")[2])["state"]["status"] == "ok", 10, "Redis is there")
        self.contains(gateways)

    @unittest.skipUnless(shutil.which("redis-server"), "redis-server is not installed")
    def test_while_redis_is_away_it_says_what_to_do(self):
        redis = Redis(self.folder)
        self.addCleanup(redis.kill)
        self.environment |= {"REDIS_URL": f"redis://127.0.0.1:{redis.port}/0"}
        gateway = self.start()

        def state(wanted):
            wait_until(lambda: json.loads(ask(gateway.port, "/health")[2])["state"]["status"] == wanted, 10, f"Redis is {wanted}")
        state("ok")
        redis.kill()
        state("down")
        advice = "in front of the gateways"
        for words in (("contain", "--ip", self.ADDRESS, "--for", "1h", "--reason", "incident 7", "--yes"),
                      ("revoke", "user", "user-1", "--for", "1d"), ("maintenance", "off"),
                      ("ban", "ip", self.ADDRESS, "--for", "1h", "--admin-port", str(gateway.admin_port)),
                      ("ban", "ip", self.ADDRESS, "--for", "1h", "--port", str(self.resp_port))):
            status, out, errors = self.tool(gateway, *words)
            self.assertEqual((1, ""), (status, out), words)
            self.assertIn(advice, errors, words)
        self.assertIn(advice, cli(self.resp_port, "SET", f"banned:ip:{self.ADDRESS}", "1", "EX", "60"))
        self.assertEqual(FINE, self.answer(gateway, address=self.ADDRESS))


class Evidence(Operate):
    SECRET = {"AUDIT_SECRET": "a secret of the tests"}

    def setUp(self):
        super().setUp()
        self.environment |= self.SECRET

    def log_of(self, gateway, name="gateway.log.gz"):
        lines = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in gateway.lines)
        path = pathlib.Path(self.folder) / name
        path.write_bytes(gzip.compress(lines.encode()) if name.endswith(".gz") else lines.encode())
        return path

    def test_was_data_accessed(self):
        gateway = self.start()
        attempt = f"/api/v1/tenants/{tokens.OTHER_TENANT}/text"
        self.assertEqual(403, self.get(gateway, attempt, tokens.bearer() + "X-Request-Id: req-7\r\n").status)
        self.assertEqual(200, self.get(gateway, SEEN, tokens.bearer()).status)
        wait_until(lambda: len([x for x in gateway.lines if x.get("userId") == "user-1" and "durationMs" in x]) == 2, 5, "both are logged")
        wait_until(lambda: self.audit.exists() and self.audit.read_text().count("\n") >= 1, 5, "it is recorded")
        since = min(line["time"] for line in gateway.lines)
        # While it runs, nobody knows what is under way.
        status, out, _ = self.tool(gateway, "evidence", "--user", "user-1", "--since", since, "--log", str(self.log_of(gateway)))
        self.assertEqual(4, status, out)
        self.assertIn("of another tenant? unknown\n", out)
        self.assertIn("gap  what is under way has no line before it ends", out)
        self.assertEqual(0, gateway.stop())
        whole = ["evidence", "--user", "user-1", "--since", since, "--log", str(self.log_of(gateway)), "--audit", str(self.audit)]
        folder = pathlib.Path(self.folder) / "incident-7"
        status, out, errors = self.tool(gateway, *whole, "--out", str(folder), **self.SECRET)
        self.assertEqual((4, ""), (status, errors), out)
        self.assertRegex(out, r"(?m)^was data accessed\? yes: 1 answers, \d+ bytes\nof another tenant\? no$")
        self.assertRegex(out, r"blocked: tenant_bypass, user user-1 .*request req-7")
        self.assertRegex(out, r"(?m)^allowed  1 x GET ")
        self.assertEqual(3, len((folder / "lines.jsonl").read_text().splitlines()))
        self.assertEqual(1, len((folder / "audit.jsonl").read_text().splitlines()))

        verify = ["evidence", "verify", str(folder)]
        self.assertEqual(0, self.tool(gateway, *verify, **self.SECRET)[0])
        whole_one = json.loads(self.tool(gateway, *verify, "--json", **self.SECRET)[1])
        self.assertEqual((str(folder), True, ""), (whole_one["folder"], whole_one["whole"], whole_one["why"]))
        self.assertEqual((True, ""), (whole_one["signed"], self.tool(gateway, *verify, **self.SECRET)[2]))
        self.assertGreater(whole_one["files"], 3)
        self.assertEqual(1, self.tool(gateway, *verify, AUDIT_SECRET="another")[0])
        unsigned = str(pathlib.Path(self.folder) / "unsigned")
        self.assertIn("not signed", self.tool(gateway, *whole, "--out", unsigned)[2])
        status, _, errors = self.tool(gateway, "evidence", "verify", unsigned)
        self.assertEqual(0, status)
        self.assertIn("warning: not signed", errors)
        (folder / "lines.jsonl").write_text("")
        self.assertIn("lines.jsonl was changed", self.tool(gateway, *verify, **self.SECRET)[2])
        status, out, _ = self.tool(gateway, *verify, "--json", **self.SECRET)
        self.assertEqual((1, False), (status, json.loads(out)["whole"]))
        self.assertEqual(1, self.tool(gateway, *whole, "--out", str(folder), **self.SECRET)[0], "it is not written over")

        # Without the answer of its own tenant everything was refused.
        gateway.lines[:] = [x for x in gateway.lines if x.get("status") != 200]
        refused = [*whole[:6], str(self.log_of(gateway, "refused.log"))]
        status, out, _ = self.tool(gateway, *refused)
        self.assertEqual(0, status, out)
        self.assertIn("was data accessed? no\n", out)
        # Of a gateway beside it, the lines begin later.
        other = [x | {"instanceId": "pod-b"} for x in gateway.lines if x.get("msg") == "gateway stopped"]
        self.assertEqual(1, len(other))
        beside = pathlib.Path(self.folder) / "pod-b.log"
        beside.write_text(json.dumps(other[0]) + "\n")
        status, out, _ = self.tool(gateway, *refused, "--log", str(beside))
        self.assertEqual(5, status, out)
        self.assertIn("gap  the lines of pod-b begin at ", out)
        beside.write_text("")
        status, out, _ = self.tool(gateway, *refused, "--log", str(beside))
        self.assertEqual(5, status, out)
        self.assertIn(f"gap  {beside}: there is no line in it", out)

        # The line of the request is gone: nobody knows.
        gateway.lines[:] = [x for x in gateway.lines if not (x.get("requestId") == "req-7" and "durationMs" in x)]
        part = [*whole[:6], str(self.log_of(gateway, "part.log"))]
        status, out, _ = self.tool(gateway, *part)
        self.assertEqual(5, status, out)
        self.assertIn("the line of its request is not there", out)
        packed = self.log_of(gateway)
        packed.write_bytes(packed.read_bytes()[:-20])
        self.assertIn("cannot be read to its end", self.tool(gateway, *part[:6], str(packed))[1])

    def test_what_the_files_do_not_tell_is_unknown_and_what_cannot_be_is_misuse(self):
        gateway = self.start()
        self.get(gateway, SEEN, tokens.bearer())
        wait_until(lambda: any("durationMs" in x and x.get("userId") == "user-1" for x in gateway.lines), 5, "it is logged")
        self.assertEqual(0, gateway.stop())
        since, log = min(line["time"] for line in gateway.lines), str(self.log_of(gateway))
        nothing = pathlib.Path(self.folder) / "nothing.log"
        nothing.write_text("")
        for words, status, said in (
                (["--user", "user-1", "--since", since, "--log", str(nothing)], 5, "gap  no line of a gateway is there"),
                (["--user", "user-2", "--since", since, "--log", log], 5, "gap  no line names user user-2"),
                (["--user", "user-2", "--since", "7d", "--log", log], 5, f" begin at {since}, later than was asked for"),
                (["--user", "user-1", "--since", since, "--ended-within", "soon", "--log", log], 2, "how long did requests take"),
                (["--ip", "::ffff:127.0.0.1", "--since", since, "--log", log], 4, "of another tenant? no"),
                (["--ip", "nobody", "--since", since, "--log", log], 2, "one address, such as"),
                (["--user", "user-1", "--since", "24h", "--until", "48h", "--log", log], 2, "nothing was in that time"),
                (["--user", "user-1", "--since", "2200-01-01", "--log", log], 2, "nothing was in that time"),
                (["--user", "user-1", "--since", "2026-99-99", "--log", log], 2, "since when?")):
            found = self.tool(gateway, "evidence", *words)
            self.assertEqual(status, found[0], (words, found))
            self.assertIn(said, found[1] + found[2])

    def test_what_is_under_way_is_not_known_and_counts_when_it_has_ended(self):
        gateway = self.start()
        self.assertEqual(403, self.get(gateway, f"/api/v1/tenants/{tokens.OTHER_TENANT}/text", tokens.bearer()).status)

        def mine():
            return [x for x in gateway.lines if "durationMs" in x and x.get("userId") == "user-1"]
        wait_until(mine, 5, "it is logged")
        since, until = (end(line["time"] for line in gateway.lines) for end in (min, max))

        def asked(within):
            words = ["--user", "user-1", "--since", since, "--until", until, "--ended-within", within]
            return self.tool(gateway, "evidence", *words, "--log", str(self.log_of(gateway)))[:2]
        status, out = asked("1h")
        self.assertEqual(5, status, out)
        self.assertIn("newer lines are wanted, from ", out)
        # A request that began before that moment, and has its line an hour later.
        later = datetime.datetime.fromisoformat(until.replace("Z", "+00:00")) + datetime.timedelta(hours=1)
        time_of_line = later.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        late = mine()[0] | {"time": time_of_line, "durationMs": 3_601_000.0, "status": 200, "requestId": "download"}
        gateway.lines.append(late)
        status, out = asked("10s")
        self.assertEqual(4, status, out)
        # That one began later.
        late["durationMs"] = 1.5
        status, out = asked("10s")
        self.assertEqual(0, status, out)
        self.assertIn("was data accessed? no\n", out)

    def test_fields_that_were_dropped_are_no_attempt_at_another_tenants(self):
        gateway = self.start()
        self.assertEqual(200, self.get(gateway, SEEN, tokens.bearer() + "X-User-Role: admin\r\n").status)
        wait_until(lambda: any("durationMs" in x and x.get("userId") == "user-1" for x in gateway.lines), 5, "it is logged")
        self.assertEqual(0, gateway.stop())
        since = min(line["time"] for line in gateway.lines)
        status, out, _ = self.tool(gateway, "evidence", "--user", "user-1", "--since", since, "--log", str(self.log_of(gateway)))
        self.assertEqual(4, status, out)
        self.assertIn("of another tenant? no\n", out)
        self.assertIn("header_manipulation", out)

    def test_an_administrator_who_was_let_through_has_accessed_data(self):
        gateway = self.start()
        answer = self.get(gateway, SEEN + "?venueId=v2", tokens.bearer(role="admin"))
        self.assertEqual(200, answer.status)
        wait_until(lambda: any("durationMs" in x and x.get("userId") == "user-1" for x in gateway.lines), 5, "it is logged")
        status, out, _ = self.tool(gateway, "evidence", "--user", "user-1", "--since", "1h", "--log",
                                   str(self.log_of(gateway)))
        self.assertEqual(4, status, out)
        self.assertRegex(out, rf"served with {len(answer.body)} bytes")

    def test_why_shows_all_lines_of_a_request(self):
        gateway = self.start()
        self.get(gateway, f"/api/v1/tenants/{tokens.OTHER_TENANT}/text", tokens.bearer() + "X-Request-Id: req-7\r\n")
        wait_until(lambda: any("durationMs" in x and x.get("userId") == "user-1" for x in gateway.lines), 5, "it is logged")
        log = str(self.log_of(gateway))
        lines = self.done(gateway, "why", "req-7", "--log", log).splitlines()
        self.assertEqual(3, len(lines), lines)
        self.assertRegex(lines[-1], r"^GET /api/v1/tenants/\S+: 403 after [\d.]+ ms, decided by tenant: .*; no service was asked; user user-1; trace [0-9a-f]{32}$")
        found = json.loads(self.done(gateway, "why", "req-7", "--log", log, "--json"))
        self.assertEqual((lines[-1], 2), (found["summary"], len(found["lines"])))
        self.assertIn('"outcome":"tenant: ', "".join(lines))
        self.assertEqual(1, self.tool(gateway, "why", "req-8", "--log", log)[0])


if __name__ == "__main__":
    unittest.main()
