// What operators can do: each with whom it hits, for how long, why, and how to undo it. All of it
// goes through the admin API, and so into the audit record.
import { useEffect, useRef, useState } from "preact/hooks";
import { call } from "./api";
import { changed, gatewayNow, model, type Knob } from "./model";
import { clock } from "./parts";
import { span } from "./verdict";

export interface Call { method: string; path: string; body?: object }
export interface Done { time: number; text: string; undo?: Call; undone?: boolean }
type Values = Record<string, string>;
interface Field { name: string; label: string; value?: string; choices?: string[]; optional?: boolean }
export interface Action {
  title: string;
  danger?: boolean;
  fields: Field[];
  lifetime?: boolean;       // asks for how long
  hits: (values: Values) => string | Promise<string>;
  run: (values: Values, seconds: number, reason: string) => Call;
  undo?: (values: Values, answer: any) => Call | undefined;
  said: (values: Values) => string;
}

const KEPT = "gateway-done";
export const done: Done[] = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
function keep() { sessionStorage.setItem(KEPT, JSON.stringify(done.slice(0, 30))); changed(); }

let current: { action: Action; values: Values } | null = null;
export function open(action: Action, values: Values = {}) {
  current = { action, values: { ...Object.fromEntries(action.fields.map((field) => [field.name, field.value ?? field.choices?.[0] ?? ""])), ...values } };
  changed();
}

export async function undo(item: Done) {
  const { method, path, body } = item.undo!;
  await call(method, path, body);
  item.undone = true;
  keep();
}

const who = (kind: string) => (kind === "ip" ? "addresses" : `${kind}s`);
const pathsTo = (service: string) => model.routes.filter((route) => route.service === service).map((route) => route.path).join(", ") || "no route";
const bansPath = (values: Values) => `/bans/${values.kind}/${encodeURIComponent(values.who!)}`;

// What a containment would do, asked of the gateway without doing it.
async function dryRun(targets: object, seconds: number) {
  const answer = await call<{ steps: { key: string; effect: string; usersLastHour?: number }[] }>("POST", "/containments", { ...targets, seconds, reason: "a look at what it would hit", dryRun: true });
  return answer.steps.map((step) => `${step.key}: ${step.effect}${step.usersLastHour === undefined ? "" : `; ${step.usersLastHour} users in the last hour`}`).join("\n");
}
const list = (text: string | undefined) => (text ?? "").split(/[\s,]+/).filter(Boolean);
const targets = (values: Values) => ({ users: list(values.users), tenants: list(values.tenants), addresses: list(values.addresses), tokens: list(values.tokens) });

// Of what each gateway has for itself.
const WHERE: Field = { name: "where", label: "Where", choices: ["this gateway", "all gateways"] };
const everywhere = (values: Values) => values.where === "all gateways";

export const ban: Action = {
  title: "Ban", danger: true, lifetime: true,
  fields: [{ name: "kind", label: "What", choices: ["ip", "user", "tenant"] }, { name: "who", label: "Address, block or id" }],
  hits: async (values) => {
    if (values.kind !== "ip") return `Every request of the ${values.kind} ${values.who} is answered 403, and what is in flight ends.`;
    const steps = await dryRun({ [who(values.kind)]: [values.who] }, 60);
    return steps;
  },
  run: (values, seconds, reason) => ({ method: "PUT", path: bansPath(values), body: { seconds, reason } }),
  undo: (values) => ({ method: "DELETE", path: bansPath(values) }),
  said: (values) => `Banned ${values.kind} ${values.who}`,
};

export const revoke: Action = {
  title: "Revoke tokens", danger: true, lifetime: true,
  fields: [{ name: "kind", label: "Whose", choices: ["user", "tenant", "jti", "all"] }, { name: "who", label: "Id", optional: true }],
  hits: (values) => (values.kind === "all" ? "Every token issued until now answers 401: everybody signs in again." : values.kind === "jti" ? `The token ${values.who} answers 401.` : `Every token of the ${values.kind} ${values.who} issued until now answers 401.`),
  run: (values, seconds, reason) => ({ method: "POST", path: "/revocations", body: { kind: values.kind, ...(values.kind !== "all" && { who: values.who }), seconds, reason } }),
  undo: (values) => ({ method: "DELETE", path: values.kind === "all" ? "/revocations/all/all" : `/revocations/${values.kind}/${encodeURIComponent(values.who!)}` }),
  said: (values) => `Revoked tokens: ${values.kind} ${values.kind === "all" ? "" : values.who}`,
};

