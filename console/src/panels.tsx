import { useEffect, useState } from "preact/hooks";
import { ban, changedOf, Do, forget, limit, logLevel, maintenance, numbers, reload, serviceMaintenance, type Numbers } from "./actions";
import { call } from "./api";
import { callerName, closed, counted, countedUnder, gatewayNow, model } from "./model";
import { Badge, Card, Scroll } from "./parts";
import { when } from "./security";
import { percent, span } from "./verdict";

function Counts({ label, of }: { label: string; of: [string, number][] }) {
  const shown = of.filter(([, count]) => count > 0);
  if (!shown.length) return <p class="soft">None in five minutes.</p>;
  return <table><thead><tr><th>{label}</th><th class="number">5 minutes</th></tr></thead><tbody>{shown.map(([name, count]) => <tr key={name}><td>{name.replaceAll("_", " ")}</td><td class="number">{count}</td></tr>)}</tbody></table>;
}

export function Authentication() {
  const diagnosis = model.status?.authentication;
  return (
    <Card id="authentication" title="Authentication" width="half">
      <p data-diagnosis={diagnosis?.cause}>{diagnosis && diagnosis.cause !== "quiet" && <Badge level="watch">{diagnosis.cause.replaceAll("_", " ")}</Badge>} {diagnosis?.line}</p>
      <dl class="tiles">{(["success", "failure", "expired"] as const).map((name) => <div class="tile" key={name} data-auth={name}><dt>{name}, 5 min</dt><dd>{counted(`auth.${name}`, 300)}</dd></div>)}</dl>
      <Counts label="Tokens refused, by cause" of={countedUnder("token.", 300)} />
    </Card>
  );
}

interface Policy extends Numbers { name: string; mode: string; routes: string[]; configured: Numbers | null; top: { who: string; refused: number; remaining: number | null; blockedSeconds: number | null }[] }

// The policies as they are now; asked again when a knob has changed, and from time to time, for who meets them changes.
function Policies() {
  const [policies, setPolicies] = useState<Policy[]>([]);
  const knobs = model.status?.knobs ?? [];
  const version = JSON.stringify(knobs.map((each) => [each.knob, each.value, each.until]));
  useEffect(() => {
    if (model.link !== "live") return;
    let late = false;
    const ask = () => { if (!document.hidden) call<{ policies: Policy[] }>("GET", "/limits").then((found) => { if (!late) setPolicies(found.policies); }, () => {}); };
    ask();
    const again = setInterval(ask, 10000);
    return () => { late = true; clearInterval(again); };
  }, [version, model.link]);
  return (
    <Scroll label="Policies">
      <table>
        <thead><tr><th>Policy</th><th>Now</th><th>Changed for a time</th><th>Who meets it</th><th><span class="hidden">Action</span></th></tr></thead>
        <tbody>{policies.map((each) => {
          const knob = knobs.find((one) => one.knob === `limit:${each.name}`);
          return <tr key={each.name} data-policy={each.name}><td class="mono">{each.name}</td><td>{numbers(each)}</td><td>{knob && changedOf(knob)}{each.configured && <div class="soft">configured: {numbers(each.configured)}</div>}</td>
            <td>{each.top.slice(0, 3).map((one) => <div key={one.who}>{one.who}: {one.refused}{one.blockedSeconds ? `, blocked for ${one.blockedSeconds} s` : ""}</div>)}</td>
            <td><Do action={limit} values={{ policy: each.name }}>{`Change ${each.name}…`}</Do></td></tr>;
        })}</tbody>
      </table>
    </Scroll>
  );
}

// Settings that are not as they are configured, in all.
function Knobs() {
  const knobs = model.status?.knobs ?? [];
  if (!knobs.length) return <p class="soft">Nothing is changed for a time.</p>;
  return <ul class="list" data-knobs>{knobs.map((each) => <li key={each.knob}><span class="mono">{each.knob}</span>: {each.value}; {changedOf(each)}</li>)}</ul>;
}

// How long something lasts that ends by itself.
const ends = (time: number | null | undefined) => (time ? `, ends in ${span((time - gatewayNow()) / 1000)}` : "");

