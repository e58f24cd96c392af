import { chainId, chainOf, limitAt, openMemo, pathOf } from "../accounting/budget/accounts.js";
import type { AccountView } from "../accounting/ledger/command.js";
import type { Account, BudgetState, State } from "../accounting/ledger/state.js";
import { viewOf } from "../accounting/ledger/view.js";
import { openWindows, rollingBuckets } from "../accounting/units/window.js";

/** An account in its open window, with its budget. */
export interface OpenAccount {
  readonly view: AccountView;
  readonly budget: BudgetState;
  readonly account: Account;
}

function isOpen(of: { account: Account; budget: BudgetState }, now: number): boolean {
  const { account, budget } = of;
  const chain = chainOf(account.id);
  // A budget whose window or unit was changed keeps its old accounts, but no longer spends from them.
  if (budget.removed || chain !== chainId(budget.budget, account.group)) return false;
  const { window } = budget.budget;
  if (window.kind === "lifetime") return true;
  const at = Math.max(now, budget.latest_start);
  if (window.kind === "rolling") {
    const { oldest } = rollingBuckets({ ms: window.ms, at });
    return account.chain.accounts.at(-1) === account && (account.window_start ?? 0) >= oldest;
  }
  return (account.window_end ?? 0) > at;
}

/** Every account that calls spend from at `now`, of all budgets; a rolling window counts as one. Costs one pass over the state. */
export function openAccounts(state: State, now: number): readonly OpenAccount[] {
  const open: OpenAccount[] = [];
  for (const account of state.accounts.values()) {
    const budget = state.budgets.get(account.budget);
    if (budget === undefined || !isOpen({ account, budget }, now)) continue;
    open.push({ view: viewOf(state, { budget, opening: account, account }, now), budget, account });
  }
  return open;
}

/** The open account of a budget that has no groups, also before its first call; null for one with groups or whose calls are selected by what is not known here. */
export function wholeAccount(state: State, budget: BudgetState, now: number): AccountView | null {
  if (budget.budget.per.length > 0) return null;
  const everything = { ...budget, budget: { ...budget.budget, match: {} } };
  const alone: State = { ...state, budgets: new Map([[budget.budget.name, everything]]) };
  const [step] = pathOf(alone, { key: "", agent: "", model: "" }, now, openMemo(openWindows()));
  return step === undefined ? null : viewOf(state, { ...step, budget }, now);
}

/** Declared limit, limit now and the raises in force, dated. */
export function limitsOf(
  budget: BudgetState,
  now: number,
): { declared: bigint | null; limit: bigint | null; raises: BudgetState["raises"] } {
  const raises = budget.raises.filter((raise) => raise.until === null || raise.until > now);
  return { declared: budget.budget.limit, limit: limitAt(budget, now), raises };
}
