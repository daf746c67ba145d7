"""Settings that operators change for a time: that they act, on all gateways, that they end by themselves, and what wins."""
import json
import shutil
import socket
import unittest

from support import tokens
from support.clients import Load
from support.process import ask
from support.redis import Redis
from support.scenario import sanitized
from support.wait import wait_until
from test_admin import VIEWER, AdminCalls
from test_operate import Operate
from test_state import cli

POLICY = "general"


class Knobs(Operate, AdminCalls):
    """Gateways with limits, in one folder."""

    LIMITS = "tickets: {requests: 2, block_ms: 300000, mode: exact}"

    def start(self, limits=LIMITS, **environment):
        self.environment |= {"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT_MAX": "3"} | environment
        text = f"limits: {{{limits}}}\n" + self.text + """
  - {name: sell, path: /api/v1/sell, service: origin, rewrite: /up/text, rate_limit: {policies: [tickets]}}
"""
        return super(Operate, self).start(text, environment=self.environment)

    def records(self):
        return [json.loads(line) for line in self.audit.read_text().splitlines()]

    def statuses(self, gateway, count, header="", target="/api/v1/s0/text"):
        return [self.get(gateway, target, header).status for _ in range(count)]

    def limit(self, gateway, name=POLICY):
        return next(p for p in self.call(gateway, "GET", "/limits")[1]["policies"] if p["name"] == name)

    def overridden(self, gateway, name=POLICY, on=True):
        wait_until(lambda: (self.limit(gateway, name)["override"] is not None) == on, 5, "it is as asked for")

    def active(self, gateway, knob):
        return self.metric(gateway, f'knob_override_active{{service="api-gateway",knob="{knob}"}} 1') == 1


