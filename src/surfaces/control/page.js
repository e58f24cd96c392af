// The live page: asks the control API for everything it shows, again whenever the event stream says that something
// happened. Every name on it is hostile text: it only ever becomes a text node.
const REFRESH_MS = 500;
const RETRY_MS = 2000;
const CALLS_SHOWN = 20;
const byId = (id) => document.getElementById(id);

// What the page remembers between two looks at the server.
const memory = { token: sessionStorage.getItem("bursar-token"), lastSeq: "", scheduled: false };

/** An element with a class and children; a child that is text becomes a text node. */
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children.map((child) => (child instanceof Node ? child : document.createTextNode(String(child)))));
  return element;
}

function put(id, ...children) {
  byId(id).replaceChildren(...children);
}

/** A table; `notes[i]`, where there is one, goes below row i over its whole width. */
function table(columns, rows, empty, notes = []) {
  if (rows.length === 0) return empty instanceof Node ? empty : make("p", "empty", empty);
  const head = make("tr", "", ...columns.map(([title, kind]) => make("th", kind === "number" ? "number" : "", title)));
  for (const cell of head.children) cell.scope = "col";
  const body = rows.flatMap((cells, row) => {
    const line = make("tr", "", ...cells.map((cell, index) => make("td", columns[index][1] ?? "", cell)));
    if (!notes[row]) return [line];
    line.className = "noted";
    const note = make("td", "reason", notes[row]);
    note.colSpan = columns.length;
    return [line, make("tr", "", note)];
  });
  return make("table", "", make("thead", "", head), make("tbody", "", ...body));
}

const count = (text) => Number(text).toLocaleString("en-US");

/** Decimal dollars as read: cents from a dollar up, three digits below. Only for showing; nothing is computed with it. */
function usd(text) {
  const value = Number(text);
  if (value === 0) return "$0.00";
  const size = Math.abs(value);
  const fraction = { minimumFractionDigits: 2, maximumFractionDigits: size >= 1 ? 2 : 3 };
  const digits = size >= 0.1 ? fraction : { maximumSignificantDigits: 3 };
  return `$${value.toLocaleString("en-US", digits)}`;
}

function amount(unit, text) {
  if (text === null) return "unlimited";
  return unit === "usd" ? usd(text) : `${count(text)} ${unit}`;
}

const when = (text) => (text === null ? "never" : new Date(text).toLocaleString());

function bar(account) {
  if (account.percent === null) return "";
  const meter = make("meter");
  meter.min = 0;
  meter.max = 100;
  meter.low = 80;
  meter.high = 95;
  meter.optimum = 0;
  meter.value = Math.min(100, account.percent);
  meter.setAttribute("aria-label", `${account.percent.toFixed(1)} percent used or held`);
  return make("span", "", meter, ` ${account.percent.toFixed(1)} %`);
}

function showTotals(global) {
  const facts = [
    ["Spent", usd(global.total_cost_usd)],
    ["Held", usd(global.held_usd)],
    ["Calls", count(global.calls)],
    ["Refused", count(global.refused)],
    ["Tokens", count(global.total_tokens)],
    ["Outcome unknown", count(global.presumed)],
  ];
  put("totals", ...facts.map(([name, value]) => make("div", "", make("dt", "", name), make("dd", "", value))));
}

function showBudgets(status) {
  const accounts = new Map();
  for (const { whole } of Object.values(status.windows)) if (whole !== null) accounts.set(whole.account, whole);
  for (const agent of Object.values(status.agents)) for (const own of agent.budgets) accounts.set(own.account, own);
  const fullest = [...accounts.values()].sort((one, other) => (other.percent ?? -1) - (one.percent ?? -1)).slice(0, 100);
  const columns = [
    ["Budget", "name"],
    ["For", "name"],
    ["Used and held"],
    ["Limit", "number"],
    ["Used", "number"],
    ["Held", "number"],
    ["Left", "number"],
    ["Turns"],
  ];
  const rows = fullest.map((one) => [
    one.name,
    one.group.join(", ") || "all",
    bar(one),
    amount(one.unit, one.limit),
    amount(one.unit, one.used),
    amount(one.unit, one.held),
    one.left === null ? "" : amount(one.unit, one.left),
    when(one.resets_at),
  ]);
  put("budgets", table(columns, rows, "No budget is declared: nothing is limited. Add budgets: to bursar.yaml."));
}

/** With a configuration file only its keys are let in; the page does not know them. */
function curlLine(server) {
  const key = server.config_path === null ? "any" : "YOUR_KEY";
  const body = JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Hello" }] });
  return `curl ${location.origin}/agents/my-first-agent/v1/chat/completions -H 'content-type: application/json' -H 'authorization: Bearer ${key}' -d '${body}'`;
}

