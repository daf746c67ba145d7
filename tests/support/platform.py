"""A gateway with two services behind it, and traffic of every kind that alerts, panels and runbooks speak of."""
import threading
import time

from support import tokens
from support.clients import Client
from support.origins import Origin
from support.process import DEFAULT_BINARY, Gateway, free_ports

# Time that a breaker takes to try again, and limits, are small: tests wait for them.
CONFIG = """
circuit_breaker: {{reset_timeout_ms: 1000, reset_timeout_max_ms: 1000}}
services:
  event-service: {{url: "{events}"}}
  venue-service: {{url: "{venues}"}}
  scanning-service: {{url: "http://127.0.0.1:{nobody}"}}
limits:
  general: {{requests: 1000000, window_ms: 60000}}
  policies:
    search: {{requests: 5, window_ms: {search_window_ms}, key: [address]}}
routes:
  - {{name: events, path: /api/v1/events/**, service: event-service, rewrite: /up, injection: {{mode: log}}}}
  - {{name: tenants, path: "/api/v1/tenants/{{tenantId}}/text", service: event-service, rewrite: /up/text}}
  - {{name: login, path: /api/v1/auth/login, service: event-service, rewrite: /up/status,
     authenticate: {{public: [/**]}}, brute_force: {{login_paths: [/**]}}}}
  - {{name: search, path: /api/v1/search/**, service: event-service, rewrite: /up, authenticate: {{public: [/**]}},
     rate_limit: {{policies: [search]}}}}
  - {{name: venues, path: /api/v1/venues/**, service: venue-service, rewrite: /up, authenticate: {{public: [/**]}}}}
  - {{name: scanning, path: /api/v1/scanning/**, service: scanning-service, rewrite: /up, authenticate: {{public: [/**]}}}}
"""
TRACED = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"


class Platform:
    def __init__(self, folder, binary=DEFAULT_BINARY, search_window_ms=1000, **environment):
        self.folder, self.binary = folder, binary
        self.events, self.venues = Origin("events"), Origin("venues")
        self.text = CONFIG.format(events=self.events.url, venues=self.venues.url, nobody=free_ports(1)[0],
                                  search_window_ms=search_window_ms)
        self.environment = {"RATE_LIMIT_ENABLED": "true", "ADMIN_TOKEN": "t"} | environment
        self.ports, self.ended_lines = {}, []
        self.start()

    def start(self):
        """Also again, on the same ports."""
        self.gateway = Gateway(self.text, self.folder, self.binary, port=self.ports.get("PORT"),
                               environment=self.environment | self.ports)
        self.ports = {"PORT": str(self.gateway.port), "ADMIN_PORT": self.ports.get("ADMIN_PORT")
                      or str(self.gateway.admin_port)}
        self.admin_port = int(self.ports["ADMIN_PORT"])
        self.gateway.wait_ready()

    def kill(self):
        self.gateway.kill()
        self.ended_lines += self.gateway.lines

    @property
    def target(self):
        return f"127.0.0.1:{self.admin_port}"

    def close(self):
        self.gateway.kill()
        self.events.close()
        self.venues.close()


# Each kind of request: target and header lines.
def requests(token):
    bearer = tokens.bearer(token)
    return {
        "good": ("/api/v1/events/text", bearer + TRACED),
        "well": ("/api/v1/venues/text", ""),
        "failing": ("/api/v1/venues/status?code=500", ""),
        "anonymous": ("/api/v1/events/text", ""),
        "broken token": ("/api/v1/events/text", "Authorization: Bearer x.y\r\n"),
        "forged": ("/api/v1/events/text", bearer + "X-User-Id: root\r\n"),
        "injection": ("/api/v1/events/text?q=1%27%20OR%20%271%27=%271%27--", bearer),
        "crossing": (f"/api/v1/tenants/{tokens.OTHER_TENANT}/text", bearer),
        "login": ("/api/v1/auth/login?code=401", ""),
        "search": ("/api/v1/search/text", ""),
        "nowhere": ("/api/v1/scanning/x", ""),
        "no route": ("/api/v1/none", ""),
    }


class Traffic:
    """Asks, again and again, one of each kind that is switched on, about two hundred requests a second in all."""

    def __init__(self, port, *kinds):
        self.port, self.kinds = port, set(kinds)
        self.all = requests(tokens.token())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(10)

    def _run(self):
        client = None
        while not self._stop.is_set():
            for kind in [*self.kinds, *["good"] * 9]:
                try:
                    client = client or Client(self.port, seconds=2)
                    client.get(*self.all[kind])
                except (OSError, ValueError):      # a gateway that is down is part of the play
                    client = None
                    time.sleep(0.02)    # allow(sleep): the client's pace
                time.sleep(0.004)       # allow(sleep): the same


def ask_once(port, *kinds):
    """The status of one of each kind."""
    found = requests(tokens.token())
    answers = []
    for kind in kinds or found:
        with Client(port) as client:
            answers.append(client.get(*found[kind]).status)
    return answers
