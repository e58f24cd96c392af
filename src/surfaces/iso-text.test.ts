import fc from "fast-check";
import { expect, test } from "vitest";
import { isoText } from "./iso-text.js";

test("an instant is written as the platform writes it, on every day of 400 years and anywhere else", () => {
  for (let day = 0; day < 146_097; day++) {
    const ms = day * 86_400_000 + (day % 86_400) * 1_000 + (day % 1_000);
    if (isoText(ms) !== new Date(ms).toISOString()) expect(isoText(ms)).toBe(new Date(ms).toISOString());
  }
  const anywhere = fc.integer({ min: -8.64e15, max: 8.64e15 });
  fc.assert(
    fc.property(fc.oneof(anywhere, fc.integer({ min: 0, max: 253_402_300_799_999 })), (ms) => {
      expect(isoText(ms)).toBe(new Date(ms).toISOString());
    }),
    { numRuns: 20_000 },
  );
});

test("what is no instant is refused as the platform refuses it", () => {
  expect(() => isoText(Number.NaN)).toThrow(RangeError);
});
