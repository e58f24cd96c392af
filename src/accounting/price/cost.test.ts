import fc from "fast-check";
import { expect, test } from "vitest";
import { USAGE_CLASSES, type UsageClass, type UsageCounts } from "../meter/usage.js";
import { ceilingOf, costLines, costOf, costOfParts, factorOf } from "./cost.js";
import { openPriceBook } from "./price-book.js";
import type { PicoPrices, PriceRow } from "./price-row.js";

const NOW = Date.parse("2026-11-24T12:00:00Z");
const book = openPriceBook();

function known(provider: string, model: string): PriceRow {
  const row = book.resolve({ provider, model, at: NOW });
  if (row === null) throw new Error(`${model} has no price`);
  return row;
}

const mini = known("openai", "gpt-4o-mini");

/** Cost in nano-dollars from decimal $/M text, in femto-dollars on the way; shares nothing with cost.ts. */
function oracle(prices: Readonly<Record<string, string>>, counts: UsageCounts): bigint {
  let femto = 0n;
  for (const [name, units] of Object.entries(counts)) {
    const [whole = "0", fraction = ""] = (prices[name] ?? "0").split(".");
    // $/M with nine decimals is 10^-15 $ a token.
    femto += BigInt(units) * BigInt(whole + fraction.padEnd(9, "0"));
  }
  const [nano, rest] = [femto / 1_000_000n, femto % 1_000_000n];
  return rest * 2n >= 1_000_000n ? nano + 1n : nano;
}

test("a bill is the sum of its classes, rounded half-up once", () => {
  // 1,000 × $0.15/M + 500 × $0.60/M = $0.00045.
  expect(costOf({ input_fresh: 1000, output_text: 500 }, mini)).toBe(450_000n);
  // $0.075/M is 75 nano-dollars a token.
  expect(costOf({ cache_read: 1 }, mini)).toBe(75n);
  const half = openPriceBook({ overrides: [{ model: "acme/a", input: "0.0015", output: "1" }] }).resolve({
    provider: "acme",
    model: "a",
    at: NOW,
  });
  // 1.5 nano-dollars.
  expect(half && costOf({ input_fresh: 1 }, half)).toBe(2n);
  expect(half && costOf({ input_fresh: 3 }, half)).toBe(5n);
});

test("H3: 100,000 posts differ from the rational oracle by nothing", () => {
  const prices = { input_fresh: "0.15", cache_read: "0.075", output_text: "0.6", reasoning: "0.6" };
  let seed = 20261124;
  const next = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed % below;
  };
  let [mine, theirs] = [0n, 0n];
  for (let post = 0; post < 100_000; post++) {
    const counts = { input_fresh: next(200_000), cache_read: next(100_000), output_text: next(10_000), reasoning: next(5_000) };
    mine += costOf(counts, mini);
    theirs += oracle(prices, counts);
  }
  expect(mine - theirs).toBe(0n);
});

test("H6: totals beyond 2^31 tokens and 2^53 nano-dollars are exact", () => {
  const most = Number.MAX_SAFE_INTEGER;
  const pro = known("openai", "gpt-5.5-pro");
  expect(costOf({ output_text: 2 ** 31 }, mini)).toBe(600n * 2n ** 31n);
  expect(costOf({ output_text: most }, pro)).toBe(180_000n * BigInt(most));
});

test("a long-context tier flips the price of the whole request, cached input counted", () => {
  const pro = known("gemini", "gemini-3-pro-preview");
  expect(costOf({ input_fresh: 100_000, cache_read: 100_000, output_text: 1 }, pro)).toBe(200_000_000n + 20_000_000n + 12_000n);
  expect(costOf({ input_fresh: 100_001, cache_read: 100_000, output_text: 1 }, pro)).toBe(400_004_000n + 40_000_000n + 18_000n);
});

test("service tiers multiply tokens exactly and leave fees alone", () => {
  const counts = { input_fresh: 1001, output_text: 3, web_searches: 2 };
  expect(costOf(counts, mini, "batch")).toBe(75_975n + 20_000_000n);
  // 5/3 of 151.95 µ$ = 253.25 µ$.
  expect(costOf(counts, mini, "priority")).toBe(253_250n + 20_000_000n);
  expect(costOf(counts, mini, "default")).toBe(costOf(counts, mini));
  expect(factorOf(mini, "a tier of tomorrow")).toEqual([5n, 3n]);
  expect(factorOf(mini, "__proto__")).toEqual([5n, 3n]);
});

