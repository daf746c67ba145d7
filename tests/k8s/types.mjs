// What is wrong with an object by the types that Kubernetes publishes: what is missing or of another kind
// (kubernetes-models), and what nobody knows (the attribute maps of @kubernetes/client-node, which the former lacks).
import { createRequire } from "node:module";
import * as client from "@kubernetes/client-node";

const require = createRequire(import.meta.url);
const operator = require("@kubernetes-models/prometheus-operator");
const models = require("kubernetes-models");

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

function unknownBySchema(value, schema, path) {
    if (!schema || typeof value !== "object" || value === null) return [];
    if (Array.isArray(value)) return value.flatMap((item, index) => unknownBySchema(item, schema.items, `${path}[${index}]`));
    if (!schema.properties) return [];
    return Object.entries(value).flatMap(([key, item]) => schema.properties[key]
        ? unknownBySchema(item, schema.properties[key], `${path}.${key}`) : [`${path}.${key}: the operator knows no such field`]);
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
        const spec = operatorSpec(object.kind);
        return spec ? [...found, ...unknownBySchema(object.spec, spec, `${where}.spec`)] : [...found, `${where}: no schema`];
    }
    return [...found, ...unknownIn(object, versions[object.apiVersion] + object.kind, where)];
}

function operatorSpec(kind) {
    const file = require.resolve("@kubernetes-models/prometheus-operator").replace(/index\.js$/,
        `_schemas/MonitoringCoreosComV1${kind}.js`);
    return require(file).schema.properties.spec;
}
