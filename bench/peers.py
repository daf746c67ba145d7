"""The proxies that are compared, the origin behind them and what /proc says of each.

A Peer starts one proxy on one core, with one thread, before the same origin, and is asked once before anything is
measured. Configurations are written into the output folder, with ports that were free a moment ago.
"""

import contextlib
import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

from tokens import ISSUER, key_files

ROOT = pathlib.Path(__file__).resolve().parent.parent
READY_S = 10
STOP_S = 35  # the gateway may take 30 s to drain
FILES_MAX = 20000  # descriptors a proxy may have; also what the configurations are sized for

SERVICES = (
    "AUTH VENUE EVENT TICKET PAYMENT MARKETPLACE ANALYTICS NOTIFICATION INTEGRATION COMPLIANCE QUEUE"
    " FILE MONITORING SEARCH BLOCKCHAIN ORDER MINTING TRANSFER SCANNING"
).split()

# One header buffer takes the whole request: with the default of 1 KB nginx allocates a second one for each request
# and costs 14 % more.
NGINX = """
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {out}/nginx.pid;
error_log {out}/nginx.error.log warn;
events {{ worker_connections 17000; }}
http {{
    access_log off;
    server_tokens off;
    keepalive_timeout 300s;
    keepalive_requests 1000000000;
    client_header_timeout 300s;
    client_header_buffer_size 4k;
    client_body_temp_path {out}/nginx.body;
    proxy_temp_path {out}/nginx.proxy;
    fastcgi_temp_path {out}/nginx.fastcgi;
    uwsgi_temp_path {out}/nginx.uwsgi;
    scgi_temp_path {out}/nginx.scgi;
    upstream origin {{
        server 127.0.0.1:{origin};
        keepalive 256;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""

# maxconn asks for two descriptors a connection; idle ones need only one, so the limit is set by hand.
HAPROXY = """
global
    nbthread 1
    maxconn 17000
    ulimit-n {files}
    no strict-limits
defaults
    mode http
    timeout connect 5s
    timeout client 300s
    timeout server 300s
    timeout http-request 300s
    timeout http-keep-alive 300s
    http-reuse always
frontend front
    bind 127.0.0.1:{port}
    default_backend origin
backend origin
    server one 127.0.0.1:{origin}
"""


# What the gateway does with a token, in HAProxy's words: signature and end of life checked for every request.
HAPROXY_TOKENS = HAPROXY.replace("    default_backend origin\n", """\
    http-request set-var(txn.bearer) http_auth_bearer
    http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
    http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
    http-request set-var(txn.iss) var(txn.bearer),jwt_payload_query('$.iss')
    http-request set-var(txn.now) date()
    http-request deny deny_status 401 unless {{ var(txn.alg) -m str RS256 }}
    http-request deny deny_status 401 unless {{ var(txn.iss) -m str {issuer} }}
    http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_verify(txn.alg,"{public_key}") -m int 1 }}
    http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
    default_backend origin
""")

# What it can of the gateway's other work besides: claims, revocation, bans, a limit for each user, an id for each request, who asks
# told to the service, one line of JSON a request. It has no tenant guard and no detectors.
HAPROXY_SAME = HAPROXY_TOKENS.replace("defaults\n", """\
    log stdout format raw local0 info
defaults
    log global
""").replace("    default_backend origin\n", """\
    http-request set-var(txn.aud) var(txn.bearer),jwt_payload_query('$.aud')
    http-request set-var(txn.type) var(txn.bearer),jwt_payload_query('$.type')
    http-request set-var(txn.sub) var(txn.bearer),jwt_payload_query('$.sub')
    http-request set-var(txn.jti) var(txn.bearer),jwt_payload_query('$.jti')
    http-request set-var(txn.role) var(txn.bearer),jwt_payload_query('$.role')
    http-request set-var(txn.tenant) var(txn.bearer),jwt_payload_query('$.tenant_id')
    http-request deny deny_status 401 if {{ var(txn.aud) -m found }} !{{ var(txn.aud) -m str {issuer} }}
    http-request deny deny_status 401 unless {{ var(txn.type) -m str access }}
    http-request deny deny_status 401 if {{ var(txn.jti) -m str -f {out}/haproxy-revoked.lst }}
    http-request deny deny_status 403 if {{ src -f {out}/haproxy-banned.lst }}
    http-request track-sc0 var(txn.sub) table users
    http-request deny deny_status 429 if {{ sc_http_req_rate(0,users) gt 1000000000 }}
    http-request set-header X-User-ID %[var(txn.sub)]
    http-request set-header X-User-Role %[var(txn.role)]
    http-request set-header X-Tenant-ID %[var(txn.tenant)]
    option forwardfor
    unique-id-format %[uuid()]
    unique-id-header X-Request-ID
    log-format '{{"time":"%Tl","request_id":"%ID","client":"%ci","method":"%HM","path":"%HP","status":%ST,"bytes":%B,"ms":%Ta,"user":"%[var(txn.sub)]","tenant":"%[var(txn.tenant)]"}}'
    default_backend origin
