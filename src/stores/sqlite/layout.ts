/** Where things are in the data directory, and that nobody else may read them. Money path: fails closed. */
import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { BursarError } from "../../accounting/errors.js";

/** Paths of the files of one data directory. */
export interface Layout {
  readonly directory: string;
  /** The database; SQLite keeps `-wal` and `-shm` beside it, with the same permissions. */
  readonly ledger: string;
  /** Held locked while a server runs. Never read or copied by this process: closing it would drop the lock. */
  readonly lock: string;
  /** Who runs here, for other processes to read. */
  readonly server: string;
  /** Number and hash of the last acknowledged entry, outside the database. */
  readonly head: string;
}

/** The files of a data directory. Touches nothing. */
export function layoutOf(directory: string): Layout {
  const at = (name: string): string => join(directory, name);
  return { directory, ledger: at("ledger.db"), lock: at("lock.db"), server: at("server.json"), head: at("head") };
}

/** Creates a file that only its owner may read and write; leaves one that is there but takes others' permissions away. */
function createPrivate(path: string): void {
  if (existsSync(path)) {
    chmodSync(path, 0o600);
    return;
  }
  closeSync(openSync(path, "a", 0o600));
}

/**
 * Makes the data directory (0700) and its files (0600). A directory that is there is closed to others when it is empty
 * or holds a ledger; somebody else's directory is left as it is.
 */
export function prepareDirectory(layout: Layout): void {
  try {
    createDirectory(layout);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `The data directory ${layout.directory} cannot be used: ${why}. Choose another: --data DIR.`;
    throw new BursarError("store_unavailable", message, { directory: layout.directory }, { cause });
  }
}

function syncDirectory(path: string): void {
  // Windows cannot open a directory, and keeps names by itself.
  if (process.platform === "win32") return;
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/**
 * Makes the entries of what was just created durable: syncing a file says nothing of its name (fsync(2)), so that after a
 * power loss the whole new directory could be gone, with everything that was acknowledged in it.
 */
function syncNames(layout: Layout, firstCreated: string): void {
  for (let path = resolve(layout.directory); ; path = dirname(path)) {
    syncDirectory(path);
    if (path.length < resolve(firstCreated).length || path === dirname(path)) return;
  }
}

function createDirectory(layout: Layout): void {
  const firstCreated = mkdirSync(layout.directory, { recursive: true, mode: 0o700 });
  const names = readdirSync(layout.directory);
  const ours = names.length === 0 || existsSync(layout.ledger);
  if (ours && (statSync(layout.directory).mode & 0o077) !== 0) chmodSync(layout.directory, 0o700);
  const missing = !existsSync(layout.ledger) || !existsSync(layout.head);
  for (const path of [layout.lock, layout.ledger, layout.head]) createPrivate(path);
  // Above what was made there is one more directory, which names it.
  if (firstCreated !== undefined) syncNames(layout, firstCreated);
  else if (missing) syncDirectory(layout.directory);
}

/** Reads one named statement from `sql/`. */
export function readSql(name: string): string {
  return readFileSync(new URL(`./sql/${name}.sql`, import.meta.url), "utf8");
}
