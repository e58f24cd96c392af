/**
 * From starting a process to serving, after a SIGKILL, on a log of millions of entries: the last checkpoint and the log's
 * end behind it, on a fleet's state (thousands of accounts in many windows, holds that nobody settled). The ledger alone,
 * and a whole `bursar up`, against a Node that does nothing and a bare loop that reads the same rows. Nothing but the last
 * entries is written one commit after the other: the rest comes from the same journal, lines and chain in large
 * transactions, so that ten million take minutes. Runs against dist/ (build first).
 * `npm run -s bench -- restart [--entries 1000000] [--agents 2000] [--rounds 5] [--json]`
 */
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import type { Budget } from "../src/accounting/budget/budget.js";
import type { HoldCommand, LedgerCommand, PostCommand } from "../src/accounting/ledger/command.js";
import { emptyState, nothingTouched } from "../src/accounting/ledger/empty-state.js";
import { openLineWriter } from "../src/accounting/ledger/line.js";
import type { Clock, Ledger } from "../src/call/needs.js";
import type { OpenLedger, Persistence } from "../src/stores/journal.js";
import { median, report, shown } from "./rig/figures.js";
import { loadAverage } from "./rig/proc.js";
import { bursarCommand, bursarHealthy } from "./rig/proxies.js";
import { freePort, openRig, playRole, type Rig } from "./rig/rig.js";
import { sixBudgets } from "./rig/six-budgets.js";

/** Calls handed over at once while the ledger is filled; each agent makes some of them in a row. */
const AT_ONCE = 2_000;
const IN_A_ROW = 8;
/** Calls at the end that the real writer commits, and how many are open when its process is killed. */
const COMMITTED = 10_000;
const LEFT_OPEN = 200;
/** Days that the calls are spread over, so that daily windows and rolling minutes have turned many times. */
const DAYS = 30;
const RATE: Budget["window"] = { kind: "rolling", ms: 60_000 };

function built<T>(path: string): Promise<T> {
  return import(pathToFileURL(resolve("dist", path)).href) as Promise<T>;
}

type Agents = readonly HoldCommand["attribution"][];

/** One frozen object for each agent, as the road keeps them. */
function agentsOf(count: number): Agents {
  return Array.from({ length: count }, (_, agent) =>
    Object.freeze({
      key: "cx",
      agent: `agent-${agent}`,
      team: `team-${agent % 40}`,
      model: "openai/gpt-4o-mini",
      task: `t-${agent}`,
    }),
  );
}

function hold(id: string, attribution: HoldCommand["attribution"]): HoldCommand {
  return {
    ...{ type: "hold", call_id: id, attempt_id: `${id}.1`, attribution, provider: "openai" },
    price_id: "openai/gpt-4o-mini@2024-07-18",
    ceiling: { nano: 900_000n, input_tokens: 2_000, output_tokens: 1_024 },
    estimated_input: 1_800,
  };
}

function post(id: string): PostCommand {
  const counts = { input_fresh: 1_810, output_text: 350, requests: 1 };
  return { type: "post", attempt_id: `${id}.1`, usage: { counts, evidence: "provider" }, nano: 481_500n, outcome: "end" };
}

interface Stretch {
  /** Numbers of its calls, the last one not included. */
  readonly from: number;
  readonly to: number;
  readonly open: number;
  timeOf(call: number): number;
}

interface Filling {
  readonly ledger: Ledger;
  readonly time: { now: number };
  readonly agents: Agents;
}

/** Makes the calls of a stretch; `open` of them are held and never settled. */
async function fill({ ledger, time, agents }: Filling, { from, to, open, timeOf }: Stretch): Promise<void> {
  const began = performance.now();
  let before: string[] = [];
  const apply = async (commands: readonly LedgerCommand[]): Promise<void> => {
    const refused = (await ledger.apply(commands)).find((result) => !result.ok);
    if (refused !== undefined) throw new Error(`A call that fits was refused: ${JSON.stringify(refused)}`);
  };
  for (let done = from; done < to; done += AT_ONCE) {
    time.now = timeOf(done);
    const calls = Array.from({ length: Math.min(AT_ONCE, to - done) }, (_, index) => done + index);
    const ids = calls.map((call) => `call_${call.toString(36).padStart(29, "0")}`);
    const agentOf = (call: number) => agents[Math.floor(call / IN_A_ROW) % agents.length] as HoldCommand["attribution"];
    await apply([...before.map(post), ...ids.map((id, index) => hold(id, agentOf(calls[index] as number)))]);
    before = ids;
    if (done % 100_000 === 0) console.error(`${done} of ${to} calls, ${Math.round((performance.now() - began) / 1000)} s`);
  }
  await apply(before.slice(open).map(post));
}

