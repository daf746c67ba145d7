// Lines of the log as they are written, those that fit a filter. Nothing is read until it is begun.
import { useEffect, useRef, useState } from "preact/hooks";
import { listen } from "./api";
import { model } from "./model";
import { Card, Scroll } from "./parts";
import type { Level } from "./verdict";

// What each stage of the route did with a request: those before the one that decided let it pass.
function Why({ raw }: { raw: any }) {
  const [by, reason] = String(raw.outcome ?? "").split(/: (.*)/s) as [string, string | undefined];
  const stages = model.routes.find((route) => route.path === raw.route)?.stages ?? model.stages;
  const at = stages.indexOf(by);
  const served = at < 0;
  const rows: [string, Level, string][] = stages.slice(0, served ? stages.length : at).map((name) => [name, "good", "let it pass"]);
  if (!served) rows.push([by, raw.status >= 500 ? "bad" : raw.status >= 400 ? "watch" : "good", `answered ${raw.status}${reason ? `: ${reason}` : ""}`]);
  if (!served && stages.length > at + 1) rows.push([stages.slice(at + 1).join(", "), "good", "not asked any more"]);
  if (raw.upstream && raw.upstreamMs !== undefined) rows.push([raw.upstream, raw.status >= 500 ? "bad" : "good", `${served ? `answered ${raw.status}` : "was asked"} in ${raw.upstreamMs} ms${served && reason ? `: ${reason}` : ""}`]);
  else if (served) rows.push([by || "gateway", raw.status >= 500 ? "bad" : "watch", `${raw.status}${reason ? `: ${reason}` : ""}`]);
  return <table data-why><thead><tr><th>Stage</th><th>Decision</th></tr></thead><tbody>{rows.map(([name, level, text]) => (
    <tr key={name}><td class="mono">{name}</td><td class={level === "good" ? "" : level}>{text}</td></tr>))}</tbody></table>;
}

interface Line { n: number; raw: any }
const FIELDS = [["address", "Address begins with"], ["user", "User"], ["tenant", "Tenant"], ["route", "Route or path"], ["status", "Status (404, 5xx, error)"], ["text", "Text"]] as const;
const KEPT = 300;

export function Tail() {
  const [filter, setFilter] = useState<Record<string, string>>({ only: "" });
  const [lines, setLines] = useState<Line[]>([]);
  const [skipped, setSkipped] = useState(0);
  const [running, setRunning] = useState("");
  const [error, setError] = useState("");
  const [open, setOpen] = useState(-1);
  const count = useRef(0);
  useEffect(() => {
    if (!running) return;
    const ending = new AbortController();
    let waiting: Line[] = [];
    const show = setInterval(() => {
      if (!waiting.length) return;
      const fresh = waiting.reverse();
      waiting = [];
      setLines((old) => [...fresh, ...old].slice(0, KEPT));
    }, 250);
    listen(`/tail?${running}`, ending.signal, (event, data) => {
      if (event === "line") waiting.push({ n: count.current++, raw: data });
      if (event === "skipped") setSkipped((old) => old + data);
    }).then(() => setRunning(""), (why) => { if (!ending.signal.aborted) { setError(why.message); setRunning(""); } });
    return () => { clearInterval(show); ending.abort(); };
  }, [running]);
  const begin = (event: Event) => {
    event.preventDefault();
    const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value));
    setError("");
    setSkipped(0);
    setRunning(query.toString().replaceAll("+", "%20") || "only=");
  };
  return (
    <Card id="lines" title="Log lines, live">
      <form class="row" onSubmit={begin}>
        <label>Lines<select name="only" value={filter.only} onChange={(event) => setFilter({ ...filter, only: event.currentTarget.value })}><option value="">all</option><option value="requests">requests</option><option value="events">events</option></select></label>
        {FIELDS.map(([name, label]) => <label key={name}>{label}<input name={name} value={filter[name] ?? ""} onInput={(event) => setFilter({ ...filter, [name]: event.currentTarget.value.trim() })} /></label>)}
        <button class="main">{running ? "Begin anew" : "Begin"}</button>
        <button type="button" disabled={!running} onClick={() => setRunning("")}>Stop</button>
        <button type="button" onClick={() => setLines([])}>Clear</button>
        <span class="soft" role="status">{running ? "watching" : "stopped"}{skipped ? `; ${skipped} lines skipped, narrow the filter` : ""}</span>
      </form>
      <p role="alert" class="error">{error}</p>
      <Scroll label="Lines">
        <table>
          <thead><tr><th>Time</th><th>What</th><th>Status</th><th class="number">ms</th><th>Address</th><th>User</th><th>Tenant</th><th>Outcome</th></tr></thead>
          <tbody>{lines.map(({ n, raw }) => (
            <tr key={n} data-line><td class="time"><button class="link" aria-expanded={open === n} onClick={() => setOpen(open === n ? -1 : n)}>{String(raw.time).slice(11, 23)}</button></td>
              <td class="mono">{raw.durationMs === undefined ? `${raw.level} ${raw.msg}` : `${raw.method} ${raw.path}`}{open === n && raw.durationMs !== undefined && <Why raw={raw} />}{open === n && <pre>{JSON.stringify(raw, null, 1)}</pre>}</td>
              <td class={raw.status >= 500 ? "bad" : raw.status >= 400 ? "watch" : ""}>{raw.status}</td><td class="number">{raw.durationMs?.toFixed(1)}</td><td class="mono">{raw.ip}</td><td>{raw.userId}</td><td class="mono">{raw.tenantId ?? raw.sourceTenant}</td><td>{raw.outcome ?? raw.detail ?? raw.reason}</td></tr>
          ))}</tbody>
        </table>
      </Scroll>
    </Card>
  );
}
