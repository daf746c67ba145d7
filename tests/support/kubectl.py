"""kubectl, as far as runbooks type it, for the cluster of cluster.py: verbs and flags are those of kubectl 1.32, what it
does not know is an error. `Kubectl(cluster).folder` goes into PATH; the `kubectl` in there asks this process."""
import argparse
import json
import os
import pathlib
import shlex
import socketserver
import stat
import subprocess
import tempfile
import threading
import time

import yaml

NAMESPACE = "production"
CLIENT = """#!/usr/bin/env python3
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as sock:
    sock.connect({path!r})
    sock.sendall(json.dumps({{"words": sys.argv[1:], "folder": os.getcwd(), "editor": os.environ.get("EDITOR", "vi")}}).encode() + b"\\n")
    answer = json.loads(sock.makefile().read())
sys.stdout.write(answer["out"])
sys.stderr.write(answer["err"])
sys.stdout.flush()
if answer.get("exec"):
    os.execvpe(answer["exec"][0], answer["exec"], dict(os.environ, **answer["environment"]))
sys.exit(answer["code"])
"""
FORWARD = """
import asyncio, sys
host, there, here = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
async def pipe(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()
async def serve(reader, writer):
    other = await asyncio.open_connection(host, there)
    await asyncio.gather(pipe(reader, other[1]), pipe(other[0], writer))
    writer.close(); other[1].close()
async def main():
    server = await asyncio.start_server(serve, sys.argv[4], here)
    print(f"Forwarding from {sys.argv[4]}:{here} -> {there}", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


class Refused(Exception):
    """kubectl would say this and end with 1."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Refused(f"error: {message}")


def parser(*options, rest=True):
    made = Parser(prog="kubectl", add_help=False, allow_abbrev=False)
    made.add_argument("-n", "--namespace", default="default")
    made.add_argument("-l", "--selector")
    for option in options:
        names, _, kind = option.partition(":")
        made.add_argument(*names.split("/"), **({"action": "store_true"} if kind == "flag" else {}))
    if rest:
        made.add_argument("words", nargs="*")
    return made