/** Writes a journal's lines in transactions of a batch each, without a sync, and the state once, at the end. */
async function openBulk(directory: string): Promise<Persistence> {
  const { chainHash, GENESIS_HASH } =
    await built<typeof import("../src/accounting/ledger/chain.js")>("accounting/ledger/chain.js");
  const { numbersOf } = await built<typeof import("../src/accounting/ledger/line.js")>("accounting/ledger/line.js");
  const store = "stores/sqlite";
  const { layoutOf, prepareDirectory, readSql } = await built<typeof import("../src/stores/sqlite/layout.js")>(
    `${store}/layout.js`,
  );
  const { migrate, readMigrations } = await built<typeof import("../src/stores/sqlite/schema.js")>(`${store}/schema.js`);
  const { openAttemptIndex } = await built<typeof import("../src/stores/sqlite/attempt-index.js")>(`${store}/attempt-index.js`);
  const { openCheckpointer } = await built<typeof import("../src/stores/sqlite/checkpoint.js")>(`${store}/checkpoint.js`);
  const { EMPTY_DIGEST, stateRows } = await built<typeof import("../src/stores/sqlite/state-rows.js")>(`${store}/state-rows.js`);
  const { DEFAULT_DRIVER, loadDriver } = await built<typeof import("../src/stores/sqlite/driver.js")>(`${store}/driver.js`);
  const { sha256 } = await built<typeof import("../src/stores/sqlite/chain-check.js")>(`${store}/chain-check.js`);
  const layout = layoutOf(directory);
  prepareDirectory(layout);
  const connection = new (await loadDriver(DEFAULT_DRIVER))(layout.ledger, { timeout: 0 });
  connection.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144");
  migrate(connection, readMigrations());
  const insert = connection.prepare(readSql("append-line"));
  const noteOpening = connection.prepare(readSql("put-opening"));
  const index = openAttemptIndex(connection);
  const loaded = emptyState();
  let end = { seq: 0, hash: GENESIS_HASH };
  return {
    loaded,
    touched: nothingTouched(),
    textOf: openLineWriter(loaded.accounts),
    async append(lines) {
      connection.exec("BEGIN");
      for (const { seq, json } of lines) {
        end = { seq, hash: chainHash({ previous: end.hash, json, sha256 }) };
        for (const [place, number] of numbersOf(json).entries()) noteOpening.run([number, seq, place]);
        insert.run([seq, json, Buffer.from(end.hash, "hex")]);
        index.add(seq, json);
      }
      index.write("all");
      connection.exec("COMMIT");
    },
    read: () => {
      throw new Error("Nothing is read while the ledger is filled");
    },
    readCall: async () => [],
    find: async () => null,
    async close() {
      const { seq, at, budgets_version } = loaded;
      openCheckpointer(connection, EMPTY_DIGEST)({ seq, at, budgets_version, rows: stateRows(loaded) }, end);
      connection.close();
    },
  };
}

interface Server {
  readonly directory: string;
  /** Epoch ms that its clock shows. */
  readonly now: number;
}

interface Opened {
  readonly import_ms: number;
  readonly open_ms: number;
  readonly cpu_ms: number;
  readonly seq: number;
  readonly accounts: number;
}

/** What the process to be killed has open. */
interface Serving extends Filling {
  readonly ledger: OpenLedger;
}

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return Math.round((user + system) / 1000);
};

async function openLedger({ directory, now }: Server): Promise<{ serving: Serving; opened: Opened }> {
  const began = performance.now();
  const { openSqlite } = await built<typeof import("../src/stores/sqlite/open-sqlite.js")>("stores/sqlite/open-sqlite.js");
  const { openJournal } = await built<typeof import("../src/stores/journal.js")>("stores/journal.js");
  const imported = performance.now();
  const time = { now };
  const clock: Clock = { now: () => time.now, monotonic: () => performance.now(), sleep: () => Promise.resolve() };
  const ledger = await openJournal({ persistence: await openSqlite({ directory, clock }), clock });
  const open_ms = Math.round(performance.now() - imported);
  const { seq, accounts } = ledger.state();
  const opened = { import_ms: Math.round(imported - began), open_ms, cpu_ms: cpuMs(), seq, accounts: accounts.size };
  return { serving: { ledger, time, agents: [] }, opened };
}

/** Fills with the bulk writer. */
async function filler({ directory, agents, calls, begin }: { directory: string; agents: number; calls: number; begin: number }) {
  const { openJournal } = await built<typeof import("../src/stores/journal.js")>("stores/journal.js");
  const time = { now: begin };
  const clock: Clock = { now: () => time.now, monotonic: () => performance.now(), sleep: () => Promise.resolve() };
  const ledger = await openJournal({ persistence: await openBulk(directory), clock });
  await ledger.apply([{ type: "declare", budgets: sixBudgets(RATE), actor: "bench", reason: "bench" }]);
  const timeOf = (call: number): number => begin + Math.floor((call / calls) * DAYS * 86_400_000);
  await fill({ ledger, time, agents: agentsOf(agents) }, { from: 0, to: calls, open: 0, timeOf });
  const { seq } = ledger.state();
  await ledger.close();
  return seq;
}

/** The process that is killed: opens the ledger, then makes calls and leaves some open, until the end comes. */
function victim(): (question: Server | { from: number; calls: number; agents: number }) => Promise<unknown> {
  let serving: Serving | null = null;
  return async (question) => {
    if ("directory" in question) {
      const found = await openLedger(question);
      serving = found.serving;
      return found.opened;
    }
    if (serving === null) throw new Error("The ledger is not open");
    const { from, calls, agents } = question;
    const { now } = serving.time;
    const filling = { ...serving, agents: agentsOf(agents) };
    await fill(filling, { from, to: from + calls, open: LEFT_OPEN, timeOf: () => now });
    return serving.ledger.state().holds.size;
  };
}

