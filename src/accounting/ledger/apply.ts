import { chainOf, isRolling } from "../budget/accounts.js";
import type { Budget } from "../budget/budget.js";
import { OTHER } from "../budget/scope.js";
import { learn } from "../meter/calibration.js";
import { inputTokens, outputTokens, USAGE_CLASSES } from "../meter/usage.js";
import { openAmountReader } from "./amount-text.js";
import type {
  AccountOpening,
  BudgetChangedEntry,
  BudgetJson,
  CeilingJson,
  Entry,
  ExtendedEntry,
  HeldEntry,
  OverrunEntry,
  PostedEntry,
  Posting,
  RefusedEntry,
  VoidedEntry,
} from "./entry.js";
import type { Account, AccountCounted, AgentTotals, Chain, Hold, Resolution, State, Touched } from "./state.js";

/** Agents counted by name; further ones are counted together as `other`. */
export const AGENTS_MAX = 10_000;
/** Resolutions remembered in memory; older ones are found in the log. */
export const RESOLUTIONS_MAX = 20_000;
/** How many are forgotten at once: dropping the first key of a Map costs a walk over all that were dropped before it. */
const RESOLUTIONS_DROPPED = 2_000;
/** Calendar windows of a group kept in the state, the open one included; older ones stay in the log. */
const WINDOWS_KEPT = 4;
/** Buckets that a rolling window looks back at most, whatever its length (units/window.ts). */
const BUCKETS_BACK = 60;

/**
 * The fold: takes one entry into the state, in place, and answers the state. Never refuses: what was written is true.
 * Deterministic; knows no clock. `touched`, when given, collects the keys that changed.
 */
export function apply(state: State, entry: Entry, touched?: Touched): State {
  state.seq = entry.seq;
  state.at = entry.at;
  switch (entry.type) {
    case "call.held":
      applyHeld(state, entry, touched);
      break;
    case "call.extended":
      applyExtended(state, entry, touched);
      break;
    case "call.posted":
      applyPosted(state, entry, touched);
      break;
    case "call.overrun":
      applyOverrun(state, entry, touched);
      break;
    case "call.voided":
      applyVoided(state, entry, touched);
      break;
    case "call.presumed":
      applyPresumed(state, entry, touched);
      break;
    case "call.refused":
      applyRefused(state, entry, touched);
      break;
    case "budget.changed":
      applyBudget(state, entry, touched);
      break;
  }
  return state;
}

function open(state: State, opening: AccountOpening, touched?: Touched): void {
  if (state.accounts.has(opening.id)) return;
  const { chain } = openAccount(state, { ...opening, ...NOTHING_COUNTED, number: state.opened + 1 });
  touched?.accounts.add(opening.id);
  const { budget } = chain;
  if (budget !== undefined && (opening.window_start ?? 0) > budget.latest_start) {
    budget.latest_start = opening.window_start ?? 0;
    budget.latest_end = opening.window_end ?? 0;
    touched?.budgets.add(opening.budget);
  }
  dropOld(state, chain, touched);
}

/** Is the oldest account of a chain behind all that a decision can ask for? Windows never go back. */
function isBehind(oldest: Account, chain: Chain): boolean {
  const newest = chain.accounts.at(-1) as Account;
  if (chain.sum === null) return chain.accounts.length > WINDOWS_KEPT;
  const { window_start, window_end } = newest;
  const reach = BUCKETS_BACK * ((window_end ?? 0) - (window_start ?? 0));
  return (oldest.window_start ?? 0) < (window_start ?? 0) - reach;
}

/** Drops accounts that no decision asks for any more; one with a hold that is not resolved stays, and so do those after it. */
function dropOld(state: State, chain: Chain, touched?: Touched): void {
  for (let oldest = chain.accounts[0]; oldest !== undefined && isBehind(oldest, chain); oldest = chain.accounts[0]) {
    if (oldest.holds > 0) break;
    if (chain.sum !== null) chain.sum.used -= oldest.used;
    state.accounts.delete(oldest.id);
    touched?.accounts.add(oldest.id);
    chain.accounts.shift();
  }
}

const NOTHING_COUNTED = { used: 0n, held: 0n, presumed: 0n, overrun: 0n, refused: 0 };

function chainFor(state: State, counted: AccountCounted): Chain {
  const key = chainOf(counted.id);
  const known = state.chains.get(key);
  if (known !== undefined) return known;
  const sum = isRolling(counted.id) ? { used: 0n, held: 0n, presumed: 0n } : null;
  const chain: Chain = { budget: state.budgets.get(counted.budget), accounts: [], sum };
  state.chains.set(key, chain);
  return chain;
}

