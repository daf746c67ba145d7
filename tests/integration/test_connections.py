"""Many connections, slow ones, and a process that runs out of descriptors."""
import os
import resource
import socket
import time
import unittest

from support.clients import Client
from support.h2 import H2Client
from support.process import ask
from support.scenario import Scenario, config, sanitized
from support.wait import wait_until

IDLE = 15_000
IDLE_BYTES_MAX = 2048
SLOW = {"head_timeout_ms": 1500, "idle_timeout_ms": 60000, "body_stall_ms": 1000, "body_rate_grace_ms": 2000,
        "body_rate_min_bytes_per_s": 500}


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def has_left(client):
    """The gateway has ended this connection."""
    client.sock.setblocking(False)
    try:
        return client.sock.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


class Idle(Scenario):
    def test_fifteen_thousand_idle_connections_cost_little(self):
        count = min(IDLE, raise_descriptor_limit() - 500)
        # None of them has a request at a service: they may have the descriptors for those as well.
        gateway = self.start(config(self.origin.url, {"idle_timeout_ms": 600000, "connections_max": count + 300}))
        request = b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"
        # Pools and tables that grow once are not what a connection costs.
        warm = [Client(gateway.port) for _ in range(200)]
        for client in warm:
            client.send(request)
        for client in warm:
            self.assertEqual(200, client.response().status)
            client.close()
        before = gateway.rss_kb()
        clients = []
        try:
            for number in range(count):
                # Several addresses, so that ports do not run out.
                client = Client(gateway.port, source=f"127.0.1.{number % 4 + 1}")
                client.send(request)
                clients.append(client)
                if number % 100 == 99:
                    for waiting in clients[-100:]:
                        self.assertEqual(200, waiting.response().status)
            each = (gateway.rss_kb() - before) * 1024 / count
            for client in clients[::500]:
                self.assertEqual(200, client.get("/health/live").status)
            self.assertEqual(200, ask(gateway.port, "/api/v1/s0/text")[0])
        finally:
            for client in clients:
                client.close()
        print(f"    {count} idle connections: {each:.0f} bytes each")
        if not sanitized():
            self.assertLessEqual(each, IDLE_BYTES_MAX)
        self.assertStops(gateway)

    def test_an_idle_connection_is_closed_in_time(self):
        gateway = self.start(config(self.origin.url, {"idle_timeout_ms": 500, "head_timeout_ms": 800}))
        used, unused = Client(gateway.port), Client(gateway.port)
        self.assertEqual(200, used.get("/health/live").status)
        began = time.monotonic()
        self.assertTrue(used.ended(5))
        self.assertLess(time.monotonic() - began, 2)
        self.assertTrue(unused.ended(5))
        self.assertLess(time.monotonic() - began, 3)


class Leaving(Scenario):
    def test_clients_that_leave_are_no_errors_of_the_service(self):
        gateway = self.start()
        for number in range(1, 4):
            with Client(gateway.port) as client:
                client.send(b"GET /api/v1/s0/hold HTTP/1.1\r\nHost: a\r\n\r\n")
                wait_until(lambda: self.origin.holding == number, 5, "the request is at the service")
        wait_until(lambda: sum(l.get("status") == 499 for l in gateway.lines) == 3, 5, "their access lines")
        self.assertEqual({"client: the client closed the connection"},
                         {l["outcome"] for l in gateway.lines if l.get("status") == 499})
        errors = [line for line in ask(gateway.admin_port, "/metrics")[2].splitlines()
                  if line.startswith("downstream_errors_total") and not line.endswith(" 0")]
        self.assertEqual([], errors)


