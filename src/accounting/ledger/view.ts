import { limitAt, type PathStep, standingOf } from "../budget/accounts.js";
import type { AccountView } from "./command.js";
import type { Hold, State } from "./state.js";

/** What a caller may see of one account of a path: limit, used, held, left and when its window turns. */
export function viewOf(state: State, step: PathStep, now: number): AccountView {
  const { budget } = step.budget;
  const limit = limitAt(step.budget, now);
  const standing = standingOf(state, step, now);
  const left = limit === null ? null : limit - standing.used - standing.held;
  return {
    id: step.opening.id,
    budget: budget.name,
    group: step.opening.group,
    unit: budget.unit,
    count: step.opening.count,
    mode: budget.mode,
    limit,
    used: standing.used,
    held: standing.held,
    left: left !== null && left < 0n ? 0n : left,
    resets_at: budget.window.kind === "calendar" ? step.opening.window_end : null,
  };
}

/** The same for every account of a hold, also once it is settled. */
export function viewsOf(state: State, hold: Hold, now: number): readonly AccountView[] {
  const views: AccountView[] = [];
  for (const account of hold.accounts) {
    const { budget } = account.chain;
    if (budget !== undefined) views.push(viewOf(state, { budget, opening: account, account }, now));
  }
  return views;
}
