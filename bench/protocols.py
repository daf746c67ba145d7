#!/usr/bin/env python3
"""What TLS and HTTP/2 towards clients cost here, beside nginx and HAProxy, which proxy plainly.

    bench/protocols.py [--quick] [--rsa] [--write-docs] [--check]

Four loads: TLS 1.3 with requests kept on their connections, HTTP/2 over TLS, HTTP/2 with prior knowledge, and full TLS
handshakes with one request each. As in bench/run.py each proxy has one core, the load and the origin share the other,
rounds are interleaved and ratios taken inside each. The gateway has everything on, rate limits too.
"""

import contextlib
import os
import pathlib
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import cli
import peers
import report
import run
import tokens

NAME = "bench-protocols"
CIPHER = "TLS_AES_128_GCM_SHA256"
HANDSHAKES = "handshakes"
KEPT = 512  # idle connections that each keeps to the origin: more than the streams that ask at once

NGINX_LISTENERS = """
    ssl_certificate {cert};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.3;
    server {{
        listen 127.0.0.1:{tls} ssl http2 backlog=4096;
        listen 127.0.0.1:{h2c} http2 backlog=4096;
"""


class Load:
    """One way of asking. tls: over TLS; connections and streams: as h2load takes them."""

    def __init__(self, name, title, tls, connections, streams, h1=False):
        self.name, self.title, self.tls, self.h1 = name, title, tls, h1
        self.connections, self.streams = connections, streams

    def command(self, ports, seconds):
        flags = ["--h1"] if self.h1 else []
        if self.tls:
            flags += [f"--tls13-ciphers={CIPHER}"]
        for name, value in run.HEADERS.items():
            flags += ["-H", f"{':authority' if name == 'Host' else name.lower()}: {value}"]
        where = f"https://127.0.0.1:{ports['tls']}" if self.tls else f"http://127.0.0.1:{ports['h2c']}"
        return ["h2load", "-t1", f"-c{self.connections}", f"-m{self.streams}", f"-D{seconds}", *flags, where + run.PATH]

    def measure(self, options, ports):
        done = subprocess.run(peers.pinned(options.load_core, self.command(ports, options.seconds)), capture_output=True,
                              text=True, check=True, timeout=options.seconds + 30).stdout
        succeeded, failed, errored = re.search(
            r"(\d+) succeeded, (\d+) failed, (\d+) errored", done).groups()
        spoken = "http/1.1" if self.h1 else "h2" if self.tls else "h2c"
        if f"Application protocol: {spoken}" not in done or (self.tls and f"Cipher: {CIPHER}" not in done):
            raise RuntimeError(f"not what was to be measured ({self.title}):\n{done}")
        answered = int(re.search(r"status codes: (\d+) 2xx", done).group(1))
        if int(failed) or int(errored) or answered < int(succeeded):
            raise RuntimeError("h2load saw failures:\n" + done)
        return int(succeeded)


class Handshakes:
    name, title = HANDSHAKES, "full TLS 1.3 handshakes, one request each"

    def measure(self, options, ports):
        file = options.out / "request-once.txt"
        lines = [f"GET {run.PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in run.HEADERS.items()),
                 "Connection: close"]
        file.write_bytes("\r\n".join([*lines, "", ""]).encode())
        done = subprocess.run(
            peers.pinned(options.load_core, [str(options.build / "bench" / "bench_handshake"), str(ports["tls"]),
                                             str(options.seconds), str(file)]),
            capture_output=True, text=True, timeout=options.seconds + 30)
        if done.returncode != 0 or CIPHER not in done.stdout:
            raise RuntimeError("handshakes failed: " + done.stdout + done.stderr)
        return int(done.stdout.split()[0])


