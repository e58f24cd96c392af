import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BursarError } from "../errors.js";
import { AMOUNT_MAX, formatUsd, formatUsdShort, parseUsd, quoteValue, roundHalfUp, roundUp, usdText } from "./money.js";

const anyNano = fc.bigInt({ min: 0n, max: AMOUNT_MAX });
const anyPico = fc.bigInt({ min: 0n, max: AMOUNT_MAX * 1000n });

function refusalOf(text: string): BursarError {
  try {
    parseUsd(text);
  } catch (error) {
    if (error instanceof BursarError) return error;
    throw error;
  }
  throw new Error(`${quoteValue(text)} was accepted`);
}

describe("parseUsd", () => {
  test.each([
    ["0", 0n],
    ["5000", 5_000_000_000_000n],
    ["1.50", 1_500_000_000n],
    ["1.5", 1_500_000_000n],
    ["0.1", 100_000_000n],
    ["0.000000001", 1n],
    ["9007199.254740993", 9_007_199_254_740_993n],
    ["9223372036.854775807", AMOUNT_MAX],
  ])("reads %s exactly", (text, nano) => {
    expect(parseUsd(text)).toBe(nano);
  });

  test.each(["1e3", "1E3", "1e400", "-5", "+5", "NaN", "Infinity", "-Infinity", "0x10", "0o17", "017", "00", "0b1"])(
    "A9: refuses %j",
    (text) => expect(refusalOf(text).code).toBe("invalid_request"),
  );

  test.each(["yes", "no", "null", "1_000", "1,000", "1.000,50", "$5", "5 USD", "5k", "2M", "٥", "１"])(
    "J8: refuses the loose money form %j",
    (text) => expect(refusalOf(text).code).toBe("invalid_request"),
  );

  test.each(["", " ", "\t\n", " 5", "5 ", "5\n", "1. 5", ".5", "5.", ".", "1.5.0", "1.0000000000", "0.0000000001"])(
    "refuses %j, which is empty, spaced, unfinished or finer than a nano-dollar",
    (text) => expect(refusalOf(text).code).toBe("invalid_request"),
  );

  test("refuses more than int64 holds", () => {
    expect(refusalOf("9223372036.854775808").message).toContain("the most is 9223372036.854775807");
    expect(refusalOf("9".repeat(1_000_000)).message.length).toBeLessThan(300);
  });

  test("names the value, escaped, and the accepted form", () => {
    const refusal = refusalOf("1\r\n2");
    expect(refusal.message).toBe(
      '"1\\r\\n2" is not an amount in USD. Write plain decimal text with at most 9 decimals and no sign, such as 5000 or 1.50; ' +
        "the most is 9223372036.854775807.",
    );
    expect(refusal.details).toEqual({ value: '"1\\r\\n2"' });
  });

  test("reads back every amount that usdText writes", () => {
    fc.assert(fc.property(anyNano, (nano) => parseUsd(usdText(nano)) === nano));
  });

  test("reads the same amount however many zeros end the text", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 999 }), fc.integer({ min: 0, max: 6 }), (whole, milli, zeros) => {
        const text = `${whole}.${String(milli).padStart(3, "0")}${"0".repeat(zeros)}`;
        return parseUsd(text) === BigInt(whole) * 1_000_000_000n + BigInt(milli) * 1_000_000n;
      }),
    );
  });

  test("answers any text with an amount or a refusal, never with another error", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-+0-9.,_ eExXoO]{0,12}$/)), (text) => {
        try {
          return parseUsd(text) >= 0n && /^\d+(\.\d+)?$/.test(text);
        } catch (error) {
          return error instanceof BursarError && error.code === "invalid_request";
        }
      }),
    );
  });
});

describe("writing money", () => {
  test.each([
    [0n, "0.00"],
    [1_500_000_000n, "1.50"],
    [1n, "0.000000001"],
    [-250_000_000n, "-0.25"],
    [1_234_567_890_123_456_789n, "1234567890.123456789"],
    [10_000_000_000_000n, "10000.00"],
  ])("usdText writes %s as %s", (nano, text) => {
    expect(usdText(nano)).toBe(text);
  });

  test("formatUsd is exact, groups thousands and takes another symbol", () => {
    expect(formatUsd(1_234_567_890_123_456_789n)).toBe("$1,234,567,890.123456789");
    expect(formatUsd(999_000_000_000n)).toBe("$999.00");
    expect(formatUsd(-1_000_000_000_000n)).toBe("-$1,000.00");
    expect(formatUsd(1_500_000_000n, { symbol: "US$ " })).toBe("US$ 1.50");
  });

  test.each([
    [0n, "$0.00"],
    [300_000_000_000n, "$300.00"],
    [299_724_999_999n, "$299.72"],
    [299_725_000_000n, "$299.73"],
    [1_234_567_891_234_567n, "$1,234,567.89"],
    [1_200_000n, "$0.0012"],
    [1_234_567n, "$0.00123"],
    [600_000_000n, "$0.60"],
    [123_400_000n, "$0.123"],
    [999_600_000n, "$1.00"],
    [1n, "$0.000000001"],
    [-1_234_567n, "-$0.00123"],
  ])("formatUsdShort writes %s nano-dollars as %s", (nano, text) => {
    expect(formatUsdShort(nano)).toBe(text);
  });

  test("formatUsdShort writes $0.00 for zero alone and is never off by more than half a percent and half a cent", () => {
    fc.assert(
      fc.property(fc.oneof(anyNano, fc.bigInt({ min: 0n, max: 2_000_000_000n })), (nano) => {
        const shown = parseUsd(formatUsdShort(nano).replace("$", "").replaceAll(",", ""));
        const error = shown > nano ? shown - nano : nano - shown;
        return (shown === 0n) === (nano === 0n) && (error * 200n <= nano || error <= 5_000_000n) && error <= 5_000_000n;
      }),
    );
  });
});

describe("rounding", () => {
  test("settlement rounds halves up, a ceiling rounds every remainder up", () => {
    expect([0n, 499n, 500n, 999n, 1000n, 1499n, 1500n].map(roundHalfUp)).toEqual([0n, 0n, 1n, 1n, 1n, 1n, 2n]);
    expect([0n, 1n, 999n, 1000n, 1001n].map(roundUp)).toEqual([0n, 1n, 1n, 1n, 2n]);
  });

  test("a ceiling is never below its cost, and settlement never above its ceiling", () => {
    fc.assert(
      fc.property(anyPico, (pico) => {
        const [settled, ceiling] = [roundHalfUp(pico), roundUp(pico)];
        return ceiling * 1000n >= pico && ceiling * 1000n - pico < 1000n && settled <= ceiling && ceiling - settled <= 1n;
      }),
    );
  });

  test("a negative cost throws instead of becoming money", () => {
    expect(() => roundHalfUp(-1n)).toThrow(/negative/);
    expect(() => roundUp(-1n)).toThrow(/negative/);
  });
});
