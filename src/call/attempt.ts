/**
 * One attempt under one hold: what is known while it runs, and the one way it is settled. Money path: fails closed — an
 * attempt is settled exactly once, whatever happened, and what nobody knows is presumed.
 */
import type { Attribution } from "../accounting/budget/budget.js";
import type { AccountView, Ceiling, LedgerCommand, LedgerResult, PostCommand } from "../accounting/ledger/command.js";
import type { OverrunCause, PostOutcome } from "../accounting/ledger/entry.js";
import type { Usage } from "../accounting/meter/usage.js";
import { usdText } from "../accounting/units/money.js";
import type { CallFigures, CallNeeds, Dialect } from "./needs.js";
import { observe } from "./observe.js";
import { causeBeyond, costOfUsage, type PricedAttempt } from "./posted-cost.js";

/** A running attempt. */
export interface Attempt extends PricedAttempt {
  readonly call_id: string;
  readonly attempt_id: string;
  readonly attribution: Attribution;
  readonly dialect: Dialect;
  /** Accounts as of the last answer of the ledger. */
  accounts: readonly AccountView[];
  settled: boolean;
}

/** How an attempt ended, before the ledger knows. */
export type Outcome =
  | {
      readonly kind: "post";
      readonly usage: Usage;
      readonly ended: PostOutcome;
      readonly cause?: OverrunCause;
      readonly flags: readonly string[];
      readonly response_id: string | null;
      /** See PostCommand. */
      readonly metered_output?: number;
    }
  | {
      readonly kind: "post_held";
      readonly ended: PostOutcome;
      /** What may be billed beside what is held; absent: nothing. */
      readonly beyond?: Ceiling;
      readonly flags: readonly string[];
      readonly response_id: string | null;
    }
  | { readonly kind: "void"; readonly proof: string }
  | { readonly kind: "presume"; readonly reason: string };

/** Figures for the client as they stand. */
export function figuresOf(attempt: Attempt, cost: bigint | null, cut?: string): CallFigures {
  const { call_id, accounts: remaining } = attempt;
  const cost_usd = cost === null ? null : usdText(cost);
  const ceiling_usd = usdText(attempt.held.nano);
  return cut === undefined ? { call_id, cost_usd, ceiling_usd, remaining } : { call_id, cost_usd, ceiling_usd, remaining, cut };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A post of what is held; or of the most that may be billed, where the hold is only a slice of that. */
function postOfHold(attempt: Attempt, outcome: Extract<Outcome, { kind: "post_held" }>): Writable<PostCommand> {
  const { held, attempt_id } = attempt;
  const { ended, flags, beyond } = outcome;
  const input_fresh = held.input_tokens + (beyond?.input_tokens ?? 0);
  const output_text = held.output_tokens + (beyond?.output_tokens ?? 0);
  const usage: Usage = { counts: { input_fresh, output_text, requests: 1 }, evidence: "presumed" };
  const post = { type: "post", attempt_id, outcome: ended, flags, usage } as const;
  if (beyond === undefined) return { ...post, nano: held.nano, at_held: true };
  // Output that was made before the hold could be grown for it.
  return { ...post, nano: held.nano + beyond.nano, cause: "U3" };
}

function postOfUsage(needs: CallNeeds, attempt: Attempt, outcome: Extract<Outcome, { kind: "post" }>): Writable<PostCommand> {
  const { usage, metered_output } = outcome;
  const { nano, row, price_id, flags } = costOfUsage(needs, attempt, usage);
  const post: Writable<PostCommand> = {
    type: "post",
    attempt_id: attempt.attempt_id,
    outcome: outcome.ended,
    flags: flags.length === 0 ? outcome.flags : [...outcome.flags, ...flags],
    usage,
    nano,
  };
  const cause = causeBeyond(needs, attempt, { usage, nano, cause: outcome.cause });
  if (cause !== undefined) post.cause = cause;
  if (row !== null) {
    post.model = row.model;
    post.price_id = price_id;
  }
  if (metered_output !== undefined) post.metered_output = metered_output;
  return post;
}

function commandFor(needs: CallNeeds, attempt: Attempt, outcome: Outcome): LedgerCommand {
  const { attempt_id } = attempt;
  if (outcome.kind === "void") return { type: "void", attempt_id, proof: outcome.proof };
  if (outcome.kind === "presume") return { type: "presume", attempt_id, reason: outcome.reason };
  const post = outcome.kind === "post_held" ? postOfHold(attempt, outcome) : postOfUsage(needs, attempt, outcome);
  if (outcome.response_id !== null) post.response_id = outcome.response_id;
  return post;
}

/** Who is told of an attempt. */
function seenOf({ call_id, attribution }: Attempt) {
  return { call_id, agent: attribution.agent, model: attribution.model };
}

/** Settles an attempt, once. Answers what was posted, or null when nothing was. Never throws: a ledger that cannot write keeps the hold, which the restart presumes. */
export async function settle(needs: CallNeeds, attempt: Attempt, outcome: Outcome): Promise<bigint | null> {
  if (attempt.settled) return null;
  attempt.settled = true;
  const command = commandFor(needs, attempt, outcome);
  let result: LedgerResult | undefined;
  try {
    [result] = await needs.ledger.apply([command]);
  } catch (error) {
    observe(needs, { kind: "fault", ...seenOf(attempt), reason: "settle_failed", error });
    return null;
  }
  if (result === undefined || !result.ok) {
    const reason = result === undefined ? "settle_unanswered" : result.refusal.message;
    observe(needs, { kind: "fault", ...seenOf(attempt), reason });
    return null;
  }
  attempt.accounts = result.accounts;
  const { agent, model } = attempt.attribution;
  const { call_id } = attempt;
  if (command.type === "post") {
    const nano = result.nano ?? command.nano;
    observe(needs, { kind: "posted", call_id, agent, model, nano, usage: command.usage });
    return nano;
  }
  const kind = command.type === "void" ? "voided" : "presumed";
  observe(needs, { kind, call_id, agent, model, reason: outcome.kind === "void" ? outcome.proof : "unknown" });
  return null;
}
