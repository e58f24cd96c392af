// Counts of tokens and requests: parsing and writing. Limits are read here: fails closed, what has no exact integer value
// is refused.
import { BursarError } from "../errors.js";
import { AMOUNT_MAX, groupThousands, quoteValue } from "./money.js";

const THOUSAND = 1000n;
const MILLION = 1_000_000n;
const ROUNDS_TO_MILLION = 999_500n;

// One underscore between digits only; no leading zeros, so that 017 has no second meaning; a fraction needs k or M.
const COUNT_FORM = /^(0|[1-9]\d*(?:_\d+)*)(?:(?:\.(\d{1,9}))?([kKM]))?$/;
const TEXT_LENGTH_MAX = 64;

/**
 * A whole number of tokens or requests: `1000`, `1_000`, `200k` (thousand), `2M` (million), `1.5M`.
 * Throws `invalid_request` for everything else: a fractional result (`1.5`, `0.0001k`), signs, exponents, hex, empty
 * text, more than int64 holds.
 */
export function parseCount(text: string): bigint {
  const count = text.length > TEXT_LENGTH_MAX ? null : countOf(text);
  if (count !== null && count <= AMOUNT_MAX) return count;
  const value = quoteValue(text);
  throw new BursarError(
    "invalid_request",
    `${value} is not a whole number of tokens or requests. Write it such as 1000, 1_000, 200k or 2M; 1.5M is fine because it ` +
      `is whole, 1.5 is not. The most is ${AMOUNT_MAX}.`,
    { value },
  );
}

function countOf(text: string): bigint | null {
  const form = COUNT_FORM.exec(text);
  if (form === null) return null;
  const [, whole = "", fraction = "", suffix] = form;
  const scale = suffix === undefined ? 1n : suffix === "M" ? MILLION : THOUSAND;
  const scaled = BigInt(whole.replaceAll("_", "") + fraction) * scale;
  const divisor = 10n ** BigInt(fraction.length);
  return scaled % divisor === 0n ? scaled / divisor : null;
}

/** A rounded count for people: `950`, `1.5k`, `812k`, `2.1M`, `12,345M`. One decimal below a hundred; halves round up. */
export function formatCount(count: bigint): string {
  const size = count < 0n ? -count : count;
  const sign = count < 0n ? "-" : "";
  if (size < THOUSAND) return `${sign}${size}`;
  if (size < ROUNDS_TO_MILLION) return `${sign}${scaledText(size, THOUSAND)}k`;
  return `${sign}${scaledText(size, MILLION)}M`;
}

function scaledText(size: bigint, scale: bigint): string {
  const tenths = (size * 10n + scale / 2n) / scale;
  if (tenths >= 1000n) return groupThousands(String((size + scale / 2n) / scale));
  return tenths % 10n === 0n ? String(tenths / 10n) : `${tenths / 10n}.${tenths % 10n}`;
}
