import type { Window } from "../units/window.js";

/** What an amount counts: tokens, nano-dollars (unit `usd`), or calls. Amounts are bigint everywhere. */
export type Unit = "tokens" | "usd" | "requests";

/** Which tokens a token budget counts. `uncached` is input without cache reads, plus output. */
export type Count = "total" | "input" | "output" | "uncached";

/** By what a budget is split into accounts. */
export type GroupBy = "agent" | "task" | "task_type" | "user" | "model" | "team" | "key" | `tag:${string}`;

/** `hard` refuses, `soft` only records what is over, `shadow` records what it would have refused. */
export type BudgetMode = "hard" | "soft" | "shadow";

export type { Window } from "../units/window.js";

/**
 * Who spends. Every field is a plain string from the credential or trusted attribution; `agent` is never empty
 * (`unattributed`). Hostile text: encode before it meets HTML, CSV or a terminal.
 */
export interface Attribution {
  readonly key: string;
  readonly agent: string;
  readonly team?: string;
  readonly task?: string;
  readonly task_type?: string;
  readonly step?: number;
  readonly user?: string;
  readonly session?: string;
  readonly parent_agent?: string;
  /** Canonical model id, `provider/model`. */
  readonly model: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** Which calls a budget covers: every given selector must match; globs `*` allowed in values. Empty matches all. */
export interface BudgetMatch {
  readonly agent?: string;
  readonly team?: string;
  readonly user?: string;
  readonly model?: string;
  readonly key?: string;
  readonly task_type?: string;
  readonly tag?: Readonly<Record<string, string>>;
}

/** A budget as declared. `limit` is in the unit (nano-dollars for usd); null is unlimited and counts only. */
export interface Budget {
  readonly name: string;
  readonly match: BudgetMatch;
  readonly per: readonly GroupBy[];
  readonly unit: Unit;
  readonly limit: bigint | null;
  readonly count: Count;
  readonly window: Window;
  readonly timezone: string;
  readonly week_start: "monday" | "sunday";
  readonly mode: BudgetMode;
  readonly ceiling: "measured" | "strict";
  readonly clamp: boolean;
  readonly on_unknown_price: "deny" | "ceiling";
  /** Most accounts this budget may open in one window; later groups share the group `other`. */
  readonly accounts_max: number;
}

/** A temporary or lasting change of the limit, dated, with its author. `until` null never ends. */
export interface Raise {
  readonly amount: bigint;
  readonly at: number;
  readonly until: number | null;
  readonly actor: string;
  readonly reason: string;
}
