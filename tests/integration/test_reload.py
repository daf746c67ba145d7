"""New configuration while requests flow: none of them fails, and what is wrong is refused."""
import ctypes
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import unittest

from support.clients import Client, Load
from support.process import ask
from support.scenario import Scenario, config
from support.wait import wait_until


def reloads(gateway, message="configuration reloaded"):
    return sum(1 for line in gateway.events if line.get("msg") == message)


def without_watches():
    """Before the gateway begins: to a user namespace of its own, which may have no inotify instance."""
    clone_newuser = 0x10000000
    if ctypes.CDLL(None, use_errno=True).unshare(clone_newuser) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    pathlib.Path("/proc/sys/user/max_inotify_instances").write_text("0")


def metric(gateway, name):
    """The labels of its series."""
    found = re.search(rf"^{name}{{(.*)}} 1(?:\.0)?$", ask(gateway.admin_port, "/metrics")[2], re.M)
    return dict(re.findall(r'(\w+)="([^"]*)"', found.group(1)))


class Reload(Scenario):
    def replace(self, gateway, text):
        """As an editor or Kubernetes does it: the new file takes the old one's place."""
        fresh = gateway.config.with_suffix(".new")
        fresh.write_text(text)
        os.replace(fresh, gateway.config)

    def test_five_hundred_reloads_lose_no_request(self):
        texts = [config(self.origin.url, routes=1), config(self.origin.url, routes=2)]
        gateway = self.start(texts[0])
        with Load(gateway.port, "/api/v1/s0/text", b"hello from origin") as load:
            for number in range(500):
                before = reloads(gateway)
                gateway.config.write_text(texts[(number + 1) % 2])
                gateway.signal(signal.SIGHUP)
                wait_until(lambda: reloads(gateway) > before, 10, f"reload {number + 1}", every=0.002)
        self.assertEqual([], load.failures[:5])
        self.assertGreater(load.done, 500)
        self.assertStops(gateway)

    def test_a_replaced_file_is_taken_over_by_itself(self):
        gateway = self.start(config(self.origin.url, routes=1))
        self.assertEqual(404, ask(gateway.port, "/api/v1/s1/text")[0])
        with Load(gateway.port, "/api/v1/s0/text", b"hello from origin", 2) as load:
            for number in range(5):
                routes = 2 - number % 2
                self.replace(gateway, config(self.origin.url, routes=routes))
                wait_until(lambda: (ask(gateway.port, "/api/v1/s1/text") or [0])[0] == (200 if routes == 2 else 404),
                           10, "the new routes are in force")
        self.assertEqual([], load.failures[:5])

    def test_a_file_is_taken_over_where_others_write_without_a_pause(self):
        """A log beside it, say."""
        gateway = self.start(config(self.origin.url, routes=1))
        ended = threading.Event()

        def write():
            with open(gateway.config.with_suffix(".log"), "w", encoding="utf-8") as log:
                while not ended.wait(0.02):
                    log.write("a line\n")
                    log.flush()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            self.replace(gateway, config(self.origin.url, routes=2))
            wait_until(lambda: (ask(gateway.port, "/api/v1/s1/text") or [0])[0] == 200, 10, "the new route is in force")
        finally:
            ended.set()
            writer.join()

    def test_without_watches_of_the_system_files_are_looked_at(self):
        folder = pathlib.Path(self.folder) / "variables"
        folder.mkdir()
        (folder / "RATE_LIMIT_MAX").write_text("7")
        try:
            gateway = self.start(config(self.origin.url, routes=1), before=without_watches,
                                 environment={"VARIABLES_DIR": str(folder)})
        except subprocess.SubprocessError:
            self.skipTest("there are no user namespaces here")

        def said():
            return [line for line in gateway.events if "looked at every second" in line.get("msg", "")]

        wait_until(said, 10, "it is told that there are no watches")
        told = said()
        self.assertEqual([("WARN", "Too many open files")], [(line["level"], line["reason"]) for line in told])
        self.assertIn("fs.inotify.max_user_instances", told[0]["remedy"])
        self.replace(gateway, config(self.origin.url, routes=2))
        wait_until(lambda: (ask(gateway.port, "/api/v1/s1/text") or [0])[0] == 200, 10, "the new route is in force")
        hashed = metric(gateway, "config_hash_info")
        (folder / "RATE_LIMIT_MAX").write_text("8\r\n")
        wait_until(lambda: metric(gateway, "config_hash_info") != hashed, 10, "the new variable is in force")

    def test_what_only_a_start_reads_is_named(self):
        gateway = self.start(config(self.origin.url))
        for extra, named in (("limits: {memory_mb: 32}\n", ["limits.memory_mb"]),
                             ("limits: {memory_mb: 32}\ndns: {ttl_min_ms: 2000}\nlog_level: info\n",
                              ["dns.ttl_min_ms, limits.memory_mb"]),
                             ("state: {redis: {host: 127.0.0.1}}\n", ["state.redis.host"]),
                             ("log_level: info\n", [])):
            before, seen = reloads(gateway), len(gateway.events)
            gateway.config.write_text(config(self.origin.url) + extra)
            gateway.signal(signal.SIGHUP)
            # By the reload after it, all that this one had to say is there.
            wait_until(lambda: reloads(gateway) > before, 10, f"{extra!r} is taken")
            before = reloads(gateway)
            gateway.signal(signal.SIGHUP)
            wait_until(lambda: reloads(gateway) > before, 10, "so is the next")
            told = {line["settings"] for line in gateway.events[seen:] if "read at the start only" in line.get("msg", "")}
            self.assertEqual(set(named), told, extra)

    def test_metrics_and_lines_say_which_gateway_it_is(self):
        gateway = self.start(environment={"INSTANCE_ID": "gw-7", "REGION": "eu-1"})
        self.assertEqual(("gw-7", "eu-1"), tuple(metric(gateway, "gateway_info")[l] for l in ("instance_id", "region")))
        self.assertRegex(metric(gateway, "build_info")["commit"], r"^([0-9a-f]{7,40}|unknown)$")
        ask(gateway.port, "/api/v1/s0/text")
        wait_until(lambda: any("durationMs" in line for line in gateway.lines), 10, "there is an access line")
        self.assertEqual({("gw-7", "eu-1")}, {(line.get("instanceId"), line.get("region")) for line in gateway.lines})

    def test_a_symbolic_link_that_moves_is_followed(self):
        first, second = os.path.join(self.folder, "first"), os.path.join(self.folder, "second")
        for folder, routes in ((first, 1), (second, 2)):
            os.mkdir(folder)
            with open(os.path.join(folder, "gateway.yaml"), "w", encoding="utf-8") as file:
                file.write(config(self.origin.url, routes=routes))
        data = os.path.join(self.folder, "data")
        os.symlink(first, data)
        os.symlink(os.path.join("data", "gateway.yaml"), os.path.join(self.folder, "linked.yaml"))
        gateway = self.start(environment={"CONFIG_FILE": os.path.join(self.folder, "linked.yaml")})
        self.assertEqual(404, ask(gateway.port, "/api/v1/s1/text")[0])
        os.symlink(second, data + ".new")
        os.replace(data + ".new", data)
        wait_until(lambda: (ask(gateway.port, "/api/v1/s1/text") or [0])[0] == 200, 10, "the new target is in force")

    def test_a_log_beside_it_that_is_never_quiet_keeps_no_configuration_waiting(self):
        gateway = self.start(config(self.origin.url, routes=1))
        over = threading.Event()

        def write():
            with open(os.path.join(self.folder, "busy.log"), "w", encoding="utf-8") as file:
                while not over.wait(0.02):
                    file.write("a line\n")
                    file.flush()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            self.replace(gateway, config(self.origin.url, routes=2))
            wait_until(lambda: (ask(gateway.port, "/api/v1/s1/text") or [0])[0] == 200, 10,
                       "the new routes are in force")
            gateway.config.write_text(config(self.origin.url, routes=1))
            wait_until(lambda: (ask(gateway.port, "/api/v1/s1/text") or [0])[0] == 404, 10,
                       "so is what was written in place")
        finally:
            over.set()
            writer.join()

    def test_a_bad_file_is_refused_and_the_old_one_stays(self):
        gateway = self.start(config(self.origin.url, routes=1))
        bad = [": not yaml [", "routes: 7\n", config(self.origin.url) + "no_such_option: 1\n",
               config("http://"), config(self.origin.url).replace("service: origin", "service: gone"), ""]
        with Load(gateway.port, "/api/v1/s0/text", b"hello from origin", 2) as load:
            for text in bad:
                before = reloads(gateway, "configuration refused, the old one stays")
                gateway.config.write_text(text)
                gateway.signal(signal.SIGHUP)
                wait_until(lambda: reloads(gateway, "configuration refused, the old one stays") > before, 10,
                           f"{text[:30]!r} is refused")
            self.assertEqual(200, ask(gateway.port, "/health/ready")[0])
        self.assertEqual([], load.failures[:5])
        refused = [line for line in gateway.events if line.get("msg", "").startswith("configuration refused")]
        self.assertTrue(all(line["level"] == "ERROR" for line in refused))
        gateway.config.unlink()
        gateway.signal(signal.SIGHUP)
        wait_until(lambda: ask(gateway.port, "/api/v1/s0/text"), 5, "a missing file changes nothing")
        self.assertEqual(200, ask(gateway.port, "/api/v1/s0/text")[0])
        gateway.config.write_text(config(self.origin.url, routes=2))
        gateway.signal(signal.SIGHUP)
        wait_until(lambda: (ask(gateway.port, "/api/v1/s1/text") or [0])[0] == 200, 10, "a good file is taken again")

    def refused_for(self, gateway, *words):
        return any(all(word in line.get("mistake", "") for word in words) for line in gateway.events)

    def last_reload(self, gateway):
        return re.search(r"^config_last_reload_successful{.*} (\d)", ask(gateway.admin_port, "/metrics")[2], re.M).group(1)

    def test_a_refusal_stands_until_the_mistake_is_taken_back(self):
        good = config(self.origin.url)
        gateway = self.start(good)
        self.assertEqual("1", self.last_reload(gateway))
        self.replace(gateway, good + "no_such_option: 1\n")
        wait_until(lambda: self.last_reload(gateway) == "0", 10, "the refusal is shown")
        self.assertEqual(0, reloads(gateway, "the configuration is again the one in force"))
        self.replace(gateway, good)
        wait_until(lambda: self.last_reload(gateway) == "1", 10, "what is in force stands there again")
        wait_until(lambda: reloads(gateway, "the configuration is again the one in force") == 1, 10, "a line says so")
        self.assertIn('config_reloads_total{service="api-gateway",result="success"} 1\n', ask(gateway.admin_port, "/metrics")[2])
        self.assertEqual(0, reloads(gateway))

    def test_the_status_tells_the_mistake_that_stands(self):
        good = config(self.origin.url)
        gateway = self.start(good, environment={"ADMIN_TOKEN": "operator-token"})

        def told():
            answer = ask(gateway.admin_port, "/admin/v1/status", headers="Authorization: Bearer operator-token\r\n")
            return json.loads(answer[2]).get("configRefused", "")

        self.assertEqual("", told())
        self.replace(gateway, good + "no_such_option: 1\n")
        wait_until(lambda: '"no_such_option" is no setting' in told(), 10, "it is told")
        self.replace(gateway, good)
        wait_until(lambda: told() == "", 10, "it is told no longer")

    def test_a_pipe_in_a_file_s_place_stops_nothing(self):
        """Nobody writes into it: who waited for that would never answer an operator again."""
        good = config(self.origin.url)
        token = pathlib.Path(self.folder) / "secrets" / "token"
        token.parent.mkdir()
        token.write_text("operator-token")
        gateway = self.start(good, environment={"ADMIN_TOKEN_FILE": str(token)})
        for path, text in ((gateway.config, good), (token, "operator-token")):
            fresh = path.with_suffix(".new")
            os.mkfifo(fresh)
            os.replace(fresh, path)
            gateway.signal(signal.SIGHUP)
            wait_until(lambda: self.refused_for(gateway, str(path), "is no regular file"), 10, f"{path} is refused")
            self.assertEqual("0", self.last_reload(gateway))
            fresh.write_text(text)
            os.replace(fresh, path)
            gateway.signal(signal.SIGHUP)
            wait_until(lambda: self.last_reload(gateway) == "1", 10, f"{path} is read again")
        self.assertStops(gateway)

    def test_a_secret_in_a_file_is_changed_by_itself_and_never_to_nothing(self):
        token = pathlib.Path(self.folder) / "secrets" / "token"
        token.parent.mkdir()
        token.write_text("first-token\n")
        gateway = self.start(environment={"ADMIN_TOKEN_FILE": str(token)})

        def status(word):
            return ask(gateway.admin_port, "/admin/v1/status", headers=f"Authorization: Bearer {word}\r\n")[0]

        self.assertEqual(200, status("first-token"))
        token.write_text("second-token\n")
        wait_until(lambda: status("second-token") == 200, 10, "the other one is in force")
        self.assertEqual(401, status("first-token"))
        token.write_text("")
        wait_until(lambda: self.last_reload(gateway) == "0", 10, "nothing is refused")
        wait_until(lambda: self.refused_for(gateway, str(token), "is empty"), 10, "a line says why")
        self.assertEqual(200, status("second-token"))
        token.write_text("second-token\n")
        wait_until(lambda: self.last_reload(gateway) == "1", 10, "what is in force stands there again")
        self.assertEqual(200, status("second-token"))

    def test_secrets_that_can_be_guessed_are_told_and_not_shown(self):
        gateway = self.start(environment={"ADMIN_TOKEN": "seldom", "AUDIT_SECRET": "long enough for anybody"})

        def told():
            return [line for line in gateway.events if line.get("msg") == "a secret is short enough to be guessed"]

        wait_until(told, 10, "it is told")
        self.assertEqual([("WARN", "admin.token")], [(line["level"], line["setting"]) for line in told()])
        self.assertNotIn("seldom", json.dumps(gateway.lines))

    def test_a_request_in_flight_ends_with_the_configuration_it_began_with(self):
        gateway = self.start(config(self.origin.url, routes=2))
        with Client(gateway.port) as client:
            answers = []
            waiter = threading.Thread(target=lambda: answers.append(client.get("/api/v1/s1/hold")))
            waiter.start()
            wait_until(lambda: self.origin.holding == 1, 10, "the request is at the service")
            before = reloads(gateway)
            gateway.config.write_text(config(self.origin.url, routes=1))
            gateway.signal(signal.SIGHUP)
            wait_until(lambda: reloads(gateway) > before, 10, "the route is gone")
            self.assertEqual(404, ask(gateway.port, "/api/v1/s1/text")[0])
            self.origin.release()
            waiter.join(10)
            self.assertEqual(200, answers[0].status)
            self.assertEqual(404, client.get("/api/v1/s1/text").status)


if __name__ == "__main__":
    unittest.main()
