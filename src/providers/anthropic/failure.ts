/**
 * Which complete replies Anthropic does not bill. Money path: fails closed — only what is listed voids a hold.
 * Source: https://platform.claude.com/docs/en/api/errors (read November 2026): 400 invalid_request_error, 401
 * authentication_error, 402 billing_error, 403 permission_error, 404 not_found_error, 413 request_too_large, 429
 * rate_limit_error and 529 overloaded_error are answered before a model runs. 500 api_error and 504 timeout_error may
 * come after one did; 503 is not documented, so it proves nothing.
 */
const BEFORE_GENERATION: ReadonlySet<number> = new Set([400, 401, 402, 403, 404, 405, 409, 413, 415, 422, 429, 529]);

/** True when a complete reply with this status proves that nothing is billed. */
export function unbilled(status: number): boolean {
  return BEFORE_GENERATION.has(status);
}
