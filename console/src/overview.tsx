import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { breaker, Do } from "./actions";
import { Chart } from "./chart";
import { callerName, model, recent } from "./model";
import { Badge, Card, clock } from "./parts";
import { Runbook } from "./runbook";
import { changes, duration, findings, hurt, percent, rate, routeName, span, verdict } from "./verdict";

function Tiles() {
  const last = model.fine.all.at(-1);
  const ten = recent(model.fine.all, 10);
  const seconds = model.fine.seconds.slice(-10).reduce((a, b) => a + b, 0);
  const tiles: [string, string, string][] = [
    ["rate", "requests a second", rate(seconds ? ten.requests / seconds : 0)],
    ["errors", "errors, last 10 s", percent(ten.requests ? ten.errors / ten.requests : 0)],
    ["refused", "refused (4xx), last 10 s", percent(ten.requests ? ten.refused / ten.requests : 0)],
    ["p50", "p50", duration(last?.[5] ?? 0)], ["p95", "p95", duration(last?.[6] ?? 0)], ["p99", "p99", duration(last?.[7] ?? 0)],
    ["in-flight", "in flight", String(last?.[4] ?? 0)],
    ["connections", "connections", `${model.status?.connections ?? 0}`],
    ["uptime", "up", span(model.status?.uptimeSeconds ?? 0)],
  ];
  return <dl class="tiles">{tiles.map(([id, name, value]) => <div class="tile" key={id} data-tile={id}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

function Charts() {
  const [hour, setHour] = useState(false);
  const scale = hour ? model.coarse : model.fine;
  const marks = model.reloads.map((each) => each.time);
  const each = (index: 0 | 1 | 2) => scale.all.map((point, at) => point[index] / (scale.seconds[at] || 1));
  const last = scale.all.at(-1);
  return (
    <>
      <div class="row" role="group" aria-label="Span of the charts">
        <button aria-pressed={!hour} class={hour ? "" : "main"} onClick={() => setHour(false)}>5 minutes</button>
        <button aria-pressed={hour} class={hour ? "main" : ""} onClick={() => setHour(true)}>1 hour</button>
        {marks.length > 0 && <span class="soft">dashed: the configuration was read again</span>}
      </div>
      <div class="charts">
        <Chart name="Requests a second" now={`now ${rate(each(0).at(-1) ?? 0)}`} ends={scale.ends} marks={marks} unit={rate}
          lines={[{ label: "all", color: "--blue", values: each(0) }, { label: "refused", color: "--amber", values: each(2) }, { label: "errors", color: "--red", values: each(1) }]} />
        <Chart name="Latency" now={`now p95 ${duration(last?.[6] ?? 0)}`} ends={scale.ends} marks={marks} unit={(v) => duration(v * 1e6)}
          lines={([["p50", "--grey", 5], ["p95", "--blue", 6], ["p99", "--red", 7]] as const).map(([label, color, index]) => ({ label, color, values: scale.all.map((point) => point[index] / 1e6) }))} />
        <Chart name="In flight" now={`now ${last?.[4] ?? 0}`} ends={scale.ends} marks={marks} unit={(v) => v.toFixed(v < 5 ? 1 : 0)}
          lines={[{ label: "requests", color: "--blue", values: scale.all.map((point) => point[4]) }]} />
      </div>
    </>
  );
}

export function Overview({ act }: { act: ComponentChildren }) {
  const now = verdict();
  const found = findings();
  const sufferers = hurt();
  const changed = changes();
  const failing = model.suffering.filter((each) => each.failed).slice(0, 5);
  return (
    <>
      <section class={`card verdict ${now.level}`} id="now" aria-live="polite" aria-atomic="true" tabIndex={-1}>
        <h2 data-verdict>{now.title}</h2><p>{now.detail}</p>
      </section>
      <Card id="abnormal" title="Abnormal now" width="third">
        {found.length ? <ul class="list">{found.map((each) => (
          <li key={each.runbook + each.text} data-finding={each.runbook}><Badge level={each.level}>{each.level === "bad" ? "act" : "look"}</Badge> {each.text} <Runbook page={each.runbook} /> {each.runbook === "CircuitBreakerOpen" && <Do action={breaker} values={{ name: each.service!, state: "auto" }}>Breaker…</Do>}</li>
        ))}</ul> : <p class="soft">Nothing.</p>}
      </Card>
      <Card id="hurt" title="Who is hurt" width="third">
        {sufferers.length ? <ul class="list">{sufferers.slice(0, 8).map((each) => (
          <li key={each.path}><Badge level={each.level} /> <span class="mono">{routeName(each.path)}</span>{each.service && ` (${each.service})`}: {each.minute[1]} of {each.minute[0]} failed, p95 {duration(each.minute[5])}</li>
        ))}</ul> : <p class="soft">No route, in the last minute.</p>}
        {!!failing.length && <><h3>Callers, last two minutes</h3><ul class="list">{failing.map((each) => (
          <li key={each.tenant + each.user + each.address}>{callerName(each)}: {each.failed} failed</li>))}</ul></>}
        {!!model.status?.crowded.length && <><h3>Tenants that crowd a service</h3><ul class="list">{model.status.crowded.map((each) => (
          <li key={each.service + each.tenant}>{each.tenant || "no tenant"}: {each.requests} requests at {each.service}</li>))}</ul></>}
      </Card>
      <Card id="changed" title="What changed" width="third">
        {changed.length ? <ul class="list">{changed.map((each) => <li key={each.time + each.text}><span class="soft">{clock(each.time)}</span> {each.text}</li>)}</ul>
          : <p class="soft">Nothing in the last half hour.</p>}
      </Card>
      {act}
      <Card id="traffic" title="Traffic"><Tiles /><Charts /></Card>
    </>
  );
}
