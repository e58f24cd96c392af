/**
 * Writing the state down, so that a start folds only the end of the log. The main thread has the one state and says what
 * changed in it; the writing thread stores that behind the batch that it is true of. Money path: fails closed.
 */
import type { State, Touched } from "../../accounting/ledger/state.js";
import type { ChainEnd } from "./chain-check.js";
import { prepareQuery, type SqlConnection, textOf } from "./driver.js";
import { readSql } from "./layout.js";
import { openDigest, type StateRow, touchedRows } from "./state-rows.js";

/**
 * Entries after which the state is written down. Often and little, because the main thread encodes it and a commit waits
 * for it: some 3 µs for each account that changed.
 */
const CHECKPOINT_ENTRIES = 4_000;

/** What changed in the state since the last checkpoint, as of entry `seq`. */
export interface Checkpoint {
  readonly seq: number;
  /** Epoch ms of that entry. */
  readonly at: number;
  readonly budgets_version: number;
  readonly rows: readonly StateRow[];
}

/** Main thread: knows when a checkpoint is due, and takes it. */
export interface CheckpointSource {
  /** Counts a batch that ends with entry `last`; answers the checkpoint to store behind it, or null when none is due. */
  behind(batch: { entries: number; last: number }): Checkpoint | null;
  /** What is left to store at the end; null when nothing is, or when the state is ahead of the log. */
  rest(): Checkpoint | null;
}

/** Follows a state whose changes are noted in `touched`; `folded` entries of it are not written down yet. */
export function openCheckpoints(of: { state: State; touched: Touched; folded: number }): CheckpointSource {
  const { state, touched } = of;
  let waiting = of.folded;
  let lastAppended = state.seq;

  function take(): Checkpoint | null {
    // Only what the log has may be written down: a state that is ahead waits for the next batch.
    if (state.seq !== lastAppended) return null;
    const { seq, at, budgets_version } = state;
    const rows = [...touchedRows(state, touched)];
    for (const keys of Object.values(touched)) keys.clear();
    waiting = 0;
    return { seq, at, budgets_version, rows };
  }

  return {
    behind({ entries, last }) {
      waiting += entries;
      lastAppended = last;
      return waiting < CHECKPOINT_ENTRIES ? null : take();
    },
    rest: () => (waiting === 0 ? null : take()),
  };
}

/** Writing thread: stores a checkpoint and the digest over all rows in one transaction. `from` is the digest so far. */
export function openCheckpointer(connection: SqlConnection, from: string): (checkpoint: Checkpoint, end: ChainEnd) => void {
  const put = connection.prepare(readSql("put-state"));
  const drop = connection.prepare(readSql("drop-state"));
  const move = connection.prepare(readSql("put-checkpoint"));
  const readPart = prepareQuery(connection, readSql("read-part"));
  const storedHolds = new Set(prepareQuery(connection, readSql("read-stored-holds"))().map(([key]) => textOf(key)));
  const digest = openDigest(from);

  function store({ kind, key, json }: StateRow): void {
    // Most holds come and go between two checkpoints: there is nothing to remove.
    if (json === null && kind === "holds" && !storedHolds.has(key)) return;
    const before = readPart(kind, key)[0]?.[0];
    if (before !== undefined) digest.take({ kind, key, json: textOf(before) });
    if (json === null) drop.run([kind, key]);
    else {
      put.run([kind, key, json]);
      digest.add({ kind, key, json });
    }
    if (kind === "holds" && json === null) storedHolds.delete(key);
    else if (kind === "holds") storedHolds.add(key);
  }

  return ({ seq, at, budgets_version, rows }, end) => {
    if (seq !== end.seq) throw new RangeError(`A checkpoint of entry ${seq} came behind entry ${end.seq}.`);
    connection.exec("BEGIN IMMEDIATE");
    for (const row of rows) store(row);
    move.run([seq, at, end.hash, budgets_version, digest.hex()]);
    connection.exec("COMMIT");
  };
}
