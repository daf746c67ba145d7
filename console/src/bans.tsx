// Who is banned and whose tokens are revoked, why, for how long yet; read anew when the gateway says
// that something changed.
import { useEffect, useState } from "preact/hooks";
import { ban, Do, done, revoke } from "./actions";
import { call } from "./api";
import { changed, gatewayNow, model } from "./model";
import { Badge, Card, Scroll } from "./parts";
import { span } from "./verdict";

interface Ban { key: string; reason: string; by: string; since: string | null; until: string | null; byHand: boolean; usersLastHour?: number; warning?: string }
interface Revocation { key: string; issuedUntil: string | null; until: string | null }

const left = (until: string | null) => (until ? span((Date.parse(until) - gatewayNow()) / 1000) : "no end");
const parts = (key: string) => { const [, kind, ...rest] = key.split(":"); return { kind: kind!, who: rest.join(":") }; };

// Revocations keep no reason; the record of who asked for them does.
function reasonOf(key: string) {
  const { kind, who } = parts(key);
  const event = model.events.findLast((each) => each.kind === "admin" && each.resource.endsWith("/revocations") && each.detail.includes(`"kind":"${kind}"`) && (kind === "all" || each.detail.includes(`"who":${JSON.stringify(who)}`)));
  try { return event ? `${JSON.parse(event.detail).reason ?? ""} (${event.user})` : ""; } catch { return ""; }
}

export function Bans() {
  const [bans, setBans] = useState<{ bans: Ban[]; total: number }>({ bans: [], total: 0 });
  const [revocations, setRevocations] = useState<{ revocations: Revocation[]; total: number }>({ revocations: [], total: 0 });
  const [text, setText] = useState("");
  const [error, setError] = useState("");
  const version = model.status?.knownVersion;
  useEffect(() => {
    if (model.link !== "live") return;
    let late = false;
    Promise.all([call<typeof bans>("GET", "/bans"), call<typeof revocations>("GET", "/revocations")])
      .then(([one, two]) => { if (!late) { setBans(one); setRevocations(two); } }, () => {});
    return () => { late = true; };
  }, [version, model.link]);
  const lift = async (path: string, what: string) => {
    try {
      await call("DELETE", path);
      for (const item of done) if (item.undo?.path === path) item.undone = true;
      setError("");
      changed();
    } catch (why) { setError(`${what}: ${(why as Error).message}`); }
  };
  const may = model.role === "operator";
  const wanted = text.toLowerCase();
  const rows = bans.bans.filter((each) => (each.key + each.reason + each.by).toLowerCase().includes(wanted));
  const tokens = revocations.revocations.filter((each) => each.key.toLowerCase().includes(wanted));
  return (
    <Card id="bans" title="Bans and revocations">
      <div class="row"><label>Filter<input type="search" value={text} onInput={(event) => setText(event.currentTarget.value)} /></label><Do action={ban}>Ban…</Do><Do action={revoke}>Revoke tokens…</Do><span class="soft">{bans.total} bans, {revocations.total} revocations</span></div>
      <p role="alert" class="error">{error}</p>
      <Scroll label="Bans and revocations">
        <table>
          <thead><tr><th>Who</th><th>Effect</th><th>Why</th><th>By</th><th class="number">Ends in</th><th class="number">Users, last hour</th><th><span class="hidden">Action</span></th></tr></thead>
          <tbody>
            {rows.map((each) => {
              const { kind, who } = parts(each.key);
              return <tr key={each.key} data-ban={each.key}><td class="mono">{kind} {who}</td><td><Badge level="bad">403</Badge></td><td>{each.reason}{each.warning && <div class="watch">{each.warning}</div>}</td><td>{each.byHand ? "by hand" : each.by}</td><td class="number">{left(each.until)}</td><td class="number">{each.usersLastHour ?? ""}</td>
                <td><button disabled={!may} aria-label={`Lift the ban of ${kind} ${who}`} onClick={() => lift(`/bans/${kind}/${encodeURIComponent(who)}`, each.key)}>Lift</button></td></tr>;
            })}
            {tokens.map((each) => {
              const { kind, who } = parts(each.key);
              return <tr key={each.key} data-revocation={each.key}><td class="mono">{kind} {who}</td><td><Badge level="watch">401</Badge> {each.issuedUntil && <span class="soft">issued until {new Date(each.issuedUntil).toLocaleTimeString([], { hour12: false })}</span>}</td><td>{reasonOf(each.key)}</td><td /><td class="number">{left(each.until)}</td><td />
                <td><button disabled={!may} aria-label={`Lift the revocation of ${kind} ${who}`} onClick={() => lift(kind === "all" ? "/revocations/all/all" : `/revocations/${kind}/${encodeURIComponent(who)}`, each.key)}>Lift</button></td></tr>;
            })}
          </tbody>
        </table>
      </Scroll>
    </Card>
  );
}
