/** What a framework tells of a call's usage, as disjoint classes. Money path: fails closed — what is no count is never 0. */
import { isObject } from "../../../providers/request-fields.js";
import {
  countOf,
  knownCounts,
  partsWithin,
  readUsage,
  reject,
  requiredCount,
  tierOf,
  type UsageRead,
} from "../../../providers/usage-count.js";

/** Totals include their parts. Null: not told. */
export interface ToldUsage {
  readonly input: number | null;
  readonly cache_read: number | null;
  readonly cache_write: number | null;
  /** Part of `cache_write` at the rate of an hour. */
  readonly cache_write_1h: number | null;
  readonly input_audio: number | null;
  readonly output: number | null;
  readonly reasoning: number | null;
  readonly output_audio: number | null;
  readonly web_searches: number | null;
  readonly service_tier: string | null;
}

/** `metered`: output seen so far; an explicit 0 after it is rejected, as is an input of 0, which no call has. */
export function modelCallUsage(usage: unknown, options: { readonly metered: number }): UsageRead {
  return readUsage(() => {
    if (!isObject(usage)) return reject("not_a_count");
    const total = requiredCount(usage, "input");
    const output = requiredCount(usage, "output");
    if (total === 0 || (output === 0 && options.metered > 0)) return reject("zero");
    const hour = countOf(usage, "cache_write_1h");
    const write = countOf(usage, "cache_write");
    const short = write === null ? null : Math.max(0, write - (hour ?? 0));
    const input = partsWithin(total, [countOf(usage, "input_audio"), hour, short, countOf(usage, "cache_read")]);
    const [input_audio = null, cache_write_1h = null, cache_write_5m = null, cache_read = null] = input.parts;
    const out = partsWithin(output, [countOf(usage, "output_audio"), countOf(usage, "reasoning")]);
    const [output_audio = null, reasoning = null] = out.parts;
    const counts = knownCounts({
      input_fresh: input.left,
      cache_read,
      cache_write_5m,
      cache_write_1h,
      input_audio,
      output_text: out.left,
      reasoning,
      output_audio,
      requests: 1,
      web_searches: countOf(usage, "web_searches"),
    });
    const flags = [...(input.cut ? ["input_details_exceed_total"] : []), ...(out.cut ? ["output_details_exceed_total"] : [])];
    return { ok: true, counts, ...tierOf(usage.service_tier), flags };
  });
}
