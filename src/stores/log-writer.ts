/** Batches of the log. Money path: fails closed — after one failed write nothing is written or acknowledged again. */
import { BursarError } from "../accounting/errors.js";
import type { Entry, EntryType } from "../accounting/ledger/entry.js";

/** One entry as it is stored: its text, and what to find it by. */
export interface LogLine {
  readonly seq: number;
  readonly at: number;
  readonly type: EntryType;
  readonly call_id: string | null;
  readonly attempt_id: string | null;
  /** As the persistence writes it (`textOf`); without its own way the entry's JSON. */
  readonly json: string;
}

/** Callers of a batch from which on the next one gathers. */
const GATHER_MIN = 4;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The error of a ledger that cannot be written. */
export function unavailable(cause?: unknown): BursarError {
  const message =
    "The ledger cannot be written, so no call is admitted. Nothing was sent upstream. See the log, then restart Bursar.";
  return new BursarError("store_unavailable", message, {}, { cause });
}

function lineOf(entry: Entry, json: string): LogLine {
  const call = "call_id" in entry ? entry.call_id : null;
  const attempt = "attempt_id" in entry ? entry.attempt_id : null;
  return { seq: entry.seq, at: entry.at, type: entry.type, call_id: call, attempt_id: attempt, json };
}

/** The one way into the log. */
export interface LogWriter {
  /** Why nothing more is written, or null. */
  failure(): BursarError | null;
  /** Lines that wait for the disk. */
  waiting(): number;
  add(entry: Entry): void;
  /** Resolves when everything added so far is durable; rejects with the failure. */
  flushed(): Promise<void>;
  /** Has what was added written, without waiting for it. */
  schedule(): void;
  /** Resolves when nothing is being written. */
  settled(): Promise<void>;
}

/** What goes to the disk together, and who waits for it. */
interface Batch {
  readonly lines: LogLine[];
  readonly entries: Entry[];
  readonly waiters: Waiter[];
}

const emptyBatch = (): Batch => ({ lines: [], entries: [], waiters: [] });

/** Where batches go, and who hears of them. */
export interface WriterOptions {
  readonly append: (lines: readonly LogLine[]) => Promise<void>;
  readonly textOf: (entry: Entry) => string;
  readonly durable: (entries: readonly Entry[]) => void;
  /** Calls back a little later, while a batch gathers. Absent: batches never wait. */
  readonly soon?: (run: () => void) => void;
}

/**
 * A commit costs the same for one line as for a hundred. So when many callers waited for the last batch, the next waits for
 * as many or a little while; a caller who is alone never does.
 */
function openGathering(soon: WriterOptions["soon"]) {
  /** How many callers are enough, and who waits for them. */
  let gathers: { readonly enough: number; readonly full: () => void } | null = null;
  return {
    /** Resolves when the next batch, of `now` callers so far, has gathered; null where it need not. */
    wait({ last, now }: { last: number; now: number }): Promise<void> | null {
      if (soon === undefined || last < GATHER_MIN || now >= last) return null;
      return new Promise((resolve) => {
        const mine = { enough: last, full: resolve };
        gathers = mine;
        soon(() => {
          // A batch that was full before is gone, and perhaps the next one gathers already.
          if (gathers === mine) gathers = null;
          resolve();
        });
      });
    },
    joined(callers: number): void {
      if (gathers === null || callers < gathers.enough) return;
      gathers.full();
      gathers = null;
    },
  };
}

/** Writes lines in batches: what waits goes as soon as the last batch is durable, but for the little while that many callers gather. */
export function openWriter(to: WriterOptions): LogWriter {
  let next = emptyBatch();
  let writing = false;
  let inFlight: Promise<void> = Promise.resolve();
  let scheduled = false;
  let failure: BursarError | null = null;
  let idle: (() => void)[] = [];
  const gathering = openGathering(to.soon);

  function fail(cause: unknown, batch: Batch): void {
    failure = unavailable(cause);
    for (const waiter of [...batch.waiters, ...next.waiters]) waiter.reject(failure);
    next = emptyBatch();
  }

  async function write(): Promise<void> {
    scheduled = false;
    if (writing) return;
    writing = true;
    let last = 0;
    while (failure === null) {
      const more = gathering.wait({ last, now: next.waiters.length });
      if (more !== null) await more;
      if (next.lines.length === 0) break;
      const batch = next;
      last = batch.waiters.length;
      next = emptyBatch();
      inFlight = to.append(batch.lines);
      try {
        await inFlight;
      } catch (cause) {
        fail(cause, batch);
        break;
      }
      for (const waiter of batch.waiters) waiter.resolve();
      to.durable(batch.entries);
    }
    writing = false;
    for (const done of idle) done();
    idle = [];
  }

  function schedule(): void {
    if (scheduled || writing || next.lines.length === 0) return;
    scheduled = true;
    // After this turn of the event loop's callbacks: what arrives together is committed together.
    setImmediate(() => void write());
  }

  return {
    failure: () => failure,
    waiting: () => next.lines.length,
    add(entry) {
      next.lines.push(lineOf(entry, to.textOf(entry)));
      next.entries.push(entry);
    },
    flushed() {
      if (failure !== null) return Promise.reject(failure);
      if (next.lines.length === 0) return inFlight;
      const flushed = new Promise<void>((resolve, reject) => next.waiters.push({ resolve, reject }));
      gathering.joined(next.waiters.length);
      schedule();
      return flushed;
    },
    schedule,
    async settled() {
      if (next.lines.length > 0 || writing || scheduled) await new Promise<void>((resolve) => idle.push(resolve));
    },
  };
}
