#!/usr/bin/env python3
"""npm's http-cache-tests (RFC 9111, about 365 cases) against the gateway: its server behind a route with a `cache` section,
its client in front. Ends with 1 if a case that the suite calls required fails; those that cannot say anything of a gateway
stand below, with the reason.

    tests/http_cache_suite.py                           a public route with `cache: {heuristic: true}`
    tests/http_cache_suite.py --cache '{ttl_s: 600}'    with another section
    tests/http_cache_suite.py --id cc-resp-no-store     one case, with every head
    tests/http_cache_suite.py --all                     optional cases and checks that fail as well
    tests/http_cache_suite.py --url http://HOST:PORT    something else that runs in front of the suite's server (--server-port)

`npm ci` in tests/npm brings the suite."""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from support.process import DEFAULT_BINARY, Gateway, ask, free_ports
from support.wait import wait_until

SUITE = pathlib.Path(__file__).resolve().parent / "npm/node_modules/http-cache-tests"

# Cases that no gateway like this one passes, and why. Any other that does not pass is a failure.
_A_502_COUNTS_AS_KEPT = "the service hangs up: our 502 lacks the header by which the suite knows what was not kept"
_NOT_KEPT = "a failure is not kept at all, so never given stale either"
_SAYS_NOTHING = {
    **{f"status-{status}-stale": _NOT_KEPT for status in (500, 502, 503, 504, 599)},
    "status-599-must-understand": _NOT_KEPT,
    "stale-close-must-revalidate": _A_502_COUNTS_AS_KEPT,
    "stale-close-proxy-revalidate": _A_502_COUNTS_AS_KEPT,
    "stale-close-no-cache": _A_502_COUNTS_AS_KEPT,
    "stale-close-s-maxage=2": _A_502_COUNTS_AS_KEPT,
    "headers-store-Transfer-Encoding": "the service answers with a coding that does not exist: 502",
    "invalidate-M-SEARCH": "no route has that method: 405",
    "invalidate-M-SEARCH-cl": "no route has that method: 405",
}
_WITHOUT_SET_COOKIE = {
    "headers-store-Set-Cookie": "answers that set cookies are kept only with set_cookie: true",
    "304-etag-update-response-Set-Cookie": "answers that set cookies are kept only with set_cookie: true",
}

# The cases as the suite knows them; what a case is for: required, optimal, check.
_CASES = """
import tests from './tests/index.mjs'
import surrogate from './tests/surrogate-control.mjs'
tests.push(surrogate)
console.log(JSON.stringify(tests.flatMap(suite => suite.tests.filter(test => !test.browser_only).map(test => ({
    id: test.id, kind: test.kind || 'required', name: test.name, suite: suite.name, needs: test.depends_on || []})))))
"""


def config(server_port, cache):
    """Its server behind routes that everybody may ask; only /test is kept, the rest is the suite's own talk."""
    return f"""
services:
  suite: {{url: "http://127.0.0.1:{server_port}", retry: {{retries_max: 0}}}}
circuit_breaker: {{volume_threshold: 1000000}}
limits: {{enabled: false}}
routes:
  - {{name: test, path: /test/**, service: suite, authenticate: {{public: [/**]}}, cache: {cache}}}
  - {{name: config, path: /config/**, service: suite, authenticate: {{public: [/**]}}}}
  - {{name: state, path: /state/**, service: suite, authenticate: {{public: [/**]}}}}
"""


def node(*arguments, **options):
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", **options.pop("environment", {})}
    return subprocess.run(["node", "--no-warnings", *arguments], cwd=SUITE, check=True, text=True, stdout=subprocess.PIPE,
                          env=environment, **options).stdout


def run_suite(url, only=""):
    return node("cli.mjs", environment={"npm_config_base": url, "npm_package_config_id": only}, timeout=300)


def verdicts(cases, results):
    """The suite's own way of judging (lib/display.mjs), by id: pass, fail, setup (what the case needs did not work, so it
    says nothing), depends (a case that it builds on did not pass)."""
    by_id = {case["id"]: case for case in cases}

    def judge(case):
        result = results.get(case["id"])
        if any(judge(by_id[need]) != "pass" for need in case["needs"] if need in by_id):
            return "depends"
        if result is None:
            return "untested"
        if result is True:
            return "pass"
        return "setup" if result[0] == "Setup" else "fail"
    return {case["id"]: judge(case) for case in cases}


def report(cases, results, show_all, excused):
    """True: nothing that is required fails."""
    judged = verdicts(cases, results)
    failed = []
    for kind in ("required", "optimal", "check"):
        of_kind = [case for case in cases if case["kind"] == kind]
        counts = {}
        for case in of_kind:
            name, verdict = case["id"], judged[case["id"]]
            counts[verdict] = counts.get(verdict, 0) + 1
            if verdict == "pass" or not (kind == "required" or show_all):
                continue
            reason = kind == "required" and verdict != "fail" and excused.get(name)
            print(f"{kind} {verdict}: {name}: {reason or (case['suite'], case['name'], results.get(name))}")
            if kind == "required" and not reason:
                failed.append(name)
        print(f"{kind}: {len(of_kind)} cases, " + ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    print("required, failed: " + (" ".join(failed) or "none"))
    return not failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateway", default=DEFAULT_BINARY)
    parser.add_argument("--cache", default="{heuristic: true}")
    parser.add_argument("--id", default="")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--url")
    parser.add_argument("--server-port", type=int)
    parser.add_argument("--json", action="store_true", help="print the suite's results as they are")
    options = parser.parse_args()
    if not SUITE.is_dir():
        sys.exit("npm ci in tests/npm brings the suite")
    cases = json.loads(node("--input-type=module", "-e", _CASES))
    port = options.server_port or free_ports(1)[0]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            ["node", "--no-warnings", "server/server.mjs"], cwd=SUITE, stdout=subprocess.DEVNULL,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "npm_config_protocol": "http", "npm_config_port": str(port),
                 "npm_config_pidfile": str(pathlib.Path(folder) / "server.pid")})
        gateway = None
        try:
            wait_until(lambda: ask(port, "/index.html"), 10, "the suite's server answers")
            url = options.url
            if url is None:
                gateway = Gateway(config(port, options.cache), folder, options.gateway)
                gateway.wait_ready()
                url = f"http://127.0.0.1:{gateway.port}"
            text = run_suite(url, options.id)
        finally:
            if gateway is not None:
                gateway.stop()
            server.kill()
            server.wait()
    if options.id or options.json:
        print(text)
        return
    excused = _SAYS_NOTHING | ({} if "set_cookie: true" in options.cache else _WITHOUT_SET_COOKIE)
    sys.exit(0 if report(cases, json.loads(text), options.all, excused) else 1)


if __name__ == "__main__":
    main()
