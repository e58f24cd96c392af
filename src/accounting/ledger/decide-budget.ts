import { limitAt } from "../budget/accounts.js";
import type { Budget } from "../budget/budget.js";
import type { DeclareCommand, RaiseCommand } from "./command.js";
import type { DecideWith, Decision } from "./decision.js";
import type { BudgetJson, Entry } from "./entry.js";
import type { State } from "./state.js";

/** A budget as an entry carries it. */
export function budgetJson(budget: Budget): BudgetJson {
  return { ...budget, limit: budget.limit === null ? null : String(budget.limit) };
}

/**
 * Makes the declared budgets the ones in force: writes what differs, removes what is missing. Accounts, and with them
 * what was used, stay: deleting or recreating a budget refunds nothing.
 */
export function decideDeclare(state: State, command: DeclareCommand, using: DecideWith): Decision {
  const { actor, reason } = command;
  const entries: Entry[] = [];
  const names = new Set<string>();
  for (const budget of command.budgets) {
    names.add(budget.name);
    const known = state.budgets.get(budget.name);
    const to = budgetJson(budget);
    const same = known !== undefined && !known.removed && JSON.stringify(budgetJson(known.budget)) === JSON.stringify(to);
    if (same) continue;
    const change = { kind: "declared" as const, to };
    entries.push({
      seq: state.seq + entries.length + 1,
      at: using.now,
      type: "budget.changed",
      budget: budget.name,
      change,
      actor,
      reason,
    });
  }
  for (const [name, known] of state.budgets) {
    if (known.removed || names.has(name)) continue;
    entries.push({
      seq: state.seq + entries.length + 1,
      at: using.now,
      type: "budget.changed",
      budget: name,
      change: { kind: "removed" },
      actor,
      reason,
    });
  }
  return { entries };
}

/** Raises (negative: lowers) a limit by a dated entry that may end. */
export function decideRaise(state: State, command: RaiseCommand, using: DecideWith): Decision {
  const known = state.budgets.get(command.budget);
  if (known === undefined || known.removed) {
    const names = [...state.budgets.keys()].slice(0, 10).join(", ");
    const message = `There is no budget "${command.budget}". Known: ${names === "" ? "none" : names}.`;
    return { entries: [], refusal: { code: "not_found", message } };
  }
  if (known.budget.limit === null) {
    const message = `Budget "${command.budget}" has no limit, so there is nothing to raise.`;
    return { entries: [], refusal: { code: "invalid_request", message } };
  }
  if (command.until !== null && command.until <= using.now) {
    const message = `A raise until ${new Date(command.until).toISOString()} has already ended; give an instant to come.`;
    return { entries: [], refusal: { code: "invalid_request", message } };
  }
  const { budget, actor, reason, until } = command;
  const limit = limitAt(known, using.now) ?? 0n;
  // Lowering ends at nothing: what was taken off below it would have to be raised again before a raise shows.
  const amount = limit + command.amount < 0n ? -limit : command.amount;
  const change = { kind: "raised" as const, amount: String(amount), until };
  return { entries: [{ seq: state.seq + 1, at: using.now, type: "budget.changed", budget, change, actor, reason }] };
}
