/** Levels that a provider's item or response may be nested; writing deeper ones could exhaust the stack. */
const LEVELS_MAX = 100;

function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isWithin(inner, levels - 1));
}

/** A parsed value as JSON text; null where it is nested deeper than is written. Never throws on parsed JSON. */
export function jsonOf(value: unknown): string | null {
  return isWithin(value, LEVELS_MAX) ? (JSON.stringify(value) ?? null) : null;
}