export const contain: Action = {
  title: "Contain a breach", danger: true, lifetime: true,
  fields: [{ name: "users", label: "Users (sub)", optional: true }, { name: "addresses", label: "Addresses", optional: true }, { name: "tenants", label: "Tenants", optional: true }, { name: "tokens", label: "Tokens (jti)", optional: true }],
  hits: (values) => dryRun(targets(values), 60),
  run: (values, seconds, reason) => ({ method: "POST", path: "/containments", body: { ...targets(values), seconds, reason } }),
  undo: (_, answer) => ({ method: "DELETE", path: `/containments/${answer.id}` }),
  said: (values) => `Contained ${Object.values(targets(values)).flat().join(", ")}`,
};

export const maintenance: Action = {
  title: "Maintenance", danger: true, lifetime: true,
  fields: [{ name: "mode", label: "Mode", choices: ["read-only", "down", "off"] }, { name: "banner", label: "Banner", optional: true }],
  hits: (values) => (values.mode === "off" ? "Maintenance ends on every gateway." : `On every gateway that shares the state, ${values.mode === "down" ? "all requests" : "everything but GET and HEAD"} is answered 503; health and this port go on. Now: ${model.fine.all.at(-1)?.[0] ?? 0} requests a second here.`),
  run: (values, seconds, reason) => ({ method: "PUT", path: "/maintenance", body: values.mode === "off" ? { mode: "off", reason } : { mode: values.mode, seconds, reason, ...(values.banner && { banner: values.banner }) } }),
  undo: (values) => (values.mode === "off" ? undefined : { method: "PUT", path: "/maintenance", body: { mode: "off", reason: "undone" } }),
  said: (values) => `Maintenance ${values.mode}`,
};

// Without a banner: that is the whole platform's, and would stay when the service is open again.
export const serviceMaintenance: Action = {
  title: "Maintenance of a service", danger: true, lifetime: true,
  fields: [{ name: "service", label: "Service", get choices() { return Object.keys(model.services); } }, { name: "mode", label: "Mode", choices: ["read-only", "down", "off"] }],
  hits: (values) => {
    if (values.mode === "off") return `Maintenance of ${values.service} ends on every gateway, but for a window of the configuration, which lasts until its end.`;
    return `On every gateway that shares the state, ${values.mode === "down" ? "all requests are" : "everything but GET and HEAD is"} answered 503: ${pathsTo(values.service!)}. Last minute: ${model.services[values.service!]?.minute[0] ?? 0} requests here.`;
  },
  run: (values, seconds, reason) => ({ method: "PUT", path: "/maintenance", body: { mode: values.mode, service: values.service, reason, ...(values.mode !== "off" && { seconds }) } }),
  undo: (values) => (values.mode === "off" ? undefined : { method: "PUT", path: "/maintenance", body: { mode: "off", service: values.service, reason: "undone" } }),
  said: (values) => `Maintenance of ${values.service} ${values.mode}`,
};

export const breaker: Action = {
  title: "Circuit breaker", danger: true, lifetime: true,
  fields: [{ name: "name", label: "Service" }, { name: "state", label: "State", choices: ["open", "closed", "auto"] }, WHERE],
  hits: (values) => {
    return values.state === "auto" ? "The breaker decides for itself again." : `On ${everywhere(values) ? "all gateways" : "this gateway"} ${values.state === "open" ? "answer 503 at once" : "are sent to the service whatever happens"}: ${pathsTo(values.name!)}. Last minute: ${model.services[values.name!]?.minute[0] ?? 0} requests.`;
  },
  run: (values, seconds, reason) => ({ method: "PUT", path: `/breakers/${encodeURIComponent(values.name!)}`, body: { state: values.state, reason, everywhere: everywhere(values), ...(values.state !== "auto" && { seconds }) } }),
  undo: (values) => (values.state === "auto" ? undefined : { method: "PUT", path: `/breakers/${encodeURIComponent(values.name!)}`, body: { state: "auto", reason: "undone", everywhere: everywhere(values) } }),
  said: (values) => `Breaker of ${values.name} ${values.state}`,
};

export const logLevel: Action = {
  title: "Log level", lifetime: true,
  fields: [{ name: "level", label: "Level", choices: ["DEBUG", "INFO", "WARN", "ERROR"] }, WHERE],
  hits: (values) => `${everywhere(values) ? "All gateways that share the state log" : "This gateway logs"} ${values.level} and above for the time that is chosen, also after a reload; now ${model.status?.logLevel}. Then it is as configured again.`,
  run: (values, seconds, reason) => ({ method: "PUT", path: "/log-level", body: { level: values.level, seconds, reason, everywhere: everywhere(values) } }),
  undo: (values) => ({ method: "PUT", path: "/log-level", body: { level: "auto", reason: "undone", everywhere: everywhere(values) } }),
  said: (values) => `Log level ${values.level}`,
};

