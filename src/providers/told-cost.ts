/**
 * What a provider says it charged. Money path: fails closed — an amount that is no decimal of at least 0 is flagged and
 * told to nobody; whether it is believed is the operator's word (`trust_cost`), never the provider's.
 */
import { AMOUNT_MAX, type Nano } from "../accounting/units/money.js";

/** A cost as it was told. */
export interface ToldCost {
  /** Spread into a usage: empty when none was told or none that is valid. */
  readonly told: { readonly told_nano?: Nano };
  readonly flags: readonly string[];
}

/** How JavaScript prints a number: the shortest decimal that reads back the same, which is the one that was written. */
const PRINTED = /^(\d+)(?:\.(\d+))?(?:e([+-]\d{1,3}))?$/;

const NANO_DIGITS = 9;

/** Nano-dollars of a JSON number in dollars, half up; null when it is no amount. No float takes part in arithmetic. */
function nanoOf(usd: number): Nano | null {
  const [, whole, fraction = "", exponent = "0"] = PRINTED.exec(String(usd)) ?? [];
  if (whole === undefined) return null;
  const digits = BigInt(whole + fraction);
  const shift = NANO_DIGITS - fraction.length + Number(exponent);
  if (shift >= 0) return digits * 10n ** BigInt(shift);
  const unit = 10n ** BigInt(-shift);
  return (digits + unit / 2n) / unit;
}

/** Reads `usage.cost` in dollars (OpenRouter: https://openrouter.ai/docs/use-cases/usage-accounting, read November 2026). */
export function toldCost(cost: unknown): ToldCost {
  if (cost === undefined || cost === null) return { told: {}, flags: [] };
  const nano = typeof cost === "number" ? nanoOf(cost) : null;
  if (nano === null || nano > AMOUNT_MAX) return { told: {}, flags: ["cost_invalid"] };
  return { told: { told_nano: nano }, flags: [] };
}
