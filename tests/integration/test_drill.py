"""`api-gateway drill`: all drills against a stack of their own (demo/drill.sh), and what it takes care not to do."""
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import unittest

from support.process import ROOT, ask, free_ports
from support.redis import cli
from support.scenario import BINARY
from support.wait import wait_until
from test_operate import Operate

STACK = ROOT / "demo/drill.sh"


def stack_environment(folder):
    """Ports that are free: four demo services in a row, two Redis servers in a row, the gateways' own."""
    base, redis = free_ports(1)[0], free_ports(1)[0]
    port, admin, other, other_admin = free_ports(4)
    return {k: v for k, v in os.environ.items() if not k.endswith("_SERVICE_URL")} | {
        "GATEWAY": str(BINARY), "LOG_FOLDER": str(folder), "DEMO_PORT_BASE": str(base), "DEMO_REDIS_PORT_BASE": str(redis), "PORT": str(port),
        "ADMIN_PORT": str(admin), "OTHER_PORT": str(other), "OTHER_ADMIN_PORT": str(other_admin), "ADMIN_TOKEN": "drill",
        "CIRCUIT_BREAKER_RESET_TIMEOUT": "5000"}     # as shipped it is a minute


class Drills(unittest.TestCase):
    def test_every_incident_is_noticed_held_and_recovered_from_in_time(self):
        with tempfile.TemporaryDirectory(prefix="gateway-drill-") as folder:
            done = subprocess.run([str(STACK), "--check", "--json", "--patience", "30"], env=stack_environment(folder), capture_output=True, text=True,
                                  timeout=150)
            self.assertEqual("", done.stderr)
            found = json.loads(done.stdout)
            self.assertEqual([], [(d["drill"], d.get("refused"), s) for d in found["drills"] for s in d["steps"] or [None]
                                  if not d["passed"] and not (s and s["passed"])])
            self.assertEqual((0, 0), (done.returncode, found["failed"]))
            names = subprocess.run([str(BINARY), "drill", "--list"], capture_output=True, text=True).stdout.splitlines()
            self.assertEqual([line.split()[0] for line in names], [d["drill"] for d in found["drills"]])
            for drill in found["drills"]:
                self.assertLessEqual({"cause", "recover"}, {step["phase"] for step in drill["steps"]}, drill["drill"])
                self.assertTrue((ROOT / "docs/runbooks" / drill["page"]).is_file())
            self.assertEqual([], [name for name in os.listdir(folder) if name.endswith(".pid")], "what it started it has ended")


class Care(Operate):
    def setUp(self):
        super().setUp()
        self.environment |= {"TRUSTED_PROXIES": "127.0.0.1/32"}

    def drill(self, gateway, *words):
        return self.tool(gateway, "drill", *words, PORT=str(gateway.port))

    def test_it_refuses_a_gateway_that_is_not_marked(self):
        gateway = self.start()
        status, _, said = self.drill(gateway, "all", "--yes")
        self.assertEqual(1, status)
        self.assertIn("DRILL_TARGET", said)
        self.assertEqual(0, json.loads(self.done(gateway, "status", "--json"))["bans"])
        # Told that it is meant, it does play.
        status, out, _ = self.drill(gateway, "token-leak", "--yes", "--i-mean-it")
        self.assertEqual(1, status)
        self.assertIn("cannot sign in", out)

    def test_it_shows_first_and_does_only_when_told(self):
        self.environment |= {"DRILL_TARGET": "true"}
        gateway = self.start()
        status, out, _ = self.drill(gateway, "brute-force")
        self.assertEqual(0, status)
        self.assertIn("say --yes", out)
        self.assertEqual(1, self.drill(gateway, "redis-loss", "--yes")[0])
        self.assertIn("its state is not in Redis", self.drill(gateway, "redis-loss", "--yes")[1])

    def test_a_gateway_that_is_away_is_said(self):
        gateway = self.start()
        gateway.kill()
        self.assertEqual(3, self.drill(gateway, "all", "--yes")[0])


class Ended(unittest.TestCase):
    def test_a_drill_that_is_ended_puts_everything_back(self):
        with tempfile.TemporaryDirectory(prefix="gateway-drill-") as folder, contextlib.ExitStack() as ending:
            environment = stack_environment(folder)
            stack = subprocess.Popen([str(STACK)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            ending.callback(stack.wait, 30)     # while the folder is there: it says what was started
            ending.callback(stack.terminate)
            port, redis = int(environment["PORT"]), int(environment["DEMO_REDIS_PORT_BASE"])
            said = []
            while not said or said[-1] not in ("", "Stop: Ctrl-C\n"):
                said.append(stack.stdout.readline())
            self.assertIn("A stack for drills", "".join(said))
            # Redis is away and the ban of the drill is set, when somebody changes his mind.
            drill = subprocess.Popen([str(BINARY), "drill", "redis-loss", "--yes", "--stack", folder], env=environment,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            wait_until(lambda: '"degraded"' in ask(port, "/health")[2] or drill.poll() is not None, 20, "Redis is away", 0.001)
            drill.send_signal(signal.SIGINT)
            out, said = drill.communicate(timeout=30)
            wait_until(lambda: '"status":"ok"' in ask(port, "/health")[2], 20, f"Redis is back: {out}{said}")
            wait_until(lambda: cli(redis, "KEYS", "banned:*") == "", 20, "the ban is lifted")


if __name__ == "__main__":
    unittest.main()