class Slow(Scenario):
    def test_slow_heads_are_cut_and_others_served(self):
        gateway = self.start(config(self.origin.url, SLOW))
        clients = [Client(gateway.port) for _ in range(300)]
        for client in clients:
            client.send(b"GET /api/v1/s0/text HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        began = time.monotonic()
        open_ones = set(clients)
        while open_ones and time.monotonic() - began < 6:
            for client in list(open_ones):
                try:
                    client.sock.send(b"a")     # always something, never enough
                except OSError:
                    open_ones.discard(client)
            self.assertEqual(200, ask(gateway.port, "/api/v1/s0/text")[0])
        self.assertEqual(set(), open_ones)
        self.assertLess(time.monotonic() - began, 5)
        for client in clients:
            client.close()

    def test_a_slow_head_gets_408(self):
        gateway = self.start(config(self.origin.url, SLOW))
        with Client(gateway.port) as client:
            client.send(b"GET /api/v1/s0/text HTTP/1.1\r\n")
            answer = client.response()
            self.assertEqual((408, ["close"]), (answer.status, answer.values("Connection")))
            self.assertTrue(client.ended())

    def test_a_body_that_drips_is_cut(self):
        gateway = self.start(config(self.origin.url, SLOW))
        with Client(gateway.port) as client:
            client.send(b"POST /api/v1/s0/digest HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
            began = time.monotonic()
            client.sock.settimeout(0.2)
            answer = b""
            while time.monotonic() - began < 15 and not answer:
                try:
                    client.send(b"x" * 10)      # never silent for long, and much too slow
                    answer = client.sock.recv(1000)
                except TimeoutError:
                    continue
                except OSError:
                    break
            self.assertTrue(not answer or answer.startswith(b"HTTP/1.1 408 "), answer)
            self.assertLess(time.monotonic() - began, 12)
        wait_until(lambda: self.origin.broken, 5, "the service sees the request cut short")

    def test_a_steady_slow_body_passes(self):
        """Slow is not too slow: above the least rate a transfer may take as long as it needs."""
        gateway = self.start(config(self.origin.url, SLOW))
        with Client(gateway.port) as client:
            client.send(b"POST /api/v1/s0/digest HTTP/1.1\r\nHost: a\r\nContent-Length: 8000\r\n\r\n")
            for _ in range(16):
                client.send(b"x" * 500)
                time.sleep(0.25)      # allow(sleep): the client's pace
            self.assertEqual(200, client.response().status)

    def test_a_reader_that_stops_is_cut(self):
        gateway = self.start(config(self.origin.url, SLOW))
        with Client(gateway.port) as client:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.send(b"GET /api/v1/s0/bytes?n=200000000 HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: self.origin.connections > 0, 5, "the service is asked")
            wait_until(lambda: self.origin.broken, 15, "the service's connection is closed")
        line = wait_until(lambda: next((l for l in gateway.lines if "/bytes?" in l.get("path", "")), None), 5,
                          "its access line")
        self.assertTrue(line["outcome"].startswith("client"), line)
        self.assertEqual(200, ask(gateway.port, "/api/v1/s0/text")[0])


    def test_a_steady_slow_reader_passes(self):
        """However much the kernel has taken off the gateway's hands: what counts is whether the client reads."""
        gateway = self.start(config(self.origin.url, SLOW))
        size = 30_000_000
        with Client(gateway.port) as client:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 131072)
            client.send(f"GET /api/v1/s0/bytes?n={size} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            count = 0
            for _ in range(30):
                count += len(client.sock.recv(65536))
                time.sleep(0.2)      # allow(sleep): the client's pace
            while count < size and (piece := client.sock.recv(1 << 20)):
                count += len(piece)
            self.assertGreaterEqual(count, size)


class Descriptors(Scenario):
    def test_running_out_of_descriptors_is_survived(self):
        limit = 64
        gateway = self.start(before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        held = []
        try:
            for _ in range(3 * limit):
                held.append(Client(gateway.port, seconds=2))
            # Whoever is in keeps being served; operators are, whatever the public port looks like.
            self.assertEqual(200, wait_until(lambda: ask(gateway.admin_port, "/health", seconds=2), 10,
                                             "health on the admin port")[0])
            before, began = cpu_seconds(gateway.pid), time.monotonic()
            wait_until(lambda: time.monotonic() - began > 1, 5, "a second of being full", every=0.1)
            share = (cpu_seconds(gateway.pid) - before) / (time.monotonic() - began)
            self.assertLess(share, 0.3, "it should wait, not spin")
            self.assertIsNone(gateway.process.poll())
        finally:
            for client in held:
                client.close()
        wait_until(lambda: (ask(gateway.port, "/api/v1/s0/text", seconds=2) or [0])[0] == 200, 15, "it serves again")
        self.assertStops(gateway)

    def test_as_many_clients_as_may_be_find_a_connection_to_their_service_each(self):
        limit = 256
        gateway = self.start(before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        line = wait_until(lambda: [e for e in gateway.events if e.get("msg") == "gateway started"], 5, "it says how many may be")[0]
        most = line["connectionsMax"]
        self.assertEqual(limit, line["descriptors"])
        self.assertGreaterEqual(line["descriptorsForServices"], most)
        clients = [Client(gateway.port, seconds=20) for _ in range(most)]
        for client in clients:
            self.addCleanup(client.close)
            client.send(b"GET /api/v1/s0/hold HTTP/1.1\r\nHost: test\r\n\r\n")
        wait_until(lambda: self.origin.holding == most, 15, "all of them are at the service")
        self.origin.release()
        self.assertEqual([200] * most, [client.response().status for client in clients])
        self.assertStops(gateway)

    def test_a_limit_on_connections_is_kept(self):
        gateway = self.start(config(self.origin.url, {"connections_max": 10}))
        held = [Client(gateway.port) for _ in range(10)]
        for client in held:
            self.assertEqual(200, client.get("/health/live").status)   # all are in
            # Half of a request: it is not idle.
            client.send(b"GET /health/live HTTP/1.1\r\nHost: test\r\n")
        with Client(gateway.port, seconds=2) as extra:
            refused = None
            try:
                refused = extra.get("/health/live").status
            except (OSError, ConnectionError):
                pass
            self.assertNotEqual(200, refused)
        for client in held:
            client.send(b"\r\n")
            self.assertEqual(200, client.response().status)
        full = [e for e in gateway.events if e["msg"].startswith("as many clients are connected as may be")]
        self.assertTrue(full and all(e["level"] == "WARN" for e in full), gateway.events)
        held.pop().close()
        wait_until(lambda: (ask(gateway.port, "/api/v1/s0/text", seconds=2) or [0])[0] == 200, 10, "there is room again")
        for client in held:
            client.close()

    def test_who_has_been_idle_the_longest_gives_way_to_new_clients(self):
        gateway = self.start(config(self.origin.url, {"connections_max": 40}), environment={"WORKERS": "1"})
        old = [Client(gateway.port) for _ in range(30)]
        for client in old:
            self.assertEqual(200, client.get("/health/live").status)
        with H2Client(gateway.port) as h2:
            self.assertEqual(200, h2.get(path="/health/live").status)
            recent = [Client(gateway.port) for _ in range(9)]
            for client in recent:
                self.assertEqual(200, client.get("/health/live").status)
            # A new one gets in once others have been idle for a second; not all have to go for it.
            extra = [Client(gateway.port, seconds=10)]
            self.assertEqual(200, extra[0].get("/health/live").status)
            self.assertTrue(any(map(has_left, old)))
            self.assertFalse(any(map(has_left, recent)), "they came last")

            def told():
                extra.append(Client(gateway.port, seconds=10))
                self.assertEqual(200, extra[-1].get("/health/live").status)
                h2.settle(0.05)
                return h2.goaways
            wait_until(told, 20, "who speaks HTTP/2 is told")
        for client in old + recent + extra:
            client.close()


if __name__ == "__main__":
    unittest.main()
