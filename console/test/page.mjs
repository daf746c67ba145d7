// The console as operators use it: Debian's Chromium against a real gateway with real clients.
// Started by tests/integration/test_console_page.py, which says where everything is in PLACE.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const place = JSON.parse(process.env.PLACE);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const HOME = `http://127.0.0.1:${place.admin}/`;

// One request to the gateway's public port: its status.
function ask(target, { address, token, method = "GET" } = {}) {
  const headers = { ...(address && { "X-Forwarded-For": address }), ...(token && { Authorization: `Bearer ${token}` }) };
  return new Promise((resolve) => {
    const request = http.request({ port: place.port, path: target, method, headers, agent: false }, (answer) => { answer.resume(); answer.on("end", () => resolve(answer.statusCode)); answer.on("error", () => resolve(0)); });
    request.on("error", () => resolve(0));
    request.end();
  });
}
async function until(what, condition, ms = 4000) {
  const end = Date.now() + ms;
  for (;;) {
    if (await condition()) return;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

let failed = 0;
let passed = 0;
async function test(name, run) {
  try {
    await run();
    passed++;
    console.log(`ok     ${name}`);
  } catch (why) {
    failed++;
    console.log(`FAILED ${name}\n    ${String(why.stack ?? why).replaceAll("\n", "\n    ")}`);
    await page?.keyboard.press("Escape").catch(() => {});
  }
}

const browser = await chromium.launch({ executablePath: place.browser, args: ["--no-sandbox"] });
const complaints = [];
let page;
async function signedIn(token, name = "ana") {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light", reducedMotion: "reduce" });
  page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => { if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) complaints.push(message.text()); });
  page.on("request", (request) => { if (!request.url().startsWith(HOME) || request.url().includes(token)) complaints.push(request.url()); });
  await page.goto(HOME);
  await page.getByLabel("Admin token").fill(token);
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Sign in" }).click();
}
const live = () => page.getByRole("banner").getByRole("status").getByText("live").waitFor();
const text = (selector) => page.locator(selector).innerText();
const verdict = () => text("[data-verdict]");

// Fills an action's dialog, looks at what it hits, and does it.
async function act(button, values, shown, where = "#act") {
  await page.locator(where).getByRole("button", { name: button }).click();
  const dialog = page.getByRole("dialog");
  for (const [name, value] of Object.entries(values)) {
    const field = dialog.locator(`[name="${name}"]`);
    if (await field.evaluate((each) => each.tagName) === "SELECT") await field.selectOption(value); else await field.fill(value);
  }
  await dialog.locator('[name="reason"]').fill("incident 7");
  await dialog.locator('[data-step="look"]').click();
  await dialog.locator(".hits").waitFor();
  assert.match(await dialog.locator(".hits").innerText(), shown);
  await dialog.locator('[data-step="do"]').click();
  await dialog.waitFor({ state: "detached" });
}
const undo = () => page.locator("[data-done] li").first().getByRole("button").click();
// Within a second of the click, requests are answered so; undone, as before.
async function takesEffect(button, values, shown, before, after, request) {
  assert.equal(await request(), before);
  await act(button, values, shown);
  await until(`${button} answers ${after}`, async () => (await request()) === after, 1000);
  await undo();
  await until(`${button} undone answers ${before}`, async () => (await request()) === before, 1000);
}
async function violations(where) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  assert.deepEqual(found.violations.map((each) => `${where}: ${each.id}: ${each.nodes.slice(0, 3).map((node) => node.html).join(" | ")}`), []);
}
async function shot(name) {
  if (place.shots) await page.screenshot({ path: `${place.shots}/${name}.png` });
}
async function traffic(kinds, times = 1) {
  for (let i = 0; i < times; i++) for (const [target, options] of kinds) await ask(target, options);
}
const GOOD = ["/api/v1/events/text", { token: place.tokens.good }];

