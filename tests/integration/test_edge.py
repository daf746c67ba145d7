"""What browsers are told: who may read answers, and how careful they are to be."""
import subprocess
import unittest

from support.clients import Client
from support.scenario import BINARY, Scenario, config

PREFLIGHT = "Origin: {}\r\nAccess-Control-Request-Method: DELETE\r\nAccess-Control-Request-Headers: authorization\r\n"


class Edge(Scenario):
    def ask_for(self, gateway, method, target, header=""):
        with Client(gateway.port) as client:
            client.send(f"{method} {target} HTTP/1.1\r\nHost: test\r\n{header}\r\n".encode())
            return client.response(method)

    def test_preflights_are_answered_and_only_true_origins_granted(self):
        gateway = self.start(environment={"ALLOWED_ORIGINS": "https://app.example,https://*.tickettoken.com"})
        for origin in ("https://app.example", "https://box-office.tickettoken.com"):
            answer = self.ask_for(gateway, "OPTIONS", "/api/v1/s0/text", PREFLIGHT.format(origin))
            self.assertEqual((204, origin, "true", "600", "Origin"), (answer.status, *(
                answer.value(name) for name in ("access-control-allow-origin", "access-control-allow-credentials",
                                                "access-control-max-age", "vary"))))
            self.assertIn("DELETE", answer.value("access-control-allow-methods"))
            self.assertIn("Authorization", answer.value("access-control-allow-headers"))
        for origin in ("https://eviltickettoken.com", "https://tickettoken.com", "http://app.example", "null",
                       "https://app.example.attacker.net", "https://box.tickettoken.com:8443"):
            answer = self.ask_for(gateway, "OPTIONS", "/api/v1/s0/text", PREFLIGHT.format(origin))
            self.assertEqual((204, False), (answer.status, answer.has("access-control-allow-origin")), origin)
            answer = self.ask_for(gateway, "GET", "/api/v1/s0/text", f"Origin: {origin}\r\n")
            self.assertEqual((200, False), (answer.status, answer.has("access-control-allow-origin")), origin)
        self.assertEqual(0, self.origin.requests - 6)
        self.assertEqual("https://app.example", self.ask_for(
            gateway, "GET", "/nowhere", "Origin: https://app.example\r\n").value("access-control-allow-origin"))

    def test_a_page_may_ask_for_what_health_tells(self):
        gateway = self.start(environment={"ALLOWED_ORIGINS": "https://app.example"})
        answer = self.ask_for(gateway, "OPTIONS", "/health", PREFLIGHT.format("https://app.example"))
        self.assertEqual((204, "https://app.example", False),
                         (answer.status, answer.value("access-control-allow-origin"), answer.has("content-type")))
        self.assertEqual(405, self.ask_for(gateway, "OPTIONS", "/health").status)

    def test_options_without_a_question_goes_to_the_service(self):
        gateway = self.start(environment={"ALLOWED_ORIGINS": "https://app.example"})
        self.assertEqual(200, self.ask_for(gateway, "OPTIONS", "/api/v1/s0/text").status)
        self.assertEqual(1, self.origin.requests)

    def test_security_headers_stand_on_every_answer(self):
        gateway = self.start("security_headers: {content_type_options: nosniff, frame_options: DENY}\n"
                             + config(self.origin.url))
        for target in ("/api/v1/s0/text", "/nowhere", "/health"):
            answer = self.ask_for(gateway, "GET", target)
            self.assertEqual(("nosniff", "DENY"),
                             (answer.value("x-content-type-options"), answer.value("x-frame-options")), target)

    def test_what_is_wrong_is_refused_with_its_place(self):
        for text, place in (('cors: {origins: ["*"]}', "cors.origins"), ('cors: {origins: ["https://a/"]}', "origins"),
                            ("security_headers: {frame_options: ALLOW}", "frame_options"),
                            ("cors: {origins: [https://a.example], methods: [G T]}", "methods")):
            path = f"{self.folder}/bad.yaml"
            with open(path, "w", encoding="utf-8") as file:
                file.write(text + "\n" + config(self.origin.url))
            done = subprocess.run([str(BINARY), "check", "--config", path], capture_output=True, text=True, timeout=20)
            self.assertEqual(1, done.returncode, done)
            self.assertIn(place, done.stderr)
            self.assertIn("bad.yaml:1:", done.stderr)


if __name__ == "__main__":
    unittest.main()
