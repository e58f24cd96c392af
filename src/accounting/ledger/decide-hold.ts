import { limitAt, type PathStep, pathOf, standingOf } from "../budget/accounts.js";
import { amountOfCeiling } from "../budget/amount-of.js";
import type { Window } from "../budget/budget.js";
import { refusalText } from "../budget/refusal-text.js";
import { rollingBuckets } from "../units/window.js";
import { openAmountWriter } from "./amount-text.js";
import type { AccountView, Ceiling, ExtendCommand, HoldCommand, LedgerRefusal, RefuseCommand } from "./command.js";
import type { DecideWith, Decision } from "./decision.js";
import type { AccountOpening, CeilingJson, Entry, Posting } from "./entry.js";
import type { State } from "./state.js";
import { viewOf } from "./view.js";

/** Waiting this long or less may be asked of a client; longer is a refusal. Source: the 402-or-429 rule of the design. */
const WAIT_MAX_MS = 60_000;
/** Advice when calls in flight hold the money: they settle in seconds, nobody knows how many. */
const WAIT_FOR_CALLS_MS = 1_000;

/** A ceiling as an entry carries it. */
export function ceilingJson(ceiling: Ceiling): CeilingJson {
  return { nano: String(ceiling.nano), input_tokens: ceiling.input_tokens, output_tokens: ceiling.output_tokens };
}

function notSane(ceiling: Ceiling): boolean {
  return (
    ceiling.nano < 0n ||
    !Number.isSafeInteger(ceiling.input_tokens) ||
    !Number.isSafeInteger(ceiling.output_tokens) ||
    ceiling.input_tokens < 0 ||
    ceiling.output_tokens < 0
  );
}

function refused(refusal: LedgerRefusal): Decision {
  return { entries: [], refusal };
}

/** What one account says to an amount: null when there is room. */
interface Shortage {
  readonly view: AccountView;
  readonly requested: bigint;
  readonly waitMs: number | null;
}

/** Milliseconds until the amount fits without anybody's help, or null when waiting under 60 s cannot help. */
function waitFor(state: State, step: PathStep, want: { view: AccountView; amount: bigint }, now: number): number | null {
  const { view, amount } = want;
  const limit = view.limit ?? 0n;
  const standing = standingOf(state, step, now);
  if (standing.used + standing.presumed + amount <= limit) return WAIT_FOR_CALLS_MS;
  const { window } = step.budget.budget;
  if (window.kind === "calendar" && view.resets_at !== null) {
    const wait = view.resets_at - now;
    return wait > 0 && wait < WAIT_MAX_MS && amount <= limit ? wait : null;
  }
  if (window.kind === "rolling") {
    const soon = now + WAIT_MAX_MS - 1;
    const later = standingOf(state, step, soon);
    if (later.used + later.presumed + amount > limit) return null;
    const { bucketMs } = rollingBuckets({ ms: window.ms, at: now });
    return Math.min(WAIT_MAX_MS - 1, bucketMs);
  }
  return null;
}

function shortageOf(state: State, step: PathStep, amount: bigint, now: number): Shortage | null {
  const limit = limitAt(step.budget, now);
  if (limit === null) return null;
  const { used, held } = standingOf(state, step, now);
  if (used + held + amount <= limit) return null;
  const view = viewOf(state, step, now);
  return { view, requested: amount, waitMs: waitFor(state, step, { view, amount }, now) };
}

/** The one refusal a caller is shown: an account that waiting cannot help comes before one that it can. */
function refusalOf(shortages: readonly Shortage[], windowOf: (budget: string) => Window): LedgerRefusal {
  const final = shortages.find((shortage) => shortage.waitMs === null);
  const shown = final ?? (shortages[0] as Shortage);
  const waiting = final === undefined;
  const base: LedgerRefusal = {
    code: waiting ? "budget_waiting" : "budget_exceeded",
    message: refusalText({ ...shown, waiting, window: windowOf(shown.view.budget) }),
    account: shown.view,
    requested: shown.requested,
    waiting,
  };
  if (!waiting) return base;
  return { ...base, retry_after_ms: Math.max(...shortages.map((shortage) => shortage.waitMs ?? 0)) };
}

