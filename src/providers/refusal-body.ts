/** What a refusal carries in every dialect. Money path: fails closed. Never holds a secret, a prompt or another tenant's amounts. */
import type { BursarError, ErrorDetails } from "../accounting/errors.js";

/** The details of an error with the call they belong to. */
export function detailsOf(error: BursarError, callId: string): ErrorDetails {
  return { code: error.code, ...error.details, call_id: callId };
}