function Closed() {
  return <ul class="list" data-closed>{closed().map(([name, mode]) => (
    <li key={name}>Maintenance of {name}: {mode}{ends(model.status?.maintenanceServiceEnds?.[name])} <Do action={serviceMaintenance} values={{ service: name, mode: "off" }}>{`End maintenance of ${name}…`}</Do></li>
  ))}</ul>;
}

export function Limits() {
  const limited = model.suffering.filter((each) => each.limited).sort((a, b) => b.limited - a.limited).slice(0, 8);
  return (
    <Card id="limits" title="Limits">
      <Policies />
      <div class="row"><Do action={forget}>Let somebody in again…</Do></div>
      <Counts label="Refused by policy" of={countedUnder("limit.", 300)} />
      <h3>Who hits them, last two minutes</h3>
      {limited.length ? <ul class="list" data-limited>{limited.map((each) => <li key={each.tenant + each.user + each.address}>{callerName(each)}: {each.limited} <Do action={ban} values={{ kind: "ip", who: each.address }}>Ban…</Do></li>)}</ul> : <p class="soft">Nobody.</p>}
      <h3>Shed for lack of room</h3>
      <Counts label="Service or priority" of={[...countedUnder("shed.", 300), ...countedUnder("priority.", 300)]} />
    </Card>
  );
}

// Which part of the requests failed in the minute before a reload and in the one after it, as far as that is remembered.
function aroundReload(time: number) {
  const share = (from: number, to: number) => {
    const points = model.fine.all.filter((_, at) => model.fine.ends[at]! > from && model.fine.ends[at]! <= to);
    const requests = points.reduce((sum, point) => sum + point[0], 0);
    return requests ? percent(points.reduce((sum, point) => sum + point[1], 0) / requests) : "–";
  };
  return `${share(time - 60000, time)} → ${share(time, time + 60000)}`;
}

export function Configuration() {
  const status = model.status;
  if (!status) return null;
  const facts: [string, string][] = [
    ["Configuration", `${status.configHash}, generation ${status.configGeneration}`],
    ["State backend", `${status.state.backend}, ${status.state.available ? "answers" : "does not answer"}`],
    ["Maintenance", status.maintenance + ends(status.maintenanceEnd)],
    ["Bans, revocations", `${status.bans}, ${status.revocations}`],
    ["Workers", String(status.workers)],
    ["Connections", `${status.connections} of ${status.connectionsMax}`],
    ["Memory", `${Math.round(status.residentBytes / 2 ** 20)} MiB`],
    ["Log level", `${status.logLevel}; ${status.logLinesDropped} lines dropped`],
  ];
  return (
    <Card id="configuration" title="Configuration and state">
      <dl class="tiles">{facts.map(([name, value]) => <div class="tile" key={name}><dt>{name}</dt><dd class="small">{value}</dd></div>)}</dl>
      <div class="row"><Do action={reload}>Reload…</Do><Do action={maintenance}>Maintenance…</Do><Do action={serviceMaintenance}>Maintenance of a service…</Do><Do action={logLevel}>Log level…</Do></div>
      {!!closed().length && <Closed />}
      <h3>Changed for a time</h3>
      <Knobs />
      <h3>Last reloads</h3>
      {model.reloads.length ? <Scroll label="Reloads"><table><thead><tr><th>Time</th><th>Result</th><th>Cause</th><th>Configuration</th><th>Errors, minute before → after</th><th>What changed, or the mistake</th></tr></thead><tbody>{[...model.reloads].reverse().map((each) => (
        <tr key={each.time}><td class="time">{when(each.time)}</td><td><Badge level={each.taken ? "good" : "bad"}>{each.taken ? "taken" : "refused"}</Badge></td><td>{each.cause}</td><td class="mono">{each.hash} ({each.generation})</td><td data-around>{aroundReload(each.time)}</td><td>{each.mistake || (each.changes.length ? <pre>{each.changes.join("\n")}</pre> : "nothing")}</td></tr>
      ))}</tbody></table></Scroll> : <p class="soft">None since the start.</p>}
    </Card>
  );
}
