"""A run as a table, as JSON, as the marked section of docs/performance.md and as its chart."""

import datetime
import json
import pathlib
import platform
import re
import shlex
import statistics
import subprocess
import sys

import charts
from peers import ROOT, NotBuilt, program

DOCUMENT = ROOT / "docs" / "performance.md"
WRITTEN = ("docs/performance.md", "docs/performance")   # what runs write themselves


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def summary(rounds, floor):
    """Of one peer's rounds; ratios are taken within each round, against the floor's measurement in it."""
    figures = {key: spread([one[key] for one in rounds]) for key in rounds[0]}
    figures["ratio"] = spread([one["cpu_us"] / low["cpu_us"] for one, low in zip(rounds, floor)])
    return figures


def version_of(name, flag):
    try:
        found = subprocess.run([program(name), flag], capture_output=True, text=True, check=False)
    except NotBuilt:
        return "absent"
    match = re.search(r"\d+\.\d+[\w.+-]*", found.stdout + found.stderr)
    return match.group() if match else "unknown"


def commit(root=ROOT):
    """Of the tree that is measured: "uncommitted" where it differs from every commit, but for what runs write."""
    def git(*words):
        return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False).stdout.strip()
    changed = git("status", "--porcelain", "--", ".", *(f":(exclude){path}" for path in WRITTEN))
    return "uncommitted" if changed else git("rev-parse", "--short", "HEAD") or "uncommitted"


def machine():
    model = re.search(r"model name\s*:\s*(.*)", (open("/proc/cpuinfo").read()))
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "kernel": platform.release(),
        "cpu": model.group(1) if model else "unknown",
        "commit": commit(),
        "nginx": version_of("nginx", "-v"),
        "haproxy": version_of("haproxy", "-v"),
        "wrk": version_of("wrk", "-v"),
        "openssl": version_of("openssl", "version"),
    }


def of_run(options=None, **figures):
    """The result of the program that runs, of which finish() makes everything else. options: of what is measured in rounds."""
    command = shlex.join([f"bench/{pathlib.Path(sys.argv[0]).name}", *sys.argv[1:]])
    rounds = {"rounds": options.rounds, "seconds": options.seconds} if options else {}
    return {"command": command, "machine": machine(), **rounds, **figures}


def made_by(result, programs=(), also=()):
    """The line above a table. programs: whose versions matter; also: more of what the run was."""
    facts = result["machine"]
    tree = facts["commit"] if facts["commit"] == "uncommitted" else f"commit {facts['commit']}"
    versions = "".join(f", {name} {facts[name.lower()]}" for name in programs)
    rounds = [f"{result['rounds']} rounds of {result['seconds']} s each"] if "rounds" in result else []
    details = ", ".join([*rounds, *also])
    return (f"Made by `{result['command']}` on {facts['date']}, {tree}: {facts['cpu']}, Linux {facts['kernel']}{versions}"
            + (f"; {details}." if details else ".") + (" Medians, with the smallest and largest round." if rounds else ""))


def composed(name, result, intro, table, promises):
    """A section: what it was made by, its chart if it has one, its table and what is promised."""
    return "\n".join([intro, "", *charts.embedded(name, result), *([table, ""] if table else []), *promises]).rstrip()


def with_spread(figure, digits):
    return (f"{figure['median']:.{digits}f} "
            f"({figure['min']:.{digits}f}–{figure['max']:.{digits}f})")


def idle_cell(peer, variant):
    found = peer.get("idle", {}).get(variant)
    return f"{found['bytes']:,.0f} × {found['held']:,}" if found else "–"


HEADINGS = ["proxy", "CPU µs/request", "ratio to the relay", "core busy %", "requests/s", "p50 ms",
            "p99 ms", "resident MB", "peak MB", "idle, after a request: bytes × held",
            "idle, never asked: bytes × held"]


def row(peer):
    if "missing" in peer:
        return [peer["title"], f"not built: {peer['missing']}"] + ["–"] * (len(HEADINGS) - 2)
    load = peer["load"]
    return [
        peer["title"], with_spread(load["cpu_us"], 2), with_spread(load["ratio"], 2),
        f"{load['busy']['median'] * 100:.0f}", f"{load['requests_s']['median']:,.0f}",
        f"{load['p50_ms']['median']:.2f}", f"{load['p99_ms']['median']:.2f}",
        f"{peer['rss'] / 1e6:.1f}", f"{peer['peak'] / 1e6:.1f}",
        idle_cell(peer, "asked"), idle_cell(peer, "silent"),
    ]


