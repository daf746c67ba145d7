"""Figures of a benchmark run as a table, as JSON and as the marked section of docs/performance.md."""

import datetime
import json
import platform
import re
import statistics
import subprocess

from peers import ROOT, NotBuilt, program

DOCUMENT = ROOT / "docs" / "performance.md"


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


def machine():
    model = re.search(r"model name\s*:\s*(.*)", (open("/proc/cpuinfo").read()))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True,
                            text=True, check=False).stdout.strip()
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "kernel": platform.release(),
        "cpu": model.group(1) if model else "unknown",
        "commit": commit or "unknown",
        "nginx": version_of("nginx", "-v"),
        "haproxy": version_of("haproxy", "-v"),
        "wrk": version_of("wrk", "-v"),
    }


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


def section(result):
    facts = result["machine"]
    peers = result["peers"].values()
    return "\n".join([
        f"Made by `{result['command']}` on {facts['date']}, commit {facts['commit']}: {facts['cpu']}, "
        f"Linux {facts['kernel']}, nginx {facts['nginx']}, HAProxy {facts['haproxy']}, "
        f"wrk {facts['wrk']}; {result['rounds']} rounds of {result['seconds']} s each, "
        f"{result['connections']} connections. Medians, with the smallest and largest round.",
        "", markdown(HEADINGS, [row(peer) for peer in peers]), "", *verdicts(result)])


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
        ratio = gateway["load"]["ratio"]["median"]
        lines.append(verdict(ratio <= 1.25, f"CPU per request {ratio:.2f} times the relay's, at most 1.25"))
        if "load" in nginx:
            ours, theirs = (p["load"]["cpu_us"]["median"] for p in (gateway, nginx))
            lines.append(verdict(ours < theirs, f"{ours:.2f} µs a request, below nginx's {theirs:.2f}"))
        over_h2 = {name: peers[name]["load"] for name in OVER_H2 if "load" in peers.get(name, {})}
        for name, load in over_h2.items():
            ratio = load["ratio"]["median"]
            lines.append(verdict(ratio < 1, f"{OVER_H2[name]} {ratio:.2f} times the relay's, below 1"))
        if "load" in peers.get("haproxy-jwt", {}):
            theirs = peers["haproxy-jwt"]["load"]["cpu_us"]["median"]
            asked = {"with HTTP/1.1 to the origin": gateway["load"],
                     **{OVER_H2[name]: load for name, load in over_h2.items() if not name.endswith("-limits")}}
            for how, load in asked.items():
                ours = load["cpu_us"]["median"]
                lines.append(verdict(theirs >= 5 * ours,
                                     f"HAProxy with RS256 checks costs {theirs / ours:.1f} times as much as this gateway "
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
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


def write_section(name, text):
    """Replaces what stands between the markers <!-- name:begin --> and <!-- name:end -->."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    document = DOCUMENT.read_text()
    head, found_begin, rest = document.partition(begin)
    _, found_end, tail = rest.partition(end)
    if not found_begin or not found_end:
        raise RuntimeError(f"{DOCUMENT} has no section {name}")
    DOCUMENT.write_text(f"{head}{begin}\n{text}\n{end}{tail}")
