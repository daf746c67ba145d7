"""How the process is run by others: configuration as Kubernetes mounts it, sockets as systemd passes them."""
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

from support.clients import Load
from support.process import ask, free_ports
from support.scenario import Scenario, config
from support.volume import MountedFolder
from support.wait import wait_until

LIMITED = config("URL").replace("authenticate:", "rate_limit: {policies: [general]}\n    authenticate:")

# Becomes the gateway with listening sockets as descriptors 3, 4, …, as a service manager passes them.
PASS_SOCKETS = """
import os, sys
names, fds, command = sys.argv[1], [int(fd) for fd in sys.argv[2].split(",")], sys.argv[3:]
high = [os.dup2(fd, 100 + i, inheritable=False) for i, fd in enumerate(fds)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=names)
os.execv(command[0], command)
"""


class ConfigMap(Scenario):
    def mounted(self, **variables):
        return {"gateway.yaml": LIMITED.replace("URL", self.origin.url), "RATE_LIMIT_ENABLED": "true"} | variables

    def begin(self, **variables):
        self.volume = MountedFolder(os.path.join(self.folder, "mount"), self.mounted(**variables))
        return self.start(environment={"CONFIG_FILE": str(self.volume.path / "gateway.yaml"), "RATE_LIMIT_ENABLED": "",
                                       "VARIABLES_DIR": str(self.volume.path)})

    def limit(self, gateway):
        _, head, _ = ask(gateway.port, "/api/v1/s0/text")
        return next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("x-ratelimit-limit"))

    def test_an_edited_variable_takes_effect_without_a_restart(self):
        gateway = self.begin(RATE_LIMIT_MAX="1000000")
        self.assertEqual("1000000", self.limit(gateway))
        with Load(gateway.port, "/api/v1/s0/text", b"hello from origin", 2) as load:
            for limit in ("999001", "999002", "999003"):
                self.volume.write(self.mounted(RATE_LIMIT_MAX=limit))
                wait_until(lambda: self.limit(gateway) == limit, 10, f"the limit is {limit}")
        self.assertEqual([], load.failures[:5])
        self.assertStops(gateway)

    def test_an_edited_file_takes_effect_without_a_restart(self):
        gateway = self.begin(RATE_LIMIT_MAX="1000000")
        self.assertEqual(404, ask(gateway.port, "/api/v1/s1/text")[0])
        self.volume.write(self.mounted(RATE_LIMIT_MAX="1000000")
                          | {"gateway.yaml": config(self.origin.url, routes=2)})
        wait_until(lambda: ask(gateway.port, "/api/v1/s1/text")[0] == 200, 10, "the new route is in force")
        self.assertStops(gateway)

    def test_a_mistake_is_refused_whole_and_named(self):
        gateway = self.begin(RATE_LIMIT_MAX="1000000")
        self.volume.write(self.mounted(RATE_LIMIT_MAX="many", LOG_LEVEL="DEBUG"))
        wait_until(lambda: any("RATE_LIMIT_MAX" in line.get("mistake", "") for line in gateway.events), 10,
                   "the mistake is in the log")
        self.assertEqual("1000000", self.limit(gateway))
        self.volume.write(self.mounted(RATE_LIMIT_MAX="999001"))
        wait_until(lambda: self.limit(gateway) == "999001", 10, "the mended value is in force")
        self.assertStops(gateway)

    def test_a_folder_of_its_own_is_followed_as_well(self):
        volume = MountedFolder(os.path.join(self.folder, "variables"), {"RATE_LIMIT_MAX": "1000000"})
        gateway = self.start(LIMITED.replace("URL", self.origin.url),
                             environment={"RATE_LIMIT_ENABLED": "true", "VARIABLES_DIR": str(volume.path)})
        self.assertEqual("1000000", self.limit(gateway))
        volume.write({"RATE_LIMIT_MAX": "999001"})
        wait_until(lambda: self.limit(gateway) == "999001", 10, "the new value is in force")
        self.assertStops(gateway)


