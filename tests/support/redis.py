"""Real Redis servers, Sentinels and clusters in folders of their own, and redis-cli as operators type it."""
import pathlib
import subprocess

from support.process import free_ports
from support.wait import wait_until


def cli(port, *words, shown="both", seconds=10):
    done = subprocess.run(["redis-cli", "-p", str(port), *words], capture_output=True, text=True, timeout=seconds)
    return {"both": done.stdout or done.stderr, "out": done.stdout, "err": done.stderr}[shown].strip()


class Ended(Exception):
    """A server ended instead of answering; carries what it had to say."""


class Redis:
    """A redis-server. Options are given as on its command line."""

    def __init__(self, folder, *options, port=None, sentinel=None, cluster=False):
        self.options = options
        self.sentinel = sentinel     # lines of its configuration, which it rewrites
        for left in reversed(range(1 if port else 5)):
            self.port, self.bus = free_ports(2)
            self.port = port or self.port
            if cluster:
                # Left to itself the bus takes a port among those that connections of clients are given.
                self.options = (*options, "--cluster-enabled", "yes", "--cluster-port", str(self.bus))
            self.folder = pathlib.Path(folder) / f"redis-{self.port}"
            self.folder.mkdir(exist_ok=True)
            try:
                return self.start()
            except Ended:            # most likely somebody took a port since it was looked at
                if not left:
                    raise

    def start(self, *more):
        command = ["redis-server"]
        if self.sentinel is not None:
            file = self.folder / "sentinel.conf"
            file.write_text("".join(line + "\n" for line in self.sentinel))
            command += [str(file), "--sentinel"]
        else:
            command += ["--save", ""]
        said = self.folder / "said.txt"
        with said.open("w") as output:
            self.process = subprocess.Popen([*command, "--port", str(self.port), "--bind", "127.0.0.1", "--dir",
                                             str(self.folder), *self.options, *more], stdout=output, stderr=output)

        def answers():
            if self.process.poll() is not None:
                raise Ended(said.read_text()[-2000:])
            return cli(self.port, "PING") in ("PONG", "NOAUTH Authentication required.")
        wait_until(answers, 30, "Redis answers")

    def kill(self):
        self.process.kill()
        self.process.wait()
