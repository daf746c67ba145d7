"""Each command that operators type in an incident, as they type it, in a cluster that k8s/ has brought up: does it do what they
want of it? The commands stand in operators_runbook.txt; OPERATORS_RUNBOOK names the runbook that they are from, and where it is
set its text is what is run, and nothing of it may be missing here."""
import base64
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import unittest

from support import network
from support.production import BROKEN_IMAGE, Production
from support.scenario import BINARY, Scenario
from support.wait import readable, wait_until

KNOWN = pathlib.Path(__file__).with_name("operators_runbook.txt")
ATTACKER = "203.0.113.7"
BETA = "bob@beta.example"
RTO_S = {"pods": 15 * 60, "redis": 10 * 60}      # what recovery may take


def known():
    """Name and commands of each block."""
    parts = re.split(r"^== (\w+)\n", KNOWN.read_text(), flags=re.MULTILINE)[1:]
    return [(name, text.strip()) for name, text in zip(parts[::2], parts[1::2])]


def blocks_of(text):
    """Commands of each fenced block, without comments, lines that go on joined."""
    for body in re.findall(r"^ *```(?:bash|promql)\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE):
        lines = [line.strip() for line in body.splitlines()]
        yield "\n".join(line for line in lines if line and not line.startswith("#")).replace("\\\n", "")


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@unittest.skipIf(network.why_not(), f"no network of our own: {network.why_not()}")
class Commands(Scenario):
    def setUp(self):
        super().setUp()
        self.production = Production(self.folder, BINARY, typed=True)
        self.addCleanup(self.production.close)
        self.production.begin()
        self.cluster = self.production.cluster
        self.token = self.production.login()
        self.user = claims(self.token)["sub"]

    # What the operator sees of a block

    def outcome(self, commands, editor="true", **fill):
        pod = next(p for p in self.production.pods if p.ready)
        fill = {"pod-name": pod.name, "gateway-pod": pod.name, "ip-address": ATTACKER, "user-id": self.user,
                "affected-service": "venue-service"} | {name.replace("_", "-"): text for name, text in fill.items()}
        for name, text in fill.items():
            commands = commands.replace(f"<{name}>", text)
        self.assertNotRegex(commands, r"<[a-z-]+>", "a place that nobody has filled in")
        status, shown, said = self.production.run(commands, EDITOR=editor)
        self.assertEqual(0, status, f"{commands}\n{shown}{said}")
        return shown

    def answer(self, commands):
        """Of a query by curl."""
        found = json.loads(self.outcome(commands))
        self.assertEqual("success", found["status"], found)
        return found["data"]["result"]

    def becomes(self, condition, what, seconds=30):
        return wait_until(condition, seconds, what, 0.05)

    def everywhere(self, target, wanted, **options):
        """Every pod answers so."""
        self.becomes(lambda: all(self.production.ask(target, pod=p, **options)[0] == wanted for p in self.production.pods
                                 if p.ready), f"{target} is {wanted} on all pods")

    def limit(self):
        return self.production.ask("/api/v1/events", token=self.token)[2].get("X-RateLimit-Limit")

    def no_limit(self):
        """None that this test would meet."""
        self.outcome("kubectl edit configmap api-gateway-config -n production",
                     editor="sed -i s/RATE_LIMIT_MAX:.*/RATE_LIMIT_MAX:\\ \"'5000'\"/")
        self.becomes(lambda: self.limit() == "5000", "the limit is higher")

    def lose_data_of_redis(self):
        for path in (self.cluster.folder / "data-redis-0").rglob("*"):
            if path.is_file():
                path.unlink()

    def well(self):
        self.cluster.wait_settled()
        self.assertEqual(200, self.production.ask("/api/v1/events", token=self.token)[0])

    def test_each_command_does_what_operators_want_of_it(self):
        blocks = known()
        path = os.environ.get("OPERATORS_RUNBOOK")
        if path and pathlib.Path(path).is_file():
            found = list(blocks_of(pathlib.Path(path).read_text()))
            self.assertEqual([text for _, text in blocks], found, f"{KNOWN.name} is not what the runbook has")
            blocks = [(name, text) for (name, _), text in zip(blocks, found)]
        for name, commands in blocks:
            began = time.monotonic()
            with self.subTest(name):
                getattr(self, f"play_{name}")(commands)
                if os.environ.get("FIGURES"):
                    print(f"       {name}: {time.monotonic() - began:.1f} s", flush=True)

    # The service is away

    def play_crash(self, commands):
        pod = self.production.pods[0]
        pod.process.kill()
        self.becomes(lambda: pod.restarts == 1 and pod.ready, "the pod is back")
        shown = self.outcome(commands, pod_name=pod.name)
        self.assertRegex(shown, rf"{pod.name} +1/1 +Running +1 ")
        self.assertRegex(shown, r"Last State: +Terminated\n +Reason: +OOMKilled\n +Exit Code: +137")
        self.assertIn('"msg":"gateway started"', shown)

    def play_history(self, commands):
        self.production.run(f"kubectl set image deployment/api-gateway api-gateway={BROKEN_IMAGE} -n production")
        self.assertRegex(self.outcome(commands), r"(?m)^2 +<none>$")

    def play_top(self, commands):
        running = sum(p.ready for p in self.production.pods)    # one more waits for its image
        self.assertEqual(running, len(re.findall(r"(?m)^api-gateway-\S+ +\d+m +[1-9]\d*Mi$", self.outcome(commands))))

    def play_undo(self, commands):
        """The image that is rolled back from never starts; nobody has noticed."""
        self.becomes(lambda: any(p.status == "ImagePullBackOff" for p in self.production.pods), "the new pod does not start")
        self.assertEqual(200, self.production.ask("/api/v1/events", token=self.token)[0])
        shown = self.outcome(commands)
        self.assertIn("rolled back", shown)
        self.assertIn("successfully rolled out", shown)
        self.assertEqual({"api-gateway:1.0.0"}, {p.container["image"] for p in self.production.pods})
        self.well()

    # Errors

    def play_errors_query(self, commands):
        addresses = {f"{p.machine.address}:9300" for p in self.production.pods}
        self.becomes(lambda: {labels["instance"] for labels, up in self.production.prometheus.query("up == 1")} == addresses,
                     "Prometheus sees these pods")

        def seen():
            self.production.ask("/api/v1/tickets/types?demo_status=500", token=self.token)
            return any(float(r["value"][1]) > 0 and r["metric"]["status_code"].startswith("5") for r in self.answer(commands))
        self.becomes(seen, "Prometheus knows of the errors")

    def play_errors_log(self, commands):
        lines = [json.loads(line) for line in self.outcome(commands).splitlines()]
        self.assertIn(500, {line.get("status") for line in lines})

    def play_health_of_services(self, commands):
        shown = self.outcome(commands)
        self.assertEqual(4, len(re.findall(r'"status": ?"ok"', shown)), shown)

    def play_lower_limit(self, commands):
        self.assertEqual("100", self.limit())
        self.assertIn("edited", self.outcome(commands, editor="sed -i s/RATE_LIMIT_MAX:.*/RATE_LIMIT_MAX:\\ \"'60'\"/"))
        self.becomes(lambda: self.limit() == "60", "the lower limit is in force, without a restart")
        self.no_limit()

    # Attacks

    def play_violations_query(self, commands):
        for _ in range(3):
            self.production.ask("/api/v1/tickets/types", ATTACKER, token=self.token, X_User_Id="root")
        self.production.ask("/api/v1/events?q=1%27%20OR%20%271%27=%271%27--", ATTACKER, token=self.token)
        self.becomes(lambda: any(r["metric"]["violation_type"] == "header_manipulation" and float(r["value"][1]) > 0
                                 for r in self.answer(commands)), "Prometheus knows of the violation")

    def play_violations_log(self, commands):
        lines = [json.loads(line) for line in self.outcome(commands).splitlines()]
        self.assertIn((ATTACKER, "header_manipulation"), {(line.get("ip"), line.get("violationType")) for line in lines})

    def play_ban(self, commands):
        self.everywhere("/api/v1/events", 200, ip=ATTACKER, token=self.token)
        self.assertIn("OK", self.outcome(commands))
        began = time.monotonic()
        self.everywhere("/api/v1/events", 403, ip=ATTACKER, token=self.token)
        self.assertLess(time.monotonic() - began, 1, "a ban is in force on every gateway within a second")
        self.everywhere("/api/v1/events", 200, token=self.token)

    def play_crossing_log(self, commands):
        self.production.ask(f"/api/v1/events?tenantId={claims(self.production.login(BETA))['tenant_id']}", token=self.token)
        lines = [json.loads(line) for line in self.outcome(commands).splitlines()]
        mine = [line for line in lines if line.get("userId") == self.user]
        self.assertTrue(mine, lines)
        for name in ("sourceTenant", "targetTenant", "userId", "resource", "time"):
            self.assertTrue(mine[-1][name], name)
        self.assertEqual(("blocked", 403), (mine[-1]["outcome"], mine[-1]["status"]))

    def play_crossing_served(self, commands):
        self.production.ask("/api/v1/events", token=self.token)
        lines = [json.loads(line) for line in self.outcome(commands).splitlines()]
        self.assertIn((self.user, 200), {(line.get("userId"), line.get("status")) for line in lines})

    # Services

    def play_breaker_query(self, commands):
        for pod in self.production.pods:
            for number in range(25):
                self.production.ask(f"/api/v1/venues?n={number}&demo_status=502", token=self.token, pod=pod)
        self.becomes(lambda: {"1"} == {r["value"][1] for r in self.answer(commands)
                                       if r["metric"]["upstream"] == "venue-service"}, "breakers are open")

    def play_breaker_service(self, commands):
        """The service is well again: the breakers close by themselves."""
        self.assertRegex(self.outcome(commands), r"venue-service-\S+ +1/1 +Running")
        for pod in self.production.pods:    # they stay open for a minute and a tenth; asked so often as no limit refuses
            wait_until(lambda pod=pod: self.production.ask("/api/v1/venues?again", token=self.token, pod=pod)[0] == 200,
                       90, "the breaker has closed", 1)

    def play_auth_failures(self, commands):
        for _ in range(3):
            self.production.ask("/api/v1/auth/login", ATTACKER + "0", body={"email": "alice@alpha.example", "password": "guess"})
        lines = [json.loads(line) for line in self.outcome(commands).splitlines()]
        self.assertIn("login", {line.get("cause") for line in lines})

    def play_service_unavailable(self, commands):
        shown = self.outcome(commands)
        self.assertRegex(shown, r"api-gateway-\S+ +1/1 +Running")
        self.assertRegex(shown, r"(?m)^PONG$")
        self.assertRegex(shown, r"Killing +pod/")
        self.assertRegex(shown.splitlines()[-1], r'"status": ?"ok"')

    # Pods come and go

    def play_scale(self, commands):
        self.assertIn("scaled", self.outcome(commands))
        self.becomes(lambda: len([p for p in self.production.pods if p.ready]) == 6, "six serve")
        self.everywhere("/api/v1/events", 200, token=self.token)
        self.everywhere("/api/v1/events", 403, ip=ATTACKER, token=self.token)     # new ones know what is banned
        self.cluster.workloads["api-gateway"].replicas = 3
        self.well()

    def play_restart(self, commands):
        before = {p.name for p in self.production.pods}
        self.assertIn("restarted", self.outcome(commands))
        self.well()
        self.assertFalse(before & {p.name for p in self.production.pods})

    def play_watch_memory(self, commands):
        shown = self.endless(commands, lambda text: text.count("MEMORY") >= 2)
        self.assertRegex(shown, r"api-gateway-\S+ +\d+m +[1-9]\d*Mi")

    def play_delete_pod(self, commands):
        pod = self.production.pods[0]
        self.assertIn("deleted", self.outcome(commands, pod_name=pod.name))
        self.well()
        self.assertNotIn(pod.name, [p.name for p in self.production.pods])

    # Redis

    def play_redis_diagnosis(self, commands):
        shown = self.outcome(commands)
        self.assertRegex(shown, r"redis-0 +1/1 +Running")
        self.assertRegex(shown, r"(?m)^PONG$")
        self.assertIn("Ready to accept connections", shown)

    def play_redis_restart(self, commands):
        """Requests go on meanwhile, and the ban stays."""
        shown = self.outcome(commands)
        self.assertIn("restarted", shown)
        self.assertIn("rolling update complete", shown)
        self.redis_is_back()

    def redis_is_back(self):
        began = time.monotonic()
        self.cluster.wait_settled("redis")
        self.everywhere("/api/v1/events", 403, ip=ATTACKER, token=self.token)
        self.becomes(lambda: all('"status":"ok"' in self.production.ask("/health", pod=p)[1] for p in self.production.pods), "it is found again")
        self.assertLess(time.monotonic() - began, RTO_S["redis"])
        self.well()

    def play_redis_lost(self, commands):
        """It comes back empty: gateways give it back what must not be lost."""
        set_ban = f"kubectl exec -n production deployment/api-gateway -- redis-cli SET banned:ip:{ATTACKER} 1 EX 3600"
        self.becomes(lambda: self.production.run(set_ban)[1] == "OK\n", "the ban is taken")
        self.everywhere("/api/v1/events", 403, ip=ATTACKER, token=self.token)
        self.lose_data_of_redis()
        pod = self.cluster.pod("redis-0")
        subprocess.run(pod.machine.command("redis-cli", "CONFIG", "SET", "appendonly", "no"), check=True, capture_output=True)
        self.assertIn("restarted", self.outcome(commands))
        self.becomes(lambda: self.cluster.pod("redis-0") not in (None, pod), "another Redis")
        self.redis_is_back()
        self.becomes(lambda: subprocess.run(self.cluster.pod("redis-0").machine.command(
            "redis-cli", "EXISTS", f"banned:ip:{ATTACKER}"), capture_output=True, text=True).stdout.strip() == "1",
            "the ban is in Redis again")

    # Disasters

    def play_undo_failure(self, commands):
        began = time.monotonic()
        for pod in self.production.pods:
            pod.process.kill()
        self.assertIn("rolled back", self.outcome(commands, gateway_pod="", pod_name=""))
        self.well()
        self.assertLess(time.monotonic() - began, RTO_S["pods"])

    def play_from_scratch(self, commands):
        """Nothing is left of the gateway or its Redis."""
        secret = self.cluster.objects[("Secret", "api-gateway-secrets")]
        with self.cluster.lock:
            for name in ("api-gateway", "redis"):
                workload = self.cluster.workloads.pop(name)
                for pod in list(workload.pods):
                    workload.leave(pod)
            self.cluster.objects = {("Secret", "api-gateway-secrets"): secret}
        for thread in workload.ending:
            thread.join(40)
        self.lose_data_of_redis()
        began = time.monotonic()
        shown = self.production.run(commands)[1]
        for name in ("namespace/production", "deployment.apps/api-gateway", "statefulset.apps/redis", "service/redis-service",
                     "configmap/api-gateway-config"):
            self.assertIn(f"{name} created", shown)
        self.well()
        self.assertLess(time.monotonic() - began, RTO_S["pods"])
        self.assertEqual("100", self.limit())
        self.no_limit()

    def play_raise_limit(self, commands):
        shown = self.outcome(commands, editor="sed -i s/RATE_LIMIT_MAX:.*/RATE_LIMIT_MAX:\\ \"'500'\"/")
        self.assertIn("edited", shown)
        self.well()
        self.assertEqual("500", self.limit())

    # Day to day

    def endless(self, command, enough):
        """What it shows until that is enough; then it is ended as by Ctrl-C."""
        process = self.production.start(command)
        shown = ""
        deadline = time.monotonic() + 20
        try:
            while not enough(shown) and time.monotonic() < deadline:
                if readable(process.stdout, 0.5):
                    shown += os.read(process.stdout.fileno(), 65536).decode()
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        self.assertTrue(enough(shown), f"{command}\n{shown}")
        return shown

    def play_quick_reference(self, commands):
        self.production.run("kubectl rollout restart deployment/api-gateway -n production")      # there is something to go back to
        self.well()
        for command in commands.splitlines():
            pod = self.production.pods[0]
            filled = command.replace("<pod-name>", pod.name)
            if "--follow" in command:
                self.endless(filled, lambda text: '"msg":"gateway started"' in text)
            elif "port-forward" in command:
                self.forwarded(filled)
            elif "/bin/sh" in command:
                process = self.production.start(filled)
                shown = process.communicate("hostname; curl -s http://127.0.0.1:3000/health\nexit\n", 20)[0]
                self.assertEqual(0, process.returncode, shown)
                self.assertIn('"status":"ok"', shown)
            else:
                self.assertTrue(self.outcome(filled), command)
        self.well()
        self.assertEqual(5, len(self.production.pods))

    def forwarded(self, command):
        process = self.production.start(command)
        try:
            self.becomes(lambda: '"status":"ok"' in subprocess.run(
                ["curl", "-s", "-m", "2", "http://127.0.0.1:8080/health"], capture_output=True, text=True).stdout, "the port answers here")
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def play_queries(self, commands):
        def answered(query):
            for pod in self.production.pods:
                self.production.ask("/api/v1/events", token=self.token, pod=pod)
            self.production.ask("/api/v1/tickets/types?demo_status=500", token=self.token)
            found = self.production.prometheus.query(query)
            return found and all(value == value for _, value in found)      # NaN: nothing has happened yet
        for query in commands.splitlines():
            self.becomes(lambda query=query: answered(query), query)


if __name__ == "__main__":
    unittest.main()
