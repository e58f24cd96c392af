/** What a stream is counted at that did not tell its usage. Money path: fails closed — it errs upwards, within what is held. */
import { outputCalibrationKey } from "../accounting/ledger/apply.js";
import { outputFromMeter } from "../accounting/meter/calibration.js";
import { inputTokens, outputTokens, type Usage, type UsageCounts } from "../accounting/meter/usage.js";
import type { Attempt } from "./attempt.js";
import { hidesOutput } from "./estimate-ceiling.js";
import type { CallNeeds, StreamSeen } from "./needs.js";

/** A shorter answer is off by a few tokens, which is much of it: a fleet of one-word answers would teach the meter to count long ones too low. */
const LESSON_MIN = 48;

/** The metered output that goes with final usage, for the meter to learn from; absent where it is short or the bytes do not show it all. */
export function meterLesson(attempt: Attempt, seen: StreamSeen): { readonly metered_output?: number } {
  const { metered_output } = seen;
  return metered_output < LESSON_MIN || hidesOutput(attempt.request, attempt.price) ? {} : { metered_output };
}

/**
 * Output tokens that what has flowed may be billed at: as the provider told them, else by the meter as it has been
 * calibrated, which errs upwards. A hold that covers this covers the bill.
 */
export function outputAtMost(needs: CallNeeds, attempt: Attempt, seen: StreamSeen): number {
  if (seen.usage_final && seen.usage !== null) return Math.max(seen.metered_output, outputTokens(seen.usage.counts));
  const key = outputCalibrationKey(attempt.attribution.model, attempt.candidate.upstream.simulated);
  return outputFromMeter(seen.metered_output, needs.ledger.state().calibrations.get(key));
}

/**
 * Usage from what was metered: input as the provider told it, else as it was held; output by the meter as it has been
 * calibrated, never less than told, more than held only where more was seen. Null where the bytes do not show what is billed: then only what
 * is held covers it.
 */
export function meteredUsage(needs: CallNeeds, attempt: Attempt, seen: StreamSeen): Usage | null {
  if (hidesOutput(attempt.request, attempt.price)) return null;
  const { held } = attempt;
  const told = seen.usage?.counts ?? null;
  const atMost = outputAtMost(needs, attempt, seen);
  // What was seen beyond the hold was produced all the same: the provider did not keep its cap (U1).
  const output =
    seen.metered_output > held.output_tokens
      ? Math.max(seen.metered_output, held.output_tokens)
      : Math.min(held.output_tokens, atMost);
  const input: UsageCounts = told === null ? { input_fresh: held.input_tokens, requests: 1 } : told;
  const least = told === null ? 0 : outputTokens(told);
  const counts: UsageCounts =
    output <= least ? { output_text: 0, ...input } : { ...input, reasoning: 0, output_audio: 0, output_text: output };
  return { ...seen.usage, counts, evidence: seen.metered_output > 0 ? "metered" : "estimated" };
}

/**
 * Usage of an answer whose bill is not known although more than is held was already told or seen: the input as told, else
 * as held, and the most of the output that is held or was seen. Null where the hold covers it.
 */
export function usageBeyondHold(
  attempt: Attempt,
  seen: { readonly usage: Usage | null; readonly metered_output: number },
): Usage | null {
  const { held } = attempt;
  const told = seen.usage?.counts ?? { input_fresh: held.input_tokens, requests: 1 };
  if (inputTokens(told) <= held.input_tokens && seen.metered_output <= held.output_tokens) return null;
  const output = Math.max(held.output_tokens, seen.metered_output, outputTokens(told));
  const counts: UsageCounts = { ...told, reasoning: 0, output_audio: 0, output_text: output };
  return { ...seen.usage, counts, evidence: "metered" };
}
