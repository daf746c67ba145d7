#!/usr/bin/env python3
"""Makes what the Kubernetes manifests have from elsewhere; `make generated` runs it.

    tools/kubernetes.py           config/gateway.yaml and config/openapi.yaml into k8s/configmap.yaml,
                                  deploy/prometheus/rules/*.yml into deploy/monitoring/prometheusrule.yaml
    tools/kubernetes.py --check   changes nothing; exit 1 and a line for each file that is out of date, that is no YAML, or
                                  whose objects lack what every object has. tests/k8s/check.mjs looks closer.
"""
import argparse
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MARK = "  gateway.yaml: |\n"
RULE_HEAD = """\
# Made by tools/kubernetes.py from deploy/prometheus/rules; `make generated` writes it anew.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: api-gateway
  namespace: production
  labels: {app: api-gateway}
spec:
"""


def indented(text, by):
    return "".join(" " * by + line if line.strip() else line for line in text.splitlines(keepends=True))


def config_map(root):
    before, mark, _ = (root / "k8s/configmap.yaml").read_text().partition(MARK)
    if not mark:
        raise SystemExit(f"k8s/configmap.yaml: no line {MARK.strip()!r}")
    return (before + mark + indented((root / "config/gateway.yaml").read_text(), 4)
            + "  openapi.yaml: |\n" + indented((root / "config/openapi.yaml").read_text(), 4))


def groups_of(text, path):
    """The lines below `groups:` of a rules file, with two blanks before each list item, whatever it had."""
    lines = text.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if line.rstrip() == "groups:"]
    if len(starts) != 1 or any(line.strip() and not line.startswith("#") for line in lines[:starts[0]]):
        raise SystemExit(f"{path}: expected `groups:` on one line, and nothing before it but comments")
    body = lines[starts[0] + 1:]
    first = next((line for line in body if line.lstrip().startswith("- ")), "")
    return indented("".join(body), 4 - (len(first) - len(first.lstrip())))


def rule(root):
    """None while there are no rules."""
    files = sorted(path for path in (root / "deploy/prometheus/rules").glob("*.y*ml") if not path.stem.endswith("_test"))
    if not files:
        return None
    return RULE_HEAD + "  groups:\n" + "".join(groups_of(path.read_text(), path) for path in files)


def made(root):
    """Every file that is made: its path and what it must hold."""
    yield root / "k8s/configmap.yaml", config_map(root)
    if (text := rule(root)) is not None:
        yield root / "deploy/monitoring/prometheusrule.yaml", text


def misshapen(root):
    """A line for each manifest that cannot be read, or whose objects no cluster would know."""
    import yaml  # here: whoever only makes the files may lack it
    for path in sorted([*(root / "k8s").glob("*.yaml"), *(root / "deploy/monitoring").glob("*.yaml")]):
        name = path.relative_to(root)
        try:
            objects = [one for one in yaml.safe_load_all(path.read_text()) if one is not None]
        except yaml.YAMLError as error:
            yield f"{name}: {error}"
            continue
        for one in objects:
            if not (isinstance(one, dict) and one.get("apiVersion") and one.get("kind") and one.get("metadata", {}).get("name")):
                yield f"{name}: an object without apiVersion, kind or name"
            elif one["kind"] != "Namespace" and one["metadata"].get("namespace") != "production":
                yield f"{name}: {one['kind']}/{one['metadata']['name']} is not in production"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--root", type=pathlib.Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    stale = 0
    for path, text in made(options.root.resolve()):
        if path.exists() and path.read_text() == text:
            continue
        stale += 1
        if options.check:
            print(f"{path.relative_to(options.root.resolve())}: out of date; run tools/kubernetes.py")
        else:
            path.write_text(text)
    if options.check:
        for line in misshapen(options.root.resolve()):
            stale += 1
            print(line)
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
