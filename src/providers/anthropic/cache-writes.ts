/** Tokens written to the prompt cache, by lifetime. Money path: fails closed. Source: see usage.ts. */

/** What a usage tells of cache writes: the total, and how it divides. */
export interface RawCacheWrites {
  readonly cache_write: number | null;
  readonly write_5m: number | null;
  readonly write_1h: number | null;
}

/** The writes as disjoint classes. A total without its parts is all of the default lifetime of 5 minutes. */
export function cacheWritesOf(raw: RawCacheWrites): {
  readonly cache_write_5m: number | null;
  readonly cache_write_1h: number | null;
  readonly flags: readonly string[];
} {
  const told = raw.cache_write;
  if (raw.write_5m === null && raw.write_1h === null) return { cache_write_5m: told, cache_write_1h: null, flags: [] };
  const split = (raw.write_5m ?? 0) + (raw.write_1h ?? 0);
  // A total beyond its parts is a write of unknown lifetime: the cheaper one by the documented default.
  const beyond = Math.max(0, (told ?? split) - split);
  const flags = told !== null && told !== split ? ["cache_writes_mismatch"] : [];
  return { cache_write_5m: (raw.write_5m ?? 0) + beyond, cache_write_1h: raw.write_1h, flags };
}
