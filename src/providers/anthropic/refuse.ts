/**
 * Errors as an Anthropic client knows them. Money path: fails closed. Shape and types:
 * https://platform.claude.com/docs/en/api/errors (read November 2026); `metadata` is Bursar's own addition.
 */
import type { BursarError, ErrorDetails } from "../../accounting/errors.js";
import { detailsOf } from "../refusal-body.js";
import { eventBytes } from "../sse.js";

/** Types by status; what has none is `api_error`. */
const TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  405: "invalid_request_error",
  408: "timeout_error",
  409: "conflict_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
};

function errorObject(error: BursarError, details: ErrorDetails, callId: string): string {
  const type = TYPES[error.status] ?? "api_error";
  return JSON.stringify({ type: "error", error: { type, message: error.message, metadata: details }, request_id: callId });
}

/** The body of a refused or failed call. */
export function refuseAnthropic(
  error: BursarError,
  callId: string,
): { readonly body: Uint8Array; readonly details: ErrorDetails } {
  const details = detailsOf(error, callId);
  return { body: Buffer.from(errorObject(error, details, callId)), details };
}

/** An error inside a stream that has begun: clients raise it on the event's name. */
export function anthropicErrorEvent(error: BursarError, callId: string): Uint8Array {
  return eventBytes({ event: "error", data: errorObject(error, detailsOf(error, callId), callId) });
}
