// What the page knows of the gateway: told whole by `hello`, then once a second by `tick`.
import { listen, Refused, session } from "./api";

// requests, errors, refused, retries, in progress, p50, p95, p99 (microseconds)
export type Point = [number, number, number, number, number, number, number, number];
// requests, errors, refused, retries, p50, p95, p99, of the last minute
export type Minute = [number, number, number, number, number, number, number];
export interface Scale {
  ends: number[];
  seconds: number[];
  all: Point[];
  services: Record<string, Point[]>;
  counts: Record<string, number[]>;
}
interface Step { end: number; seconds: number; all: Point; services: Record<string, Point>; counts: Record<string, number> }
export interface Breaker {
  state: "CLOSED" | "OPEN" | "HALF_OPEN";
  forced: boolean;
  why: string;
  rejects: number;
  forSeconds: number | null;
  nextTrySeconds: number | null;
}
export interface Service {
  breaker: Breaker | null;
  endpoints: { endpoint: string; well: boolean }[];
  minute: Minute;
  active: number;
  idle: number;
  waiting: number;
}
export interface SecurityEvent {
  n: number; time: number; kind: string; user: string; tenant: string; address: string;
  resource: string; decision: string; status: number; detail: string; requestId: string;
}
export interface Sufferer { tenant: string; user: string; address: string; limited: number; failed: number }
export interface Reload { time: number; taken: boolean; cause: string; hash: string; generation: number; mistake: string; changes: string[] }
export interface Route { name: string; path: string; service: string; stages: string[] }
export interface Knob { knob: string; value: string; by: string; reason: string; until: string | null; secondsLeft: number | null; everywhere: boolean; warning?: string }
export interface Status {
  instance: string; region: string; version: string; uptimeSeconds: number; draining: boolean;
  configHash: string; configGeneration: number; workers: number; connections: number; connectionsMax: number;
  state: { backend: string; available: boolean };
  maintenance: string; maintenanceEnd: number | null; banner: string;
  // By service; left out when there is none, an end when somebody has to end it.
  maintenanceServices?: Record<string, string>; maintenanceServiceEnds?: Record<string, number>;
  bans: number; revocations: number; knownVersion: number;
  authentication: { cause: string; line: string };
  logLinesDropped: number; logLevel: string; residentBytes: number;
  crowded: { service: string; tenant: string; requests: number }[];
  knobs: Knob[];
}
export interface Model {
  link: "off" | "connecting" | "live" | "lost";
  error: string;
  role: "viewer" | "operator";
  person: string;       // whom the token of an issuer names; else ""
  tick: number;
  fine: Scale;
  coarse: Scale;
  minute: Minute;
  routes: Route[];
  stages: string[];     // all there are, in their order: of a request that has no route
  services: Record<string, Service>;
  routeMinutes: Record<string, Minute>;
  status: Status | null;
  events: SecurityEvent[];
  reloads: Reload[];
  suffering: Sufferer[];
  skew: number;         // by how much this machine's clock is ahead of the gateway's
  maintained: number;   // when there was maintenance last
}

const FINE = 300, COARSE = 360, EVENTS = 500;
const NOTHING: Point = [0, 0, 0, 0, 0, 0, 0, 0];
const scale = (): Scale => ({ ends: [], seconds: [], all: [], services: {}, counts: {} });

export const model: Model = {
  link: "off", error: "", role: "viewer", person: "", tick: 0, fine: scale(), coarse: scale(),
  minute: [0, 0, 0, 0, 0, 0, 0], routes: [], stages: [], services: {}, routeMinutes: {}, status: null, events: [], reloads: [], suffering: [], skew: 0, maintained: 0,
};

// By the gateway's clock.
export const gatewayNow = () => Date.now() - model.skew;

// Services whose routes are closed, each with its mode.
export const closed = () => Object.entries(model.status?.maintenanceServices ?? {});

export const callerName = (each: Sufferer) => [each.user && `user ${each.user}`, each.tenant && `tenant ${each.tenant}`, each.address].filter(Boolean).join(", ");

let told: (() => void)[] = [];
export function onChange(run: () => void) {
  told.push(run);
  return () => { told = told.filter((each) => each !== run); };
}
export function changed() { for (const run of told) run(); }

function padded<T>(items: T[], length: number, nothing: T): T[] {
  return items.length >= length ? items.slice(-length) : [...Array<T>(length - items.length).fill(nothing), ...items];
}

