/** The reference's budgets and accounts: which accounts a call spends from, and what stands against their limits. */
import type { Attribution } from "../../src/accounting/budget/budget.js";
import type { AccountOpening, BudgetJson, CeilingJson, Entry } from "../../src/accounting/ledger/entry.js";
import { wantOf } from "./amounts.js";
import { oldestCounting, startOf } from "./time.js";

interface BudgetBook {
  terms: BudgetJson;
  removed: boolean;
  readonly raises: { readonly amount: bigint; readonly until: number | null }[];
  /** Windows never go back. */
  latest: number;
  /** Groups that the latest window has by name. */
  groups: Set<string>;
  /** The limit has been lower than it was; what was admitted before may stand above it. */
  lowered: boolean;
}

/** One counter. */
export interface AccountBook {
  readonly opening: AccountOpening;
  used: bigint;
  held: bigint;
  presumed: bigint;
  overrun: bigint;
}

const OTHERS = "other";

function keyOf(budget: string, group: readonly string[], start: number | null): string {
  return `${budget}|${group.join(",")}|${start ?? "life"}`;
}

export class AccountBooks {
  readonly accounts = new Map<string, AccountBook>();
  private readonly budgets = new Map<string, BudgetBook>();
  private readonly byKey = new Map<string, AccountBook>();
  /** Budget and group → its accounts, oldest first. */
  private readonly chains = new Map<string, AccountBook[]>();

  constructor(private readonly fail: (message: string) => void) {}

  isHard({ opening }: AccountBook): boolean {
    return this.budgets.get(opening.budget)?.terms.mode === "hard";
  }

  limitOf(name: string, at: number): bigint | null {
    const budget = this.budgets.get(name);
    if (budget === undefined || budget.removed || budget.terms.limit === null) return null;
    let limit = BigInt(budget.terms.limit);
    for (const raise of budget.raises) if (raise.until === null || raise.until > at) limit += raise.amount;
    return limit > 0n ? limit : 0n;
  }

  /** What no hard account may stand above; null where its limit has been lowered, or where several windows count together. */
  bound(id: string, at: number): bigint | null {
    const name = this.accounts.get(id)?.opening.budget ?? "";
    const budget = this.budgets.get(name);
    if (budget === undefined || budget.lowered || budget.terms.mode !== "hard" || budget.terms.window.kind === "rolling")
      return null;
    return this.limitOf(name, at);
  }

  /** What counts against a limit: the account, or for a rolling window every bucket that is not wholly past. */
  standing(of: { budget: string; group: readonly string[]; start: number | null }, at: number): { used: bigint; held: bigint } {
    const budget = this.budgets.get(of.budget) as BudgetBook;
    const { window } = budget.terms;
    if (window.kind !== "rolling") return this.byKey.get(keyOf(of.budget, of.group, of.start)) ?? { used: 0n, held: 0n };
    const oldest = oldestCounting(window.ms, Math.max(at, budget.latest));
    const chain = this.chains.get(keyOf(of.budget, of.group, null)) ?? [];
    let used = 0n;
    let held = 0n;
    for (let index = chain.length - 1; index >= 0; index--) {
      const account = chain[index] as AccountBook;
      if ((account.opening.window_start ?? 0) < oldest) break;
      used += account.used;
      held += account.held;
    }
    return { used, held };
  }

  /** May a served state have dropped it? Four calendar windows of a group are kept, and every bucket that a rolling one can ask for. */
  mayBeGone(account: AccountBook): boolean {
    const { budget, group, window_start, window_end, id } = account.opening;
    const newer = (this.chains.get(keyOf(budget, group, null)) ?? []).filter(
      ({ opening }) => (opening.window_start ?? 0) > (window_start ?? 0),
    );
    if (!id.includes(":rolling-")) return newer.length >= 4;
    const newest = Math.max(...newer.map(({ opening }) => opening.window_start ?? 0));
    return newest - (window_start ?? 0) > 60 * ((window_end ?? 0) - (window_start ?? 0));
  }

  /** Has a rolling window left an account behind? */
  isPast({ opening }: AccountBook, at: number): boolean {
    const budget = this.budgets.get(opening.budget);
    const window = budget?.terms.window;
    if (budget === undefined || window?.kind !== "rolling") return false;
    return (opening.window_start ?? 0) < oldestCounting(window.ms, Math.max(at, budget.latest));
  }