function showAgents(status) {
  const columns = [
    ["Agent", "name"],
    ["Calls", "number"],
    ["Refused", "number"],
    ["Tokens", "number"],
    ["Cost", "number"],
    ["Tightest budget", "name"],
  ];
  const agents = Object.entries(status.agents).sort(([, one], [, other]) => Number(other.cost_usd) - Number(one.cost_usd));
  const rows = agents.slice(0, 200).map(([name, agent]) => {
    const tightest = [...agent.budgets].sort((one, other) => (other.percent ?? -1) - (one.percent ?? -1))[0];
    const budget = tightest === undefined || tightest.percent === null ? "" : `${tightest.name} ${tightest.percent.toFixed(1)} %`;
    return [name, count(agent.calls), count(agent.refused), count(agent.tokens.total), usd(agent.cost_usd), budget];
  });
  const empty = make(
    "div",
    "empty",
    make("p", "", "No call yet. Paste this into a terminal:"),
    make("pre", "", curlLine(status.server)),
  );
  put("agents", table(columns, rows, empty));
}

function showCalls(calls) {
  const columns = [["At"], ["Agent", "name"], ["Model", "name"], ["State"], ["Cost", "number"], ["Call", "name"]];
  const rows = calls.map((call) => [
    new Date(call.started_at).toLocaleTimeString(),
    call.agent,
    call.model,
    make("span", call.state, call.state),
    call.cost_usd === null ? (call.state === "refused" ? "" : `${usd(call.held_usd)} held`) : usd(call.cost_usd),
    call.call_id,
  ]);
  const reasons = calls.map((call) => (call.refusal === null ? "" : call.refusal.message));
  put("calls", table(columns, rows, "Calls appear here as they are made.", reasons));
}

function showServer(server) {
  const simulated = server.providers.filter((provider) => provider.mode === "simulated").map((provider) => provider.name);
  byId("simulated").hidden = simulated.length === 0;
  const way =
    server.config_path === null
      ? "Set the provider's API key in the environment and start again to make it real."
      : "The configuration file says so (kind: simulated).";
  byId("simulated").textContent = `Simulated, at real prices: ${simulated.join(", ")}. No money is spent there. ${way}`;
  const base = location.origin;
  const lines = [
    ["Any OpenAI client", `export OPENAI_BASE_URL=${base}/v1`],
    ["Any Anthropic client, Claude Code", `export ANTHROPIC_BASE_URL=${base}`],
    ["With the agent's name in the address", `${base}/agents/NAME/v1`],
    ["curl", curlLine(server)],
    ["The same in a terminal", "bursar status"],
  ];
  put("connect", ...lines.flatMap(([title, text]) => [make("h3", "", title), make("pre", "", text)]));
  for (const line of byId("connect").querySelectorAll("pre")) line.tabIndex = 0;
  const config = server.config_path ?? "no configuration file";
  put("footer", `Bursar ${server.version}, ${config}, up since ${when(server.started_at)}.`);
}

async function ask(path, signal) {
  const headers = memory.token === null ? {} : { authorization: `Bearer ${memory.token}` };
  if (path.startsWith("events") && memory.lastSeq !== "") headers["last-event-id"] = memory.lastSeq;
  const response = await fetch(`/api/v1/${path}`, { headers, signal, cache: "no-store" });
  if (response.status === 401) byId("sign-in").hidden = false;
  if (response.ok) return response;
  const told = await response.json().then(
    (body) => body.error.message,
    () => `The server answered ${response.status}.`,
  );
  throw new Error(told);
}

function fail(error) {
  // fetch itself only says that it failed; what the server said comes with its own words.
  const gone = error instanceof TypeError;
  byId("link").className = "state gone";
  byId("link").textContent = gone ? "Disconnected" : "Not shown";
  byId("fault").hidden = false;
  byId("fault").textContent = gone
    ? "The server does not answer; the figures below are as they were. This page tries again by itself. Start it with: npm start"
    : error.message;
}

async function refresh() {
  memory.scheduled = false;
  const [status, page] = await Promise.all([
    ask("status").then((response) => response.json()),
    ask(`calls?limit=${CALLS_SHOWN}`).then((response) => response.json()),
  ]);
  byId("fault").hidden = true;
  byId("sign-in").hidden = true;
  byId("link").className = "state live";
  byId("link").textContent = "Live";
  showTotals(status.global);
  showBudgets(status);
  showAgents(status);
  showCalls(page.calls);
  showServer(status.server);
  return status.as_of_seq;
}

function refreshSoon() {
  if (memory.scheduled) return;
  memory.scheduled = true;
  setTimeout(() => refresh().catch(fail), REFRESH_MS);
}

/** Follows the event stream until it ends; only its ids are used, everything shown is asked for. */
async function follow() {
  const response = await ask("events");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const ids = [...value.matchAll(/^id: (\d+)$/gm)];
    if (ids.length === 0) continue;
    memory.lastSeq = ids[ids.length - 1][1];
    refreshSoon();
  }
}

async function live() {
  for (;;) {
    try {
      memory.lastSeq = String(await refresh());
      await follow();
    } catch (error) {
      fail(error);
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  memory.token = byId("token").value;
  sessionStorage.setItem("bursar-token", memory.token);
  refresh().catch(fail);
});
live();
