import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BursarError } from "../errors.js";
import { type CalendarUnit, isTimeZone, openWindows, parseWindow, rollingBuckets, type WindowQuery, windowAt } from "./window.js";

const HOUR_MS = 3_600_000;
const ms = (instant: string): number => Date.parse(instant);

interface Place {
  readonly weekStart?: "monday" | "sunday";
  readonly anchorDay?: number;
}

/** Starts of the windows of `unit` from the one that holds `from` up to `to`; each is asked for at the other's end. */
function startsOf(unit: CalendarUnit, timezone: string, between: readonly [string, string], place: Place = {}): string[] {
  const starts: string[] = [];
  for (let at = ms(between[0]); at < ms(between[1]); ) {
    const query: WindowQuery = { window: { kind: "calendar", unit }, timezone, weekStart: "monday", ...place, at };
    const { start, end } = windowAt(query);
    if (start === null || end === null) throw new Error("a calendar window has bounds");
    expect(windowAt({ ...query, at: end - 1 })).toEqual({ start, end });
    expect(start).toBeLessThanOrEqual(at);
    if (starts.length > 0) expect(start).toBe(at);
    starts.push(new Date(start).toISOString().replace(":00.000Z", "Z"));
    at = end;
  }
  return starts;
}

test("G1: Havana's day that starts at 01:00 and the one whose midnight happens twice are one window each", () => {
  expect(startsOf("day", "America/Havana", ["2026-03-07T12:00Z", "2026-03-09T12:00Z"])).toEqual([
    "2026-03-07T05:00Z",
    "2026-03-08T05:00Z", // 00:00 does not happen; this is 01:00 −04:00, and the day lasts 23 h
    "2026-03-09T04:00Z",
  ]);
  expect(startsOf("day", "America/Havana", ["2026-10-31T12:00Z", "2026-11-02T12:00Z"])).toEqual([
    "2026-10-31T04:00Z",
    "2026-11-01T04:00Z", // the first of two midnights; the day lasts 25 h
    "2026-11-02T05:00Z",
  ]);
  const day = { window: { kind: "calendar", unit: "day" }, timezone: "America/Havana", weekStart: "monday" } as const;
  const between = windowAt({ ...day, at: ms("2026-11-01T04:30Z") });
  expect(windowAt({ ...day, at: ms("2026-11-01T05:30Z") })).toEqual(between);
});

test("G2: days without 00:00 start where the clock skips to", () => {
  expect(startsOf("day", "Africa/Cairo", ["2026-04-23T12:00Z", "2026-04-25T12:00Z"])).toEqual([
    "2026-04-22T22:00Z",
    "2026-04-23T22:00Z",
    "2026-04-24T21:00Z",
  ]);
  expect(startsOf("day", "America/Santiago", ["2026-09-05T12:00Z", "2026-09-07T12:00Z"])).toEqual([
    "2026-09-05T04:00Z",
    "2026-09-06T04:00Z",
    "2026-09-07T03:00Z",
  ]);
});

test("G2: Lord Howe has days of 24.5 and 23.5 hours", () => {
  expect(startsOf("day", "Australia/Lord_Howe", ["2026-04-04T18:00Z", "2026-04-05T18:00Z"])).toEqual([
    "2026-04-04T13:00Z",
    "2026-04-05T13:30Z",
  ]);
  expect(startsOf("day", "Australia/Lord_Howe", ["2026-10-03T18:00Z", "2026-10-04T18:00Z"])).toEqual([
    "2026-10-03T13:30Z",
    "2026-10-04T13:00Z",
  ]);
});

test("G2: Kathmandu's days and hours start a quarter past the hour in UTC", () => {
  expect(startsOf("day", "Asia/Kathmandu", ["2026-05-01T00:00Z", "2026-05-02T00:00Z"])).toEqual([
    "2026-04-30T18:15Z",
    "2026-05-01T18:15Z",
  ]);
  expect(startsOf("hour", "Asia/Kathmandu", ["2026-05-01T00:00Z", "2026-05-01T01:00Z"])).toEqual([
    "2026-04-30T23:15Z",
    "2026-05-01T00:15Z",
  ]);
});

