/**
 * The SQLite persistence: one thread writes, one reads, and nobody else may open the directory. Money path: fails
 * closed — what cannot be written, or is not what was written, is refused.
 */
import { statfs } from "node:fs/promises";
import type { BursarError } from "../../accounting/errors.js";
import { apply } from "../../accounting/ledger/apply.js";
import { GENESIS_HASH } from "../../accounting/ledger/chain.js";
import { emptyState } from "../../accounting/ledger/empty-state.js";
import type { Entry } from "../../accounting/ledger/entry.js";
import { openLineWriter } from "../../accounting/ledger/line.js";
import type { Hold, Resolution } from "../../accounting/ledger/state.js";
import type { StoredLine } from "../../accounting/ledger/verify.js";
import type { Clock } from "../../call/needs.js";
import type { Persistence } from "../journal.js";
import { type ChainEnd, corrupt } from "./chain-check.js";
import { type CheckpointSource, openCheckpoints } from "./checkpoint.js";
import { DEFAULT_DRIVER, type SqlConnection } from "./driver.js";
import { layoutOf, prepareDirectory } from "./layout.js";
import { CHECKED_AT_START } from "./load.js";
import { type DirectoryLock, guardLedger, lockDirectory } from "./lock.js";
import { type Appended, linesOf, type Opened } from "./messages.js";
import { openThread, type Thread } from "./thread.js";
import { storedLines } from "./verify-file.js";

/** How a ledger is opened. */
export interface SqliteOptions {
  /** The data directory; created (0700) when it is not there. */
  readonly directory: string;
  /** Where this process listens, when that is known already; see `announce`. */
  readonly address?: string;
  readonly clock: Clock;
  /** A package or file URL whose default export has better-sqlite3's shape. Default: libsql. */
  readonly driver?: string;
  /** Entries checked before the ledger is served; older ones are checked in the background. Default: 5,000. */
  readonly checkedAtStart?: number;
  /** Bytes free for the directory. Default: what the file system says. */
  readonly freeBytes?: (directory: string) => Promise<number>;
  /** Told once when the disk cannot be asked, or an old entry turns out not to be what was written. */
  readonly onTrouble?: (error: unknown) => void;
}

/** A persistence on disk. */
export interface SqlitePersistence extends Persistence {
  /** Which opening for writing this is; grows with each, so that an older one can be told apart. */
  readonly epoch: number;
  /** Tells other processes where this one listens (`readServer`). */
  announce(address: string): void;
  /** Bytes free for the directory a second ago; null when the system does not say. */
  freeBytes(): number | null;
  /** The lines as they are stored, hashes (hex) included, for `openVerifier`. */
  stored(fromSeq: number): AsyncIterable<StoredLine>;
}

/** Below this many free bytes no hold is admitted, so that what is open can still be posted: 64 MiB. */
export const DISK_WATERMARK = 64 * 1024 * 1024;
const DISK_EVERY_MS = 1_000;
/** How long a batch of many callers gathers: about as long as a commit takes. */
const GATHER_MS = 1;
/** Pause between two chunks of the background check: it takes under a third of one core. */
const AUDIT_PAUSE_MS = 20;

