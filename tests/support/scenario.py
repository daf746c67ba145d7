"""What the integration tests have in common: a folder, an origin, a gateway, and a last look when they end."""
import os
import pathlib
import shutil
import tempfile
import unittest

from support.origins import Origin
from support.process import DEFAULT_BINARY, Gateway

BINARY = pathlib.Path(os.environ.get("GATEWAY", DEFAULT_BINARY))


def config(origin_url, connections=None, routes=1, extra=""):
    """One service and routes `/api/v1/s0/**`, `/api/v1/s1/**`, … to it."""
    lines = ["services:", "  origin:", f"    url: {origin_url}", "routes:"]
    for number in range(routes):
        lines += [f"  - name: s{number}", f"    path: /api/v1/s{number}/**", "    service: origin", "    rewrite: /up",
                  "    authenticate: {public: [/**]}", "    timeout_ms: 20000", "    body_bytes_max: 4000000000"]
    if connections:
        lines.append("connections:")
        lines += [f"  {k}: {v}" for k, v in connections.items()]
    return "\n".join(lines) + "\n" + extra


def sanitized():
    """A sanitizer keeps freed memory and adds its own: figures of memory mean nothing there."""
    program = BINARY.read_bytes()
    return b"__asan_init" in program or b"__tsan_init" in program


class Scenario(unittest.TestCase):
    """A test that starts processes. Each that is still there at the end must not have complained."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="gateway-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.origin = Origin()
        self.addCleanup(self.origin.close)
        self.gateways = []

    def start(self, text=None, **options):
        options.setdefault("name", f"gateway{len(self.gateways)}")
        gateway = Gateway(config(self.origin.url) if text is None else text, self.folder, BINARY, **options)
        self.gateways.append(gateway)
        self.addCleanup(gateway.kill)
        return gateway.wait_ready()

    def tearDown(self):
        for gateway in self.gateways:
            self.assertEqual([], gateway.alarms())

    def assertStops(self, gateway):
        self.assertEqual(0, gateway.stop(), gateway.errors())