test("classes without a price of their own are billed as the provider bills them, never as nothing", () => {
  expect(costOf({ reasoning: 10 }, mini)).toBe(costOf({ output_text: 10 }, mini));
  expect(costOf({ cache_write_1h: 10 }, mini)).toBe(costOf({ input_fresh: 10 }, mini));
  const embedding = known("openai", "text-embedding-3-small");
  expect(costOf({ output_text: 10 }, embedding)).toBe(costOf({ input_fresh: 10 }, embedding));
  const bare: PriceRow = { ...mini, pico: { input_fresh: 1_000n, output_text: 2_000n } };
  expect(costOf({ web_searches: 1 }, bare)).toBe(35_000_000n);
});

test("only an explicitly free model costs nothing", () => {
  const free: PriceRow = { ...mini, free: true, pico: {} };
  expect(costOf({ input_fresh: 10, web_searches: 3 }, free)).toBe(0n);
  expect(ceilingOf({ input_tokens: 10, output_tokens: 10 }, free, { strict: true })).toBe(0n);
});

test("H7: counts that are not counts are a fault, not a discount", () => {
  for (const wrong of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    expect(() => costOf({ input_fresh: wrong }, mini)).toThrow(RangeError);
  }
});

test("the lines of a bill are its classes with price and factor", () => {
  expect(costLines({ input_fresh: 2, output_text: 0, web_searches: 1 }, mini, "flex")).toEqual([
    { class: "input_fresh", units: 2, pico: 150_000n, factor: [1n, 2n] },
    { class: "web_searches", units: 1, pico: 10_000_000_000n, factor: [1n, 1n] },
  ]);
});

const price = fc.bigInt({ min: 1_000n, max: 10n ** 9n });
const INPUT: readonly UsageClass[] = [
  "input_fresh",
  "cache_read",
  "cache_write_5m",
  "cache_write_1h",
  "input_audio",
  "input_image",
];
const OUTPUT: readonly UsageClass[] = ["output_text", "reasoning", "output_audio"];

const pico: fc.Arbitrary<PicoPrices> = fc
  .tuple(price, price, fc.record(Object.fromEntries(USAGE_CLASSES.map((name) => [name, price])), { requiredKeys: [] }))
  .map(([input, output, own]) => ({ ...own, input_fresh: input, output_text: output, web_searches: 1n }));

const anyRow: fc.Arbitrary<PriceRow> = fc
  .record({
    pico,
    tier: pico,
    above: fc.integer({ min: 1, max: 300_000 }),
    up: fc.bigInt({ min: 1n, max: 40n }),
    down: fc.bigInt({ min: 1n, max: 20n }),
  })
  .map(({ pico, tier, above, up, down }) => ({
    ...mini,
    provider: "anthropic",
    pico,
    tiers: [{ above, pico: tier }],
    multipliers: { batch: [1n, 2n], priority: [up, down] },
  }));

const tokens = fc.integer({ min: 0, max: 200_000 });
const anyCounts = fc.record(Object.fromEntries([...INPUT, ...OUTPUT].map((name) => [name, tokens]))) as fc.Arbitrary<
  Record<UsageClass, number>
>;
const total = (counts: UsageCounts, names: readonly UsageClass[]): number =>
  names.reduce((sum, name) => sum + (counts[name] ?? 0), 0);

test("a strict ceiling covers every usage within it, in every service tier", () => {
  fc.assert(
    fc.property(
      anyRow,
      anyCounts,
      tokens,
      tokens,
      fc.constantFrom(undefined, "batch", "priority", "new"),
      (row, counts, more, longer, tier) => {
        const spend = { input_tokens: total(counts, INPUT) + more, output_tokens: total(counts, OUTPUT) + longer };
        const cost = costOf({ ...counts, requests: 1 }, row, tier);
        expect(ceilingOf(spend, row, { strict: true })).toBeGreaterThanOrEqual(cost);
      },
    ),
  );
});

