import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { budget, caller, ceiling, hold, post, standingClock } from "../../../test/ledger-fixtures.js";
import type { BursarError } from "../../accounting/errors.js";
import { chainHash, GENESIS_HASH } from "../../accounting/ledger/chain.js";
import type { Entry } from "../../accounting/ledger/entry.js";
import { openJournal } from "../journal.js";
import { openMemory } from "../memory/open-memory.js";
import { sha256 } from "./chain-check.js";
import { DEFAULT_DRIVER, loadDriver, type SqlConnection } from "./driver.js";
import { openSqlite } from "./open-sqlite.js";
import { migrate, readMigrations, schemaVersion } from "./schema.js";
import { verifyFile } from "./verify-file.js";

const root = mkdtempSync(join(tmpdir(), "bursar-damage-"));
const whole = join(root, "whole");
const killed = join(root, "killed");
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** 201 entries; `whole` is closed with a checkpoint at its end, `killed` is the same with everything still in the WAL. */
beforeAll(async () => {
  const clock = standingClock();
  const directory = join(root, "first");
  const ledger = await openJournal({ persistence: await openSqlite({ directory, clock }), clock });
  await ledger.apply([{ type: "declare", budgets: [budget({ name: "b", limit: 10n ** 12n })], actor: "t", reason: "t" }]);
  for (let n = 0; n < 100; n++) await ledger.apply([hold(`c${n}`, ceiling(20, 10)), post(`c${n}`, { input: 20, output: 9 })]);
  cpSync(directory, killed, { recursive: true, filter: (path) => !/lock\.db|-shm|server\.json/.test(path) });
  await ledger.close();
  cpSync(directory, whole, { recursive: true });
});

/** A copy of a ledger, changed behind Bursar's back. */
function damaged(from: string): string {
  const directory = mkdtempSync(join(root, "d-"));
  cpSync(from, directory, { recursive: true });
  return directory;
}

async function withSql(directory: string, change: (connection: SqlConnection) => void): Promise<string> {
  const Driver = await loadDriver(DEFAULT_DRIVER);
  const connection = new Driver(join(directory, "ledger.db"), { timeout: 1_000 });
  change(connection);
  connection.close();
  return directory;
}

async function refusalOf(directory: string): Promise<Pick<BursarError, "code" | "details" | "message">> {
  try {
    await (await openSqlite({ directory, clock: standingClock() })).close();
  } catch (error) {
    return error as BursarError;
  }
  throw new Error("The damaged ledger was opened.");
}

/** Both doors must find it: the start, and `bursar verify`. */
async function expectFound(directory: string, firstBad: number): Promise<void> {
  const { violations } = await verifyFile(directory);
  expect(violations[0]?.seq).toBe(firstBad);
  expect(await refusalOf(directory)).toMatchObject({ code: "ledger_corrupt", details: { seq: firstBad } });
}

test("a whole ledger verifies and opens", async () => {
  expect(await verifyFile(damaged(whole))).toMatchObject({ entries: 201, violations: [] });
  const open = damaged(killed);
  const wal = readFileSync(join(open, "ledger.db-wal"));
  expect(await verifyFile(open)).toMatchObject({ entries: 201, violations: [] });
  // A reader never checkpoints, not even as the last connection.
  expect(readFileSync(join(open, "ledger.db-wal")).equals(wal)).toBe(true);
  const persistence = await openSqlite({ directory: damaged(killed), clock: standingClock() });
  expect(persistence.loaded.seq).toBe(201);
  await persistence.close();
});

test("E5: a changed letter in an entry is found and named", async () => {
  const change = "UPDATE log SET json = replace(json, '\"38000\"', '\"18000\"') WHERE seq = 77";
  await expectFound(await withSql(damaged(whole), (connection) => connection.exec(change)), 77);
});

test("E5: a changed hash is found and named", async () => {
  const change = "UPDATE log SET hash = zeroblob(32) WHERE seq = 42";
  await expectFound(await withSql(damaged(whole), (connection) => connection.exec(change)), 42);
});

