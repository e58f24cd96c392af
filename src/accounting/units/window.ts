// Windows of budgets: reading them, and where the open one begins and ends. Money path, fails closed: what is not a window
// is refused.
import { BursarError } from "../errors.js";
import { type CalendarBounds, type CalendarUnit, calendarWindow, type WeekStart } from "./calendar.js";
import { quoteValue } from "./money.js";

export { type CalendarUnit, isTimeZone, type WeekStart } from "./calendar.js";

/** A calendar window tiles time in its budget's time zone; rolling looks back `ms`; lifetime never ends. */
export type Window =
  | { readonly kind: "calendar"; readonly unit: CalendarUnit }
  | { readonly kind: "rolling"; readonly ms: number }
  | { readonly kind: "lifetime" };

/** Which window is asked for. */
export interface WindowQuery {
  readonly window: Window;
  /** IANA name; decides calendar windows only. */
  readonly timezone: string;
  readonly weekStart: WeekStart;
  /** Day on which months begin, 1–31; in a shorter month its last day. */
  readonly anchorDay?: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** Half-open, in epoch milliseconds: `start` is inside, `end` is not. Null is unbounded. */
export interface WindowBounds {
  readonly start: number | null;
  readonly end: number | null;
}

/** Answers like `windowAt`, quickly. */
export type WindowReader = (query: WindowQuery) => WindowBounds;

const CALENDAR_UNITS: readonly string[] = ["minute", "hour", "day", "week", "month", "quarter"] satisfies CalendarUnit[];
const ROLLING_FORM = /^rolling ([1-9]\d{0,5})([mhd])$/;
const ROLLING_UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const ROLLING_MS_MAX = 366 * 86_400_000;
const ROLLING_BUCKETS = 60;
const LIFETIME: WindowBounds = { start: null, end: null };

/**
 * The window that a budget's `window` text names: minute, hour, day, week, month, quarter, `rolling N(m|h|d)` up to 366
 * days, lifetime. Throws `invalid_request` for anything else.
 */
export function parseWindow(text: string): Window {
  if (text === "lifetime") return { kind: "lifetime" };
  if (CALENDAR_UNITS.includes(text)) return { kind: "calendar", unit: text as CalendarUnit };
  const [, count, unit = ""] = ROLLING_FORM.exec(text) ?? [];
  const ms = Number(count) * (ROLLING_UNIT_MS[unit] ?? Number.NaN);
  if (ms <= ROLLING_MS_MAX) return { kind: "rolling", ms };
  const value = quoteValue(text);
  throw new BursarError(
    "invalid_request",
    `${value} is not a window. Write ${CALENDAR_UNITS.join(", ")}, lifetime, or rolling with minutes, hours or days up to ` +
      "366d, such as rolling 30m, rolling 24h, rolling 7d.",
    { value },
  );
}

/**
 * The window that holds `at`. Of a rolling window it is the bucket that `at` is booked in; lifetime is unbounded.
 * Throws RangeError for an unknown zone, an instant that is not one, or an anchor outside 1–31.
 */
export function windowAt(query: WindowQuery): WindowBounds {
  const { window, timezone, weekStart, anchorDay, at } = query;
  if (window.kind === "lifetime") return LIFETIME;
  if (window.kind === "calendar") return calendarWindow({ unit: window.unit, timezone, weekStart, anchorDay, at });
  const { current, bucketMs } = rollingBuckets({ ms: window.ms, at });
  return { start: current, end: current + bucketMs };
}

/**
 * A reader that keeps the last window of each (unit, zone, week start, anchor) and computes only when `at` has left it:
 * some 50 ns instead of 30 µs. Holds one entry per distinct combination, so give it configured zones, not callers' text.
 */
export function openWindows(): WindowReader {
  // By zone, then a short list: comparing a few fields is quicker than building a text key for every call.
  const keptByZone = new Map<string, KeptWindow[]>();
  return (query) => {
    const { window, timezone, weekStart, anchorDay, at } = query;
    if (window.kind !== "calendar") return windowAt(query);
    const { unit } = window;
    let kept = keptByZone.get(timezone);
    if (kept === undefined) {
      kept = [];
      keptByZone.set(timezone, kept);
    }
    for (const known of kept) {
      if (known.unit !== unit || known.weekStart !== weekStart || known.anchorDay !== anchorDay) continue;
      const inside = known.bounds.start <= at && at < known.bounds.end;
      if (!inside) known.bounds = calendarWindow({ unit, timezone, weekStart, anchorDay, at });
      return known.bounds;
    }
    const bounds = calendarWindow({ unit, timezone, weekStart, anchorDay, at });
    kept.push({ unit, weekStart, anchorDay, bounds });
    return bounds;
  };
}

interface KeptWindow {
  readonly unit: CalendarUnit;
  readonly weekStart: WeekStart;
  readonly anchorDay: number | undefined;
  bounds: CalendarBounds;
}

/** A rolling window cut into buckets aligned to the epoch. Spending at `at` is booked in the bucket that starts at `current`. */
export interface RollingBuckets {
  readonly bucketMs: number;
  readonly current: number;
  /** Start of the oldest bucket that still counts; buckets from here to `current` are summed. */
  readonly oldest: number;
}

/**
 * The buckets of a rolling window of `ms`: each is a sixtieth of it. A bucket counts until all of it is older than `ms`,
 * so the sum looks back between `ms` and `ms` plus one bucket: no stretch of `ms` ever sees more than the limit, at the
 * price that quota returns up to a sixtieth late. Throws RangeError unless `ms` is a positive and `at` a whole number.
 */
export function rollingBuckets({ ms, at }: { readonly ms: number; readonly at: number }): RollingBuckets {
  if (!Number.isSafeInteger(ms) || ms <= 0 || !Number.isSafeInteger(at)) {
    throw new RangeError(`A rolling window needs whole milliseconds, not ${ms} at ${at}.`);
  }
  const bucketMs = Math.ceil(ms / ROLLING_BUCKETS);
  const startOf = (instant: number): number => Math.floor(instant / bucketMs) * bucketMs;
  return { bucketMs, current: startOf(at), oldest: startOf(at - ms) };
}
