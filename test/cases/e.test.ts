// Cases E4, E8, E10 and E12 of the adversarial list. E1, E3, E5 and E11 are in test/crash; E5 to E7 and E9 also stand
// beside the SQLite store.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import type { LedgerCommand } from "../../src/accounting/ledger/command.js";
import { openJournal } from "../../src/stores/journal.js";
import type { LogLine } from "../../src/stores/log-writer.js";
import { memoryPersistence } from "../../src/stores/memory/open-memory.js";
import {
  DEFAULT_DRIVER,
  hasWalResetFault,
  loadDriver,
  makeDurable,
  openConnection,
  readPragma,
} from "../../src/stores/sqlite/driver.js";
import { openSqlite } from "../../src/stores/sqlite/open-sqlite.js";
import { verifyFile } from "../../src/stores/sqlite/verify-file.js";
import { budget, ceiling, hold, post, standingClock } from "../ledger-fixtures.js";
import { completion, delta, drained, events, openTestRoad, textOf, usageChunk, whole } from "../road-fixtures.js";

const root = mkdtempSync(join(tmpdir(), "bursar-e-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const declare: LedgerCommand = { type: "declare", budgets: [budget({ name: "b", limit: 10n ** 15n })], actor: "t", reason: "t" };

test("E4: no setting makes commits less than durable: the writing connection syncs each, or the start is refused", async () => {
  const Driver = await loadDriver(DEFAULT_DRIVER);
  const connection = openConnection(Driver, { path: join(root, "e4.db"), mode: "write", driver: DEFAULT_DRIVER });
  connection.exec("PRAGMA synchronous = NORMAL");
  makeDurable(connection);
  expect([readPragma(connection, "journal_mode"), readPragma(connection, "synchronous")]).toEqual(["wal", "2"]);
  connection.close();
  const memory = openConnection(Driver, { path: ":memory:", mode: "write", driver: DEFAULT_DRIVER });
  // A database in memory has no WAL: its settings do not take.
  expect(() => makeDurable(memory)).toThrow();
  memory.close();
});

test("E8: whatever SQLite it is, no connection but the writer's can checkpoint", async () => {
  const directory = join(root, "e8");
  const clock = standingClock();
  const ledger = await openJournal({ persistence: await openSqlite({ directory, clock }), clock });
  await ledger.apply([declare, hold("x", ceiling(20, 10)), post("x", { input: 20, output: 10 })]);
  const wal = join(directory, "ledger.db-wal");
  const before = readFileSync(wal);
  const Driver = await loadDriver(DEFAULT_DRIVER);
  const reader = openConnection(Driver, { path: join(directory, "ledger.db"), mode: "read", driver: DEFAULT_DRIVER });
  for (const mode of ["PASSIVE", "FULL", "RESTART", "TRUNCATE"]) {
    try {
      reader.prepare(`PRAGMA wal_checkpoint(${mode})`).all([]);
    } catch (error) {
      // A file that is open for reading alone cannot be written.
      expect(String(error)).toMatch(/readonly|locked|busy|I\/O error/i);
    }
  }
  reader.close();
  expect(readFileSync(wal).equals(before)).toBe(true);
  await ledger.close();
  expect((await verifyFile(directory)).violations).toEqual([]);
});

// Told by the environment: a test's main thread and its workers read a module's address differently.
function driverFixture(name: string, env: Record<string, string>): string {
  for (const [key, value] of Object.entries(env)) vi.stubEnv(key, value);
  return new URL(`./__fixtures__/${name}`, import.meta.url).href;
}
afterEach(() => void vi.unstubAllEnvs());

test("E8: the versions with the fault are those that SQLite names: 3.7.0 to 3.51.2, but for two corrected ones", () => {
  const faulty = ["3.7.0", "3.44.5", "3.45.0", "3.45.1", "3.49.2", "3.50.0", "3.50.6", "3.51.0", "3.51.2"];
  const right = ["3.44.6", "3.50.7", "3.51.3", "3.52.0", "3.53.4", "4.0.0"];
  expect([...faulty, ...right].filter(hasWalResetFault)).toEqual(faulty);
});

test.each(["3.45.1", "3.51.2"])(
  "E8: SQLite %s, whose WAL reset can lose entries, is refused by name at the start when its readers could checkpoint",
  async (version) => {
    const directory = join(root, `e8-${version}`);
    const driver = driverFixture("writing-readers-driver.mjs", { SQLITE_VERSION: version });
    const failure = await openSqlite({ directory, clock: standingClock(), driver }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "store_unavailable", details: { version, driver } });
    expect(String(failure)).toMatch(new RegExp(`SQLite ${version.replaceAll(".", "\\.")} .*walresetbug.*3\\.51\\.3 or newer`));
    // Nothing stays open behind a refused start: the next one, by a driver that keeps its readers from writing, is served.
    const served = await openSqlite({ directory, clock: standingClock() });
    expect(served.loaded.seq).toBe(0);
    await served.close();
  },
);

test("E8: SQLite 3.51.3 has no such fault and is served", async () => {
  const version = "3.51.3";
  const driver = driverFixture("writing-readers-driver.mjs", { SQLITE_VERSION: version });
  const clock = standingClock();
  const ledger = await openJournal({
    persistence: await openSqlite({ directory: join(root, `e8-${version}`), clock, driver }),
    clock,
  });
  expect((await ledger.apply([declare]))[0]).toMatchObject({ ok: true });
  await ledger.close();
});

test("E8: over a ledger's whole life one connection alone writes and checkpoints, and nothing checkpoints by itself", async () => {
  const directory = join(root, "e8-life");
  const log = join(root, "e8-life.log");
  const driver = driverFixture("recording-driver.mjs", { RECORDED_TO: log });
  const clock = standingClock();
  const ledger = await openJournal({ persistence: await openSqlite({ directory, clock, driver }), clock });
  await ledger.apply([declare]);
  const calls = 2_500;
  await ledger.apply(Array.from({ length: calls }, (_, n) => hold(`c${n}`, ceiling(20, 10))));
  // The copy of the WAL comes behind the answer, and before the next one.
  await ledger.apply(Array.from({ length: calls }, (_, n) => post(`c${n}`, { input: 20, output: 10 })));
  let read = 0;
  for await (const _entry of ledger.read(1)) read += 1;
  expect(read).toBeGreaterThan(2 * calls);
  expect(await ledger.readCall("c7")).toHaveLength(2);
  await ledger.close();
  const asked = readFileSync(log, "utf8").trim().split("\n");
  const by = (pattern: RegExp): string[] =>
    asked.filter((line) => pattern.test(line)).map((line) => line.split(" ").slice(0, 2).join(" "));
  const checkpoints = by(/wal_checkpoint/);
  expect(checkpoints.length).toBeGreaterThan(1);
  const writers = new Set([...checkpoints, ...by(/INSERT|UPDATE |DELETE |CREATE |BEGIN IMMEDIATE|COMMIT|journal_mode/)]);
  expect([...writers]).toEqual([expect.stringMatching(/^\d+\.0 write$/)]);
  expect(new Set(by(/wal_autocheckpoint = 0/))).toEqual(writers);
  const connections = new Set(asked.map((line) => line.split(" ").slice(0, 2).join(" ")));
  expect([...connections].filter((one) => !writers.has(one)).every((one) => one.endsWith(" read"))).toBe(true);
  expect(connections.size).toBeGreaterThan(2);
});

test("E10: a process that ends with 10,000 posts in its queue has settled each of them exactly once after the restart", async () => {
  const CALLS = 10_000;
  const clock = standingClock();
  const lines: LogLine[] = [];
  const persistence = memoryPersistence(lines);
  let batches = 0;
  const dying = {
    ...persistence,
    append(batch: readonly LogLine[]): Promise<void> {
      batches += 1;
      // The first half of the fourth batch reaches the disk; nobody is ever told.
      if (batches < 4) return persistence.append(batch);
      if (batches > 4) return new Promise<void>(() => undefined);
      return persistence.append(batch.slice(0, Math.floor(batch.length / 2))).then(() => new Promise<void>(() => undefined));
    },
  };
  const first = await openJournal({ persistence: dying, clock });
  const ids = Array.from({ length: CALLS }, (_, n) => `c${n}`);
  await first.apply([declare]);
  await first.apply(ids.map((id) => hold(id, ceiling(20, 10))));
  const acknowledged = ids.slice(0, 3_000);
  await first.apply(acknowledged.map((id) => post(id, { input: 10, output: 5 })));
  // All the rest wait in one queue when it dies.
  for (const id of ids.slice(3_000)) first.apply([post(id, { input: 10, output: 5 })]).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const durable = lines.filter((line) => line.type === "call.posted").length;
  expect(durable).toBeGreaterThan(3_000);
  expect(durable).toBeLessThan(CALLS);
  const second = await openJournal({ persistence: memoryPersistence(lines), clock });
  const holds = [...second.state().holds.values()];
  expect(holds).toHaveLength(CALLS - durable);
  expect(holds.every(({ state, presumed_reason }) => state === "presumed" && presumed_reason === "crash")).toBe(true);
  // The provider's figures arrive again for all of them, late: each counts once.
  const results = await second.apply(ids.map((id) => post(id, { input: 10, output: 5 })));
  expect(results.every((result) => result.ok)).toBe(true);
  expect(results.filter((result) => result.ok && result.changed)).toHaveLength(CALLS - durable);
  expect([...second.state().accounts.values()].map(({ used, held, presumed }) => [used, held, presumed])).toEqual([
    [BigInt(CALLS) * 20_000n, 0n, 0n],
  ]);
  const posted = lines.filter((line) => line.type === "call.posted").map((line) => line.attempt_id);
  expect(posted).toHaveLength(CALLS);
  expect(new Set(posted).size).toBe(CALLS);
  await second.close();
});

const ASK = { model: "gpt-4o", max_tokens: 50, messages: [{ role: "user", content: "hi" }] };

const openHooked = () =>
  openTestRoad({
    budgets: [budget({ name: "b", limit: 10n ** 9n })],
    script: ({ stream }) =>
      stream ? events([delta("hello"), usageChunk(9, 2), "data: [DONE]\n\n"]) : whole(200, completion(9, 2)),
  });

test.each([false, true])(
  "E12: an observer and a listener that throw leave the attempt settled (streamed: %s)",
  async (stream) => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on("unhandledRejection", note);
    const at = await openHooked();
    at.needs.observe = () => {
      throw new Error("a metrics sink broke");
    };
    at.ledger.subscribe(() => {
      throw new Error("a listener broke");
    });
    const reply = await at.call({ ...ASK, stream });
    if (reply.kind === "stream") await textOf(reply.body);
    await drained(at.road);
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off("unhandledRejection", note);
    expect(reply).toMatchObject({ status: 200 });
    expect((await at.ledger.readCall("call0")).at(-1)).toMatchObject({ type: "call.posted", nano: "42500" });
    expect([...at.ledger.state().accounts.values()].map(({ used, held }) => [used, held])).toEqual([[42_500n, 0n]]);
    expect(unhandled).toEqual([]);
  },
);

test.each(["estimator", "catalog", "agent", "ledger"] as const)(
  "E12: an exception of the %s on the way to admission denies, and nothing is sent",
  async (part) => {
    const at = await openHooked();
    const broken = (): never => {
      throw new Error(`${part} broke`);
    };
    if (part === "estimator") at.needs.estimator = { input: broken };
    else if (part === "catalog") at.needs.catalog = { candidates: broken };
    else if (part === "agent") at.needs.agent = broken;
    else at.needs.ledger = { ...at.ledger, apply: () => Promise.reject(new Error("ledger broke")) };
    expect(await at.call(ASK)).toMatchObject({ kind: "refused", error: { code: "internal" } });
    expect(at.requests).toHaveLength(0);
    for (const { held, used } of at.ledger.state().accounts.values()) expect([held, used]).toEqual([0n, 0n]);
  },
);
