/**
 * Anthropic usage as disjoint classes. Money path: fails closed — a usage that contradicts itself is rejected or flagged,
 * never negative. Sources: https://platform.claude.com/docs/en/api/messages and .../build-with-claude/prompt-caching
 * (read November 2026): `input_tokens` excludes cache reads and writes; `output_tokens` includes thinking.
 */
import type { UsageCounts } from "../../accounting/meter/usage.js";
import { isObject } from "../request-fields.js";
import { countOf, detailsOf, knownCounts, readUsage, reject, tierOf, type UsageRead } from "../usage-count.js";
import { cacheWritesOf } from "./cache-writes.js";
import { joinRuns, type Run, runsOf } from "./iterations.js";

/** Raw fields of a usage, kept while a stream adds to them: the last value that is not null wins per field. */
export interface RawUsage {
  readonly input: number | null;
  readonly cache_read: number | null;
  readonly cache_write: number | null;
  readonly write_5m: number | null;
  readonly write_1h: number | null;
  readonly output: number | null;
  readonly thinking: number | null;
  readonly web_searches: number | null;
  readonly service_tier?: unknown;
  /** The runs it lists; null when it lists none. */
  readonly runs: readonly Run[] | null;
}

/** Nothing told yet. */
export const NO_RAW_USAGE: RawUsage = {
  input: null,
  cache_read: null,
  cache_write: null,
  write_5m: null,
  write_1h: null,
  output: null,
  thinking: null,
  web_searches: null,
  runs: null,
};

/** Adds one usage object. `placeholder`: the output of `message_start`, which is no count yet. Rejects what is no count. */
export function mergeRaw(before: RawUsage, usage: unknown, placeholder: boolean): RawUsage {
  if (!isObject(usage)) return reject("not_a_count");
  const split = detailsOf(usage, "cache_creation");
  const server = detailsOf(usage, "server_tool_use");
  const output = countOf(usage, "output_tokens");
  return {
    input: countOf(usage, "input_tokens") ?? before.input,
    cache_read: countOf(usage, "cache_read_input_tokens") ?? before.cache_read,
    cache_write: countOf(usage, "cache_creation_input_tokens") ?? before.cache_write,
    write_5m: countOf(split, "ephemeral_5m_input_tokens") ?? before.write_5m,
    write_1h: countOf(split, "ephemeral_1h_input_tokens") ?? before.write_1h,
    output: placeholder ? before.output : (output ?? before.output),
    thinking: countOf(detailsOf(usage, "output_tokens_details"), "thinking_tokens") ?? before.thinking,
    web_searches: countOf(server, "web_search_requests") ?? before.web_searches,
    service_tier: usage.speed === "fast" ? "fast" : (usage.service_tier ?? before.service_tier),
    runs: runsOf(usage.iterations) ?? before.runs,
  };
}

/** What the fields so far come to. Rejects an input of 0 and, when `final`, a missing output or 0 after metered tokens. */
export function countsOf(raw: RawUsage, options: { readonly metered: number; readonly final: boolean }): UsageRead {
  if (raw.input === null) return reject("missing");
  const writes = cacheWritesOf(raw);
  const counts: { [K in keyof UsageCounts]: number | null } = {
    input_fresh: raw.input,
    cache_read: raw.cache_read,
    cache_write_5m: writes.cache_write_5m,
    cache_write_1h: writes.cache_write_1h,
    web_searches: raw.web_searches,
    requests: 1,
  };
  if (options.final) {
    const input = raw.input + (raw.cache_read ?? 0) + (writes.cache_write_5m ?? 0) + (writes.cache_write_1h ?? 0);
    if (raw.output === null) return reject("missing");
    if (input === 0 || (raw.output === 0 && options.metered > 0)) return reject("zero");
    if (!Number.isSafeInteger(input)) return reject("too_large");
  }
  const thinking = raw.thinking === null || raw.output === null ? null : Math.min(raw.thinking, raw.output);
  const flags = [...writes.flags];
  if (thinking !== null && thinking < (raw.thinking ?? 0)) flags.push("thinking_exceeds_output");
  const output_text = raw.output === null ? null : raw.output - (thinking ?? 0);
  const total = knownCounts({ ...counts, output_text, reasoning: thinking });
  const tier = tierOf(raw.service_tier);
  // One run of the model that answered says nothing that the total does not.
  const several = raw.runs !== null && (raw.runs.length > 1 || raw.runs[0]?.type !== "message");
  if (!options.final || raw.runs === null || !several) return { ok: true, counts: total, ...tier, flags };
  const joined = joinRuns(total, raw.runs, tier.service_tier);
  return { ok: true, counts: joined.counts, parts: joined.parts, ...tier, flags: [...flags, ...joined.flags] };
}

/** Reads the `usage` of a whole reply. */
export function anthropicUsage(usage: unknown, options: { readonly metered: number }): UsageRead {
  return readUsage(() => {
    const raw = mergeRaw(NO_RAW_USAGE, usage, false);
    return countsOf(raw, {
      // Passed on unasked: a whole reply is metered only for an answer.
      get metered() {
        return options.metered;
      },
      final: true,
    });
  });
}
