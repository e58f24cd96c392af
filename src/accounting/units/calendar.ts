// Calendar windows in any IANA time zone. Money path, fails closed: an unknown zone or instant throws.
//
// Days and longer begin at the first instant of a local date: usually 00:00; where the clock skips midnight, the instant
// it skips to; where midnight happens twice, the first one. A window lasts until the next one begins, so that windows tile:
// a date that a zone skipped entirely has no window, and an hour that comes back after midnight stays in the later date.
//
// Hours and minutes are 60 min and 60 s of elapsed time aligned to the local clock: an hour that the clock repeats is two
// windows, one that it skips is none. Only where the zone shifts by part of an hour (Lord Howe: 30 min) the shift cuts, so
// that a window beside it is shorter; none is ever longer.
import { Temporal } from "temporal-polyfill";

/** Calendar windows; weeks start on Monday unless told otherwise. */
export type CalendarUnit = "minute" | "hour" | "day" | "week" | "month" | "quarter";

/** First day of a week. */
export type WeekStart = "monday" | "sunday";

/** Which calendar window is meant. */
export interface CalendarQuery {
  readonly unit: CalendarUnit;
  /** IANA name. */
  readonly timezone: string;
  readonly weekStart: WeekStart;
  /** Day on which months begin, 1–31; in a shorter month its last day. Quarters begin on the 1st whatever it says. */
  readonly anchorDay?: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** Half-open: `start` is inside, `end` is not. Epoch milliseconds. */
export interface CalendarBounds {
  readonly start: number;
  readonly end: number;
}

const SLICE_MS = { minute: 60_000, hour: 3_600_000 } as const;

/**
 * The window of `unit` that holds `at`. Pure but for the time zone rules of the runtime; some 20–40 µs, so keep what it
 * says while `at` stays inside. Throws RangeError for an unknown zone, an instant that is not one, or an anchor outside 1–31.
 */
export function calendarWindow(query: CalendarQuery): CalendarBounds {
  const { unit, anchorDay = 1 } = query;
  if (!Number.isInteger(anchorDay) || anchorDay < 1 || anchorDay > 31) {
    throw new RangeError(`Months can begin on day 1 to 31, not on ${anchorDay}.`);
  }
  return unit === "minute" || unit === "hour" ? sliceAt(query, SLICE_MS[unit]) : datesAt(query);
}

function datesAt(query: CalendarQuery): CalendarBounds {
  const { timezone, at } = query;
  const today = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timezone).toPlainDate();
  let first = firstDate(today, query);
  let next = nextDate(first, query);
  // The local date can lie behind the window: after midnight the clock may go back into the evening before.
  while (startOf(next, timezone) <= at) {
    first = next;
    next = nextDate(first, query);
  }
  return { start: startOf(first, timezone), end: startOf(next, timezone) };
}

function startOf(date: Temporal.PlainDate, timezone: string): number {
  return date.toZonedDateTime(timezone).epochMilliseconds;
}

/** First date of the period that holds `date`. */
function firstDate(date: Temporal.PlainDate, query: CalendarQuery): Temporal.PlainDate {
  switch (query.unit) {
    case "week":
      return date.subtract({ days: query.weekStart === "sunday" ? date.dayOfWeek % 7 : date.dayOfWeek - 1 });
    case "month": {
      const anchored = onAnchor(date, query);
      return Temporal.PlainDate.compare(anchored, date) <= 0 ? anchored : onAnchor(monthAfter(date, -1), query);
    }
    case "quarter":
      return date.with({ month: date.month - ((date.month - 1) % 3), day: 1 });
    default:
      return date;
  }
}

/** First date of the period after the one that begins on `first`. */
function nextDate(first: Temporal.PlainDate, query: CalendarQuery): Temporal.PlainDate {
  switch (query.unit) {
    case "week":
      return first.add({ days: 7 });
    case "month":
      return onAnchor(monthAfter(first, 1), query);
    case "quarter":
      return monthAfter(first, 3);
    default:
      return first.add({ days: 1 });
  }
}

function monthAfter(date: Temporal.PlainDate, months: number): Temporal.PlainDate {
  return date.with({ day: 1 }).add({ months });
}

function onAnchor(date: Temporal.PlainDate, { anchorDay = 1 }: CalendarQuery): Temporal.PlainDate {
  return date.with({ day: Math.min(anchorDay, date.daysInMonth) });
}

/** Slices of elapsed time on the local clock's marks; a shift that moves the marks begins a slice of its own. */
function sliceAt({ timezone, at }: CalendarQuery, sliceMs: number): CalendarBounds {
  const phaseAt = (ms: number): number => remainder(offsetAt(ms, timezone), sliceMs);
  const phase = phaseAt(at);
  const start = at - remainder(at + phase, sliceMs);
  const end = start + sliceMs;
  return {
    start: phaseAt(start) === phase ? start : shiftAfter(start, timezone),
    end: phaseAt(end - 1) === phase ? end : shiftAfter(at, timezone),
  };
}

function remainder(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

function offsetAt(ms: number, timezone: string): number {
  return Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timezone).offsetNanoseconds / 1_000_000;
}

/** The instant after `ms` at which the zone's offset changes next. */
function shiftAfter(ms: number, timezone: string): number {
  const next = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timezone).getTimeZoneTransition("next");
  if (next === null) throw new RangeError(`${timezone} has no shift after ${ms}.`);
  return next.epochMilliseconds;
}

/** True for a name of the IANA time zone database that this runtime knows (`Europe/Berlin`, `UTC`), in any case. */
export function isTimeZone(name: string): boolean {
  // Offsets such as +09:00 have no rules, so they are not zones here; some runtimes would take them.
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
