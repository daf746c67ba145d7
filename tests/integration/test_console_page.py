"""The console in a browser (console/test/page.mjs): each view shows what clients did, each action takes effect and is undone,
a viewer can do nothing. SHOTS=docs/console makes its pictures anew."""
import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest

from support import tokens
from support.platform import Platform
from support.process import ROOT
from support.scenario import BINARY
from test_admin import OPERATOR, VIEWER

BROWSER = shutil.which("chromium")
MODULES = ROOT / "console/node_modules/playwright-core"


@unittest.skipUnless(BROWSER and MODULES.is_dir(), "apt-get install chromium, and npm ci in console, bring what this needs")
class Page(unittest.TestCase):
    def test_the_console_in_a_browser(self):
        folder = tempfile.mkdtemp(prefix="gateway-test-")
        self.addCleanup(shutil.rmtree, folder, True)
        issuer = tokens.Issuer(folder)
        self.addCleanup(issuer.close)
        issuer.make_key("k1")
        platform = Platform(folder, BINARY, search_window_ms=20000, ADMIN_TOKEN=OPERATOR, ADMIN_VIEWER_TOKEN=VIEWER, TRUSTED_PROXIES="127.0.0.1",
                            AUDIT_PATH=folder + "/audit.log", ADMIN_OIDC_ISSUER="https://sso.example", ADMIN_OIDC_AUDIENCE="console",
                            ADMIN_OIDC_JWKS_URL=issuer.url, ADMIN_OIDC_OPERATORS="gateway-operators")
        self.addCleanup(platform.close)
        now = int(time.time())
        own = {"iss": "https://sso.example", "aud": "console", "sub": "ana-1", "email": "ana@example.com", "groups": ["gateway-operators"]}
        issued = {"iat": now - 30, "exp": now + 570}
        place = {"admin": platform.admin_port, "port": platform.gateway.port, "pid": platform.gateway.pid, "browser": BROWSER,
                 "operator": OPERATOR, "viewer": VIEWER, "own": issuer.sign("k1", **own),
                 "stale": issuer.sign("k1", iat=now - 900, exp=now - 300, **own), "shots": os.environ.get("SHOTS") and str(ROOT / os.environ["SHOTS"]),
                 "config": str(platform.gateway.config),
                 "crossing": f"/api/v1/tenants/{tokens.OTHER_TENANT}/text",
                 "tokens": {"good": tokens.token(**issued), "guest": tokens.token(sub="guest-1", **issued),
                            "expired": tokens.token(iat=now - 700, exp=now - 100)}}
        try:
            done = subprocess.run(["node", "test/page.mjs"], cwd=ROOT / "console", env=os.environ | {"PLACE": json.dumps(place)},
                                  capture_output=True, text=True, timeout=240)
        except subprocess.TimeoutExpired as late:
            self.fail(f"not done within {late.timeout} s, but for: {(late.stdout or b'').decode()[-4000:]}")
        print(done.stdout, flush=True)
        self.assertEqual(0, done.returncode, done.stdout[-4000:] + done.stderr[-2000:])
        self.assertEqual([], platform.gateway.alarms())
        changes = [json.loads(line) for line in open(folder + "/audit.log", encoding="utf-8")]
        self.assertTrue(any(c["event"] == "admin" and c["requester"] == "operator:ana" and "incident 7" in c["detail"] for c in changes))
