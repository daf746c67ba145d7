// What the manifests promise, beyond being well-formed: the names that operators type, what the program understands, and
// that what refers to something is right about it.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import YAML from "yaml";

export const names = objects => objects.map(object => `${object.kind}/${object.metadata.name}`).sort();
const podOf = object => object.spec?.template?.spec;
const selects = (selector, labels) => Object.entries(selector).every(([key, value]) => labels?.[key] === value);

// The operators' commands need these, in the namespace `production`.
const expected = [
    "Namespace/production", "Deployment/api-gateway", "Service/api-gateway", "ConfigMap/api-gateway-config",
    "Secret/api-gateway-secrets", "StatefulSet/redis", "Service/redis", "Service/redis-service",
    "HorizontalPodAutoscaler/api-gateway", "PodDisruptionBudget/api-gateway", "NetworkPolicy/api-gateway",
    "NetworkPolicy/redis", "ServiceAccount/api-gateway", "Ingress/api-gateway",
];

export class Platform {
    constructor(root, gateway) {
        this.root = root;
        this.gateway = gateway;
        // Every variable that the program knows stands in its reference in backquotes.
        const reference = execFileSync(gateway, ["reference"], { encoding: "utf8" });
        this.reference = reference;
        this.variables = new Set([...reference.matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map(match => match[1]));
        this.rules = Object.getOwnPropertyNames(Platform.prototype).filter(name => name !== "constructor")
            .map(name => ({ name: name.replaceAll("_", " "), check: objects => this[name](new Cluster(objects)) }));
    }

    names_that_operators_type({ objects, one }) {
        const have = names(objects);
        const missing = expected.filter(name => !have.includes(name)).map(name => `${name} is missing`);
        const twice = have.filter((name, index) => have[index - 1] === name).map(name => `${name} stands twice`);
        const elsewhere = objects.filter(o => o.kind !== "Namespace" && o.metadata.namespace !== "production")
            .map(o => `${o.kind}/${o.metadata.name} is not in production`);
        const labels = [["Deployment", "api-gateway", "api-gateway"], ["StatefulSet", "redis", "redis"]].flatMap(([kind, name, app]) =>
            one(kind, name)?.spec.template.metadata.labels?.app === app ? [] : [`pods of ${kind}/${name} lack app=${app}`]);
        return [...missing, ...twice, ...elsewhere, ...labels];
    }

    the_order_of_files_lets_one_command_do({ objects }) {
        return objects[0]?.kind === "Namespace" ? [] : ["the namespace is not the first object"];
    }

    the_secret_holds_nothing({ one }) {
        const secret = one("Secret", "api-gateway-secrets");
        return secret?.data || secret?.stringData ? ["applying it would overwrite what operators have put there"] : [];
    }

    services_lead_to_ports_of_their_pods({ objects, pods }) {
        return objects.filter(o => o.kind === "Service").flatMap(service => {
            const found = pods.filter(pod => selects(service.spec.selector, pod.labels));
            if (found.length === 0) return [`Service/${service.metadata.name} selects no pod`];
            return service.spec.ports.flatMap(port => found.every(pod => pod.spec.containers.some(container =>
                container.ports?.some(p => p.name === port.targetPort || p.containerPort === port.targetPort)))
                ? [] : [`Service/${service.metadata.name}: no port ${port.targetPort} there`]);
        });
    }

    ports_are_those_of_the_contract({ one, gatewayVariables }) {
        const ports = Object.fromEntries((podOf(one("Deployment", "api-gateway") ?? {})?.containers[0].ports ?? [])
            .map(port => [port.name, port.containerPort]));
        const set = gatewayVariables();
        const service = one("Service", "api-gateway")?.spec.ports.find(port => port.port === 3000);
        return [
            ...(ports.http === 3000 && set.PORT === "3000" ? [] : ["the port for clients is not 3000 everywhere"]),
            ...(ports.admin === 9300 && set.ADMIN_PORT === "9300" ? [] : ["the port for operators is not 9300 everywhere"]),
            ...(set.ADMIN_HOST === "0.0.0.0" ? [] : ["nobody outside the pod reaches the port for operators"]),
            ...(service?.targetPort === "http" ? [] : ["svc/api-gateway has no port 3000 that leads to clients' port"]),
        ];
    }

    probes_ask_for_what_is_there({ pods }) {
        const paths = { startupProbe: "/health/startup", livenessProbe: "/health/live", readinessProbe: "/health/ready" };
        return pods.flatMap(pod => pod.spec.containers.flatMap(container => Object.entries(paths).flatMap(([kind, path]) => {
            const probe = container[kind];
            if (!probe) return [`${pod.name}: no ${kind}`];
            const port = (probe.httpGet ?? probe.tcpSocket)?.port;
            const wrongPath = probe.httpGet && probe.httpGet.path !== path ? [`${pod.name}: ${kind} asks ${probe.httpGet.path}`] : [];
            return port === undefined || container.ports.some(p => p.name === port)
                ? wrongPath : [...wrongPath, `${pod.name}: ${kind} asks port ${port}, which is not there`];
        })));
    }

    variables_are_known_to_the_program({ gatewayVariables }) {
        const others = ["CONFIG_FILE", "VARIABLES_DIR", "REDISCLI_AUTH"];
        return Object.keys(gatewayVariables()).filter(name => !this.variables.has(name) && !others.includes(name)
            && !(name.endsWith("_SERVICE_URL"))).map(name => `the program knows no variable ${name}`);
    }

    the_configuration_is_accepted({ one, gatewayVariables }) {
        const folder = mkdtempSync(join(tmpdir(), "gateway-k8s-"));
        try {
            const data = one("ConfigMap", "api-gateway-config")?.data ?? {};
            for (const [name, value] of Object.entries(data)) writeFileSync(join(folder, name), value);
            execFileSync(this.gateway, ["check", "--config", join(folder, "gateway.yaml")],
                { env: { VARIABLES_DIR: folder }, stdio: "pipe" });
            return [];
        } catch (error) {
            return String(error.stderr ?? error).trim().split("\n");
        } finally {
            rmSync(folder, { recursive: true });
        }
    }

    the_file_is_the_one_that_is_shipped({ one }) {
        return one("ConfigMap", "api-gateway-config")?.data["gateway.yaml"] === readFileSync(join(this.root, "config/gateway.yaml"), "utf8")
            ? [] : ["gateway.yaml is not config/gateway.yaml; run tools/kubernetes.py"];
    }

    configuration_is_a_folder_that_follows_its_config_map({ one }) {
        const pod = podOf(one("Deployment", "api-gateway") ?? {});
        const container = pod?.containers[0];
        const mount = container?.volumeMounts?.find(m => m.name === "configuration");
        const sources = pod?.volumes?.find(v => v.name === "configuration")?.projected?.sources ?? [];
        const env = Object.fromEntries(container?.env?.map(e => [e.name, e.value]) ?? []);
        return [
            ...(pod?.containers.some(c => c.volumeMounts?.some(m => m.subPath)) ? ["a subPath never changes"] : []),
            ...(container?.envFrom ? ["an environment never changes"] : []),
            ...(mount && env.VARIABLES_DIR === mount.mountPath && env.CONFIG_FILE === `${mount.mountPath}/gateway.yaml`
                ? [] : ["VARIABLES_DIR and CONFIG_FILE are not where the configuration is mounted"]),
            ...(sources.some(s => s.configMap?.name === "api-gateway-config" && !s.configMap.optional) ? [] : ["no api-gateway-config"]),
            ...(sources.some(s => s.secret?.name === "api-gateway-secrets" && s.secret.optional) ? [] : ["no optional api-gateway-secrets"]),
        ];
    }

    the_audit_record_has_a_place_that_its_two_files_do_not_fill({ one }) {
        const pod = podOf(one("Deployment", "api-gateway") ?? {});
        const container = pod?.containers[0];
        const env = Object.fromEntries(container?.env?.map(e => [e.name, e.value]) ?? []);
        const mount = container?.volumeMounts?.find(m => env.AUDIT_PATH?.startsWith(`${m.mountPath}/`));
        const limit = pod?.volumes?.find(v => v.name === mount?.name)?.emptyDir?.sizeLimit;
        const bytes = Number(/^(\d+)Mi$/.exec(limit ?? "")?.[1] ?? 0) * 1024 * 1024;
        return [
            ...(env.AUDIT_PATH ? [] : ["AUDIT_PATH is not set: there is no audit record"]),
            ...(!env.AUDIT_PATH || (mount && !mount.readOnly) ? [] : ["nothing can be written at AUDIT_PATH"]),
            ...(Number(env.AUDIT_BYTES_MAX) > 0 && 2 * Number(env.AUDIT_BYTES_MAX) < bytes ? [] : ["the audit record may fill its volume"]),
        ];
    }

    a_rollout_loses_nobody({ one }) {
        const deployment = one("Deployment", "api-gateway");
        const pod = podOf(deployment ?? {});
        const rolling = deployment?.spec.strategy?.rollingUpdate ?? {};
        const config = YAML.parse(one("ConfigMap", "api-gateway-config")?.data["gateway.yaml"] ?? "{}");
        const pause = Number(/sleep (\d+)/.exec(pod?.containers[0].lifecycle?.preStop?.exec?.command.join(" ") ?? "")?.[1] ?? 0);
        const grace = pod?.terminationGracePeriodSeconds ?? 30;
        const scaler = one("HorizontalPodAutoscaler", "api-gateway");
        return [
            ...(rolling.maxSurge === 1 && rolling.maxUnavailable === 0 ? [] : ["surge is not 1, or unavailable not 0"]),
            ...(pause > 0 ? [] : ["no pause before SIGTERM"]),
            ...(pause + (config.shutdown?.timeout_ms ?? 25000) / 1000 < grace ? [] : ["it is killed before it has drained"]),
            ...(one("PodDisruptionBudget", "api-gateway")?.spec.minAvailable < scaler?.spec.minReplicas ? [] : ["no node can be drained"]),
            ...(deployment?.spec.replicas >= 3 ? [] : ["fewer than 3 replicas"]),
        ];
    }

    numbers_are_those_of_the_platform({ one }) {
        const deployment = one("Deployment", "api-gateway");
        const container = podOf(deployment ?? {})?.containers[0] ?? {};
        const scaler = one("HorizontalPodAutoscaler", "api-gateway")?.spec ?? {};
        const share = name => scaler.metrics?.find(m => m.resource?.name === name)?.resource.target.averageUtilization;
        const timing = probe => probe ? `${probe.initialDelaySeconds ?? 0}/${probe.periodSeconds ?? 10}` : "none";
        const wanted = {
            image: [container.image, "api-gateway:1.0.0"],
            replicas: [deployment?.spec.replicas, 3],
            "fewest pods": [scaler.minReplicas, 3],
            "most pods": [scaler.maxReplicas, 10],
            "CPU at which it scales": [share("cpu"), 70],
            "memory at which it scales": [share("memory"), 80],
            "pods that a drain leaves": [one("PodDisruptionBudget", "api-gateway")?.spec.minAvailable, 2],
            "CPU that is asked for": [container.resources?.requests?.cpu, "100m"],
            grace: [podOf(deployment ?? {})?.terminationGracePeriodSeconds, 30],
            "delay and period of the liveness probe": [timing(container.livenessProbe), "10/10"],
            "delay and period of the readiness probe": [timing(container.readinessProbe), "5/5"],
            "tries of the startup probe": [container.startupProbe?.failureThreshold, 30],
            host: [one("Ingress", "api-gateway")?.spec.rules[0].host, "api.tickettoken.com"],
        };
        return Object.entries(wanted).filter(([, [found, right]]) => found !== right)
            .map(([what, [found, right]]) => `${what}: ${found} instead of ${right}`);
    }

    pods_may_do_little({ pods }) {
        return pods.flatMap(pod => [
            ...(pod.spec.securityContext?.runAsNonRoot && pod.spec.securityContext.seccompProfile ? [] : [`${pod.name}: may be root`]),
            ...(pod.spec.automountServiceAccountToken === false ? [] : [`${pod.name}: has a token`]),
            ...(pod.spec.enableServiceLinks === false ? [] : [`${pod.name}: has service links`]),
            ...pod.spec.containers.flatMap(c => [
                ...(c.securityContext?.readOnlyRootFilesystem ? [] : [`${pod.name}: its root is writable`]),
                ...(c.securityContext?.allowPrivilegeEscalation === false ? [] : [`${pod.name}: may gain rights`]),
                ...(c.securityContext?.capabilities?.drop?.includes("ALL") ? [] : [`${pod.name}: has capabilities`]),
                ...(c.resources?.requests?.cpu && c.resources.requests.memory && c.resources.limits?.memory ? [] : [`${pod.name}: no bounds`]),
                ...(/:[^:@]*\d/.test(c.image) ? [] : [`${pod.name}: an image without a version`]),
            ]),
        ]);
    }

    the_ingress_waits_longer_than_the_gateway({ one }) {
        const kept = Math.max(...[...this.reference.matchAll(/^\| `(?:stream_)?idle_timeout_ms` \|[^|]*\| `(\d+)`/gm)].map(m => Number(m[1])));
        const notes = one("Ingress", "api-gateway")?.metadata.annotations ?? {};
        return ["read", "send"].filter(way => !(Number(notes[`nginx.ingress.kubernetes.io/proxy-${way}-timeout`]) * 1000 > kept))
            .map(way => `proxy-${way}-timeout cuts streams that the gateway keeps for ${kept} ms`);
    }

    other_regions_may_read_what_the_documentation_says({ one }) {
        const script = podOf(one("StatefulSet", "redis") ?? {})?.containers[0].command?.at(-1) ?? "";
        const written = /ACL SETUSER peers on >PASSWORD (.*)/.exec(readFileSync(join(this.root, "docs/regions.md"), "utf8"))?.[1];
        return script.includes(`user peers on >$PEERS_PASSWORD ${written}"`) ? [] : ["redis.yaml and docs/regions.md differ"];
    }

    volumes_and_references_exist({ objects, pods, one }) {
        const mounts = pods.flatMap(pod => pod.spec.containers.flatMap(c => (c.volumeMounts ?? [])
            .filter(m => ![...(pod.spec.volumes ?? []), ...pod.claims].some(v => v.name === m.name))
            .map(m => `${pod.name}: there is no volume ${m.name}`)));
        const accounts = pods.filter(p => p.spec.serviceAccountName && !one("ServiceAccount", p.spec.serviceAccountName))
            .map(p => `${p.name}: no such account`);
        const paths = objects.filter(o => o.kind === "Ingress").flatMap(o => o.spec.rules.flatMap(r => r.http.paths))
            .map(path => path.backend.service)
            .filter(s => !one("Service", s.name)?.spec.ports.some(p => p.name === s.port.name || p.port === s.port.number))
            .map(s => `the ingress leads to ${s.name}, which has no such port`);
        const target = one("HorizontalPodAutoscaler", "api-gateway")?.spec.scaleTargetRef ?? {};
        const service = one("StatefulSet", "redis")?.spec.serviceName;
        return [...mounts, ...accounts, ...paths,
            ...(one(target.kind, target.name) ? [] : ["what is scaled does not exist"]),
            ...(one("Service", service)?.spec.clusterIP === "None" ? [] : ["the stateful set has no headless service"])];
    }

    selectors_select_their_own({ objects, pods }) {
        const own = objects.filter(o => podOf(o) && !selects(o.spec.selector.matchLabels, o.spec.template.metadata.labels))
            .map(o => `${o.kind}/${o.metadata.name} does not select its own pods`);
        const others = objects.map(o => [o, { NetworkPolicy: o.spec?.podSelector, PodDisruptionBudget: o.spec?.selector }[o.kind]])
            .filter(([, selector]) => selector && !pods.some(pod => selects(selector.matchLabels ?? {}, pod.labels)))
            .map(([o]) => `${o.kind}/${o.metadata.name} selects no pod`);
        return [...own, ...others];
    }

    the_network_lets_through_what_is_needed({ one, gatewayVariables }) {
        const policy = one("NetworkPolicy", "api-gateway")?.spec;
        const covers = (rules, port) => (rules ?? []).some(rule => rule.ports?.some(p =>
            p.port === port || (p.port <= port && port <= (p.endPort ?? p.port))));
        const config = YAML.parse(one("ConfigMap", "api-gateway-config")?.data["gateway.yaml"] ?? "{}");
        const wanted = Object.values(config.services ?? {}).map(service => Number(new URL(service.url).port || 80));
        const closed = [...wanted, 80, 53, Number(gatewayVariables().REDIS_PORT)].filter(port => !covers(policy?.egress, port));
        return [
            ...closed.map(port => `the gateway does not reach port ${port}`),
            ...[3000, 9300].filter(port => !covers(policy?.ingress, port)).map(port => `nobody reaches port ${port}`),
            ...(covers(one("NetworkPolicy", "redis")?.spec.ingress, 6379) ? [] : ["nobody reaches Redis"]),
            ...(one("Service", gatewayVariables().REDIS_HOST) ? [] : ["REDIS_HOST is no service"]),
        ];
    }
}

class Cluster {
    constructor(objects) {
        this.objects = objects;
        this.one = (kind, name) => objects.find(o => o.kind === kind && o.metadata.name === name);
        this.pods = objects.filter(podOf).map(o => ({
            name: `${o.kind}/${o.metadata.name}`, spec: podOf(o), labels: o.spec.template.metadata.labels,
            claims: (o.spec.volumeClaimTemplates ?? []).map(claim => claim.metadata),
        }));
        // As the gateway has them: the ConfigMap's, and over them the container's own.
        this.gatewayVariables = () => {
            const data = this.one("ConfigMap", "api-gateway-config")?.data ?? {};
            const own = podOf(this.one("Deployment", "api-gateway") ?? {})?.containers[0].env ?? [];
            return Object.fromEntries([...Object.entries(data).filter(([name]) => /^[A-Z]/.test(name)),
                ...own.map(e => [e.name, e.value ?? ""])]);
        };
    }
}
