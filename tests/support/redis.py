"""Real Redis servers, Sentinels and clusters in folders of their own, and redis-cli as operators type it."""
import pathlib
import subprocess

from support.process import free_ports
from support.wait import wait_until


def cli(port, *words, seconds=10):
    done = subprocess.run(["redis-cli", "-p", str(port), *words], capture_output=True, text=True, timeout=seconds)
    return (done.stdout or done.stderr).strip()


class Redis:
    """A redis-server. Options are given as on its command line."""

    def __init__(self, folder, *options, port=None, sentinel=None):
        self.port = port or free_ports(1)[0]
        self.folder = pathlib.Path(folder) / f"redis-{self.port}"
        self.folder.mkdir(exist_ok=True)
        self.options = options
        self.sentinel = sentinel     # lines of its configuration, which it rewrites
        self.start()

    def start(self, *more):
        command = ["redis-server"]
        if self.sentinel is not None:
            file = self.folder / "sentinel.conf"
            file.write_text("".join(line + "\n" for line in self.sentinel))
            command += [str(file), "--sentinel"]
        else:
            command += ["--save", ""]
        self.process = subprocess.Popen([*command, "--port", str(self.port), "--bind", "127.0.0.1", "--dir",
                                         str(self.folder), *self.options, *more], stdout=subprocess.DEVNULL)
        wait_until(lambda: cli(self.port, "PING") in ("PONG", "NOAUTH Authentication required."), 10, "Redis answers")

    def kill(self):
        self.process.kill()
        self.process.wait()
