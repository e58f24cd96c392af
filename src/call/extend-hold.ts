/** Keeps the hold ahead of a running stream. Money path: fails closed — without room the stream is cut. */
import type { Ceiling } from "../accounting/ledger/command.js";
import { OUTPUT_SLICE } from "../accounting/meter/ceiling.js";
import { inputTokens, outputTokens, type UsageCounts } from "../accounting/meter/usage.js";
import { ceilingOf, costOf } from "../accounting/price/cost.js";
import type { Attempt } from "./attempt.js";
import { affordableOutput } from "./estimate-ceiling.js";
import { outputAtMost } from "./metered-usage.js";
import type { CallNeeds, StreamSeen } from "./needs.js";

/** A hold is extended while at least this many output tokens of it are unspent (3-accounting: money runs out mid-stream). */
export const EXTEND_MARGIN = 256;

/** Output tokens that have been produced so far, as metered or told; the meter may read another tokenizer's. */
function outputSoFar(seen: StreamSeen): number {
  const told = seen.usage_final && seen.usage !== null ? outputTokens(seen.usage.counts) : 0;
  return Math.max(seen.metered_output, told);
}

/**
 * May a stream that nobody reads any more be read on for its usage? Only while the hold, which is not extended for it, still
 * covers what may be on its way: the margin, or nothing where the whole output is held and no more can come.
 */
export function drainable(needs: CallNeeds, attempt: Attempt, seen: StreamSeen): boolean {
  const total = attempt.bound.output_cap * attempt.request.choices;
  const held = attempt.held.output_tokens;
  if (held >= total) return outputSoFar(seen) <= held;
  return outputAtMost(needs, attempt, seen) + EXTEND_MARGIN <= held;
}

function atLeastZero(value: bigint): bigint {
  return value > 0n ? value : 0n;
}

/** Cost of input that the provider has already told and that is more than was held for it. */
function inputBeyond(attempt: Attempt, counts: UsageCounts): Ceiling {
  const tokens = inputTokens(counts) - attempt.held.input_tokens;
  if (attempt.price === null || tokens <= 0) return { nano: 0n, input_tokens: Math.max(0, tokens), output_tokens: 0 };
  // Together with the output that is held: much input can flip the whole request to a long-context price.
  const withHeld: UsageCounts = { ...counts, output_text: attempt.held.output_tokens, reasoning: 0, output_audio: 0 };
  return { nano: atLeastZero(costOf(withHeld, attempt.price) - attempt.held.nano), input_tokens: tokens, output_tokens: 0 };
}

function sliceOf(attempt: Attempt, tokens: number): Ceiling {
  const { price, held } = attempt;
  if (price === null) return { nano: 0n, input_tokens: 0, output_tokens: tokens };
  const before = ceilingOf({ input_tokens: held.input_tokens, output_tokens: held.output_tokens }, price, attempt.bound.priced);
  const after = ceilingOf(
    { input_tokens: held.input_tokens, output_tokens: held.output_tokens + tokens },
    price,
    attempt.bound.priced,
  );
  return { nano: atLeastZero(after - before), input_tokens: 0, output_tokens: tokens };
}

async function extend(needs: CallNeeds, attempt: Attempt, add: Ceiling): Promise<boolean> {
  const [result] = await needs.ledger.apply([{ type: "extend", attempt_id: attempt.attempt_id, add }]);
  if (result === undefined || !result.ok) return false;
  attempt.accounts = result.accounts;
  attempt.held = {
    nano: attempt.held.nano + add.nano,
    input_tokens: attempt.held.input_tokens + add.input_tokens,
    output_tokens: attempt.held.output_tokens + add.output_tokens,
  };
  return true;
}

