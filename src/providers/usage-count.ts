/** One number of a provider's usage, judged before it counts. Money path: fails closed — what is no count is never 0. */
import type { Usage, UsageCounts } from "../accounting/meter/usage.js";
import { type Fields, isObject } from "./request-fields.js";

/** Why a usage is rejected; flagged as `usage_invalid:<why>`. */
export type UsageFault =
  | "negative"
  | "nan"
  | "string"
  | "fractional"
  | "too_large"
  | "missing"
  | "not_a_count"
  | "decreasing"
  | "zero"
  | "unreadable";

/** What a usage tells besides its counts, as `Usage` has it. */
export type UsageTold = Pick<Usage, "service_tier" | "parts" | "told_nano">;

/** The same of a reading, without what it did not tell. */
export function toldOf({ service_tier, parts, told_nano }: UsageTold): UsageTold {
  return {
    ...(service_tier === undefined ? {} : { service_tier }),
    ...(parts === undefined ? {} : { parts }),
    ...(told_nano === undefined ? {} : { told_nano }),
  };
}

/** A usage read, or why it is rejected. `flags` are findings that do not reject it. */
export type UsageRead =
  | ({ readonly ok: true; readonly counts: UsageCounts; readonly flags: readonly string[] } & UsageTold)
  | { readonly ok: false; readonly why: UsageFault };

/** Raised inside a usage's reader and turned into its `why` by `readUsage`; it never leaves this folder. */
class UsageRejected extends Error {
  readonly why: UsageFault;
  constructor(why: UsageFault) {
    super(why);
    this.name = "UsageRejected";
    this.why = why;
  }
}

/** Rejects the usage that is being read. */
export function reject(why: UsageFault): never {
  throw new UsageRejected(why);
}

/** Runs a usage's reader; what it rejects becomes data. */
export function readUsage(read: () => UsageRead): UsageRead {
  try {
    return read();
  } catch (error) {
    if (error instanceof UsageRejected) return { ok: false, why: error.why };
    throw error;
  }
}

/** A count from 0 to 2^53 − 1, or null when absent or null. Rejects everything else. */
export function countOf(fields: Fields | null, name: string): number | null {
  const value = fields?.[name] ?? null;
  if (value === null) return null;
  if (typeof value === "string") return reject("string");
  if (typeof value !== "number") return reject("not_a_count");
  if (Number.isNaN(value)) return reject("nan");
  if (value < 0) return reject("negative");
  if (value > Number.MAX_SAFE_INTEGER) return reject("too_large");
  return Number.isInteger(value) ? value : reject("fractional");
}

/** A count that must be there. */
export function requiredCount(fields: Fields, name: string): number {
  return countOf(fields, name) ?? reject("missing");
}

/** A nested object of details, or null. Rejects what is neither. */
export function detailsOf(fields: Fields, name: string): Fields | null {
  const value = fields[name] ?? null;
  return value === null || isObject(value) ? value : reject("not_a_count");
}

/** Service tiers that are the standard price by another name. */
const STANDARD = new Set(["default", "standard", "auto", ""]);

/** The tier a provider says it served, when it is another than the standard one. */
export function tierOf(value: unknown): { readonly service_tier?: string } {
  return typeof value === "string" && !STANDARD.has(value) ? { service_tier: value } : {};
}

/**
 * Parts of a total that may not exceed it together: each is cut to what the ones before it left. Answers the parts that
 * are known, what is left of the total, and whether anything was cut. Dear parts first: a cut then hits the cheap ones.
 */
export function partsWithin(
  total: number,
  parts: readonly (number | null)[],
): { parts: (number | null)[]; left: number; cut: boolean } {
  let left = total;
  let cut = false;
  const within = parts.map((part) => {
    if (part === null) return null;
    const kept = Math.min(part, left);
    if (kept < part) cut = true;
    left -= kept;
    return kept;
  });
  return { parts: within, left, cut };
}

/** Counts without the classes that are unknown. */
export function knownCounts(counts: { readonly [K in keyof UsageCounts]: number | null | undefined }): UsageCounts {
  const known: { -readonly [K in keyof UsageCounts]: number } = {};
  for (const name of Object.keys(counts) as (keyof UsageCounts)[]) {
    const count = counts[name];
    if (count !== null && count !== undefined) known[name] = count;
  }
  return known;
}
