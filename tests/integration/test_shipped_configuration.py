"""config/gateway.yaml holds what the platform is run with: each service's breaker and retries, times, sizes, what is kept for
how long, what browsers are told. The values stand here once more, so that nobody changes one by chance."""
import json
import subprocess
import unittest

import yaml

from support.clients import Client
from support.process import DEFAULT_BINARY, ROOT
from support.scenario import Scenario
import test_admin

SHIPPED = ROOT / "config/gateway.yaml"

# A call that takes longer counts against the service; percent of failures; how long it is left alone; calls that say something.
BREAKERS = {
    "auth": (5000, 50, 60000, 20), "venue": (10000, 50, 60000, 20), "event": (10000, 50, 60000, 20),
    "ticket": (10000, 50, 60000, 20), "order": (10000, 50, 60000, 20), "payment": (30000, 50, 60000, 15),
    "marketplace": (15000, 50, 60000, 20), "analytics": (10000, 60, 60000, 10), "notification": (5000, 50, 60000, 20),
    "scanning": (5000, 50, 60000, 20), "queue": (5000, 50, 60000, 20), "integration": (15000, 50, 60000, 15),
    "compliance": (10000, 40, 60000, 10), "search": (10000, 60, 60000, 15), "file": (30000, 50, 60000, 10),
    "monitoring": (5000, 70, 60000, 10), "blockchain": (60000, 50, 120000, 10), "minting": (90000, 50, 120000, 10),
    "transfer": (30000, 50, 60000, 15),
}
PORTS = {"auth": 4001, "venue": 4002, "event": 4003, "ticket": 4004, "payment": 4005, "marketplace": 4006, "analytics": 4007,
         "notification": 4008, "integration": 4009, "compliance": 4010, "queue": 4011, "file": 4013, "monitoring": 4014}

# What a client asks for: route, service, path that the service sees, budget, largest body, seconds that it is kept.
REQUESTS = [
    ("POST /api/v1/auth/register", "auth", "/auth/register", 10000, 10485760, None),
    ("POST /api/v1/auth/login", "auth", "/auth/login", 10000, 10485760, None),
    ("GET /api/v1/venues/7", "venue", "/api/v1/venues/7", 10000, 10485760, 1800),
    ("GET /api/v1/events/7", "event", "/api/v1/events/7", 10000, 10485760, 600),
    ("GET /api/v1/events/7/availability", "event", "/api/v1/events/7/availability", 10000, 10485760, 30),
    ("GET /api/v1/tickets/7", "ticket", "/api/v1/tickets/7", 5000, 10485760, None),
    ("POST /api/v1/tickets/purchase", "ticket", "/api/v1/tickets/purchase", 30000, 10485760, None),
    ("POST /api/v1/tickets/7/transfer", "ticket", "/api/v1/tickets/7/transfer", 10000, 10485760, None),
    ("POST /api/v1/payments/process", "payment", "/api/v1/payments/process", 45000, 10485760, None),
    ("GET /api/v1/payments/7", "payment", "/api/v1/payments/7", 30000, 10485760, None),
    ("POST /api/v1/payments/webhooks/stripe", "payment", "/api/v1/payments/webhooks/stripe", 30000, 10485760, None),
    ("POST /api/v1/webhooks/stripe", "payment", "/api/v1/webhooks/stripe", 10000, 10485760, None),
    ("POST /api/v1/files/upload", "file", "/api/v1/files/upload", 120000, 52428800, None),
    ("GET /api/v1/search/events", "search", "/api/v1/search/events", 10000, 10485760, 300),
] + [(f"GET /api/v1/{prefix}/7", service, f"/api/v1/{prefix}/7", 10000, 10485760, None) for prefix, service in (
    ("marketplace", "marketplace"), ("analytics", "analytics"), ("notifications", "notification"),
    ("integrations", "integration"), ("compliance", "compliance"), ("queue", "queue"), ("monitoring", "monitoring"))]