/** The most that may be billed beside what is held: output up to the cap that was sent, where only a slice of it is held. Undefined: nothing. */
export function restOfCap(attempt: Attempt): Ceiling | undefined {
  const rest = attempt.bound.output_cap * attempt.request.choices - attempt.held.output_tokens;
  return attempt.bound.sliced && rest > 0 ? sliceOf(attempt, rest) : undefined;
}

/**
 * Holds for the whole cap: a stream was asked for and is answered whole, so its bill does not show as it grows. Where no
 * account has room for that, the answer is read all the same: it has been made.
 */
export async function holdWholeCap(needs: CallNeeds, attempt: Attempt): Promise<void> {
  const rest = restOfCap(attempt);
  if (rest !== undefined) await extend(needs, attempt, rest);
}

/** Extends by a whole slice, or by what the accounts can still pay for. False: not one token more. */
async function extendOutput(needs: CallNeeds, attempt: Attempt): Promise<boolean> {
  const total = attempt.bound.output_cap * attempt.request.choices;
  const wanted = Math.min(OUTPUT_SLICE, total - attempt.held.output_tokens);
  if (wanted <= 0) return true;
  if (await extend(needs, attempt, sliceOf(attempt, wanted))) return true;
  const affordable = affordableOutput(attempt.accounts, { inputNano: 0n, inputTokens: 0, price: attempt.price, choices: 1 });
  const less = affordable === null ? 0 : Math.min(affordable, wanted - 1);
  return less > 0 && (await extend(needs, attempt, sliceOf(attempt, less)));
}

/** Metering errs; beyond this multiple of the cap, and this many tokens, the provider does not keep it. */
const IGNORED_CAP_FACTOR = 1.25;
const IGNORED_CAP_SLACK = 64;

/** What a stream may do next: go on, or be cut because the money is gone. */
export type Room = "go" | "cut";

/**
 * Called for each event. Extends the hold when less than the margin of it is unspent; answers `cut` only once what was
 * produced may exceed what is held and no account has room. Answers at once while there is nothing to do. Rejects when the
 * ledger cannot be written.
 */
export function keepCovered(needs: CallNeeds, attempt: Attempt, seen: StreamSeen): "go" | Promise<Room> {
  // The bill is known and is posted as it is: nothing is left to cover, and to cut now would only hide it.
  if (seen.usage_final) return "go";
  const input = keepInputCovered(needs, attempt, seen);
  if (input === "go") return coverOutput(needs, attempt, seen);
  return input.then((room) => (room === "cut" ? "cut" : coverOutput(needs, attempt, seen)));
}

/** Extends by the input that the provider has told beyond what is held for it; also for a stream that nobody reads any more. */
export function keepInputCovered(needs: CallNeeds, attempt: Attempt, seen: StreamSeen): "go" | Promise<Room> {
  if (seen.usage === null || seen.usage_final) return "go";
  const add = inputBeyond(attempt, seen.usage.counts);
  if (add.nano <= 0n && add.input_tokens <= 0) return "go";
  return extend(needs, attempt, add).then((done) => (done ? "go" : "cut"));
}

function coverOutput(needs: CallNeeds, attempt: Attempt, seen: StreamSeen): "go" | Promise<Room> {
  const held = attempt.held.output_tokens;
  const total = attempt.bound.output_cap * attempt.request.choices;
  if (held >= total && outputSoFar(seen) > total * IGNORED_CAP_FACTOR + IGNORED_CAP_SLACK) {
    // The provider ignores the cap it was sent: every further slice is paid for, or the stream ends here.
    if (outputSoFar(seen) <= held) return "go";
    return extend(needs, attempt, sliceOf(attempt, OUTPUT_SLICE)).then((done) => (done ? "go" : "cut"));
  }
  if (!attempt.bound.sliced || held >= total) return "go";
  const output = outputAtMost(needs, attempt, seen);
  if (output + EXTEND_MARGIN <= held) return "go";
  return extendOutput(needs, attempt).then((done) => (done || output <= attempt.held.output_tokens ? "go" : "cut"));
}
