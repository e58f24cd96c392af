import type { Attribution, Budget, Raise } from "../budget/budget.js";
import type { UsageClass } from "../meter/usage.js";
import type { Ceiling } from "./command.js";
import type { AccountOpening } from "./entry.js";

/** One counter: one budget, one group, one window. Amounts in `unit`. Mutated only by `apply`. */
export interface Account extends AccountOpening {
  /** Posted, overrun included. */
  used: bigint;
  /** Pending and presumed. */
  held: bigint;
  /** The part of `held` whose outcome nobody knows yet. */
  presumed: bigint;
  /** Sum of named overruns that did not fit the limit. */
  overrun: bigint;
  refused: number;
  /** Accounts are numbered 1, 2, 3 … in the order in which they were opened; stored lines name them by it. */
  readonly number: number;
  /** Holds on it that are not resolved yet, also those of nothing: until then it stays. Derived from `holds`. */
  holds: number;
  readonly chain: Chain;
}

/** An account as it is stored: without what is derived. */
export type AccountCounted = Omit<Account, "chain" | "holds">;

/** Accounts of one budget and group (the account id without its window), oldest window first; derived from `accounts`. */
export interface Chain {
  /** The budget as it was known when the chain began; undefined where the log never declared it. */
  readonly budget: BudgetState | undefined;
  readonly accounts: Account[];
  /** Of a rolling window: what the whole chain amounts to, so that a decision need not add up 60 buckets. Else null. */
  readonly sum: Sum | null;
}

/** What the accounts of one chain amount to together. */
export interface Sum {
  used: bigint;
  held: bigint;
  presumed: bigint;
}

/** A hold that is not resolved yet. */
export interface Hold {
  readonly attempt_id: string;
  readonly call_id: string;
  readonly at: number;
  readonly attribution: Attribution;
  readonly provider: string;
  readonly price_id: string | null;
  readonly simulated: boolean;
  readonly estimated_input: number;
  ceiling: Ceiling;
  /** Where it is held, in the order of the call's path: the accounts themselves, so that settling looks nothing up. */
  readonly accounts: readonly Account[];
  /** How much is held on each, in the same order. */
  readonly amounts: bigint[];
  state: "pending" | "presumed";
  presumed_reason: string | null;
}

/** What became of an attempt; kept for recent ones in memory and for all in the log. */
export interface Resolution {
  readonly kind: "posted" | "voided";
  readonly nano: bigint;
}

/** A budget as declared last, with the raises dated onto it. */
export interface BudgetState {
  budget: Budget;
  removed: boolean;
  raises: Raise[];
  /** Latest window opened; windows never go back. */
  latest_start: number;
  /** Its end as it was opened: new rules of a time zone do not move it. 0 before the first; absent in older checkpoints. */
  latest_end?: number;
}

/** Running totals of one agent since the ledger began. */
export interface AgentTotals {
  calls: number;
  refused: number;
  nano: bigint;
  /** Part of `nano` that the simulator served. */
  simulated_nano: bigint;
  simulated_calls: number;
  tokens: Partial<Record<UsageClass, number>>;
}

/** Learned per model: provider's input tokens ÷ estimated input tokens. */
export interface Calibration {
  ratio: number;
  samples: number;
}

/**
 * All that decisions depend on. A fold of the log: `apply` over every entry from the empty state gives it again,
 * byte for byte, on every store.
 */
export interface State {
  seq: number;
  /** `at` of the last entry. */
  at: number;
  readonly budgets: Map<string, BudgetState>;
  readonly accounts: Map<string, Account>;
  /** Accounts ever opened: the number of the last one. */
  opened: number;
  /** By the account id without its window. */
  readonly chains: Map<string, Chain>;
  /** Groups opened in each budget's latest window, to cap their number; derived from `accounts`. */
  readonly groups: Map<string, { start: number; count: number }>;
  readonly holds: Map<string, Hold>;
  /** Bounded: the most recent resolutions, oldest dropped first. */
  readonly resolutions: Map<string, Resolution>;
  readonly agents: Map<string, AgentTotals>;
  readonly calibrations: Map<string, Calibration>;
  /** Bumped on every budget change; caches of matching budgets watch it. */
  budgets_version: number;
}

/** Keys of what an `apply` changed, for a store that writes only that. A key that is gone from the state was dropped. */
export interface Touched {
  readonly budgets: Set<string>;
  readonly accounts: Set<string>;
  readonly holds: Set<string>;
  readonly agents: Set<string>;
  readonly calibrations: Set<string>;
}
