import type { Window } from "../../src/accounting/budget/budget.js";

const UNIT_MS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** The reference's own windows: UTC minutes, hours and days; a rolling one in sixty buckets; or for life. */
export function startOf(window: Window, at: number): number | null {
  if (window.kind === "lifetime") return null;
  const ms = window.kind === "rolling" ? Math.ceil(window.ms / 60) : UNIT_MS[window.unit];
  if (ms === undefined)
    throw new RangeError(`The reference knows no window of a ${window.kind === "calendar" ? window.unit : ""}.`);
  return at - (at % ms);
}

/** Start of the oldest bucket of a rolling window that still counts: the one that holds the instant `ms` ago. */
export function oldestCounting(ms: number, at: number): number {
  const bucket = Math.ceil(ms / 60);
  return at - ms - ((at - ms) % bucket);
}