  standingOf(account: AccountBook, at: number): { used: bigint; held: bigint } {
    const { opening } = account;
    // An account of no budget, which was told already, stands by itself.
    if (!this.budgets.has(opening.budget)) return account;
    return this.standing({ budget: opening.budget, group: opening.group, start: opening.window_start }, at);
  }

  private groupIn(budget: BudgetBook, call: Attribution, start: number | null): readonly string[] | null {
    const { match, per, accounts_max } = budget.terms;
    if (budget.removed || (match.team !== undefined && match.team !== call.team)) return null;
    const group: string[] = [];
    for (const by of per) {
      const value = call[by as "agent" | "team" | "task" | "key"];
      if (value === undefined) return null;
      group.push(value);
    }
    if (group.length === 0 || (start ?? 0) !== budget.latest) return group;
    const full = budget.groups.size >= accounts_max && !budget.groups.has(group.join(","));
    return full ? group.map(() => OTHERS) : group;
  }

  /** Every account a call spends from, open or not. */
  path(call: Attribution, at: number): readonly { budget: string; group: readonly string[]; start: number | null }[] {
    const path = [];
    for (const [name, budget] of this.budgets) {
      const start = startOf(budget.terms.window, Math.max(at, budget.latest));
      const group = this.groupIn(budget, call, start);
      if (group !== null) path.push({ budget: name, group, start });
    }
    return path;
  }

  /** The same as one text each. */
  pathKeys(call: Attribution, at: number): Set<string> {
    return new Set(this.path(call, at).map(({ budget, group, start }) => keyOf(budget, group, start)));
  }

  keyOf(id: string): string {
    const opening = this.accounts.get(id)?.opening;
    return opening === undefined ? id : keyOf(opening.budget, opening.group, opening.window_start);
  }

  /** Is there a hard account on the path of a call that has no room for a ceiling? */
  isShort(call: Attribution, ceiling: CeilingJson, at: number): boolean {
    return this.path(call, at).some((step) => {
      const { terms } = this.budgets.get(step.budget) as BudgetBook;
      const limit = terms.mode === "hard" ? this.limitOf(step.budget, at) : null;
      if (limit === null) return false;
      const { used, held } = this.standing(step, at);
      return used + held + wantOf(terms, ceiling, 1n) > limit;
    });
  }

  open(opening: AccountOpening): void {
    const { id, budget: name, group, window_start } = opening;
    const budget = this.budgets.get(name);
    if (budget === undefined) {
      this.fail(`The account ${id} belongs to no budget.`);
      return;
    }
    if (this.accounts.has(id)) {
      this.fail(`The account ${id} is opened twice.`);
      return;
    }
    const account: AccountBook = { opening, used: 0n, held: 0n, presumed: 0n, overrun: 0n };
    this.accounts.set(id, account);
    this.byKey.set(keyOf(name, group, window_start), account);
    const chain = keyOf(name, group, null);
    const before = this.chains.get(chain);
    if (before === undefined) this.chains.set(chain, [account]);
    else before.push(account);
    const start = window_start ?? 0;
    if (start < budget.latest)
      this.fail(`G8: budget ${name} opens the window ${start} after ${budget.latest}: windows went back.`);
    if (start > budget.latest) {
      budget.latest = start;
      budget.groups = new Set();
    }
    if (group.length > 0 && !group.every((value) => value === OTHERS)) budget.groups.add(group.join(","));
  }

  /** Takes a budget as it was changed. */
  change(entry: Extract<Entry, { type: "budget.changed" }>): void {
    const known = this.budgets.get(entry.budget);
    const { change } = entry;
    if (change.kind === "declared") {
      const fresh = { terms: change.to, removed: false };
      // Another kind of window begins its own sequence.
      if (known !== undefined && JSON.stringify(known.terms.window) !== JSON.stringify(change.to.window)) known.latest = 0;
      if (known !== undefined) Object.assign(known, fresh, { lowered: true });
      else this.budgets.set(entry.budget, { ...fresh, raises: [], latest: 0, groups: new Set(), lowered: false });
    } else if (known === undefined) this.fail(`The budget ${entry.budget} is changed before it is declared.`);
    else if (change.kind === "removed") Object.assign(known, { removed: true, lowered: true });
    else {
      known.raises.push({ amount: BigInt(change.amount), until: change.until });
      if (BigInt(change.amount) < 0n || change.until !== null) known.lowered = true;
    }
  }
}
