/**
 * Which complete replies Gemini does not bill. Money path: fails closed — only what is listed voids a hold.
 * Sources (read November 2026): https://ai.google.dev/gemini-api/docs/billing ("If your request fails with a 400 or 500
 * error, you won't be charged") and https://ai.google.dev/gemini-api/docs/troubleshooting: 400 INVALID_ARGUMENT and
 * FAILED_PRECONDITION, 403 PERMISSION_DENIED, 404 NOT_FOUND, 429 RESOURCE_EXHAUSTED and 503 UNAVAILABLE (overloaded) are
 * answered before a model runs. 504 DEADLINE_EXCEEDED is left out: work had begun, and no page says that it is free.
 */
const UNBILLED: ReadonlySet<number> = new Set([400, 401, 402, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503]);

/** True when a complete reply with this status proves that nothing is billed. */
export function unbilled(status: number): boolean {
  return UNBILLED.has(status);
}
