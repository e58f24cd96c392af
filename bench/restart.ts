/**
 * From opening a ledger to serving it, after a SIGKILL: the last checkpoint and the log's end behind it, on a fleet's state
 * (thousands of accounts in many windows, holds that nobody settled), against a bare loop that reads the same rows and does
 * nothing with them. Runs against dist/ (build first).
 * `npm run -s bench -- restart [--entries 1000000] [--agents 2000] [--json]`
 */
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import type { Budget } from "../src/accounting/budget/budget.js";
import type { HoldCommand, LedgerCommand, PostCommand } from "../src/accounting/ledger/command.js";
import type { Clock, Ledger } from "../src/call/needs.js";
import { median, report, shown } from "./rig/figures.js";
import { sixBudgets } from "./rig/six-budgets.js";

const { values } = parseArgs({
  options: {
    entries: { type: "string", default: "1000000" },
    agents: { type: "string", default: "2000" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});
const entries = Number(values.entries);
const agents = Number(values.agents);
/** Calls handed over at once while the ledger is filled, and how many of them stay open at its end. */
const AT_ONCE = 2_000;
const LEFT_OPEN = 200;
/** Days that the calls are spread over, so that daily windows and rolling minutes have turned many times. */
const DAYS = 30;
const START = Date.UTC(2026, 9, 25);
const RATE: Budget["window"] = { kind: "rolling", ms: 60_000 };

function built<T>(path: string): Promise<T> {
  return import(pathToFileURL(resolve("dist", path)).href) as Promise<T>;
}

/** One frozen object for each agent, as the road keeps them. */
const CALLERS = Array.from({ length: agents }, (_, agent) =>
  Object.freeze({
    key: "cx",
    agent: `agent-${agent}`,
    team: `team-${agent % 40}`,
    model: "openai/gpt-4o-mini",
    task: `t-${agent}`,
  }),
);

function hold(id: string, n: number): HoldCommand {
  return {
    type: "hold",
    call_id: id,
    attempt_id: `${id}.1`,
    attribution: CALLERS[n % agents] as HoldCommand["attribution"],
    provider: "openai",
    price_id: "openai/gpt-4o-mini@2024-07-18",
    ceiling: { nano: 900_000n, input_tokens: 2_000, output_tokens: 1_024 },
    estimated_input: 1_800,
  };
}

function post(id: string): PostCommand {
  const counts = { input_fresh: 1_810, output_text: 350, requests: 1 };
  return { type: "post", attempt_id: `${id}.1`, usage: { counts, evidence: "provider" }, nano: 481_500n, outcome: "end" };
}

/** Fills the ledger with calls over DAYS days; the last ones stay open. */
async function fill(ledger: Ledger, time: { now: number }): Promise<void> {
  await ledger.apply([{ type: "declare", budgets: sixBudgets(RATE), actor: "bench", reason: "bench" }]);
  const calls = Math.ceil(entries / 2);
  let before: string[] = [];
  for (let done = 0; done < calls; done += AT_ONCE) {
    time.now = START + Math.floor((done / calls) * DAYS * 86_400_000);
    const ids = Array.from({ length: AT_ONCE }, (_, index) => `call_${(done + index).toString(36).padStart(29, "0")}`);
    const commands: LedgerCommand[] = [...before.map(post), ...ids.map((id, index) => hold(id, done + index))];
    const refused = (await ledger.apply(commands)).find((result) => !result.ok);
    if (refused !== undefined) throw new Error(`A call that fits was refused: ${JSON.stringify(refused)}`);
    before = ids;
  }
  await ledger.apply(before.slice(LEFT_OPEN).map(post));
}

/** Milliseconds of reading every row that a start reads, doing nothing with it. */
async function bareRead(directory: string, from: number): Promise<number> {
  const { default: Database } = await import("libsql");
  const began = performance.now();
  const database = new Database(join(directory, "ledger.db"));
  const rows = database.prepare("SELECT json, hash FROM log WHERE seq >= ?").raw().all([from]).length;
  const state = database.prepare("SELECT kind, key, json FROM state").raw().all([]).length;
  const took = performance.now() - began;
  database.close();
  if (rows === 0 || state === 0) throw new Error("The ledger to read is empty");
  return took;
}

/** The files as a SIGKILL leaves them: no last checkpoint, the newest entries in the WAL alone. */
function killedCopy(directory: string): string {
  const copy = mkdtempSync(join(tmpdir(), "bursar-bench-killed-"));
  for (const name of ["ledger.db", "ledger.db-wal", "head"]) {
    if (existsSync(join(directory, name))) cpSync(join(directory, name), join(copy, name));
  }
  return copy;
}

async function run(directory: string): Promise<void> {
  const { openSqlite } = await built<typeof import("../src/stores/sqlite/open-sqlite.js")>("stores/sqlite/open-sqlite.js");
  const { openJournal } = await built<typeof import("../src/stores/journal.js")>("stores/journal.js");
  const { CHECKED_AT_START } = await built<typeof import("../src/stores/sqlite/load.js")>("stores/sqlite/load.js");
  const time = { now: START };
  const clock: Clock = { now: () => time.now, monotonic: () => performance.now(), sleep: () => Promise.resolve() };
  const filled = await openJournal({ persistence: await openSqlite({ directory, clock }), clock });
  await fill(filled, time);
  const killed = killedCopy(directory);
  const { seq, accounts, holds } = filled.state();
  await filled.close();
  const taken: number[] = [];
  const spent: number[] = [];
  const bare: number[] = [];
  try {
    for (let round = 0; round < Number(values.rounds); round++) {
      const copy = killedCopy(killed);
      const began = performance.now();
      const before = process.cpuUsage();
      const ledger = await openJournal({ persistence: await openSqlite({ directory: copy, clock }), clock });
      taken.push(performance.now() - began);
      const { user, system } = process.cpuUsage(before);
      spent.push((user + system) / 1000);
      if (ledger.state().seq !== seq + holds.size) throw new Error("What was open when the process ended is not presumed");
      await ledger.close();
      bare.push(await bareRead(copy, seq - CHECKED_AT_START));
      rmSync(copy, { recursive: true, force: true });
    }
  } finally {
    rmSync(killed, { recursive: true, force: true });
  }
  const figures = {
    entries: seq,
    accounts: accounts.size,
    open_holds: holds.size,
    restart_ms: Math.round(median(taken)),
    // Of all threads: what a machine that does nothing else needs at most.
    least_cpu_ms: Math.round(Math.min(...spent)),
    least_ms: Math.round(Math.min(...taken)),
    bare_read_ms: Math.round(median(bare)),
    time_to_bare: shown(Math.min(...taken) / Math.min(...bare)),
  };
  report("restart", { "from a SIGKILL to serving": { ledger: figures } }, values.json);
}

const directory = mkdtempSync(join(tmpdir(), "bursar-bench-restart-"));
try {
  await run(directory);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
