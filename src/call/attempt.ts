/**
 * One attempt under one hold: what is known while it runs, and the one way it is settled. Money path: fails closed — an
 * attempt is settled exactly once, whatever happened, and what nobody knows is presumed.
 */
import type { Attribution } from "../accounting/budget/budget.js";
import type { AccountView, Ceiling, LedgerCommand, LedgerResult } from "../accounting/ledger/command.js";
import type { OverrunCause, PostOutcome } from "../accounting/ledger/entry.js";
import type { Usage, UsageCounts } from "../accounting/meter/usage.js";
import { costOf } from "../accounting/price/cost.js";
import type { PriceRow } from "../accounting/price/price-row.js";
import { usdText } from "../accounting/units/money.js";
import type { Bound } from "./estimate-ceiling.js";
import type { ParsedRequest } from "./message.js";
import type { CallFigures, CallNeeds, Candidate, Dialect } from "./needs.js";

/** A running attempt. */
export interface Attempt {
  readonly call_id: string;
  readonly attempt_id: string;
  readonly attribution: Attribution;
  readonly candidate: Candidate;
  readonly dialect: Dialect;
  readonly request: ParsedRequest;
  readonly bound: Bound;
  /** Row that prices it; null when the price is unknown and no budget minds. */
  readonly price: PriceRow | null;
  /** What is held now; grows with extensions. */
  held: Ceiling;
  /** Accounts as of the last answer of the ledger. */
  accounts: readonly AccountView[];
  settled: boolean;
  readonly startedAt: number;
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
      readonly flags: readonly string[];
      readonly response_id: string | null;
    }
  | { readonly kind: "void"; readonly proof: string }
  | { readonly kind: "presume"; readonly reason: string };

/** Figures for the client as they stand. */
export function figuresOf(attempt: Attempt, cost: bigint | null, cut?: string): CallFigures {
  return {
    call_id: attempt.call_id,
    cost_usd: cost === null ? null : usdText(cost),
    ceiling_usd: usdText(attempt.held.nano),
    remaining: attempt.accounts,
    ...(cut === undefined ? {} : { cut }),
  };
}

/** The price row of the model that truly ran, when the provider names another one than was asked for (I11). */
function priceThatRan(needs: CallNeeds, attempt: Attempt, model: string | undefined): PriceRow | null {
  if (model === undefined) return attempt.price;
  const ran = needs.prices.resolve({ provider: attempt.candidate.provider, model, at: attempt.startedAt });
  return ran === null || ran.model === attempt.price?.model ? attempt.price : ran;
}

function commandFor(needs: CallNeeds, attempt: Attempt, outcome: Outcome): LedgerCommand {
  const { attempt_id } = attempt;
  if (outcome.kind === "void") return { type: "void", attempt_id, proof: outcome.proof };
  if (outcome.kind === "presume") return { type: "presume", attempt_id, reason: outcome.reason };
  const response = outcome.response_id === null ? {} : { response_id: outcome.response_id };
  const base = { type: "post" as const, attempt_id, outcome: outcome.ended, flags: outcome.flags, ...response };
  if (outcome.kind === "post_held") {
    const counts: UsageCounts = { input_fresh: attempt.held.input_tokens, output_text: attempt.held.output_tokens, requests: 1 };
    return { ...base, usage: { counts, evidence: "presumed" }, nano: attempt.held.nano, at_held: true };
  }
  const row = priceThatRan(needs, attempt, outcome.usage.model);
  const nano = row === null ? 0n : costOf(outcome.usage.counts, row, outcome.usage.service_tier);
  const flags = row === null ? [...outcome.flags, "price_unknown"] : outcome.flags;
  const cause = outcome.cause === undefined ? {} : { cause: outcome.cause };
  const ran = row === null ? {} : { model: row.model, price_id: row.id };
  const metered = outcome.metered_output === undefined ? {} : { metered_output: outcome.metered_output };
  return { ...base, usage: outcome.usage, nano, flags, ...cause, ...ran, ...metered };
}

/** Settles an attempt, once. Answers what was posted, or null when nothing was. Never throws: a ledger that cannot write keeps the hold, which the restart presumes. */
export async function settle(needs: CallNeeds, attempt: Attempt, outcome: Outcome): Promise<bigint | null> {
  if (attempt.settled) return null;
  attempt.settled = true;
  const command = commandFor(needs, attempt, outcome);
  const { call_id, attribution } = attempt;
  const seen = { call_id, agent: attribution.agent, model: attribution.model };
  let result: LedgerResult | undefined;
  try {
    [result] = await needs.ledger.apply([command]);
  } catch (error) {
    needs.observe({ kind: "fault", ...seen, reason: "settle_failed", error });
    return null;
  }
  if (result === undefined || !result.ok) {
    needs.observe({ kind: "fault", ...seen, reason: result === undefined ? "settle_unanswered" : result.refusal.message });
    return null;
  }
  attempt.accounts = result.accounts;
  if (command.type === "post") {
    const nano = result.nano ?? command.nano;
    needs.observe({ kind: "posted", ...seen, nano, usage: command.usage });
    return nano;
  }
  needs.observe({
    kind: command.type === "void" ? "voided" : "presumed",
    ...seen,
    reason: outcome.kind === "void" ? outcome.proof : "unknown",
  });
  return null;
}
