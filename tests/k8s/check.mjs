// Holds k8s/, deploy/monitoring/ and the overlays of deploy/kustomize/ against the published types of Kubernetes and
// against rules of our own (rules.mjs); shows of each kind of mistake that it would be found. The last line counts.
//   node tests/k8s/check.mjs <api-gateway>
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import YAML from "yaml";
import { breakages } from "./breakages.mjs";
import { names, Platform } from "./rules.mjs";
import { flaws } from "./types.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const gateway = process.argv[2] ?? join(root, "build/release/api-gateway");
let passed = 0;
let failed = 0;

function expect(what, complaints) {
    if (complaints.length === 0) {
        passed++;
        console.log(`ok      ${what}`);
    } else {
        failed++;
        console.log(`FAILED  ${what}\n    ${complaints.join("\n    ")}`);
    }
}

const documents = text => YAML.parseAllDocuments(text, { uniqueKeys: true }).map(document => {
    if (document.errors.length) throw document.errors[0];
    return document.toJS();
}).filter(Boolean);
const inFolder = folder => readdirSync(join(root, folder)).filter(name => /\.ya?ml$/.test(name)).sort()
    .map(name => ({ name: `${folder}/${name}`, objects: documents(readFileSync(join(root, folder, name), "utf8")) }));

const platform = new Platform(root, gateway);
const files = inFolder("k8s");
const objects = files.flatMap(file => file.objects);
for (const file of [...files, ...inFolder("deploy/monitoring")]) {
    expect(`types: ${file.name}`, file.objects.flatMap(flaws));
}
for (const rule of platform.rules) expect(`rules: ${rule.name}`, complaints(rule, objects));

// What lacks a field that a rule looks into is wrong as well.
function complaints(rule, objects) {
    try {
        return rule.check(objects);
    } catch (error) {
        return [`${rule.name}: ${error.message}`];
    }
}

for (const { what, change } of breakages) {
    const broken = structuredClone(objects);
    change((kind, name) => broken.find(object => object.kind === kind && object.metadata.name === name), broken);
    const found = [...broken.flatMap(flaws), ...platform.rules.flatMap(rule => complaints(rule, broken))];
    expect(`is found: ${what}`, found.length ? [] : ["nobody complained"]);
}

function rendered(overlay) {
    return documents(execFileSync("kubectl", ["kustomize", "--load-restrictor", "LoadRestrictionsNone",
        join(root, "deploy/kustomize", overlay)], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], timeout: 60000 }));
}
// Redis is reached from the network of the other region, and gateways reach that: one network, written in three places.
function wayToTheOther(objects) {
    const one = (kind, name) => objects.find(o => o.kind === kind && o.metadata.name === name)?.spec;
    const to6379 = rule => rule?.ports?.some(p => p.port === 6379);
    const service = one("Service", "redis-peers");
    const ingress = one("NetworkPolicy", "redis-peers")?.ingress?.[0];
    const egress = one("NetworkPolicy", "api-gateway-peers")?.egress?.[0];
    const networks = [...(service?.loadBalancerSourceRanges ?? []), ingress?.from?.[0].ipBlock?.cidr, egress?.to?.[0].ipBlock?.cidr];
    return [
        ...(service?.type === "LoadBalancer" && to6379(service) ? [] : ["nobody outside reaches Redis"]),
        ...(to6379(ingress) && to6379(egress) ? [] : ["a network policy closes the way to 6379"]),
        ...(networks.length === 3 && new Set(networks).size === 1 && networks[0] !== "192.0.2.0/24" ? [] : [`networks: ${networks}`]),
    ];
}
function hasKustomize() {
    try {
        rendered("base");
        return true;
    } catch {
        return false;
    }
}

const listed = YAML.parse(readFileSync(join(root, "deploy/kustomize/base/kustomization.yaml"), "utf8")).resources;
expect("overlays: their base lists every manifest", files.map(file => `../../../${file.name}`)
    .filter(name => !listed.includes(name)).map(name => `${name} is missing`));
if (hasKustomize()) {
    expect("overlays: the base is what k8s/ holds", names(rendered("base")).join() === names(objects).join()
        ? [] : ["other objects"]);
    for (const region of ["primary", "secondary"]) {
        const found = rendered(region);
        expect(`overlays: ${region}`, [...found.flatMap(flaws), ...platform.rules.flatMap(rule => complaints(rule, found)),
            ...found.filter(o => o.kind === "ConfigMap" && o.data.REGION !== region).map(() => "REGION"), ...wayToTheOther(found)]);
    }
    // Its certificate is no file of this machine: all rules but the one that reads the configuration.
    const tls = rendered("tls");
    const port = (kind, name, of) => of(tls.find(o => o.kind === kind && o.metadata.name === name)).some(p => p.name === "https");
    expect("overlays: tls", [...tls.flatMap(flaws),
        ...platform.rules.filter(rule => rule.name !== "the configuration is accepted").flatMap(rule => complaints(rule, tls)),
        ...(port("Service", "api-gateway", o => o.spec.ports) ? [] : ["the service has no port https"]),
        ...(port("Deployment", "api-gateway", o => o.spec.template.spec.containers[0].ports) ? [] : ["nor the pods"])]);
    const staging = rendered("staging");
    expect("overlays: staging", [...staging.flatMap(flaws),
        ...staging.filter(o => o.kind !== "Namespace" && o.metadata.namespace !== "staging").map(o => `${o.kind} is in another namespace`),
        ...staging.filter(o => o.kind === "Ingress" && o.spec.rules[0].host !== "staging-api.tickettoken.com").map(() => "host")]);
} else {
    console.log("        (no kubectl that has kustomize: overlays are not rendered)");
}
if (!existsSync(gateway)) expect("the program", [`${gateway} is not built`]);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