/** Milliseconds of reading every row that a start reads, doing nothing with it. */
async function bareRead(directory: string): Promise<number> {
  const { default: Database } = await import("libsql");
  const { CHECKED_AT_START } = await built<typeof import("../src/stores/sqlite/load.js")>("stores/sqlite/load.js");
  const began = performance.now();
  const database = new Database(join(directory, "ledger.db"));
  const after = "SELECT json, hash FROM log WHERE seq > (SELECT max(seq) FROM log) - ?";
  const rows = database.prepare(after).raw().all([CHECKED_AT_START]).length;
  const state = database.prepare("SELECT kind, key, json FROM state").raw().all([]).length;
  const took = performance.now() - began;
  database.close();
  if (rows === 0 || state === 0) throw new Error("The ledger to read is empty");
  return took;
}

function nothing(): number {
  const began = performance.now();
  spawnSync(process.execPath, ["-e", "0"]);
  return performance.now() - began;
}

/** Kills one of the rig's processes without a warning, and waits until it is gone. */
async function kill(pid: number): Promise<void> {
  process.kill(pid, "SIGKILL");
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((soon) => setTimeout(soon, 5));
  }
}

interface Rounds {
  readonly opened: Opened[];
  readonly ledger: number[];
  readonly up: number[];
  readonly bare: number[];
  readonly node: number[];
}

const EACH_ROUND = 1_000;

/** Interleaved: the ledger alone is opened and killed, then a whole Bursar. */
async function rounds(
  rig: Rig,
  of: { directory: string; config: readonly string[]; port: number; calls: number; agents: number; count: number },
): Promise<Rounds> {
  const found: Rounds = { opened: [], ledger: [], up: [], bare: [], node: [] };
  let from = of.calls;
  for (let round = 0; round < of.count; round++) {
    const began = performance.now();
    const player = rig.player("victim");
    const opened = await player.ask<Opened>({ directory: of.directory, now: Date.now() });
    found.ledger.push(performance.now() - began);
    found.opened.push(opened);
    const open = await player.ask<number>({ from, calls: EACH_ROUND, agents: of.agents });
    if (open < LEFT_OPEN) throw new Error(`Only ${open} holds are open when the process is killed`);
    from += EACH_ROUND;
    await kill(player.pid);
    const starting = performance.now();
    const pid = await rig.program(of.config, { healthy: () => bursarHealthy(of.port), everyMs: 5 });
    found.up.push(performance.now() - starting);
    await kill(pid);
    found.bare.push(await bareRead(of.directory));
    found.node.push(nothing());
  }
  return found;
}

async function run(rig: Rig): Promise<void> {
  const { values } = parseArgs({
    options: {
      entries: { type: "string", default: "1000000" },
      agents: { type: "string", default: "2000" },
      rounds: { type: "string", default: "5" },
      json: { type: "boolean", default: false },
    },
  });
  const agents = Number(values.agents);
  const calls = Math.ceil(Number(values.entries) / 2);
  const { command, port } = await bursarCommand(rig, await freePort());
  const directory = command.at(-1) as string;
  const begin = Date.now() - DAYS * 86_400_000;
  await rig.player("filler").ask({ directory, agents, calls: calls - COMMITTED, begin });
  const first = rig.player("victim");
  await first.ask({ directory, now: Date.now() });
  await first.ask({ from: calls - COMMITTED, calls: COMMITTED, agents });
  await kill(first.pid);
  const before = loadAverage();
  const { opened, ledger, up, bare, node } = await rounds(rig, {
    ...{ directory, config: command, port, calls, agents },
    count: Number(values.rounds),
  });
  const last = opened.at(-1) as Opened;
  const row = (times: readonly number[], more: Readonly<Record<string, number>> = {}) => ({
    ms: Math.round(median(times)),
    least_ms: Math.round(Math.min(...times)),
    most_ms: Math.round(Math.max(...times)),
    to_node: shown(Math.min(...times) / Math.min(...node)),
    ...more,
  });
  const parts = {
    entries: last.seq,
    accounts: last.accounts,
    open_holds: LEFT_OPEN,
    mib: Math.round(statSync(join(directory, "ledger.db")).size / 2 ** 20),
  };
  const rows = {
    "node -e 0": row(node),
    "bare read of the same rows": row(bare),
    "ledger, its part in the process": row(opened.map(({ open_ms }) => open_ms)),
    "ledger, process and modules": row(ledger, { least_cpu_ms: Math.min(...opened.map(({ cpu_ms }) => cpu_ms)) }),
    "bursar up, healthy": row(up),
  };
  report("restart", { load_average: before, log: { ledger: parts }, "from a SIGKILL to serving": rows }, values.json);
}

if (!playRole({ filler, victim: victim() })) {
  const rig = openRig();
  try {
    await run(rig);
  } finally {
    rig.close();
  }
}
