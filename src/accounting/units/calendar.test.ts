// G3: windows tile in every zone. Sizes are chosen to take about ten seconds on two cores.
import fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { expect, test } from "vitest";
import { type CalendarUnit, calendarWindow } from "./calendar.js";

const FROM = Date.UTC(2020, 0, 1);
const TO = Date.UTC(2041, 0, 1);
const DAY_MS = 86_400_000;
const zones = Intl.supportedValuesOf("timeZone");

/** Instants at which a zone's clock shifts between `FROM` and `TO`. */
function shiftsOf(timezone: string): number[] {
  const shifts: number[] = [];
  let next = Temporal.Instant.fromEpochMilliseconds(FROM).toZonedDateTimeISO(timezone).getTimeZoneTransition("next");
  while (next !== null && next.epochMilliseconds < TO) {
    shifts.push(next.epochMilliseconds);
    next = next.getTimeZoneTransition("next");
  }
  return shifts;
}

const shifting = zones.map((timezone) => ({ timezone, shifts: shiftsOf(timezone) })).filter(({ shifts }) => shifts.length > 0);

/** Walks from window to window and names every breach: a gap, an overlap, an empty or an overlong window. */
function faultsBetween(unit: CalendarUnit, timezone: string, span: { from: number; to: number; longest: number }): string[] {
  const faults: string[] = [];
  const query = { unit, timezone, weekStart: "monday" as const };
  let known = calendarWindow({ ...query, at: span.from });
  if (known.start > span.from) faults.push(`${timezone} ${unit} starts after ${span.from}`);
  while (known.end < span.to) {
    const next = calendarWindow({ ...query, at: known.end });
    const last = calendarWindow({ ...query, at: next.end - 1 });
    const fits = next.start === known.end && next.end > next.start && next.end - next.start <= span.longest;
    if (!fits || last.start !== next.start || last.end !== next.end) faults.push(`${timezone} ${unit} at ${known.end}`);
    known = next.end > known.end ? next : { start: known.end, end: known.end + DAY_MS };
  }
  return faults;
}

test("G3: months tile in every zone from 2020 to 2040", { timeout: 60_000 }, () => {
  const span = { from: FROM, to: TO, longest: 31 * DAY_MS + 3 * 3_600_000 };
  expect(zones.flatMap((timezone) => faultsBetween("month", timezone, span))).toEqual([]);
});

test("G3: days tile within three days of every shift of every zone from 2020 to 2040", { timeout: 60_000 }, () => {
  const faults = shifting.flatMap(({ timezone, shifts }) =>
    shifts.flatMap((shift) =>
      faultsBetween("day", timezone, { from: shift - 3 * DAY_MS, to: shift + 3 * DAY_MS, longest: 27 * 3_600_000 }),
    ),
  );
  expect(faults).toEqual([]);
});

test("G3: a day starts at the first instant of its date by the runtime's own calendar", () => {
  for (const { timezone, shifts } of shifting) {
    const dateAt = new Intl.DateTimeFormat("en-CA", { timeZone: timezone, dateStyle: "short" });
    for (const shift of shifts.slice(0, 4)) {
      const { start, end } = calendarWindow({ unit: "day", timezone, weekStart: "monday", at: shift });
      const [before, first, last, after] = [start - 1, start, end - 1, end].map((at) => dateAt.format(at));
      expect([before !== first, first === last, last !== after, timezone]).toEqual([true, true, true, timezone]);
    }
  }
});

test("G3: any window of any zone holds its instant and touches its neighbours", () => {
  const query = fc.record({
    unit: fc.constantFrom<CalendarUnit>("minute", "hour", "day", "week", "month", "quarter"),
    timezone: fc.constantFrom(...zones),
    weekStart: fc.constantFrom("monday" as const, "sunday" as const),
    anchorDay: fc.integer({ min: 1, max: 31 }),
    at: fc.integer({ min: FROM, max: TO }),
  });
  fc.assert(
    fc.property(query, (asked) => {
      const { start, end } = calendarWindow(asked);
      expect(start <= asked.at && asked.at < end).toBe(true);
      expect(calendarWindow({ ...asked, at: end }).start).toBe(end);
      expect(calendarWindow({ ...asked, at: start - 1 }).end).toBe(start);
    }),
    { numRuns: 3000 },
  );
});

test("G3: hours and minutes tile around shifts and are never longer than an hour and a minute", { timeout: 60_000 }, () => {
  const place = fc
    .constantFrom(...shifting)
    .chain(({ timezone, shifts }) => fc.record({ timezone: fc.constant(timezone), shift: fc.constantFrom(...shifts) }));
  const check = ({ timezone, shift }: { timezone: string; shift: number }): void => {
    const hours = { from: shift - 3 * DAY_MS, to: shift + 3 * DAY_MS, longest: 3_600_000 };
    const minutes = { from: shift - 5 * 60_000, to: shift + 5 * 60_000, longest: 60_000 };
    expect(faultsBetween("hour", timezone, hours)).toEqual([]);
    expect(faultsBetween("minute", timezone, minutes)).toEqual([]);
  };
  const lordHowe = shifting.find(({ timezone }) => timezone === "Australia/Lord_Howe");
  expect(lordHowe?.shifts).toHaveLength(42);
  for (const shift of lordHowe?.shifts ?? []) check({ timezone: "Australia/Lord_Howe", shift });
  fc.assert(fc.property(place, check), { numRuns: 60 });
});
