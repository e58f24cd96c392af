/**
 * The one connection that writes: a batch is one transaction is one sync. Everything here is synchronous and runs in the
 * writing thread. Money path: fails closed — after the first failure nothing is written, synced or acknowledged again,
 * because the system may have dropped what a failed sync was to save and would call the next one a success.
 */

import { BursarError } from "../../accounting/errors.js";
import { chainHash } from "../../accounting/ledger/chain.js";
import { numbersOf } from "../../accounting/ledger/line.js";
import { openAttemptIndex } from "./attempt-index.js";
import { type ChainEnd, corrupt, sha256 } from "./chain-check.js";
import { type Checkpoint, openCheckpointer } from "./checkpoint.js";
import { isDamage, loadDriver, makeDurable, openConnection, prepareQuery, type SqlConnection, type SqlValue } from "./driver.js";
import { openHead, readHead } from "./head-file.js";
import { layoutOf, readSql } from "./layout.js";
import { type Loaded, lastSeq, loadLedger } from "./load.js";
import type { Appended, Lines, WorkerStart } from "./messages.js";
import { checkSchema, migrate, readMigrations } from "./schema.js";

/**
 * Entries after which the WAL is copied into the database. A commit waits for it: half of that is the two syncs, whatever
 * is copied, so not too often; the copy is some 2 MB, so not too seldom.
 */
const WAL_ENTRIES = 2_000;
/** Rows of append-lines.sql. */
const ROWS_AT_ONCE = 16;

/** What the writing thread may do. Every function throws on failure, and then always. */
export interface Writer {
  /** Makes entries durable, in order, numbered on from the last one; keeps their checkpoint for `tidy`. */
  append(batch: Appended): void;
  /** What need not be done before the answer: stores the checkpoint that came with the last batch, copies the WAL when due. */
  tidy(): void;
  /** Stores the last checkpoint, empties the WAL and closes. */
  close(checkpoint: Checkpoint | null): void;
}

/** An opened ledger. The state is not kept in this thread. */
export interface Found {
  readonly writer: Writer;
  readonly loaded: Loaded;
  /** Which opening for writing this is; grows with each. */
  readonly epoch: number;
}

interface Open {
  readonly connection: SqlConnection;
  readonly loaded: Loaded;
  readonly epoch: number;
}

function openLedger(connection: SqlConnection, by: { headPath: string; checkedAtStart: number }): Open {
  const migrations = readMigrations();
  // Before anything is set: a file of somebody else's, or of a newer Bursar, is left as it is.
  checkSchema(connection, migrations);
  makeDurable(connection);
  migrate(connection, migrations);
  const loaded = loadLedger(connection, { head: readHead(by.headPath), checkedAtStart: by.checkedAtStart });
  const epoch = Number(prepareQuery(connection, readSql("next-epoch"))()[0]?.[0]);
  return { connection, loaded, epoch };
}

/** SQLite's own word for damage becomes `ledger_corrupt`; the entry named is the first that cannot be vouched for. */
function asCorrupt(connection: SqlConnection, error: unknown): unknown {
  if (error instanceof BursarError || !isDamage(error)) return error;
  try {
    return corrupt(lastSeq(connection), "or one before it cannot be read: the database file is damaged", error);
  } catch {
    // Not even the number of the last entry can be read.
    return corrupt(1, "or a later one cannot be read: the database file is damaged", error);
  }
}

/** Opens the ledger of a prepared data directory for writing. The caller holds the directory's lock. */
export async function openWriter(options: WorkerStart): Promise<Found> {
  const layout = layoutOf(options.directory);
  const Driver = await loadDriver(options.driver);
  const connection = openConnection(Driver, { path: layout.ledger, mode: "write", driver: options.driver });
  try {
    const opened = openLedger(connection, { headPath: layout.head, checkedAtStart: options.checkedAtStart });
    return { writer: startWriter(opened, layout.head), loaded: opened.loaded, epoch: opened.epoch };
  } catch (error) {
    const cause = asCorrupt(connection, error);
    connection.close();
    throw cause;
  }
}

/** Writes entries behind the end of the log, chained to it, in one transaction. */
function openAppender(connection: SqlConnection, log: { end: ChainEnd; headPath: string }) {
  const insertOne = connection.prepare(readSql("append-line"));
  const insertMany = connection.prepare(readSql("append-lines"));
  const noteOpening = connection.prepare(readSql("put-opening"));
  const index = openAttemptIndex(connection);
  const head = openHead(log.headPath);
  let { end } = log;

  /** The columns of one entry. */
  function chained(json: string): readonly SqlValue[] {
    const hash = chainHash({ previous: end.hash, json, sha256 });
    end = { seq: end.seq + 1, hash };
    for (const [place, number] of numbersOf(json).entries()) noteOpening.run([number, end.seq, place]);
    index.add(end.seq, json);
    return [end.seq, json, Buffer.from(hash, "hex")];
  }

  function insert(lines: readonly string[]): void {
    let next = 0;
    while (next + ROWS_AT_ONCE <= lines.length) {
      const rows: SqlValue[] = [];
      for (let row = 0; row < ROWS_AT_ONCE; row++) rows.push(...chained(lines[next++] as string));
      insertMany.run(rows);
    }
    while (next < lines.length) insertOne.run([...chained(lines[next++] as string)]);
  }

  function transact(step: () => void): void {
    connection.exec("BEGIN IMMEDIATE");
    step();
    connection.exec("COMMIT");
  }

  return {
    end: () => end,
    append({ first, text }: Lines): void {
      if (text === "") return;
      if (first !== end.seq + 1) throw new RangeError(`Entry ${first} does not follow entry ${end.seq}.`);
      transact(() => {
        // Before the batch: what it writes are entries of earlier ones, so that an index costs no commit of its own.
        index.write();
        insert(text.split("\n"));
      });
      head.write(end);
    },
    close(): void {
      transact(() => index.write("all"));
      head.close();
    },
  };
}

function startWriter({ connection, loaded }: Open, headPath: string): Writer {
  const log = openAppender(connection, { end: loaded.end, headPath });
  const store = openCheckpointer(connection, loaded.digest);
  let due: Checkpoint | null = null;
  let sinceCopy = 0;
  let failure: unknown;

  /** Runs one step, or nothing any more once a step has failed. */
  function once(step: () => void): void {
    if (failure !== undefined) throw failure;
    try {
      step();
    } catch (error) {
      failure = error ?? new Error("The step failed and did not say why.");
      throw failure;
    }
  }

  function storeDue(): void {
    if (due !== null) store(due, log.end());
    due = null;
  }

  function tidy(): void {
    storeDue();
    if (sinceCopy < WAL_ENTRIES) return;
    // PASSIVE waits for no reader; what a reader holds up is copied the next time.
    prepareQuery(connection, "PRAGMA wal_checkpoint(PASSIVE)")();
    sinceCopy = 0;
  }

  function closeAll(): void {
    storeDue();
    log.close();
    prepareQuery(connection, "PRAGMA wal_checkpoint(TRUNCATE)")();
    connection.close();
  }

  return {
    append: ({ lines, checkpoint }) =>
      once(() => {
        const before = log.end().seq;
        log.append(lines);
        due = checkpoint;
        sinceCopy += log.end().seq - before;
      }),
    tidy: () => once(tidy),
    close: (checkpoint) =>
      once(() => {
        due = checkpoint;
        closeAll();
      }),
  };
}