test("a local hour that happens twice is two windows, one that is skipped is none", () => {
  expect(startsOf("hour", "Europe/Berlin", ["2026-10-24T23:30Z", "2026-10-25T02:00Z"])).toEqual([
    "2026-10-24T23:00Z",
    "2026-10-25T00:00Z",
    "2026-10-25T01:00Z",
  ]);
  expect(startsOf("hour", "Europe/Berlin", ["2026-03-29T00:00Z", "2026-03-29T02:00Z"])).toHaveLength(2);
});

test("Lord Howe's half-hour shift cuts an hour short and lengthens none", () => {
  expect(startsOf("hour", "Australia/Lord_Howe", ["2026-04-04T14:00Z", "2026-04-04T16:45Z"])).toEqual([
    "2026-04-04T14:00Z",
    "2026-04-04T15:00Z", // the clock goes from 02:00 back to 01:30
    "2026-04-04T15:30Z",
    "2026-04-04T16:30Z",
  ]);
  expect(startsOf("hour", "Australia/Lord_Howe", ["2026-10-03T14:45Z", "2026-10-03T16:30Z"])).toEqual([
    "2026-10-03T14:30Z",
    "2026-10-03T15:30Z", // the clock goes from 02:00 on to 02:30
    "2026-10-03T16:00Z",
  ]);
});

test("a shift in the middle of an hour ends it there", () => {
  expect(startsOf("hour", "America/Caracas", ["2016-05-01T05:45Z", "2016-05-01T08:30Z"])).toEqual([
    "2016-05-01T05:30Z",
    "2016-05-01T06:30Z", // 02:00 until 02:30, where the clock goes on to 03:00
    "2016-05-01T07:00Z",
    "2016-05-01T08:00Z",
  ]);
  const hour = { window: { kind: "calendar", unit: "hour" }, timezone: "America/Caracas", weekStart: "monday" } as const;
  const cut = { start: ms("2016-05-01T06:30Z"), end: ms("2016-05-01T07:00Z") };
  for (const at of [cut.start, cut.start + 900_000, cut.end - 1]) expect(windowAt({ ...hour, at })).toEqual(cut);
});

test("a date that a zone skipped has no window of its own", () => {
  expect(startsOf("day", "Pacific/Apia", ["2011-12-29T12:00Z", "2012-01-01T00:00Z"])).toEqual([
    "2011-12-29T10:00Z",
    "2011-12-30T10:00Z", // local 31 December: the 30th did not happen
    "2011-12-31T10:00Z",
  ]);
  expect(startsOf("day", "Pacific/Kwajalein", ["1993-08-20T13:00Z", "1993-08-22T13:00Z"])).toEqual([
    "1993-08-20T12:00Z",
    "1993-08-21T12:00Z", // local 22 August follows the 20th
    "1993-08-22T12:00Z",
  ]);
});

test("an hour that comes back after midnight stays in the new day", () => {
  // Newfoundland's clocks went from 00:01 back to 23:01 the evening before.
  expect(startsOf("day", "America/St_Johns", ["2010-11-06T12:00Z", "2010-11-08T12:00Z"])).toEqual([
    "2010-11-06T02:30Z",
    "2010-11-07T02:30Z",
    "2010-11-08T03:30Z",
  ]);
  const day = { window: { kind: "calendar", unit: "day" }, timezone: "America/St_Johns", weekStart: "monday" } as const;
  const evening = windowAt({ ...day, at: ms("2010-11-07T03:00Z") }); // local 6 November, 23:30, for the second time
  expect(evening).toEqual({ start: ms("2010-11-07T02:30Z"), end: ms("2010-11-08T03:30Z") });
});

test("G4: months that begin on the 31st begin on the last day of shorter months", () => {
  expect(startsOf("month", "UTC", ["2028-01-15T00:00Z", "2028-05-31T00:00Z"], { anchorDay: 31 })).toEqual([
    "2027-12-31T00:00Z",
    "2028-01-31T00:00Z",
    "2028-02-29T00:00Z",
    "2028-03-31T00:00Z",
    "2028-04-30T00:00Z",
  ]);
  expect(startsOf("month", "UTC", ["2027-02-01T00:00Z", "2027-02-28T00:00Z"], { anchorDay: 29 })).toEqual(["2027-01-29T00:00Z"]);
  expect(startsOf("month", "UTC", ["2027-02-28T00:00Z", "2027-03-29T00:00Z"], { anchorDay: 29 })).toEqual(["2027-02-28T00:00Z"]);
});

