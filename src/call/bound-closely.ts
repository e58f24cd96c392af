/**
 * Bounds one attempt within what its accounts have room for: by the estimate, and where that would be refused by an exact
 * count or a shorter output. Money path: fails closed — what no account has room for stays as it is, and is refused.
 */
import type { Attribution } from "../accounting/budget/budget.js";
import type { Ceiling } from "../accounting/ledger/command.js";
import { ceilingOf } from "../accounting/price/cost.js";
import type { PriceRow } from "../accounting/price/price-row.js";
import type { Admissible, RoadParts } from "./admissible.js";
import { type Covering, coveringOf, isShort, viewsOf } from "./covering.js";
import { affordableOutput, type Bound, type BoundQuery, boundAttempt, refuseUnbounded } from "./estimate-ceiling.js";
import type { Candidate, EstimatedInput } from "./needs.js";

/** What an attempt is bounded for. */
export interface Bounding {
  readonly candidate: Candidate;
  readonly attribution: Attribution;
  readonly covering: Covering;
}

function bound(road: RoadParts, call: Admissible, of: Bounding, counted: EstimatedInput): Bound {
  const { needs } = road;
  const { candidate, attribution, covering } = of;
  const { hard, strict } = covering;
  const { parsed } = call;
  const { key } = call.request;
  const price = candidate.price ?? candidate.dearest;
  if (hard) refuseUnbounded({ request: parsed, key, price });
  const output_default = needs.agent(attribution.agent).output_default;
  const query: BoundQuery = {
    request: parsed,
    key,
    candidate,
    hard,
    strict,
    output_default,
    counted,
    state: needs.ledger.state(),
  };
  const first = boundAttempt(query);
  // What is held in full and fits is held as it is, and so is a stream whose whole cap fits: no output needs to be made shorter.
  if (!isShort(road, covering, first.sliced ? wholeAtMost(first, price, parsed.choices) : first.ceiling)) return first;
  const least = boundAttempt({ ...query, clamp_to: 1 }).ceiling;
  const views = viewsOf(road, covering);
  if (isShort(road, covering, least)) return first;
  const beyond = { inputNano: least.nano, inputTokens: least.input_tokens + least.output_tokens, price, choices: parsed.choices };
  const more = affordableOutput(views, beyond);
  // The least ceiling has one token of each answer in it already.
  const affordable = more === null ? null : more + 1;
  if (affordable === null || affordable >= first.output_cap) return first;
  // A stream would be cut there anyway; a whole reply is only shortened where the budget says so.
  if (first.sliced)
    return { ...first, output_cap: Math.max(affordable, Math.ceil(first.ceiling.output_tokens / parsed.choices)) };
  return covering.clamps ? boundAttempt({ ...query, clamp_to: affordable }) : first;
}

/** At most what a sliced bound would hold for its whole cap: input and fees are in it twice, so that what fits by it does fit. */
function wholeAtMost({ ceiling, output_cap, priced }: Bound, price: PriceRow | null, choices: number): Ceiling {
  const { nano, input_tokens } = ceiling;
  const output_tokens = output_cap * choices;
  const rest = { input_tokens, output_tokens: output_tokens - ceiling.output_tokens };
  return { nano: price === null ? nano : nano + ceilingOf(rest, price, priced), input_tokens, output_tokens };
}

/** Bounds by the estimate; where that would be refused, by the provider's own tokenizer, which needs no margin. */
export function boundClosely(road: RoadParts, call: Admissible, of: Bounding): Bound | Promise<Bound> {
  const { estimator } = road.needs;
  const { canonical, upstream } = of.candidate;
  const bounded = bound(road, call, of, estimator.input(call.parsed, canonical));
  if (upstream.simulated || estimator.count === undefined || !isShort(road, of.covering, bounded.ceiling)) return bounded;
  return estimator.count(call.parsed, canonical).then((counted) => {
    if (counted === null) return bounded;
    return bound(road, call, { ...of, covering: coveringOf(road, of.attribution) }, counted);
  });
}
