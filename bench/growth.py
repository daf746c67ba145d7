#!/usr/bin/env python3
"""What a request costs when there is much of everything: beside the same gateway with little.

    bench/growth.py [routes bans keys connections] [--quick] [--write-docs] [--check]

routes       10,000 routes rather than those of the shipped configuration
bans         a million banned addresses in memory
keys         a million keys counted by the rate limiter, of which the load touches one
connections  10,000 idle connections beside those that ask
Both gateways answer the same load on the same core, in turns; ratios are taken inside each round. Everything is on.
"""

import contextlib
import pathlib
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import cli
import peers
import report
import run
import tokens

RATIO_MAX = 1.05
MILLION = 1_000_000
TRUSTED = {"TRUSTED_PROXIES": "127.0.0.1"}  # so that the load may say who asks
TITLES = {"routes": "10,000 routes", "bans": "a million bans", "keys": "a million keys of rate limits",
          "connections": "10,000 idle connections"}
HEADINGS = ["with", "CPU µs/request without", "with it", "ratio"]

PUBLIC = "/api/v1/auth/refresh"   # who has no token is counted by address

# Every request comes from another address.
MANY_CLIENTS = """
local count = 0
request = function()
    count = count + 1
    local address = "10." .. math.floor(count / 65536) % 256 .. "." .. math.floor(count / 256) % 256 .. "." .. count % 256
    return wrk.format("GET", nil, {["X-Forwarded-For"] = address})
end
"""


def gateway(options, name, settings=None, amend=None):
    """amend: changes the text of its configuration."""
    plain = peers.gateway_command(options.build, {**TRUSTED, **(settings or {})}, name)

    def command(out, port, origin):
        argv, env = plain(out, port, origin)
        if amend is not None:
            path = pathlib.Path(env["CONFIG_FILE"])
            path.write_text(amend(path.read_text()))
        return argv, env
    return peers.Peer(name, name, command)


def many_routes(text):
    head, mark, routes = text.partition("\nroutes:\n")
    fillers = "".join(f'  - {{name: r{i}, path: "/api/v1/r{i}/items/{{id}}/**", service: event-service}}\n' for i in range(10_000))
    return head + mark + fillers + routes


@contextlib.contextmanager
def nothing(options, process, port):
    yield


@contextlib.contextmanager
def banned(options, process, port):
    """Through the port for redis-cli, as an operator would; the marker at the end shows that all before it are known."""
    resp = int(environment_of(process)["RESP_PORT"])
    with socket.create_connection(("127.0.0.1", resp)) as store:
        def say(commands):
            store.sendall("".join(f"SET banned:ip:{address} 1 EX 36000\r\n" for address in commands).encode())
            answers = 0
            while answers < len(commands):
                answer = store.recv(1 << 16)
                if not answer or b"-" in answer:
                    raise RuntimeError(f"the store refuses bans: {answer[:200]}")
                answers += answer.count(b"\n")
        for block in range(0, MILLION, 1_000):
            say([f"172.{16 + i // 65536 % 16}.{i // 256 % 256}.{i % 256}" for i in range(block, block + 1_000)])
        say(["192.0.2.1"])
    marked = {**run.HEADERS, "X-Forwarded-For": "192.0.2.1"}
    wait_until(lambda: peers.get(port, run.PATH, marked)[0] == 403, "the bans are not known")
    yield


def wait_until(condition, trouble):
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(trouble)
        time.sleep(0.1)


