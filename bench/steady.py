"""Requests that come by the clock, whether or not the one before is answered: what is measured is what clients would wait."""

import collections
import pathlib
import subprocess
import tempfile

import peers


class Answers:
    """statuses: how often each came; 0 is none. times: of all that were answered, in microseconds, sorted."""

    def __init__(self, rows):
        self.statuses = collections.Counter(int(status) for _, status, _ in rows)
        self.times = sorted(int(time) for _, _, time in rows)

    def percentile(self, percent):
        return self.times[min(len(self.times) - 1, int(len(self.times) * percent / 100))]


def ask(port, path, clients, each_s, seconds, headers=None, core=None):
    """clients connections, each with each_s requests a second."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        log = pathlib.Path(folder) / "h2load.tsv"
        fields = [part for name, value in (headers or {}).items() if name != "Host" for part in ("-H", f"{name}: {value}")]
        command = ["h2load", "--h1", "-t1", f"-c{clients}", f"--rps={each_s}", f"-D{seconds}", f"--log-file={log}", *fields,
                   f"http://127.0.0.1:{port}{path}"]
        subprocess.run(command if core is None else peers.pinned(core, command), check=True, capture_output=True,
                       timeout=seconds + 30)
        return Answers([line.split("\t") for line in log.read_text().splitlines()])
