"""The gateway's user of Redis: what the documentation gives it is enough, and what it lacks is told, in /health and in the log."""
import hashlib
import hmac
import json
import pathlib
import re
import shutil
import time
import unittest

from support import tokens
from support.clients import Client
from support.process import ask
from support.redis import Redis, cli
from support.wait import wait_until
from test_cache import Origin
from test_idempotency import Once
from test_state import BANNED

SECURITY = pathlib.Path(__file__).parents[2] / "docs" / "security.md"
SECRET = "whsec_of_the_tests"
REFUSED = "Redis does not permit what this gateway needs"


def documented():
    """The words of the line in the documentation, behind the user's name."""
    line, = re.findall(r"^ACL SETUSER gateway (on .*)$", SECURITY.read_text(), re.M)
    return line.replace("PASSWORD", "gwpw").split()


@unittest.skipUnless(shutil.which("redis-server"), "redis-server is not installed")
class Rights(Once):
    def setUp(self):
        self.kept = Origin()
        super().setUp()
        self.addCleanup(self.kept.close)
        self.redis = Redis(self.folder)
        self.addCleanup(self.redis.kill)
        self.environment = {"REDIS_URL": f"redis://gateway:gwpw@127.0.0.1:{self.redis.port}/0", "RATE_LIMIT_ENABLED": "true",
                            "STRIPE_WEBHOOK_SECRET": SECRET}

    def config(self, options=""):
        text = super().config(options).replace("services:\n", f'services:\n  kept: {{url: "{self.kept.url}"}}\n')
        return "limits: {general: {requests: 1000, window_ms: 60000, mode: exact}}\n" + text + """
  - {name: hook, path: /api/v1/hook, service: shop, authenticate: {public: [/**]}, webhook_signature: {}}
  - {name: kept, path: /api/v1/kept/**, service: kept, authenticate: {public: [/**]}, cache: {}}
  - {name: tenants, path: "/api/v1/tenants/{tenantId}/text", service: kept, rewrite: /up/text}
"""

    def permit(self, *words, reset=True):
        self.assertEqual("OK", cli(self.redis.port, "ACL", "SETUSER", "gateway", *(["reset"] if reset else []), *words))

    def health(self, gateway):
        found = json.loads(ask(gateway.port, "/health")[2])
        return found["status"], found["state"]["status"]

    def is_whole(self, gateway):
        wait_until(lambda: self.health(gateway) == ("ok", "ok"), 20, "all is permitted")
        return gateway

    def is_degraded(self, gateway, state="degraded"):
        wait_until(lambda: self.health(gateway) == ("degraded", state), 20, "what is refused stands in /health")

    def refused(self, gateway):
        """What the last line about it says is refused; "" for nothing."""
        told = [line for line in gateway.events if line.get("msg", "").startswith((REFUSED, "Redis permits"))]
        return told[-1].get("reason", "") if told else ""

    def hook(self, gateway, body):
        at = int(time.time())
        signature = hmac.new(SECRET.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()

        def post():
            with Client(gateway.port) as client:
                client.send(f"POST /api/v1/hook HTTP/1.1\r\nHost: a\r\nStripe-Signature: t={at},v1={signature}\r\n"
                            f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
                return client.response("POST").status
        return [post() for _ in range(2)]

    def denied(self):
        """What Redis has refused, by its own record."""
        words = cli(self.redis.port, "ACL", "LOG", "100").split("\n")
        return [words[i + 1] for i, word in enumerate(words) if word == "object"]

    def test_the_documented_user_is_refused_nothing(self):
        self.permit(*documented())
        one, two = (self.is_whole(self.start()) for _ in range(2))
        self.assertEqual([201, 201], [self.buy(one, "k-1").status, self.buy(two, "k-1").status])
        self.assertEqual([201, 409], self.hook(one, b"paid"))
        self.assertEqual(2, self.shop.count(), "each was served once")
        fresh = "/api/v1/kept/a?cc=max-age%3D300"
        self.assertEqual(200, self.get(one, fresh).status)
        wait_until(lambda: cli(self.redis.port, "--scan", "--pattern", "cache:answer:*"), 10, "an answer is shared")
        self.assertEqual(200, self.get(two, fresh).status)
        self.assertEqual(403, self.get(one, f"/api/v1/tenants/{tokens.OTHER_TENANT}/text", tokens.bearer()).status)
        wait_until(lambda: cli(self.redis.port, "XLEN", "audit:events") == "1", 10, "the stream has the event")
        self.assertEqual("OK", cli(self.resp_port, "SET", "banned:ip:203.0.113.7", "1", "EX", "60"))
        for gateway in (one, two):
            self.becomes(BANNED, gateway, address="203.0.113.7", target="/api/v1/kept/b")
            self.assertEqual(("ok", "ok"), self.health(gateway))
            self.assertEqual("", self.refused(gateway))
        # One that starts while something is there reads it.
        self.becomes(BANNED, self.is_whole(self.start()), address="203.0.113.7", target="/api/v1/kept/b")
        self.assertEqual([], self.denied())

    def test_what_is_refused_is_told_until_it_is_permitted(self):
        lacking = [word for word in documented() if word not in ("~idempotency:*", "~webhook:*")]
        self.permit(*lacking)
        gateway = self.is_whole(self.start())
        self.assertEqual([201, 201], [self.buy(gateway, "k-1").status for _ in range(2)])
        self.is_degraded(gateway)
        wait_until(lambda: "SET idempotency:*" in self.refused(gateway), 5, "the log names it")
        self.assertEqual([201, 201], self.hook(gateway, b"paid"))
        wait_until(lambda: "SET webhook:*" in self.refused(gateway), 5, "the log names the other as well")
        unguarded = ask(gateway.admin_port, "/metrics")[2]
        self.assertEqual(2, len(re.findall(r"^idempotency_unguarded_total{.*} 2$", unguarded, re.M)), "both routes are counted")
        told = [line for line in gateway.events if line.get("msg", "").startswith(REFUSED)]
        self.assertEqual(["ERROR", "ERROR"], [line["level"] for line in told], "once for each change")
        # The rest goes on.
        self.assertEqual("OK", cli(self.redis.port, "SET", "banned:ip:203.0.113.7", "1", "EX", "60"))
        self.becomes(BANNED, gateway, address="203.0.113.7", target="/api/v1/kept/b")
        self.permit("~idempotency:*", "~webhook:*", reset=False)
        self.is_whole(gateway)
        self.events(gateway, "Redis permits what this gateway needs again")
        self.assertEqual([201, 409], self.hook(gateway, b"paid once more"))

    def test_scripts_that_are_refused_are_told_at_once(self):
        self.permit("on", ">gwpw", "~*", "&*", "+@all", "-@scripting")
        gateway = self.start()
        self.is_degraded(gateway)
        wait_until(lambda: "SCRIPT LOAD" in self.refused(gateway), 5, "the log names it")
        self.permit("+@scripting", reset=False)
        self.is_whole(gateway)

    def test_without_info_bans_are_in_force(self):
        self.permit("on", ">gwpw", "~*", "&*", "+@all", "-@dangerous")
        cli(self.redis.port, "SET", "banned:ip:203.0.113.7", "1", "EX", "60")
        gateway = self.is_whole(self.start())
        self.becomes(BANNED, gateway, address="203.0.113.7", target="/api/v1/kept/b")
        self.assertEqual("", self.refused(gateway))

    def test_without_the_channel_nothing_is_known_and_nothing_else_is_said(self):
        self.permit("on", ">gwpw", "~*", "resetchannels", "+@all")
        cli(self.redis.port, "SET", "banned:ip:203.0.113.7", "1", "EX", "60")
        gateway = self.start()
        self.is_degraded(gateway, "down")
        line, = self.events(gateway, "the state backend")
        self.assertEqual("the state backend refuses this gateway; no bans and revocations are known yet", line["msg"])
        self.assertIn("SUBSCRIBE __redis__:invalidate", line["reason"])
        self.permit("&__redis__:invalidate", reset=False)
        self.is_whole(gateway)
        self.becomes(BANNED, gateway, address="203.0.113.7", target="/api/v1/kept/b")

    def test_what_may_be_read_is_in_force_where_not_all_may_be(self):
        self.permit(*(word for word in documented() if word != "~revoked:*"))
        cli(self.redis.port, "MSET", "banned:ip:203.0.113.7", "1", "revoked:jti:gone", "1")
        gateway = self.start()
        self.becomes(BANNED, gateway, address="203.0.113.7", target="/api/v1/kept/b")
        self.is_degraded(gateway)
        wait_until(lambda: "GETRANGE revoked:*" in self.refused(gateway), 5, "the log names it")
        self.permit("~revoked:*", reset=False)
        self.is_whole(gateway)
        wait_until(lambda: self.buy(gateway, "k-1", header=tokens.bearer(jti="gone")).status == 401, 10, "the other as well")


if __name__ == "__main__":
    unittest.main()
