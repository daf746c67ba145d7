import { breaker as breakerAction, Do, serviceMaintenance } from "./actions";
import { closed, model, recent } from "./model";
import { Badge, Card, Scroll } from "./parts";
import { duration, percent, rate, routeLevel, routeName, serviceLevel, span } from "./verdict";

const LEVELS = { bad: 0, watch: 1, good: 2 };

export function Services() {
  const rows = Object.entries(model.services).map(([name, service]) => ({ name, service, level: serviceLevel(name, service) }))
    .sort((a, b) => LEVELS[a.level] - LEVELS[b.level] || b.service.minute[0] - a.service.minute[0] || a.name.localeCompare(b.name));
  const modes = Object.fromEntries(closed());
  return (
    <Card id="services" title="Services">
      <Scroll label="Services">
        <table>
          <thead><tr><th>Service</th><th>Health</th><th>Breaker</th><th>Endpoints</th><th class="number">a second</th><th class="number">Errors, 1 min</th><th class="number">p50</th><th class="number">p95</th><th class="number">p99</th><th class="number">Retries</th><th class="number">Connections</th><th class="number">Waiting</th><th><span class="hidden">Action</span></th></tr></thead>
          <tbody>{rows.map(({ name, service, level }) => {
            const ill = service.endpoints.filter((each) => !each.well);
            const breaker = service.breaker;
            const mode = modes[name];
            const [requests, errors, , retries, p50, p95, p99] = service.minute;
            return (
              <tr key={name} data-service={name}>
                <td class="name">{name}{mode && <div><Badge level="watch">maintenance: {mode}</Badge></div>}</td><td><Badge level={level} /></td>
                <td title={breaker?.why} data-breaker={breaker?.state}>{breaker ? <>
                  <Badge level={breaker.state === "CLOSED" ? "good" : breaker.state === "OPEN" ? "bad" : "watch"}>{breaker.state.toLowerCase().replace("_", "-")}{breaker.forced && ", forced"}</Badge>
                  {breaker.state === "OPEN" && <span class="soft"> {breaker.why}{breaker.nextTrySeconds != null && `; tries again in ${span(breaker.nextTrySeconds)}`}; {breaker.rejects} rejected</span>}</> : <span class="soft">not used yet</span>}</td>
                <td>{service.endpoints.length - ill.length} of {service.endpoints.length}{ill.map((each) => <div class="bad mono" key={each.endpoint}>{each.endpoint} left out</div>)}</td>
                <td class="number">{rate(recent(model.fine.services[name] ?? [], 10).requests / 10)}</td>
                <td class="number">{errors ? <span class="bad">{errors} ({percent(errors / requests)})</span> : 0}</td>
                <td class="number">{duration(p50)}</td><td class="number">{duration(p95)}</td><td class="number">{duration(p99)}</td>
                <td class="number">{retries}</td><td class="number">{service.active} + {service.idle} idle</td><td class="number">{service.waiting}</td><td><Do action={breakerAction} values={{ name, state: breaker?.forced ? "auto" : "open" }}>Breaker…</Do> <Do action={serviceMaintenance} values={{ service: name, mode: mode ? "off" : "read-only" }}>Maintenance…</Do></td>
              </tr>
            );
          })}</tbody>
        </table>
      </Scroll>
    </Card>
  );
}

// Routes beside the service that they lead to; what nobody asks for is grey.
export function RouteMap() {
  const names = [...new Set(model.routes.map((route) => route.service))];
  return (
    <Card id="map" title="Map: routes to services">
      <ul class="map">{names.map((name) => {
        const service = model.services[name];
        const level = serviceLevel(name, service);
        const used = (service?.minute[0] ?? 0) > 0 || level !== "good";
        return (
          <li key={name}>
            <ul aria-label={`Routes to ${name}`}>{model.routes.filter((route) => route.service === name).map((route) => {
              const minute = model.routeMinutes[route.path];
              const health = minute ? routeLevel(minute) : "idle";
              return <li class={`node ${health}`} key={route.name} data-route={route.path} title={minute ? `${minute[1]} of ${minute[0]} failed` : "nobody asked in the last minute"}>{route.path}{minute && ` ${rate(minute[0] / 60)}/s`}{health === "bad" && ", failing"}{health === "watch" && ", watch"}</li>;
            })}</ul>
            <span class={`arrow ${used ? level : "idle"}`} aria-hidden="true" />
            <span class={`node ${used ? level : "idle"}`}>{name}{level !== "good" && (level === "bad" ? ", failing" : ", watch")}</span>
          </li>
        );
      })}</ul>
    </Card>
  );
}

export function Routes() {
  const rows = Object.entries(model.routeMinutes).sort((a, b) => b[1][1] - a[1][1] || b[1][0] - a[1][0]);
  return (
    <Card id="routes" title="Routes, the last minute">
      <Scroll label="Routes">
        <table>
          <thead><tr><th>Route</th><th>Health</th><th class="number">Requests</th><th class="number">Errors</th><th class="number">Refused</th><th class="number">p50</th><th class="number">p95</th><th class="number">p99</th></tr></thead>
          <tbody>{rows.map(([path, minute]) => (
            <tr key={path}><td class="mono">{routeName(path)}</td><td><Badge level={routeLevel(minute)} /></td><td class="number">{minute[0]}</td>
              <td class="number">{minute[1] ? <span class="bad">{minute[1]}</span> : 0}</td><td class="number">{minute[2]}</td>
              <td class="number">{duration(minute[4])}</td><td class="number">{duration(minute[5])}</td><td class="number">{duration(minute[6])}</td></tr>
          ))}</tbody>
        </table>
      </Scroll>
    </Card>
  );
}
