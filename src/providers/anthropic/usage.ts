/**
 * Anthropic usage as disjoint classes. Money path: fails closed — a usage that contradicts itself is rejected or flagged,
 * never negative. Sources: https://platform.claude.com/docs/en/api/messages and .../build-with-claude/prompt-caching
 * (read November 2026): `input_tokens` excludes cache reads and writes; `output_tokens` includes thinking.
 */
import type { UsageCounts } from "../../accounting/meter/usage.js";
import { isObject } from "../request-fields.js";
import { countOf, detailsOf, knownCounts, readUsage, reject, tierOf, type UsageRead } from "../usage-count.js";

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
  readonly iterations: boolean;
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
  iterations: false,
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
    iterations: before.iterations || (Array.isArray(usage.iterations) && usage.iterations.length > 1),
  };
}

function writesOf(raw: RawUsage): { cache_write_5m: number | null; cache_write_1h: number | null; flags: readonly string[] } {
  const told = raw.cache_write;
  if (raw.write_5m === null && raw.write_1h === null) return { cache_write_5m: told, cache_write_1h: null, flags: [] };
  const split = (raw.write_5m ?? 0) + (raw.write_1h ?? 0);
  // A total beyond its parts is a write of unknown lifetime: the cheaper one by the documented default.
  const beyond = Math.max(0, (told ?? split) - split);
  const flags = told !== null && told !== split ? ["cache_writes_mismatch"] : [];
  return { cache_write_5m: (raw.write_5m ?? 0) + beyond, cache_write_1h: raw.write_1h, flags };
}

/** What the fields so far come to. Rejects an input of 0 and, when `final`, a missing output or 0 after metered tokens. */
export function countsOf(raw: RawUsage, options: { readonly metered: number; readonly final: boolean }): UsageRead {
  if (raw.input === null) return reject("missing");
  const writes = writesOf(raw);
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
  if (raw.iterations) flags.push("usage_iterations");
  const output_text = raw.output === null ? null : raw.output - (thinking ?? 0);
  return { ok: true, counts: knownCounts({ ...counts, output_text, reasoning: thinking }), ...tierOf(raw.service_tier), flags };
}

/** Reads the `usage` of a whole reply. */
export function anthropicUsage(usage: unknown, options: { readonly metered: number }): UsageRead {
  return readUsage(() => countsOf(mergeRaw(NO_RAW_USAGE, usage, false), { metered: options.metered, final: true }));
}
