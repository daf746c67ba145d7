"""Maintenance of single services: by key, by plan, by the admin API and the command line."""
import json
import subprocess
import unittest

from support.process import ask
from support.scenario import BINARY
from support.shaping import Shaping, config
from support.wait import wait_until

TOKEN = "operator-token-of-the-tests-0123456789"


class Maintenance(Shaping):
    def setUp(self):
        super().setUp()
        self.one, self.two = self.service("one"), self.service("two")
        self.text = config({"one": self.one.url, "two": self.two.url}, "path: /one/**, service: one", "path: /two/**, service: two")

    def begin(self, extra=""):
        return self.start(self.text + extra, environment={"ADMIN_TOKEN": TOKEN, "RATE_LIMIT_ENABLED": "false"})

    def health(self, gateway):
        return json.loads(ask(gateway.port, "/health")[2])

    def statuses(self, gateway, method="GET"):
        return [self.ask(gateway, path, "Content-Length: 0\r\n" if method == "POST" else "", method).status for path in ("/one/a", "/two/a")]

    def becomes(self, wanted, gateway, method="GET"):
        wait_until(lambda: self.statuses(gateway, method) == wanted, 5, f"{method} {wanted}")

    def call(self, gateway, body):
        import http.client
        connection = http.client.HTTPConnection("127.0.0.1", gateway.admin_port, timeout=10)
        connection.request("PUT", "/admin/v1/maintenance", json.dumps(body), {"Authorization": f"Bearer {TOKEN}",
                                                                             "Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def test_while_all_is_closed_pages_of_other_origins_may_read_why(self):
        gateway = self.begin("cors: {origins: ['https://app.example']}\n")
        self.assertEqual(200, self.call(gateway, {"mode": "down", "seconds": 600})[0])
        origin = "Origin: https://app.example\r\n"
        wait_until(lambda: self.ask(gateway, "/one/a", origin).status == 503, 5, "it is closed")
        for header, status in (("Access-Control-Request-Method: PUT\r\n", 204), ("", 503)):
            answer = self.ask(gateway, "/one/a", origin + header, "OPTIONS")
            self.assertEqual((status, "https://app.example"), (answer.status, answer.value("access-control-allow-origin")))
        self.assertEqual("https://app.example", self.ask(gateway, "/one/a", origin).value("access-control-allow-origin"))

    def test_closes_the_routes_of_one_service_and_no_others(self):
        gateway = self.begin()
        self.assertEqual(200, self.call(gateway, {"mode": "down", "service": "two", "seconds": 600})[0])
        self.becomes([200, 503], gateway)
        refused = self.ask(gateway, "/two/a")
        self.assertEqual("maintenance", json.loads(refused.body)["code"])
        self.assertTrue(590 <= int(refused.value("retry-after")) <= 600, refused.value("retry-after"))
        wait_until(lambda: self.health(gateway).get("maintenanceServices") == {"two": "down"}, 5, "health says so")
        self.assertEqual("off", self.health(gateway)["maintenance"])
        wait_until(lambda: any(e.get("msg") == "maintenance mode of a service changed" and e.get("upstream") == "two"
                               for e in gateway.events), 5, "a line tells of it")
        self.assertEqual(200, self.call(gateway, {"mode": "read-only", "service": "two", "endless": True})[0])
        self.becomes([200, 200], gateway)
        self.assertEqual([200, 503], self.statuses(gateway, "POST"))
        self.assertEqual(200, self.call(gateway, {"mode": "off", "service": "two"})[0])
        self.becomes([200, 200], gateway, "POST")
        wait_until(lambda: "maintenanceServices" not in self.health(gateway), 5, "health says so")

    def test_the_platform_s_mode_is_another_matter(self):
        gateway = self.begin()
        self.call(gateway, {"mode": "down", "service": "two", "endless": True})
        self.becomes([200, 503], gateway)
        self.call(gateway, {"mode": "down", "endless": True})
        self.becomes([503, 503], gateway)
        self.call(gateway, {"mode": "off"})
        self.becomes([200, 503], gateway)

    def test_services_that_are_not_there_are_refused(self):
        gateway = self.begin()
        status, answer = self.call(gateway, {"mode": "down", "service": "twoo", "endless": True})
        self.assertEqual((400, True), (status, "no such service" in answer["detail"]), answer)

    def test_by_plan(self):
        gateway = self.begin("maintenance: {windows: {now: {day: daily, from: '00:00', to: '00:00', mode: down, services: [one]}}}\n")
        self.becomes([503, 200], gateway)
        self.assertEqual({"one": "down"}, self.health(gateway)["maintenanceServices"])

    def test_who_says_off_is_told_which_window_goes_on(self):
        window = lambda name, more: f"{name}: {{day: daily, from: '00:00', to: '00:00', {more}}}"   # noqa: E731
        gateway = self.begin("maintenance: {windows: {" + window("night", "mode: read-only") + ", " +
                             window("move", "mode: down, services: [one]") + "}}\n")
        self.call(gateway, {"mode": "down", "seconds": 600})
        for body, mode, name in (({}, "read-only", "night"), ({"service": "one"}, "down", "move")):
            status, answer = self.call(gateway, body | {"mode": "off"})
            self.assertEqual((200, mode, name), (status, answer["maintenance"], answer["window"]))
            self.assertRegex(answer["until"], "T00:00:00")
        self.assertEqual((200, {"maintenance": "off"}), self.call(gateway, {"mode": "off", "service": "two"}))
        done = subprocess.run([str(BINARY), "maintenance", "off", "--admin-port", str(gateway.admin_port)], text=True, timeout=20,
                              capture_output=True, cwd=self.folder, env={"ADMIN_TOKEN": TOKEN})
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertRegex(done.stdout, "maintenance off; the window night still holds read-only until ....-..-..T00:00:00Z: a reload")
        self.becomes([503, 503], gateway, "POST")

    def test_windows_of_services_that_are_not_there_keep_the_gateway_from_starting(self):
        done = self.check("maintenance: {windows: {now: {services: [nobody]}}}\n" + self.text)
        self.assertEqual(1, done.returncode)
        self.assertIn('there is no service "nobody"', done.stderr)
        self.assertIn("bad.yaml:1:", done.stderr)


if __name__ == "__main__":
    unittest.main()
