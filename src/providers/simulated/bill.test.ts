import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { billJson, type LineStart, nanoOf, nothingConsumed, openBillBook } from "./bill.js";
import { modelOf, openModelTable, type SimulatedModel } from "./price-table.js";
import { fractionOf, plus, roundHalfUp, times } from "./rational.js";

const start = (number: number): LineStart => ({
  id: `c${number}`,
  number,
  model: "m",
  dialect: "openai-chat",
  stream: false,
  cap: null,
  key: null,
  faults: [],
});
const even = modelOf({ name: "m", input: "1", output: "2" });
const usage = nothingConsumed();
const known = (name: string): SimulatedModel => openModelTable().find(name) as SimulatedModel;

describe("fractions", () => {
  test("a decimal text is exact and anything else is refused", () => {
    expect(fractionOf("0.075")).toEqual({ over: 75n, under: 1000n });
    for (const bad of ["", "-1", "1e3", ".5", "1.", "NaN", "0x1"]) expect(() => fractionOf(bad), bad).toThrow(RangeError);
  });
  test("exactly half goes up, less than half goes down", () => {
    expect([roundHalfUp(fractionOf("0.5")), roundHalfUp(fractionOf("0.4999")), roundHalfUp(fractionOf("2.5"))]).toEqual([
      1n,
      0n,
      3n,
    ]);
  });
  test("sums do not depend on their order", () => {
    const decimal = fc.tuple(fc.nat(1_000_000), fc.nat(6)).map(([n, d]) => ({ over: BigInt(n), under: 10n ** BigInt(d) }));
    fc.assert(
      fc.property(decimal, decimal, decimal, fc.nat(1_000_000), (a, b, c, n) => {
        const left = times(plus(plus(a, b), c), BigInt(n));
        const right = plus(times(c, BigInt(n)), plus(times(b, BigInt(n)), times(a, BigInt(n))));
        expect(left.over * right.under).toBe(right.over * left.under);
      }),
    );
  });
});

describe("the price of a call", () => {
  test("by hand: Claude with cache reads and both kinds of cache writes", () => {
    const consumption = { ...usage, input: 10_000, cached: 2000, cache_write_5m: 3000, cache_write_1h: 1000, output: 500 };
    // 4000 × $3 + 2000 × $0.30 + 3000 × $3.75 + 1000 × $6 + 500 × $15, per million
    expect(nanoOf(consumption, known("claude-sonnet-4-6"))).toBe(12_000_000n + 600_000n + 11_250_000n + 6_000_000n + 7_500_000n);
  });
  test("by hand: past 200,000 input tokens, cache included, the whole request is dearer", () => {
    const gemini = known("gemini-2.5-pro");
    expect(nanoOf({ ...usage, input: 200_000, output: 10 }, gemini)).toBe(250_000_000n + 100_000n);
    expect(nanoOf({ ...usage, input: 200_001, cached: 200_000, output: 10 }, gemini)).toBe(2_500n + 50_000_000n + 150_000n);
  });
  test("by hand: each web search has its fee beside the tokens it found", () => {
    // 3 × $10 ÷ 1,000 + 5,000 × $1, per million
    expect(nanoOf({ ...usage, input: 5000, searches: 3, found: 4900 }, known("claude-haiku-4-5"))).toBe(30_000_000n + 5_000_000n);
  });
  test("by hand: Gemini 2.5 takes one fee for a grounded prompt, Gemini 3 one for each search", () => {
    expect(nanoOf({ ...usage, searches: 3 }, known("gemini-2.5-flash"))).toBe(35_000_000n);
    expect(nanoOf({ ...usage, searches: 3 }, known("gemini-3-flash-preview"))).toBe(42_000_000n);
  });
  test("by hand: an earlier run of another model is billed by that model unless it declined, and all of it rounded once", () => {
    const book = openBillBook();
    const odd = modelOf({ name: "odd", input: "0.0004", output: "0.0004" });
    const run = { model: odd, kind: "message", input: 1, output: 0 } as const;
    const declined = { model: known("claude-opus-4-8"), kind: "declined", input: 1000, output: 0 } as const;
    const line = book.open({ ...start(1), earlier: [run, declined] }, odd);
    line.consumption.output = 1;
    expect(book.bill()).toMatchObject({
      nano_usd: 1n,
      by_call: [{ earlier: [{ model: "odd", input: 1, output: 0 }, { kind: "declined" }] }],
    });
  });
  test("it is rounded once, half up", () => {
    const odd = modelOf({ name: "odd", input: "0.0005", output: "0.0005" });
    expect(nanoOf({ ...usage, input: 1 }, odd)).toBe(1n);
    expect(nanoOf({ ...usage, input: 1, output: 1 }, odd)).toBe(1n);
    expect(nanoOf({ ...usage, input: 3 }, odd)).toBe(2n);
  });
  test("a dated or latest name is its model, an unknown one is none", () => {
    const table = openModelTable();
    expect(table.find("gpt-4o-2024-08-06")?.name).toBe("gpt-4o");
    expect(table.find("claude-haiku-4-5-20251001")?.name).toBe("claude-haiku-4-5");
    expect(table.find("claude-3-5-sonnet-latest")?.name).toBe("claude-3-5-sonnet");
    expect(table.find("gpt-4o-2024-05-13")?.name).toBe("gpt-4o-2024-05-13");
    expect(table.find("gpt-99")).toBeNull();
  });
});

describe("the book", () => {
  test("running lines count with what they have so far, and end once", () => {
    const book = openBillBook();
    const line = book.open(start(1), even);
    line.consumption.input = 100;
    expect(book.bill().nano_usd).toBe(100_000n);
    line.consumption.output = 50;
    line.close("left");
    line.close("end");
    expect(book.bill()).toMatchObject({ calls: 1, nano_usd: 200_000n, by_call: [{ ended: "left", nano_usd: 200_000n }] });
  });
  test("a line without a model costs nothing whatever it consumed", () => {
    const book = openBillBook();
    book.open(start(1), null).consumption.input = 5;
    expect(book.bill()).toMatchObject({ calls: 1, nano_usd: 0n });
  });
  test("old lines go, totals stay exact", () => {
    const book = openBillBook(3);
    const slow = book.open(start(0), even);
    for (let i = 1; i <= 9; i++) {
      const line = book.open(start(i), even);
      line.consumption.input = i;
      line.close("end");
    }
    slow.consumption.input = 1000;
    const { calls, nano_usd, by_call } = book.bill();
    expect([calls, nano_usd]).toEqual([10, 1_045_000n]);
    expect(by_call.map((line) => line.number)).toEqual([7, 8, 9]);
    slow.close("end");
    expect(book.bill().nano_usd).toBe(1_045_000n);
  });
  test("a cleared book forgets what still ran", () => {
    const book = openBillBook();
    const line = book.open(start(1), even);
    book.clear();
    line.consumption.input = 10;
    line.close("end");
    expect(book.bill()).toEqual({ calls: 0, nano_usd: 0n, by_call: [] });
  });
  test("money leaves as decimal text", () => {
    const book = openBillBook();
    book.open(start(1), even).consumption.input = 7;
    expect(JSON.parse(billJson(book.bill()))).toMatchObject({ nano_usd: "7000", by_call: [{ nano_usd: "7000" }] });
  });
});
