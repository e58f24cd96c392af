/**
 * The last calls, ready in memory; older ones are read from the log. Watching path: fails open — what is missing here is
 * still in the log.
 */
import type { Entry } from "../accounting/ledger/entry.js";
import type { Ledger } from "../call/needs.js";
import { type CallRecord, type CallState, foldCall, stateOf } from "./call-record.js";

/** Calls kept in memory. */
export const CALLS_KEPT = 1_000;
/** Entries read again at start to fill the memory. */
const BACKLOG = 5_000;
/** Entries read at once when looking further back. */
const CHUNK = 2_000;
/** Chunks looked through for one question; the cursor goes on from there. */
const CHUNKS_MAX = 10;

/** Which calls are asked for. Newest first, from `before` (exclusive) on. */
export interface CallsQuery {
  readonly agent?: string | undefined;
  readonly task?: string | undefined;
  readonly model?: string | undefined;
  readonly state?: CallState | undefined;
  readonly before?: number | undefined;
  readonly limit: number;
}

/** A page of calls; `next` is the `before` of the page after it, null at the beginning of the log. */
export interface CallsPage {
  readonly calls: readonly CallRecord[];
  readonly next: number | null;
}

/** The last calls with a lifetime: `close` stops listening. */
export interface RecentCalls {
  list(query: CallsQuery): Promise<CallsPage>;
  /** Agent of a recent call, or undefined. */
  agentOf(callId: string): string | undefined;
  close(): void;
}

function matches(record: CallRecord, query: CallsQuery): boolean {
  if (query.agent !== undefined && record.attribution.agent !== query.agent) return false;
  if (query.task !== undefined && record.attribution.task !== query.task) return false;
  if (query.state !== undefined && stateOf(record) !== query.state) return false;
  if (query.model === undefined) return true;
  const wanted = query.model.trim().toLowerCase();
  return [record.model, record.attribution.model].some((model) => model === wanted || model.endsWith(`/${wanted}`));
}

/** Calls that began in [from, to), oldest first, each with all its entries. */
async function readRange(ledger: Ledger, from: number, to: number): Promise<readonly CallRecord[]> {
  const began = new Set<string>();
  const seen = new Set<string>();
  for await (const entry of ledger.read(from)) {
    if (entry.seq >= to) break;
    if (!("call_id" in entry) || seen.has(entry.call_id)) continue;
    seen.add(entry.call_id);
    if (entry.type === "call.held" || entry.type === "call.refused") began.add(entry.call_id);
  }
  const records: CallRecord[] = [];
  for (const callId of began) {
    let record: CallRecord | undefined;
    for (const entry of await ledger.readCall(callId)) record = foldCall(record, entry) ?? record;
    // A retry of a call that began before the range belongs to an earlier page.
    if (record !== undefined && record.first_seq >= from) records.push(record);
  }
  return records;
}

/** The same where `to` is the log's end: all entries of its calls are in what it reads, so that a start looks none up. */
async function readEnd(ledger: Ledger, from: number, to: number): Promise<readonly CallRecord[]> {
  const records = new Map<string, CallRecord>();
  for await (const entry of ledger.read(from)) {
    if (entry.seq >= to) break;
    if (!("call_id" in entry)) continue;
    const known = records.get(entry.call_id);
    const record = known === undefined && !begins(entry) ? null : foldCall(known, entry);
    if (record !== null) records.set(entry.call_id, record);
  }
  return [...records.values()];
}

/** Does a call begin with this entry? A later attempt of one that is no longer remembered would look like a call of its own. */
function begins(entry: Entry): boolean {
  return (entry.type === "call.held" || entry.type === "call.refused") && entry.attempt_id.endsWith(".1");
}

/**
 * Entries as they came, folded when somebody asks: at thousands of calls a second nobody reads most of them, and folding
 * them all costs more than keeping the last ones. Two lists, so that the older one can be dropped whole.
 */
