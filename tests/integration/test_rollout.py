"""A rollout as the Deployment does it: four gateways behind a balancer, one after the other replaced by a new one under
load over HTTP/1.1, HTTP/2 and WebSockets; no request fails. Times are those of k8s/deployment.yaml, a sixth as long."""
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import threading
import time
import unittest

from support import websocket
from support.balancer import Balancer
from support.clients import Again, Load
from support.h2 import H2Client
from support.process import ROOT, ask
from support.scenario import BINARY, Scenario, config
from support.wait import wait_until

TARGET = "/api/v1/s0/text"
BODY = b"hello from origin"
PRE_STOP = 0.5
DRAIN_MS = "800"
MASK = b"\x01\x02\x03\x04"


class H2Load(Again):
    """Connections over HTTP/2 that ask again and again. What a GOAWAY has left out goes to the next connection (RFC 9113,
    6.8); whatever else is not the answer is a failure."""

    failing = (OSError, AssertionError)

    def __init__(self, port, connections):
        super().__init__(connections)
        self.port, self.done, self.asked_again = port, 0, 0

    def connect(self):
        return H2Client(self.port)

    def turn(self, client):
        if client.goaways:
            return False
        stream = client.request(path=TARGET)
        client.wait(lambda: client.answer(stream).over or client.closed or self._left_out(client, stream), "an answer")
        answer = client.answer(stream)
        with self.lock:
            if answer.status == 200 and bytes(answer.body) == BODY:
                self.done += 1
            elif self._left_out(client, stream):
                self.asked_again += 1
            else:
                raise ConnectionError(f"status {answer.status}, reset {answer.reset}, goaways {client.goaways}")
        return True

    @staticmethod
    def _left_out(client, stream):
        return any(last < stream for last, _ in client.goaways)


class WebSocketLoad(Again):
    """WebSockets that say something again and again and wait for its echo. One that is told to go (1001, RFC 6455, 7.4.1) asks for
    another; whatever else ends one is a failure."""

    failing = (OSError, EOFError)

    def __init__(self, port, count):
        super().__init__(count)
        self.port, self.done, self.told_to_go = port, 0, 0

    def connect(self):
        client = websocket.connect(self.port)
        client.send(websocket.request("/api/v1/ws/echo"))
        head = client.head()
        if not head.startswith("HTTP/1.1 101 "):
            client.close()
            # A gateway that drains refuses new ones, and says where not to come again.
            if "503" in head.split("\r\n")[0]:
                return None
            raise ConnectionError(head)
        return client

    def turn(self, client):
        client.send(websocket.frame(b"hello", 1, MASK))
        opcode, payload = client.frame()
        if opcode == 8:
            if int.from_bytes(payload[:2], "big") != 1001:
                raise ConnectionError(f"closed with {payload}")
            client.send(websocket.frame(payload[:2], 8, MASK))
        elif (opcode, payload) != (1, b"hello"):
            raise ConnectionError(f"{opcode} {payload}")
        with self.lock:
            self.told_to_go += opcode == 8
            self.done += opcode == 1
        return opcode == 1


def echo(service):
    """What comes goes back, of each WebSocket that the service is given, until it ends."""
    def serve(behind):
        try:
            while True:
                opcode, payload = behind.frame()
                behind.send(websocket.frame(payload, opcode))
                if opcode == 8:
                    return behind.close()
        except (EOFError, OSError):
            behind.close()

    def run():
        while True:
            try:
                threading.Thread(target=serve, args=[service.opened.get(timeout=60)], daemon=True).start()
            except queue.Empty:
                return
    threading.Thread(target=run, daemon=True).start()


class Rollout(Scenario):
    def text(self):
        text = config(self.origin.url) + (
            "  - name: ws\n    path: /api/v1/ws/**\n    service: chat\n    rewrite: /up\n    websocket: {}\n"
            "    authenticate: {public: [/**]}\n")
        return text.replace("routes:\n", f"  chat:\n    url: {self.chat.url}\nroutes:\n", 1)

    def pod(self):
        gateway = self.start(self.text(), environment={"SHUTDOWN_DRAIN_MS": DRAIN_MS, "WORKERS": "1"})
        self.balancer.add(gateway.port)
        return gateway

    def test_four_gateways_are_replaced_and_no_request_fails(self):
        self.balancer = Balancer()
        self.addCleanup(self.balancer.close)
        self.chat = websocket.Service()
        self.addCleanup(self.chat.close)
        echo(self.chat)
        pods = [self.pod() for _ in range(4)]
        with Load(self.balancer.port, TARGET, BODY, 6) as h1, H2Load(self.balancer.port, 6) as h2, \
                WebSocketLoad(self.balancer.port, 4) as ws:
            for number in range(4):
                fresh = self.pod()          # maxSurge 1, maxUnavailable 0
                old = pods.pop(0)
                pods.append(fresh)
                leaves = threading.Thread(target=self.balancer.remove, args=[old.port])
                leaves.start()              # nodes are told while preStop waits
                time.sleep(PRE_STOP)        # allow(sleep): that is what preStop does
                leaves.join()
                self.assertStops(old)
                self.assertGreater(h1.done, 0)
            before = (h1.done, h2.done, ws.done)
        self.assertEqual([], h1.failures[:5])
        self.assertEqual([], h2.failures[:5])
        self.assertEqual([], ws.failures[:5])
        self.assertGreaterEqual(ws.told_to_go, 4, "each WebSocket was told to go, and came back")
        self.assertEqual(0, self.balancer.unplaced)
        self.assertGreater(min(before), 200)
        for pod in pods:
            self.assertGreater(self.balancer.members[pod.port], 0, "a new gateway gets connections")
            self.assertStops(pod)

    def test_the_lines_of_the_documentation_upgrade_in_place_and_no_request_fails(self):
        text = (ROOT / "docs/deployment.md").read_text().split("## Hosts without", 1)[1]
        lines = text.split("```sh\n", 1)[1].split("```", 1)[0]
        folder = pathlib.Path(self.folder)
        shutil.copy(BINARY, folder / "api-gateway.new")
        old = self.start(environment={"SHUTDOWN_DRAIN_MS": DRAIN_MS, "RESP_PORT": "0"})
        shutil.copy(old.config, folder / "gateway.yaml")
        environment = pathlib.Path(f"/proc/{old.pid}/environ").read_bytes().split(b"\0")
        environment = dict(line.decode().split("=", 1) for line in environment if b"=" in line)
        self.assertIn("old=$(pidof api-gateway)\n", lines)
        with Load(old.port, TARGET, BODY, 6) as h1, H2Load(old.port, 4) as h2:
            done = subprocess.run(["sh", "-euc", lines.replace("$(pidof api-gateway)", str(old.pid)) + 'echo "$!"'],
                                  cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, timeout=30)
            self.assertEqual(0, done.returncode)
            fresh = int(done.stdout.split()[-1])
            self.addCleanup(self._end, fresh)
            self.assertEqual(0, old.process.wait(30))
            seen = (h1.done, h2.done)
            wait_until(lambda: h1.done > seen[0] + 50 and h2.done > seen[1] + 50, 20, "requests flow")
        self.assertEqual([], h1.failures[:5])
        self.assertEqual([], h2.failures[:5])
        self.assertEqual(200, ask(old.port, "/health/ready")[0])

    @staticmethod
    def _end(pid):
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}/exe").exists(), 20, "the new process has ended")


if __name__ == "__main__":
    unittest.main()
