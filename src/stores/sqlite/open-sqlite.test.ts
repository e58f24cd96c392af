import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { ledgerConformance, type StoreUnderTest } from "../../../test/conformance/ledger-conformance.js";
import { budget, ceiling, hold, post, standingClock } from "../../../test/ledger-fixtures.js";
import type { Entry } from "../../accounting/ledger/entry.js";
import type { Clock } from "../../call/needs.js";
import { type OpenLedger, openJournal } from "../journal.js";
import { readServer } from "./lock.js";
import { DISK_WATERMARK, openSqlite, type SqliteOptions, type SqlitePersistence } from "./open-sqlite.js";
import { verifyFile } from "./verify-file.js";

const root = mkdtempSync(join(tmpdir(), "bursar-sqlite-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const here = dirname(fileURLToPath(import.meta.url));
const newDirectory = (): string => mkdtempSync(join(root, "d-"));

interface Opened {
  readonly ledger: OpenLedger;
  readonly persistence: SqlitePersistence;
}

async function open(directory: string, over: Partial<SqliteOptions> = {}): Promise<Opened> {
  const clock = standingClock();
  const persistence = await openSqlite({ directory, clock, ...over });
  return { persistence, ledger: await openJournal({ persistence, clock }) };
}

const declare = { type: "declare" as const, budgets: [budget({ name: "b", limit: 10n ** 15n })], actor: "t", reason: "t" };

/** Fills a ledger with settled calls: one entry for the budget, two for each call. */
async function fill(ledger: OpenLedger, calls: number): Promise<void> {
  await ledger.apply([declare]);
  for (let at = 0; at < calls; at += 500) {
    const ids = Array.from({ length: Math.min(500, calls - at) }, (_, index) => `c${at + index}`);
    await ledger.apply(ids.flatMap((id) => [hold(id, ceiling(20, 10)), post(id, { input: 20, output: 9 })]));
  }
}

// A crash in one process: the files as they are at that moment, opened elsewhere.
async function openUnderTest(clock: Clock, directory: string): Promise<StoreUnderTest> {
  const persistence = await openSqlite({ directory, clock });
  return {
    ledger: await openJournal({ persistence, clock }),
    async reopen() {
      const copy = newDirectory();
      for (const name of ["ledger.db", "ledger.db-wal", "head"]) {
        if (existsSync(join(directory, name))) cpSync(join(directory, name), join(copy, name));
      }
      await persistence.close();
      return openUnderTest(clock, copy);
    },
  };
}

ledgerConformance("sqlite", (clock) => openUnderTest(clock, newDirectory()));

test("what was acknowledged is there after closing and opening again, and the epoch grows", async () => {
  const directory = newDirectory();
  const first = await open(directory);
  await fill(first.ledger, 30);
  await first.ledger.apply([hold("open", ceiling(7, 7))]);
  await first.ledger.close();
  // SQLite removes the WAL with its last connection; what counts is that nothing is left in it.
  expect(statSync(join(directory, "ledger.db-wal"), { throwIfNoEntry: false })?.size ?? 0).toBe(0);
  const second = await openSqlite({ directory, clock: standingClock() });
  expect(second.loaded).toEqual(first.ledger.state());
  expect([...second.loaded.accounts.keys()]).toEqual([...first.ledger.state().accounts.keys()]);
  expect(second.epoch).toBe(first.persistence.epoch + 1);
  await second.close();
  const third = await open(directory);
  await third.ledger.apply([post("open", { input: 7, output: 7 })]);
  await third.ledger.close();
  expect(await verifyFile(directory)).toMatchObject({ entries: 64, violations: [] });
});

test("a start from the checkpoint and the tail gives the state that the whole fold gives", async () => {
  const directory = newDirectory();
  const { ledger } = await open(directory);
  await fill(ledger, 10_400);
  const copy = newDirectory();
  for (const name of ["ledger.db", "ledger.db-wal", "head"]) cpSync(join(directory, name), join(copy, name));
  // As many entries as there are: then the settled attempts that are remembered are the same as well.
  const { loaded, close } = await openSqlite({ directory: copy, clock: standingClock(), checkedAtStart: 30_000 });
  expect(loaded.seq).toBe(20_801);
  expect(loaded).toEqual(ledger.state());
  await close();
  expect(await verifyFile(copy)).toMatchObject({ entries: 20_801, violations: [] });
  await ledger.close();
});

test("amounts beyond 2^53 and beyond 2^63 come back to the last digit", async () => {
  const directory = newDirectory();
  const first = await open(directory);
  const limit = 2n ** 80n + 1n;
  await first.ledger.apply([{ ...declare, budgets: [budget({ name: "b", limit })] }]);
  const most = { nano: 2n ** 63n + 3n, input_tokens: 1, output_tokens: 1 };
  const [held] = await first.ledger.apply([hold("x", most)]);
  expect(held?.ok).toBe(true);
  await first.ledger.close();
  const second = await open(directory);
  const [account] = [...second.ledger.state().accounts.values()];
  expect(account?.held).toBe(2n ** 63n + 3n);
  expect(second.ledger.state().budgets.get("b")?.budget.limit).toBe(limit);
  await second.ledger.close();
});

test("a late duplicate of a post that memory has forgotten is still told apart", async () => {
  const { ledger, persistence } = await open(newDirectory());
  await fill(ledger, 20);
  await ledger.apply([hold("open", ceiling(7, 7))]);
  expect(await persistence.find("c3.1")).toEqual({ kind: "posted", nano: 38_000n });
  expect(await persistence.find("open.1")).toMatchObject({ attempt_id: "open.1", ceiling: { nano: 21_000n } });
  expect(await persistence.find("never.1")).toBeNull();
  await ledger.close();
});

test("a reader sees every acknowledged entry, from any number on and across chunks", async () => {
  const { ledger } = await open(newDirectory());
  await fill(ledger, 1_100);
  const seen: number[] = [];
  for await (const entry of ledger.read(5)) seen.push(entry.seq);
  expect(seen).toEqual(Array.from({ length: 2_197 }, (_, index) => index + 5));
  expect((await ledger.readCall("c7")).map((entry: Entry) => entry.type)).toEqual(["call.held", "call.posted"]);
  await ledger.close();
});

test("nobody but the owner may read the data directory and its files", async () => {
  const directory = join(newDirectory(), "deep", "data");
  const { ledger } = await open(directory);
  await ledger.apply([declare]);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  for (const name of ["ledger.db", "ledger.db-wal", "ledger.db-shm", "lock.db", "server.json", "head"]) {
    expect([name, statSync(join(directory, name)).mode & 0o777]).toEqual([name, 0o600]);
  }
  await ledger.close();
});

test("K3: no hold is admitted on a nearly full disk, while posts are still taken", async () => {
  let free = DISK_WATERMARK;
  const { ledger, persistence } = await open(newDirectory(), { freeBytes: () => Promise.resolve(free) });
  await ledger.apply([declare, hold("x", ceiling(20, 10))]);
  free -= 1;
  await expect.poll(() => persistence.admissionOpen?.(), { timeout: 3_000 }).toBe(false);
  const [refused, posted] = await ledger.apply([hold("y", ceiling(1, 1)), post("x", { input: 1, output: 1 })]);
  expect(refused).toMatchObject({ ok: false, refusal: { code: "store_unavailable" } });
  expect(posted?.ok).toBe(true);
  await ledger.close();
});

/** Starts the child that appends until it is killed; `acknowledged` is the last number it has said. */
function startAppending(directory: string) {
  const child = spawn(process.execPath, [join(here, "__fixtures__/append-until-killed.mjs"), directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = { acknowledged: 0 };
  createInterface({ input: child.stdout }).on("line", (line) => {
    said.acknowledged = Number(line);
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  return { child, said, ended };
}

test("E7: a directory that another process has is refused, naming the process, its address and the way out", async () => {
  const directory = newDirectory();
  const { child, said, ended } = startAppending(directory);
  try {
    await expect.poll(() => said.acknowledged, { timeout: 10_000 }).toBeGreaterThan(0);
    expect(await readServer(directory)).toMatchObject({ pid: child.pid, address: "http://127.0.0.1:4141" });
    const failure = await openSqlite({ directory, clock: standingClock() }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "ledger_locked", details: { pid: child.pid, address: "http://127.0.0.1:4141" } });
    expect(String(failure)).toContain("--data");
    expect((await verifyFile(directory)).violations).toEqual([]);
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
  expect(await readServer(directory)).toBeNull();
});

test("what a killed process had acknowledged is there, whole, and the lock is free", async () => {
  const directory = newDirectory();
  for (const delay of [5, 40, 90, 160]) {
    const { child, said, ended } = startAppending(directory);
    const before = said.acknowledged;
    await expect.poll(() => said.acknowledged, { timeout: 10_000, interval: 5 }).toBeGreaterThan(before);
    await new Promise((resolve) => setTimeout(resolve, delay));
    child.kill("SIGKILL");
    await ended;
    const persistence = await openSqlite({ directory, clock: standingClock() });
    expect(persistence.loaded.seq).toBeGreaterThanOrEqual(said.acknowledged);
    expect(persistence.loaded.agents.get("a")?.refused).toBe(persistence.loaded.seq);
    await persistence.close();
    expect((await verifyFile(directory)).violations).toEqual([]);
  }
});

test("E7: a second opening in the same process is refused, and closing gives the directory free", async () => {
  const directory = newDirectory();
  const first = await open(directory);
  first.persistence.announce("http://127.0.0.1:9");
  await expect(openSqlite({ directory, clock: standingClock() })).rejects.toMatchObject({
    code: "ledger_locked",
    details: { pid: process.pid, address: "http://127.0.0.1:9" },
  });
  await first.ledger.close();
  expect(await readServer(directory)).toBeNull();
  await (await open(directory)).ledger.close();
});

test("E3: after a failed commit nothing is acknowledged, retried or synced again, and a restart has what was acknowledged", async () => {
  const directory = newDirectory();
  await (await open(directory)).ledger.close();
  const log = join(root, "asked.log");
  const driver = new URL(`./__fixtures__/failing-driver.js?commit=3&log=${encodeURIComponent(log)}`, import.meta.url).href;
  const { ledger, persistence } = await open(directory, { driver });
  await ledger.apply([declare]);
  await ledger.apply([hold("x", ceiling(20, 10))]);
  await expect(ledger.apply([hold("y", ceiling(20, 10))])).rejects.toMatchObject({ code: "store_unavailable" });
  await expect(ledger.apply([post("x", { input: 1, output: 1 })])).rejects.toMatchObject({ code: "store_unavailable" });
  await expect(persistence.append([])).rejects.toMatchObject({ code: "store_unavailable" });
  await ledger.close();
  expect(existsSync(log) ? readFileSync(log, "utf8") : "").toBe("");
  const again = await openSqlite({ directory, clock: standingClock() });
  expect([...again.loaded.holds.keys()]).toContain("x.1");
  expect((await verifyFile(directory)).violations).toEqual([]);
  await again.close();
});
