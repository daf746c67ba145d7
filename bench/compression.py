#!/usr/bin/env python3
"""What compressing an answer costs: CPU of the gateway for each request, for answers of three sizes from its cache, one
client, rounds of the four ways in turn.

    bench/compression.py [--build build/release]
"""
import os
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE.parent / "tests/integration")]

import cli  # noqa: E402
from support.clients import Client  # noqa: E402
from support.process import Gateway  # noqa: E402
from test_compression import Origin  # noqa: E402

WAYS = (("without the section", "plain", "gzip, br"), ("identity", "packed", "identity"), ("gzip", "packed", "gzip"),
        ("br", "packed", "br"))
SIZES = ((2_000, 1500), (20_000, 600), (200_000, 100))   # bytes, requests in a round
PUBLIC = "authenticate: {public: [/**]}, rate_limit: {policies: []}, cache: {ttl_s: 600}"


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    build = cli.parser(__doc__).parse_args().build
    origin = Origin()
    config = f"""
services:
  origin: {{url: "{origin.url}"}}
routes:
  - {{name: packed, path: /api/v1/packed/**, service: origin, {PUBLIC}, compression: {{}}}}
  - {{name: plain, path: /api/v1/plain/**, service: origin, {PUBLIC}}}
"""
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway(config, folder, build / "api-gateway", environment={"WORKERS": "1", "LOG_LEVEL": "ERROR"}).wait_ready()
        for size, count in SIZES:
            costs, sent = {}, {}
            for _ in range(3):
                for name, route, coding in WAYS:
                    with Client(gateway.port) as client:
                        ask = lambda: client.get(f"/api/v1/{route}/x?n={size}", f"Accept-Encoding: {coding}\r\n")
                        sent[name] = len(ask().body)
                        began = cpu_seconds(gateway.pid)
                        for _ in range(count):
                            ask()
                        costs.setdefault(name, []).append((cpu_seconds(gateway.pid) - began) / count * 1e6)
            for name, cost in costs.items():
                print(f"{size:7} bytes, {name:20} {sent[name]:7} sent   us a request: {[round(c) for c in cost]}", flush=True)
        gateway.kill()
    origin.close()


if __name__ == "__main__":
    cli.end_with(main)
