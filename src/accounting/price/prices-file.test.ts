import { expect, test } from "vitest";
import { type PriceOverride, priceRowOf } from "./prices-file.js";

const entry = (rest: Partial<PriceOverride>): PriceOverride => ({ model: "acme/a", input: "1", output: "2", ...rest });

test("an entry becomes a row of exact pico-dollars", () => {
  const { from, row } = priceRowOf({
    model: " Acme/Writer ",
    effective_from: "2026-12-01",
    input: "0.15",
    output: "0.600000",
    cache_read: "0.001",
    requests: "5",
    tiers: [{ above: 200_001, input: "0.3", output: "0.9" }],
    multipliers: { batch: "0.5", Priority: "1.75" },
    context_window: 128_000,
  });
  expect(from).toBe(Date.parse("2026-12-01T00:00:00Z"));
  expect(row).toMatchObject({
    model: "acme/writer",
    pico: { input_fresh: 150_000n, output_text: 600_000n, cache_read: 1_000n, requests: 5_000_000_000n },
    tiers: [{ above: 200_001, pico: { input_fresh: 300_000n, output_text: 900_000n, requests: 5_000_000_000n } }],
    multipliers: { batch: [5n, 10n], priority: [175n, 100n] },
    context_window: 128_000,
    free: false,
  });
});

test("Anthropic's cache writes follow from input where an entry leaves them out", () => {
  const { row } = priceRowOf({ model: "anthropic/claude-next", input: "2", output: "10" });
  expect(row.pico).toMatchObject({ cache_write_5m: 2_500_000n, cache_write_1h: 4_000_000n });
});

test.each([
  ["zero without free", { input: "0" }, "free: true"],
  ["a price per token", { input: "0.0000025" }, "6 decimals|between"],
  ["a price per thousand that is too small", { input: "0.0001" }, "per 1,000 tokens"],
  ["too much", { output: "1000001" }, "between 0.001 and 1000000"],
  ["negative", { input: "-1" }, "plain decimal"],
  ["not a number", { input: "NaN" }, "plain decimal"],
  ["a huge exponent", { input: "1e400" }, "plain decimal|between"],
  ["a sign of currency", { input: "$1" }, "plain decimal"],
  ["more decimals than exist", { input: "1.0000001" }, "6 decimals"],
  ["no provider", { model: "gpt-4o" }, "provider/model"],
  ["free and priced", { free: true }, "no prices"],
  ["a day that does not exist", { effective_from: "2026-02-30" }, "date"],
  ["a tier without output", { tiers: [{ above: 5, input: "1" }] }, "input and output"],
  ["a tier from nowhere", { tiers: [{ above: 0.5, input: "1", output: "1" }] }, "whole number"],
  ["a factor of zero", { multipliers: { batch: "0" } }, "above 0"],
  ["half a token of window", { context_window: 0.5 }, "whole number"],
] as const)("H1: an entry with %s is refused by name", (_, rest, why) => {
  expect(() => priceRowOf(entry(rest as Partial<PriceOverride>))).toThrow(new RegExp(why.replace(/[$/]/g, "\\$&")));
  expect(() => priceRowOf(entry(rest as Partial<PriceOverride>))).toThrow(expect.objectContaining({ code: "config_invalid" }));
});

test("an entry without input or output is refused, a free one needs neither", () => {
  expect(() => priceRowOf({ model: "acme/a", input: "1" })).toThrow("output");
  expect(priceRowOf({ model: "acme/a", free: true }).row.free).toBe(true);
});
