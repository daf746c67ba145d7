import { useState } from "preact/hooks";
import { ban, contain, Do } from "./actions";
import { countedUnder, model } from "./model";
import { Badge, Card, Scroll } from "./parts";

export const when = (time: number) => new Date(time).toLocaleString([], { hour12: false, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });

// Events of security, attempts across tenants, and what operators did, the youngest first.
export function Security() {
  const [kind, setKind] = useState("");
  const [text, setText] = useState("");
  const [open, setOpen] = useState<number | null>(null);
  const kinds = [...new Set(model.events.map((event) => event.kind))].sort();
  const wanted = text.toLowerCase();
  const shown = model.events.filter((event) => (!kind || event.kind === kind) && (!wanted || [event.user, event.tenant, event.address, event.resource, event.detail, event.requestId].some((each) => each.toLowerCase().includes(wanted)))).reverse().slice(0, 200);
  return (
    <Card id="security" title="Security">
      <ul class="row" aria-label="Violations in the last five minutes">{countedUnder("violation.", 300).filter(([, count]) => count).map(([name, count]) => <li key={name}><Badge level="bad">{name.replaceAll("_", " ")} {count}</Badge></li>)}
        {countedUnder("tenant.", 300).filter(([, count]) => count).map(([name, count]) => <li key={name}><Badge level={name === "blocked" ? "bad" : "watch"}>cross-tenant {name} {count}</Badge></li>)}</ul>
      <div class="row">
        <label>Kind<select value={kind} onChange={(event) => setKind(event.currentTarget.value)}><option value="">all</option>{kinds.map((each) => <option key={each}>{each}</option>)}</select></label>
        <label>User, tenant, address, path or detail<input type="search" value={text} onInput={(event) => setText(event.currentTarget.value)} /></label>
        <span class="soft">{shown.length} of {model.events.length} remembered</span>
      </div>
      <Scroll label="Timeline of security events">
        <table>
          <thead><tr><th>Time</th><th>Kind</th><th>Decision</th><th>Who</th><th>Address</th><th>What</th><th>Detail</th></tr></thead>
          <tbody>{shown.map((event) => (
            <tr key={event.n} data-event={event.kind}>
              <td class="time"><button class="link" aria-expanded={open === event.n} onClick={() => setOpen(open === event.n ? null : event.n)}>{when(event.time)}</button></td>
              <td>{event.kind.replaceAll("_", " ")}</td><td>{event.decision} {event.status || ""}</td>
              <td>{event.user || <span class="soft">unknown</span>}{open === event.n && <div class="soft">tenant {event.tenant || "none"}</div>}</td>
              <td class="mono">{event.address}</td><td class="mono">{event.resource}</td>
              <td>{event.detail}{open === event.n && event.requestId && <div class="soft mono">request {event.requestId}</div>}{open === event.n && event.kind !== "admin" && <div class="row"><Do action={ban} values={{ kind: "ip", who: event.address }}>Ban the address…</Do>{event.user && <Do action={contain} values={{ users: event.user, addresses: event.address }}>Contain…</Do>}</div>}</td>
            </tr>
          ))}</tbody>
        </table>
      </Scroll>
    </Card>
  );
}