def environment_of(process):
    pairs = pathlib.Path(f"/proc/{process.pids()[0]}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


@contextlib.contextmanager
def counted(options, process, port):
    script = options.out / "many-clients.lua"
    script.write_text(MANY_CLIENTS)
    done = 0
    headers = [part for name, value in run.HEADERS.items() if name not in ("X-Forwarded-For", "Authorization")
               for part in ("--header", f"{name}: {value}")]
    while done < MILLION + MILLION // 5:
        text = subprocess.run(
            peers.pinned(options.load_core, ["wrk", "--threads", "1", "--connections", "64", "--duration", "10s", "--script",
                                             str(script), *headers, f"http://127.0.0.1:{port}{PUBLIC}"]),
            capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in text:
            raise RuntimeError("requests of many clients were refused:\n" + text)
        done += int(text.split(" requests in")[0].split()[-1])
        process.rewind_log()
    yield


@contextlib.contextmanager
def held(options, process, port):
    file = options.out / "request.txt"
    lines = [f"GET {run.PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in run.HEADERS.items())]
    file.write_bytes("\r\n".join([*lines, "", ""]).encode())
    holder = subprocess.Popen(
        peers.pinned(options.load_core, [str(options.build / "bench" / "bench_idle"), str(port), "10000", str(file)]),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if holder.stdout.readline() != "open 10000\n":
            raise RuntimeError("10,000 connections could not be held")
        yield
    finally:
        holder.communicate("\n", timeout=30)


def compare(options, name, origin_port, ask):
    preparing = {"routes": nothing, "bans": banned, "keys": counted, "connections": held}[name]
    settings = {"bans": {"RESP_PORT": str(peers.free_port())},
                "keys": {"RATE_LIMIT_WINDOW_MS": "3600000"}}.get(name, {})
    amend = {"routes": many_routes,
             "keys": lambda text: text.replace("\nlimits:\n", "\nlimits:\n  memory_mb: 128\n")}.get(name)
    little = gateway(options, f"{name}-little", {**settings, "RESP_PORT": "0"}, None if name == "routes" else amend)
    much = gateway(options, f"{name}-much", settings, amend)
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(peer.running(options.proxy_core, options.out, origin_port, ask))
                   for peer in (little, much)]
        stack.enter_context(preparing(options, *running[1]))
        for process, port in running:
            run.warm(options, process, port)
        pairs = []
        for number in range(options.rounds):
            order = running if number % 2 == 0 else running[::-1]
            costs = {process: run.measure(options, process, port)["cpu_us"] for process, port in order}
            for process, _ in running:
                process.rewind_log()
            pairs.append((costs[running[0][0]], costs[running[1][0]]))
            print(f"{TITLES[name]}: {pairs[-1][1]:.2f} µs a request, without {pairs[-1][0]:.2f}", flush=True)
    return {"little": report.spread([little for little, _ in pairs]), "much": report.spread([much for _, much in pairs]),
            "ratio": report.spread([much / little for little, much in pairs])}


def rows(result):
    return [[TITLES[name], report.with_spread(found["little"], 2), report.with_spread(found["much"], 2),
             report.with_spread(found["ratio"], 3)] for name, found in result["found"].items()]


def verdicts(result):
    return [report.verdict(found["ratio"]["median"] <= RATIO_MAX,
                           f"{TITLES[name]}: {found['ratio']['median']:.3f} times as much CPU a request, at most {RATIO_MAX}")
            for name, found in result["found"].items()]


def section(result):
    return report.composed("growth", result, report.made_by(result), report.markdown(HEADINGS, rows(result)), verdicts(result))


def main():
    parser = cli.measuring(__doc__, rounds=7, seconds=3)
    parser.add_argument("what", nargs="*", help=", ".join(TITLES))
    parser.add_argument("--connections", type=int, default=run.CONNECTIONS)
    options = parser.parse_args()
    if unknown := set(options.what) - set(TITLES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    cli.prepare(options)
    run.HEADERS["Authorization"] = "Bearer " + tokens.make(options.out)
    with peers.origin(options.build, options.load_core, options.out) as origin_port:
        ask = run.asker(peers.get(origin_port, run.PATH, run.HEADERS)[1])
        found = {name: compare(options, name, origin_port, ask) for name in options.what or TITLES}
    result = report.of_run(options, found=found)
    return report.finish(options, "growth", result, section, verdicts(result))


if __name__ == "__main__":
    cli.end_with(main)
