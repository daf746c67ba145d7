"""A small Kubernetes: what manifests declare becomes processes, each on a machine of its own in a network of our own
(network.py). It knows what k8s/ uses: Deployments with rollouts and their history, StatefulSets, Services as names,
ConfigMaps and Secrets as volumes and variables, probes of readiness, preStop. Times that only wait for others (minReadySeconds,
initial delays, preStop's sleep, the periods of probes) are a tenth."""
import base64
import hashlib
import json
import os
import pathlib
import random
import signal
import string
import subprocess
import threading
import time

from support.process import ask
from support.volume import MountedFolder
from support.wait import wait_until

TENTH = 0.1
BACKOFF = 0.5       # seconds until what has crashed is started again


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Pod:
    """One container: its machine, its process, its log."""

    def __init__(self, cluster, workload, name, template, revision):
        self.cluster, self.name, self.template, self.revision = cluster, name, template, revision
        self.labels = template["metadata"]["labels"]
        self.container = template["spec"]["containers"][0]
        self.log = cluster.folder / f"{name}.log"
        self.previous = cluster.folder / f"{name}.previous.log"
        self.restarts, self.exit_code, self.last_exit = 0, None, 0
        self.leaves, self.ready, self.retry_at, self.probe_at, self.pid_seconds = False, False, 0.0, 0.0, (0.0, 0.0)
        self.volumes = {}
        files = list(cluster.programs)
        for mount in self.container.get("volumeMounts", []):
            source = self._volume(mount["name"], workload)
            if source:
                files.append((source, mount["mountPath"]))
        self.machine = cluster.network.machine(files)
        self._start()

    def _volume(self, name, workload):
        spec = self.template["spec"]
        for claim in workload.manifest["spec"].get("volumeClaimTemplates", []):
            if claim["metadata"]["name"] == name:
                path = self.cluster.folder / f"{name}-{self.name}"
                path.mkdir(exist_ok=True)
                return path
        volume = next(v for v in spec["volumes"] if v["name"] == name)
        if "projected" not in volume:
            if name == "tmp":
                return None     # /tmp is there already
            path = self.cluster.folder / f"{name}-{self.name}"
            path.mkdir(exist_ok=True)
            return path
        sources = [(kind, s[key]["name"]) for s in volume["projected"]["sources"]
                   for key, kind in (("configMap", "ConfigMap"), ("secret", "Secret")) if key in s]
        folder = MountedFolder(self.cluster.folder / f"{name}-{self.name}", self.cluster.data(sources))
        self.volumes[name] = (folder, sources)
        return folder.path

    def refresh_volumes(self):
        for folder, sources in self.volumes.values():
            folder.write(self.cluster.data(sources))

    def environment(self):
        found = {"PATH": "/app:/usr/local/bin:/usr/bin:/bin:/usr/sbin", "HOME": "/tmp", "HOSTNAME": self.name}
        for entry in self.container.get("env", []):
            value = entry.get("value")
            source = entry.get("valueFrom", {})
            if "fieldRef" in source:
                value = self.name
            if "secretKeyRef" in source:
                value = self.cluster.data([("Secret", source["secretKeyRef"]["name"])]).get(source["secretKeyRef"]["key"])
            if value is not None:
                found[entry["name"]] = value
        return found

    def _start(self):
        words = self.container.get("command") or self.cluster.images.get(self.container["image"])
        self.pulled = words is not None
        self.process = self.machine.start(words, self.environment(), self.log) if self.pulled else None
        self.exit_code, self.began = None, time.monotonic()

    @property
    def status(self):
        if self.leaves:
            return "Terminating"
        if not self.pulled:
            return "ImagePullBackOff"
        return "Running" if self.exit_code is None else "CrashLoopBackOff"

    def look(self):
        """Is it there, is it ready? What has ended is started again."""
        if not self.pulled or self.leaves:
            self.ready = False
        elif self.exit_code is None and self.process.poll() is not None:
            self.exit_code, self.ready, self.retry_at = self.process.returncode, False, time.monotonic() + BACKOFF
            self.cluster.event("Warning", "BackOff", f"pod/{self.name}", "Back-off restarting failed container")
        elif self.exit_code is not None and time.monotonic() >= self.retry_at:
            last = self.exit_code
            self.restarts += 1
            if self.log.exists():
                os.replace(self.log, self.previous)
            self._start()
            self.last_exit = last
        elif self.exit_code is None and time.monotonic() >= self.probe_at:
            probe = self.container.get("readinessProbe", {})
            self.ready = self._probe(probe)
            self.probe_at = time.monotonic() + (TENTH * probe.get("periodSeconds", 10) if self.ready else 0)

    def _probe(self, probe):
        if "httpGet" in probe:
            port = probe["httpGet"]["port"]
            port = next((p["containerPort"] for p in self.container["ports"] if p.get("name") == port), port)
            answer = ask(port, probe["httpGet"]["path"], self.machine.address, seconds=1)
            return bool(answer) and answer[0] == 200
        return not probe or subprocess.run(self.machine.command(*probe["exec"]["command"]), env=self.environment(),
                                           capture_output=True, timeout=10).returncode == 0

    def memory_kb(self):
        try:
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
            return int(status.split("VmRSS:")[1].split()[0])
        except (OSError, IndexError, AttributeError):
            return 0

    def stop(self):
        """At once, but so that it can end what it has started."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.machine.close()

    def end(self):
        """As the kubelet ends it: preStop, SIGTERM, and after the grace SIGKILL."""
        self.leaves = True
        stop = self.container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
        if self.process and self.process.poll() is None:
            if stop and stop[-1].startswith("sleep "):
                time.sleep(float(stop[-1].split()[1]) * TENTH)      # allow(sleep): that is what preStop does
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(self.template["spec"].get("terminationGracePeriodSeconds", 30))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.machine.close()


class Workload:
    """A Deployment or StatefulSet: as many pods of its newest template as it wants, changed one by one."""

    def __init__(self, cluster, manifest):
        self.cluster, self.name, self.kind = cluster, manifest["metadata"]["name"], manifest["kind"]
        self.pods, self.revisions, self.ending = [], [], []
        self.declare(manifest)

    def declare(self, manifest):
        self.manifest, self.replicas = manifest, manifest["spec"]["replicas"]
        self.turn_to(manifest["spec"]["template"])

    def turn_to(self, template):
        text = json.dumps(template, sort_keys=True)
        if not self.revisions or self.revisions[-1][1] != text:
            number = self.revisions[-1][0] + 1 if self.revisions else 1
            self.revisions = [r for r in self.revisions if r[1] != text] + [(number, text)]

    @property
    def template(self):
        return json.loads(self.revisions[-1][1])

    def name_of_next(self):
        if self.kind == "StatefulSet":
            taken = {pod.name for pod in self.pods}
            return next(n for i in range(100) if (n := f"{self.name}-{i}") not in taken)
        digest = hashlib.sha256(self.revisions[-1][1].encode()).hexdigest()[:10]
        return f"{self.name}-{digest}-{''.join(random.choices(string.ascii_lowercase + string.digits, k=5))}"

    def reconcile(self):
        for pod in self.pods:
            pod.look()
        revision = self.revisions[-1][0]
        old = [pod for pod in self.pods if pod.revision != revision]
        new = [pod for pod in self.pods if pod.revision == revision]
        surge = 1 if self.kind == "Deployment" and old else 0
        if len(new) < self.replicas and len(self.pods) < self.replicas + surge and not \
                (self.kind == "StatefulSet" and self.ending_now()):
            name = self.name_of_next()
            self.pods.append(Pod(self.cluster, self, name, self.template, revision))
            self.cluster.event("Normal", "Started", f"pod/{name}", f"Started container {self.name}")
        elif len(self.pods) > self.replicas or (old and self.kind == "StatefulSet"):
            spare = sum(pod.ready for pod in self.pods) - self.replicas
            idle = [pod for pod in old if not pod.ready]
            if idle or not old or spare > 0 or self.kind == "StatefulSet":
                self.leave((idle or old or sorted(new, key=lambda pod: pod.ready))[0])

    def ending_now(self):
        self.ending = [thread for thread in self.ending if thread.is_alive()]
        return self.ending

    def leave(self, pod):
        pod.leaves = True
        self.pods.remove(pod)
        self.cluster.event("Normal", "Killing", f"pod/{pod.name}", f"Stopping container {self.name}")
        thread = threading.Thread(target=pod.end, daemon=True)
        self.ending.append(thread)
        thread.start()

    def settled(self):
        revision = self.revisions[-1][0]
        return len(self.pods) == self.replicas and all(p.ready and p.revision == revision for p in self.pods)


class Cluster:
    """images: what an image's program is; programs: (path out here, path in there) that each machine has."""

    def __init__(self, network, folder, images, programs):
        self.network, self.folder = network, pathlib.Path(folder) / "cluster"
        self.folder.mkdir()
        self.images, self.programs = images, programs
        self.objects, self.workloads, self.events, self.on_change = {}, {}, [], []
        self.lock = threading.RLock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def event(self, kind, reason, about, message):
        self.events.append((now(), kind, reason, about, message))

    def data(self, sources):
        """What ConfigMaps and Secrets hold, later ones over earlier ones."""
        found = {}
        for kind, name in sources:
            holder = self.objects.get((kind, name), {})
            values = dict(holder.get("data") or {})
            if kind == "Secret":
                values = {k: base64.b64decode(v).decode() for k, v in values.items()} | (holder.get("stringData") or {})
            found |= values
        return found

    def apply(self, manifests):
        """One line for each, as kubectl prints it."""
        lines = []
        with self.lock:
            for manifest in manifests:
                key = (manifest["kind"], manifest["metadata"]["name"])
                said = "created" if key not in self.objects else \
                    "unchanged" if self.objects[key] == manifest else "configured"
                kept = self.objects.get(key, {}).get("stringData") if key[0] == "Secret" else None
                self.objects[key] = manifest | ({"stringData": kept} if kept and "stringData" not in manifest else {})
                group = manifest["apiVersion"].partition("/")[0] if "/" in manifest["apiVersion"] else ""
                lines.append(f"{key[0].lower()}{'.' + group if group else ''}/{key[1]} {said}")
            for manifest in manifests:
                if manifest["kind"] in ("Deployment", "StatefulSet"):
                    self._declare(manifest)
            self.changed()
        return lines

    def _declare(self, manifest):
        name = manifest["metadata"]["name"]
        if name in self.workloads:
            self.workloads[name].declare(manifest)
        else:
            self.workloads[name] = Workload(self, manifest)

    def changed(self):
        """A ConfigMap or Secret is another: the kubelet brings it."""
        for pod in self.pods():
            pod.refresh_volumes()

    def pods(self, selector=None):
        wanted = dict(part.split("=", 1) for part in selector.split(",")) if selector else {}
        return [pod for workload in self.workloads.values() for pod in workload.pods
                if wanted.items() <= pod.labels.items()]

    def pod(self, name):
        return next((pod for pod in self.pods() if pod.name == name), None)

    def wait_settled(self, *names, seconds=60):
        wait_until(lambda: all(self.workloads[n].settled() for n in names or self.workloads) and self._named(), seconds,
                   f"pods of {names or 'all'} are ready: {[(p.name, p.status, p.ready) for p in self.pods()]}", 0.05)

    def _named(self):
        return all(name in self.network.names for kind, name in self.objects if kind == "Service")

    def _run(self):
        while not self._stop.wait(0.05):
            with self.lock:
                for workload in list(self.workloads.values()):
                    workload.reconcile()
                self._name_services()
            for told in self.on_change:
                told()

    def _name_services(self):
        names = {}
        for (kind, name), manifest in self.objects.items():
            if kind == "Service":
                wanted = manifest["spec"]["selector"].items()
                ready = [p for p in self.pods() if p.ready and wanted <= p.labels.items()]
                names[name] = ready[0].machine.address if ready else self.network.names.get(name)
        if any(self.network.names.get(name) != address for name, address in names.items()):
            self.network.know(names)

    def close(self):
        self._stop.set()
        self._thread.join(20)
        for workload in self.workloads.values():
            for thread in workload.ending_now():
                thread.join(40)
            for pod in workload.pods:
                pod.stop()
