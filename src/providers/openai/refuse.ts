/**
 * Errors as an OpenAI client knows them. Money path: fails closed. Shape:
 * https://platform.openai.com/docs/guides/error-codes (read November 2026); `metadata` is Bursar's own addition.
 */
import type { BursarError, ErrorDetails } from "../../accounting/errors.js";
import { detailsOf } from "../refusal-body.js";
import { eventBytes } from "../sse.js";

/** Types by status, for codes without their own. */
const TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "budget_exceeded",
  403: "permission_error",
  404: "not_found_error",
  405: "invalid_request_error",
  408: "timeout_error",
  409: "conflict_error",
  413: "invalid_request_error",
  429: "rate_limit_error",
  503: "service_unavailable_error",
  504: "timeout_error",
};

/** The form that OpenAI gives a spent quota, for keys that answer a spent budget with 429 (`exhausted_status`). */
const SPENT_QUOTA = "insufficient_quota";

function naming(error: BursarError): { type: string; code: string } {
  if (error.code === "budget_exceeded" && error.details.exhausted_status === 429) return { type: SPENT_QUOTA, code: SPENT_QUOTA };
  return { type: TYPES[error.status] ?? "server_error", code: error.code };
}

/** The fields of OpenAI's error object. */
export function openAiErrorFields(error: BursarError, details: ErrorDetails) {
  const { type, code } = naming(error);
  const param = typeof error.details.parameter === "string" ? error.details.parameter : null;
  return { message: error.message, type, param, code, metadata: details };
}

function errorObject(error: BursarError, details: ErrorDetails): string {
  return JSON.stringify({ error: openAiErrorFields(error, details) });
}

/** The body of a refused or failed call. */
export function refuseOpenAi(error: BursarError, callId: string): { readonly body: Uint8Array; readonly details: ErrorDetails } {
  const details = detailsOf(error, callId);
  return { body: Buffer.from(errorObject(error, details)), details };
}

/** An error inside a stream that has begun: clients raise it on the `error` field. */
export function openAiErrorEvent(error: BursarError, callId: string): Uint8Array {
  return eventBytes({ data: errorObject(error, detailsOf(error, callId)) });
}