class Changed(Knobs):
    def test_a_limit_is_changed_for_a_time_and_goes_back(self):
        gateway = self.start()
        self.assertEqual([200] * 3 + [429], self.statuses(gateway, 4, tokens.bearer(sub="a")))
        self.assertFalse(self.active(gateway, "limit:general"))
        shown = self.done(gateway, "limits", "set", POLICY, "--requests", "6", "--for", "3s", "--reason", "sale")
        self.assertIn("6 requests in 60 s, on, on all gateways", shown)
        self.assertIn("configured: 3 requests", shown)
        self.overridden(gateway)
        self.assertEqual([200] * 6 + [429], self.statuses(gateway, 7, tokens.bearer(sub="a")))
        self.assertTrue(self.active(gateway, "limit:general"))
        self.assertIn("limit:general 6 requests", self.done(gateway, "status"))
        knob = json.loads(self.done(gateway, "knobs", "--json"))["knobs"][0]
        self.assertEqual(("limit:general", "6 requests", "sale", True),
                         tuple(knob[name] for name in ("knob", "value", "reason", "everywhere")))
        self.assertIn("@", knob["by"])
        self.assertTrue(0 < knob["secondsLeft"] <= 3)
        self.overridden(gateway, on=False)
        self.assertEqual([200] * 3 + [429], self.statuses(gateway, 4, tokens.bearer(sub="b")))
        self.assertFalse(self.active(gateway, "limit:general"))
        lines = [(e["msg"], e["knob"], e.get("why")) for e in gateway.events if e["msg"].startswith("knob ")]
        self.assertEqual([("knob set", "limit:general", None), ("knob lapsed", "limit:general", "expired")], lines)
        wait_until(lambda: len([r for r in self.records() if r["event"] == "knob"]) == 2, 5, "both are recorded")
        kept = [r for r in self.records() if r["event"] in ("knob", "admin")]
        self.assertEqual(["PUT /admin/v1/limits/general", "knob limit:general", "knob limit:general"], [r["resource"] for r in kept])
        self.assertEqual(["done", "set", "lapsed"], [r["decision"] for r in kept])
        self.assertIn("sale", kept[1]["detail"])

    def test_a_key_by_hand_does_the_same_and_a_bad_one_is_told_and_does_nothing(self):
        gateway = self.start()
        cli(self.resp_port, "SET", "knob:limit:general", "5/60s", "EX", "60")
        self.overridden(gateway)
        self.assertEqual([200] * 5 + [429], self.statuses(gateway, 6, tokens.bearer(sub="a")))
        cli(self.resp_port, "DEL", "knob:limit:general")
        self.overridden(gateway, on=False)
        for key, value in (("knob:limit:general", "0"), ("knob:limit:nothing", "5"), ("knob:speed", "5"),
                           ("knob:breaker:nobody", "open"), ("knob:log-level", "loud"), ("knob:limit:general", '{"requests":')):
            cli(self.resp_port, "SET", key, value, "EX", "60")
            wait_until(lambda k=key: [e for e in gateway.events if e["msg"] == "a key of the state is not understood" and e["key"] == k],
                       5, "it is told of")
        self.assertEqual([], self.call(gateway, "GET", "/knobs")[1]["knobs"])
        self.assertEqual([200] * 3 + [429], self.statuses(gateway, 4, tokens.bearer(sub="b")))

    def test_a_policy_is_turned_off_or_only_counts(self):
        gateway = self.start()
        self.done(gateway, "limits", "set", POLICY, "--off", "--for", "1h", "--reason", "incident 7")
        self.overridden(gateway)
        self.assertEqual([200] * 6, self.statuses(gateway, 6, tokens.bearer(sub="a")))
        self.done(gateway, "limits", "set", POLICY, "--only-count", "--for", "1h", "--reason", "incident 7")
        wait_until(lambda: self.limit(gateway)["enforcement"] == "dry-run", 5, "it only counts")
        self.assertEqual([200] * 6, self.statuses(gateway, 6, tokens.bearer(sub="a")))
        self.assertEqual(3, self.limit(gateway)["refused"])
        self.done(gateway, "limits", "reset", POLICY)
        self.overridden(gateway, on=False)
        self.assertEqual([200] * 3 + [429], self.statuses(gateway, 4, tokens.bearer(sub="b")))
        self.assertEqual(1, self.tool(gateway, "limits", "reset", POLICY)[0])

    def test_bad_values_are_refused_with_a_remedy(self):
        gateway = self.start()
        for words, status, said in (
                (["set", POLICY, "--requests", "0", "--for", "1h", "--reason", "x"], 1, "1 to 1000000"),
                (["set", POLICY, "--requests", "-1", "--for", "1h", "--reason", "x"], 1, "whole numbers"),
                (["set", POLICY, "--for", "1h", "--reason", "x"], 1, "name what"),
                (["set", POLICY, "--requests", "5", "--reason", "x"], 2, "--for"),
                (["set", POLICY, "--requests", "5", "--for", "1h"], 2, "--reason"),
                (["set", POLICY, "--block", "5m", "--for", "1h", "--reason", "x"], 1, "exact or local"),
                (["set", POLICY, "--tier", "gold=5", "--for", "1h", "--reason", "x"], 1, "which the policy has not"),
                (["set", "nothing", "--requests", "5", "--for", "1h", "--reason", "x"], 1, "no such policy"),
                (["show"], 2, "--user"), (["show", "--ip", "nowhere"], 1, "whom?"),
                # As `explain` calls it.
                (["show", "--address", "nowhere"], 1, "whom?"),
                (["forget", "--tenant", "t9"], 1, "no policy counts")):
            found = self.tool(gateway, "limits", *words)
            self.assertEqual(status, found[0], (words, found))
            self.assertIn(said, found[2])
        found = self.tool(gateway, "limits", "set", POLICY, "--requests", "5", "--for", "1h", "--reason", "x",
                          ADMIN_TOKEN="", ADMIN_VIEWER_TOKEN=VIEWER)
        self.assertIn("a viewer changes nothing", found[2])
        self.assertIn("general  3 requests", self.tool(gateway, "limits", ADMIN_TOKEN="", ADMIN_VIEWER_TOKEN=VIEWER)[1])
        self.done(gateway, "limits", "set", POLICY, "--requests", "5", "--for", "1h", "--reason", "x", "--dry-run")
        self.assertEqual([], self.call(gateway, "GET", "/knobs")[1]["knobs"])
        self.assertEqual(("PUT /admin/v1/limits/general", "looked"), tuple(self.records()[-1][name] for name in ("resource", "decision")))

    def test_a_reload_changes_what_is_under_a_knob_and_never_the_knob(self):
        gateway = self.start()
        self.done(gateway, "limits", "set", POLICY, "--requests", "5", "--for", "1h", "--reason", "sale")
        self.done(gateway, "log-level", "ERROR", "--for", "1h", "--reason", "noise")
        name = self.done(gateway, "breaker").split()[0]
        self.done(gateway, "breaker", name, "closed", "--for", "1h", "--reason", "sale")
        self.overridden(gateway)
        path = gateway.config
        path.write_text(path.read_text() + "# changed\n")
        self.assertEqual(200, self.call(gateway, "POST", "/reload", {})[0])
        status = self.call(gateway, "GET", "/status")[1]
        self.assertEqual(("ERROR", 2), (status["logLevel"], status["configGeneration"]))
        self.assertEqual([f"breaker:{name}", "limit:general", "log-level"], [k["knob"] for k in status["knobs"]])
        self.assertEqual([200] * 5 + [429], self.statuses(gateway, 6, tokens.bearer(sub="a")))
        self.assertTrue(self.call(gateway, "GET", "/breakers")[1][name]["forced"])
        self.assertEqual(3, self.limit(gateway)["configured"]["requests"])
        self.done(gateway, "log-level", "auto")
        self.done(gateway, "log-level", "WARN")
        self.assertEqual(200, self.call(gateway, "POST", "/reload", {})[0])
        self.assertEqual("INFO", self.call(gateway, "GET", "/status")[1]["logLevel"], "without a time it ended with the reload")

    def test_breaker_and_level_by_key_hold_everywhere_until_they_end(self):
        gateway = self.start()
        name = self.done(gateway, "breaker").split()[0]
        self.done(gateway, "breaker", name, "open", "--everywhere", "--for", "1h", "--reason", "incident 7")
        wait_until(lambda: self.call(gateway, "GET", "/breakers")[1][name]["forced"], 5, "it is forced")
        self.assertIn("everywhere", self.tool(gateway, "breaker", name, "auto")[2])
        self.done(gateway, "breaker", name, "auto", "--everywhere")
        wait_until(lambda: not self.call(gateway, "GET", "/breakers")[1][name]["forced"], 5, "it is let go")
        cli(self.resp_port, "SET", "knob:log-level", "DEBUG", "EX", "1")
        wait_until(lambda: self.call(gateway, "GET", "/status")[1]["logLevel"] == "DEBUG", 5, "it is set")
        wait_until(lambda: self.call(gateway, "GET", "/status")[1]["logLevel"] == "INFO", 5, "it went back")


