"""Each command and each query of docs/runbooks, in a cluster that k8s/ has brought up. A remark below a block says in which situation
it is run, what it has to show, how it ends and what is so afterwards:

    <!-- given: failing · shows: REGEX · shows: REGEX · ends: 4 · then: only-reads -->

RUNBOOK_PAGES names pages, to try only these."""
import base64
import contextlib
import json
import os
import re
import subprocess
import sys
import time
import unittest
import urllib.parse

from support import certificates, network
from support.process import ROOT
from support.production import BROKEN_IMAGE, SECRETS, Production
from support.scenario import BINARY, Scenario
from support.wait import wait_until

ATTACKER = "203.0.113.7"
BETA_TENANT = "6b0f6a6e-2d0f-4c1a-9d7e-0a1f5f0a0002"
PAGES = ROOT / "docs/runbooks"
BLOCK = re.compile(r"^```(bash|promql)\n(.*?)^```\n(?:<!-- (.*?) -->\n)?", re.DOTALL | re.MULTILINE)
ORDINARY = "100000"


def blocks():
    only = os.environ.get("RUNBOOK_PAGES", "").split()
    for page in sorted(PAGES.rglob("*.md")):
        if only and page.stem not in only:
            continue
        for language, text, remark in BLOCK.findall(page.read_text()):
            parts = [part.split(": ", 1) for part in remark.split(" · ")] if remark else []
            yield page.stem, language, text, {key: [v for k, v in parts if k == key] for key, _ in parts}