def table(rows):
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    return "".join("   ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip() + "\n" for row in rows)


def age(seconds):
    return f"{int(seconds)}s" if seconds < 120 else f"{int(seconds // 60)}m"


class Kubectl:
    def __init__(self, cluster, typed=False):
        """typed: plays `top --watch` too, which kubectl refuses but which is typed."""
        self.cluster, self.typed = cluster, typed
        self.folder = cluster.folder / "bin"
        self.folder.mkdir()
        path = str(cluster.folder / "kubectl.sock")
        client = self.folder / "kubectl"
        client.write_text(CLIENT.format(path=path))
        client.chmod(client.stat().st_mode | stat.S_IXUSR)
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                asked = json.loads(self.rfile.readline())
                self.wfile.write(json.dumps(outer.run(asked)).encode())

        self.server = socketserver.ThreadingUnixStreamServer(path, Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def run(self, asked):
        verb, *words = asked["words"] or ["help"]
        self.asked = asked
        try:
            play = getattr(self, "verb_" + verb.replace("-", "_"), None)
            if play is None:
                raise Refused(f'error: unknown command "{verb}" for "kubectl"')
            answer = play(words)
        except Refused as refused:
            return {"code": 1, "out": "", "err": f"{refused}\n"}
        return {"code": 0, "out": answer, "err": ""} if isinstance(answer, str) else {"code": 0, "out": "", "err": ""} | answer

    # What is named on the command line

    def pods(self, options, words):
        if options.namespace not in (NAMESPACE, "staging"):
            return []
        if words:
            return [self.pod(name) for name in words]
        return self.cluster.pods(options.selector) if options.namespace == NAMESPACE else []

    def pod(self, name):
        kind, _, rest = name.partition("/")
        if rest and kind in ("deployment", "deploy", "statefulset"):
            return self.workload(name).pods[0]
        found = self.cluster.pod(rest or name)
        if not found:
            raise Refused(f'Error from server (NotFound): pods "{rest or name}" not found')
        return found

    def workload(self, name):
        kind, _, plain = name.partition("/")
        kind = {"deploy": "deployment", "sts": "statefulset"}.get(kind, kind)
        found = self.cluster.workloads.get(plain)
        if not found or found.kind.lower() != kind:
            raise Refused(f'Error from server (NotFound): {kind}s.apps "{plain}" not found')
        return found

    @staticmethod
    def group(workload):
        return f"{workload.kind.lower()}.apps/{workload.name}"

    # Verbs

    def verb_get(self, words):
        options = parser("-o/--output", "--sort-by", "-w/--watch:flag").parse_args(words)
        kinds, *names = options.words
        if options.output and options.output.startswith("jsonpath"):
            return self.jsonpath(options, kinds, names)
        if kinds in ("pods", "pod"):
            pods = self.pods(options, names)
            if not pods:
                return {"out": "", "err": f"No resources found in {options.namespace} namespace.\n"}
            wide = options.output == "wide"
            rows = [["NAME", "READY", "STATUS", "RESTARTS", "AGE"] + (["IP", "NODE"] if wide else [])]
            rows += [[p.name, f"{int(p.ready)}/1", p.status, p.restarts, age(time.monotonic() - p.began)]
                     + ([p.machine.address, "node-1"] if wide else []) for p in pods]
            return table(rows)
        if kinds == "events":
            rows = [["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]]
            return table(rows + [list(event) for event in self.cluster.events])
        if kinds in ("configmap", "secret", "deployment", "statefulset", "service", "svc", "hpa", "certificate,secret"):
            kind = {"configmap": "ConfigMap", "deployment": "Deployment", "statefulset": "StatefulSet",
                    "hpa": "HorizontalPodAutoscaler"}.get(kinds, "Secret" if "secret" in kinds else "Service")
            found = [m for (k, n), m in self.cluster.objects.items() if k == kind and (not names or n in names)]
            if names and not found:
                raise Refused(f'Error from server (NotFound): {kinds}s "{names[0]}" not found')
            if options.output == "yaml":
                return yaml.safe_dump(found[0] if names else {"items": found}, width=200)
            return table([["NAME"]] + [[f"{kind.lower()}/{m['metadata']['name']}"] for m in found])
        raise Refused(f'error: the server doesn\'t have a resource type "{kinds}"')

    def jsonpath(self, options, kinds, names):
        """One path without conditions, of the first object: {.items[0].metadata.name}."""
        if kinds in ("pods", "pod"):
            items = [{"metadata": {"name": p.name}, "status": {"podIP": p.machine.address}} for p in self.pods(options, names)]
        else:
            items = [m for (k, n), m in self.cluster.objects.items() if k.lower() == kinds and (not names or n in names)]
        found = {"items": items} if not names else items[0]
        path = options.output.partition("=")[2].strip("{}'")
        for part in path.replace("[", ".").replace("]", "").split("."):
            if part:
                found = found[int(part)] if part.isdigit() else found[part]
        return str(found)

    def verb_describe(self, words):
        options = parser().parse_args(words)
        if options.words[0] not in ("pod", "pods"):
            raise Refused("error: only pods are described here")
        text = ""
        for pod in self.pods(options, options.words[1:]):
            last = f"    Last State:     Terminated\n      Reason:       {'OOMKilled' if pod.last_exit == -9 else 'Error'}\n" \
                f"      Exit Code:    {pod.last_exit if pod.last_exit >= 0 else 128 - pod.last_exit}\n" if pod.restarts else ""
            events = "".join(f"  {kind}  {reason}  {message}\n" for _, kind, reason, about, message in self.cluster.events
                             if about == f"pod/{pod.name}")
            text += (f"Name:             {pod.name}\nNamespace:        {NAMESPACE}\nNode:             node-1\n"
                     f"Status:           {pod.status}\nIP:               {pod.machine.address}\nContainers:\n  {pod.container['name']}:\n"
                     f"    Image:          {pod.container['image']}\n    State:          {pod.status}\n{last}"
                     f"    Ready:          {pod.ready}\n    Restart Count:  {pod.restarts}\n"
                     f"    Limits:         {pod.container.get('resources', {}).get('limits')}\nEvents:\n{events}")
        return text

    def verb_logs(self, words):
        options = parser("--tail", "--since", "-f/--follow:flag", "-p/--previous:flag", "-c/--container", "--prefix:flag",
                         "--timestamps:flag").parse_args(words)
        pods = self.pods(options, options.words)
        if options.follow and options.selector and len(pods) > 5:
            raise Refused(f"error: you are attempting to follow {len(pods)} log streams, but maximum allowed concurrency "
                          "is 5, use --max-log-requests to increase the limit")
        # As kubectl has it: by labels the last ten lines, unless told otherwise.
        count = int(options.tail) if options.tail else 10 if options.selector else -1
        files = [pod.previous if options.previous else pod.log for pod in pods]
        if options.previous and not all(file.exists() for file in files):
            raise Refused("Error from server (BadRequest): previous terminated container not found")
        last = f"+{1}" if count < 0 else str(count)
        if options.follow:
            return {"exec": ["tail", "-q", "-n", last, "-f", *map(str, files)], "environment": {}}
        text = ""
        for file in files:
            lines = file.read_text(errors="replace").splitlines(True) if file.exists() else []
            text += "".join(lines if count < 0 else lines[-count:] if count else [])
        return text

    def verb_exec(self, words):
        if "--" not in words:
            raise Refused("error: you must specify at least one command for the container: exec POD -- COMMAND")
        cut = words.index("--")
        options = parser("-i/--stdin:flag", "-t/--tty:flag", "-it:flag", "-c/--container").parse_args(words[:cut])
        pod = self.pod(options.words[0])
        if pod.status != "Running":
            raise Refused(f"error: container not running ({pod.status})")
        return {"exec": pod.machine.command("env", "-i", *(f"{k}={v}" for k, v in pod.environment().items()),
                                            *words[cut + 1:]), "environment": {}}

    def verb_rollout(self, words):
        action, *words = words
        options = parser("--to-revision", "--timeout", "--revision").parse_args(words)
        workload = self.workload(options.words[0])
        if action == "history":
            head = f"{self.group(workload)} \nREVISION  CHANGE-CAUSE\n"
            return head + "".join(f"{number}         <none>\n" for number, _ in workload.revisions)
        if action == "status":
            self.cluster.wait_settled(workload.name)
            return f'deployment "{workload.name}" successfully rolled out\n' if workload.kind == "Deployment" else \
                f"statefulset rolling update complete {workload.replicas} pods at revision {workload.revisions[-1][0]}...\n"
        with self.cluster.lock:
            if action == "restart":
                template = workload.template
                template["metadata"].setdefault("annotations", {})["kubectl.kubernetes.io/restartedAt"] = str(time.time())
                workload.turn_to(template)
                return f"{self.group(workload)} restarted\n"
            if action == "undo":
                if len(workload.revisions) < 2:
                    raise Refused("error: no rollout history found for " + options.words[0])
                wanted = int(options.to_revision) if options.to_revision else workload.revisions[-2][0]
                workload.turn_to(json.loads(dict(workload.revisions)[wanted]))
                return f"{self.group(workload)} rolled back\n"
        raise Refused(f'error: unknown command "rollout {action}"')

    def verb_scale(self, words):
        options = parser("--replicas").parse_args(words)
        workload = self.workload("/".join(options.words))
        workload.replicas = int(options.replicas)
        return f"{self.group(workload)} scaled\n"

    def verb_set(self, words):
        options = parser().parse_args(words)
        workload = self.workload(options.words[1])
        template = workload.template
        template["spec"]["containers"][0]["image"] = options.words[2].partition("=")[2]
        with self.cluster.lock:
            workload.turn_to(template)
        return f"{self.group(workload)} image updated\n"

    def verb_delete(self, words):
        options = parser().parse_args(words)
        if options.words[0] != "pod":
            raise Refused("error: only pods are deleted here")
        pod = self.pod(options.words[1])
        with self.cluster.lock:
            workload = next(w for w in self.cluster.workloads.values() if pod in w.pods)
            workload.leave(pod)
        return f'pod "{pod.name}" deleted\n'

    def verb_edit(self, words):
        options = parser().parse_args(words)
        key = ("ConfigMap", options.words[1])
        if options.words[0] != "configmap" or key not in self.cluster.objects:
            raise Refused(f'Error from server (NotFound): {options.words[0]}s "{options.words[1]}" not found')
        with tempfile.NamedTemporaryFile("w+", suffix=".yaml", dir=self.cluster.folder) as file:
            yaml.safe_dump(self.cluster.objects[key], file, width=200)
            file.flush()
            subprocess.run([*shlex.split(self.asked["editor"]), file.name], check=True, timeout=30)
            edited = yaml.safe_load(pathlib.Path(file.name).read_text())
        if edited == self.cluster.objects[key]:
            return "Edit cancelled, no changes made.\n"
        self.cluster.apply([edited])
        return f"configmap/{options.words[1]} edited\n"

    def verb_patch(self, words):
        options = parser("--type", "-p/--patch").parse_args(words)
        kind, name = options.words
        key = next((k for k in self.cluster.objects if k[0].lower() == kind and k[1] == name), None)
        if key is None:
            raise Refused(f'Error from server (NotFound): {kind}s "{name}" not found')
        with self.cluster.lock:
            for part, value in json.loads(options.patch).items():
                kept = self.cluster.objects[key].get(part)
                self.cluster.objects[key][part] = {**kept, **value} if isinstance(kept, dict) else value
            self.cluster.changed()
        return f"{kind}/{name} patched\n"

    def verb_apply(self, words):
        options = parser("-f/--filename", "-k/--kustomize").parse_args(words)
        folder = pathlib.Path(self.asked["folder"]) / options.filename
        files = sorted(folder.glob("*.yaml")) if folder.is_dir() else [folder]
        manifests = [m for file in files for m in yaml.safe_load_all(file.read_text()) if m]
        return "".join(line + "\n" for line in self.cluster.apply(manifests))

    def verb_top(self, words):
        options = parser("--sort-by", "--watch:flag").parse_args(words)
        if options.watch and not self.typed:
            raise Refused("error: unknown flag: --watch")
        kind, *names = options.words
        if kind in ("nodes", "node"):
            load = os.getloadavg()[0]
            return table([["NAME", "CPU(cores)", "MEMORY(bytes)"], ["node-1", f"{int(load * 1000)}m", "0Mi"]])
        rows = [["NAME", "CPU(cores)", "MEMORY(bytes)"]]
        rows += [[p.name, self.cpu(p), f"{p.memory_kb() // 1024}Mi"] for p in self.pods(options, names) if p.memory_kb() > 0]
        if options.watch:
            again = str(self.folder / "kubectl") + " top " + shlex.join(w for w in words if w != "--watch")
            return {"exec": ["sh", "-c", f"while {again}; do sleep 1; done"], "environment": {}}
        return table(rows)

    @staticmethod
    def cpu(pod):
        fields = pathlib.Path(f"/proc/{pod.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        used, moment = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), time.monotonic()
        before, then = pod.pid_seconds
        pod.pid_seconds = (used, moment)
        return f"{max(0, int(1000 * (used - before) / max(0.001, moment - then)))}m" if then else "1m"

    def verb_port_forward(self, words):
        options = parser("--address").parse_args(words)
        name, ports = options.words
        here, _, there = ports.partition(":")
        pod = self.pod(name) if not name.startswith("svc/") else next(
            (p for p in self.cluster.pods(f"app={name.removeprefix('svc/')}") if p.ready), None)
        if pod is None:
            raise Refused("error: unable to forward port because pod is not running")
        return {"exec": ["python3", "-c", FORWARD, pod.machine.address, there or here, here, "127.0.0.1"], "environment": {}}
