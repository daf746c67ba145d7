"""Configuration files for the programs under test: the gateway, and its peers when behaviour is compared."""
import textwrap


def gateway(slots, connections=None, top=""):
    """The gateway's YAML: for each slot one service and one route `<prefix>/**` that is served from /up."""
    lines = ["services:"]
    for slot in slots:
        lines.append(f"  {slot.name}:")
        lines.append(f"    url: {slot.url}")
        lines += [f"    {k}: {v}" for k, v in slot.service_options.items()]
    lines.append("routes:")
    for slot in slots:
        lines.append(f"  - name: {slot.name}")
        lines.append(f"    path: {slot.prefix}/**")
        lines.append(f"    service: {slot.name}")
        lines.append("    rewrite: /up")
        if "authenticate" not in slot.route_options:
            lines.append("    authenticate: {public: [/**]}")
        lines += [f"    {k}: {v}" for k, v in slot.route_options.items()]
    if connections:
        lines.append("connections:")
        lines += [f"  {k}: {v}" for k, v in connections.items()]
    return "\n".join(lines) + "\n" + textwrap.dedent(top)


def _resolvable(slots):
    """A name without an address would keep the peers from starting."""
    return [s for s in slots if not s.url.endswith(".invalid:80")]


def nginx(slots, port, folder):
    """nginx with the same routes, strict where it can be asked to be."""
    slots = _resolvable(slots)
    locations = "\n".join(f"""
        location {s.prefix}/ {{ proxy_pass http://{s.name}/up/; }}""" for s in slots)
    upstreams = "\n".join(f"""
    upstream {s.name} {{ server {s.url.removeprefix("http://")}; keepalive 4; }}""" for s in slots)
    return f"""daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.error.log;
worker_processes 1;
events {{ worker_connections 2000; }}
http {{
    access_log off;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};{upstreams}
    server {{
        listen 127.0.0.1:{port};
        merge_slashes on;
        client_max_body_size 10m;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        client_header_timeout 1s; client_body_timeout 1s; keepalive_timeout 3s; proxy_read_timeout 2s;
        proxy_request_buffering off;
        proxy_buffering off;
        # Clients here may end their sending with their last byte, which is no leaving.
        proxy_ignore_client_abort on;
        location = /live {{ return 200 "live"; }}
        location = /health/live {{ return 200 "status"; }}{locations}
        location / {{ return 404; }}
    }}
}}
"""


def haproxy(slots, port):
    """HAProxy with the same routes."""
    slots = _resolvable(slots)
    rules = "\n".join(f"    use_backend {s.name} if {{ path_beg {s.prefix}/ }}" for s in slots)
    backends = "\n".join(f"""
backend {s.name}
    http-request replace-path {s.prefix}/(.*) /up/\\1
    server one {s.url.removeprefix('http://')}""" for s in slots)
    return f"""global
    maxconn 2000
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 2s
    timeout http-request 1s
frontend public
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain string "live" if {{ path /live /health/live }}
    http-request return status 404 unless {{ path_beg /api/v1/ }}
{rules}
{backends}
"""