class UnderLoad(Knobs):
    def test_two_hundred_changes_lose_no_request_and_no_memory(self):
        gateway = self.start(RATE_LIMIT_MAX="1000000")
        with Load(gateway.port, "/api/v1/s0/text", b"hello from origin", 4) as load:
            wait_until(lambda: load.done > 100, 10, "it serves")
            before = None
            for number in range(200):
                status, answer = self.call(gateway, "PUT", "/limits/general",
                                           {"requests": 900_000 + number, "seconds": 60, "reason": "a change"})
                self.assertEqual(200, status, answer)
                if number % 2:
                    self.assertEqual(200, self.call(gateway, "POST", "/explain", {"method": "GET", "url": "/api/v1/s0/text"})[0])
                before = before or (gateway.rss_kb() if number == 50 else None)
            wait_until(lambda: self.limit(gateway)["requests"] == 900_199, 5, "the last one is in force")
            self.assertEqual(200, self.call(gateway, "DELETE", "/limits/general")[0])
        self.assertEqual([], load.failures[:5])
        self.assertGreater(load.done, 500)
        if not sanitized():
            self.assertLess(gateway.rss_kb() - before, 8 << 10)

    def test_more_keys_than_there_are_settings_change_nothing(self):
        gateway = self.start()
        with socket.create_connection(("127.0.0.1", self.resp_port)) as state:
            state.sendall(b"".join(b"SET knob:limit:x%d 5 EX 600\r\n" % number for number in range(1_200)))
            read = b""
            while read.count(b"+OK") < 1_200:
                read += state.recv(65536)
        self.assertEqual([200] * 3 + [429], self.statuses(gateway, 4, tokens.bearer(sub="a")))
        self.assertEqual([], self.call(gateway, "GET", "/knobs")[1]["knobs"])


