import type { Attribution, Budget, Count, Unit } from "../budget/budget.js";
import type { UsageCounts } from "../meter/usage.js";

/**
 * The append-only log. An entry is its own JSON: snake_case, amounts as decimal strings (nano-dollars for money),
 * so that what is stored, streamed to `/api/v1/events` and hashed is one text.
 */
export interface EntryBase {
  /** 1, 2, 3 … without gaps. */
  readonly seq: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** One amount on one account, in the account's unit. */
export interface Posting {
  readonly account: string;
  readonly amount: string;
}

/** Account of a budget as it is first touched: what its id stands for. Written once, with the hold that opens it. */
export interface AccountOpening {
  readonly id: string;
  readonly budget: string;
  readonly unit: Unit;
  readonly count: Count;
  /** Values of the budget's `per`, in order; empty for an ungrouped budget. */
  readonly group: readonly string[];
  /** Null for lifetime. For a rolling window: the bucket's bounds. */
  readonly window_start: number | null;
  readonly window_end: number | null;
}

/** Most a call can cost until the next extension. `nano` as decimal string. */
export interface CeilingJson {
  readonly nano: string;
  readonly input_tokens: number;
  readonly output_tokens: number;
}

/** That a call came with an Idempotency-Key: SHA-256 in hex of the key (with its owner's name) and of the request. */
export interface IdempotencyMark {
  readonly key: string;
  readonly body: string;
}

/** Money was set aside for an attempt. */
export interface HeldEntry extends EntryBase {
  readonly type: "call.held";
  readonly call_id: string;
  readonly attempt_id: string;
  readonly attribution: Attribution;
  readonly provider: string;
  /** Id of the price row pinned for this attempt; null only where a free or unknown price was allowed by rule. */
  readonly price_id: string | null;
  readonly ceiling: CeilingJson;
  readonly postings: readonly Posting[];
  readonly opens?: readonly AccountOpening[];
  /** Budgets in shadow or soft mode that would have refused. */
  readonly over?: readonly string[];
  readonly simulated?: true;
  /** Input tokens before the safety factor; calibration learns from it. */
  readonly estimated_input: number;
  readonly idempotency?: IdempotencyMark;
}

/** More was set aside for an attempt that is running. */
export interface ExtendedEntry extends EntryBase {
  readonly type: "call.extended";
  readonly call_id: string;
  readonly attempt_id: string;
  /** What is added, not the new total. */
  readonly ceiling: CeilingJson;
  readonly postings: readonly Posting[];
}

/** An attempt was settled at what it cost. */
export interface PostedEntry extends EntryBase {
  readonly type: "call.posted";
  readonly call_id: string;
  readonly attempt_id: string;
  readonly agent: string;
  readonly model: string;
  readonly price_id: string | null;
  readonly nano: string;
  readonly usage: UsageCounts;
  /** As the provider reported it; absent means standard. */
  readonly service_tier?: string;
  readonly evidence: "provider" | "metered" | "estimated" | "presumed";
  /** What is posted per account; the hold's own amounts are released with it. */
  readonly postings: readonly Posting[];
  /** How the call ended: `end`, `cut`, `aborted`, `failed`, `resolved`. */
  readonly outcome: PostOutcome;
  readonly flags?: readonly string[];
  readonly response_id?: string;
  /** Output tokens metered from the bytes of a stream whose usage came; the meter's calibration learns from it. */
  readonly metered_output?: number;
  readonly actor?: string;
  readonly reason?: string;
}

/** How the call ended for its client; `resolved` is settled by hand. */
export type PostOutcome = "end" | "cut" | "aborted" | "failed" | "resolved";

/** Named causes of cost beyond the hold (3: Unavoidable overrun). */
export type OverrunCause = "U1" | "U2" | "U3" | "U5" | "U6" | "U7" | "U9";

/** An attempt cost more than was held for it. */
export interface OverrunEntry extends EntryBase {
  readonly type: "call.overrun";
  readonly call_id: string;
  readonly attempt_id: string;
  readonly cause: OverrunCause;
  /** Cost beyond the held ceiling. */
  readonly nano: string;
  /** Per account: how far used + held now stands above the limit because of it; may be empty. */
  readonly postings: readonly Posting[];
}

/** A hold was given back: nothing can have been billed. */
export interface VoidedEntry extends EntryBase {
  readonly type: "call.voided";
  readonly call_id: string;
  readonly attempt_id: string;
  /** Why nothing can have been billed: `not_sent`, `connect_failed`, `unbilled_status:429`, `resolved`. */
  readonly proof: string;
  readonly actor?: string;
  readonly reason?: string;
}

/** Nobody knows what became of an attempt; its hold keeps counting in full. */
export interface PresumedEntry extends EntryBase {
  readonly type: "call.presumed";
  readonly call_id: string;
  readonly attempt_id: string;
  /** `crash`, `timeout`, `reset`, `silent`. */
  readonly reason: string;
}

/** A call was refused before anything was sent. */
export interface RefusedEntry extends EntryBase {
  readonly type: "call.refused";
  readonly call_id: string;
  readonly attempt_id: string;
  readonly attribution: Attribution;
  readonly code: string;
  readonly message: string;
  readonly budget?: string;
  readonly account?: string;
  readonly limit?: string;
  readonly used?: string;
  readonly held?: string;
  readonly requested?: string;
  readonly ceiling: CeilingJson;
  readonly simulated?: true;
}

/** A budget as JSON: like Budget, its limit as a decimal string. */
export type BudgetJson = Omit<Budget, "limit"> & { readonly limit: string | null };

/** A budget was declared, removed or raised, by whom and why. */
export interface BudgetChangedEntry extends EntryBase {
  readonly type: "budget.changed";
  readonly budget: string;
  readonly change:
    | { readonly kind: "declared"; readonly to: BudgetJson }
    | { readonly kind: "removed" }
    | { readonly kind: "raised"; readonly amount: string; readonly until: number | null };
  readonly actor: string;
  readonly reason: string;
}

/** One row of the log. */
export type Entry =
  | HeldEntry
  | ExtendedEntry
  | PostedEntry
  | OverrunEntry
  | VoidedEntry
  | PresumedEntry
  | RefusedEntry
  | BudgetChangedEntry;

/** Name of an entry, and of its live event. */
export type EntryType = Entry["type"];