@unittest.skipIf(network.why_not(), f"no network of our own: {network.why_not()}")
class Pages(Scenario):
    def setUp(self):
        super().setUp()
        self.production = Production(self.folder, BINARY)
        self.addCleanup(self.production.close)
        self.cluster = self.production.cluster
        self.production.begin()
        self.calm()

    def test_each_command_and_query_of_the_pages_works(self):
        count = 0
        for page, language, text, remark in blocks():
            count += 1
            with self.subTest(f"{page}: {text.splitlines()[0]}"):
                getattr(self, language)(text, remark)
        if not os.environ.get("RUNBOOK_PAGES"):
            self.assertGreater(count, 100)

    def promql(self, text, remark):
        found = self.production.prometheus.get("/api/v1/query?" + urllib.parse.urlencode({"query": text}))
        self.assertIn(found["resultType"], ("vector", "scalar"))

    def bash(self, text, remark):
        self.assertTrue(remark, "a remark says what it has to show")
        given = (remark.get("given") or ["calm"])[0]
        fill, editor = getattr(self, "given_" + given.replace("-", "_"), self.calm)() or {}, "sed -i s/RATE_LIMIT_MAX:.*/RATE_LIMIT_MAX:\\ \"'99999'\"/"
        pod = fill.pop("pod", None) or next((p.name for p in self.production.pods if p.ready), "none")
        fill = {"pod": pod, "service": "venue-service", "port": "4002", "user": self.user, "address": ATTACKER, "host": "127.0.0.1"} | fill
        for name, value in fill.items():
            text = text.replace(f"<{name}>", value)
        self.assertNotRegex(text, r"<[a-z-]+>", "a place that nobody has filled in")
        status, shown, said = self.production.run(text, EDITOR=editor, TOKEN=self.token, HOME=str(self.production.desk),
                                                  JWT_JWKS_URL="http://auth-service:4001/.well-known/jwks.json",
                                                  INTERNAL_HMAC_SECRET=SECRETS["INTERNAL_HMAC_SECRET"], REDIS_PASSWORD="")
        for pattern in remark.get("shows", []):
            self.assertRegex(shown + said, re.compile(pattern, re.MULTILINE | re.IGNORECASE))
        self.assertEqual(int(remark.get("ends", ["0"])[0]), status, shown[-2000:] + said)
        for name in remark.get("then", []):
            getattr(self, "then_" + name.replace("-", "_"))()
        self.after()

    def after(self):
        """As before: three pods of the image that works, nobody banned by hand of the pages but the attacker."""
        self.cluster.workloads["api-gateway"].replicas = 3
        workload = self.cluster.workloads["api-gateway"]
        with self.cluster.lock:
            template = workload.template
            template["spec"]["containers"][0]["image"] = "api-gateway:1.0.0"
            workload.turn_to(template)
        self.cluster.wait_settled()

    # Situations

    def operate(self, text):
        status, shown, said = self.production.run(text)
        self.assertEqual(0, status, f"{text}\n{shown}{said}")
        return shown

    def configure(self, **variables):
        with self.cluster.lock:
            self.cluster.objects[("ConfigMap", "api-gateway-config")]["data"] |= variables
            self.cluster.changed()

    def sign_in(self):
        self.token = wait_until(self.try_to_sign_in, 20, "somebody can sign in", 0.1)
        part = self.token.split(".")[1]
        self.user = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["sub"]

    def try_to_sign_in(self):
        self.logins = getattr(self, "logins", 0) + 1
        try:
            token = self.production.login(ip=f"198.51.100.{self.logins % 250 + 1}")
        except AssertionError:
            return None
        return token if self.production.ask("/api/v1/events", token=token)[0] == 200 else None

    def calm(self):
        """Nothing of the situation before is left."""
        if ("ConfigMap", "api-gateway-config") not in self.cluster.objects:
            self.production.apply_everything()
            self.cluster.wait_settled()
        self.configure(RATE_LIMIT_MAX=ORDINARY)
        for pod in self.production.pods:
            subprocess.run(pod.machine.command("sh", "-c", "redis-cli --scan --pattern 'maintenance:*' | xargs redis-cli DEL revoked:all "
                                               f"banned:ip:{ATTACKER} knob:breaker:venue-service"), capture_output=True, timeout=20)
        self.forget_user()
        self.production.run('kubectl exec -n production deployment/api-gateway -- api-gateway limits reset general --reason "calm"')
        self.sign_in()

    def forget_user(self):
        if user := getattr(self, "user", None):
            pod = next(p for p in self.production.pods if p.ready)
            subprocess.run(pod.machine.command("redis-cli", "DEL", f"banned:user:{user}", f"revoked:user:{user}"),
                           capture_output=True, timeout=20)

    @contextlib.contextmanager
    def until_the_log_tells(self, path, count):
        """Pages look at logs as soon as their situation is there: waits until each pod has told of so many requests more."""
        pods = list(self.production.pods)

        def lines(pod):
            return pod.log.read_text().count(f'"path":"{path}')
        before = [lines(pod) for pod in pods]
        yield pods
        wait_until(lambda: all(lines(pod) >= seen + count for pod, seen in zip(pods, before)), 10, f"the log tells of {path}")

    def on_all_pods(self, target, count=1, **options):
        with self.until_the_log_tells(target.partition("?")[0], count) as pods:
            for pod in pods:
                for number in range(count):
                    self.production.ask(target + f"&n={number}" if "?" in target else target, pod=pod, token=self.token, **options)

    def given_crashed(self):
        self.calm()
        pod = self.production.pods[0]
        before = pod.restarts
        pod.process.kill()
        wait_until(lambda: pod.restarts > before and pod.ready, 20, "the pod is back")
        return {"pod": pod.name}

    def given_rolled_out(self):
        self.calm()
        self.operate(f"kubectl set image deployment/api-gateway api-gateway={BROKEN_IMAGE} -n production")
        wait_until(lambda: any(p.status == "ImagePullBackOff" for p in self.production.pods), 20, "the new pod does not start")

    def given_failing(self):
        """A service hangs up, then answers again: breakers have opened."""
        self.calm()
        def opened():
            self.on_all_pods("/api/v1/venues?demo_status=502", 5)
            return all("circuit breaker changed" in p.log.read_text() and self.production.ask(
                "/api/v1/venues?demo_status=502", pod=p, token=self.token)[0] == 503 for p in self.production.pods)
        wait_until(opened, 20, "breakers have opened")
        wait_until(lambda: all('"status":503' in p.log.read_text() for p in self.production.pods), 10, "the log tells of it")

    def given_slow(self):
        self.calm()
        self.on_all_pods("/api/v1/venues?demo_delay_ms=1100&slow")

    def given_served(self):
        self.calm()
        self.on_all_pods("/api/v1/venues?served", 3)

    def given_issuer_away(self):
        """It was away for a while."""
        self.calm()
        workload = self.cluster.workloads["auth-service"]
        workload.replicas = 0
        wait_until(lambda: not workload.pods, 20, "the issuer is away")
        wait_until(lambda: "key set cannot be read" in self.production.log() or self.forge(), 60, "the log says so", 0.2)
        workload.replicas = 1
        self.cluster.wait_settled("auth-service")

    def forge(self):
        """A key that nobody knows makes gateways look for it."""
        head = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": f"k{time.time()}"}).encode()).decode().rstrip("=")
        self.production.ask("/api/v1/events", token=".".join([head, *self.token.split(".")[1:]]))

    def given_certificate(self):
        self.calm()
        certificate, key = certificates.make(self.production.desk, "ingress", ["api.tickettoken.com"])
        server = subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:443", "-cert", str(certificate), "-key", str(key), "-quiet"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        wait_until(lambda: subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:443"], stdin=subprocess.DEVNULL,
                                          capture_output=True).returncode == 0, 10, "it answers", 0.1)

    def given_refused(self):
        self.calm()
        self.configure(RATE_LIMIT_MAX="many")
        wait_until(lambda: "configuration refused" in self.production.log(), 20, "the configuration is refused")

    def given_crossing(self):
        self.calm()
        self.on_all_pods("/api/v1/venues?mine")
        self.on_all_pods(f"/api/v1/events?tenantId={BETA_TENANT}")

    def given_guessing(self):
        self.calm()
        with self.until_the_log_tells("/api/v1/auth/login", 4) as pods:
            for number in range(4):
                for pod in pods:
                    self.production.ask("/api/v1/auth/login", f"203.0.113.{10 + number}", pod=pod,
                                        body={"email": "nobody@alpha.example", "password": "guess"})

    def given_limited(self):
        self.calm()
        self.configure(RATE_LIMIT_MAX="3")

        def limited():
            self.on_all_pods("/api/v1/events", 3)
            return '"status":429' in self.production.log()
        wait_until(limited, 20, "somebody is refused")

    def given_attack(self):
        self.calm()
        self.on_all_pods("/api/v1/tickets/types", ip=ATTACKER, X_User_Id="root")

    def given_banned(self):
        self.calm()
        # The page before may have restarted Redis.
        set_ban = f"kubectl exec -n production deployment/api-gateway -- redis-cli SET banned:ip:{ATTACKER} 1 EX 3600"
        wait_until(lambda: self.production.run(set_ban)[1] == "OK\n", 20, "the ban is taken")
        self.everywhere_banned()

    def given_as_left(self):
        """By the block before."""

    def mark(self, *words):
        return self.production.run(f"kubectl exec -n production redis-0 -- redis-cli {' '.join(words)} drill:mark")[1].strip()

    def given_marked(self):
        self.calm()
        self.operate("kubectl exec -n production redis-0 -- redis-cli SET drill:mark 1")

    def given_mark_lost(self):
        self.calm()
        self.mark("DEL")

    def then_mark_back(self):
        self.assertEqual("1", self.mark("GET"))

    def then_only_reads(self):
        self.assertEqual(401, self.production.ask("/api/v1/events", token=self.token)[0])
        self.sign_in()
        self.assertEqual(503, self.production.ask("/api/v1/venues", token=self.token, body={"name": "x"})[0])

    def given_maintained(self):
        self.calm()
        self.operate("kubectl exec -n production deployment/api-gateway -- redis-cli SET maintenance:mode read-only EX 600")

    def everywhere_banned(self):
        wait_until(lambda: all(self.production.ask("/api/v1/events", ATTACKER, token=self.token, pod=p)[0] == 403
                               for p in self.production.pods if p.ready), 20, "the ban is in force everywhere")

    def given_redis_restarted(self):
        self.calm()
        self.operate("kubectl rollout restart statefulset/redis -n production && kubectl rollout status statefulset/redis -n production")
        wait_until(lambda: '"status":"ok"' in self.production.ask("/health")[1], 30, "it is found again")

    def given_data_lost(self):
        self.given_banned()
        pod = self.cluster.pod("redis-0")
        subprocess.run(pod.machine.command("redis-cli", "CONFIG", "SET", "appendonly", "no"), check=True, capture_output=True)
        for path in (self.cluster.folder / "data-redis-0").rglob("*"):
            if path.is_file():
                path.unlink()

    def given_nothing_left(self):
        self.calm()
        with self.cluster.lock:
            ending = []
            for name in ("api-gateway", "redis"):
                workload = self.cluster.workloads.pop(name)
                for pod in list(workload.pods):
                    workload.leave(pod)
                ending += workload.ending
            self.cluster.objects = {key: value for key, value in self.cluster.objects.items()
                                    if key[1] in ("auth-service", "venue-service", "event-service", "ticket-service")}
        for thread in ending:
            thread.join(40)

    def given_own_home(self):
        self.calm()


if __name__ == "__main__":
    sys.exit(unittest.main())