class SocketActivation(Scenario):
    def socket(self):
        sock = socket.socket()
        self.addCleanup(sock.close)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", free_ports(1)[0]))
        sock.listen(1024)
        return sock

    def activated(self, names, sockets, name="gateway", **environment):
        """As Scenario.start, by way of a process that passes the sockets and then becomes the gateway."""
        from support import scenario
        script = pathlib.Path(self.folder) / f"{name}.sh"
        fds = ",".join(str(sock.fileno()) for sock in sockets)
        (pathlib.Path(self.folder) / "pass_sockets.py").write_text(PASS_SOCKETS)
        script.write_text(f"#!/bin/sh\nexec {sys.executable} {self.folder}/pass_sockets.py '{names}' '{fds}' {scenario.BINARY} \"$@\"\n")
        script.chmod(0o700)
        for sock in sockets:
            sock.set_inheritable(True)
        binary, scenario.BINARY = scenario.BINARY, script
        try:
            return self.start(port=sockets[0].getsockname()[1], name=name, environment=environment,
                              inherit=[sock.fileno() for sock in sockets])
        finally:
            scenario.BINARY = binary

    def test_passed_sockets_are_served_by_all_workers(self):
        public, admin = self.socket(), self.socket()
        gateway = self.activated("public:admin", [public, admin], WORKERS="3")
        took = {line["listener"]: line["sockets"] for line in gateway.events if line.get("msg") == "took over listening sockets"}
        self.assertEqual({"public": 1, "admin": 1}, took)
        self.assertEqual(200, ask(admin.getsockname()[1], "/health/live")[0])
        with Load(gateway.port, "/api/v1/s0/text", b"hello from origin") as load:
            wait_until(lambda: load.done > 500, 20, "requests flow")
        self.assertEqual([], load.failures[:5])
        self.assertStops(gateway)

    def test_a_restart_under_load_loses_no_request(self):
        public = self.socket()
        current = self.activated("gateway.socket", [public], name="generation0")
        with Load(current.port, "/api/v1/s0/text", b"hello from origin") as load:
            for number in range(1, 6):
                seen = load.done
                wait_until(lambda: load.done > seen + 50, 20, "requests flow")
                self.assertStops(current)      # from here on connections wait in the socket's queue
                current = self.activated("gateway.socket", [public], name=f"generation{number}")
        self.assertEqual([], load.failures[:5])
        self.assertStops(current)

    def test_what_is_no_listening_socket_is_refused(self):
        idle = socket.socket()
        self.addCleanup(idle.close)
        idle.bind(("127.0.0.1", 0))
        with self.assertRaises(AssertionError) as ended:
            self.activated("public", [idle])
        self.assertIn("no listening stream socket", str(ended.exception))

    def test_the_manager_is_told_when_it_is_ready_and_when_it_stops(self):
        place = os.path.join(self.folder, "notify")
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(place)
        manager.settimeout(10)
        gateway = self.start(environment={"NOTIFY_SOCKET": place})
        self.assertEqual(b"READY=1", manager.recv(100))
        self.assertStops(gateway)
        self.assertEqual(b"STOPPING=1", manager.recv(100))


class Units(unittest.TestCase):
    """deploy/systemd, as systemd itself reads it."""
    FOLDER = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "systemd"

    def said(self, *words, **changes):
        from support.scenario import BINARY
        with tempfile.TemporaryDirectory() as folder:
            for unit in self.FOLDER.iterdir():
                text = unit.read_text().replace("/usr/local/bin/api-gateway", str(BINARY.resolve()))
                for old, new in changes.items():
                    text = text.replace(f"{old}=", f"{new}=")
                (pathlib.Path(folder) / unit.name).write_text(text)
            done = subprocess.run(["systemd-analyze", *words, *sorted(map(str, pathlib.Path(folder).iterdir()))],
                                  capture_output=True, text=True)
        # A mistake in a unit is only a line.
        return done.returncode, [line for line in (done.stdout + done.stderr).splitlines() if "/api-gateway" in line or "api-gateway." in line]

    @unittest.skipUnless(shutil.which("systemd-analyze"), "needs systemd")
    def test_systemd_finds_nothing_wrong_with_them(self):
        self.assertEqual((0, []), self.said("verify"))
        # It would have said so.
        self.assertNotEqual([], self.said("verify", ProtectSystem="ProtectSistem")[1])

    @unittest.skipUnless(shutil.which("systemd-analyze"), "needs systemd")
    def test_the_service_may_do_little(self):
        text = (self.FOLDER / "api-gateway.service").read_text().splitlines()
        for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "DynamicUser=yes", "Type=notify"):
            self.assertIn(line, text)
        done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=15",
                               str(self.FOLDER / "api-gateway.service")], capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stdout[-400:])


if __name__ == "__main__":
    unittest.main()
