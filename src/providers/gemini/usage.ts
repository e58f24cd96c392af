/**
 * Gemini usage as disjoint classes. Money path: fails closed — a usage that contradicts itself is rejected or cut with a
 * flag, never negative. Source: https://ai.google.dev/api/generate-content#UsageMetadata (read November 2026):
 * `promptTokenCount` includes cached content, results of tools are counted beside it, `candidatesTokenCount` excludes
 * thoughts, and `totalTokenCount` is the sum of all four. A count of 0 is left out, as proto JSON does.
 */
import { type Fields, isObject } from "../request-fields.js";
import { countOf, knownCounts, partsWithin, readUsage, reject, requiredCount, tierOf, type UsageRead } from "../usage-count.js";

/** What a usage is read with. */
export interface UsageContext {
  /** Output seen so far: an explicit 0 after it is rejected. */
  readonly metered: number;
  /** Nothing more is to come: what is missing then is 0, or the usage is rejected. */
  readonly final: boolean;
  readonly web_searches: number | null;
}

const COUNTS = [
  "promptTokenCount",
  "toolUsePromptTokenCount",
  "cachedContentTokenCount",
  "candidatesTokenCount",
  "thoughtsTokenCount",
  "totalTokenCount",
];

/** Does it tell any tokens? Some chunks carry only a traffic type. */
export function tellsTokens(usage: unknown): boolean {
  return !isObject(usage) || COUNTS.some((name) => (usage[name] ?? null) !== null);
}

/** Tokens of one modality in a list of details; null when the list has none. */
function modality(usage: Fields, name: string, wanted: string): number | null {
  const details = usage[name] ?? null;
  if (details === null) return null;
  if (!Array.isArray(details)) return reject("not_a_count");
  let tokens: number | null = null;
  for (const detail of details) {
    if (!isObject(detail)) return reject("not_a_count");
    if (detail.modality === wanted) tokens = (tokens ?? 0) + (countOf(detail, "tokenCount") ?? 0);
  }
  return tokens !== null && tokens > Number.MAX_SAFE_INTEGER ? reject("too_large") : tokens;
}

/** Input of one modality that was not read from the cache: prompt and tool results, of which the cache is a part. */
function inputModality(usage: Fields, wanted: string): number | null {
  const prompt = modality(usage, "promptTokensDetails", wanted);
  const results = modality(usage, "toolUsePromptTokensDetails", wanted);
  if (prompt === null && results === null) return null;
  const fresh = Math.max(0, (prompt ?? 0) - (modality(usage, "cacheTokensDetails", wanted) ?? 0));
  return fresh + (results ?? 0);
}

/** Tokens of the candidates; where they are left out, what the others leave of the total. */
function candidateTokens(usage: Fields, others: number, context: UsageContext): number | null {
  const told = countOf(usage, "candidatesTokenCount");
  if (told !== null || !context.final) return told;
  const total = countOf(usage, "totalTokenCount");
  if (total !== null && total >= others) return total - others;
  return context.metered === 0 ? 0 : reject("missing");
}

/** Tiers by the names of both of Google's APIs; `ON_DEMAND` is the standard price. */
const TIERS: ReadonlyMap<unknown, string> = new Map([
  ["on_demand", "standard"],
  ["traffic_type_unspecified", "standard"],
  ["service_tier_unspecified", "standard"],
  ["unspecified", "standard"],
  ["on_demand_flex", "flex"],
  ["on_demand_priority", "priority"],
]);

function tier(usage: Fields): { readonly service_tier?: string } {
  const told = usage.serviceTier ?? usage.trafficType;
  if (typeof told !== "string") return {};
  const name = told.toLowerCase().slice(0, 64);
  return tierOf(TIERS.get(name) ?? name);
}

function inputFlags(cut: boolean, beyond: boolean): readonly string[] {
  if (!cut) return [];
  return [beyond ? "cached_exceeds_input" : "input_details_exceed_total"];
}

/** Tokens that no class has the price of: named, for they are counted at another's. */
function otherwisePriced(usage: Fields): readonly string[] {
  const some = (name: string, wanted: string): boolean => (modality(usage, name, wanted) ?? 0) > 0;
  return [
    ...(some("candidatesTokensDetails", "IMAGE") ? ["image_output_priced_as_text"] : []),
    ...(some("cacheTokensDetails", "AUDIO") ? ["cached_audio_priced_as_text"] : []),
  ];
}

function summed(usage: Fields, sum: number): readonly string[] {
  const total = countOf(usage, "totalTokenCount");
  return total === null || total === sum ? [] : ["total_mismatch"];
}

/** Reads a `usageMetadata`. Rejects an input of 0, which no request has. Absent details stay unknown. */
export function geminiUsage(usage: unknown, context: UsageContext): UsageRead {
  return readUsage(() => {
    if (!isObject(usage)) return reject("not_a_count");
    const prompt = requiredCount(usage, "promptTokenCount");
    const input = prompt + (countOf(usage, "toolUsePromptTokenCount") ?? 0);
    const reasoning = countOf(usage, "thoughtsTokenCount");
    const cached = countOf(usage, "cachedContentTokenCount");
    if (input === 0) return reject("zero");
    const candidates = candidateTokens(usage, input + (reasoning ?? 0), context);
    const output = (candidates ?? 0) + (reasoning ?? 0);
    if (input + output > Number.MAX_SAFE_INTEGER) return reject("too_large");
    if (context.final && output === 0 && context.metered > 0) return reject("zero");
    const wanted = [inputModality(usage, "AUDIO"), inputModality(usage, "IMAGE"), cached];
    const { parts, left, cut } = partsWithin(input, wanted);
    const [input_audio = null, input_image = null, cache_read = null] = parts;
    const spoken = partsWithin(candidates ?? 0, [modality(usage, "candidatesTokensDetails", "AUDIO")]);
    const flags = [
      ...inputFlags(cut, (cached ?? 0) > prompt),
      ...(spoken.cut ? ["output_details_exceed_total"] : []),
      ...otherwisePriced(usage),
      ...(context.final ? summed(usage, input + output) : []),
    ];
    const counts = knownCounts({
      input_fresh: left,
      cache_read,
      input_audio,
      input_image,
      output_text: candidates === null ? null : spoken.left,
      reasoning,
      output_audio: spoken.parts[0],
      requests: 1,
      web_searches: context.web_searches,
    });
    return { ok: true, counts, ...tier(usage), flags };
  });
}

/** Reads the usage of an embedding, which has no output. */
export function embeddingUsage(usage: unknown): UsageRead {
  return readUsage(() => {
    if (!isObject(usage)) return reject("not_a_count");
    const prompt = requiredCount(usage, "promptTokenCount");
    if (prompt === 0) return reject("zero");
    const { parts, left, cut } = partsWithin(prompt, [inputModality(usage, "AUDIO"), inputModality(usage, "IMAGE")]);
    const [input_audio = null, input_image = null] = parts;
    const counts = knownCounts({ input_fresh: left, input_audio, input_image, requests: 1 });
    const film = (modality(usage, "promptTokensDetails", "VIDEO") ?? 0) > 0 ? ["video_priced_as_text"] : [];
    return { ok: true, counts, ...tier(usage), flags: [...inputFlags(cut, false), ...film] };
  });
}
