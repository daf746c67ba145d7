import { render } from "preact";
import { useEffect, useReducer, useState } from "preact/hooks";
import { Actions, Dialog } from "./actions";
import { session } from "./api";
import { Bans } from "./bans";
import { changed, join, leave, model, onChange } from "./model";
import { Overview } from "./overview";
import { Configuration, Authentication, Limits } from "./panels";
import { RouteMap, Routes, Services } from "./services";
import { RunbookPage } from "./runbook";
import { Security } from "./security";
import { Tail } from "./tail";
import "./style.css";

function SignIn() {
  const [token, setToken] = useState("");
  const [name, setName] = useState(session.name);
  return (
    <main class="sign-in card">
      <h1>API gateway console</h1>
      <form class="field" onSubmit={(event) => { event.preventDefault(); session.begin(token, name); void join(); changed(); }}>
        <label class="field">Admin token, or a token of your own from the issuer
          <input type="password" name="token" autocomplete="current-password" required value={token} autofocus
            onInput={(event) => setToken(event.currentTarget.value)} />
        </label>
        <label class="field">Your name, for the record
          <input name="name" autocomplete="username" maxLength={60} value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <button class="main">Sign in</button>
        <p role="alert" class="error">{model.error}</p>
        <p class="soft">The token stays in this tab. A viewer's token looks; an operator's also acts. With a token of your own the record has its name, whatever stands above.</p>
      </form>
    </main>
  );
}

function themeNow() { return localStorage.getItem("theme") ?? ""; }
function setTheme(theme: string) {
  if (theme) document.documentElement.dataset.theme = theme; else delete document.documentElement.dataset.theme;
  localStorage.setItem("theme", theme);
}

const SECTIONS = ["Now", "Services", "Routes", "Security", "Bans", "Lines", "Authentication", "Limits", "Configuration"];

function Bar() {
  const status = model.status;
  const [theme, choose] = useState(themeNow());
  return (
    <header class="bar">
      <h1>API gateway</h1>
      <span class="soft">{status?.instance}{status?.region && `, ${status.region}`} · {status?.version}</span>
      <span class={`badge ${model.link === "live" ? "good" : "bad"}`} role="status">{model.link === "live" ? "live" : model.link}</span>
      <nav aria-label="Sections" class="room"><ul>{SECTIONS.map((name) => <li key={name}><a href={`#${name.toLowerCase()}`}>{name}</a></li>)}</ul></nav>
      <label class="soft">Theme{" "}
        <select value={theme} onChange={(event) => { setTheme(event.currentTarget.value); choose(event.currentTarget.value); changed(); }}>
          <option value="">as the system</option><option value="light">light</option><option value="dark">dark</option>
        </select>
      </label>
      <span class="badge plain">{(model.person || session.name) && `${model.person || session.name}, `}{model.role}</span>
      <button onClick={() => leave()}>Sign out</button>
    </header>
  );
}

function App() {
  const [, redraw] = useReducer<number, void>((n) => n + 1, 0);
  useEffect(() => onChange(() => redraw()), []);
  useEffect(() => { if (session.token) void join(); }, []);
  if (model.link === "off" && !session.token) return <SignIn />;
  return (
    <>
      <a class="skip" href="#now">Skip to the overview</a>
      <Bar />
      <main class={model.link === "lost" ? "stale" : ""}>
        <Overview act={<Actions />} />
        <Services />
        <RouteMap />
        <Routes />
        <Security />
        <Bans />
        <Tail />
        <Authentication />
        <Limits />
        <Configuration />
      </main>
      <Dialog />
      <RunbookPage />
    </>
  );
}

setTheme(themeNow());
render(<App />, document.getElementById("app")!);