await test("a wrong token is refused, and a good one stays out of addresses and lasting storage", async () => {
  await signedIn("wrong");
  await page.getByRole("alert").filter({ hasText: "not accepted" }).waitFor();
  await violations("sign-in");
  await signedIn(place.operator);
  await live();
  assert.equal(page.url(), HOME);
  assert.ok(!(await page.evaluate(() => JSON.stringify(localStorage) + document.cookie)).includes(place.operator));
});

await test("good traffic is shown as good", async () => {
  await until("requests are counted", async () => { await traffic([GOOD], 30); return parseFloat(await text('[data-tile="rate"] dd')) > 5; }, 8000);
  assert.match(await verdict(), /All is well/);
  await page.locator('tr[data-service="event-service"]').getByText("closed").waitFor();
  await page.locator('[data-route="/api/v1/events/**"].good').waitFor();
});

await test("a failing service is named, on the map and in the list, with its runbook", async () => {
  const failing = ["/api/v1/venues/status?code=500", { address: "203.0.113.30" }];
  await traffic([failing, GOOD], 9);
  await until("the verdict names it", async () => { await traffic([failing, GOOD], 2); return /service behind us.*venue-service/.test(await verdict()); });
  await page.locator('[data-route="/api/v1/venues/**"].bad').waitFor();
  await until("the breaker is open", async () => { await traffic([failing], 3); return (await page.locator('tr[data-service="venue-service"] [data-breaker="OPEN"]').count()) > 0; }, 8000);
  await page.locator("#hurt").getByText("/api/v1/venues/**").waitFor();
  await page.locator("#hurt").getByText("203.0.113.30").waitFor();
  await shot("overview");
  await page.locator('[data-finding="CircuitBreakerOpen"]').getByRole("button", { name: /Runbook/ }).first().click();
  const book = page.getByRole("dialog");
  await book.getByRole("heading", { name: "CircuitBreakerOpen" }).waitFor();
  assert.match(await book.innerText(), /circuit_breaker_state/);
  await violations("runbook");
  await page.keyboard.press("Escape");
  await book.waitFor({ state: "detached" });
});

await test("authentication, security and limits show what clients did", async () => {
  await traffic([["/api/v1/events/text", { token: place.tokens.expired }], ["/api/v1/events/text", { token: "x.y" }], ["/api/v1/events/text", {}],
    [place.crossing, { token: place.tokens.good }], ["/api/v1/events/text?q=1%27%20OR%20%271%27=%271%27--", { token: place.tokens.good, address: "203.0.113.66" }]]);
  await traffic([["/api/v1/search/text", { address: "203.0.113.77" }]], 20);
  await until("causes are shown", async () => /expired\s+1\b/.test(await text("#authentication table")) && /missing/.test(await text("#authentication table")));
  await page.locator('tr[data-event="tenant_bypass"]').first().waitFor();
  await page.locator('tr[data-event="injection"]').getByText("203.0.113.66").waitFor();
  await page.locator("#security").getByLabel("Kind").selectOption("injection");
  assert.equal(await page.locator('tr[data-event="tenant_bypass"]').count(), 0);
  await page.locator('tr[data-event="injection"]').first().getByRole("button").first().click();
  await page.locator("#security").getByRole("button", { name: "Ban the address…" }).waitFor();
  await page.locator("#security").getByLabel("Kind").selectOption("");
  await page.locator("#security").getByLabel(/User, tenant/).fill("203.0.113.66");
  await until("the filter holds", async () => (await page.locator("#security tbody tr").count()) === (await page.locator('#security tbody tr:has-text("203.0.113.66")').count()));
  await page.locator("#security").getByLabel(/User, tenant/).fill("");
  await page.locator("[data-limited]").getByText("203.0.113.77").waitFor();
  await page.locator("#limits").getByText("search").first().waitFor();
  await page.locator('[data-finding="SecurityViolationDetected"]').waitFor();
  await page.locator('[data-finding="CrossTenantAccessAttempt"]').waitFor();
});

