import { limitAt, standingOf } from "../budget/accounts.js";
import { amountOfUsage } from "../budget/amount-of.js";
import { inputTokens } from "../meter/usage.js";
import { rollingBuckets } from "../units/window.js";
import { openAmountWriter } from "./amount-text.js";
import type { LedgerRefusal, PostCommand, PresumeCommand, VoidCommand } from "./command.js";
import type { DecideWith, Decision } from "./decision.js";
import type { Entry, OverrunCause, Posting } from "./entry.js";
import type { Account, BudgetState, Hold, State } from "./state.js";

const DONE_BEFORE: Decision = { entries: [] };

function refused(code: LedgerRefusal["code"], message: string): Decision {
  return { entries: [], refusal: { code, message } };
}

/** Settles an attempt once: releases the hold, posts the cost, names what went beyond it. */
export function decidePost(state: State, command: PostCommand, using: DecideWith): Decision {
  const { attempt_id } = command;
  const done = state.resolutions.get(attempt_id);
  if (done !== undefined) {
    if (done.kind === "voided") return refused("conflict", `Attempt ${attempt_id} was voided; nothing can be posted on it.`);
    if (command.at_held !== true && done.nano === command.nano) return { ...DONE_BEFORE, nano: done.nano };
    return refused("conflict", `Attempt ${attempt_id} is already posted with another amount (${done.nano} nano-dollars).`);
  }
  const hold = state.holds.get(attempt_id);
  if (hold === undefined) return refused("not_found", `No attempt ${attempt_id} is known.`);
  const nano = command.at_held === true ? hold.ceiling.nano : command.nano;
  if (nano < 0n) return refused("internal", `A post of ${nano} nano-dollars is not a cost.`);
  const posted = amountsOf(hold, command, nano);
  // Absent fields are undefined, which JSON leaves out: entries of one shape are twice as quick to make and to read.
  const entry: Entry = {
    seq: state.seq + 1,
    at: using.now,
    type: "call.posted",
    call_id: hold.call_id,
    attempt_id,
    agent: hold.attribution.agent,
    model: command.model ?? hold.attribution.model,
    price_id: command.price_id === undefined ? hold.price_id : command.price_id,
    nano: String(nano),
    usage: command.usage.counts,
    service_tier: command.usage.service_tier,
    evidence: command.usage.evidence,
    postings: postingsOf(hold, posted),
    outcome: command.outcome,
    flags: command.flags !== undefined && command.flags.length > 0 ? command.flags : undefined,
    response_id: command.response_id,
    metered_output: command.metered_output,
    actor: command.actor,
    reason: command.reason,
  };
  const overrun = overrunOf(state, { hold, command, nano, posted }, using);
  return { entries: overrun === null ? [entry] : [entry, overrun], found: hold, nano };
}

/** What is posted on each account of the hold, in its order. */
function amountsOf(hold: Hold, command: PostCommand, nano: bigint): readonly bigint[] {
  if (command.at_held === true) return hold.amounts;
  return hold.accounts.map((account) => amountOfUsage(account, command.usage.counts, nano));
}

function postingsOf(hold: Hold, amounts: readonly bigint[]): readonly Posting[] {
  const write = openAmountWriter();
  return hold.accounts.map((account, index) => ({ account: account.id, amount: write(amounts[index] ?? 0n) }));
}

/** The OVERRUN entry: cost beyond the hold, its named cause, and how far each account now stands above its limit for it. */
function overrunOf(
  state: State,
  of: { hold: Hold; command: PostCommand; nano: bigint; posted: readonly bigint[] },
  using: DecideWith,
): Entry | null {
  const { hold, command, nano, posted } = of;
  const excess = nano - hold.ceiling.nano;
  const postings: Posting[] = [];
  let beyond = excess > 0n;
  for (let index = 0; index < hold.accounts.length; index++) {
    const account = hold.accounts[index] as Account;
    const more = (posted[index] ?? 0n) - (hold.amounts[index] ?? 0n);
    if (more <= 0n) continue;
    beyond = true;
    const above = aboveLimit(state, { account, more }, using.now);
    if (above > 0n) postings.push({ account: account.id, amount: String(above) });
  }
  if (!beyond) return null;
  const inputBeyond = inputTokens(command.usage.counts) > hold.ceiling.input_tokens;
  const cause: OverrunCause = command.cause ?? (inputBeyond ? "U2" : "U1");
  return {
    seq: state.seq + 2,
    at: using.now,
    type: "call.overrun",
    call_id: hold.call_id,
    attempt_id: hold.attempt_id,
    cause,
    nano: String(excess > 0n ? excess : 0n),
    postings,
  };
}

/** How much of what a post adds beyond its hold stands above the account's limit; 0 where there is no limit. */
function aboveLimit(state: State, of: { account: Account; more: bigint }, now: number): bigint {
  const { account, more } = of;
  const { budget } = account.chain;
  if (budget === undefined) return 0n;
  const limit = limitAt(budget, now);
  // A bucket of a rolling window that is wholly past stands against no limit any more.
  if (limit === null || isPast(budget, account, now)) return 0n;
  const before = standingOf(state, { budget, opening: account, account }, now);
  const above = before.used + before.held + more - limit;
  return above < more ? above : more;
}

/** Has a rolling window left an account behind? */
function isPast(budget: BudgetState, account: Account, now: number): boolean {
  const { window } = budget.budget;
  if (window.kind !== "rolling" || account.window_start === null) return false;
  return account.window_start < rollingBuckets({ ms: window.ms, at: Math.max(now, budget.latest_start) }).oldest;
}

/** Gives the hold back. A presumed hold is only voided by hand (an actor vouches for the proof). */
export function decideVoid(state: State, command: VoidCommand, using: DecideWith): Decision {
  const { attempt_id } = command;
  const done = state.resolutions.get(attempt_id);
  if (done?.kind === "voided") return DONE_BEFORE;
  if (done !== undefined) return refused("conflict", `Attempt ${attempt_id} is already posted and cannot be voided.`);
  const hold = state.holds.get(attempt_id);
  if (hold === undefined) return refused("not_found", `No attempt ${attempt_id} is known.`);
  if (hold.state === "presumed" && command.actor === undefined) {
    return refused(
      "conflict",
      `Attempt ${attempt_id} is presumed: only a person can void it (bursar hold resolve ${attempt_id} --void).`,
    );
  }
  const entry: Entry = {
    seq: state.seq + 1,
    at: using.now,
    type: "call.voided",
    call_id: hold.call_id,
    attempt_id,
    proof: command.proof,
    ...(command.actor === undefined ? {} : { actor: command.actor }),
    ...(command.reason === undefined ? {} : { reason: command.reason }),
  };
  return { entries: [entry], found: hold };
}

/** Keeps the hold counted in full, for nobody knows what it cost. */
export function decidePresume(state: State, command: PresumeCommand, using: DecideWith): Decision {
  const { attempt_id, reason } = command;
  if (state.resolutions.has(attempt_id)) return DONE_BEFORE;
  const hold = state.holds.get(attempt_id);
  if (hold === undefined) return refused("not_found", `No attempt ${attempt_id} is known.`);
  if (hold.state === "presumed") return DONE_BEFORE;
  const entry: Entry = { seq: state.seq + 1, at: using.now, type: "call.presumed", call_id: hold.call_id, attempt_id, reason };
  return { entries: [entry], found: hold };
}
