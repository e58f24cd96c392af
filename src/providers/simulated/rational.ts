/**
 * Exact fractions for the simulator's bill. Its own arithmetic on purpose: the bill is an oracle, and an oracle that
 * shares code with what it checks shares its mistakes. Money path: fails closed — what is no plain decimal throws.
 */

/** An exact fraction with a positive denominator; not reduced. */
export interface Fraction {
  readonly over: bigint;
  readonly under: bigint;
}

/** The fraction that a plain non-negative decimal text (`"2.5"`) stands for. Throws RangeError on anything else. */
export function fractionOf(decimal: string): Fraction {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(decimal);
  if (match === null) throw new RangeError(`"${decimal}" is not a plain non-negative decimal`);
  const digits = match[2] ?? "";
  return { over: BigInt(`${match[1]}${digits}`), under: 10n ** BigInt(digits.length) };
}

/** a + b. */
export function plus(a: Fraction, b: Fraction): Fraction {
  if (a.under === b.under) return { over: a.over + b.over, under: a.under };
  return { over: a.over * b.under + b.over * a.under, under: a.under * b.under };
}

/** a × n. */
export function times(a: Fraction, n: bigint): Fraction {
  return { over: a.over * n, under: a.under };
}

/** The nearest integer; exactly half goes up. For non-negative fractions. */
export function roundHalfUp(a: Fraction): bigint {
  return (2n * a.over + a.under) / (2n * a.under);
}
