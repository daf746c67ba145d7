// Is it us or a service behind us, who is hurt, what is abnormal: reckoned from the model alone.
import { closed, counted, countedUnder, gatewayNow, model, recent, type Minute, type Service } from "./model";

export type Level = "good" | "watch" | "bad";
export interface Verdict { level: Level; title: string; detail: string }
export interface Finding { level: Level; text: string; runbook: string; service?: string }

const ratio = (part: number, of: number) => (of > 0 ? part / of : 0);
export const percent = (share: number) => `${(share * 100).toFixed(share < 0.1 && share > 0 ? 1 : 0)} %`;
export const rate = (value: number) => (value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value > 0 ? value.toFixed(2) : "0");
export function duration(micros: number) {
  if (!micros) return "–";
  return micros < 1e3 ? `${micros.toFixed(0)} µs` : micros < 1e6 ? `${(micros / 1e3).toFixed(micros < 1e4 ? 1 : 0)} ms` : `${(micros / 1e6).toFixed(1)} s`;
}
export function span(seconds: number) {
  const s = Math.max(0, Math.round(seconds));
  return s < 90 ? `${s} s` : s < 5400 ? `${Math.round(s / 60)} min` : s < 172800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} d`;
}

export function serviceLevel(name: string, service: Service | undefined): Level {
  const now = recent(model.fine.services[name] ?? [], 10);
  const failing = ratio(now.errors, now.requests);
  if (service?.breaker?.state === "OPEN" || (failing > 0.1 && now.errors >= 2)) return "bad";
  if (service?.endpoints.length && service.endpoints.every((each) => !each.well)) return "bad";
  const slow = (model.fine.services[name]?.at(-1)?.[6] ?? 0) > 2e6;
  if (service?.breaker?.state === "HALF_OPEN" || failing > 0 || slow || service?.endpoints.some((each) => !each.well)) return "watch";
  return "good";
}
export function routeLevel(minute: Minute | undefined): Level {
  if (!minute) return "good";
  const failing = ratio(minute[1], minute[0]);
  return failing > 0.05 && minute[1] >= 2 ? "bad" : failing > 0 || minute[5] > 2e6 ? "watch" : "good";
}

function blamed(): string[] {
  return Object.keys(model.services).filter((name) => serviceLevel(name, model.services[name]) === "bad");
}

export function verdict(): Verdict {
  const now = recent(model.fine.all, 10);
  const failing = ratio(now.errors, now.requests);
  const behind = Object.values(model.fine.services).reduce((sum, points) => sum + recent(points, 10).errors, 0);
  const held = countedUnder("reject.", 10).reduce((sum, [, count]) => sum + count, 0);
  const shed = [...countedUnder("shed.", 10), ...countedUnder("priority.", 10)].reduce((sum, [, count]) => sum + count, 0);
  const open = Object.entries(model.services).filter(([, service]) => service.breaker?.state === "OPEN").map(([name]) => name);
  const names = blamed();
  if (model.link !== "live" && model.error) return { level: "watch", title: "Not connected", detail: `${model.error}. It is tried again.` };
  if (model.link === "connecting") return { level: "watch", title: "Connecting", detail: "" };
  if (model.link !== "live") return { level: "bad", title: "The gateway does not answer", detail: "What is shown is as it was last known. Runbook: APIGatewayDown." };
  if (model.status?.draining) return { level: "watch", title: "The gateway is stopping", detail: "It drains its connections." };
  if (model.status && model.status.maintenance !== "off") {
    return { level: "watch", title: `Maintenance: ${model.status.maintenance}`, detail: `Requests are turned away because somebody said so. ${model.status.banner}` };
  }
  if (failing > 0.05 && now.errors >= 2) {
    const share = `${percent(failing)} of requests fail.`;
    if (!closed().length && gatewayNow() - model.maintained < 11e3) return { level: "watch", title: "Maintenance has just ended", detail: `${share} It may be what it turned away.` };
    if (shed >= now.errors / 2) return { level: "bad", title: "It is us: there is too little room", detail: `${share} Requests wait for their turn in vain, or memory runs short.` };
    if (behind + held >= now.errors / 2 || open.length) {
      const who = names.length ? names : [worstService()];
      return { level: "bad", title: `It is a service behind us: ${who.join(", ")}`, detail: `${share} The gateway itself is well.` };
    }
    // What nobody else failed is what a closed service turns away.
    if (closed().length) return { ...shut(), detail: `${share} ${shut().detail}` };
    return { level: "bad", title: "It is us", detail: `${share} No service behind us failed.` };
  }
  if (names.length) return { level: "watch", title: `A service behind us is unwell: ${names.join(", ")}`, detail: "Most requests still succeed." };
  if (closed().length) return shut();
  const slow = model.fine.all.at(-1)?.[6] ?? 0;
  if (slow > 2e6) return { level: "watch", title: "Answers are slow", detail: `The slowest twentieth take longer than ${duration(slow)}.` };
  if (!now.requests) return { level: "good", title: "All is well; nobody asks", detail: "No request in the last ten seconds." };
  return { level: "good", title: "All is well", detail: failing ? `${percent(failing)} of requests fail.` : "Every request of the last ten seconds was served or rightly refused." };
}

const shut = (): Verdict => ({ level: "watch", title: `Maintenance of ${closed().map(([name, mode]) => `${name}: ${mode}`).join(", ")}`, detail: "Requests to it are turned away because somebody said so." });

function worstService(): string {
  return Object.entries(model.fine.services).map(([name, points]) => ({ name, errors: recent(points, 10).errors + counted(`reject.${name}`, 10) }))
    .sort((a, b) => b.errors - a.errors)[0]?.name ?? "";
}

// What is abnormal now, each with the page that says what to do.
export function findings(): Finding[] {
  const found: Finding[] = [];
  const add = (level: Level, runbook: string, text: string, service?: string) => found.push({ level, runbook, text, service });
  if (model.link === "lost" && !model.error) add("bad", "APIGatewayDown", "The gateway does not answer.");
  const all = recent(model.fine.all, 60);
  if (ratio(all.errors, all.requests) > 0.05 && all.errors >= 3) {
    add("bad", "APIGatewayHighErrorRate", `${percent(ratio(all.errors, all.requests))} of requests failed in the last minute.`);
  }
  if (model.minute[5] > 2e6) add("watch", "APIGatewayHighLatency", `The 95th percentile is ${duration(model.minute[5])}.`);
  for (const [name, service] of Object.entries(model.services)) {
    const [requests, errors, , , , p95] = service.minute;
    if (service.breaker?.state === "OPEN") add("bad", "CircuitBreakerOpen", `${name}: breaker open${service.breaker.forced ? ", forced" : ""}. ${service.breaker.why}`, name);
    if (ratio(errors, requests) > 0.1 && errors >= 3) add("watch", "DownstreamHighErrorRate", `${name}: ${percent(ratio(errors, requests))} of its answers are failures.`, name);
    if (p95 > 2e6) add("watch", "DownstreamHighLatency", `${name}: the 95th percentile is ${duration(p95)}.`, name);
    const ill = service.endpoints.filter((each) => !each.well).length;
    if (ill) add("watch", "DownstreamHighErrorRate", `${name}: ${ill} of ${service.endpoints.length} endpoints left out.`, name);
  }
  const violations = countedUnder("violation.", 300).filter(([, count]) => count > 0);
  if (violations.length) add("bad", "SecurityViolationDetected", `Security violations in five minutes: ${violations.map(([name, count]) => `${name.replaceAll("_", " ")} ${count}`).join(", ")}.`);
  const crossed = counted("tenant.blocked", 300);
  if (crossed) add("bad", "CrossTenantAccessAttempt", `${crossed} cross-tenant attempt${crossed > 1 ? "s" : ""} in five minutes, blocked.`);
  const failed = counted("auth.failure", 60) + counted("auth.expired", 60);
  if (failed >= 10 && ratio(failed, failed + counted("auth.success", 60)) > 0.1) {
    add("watch", "HighAuthenticationFailureRate", `${failed} failed authentications in a minute. ${model.status?.authentication.line ?? ""}`);
  }
  const limited = countedUnder("limit.", 60).reduce((sum, [, count]) => sum + count, 0);
  if (limited >= 10 && ratio(limited, all.requests) > 0.1) add("watch", "RateLimitingHigh", `${limited} requests over a limit in the last minute.`);
  if (model.status && !model.status.state.available) add("bad", "StateBackendDown", `The state backend (${model.status.state.backend}) does not answer.`);
  const refused = model.reloads.filter((each) => !each.taken && gatewayNow() - each.time < 900e3).at(-1);
  if (refused) add("watch", "ConfigReloadRefused", `A configuration was refused: ${refused.mistake}`);
  if (model.status?.logLinesDropped) add("watch", "LogLinesDropped", `${model.status.logLinesDropped} log lines were dropped since the start.`);
  if ((model.status?.residentBytes ?? 0) > 400 * 2 ** 20) add("watch", "APIGatewayMemoryHigh", `${Math.round(model.status!.residentBytes / 2 ** 20)} MiB of memory are in use.`);
  return found.sort((a, b) => Number(b.level === "bad") - Number(a.level === "bad"));
}

// Routes that somebody suffers on, the worst first.
export const routeName = (path: string) => (path === "none" ? "no route" : path);
export function hurt() {
  return Object.entries(model.routeMinutes)
    .map(([path, minute]) => ({ path, minute, level: routeLevel(minute), service: model.routes.find((route) => route.path === path)?.service ?? "" }))
    .filter((each) => each.level !== "good")
    .sort((a, b) => b.minute[1] - a.minute[1]);
}

export interface Change { time: number; text: string }
// What changed in the last half hour, the youngest first.
export function changes(): Change[] {
  const since = gatewayNow() - 1800e3;
  const list: Change[] = model.reloads.map((each) => ({
    time: each.time,
    text: each.taken ? `Configuration ${each.hash.slice(0, 8)} in force (generation ${each.generation}, ${each.cause})` : `Configuration refused: ${each.mistake}`,
  }));
  for (const event of model.events) {
    if (event.kind === "knob" && event.decision === "lapsed") list.push({ time: event.time, text: `${event.resource} lapsed: ${event.detail}` });
    if (event.kind === "admin" && event.decision !== "looked") list.push({ time: event.time, text: `${event.user}: ${event.resource} ${event.decision === "done" ? "" : `(${event.decision})`}` });
  }
  for (const [name, service] of Object.entries(model.services)) {
    if (service.breaker?.forSeconds != null && (service.breaker.state !== "CLOSED" || service.breaker.forSeconds < 1800)) {
      list.push({ time: gatewayNow() - service.breaker.forSeconds * 1000, text: `Breaker of ${name} ${service.breaker.state.toLowerCase().replace("_", "-")}${service.breaker.forced ? ", forced" : ""}` });
    }
  }
  if (model.status && model.status.uptimeSeconds < 1800) list.push({ time: gatewayNow() - model.status.uptimeSeconds * 1000, text: `The gateway started, version ${model.status.version}` });
  return list.filter((each) => each.time > since).sort((a, b) => b.time - a.time).slice(0, 12);
}