/** Puts an account behind the others of its chain, and into what is derived from accounts. A store that loads calls it oldest window first. */
export function openAccount(state: State, counted: AccountCounted): Account {
  const chain = chainFor(state, counted);
  const account: Account = { ...counted, holds: 0, chain };
  state.accounts.set(account.id, account);
  state.opened = Math.max(state.opened, account.number);
  chain.accounts.push(account);
  if (chain.sum !== null) {
    chain.sum.used += account.used;
    chain.sum.held += account.held;
    chain.sum.presumed += account.presumed;
  }
  const start = account.window_start ?? 0;
  const groups = state.groups.get(account.budget);
  const own = account.group.length > 0 && !account.group.every((value) => value === OTHER) ? 1 : 0;
  if (groups === undefined || start > groups.start) state.groups.set(account.budget, { start, count: own });
  else if (start === groups.start) groups.count += own;
  return account;
}

function ceilingOf(json: CeilingJson): Hold["ceiling"] {
  return { nano: BigInt(json.nano), input_tokens: json.input_tokens, output_tokens: json.output_tokens };
}

/** Adds to one amount of an account, and to the sum of its chain where one is kept. */
function add(account: Account, part: "used" | "held" | "presumed", amount: bigint): void {
  account[part] += amount;
  const { sum } = account.chain;
  if (sum !== null) sum[part] += amount;
}

function applyHeld(state: State, entry: HeldEntry, touched?: Touched): void {
  if (entry.opens !== undefined) for (const opening of entry.opens) open(state, opening, touched);
  const accounts: Account[] = [];
  const amounts: bigint[] = [];
  const read = openAmountReader();
  for (const { account: id, amount: text } of entry.postings) {
    const account = state.accounts.get(id);
    if (account === undefined) continue;
    const amount = read(text);
    add(account, "held", amount);
    account.holds += 1;
    accounts.push(account);
    amounts.push(amount);
    touched?.accounts.add(id);
  }
  const hold: Hold = {
    attempt_id: entry.attempt_id,
    call_id: entry.call_id,
    at: entry.at,
    attribution: entry.attribution,
    provider: entry.provider,
    price_id: entry.price_id,
    simulated: entry.simulated === true,
    estimated_input: entry.estimated_input,
    ceiling: ceilingOf(entry.ceiling),
    accounts,
    amounts,
    state: "pending",
    presumed_reason: null,
  };
  state.holds.set(hold.attempt_id, hold);
  touched?.holds.add(hold.attempt_id);
}

function applyExtended(state: State, entry: ExtendedEntry, touched?: Touched): void {
  const hold = state.holds.get(entry.attempt_id);
  if (hold === undefined) return;
  const more = ceilingOf(entry.ceiling);
  hold.ceiling = {
    nano: hold.ceiling.nano + more.nano,
    input_tokens: hold.ceiling.input_tokens + more.input_tokens,
    output_tokens: hold.ceiling.output_tokens + more.output_tokens,
  };
  const read = openAmountReader();
  for (const { account: id, amount: text } of entry.postings) {
    const index = hold.accounts.findIndex((account) => account.id === id);
    const account = hold.accounts[index];
    if (account === undefined) continue;
    const amount = read(text);
    add(account, "held", amount);
    hold.amounts[index] = (hold.amounts[index] ?? 0n) + amount;
    touched?.accounts.add(id);
  }
  touched?.holds.add(hold.attempt_id);
}

function release(state: State, hold: Hold, touched?: Touched): void {
  for (let index = 0; index < hold.accounts.length; index++) {
    const account = hold.accounts[index] as Account;
    const amount = hold.amounts[index] as bigint;
    add(account, "held", -amount);
    account.holds -= 1;
    if (hold.state === "presumed") add(account, "presumed", -amount);
    touched?.accounts.add(account.id);
  }
  state.holds.delete(hold.attempt_id);
  touched?.holds.add(hold.attempt_id);
}

/** Remembers what became of an attempt; forgets the oldest when there are too many. For the fold and for stores that load. */
export function resolve(state: State, attemptId: string, resolution: Resolution): void {
  state.resolutions.set(attemptId, resolution);
  if (state.resolutions.size <= RESOLUTIONS_MAX) return;
  let left = RESOLUTIONS_DROPPED;
  for (const oldest of state.resolutions.keys()) {
    state.resolutions.delete(oldest);
    left -= 1;
    if (left === 0) break;
  }
}

function applyPosted(state: State, entry: PostedEntry, touched?: Touched): void {
  const nano = BigInt(entry.nano);
  const hold = state.holds.get(entry.attempt_id);
  if (hold !== undefined) release(state, hold, touched);
  const read = openAmountReader();
  for (let index = 0; index < entry.postings.length; index++) {
    const { account: id, amount } = entry.postings[index] as Posting;
    // A post stands where its hold stands, in the same order: the account need not be looked up by its long name.
    const known = hold?.accounts[index];
    const account = known !== undefined && known.id === id ? known : state.accounts.get(id);
    if (account === undefined) continue;
    add(account, "used", read(amount));
    touched?.accounts.add(id);
  }
  resolve(state, entry.attempt_id, { kind: "posted", nano });
  countPosted(state, entry, { nano, simulated: hold?.simulated === true }, touched);
  if (entry.evidence === "provider" && hold !== undefined) calibrate(state, { entry, hold }, touched);
}

