// What is wrong with an object by the types that Kubernetes publishes: what is missing or of another kind
// (kubernetes-models), and what nobody knows (the attribute maps of @kubernetes/client-node, which the former lacks).
import * as operator from "@kubernetes-models/prometheus-operator";
import * as client from "@kubernetes/client-node";
import * as models from "kubernetes-models";

const published = {};
for (const library of [models, operator]) collect(library);
function collect(library) {
    for (const value of Object.values(library)) {
        if (typeof value === "function" && typeof value.is === "function") published[keyOf(value)] = value;
        else if (value && typeof value === "object") collect(value);
    }
}
function keyOf(model) {
    const made = new model();
    return `${made.apiVersion}/${made.kind}`;
}

const versions = { "apps/v1": "V1", "v1": "V1", "autoscaling/v2": "V2", "policy/v1": "V1", "networking.k8s.io/v1": "V1" };

function unknownIn(value, type, path) {
    if (value === null || value === undefined) return [`${path}: empty`];
    const list = /^(?:Array|Set)<(.*)>$/.exec(type);
    if (list) return value.flatMap((item, index) => unknownIn(item, list[1], `${path}[${index}]`));
    const map = /^\{ \[key: string\]: (.*); \}$/.exec(type);
    if (map) return Object.entries(value).flatMap(([key, item]) => unknownIn(item, map[1], `${path}.${key}`));
    const known = client[type]?.getAttributeTypeMap?.();
    if (!known) return [];
    return Object.entries(value).flatMap(([key, item]) => {
        const attribute = known.find(one => one.baseName === key);
        return attribute ? unknownIn(item, attribute.type, `${path}.${key}`) : [`${path}.${key}: Kubernetes knows no such field`];
    });
}

// The operator publishes no such maps: the fields that we use.
const ofOperator = {
    ServiceMonitor: {
        jobLabel: 1, selector: { matchLabels: 1 }, namespaceSelector: { matchNames: 1 },
        endpoints: { port: 1, path: 1, interval: 1, scrapeTimeout: 1, honorLabels: 1 },
    },
    PrometheusRule: {
        groups: {
            name: 1, interval: 1,
            rules: { record: 1, alert: 1, expr: 1, for: 1, keep_firing_for: 1, labels: 1, annotations: 1 },
        },
    },
};

function unknownByTable(value, table, path) {
    if (table === 1 || typeof value !== "object" || value === null) return [];
    if (Array.isArray(value)) return value.flatMap((item, index) => unknownByTable(item, table, `${path}[${index}]`));
    return Object.entries(value).flatMap(([key, item]) => table[key]
        ? unknownByTable(item, table[key], `${path}.${key}`) : [`${path}.${key}: the operator knows no such field`]);
}

export function flaws(object) {
    const where = `${object.kind} ${object.metadata?.name}`;
    const Model = published[`${object.apiVersion}/${object.kind}`];
    if (!Model) return [`${where}: Kubernetes knows no ${object.apiVersion}/${object.kind}`];
    const found = [];
    try {
        new Model(object).validate();
    } catch (error) {
        found.push(`${where}: ${error.message}`);
    }
    if (object.apiVersion.startsWith("monitoring.coreos.com/")) {
        return [...found, ...unknownByTable(object.spec, ofOperator[object.kind] ?? {}, `${where}.spec`)];
    }
    return [...found, ...unknownIn(object, versions[object.apiVersion] + object.kind, where)];
}
