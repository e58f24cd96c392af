import { BursarError } from "../accounting/errors.js";

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/**
 * When something ends: an instant (`2026-12-24T18:00:00Z`; a day alone is its start in UTC) or a time from now (`30m`,
 * `2h`, `7d`, `1w`). Answers epoch ms. Throws `invalid_request` for anything else and for what has passed.
 */
export function readUntil(text: string, now: number): number {
  const span = /^(\d{1,6})([mhdw])$/.exec(text.trim());
  const at = span === null ? instantOf(text.trim()) : now + Number(span[1]) * UNIT_MS[span[2] as keyof typeof UNIT_MS];
  if (at === null || !Number.isSafeInteger(at) || at > 8_640_000_000_000_000) {
    throw new BursarError(
      "invalid_request",
      `"${text}" is no end. Give a time from now (30m, 2h, 7d, 1w) or an instant (2026-12-24T18:00:00Z).`,
    );
  }
  if (at <= now) throw new BursarError("invalid_request", `"${text}" has already passed; give an instant to come.`);
  return at;
}

function instantOf(text: string): number | null {
  // A time without a zone would mean another instant on every machine.
  if (!/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}