test("E5: a flipped byte in the file is found", async () => {
  const directory = damaged(whole);
  const path = join(directory, "ledger.db");
  const bytes = readFileSync(path);
  const at = bytes.indexOf('"c50.1"');
  expect(at).toBeGreaterThan(0);
  bytes.writeUInt8(bytes.readUInt8(at + 2) ^ 1, at + 2);
  writeFileSync(path, bytes);
  const { violations } = await verifyFile(directory);
  expect([102, 103]).toContain(violations[0]?.seq);
  expect(await refusalOf(directory)).toMatchObject({ code: "ledger_corrupt", details: { seq: violations[0]?.seq } });
});

test("E5: a deleted entry is found and named", async () => {
  await expectFound(await withSql(damaged(whole), (connection) => connection.exec("DELETE FROM log WHERE seq = 13")), 13);
});

test("E5: two entries in each other's place are found and the first is named", async () => {
  const change =
    "UPDATE log SET seq = -1 WHERE seq = 20; UPDATE log SET seq = 20 WHERE seq = 30; UPDATE log SET seq = 30 WHERE seq = -1";
  await expectFound(await withSql(damaged(whole), (connection) => connection.exec(change)), 20);
});

test("E5: an end that was cut off behind the checkpoint is found", async () => {
  await expectFound(await withSql(damaged(whole), (connection) => connection.exec("DELETE FROM log WHERE seq > 190")), 191);
});

test("E5: a WAL that lost its end, by as little as one byte, is found: what was acknowledged is gone", async () => {
  for (const bytes of [1, 500, 4_096]) {
    const directory = damaged(killed);
    const wal = join(directory, "ledger.db-wal");
    truncateSync(wal, statSync(wal).size - bytes);
    const { violations } = await verifyFile(directory);
    expect(violations[0]).toMatchObject({ rule: "sequence" });
    expect(await refusalOf(directory)).toMatchObject({ code: "ledger_corrupt", details: { seq: violations[0]?.seq } });
  }
});

test("E6: a ledger that was deleted or put back from an older copy is found by its head", async () => {
  const deleted = damaged(whole);
  rmSync(join(deleted, "ledger.db"));
  expect(await refusalOf(deleted)).toMatchObject({ code: "ledger_corrupt", details: { seq: 1 } });
  const older = await withSql(damaged(whole), (connection) => {
    connection.exec("DELETE FROM log WHERE seq > 150; DELETE FROM checkpoint; DELETE FROM state");
  });
  await expectFound(older, 151);
});

test("a balance changed in the checkpoint is found", async () => {
  const change = `UPDATE state SET json = replace(json, '"used":"', '"used":"1') WHERE kind = 'accounts'`;
  const directory = await withSql(damaged(whole), (connection) => connection.exec(change));
  expect((await verifyFile(directory)).violations[0]).toMatchObject({ rule: "I5" });
  expect(await refusalOf(directory)).toMatchObject({ code: "ledger_corrupt" });
});

test("an old entry that the start does not check is found afterwards, and closes admission", async () => {
  const directory = await withSql(damaged(whole), (connection) => connection.exec("UPDATE log SET json = '{}' WHERE seq = 5"));
  const troubles: unknown[] = [];
  const onTrouble = (error: unknown): void => void troubles.push(error);
  const persistence = await openSqlite({ directory, clock: standingClock(), checkedAtStart: 100, onTrouble });
  expect(persistence.loaded.seq).toBe(201);
  await expect.poll(() => troubles).toMatchObject([{ code: "ledger_corrupt", details: { seq: 5 } }]);
  expect(persistence.admissionOpen?.()).toBe(false);
  await expect(persistence.append([])).rejects.toMatchObject({ code: "ledger_corrupt" });
  await persistence.close();
});

test("an attempt cannot be held or settled twice, not even behind the journal's back", async () => {
  for (const seq of [3, 2]) {
    const again = `INSERT INTO attempt (id, part, seq) SELECT id, part, 900 FROM attempt WHERE seq = ${seq}`;
    await withSql(damaged(whole), (connection) => {
      expect(() => connection.exec(again)).toThrow(/UNIQUE/);
    });
  }
});

