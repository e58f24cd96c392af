import { expect, test } from "vitest";
import { openPriceBook } from "../price/price-book.js";
import { type CeilingQuery, ceilingFor, OUTPUT_SLICE } from "./ceiling.js";
import { tokensPerByte } from "./count-tokens.js";

const at = Date.parse("2026-11-24T12:00:00Z");
const row = openPriceBook().resolve({ provider: "openai", model: "gpt-4o-mini", at });
const query: CeilingQuery = {
  estimated_input: 1000,
  exact: false,
  bytes: 4000,
  calibration: null,
  output: { cap: 8192, slice: null, choices: 1 },
  row,
  mode: "measured",
  cacheWrites: "none",
};

test("measured input is the estimate with a tenth of head room, rounded up", () => {
  expect(ceilingFor(query)).toEqual({ nano: 1100n * 150n + 8192n * 600n, input_tokens: 1100, output_tokens: 8192 });
  expect(ceilingFor({ ...query, estimated_input: 7 }).input_tokens).toBe(8);
});

test("where the reply will not tell its usage the estimate is held with half as much again", () => {
  expect(ceilingFor({ ...query, usage_untold: true }).input_tokens).toBe(1500);
});

test("what tools bring back comes on top of the prompt, also where the prompt fills the window", () => {
  expect(ceilingFor({ ...query, tool_results: 500 }).input_tokens).toBe(1600);
  const window = row?.context_window ?? 0;
  expect(ceilingFor({ ...query, mode: "strict", bytes: 10 ** 9, tool_results: 500 }).input_tokens).toBe(window + 500);
});

test("an exact count takes no factor in either mode", () => {
  expect(ceilingFor({ ...query, exact: true }).input_tokens).toBe(1000);
  expect(ceilingFor({ ...query, exact: true, mode: "strict" }).input_tokens).toBe(1000);
});

test("what was learned corrects the estimate once five replies were seen, within a factor of two", () => {
  const input = (ratio: number, samples: number): number =>
    ceilingFor({ ...query, calibration: { ratio, samples } }).input_tokens;
  expect([input(1.5, 4), input(1.5, 5), input(9, 50), input(0.1, 50)]).toEqual([1100, 1650, 2200, 550]);
});

test("a stream is held by the slice, everything else by its full cap times its choices", () => {
  const output = (cap: number, slice: number | null, choices: number): number =>
    ceilingFor({ ...query, output: { cap, slice, choices } }).output_tokens;
  expect([output(8192, OUTPUT_SLICE, 1), output(100, OUTPUT_SLICE, 1), output(8192, null, 3)]).toEqual([1024, 100, 24_576]);
  expect(ceilingFor({ ...query, mode: "strict", output: { cap: 8192, slice: OUTPUT_SLICE, choices: 2 } }).output_tokens).toBe(
    16_384,
  );
});

test("B7: strict input is one token a byte, eleven where the tokenizer normalises, never more than the window", () => {
  const strict = { ...query, mode: "strict" } as const;
  expect(ceilingFor(strict).input_tokens).toBe(4000);
  const claude = openPriceBook().resolve({ provider: "anthropic", model: "claude-haiku-4-5", at });
  expect(ceilingFor({ ...strict, row: claude }).input_tokens).toBe(44_000);
  expect(ceilingFor({ ...strict, row: claude, bytes: 1_000_000 }).input_tokens).toBe(200_000);
  expect(tokensPerByte(null)).toBe(11);
  // U+FDFA, 3 bytes, becomes 33 bytes under NFKC.
  expect(Buffer.byteLength("\uFDFA".normalize("NFKC")) / Buffer.byteLength("\uFDFA")).toBe(11);
});

test("without a price the ceiling has tokens and no money", () => {
  expect(ceilingFor({ ...query, row: null })).toEqual({ nano: 0n, input_tokens: 1100, output_tokens: 8192 });
});

test("a priority request is held at the priority price, a flex one without the discount", () => {
  const nano = (service_tier: string | null): bigint => ceilingFor({ ...query, service_tier }).nano;
  expect(nano("flex")).toBe(nano(null));
  expect(nano("priority") * 3n).toBe(nano(null) * 5n);
});
