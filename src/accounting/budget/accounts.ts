import type { AccountOpening } from "../ledger/entry.js";
import type { Account, BudgetState, State } from "../ledger/state.js";
import { rollingBuckets, type WindowReader } from "../units/window.js";
import type { Attribution, Budget, Window } from "./budget.js";
import { covers, groupOf, OTHER } from "./scope.js";

/** One budget a call falls under, with the chain of accounts of its group. */
interface Covered {
  readonly state: BudgetState;
  readonly group: readonly string[];
  /** Account id without its window. */
  readonly chain: string;
  /** The step found last: it stands as long as its window is open and its account is there. */
  last: PathStep | null;
}

/** What decisions remember between calls to stay quick. Losing it changes nothing. */
export interface Memo {
  readonly windows: WindowReader;
  readonly paths: Map<string, readonly Covered[]>;
  /** The same by the caller's own object, where it is frozen: who asks with the same object again is spared the key. */
  frozen: WeakMap<Attribution, readonly Covered[]>;
  version: number;
}

/** Largest number of attributions whose budgets are remembered. */
const PATHS_MAX = 20_000;

/** An empty memory for one decider. */
export function openMemo(windows: WindowReader): Memo {
  return { windows, paths: new Map(), frozen: new WeakMap(), version: -1 };
}

/** Name of a window in account ids: changing a budget's window opens new accounts instead of mixing two. */
export function windowName(window: Window): string {
  if (window.kind === "calendar") return window.unit;
  return window.kind === "rolling" ? `rolling-${window.ms}` : "lifetime";
}

function escapePart(value: string): string {
  return value.replace(/[%/,]/g, (char) => `%${char.charCodeAt(0).toString(16)}`);
}

/** Account id without its window: budget, unit, window kind, what it is split by, and the group. */
export function chainId(budget: Budget, group: readonly string[]): string {
  const per = budget.per.length === 0 ? "" : `:${budget.per.join("+")}`;
  return `${escapePart(budget.name)}:${budget.unit}${per}:${windowName(budget.window)}/${group.map(escapePart).join(",")}`;
}

/** One part of a key: its length goes first, so that no two lists of parts make the same key. */
function keyPart(value: string | undefined): string {
  return value === undefined ? "-" : `${value.length}:${value}`;
}

/** What decides which budgets cover a call, as one text. Built by hand: half the time of JSON. */
function attributionKey(call: Attribution): string {
  const who = keyPart(call.key) + keyPart(call.agent) + keyPart(call.team) + keyPart(call.user);
  const what = keyPart(call.task) + keyPart(call.task_type) + keyPart(call.model);
  return call.tags === undefined ? who + what : who + what + JSON.stringify(call.tags);
}

function coveredBy(state: State, call: Attribution, memo: Memo): readonly Covered[] {
  if (memo.version !== state.budgets_version || memo.paths.size > PATHS_MAX) {
    memo.paths.clear();
    memo.frozen = new WeakMap();
    memo.version = state.budgets_version;
  }
  const same = memo.frozen.get(call);
  if (same !== undefined) return same;
  const covered = coveredByText(state, call, memo);
  if (Object.isFrozen(call)) memo.frozen.set(call, covered);
  return covered;
}

function coveredByText(state: State, call: Attribution, memo: Memo): readonly Covered[] {
  const key = attributionKey(call);
  const known = memo.paths.get(key);
  if (known !== undefined) return known;
  const found: Covered[] = [];
  for (const budgetState of state.budgets.values()) {
    const { budget } = budgetState;
    if (budgetState.removed || !covers(budget.match, call)) continue;
    const group = groupOf(budget, call);
    if (group !== null) found.push({ state: budgetState, group, chain: chainId(budget, group), last: null });
  }
  memo.paths.set(key, found);
  return found;
}

/** Bounds of the window that is open at `now`; never before the latest one opened, whatever the wall clock says. */
function boundsAt(budget: BudgetState, now: number, memo: Memo): { start: number | null; end: number | null } {
  const { window, timezone, week_start } = budget.budget;
  const at = Math.max(now, budget.latest_start);
  if (window.kind === "lifetime") return { start: null, end: null };
  if (window.kind === "rolling") {
    const { current, bucketMs } = rollingBuckets({ ms: window.ms, at });
    return { start: current, end: current + bucketMs };
  }
  // The open window ends when it was opened to end, and the next begins no earlier, whatever a time zone's rules say by now.
  const { latest_start, latest_end = 0 } = budget;
  if (latest_start <= at && at < latest_end) return { start: latest_start, end: latest_end };
  const { start, end } = memo.windows({ window, timezone, weekStart: week_start, at });
  return start !== null && start < latest_end ? { start: latest_end, end } : { start, end };
}

