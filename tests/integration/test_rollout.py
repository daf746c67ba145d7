"""A rollout as the Deployment does it: four gateways behind a balancer, one after the other replaced by a new one under
load over HTTP/1.1 and HTTP/2; no request fails. Times are those of k8s/deployment.yaml, a sixth as long."""
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time
import unittest

from support.balancer import Balancer
from support.clients import Load
from support.h2 import H2Client
from support.process import ROOT, ask
from support.scenario import BINARY, Scenario
from support.wait import wait_until

TARGET = "/api/v1/s0/text"
BODY = b"hello from origin"
PRE_STOP = 0.5
DRAIN_MS = "800"


class H2Load:
    """Connections over HTTP/2 that ask again and again. What a GOAWAY has left out goes to the next connection (RFC 9113,
    6.8); whatever else is not the answer is a failure."""

    def __init__(self, port, connections):
        self.port = port
        self.done = 0
        self.asked_again = 0
        self.failures = []
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(connections)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self):
        client = None
        while not self._stop.is_set():
            try:
                client = client or H2Client(self.port)
                if client.goaways:
                    client.close()
                    client = None
                    continue
                stream = client.request(path=TARGET)
                client.wait(lambda: client.answer(stream).over or client.closed or self._left_out(client, stream), "an answer")
                answer = client.answer(stream)
                with self._lock:
                    if answer.status == 200 and bytes(answer.body) == BODY:
                        self.done += 1
                    elif self._left_out(client, stream):
                        self.asked_again += 1
                    else:
                        raise ConnectionError(f"status {answer.status}, reset {answer.reset}, goaways {client.goaways}")
            except (OSError, AssertionError) as error:
                with self._lock:
                    self.failures.append(f"{time.strftime('%H:%M:%S')} {error!r}")
                client = None

    @staticmethod
    def _left_out(client, stream):
        return any(last < stream for last, _ in client.goaways)


class Rollout(Scenario):
    def pod(self):
        gateway = self.start(environment={"SHUTDOWN_DRAIN_MS": DRAIN_MS, "WORKERS": "1"})
        self.balancer.add(gateway.port)
        return gateway

    def test_four_gateways_are_replaced_and_no_request_fails(self):
        self.balancer = Balancer()
        self.addCleanup(self.balancer.close)
        pods = [self.pod() for _ in range(4)]
        with Load(self.balancer.port, TARGET, BODY, 6) as h1, H2Load(self.balancer.port, 6) as h2:
            for number in range(4):
                fresh = self.pod()          # maxSurge 1, maxUnavailable 0
                old = pods.pop(0)
                pods.append(fresh)
                leaves = threading.Thread(target=self.balancer.remove, args=[old.port])
                leaves.start()              # nodes are told while preStop waits
                time.sleep(PRE_STOP)        # that is what preStop does
                leaves.join()
                self.assertStops(old)
                self.assertGreater(h1.done, 0)
            before = (h1.done, h2.done)
        self.assertEqual([], h1.failures[:5])
        self.assertEqual([], h2.failures[:5])
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
