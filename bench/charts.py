#!/usr/bin/python3
"""Draws the charts of docs/performance.md from the runs that docs/performance/data records.

    bench/charts.py [bench bench-plain …] [--data docs/performance/data] [--out docs/performance]

The same data gives the same bytes. A chart whose data is not there is left as it is. Needs what `make install-bench` installs,
and runs in Debian's interpreter: another one that stands first in PATH does not see Debian's python3-pygal.
"""

import argparse
import dataclasses
import json
import math
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "performance"
DATA = FOLDER / "data"

OURS, OTHERS, AIM = "#0969da", "#6e7781", "#cf222e"
SERIES = (OTHERS, OURS, "#57606a", "#0550ae")
MARKS = 8   # on the axis, at most
ID = "drawn"   # of the element; the library would take a random one


@dataclasses.dataclass
class Chart:
    """Bars, with the smallest and largest round as whiskers. series: figures (as report.spread() makes them) by name, one
    for each label, or None; ours: labels that stand out; aim: what bars should not be longer than."""
    title: str
    labels: list
    series: dict
    digits: int = 2
    ours: tuple = ()
    aim: float | None = None

    def heading(self):
        return self.title + (f" (aim: at most {self.aim:g})" if self.aim else "")

    def alt(self):
        """What the chart shows, for those who do not see it."""
        rows = []
        for at, label in enumerate(self.labels):
            told = [(name, figures[at]["median"]) for name, figures in self.series.items() if figures[at]]
            cells = [f"{name} {value:,.{self.digits}f}".strip() for name, value in told]
            rows.append(f"{label}: {', '.join(cells)}")
        return f"{self.heading()}. " + "; ".join(rows)

    def most(self):
        return max(figure["max"] for figures in self.series.values() for figure in figures if figure)


SHORT = {
    "gateway": "this gateway", "gateway-limits": "this gateway, limits too",
    "gateway-h2": "this gateway, HTTP/2 to the origin", "gateway-h2-limits": "the same, limits too",
    "gateway-h2-withheld": "the same, token withheld", "gateway-h2-withheld-limits": "the same, limits too and token withheld",
}


def by_peer(title, data, figure, aim=None):
    """Of the peers that were measured."""
    found = {name: peer for name, peer in data["peers"].items() if "load" in peer}
    labels = {name: SHORT.get(name, peer["title"]) for name, peer in found.items()}
    return Chart(title, list(labels.values()), {"": [peer["load"][figure] for peer in found.values()]},
                 ours=tuple(label for name, label in labels.items() if name.startswith("gateway")), aim=aim)


def forwarding(data):
    return by_peer("CPU per request beside the raw relay, forwarding only", data, "ratio", 1.25)


def everything(data):
    return by_peer("CPU per request beside the raw relay, everything on", data, "ratio", 1.2)


def protocols(data):
    titles = {"tls-h1": "TLS 1.3, HTTP/1.1", "tls-h2": "TLS 1.3, HTTP/2", "h2c": "HTTP/2, prior knowledge",
              "handshakes": "full TLS handshakes"}
    loads = {name: data["loads"][name] for name in titles if name in data["loads"]}
    return Chart("CPU per request of this gateway, as a share of what the other costs", [titles[name] for name in loads],
                 {f"of {title}": [load.get(peer, {}).get("ours") for load in loads.values()]
                  for peer, title in (("nginx", "nginx's"), ("haproxy", "HAProxy's"))}, aim=1)


def latency(data):
    rates = data["rates"]
    proxies = (("nginx", "nginx"), ("gateway", "this gateway"))
    return Chart("Wait at a fixed rate, µs", [f"{rate['requests_s']:,} a second" for rate in rates],
                 {f"{title}, {percent}": [rate["proxies"][name][percent] for rate in rates]
                  for percent in ("p50", "p99") for name, title in proxies}, digits=0)


def growth(data):
    titles = {"routes": "10,000 routes", "bans": "a million bans", "keys": "a million keys",
              "connections": "10,000 connections"}
    found = {name: data["found"][name] for name in titles if name in data["found"]}
    return Chart("CPU per request with much, beside the same gateway with little", [titles[name] for name in found],
                 {"": [one["ratio"] for one in found.values()]}, digits=3, ours=tuple(titles.values()), aim=1.05)


def cache(data):
    return Chart("CPU per request, µs", list(data["loads"]),
                 {title: [load[name] for load in data["loads"].values()]
                  for name, title in (("fetched", "fetched"), ("kept", "from memory"))})


def workers(data):
    return by_peer("CPU per request, µs", data, "cpu_us")