test("a measured ceiling covers every usage that the request allows", () => {
  fc.assert(
    fc.property(
      anyRow,
      anyCounts,
      fc.constantFrom("none", "5m", "1h"),
      fc.constantFrom(undefined, "priority"),
      (row, all, cacheWrites, service_tier) => {
        const counts: UsageCounts = {
          ...all,
          input_audio: 0,
          output_audio: 0,
          // A row whose cached price is above the fresh one would be a slip of the data.
          cache_read: 0,
          cache_write_5m: cacheWrites === "none" ? 0 : all.cache_write_5m,
          cache_write_1h: cacheWrites === "1h" ? all.cache_write_1h : 0,
          requests: 1,
        };
        const spend = { input_tokens: total(counts, INPUT), output_tokens: total(counts, OUTPUT) };
        expect(ceilingOf(spend, row, { cacheWrites, service_tier })).toBeGreaterThanOrEqual(costOf(counts, row, service_tier));
      },
    ),
  );
});

test("a ceiling never falls when the request grows, and choices multiply its output", () => {
  fc.assert(
    fc.property(anyRow, tokens, tokens, tokens, tokens, fc.boolean(), (row, input, output, moreInput, moreOutput, strict) => {
      const small = ceilingOf({ input_tokens: input, output_tokens: output }, row, { strict });
      const large = ceilingOf({ input_tokens: input + moreInput, output_tokens: output + moreOutput }, row, { strict });
      expect(large).toBeGreaterThanOrEqual(small);
      const five = ceilingOf({ input_tokens: input, output_tokens: output, choices: 5 }, row, { strict });
      expect(five).toBe(ceilingOf({ input_tokens: input, output_tokens: output * 5 }, row, { strict }));
    }),
  );
});

test("B11: a ceiling assumes no cache discount and takes the write price where the request can write", () => {
  const haiku = known("anthropic", "claude-haiku-4-5");
  const at = (cacheWrites: "none" | "5m" | "1h"): bigint =>
    ceilingOf({ input_tokens: 1000, output_tokens: 0 }, haiku, { cacheWrites });
  expect([at("none"), at("5m"), at("1h")]).toEqual([1_000_000n, 1_250_000n, 2_000_000n]);
  // OpenAI's newest models write their cache unasked and bill it.
  expect(ceilingOf({ input_tokens: 1000, output_tokens: 0 }, known("openai", "gpt-5.6-sol"))).toBe(5_000_000n);
});

const anyPart = fc.record({ counts: anyCounts, row: anyRow, service_tier: fc.constantFrom(undefined, "batch", "priority") });

test("D9: several runs cost what each costs at its own price, rounded once", () => {
  const haiku = known("anthropic", "claude-haiku-4-5");
  const sonnet = known("anthropic", "claude-sonnet-4-5");
  const parts = [
    { counts: { input_fresh: 1000, output_text: 10 }, row: sonnet },
    { counts: { input_fresh: 1000, output_text: 100 }, row: haiku },
  ];
  // $3 and $15 per million, then $1 and $5.
  expect(costOfParts(parts)).toBe(3_000_000n + 150_000n + 1_000_000n + 500_000n);
  expect(costOfParts([])).toBe(0n);
  const half: PriceRow = { ...mini, pico: { input_fresh: 500n, output_text: 500n } };
  // Half a nano-dollar each: rounded apart they would be two.
  expect(costOfParts([0, 1].map(() => ({ counts: { input_fresh: 1 }, row: half })))).toBe(1n);
});

test("one part costs what costOf says, and parts in any order the same", () => {
  fc.assert(
    fc.property(anyPart, ({ counts, row, service_tier }) => {
      expect(costOfParts([{ counts, row, service_tier }])).toBe(costOf(counts, row, service_tier));
    }),
  );
  fc.assert(
    fc.property(fc.array(anyPart, { maxLength: 5 }), (parts) => {
      expect(costOfParts([...parts].reverse())).toBe(costOfParts(parts));
    }),
  );
});

test("the sum of parts is the sum of their exact fractions, rounded half-up once", () => {
  fc.assert(
    fc.property(fc.array(anyPart, { maxLength: 5 }), (parts) => {
      const shared = parts.reduce(
        (product, { row }) => product * 2n * (row.multipliers.priority as readonly [bigint, bigint])[1],
        1n,
      );
      const units = parts.flatMap(({ counts, row, service_tier }) =>
        costLines(counts, row, service_tier).map(
          (line) => (BigInt(line.units) * line.pico * line.factor[0] * shared) / line.factor[1],
        ),
      );
      const sum = units.reduce((total, unit) => total + unit, 0n);
      expect(costOfParts(parts)).toBe((sum + 500n * shared) / (1000n * shared));
    }),
  );
});
