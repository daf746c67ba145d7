"""SIGTERM, and a new process that takes the old one's place: nobody notices."""
import json
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

from support.clients import Client, Load
from support.process import Gateway, ask, free_ports
from support.redis import cli
from support.scenario import BINARY, Scenario, config
from support.slots import Slot
from support.wait import wait_until

DRAIN_MS = 1500
ENDED = "the process that was to take over has ended before this one, which goes on"

# Waits where a gateway's successor asks for its sockets, and offers one of its own.
STRANGER = """
import os, socket, sys
os.setuid(65534)
meeting = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
meeting.bind("\\0" + sys.argv[1])
meeting.listen()
trap = socket.create_server(("127.0.0.1", 0))
print("ready", flush=True)
while True:
    socket.send_fds(meeting.accept()[0], [b"public\\n"], [trap.fileno()])
"""


class Drain(Scenario):
    def draining(self, **options):
        return self.start(environment={"SHUTDOWN_DRAIN_MS": str(DRAIN_MS)} | options)

    def test_readiness_flips_at_once_while_requests_are_still_served(self):
        gateway = self.draining()
        kept = Client(gateway.port)
        self.assertEqual(200, kept.get("/api/v1/s0/text").status)
        began = time.monotonic()
        gateway.signal(signal.SIGTERM)
        wait_until(lambda: (ask(gateway.port, "/health/ready") or [0])[0] == 503, DRAIN_MS / 2000, "readiness is 503")
        self.assertEqual(200, ask(gateway.port, "/health/live")[0])
        self.assertEqual(200, ask(gateway.port, "/health")[0])
        status, head, _ = ask(gateway.port, "/api/v1/s0/text")
        self.assertEqual(200, status)
        # A connection from before still serves, and says that it ends.
        answer = kept.get("/api/v1/s0/text")
        self.assertEqual((200, ["close"]), (answer.status, answer.values("Connection")))
        self.assertTrue(kept.ended())
        with Client(gateway.port) as fresh:
            self.assertEqual(["close"], fresh.get("/api/v1/s0/text").values("Connection"))
            self.assertTrue(fresh.ended())
        self.assertLess(time.monotonic() - began, DRAIN_MS / 1000, "all this belongs into the drain")
        self.assertEqual(0, gateway.process.wait(30))
        self.assertGreaterEqual(time.monotonic() - began, DRAIN_MS / 1000)
        self.assertIsNone(ask(gateway.port, "/health/live"))
        # Whoever looks for failures does not find the probes of a planned end.
        def levels():
            return {e["level"] for e in gateway.lines if e.get("path") == "/health/ready" and e.get("status") == 503}
        wait_until(levels, 5, "the probe has its line")
        self.assertEqual({"INFO"}, levels())

    def test_what_is_in_flight_finishes(self):
        gateway = self.draining()
        client = Client(gateway.port, seconds=30)
        answers = []
        waiter = threading.Thread(target=lambda: answers.append(client.get("/api/v1/s0/hold")))
        waiter.start()
        wait_until(lambda: self.origin.holding == 1, 10, "the request is at the service")
        gateway.signal(signal.SIGTERM)
        wait_until(lambda: ask(gateway.port, "/health/live") is None, 20, "the listener is closed")
        self.assertIsNone(gateway.process.poll())
        self.origin.release()
        waiter.join(10)
        self.assertEqual(200, answers[0].status)
        self.assertTrue(client.ended())
        self.assertEqual(0, gateway.process.wait(30))

    def test_idle_connections_do_not_hold_it_up(self):
        gateway = self.start(environment={"SHUTDOWN_DRAIN_MS": "100"})
        idle = [Client(gateway.port) for _ in range(20)]
        for client in idle[:10]:
            self.assertEqual(200, client.get("/health/live").status)
        began = time.monotonic()
        self.assertEqual(0, gateway.stop())
        self.assertLess(time.monotonic() - began, 5)
        for client in idle:
            self.assertTrue(client.ended())

    def test_a_request_that_never_ends_is_cut_at_the_limit(self):
        text = config(self.origin.url, extra="shutdown:\n  timeout_ms: 2000\n")
        gateway = self.start(text, environment={"SHUTDOWN_DRAIN_MS": "100"})
        client = Client(gateway.port, seconds=30)
        client.send(b"GET /api/v1/s0/hold HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: self.origin.holding == 1, 10, "the request is at the service")
        reader = Client(gateway.port, seconds=30)
        self.addCleanup(reader.close)
        reader.send(b"GET /api/v1/s0/bytes?n=400000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(reader.sock.recv(100).startswith(b"HTTP/1.1 200 "))
        began = time.monotonic()
        self.assertEqual(0, gateway.stop())
        self.assertLess(time.monotonic() - began, 8)
        # Who has waited until the end is told why, and nobody takes it for the client's doing.
        answer = client.response()
        self.assertEqual((503, "draining", ["close"], ["1"]), (answer.status, json.loads(answer.body)["code"],
                                                              answer.values("Connection"), answer.values("Retry-After")))
        lines = {line["status"]: line["outcome"] for line in gateway.lines if line.get("path", "").startswith("/api/v1/s0/")}
        self.assertEqual({503: "draining: the process ends", 200: "draining: the process ends"}, lines)

    def test_a_connection_that_is_not_made_yet_does_not_hold_it_up(self):
        nobody = Slot(0, "blackhole")
        self.addCleanup(nobody.close)
        text = config(nobody.url, extra="shutdown:\n  timeout_ms: 1000\n")
        text = text.replace(f"    url: {nobody.url}\n", f"    url: {nobody.url}\n    connect_timeout_ms: 15000\n")
        gateway = self.start(text, environment={"SHUTDOWN_DRAIN_MS": "100"})
        with Client(gateway.port, seconds=30) as client:
            client.send(b"GET /api/v1/s0/text HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: "http_requests_in_progress{service=\"api-gateway\",protocol=\"HTTP/1.1\"} 1\n" in
                       ask(gateway.admin_port, "/metrics")[2], 5, "the request waits for a connection")
            began = time.monotonic()
            self.assertStops(gateway)
            self.assertLess(time.monotonic() - began, 8)

    def test_requests_that_have_arrived_when_the_listeners_close_are_answered(self):
        gateway = self.start(environment={"SHUTDOWN_DRAIN_MS": "0", "WORKERS": "1"})
        gateway.signal(signal.SIGSTOP)     # so that all of it is there in one turn of the loop
        clients = [Client(gateway.port) for _ in range(100)]
        for client in clients:
            client.send(b"GET /api/v1/s0/text HTTP/1.1\r\nHost: a\r\n\r\n")
        gateway.signal(signal.SIGTERM)
        gateway.signal(signal.SIGCONT)
        for client in clients:
            answer = client.response()
            # A worker may get to some before it is told: those connections end behind their answer.
            self.assertEqual(200, answer.status)
            self.assertEqual(b"", client.rest())
        self.assertEqual(0, gateway.process.wait(30))

    def test_a_second_signal_is_impatience(self):
        gateway = self.start(environment={"SHUTDOWN_DRAIN_MS": "20000"})
        gateway.signal(signal.SIGTERM)
        wait_until(lambda: (ask(gateway.port, "/health/ready") or [0])[0] == 503, 5, "it drains")
        began = time.monotonic()
        gateway.signal(signal.SIGTERM)
        gateway.process.wait(10)
        self.assertLess(time.monotonic() - began, 8)

    def test_a_request_that_waits_to_be_sent_again_does_not_hold_it_up(self):
        text = config(self.origin.url).replace(
            "routes:", "    retry: {statuses: [503], pause_first_ms: 10000, pause_max_ms: 60000, pause_jitter: 10}\nroutes:")
        gateway = self.start(text, environment={"SHUTDOWN_DRAIN_MS": "20000"})
        with Client(gateway.port, seconds=30) as client:
            client.send(b"GET /api/v1/s0/status?code=503 HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: "downstream_retries_total" in (text := ask(gateway.admin_port, "/metrics")[2]) and
                       any(l.endswith(" 1") for l in text.splitlines() if l.startswith("downstream_retries_total")),
                       5, "it is to be sent again")
            gateway.signal(signal.SIGTERM)
            wait_until(lambda: (ask(gateway.port, "/health/ready") or [0])[0] == 503, 5, "it drains")
            began = time.monotonic()
            gateway.signal(signal.SIGTERM)
            self.assertEqual(0, gateway.process.wait(15), gateway.errors())
            self.assertLess(time.monotonic() - began, 8)

    def test_interrupt_ends_it_too(self):
        gateway = self.start()
        gateway.signal(signal.SIGINT)
        self.assertEqual(0, gateway.process.wait(30))

    def test_draining_under_load_loses_no_request(self):
        gateway = self.draining()
        with Load(gateway.port, "/api/v1/s0/text", b"hello from origin") as load:
            wait_until(lambda: load.done > 200, 20, "requests flow")
            gateway.signal(signal.SIGTERM)
            wait_until(lambda: (ask(gateway.port, "/health/ready") or [0])[0] == 503, 1, "it drains")
            seen = load.done
            wait_until(lambda: load.done > seen + 200, 10, "requests still flow")
            # The platform takes it out of rotation before the drain is over.
        self.assertEqual([], load.failures[:5])
        self.assertEqual(0, gateway.process.wait(30))


class Handover(Scenario):
    def test_twenty_restarts_lose_no_request(self):
        port, admin = free_ports(2)
        def generation(number):
            gateway = self.start(port=port, name=f"generation{number}",
                                 environment={"SHUTDOWN_DRAIN_MS": "200", "ADMIN_PORT": str(admin)})
            # The old process answers on this port too: only the log says that the new one serves.
            wait_until(lambda: any(l.get("msg") == "gateway started" for l in gateway.events), 10,
                       f"process {number} has started")
            return gateway
        current = generation(0)
        with Load(port, "/api/v1/s0/text", b"hello from origin") as load:
            for number in range(1, 21):
                fresh = generation(number)
                seen = load.done
                self.assertStops(current)
                current = fresh
                wait_until(lambda: load.done > seen + 20, 20, "requests flow")
        self.assertEqual([], load.failures[:5])
        self.assertStops(current)

    def test_a_successor_that_fails_leaves_everything_as_it_was(self):
        port, resp_port = free_ports(2)
        environment = {"RESP_PORT": str(resp_port)}
        said = lambda gateway, text: any(line.get("msg") == text for line in gateway.events)
        first = self.start(port=port, environment=environment)
        for number in range(2):
            # As one that cannot listen on a port of its own, or crashes: it has the sockets by then.
            failing = Gateway(config(self.origin.url), self.folder, BINARY, port=port, name=f"failing{number}",
                              environment=environment)
            self.addCleanup(failing.kill)
            wait_until(lambda: sum(line.get("msg") == "handed listening sockets to another process"
                                   for line in first.events) == number + 1, 10, "it has the sockets")
            failing.kill()
            wait_until(lambda: sum(line.get("msg") == ENDED for line in first.events) == number + 1, 10, "its end is seen")
            self.assertEqual("PONG", cli(resp_port, "PING"))
        good = self.start(port=port, environment=environment)
        wait_until(lambda: said(good, "gateway started"), 10, "it has started")
        self.assertTrue(said(good, "took over listening sockets"))
        self.assertStops(first)
        self.assertEqual("PONG", cli(resp_port, "PING"))
        self.assertEqual(200, ask(port, "/api/v1/s0/text")[0])
        self.assertStops(good)

    @unittest.skipUnless(os.getuid() == 0, "another user takes root")
    def test_sockets_that_another_user_offers_are_not_taken(self):
        port = free_ports(1)[0]
        stranger = subprocess.Popen([sys.executable, "-c", STRANGER, f"api-gateway/{os.getuid()}/{port}"],
                                    stdout=subprocess.PIPE)
        self.addCleanup(stranger.communicate)
        self.addCleanup(stranger.kill)
        self.assertEqual(b"ready\n", stranger.stdout.readline())
        gateway = self.start(port=port)
        self.assertEqual([], [l for l in gateway.events if l.get("msg") == "took over listening sockets"])
        self.assertEqual(200, ask(gateway.port, "/api/v1/s0/text")[0])
        self.assertStops(gateway)

    def test_a_process_that_was_killed_leaves_nothing_in_the_way(self):
        port = free_ports(1)[0]
        first = self.start(port=port)
        first.kill()
        second = self.start(port=port)
        self.assertEqual(200, ask(second.port, "/api/v1/s0/text")[0])
        self.assertStops(second)


if __name__ == "__main__":
    unittest.main()
