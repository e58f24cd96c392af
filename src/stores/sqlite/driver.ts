/** The database as this store sees it. Money path: fails closed — a connection that cannot be made durable is refused. */
import { pathToFileURL } from "node:url";
import { BursarError } from "../../accounting/errors.js";

/** What is bound to a parameter or read from a column. */
export type SqlValue = string | number | bigint | null | Uint8Array;

/**
 * A prepared statement, in better-sqlite3's shape. Parameters go in one array (libsql flattens a list of arguments at
 * every run). `raw()` makes rows arrays; `safeIntegers()` makes integers bigint.
 */
export interface SqlStatement {
  run(parameters: SqlValue[]): unknown;
  all(parameters: SqlValue[]): unknown[];
  raw(): unknown;
  safeIntegers(): unknown;
}

/** A connection, in better-sqlite3's shape. */
export interface SqlConnection {
  exec(sql: string): unknown;
  prepare(sql: string): SqlStatement;
  close(): unknown;
}

/** The class a driver exports by default. */
export type SqlDriver = new (path: string, options: { timeout: number; readonly?: boolean }) => SqlConnection;

/** How a file is opened: for writing, or by a connection that can neither write nor checkpoint. */
export type OpenMode = "write" | "read";

/** The package used when no other is named. */
export const DEFAULT_DRIVER = "libsql";

/** How long a statement waits for a lock of another process, in milliseconds, before it fails. */
export const BUSY_MS = 1_000;

/**
 * Loads a driver: the name of a package, or a file URL, whose default export has better-sqlite3's shape. A name and not
 * an object, because it is loaded again in each worker thread.
 */
export async function loadDriver(driver: string): Promise<SqlDriver> {
  const loaded = (await import(driver)) as { readonly default: unknown };
  if (typeof loaded.default !== "function") {
    throw new BursarError("internal", `The SQLite driver "${driver}" has no class as its default export.`);
  }
  return loaded.default as SqlDriver;
}

/** Opens one file. libsql knows no `readonly` option but understands SQLite's URI names, so a reader gets both. */
export function openConnection(
  Driver: SqlDriver,
  at: { path: string; mode: OpenMode; timeout?: number; driver: string },
): SqlConnection {
  const timeout = at.timeout ?? BUSY_MS;
  if (at.mode === "write") return new Driver(at.path, { timeout });
  const path = at.driver === DEFAULT_DRIVER ? `${pathToFileURL(at.path).href}?mode=ro` : at.path;
  const connection = new Driver(path, { timeout, readonly: true });
  try {
    refuseWalReset(connection, at.driver);
  } catch (error) {
    connection.close();
    throw error;
  }
  return connection;
}

/**
 * True of a SQLite that can lose committed data when two connections write or checkpoint at the same time: 3.7.0 to
 * 3.51.2, but for the corrected 3.44.6 and 3.50.7 (https://sqlite.org/wal.html#walresetbug).
 */
export function hasWalResetFault(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  if (major !== 3) return major < 3;
  if (minor === 44) return patch < 6;
  if (minor === 50) return patch < 7;
  return minor < 51 || (minor === 51 && patch < 3);
}

/**
 * Refuses a reader that could write under a SQLite with the fault above. A reader that cannot write cannot checkpoint
 * either, so that the one connection that does both, of the one process that has the lock, meets nobody; libsql's own
 * SQLite is 3.45.1, which is why its version alone is no reason to refuse it.
 */
function refuseWalReset(connection: SqlConnection, driver: string): void {
  const version = textOf(prepareQuery(connection, "SELECT CAST(sqlite_version() AS BLOB)")()[0]?.[0]);
  if (!hasWalResetFault(version) || !canWrite(connection)) return;
  throw new BursarError(
    "store_unavailable",
    `SQLite ${version} of the driver "${driver}" can lose committed entries when two connections checkpoint at the same time (https://sqlite.org/wal.html#walresetbug), and this driver opens readers that could. Use a driver with SQLite 3.51.3 or newer, or one that honours "readonly", such as ${DEFAULT_DRIVER}.`,
    { version, driver },
  );
}

/** Whether a connection may write, found out by a write that is never kept. */
function canWrite(connection: SqlConnection): boolean {
  connection.exec("BEGIN");
  try {
    connection.exec("PRAGMA user_version = 0");
    return true;
  } catch (error) {
    // Anything else, a lock for one, is met only by who may write.
    return sqlCode(error)?.startsWith("SQLITE_READONLY") !== true;
  } finally {
    connection.exec("ROLLBACK");
  }
}

/** Prepares a query whose rows come as arrays and whose integers come as bigint. */
export function prepareQuery(connection: SqlConnection, sql: string): (...parameters: SqlValue[]) => SqlValue[][] {
  const statement = connection.prepare(sql);
  statement.raw();
  statement.safeIntegers();
  return (...parameters) => statement.all(parameters) as SqlValue[][];
}

/**
 * Text of a column that was read as bytes. Every column whose text may have been damaged is: libsql ends the whole process
 * on text that is no UTF-8, where a damaged entry must be named. What is no UTF-8 comes out changed, and its hash shows it.
 */
export function textOf(value: SqlValue | undefined): string {
  if (!(value instanceof Uint8Array)) return String(value);
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf8");
}

/** Reads a setting of the connection. */
export function readPragma(connection: SqlConnection, name: string): string {
  return String(prepareQuery(connection, `PRAGMA ${name}`)()[0]?.[0]);
}

/** SQLite's name for a failure, for example `SQLITE_BUSY`; null when it is not one of the database. */
export function sqlCode(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error)) return null;
  return typeof error.code === "string" && error.code.startsWith("SQLITE_") ? error.code : null;
}

/** True when the file itself is damaged. */
export function isDamage(error: unknown): boolean {
  const code = sqlCode(error);
  return code !== null && (code.startsWith("SQLITE_CORRUPT") || code.startsWith("SQLITE_NOTADB"));
}

/**
 * Makes a writing connection durable: WAL, a sync of the WAL at every commit, and no checkpoint but those this store
 * asks for, so that their failures are seen. Refuses when a setting does not take.
 */
export function makeDurable(connection: SqlConnection): void {
  const journal = readPragma(connection, "journal_mode = WAL");
  connection.exec("PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1");
  connection.exec("PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -65536");
  const synchronous = readPragma(connection, "synchronous");
  const automatic = readPragma(connection, "wal_autocheckpoint");
  if (journal === "wal" && synchronous === "2" && automatic === "0") return;
  const found = `journal_mode=${journal}, synchronous=${synchronous}, wal_autocheckpoint=${automatic}`;
  throw new BursarError(
    "store_unavailable",
    `The ledger's file system or driver does not allow durable commits: ${found}; needed are wal, 2 and 0. Use a local disk: --data DIR.`,
  );
}
