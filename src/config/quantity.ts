// Sizes and durations as the file writes them. Limits of resources, not of money.

const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};
const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3 };

function quantity(text: string, units: Readonly<Record<string, number>>): number | null {
  const [, count, unit = ""] = /^(0|[1-9]\d{0,14}) ?([A-Za-z]{1,3})$/.exec(text) ?? [];
  const scale = Object.hasOwn(units, unit) ? (units[unit] ?? null) : null;
  if (count === undefined || scale === null) return null;
  const amount = Number(count) * scale;
  return Number.isSafeInteger(amount) ? amount : null;
}

/** Bytes of `64MiB`, `32MB`, `512KiB`, `1024B`; null when it is no such text. */
export function bytesOf(text: string): number | null {
  return quantity(text, BYTES);
}

/** Milliseconds of `500ms`, `30s`, `5m`, `1h`, `2d`; null when it is no such text. */
export function millisecondsOf(text: string): number | null {
  return quantity(text, MILLISECONDS);
}
