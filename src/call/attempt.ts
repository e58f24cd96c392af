/**
 * One attempt under one hold: what is known while it runs, and the one way it is settled. Money path: fails closed — an
 * attempt is settled exactly once, whatever happened, and what nobody knows is presumed.
 */
import type { Attribution } from "../accounting/budget/budget.js";
import type { AccountView, Ceiling, LedgerCommand, LedgerResult } from "../accounting/ledger/command.js";
import type { OverrunCause, PostOutcome } from "../accounting/ledger/entry.js";
import { inputTokens, type Usage, type UsageCounts, type UsagePart } from "../accounting/meter/usage.js";
import { costOf, costOfParts } from "../accounting/price/cost.js";
import type { PriceRow } from "../accounting/price/price-row.js";
import { usdText } from "../accounting/units/money.js";
import type { Bound } from "./estimate-ceiling.js";
import type { ParsedRequest } from "./message.js";
import type { CallFigures, CallNeeds, Candidate, Dialect } from "./needs.js";
import { observe } from "./observe.js";

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

/** What an attempt is posted at, and what was found on the way. */
interface Cost {
  readonly nano: bigint;
  /** Row of the model that ran. */
  readonly row: PriceRow | null;
  /** Row that makes the whole amount; null where no single one does, and the flags say what did. */
  readonly price_id: string | null;
  readonly flags: readonly string[];
}

/** Each run at its own model's row; a model without a price at the dearest of the provider, never at that of a cheaper one. */
function costOfRuns(needs: CallNeeds, attempt: Attempt, of: { parts: readonly UsagePart[]; row: PriceRow }): Cost {
  const { row } = of;
  const flags = new Set<string>();
  const at = attempt.startedAt;
  const priced = of.parts.map(({ counts, model, service_tier }) => {
    const known = model === undefined ? (attempt.price ?? row) : needs.prices.resolve({ provider: row.provider, model, at });
    if (known === null) flags.add("price_unknown:part");
    const ran = known ?? needs.prices.dearest(row.provider, at) ?? row;
    flags.add(`ran:${ran.id}`);
    return { counts, row: ran, ...(service_tier === undefined ? {} : { service_tier }) };
  });
  const nano = costOfParts(priced);
  const first = priced[0]?.row ?? row;
  // One model ran it all, if not the one that the reply names.
  if (priced.every((part) => part.row.id === first.id)) {
    const unknown = [...flags].filter((flag) => flag.startsWith("price_unknown"));
    return { nano, row: first, price_id: first.id, flags: unknown };
  }
  return { nano, row, price_id: null, flags: [...flags] };
}

function computedCost(needs: CallNeeds, attempt: Attempt, usage: Usage): Cost {
  const row = priceThatRan(needs, attempt, usage.model);
  // A question that nobody bills (a token count) costs nothing, whatever the row says of a request.
  if (attempt.request.billed === "nothing") return { nano: 0n, row, price_id: row?.id ?? null, flags: [] };
  if (row === null) return { nano: 0n, row, price_id: null, flags: ["price_unknown"] };
  if (usage.parts !== undefined && !row.free) return costOfRuns(needs, attempt, { parts: usage.parts, row });
  return { nano: costOf(usage.counts, row, usage.service_tier), row, price_id: row.id, flags: [] };
}

/**
 * What is posted for a usage: what Bursar computes, or what the provider says it charged where the operator believes it
 * (`trust_cost`). Elsewhere a claim changes nothing; it is only named. A negative claim is never believed.
 */
function costOfUsage(needs: CallNeeds, attempt: Attempt, usage: Usage): Cost {
  const computed = computedCost(needs, attempt, usage);
  const told = usage.told_nano;
  if (told === undefined || usage.evidence !== "provider") return computed;
  if (attempt.candidate.upstream.trusts_cost === true && told >= 0n) {
    return { ...computed, nano: told, price_id: null, flags: ["cost_told"] };
  }
  if (told === computed.nano) return computed;
  return { ...computed, flags: [...computed.flags, told < computed.nano ? "cost_told_lower" : "cost_told_higher"] };
}

/** Why it may have cost more than was held: input beyond the hold is what tools at the provider brought back, where there are any. */
function causeOf(attempt: Attempt, outcome: Extract<Outcome, { kind: "post" }>): OverrunCause | undefined {
  const { usage, cause } = outcome;
  const serverTools = attempt.request.tools.some((tool) => tool.server_side);
  const inputBeyond = inputTokens(usage.counts) > attempt.held.input_tokens;
  if (serverTools && inputBeyond && (cause === undefined || cause === "U2")) return "U7";
  if (cause !== undefined || usage.parts === undefined) return cause;
  const models = new Set(usage.parts.map((part) => part.model));
  return models.size > 1 ? "U9" : undefined;
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
  const { nano, row, price_id, flags } = costOfUsage(needs, attempt, outcome.usage);
  const because = causeOf(attempt, outcome);
  const cause = because === undefined ? {} : { cause: because };
  const ran = row === null ? {} : { model: row.model, price_id };
  const metered = outcome.metered_output === undefined ? {} : { metered_output: outcome.metered_output };
  return { ...base, usage: outcome.usage, nano, flags: [...outcome.flags, ...flags], ...cause, ...ran, ...metered };
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
    observe(needs, { kind: "fault", ...seen, reason: "settle_failed", error });
    return null;
  }
  if (result === undefined || !result.ok) {
    observe(needs, { kind: "fault", ...seen, reason: result === undefined ? "settle_unanswered" : result.refusal.message });
    return null;
  }
  attempt.accounts = result.accounts;
  if (command.type === "post") {
    const nano = result.nano ?? command.nano;
    observe(needs, { kind: "posted", ...seen, nano, usage: command.usage });
    return nano;
  }
  observe(needs, {
    kind: command.type === "void" ? "voided" : "presumed",
    ...seen,
    reason: outcome.kind === "void" ? outcome.proof : "unknown",
  });
  return null;
}