/** Learns from what the provider told: how far the estimate of the input was off, and the meter of the output. */
function calibrate(state: State, of: { entry: PostedEntry; hold: Hold }, touched?: Touched): void {
  const { entry, hold } = of;
  const { model } = hold.attribution;
  const lessons: readonly (readonly [string, number, number])[] = [
    [calibrationKey(model, hold.simulated), hold.estimated_input, inputTokens(entry.usage)],
    [outputCalibrationKey(model, hold.simulated), entry.metered_output ?? 0, outputTokens(entry.usage)],
  ];
  for (const [key, estimated, actual] of lessons) {
    if (estimated <= 0 || actual <= 0) continue;
    state.calibrations.set(key, learn(state.calibrations.get(key), estimated, actual));
    touched?.calibrations.add(key);
  }
}

/** Under which name a model's calibration is kept: a simulator's tokens say nothing about the real model's. */
export function calibrationKey(canonical: string, simulated: boolean): string {
  return simulated ? `simulated:${canonical}` : canonical;
}

/** The same for the meter of streamed output. */
export function outputCalibrationKey(canonical: string, simulated: boolean): string {
  return `${calibrationKey(canonical, simulated)}#output`;
}

function totalsOf(state: State, agent: string, touched?: Touched): AgentTotals {
  const name = state.agents.has(agent) || state.agents.size < AGENTS_MAX ? agent : OTHER;
  touched?.agents.add(name);
  const known = state.agents.get(name);
  if (known !== undefined) return known;
  const fresh: AgentTotals = { calls: 0, refused: 0, nano: 0n, simulated_nano: 0n, simulated_calls: 0, tokens: {} };
  state.agents.set(name, fresh);
  return fresh;
}

function countPosted(state: State, entry: PostedEntry, paid: { nano: bigint; simulated: boolean }, touched?: Touched): void {
  const totals = totalsOf(state, entry.agent, touched);
  totals.calls += 1;
  totals.nano += paid.nano;
  if (paid.simulated) {
    totals.simulated_calls += 1;
    totals.simulated_nano += paid.nano;
  }
  for (const name of USAGE_CLASSES) {
    const count = entry.usage[name];
    if (count !== undefined) totals.tokens[name] = (totals.tokens[name] ?? 0) + count;
  }
}

function applyOverrun(state: State, entry: OverrunEntry, touched?: Touched): void {
  for (const { account, amount } of entry.postings) {
    const at = state.accounts.get(account);
    if (at !== undefined) at.overrun += BigInt(amount);
    touched?.accounts.add(account);
  }
}

function applyVoided(state: State, entry: VoidedEntry, touched?: Touched): void {
  const hold = state.holds.get(entry.attempt_id);
  if (hold !== undefined) release(state, hold, touched);
  resolve(state, entry.attempt_id, { kind: "voided", nano: 0n });
}

function applyPresumed(state: State, entry: Extract<Entry, { type: "call.presumed" }>, touched?: Touched): void {
  const hold = state.holds.get(entry.attempt_id);
  if (hold === undefined || hold.state === "presumed") return;
  hold.state = "presumed";
  hold.presumed_reason = entry.reason;
  touched?.holds.add(entry.attempt_id);
  for (const [index, account] of hold.accounts.entries()) {
    add(account, "presumed", hold.amounts[index] ?? 0n);
    touched?.accounts.add(account.id);
  }
}

function applyRefused(state: State, entry: RefusedEntry, touched?: Touched): void {
  totalsOf(state, entry.attribution.agent, touched).refused += 1;
  const account = entry.account === undefined ? undefined : state.accounts.get(entry.account);
  if (account === undefined) return;
  account.refused += 1;
  touched?.accounts.add(account.id);
}

function budgetOf(json: BudgetJson): Budget {
  return { ...json, limit: json.limit === null ? null : BigInt(json.limit) };
}

function applyBudget(state: State, entry: BudgetChangedEntry, touched?: Touched): void {
  state.budgets_version += 1;
  touched?.budgets.add(entry.budget);
  const known = state.budgets.get(entry.budget);
  const { change } = entry;
  if (change.kind === "declared") {
    const budget = budgetOf(change.to);
    if (known === undefined)
      state.budgets.set(entry.budget, { budget, removed: false, raises: [], latest_start: 0, latest_end: 0 });
    else {
      // The window, not the clock, orders windows: another kind of window starts its own sequence.
      if (JSON.stringify(known.budget.window) !== JSON.stringify(budget.window)) {
        known.latest_start = 0;
        known.latest_end = 0;
      }
      known.budget = budget;
      known.removed = false;
    }
    return;
  }
  if (known === undefined) return;
  if (change.kind === "removed") known.removed = true;
  else {
    const { actor, reason } = entry;
    known.raises.push({ amount: BigInt(change.amount), at: entry.at, until: change.until, actor, reason });
  }
}
