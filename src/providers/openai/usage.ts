/**
 * OpenAI Chat usage as disjoint classes. Money path: fails closed — a usage that contradicts itself is rejected or cut
 * with a flag, never negative. Source: https://platform.openai.com/docs/api-reference/chat/object (read November 2026):
 * `prompt_tokens` includes cached, cache-written, audio and image tokens; `completion_tokens` includes reasoning, audio
 * and rejected prediction tokens, all billed as output.
 */
import type { Quirks } from "../../call/needs.js";
import { type Fields, isObject } from "../request-fields.js";
import { toldCost } from "../told-cost.js";
import {
  countOf,
  detailsOf,
  knownCounts,
  partsWithin,
  readUsage,
  reject,
  requiredCount,
  tierOf,
  type UsageRead,
} from "../usage-count.js";

interface Input {
  readonly counts: Readonly<Record<string, number | null>>;
  readonly flags: readonly string[];
}

function inputOf(usage: Fields, prompt: number): Input {
  const details = detailsOf(usage, "prompt_tokens_details");
  if (details === null) return { counts: { input_fresh: prompt }, flags: [] };
  const wanted = ["audio_tokens", "image_tokens", "cache_write_tokens", "cached_tokens"].map((name) => countOf(details, name));
  const { parts, left, cut } = partsWithin(prompt, wanted);
  const [input_audio = null, input_image = null, cache_write_5m = null, cache_read = null] = parts;
  const flags = !cut ? [] : [(wanted[3] ?? 0) > prompt ? "cached_exceeds_input" : "input_details_exceed_total"];
  return { counts: { input_fresh: left, cache_read, cache_write_5m, input_audio, input_image }, flags };
}

/**
 * Some compatible servers count reasoning beside `completion_tokens`. It shows when the total is exactly that much more;
 * it is billed as output, so it is added.
 */
function reasoningBeside(usage: Fields, counted: { prompt: number; completion: number; reasoning: number | null }): boolean {
  const total = countOf(usage, "total_tokens");
  const { prompt, completion, reasoning } = counted;
  return total !== null && reasoning !== null && reasoning > 0 && total === prompt + completion + reasoning;
}

function totalFlag(usage: Fields, sum: number): readonly string[] {
  const total = countOf(usage, "total_tokens");
  return total === null || total === sum ? [] : ["total_mismatch"];
}

/**
 * Reads a `usage` object. `metered` is the output seen so far: an explicit 0 after it is rejected, as is an input of 0,
 * which no request has. Absent details stay unknown.
 */
export function openAiUsage(usage: unknown, options: { readonly metered: number; readonly service_tier?: unknown }): UsageRead {
  return readUsage(() => {
    if (!isObject(usage)) return reject("not_a_count");
    const prompt = requiredCount(usage, "prompt_tokens");
    const told = requiredCount(usage, "completion_tokens");
    const details = detailsOf(usage, "completion_tokens_details");
    const thought = countOf(details, "reasoning_tokens");
    const beside = reasoningBeside(usage, { prompt, completion: told, reasoning: thought });
    const completion = beside ? told + (thought ?? 0) : told;
    if (completion > Number.MAX_SAFE_INTEGER) return reject("too_large");
    if (prompt === 0 || (completion === 0 && options.metered > 0)) return reject("zero");
    const output = partsWithin(completion, [countOf(details, "audio_tokens"), thought]);
    const [output_audio = null, reasoning = null] = output.parts;
    const input = inputOf(usage, prompt);
    const cost = toldCost(usage.cost);
    const flags = [
      ...input.flags,
      ...cost.flags,
      ...(output.cut ? ["output_details_exceed_total"] : []),
      ...(beside ? ["reasoning_beside_completion"] : totalFlag(usage, prompt + told)),
    ];
    const counts = knownCounts({ ...input.counts, output_text: output.left, reasoning, output_audio, requests: 1 });
    return { ok: true, counts, ...tierOf(options.service_tier), ...cost.told, flags };
  });
}

/** The usage of a reply or a chunk as its provider writes it, in the dialect's shape; null where it has none. */
export function usageOf(reply: Fields, quirks: Quirks): unknown {
  return (quirks.usage === undefined ? reply.usage : quirks.usage(reply)) ?? null;
}