def websockets(data):
    found = data.get("messages")
    return found and Chart("CPU per message and its echo, µs", [one["title"] for one in found.values()],
                           {"": [one["cpu_us"] for one in found.values()]}, ours=(found["gateway"]["title"],))


CHARTS = {
    "bench-plain": forwarding,
    "bench": everything,
    "bench-protocols": protocols,
    "latency": latency,
    "growth": growth,
    "bench-cache": cache,
    "bench-workers": workers,
    "websockets": websockets,
}


def embedded(name, data):
    """The chart as the document shows it, and an empty line; nothing where there is none."""
    chart = CHARTS[name](data) if name in CHARTS else None
    return [f"![{chart.alt()}](performance/{name}.svg)", ""] if chart else []


def marks(most):
    """Round values from 0 up to it."""
    power = 10 ** math.floor(math.log10(most / MARKS))
    step = next(step * power for step in (1, 2, 2.5, 5, 10) if most / (step * power) <= MARKS)
    return [step * number for number in range(int(most / step) + 1)]


def drawn(chart):
    """SVG. White behind it, for pages that are dark."""
    import pygal        # not at the top: what is told of charts, their alt text, needs no library
    import pygal.etree
    import pygal.style
    pygal.etree.etree.to_etree()   # the same bytes whether or not lxml is installed
    ink = "#24292f"
    style = pygal.style.Style(
        background="white", plot_background="white", foreground=ink, foreground_strong=ink, foreground_subtle="#d0d7de",
        font_family="sans-serif", colors=SERIES, opacity="1", transition="0s", guide_stroke_dasharray="none",
        major_guide_stroke_dasharray="6,4", value_font_size=12, label_font_size=12, major_label_font_size=12,
        legend_font_size=12, title_font_size=14, value_colors=("white",) * len(SERIES), ci_colors=(ink,) * len(SERIES))
    looks = (f"inline:#chart-{ID} .axis .guides .major.line{{stroke:{AIM}}}"
             f"#chart-{ID} .text-overlay text.value{{text-anchor:start}}")
    bars = sum(len(figures) for figures in chart.series.values())
    grouped = len(chart.series) > 1
    plot = pygal.HorizontalBar(
        style=style, css=("file://style.css", "file://graph.css", looks), width=880,
        height=100 + 26 * bars + (40 if grouped else 0), title=chart.heading(), js=(), margin=12, show_legend=grouped,
        legend_at_bottom=True, legend_at_bottom_columns=len(chart.series), truncate_legend=-1, truncate_label=-1,
        print_values=True, print_values_position="bottom", disable_xml_declaration=True, range=(0, chart.most()),
        formatter=lambda value: f"{value:,.{chart.digits}f}")
    plot.uuid = ID
    axis = [{"value": mark, "label": f"{mark:,g}"} for mark in marks(chart.most())]
    plot.y_labels = axis + ([{"value": chart.aim, "label": ""}] if chart.aim else [])
    plot.y_labels_major = [chart.aim or -1]   # where there are none the library chooses some
    plot.x_labels = chart.labels[::-1]   # the library draws from below
    for name, figures in chart.series.items():
        plot.add(name, [_bar(chart, label, figure) for label, figure in zip(chart.labels, figures)][::-1])
    plot.add_xml_filter(_lasting)
    return plot.render(is_unicode=True) + "\n"


def _bar(chart, label, figure):
    if figure is None:
        return None
    bar = {"value": figure["median"], "ci": {"low": figure["min"], "high": figure["max"]}}
    if len(chart.series) == 1:
        bar["color"] = OURS if label in chart.ours else OTHERS
    return bar


def _lasting(root):
    """Without what changes from day to day, and what only a script would show."""
    for parent in list(root.iter()):
        for child in list(parent):
            if callable(child.tag) or child.tag in ("script", "desc"):
                parent.remove(child)
    return root


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=", ".join(CHARTS))
    parser.add_argument("--data", type=pathlib.Path, default=DATA)
    parser.add_argument("--out", type=pathlib.Path, default=FOLDER)
    options = parser.parse_args()
    if unknown := set(options.names) - set(CHARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or CHARTS:
        file = options.data / f"{name}.json"
        chart = CHARTS[name](json.loads(file.read_text())) if file.is_file() else None
        if chart:
            (options.out / f"{name}.svg").write_text(drawn(chart))
        else:
            print(f"{name}.svg is left as it is: {file} does not have what it shows")


if __name__ == "__main__":
    try:
        main()
    except ModuleNotFoundError as missing:
        sys.exit(f"not there: {missing.name}; make install-bench installs it")
