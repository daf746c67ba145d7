"""Operators who come with a token of their own issuer: who may what, what is refused, and whose name the record has."""
import json
import os
import pathlib
import subprocess
import time
import unittest

from support import tokens
from support.process import free_ports
from support.scenario import BINARY
from support.wait import wait_until
from test_admin import OPERATOR, VIEWER, AdminCalls
from test_console import Listener
from test_operate import Operate

ISSUER, CLIENT = "https://sso.example", "gateway-console"


class SignIn(AdminCalls):
    def setUp(self):
        super().setUp()
        self.issuer = tokens.Issuer(self.folder)
        self.addCleanup(self.issuer.close)
        self.issuer.make_key("k1")
        self.environment |= {"ADMIN_OIDC_ISSUER": ISSUER, "ADMIN_OIDC_AUDIENCE": CLIENT, "ADMIN_OIDC_JWKS_URL": self.issuer.url,
                             "ADMIN_OIDC_OPERATORS": "gateway-operators", "ADMIN_OIDC_VIEWERS": "gateway-viewers,auditors"}

    def start(self, *arguments, **options):
        gateway = super().start(*arguments, **options)
        wait_until(lambda: self.issuer.questions > 0, 5, "the keys are read")
        return gateway

    def token(self, key="k1", groups=("staff", "gateway-operators"), **changes):
        return self.issuer.sign(key, **({"iss": ISSUER, "aud": [CLIENT, "other"], "sub": "ana-1", "email": "ana@example.com",
                                         "groups": list(groups), "type": None, "tenant_id": None, "role": None} | changes))

    def test_an_operator_acts_and_a_viewer_looks_each_under_a_name_of_their_own(self):
        gateway = self.start()
        ana = self.token()
        wait_until(lambda: self.call(gateway, "GET", "/status", token=ana)[0] == 200, 5, "it is let in")
        status, answer = self.call(gateway, "PUT", "/bans/user/42", {"seconds": 60, "reason": "x", "by": "somebody else"}, ana)
        self.assertEqual(200, status, answer)
        self.assertEqual("operator:ana@example.com", self.call(gateway, "GET", "/bans", token=ana)[1]["bans"][0]["by"])
        vic = self.token(groups=["auditors"], email=None, sub="vic-1")
        self.assertEqual(200, self.call(gateway, "GET", "/status", token=vic)[0])
        self.refused(403, gateway, "DELETE", "/bans/user/42", token=vic)
        self.assertEqual(200, self.call(gateway, "POST", "/explain", {"method": "GET", "url": "/", "by": "x"}, vic)[0])
        self.assertEqual(200, self.call(gateway, "DELETE", "/bans/user/42", token=OPERATOR)[0])
        people = [json.loads(line)["requester"] for line in self.audit.read_text().splitlines() if '"admin"' in line]
        self.assertEqual(["operator:ana@example.com", "viewer:vic-1", "operator"], people)
        self.assertEqual(200, self.call(gateway, "GET", "/status", token=VIEWER)[0])

    def test_a_role_may_be_one_text(self):
        self.environment |= {"ADMIN_OIDC_CLAIM": "role"}
        gateway = self.start()
        wait_until(lambda: self.call(gateway, "GET", "/status", token=self.token(role="auditors"))[0] == 200, 5, "it is let in")

    def test_what_is_not_of_the_issuer_for_us_and_of_now_is_refused(self):
        gateway = self.start()
        wait_until(lambda: self.call(gateway, "GET", "/status", token=self.token())[0] == 200, 5, "the keys are there")
        now = int(time.time())
        self.issuer.make_key("stranger", publish=False)
        header, claims, signature = self.token().split(".")
        for name, token in {
                "another issuer": self.token(iss="https://evil.example"), "another audience": self.token(aud="other"),
                "no audience": self.token(aud=None), "expired": self.token(iat=now - 900, exp=now - 100),
                "not yet": self.token(iat=now + 300, exp=now + 900), "lives for days": self.token(exp=now + 10 * 86400),
                "no end": self.token(exp=None), "no groups": self.token(groups=[]), "groups of no use": self.token(groups=["staff"]),
                "groups that are numbers": self.token(groups=[1]), "nobody": self.token(sub=None), "a name with spaces": self.token(sub="a b"),
                "another key": self.token("stranger"), "cut": f"{header}.{claims}.", "changed": f"{header}.{claims[:-2]}AA.{signature}",
                "none": tokens.part({"alg": "none"}) + f".{claims}.", "a client's": tokens.token(iss=ISSUER, aud=CLIENT),
                "the public key as a secret": tokens.signed({"iss": ISSUER, "aud": CLIENT}, self.issuer.jwk("k1")["n"], kid="k1"),
                "nonsense": "a.b.c", "dots": "..", "long": "a." + "b" * 9000 + ".c"}.items():
            self.assertIn(self.call(gateway, "GET", "/status", token=token)[0], (401, 431), name)
        kept = [json.loads(line) for line in self.audit.read_text().splitlines() if "admin_refused" in line]
        self.assertTrue(kept and all(k["decision"] == "blocked" and k["address"] == "127.0.0.1" for k in kept), kept)
        self.assertLess(len(kept), 10, "at most one a second")
        told = self.refused(401, gateway, "GET", "/status", token=self.token(iat=now - 900, exp=now - 100))
        self.assertEqual(("token_expired", True), (told["code"], "expired" in told["detail"]))
        self.call(gateway, "PUT", "/bans/user/ana-1", {"seconds": 60})
        wait_until(lambda: self.call(gateway, "GET", "/status", token=self.token())[0] == 401, 5, "who is banned does nothing here either")

    def test_a_new_key_is_read_and_a_token_that_ends_ends_what_it_watches(self):
        gateway = self.start()
        now = int(time.time())
        wait_until(lambda: self.call(gateway, "GET", "/status", token=self.token())[0] == 200, 5, "the keys are there")
        short = Listener(gateway.admin_port, token=self.token(exp=now - 27, iat=now - 60))
        self.addCleanup(short.close)
        self.assertEqual(200, short.status)
        wait_until(lambda: short.all("hello"), 5, "it is told")
        self.assertEqual(("operator", "ana@example.com"), (short.all("hello")[0]["role"], short.all("hello")[0]["person"]))
        wait_until(lambda: short.ended, 10, "it is over with the token, leeway included")
        self.issuer.make_key("k2")
        fresh = self.token("k2")
        wait_until(lambda: self.call(gateway, "GET", "/status", token=fresh)[0] == 200, 15, "the new key is known")

    def test_half_a_configuration_is_refused_with_what_is_missing(self):
        for name in ("ADMIN_OIDC_AUDIENCE", "ADMIN_OIDC_JWKS_URL", "ADMIN_TOKEN"):
            environment = self.environment | {name: ""}
            said = self.does_not_start(environment)
            self.assertIn("admin_sign_in.", said)
        said = self.does_not_start(self.environment | {"ADMIN_OIDC_VIEWERS": "gateway-operators"})
        self.assertIn("leave it in one of them", said)

    def does_not_start(self, environment):
        path = pathlib.Path(self.folder) / "bad.yaml"
        path.write_text(self.text)
        ports = [str(port) for port in free_ports(3)]
        done = subprocess.run([str(BINARY), "run", "--config", str(path)], capture_output=True, text=True, timeout=20,
                              env=os.environ | {"PORT": ports[0], "ADMIN_PORT": ports[1], "RESP_PORT": ports[2], "JWT_SECRET": "x" * 40,
                                                "JWT_ISSUER": "tests"} | environment)
        self.assertEqual(1, done.returncode, done.stderr)
        return done.stderr


class Commands(Operate):
    def test_commands_take_such_a_token_as_well(self):
        issuer = tokens.Issuer(self.folder)
        self.addCleanup(issuer.close)
        issuer.make_key("k1")
        self.environment |= {"ADMIN_OIDC_ISSUER": ISSUER, "ADMIN_OIDC_AUDIENCE": CLIENT, "ADMIN_OIDC_JWKS_URL": issuer.url,
                             "ADMIN_OIDC_OPERATORS": "gateway-operators"}
        gateway = self.start()
        token = issuer.sign("k1", iss=ISSUER, aud=CLIENT, groups=["gateway-operators"], sub="ana-1")
        wait_until(lambda: self.tool(gateway, "status", ADMIN_TOKEN=token)[0] == 0, 5, "it is let in")
        self.done(gateway, "revoke", "user", "42", ADMIN_TOKEN=token)
        self.assertEqual("operator:ana-1", self.records()[-1]["requester"])


if __name__ == "__main__":
    unittest.main()
