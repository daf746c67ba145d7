#!/usr/bin/env python3
"""What an idle WebSocket costs the gateway: opens 10,000 without TLS, holds them and looks at its memory.

    bench/websockets.py [--count 10000] [--write-docs] [--check]

Each passes every stage with a token of its own request, the service agrees to it, and then nobody says a word. The
growth of the gateway's resident memory, once it has settled, is divided by their number. A WebSocket takes two of the
gateway's descriptors, so where the limit on open files is lower fewer are held.
"""

import shlex
import subprocess
import sys

sys.dont_write_bytecode = True
import cli
import peers
import report
import run
import tokens

BYTES_MAX = 4096
PATH = "/api/v1/queue/line"
OTHER_FILES = 200  # descriptors of a gateway that holds nothing


def gateway(build):
    def command(out, port, origin):
        path = out / "websockets.yaml"
        path.write_text(f'services:\n  queue-service: {{url: "http://127.0.0.1:{origin}", connections_max: 20000}}\n'
                        "routes:\n  - name: queue\n    path: /api/v1/queue/**\n    service: queue-service\n"
                        "    websocket: {idle_timeout_ms: 3600000}\n")
        others = {f"{name}_SERVICE_URL": "" for name in peers.SERVICES}
        return peers.gateway_command(build, {**others, "CONFIG_FILE": str(path), "RATE_LIMIT_ENABLED": "false"})(
            out, port, origin)
    return peers.Peer("websockets", "this gateway", command)


def measure(options, count):
    """Bytes that each takes, and how many were still there at the end."""
    lines = [f"GET {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in run.HEADERS.items()), "Connection: Upgrade",
             "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    file = options.out / "websocket.txt"
    file.write_bytes("\r\n".join([*lines, "", ""]).encode())

    def ask(port):
        status, _ = peers.get(port, PATH, run.HEADERS)
        if status != 200:
            raise RuntimeError(f"the gateway answers {status}")

    with peers.origin(options.build, options.load_core, options.out) as origin_port, \
            gateway(options.build).running(options.proxy_core, options.out, origin_port, ask) as (process, port):
        for _ in range(20):
            ask(port)
        before = run.settled_memory(process)
        holder = subprocess.Popen(
            peers.pinned(options.load_core, [str(options.build / "bench" / "bench_idle"), str(port), str(count), str(file)]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            if holder.stdout.readline() != f"open {count}\n":
                raise RuntimeError(f"the gateway could not hold {count} WebSockets")
            after = run.settled_memory(process)
            alive = int(holder.communicate("\n", timeout=30)[0].split()[1])
        finally:
            holder.kill()
            holder.wait()
    return (after - before) / count, alive


def main():
    parser = cli.parser(__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    options = parser.parse_args()
    hard = cli.prepare(options)
    run.HEADERS["Authorization"] = "Bearer " + tokens.make(options.out)
    count = min(options.count, (hard - OTHER_FILES) // 2)
    each, alive = measure(options, count)
    promise = report.verdict(each < BYTES_MAX and alive == count,
                             f"an idle WebSocket takes {each:,.0f} bytes of the gateway's memory, less than 4,096; "
                             f"{alive:,} of {count:,} held")
    print(promise)
    if options.write_docs:
        facts = report.machine()
        command = shlex.join(["bench/websockets.py", *sys.argv[1:]])
        report.write_section("websockets", f"Made by `{command}` on {facts['date']}, commit {facts['commit']}: "
                                           f"{facts['cpu']}, Linux {facts['kernel']}; {hard:,} open files allowed.\n\n{promise}")
    return 1 if options.check and "MISSED" in promise else 0


if __name__ == "__main__":
    cli.end_with(main)
