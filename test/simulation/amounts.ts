/** The reference's own arithmetic: what a ceiling sets aside on an account, and what usage charges it. */
import type { CeilingJson } from "../../src/accounting/ledger/entry.js";

export type Counts = Readonly<Record<string, number | undefined>>;

interface Counted {
  readonly unit: string;
  readonly count: string;
}

export function wantOf({ unit, count }: Counted, ceiling: CeilingJson, requests: bigint): bigint {
  if (unit === "usd") return BigInt(ceiling.nano);
  if (unit === "requests") return requests;
  const input = count === "output" ? 0 : ceiling.input_tokens;
  const output = count === "input" ? 0 : ceiling.output_tokens;
  return BigInt(input) + BigInt(output);
}

const INPUT = ["input_fresh", "cache_read", "cache_write_5m", "cache_write_1h", "input_audio", "input_image"];
const OUTPUT = ["output_text", "reasoning", "output_audio"];

function sum(counts: Counts, names: readonly string[]): bigint {
  return names.reduce((total, name) => total + BigInt(counts[name] ?? 0), 0n);
}

export function chargeOf({ unit, count }: Counted, counts: Counts, nano: bigint): bigint {
  if (unit === "usd") return nano;
  if (unit === "requests") return 1n;
  const input = sum(counts, INPUT) - (count === "uncached" ? BigInt(counts.cache_read ?? 0) : 0n);
  const output = sum(counts, OUTPUT);
  if (count === "input") return input;
  return count === "output" ? output : input + output;
}
