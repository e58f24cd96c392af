/**
 * Hold and post through SQLite: calls per second with N in flight, `synchronous=FULL`, six budgets, and what a bare
 * libsql loop that only inserts the same bytes in batches as large does in the same run. Runs against dist/ (build first),
 * because worker threads need files of their own.
 * `npm run -s bench -- ledger [--calls 40000] [--in-flight 64] [--json]`
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import type { Budget } from "../src/accounting/budget/budget.js";
import type { LedgerCommand } from "../src/accounting/ledger/command.js";
import type { Clock, Ledger } from "../src/call/needs.js";
import type { SqlitePersistence } from "../src/stores/sqlite/open-sqlite.js";

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "40000" },
    "in-flight": { type: "string", default: "64" },
    json: { type: "boolean" },
  },
  strict: false,
});
const calls = Number(values.calls);
const inFlight = Number(values["in-flight"]);

function built<T>(path: string): Promise<T> {
  return import(pathToFileURL(resolve("dist", path)).href) as Promise<T>;
}

function budget(name: string, per: Budget["per"]): Budget {
  const fixed = {
    match: {},
    unit: "usd",
    count: "total",
    timezone: "UTC",
    week_start: "monday",
    mode: "hard",
    ceiling: "measured",
  } as const;
  const window = { kind: "lifetime" } as const;
  return { ...fixed, name, per, window, limit: 10n ** 18n, clamp: false, on_unknown_price: "deny", accounts_max: 10_000 };
}

const budgets = [
  budget("org", []),
  budget("team", ["team"]),
  budget("agent", ["agent"]),
  budget("key", ["key"]),
  budget("model", ["model"]),
  budget("agent-model", ["agent", "model"]),
];

function hold(id: string, agent: string): LedgerCommand {
  return {
    type: "hold",
    call_id: id,
    attempt_id: `${id}.1`,
    attribution: { key: "cx", agent, team: "cx", model: "openai/gpt-4o-mini", task: `task-${agent}`, step: 3 },
    provider: "openai",
    price_id: "openai/gpt-4o-mini@2024-07-18",
    ceiling: { nano: 900_000n, input_tokens: 2_000, output_tokens: 1_024 },
    estimated_input: 1_800,
  };
}

function post(id: string): LedgerCommand {
  const counts = { input_fresh: 1_810, cache_read: 0, output_text: 350, requests: 1 };
  return { type: "post", attempt_id: `${id}.1`, usage: { counts, evidence: "provider" }, nano: 481_500n, outcome: "end" };
}

/** Calls from `inFlight` loops; answers seconds and the waiting time of each hold in milliseconds. */
async function drive(ledger: Ledger): Promise<{ seconds: number; waits: number[] }> {
  const waits: number[] = [];
  let next = 0;
  const start = performance.now();
  const loop = async (): Promise<void> => {
    while (next < calls) {
      const id = `c${String(next++).padStart(12, "0")}`;
      const asked = performance.now();
      await ledger.apply([hold(id, `agent-${next % 50}`)]);
      waits.push(performance.now() - asked);
      await ledger.apply([post(id)]);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  return { seconds: (performance.now() - start) / 1000, waits: waits.sort((a, b) => a - b) };
}

/** Rows per second of a loop that only inserts texts of the same size into a table without an index. */
async function bareInserts(path: string, of: { rows: number; json: string }): Promise<number> {
  const { default: Database } = await import("libsql");
  const database = new Database(path);
  database.exec(
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE log (seq INTEGER PRIMARY KEY, json TEXT NOT NULL)",
  );
  const insert = database.prepare("INSERT INTO log (json) VALUES (?)");
  const start = performance.now();
  for (let row = 0; row < of.rows; row += inFlight) {
    database.exec("BEGIN");
    for (let n = 0; n < inFlight; n++) insert.run([of.json]);
    database.exec("COMMIT");
  }
  const seconds = (performance.now() - start) / 1000;
  database.close();
  return of.rows / seconds;
}

/** Bytes of a line on disk, over the first thousand. */
async function storedBytes(persistence: SqlitePersistence): Promise<number> {
  let bytes = 0;
  for await (const { seq, json } of persistence.stored(1)) {
    bytes += json.length;
    if (seq === 1_000) break;
  }
  return Math.round(bytes / 1_000);
}

async function run(directory: string): Promise<void> {
  const { openSqlite } = await built<typeof import("../src/stores/sqlite/open-sqlite.js")>("stores/sqlite/open-sqlite.js");
  const { openJournal } = await built<typeof import("../src/stores/journal.js")>("stores/journal.js");
  const clock: Clock = { now: () => Date.now(), monotonic: () => performance.now(), sleep: () => Promise.resolve() };
  const persistence = await openSqlite({ directory, clock });
  const ledger = await openJournal({ persistence, clock });
  await ledger.apply([{ type: "declare", budgets, actor: "bench", reason: "bench" }]);
  const cpuBefore = process.cpuUsage();
  const { seconds, waits } = await drive(ledger);
  const cpu = process.cpuUsage(cpuBefore);
  const bytes = await storedBytes(persistence);
  await ledger.close();
  const started = performance.now();
  await (await openSqlite({ directory, clock })).close();
  const restart = performance.now() - started;
  const bare = await bareInserts(join(directory, "bare.db"), { rows: calls * 2, json: "x".repeat(bytes) });
  const at = (share: number): number => waits[Math.floor(waits.length * share)] ?? 0;
  const entriesPerSecond = (calls * 2) / seconds;
  const figures = {
    calls_per_second: Math.round(calls / seconds),
    entries_per_second: Math.round(entriesPerSecond),
    cpu_us_per_call: Math.round((cpu.user + cpu.system) / calls),
    hold_ms_p50: Number(at(0.5).toFixed(2)),
    hold_ms_p99: Number(at(0.99).toFixed(2)),
    entry_bytes: bytes,
    reopen_ms: Math.round(restart),
    bare_rows_per_second: Math.round(bare),
    ratio_to_bare: Number((entriesPerSecond / bare).toFixed(2)),
  };
  if (values.json === true) console.log(JSON.stringify({ bench: "ledger", calls, in_flight: inFlight, ...figures }));
  else console.table(figures);
}

const directory = mkdtempSync(join(tmpdir(), "bursar-bench-ledger-"));
try {
  await run(directory);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