export interface Numbers { requests: number; windowMs: number; blockMs: number; enforcement: string; tiers: Record<string, number> }
export const numbers = (of: Numbers) => `${of.requests} requests in ${of.windowMs / 1000} s${of.blockMs ? `, block ${of.blockMs / 1000} s` : ""}${of.enforcement === "on" ? "" : `, ${of.enforcement}`}`;
// What of a policy is to be other: what is left empty stays.
function wanted(values: Values) {
  const body: Record<string, unknown> = {};
  if (values.requests) body.requests = Number(values.requests);
  if (values.window) body.windowMs = Math.round(Number(values.window) * 1000);
  if (values.enforcement && values.enforcement !== "as it is") body.enforcement = values.enforcement;
  return body;
}
const limitPath = (values: Values) => `/limits/${encodeURIComponent(values.policy!)}`;

export const limit: Action = {
  title: "Rate limit", danger: true, lifetime: true,
  fields: [{ name: "policy", label: "Policy" }, { name: "requests", label: "Requests", optional: true }, { name: "window", label: "Window, in seconds", optional: true },
    { name: "enforcement", label: "Enforcement", choices: ["as it is", "on", "dry-run", "off"] }],
  hits: async (values) => {
    const look = await call<{ now: Numbers; configured: Numbers; routes: string[] }>("PUT", limitPath(values), { ...wanted(values), seconds: 60, reason: "a look at what it would hit", dryRun: true });
    const last = look.routes.reduce((sum, path) => sum + (model.routeMinutes[path]?.[0] ?? 0), 0);
    return `On all gateways that share the state: ${numbers(look.now)}, instead of ${numbers(look.configured)}. Counts begin anew.\nIt hits ${look.routes.join(", ") || "no route"}: ${last} requests here in the last minute, ${model.suffering.filter((each) => each.limited).length} callers meet limits now.`;
  },
  run: (values, seconds, reason) => ({ method: "PUT", path: limitPath(values), body: { ...wanted(values), seconds, reason } }),
  undo: (values) => ({ method: "DELETE", path: limitPath(values), body: { reason: "undone" } }),
  said: (values) => `Rate limit ${values.policy} changed`,
};

// By whom, why, and for how long yet.
export const changedOf = (knob: Knob) => `by ${knob.by || "hand"}${knob.reason && `, “${knob.reason}”`}, ${knob.until ? `${span((Date.parse(knob.until) - gatewayNow()) / 1000)} left` : knob.warning ?? "until the next reload"}${knob.everywhere ? ", on all gateways" : ""}`;

export const forget: Action = {
  title: "Let somebody in again",
  fields: [{ name: "kind", label: "What", choices: ["user", "ip", "tenant", "api-key"] }, { name: "who", label: "Address or id" }],
  hits: async (values) => {
    const look = await call<{ limits: { policy: string; remaining: number; requests: number; blocked: boolean; retryAfterSeconds: number }[] }>("GET", `/limits/${values.kind}/${encodeURIComponent(values.who!)}`);
    return look.limits.map((each) => `${each.policy}: ${each.remaining} of ${each.requests} left${each.blocked ? `, blocked for ${each.retryAfterSeconds} s` : ""}`).join("\n") || "No policy counts by that.";
  },
  run: (values, _, reason) => ({ method: "DELETE", path: `/limits/${values.kind}/${encodeURIComponent(values.who!)}`, body: { reason } }),
  said: (values) => `Forgot what limits had counted of ${values.kind} ${values.who}`,
};

export const reload: Action = {
  title: "Read the configuration again", fields: [],
  hits: () => `The file and variables of this gateway are read; a good configuration takes effect at once, a bad one is refused and ${model.status?.configHash} stays. To undo it, put the file back and read it again.`,
  run: (_, __, reason) => ({ method: "POST", path: "/reload", body: { reason } }),
  said: () => "Configuration read",
};

const LIFETIMES: [string, number][] = [["5 minutes", 300], ["15 minutes", 900], ["1 hour", 3600], ["12 hours", 43200], ["7 days", 604800]];

