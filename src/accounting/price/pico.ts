/** Exact prices from decimal text. Money path: fails closed — what is not plain decimal text is refused, never rounded away. */
import type { Pico } from "../units/money.js";

const DECIMAL = /^(\d+)(?:\.(\d+))?(?:e([+-]?\d{1,3}))?$/i;
const LENGTH_MAX = 60;

/** A non-negative decimal as digits × 10^exponent; null when the text is not one. Also reads `String(number)`'s `1e-7`. */
function parse(text: string): { readonly digits: bigint; readonly exponent: number } | null {
  const match = text.length <= LENGTH_MAX ? DECIMAL.exec(text) : null;
  if (match === null) return null;
  const fraction = match[2] ?? "";
  return { digits: BigInt(`${match[1]}${fraction}`), exponent: Number(match[3] ?? "0") - fraction.length };
}

function scale(text: string, zeros: number): { readonly value: bigint; readonly exact: boolean } | null {
  const parsed = parse(text);
  if (parsed === null) return null;
  const exponent = parsed.exponent + zeros;
  if (exponent >= 0) return { value: parsed.digits * 10n ** BigInt(exponent), exact: true };
  const divisor = 10n ** BigInt(-exponent);
  return { value: (parsed.digits + divisor - 1n) / divisor, exact: parsed.digits % divisor === 0n };
}

/** Zeros from $ per million units to pico-dollars per unit. */
export const PER_MILLION = 6;
/** Zeros from $ per thousand units to pico-dollars per unit. */
export const PER_THOUSAND = 9;

/**
 * Pico-dollars per unit of a decimal text in $ per million (or thousand) units. `exact` is false when the text has digits
 * below a pico-dollar; the value is then rounded up. null: the text is not a plain decimal.
 */
export function picoPerUnit(text: string, zeros: number): { readonly value: Pico; readonly exact: boolean } | null {
  return scale(text, zeros);
}

/** A decimal text as an exact fraction, e.g. `0.5` → [5n, 10n]; null when it is not a plain decimal. */
export function fractionOf(text: string): readonly [bigint, bigint] | null {
  const parsed = parse(text);
  if (parsed === null) return null;
  return parsed.exponent >= 0
    ? [parsed.digits * 10n ** BigInt(parsed.exponent), 1n]
    : [parsed.digits, 10n ** BigInt(-parsed.exponent)];
}
