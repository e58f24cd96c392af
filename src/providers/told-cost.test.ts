import fc from "fast-check";
import { expect, test } from "vitest";
import { AMOUNT_MAX, parseUsd } from "../accounting/units/money.js";
import { toldCost } from "./told-cost.js";

test.each([
  [0, 0n],
  [-0, 0n],
  [1, 1_000_000_000n],
  [0.000525, 525_000n],
  [0.0000009, 900n],
  [9.5e-7, 950n],
  [1e-9, 1n],
  [4e-10, 0n],
  [5e-10, 1n],
  [1.25e-20, 0n],
  [0.1234567894, 123_456_789n],
  [0.1234567895, 123_456_790n],
  [9_000_000_000, 9_000_000_000_000_000_000n],
])("B16: a cost of %d dollars is %d nano-dollars", (cost, nano) => {
  expect(toldCost(cost)).toEqual({ told: { told_nano: nano }, flags: [] });
});

test.each([-1, -1e-12, "0.5", "", true, {}, [], Number.NaN, Infinity, 1e21, 1e308, 9_300_000_000])(
  "B16: a cost of %j is flagged and told to nobody",
  (cost) => {
    expect(toldCost(cost)).toEqual({ told: {}, flags: ["cost_invalid"] });
  },
);

test("no cost is no finding", () => {
  for (const cost of [undefined, null]) expect(toldCost(cost)).toEqual({ told: {}, flags: [] });
});

test("what was written with up to nine decimals is read exactly, and nothing goes below zero or beyond a ledger's column", () => {
  const written = fc
    .tuple(fc.nat(99_999), fc.nat(999_999_999))
    .map(([whole, nano]) => `${whole}.${String(nano).padStart(9, "0")}`);
  fc.assert(
    fc.property(written, (text) => {
      expect(toldCost(JSON.parse(text)).told.told_nano).toBe(parseUsd(text));
    }),
  );
  fc.assert(
    fc.property(fc.double(), (cost) => {
      const { told_nano } = toldCost(cost).told;
      if (told_nano !== undefined) expect(told_nano >= 0n && told_nano <= AMOUNT_MAX).toBe(true);
    }),
  );
});
