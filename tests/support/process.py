"""The gateway as a real process: started on free ports, watched, ended."""
import collections
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import threading

from support.wait import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEFAULT_BINARY = ROOT / "build" / "release" / "api-gateway"

# What a sanitizer or ensure() prints when something is wrong, in any build.
_ALARM = re.compile(r"ensure failed|ERROR: \w*Sanitizer|WARNING: ThreadSanitizer|runtime error:|LeakSanitizer")


def set_clock(path, text):
    """What libfaketime reads, whole at any moment: a process that finds half of it ends."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    fresh.replace(path)


# Ports that have been given and may not yet be listened on.
GIVEN = collections.deque(maxlen=2000)


def free_ports(count):
    """Ports that nobody uses, outside the range from which the system gives ports away: nobody gets one by chance
    between this look and the gateway's start. TEST_SLOT `i/n`: of n processes side by side each has its own."""
    first = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    slot, slots = map(int, os.environ.get("TEST_SLOT", "0/1").split("/"))
    found = []
    while len(found) < count:
        port = random.randrange(first // 2 // slots * slots + slot, first, slots)
        if port in GIVEN:
            continue
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        GIVEN.append(port)
    return found


def ask(port, path, host="127.0.0.1", seconds=5, headers=""):
    """One GET on a connection of its own: status, head and body as text; None if nobody answers."""
    try:
        with socket.create_connection((host, port), timeout=seconds) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n".encode())
            data = b""
            while chunk := sock.recv(65536):
                data += chunk
    except OSError:
        return None
    match = re.match(rb"HTTP/1\.1 (\d{3}) ", data)
    if not match:
        return None
    head, _, body = data.partition(b"\r\n\r\n")
    return int(match.group(1)), head.decode("latin-1"), body.decode("latin-1")


# Of tokens that tests sign; most tests use public routes and need none.
JWT_SECRET = "a secret of the tests, longer than 32 bytes"


class Gateway:
    """One gateway process. Its standard output is read as it comes, so that it never waits for us."""

    def __init__(self, config, folder, binary=DEFAULT_BINARY, port=None, environment=None, name="gateway",
                 stdout=None, before=None, inherit=()):
        ports = free_ports(3)
        self.port = port or ports[0]
        self.admin_port = ports[1]
        self.lines = []          # all of its log
        self.events = []         # what is no access line
        self.config = pathlib.Path(folder) / f"{name}.yaml"
        if config is not None:
            self.config.write_text(config)
        self.errors_path = pathlib.Path(folder) / f"{name}.stderr"
        inherited = {k: v for k, v in os.environ.items() if not k.endswith("_SERVICE_URL")}
        env = inherited | {
            "PORT": str(self.port), "HOST": "127.0.0.1", "ADMIN_PORT": str(self.admin_port),
            "RESP_PORT": str(ports[2]), "CONFIG_FILE": str(self.config), "SHUTDOWN_DRAIN_MS": "200",
            "WORKERS": "2", "RATE_LIMIT_ENABLED": "false", "JWT_SECRET": JWT_SECRET, "JWT_ISSUER": "tests"} | (environment or {})
        with open(self.errors_path, "wb") as errors:
            self.process = subprocess.Popen(
                [str(binary), "run"], env=env, stdin=subprocess.DEVNULL, stderr=errors,
                stdout=subprocess.PIPE if stdout is None else stdout, preexec_fn=before, pass_fds=inherit)
        self._reader = None
        if stdout is None:
            self._reader = threading.Thread(target=self._read, daemon=True)
            self._reader.start()

    @property
    def pid(self):
        return self.process.pid

    def _read(self):
        for raw in self.process.stdout:
            try:
                line = json.loads(raw)
            except ValueError:
                line = {"notJson": raw.decode("latin-1")}
            self.lines.append(line)
            if "durationMs" not in line:
                self.events.append(line)

    def wait_ready(self, seconds=10):
        wait_until(lambda: self._ready_or_dead(), seconds, "the gateway is ready")
        if self.process.poll() is not None:
            raise AssertionError(f"the gateway ended at its start ({self.process.returncode}):\n{self.errors()}"
                                 + "\n".join(json.dumps(l) for l in self.lines[-20:]))
        return self

    def _ready_or_dead(self):
        answer = ask(self.port, "/health/ready", seconds=1)
        return (answer and answer[0] == 200) or self.process.poll() is not None

    def alive(self):
        answer = ask(self.port, "/health/live")
        return self.process.poll() is None and answer is not None and answer[0] == 200

    def errors(self):
        return self.errors_path.read_text(errors="replace")

    def alarms(self):
        """Lines of its standard error that no run may have."""
        return [line for line in self.errors().splitlines() if _ALARM.search(line)]

    def rss_kb(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1))

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, seconds=30):
        """SIGTERM; its exit code. A process that does not end is killed and counts as failed."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "no end within %s s" % seconds
        if self._reader:
            self._reader.join(5)
        return code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