/** Sets money aside on every account of the call's path, or on none. */
export function decideHold(state: State, command: HoldCommand, using: DecideWith): Decision {
  const { attempt_id, attribution, ceiling } = command;
  const { now, memo } = using;
  if (state.holds.has(attempt_id) || state.resolutions.has(attempt_id)) {
    return refused({ code: "conflict", message: `Attempt ${attempt_id} already has a hold; every attempt takes its own.` });
  }
  if (notSane(ceiling))
    return refused({ code: "internal", message: `The ceiling of attempt ${attempt_id} is not a sane number.` });
  const path = pathOf(state, attribution, now, memo);
  // Where the dearest known model would stand in and there is none either, dollars cannot be covered; tokens can.
  const hard = path.find(
    ({ budget: { budget }, opening }) =>
      budget.mode === "hard" && (budget.on_unknown_price === "deny" || (opening.unit === "usd" && command.price_id === null)),
  );
  if (command.price_unknown === true && hard !== undefined) {
    const message =
      `No price is known for "${attribution.model}", so budget "${hard.budget.budget.name}" cannot cover it. ` +
      "Add the model to the file named by prices: in bursar.yaml (free: true for a local model).";
    return refusal(state, command, { code: "price_unknown", message }, using);
  }
  const short: Shortage[] = [];
  const over: string[] = [];
  const postings: Posting[] = [];
  const opens: AccountOpening[] = [];
  const write = openAmountWriter();
  for (const step of path) {
    const amount = amountOfCeiling(step.opening, ceiling, 1n);
    const shortage = shortageOf(state, step, amount, now);
    if (shortage !== null) {
      if (step.budget.budget.mode === "hard") short.push(shortage);
      else over.push(step.budget.budget.name);
    }
    postings.push({ account: step.opening.id, amount: write(amount) });
    if (step.account === undefined) opens.push(step.opening);
  }
  if (short.length > 0) {
    const windowOf = (name: string): Window => state.budgets.get(name)?.budget.window ?? { kind: "lifetime" };
    return refusal(state, command, refusalOf(short, windowOf), using);
  }
  // Absent fields are undefined, which JSON leaves out: entries of one shape are twice as quick to make and to read.
  const entry: Entry = {
    seq: state.seq + 1,
    at: now,
    type: "call.held",
    call_id: command.call_id,
    attempt_id,
    attribution,
    provider: command.provider,
    price_id: command.price_id,
    ceiling: ceilingJson(ceiling),
    postings,
    opens: opens.length > 0 ? opens : undefined,
    over: over.length > 0 ? over : undefined,
    simulated: command.simulated === true ? true : undefined,
    estimated_input: command.estimated_input,
    idempotency: command.idempotency,
  };
  return { entries: [entry] };
}

/** A refusal is an entry too: it holds nothing, and it is what explain, rules and reports read. */
function refusal(state: State, command: HoldCommand, why: LedgerRefusal, using: DecideWith): Decision {
  const { account, requested } = why;
  const known = account !== undefined && state.accounts.has(account.id);
  const entry: Entry = {
    seq: state.seq + 1,
    at: using.now,
    type: "call.refused",
    call_id: command.call_id,
    attempt_id: command.attempt_id,
    attribution: command.attribution,
    code: why.code,
    message: why.message,
    ...(account === undefined
      ? {}
      : {
          budget: account.budget,
          ...(known ? { account: account.id } : {}),
          limit: String(account.limit ?? 0n),
          used: String(account.used),
          held: String(account.held),
        }),
    ...(requested === undefined ? {} : { requested: String(requested) }),
    ceiling: ceilingJson(command.ceiling),
    ...(command.simulated === true ? { simulated: true as const } : {}),
  };
  return { entries: [entry], refusal: why };
}

/** Sets more aside on the accounts the attempt already holds, in the windows it was made in; all or none. */
export function decideExtend(state: State, command: ExtendCommand, using: DecideWith): Decision {
  const hold = state.holds.get(command.attempt_id);
  if (hold === undefined) {
    const code = state.resolutions.has(command.attempt_id) ? "conflict" : "not_found";
    return refused({ code, message: `Attempt ${command.attempt_id} has no hold to extend.` });
  }
  if (hold.state !== "pending") {
    return refused({
      code: "conflict",
      message: `The hold of attempt ${command.attempt_id} is presumed and cannot be extended.`,
    });
  }
  if (notSane(command.add))
    return refused({ code: "internal", message: `The extension of ${command.attempt_id} is not a sane number.` });
  const postings: Posting[] = [];
  for (const account of hold.accounts) {
    const { budget } = account.chain;
    if (budget === undefined) continue;
    const step: PathStep = { budget, opening: account, account };
    const amount = amountOfCeiling(account, command.add, 0n);
    const shortage = budget.budget.mode === "hard" ? shortageOf(state, step, amount, using.now) : null;
    if (shortage !== null) return refused(refusalOf([shortage], () => budget.budget.window));
    postings.push({ account: account.id, amount: String(amount) });
  }
  const { attempt_id, call_id } = hold;
  const entry: Entry = {
    seq: state.seq + 1,
    at: using.now,
    type: "call.extended",
    call_id,
    attempt_id,
    ceiling: ceilingJson(command.add),
    postings,
  };
  return { entries: [entry], found: hold };
}

/** Records a refusal that was decided before any hold. */
export function decideRefuse(state: State, command: RefuseCommand, using: DecideWith): Decision {
  const entry: Entry = {
    seq: state.seq + 1,
    at: using.now,
    type: "call.refused",
    call_id: command.call_id,
    attempt_id: command.attempt_id,
    attribution: command.attribution,
    code: command.code,
    message: command.message,
    ceiling: { nano: "0", input_tokens: 0, output_tokens: 0 },
    ...(command.simulated === true ? { simulated: true as const } : {}),
  };
  return { entries: [entry] };
}