# Prefix, and what of it needs no token.
PUBLIC = {"auth": ["/login", "/register", "/refresh", "/forgot-password", "/reset-password", "/verify-email"],
          "webhooks": ["/**"], "payments-webhooks": ["/**"], "search": ["/**"]} | {
    name: ["/health"] for name in ("venues", "events", "tickets", "payments", "marketplace", "analytics", "notifications",
                                   "integrations", "compliance", "queue", "files", "monitoring")}

EXPOSED = ["X-Request-ID", "X-Correlation-ID", "X-API-Version", "X-RateLimit-Limit", "X-RateLimit-Remaining",
           "X-RateLimit-Reset", "RateLimit", "RateLimit-Policy", "X-Response-Time", "Cache-Status", "Retry-After", "Location",
           "Deprecation", "Sunset"]


def best_route(routes, method, path):
    """The route that the rules of docs choose: the more specific path, then the one that lists methods."""
    def fits(route):
        wanted, parts = route["path"].split("/"), path.split("/")
        if wanted[-1] == "**":
            wanted = wanted[:-1]
            parts = parts[:len(wanted)]
        return (len(wanted) == len(parts) and all(a == b or a.startswith("{") for a, b in zip(wanted, parts))
                and method in route.get("methods", [method]))
    return max(filter(fits, routes), key=lambda r: (not r["path"].endswith("**"), r["path"].count("/"), "methods" in r))


class Values(unittest.TestCase):
    def setUp(self):
        self.file = yaml.safe_load(SHIPPED.read_text())

    def test_the_file_is_accepted_as_it_is(self):
        done = subprocess.run([DEFAULT_BINARY, "check", "--config", SHIPPED], text=True, capture_output=True,
                              env={"JWT_SECRET": "a secret of the tests, longer than 32 bytes", "JWT_ISSUER": "tests"})
        self.assertEqual((0, ""), (done.returncode, done.stderr))

    def test_each_service_has_its_breaker(self):
        services = self.file["services"]
        self.assertEqual(sorted(f"{name}-service" for name in BREAKERS), sorted(services))
        for name, (slow, failures, opened, least) in BREAKERS.items():
            self.assertEqual({"slow_ms": slow, "slow_threshold": failures, "error_threshold": failures,
                              "reset_timeout_ms": opened, "volume_threshold": least},
                             services[f"{name}-service"]["circuit_breaker"], name)
        self.assertEqual({"window_ms": 10000, "probes": 1}, self.file["circuit_breaker"])

    def test_each_service_has_its_place_and_is_tried_three_times(self):
        for name, service in self.file["services"].items():
            name = name.removesuffix("-service")
            first, most = (2000, 60000) if name == "payment" else (1000, 30000)
            self.assertEqual({"retries_max": 2, "pause_first_ms": first, "pause_max_ms": most, "pause_jitter": 10},
                             service["retry"], name)
            if name in PORTS:
                self.assertEqual(f"http://{name}-service:{PORTS[name]}", service["url"])
        self.assertEqual(120000, self.file["services"]["minting-service"]["timeout_ms"])

    def test_each_request_has_its_service_time_size_and_life(self):
        for asked, service, upstream, budget, body, kept in REQUESTS:
            method, path = asked.split(" ")
            route = best_route(self.file["routes"], method, path)
            base = route["path"].removesuffix("/**")
            seen = route.get("rewrite", base) + path[len(base):] if route["path"].endswith("/**") else route.get("rewrite", path)
            found = (route["service"], seen,
                     route.get("timeout_ms", self.file["services"][route["service"]].get("timeout_ms",
                                                                                         self.file["request_timeout_ms"])),
                     route.get("body_bytes_max", self.file["body_bytes_max"]), route.get("cache", {}).get("ttl_s"))
            self.assertEqual((f"{service}-service", upstream, budget, body, kept), found, asked)

    def test_only_what_is_meant_to_be_public_is(self):
        routes = {route["name"]: route for route in self.file["routes"]}
        for name, public in PUBLIC.items():
            self.assertEqual(public, routes[name]["authenticate"]["public"], name)
        for name in ("events-availability", "tickets-purchase", "payments-process"):
            self.assertNotIn("public", routes[name].get("authenticate", {}), name)


