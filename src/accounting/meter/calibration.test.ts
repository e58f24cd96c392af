import fc from "fast-check";
import { expect, test } from "vitest";
import { correction, type Learned, learn } from "./calibration.js";

function after(samples: readonly (readonly [number, number])[]): Learned {
  return samples.reduce<Learned>((learned, [estimated, actual]) => learn(learned, estimated, actual), { ratio: 1, samples: 0 });
}

test("the ratio becomes what the provider counts", () => {
  expect(after(Array.from({ length: 10 }, () => [1000, 1250] as const))).toEqual({ ratio: 1.25, samples: 10 });
  const drifted = after([
    ...Array.from({ length: 100 }, () => [1000, 1250] as const),
    ...Array.from({ length: 100 }, () => [1000, 900] as const),
  ]);
  expect(drifted.ratio).toBeCloseTo(0.9, 2);
});

test("one odd reply moves the ratio by at most a twentieth of itself", () => {
  const settled = after(Array.from({ length: 50 }, () => [1000, 1000] as const));
  expect(learn(settled, 1000, 9_000_000).ratio).toBe(1.05);
  expect(learn(settled, 1000, 1).ratio).toBe(0.975);
});

test("nothing is used before five replies", () => {
  expect(correction(null)).toBe(1);
  expect(correction(after([[100, 190]]))).toBe(1);
  expect(correction(after(Array.from({ length: 5 }, () => [100, 190] as const)))).toBe(1.9);
});

test("figures that teach nothing leave it as it was", () => {
  const before = { ratio: 1.2, samples: 7 };
  for (const [estimated, actual] of [
    [0, 5],
    [5, 0],
    [Number.NaN, 5],
    [5, Number.POSITIVE_INFINITY],
  ] as const) {
    expect(learn(before, estimated, actual)).toEqual(before);
  }
});

test("no sequence of replies leaves the bounds, and the fold is the same each time", () => {
  const reply = fc.tuple(fc.integer({ min: 0, max: 1e9 }), fc.integer({ min: 0, max: 1e9 }));
  fc.assert(
    fc.property(fc.array(reply), (replies) => {
      const learned = after(replies);
      expect(learned.ratio).toBeGreaterThanOrEqual(0.25);
      expect(learned.ratio).toBeLessThanOrEqual(4);
      expect(correction(learned)).toBeGreaterThanOrEqual(0.5);
      expect(correction(learned)).toBeLessThanOrEqual(2);
      expect(after(replies)).toEqual(learned);
    }),
  );
});