/** An account of a call's path: what it holds now, and how it is opened if this is its first call. */
export interface PathStep {
  readonly budget: BudgetState;
  readonly opening: AccountOpening;
  /** Undefined until the first hold opens it. */
  readonly account: Account | undefined;
}

/** Is the step found last still the one of `now`? Windows never go back, so one that is over stays over. */
function stands(step: PathStep, now: number): boolean {
  const { account, budget, opening } = step;
  if (account === undefined) return false;
  const { window_start, window_end } = opening;
  if (window_start === null || window_end === null) return true;
  const at = Math.max(now, budget.latest_start);
  return window_start <= at && at < window_end;
}

function stepOf(state: State, covered: Covered, now: number, memo: Memo): PathStep {
  if (covered.last !== null && stands(covered.last, now)) return covered.last;
  const { budget } = covered.state;
  const { start, end } = boundsAt(covered.state, now, memo);
  const window = start === null ? "life" : String(start);
  let { chain, group } = covered;
  let account = state.accounts.get(`${chain}/${window}`);
  if (account === undefined && group.length > 0) {
    const opened = state.groups.get(budget.name);
    if (opened !== undefined && opened.start === (start ?? 0) && opened.count >= budget.accounts_max) {
      group = group.map(() => OTHER);
      chain = chainId(budget, group);
      account = state.accounts.get(`${chain}/${window}`);
    }
  }
  const { name, unit, count } = budget;
  // An account that is open goes on as it was opened: what it counts does not change under what it has counted.
  const opening = account ?? { id: `${chain}/${window}`, budget: name, unit, count, group, window_start: start, window_end: end };
  covered.last = { budget: covered.state, opening, account };
  return covered.last;
}

/** Every account a call of this attribution spends from at `now`, in the order the budgets were declared. */
export function pathOf(state: State, call: Attribution, now: number, memo: Memo): readonly PathStep[] {
  return coveredBy(state, call, memo).map((covered) => stepOf(state, covered, now, memo));
}

/** The limit in force at `now`: declared limit plus raises that have not ended, at least 0; null is unlimited. */
export function limitAt(budget: BudgetState, now: number): bigint | null {
  if (budget.budget.limit === null || budget.removed) return null;
  let limit = budget.budget.limit;
  for (const raise of budget.raises) {
    if (raise.until === null || raise.until > now) limit += raise.amount;
  }
  return limit < 0n ? 0n : limit;
}

/** Chain of an account id: the id without its window. */
export function chainOf(accountId: string): string {
  return accountId.slice(0, accountId.lastIndexOf("/"));
}

/** What counts against a limit at `now`: one account, or for a rolling window every bucket that is not wholly past. */
export interface Standing {
  readonly used: bigint;
  readonly held: bigint;
  readonly presumed: bigint;
}

const NOTHING: Standing = { used: 0n, held: 0n, presumed: 0n };

/** Is this an account of a rolling window? Its id says so; what the budget says may have changed since. */
export function isRolling(accountId: string): boolean {
  const head = accountId.slice(0, accountId.indexOf("/"));
  return head.startsWith("rolling-", head.lastIndexOf(":") + 1);
}

/**
 * What stands against the limit of a path step at `now`. For a rolling window: the sum that the fold keeps of the chain,
 * less the buckets at its old end that are wholly past.
 */
export function standingOf(state: State, step: PathStep, now: number): Standing {
  const { window } = step.budget.budget;
  const account = step.account ?? state.accounts.get(step.opening.id);
  if (window.kind !== "rolling") return account ?? NOTHING;
  const chain = account?.chain ?? state.chains.get(chainOf(step.opening.id));
  // An account from before the budget's window became rolling is its own sum.
  if (chain === undefined || chain.sum === null) return account ?? NOTHING;
  const { oldest } = rollingBuckets({ ms: window.ms, at: Math.max(now, step.budget.latest_start) });
  const [first] = chain.accounts;
  if (first === undefined || (first.window_start ?? 0) >= oldest) return chain.sum;
  let { used, held, presumed } = chain.sum;
  for (const past of chain.accounts) {
    if ((past.window_start ?? 0) >= oldest) break;
    used -= past.used;
    held -= past.held;
    presumed -= past.presumed;
  }
  return { used, held, presumed };
}
