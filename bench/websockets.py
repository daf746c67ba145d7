#!/usr/bin/env python3
"""What WebSockets cost the gateway: the memory of an idle one, and the CPU of a message on a busy one.

    bench/websockets.py [--count 10000] [--rounds 5] [--seconds 3] [--quick] [--write-docs] [--check]

Idle: opens 10,000 without TLS, holds them and looks at the gateway's memory. Each passes every stage with a token of its own
request, the service agrees to it, and then nobody says a word. The growth of the gateway's resident memory, once it has
settled, is divided by their number. A WebSocket takes two of the gateway's descriptors, so where the limit on open files is
lower fewer are held.

Busy: 64 clients say a text of 32 bytes, wait for its echo and say it again (bench/websocket_load.cpp), through the gateway and
its peers in turns, rounds interleaved as in bench/run.py.
"""

import contextlib
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
TALKING = 64
HEADINGS = ["proxy", "CPU µs/message and its echo", "ratio to the relay", "core busy %", "messages/s"]


def gateway(build):
    def command(out, port, origin):
        path = out / "websockets.yaml"
        path.write_text(f'services:\n  queue-service: {{url: "http://127.0.0.1:{origin}", connections_max: 20000}}\n'
                        "routes:\n  - name: queue\n    path: /api/v1/queue/**\n    service: queue-service\n"
                        "    websocket: {idle_timeout_ms: 3600000}\n")
        others = {f"{name}_SERVICE_URL": "" for name in peers.SERVICES}
        return peers.gateway_command(build, {**others, "CONFIG_FILE": str(path), "RATE_LIMIT_ENABLED": "false"})(
            out, port, origin)
    return peers.Peer("gateway", "this gateway", command)


def nginx(out, port, origin):
    """As its manual has WebSockets proxied."""
    return peers.nginx_command(out, port, origin, peers.NGINX.replace(
        'proxy_set_header Connection "";', 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'))


def talking_peers(build):
    others = {peer.name: peer for peer in peers.plain_peers(build)}
    return [others["relay"], peers.Peer("nginx", "nginx, plain", nginx), others["haproxy"], gateway(build)]


def request_file(out):
    """Of a WebSocket."""
    lines = [f"GET {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in run.HEADERS.items()), "Connection: Upgrade",
             "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    file = out / "websocket.txt"
    file.write_bytes("\r\n".join([*lines, "", ""]).encode())
    return file


def ask(port):
    status, _ = peers.get(port, PATH, run.HEADERS)
    if status != 200:
        raise RuntimeError(f"the proxy answers {status}")


@contextlib.contextmanager
def clients(options, program, *arguments):
    """Yields them once they are open; they wait for a line before they do more."""
    command = [str(options.build / "bench" / program), *map(str, arguments)]
    child = subprocess.Popen(peers.pinned(options.load_core, command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if not child.stdout.readline().startswith("open "):
            raise RuntimeError("the proxy could not hold as many WebSockets")
        yield child
    finally:
        child.kill()
        child.wait()


def idle(options, count, origin_port):
    """Bytes that each takes, and how many were still there at the end."""
    with gateway(options.build).running(options.proxy_core, options.out, origin_port, ask) as (process, port):
        for _ in range(20):
            ask(port)
        before = run.settled_memory(process)
        with clients(options, "bench_idle", port, count, request_file(options.out)) as holder:
            after = run.settled_memory(process)
            alive = int(holder.communicate("\n", timeout=30)[0].split()[1])
    return {"bytes": (after - before) / count, "held": count, "alive": alive}


def talk(options, process, port):
    """One round of messages through one proxy."""
    with clients(options, "bench_websocket_load", port, TALKING, options.seconds, request_file(options.out)) as talkers:
        cpu = process.cpu_s()
        told = talkers.communicate("\n", timeout=options.seconds + 30)[0].split()
        cpu = process.cpu_s() - cpu
    if talkers.returncode != 0:
        raise RuntimeError("an echo did not come, or was of something else")
    return {"cpu_us": cpu / int(told[1]) * 1e6, "busy": cpu / options.seconds, "messages_s": int(told[1]) / options.seconds}


def messages(options, origin_port):
    with contextlib.ExitStack() as stack:
        running = []
        for peer in talking_peers(options.build):
            running.append((peer, *stack.enter_context(peer.running(options.proxy_core, options.out, origin_port, ask))))
        for _, process, port in running:
            talk(options, process, port)   # once, for pages and caches
        rounds = {peer.name: [] for peer, _, _ in running}
        for number in range(options.rounds):
            for peer, process, port in running:
                found = talk(options, process, port)
                rounds[peer.name].append(found)
                print(f"round {number + 1}: {peer.title:16} {found['cpu_us']:6.2f} µs/message {found['messages_s']:9,.0f}/s",
                      flush=True)
    return {peer.name: {"title": peer.title, **report.summary(rounds[peer.name], rounds["relay"])} for peer, _, _ in running}


def rows(result):
    return [[one["title"], report.with_spread(one["cpu_us"], 2), report.with_spread(one["ratio"], 2),
             f"{one['busy']['median'] * 100:.0f}", f"{one['messages_s']['median']:,.0f}"] for one in result["messages"].values()]


def verdicts(result):
    idle = result["idle"]
    return [report.verdict(idle["bytes"] < BYTES_MAX and idle["alive"] == idle["held"],
                           f"an idle WebSocket takes {idle['bytes']:,.0f} bytes of the gateway's memory, less than 4,096; "
                           f"{idle['alive']:,} of {idle['held']:,} held")]


def section(result):
    table = report.markdown(HEADINGS, rows(result)) if "messages" in result else "What a message costs is not measured yet."
    intro = report.made_by(result, ["nginx", "HAProxy"] if "messages" in result else [],
                           [f"{result['files']:,} open files allowed"])
    return report.composed("websockets", result, intro, table, verdicts(result))


def main():
    parser = cli.measuring(__doc__, rounds=5, seconds=3)
    parser.add_argument("--count", type=int, default=10_000, help="idle ones")
    options = parser.parse_args()
    hard = cli.prepare(options)
    run.HEADERS["Authorization"] = "Bearer " + tokens.make(options.out)
    count = min(options.count, (hard - OTHER_FILES) // 2)
    with peers.origin(options.build, options.load_core, options.out) as origin_port:
        result = report.of_run(options, files=hard, idle=idle(options, count, origin_port),
                               messages=messages(options, origin_port))
    print("\n" + report.markdown(HEADINGS, rows(result)))
    return report.finish(options, "websockets", result, section, verdicts(result))


if __name__ == "__main__":
    cli.end_with(main)
