/**
 * What calls with an Idempotency-Key came to: an index folded from the log, and the replies themselves, in memory, within
 * bounds. Money path: fails closed — a key is free again only when nothing can have been billed under it.
 */
import { BursarError } from "../accounting/errors.js";
import type { Entry, IdempotencyMark, PostOutcome } from "../accounting/ledger/entry.js";
import type { CallNeeds } from "./needs.js";
import type { CallReply } from "./reply.js";

/** A reply that can be given again. */
export type KeptReply = Exclude<CallReply, { kind: "stream" }>;

/** How much of replies is kept in memory, and how long. */
export interface ContentBounds {
  readonly keep: "memory" | "off";
  readonly max_bytes: number;
  readonly for_ms: number;
}

/** A key's answer to a call: the reply of an earlier one, or that this call is the one to make. */
export type Turn =
  | { readonly kind: "kept"; readonly reply: KeptReply }
  | {
      readonly kind: "mine";
      /** The call has answered; its stream is still on its way. */
      streaming(): void;
      /** Sets memory aside for a piece of the stream; false: the reply cannot be kept any more. */
      room(bytes: number): boolean;
      /** The call is over, with this reply (null: not whole). Only the first one counts. */
      end(reply: KeptReply | null): void;
    };

/** The index and the replies. */
export interface Replies {
  /** Takes a key for a call. Throws BursarError where an earlier call under it stands in the way. */
  begin(call: IdempotencyMark & { readonly call_id: string }): Turn;
  /**
   * Reads the last day of the log, so that keys outlive a restart. Calls with a key wait for it
   * (`ready`), others do not. Rejects where the log cannot be read; closing ends it.
   */
  load(): Promise<void>;
  /** Resolves when `load` is done, at once where it was never begun. Throws `store_unavailable` where it failed: no key can be told from a new one. */
  ready(): Promise<void>;
  close(): void;
}

/** How long a key is remembered; after that it is as good as new. */
const REMEMBERED_MS = 24 * 3_600_000;
/** Keys remembered at once; beyond it the oldest that is settled is forgotten. */
const KEYS_MAX = 200_000;
/** A stream that is settled and that nobody reads to its end is given up after this. */
const UNREAD_MS = 60_000;
const SWEEP_MS = 60_000;
const BY_DEFAULT: ContentBounds = { keep: "memory", max_bytes: 64 * 1_048_576, for_ms: 3_600_000 };

/** What became of one attempt; a voided one is not in the list. */
type Became =
  | { readonly kind: "held" | "presumed" }
  | { readonly kind: "posted"; readonly outcome: PostOutcome; readonly at: number };

interface Known {
  readonly key: string;
  readonly body: string;
  readonly call_id: string;
  readonly at: number;
  phase: "running" | "streaming" | "over";
  readonly attempts: Map<string, Became>;
  reply: { readonly reply: KeptReply; readonly bytes: number; readonly until: number } | null;
  /** Bytes set aside while the stream is copied; null: it is not kept. */
  copying: number | null;
}

function lastOf(known: Known): Became | undefined {
  return [...known.attempts.values()].at(-1);
}

/** Is the call still being made or read? */
function isLive(known: Known, now: number): boolean {
  if (known.phase !== "streaming") return known.phase === "running";
  const last = lastOf(known);
  return last === undefined || last.kind !== "posted" || now - last.at < UNREAD_MS;
}

/** Why a key that was used cannot be used now. Throws always. */
function refuseKnown(known: Known): never {
  const details = { call_id: known.call_id };
  const attempts = [...known.attempts];
  const answered = attempts.some(
    ([, became]) => became.kind === "posted" && (became.outcome === "end" || became.outcome === "cut"),
  );
  const doubtful = attempts.find(([, became]) => became.kind !== "posted");
  if (doubtful === undefined || answered) {
    const message = `Call ${known.call_id} with this Idempotency-Key is done and paid; its reply is no longer kept (content: in bursar.yaml says how long). Use a new key to call again.`;
    throw new BursarError("reply_expired", message, details);
  }
  const [attempt_id] = doubtful;
  const message =
    `Nobody knows what became of call ${known.call_id} with this Idempotency-Key, so it is not sent again. ` +
    `Settle it by hand, then repeat: bursar hold resolve ${attempt_id} --void (or --post USD) --reason "…"`;
  throw new BursarError("outcome_unknown", message, { ...details, attempt_id });
}