LOADS = [
    Load("tls-h1", "TLS 1.3, HTTP/1.1, 64 connections", tls=True, connections=64, streams=1, h1=True),
    Load("tls-h2", "TLS 1.3, HTTP/2, 32 connections × 10 streams", tls=True, connections=32, streams=10),
    Load("h2c", "HTTP/2 with prior knowledge, 32 connections × 10 streams", tls=False, connections=32, streams=10),
    Handshakes(),
]


def certificate(out, rsa):
    """A self-signed one of this run: certificate, key, and both in one file as HAProxy takes it."""
    cert, key, both = (out / name for name in ("server.pem", "server.key.pem", "server.both.pem"))
    kind = ["-newkey", "rsa:2048"] if rsa else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=api.example.com", *kind,
                    "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    return {"cert": str(cert), "key": str(key), "both": str(both)}


class Speaker(peers.Peer):
    """A proxy that listens in all three ways."""

    def __init__(self, name, title, make):
        super().__init__(name, title, self.start)
        self.make, self.ports = make, {}

    def start(self, out, port, origin):
        self.ports = {"plain": port, "tls": peers.free_port(), "h2c": peers.free_port()}
        return self.make(out, self.ports, origin)


def nginx(files):
    def make(out, ports, origin):
        path = out / "nginx-tls.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        text = peers.NGINX.replace("    server {{\n", NGINX_LISTENERS).replace("keepalive 256", f"keepalive {KEPT}")
        path.write_text(text.format(out=out, origin=origin, user=user, files=peers.FILES_MAX, port=ports["plain"],
                                    tls=ports["tls"], h2c=ports["h2c"], **files))
        return [peers.program("nginx"), "-p", str(out), "-c", str(path), "-e", str(out / "nginx.error.log")], None
    return make


def haproxy(files):
    def make(out, ports, origin):
        path = out / "haproxy-tls.cfg"
        binds = ("    bind 127.0.0.1:{port}\n"
                 "    bind 127.0.0.1:{tls} ssl crt {both} ssl-min-ver TLSv1.3 alpn h2,http/1.1\n"
                 "    bind 127.0.0.1:{h2c} proto h2\n")
        text = peers.HAPROXY.replace("    bind 127.0.0.1:{port}\n", binds)
        path.write_text(text.format(origin=origin, files=peers.FILES_MAX, port=ports["plain"], tls=ports["tls"],
                                    h2c=ports["h2c"], **files))
        return [peers.program("haproxy"), "-db", "-f", str(path)], None
    return make


def gateway(build, files):
    def make(out, ports, origin):
        ports["h2c"] = ports["plain"]  # one port for both: clients begin with HTTP/2's preface
        settings = {"TLS_CERT_FILE": files["cert"], "TLS_KEY_FILE": files["key"], "TLS_PORT": str(ports["tls"])}
        argv, env = peers.gateway_command(build, settings, "gateway-tls")(out, ports["plain"], origin)
        path = pathlib.Path(env["CONFIG_FILE"])
        path.write_text(peers.with_setting(path.read_text(), "event-service", f"idle_connections_max: {KEPT}"))
        return argv, env
    return make


def measure(options, process, load, ports):
    cpu, began = process.cpu_s(), time.monotonic()
    requests = load.measure(options, ports)
    cpu, wall = process.cpu_s() - cpu, time.monotonic() - began
    return {"cpu_us": cpu / requests * 1e6, "busy": cpu / wall, "requests_s": requests / wall}


def all_rounds(options, proxies, loads, origin_port, ask):
    """Figures by load and proxy, one a round."""
    rounds = {load.name: {proxy.name: [] for proxy in proxies} for load in loads}
    with contextlib.ExitStack() as stack:
        running = []
        for proxy in proxies:
            process, _ = stack.enter_context(proxy.running(options.proxy_core, options.out, origin_port, ask))
            running.append((proxy, process))
        for number in range(options.rounds):
            for load in loads:
                for proxy, process in running:
                    found = measure(options, process, load, proxy.ports)
                    process.rewind_log()
                    rounds[load.name][proxy.name].append(found)
                    print(f"round {number + 1}: {load.title}: {proxy.title:30} {found['cpu_us']:7.2f} µs "
                          f"{found['requests_s']:9,.0f}/s  core {found['busy'] * 100:.0f} %", flush=True)
    return rounds


HEADINGS = ["load", "proxy", "CPU µs/request", "this gateway costs, of it", "core busy %", "requests/s"]


def summarise(rounds, titles):
    result = {}
    for load, by_proxy in rounds.items():
        result[load] = {}
        for proxy, found in by_proxy.items():
            figures = {key: report.spread([one[key] for one in found]) for key in found[0]}
            if proxy != "gateway" and "gateway" in by_proxy:
                figures["ours"] = report.spread(
                    [ours["cpu_us"] / theirs["cpu_us"] for ours, theirs in zip(by_proxy["gateway"], found)])
            result[load][proxy] = {"title": titles[proxy], **figures}
    return result


def rows(result):
    found = []
    for load in LOADS:
        for figures in result["loads"].get(load.name, {}).values():
            found.append([load.title, figures["title"], report.with_spread(figures["cpu_us"], 2),
                          report.with_spread(figures["ours"], 2) if "ours" in figures else "–",
                          f"{figures['busy']['median'] * 100:.0f}", f"{figures['requests_s']['median']:,.0f}"])
    return found


def verdicts(result):
    lines = []
    for load in LOADS:
        for name in ("nginx", "haproxy"):
            if load.name == HANDSHAKES and name == "haproxy":
                continue
            figures = result["loads"].get(load.name, {}).get(name)
            if figures and "ours" in figures:
                ratio = figures["ours"]["median"]
                lines.append(report.verdict(ratio <= 1 if load.name == HANDSHAKES else ratio < 1,
                                            f"{load.title}: {ratio:.2f} of what {figures['title']} costs"))
    return lines


def section(result):
    intro = report.made_by(result, ("nginx", "HAProxy", "OpenSSL"), [CIPHER, f"{result['key']} key"])
    return report.composed(NAME, result, intro, report.markdown(HEADINGS, rows(result)), verdicts(result))


def arguments():
    parser = cli.measuring(__doc__, rounds=5, seconds=3)
    parser.add_argument("--only", default="", help="loads, by comma: " + ",".join(load.name for load in LOADS))
    parser.add_argument("--peers", default="", help="proxies, by comma: nginx,haproxy,gateway")
    parser.add_argument("--rsa", action="store_true", help="an RSA key of 2,048 bits rather than one on P-256")
    options = parser.parse_args()
    cli.prepare(options)
    return options


def main():
    options = arguments()
    run.HEADERS["Authorization"] = "Bearer " + tokens.make(options.out)
    files = certificate(options.out, options.rsa)
    peers.program(options.build / "bench" / "bench_handshake")
    proxies = [Speaker("nginx", "nginx, plain", nginx(files)), Speaker("haproxy", "HAProxy, plain", haproxy(files)),
               Speaker("gateway", "this gateway, everything on", gateway(options.build, files))]
    proxies = [proxy for proxy in proxies if not options.peers or proxy.name in options.peers.split(",")]
    loads = [load for load in LOADS if not options.only or load.name in options.only.split(",")]
    with peers.origin(options.build, options.load_core, options.out) as origin_port:
        ask = run.asker(peers.get(origin_port, run.PATH, run.HEADERS)[1])
        rounds = all_rounds(options, proxies, loads, origin_port, ask)
    result = report.of_run(options, key="RSA 2048" if options.rsa else "P-256",
                           loads=summarise(rounds, {proxy.name: proxy.title for proxy in proxies}))
    print("\n" + report.markdown(HEADINGS, rows(result)))
    return report.finish(options, NAME, result, section, verdicts(result))


if __name__ == "__main__":
    cli.end_with(main)
