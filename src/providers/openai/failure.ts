/**
 * Which complete replies OpenAI does not bill. Money path: fails closed — only what is listed voids a hold.
 * Source: https://platform.openai.com/docs/guides/error-codes (read November 2026): these are answered before a model
 * runs (malformed, unauthenticated, forbidden region, unknown model, conflict, too large, rate or quota limit, and 503
 * "overloaded" or "slow down"). 408 and 499 are left out: work may have begun. 500, 502 and 504 may hide a finished run.
 */
const BEFORE_GENERATION: ReadonlySet<number> = new Set([400, 401, 402, 403, 404, 405, 409, 413, 415, 422, 429, 503]);

/** True when a complete reply with this status proves that nothing is billed. */
export function unbilled(status: number): boolean {
  return BEFORE_GENERATION.has(status);
}