test("G4: the 29th of February is a day of its month", () => {
  expect(startsOf("month", "UTC", ["2028-02-29T23:00Z", "2028-03-02T00:00Z"])).toEqual([
    "2028-02-01T00:00Z",
    "2028-03-01T00:00Z",
  ]);
  expect(startsOf("day", "UTC", ["2028-02-29T23:00Z", "2028-03-02T00:00Z"])).toHaveLength(2);
});

test("G4: weeks start on Monday or Sunday as told, across ISO week 53", () => {
  expect(startsOf("week", "UTC", ["2026-12-27T23:00Z", "2027-01-05T00:00Z"])).toEqual([
    "2026-12-21T00:00Z",
    "2026-12-28T00:00Z", // ISO week 53 of 2026
    "2027-01-04T00:00Z",
  ]);
  expect(startsOf("week", "UTC", ["2026-12-27T23:00Z", "2027-01-05T00:00Z"], { weekStart: "sunday" })).toEqual([
    "2026-12-27T00:00Z",
    "2027-01-03T00:00Z",
  ]);
});

test("quarters begin in January, April, July and October, whatever the anchor", () => {
  expect(startsOf("quarter", "Europe/Berlin", ["2026-03-31T21:59Z", "2026-10-01T00:00Z"], { anchorDay: 31 })).toEqual([
    "2025-12-31T23:00Z",
    "2026-03-31T22:00Z",
    "2026-06-30T22:00Z",
    "2026-09-30T22:00Z",
  ]);
});

test("G5: a day in Tokyo turns at 15:00 UTC, not nine hours later", () => {
  expect(startsOf("day", "Asia/Tokyo", ["2026-05-01T14:59Z", "2026-05-01T15:01Z"])).toEqual([
    "2026-04-30T15:00Z",
    "2026-05-01T15:00Z",
  ]);
});

test("an unknown zone, an instant that is none and an anchor outside 1 to 31 throw", () => {
  const query: WindowQuery = { window: { kind: "calendar", unit: "month" }, timezone: "UTC", weekStart: "monday", at: 0 };
  expect(() => windowAt({ ...query, timezone: "Mars/Olympus" })).toThrow(RangeError);
  for (const at of [Number.NaN, Number.POSITIVE_INFINITY, 0.5]) expect(() => windowAt({ ...query, at })).toThrow(RangeError);
  for (const anchorDay of [0, 32, 1.5]) expect(() => windowAt({ ...query, anchorDay })).toThrow(RangeError);
});

