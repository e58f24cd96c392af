import type { Attribution, Budget, Raise } from "../budget/budget.js";
import type { UsageClass } from "../meter/usage.js";
import type { Ceiling } from "./command.js";

/** One counter: one budget, one group, one window. Amounts in the budget's unit. Mutated only by `apply`. */
export interface Account {
  readonly id: string;
  readonly budget: string;
  readonly group: readonly string[];
  readonly window_start: number | null;
  readonly window_end: number | null;
  /** Posted, overrun included. */
  used: bigint;
  /** Pending and presumed. */
  held: bigint;
  /** Sum of named overruns that did not fit the limit. */
  overrun: bigint;
  refused: number;
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
  /** Account id → amount held on it. */
  readonly postings: Map<string, bigint>;
  state: "pending" | "presumed";
  presumed_reason: string | null;
}

/** What became of an attempt; kept for recent ones in memory and for all in the log. */
export interface Resolution {
  readonly kind: "posted" | "voided";
  readonly nano: bigint;
}

export interface BudgetState {
  budget: Budget;
  removed: boolean;
  raises: Raise[];
  /** Latest window opened; windows never go back. */
  latest_start: number;
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
  /** Groups opened per `budget|window`, to cap their number. */
  readonly groups: Map<string, number>;
  readonly holds: Map<string, Hold>;
  /** Bounded: the most recent resolutions, oldest dropped first. */
  readonly resolutions: Map<string, Resolution>;
  readonly agents: Map<string, AgentTotals>;
  readonly calibrations: Map<string, Calibration>;
  /** Bumped on every budget change; caches of matching budgets watch it. */
  budgets_version: number;
}