async function freeOf(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

interface Watch {
  bytes(): number | null;
  stop(): void;
}

/** Asks for the free space every second. A disk that does not answer counts as full. */
async function watchDisk(options: SqliteOptions): Promise<Watch> {
  const ask = options.freeBytes ?? freeOf;
  let bytes: number | null = null;
  const look = async (): Promise<void> => {
    try {
      bytes = await ask(options.directory);
    } catch (error) {
      bytes = null;
      options.onTrouble?.(error);
    }
  };
  await look();
  const timer = setInterval(() => void look(), DISK_EVERY_MS);
  timer.unref();
  return { bytes: () => bytes, stop: () => clearInterval(timer) };
}

/** Checks, slowly, the entries that the start did not. Answers what it found; null when all is well or it was stopped. */
async function auditRest(reader: Thread, to: ChainEnd, stopped: () => boolean): Promise<BursarError | null> {
  let end: ChainEnd = { seq: 0, hash: GENESIS_HASH };
  while (end.seq < to.seq) {
    if (stopped()) return null;
    const next = await reader.ask<ChainEnd>("audit", end);
    if (next.seq === end.seq) return corrupt(end.seq + 1, "is missing");
    end = next;
    await new Promise((resolve) => setTimeout(resolve, AUDIT_PAUSE_MS).unref());
  }
  return null;
}

async function* readEntries(reader: Thread, fromSeq: number): AsyncGenerator<Entry> {
  let next = fromSeq;
  for (;;) {
    const jsons = await reader.ask<readonly string[]>("lines", next);
    if (jsons.length === 0) return;
    for (const json of jsons) {
      const entry = JSON.parse(json) as Entry;
      next = entry.seq + 1;
      yield entry;
    }
  }
}

/** What the entries of one attempt come to. */
function outcomeOf(jsons: readonly string[], attemptId: string): Resolution | Hold | null {
  const state = emptyState();
  for (const json of jsons) apply(state, JSON.parse(json) as Entry);
  return state.resolutions.get(attemptId) ?? state.holds.get(attemptId) ?? null;
}

interface Parts {
  readonly lock: DirectoryLock;
  readonly guard: SqlConnection;
  readonly writer: Thread;
  readonly reader: Thread;
  readonly disk: Watch;
  readonly opened: Opened;
}

function assemble({ lock, guard, writer, reader, disk, opened }: Parts, options: SqliteOptions): SqlitePersistence {
  let damage: BursarError | null = null;
  let closed = false;
  const checkpoints = openCheckpoints(opened);
  if (opened.unchecked.seq > 0) {
    auditRest(reader, opened.unchecked, () => closed)
      .catch((error: BursarError) => error)
      .then((found) => {
        if (found === null || closed) return;
        damage = found;
        options.onTrouble?.(found);
      });
  }
  return {
    loaded: opened.state,
    touched: opened.touched,
    epoch: opened.epoch,
    soon: (run) => void setTimeout(run, GATHER_MS),
    textOf: openLineWriter(opened.state.accounts),
    append(lines) {
      if (damage !== null) return Promise.reject(damage);
      const last = lines.at(-1)?.seq ?? opened.state.seq;
      const batch: Appended = { lines: linesOf(lines), checkpoint: checkpoints.behind({ entries: lines.length, last }) };
      return writer.ask("append", batch);
    },
    read: (fromSeq) => readEntries(reader, fromSeq),
    async readCall(callId) {
      const jsons = await reader.ask<readonly string[]>("call", callId);
      return jsons.map((json) => JSON.parse(json) as Entry);
    },
    async find(attemptId) {
      return outcomeOf(await reader.ask<readonly string[]>("attempt", attemptId), attemptId);
    },
    stored: (fromSeq) => storedLines(reader, fromSeq),
    announce: (address) => lock.announce(address),
    freeBytes: () => disk.bytes(),
    admissionOpen() {
      const free = disk.bytes();
      return damage === null && writer.failure() === null && free !== null && free >= DISK_WATERMARK;
    },
    async close() {
      if (closed) return;
      closed = true;
      disk.stop();
      await closeConnections({ guard, writer, reader }, checkpoints).finally(() => lock.release());
    },
  };
}

/**
 * The writer closes last, so that it empties the WAL. After a failure it is the other way round (see `guardLedger`).
 */
async function closeConnections(
  { guard, writer, reader }: Pick<Parts, "guard" | "writer" | "reader">,
  checkpoints: CheckpointSource,
): Promise<void> {
  if (writer.failure() !== null) {
    await writer.stop();
    await reader.stop();
    guard.close();
    return;
  }
  // A reader that does not close costs nothing but the WAL, which the next start takes in.
  await reader.close().catch(() => undefined);
  guard.close();
  await writer.close(checkpoints.rest());
}

/** Opens the ledger of a directory. Throws `ledger_locked`, `ledger_corrupt`, `ledger_newer` or `store_unavailable`. */
export async function openSqlite(options: SqliteOptions): Promise<SqlitePersistence> {
  const layout = layoutOf(options.directory);
  prepareDirectory(layout);
  const lock = await lockDirectory(layout, { address: options.address ?? null, since: options.clock.now() });
  const checkedAtStart = options.checkedAtStart ?? CHECKED_AT_START;
  const start = { directory: options.directory, driver: options.driver ?? DEFAULT_DRIVER, checkedAtStart };
  // Both at once: starting a thread takes longer than opening a ledger.
  const reading = openThread<null>("read-worker", start);
  try {
    const { thread: writer, opened } = await openThread<Opened>("write-worker", start);
    const { thread: reader } = await reading;
    const guard = await guardLedger(layout, start.driver);
    return assemble({ lock, guard, writer, reader, opened, disk: await watchDisk(options) }, options);
  } catch (error) {
    await reading.then(
      ({ thread }) => thread.stop(),
      () => undefined,
    );
    lock.release();
    throw error;
  }
}
