/**
 * The journal: the state in memory, the rules applied to it in order, and every entry made durable before anything that
 * depends on it is answered. Money path: fails closed — once a write fails, nothing is admitted and nothing acknowledged.
 */
import { openMemo } from "../accounting/budget/accounts.js";
import { BursarError } from "../accounting/errors.js";
import { apply } from "../accounting/ledger/apply.js";
import type { LedgerCommand, LedgerResult } from "../accounting/ledger/command.js";
import { decide } from "../accounting/ledger/decide.js";
import type { Decision } from "../accounting/ledger/decision.js";
import type { Entry, EntryType } from "../accounting/ledger/entry.js";
import type { Hold, Resolution, State } from "../accounting/ledger/state.js";
import { viewOf } from "../accounting/ledger/view.js";
import { openWindows } from "../accounting/units/window.js";
import type { Clock, Ledger } from "../call/needs.js";

/** One entry as it is stored: its JSON text and the columns to find it by. */
export interface LogLine {
  readonly seq: number;
  readonly at: number;
  readonly type: EntryType;
  readonly call_id: string | null;
  readonly attempt_id: string | null;
  readonly json: string;
}

/**
 * What a journal writes to. The journal holds the state and decides; a persistence makes lines durable and finds old ones.
 * `append` is called with the next batch only after the last one resolved. Once it rejects, nothing more is appended.
 */
export interface Persistence {
  /** The state at the end of the log, ready to go on from. */
  readonly loaded: State;
  append(lines: readonly LogLine[]): Promise<void>;
  read(fromSeq: number): AsyncIterable<Entry>;
  readCall(callId: string): Promise<readonly Entry[]>;
  /** What became of an attempt that memory no longer knows; null when the log has never seen it. */
  find(attemptId: string): Promise<Resolution | Hold | null>;
  /** False when the disk is so full that holds must stop for the sake of posts. Absent: always open. */
  admissionOpen?(): boolean;
  close(): Promise<void>;
}

/** A ledger with a lifetime. */
export interface OpenLedger extends Ledger {
  /** Why nothing more can be written, or null. */
  failure(): BursarError | null;
  /** Writes what waits, then closes. Afterwards every call rejects. */
  close(): Promise<void>;
}

/** A pending hold that nobody renewed for this long is presumed. */
const SILENT_MS = 60_000;
const SWEEP_MS = 15_000;
/** Lines that may wait for the disk before admission stops; posts are still taken. */
const WAITING_MAX = 50_000;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

function unavailable(cause?: unknown): BursarError {
  const message =
    "The ledger cannot be written, so no call is admitted. Nothing was sent upstream. See the log, then restart Bursar.";
  return new BursarError("store_unavailable", message, {}, { cause });
}

function lineOf(entry: Entry): LogLine {
  const call = "call_id" in entry ? entry.call_id : null;
  const attempt = "attempt_id" in entry ? entry.attempt_id : null;
  return { seq: entry.seq, at: entry.at, type: entry.type, call_id: call, attempt_id: attempt, json: JSON.stringify(entry) };
}

/** Writes lines in batches: whatever waits goes as soon as the last batch is durable. No timer. */
function openWriter(persistence: Persistence, durable: (entries: readonly Entry[]) => void) {
  let lines: LogLine[] = [];
  let entries: Entry[] = [];
  let waiters: Waiter[] = [];
  let writing = false;
  let inFlight: Promise<void> = Promise.resolve();
  let scheduled = false;
  let failure: BursarError | null = null;
  let idle: (() => void)[] = [];

  function fail(cause: unknown, among: readonly Waiter[]): void {
    failure = unavailable(cause);
    for (const waiter of [...among, ...waiters]) waiter.reject(failure);
    waiters = [];
    lines = [];
    entries = [];
  }

  async function write(): Promise<void> {
    scheduled = false;
    if (writing) return;
    writing = true;
    while (lines.length > 0 && failure === null) {
      const batch = { lines, entries, waiters };
      lines = [];
      entries = [];
      waiters = [];
      inFlight = persistence.append(batch.lines);
      try {
        await inFlight;
      } catch (cause) {
        fail(cause, batch.waiters);
        break;
      }
      for (const waiter of batch.waiters) waiter.resolve();
      durable(batch.entries);
    }
    writing = false;
    for (const done of idle) done();
    idle = [];
  }

  function schedule(): void {
    if (scheduled || writing || lines.length === 0) return;
    scheduled = true;
    // After this turn of the event loop's callbacks: what arrives together is committed together.
    setImmediate(() => void write());
  }

  return {
    failure: () => failure,
    waiting: () => lines.length,
    add(entry: Entry): void {
      lines.push(lineOf(entry));
      entries.push(entry);
    },
    /** Resolves when everything added so far is durable. */
    flushed(): Promise<void> {
      if (failure !== null) return Promise.reject(failure);
      if (lines.length === 0) return inFlight;
      const flushed = new Promise<void>((resolve, reject) => {
        waiters.push({ resolve, reject });
      });
      schedule();
      return flushed;
    },
    /** Has what was added written, without waiting for it. */
    schedule,
    /** Resolves when nothing is being written. */
    async settled(): Promise<void> {
      if (lines.length > 0 || writing || scheduled) await new Promise<void>((resolve) => idle.push(resolve));
    },
  };
}

