import { limitAt, type PathStep, standingOf } from "../budget/accounts.js";
import { amountOfUsage } from "../budget/amount-of.js";
import { inputTokens } from "../meter/usage.js";
import { rollingBuckets } from "../units/window.js";
import { openAmountWriter } from "./amount-text.js";
import type { LedgerRefusal, PostCommand, PresumeCommand, VoidCommand } from "./command.js";
import type { DecideWith, Decision } from "./decision.js";
import type { Entry, OverrunCause, Posting } from "./entry.js";
import type { Hold, State } from "./state.js";

const DONE_BEFORE: Decision = { entries: [], path: [] };

function refused(code: LedgerRefusal["code"], message: string): Decision {
  return { entries: [], path: [], refusal: { code, message } };
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
  const posted = postingsOf(state, hold, command, nano);
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
    postings: posted.postings,
    outcome: command.outcome,
    flags: command.flags !== undefined && command.flags.length > 0 ? command.flags : undefined,
    response_id: command.response_id,
    metered_output: command.metered_output,
    actor: command.actor,
    reason: command.reason,
  };
  const overrun = overrunOf(state, { hold, command, nano, steps: posted.steps }, using);
  return { entries: overrun === null ? [entry] : [entry, overrun], path: posted.steps.map((step) => step.path), nano };
}

interface PostedStep {
  readonly path: PathStep;
  readonly held: bigint;
  readonly posted: bigint;
}

function postingsOf(
  state: State,
  hold: Hold,
  command: PostCommand,
  nano: bigint,
): { postings: readonly Posting[]; steps: readonly PostedStep[] } {
  const postings: Posting[] = [];
  const steps: PostedStep[] = [];
  const write = openAmountWriter();
  for (const [id, held] of hold.postings) {
    const account = state.accounts.get(id);
    const budget = account === undefined ? undefined : state.budgets.get(account.budget);
    const amount = command.at_held === true || account === undefined ? held : amountOfUsage(account, command.usage.counts, nano);
    postings.push({ account: id, amount: write(amount) });
    if (account !== undefined && budget !== undefined) {
      steps.push({ path: { budget, opening: account, account }, held, posted: amount });
    }
  }
  return { postings, steps };
}

/** The OVERRUN entry: cost beyond the hold, its named cause, and how far each account now stands above its limit for it. */
function overrunOf(
  state: State,
  of: { hold: Hold; command: PostCommand; nano: bigint; steps: readonly PostedStep[] },
  using: DecideWith,
): Entry | null {
  const { hold, command, nano, steps } = of;
  const excess = nano - hold.ceiling.nano;
  const postings: Posting[] = [];
  let beyond = excess > 0n;
  for (const { path, held, posted } of steps) {
    const more = posted - held;
    if (more <= 0n) continue;
    beyond = true;
    const limit = limitAt(path.budget, using.now);
    // A bucket of a rolling window that is wholly past stands against no limit any more.
    if (limit === null || isPast(path, using.now)) continue;
    const before = standingOf(state, { budget: path.budget, id: path.opening.id }, using.now);
    const above = before.used + before.held + more - limit;
    if (above > 0n) postings.push({ account: path.opening.id, amount: String(above < more ? above : more) });
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

/** Has a rolling window left the account of a step behind? */
function isPast({ budget, opening }: PathStep, now: number): boolean {
  const { window } = budget.budget;
  if (window.kind !== "rolling" || opening.window_start === null) return false;
  return opening.window_start < rollingBuckets({ ms: window.ms, at: Math.max(now, budget.latest_start) }).oldest;
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
  return { entries: [entry], path: pathOfHold(state, hold) };
}

/** Keeps the hold counted in full, for nobody knows what it cost. */
export function decidePresume(state: State, command: PresumeCommand, using: DecideWith): Decision {
  const { attempt_id, reason } = command;
  if (state.resolutions.has(attempt_id)) return DONE_BEFORE;
  const hold = state.holds.get(attempt_id);
  if (hold === undefined) return refused("not_found", `No attempt ${attempt_id} is known.`);
  if (hold.state === "presumed") return DONE_BEFORE;
  const entry: Entry = { seq: state.seq + 1, at: using.now, type: "call.presumed", call_id: hold.call_id, attempt_id, reason };
  return { entries: [entry], path: pathOfHold(state, hold) };
}

function pathOfHold(state: State, hold: Hold): readonly PathStep[] {
  const path: PathStep[] = [];
  for (const id of hold.postings.keys()) {
    const account = state.accounts.get(id);
    const budget = account === undefined ? undefined : state.budgets.get(account.budget);
    if (account !== undefined && budget !== undefined) path.push({ budget, opening: account, account });
  }
  return path;
}