test("E9: a ledger of a newer schema is refused by name and left as it is", async () => {
  const newer = "INSERT INTO schema_version (version, applied_at) VALUES (7, 'later')";
  const directory = await withSql(damaged(whole), (connection) => connection.exec(newer));
  const before = readFileSync(join(directory, "ledger.db"));
  const refusal = await refusalOf(directory);
  expect(refusal).toMatchObject({ code: "ledger_newer", details: { schema: 7, known: readMigrations().length } });
  expect(refusal.message).toContain("schema 7");
  expect(readFileSync(join(directory, "ledger.db")).equals(before)).toBe(true);
});

test("E9: a migration that fails half way leaves the schema as it was", async () => {
  const broken = [...readMigrations(), { version: 3, sql: "CREATE TABLE halfway (a INTEGER); SELECT no_such_function();" }];
  const directory = await withSql(damaged(whole), (connection) => {
    expect(() => migrate(connection, broken)).toThrow();
  });
  await withSql(directory, (connection) => {
    expect(schemaVersion(connection)).toBe(2);
    expect(() => connection.exec("SELECT * FROM halfway")).toThrow(/no such table/);
  });
});

test("a data directory that cannot be one is refused with a way out", async () => {
  const refusal = await refusalOf(join(whole, "ledger.db"));
  expect(refusal.code).toBe("store_unavailable");
  expect(refusal.message).toContain("--data");
});

test("another program's database is refused and left alone", async () => {
  const directory = mkdtempSync(join(root, "other-"));
  await withSql(directory, (connection) => connection.exec("CREATE TABLE diary (day TEXT)"));
  const before = readFileSync(join(directory, "ledger.db"));
  expect((await refusalOf(directory)).message).toContain("not a ledger");
  expect(readFileSync(join(directory, "ledger.db")).equals(before)).toBe(true);
});

/** A ledger as the first schema had it: entries as their own JSON, the index of attempts on the log. */
async function olderLedger(entries: readonly Entry[]): Promise<string> {
  const directory = mkdtempSync(join(root, "older-"));
  writeFileSync(join(directory, "head"), "");
  return withSql(directory, (connection) => {
    migrate(connection, readMigrations().slice(0, 1));
    const insert = connection.prepare("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)");
    let previous = GENESIS_HASH;
    for (const entry of entries) {
      const json = JSON.stringify(entry);
      previous = chainHash({ previous, json, sha256 });
      const ids = "attempt_id" in entry ? [entry.call_id, entry.attempt_id] : [null, null];
      insert.run([entry.seq, entry.at, entry.type, ...ids, json, Buffer.from(previous, "hex")]);
    }
  });
}

test("a ledger of the first schema is brought forward: same chain, same balances, and its accounts go on", async () => {
  const clock = standingClock();
  const memory = await openMemory({ clock });
  const budgets = [budget({ name: "b", limit: 10n ** 12n }), budget({ name: "by-agent", limit: 10n ** 12n, per: ["agent"] })];
  await memory.apply([{ type: "declare", budgets, actor: "t", reason: "t" }]);
  for (const agent of ["a", "b", "c"]) await memory.apply([hold(agent, ceiling(20, 10), { attribution: caller({ agent }) })]);
  const before: Entry[] = [];
  for await (const entry of memory.read(1)) before.push(entry);
  const directory = await olderLedger(before);
  const ledger = await openJournal({ persistence: await openSqlite({ directory, clock }), clock });
  expect([...ledger.state().accounts.keys()]).toEqual([...memory.state().accounts.keys()]);
  await ledger.apply([post("b", { input: 20, output: 9 })]);
  expect((await ledger.readCall("b")).map(({ type }) => type)).toEqual(["call.held", "call.presumed", "call.posted"]);
  const after: Entry[] = [];
  for await (const entry of ledger.read(1)) after.push(entry);
  expect(after.slice(0, before.length)).toEqual(before);
  // Read from the middle, the new line's accounts are those that the old lines opened.
  const posted = after.at(-1) as Extract<Entry, { type: "call.posted" }>;
  expect(posted.postings.map(({ account }) => account)).toEqual(
    memory
      .state()
      .holds.get("b.1")
      ?.accounts.map(({ id }) => id),
  );
  await ledger.close();
  expect(await verifyFile(directory)).toMatchObject({ entries: before.length + 4, violations: [] });
});
