/**
 * What an attempt is posted at for a usage, and the name of what may go beyond its hold. Money path: fails closed — by the
 * model and the tier that truly ran; what has no price is taken at one that is known, never at none.
 */
import type { Ceiling } from "../accounting/ledger/command.js";
import type { OverrunCause } from "../accounting/ledger/entry.js";
import { inputTokens, outputTokens, type Usage, type UsagePart } from "../accounting/meter/usage.js";
import { costOf, costOfParts, isTierBeyond } from "../accounting/price/cost.js";
import type { PriceRow } from "../accounting/price/price-row.js";
import type { Bound } from "./estimate-ceiling.js";
import type { ParsedRequest } from "./message.js";
import type { CallNeeds, Candidate } from "./needs.js";

/** What of an attempt makes its price. */
export interface PricedAttempt {
  readonly candidate: Candidate;
  readonly request: ParsedRequest;
  readonly bound: Bound;
  /** Row that prices it; null when the price is unknown and no budget minds. */
  readonly price: PriceRow | null;
  /** What is held now; grows with extensions. */
  held: Ceiling;
  readonly startedAt: number;
}

/** What an attempt is posted at, and what was found on the way. */
export interface PostedCost {
  readonly nano: bigint;
  /** Row of the model that ran. */
  readonly row: PriceRow | null;
  /** Row that makes the whole amount; null where no single one does, and the flags say what did. */
  readonly price_id: string | null;
  readonly flags: readonly string[];
}

const NO_FLAGS: readonly string[] = [];

/**
 * The row of a model that the provider names, null when its price is unknown. The name that was sent stands for the row
 * that was pinned (I11), whatever a book that was read again says of it by now.
 */
function rowNamed(needs: CallNeeds, attempt: PricedAttempt, model: string): PriceRow | null {
  const { candidate, price, startedAt } = attempt;
  if (model === candidate.model && price !== null) return price;
  // A provider is priced as what it is, not by the name that the configuration gives it.
  return needs.prices.resolve({ provider: price?.provider ?? candidate.provider, model, at: startedAt });
}

/** The row that prices what ran: another model's where the provider names one, the pinned one where it is the same or unknown. */
function rowThatRan(needs: CallNeeds, attempt: PricedAttempt, model: string | undefined): PriceRow | null {
  const { price } = attempt;
  if (model === undefined) return price;
  const ran = rowNamed(needs, attempt, model);
  return ran === null || ran.model === price?.model ? price : ran;
}

/** Each run at its own model's row; a model without a price at the dearest of the provider, never at that of a cheaper one. */
function costOfRuns(needs: CallNeeds, attempt: PricedAttempt, of: { parts: readonly UsagePart[]; row: PriceRow }): PostedCost {
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

function computedCost(needs: CallNeeds, attempt: PricedAttempt, usage: Usage): PostedCost {
  const row = rowThatRan(needs, attempt, usage.model);
  // A question that nobody bills (a token count) costs nothing, whatever the row says of a request.
  if (attempt.request.billed === "nothing") return { nano: 0n, row, price_id: row?.id ?? null, flags: NO_FLAGS };
  if (row === null) return { nano: 0n, row, price_id: null, flags: ["price_unknown"] };
  if (usage.parts !== undefined && !row.free) return costOfRuns(needs, attempt, { parts: usage.parts, row });
  return { nano: costOf(usage.counts, row, usage.service_tier), row, price_id: row.id, flags: NO_FLAGS };
}

/**
 * What is posted for a usage: what Bursar computes, or what the provider says it charged where the operator believes it
 * (`trust_cost`). Elsewhere a claim changes nothing; it is only named. A negative claim is never believed.
 */
export function costOfUsage(needs: CallNeeds, attempt: PricedAttempt, usage: Usage): PostedCost {
  const computed = computedCost(needs, attempt, usage);
  const told = usage.told_nano;
  if (told === undefined || usage.evidence !== "provider") return computed;
  if (attempt.candidate.upstream.trusts_cost === true && told >= 0n) {
    return { ...computed, nano: told, price_id: null, flags: ["cost_told"] };
  }
  if (told === computed.nano) return computed;
  return { ...computed, flags: [...computed.flags, told < computed.nano ? "cost_told_lower" : "cost_told_higher"] };
}

/** Did one model run that is not the one that was held for, dearer than that or without a price? */
function ranDearer(needs: CallNeeds, attempt: PricedAttempt, usage: Usage): boolean {
  const { price } = attempt;
  const model = usage.parts?.[0]?.model ?? usage.model;
  if (model === undefined || price === null || price.free) return false;
  const ran = rowNamed(needs, attempt, model);
  if (ran === null) return true;
  return ran.model !== price.model && costOf(usage.counts, ran) > costOf(usage.counts, price);
}

/**
 * Why a post goes beyond its hold, where more can be said than which tokens were too many: input that tools at the
 * provider brought back (U7), several models at the provider (U9), another model (U5), another tier (U6). Undefined:
 * nothing more is known, or it does not go beyond.
 */
export function causeBeyond(
  needs: CallNeeds,
  attempt: PricedAttempt,
  of: { usage: Usage; nano: bigint; cause?: OverrunCause | undefined },
): OverrunCause | undefined {
  const { usage, nano, cause } = of;
  const { held, price } = attempt;
  const inputBeyond = inputTokens(usage.counts) > held.input_tokens;
  if (nano <= held.nano && !inputBeyond && outputTokens(usage.counts) <= held.output_tokens) return cause;
  if (inputBeyond && (cause === undefined || cause === "U2") && attempt.request.tools.some((tool) => tool.server_side))
    return "U7";
  if (cause !== undefined) return cause;
  if (usage.parts !== undefined && new Set(usage.parts.map((part) => part.model)).size > 1) return "U9";
  if (ranDearer(needs, attempt, usage)) return "U5";
  if (price !== null && isTierBeyond(price, usage.service_tier, attempt.bound.priced)) return "U6";
  return undefined;
}
