import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BursarError } from "../errors.js";
import { formatCount, parseCount } from "./amount.js";
import { AMOUNT_MAX } from "./money.js";

function refusalOf(text: string): BursarError {
  try {
    parseCount(text);
  } catch (error) {
    if (error instanceof BursarError) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(text)} was accepted`);
}

describe("parseCount", () => {
  test.each([
    ["0", 0n],
    ["1000", 1000n],
    ["1_000", 1000n],
    ["1_000_000", 1_000_000n],
    ["200k", 200_000n],
    ["200K", 200_000n],
    ["2M", 2_000_000n],
    ["1.5M", 1_500_000n],
    ["0.001k", 1n],
    ["1_500k", 1_500_000n],
    [String(AMOUNT_MAX), AMOUNT_MAX],
  ])("reads %s", (text, count) => {
    expect(parseCount(text)).toBe(count);
  });

  test.each(["1e3", "-5", "+5", "1.5", "1.0", "1e400", "NaN", "Infinity", "0x10", "0o17", "017", "0b1", "yes", "null"])(
    "A9, J8: refuses %j",
    (text) => expect(refusalOf(text).code).toBe("invalid_request"),
  );

  test.each(["", " ", "1 000", " 5", "5\n", "_1", "1_", "1__0", "1,000", "k", "2m", "2MM", "2kM", "1.k", ".5M", "1.5_0M", "2 M"])(
    "refuses the loose form %j",
    (text) => expect(refusalOf(text).code).toBe("invalid_request"),
  );

  test.each(["1.0001k", "0.0000001M", "1.2345678M"])("refuses %s, which is not whole", (text) => {
    expect(refusalOf(text).message).toContain("is not a whole number of tokens or requests");
  });

  test("refuses more than int64 holds, quickly", () => {
    expect(refusalOf(String(AMOUNT_MAX + 1n)).message).toContain(`The most is ${AMOUNT_MAX}.`);
    expect(refusalOf("9".repeat(1_000_000)).message.length).toBeLessThan(300);
  });

  test("reads every whole number, with and without underscores", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: AMOUNT_MAX }), (count) => {
        const grouped = String(count).replace(/\B(?=(\d{3})+$)/g, "_");
        return parseCount(String(count)) === count && parseCount(grouped) === count;
      }),
    );
  });
});

describe("formatCount", () => {
  test.each([
    [0n, "0"],
    [950n, "950"],
    [999n, "999"],
    [1000n, "1k"],
    [1500n, "1.5k"],
    [12_345n, "12.3k"],
    [99_950n, "100k"],
    [812_345n, "812k"],
    [999_499n, "999k"],
    [999_500n, "1M"],
    [2_143_000n, "2.1M"],
    [12_345_678_901n, "12,346M"],
    [-812_000n, "-812k"],
  ])("writes %s as %s", (count, text) => {
    expect(formatCount(count)).toBe(text);
  });

  test("writes what parseCount reads, at most one part in twenty off, and never more for less", () => {
    const counts = fc.bigInt({ min: 0n, max: AMOUNT_MAX / 2n });
    const shown = (count: bigint): bigint => parseCount(formatCount(count).replaceAll(",", ""));
    fc.assert(
      fc.property(
        fc.oneof(counts, fc.bigInt({ min: 0n, max: 3_000_000n })),
        fc.bigInt({ min: 0n, max: 5000n }),
        (count, more) => {
          const error = shown(count) > count ? shown(count) - count : count - shown(count);
          return error * 20n <= count && shown(count) <= shown(count + more);
        },
      ),
    );
  });
});
