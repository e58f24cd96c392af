/**
 * The disjoint classes of what a provider bills. A token is in exactly one class; totals are derived, never added again.
 * `requests` and `web_searches` count events, the others tokens.
 */
export const USAGE_CLASSES = [
  "input_fresh",
  "cache_read",
  "cache_write_5m",
  "cache_write_1h",
  "input_audio",
  "input_image",
  "output_text",
  "reasoning",
  "output_audio",
  "requests",
  "web_searches",
] as const;

/** Name of one disjoint class of usage. */
export type UsageClass = (typeof USAGE_CLASSES)[number];

/** Where the numbers come from: the provider's own usage, Bursar's metering of the bytes, an estimate, or the hold itself. */
export type Evidence = "provider" | "metered" | "estimated" | "presumed";

/** Counts per class, non-negative integers ≤ 2^53 − 1. An absent class is unknown, an explicit 0 is 0. */
export type UsageCounts = Readonly<Partial<Record<UsageClass, number>>>;

/** One run inside a request, by its own model and tier; `model` absent: the one that was asked for. */
export interface UsagePart {
  readonly counts: UsageCounts;
  readonly model?: string;
  readonly service_tier?: string;
}

/** What one attempt consumed. */
export interface Usage {
  readonly counts: UsageCounts;
  /** `batch`, `flex`, `priority` … as the provider reports it; absent means standard. */
  readonly service_tier?: string;
  readonly evidence: Evidence;
  /** The model the provider says it ran, when it says so. */
  readonly model?: string;
  /** What the provider says it charged, in nano-dollars. Believed only where the operator trusts it. */
  readonly told_nano?: bigint;
  /** One request that ran several models (provider-side fallback, compaction): priced part by part. `counts` is their sum. */
  readonly parts?: readonly UsagePart[];
  /** Findings while reading, e.g. `cached_exceeds_input`; empty when all is well. */
  readonly flags?: readonly string[];
}

const INPUT: readonly UsageClass[] = [
  "input_fresh",
  "cache_read",
  "cache_write_5m",
  "cache_write_1h",
  "input_audio",
  "input_image",
];
const OUTPUT: readonly UsageClass[] = ["output_text", "reasoning", "output_audio"];

function sum(counts: UsageCounts, classes: readonly UsageClass[]): number {
  let total = 0;
  for (const name of classes) total += counts[name] ?? 0;
  return total;
}

/** All input tokens, cache reads and writes included. */
export function inputTokens(counts: UsageCounts): number {
  return sum(counts, INPUT);
}

/** All output tokens, reasoning included. */
export function outputTokens(counts: UsageCounts): number {
  return sum(counts, OUTPUT);
}

/** Input that was not read from a cache. */
export function uncachedTokens(counts: UsageCounts): number {
  return inputTokens(counts) - (counts.cache_read ?? 0);
}
