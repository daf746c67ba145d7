"""Production as operators have it before them: what k8s/ declares, on machines of its own (cluster.py), the platform's services, Redis,
Prometheus with the shipped rules, and a shell with `kubectl`, names, editor and curl as the runbooks have them."""
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import urllib.error
import urllib.request

from support.cluster import Cluster
from support.kubectl import FORWARD, Kubectl
from support.monitoring import Prometheus
from support.network import Network
from support.process import ROOT

IMAGE = "api-gateway:1.0.0"
BROKEN_IMAGE = "api-gateway:1.1.0"
SECRETS = {"ADMIN_TOKEN": "operators-token-of-the-tests", "INTERNAL_HMAC_SECRET": "a secret that gateway and services share"}
SERVICES = {"auth-service": 4001, "venue-service": 4002, "event-service": 4003, "ticket-service": 4004}
# What `Service` does with port 80.
SERVE = """
python3 /app/forward.py 127.0.0.1 {port} 80 0.0.0.0 & forward=$!
/app/demo-service {role} --host 0.0.0.0 --port {port} --key-file /keys/{role}.pem & service=$!
trap 'kill $forward $service' TERM INT
wait $service
kill $forward
"""
ALPHA = "alice@alpha.example"
PASSWORD = "demo-password"


def service(name, port):
    labels = {"app": name}
    container = {"name": name, "image": name, "command": ["/bin/sh", "-c", SERVE.format(role=name.split("-")[0], port=port)],
                 "ports": [{"containerPort": port, "name": "http"}],
                 "env": [{"name": "INTERNAL_HMAC_SECRET", "value": SECRETS["INTERNAL_HMAC_SECRET"]}],
                 "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}}}
    return [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"selector": labels}},
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
                "replicas": 1, "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}}}]


class Production:
    def __init__(self, folder, binary, rules=(), typed=False):
        self.folder = pathlib.Path(folder)
        self.network = Network(folder)
        self.binary = binary
        forward = self.folder / "forward.py"
        forward.write_text(FORWARD)
        keys = self.folder / "keys"     # an issuer that is started again signs with the same key
        keys.mkdir()
        self.cluster = Cluster(self.network, folder, {IMAGE: ["/app/api-gateway", "run"]}, [
            (binary, "/app/api-gateway"), (ROOT / "build/release/demo/demo-service", "/app/demo-service"),
            (forward, "/app/forward.py"), (keys, "/keys")])
        self.kubectl = Kubectl(self.cluster, typed)
        os.symlink(binary, self.kubectl.folder / "api-gateway")
        (self.folder / ".curlrc").write_text(curlrc())
        self.desk = self.folder / "desk"        # where an operator sits
        self.desk.mkdir()
        for name in ("k8s", "config"):
            os.symlink(ROOT / name, self.desk / name)
        for name in ("gateway.yaml", "openapi.yaml"):
            shutil.copy(ROOT / "config" / name, self.desk)
        self.network.know({"prometheus": "10.77.0.1"})
        self.prometheus = Prometheus(folder, [], rules, listen=("10.77.0.1", 9090))
        self.scraped = None
        self.cluster.on_change.append(self._scrape)

    def begin(self):
        """Everything, from an empty cluster."""
        self.cluster.apply([m for name, port in SERVICES.items() for m in service(name, port)])
        self.cluster.wait_settled()
        self.apply_everything()
        self.cluster.wait_settled()

    def apply_everything(self):
        with self.cluster.lock:
            self.cluster.objects.setdefault(("Secret", "api-gateway-secrets"), {"stringData": dict(SECRETS)})
        self.run("kubectl apply -f k8s/")

    def _scrape(self):
        found = [f"{pod.machine.address}:9300" for pod in self.cluster.pods("app=api-gateway")]
        if found != self.scraped:
            self.scraped = found
            self.prometheus.scrape(found)

    def shell(self, text):
        """The words that run it as an operator would."""
        return ["unshare", "-m", "--propagation", "private", "sh", "-c",
                f"mount --bind {shlex.quote(str(self.network.hosts))} /etc/hosts && cd {shlex.quote(str(self.desk))} && exec sh -c \"$1\"",
                "sh", text]

    def environment(self, editor="true"):
        return dict(os.environ, PATH=f"{self.kubectl.folder}:{os.environ['PATH']}", CURL_HOME=str(self.folder), EDITOR=editor,
                    ADMIN_TOKEN=SECRETS["ADMIN_TOKEN"], PYTHONDONTWRITEBYTECODE="1")

    def run(self, text, seconds=90, **environment):
        """Its status, what it prints, and what it says on standard error."""
        done = subprocess.run(self.shell(text), env=self.environment() | environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=seconds)
        return done.returncode, done.stdout, done.stderr

    def start(self, text):
        """What does not end by itself: whoever starts it ends it, by its group."""
        return subprocess.Popen(self.shell(text), env=self.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, start_new_session=True)

    # Clients

    @property
    def pods(self):
        return self.cluster.pods("app=api-gateway")

    def ask(self, target, ip="198.51.100.20", token=None, pod=None, body=None, **headers):
        """Status and body of a request that an ingress controller hands on for `ip`."""
        pod = pod or next(p for p in self.pods if p.ready)
        request = urllib.request.Request(f"http://{pod.machine.address}:3000{target}", body and json.dumps(body).encode(),
                                         {"X-Forwarded-For": ip, "Host": "api.tickettoken.com", "Connection": "close"}
                                         | ({"Authorization": f"Bearer {token}"} if token else {})
                                         | ({"Content-Type": "application/json"} if body else {})
                                         | {name.replace("_", "-"): value for name, value in headers.items()})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers
        except OSError as error:
            return 0, str(error), {}

    def login(self, who=ALPHA, ip="198.51.100.20"):
        status, body, _ = self.ask("/api/v1/auth/login", ip, body={"email": who, "password": PASSWORD})
        assert status == 200, (status, body)
        return json.loads(body)["accessToken"]

    def log(self):
        return "".join(p.log.read_text(errors="replace") for p in self.pods if p.log.exists())

    def close(self):
        self.kubectl.close()
        self.prometheus.stop()
        self.cluster.close()
        self.network.close()


def curlrc():
    """The line of the runbooks' first page that makes queries work as they are typed."""
    text = (ROOT / "docs/runbooks/README.md").read_text()
    line = next(line for line in text.splitlines() if line.endswith(">> ~/.curlrc"))
    return line.split()[1] + "\n"