def markdown(headings, rows):
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def columns(headings, rows):
    """The same for a terminal: one proxy a column of lines would be too wide, so one figure a line."""
    width = max(map(len, headings))
    cell = max(len(text) for line in rows for text in line) + 2
    return "\n".join(
        heading.ljust(width + 2) + "".join(line[i].ljust(cell) for line in rows).rstrip()
        for i, heading in enumerate(headings))


def section(name, result):
    """Of bench/run.py's."""
    intro = made_by(result, ("nginx", "HAProxy", "wrk"), [f"{result['connections']} connections"])
    return composed(name, result, intro, markdown(HEADINGS, [row(peer) for peer in result["peers"].values()]), verdicts(result))


AIMS = {"gateway": 1.25, "gateway-limits": 1.2}   # of the relay's CPU per request, with HTTP/1.1 to the origin
CHECKING = {"haproxy-jwt": "RS256 checks", "haproxy-same": "RS256 checks and what it can of the rest"}
OVER_H2 = {"gateway-h2": "with HTTP/2 to the origin",
           "gateway-h2-limits": "with HTTP/2 to the origin and limits",
           "gateway-h2-withheld": "with HTTP/2 to the origin and the token withheld",
           "gateway-h2-withheld-limits": "with HTTP/2 to the origin, the token withheld and limits"}


def verdicts(result):
    """What the gateway promises, held against this run. Empty while there is no gateway to measure."""
    peers = result["peers"]
    gateway, nginx = peers.get("gateway", {}), peers.get("nginx", {})
    lines = []
    if "load" in gateway:
        for name, most in AIMS.items():
            if "load" in peers.get(name, {}):
                ratio = peers[name]["load"]["ratio"]["median"]
                lines.append(verdict(ratio <= most, f"{peers[name]['title']}: CPU per request {ratio:.2f} times the relay's, "
                                                    f"at most {most}"))
        if "load" in nginx:
            ours, theirs = (p["load"]["cpu_us"]["median"] for p in (gateway, nginx))
            lines.append(verdict(ours < theirs, f"{ours:.2f} µs a request, below nginx's {theirs:.2f}"))
        over_h2 = {name: peers[name]["load"] for name in OVER_H2 if "load" in peers.get(name, {})}
        for name, load in over_h2.items():
            ratio = load["ratio"]["median"]
            lines.append(verdict(ratio < 1, f"{OVER_H2[name]} {ratio:.2f} times the relay's, below 1"))
        for name, does in CHECKING.items():
            if "load" not in peers.get(name, {}):
                continue
            theirs = peers[name]["load"]["cpu_us"]["median"]
            asked = {"with HTTP/1.1 to the origin": gateway["load"],
                     **{OVER_H2[name]: load for name, load in over_h2.items() if not name.endswith("-limits")}}
            for how, load in asked.items():
                ours = load["cpu_us"]["median"]
                lines.append(verdict(theirs >= 5 * ours,
                                     f"HAProxy with {does} costs {theirs / ours:.1f} times as much as this gateway "
                                     f"{how} ({theirs:.1f} µs), at least 5"))
        for variant, found in gateway.get("idle", {}).items():
            lines.append(verdict(
                found["bytes"] <= 2048 and found["alive"] == found["held"],
                f"an idle connection ({variant}) takes {found['bytes']:,.0f} bytes, at most 2,048; "
                f"{found['alive']:,} of {found['held']:,} held"))
    return lines


def verdict(met, text):
    return f"- {'met' if met else 'MISSED'}: {text}"


def write_json(path, result):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


def _around(name):
    """The document before, between and behind the lines <!-- name:begin --> and <!-- name:end -->."""
    begin, end = f"<!-- {name}:begin -->\n", f"\n<!-- {name}:end -->"
    head, found_begin, rest = DOCUMENT.read_text().partition(begin)
    text, found_end, tail = rest.partition(end)
    if not found_begin or not found_end:
        raise RuntimeError(f"{DOCUMENT} has no section {name}")
    return head + begin, text, end + tail


def read_section(name):
    return _around(name)[1]


def write_section(name, text):
    head, _, tail = _around(name)
    DOCUMENT.write_text(head + text + tail)


def draw(*names):
    """In the interpreter that has the library, which need not be this one."""
    if subprocess.run([ROOT / "bench" / "charts.py", *names], check=False).returncode != 0:
        raise RuntimeError("the charts could not be drawn")


def finish(options, name, result, section, promises):
    """The end of a run: its figures in build/bench/<name>.json and, where that was asked for, in docs/performance. The exit
    code. section(result): what stands between the document's markers of that name."""
    write_json(options.out / f"{name}.json", result)
    print("", *promises, sep="\n")
    if options.write_docs:
        write_json(charts.DATA / f"{name}.json", result)
        write_section(name, section(result))
        if name in charts.CHARTS:
            draw(name)
    return 1 if options.check and any("MISSED" in line for line in promises) else 0
