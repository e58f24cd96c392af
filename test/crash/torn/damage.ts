import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BursarError } from "../../../src/accounting/errors.js";
import type { State } from "../../../src/accounting/ledger/state.js";
import { openJournal } from "../../../src/stores/journal.js";
import { DEFAULT_DRIVER, loadDriver } from "../../../src/stores/sqlite/driver.js";
import { openSqlite } from "../../../src/stores/sqlite/open-sqlite.js";
import { verifyFile } from "../../../src/stores/sqlite/verify-file.js";
import { budget, ceiling, hold, post, standingClock } from "../../ledger-fixtures.js";
import type { Chance } from "../gateway/load.js";

const binary = fileURLToPath(new URL("../../../dist/surfaces/cli/bin.js", import.meta.url));
const PAIRS = 60;

/** A ledger as it lies on disk when its process is killed, and once it was closed. */
export interface OnDisk {
  readonly root: string;
  /** Everything is in the WAL. */
  readonly killed: string;
  /** Everything is in the database. */
  readonly closed: string;
  readonly hash: string;
  readonly standing: string;
}

/** What the two doors said of a damaged copy. */
export interface Found {
  /** Code of the refusal to start; null when it started. */
  readonly start: string | null;
  readonly startSeq: number | null;
  /** First entry that `verify` names; null when it is content. */
  readonly verify: number | null;
  readonly hash: string | null;
  readonly standing: string | null;
}

function standingOf(state: State): string {
  const accounts = [...state.accounts.values()].map(({ id, used, held, overrun }) => [
    id,
    String(used),
    String(held),
    String(overrun),
  ]);
  return JSON.stringify(accounts.sort());
}

async function lastHash(directory: string): Promise<string> {
  const persistence = await openSqlite({ directory, clock: standingClock() });
  try {
    let hash = "";
    for await (const line of persistence.stored(1)) hash = String(line.hash);
    return hash;
  } finally {
    await persistence.close();
  }
}

/** Writes one: a budget and so many calls, each held and posted. */
export async function buildLedger(root: string): Promise<OnDisk> {
  const clock = standingClock();
  const [directory, killed, closed] = ["first-", "killed-", "closed-"].map((name) => mkdtempSync(join(root, name))) as [
    string,
    string,
    string,
  ];
  const ledger = await openJournal({ persistence: await openSqlite({ directory, clock }), clock });
  await ledger.apply([{ type: "declare", budgets: [budget({ name: "b", limit: 10n ** 12n })], actor: "t", reason: "t" }]);
  for (let n = 0; n < PAIRS; n++) await ledger.apply([hold(`c${n}`, ceiling(20, 10)), post(`c${n}`, { input: 20, output: 9 })]);
  const standing = standingOf(ledger.state());
  cpSync(directory, killed, { recursive: true, filter: (path) => !/lock\.db|-shm|server\.json/.test(path) });
  await ledger.close();
  cpSync(directory, closed, { recursive: true });
  const hash = await lastHash(directory);
  return { root, killed, closed, hash, standing };
}

/** What the start and `verify` say of a directory; the background check of older entries included. */
async function look(directory: string): Promise<Found> {
  const { violations } = await verifyFile(directory).catch((error: unknown) => ({ violations: [{ seq: seqOf(error) }] }));
  const verify = violations[0]?.seq ?? null;
  try {
    const persistence = await openSqlite({ directory, clock: standingClock() });
    const standing = standingOf(persistence.loaded);
    await persistence.close();
    return { start: null, startSeq: null, verify, hash: await lastHash(directory), standing };
  } catch (error) {
    if (!(error instanceof BursarError)) throw error;
    return { start: error.code, startSeq: seqOf(error), verify, hash: null, standing: null };
  }
}

function seqOf(error: unknown): number | null {
  return error instanceof BursarError && typeof error.details.seq === "number" ? error.details.seq : null;
}

async function inCopy<T>(of: { root: string; from: string }, use: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(of.root, "copy-"));
  cpSync(of.from, directory, { recursive: true });
  try {
    return await use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Cuts so many bytes off the end of the WAL of a killed process. */
export function cutWal({ root, killed }: OnDisk, bytes: number): Promise<Found> {
  return inCopy({ root, from: killed }, (directory) => {
    const wal = join(directory, "ledger.db-wal");
    truncateSync(wal, statSync(wal).size - bytes);
    return look(directory);
  });
}

/** Flips one bit of one byte of the database, its WAL or the head file. */
export function flipByte({ root, killed, closed }: OnDisk, chance: Chance): Promise<Found & { readonly at: string }> {
  const from = chance(2) === 0 ? killed : closed;
  return inCopy({ root, from }, async (directory) => {
    const files = readdirSync(directory).filter(
      (name) => /^ledger\.db(-wal)?$|^head$/.test(name) && statSync(join(directory, name)).size > 0,
    );
    const name = files[chance(files.length)] as string;
    const bytes = readFileSync(join(directory, name));
    const at = chance(bytes.byteLength);
    const bit = chance(8);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
    writeFileSync(join(directory, name), bytes);
    return { at: `${name}:${at}:${bit}`, ...(await look(directory)) };
  });
}

async function run(directory: string, args: readonly string[]): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [binary, ...args, "--data", directory], {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  await once(child, "close");
  return { code: child.exitCode, said };
}

/** Changes the closed ledger by SQL, and answers what `bursar up` and `bursar verify` do with it. */
export function refusedByBinary({ root, closed }: OnDisk, sql: string) {
  return inCopy({ root, from: closed }, async (directory) => {
    const Driver = await loadDriver(DEFAULT_DRIVER);
    const connection = new Driver(join(directory, "ledger.db"), { timeout: 1_000 });
    connection.exec(sql);
    connection.close();
    return { up: await run(directory, ["up", "--port", "0"]), verify: await run(directory, ["verify"]) };
  });
}