/** The keys there are, by key and by attempt, the oldest first. */
function openIndex() {
  const byKey = new Map<string, Known>();
  const byAttempt = new Map<string, Known>();

  function forget(known: Known): void {
    if (byKey.get(known.key) === known) byKey.delete(known.key);
    for (const attempt of known.attempts.keys()) byAttempt.delete(attempt);
  }

  function trim(): void {
    for (const known of byKey.values()) {
      if (byKey.size <= KEYS_MAX) return;
      if (known.phase === "over" && [...known.attempts.values()].every(({ kind }) => kind === "posted")) forget(known);
    }
  }

  return {
    byKey,
    forget,
    add(known: Known): void {
      byKey.set(known.key, known);
      if (byKey.size > KEYS_MAX) trim();
    },
    /** One entry of the log. */
    take(entry: Entry): void {
      if (entry.type === "call.held") {
        const mark = entry.idempotency;
        if (mark === undefined) return;
        let known = byKey.get(mark.key);
        if (known?.call_id !== entry.call_id) {
          if (known !== undefined) forget(known);
          known = newlyKnown({ ...mark, call_id: entry.call_id, at: entry.at, phase: "over" });
          this.add(known);
        }
        known.attempts.set(entry.attempt_id, { kind: "held" });
        byAttempt.set(entry.attempt_id, known);
        return;
      }
      if (entry.type !== "call.posted" && entry.type !== "call.voided" && entry.type !== "call.presumed") return;
      const { attempt_id } = entry;
      const known = byAttempt.get(attempt_id);
      if (known === undefined) return;
      if (entry.type === "call.posted") known.attempts.set(attempt_id, { kind: "posted", outcome: entry.outcome, at: entry.at });
      else if (entry.type === "call.presumed") known.attempts.set(attempt_id, { kind: "presumed" });
      else {
        known.attempts.delete(attempt_id);
        byAttempt.delete(attempt_id);
        if (known.phase === "over" && known.attempts.size === 0) forget(known);
      }
    },
  };
}

function newlyKnown(of: IdempotencyMark & Pick<Known, "call_id" | "at" | "phase">): Known {
  const { key, body, call_id, at, phase } = of;
  return { key, body, call_id, at, phase, attempts: new Map(), reply: null, copying: 0 };
}

/** Replies in memory: their sum, and the oldest to drop when it is too much. */
function openShelf(of: { bounds: () => ContentBounds; now: () => number }) {
  const kept = new Set<Known>();
  let bytes = 0;

  function drop(known: Known): void {
    if (known.reply === null || !kept.delete(known)) return;
    bytes -= known.reply.bytes;
    known.reply = null;
  }

  /** Makes room by dropping what was kept first. False: there is not enough, whatever is dropped. */
  function room(wanted: number): boolean {
    const { keep, max_bytes } = of.bounds();
    if (keep === "off" || wanted > max_bytes) return false;
    for (const known of kept) {
      if (bytes + wanted <= max_bytes) break;
      drop(known);
    }
    return bytes + wanted <= max_bytes;
  }

  return {
    drop,
    /** Grows the copy of a stream. */
    copy(known: Known, more: number): boolean {
      if (known.copying === null) return false;
      if (room(more)) {
        known.copying += more;
        bytes += more;
        return true;
      }
      bytes -= known.copying;
      known.copying = null;
      return false;
    },
    /** Puts a reply away; a stream that could not be copied whole is none. */
    put(known: Known, reply: KeptReply | null): void {
      const whole = known.copying !== null;
      bytes -= known.copying ?? 0;
      known.copying = 0;
      if (reply === null || !whole || !room(reply.body.byteLength)) return;
      known.reply = { reply, bytes: reply.body.byteLength, until: of.now() + of.bounds().for_ms };
      bytes += known.reply.bytes;
      kept.add(known);
    },
    sweep(): void {
      for (const known of kept) if ((known.reply?.until ?? 0) <= of.now()) drop(known);
    },
  };
}

/** Entries that are looked at before the first one that seems young enough: a clock may have been set back for so long. */
const LOOKED_BACK = 10_000;