backend users
    stick-table type string len 64 size 1m expire 60s store http_req_rate(60s)
""")


class NotBuilt(Exception):
    """The program of a peer is not there."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(path):
    found = path if os.access(path, os.X_OK) else shutil.which(str(path), path="/usr/sbin:/usr/bin")
    if not found:
        raise NotBuilt(str(path))
    return str(found)


def pinned(core, command):
    return ["taskset", "--cpu-list", str(core), *command]


class Process:
    """A child on a core of its own, and its figures in /proc."""

    def __init__(self, command, core, out, name, env=None):
        (out / f"{name}.log").unlink(missing_ok=True)
        self.log = open(out / f"{name}.log", "wb")  # not for appending: see rewind_log()
        self.child = subprocess.Popen(
            pinned(core, command), stdout=self.log, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, env=env, cwd=ROOT)

    def pids(self):
        """The process and its children: nginx does its work in a child."""
        pid = self.child.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def cpu_s(self):
        """User and system time of all threads so far."""
        ticks = 0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self, field="VmRSS"):
        """Bytes, of the process that does the work."""
        for line in pathlib.Path(f"/proc/{self.pids()[-1]}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"no {field}")

    def rewind_log(self):
        """What is written next goes over what was written before, into pages that are there. In a virtual machine a page that
        nobody has touched costs several times what it costs to write to it, so a log that grows, or is emptied and grows
        again, would measure the machine's free memory."""
        os.lseek(self.log.fileno(), 0, os.SEEK_SET)

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.log.close()


class Peer:
    """One proxy: how it is started and asked."""

    # title: as the table names it; idle_max: idle connections it can hold with FILES_MAX descriptors; upstream: what it
    # speaks to the origin.
    def __init__(self, name, title, command, idle_max=15000, upstream="h1"):
        self.upstream = upstream
        self.name = name
        self.title = title
        self.command = command  # (out, port, origin port) → argv, environment
        self.idle_max = idle_max

    @contextlib.contextmanager
    def running(self, core, out, origin_port, ask):
        """Yields (process, port) once `ask(port)` has been satisfied."""
        port = free_port()
        argv, env = self.command(out, port, origin_port)
        process = Process(argv, core, out, self.name, env)
        try:
            wait_until_ready(process, port, lambda: ask(port), self.title)
            yield process, port
        finally:
            process.stop()


def wait_until_ready(process, port, ask, title):
    deadline = time.monotonic() + READY_S
    while True:
        if process.child.poll() is not None:
            raise RuntimeError(f"{title} ended at its start; see {process.log.name}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return ask()
        except OSError as error:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{title} is not ready: {error}; see {process.log.name}") from error
            time.sleep(0.02)


def get(port, path, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def with_setting(text, service, line):
    """A configuration in which that service has this setting too."""
    changed, found = re.subn(rf"(?m)^( +){re.escape(service)}:$", rf"\g<0>\n\1  {line}", text)
    if found != 1:
        raise RuntimeError(f"{service} stands {found} times in the configuration")
    return changed


# As for the others: idle connections need no second descriptor, and they are counted.
HELD = f"connections: {{connections_max: {FILES_MAX - 2000}}}\n"


def shipped_config(out, name, service=("protocol: h1",)):
    """The shipped configuration without its cache: what is measured is how requests get through to a service.
    service: settings of the one that is asked."""
    path = out / f"{name}.yaml"
    text = re.sub(r"\n +cache: \{.*\}", "", (ROOT / "config" / "gateway.yaml").read_text())
    for line in service:
        text = with_setting(text, "event-service", line)
    path.write_text(text + HELD)
    shutil.copy(ROOT / "config" / "openapi.yaml", out)   # it is named there
    return path


WITHHELD = ["protocol: h2", "withhold_token: true"]
SIGNED = {"INTERNAL_HMAC_SECRET": "what bench services would verify by"}   # as withheld tokens ask for


def gateway_command(build, settings=None, name="gateway", service=("protocol: h1",)):
    def command(out, port, origin):
        env = dict(os.environ)
        env.update({
            "CONFIG_FILE": str(shipped_config(out, name, service)),
            "HOST": "127.0.0.1", "PORT": str(port), "ADMIN_PORT": str(free_port()), "WORKERS": "1",
            "JWT_PUBLIC_KEY_FILE": key_files(out)[1], "JWT_ISSUER": ISSUER,
            "RATE_LIMIT_MAX": "1000000", "RATE_LIMIT_WINDOW_MS": "1000",  # counted, and never reached
            "SHUTDOWN_DRAIN_MS": "0",  # nobody new comes when a measurement is over
            **{f"{name}_SERVICE_URL": f"http://127.0.0.1:{origin}" for name in SERVICES},
            **(settings or {}),
        })
        # Standard output is the access log; Process gives it a file.
        return [program(build / "api-gateway")], env
    return command


def forwarding_command(build):
    """The gateway doing what the relay, nginx and HAProxy do in a plain run, and its access log: nobody is asked for a
    token, nothing is counted and no value is looked at."""
    def command(out, port, origin):
        path = out / "forwarding.yaml"
        services = "".join(f'  {name.lower()}-service: {{url: "http://127.0.0.1:{origin}"}}\n' for name in ("EVENT",))
        path.write_text(f"services:\n{services}routes:\n  - name: events\n    path: /api/v1/events/**\n"
                        "    service: event-service\n    authenticate: {public: [/**]}\n"
                        "    injection: {mode: off}\n    rate_limit: {policies: []}\n" + HELD)
        others = {f"{name}_SERVICE_URL": "" for name in SERVICES}   # set to nothing: not set
        return gateway_command(build, {**others, "CONFIG_FILE": str(path), "RATE_LIMIT_ENABLED": "false"})(
            out, port, origin)
    return command


def plain_command(path):
    return lambda out, port, origin: ([program(path), str(port), str(origin)], None)


def nginx_command(out, port, origin, template=NGINX):
    path = out / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    path.write_text(template.format(out=out, port=port, origin=origin, user=user, files=FILES_MAX))
    return [program("nginx"), "-p", str(out), "-c", str(path), "-e", str(out / "nginx.error.log")], None


def haproxy_command(template, name):
    def command(out, port, origin):
        path = out / f"{name}.cfg"
        path.write_text(template.format(port=port, origin=origin, files=FILES_MAX, issuer=ISSUER, out=out,
                                        public_key=key_files(out)[1]))
        (out / "haproxy-revoked.lst").write_text("00000000-0000-4000-8000-000000000000\n")
        (out / "haproxy-banned.lst").write_text("192.0.2.1\n")
        return [program("haproxy"), "-db", "-f", str(path)], None
    return command


def all_peers(build):
    """In the order of the table; the first is the floor."""
    bench = build / "bench"
    return [
        Peer("relay", "raw relay", plain_command(bench / "bench_relay"), idle_max=9000),
        Peer("asio", "relay on Asio coroutines", plain_command(bench / "bench_asio_relay"),
             idle_max=9000),
        Peer("nginx", "nginx, plain", nginx_command),
        Peer("haproxy", "HAProxy, plain", haproxy_command(HAPROXY, "haproxy")),
        Peer("haproxy-jwt", "HAProxy, RS256 checked", haproxy_command(HAPROXY_TOKENS, "haproxy-jwt"),
             idle_max=0),
        Peer("haproxy-same", "HAProxy, RS256 checked, and what it can of the rest", haproxy_command(HAPROXY_SAME, "haproxy-same"),
             idle_max=0),
        Peer("gateway", "this gateway, all but limits",
             gateway_command(build, {"RATE_LIMIT_ENABLED": "false"})),
        Peer("gateway-limits", "this gateway, everything on", gateway_command(build), idle_max=0),
        Peer("gateway-h2", "this gateway, all but limits, HTTP/2 to the origin",
             gateway_command(build, {"RATE_LIMIT_ENABLED": "false"}, "gateway-h2", ["protocol: h2"]), idle_max=0, upstream="h2"),
        Peer("gateway-h2-limits", "this gateway, everything on, HTTP/2 to the origin",
             gateway_command(build, {}, "gateway-h2-limits", ["protocol: h2"]), idle_max=0, upstream="h2"),
        Peer("gateway-h2-withheld", "this gateway, all but limits, HTTP/2 to the origin, who asks in place of the token",
             gateway_command(build, SIGNED | {"RATE_LIMIT_ENABLED": "false"}, "gateway-h2-withheld", WITHHELD), idle_max=0, upstream="h2"),
        Peer("gateway-h2-withheld-limits", "this gateway, everything on, HTTP/2 to the origin, who asks in place of the token",
             gateway_command(build, SIGNED, "gateway-h2-withheld-limits", WITHHELD), idle_max=0, upstream="h2"),
    ]


def plain_peers(build):
    """What only forwards."""
    forwards = [peer for peer in all_peers(build) if not peer.name.startswith(("haproxy-", "gateway"))]
    return [*forwards, Peer("gateway", "this gateway, forwarding", forwarding_command(build))]


@contextlib.contextmanager
def origin(build, core, out, program_name="bench_origin"):
    port = free_port()
    process = Process([program(build / "bench" / program_name), str(port)], core, out, program_name)
    try:
        wait_until_ready(process, port, lambda: None, "the origin")
        yield port
    finally:
        process.stop()


@contextlib.contextmanager
def origins(build, core, out):
    """One for each protocol that proxies may speak to it: ports by Peer.upstream."""
    with origin(build, core, out) as h1, origin(build, core, out, "bench_origin_h2") as h2:
        yield {"h1": h1, "h2": h2}
