// Money as integers: parsing, writing and the one rounding. Money path, fails closed: what is not plain decimal text is
// refused, never guessed.
import { BursarError } from "../errors.js";

/** Integer nano-dollars (10⁻⁹ $). Never a float. */
export type Nano = bigint;

/** Integer pico-dollars (10⁻¹² $): price × units before the one rounding. */
export type Pico = bigint;

/** Largest amount a ledger column holds (int64): 9,223,372,036.854775807 $. Counts share the bound. */
export const AMOUNT_MAX = 2n ** 63n - 1n;

const NANO_PER_USD = 1_000_000_000n;
const NANO_PER_CENT = 10_000_000n;
const PICO_PER_NANO = 1000n;
const FRACTION_DIGITS = 9;
const FRACTION_DIGITS_MIN = 2;
const SIGNIFICANT_DIGITS = 3;
const ZERO = 0x30;

// No leading zeros: YAML 1.1 readers take 017 for octal, so such text has two meanings.
const USD_FORM = /^(0|[1-9]\d{0,9})(?:\.(\d{1,9}))?$/;

/**
 * Nano-dollars of plain decimal text: `5000`, `1.50`, `0.000000001`. Exact: the text is never a float on the way.
 * Throws `invalid_request` for everything else: signs, exponents, underscores, separators, leading zeros, spaces, more
 * than nine decimals, more than int64 holds.
 */
export function parseUsd(text: string): Nano {
  const form = USD_FORM.exec(text);
  const nano = form === null ? null : BigInt(form[1] + (form[2] ?? "").padEnd(FRACTION_DIGITS, "0"));
  if (nano !== null && nano <= AMOUNT_MAX) return nano;
  const value = quoteValue(text);
  throw new BursarError(
    "invalid_request",
    `${value} is not an amount in USD. Write plain decimal text with at most 9 decimals and no sign, such as 5000 or 1.50; ` +
      `the most is ${usdText(AMOUNT_MAX)}.`,
    { value },
  );
}

/** Refused text as a message may show it: quoted, control characters escaped, at most 40 characters. */
export function quoteValue(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

/** The one exact spelling for JSON and headers: at least two decimals, no zeros beyond them: `1.50`, `0.000000001`. */
export function usdText(nano: Nano): string {
  const { sign, whole, fraction } = digitsOf(nano);
  return `${sign}${whole}.${trimZeros(fraction)}`;
}

/** Exact money for people: `$1,234,567.89`. `symbol` defaults to `$`. */
export function formatUsd(nano: Nano, options: { readonly symbol?: string } = {}): string {
  const { sign, whole, fraction } = digitsOf(nano);
  return `${sign}${options.symbol ?? "$"}${groupThousands(whole)}.${trimZeros(fraction)}`;
}

/**
 * Rounded money for people: cents from one dollar up (`$300.00`), three significant digits below (`$0.0012`). Only zero
 * itself is ever written as `$0.00`. Halves round away from zero.
 */
export function formatUsdShort(nano: Nano): string {
  const size = nano < 0n ? -nano : nano;
  const beyond = 10n ** BigInt(Math.max(0, String(size).length - SIGNIFICANT_DIGITS));
  const step = size >= NANO_PER_USD ? NANO_PER_CENT : beyond;
  const rounded = ((size + step / 2n) / step) * step;
  return formatUsd(nano < 0n ? -rounded : rounded);
}

/** Settlement's rounding, once per attempt: pico to nano, halves up. Throws on a negative cost. */
export function roundHalfUp(pico: Pico): Nano {
  return (atLeastZero(pico) + PICO_PER_NANO / 2n) / PICO_PER_NANO;
}

/** A ceiling's rounding: pico to nano, always up, so that a hold covers its bill. Throws on a negative cost. */
export function roundUp(pico: Pico): Nano {
  return (atLeastZero(pico) + PICO_PER_NANO - 1n) / PICO_PER_NANO;
}

/** An integer's digits with a comma before every third: `1,234,567`. */
export function groupThousands(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

function atLeastZero(pico: Pico): Pico {
  if (pico < 0n) throw new BursarError("internal", `A cost of ${pico} pico-dollars is negative; costs are at least 0.`);
  return pico;
}

/** Cut from the decimal text itself: a division and a remainder of bigints cost more than writing the number out. */
function digitsOf(nano: Nano): { sign: string; whole: string; fraction: string } {
  const text = String(nano < 0n ? -nano : nano).padStart(FRACTION_DIGITS + 1, "0");
  return { sign: nano < 0n ? "-" : "", whole: text.slice(0, -FRACTION_DIGITS), fraction: text.slice(-FRACTION_DIGITS) };
}

function trimZeros(fraction: string): string {
  let end = fraction.length;
  while (end > FRACTION_DIGITS_MIN && fraction.charCodeAt(end - 1) === ZERO) end -= 1;
  return fraction.slice(0, end);
}