describe("openWindows", () => {
  test("answers like windowAt whatever is asked in whatever order", () => {
    const units = fc.constantFrom<CalendarUnit>("minute", "hour", "day", "week", "month", "quarter");
    const zones = fc.constantFrom("UTC", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe");
    const query = fc.record({
      window: units.map((unit) => ({ kind: "calendar", unit }) as const),
      timezone: zones,
      weekStart: fc.constantFrom("monday" as const, "sunday" as const),
      anchorDay: fc.constantFrom(undefined, 31),
      at: fc.integer({ min: ms("2026-10-20T00:00Z"), max: ms("2026-11-10T00:00Z") }),
    });
    fc.assert(
      fc.property(fc.array(query, { maxLength: 40 }), (queries) => {
        const windows = openWindows();
        for (const asked of queries) expect(windows(asked)).toEqual(windowAt(asked));
      }),
      { numRuns: 50 },
    );
  });

  test("throws for an instant that is none, also when a window is remembered", () => {
    const windows = openWindows();
    const query: WindowQuery = { window: { kind: "calendar", unit: "day" }, timezone: "UTC", weekStart: "monday", at: 0 };
    windows(query);
    expect(() => windows({ ...query, at: Number.NaN })).toThrow(RangeError);
  });

  test("lifetime has no bounds, and a rolling window is the bucket spending is booked in", () => {
    const place = { timezone: "UTC", weekStart: "monday", at: 61_500 } as const;
    for (const read of [openWindows(), windowAt]) {
      expect(read({ window: { kind: "lifetime" }, ...place })).toEqual({ start: null, end: null });
      expect(read({ window: { kind: "rolling", ms: HOUR_MS }, ...place })).toEqual({ start: 60_000, end: 120_000 });
    }
  });
});

describe("rolling buckets", () => {
  const anyMs = fc.oneof(
    fc.integer({ min: 1, max: 10_000 }),
    fc.integer({ min: 1, max: 527_040 }).map((minutes) => minutes * 60_000),
  );
  const anyAt = fc.integer({ min: ms("2020-01-01T00:00Z"), max: ms("2040-01-01T00:00Z") });

  test("G11: spending counts as long as it is not older than the window, and at most one bucket longer", () => {
    fc.assert(
      fc.property(anyMs, anyAt, fc.double({ min: 0, max: 2, noNaN: true }), (window, spentAt, share) => {
        const at = spentAt + Math.floor(window * share);
        const { oldest, bucketMs, current } = rollingBuckets({ ms: window, at });
        const counts = rollingBuckets({ ms: window, at: spentAt }).current >= oldest;
        const age = at - spentAt;
        expect(current <= at && at < current + bucketMs && current % bucketMs === 0).toBe(true);
        expect((current - oldest) / bucketMs).toBeLessThanOrEqual(60);
        if (age <= window) expect(counts).toBe(true);
        if (age >= window + bucketMs) expect(counts).toBe(false);
      }),
    );
  });

  test("G11: no stretch as long as the window ever sees more than the limit", () => {
    const limit = 10;
    const gaps = fc.array(fc.integer({ min: 0, max: 1500 }), { minLength: 30, maxLength: 120 });
    fc.assert(
      fc.property(fc.integer({ min: 60, max: 4000 }), gaps, (window, steps) => {
        const spent: number[] = [];
        let at = ms("2026-01-01T00:00Z");
        for (const step of steps) {
          at += step;
          const { oldest } = rollingBuckets({ ms: window, at });
          const counted = spent.filter((when) => rollingBuckets({ ms: window, at: when }).current >= oldest).length;
          if (counted < limit) spent.push(at);
        }
        for (const start of spent) {
          expect(spent.filter((when) => when >= start && when < start + window).length).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });

  test("refuses a length or an instant that is no whole number of milliseconds", () => {
    for (const window of [0, -1, 1.5, Number.NaN]) expect(() => rollingBuckets({ ms: window, at: 0 })).toThrow(RangeError);
    expect(() => rollingBuckets({ ms: 1000, at: Number.NaN })).toThrow(RangeError);
  });
});

describe("reading windows and zones", () => {
  test("reads every window of the reference", () => {
    for (const unit of ["minute", "hour", "day", "week", "month", "quarter"]) {
      expect(parseWindow(unit)).toEqual({ kind: "calendar", unit });
    }
    expect(parseWindow("lifetime")).toEqual({ kind: "lifetime" });
    expect(parseWindow("rolling 1h")).toEqual({ kind: "rolling", ms: HOUR_MS });
    expect(parseWindow("rolling 30m")).toEqual({ kind: "rolling", ms: 1_800_000 });
    expect(parseWindow("rolling 366d")).toEqual({ kind: "rolling", ms: 366 * 24 * HOUR_MS });
  });

  test.each([
    ...["", "days", "Day", " day", "daily", "year", "second", "__proto__", "rolling", "rolling 1", "rolling h", "rolling 0h"],
    ...[
      "rolling 1w",
      "rolling 1.5h",
      "rolling -1h",
      "rolling 1e3m",
      "rolling  1h",
      "rolling 01h",
      "rolling 367d",
      "24h",
      "1h rolling",
    ],
  ])("refuses the window %j and lists what is accepted", (text) => {
    const forms = /minute, hour, day, week, month, quarter, lifetime, or rolling .* rolling 30m/;
    expect(() => parseWindow(text)).toThrow(forms);
    expect(() => parseWindow(text)).toThrow(BursarError);
  });

  test("knows zones by their IANA names alone", () => {
    for (const name of ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "europe/berlin"]) {
      expect([name, isTimeZone(name)]).toEqual([name, true]);
    }
    for (const name of ["", "Berlin", "+09:00", "Z", "T12Z", "UTC+9", "Mars/Olympus", "Europe/Berlin ", "2026-01-01T00:00Z"]) {
      expect([name, isTimeZone(name)]).toEqual([name, false]);
    }
  });
});