// Series that began later get the steps that they missed.
function whole(told: Scale): Scale {
  const length = told.ends.length;
  for (const name of Object.keys(told.services)) told.services[name] = padded(told.services[name]!, length, NOTHING);
  for (const name of Object.keys(told.counts)) told.counts[name] = padded(told.counts[name]!, length, 0);
  return told;
}

function append(to: Scale, step: Step, most: number) {
  const drop = to.ends.length >= most;
  const push = <T>(list: T[], item: T) => { list.push(item); if (drop) list.shift(); };
  push(to.ends, step.end);
  push(to.seconds, step.seconds);
  push(to.all, step.all);
  for (const name of new Set([...Object.keys(to.services), ...Object.keys(step.services)])) {
    to.services[name] ??= Array<Point>(to.ends.length - 1 + (drop ? 1 : 0)).fill(NOTHING);
    push(to.services[name]!, step.services[name] ?? NOTHING);
  }
  for (const name of new Set([...Object.keys(to.counts), ...Object.keys(step.counts)])) {
    to.counts[name] ??= Array<number>(to.ends.length - 1 + (drop ? 1 : 0)).fill(0);
    push(to.counts[name]!, step.counts[name] ?? 0);
  }
}

function addEvents(events: SecurityEvent[]) {
  const last = model.events.at(-1)?.n ?? -1;
  model.events = [...model.events, ...events.filter((event) => event.n > last)].slice(-EVENTS);
}

function take(event: string, data: any) {
  if (event === "hello") {
    Object.assign(model, {
      link: "live", error: "", role: data.role, person: data.person, tick: data.tick, routes: data.routes, stages: data.stages, status: data.status,
      fine: whole(data.history.fine), coarse: whole(data.history.coarse), events: data.events, reloads: data.reloads,
    });
  } else if (event === "tick") {
    if (data.tick !== model.tick + 1 && model.tick !== 0) throw new Error("steps were missed");
    Object.assign(model, {
      tick: data.tick, status: data.status, minute: data.minute, services: data.serviceFacts,
      routeMinutes: data.routeMinutes, reloads: data.reloads, suffering: data.suffering,
    });
    model.skew = Date.now() - data.end;
    if (data.status.maintenance !== "off" || data.status.maintenanceServices) model.maintained = gatewayNow();
    if (data.routes) model.routes = data.routes;
    append(model.fine, data, FINE);
    if (data.coarse) append(model.coarse, data.coarse, COARSE);
    addEvents(data.events);
  }
  if (!document.hidden) changed();
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) changed(); });

let ending: AbortController | null = null;

// Listens until leave(), and begins again when the gateway has gone away for a while.
export async function join() {
  const mine = (ending = new AbortController());
  model.link = "connecting";
  while (ending === mine) {
    try {
      await listen("/live", mine.signal, take);
    } catch (why) {
      if (mine.signal.aborted) return;
      if (why instanceof Refused && why.status < 500) {
        leave(why.status === 404 ? "The admin API is off: the gateway has no ADMIN_TOKEN." : why.message.includes("issuer") ? `This token is not accepted: ${why.message}.` : "This token is not accepted.");
        return;
      }
      model.error = why instanceof Refused ? why.message : "";
    }
    if (ending !== mine) return;
    model.link = "lost";
    changed();
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

export function leave(why = "") {
  ending?.abort();
  ending = null;
  session.end();
  Object.assign(model, { link: "off", error: why });
  changed();
}

// Sums of the last so many seconds.
export function recent(points: Point[], seconds: number) {
  const sum = { requests: 0, errors: 0, refused: 0, retries: 0 };
  for (const point of points.slice(-seconds)) {
    sum.requests += point[0];
    sum.errors += point[1];
    sum.refused += point[2];
    sum.retries += point[3];
  }
  return sum;
}
export function counted(name: string, seconds: number) {
  return (model.fine.counts[name] ?? []).slice(-seconds).reduce((a, b) => a + b, 0);
}
// Names behind a prefix and how often each was counted, the most first.
export function countedUnder(prefix: string, seconds: number): [string, number][] {
  return Object.keys(model.fine.counts).filter((name) => name.startsWith(prefix))
    .map((name): [string, number] => [name.slice(prefix.length), counted(name, seconds)])
    .sort((a, b) => b[1] - a[1]);
}