/** From where the log is to be read for all entries that are not older than `since`. */
async function firstSince(ledger: CallNeeds["ledger"], since: number): Promise<number> {
  let first = await firstInOrder(ledger, since);
  for (let found = first; ; first = found) {
    for await (const entry of ledger.read(Math.max(1, first - LOOKED_BACK))) {
      if (entry.seq >= first) break;
      if (entry.at < since) continue;
      found = entry.seq;
      break;
    }
    if (found === first) return first;
  }
}

/** The first entry that is not older than `since`, by halving, as if entries were in the order of their time. */
async function firstInOrder(ledger: CallNeeds["ledger"], since: number): Promise<number> {
  let low = 1;
  let high = ledger.state().seq + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    let at = since;
    for await (const entry of ledger.read(middle)) {
      at = entry.at;
      break;
    }
    if (at < since) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The reading of the log's last day, into an index. */
function openLastDay({ ledger, clock }: Pick<CallNeeds, "ledger" | "clock">, take: (entry: Entry) => void) {
  let loading: Promise<void> = Promise.resolve();
  let closed = false;

  async function readAll(): Promise<void> {
    const from = await firstSince(ledger, clock.now() - REMEMBERED_MS);
    for await (const entry of ledger.read(from)) {
      if (closed) return;
      take(entry);
    }
  }

  return {
    load(): Promise<void> {
      // A log that is closed under the reading is no failure of it.
      loading = readAll().catch((error: unknown) => {
        if (!closed) throw error;
      });
      return loading;
    },
    async ready(): Promise<void> {
      try {
        await loading;
      } catch (cause) {
        const message =
          "The last day of the log cannot be read, so no Idempotency-Key can be told from a new one. See Bursar's log.";
        throw new BursarError("store_unavailable", message, {}, { cause });
      }
    },
    close(): void {
      closed = true;
    },
  };
}

/** Opens it over a ledger, whose log it follows. `content` is read at every use: a reload may change it. */
export function openReplies(of: Pick<CallNeeds, "ledger" | "clock">, content: () => ContentBounds = () => BY_DEFAULT): Replies {
  const { ledger, clock } = of;
  const index = openIndex();
  const shelf = openShelf({ bounds: content, now: () => clock.now() });
  const lastDay = openLastDay(of, (entry) => index.take(entry));
  const stop = ledger.subscribe((entries) => entries.forEach((entry) => void index.take(entry)));
  const sweep = setInterval(() => shelf.sweep(), SWEEP_MS);
  sweep.unref();

  function mine(known: Known): Turn {
    return {
      kind: "mine",
      streaming() {
        known.phase = "streaming";
      },
      room: (bytes) => known.phase !== "over" && shelf.copy(known, bytes),
      end(reply) {
        if (known.phase === "over") return;
        known.phase = "over";
        // Only what is settled is a reply to give again; where nothing was billed the key is free.
        const last = lastOf(known);
        shelf.put(known, last?.kind === "posted" && last.outcome !== "aborted" ? reply : null);
        if (known.attempts.size === 0) index.forget(known);
      },
    };
  }

  return {
    begin(call) {
      const now = clock.now();
      shelf.sweep();
      const known = index.byKey.get(call.key);
      if (known !== undefined && (isLive(known, now) || now - known.at < REMEMBERED_MS)) {
        if (known.body !== call.body) {
          const message = `This Idempotency-Key was used with another request, in call ${known.call_id}. Use a new key, or send the same request.`;
          throw new BursarError("idempotency_mismatch", message, { call_id: known.call_id });
        }
        if (isLive(known, now)) {
          const message = `Call ${known.call_id} with this Idempotency-Key is still in flight. Ask again when it is done.`;
          throw new BursarError("in_progress", message, { call_id: known.call_id });
        }
        if (known.reply !== null) return { kind: "kept", reply: known.reply.reply };
        refuseKnown(known);
      }
      if (known !== undefined) {
        shelf.drop(known);
        index.forget(known);
      }
      const fresh = newlyKnown({ ...call, at: now, phase: "running" });
      index.add(fresh);
      return mine(fresh);
    },
    load: lastDay.load,
    ready: lastDay.ready,
    close() {
      lastDay.close();
      clearInterval(sweep);
      stop();
    },
  };
}
