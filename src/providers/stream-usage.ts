/**
 * Usage of a stream as it comes, piece by piece: the last valid one wins, an invalid one is flagged and never counts.
 * Money path: fails closed.
 */
import { inputTokens, outputTokens, type Usage, type UsageCounts } from "../accounting/meter/usage.js";
import { toldOf, type UsageRead, type UsageTold } from "./usage-count.js";

/** Gathers what one stream tells about its usage. */
export interface StreamUsage {
  /** Takes one reading; answers whether it is the one that counts now. */
  take(read: UsageRead): boolean;
  /** The provider is done telling: what counts is final, unless its last word was rejected. */
  close(): void;
  flag(flag: string): void;
  readonly final: boolean;
  readonly flags: readonly string[];
  /**
   * The usage as it stands; null before any. Until it is final, output that was metered beyond what was told counts: the
   * provider's number is then only an older one.
   */
  usage(metered: number, model: string | null): Usage | null;
}

/** Flags kept per stream; a hostile one must not grow without bound. */
const FLAGS_MAX = 16;

function outputBeyond(counts: UsageCounts, metered: number): UsageCounts {
  const missing = metered - outputTokens(counts);
  return missing <= 0 ? counts : { ...counts, output_text: (counts.output_text ?? 0) + missing };
}

/** Usage is cumulative: neither side of it ever shrinks. */
function isLess(next: UsageCounts, before: UsageCounts): boolean {
  return outputTokens(next) < outputTokens(before) || inputTokens(next) < inputTokens(before);
}

/** Opens the gathering for one stream. */
export function openStreamUsage(): StreamUsage {
  const flags = new Set<string>();
  let counts: UsageCounts | null = null;
  let told: UsageTold = {};
  let rejectedLast = false;
  let final = false;

  function flag(name: string): void {
    if (flags.size < FLAGS_MAX) flags.add(name);
  }

  return {
    take(read) {
      if (!read.ok) {
        flag(`usage_invalid:${read.why}`);
        rejectedLast = true;
        return false;
      }
      if (counts !== null && isLess(read.counts, counts)) {
        flag("usage_invalid:decreasing");
        rejectedLast = true;
        return false;
      }
      for (const finding of read.flags) flag(finding);
      counts = read.counts;
      told = { ...told, ...toldOf(read) };
      rejectedLast = false;
      return true;
    },
    close() {
      if (counts !== null && !rejectedLast) final = true;
    },
    flag,
    get final() {
      return final;
    },
    get flags() {
      return [...flags];
    },
    usage(metered, model) {
      if (counts === null) return null;
      const named = model === null ? {} : { model };
      const known = final ? counts : outputBeyond(counts, metered);
      if (known === counts) return { counts, evidence: "provider", ...told, ...named };
      // What was metered beyond is in no part and in no amount that was told: the sum is then priced as one run.
      const { service_tier } = told;
      return { counts: known, evidence: "metered", ...(service_tier === undefined ? {} : { service_tier }), ...named };
    },
  };
}
