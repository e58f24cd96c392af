import type { Attribution } from "../accounting/budget/budget.js";
import type { Entry, PostOutcome } from "../accounting/ledger/entry.js";
import { USAGE_CLASSES, type UsageClass, type UsageCounts } from "../accounting/meter/usage.js";

/** Where a call stands, over all its attempts. */
export type CallState = "pending" | "posted" | "presumed" | "refused" | "voided";

/** One call, folded from its entries. Money in nano-dollars. */
export interface CallRecord {
  readonly call_id: string;
  /** Number of its first entry: calls are listed by it. */
  readonly first_seq: number;
  readonly started_at: number;
  readonly attribution: Attribution;
  readonly simulated: boolean;
  /** Attempt id → how it stands. */
  readonly attempts: Map<string, CallState>;
  /** Epoch ms of the last entry that settled something; null while nothing did. */
  ended_at: number | null;
  /** What the attempts in flight may still cost, and what presumed ones count as. */
  readonly held: Map<string, bigint>;
  nano: bigint;
  usage: Partial<Record<UsageClass, number>>;
  /** Model that ran, else the one asked for. */
  model: string;
  outcome: PostOutcome | null;
  refusal: { readonly code: string; readonly message: string } | null;
}

/** State of the whole call: what is open comes before what is settled, a paid attempt before a refused retry. */
export function stateOf(record: CallRecord): CallState {
  const states = new Set(record.attempts.values());
  for (const state of ["pending", "presumed", "posted", "refused"] as const) if (states.has(state)) return state;
  return "voided";
}

function addUsage(record: CallRecord, usage: UsageCounts): void {
  for (const name of USAGE_CLASSES) {
    const count = usage[name];
    if (count !== undefined) record.usage[name] = (record.usage[name] ?? 0) + count;
  }
}

function begin(entry: Extract<Entry, { type: "call.held" | "call.refused" }>): CallRecord {
  return {
    call_id: entry.call_id,
    first_seq: entry.seq,
    started_at: entry.at,
    attribution: entry.attribution,
    simulated: entry.simulated === true,
    attempts: new Map(),
    ended_at: null,
    held: new Map(),
    nano: 0n,
    usage: {},
    model: entry.attribution.model,
    outcome: null,
    refusal: null,
  };
}

function settle(record: CallRecord, entry: { attempt_id: string; at: number }, state: CallState): void {
  record.attempts.set(entry.attempt_id, state);
  record.held.delete(entry.attempt_id);
  record.ended_at = entry.at;
}

/** Takes an entry into the record of its call, in place; null for an entry of no call, or of one whose start is not known. */
export function foldCall(known: CallRecord | undefined, entry: Entry): CallRecord | null {
  if (entry.type === "budget.changed") return null;
  const record = known ?? (entry.type === "call.held" || entry.type === "call.refused" ? begin(entry) : null);
  if (record === null) return null;
  switch (entry.type) {
    case "call.held":
      record.attempts.set(entry.attempt_id, "pending");
      record.held.set(entry.attempt_id, BigInt(entry.ceiling.nano));
      break;
    case "call.extended":
      record.held.set(entry.attempt_id, (record.held.get(entry.attempt_id) ?? 0n) + BigInt(entry.ceiling.nano));
      break;
    case "call.posted":
      settle(record, entry, "posted");
      record.nano += BigInt(entry.nano);
      record.model = entry.model;
      record.outcome = entry.outcome;
      addUsage(record, entry.usage);
      break;
    case "call.voided":
      settle(record, entry, "voided");
      break;
    case "call.presumed":
      record.attempts.set(entry.attempt_id, "presumed");
      break;
    case "call.refused":
      settle(record, entry, "refused");
      record.refusal = { code: entry.code, message: entry.message };
      break;
    case "call.overrun":
      break;
  }
  return record;
}