// Two steps: what is to be done, then what that hits.
export function Dialog() {
  const box = useRef<HTMLDialogElement>(null);
  const [values, setValues] = useState<Values>({});
  const [seconds, setSeconds] = useState(3600);
  const [reason, setReason] = useState("");
  const [hits, setHits] = useState<string | null>(null);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const shown = current;
  useEffect(() => {
    if (!shown) return;
    setValues(shown.values); setReason(""); setHits(null); setError(""); setSeconds(3600);
    box.current?.showModal();
  }, [shown]);
  if (!shown) return null;
  const { action } = shown;
  const close = () => { box.current?.close(); };
  const submit = async (event: Event) => {
    event.preventDefault();
    setError("");
    setBusy(true);
    try {
      if (hits === null) {
        setHits(await action.hits(values));
      } else {
        const asked = action.run(values, seconds, reason);
        const answer = await call(asked.method, asked.path, asked.body);
        done.unshift({ time: Date.now(), text: action.said(values), undo: action.undo?.(values, answer) });
        close();
        keep();
      }
    } catch (why) {
      setError(String((why as Error).message));
    }
    setBusy(false);
  };
  const set = (name: string, value: string) => { setValues({ ...values, [name]: value }); setHits(null); };
  return (
    <dialog ref={box} aria-labelledby="action-title" onClose={() => { current = null; changed(); }}>
      <form onSubmit={submit}>
        <h2 id="action-title">{action.title}</h2>
        {action.fields.map((field) => (
          <label class="field" key={field.name}>{field.label}
            {field.choices ? <select name={field.name} value={values[field.name]} onChange={(event) => set(field.name, event.currentTarget.value)}>{field.choices.map((each) => <option key={each}>{each}</option>)}</select>
              : <input name={field.name} required={!field.optional} value={values[field.name] ?? ""} onInput={(event) => set(field.name, event.currentTarget.value)} />}
          </label>
        ))}
        {action.lifetime && <label class="field">For how long<select name="seconds" value={seconds} onChange={(event) => setSeconds(Number(event.currentTarget.value))}>{LIFETIMES.map(([name, value]) => <option key={value} value={value}>{name}</option>)}</select></label>}
        <label class="field">Why (the record shows it)<input name="reason" required maxLength={200} value={reason} onInput={(event) => setReason(event.currentTarget.value)} /></label>
        {hits !== null && <div role="status"><h3>This is what it does</h3><pre class="hits">{hits}</pre></div>}
        <p role="alert" class="error">{error}</p>
        <div class="row">
          <button class={hits === null ? "main" : action.danger ? "danger" : "main"} disabled={busy} data-step={hits === null ? "look" : "do"}>{hits === null ? "Show what it hits" : `Do it: ${action.title.toLowerCase()}`}</button>
          <button type="button" onClick={close}>Cancel</button>
        </div>
      </form>
    </dialog>
  );
}

// A button that a viewer sees and cannot press.
export function Do({ action, values, children }: { action: Action; values?: Values; children: string }) {
  const may = model.role === "operator" && model.link === "live";
  return <button class={action.danger ? "danger" : ""} disabled={!may} title={may ? undefined : "This needs the operator's token"} onClick={() => open(action, values)}>{children}</button>;
}

export function Actions() {
  const [error, setError] = useState("");
  const service = Object.keys(model.services)[0] ?? "";
  return (
    <section class="card" id="act" aria-labelledby="act-title">
      <h2 id="act-title">What can be done now</h2>
      <div class="row">
        <Do action={ban}>Ban…</Do><Do action={revoke}>Revoke tokens…</Do><Do action={contain}>Contain a breach…</Do><Do action={maintenance}>Maintenance…</Do><Do action={serviceMaintenance} values={{ service }}>Maintenance of a service…</Do>
        <Do action={breaker} values={{ name: service }}>Circuit breaker…</Do><Do action={limit} values={{ policy: "general" }}>Rate limit…</Do><Do action={logLevel}>Log level…</Do><Do action={reload}>Reload…</Do>
        {model.role === "viewer" && <span class="soft">A viewer looks; acting needs the operator's token.</span>}
      </div>
      {!!done.length && <><h3>Done from this tab</h3><ul class="list" data-done>{done.slice(0, 8).map((item) => (
        <li key={item.time + item.text}><span class="soft">{clock(item.time)}</span> {item.text} {item.undo && !item.undone
          && <button disabled={model.role !== "operator"} aria-label={`Undo: ${item.text}`} onClick={() => undo(item).then(() => setError(""), (why) => setError(why.message))}>Undo</button>}{item.undone && <span class="soft">undone</span>}</li>
      ))}</ul></>}
      <p role="alert" class="error">{error}</p>
    </section>
  );
}