class Blocked(Knobs):
    def test_who_is_blocked_is_shown_and_can_come_again(self):
        gateway = self.start('tickets: {requests: 2, block_ms: 300000, key: [caller, "parameter:eventId"], mode: exact}')
        user = tokens.bearer(sub="ana@example.com")
        self.assertEqual([200, 200, 429, 429], self.statuses(gateway, 4, user, "/api/v1/sell"))
        self.assertEqual([200] * 3 + [429], self.statuses(gateway, 4, user))
        shown = self.done(gateway, "limits")
        self.assertRegex(shown, r"user a…@example.com, no eventId: refused 2 times of late, 0 left, blocked for \d+ s")
        self.assertNotIn("ana@example.com", shown)
        shown = self.done(gateway, "limits", "show", "--user", "ana@example.com")
        self.assertRegex(shown, r"general  user a…@example.com: 0 of 3 left")
        self.assertRegex(shown, r"tickets  .*: 0 of 2 left in 60 s, blocked for (29\d|300) s")
        self.assertIn("general  user other: 3 of 3 left", self.done(gateway, "limits", "show", "--user", "other"))
        self.assertEqual([429], self.statuses(gateway, 1, user, "/api/v1/sell"), "to look lets nobody in")
        self.done(gateway, "limits", "forget", "--user", "ana@example.com", "--reason", "ticket 9")
        wait_until(lambda: self.statuses(gateway, 1, user, "/api/v1/sell") == [200], 5, "the block is forgotten")
        self.assertEqual([200] * 3 + [429], self.statuses(gateway, 4, user))
        record = [r for r in self.records() if r["event"] == "admin"][-1]
        self.assertEqual(("DELETE /admin/v1/limits/user/ana%40example.com", "done"), (record["resource"], record["decision"]))
        self.assertIn("ticket 9", record["detail"])


@unittest.skipUnless(shutil.which("redis-server"), "redis-server is not installed")
class Shared(Knobs):
    def test_all_gateways_of_a_redis_follow_within_a_second_and_after_it_was_away(self):
        redis = Redis(self.folder)
        self.addCleanup(redis.kill)
        self.environment |= {"REDIS_URL": f"redis://127.0.0.1:{redis.port}/0"}
        first, second = self.start(), self.start()
        for gateway in (first, second):
            wait_until(lambda g=gateway: json.loads(ask(g.port, "/health")[2])["state"]["status"] == "ok", 10, "Redis is there")
        self.done(first, "limits", "set", POLICY, "--requests", "8", "--for", "1h", "--reason", "sale")
        wait_until(lambda: self.limit(second)["requests"] == 8, 1, "the other has it within a second")
        self.assertEqual(2, self.call(second, "GET", "/limits")[1]["gateways"])
        user = tokens.bearer(sub="ana")
        sold = [self.get(g, "/api/v1/sell", user).status for g in (first, second, first, second)]
        self.assertEqual([200, 200, 429, 429], sold)
        self.assertRegex(self.done(second, "limits", "show", "--user", "ana"), r"tickets .*: 0 of 2 left in 60 s, blocked")
        self.done(second, "limits", "forget", "--user", "ana")
        wait_until(lambda: self.get(first, "/api/v1/sell", user).status == 200, 1, "forgotten by all")
        self.done(second, "limits", "reset", POLICY)
        wait_until(lambda: self.limit(first)["override"] is None, 1, "and it goes back for all")


if __name__ == "__main__":
    unittest.main()
