/**
 * What the budgets say of a call before it is held. Money path: fails closed — it is a look, not a permission: the ledger
 * decides again, over the same accounts, when the hold is taken.
 */
import { limitAt, type PathStep, pathOf, standingOf } from "../accounting/budget/accounts.js";
import { amountOfCeiling } from "../accounting/budget/amount-of.js";
import type { Attribution } from "../accounting/budget/budget.js";
import type { AccountView, Ceiling } from "../accounting/ledger/command.js";
import { viewOf } from "../accounting/ledger/view.js";
import type { RoadParts } from "./admissible.js";

/** The budgets over a call, read once per attempt. */
export interface Covering {
  readonly path: readonly PathStep[];
  readonly now: number;
  /** Some budget is a hard one: only those refuse, cap and clamp. */
  readonly hard: boolean;
  /** Some hard budget bounds by the worst case. */
  readonly strict: boolean;
  /** No hard budget denies a model without a price. */
  readonly unknown_price_allowed: boolean;
  /** Some hard budget shortens whole replies to what fits. */
  readonly clamps: boolean;
}

/** What the budgets say of an attribution, now. */
export function coveringOf({ needs, memo }: RoadParts, attribution: Attribution): Covering {
  const now = needs.clock.now();
  const path = pathOf(needs.ledger.state(), attribution, now, memo);
  let hard = false;
  let strict = false;
  let clamps = false;
  let unknown_price_allowed = true;
  for (const step of path) {
    const { budget } = step.budget;
    if (budget.mode !== "hard") continue;
    hard = true;
    if (budget.ceiling === "strict") strict = true;
    if (budget.clamp) clamps = true;
    if (budget.on_unknown_price !== "ceiling") unknown_price_allowed = false;
  }
  return { path, now, hard, strict, unknown_price_allowed, clamps };
}

/** The accounts as a caller may see them. */
export function viewsOf({ needs }: RoadParts, { path, now }: Covering): readonly AccountView[] {
  const state = needs.ledger.state();
  return path.map((step) => viewOf(state, step, now));
}

/** Would a hard account refuse this ceiling? */
export function isShort({ needs }: RoadParts, { path, now }: Covering, ceiling: Ceiling): boolean {
  const state = needs.ledger.state();
  for (const step of path) {
    if (step.budget.budget.mode !== "hard") continue;
    const limit = limitAt(step.budget, now);
    const amount = amountOfCeiling(step.opening, ceiling, 1n);
    if (limit === null || amount <= 0n) continue;
    const { used, held } = standingOf(state, step, now);
    if (used + held + amount > limit) return true;
  }
  return false;
}
