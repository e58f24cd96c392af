import { expect, test } from "vitest";
import { bytesOf, millisecondsOf } from "./quantity.js";
import { closest } from "./suggest.js";

test("sizes and durations are whole numbers with a unit", () => {
  expect(["64MiB", "32MB", "1 KiB", "0B", "8kB"].map(bytesOf)).toEqual([67_108_864, 32_000_000, 1024, 0, 8000]);
  expect(["500ms", "30s", "5m", "1h", "2d"].map(millisecondsOf)).toEqual([500, 30_000, 300_000, 3_600_000, 172_800_000]);
  const wrong = ["", "64", "MiB", "1.5GiB", "-1s", "1e3s", "9999999999999d", "1constructor", "1 toString"];
  expect(wrong.flatMap((text) => [bytesOf(text), millisecondsOf(text)]).filter((amount) => amount !== null)).toEqual([]);
});

test("a suggestion is near what was typed, or there is none", () => {
  const known = ["budgets", "providers", "timezone", "week_start", "keys"];
  expect(["bugdets", "Providers", "time-zone", "weekStart", "kyes"].map((word) => closest(word, known))).toEqual(known);
  expect(["x", "", "metrics", "a".repeat(10_000)].map((word) => closest(word, known))).toEqual([null, null, null, null]);
});
