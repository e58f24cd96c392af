import type { AccountView } from "../ledger/command.js";
import { formatCount } from "../units/amount.js";
import { formatUsdShort } from "../units/money.js";
import type { Unit, Window } from "./budget.js";

/** An amount for a person: `$300.00`, `2.1M tokens`, `600 requests`. */
export function amountText(unit: Unit, amount: bigint): string {
  return unit === "usd" ? formatUsdShort(amount) : `${formatCount(amount)} ${unit}`;
}

const NANO_PER_CENT = 10_000_000n;

/** An amount as the command line takes it back: `0.60`, `2000`. Rounded up, so that the raise suffices. */
export function amountArgument(unit: Unit, amount: bigint): string {
  if (unit !== "usd") return String(amount);
  const cents = (amount + NANO_PER_CENT - 1n) / NANO_PER_CENT;
  return `${cents / 100n}.${String(cents % 100n).padStart(2, "0")}`;
}

/** How long a limit holds, as a person says it: `per day`, `in any 60 minutes`, `in all`. */
function windowText(window: Window): string {
  if (window.kind === "calendar") return `per ${window.unit}`;
  return window.kind === "rolling" ? `in any ${window.ms / 60_000} minutes` : "in all";
}

/**
 * The sentence a refused caller reads: the budget, its limit, what is used, what this call may cost, and the command
 * that lifts it. Names only the caller's own account.
 */
export function refusalText(why: { view: AccountView; requested: bigint; waiting: boolean; window: Window }): string {
  const { view, requested } = why;
  const limit = view.limit ?? 0n;
  const group = view.group.length > 0 ? ` for ${view.group.join(", ")}` : "";
  const is = view.unit === "usd" ? "is" : "are";
  const held = view.held > 0n ? ` and ${amountText(view.unit, view.held)} ${is} held by calls not settled yet` : "";
  const cost = view.unit === "requests" ? "" : `, and this call may cost ${amountText(view.unit, requested)}`;
  const state =
    `Budget "${view.budget}" allows ${amountText(view.unit, limit)} ${windowText(why.window)}${group}; ` +
    `${amountText(view.unit, view.used)} ${is} used${held}${cost}.`;
  if (why.waiting) return `${state} There is room as soon as calls in flight settle or the window turns: try again in a moment.`;
  const reset = view.resets_at === null ? "" : ` It resets at ${new Date(view.resets_at).toISOString()}.`;
  const missing = view.used + view.held + requested - limit;
  const way = view.unit === "requests" ? "Raise it" : "Lower max_tokens or raise it";
  return `${state}${reset} ${way}: bursar budget raise ${view.budget} ${amountArgument(view.unit, missing)}`;
}