/** What a journal is opened over. */
export interface JournalOptions {
  readonly persistence: Persistence;
  readonly clock: Clock;
  /** Told of a listener that threw. Watching paths fail open: the ledger goes on. */
  readonly fault?: (error: unknown) => void;
}

/** Opens the ledger over a persistence. Holds that were pending when the last process ended are presumed first. */
export async function openJournal(options: JournalOptions): Promise<OpenLedger> {
  const { persistence, clock, fault } = options;
  const state = persistence.loaded;
  const memo = openMemo(openWindows());
  const listeners = new Set<(entries: readonly Entry[]) => void>();
  const renewed = new Map<string, number>();
  const writer = openWriter(persistence, (entries) => {
    for (const listener of listeners) {
      try {
        listener(entries);
      } catch (error) {
        fault?.(error);
      }
    }
  });
  let closed = false;

  /** Takes a decision into the state and the log; answers what the caller gets once it is durable. */
  function take(decision: Decision, now: number): LedgerResult {
    for (const draft of decision.entries) {
      const entry = { seq: state.seq + 1, ...draft } as Entry;
      apply(state, entry);
      writer.add(entry);
      if (entry.type === "call.held") renewed.set(entry.attempt_id, clock.monotonic());
      else if (entry.type === "call.posted" || entry.type === "call.voided") renewed.delete(entry.attempt_id);
    }
    if (decision.refusal !== undefined) return { ok: false, refusal: decision.refusal };
    const accounts = decision.path.map((step) => viewOf(state, step, now));
    return {
      ok: true,
      accounts,
      changed: decision.entries.length > 0,
      ...(decision.nano === undefined ? {} : { nano: decision.nano }),
    };
  }

  function admissionClosed(): boolean {
    return writer.waiting() > WAITING_MAX || persistence.admissionOpen?.() === false;
  }

  function decideOne(command: LedgerCommand): LedgerResult {
    const now = clock.now();
    if ((command.type === "hold" || command.type === "extend") && admissionClosed()) {
      return { ok: false, refusal: { code: "store_unavailable", message: unavailable().message } };
    }
    return take(decide(state, command, { now, memo }), now);
  }

  /** An attempt that memory has forgotten is looked up in the log, so that a late duplicate is still told apart. */
  async function decideForgotten(command: LedgerCommand, attemptId: string): Promise<LedgerResult> {
    const found = await persistence.find(attemptId);
    if (found === null || !("kind" in found) || state.resolutions.has(attemptId)) return decideOne(command);
    state.resolutions.set(attemptId, found);
    try {
      return decideOne(command);
    } finally {
      state.resolutions.delete(attemptId);
    }
  }

  function forgotten(command: LedgerCommand): string | null {
    if (command.type !== "post" && command.type !== "void" && command.type !== "presume") return null;
    const { attempt_id } = command;
    return state.holds.has(attempt_id) || state.resolutions.has(attempt_id) ? null : attempt_id;
  }

  const ledger: OpenLedger = {
    async apply(commands) {
      const results: LedgerResult[] = [];
      for (const command of commands) {
        const failure = writer.failure();
        if (failure !== null || closed) throw failure ?? unavailable();
        const attemptId = forgotten(command);
        results.push(attemptId === null ? decideOne(command) : await decideForgotten(command, attemptId));
      }
      // A refusal promises nothing, so its entry rides with the next batch; every other answer waits for the disk.
      if (results.some((result) => result.ok)) await writer.flushed();
      else writer.schedule();
      return results;
    },
    failure: () => writer.failure(),
    state: () => state,
    renew(attemptIds) {
      const now = clock.monotonic();
      for (const id of attemptIds) if (renewed.has(id)) renewed.set(id, now);
    },
    read: (fromSeq) => persistence.read(fromSeq),
    readCall: (callId) => persistence.readCall(callId),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      closed = true;
      clearInterval(sweep);
      await writer.settled();
      await persistence.close();
    },
  };

  const sweep = setInterval(() => {
    const limit = clock.monotonic() - SILENT_MS;
    for (const [attempt_id, at] of renewed) {
      const hold = state.holds.get(attempt_id);
      if (hold === undefined || hold.state !== "pending") renewed.delete(attempt_id);
      else if (at < limit) {
        renewed.delete(attempt_id);
        ledger.apply([{ type: "presume", attempt_id, reason: "silent" }]).catch(() => {
          // The writer has failed and says so to every caller; nothing is admitted from here on.
        });
      }
    }
  }, SWEEP_MS);
  sweep.unref();

  const crashed = [...state.holds.values()].filter((hold) => hold.state === "pending");
  await ledger.apply(crashed.map((hold) => ({ type: "presume" as const, attempt_id: hold.attempt_id, reason: "crash" })));
  return ledger;
}