function openUnfolded(kept: number) {
  let older: Entry[] = [];
  let newer: Entry[] = [];
  let began = 0;
  return {
    /** Takes an entry in. True: enough calls began since, so that all from before `first` can be forgotten. */
    add(entry: Entry): boolean {
      newer.push(entry);
      if (!begins(entry) || ++began < kept) return false;
      older = newer;
      newer = [];
      began = 0;
      return true;
    },
    /** Number of the first entry that is here. */
    first: () => (older[0] ?? newer[0])?.seq ?? 0,
    /** Everything, in order; nothing is left here. */
    take(): readonly Entry[] {
      const all = older.length === 0 ? newer : older.concat(newer);
      older = [];
      newer = [];
      began = 0;
      return all;
    },
  };
}

/** The last calls in memory. `since`: every call that began at or after this entry is here. */
function openRecords(kept: number, begin: number) {
  const records = new Map<string, CallRecord>();
  const unfolded = openUnfolded(kept);
  let since = begin;

  function forgetOldest(): void {
    for (const [callId, record] of records) {
      records.delete(callId);
      since = Math.max(since, record.first_seq + 1);
      return;
    }
  }

  /** Folds what has come since somebody asked last. */
  function folded(): ReadonlyMap<string, CallRecord> {
    for (const entry of unfolded.take()) {
      if (!("call_id" in entry)) continue;
      const known = records.get(entry.call_id);
      if (known === undefined && !begins(entry)) continue;
      const record = foldCall(known, entry);
      if (record === null) continue;
      records.set(entry.call_id, record);
      if (records.size > kept) forgetOldest();
    }
    return records;
  }

  return {
    folded,
    since: () => since,
    add(entries: readonly Entry[]): void {
      for (const entry of entries) {
        if (entry.type === "budget.changed" || !unfolded.add(entry)) continue;
        records.clear();
        since = Math.max(since, unfolded.first());
      }
    },
    /** Puts calls from before the first entry in front; with none left out, they are all that began at or after `from`. */
    prepend(earlier: readonly CallRecord[], from: number): void {
      const live = [...folded()];
      records.clear();
      for (const record of earlier) records.set(record.call_id, record);
      for (const [callId, record] of live) if (!records.has(callId)) records.set(callId, record);
      since = earlier.length === kept ? (earlier[0]?.first_seq ?? from) : from;
      while (records.size > kept) forgetOldest();
    },
  };
}

/** Listens to the ledger and remembers the last calls; reads the end of the log first. */
export async function openRecentCalls(options: { ledger: Ledger; kept?: number }): Promise<RecentCalls> {
  const { ledger } = options;
  const kept = options.kept ?? CALLS_KEPT;
  const next = ledger.state().seq + 1;
  const recent = openRecords(kept, next);
  const stop = ledger.subscribe(recent.add);
  const first = Math.max(1, next - BACKLOG);
  recent.prepend((await readEnd(ledger, first, next)).slice(-kept), first);

  async function older(query: CallsQuery, found: CallRecord[], from: number): Promise<number> {
    let to = from;
    for (let chunk = 0; chunk < CHUNKS_MAX && to > 1 && found.length < query.limit; chunk++) {
      const start = Math.max(1, to - CHUNK);
      const range = await readRange(ledger, start, to);
      to = start;
      for (const record of [...range].reverse()) {
        if (!matches(record, query)) continue;
        found.push(record);
        if (found.length === query.limit) return record.first_seq;
      }
    }
    return to;
  }

  return {
    async list(query) {
      const records = recent.folded();
      const before = query.before ?? Number.MAX_SAFE_INTEGER;
      const found: CallRecord[] = [];
      for (const record of [...records.values()].reverse()) {
        if (record.first_seq >= before || !matches(record, query)) continue;
        found.push(record);
        if (found.length === query.limit) return { calls: found, next: record.first_seq };
      }
      const next = await older(query, found, Math.min(recent.since(), before));
      return { calls: found, next: next > 1 ? next : null };
    },
    agentOf: (callId) => recent.folded().get(callId)?.attribution.agent,
    close: stop,
  };
}
