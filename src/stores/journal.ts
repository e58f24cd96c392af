/**
 * The journal: the state in memory, the rules applied to it in order, and every entry made durable before anything that
 * depends on it is answered. Money path: fails closed — once a write fails, nothing is admitted and nothing acknowledged.
 */
import { openMemo } from "../accounting/budget/accounts.js";
import type { BursarError } from "../accounting/errors.js";
import { apply } from "../accounting/ledger/apply.js";
import type { LedgerCommand, LedgerResult } from "../accounting/ledger/command.js";
import { decide } from "../accounting/ledger/decide.js";
import type { Decision } from "../accounting/ledger/decision.js";
import type { Entry } from "../accounting/ledger/entry.js";
import type { Hold, Resolution, State, Touched } from "../accounting/ledger/state.js";
import { viewsOf } from "../accounting/ledger/view.js";
import { openWindows } from "../accounting/units/window.js";
import type { Clock, Ledger } from "../call/needs.js";
import { type LogLine, type LogWriter, openWriter, unavailable } from "./log-writer.js";

/**
 * What a journal writes to. The journal holds the state and decides; a persistence makes lines durable and finds old ones.
 * `append` is called with the next batch only after the last one resolved. Once it rejects, nothing more is appended.
 */
export interface Persistence {
  /** The state at the end of the log, ready to go on from. */
  readonly loaded: State;
  /** Where the journal notes what it changes in `loaded`, for a persistence that writes the state down. */
  readonly touched?: Touched;
  /** The text of an entry as it will be stored, asked for right after the entry was folded into `loaded`. Absent: its JSON. */
  textOf?(entry: Entry): string;
  /** Calls back after the time that a batch of many callers may gather. Absent: it does not. */
  soon?(run: () => void): void;
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

/** What a journal is opened over. */
export interface JournalOptions {
  readonly persistence: Persistence;
  readonly clock: Clock;
  /** Told of a listener that threw. Watching paths fail open: the ledger goes on. */
  readonly fault?: (error: unknown) => void;
}

/** Who hears of durable entries. A listener that throws is reported and heard again; the ledger goes on. */
function openListeners(fault: ((error: unknown) => void) | undefined) {
  const listeners = new Set<(entries: readonly Entry[]) => void>();
  return {
    add(listener: (entries: readonly Entry[]) => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    tell(entries: readonly Entry[]): void {
      for (const listener of listeners) {
        try {
          listener(entries);
        } catch (error) {
          fault?.(error);
        }
      }
    },
  };
}

/** When each pending hold was last heard of (monotonic ms). Volatile: a restart presumes them all. */
type Renewals = Map<string, number>;

/** What turns commands into entries. */
interface Taker {
  decide(command: LedgerCommand): LedgerResult | Promise<LedgerResult>;
}

function openTaker(of: { persistence: Persistence; clock: Clock; writer: LogWriter; renewals: Renewals }): Taker {
  const { persistence, clock, writer, renewals } = of;
  const state = persistence.loaded;
  const memo = openMemo(openWindows());

  /** Takes a decision into the state and the log; answers what the caller gets once it is durable. */
  function take(decision: Decision, now: number): LedgerResult {
    let opened: Hold | undefined;
    for (const entry of decision.entries) {
      apply(state, entry, persistence.touched);
      writer.add(entry);
      if (entry.type === "call.held") {
        renewals.set(entry.attempt_id, clock.monotonic());
        opened = state.holds.get(entry.attempt_id);
      } else if (entry.type === "call.posted" || entry.type === "call.voided") renewals.delete(entry.attempt_id);
    }
    if (decision.refusal !== undefined) return { ok: false, refusal: decision.refusal };
    const hold = decision.found ?? opened;
    const accounts = hold === undefined ? [] : viewsOf(state, hold, now);
    return { ok: true, accounts, changed: decision.entries.length > 0, nano: decision.nano };
  }

  function decideNow(command: LedgerCommand): LedgerResult {
    const now = clock.now();
    const admits = command.type === "hold" || command.type === "extend";
    if (admits && (writer.waiting() > WAITING_MAX || persistence.admissionOpen?.() === false)) {
      return { ok: false, refusal: { code: "store_unavailable", message: unavailable().message } };
    }
    return take(decide(state, command, { now, memo }), now);
  }

  /** An attempt that memory has forgotten is looked up in the log, so that a late duplicate is still told apart. */
  async function decideForgotten(command: LedgerCommand, attemptId: string): Promise<LedgerResult> {
    const found = await persistence.find(attemptId);
    if (found === null || !("kind" in found) || state.resolutions.has(attemptId)) return decideNow(command);
    state.resolutions.set(attemptId, found);
    try {
      return decideNow(command);
    } finally {
      state.resolutions.delete(attemptId);
    }
  }

  return {
    decide(command) {
      if (command.type !== "post" && command.type !== "void" && command.type !== "presume") return decideNow(command);
      const { attempt_id } = command;
      const known = state.holds.has(attempt_id) || state.resolutions.has(attempt_id);
      return known ? decideNow(command) : decideForgotten(command, attempt_id);
    },
  };
}

/** Attempts that nobody renewed for SILENT_MS, taken out of the renewals. */
function silent(state: State, renewals: Renewals, now: number): readonly string[] {
  const found: string[] = [];
  for (const [attemptId, at] of renewals) {
    const pending = state.holds.get(attemptId)?.state === "pending";
    if (pending && at >= now - SILENT_MS) continue;
    renewals.delete(attemptId);
    if (pending) found.push(attemptId);
  }
  return found;
}

function presumptions(attemptIds: readonly string[], reason: string): readonly LedgerCommand[] {
  return attemptIds.map((attempt_id) => ({ type: "presume", attempt_id, reason }));
}

/** Opens the ledger over a persistence. Holds that were pending when the last process ended are presumed first. */
export async function openJournal(options: JournalOptions): Promise<OpenLedger> {
  const { persistence, clock } = options;
  const state = persistence.loaded;
  const listeners = openListeners(options.fault);
  const renewals: Renewals = new Map();
  const writer = openWriter({
    append: (lines) => persistence.append(lines),
    textOf: persistence.textOf ?? JSON.stringify,
    durable: listeners.tell,
    soon: persistence.soon,
  });
  const taker = openTaker({ persistence, clock, writer, renewals });
  let closed = false;

  async function applyAll(commands: readonly LedgerCommand[]): Promise<readonly LedgerResult[]> {
    const results: LedgerResult[] = [];
    for (const command of commands) {
      const failure = writer.failure();
      if (failure !== null || closed) throw failure ?? unavailable();
      const result = taker.decide(command);
      // Awaiting what is no promise would let other commands in between: a batch of the usual kinds is one turn.
      results.push(result instanceof Promise ? await result : result);
    }
    // A refusal promises nothing, so its entry rides with the next batch; every other answer waits for the disk.
    if (results.some((result) => result.ok)) await writer.flushed();
    else writer.schedule();
    return results;
  }

  const sweep = setInterval(() => {
    const commands = presumptions(silent(state, renewals, clock.monotonic()), "silent");
    if (commands.length > 0) applyAll(commands).catch((error: unknown) => options.fault?.(error));
  }, SWEEP_MS);
  sweep.unref();
  const crashed = [...state.holds.values()].filter((hold) => hold.state === "pending").map((hold) => hold.attempt_id);
  await applyAll(presumptions(crashed, "crash"));
  return {
    apply: applyAll,
    failure: () => writer.failure(),
    state: () => state,
    renew(attemptIds) {
      const now = clock.monotonic();
      for (const id of attemptIds) if (renewals.has(id)) renewals.set(id, now);
    },
    read: (fromSeq) => persistence.read(fromSeq),
    async readCall(callId) {
      // A refusal is answered before its entry is written; whoever asks for it right away must find it.
      if (writer.failure() === null) await writer.flushed();
      return persistence.readCall(callId);
    },
    subscribe: listeners.add,
    async close() {
      closed = true;
      clearInterval(sweep);
      await writer.settled();
      await persistence.close();
    },
  };
}