const asked = (address, token) => () => ask("/api/v1/events/text", { address, token });
await test("ban, and its undo", () => takesEffect("Ban…", { kind: "ip", who: "203.0.113.50" }, /403 from now on/, 200, 403, asked("203.0.113.50", place.tokens.good)));
await test("a ban of a user is listed with its reason and end, and lifted there", async () => {
  await act("Ban…", { kind: "user", who: "guest-1", seconds: "300" }, /guest-1/);
  const row = page.locator('tr[data-ban="banned:user:guest-1"]');
  await row.getByText("incident 7").waitFor();
  assert.match(await row.innerText(), /operator:ana/);
  assert.match(await row.innerText(), /5 min/);
  await until("banned", async () => (await asked("203.0.113.51", place.tokens.guest)()) === 403, 1000);
  await row.getByRole("button", { name: /Lift/ }).click();
  await until("lifted", async () => (await asked("203.0.113.51", place.tokens.guest)()) === 200, 1000);
  await row.waitFor({ state: "detached" });
});
await test("revoke, and its undo", () => takesEffect("Revoke tokens…", { kind: "user", who: "guest-1" }, /answers 401/, 200, 401, asked("203.0.113.51", place.tokens.guest)));
await test("contain, and its undo", () => takesEffect("Contain a breach…", { addresses: "203.0.113.52", users: "guest-1" }, /banned:user:guest-1/, 200, 403, asked("203.0.113.52", place.tokens.good)));
await test("maintenance, and its undo", async () => {
  await takesEffect("Maintenance…", { mode: "down", banner: "soon back" }, /answered 503/, 200, 503, asked("203.0.113.53", place.tokens.good));
  await until("the verdict is back", async () => !/Maintenance/.test(await verdict()));
});
await test("maintenance of one service closes its routes alone, is shown with its end, and is undone", async () => {
  const other = () => ask("/api/v1/search/text", { address: "203.0.113.57" });
  const venues = () => ask("/api/v1/venues/text", { address: "203.0.113.56" });
  await until("its breaker lets requests through", async () => (await venues()) === 200, 8000);
  await act("Maintenance of a service…", { service: "venue-service", mode: "down", seconds: "900" }, /all requests are answered 503: \/api\/v1\/venues\/\*\*\. Last minute: \d+ requests here/);
  await until("its routes are closed", async () => (await venues()) === 503, 1000);
  await page.locator("[data-closed]").getByText(/Maintenance of venue-service: down, ends in 1[45] min/).waitFor();
  await page.locator('tr[data-service="venue-service"]').getByText("maintenance: down").waitFor();
  assert.equal(await other(), 200);
  await until("the verdict says so, and blames neither", async () => { await venues(); return /^Maintenance of venue-service: down$/.test(await verdict()); }, 15000);
  await violations("maintenance of a service");
  await undo();
  await until("they are open again", async () => (await venues()) === 200, 1000);
  await page.locator("[data-closed]").waitFor({ state: "detached" });
});
await test("maintenance of a service that is in force is ended where it is shown", async () => {
  const write = () => ask("/api/v1/events/text", { address: "203.0.113.58", token: place.tokens.good, method: "PUT" });
  const before = await write();
  await act("Maintenance of a service…", { service: "event-service", mode: "read-only" }, /everything but GET and HEAD is answered 503/);
  await until("writes are turned away", async () => (await write()) === 503, 1000);
  assert.equal(await asked("203.0.113.58", place.tokens.good)(), 200);
  await act("End maintenance of event-service…", {}, /ends on every gateway/, "[data-closed]");
  await until("writes pass", async () => (await write()) === before, 1000);
  await page.locator("[data-closed]").waitFor({ state: "detached" });
  await until("the verdict is back", async () => !/Maintenance/.test(await verdict()), 15000);
});
await test("breaker, and its undo", () => takesEffect("Circuit breaker…", { name: "event-service", state: "open" }, /\/api\/v1\/events/, 200, 503, asked("203.0.113.54", place.tokens.good)));
await test("log level, for a time, and its undo", async () => {
  await act("Log level…", { level: "DEBUG", seconds: "300" }, /DEBUG/);
  await until("it is shown", async () => /DEBUG/.test(await text("#configuration")));
  assert.match(await text("[data-knobs]"), /log-level: DEBUG; by operator:ana, “incident 7”, [45] min/);
  await undo();
  await until("it is back", async () => /INFO;/.test(await text("#configuration")));
});
await test("a rate limit is changed for a time, shows who meets it, and its undo", async () => {
  const search = () => ask("/api/v1/search/text", { address: "203.0.113.78" });
  for (let i = 0; i < 6; i++) await search();
  await until("it is limited", async () => (await search()) === 429);
  await page.locator('[data-policy="search"]').getByText("address 203.0.113.78").waitFor({ timeout: 15000 });
  await act("Rate limit…", { policy: "search", requests: "500", seconds: "900" }, /500 requests in \d+ s, instead of 5 requests[\s\S]*\/api\/v1\/search\/\*\*: \d+ requests here in the last minute/);
  await until("it is let in", async () => (await search()) === 200, 1000);
  await page.locator('[data-policy="search"]').getByText(/by operator:ana, “incident 7”, 1[45] min left, on all gateways/).waitFor();
  await page.locator("[data-knobs]").getByText("limit:search").waitFor();
  await page.locator('tr[data-event="knob"]').first().waitFor();
  await violations("limits");
  await undo();
  await until("it is limited again", async () => (await search()) === 429, 1000);
  await page.locator("[data-knobs]").waitFor({ state: "detached" });
  const dialog = page.getByRole("dialog");
  await page.locator("#limits").getByRole("button", { name: "Let somebody in again…" }).press("Enter");
  await dialog.locator('[name="kind"]').selectOption("ip");
  await dialog.locator('[name="who"]').fill("203.0.113.78");
  await dialog.locator('[name="reason"]').fill("incident 7");
  await dialog.locator('[name="reason"]').press("Enter");
  await dialog.locator(".hits").getByText(/search: 0 of 5 left/).waitFor();
  await dialog.locator('[data-step="do"]').press("Enter");
  await dialog.waitFor({ state: "detached" });
  await until("it is let in again", async () => (await search()) === 200, 1000);
});
await test("what no policy can be is refused, and nothing changes", async () => {
  await page.locator('[data-policy="general"]').getByRole("button").click();
  const dialog = page.getByRole("dialog");
  await dialog.locator('[name="requests"]').fill("0");
  await dialog.locator('[name="reason"]').fill("incident 7");
  await dialog.locator('[data-step="look"]').click();
  await dialog.getByRole("alert").filter({ hasText: "write 1 to 1000000" }).waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
});
await test("reload is told, with its generation", async () => {
  const generation = async () => Number(/generation (\d+)/.exec(await text("#configuration"))[1]);
  const before = await generation();
  await act("Reload…", {}, /takes effect at once/);
  await until("the generation is next", async () => (await generation()) === before + 1);
  await page.locator("#configuration").getByText("console").waitFor();
  writeFileSync(place.config, readFileSync(place.config, "utf8").replace("requests: 5,", "requests: 7,"));
  await until("it is told what changed", async () => /- search: \{requests: 5,.*\+ search: \{requests: 7,/s.test(await text("#configuration")), 8000);
  assert.match(await page.locator("[data-around]").first().innerText(), /%|–/);
});
await test("what is refused is said, and nothing happens", async () => {
  await page.locator("#act").getByRole("button", { name: "Ban…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.locator('[name="who"]').fill("0.0.0.0/0");
  await dialog.locator('[name="reason"]').fill("too much");
  await dialog.locator('[data-step="look"]').click();
  await dialog.getByRole("alert").filter({ hasText: "half the world" }).waitFor();
  await violations("action");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
});

await test("log lines come as they are written, those that fit", async () => {
  const lines = page.locator("#lines");
  await lines.getByLabel("User").fill("guest-1");
  await lines.getByRole("button", { name: "Begin" }).click();
  await lines.getByRole("status").getByText("watching").waitFor();
  await new Promise((resolve) => setTimeout(resolve, 300));
  await traffic([GOOD, ["/api/v1/events/text?token=hunter2", { token: place.tokens.guest }]]);
  await lines.locator("[data-line]").first().waitFor({ timeout: 2000 });
  assert.equal(await lines.locator("[data-line]").count(), 1);
  assert.match(await lines.locator("[data-line]").innerText(), /token=\*\*\*/);
  await lines.locator("[data-line]").getByRole("button").click();
  assert.match(await lines.locator("[data-why]").innerText(), /authenticate\s+let it pass[\s\S]*event-service\s+answered 200 in/);
  await lines.getByLabel("User").fill("");
  await lines.getByLabel("Status").fill("401");
  await lines.getByRole("button", { name: "Begin anew" }).click();
  await new Promise((resolve) => setTimeout(resolve, 300));
  await traffic([["/api/v1/events/text", {}]]);
  const refused = lines.locator("[data-line]").filter({ hasText: "401" }).first();
  await refused.getByRole("button").click();
  assert.match(await lines.locator("[data-why]").innerText(), /route\s+let it pass[\s\S]*authenticate\s+answered 401: [\s\S]*rate_limit[\s\S]*not asked any more/);
  await violations("lines");
  await lines.getByRole("button", { name: "Stop" }).click();
});

await test("by keyboard: skip link, sections, dialog and back", async () => {
  await page.reload();
  await live();
  await page.keyboard.press("Tab");
  assert.match(await page.evaluate(() => document.activeElement.textContent), /Skip/);
  await page.keyboard.press("Enter");
  const button = page.locator("#act").getByRole("button", { name: "Ban…" });
  await button.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  assert.ok(await page.evaluate(() => document.querySelector("dialog").contains(document.activeElement)));
  await page.keyboard.press("Escape");
  await until("the focus is where it was", () => button.evaluate((each) => each === document.activeElement));
});

await test("nothing for axe in light, dark and on a phone, and nothing sticks out", async () => {
  await page.locator("tr[data-event]").first().waitFor();
  await violations("light");
  await page.getByLabel("Theme").selectOption("dark");
  await new Promise((resolve) => setTimeout(resolve, 1200));
  await violations("dark");
  await shot("dark");
  await page.setViewportSize({ width: 375, height: 800 });
  await new Promise((resolve) => setTimeout(resolve, 1200));
  await violations("phone");
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  const wide = await page.evaluate(() => [...document.querySelectorAll("body *")].filter((each) => each.getBoundingClientRect().right > 376 && !each.closest(".scroll")).map((each) => each.outerHTML.slice(0, 90)).slice(0, 12));
  assert.ok(width <= 375, `it is ${width} wide: ${wide.join("\n")}`);
  await shot("phone");
  await page.getByLabel("Theme").selectOption("light");
  await page.setViewportSize({ width: 1280, height: 900 });
});

await test("an idle page costs the gateway less than a hundredth of a CPU", async () => {
  const ticks = () => readFileSync(`/proc/${place.pid}/stat`, "utf8").split(") ")[1].split(" ").slice(11, 13).reduce((a, b) => a + Number(b), 0);
  const client = await page.context().newCDPSession(page);
  await client.send("Performance.enable");
  const busy = async () => (await client.send("Performance.getMetrics")).metrics.find((each) => each.name === "TaskDuration").value;
  const [from, began] = [ticks(), await busy()];
  await new Promise((resolve) => setTimeout(resolve, 10000));
  const share = (ticks() - from) / 1000;
  console.log(`       gateway ${(share * 100).toFixed(2)} % of a CPU; the page ${((await busy()) - began).toFixed(2)} s of ten`);
  assert.ok(share < 0.01, `${share}`);
});

await test("a viewer sees everything and can do nothing", async () => {
  await signedIn(place.viewer, "vic");
  await live();
  await page.locator('tr[data-service="event-service"]').waitFor();
  const buttons = page.locator("#act button, #services button, #bans button, #limits button, #configuration button");
  for (const button of await buttons.all()) assert.ok(await button.isDisabled(), await button.innerText());
  assert.ok((await buttons.count()) > 8);
  const status = await page.evaluate(async () => (await fetch("/admin/v1/maintenance", { method: "PUT", headers: { Authorization: `Bearer ${sessionStorage.getItem("gateway-token")}` }, body: '{"mode":"down","seconds":60}' })).status);
  assert.equal(status, 403);
  assert.equal(await asked("203.0.113.55", place.tokens.good)(), 200);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Admin token").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.getItem("gateway-token")), null);
});

await test("an operator signs in with a token of the issuer, and the record has that name", async () => {
  await signedIn(place.own, "somebody else");
  await live();
  await page.getByRole("banner").getByText("ana@example.com, operator").waitFor();
  await act("Ban…", { kind: "user", who: "guest-7", seconds: "300" }, /guest-7/);
  const row = page.locator('tr[data-ban="banned:user:guest-7"]');
  await row.getByText("operator:ana@example.com").waitFor();
  await row.getByRole("button", { name: /Lift/ }).click();
  await row.waitFor({ state: "detached" });
  assert.equal(page.url(), HOME);
  assert.ok(!(await page.evaluate(() => JSON.stringify(localStorage) + document.cookie)).includes(place.own));
  await signedIn(place.stale, "x");
  await page.getByRole("alert").filter({ hasText: /not accepted: .*expired/ }).waitFor();
});

await test("a drill is followed from its first sign to recovery", async () => {
  await signedIn(place.operator);
  await live();
  const failing = ["/api/v1/venues/status?code=500", { address: "203.0.113.31" }];
  const well = ["/api/v1/venues/text", { address: "203.0.113.31" }];
  await until("all is well before", async () => { await traffic([GOOD], 5); return /All is well/.test(await verdict()); }, 15000);
  const began = Date.now();
  await until("the page names the service", async () => { await traffic([failing], 5); return /venue-service/.test(await verdict()); }, 8000);
  const named = Date.now() - began;
  await page.locator('[data-finding="CircuitBreakerOpen"]').waitFor();
  await page.locator("#changed").getByText(/Breaker of venue-service open/).first().waitFor();
  await page.locator('[data-finding="CircuitBreakerOpen"]').getByRole("button", { name: /Runbook/ }).first().click();
  await page.getByRole("dialog").getByText("circuit_breaker_state").first().waitFor();
  await shot("runbook");
  await page.keyboard.press("Escape");
  const mended = Date.now();
  await until("its breaker is closed", async () => { await traffic([well], 3); return (await page.locator('tr[data-service="venue-service"] [data-breaker="CLOSED"]').count()) > 0; }, 15000);
  await until("the verdict is well again", async () => { await traffic([well, GOOD], 3); return /All is well/.test(await verdict()); }, 20000);
  await page.locator("#changed").getByText(/Breaker of venue-service closed/).first().waitFor();
  console.log(`       named after ${(named / 1000).toFixed(1)} s, well again ${((Date.now() - mended) / 1000).toFixed(1)} s after the service was`);
});

await test("when the gateway goes away the page says so", async () => {
  await signedIn(place.operator);
  await live();
  process.kill(place.pid, "SIGTERM");
  await until("it is said", async () => /does not answer|stopping/.test(await verdict()), 8000);
  await until("nothing can be done", () => page.locator("#act").getByRole("button", { name: "Ban…" }).isDisabled(), 8000);
});

await test("nothing came from elsewhere, broke the policy, or failed in the page", () => assert.deepEqual(complaints.filter((each) => !/ERR_(CONNECTION|INCOMPLETE|EMPTY)/.test(each)), []));
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
