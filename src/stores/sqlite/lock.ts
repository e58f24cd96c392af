/**
 * One server per data directory. The lock is the operating system's, on lock.db, and dies with its process: no process
 * id can be reused, nothing has to be cleaned up after a crash. Money path: fails closed.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { BursarError } from "../../accounting/errors.js";
import { BUSY_MS, DEFAULT_DRIVER, loadDriver, openConnection, type SqlConnection, sqlCode } from "./driver.js";
import { type Layout, layoutOf } from "./layout.js";

const ServerNote = z.object({ pid: z.number().int(), address: z.string().nullable(), since: z.number() });

/** Who runs on a data directory: its process, where it listens (null: not yet, or nowhere) and since when (epoch ms). */
export type RunningServer = z.infer<typeof ServerNote>;

/** A held lock. */
export interface DirectoryLock {
  /** Tells other processes where this one listens. */
  announce(address: string): void;
  release(): void;
}

function lockedBy(layout: Layout): BursarError {
  const note = readNote(layout);
  const who = note === null ? "Another process" : `Process ${note.pid}`;
  const where = note?.address ? ` and listens on ${note.address}` : "";
  const message = `${who} has the data directory ${layout.directory}${where}. Use it there, stop it first, or choose another directory: --data DIR.`;
  return new BursarError("ledger_locked", message, {
    directory: layout.directory,
    pid: note?.pid ?? null,
    address: note?.address ?? null,
  });
}

/** The note as written last, whether its writer still runs or not; null when there is none that can be read. */
function readNote(layout: Layout): RunningServer | null {
  if (!existsSync(layout.server)) return null;
  try {
    return ServerNote.parse(JSON.parse(readFileSync(layout.server, "utf8")));
  } catch {
    // The lock says whether somebody runs; a torn note only loses the address.
    return null;
  }
}

function isBusy(error: unknown): boolean {
  const code = sqlCode(error);
  return code?.startsWith("SQLITE_BUSY") === true || code?.startsWith("SQLITE_LOCKED") === true;
}

/** Takes the lock, or throws `ledger_locked` with who has it and what to do. */
export async function lockDirectory(layout: Layout, self: { address: string | null; since: number }): Promise<DirectoryLock> {
  const Driver = await loadDriver(DEFAULT_DRIVER);
  const connection = openConnection(Driver, { path: layout.lock, mode: "write", timeout: BUSY_MS, driver: DEFAULT_DRIVER });
  try {
    connection.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    connection.close();
    throw isBusy(error) ? lockedBy(layout) : error;
  }
  const announce = (address: string | null): void => {
    const draft = `${layout.server}.${process.pid}.tmp`;
    writeFileSync(draft, `${JSON.stringify({ pid: process.pid, address, since: self.since })}\n`, { mode: 0o600 });
    renameSync(draft, layout.server);
  };
  announce(self.address);
  return {
    announce,
    release() {
      rmSync(layout.server, { force: true });
      connection.close();
    },
  };
}

/**
 * A second connection in the main thread, which reads once and then only stays open. SQLite syncs and copies the WAL when
 * the last connection closes, also when that is torn down with its thread; after a failed sync that would be the retry
 * that must not be. The main thread ends after its workers, so this connection is the last one, and it cannot write.
 */
export async function guardLedger(layout: Layout, driver: string): Promise<SqlConnection> {
  const connection = openConnection(await loadDriver(driver), { path: layout.ledger, mode: "read", driver });
  // By exec: a prepared statement would keep the connection half open until it is collected.
  connection.exec("SELECT count(*) FROM sqlite_master");
  return connection;
}

/**
 * Who runs on a data directory right now; null when nobody does. Asks the lock, not the note: a server that was killed
 * leaves its note behind.
 */
export async function readServer(directory: string): Promise<RunningServer | null> {
  const layout = layoutOf(directory);
  if (!existsSync(layout.lock)) return null;
  const Driver = await loadDriver(DEFAULT_DRIVER);
  // Only a shared lock, and only for a moment: a server that starts right now waits for it.
  const connection: SqlConnection = openConnection(Driver, {
    path: layout.lock,
    mode: "read",
    timeout: 0,
    driver: DEFAULT_DRIVER,
  });
  try {
    connection.exec("SELECT count(*) FROM sqlite_master");
    return null;
  } catch (error) {
    if (!isBusy(error)) throw error;
    return readNote(layout) ?? { pid: 0, address: null, since: 0 };
  } finally {
    connection.close();
  }
}
