// Mistakes that the check must find, each made in a copy of the manifests.
const pod = object => object.spec.template.spec;
const container = object => pod(object).containers[0];

export const breakages = [
    ["a field that nobody knows", get => { container(get("Deployment", "api-gateway")).livenesProbe = {}; }],
    ["an unknown field deep down", get => { container(get("StatefulSet", "redis")).resources.limit = {}; }],
    ["a value of another type", get => { get("Deployment", "api-gateway").spec.replicas = "3"; }],
    ["a required field that is missing", get => { delete get("Deployment", "api-gateway").spec.selector; }],
    ["an API that does not exist", get => { get("HorizontalPodAutoscaler", "api-gateway").apiVersion = "autoscaling/v9"; }],
    ["a number that Kubernetes wants as text", get => { get("ConfigMap", "api-gateway-config").data.RATE_LIMIT_MAX = 100; }],
    ["a name that operators do not type", get => { get("StatefulSet", "redis").metadata.name = "redis-server"; }],
    ["a service that is missing", (get, all) => { all.splice(all.indexOf(get("Service", "redis-service")), 1); }],
    ["another namespace", get => { get("Service", "api-gateway").metadata.namespace = "default"; }],
    ["pods without their label", get => { get("Deployment", "api-gateway").spec.template.metadata.labels.app = "gateway"; }],
    ["a secret with data", get => { get("Secret", "api-gateway-secrets").stringData = { ADMIN_TOKEN: "change me" }; }],
    ["a service that leads nowhere", get => { get("Service", "api-gateway").spec.ports[0].targetPort = "https"; }],
    ["a probe of another path", get => { container(get("Deployment", "api-gateway")).readinessProbe.httpGet.path = "/healthz"; }],
    ["a probe of a port that is not there", get => { container(get("Deployment", "api-gateway")).livenessProbe.httpGet.port = "metrics"; }],
    ["another port", get => { get("ConfigMap", "api-gateway-config").data.PORT = "8080"; }],
    ["a variable that the program does not know", get => { get("ConfigMap", "api-gateway-config").data.LOGLEVEL = "INFO"; }],
    ["a value that the program refuses", get => { get("ConfigMap", "api-gateway-config").data.RATE_LIMIT_MAX = "many"; }],
    ["an old gateway.yaml", get => { get("ConfigMap", "api-gateway-config").data["gateway.yaml"] += "# more\n"; }],
    ["a subPath", get => { container(get("Deployment", "api-gateway")).volumeMounts[0].subPath = "gateway.yaml"; }],
    ["variables as environment", get => { container(get("Deployment", "api-gateway")).envFrom = [{ configMapRef: { name: "api-gateway-config" } }]; }],
    ["a volume that is missing", get => { pod(get("Deployment", "api-gateway")).volumes.pop(); }],
    ["no audit record", get => {
        const gateway = container(get("Deployment", "api-gateway"));
        gateway.env = gateway.env.filter(entry => entry.name !== "AUDIT_PATH");
    }],
    ["an audit record where nothing can be written", get => {
        container(get("Deployment", "api-gateway")).env.find(entry => entry.name === "AUDIT_PATH").value = "/audit.log";
    }],
    ["an audit record that fills its volume", get => {
        pod(get("Deployment", "api-gateway")).volumes.find(volume => volume.name === "audit").emptyDir.sizeLimit = "100Mi";
    }],
    ["an ingress that cuts streams", get => {
        get("Ingress", "api-gateway").metadata.annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"] = "130";
    }],
    ["other regions that may write", get => {
        const command = container(get("StatefulSet", "redis")).command;
        command[2] = command[2].replace("+getrange", "+getrange +set");
    }],
    ["a grace that is too short", get => { pod(get("Deployment", "api-gateway")).terminationGracePeriodSeconds = 20; }],
    ["no pause before the end", get => { delete container(get("Deployment", "api-gateway")).lifecycle; }],
    ["a gap in a rollout", get => { get("Deployment", "api-gateway").spec.strategy.rollingUpdate.maxUnavailable = 1; }],
    ["a budget that lets no node go", get => { get("PodDisruptionBudget", "api-gateway").spec.minAvailable = 3; }],
    ["a scaler that does not look at memory", get => {
        const scaler = get("HorizontalPodAutoscaler", "api-gateway");
        scaler.spec.metrics = scaler.spec.metrics.filter(metric => metric.resource?.name !== "memory");
    }],
    ["a budget for fewer", get => { get("PodDisruptionBudget", "api-gateway").spec.minAvailable = 1; }],
    ["another host", get => { get("Ingress", "api-gateway").spec.rules[0].host = "api.example.com"; }],
    ["a probe that asks more rarely", get => { container(get("Deployment", "api-gateway")).readinessProbe.periodSeconds = 30; }],
    ["root", get => { delete pod(get("StatefulSet", "redis")).securityContext.runAsNonRoot; }],
    ["an image without a version", get => { container(get("Deployment", "api-gateway")).image = "api-gateway:latest"; }],
    ["an ingress to another port", get => { get("Ingress", "api-gateway").spec.rules[0].http.paths[0].backend.service.port.name = "web"; }],
    ["a scaler of another deployment", get => { get("HorizontalPodAutoscaler", "api-gateway").spec.scaleTargetRef.name = "gateway"; }],
    ["a policy for nobody", get => { get("NetworkPolicy", "redis").spec.podSelector.matchLabels.app = "rediss"; }],
    ["a service that the network closes off", get => {
        get("NetworkPolicy", "api-gateway").spec.egress.forEach(rule => rule.ports.forEach(port => delete port.endPort));
    }],
].map(([what, change]) => ({ what, change }));