class Behaviour(Scenario):
    def shipped(self, **environment):
        text = SHIPPED.read_text().replace("openapi: openapi.yaml", f"openapi: {SHIPPED.parent}/openapi.yaml")
        return self.start(text, environment={
            "ALLOWED_ORIGINS": "https://app.tickettoken.com,https://*.tickettoken.com", "ADMIN_TOKEN": test_admin.OPERATOR,
            "AUTH_SERVICE_URL": self.origin.url, "SEARCH_SERVICE_URL": self.origin.url} | environment)

    def ask(self, gateway, text):
        with Client(gateway.port) as client:
            client.send(text.replace("\n", "\r\n").encode())
            return client.response(text.split(" ")[0])

    def test_pages_of_allowed_origins_learn_what_they_may(self):
        gateway = self.shipped()
        answer = self.ask(gateway, "OPTIONS /api/v1/events/7 HTTP/1.1\nHost: a\nOrigin: https://app.tickettoken.com\n"
                                   "Access-Control-Request-Method: GET\n\n")
        self.assertEqual(("https://app.tickettoken.com", "true", "GET, POST, PUT, PATCH, DELETE, OPTIONS", "86400",
                          "Content-Type, Authorization, X-API-Key, X-Request-ID, X-Correlation-ID, Idempotency-Key, Accept, "
                          "Accept-Language"),
                         tuple(answer.value(f"access-control-{name}") for name in
                               ("allow-origin", "allow-credentials", "allow-methods", "max-age", "allow-headers")))
        answer = self.ask(gateway, "GET /api/v1/search/text HTTP/1.1\nHost: a\nOrigin: https://app.tickettoken.com\n\n")
        self.assertEqual((200, ", ".join(EXPOSED)), (answer.status, answer.value("access-control-expose-headers")))
        for origin in ("https://eviltickettoken.com", "https://tickettoken.com.evil.example"):
            answer = self.ask(gateway, f"GET /api/v1/search/text HTTP/1.1\nHost: a\nOrigin: {origin}\n\n")
            self.assertEqual((200, False), (answer.status, answer.has("access-control-allow-origin")), origin)

    def test_browsers_are_told_to_be_careful(self):
        answer = self.ask(self.shipped(), "GET /api/v1/search/text HTTP/1.1\nHost: a\n\n")
        self.assertEqual({"x-content-type-options": "nosniff", "x-frame-options": "DENY",
                          "referrer-policy": "strict-origin-when-cross-origin", "cross-origin-opener-policy": "same-origin",
                          "cross-origin-resource-policy": "same-origin"},
                         {name: answer.value(name) for name in (
                             "x-content-type-options", "x-frame-options", "referrer-policy", "cross-origin-opener-policy",
                             "cross-origin-resource-policy")})
        self.assertFalse(answer.has("content-security-policy") or answer.has("strict-transport-security"))

    def test_a_variable_counts_for_every_service_and_else_each_has_its_own(self):
        self.assertEqual(15, self.search_failures(self.shipped(RATE_LIMIT_ENABLED="false")))
        self.assertEqual(4, self.search_failures(self.shipped(CIRCUIT_BREAKER_VOLUME_THRESHOLD="4")))

    def search_failures(self, gateway):
        for number in range(1, 40):
            answer = self.ask(gateway, "GET /api/v1/search/status?code=500 HTTP/1.1\nHost: a\nCache-Control: no-store\n\n")
            if answer.status == 503:
                self.assertEqual("circuit_open", json.loads(answer.body)["code"])
                return number - 1
        return None
