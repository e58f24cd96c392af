/**
 * Errors as a Gemini client knows them. Money path: fails closed. Shape: https://cloud.google.com/apis/design/errors (read
 * November 2026); what Bursar adds stands in the ErrorInfo, whose metadata is text only.
 */
import type { BursarError, ErrorDetails } from "../../accounting/errors.js";
import { detailsOf } from "../refusal-body.js";
import { eventBytes } from "../sse.js";

/** Names of google.rpc.Code by HTTP status: https://github.com/googleapis/googleapis, google/rpc/code.proto. */
const STATUSES: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  402: "FAILED_PRECONDITION",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  405: "UNIMPLEMENTED",
  408: "DEADLINE_EXCEEDED",
  409: "ABORTED",
  413: "INVALID_ARGUMENT",
  429: "RESOURCE_EXHAUSTED",
  500: "INTERNAL",
  501: "UNIMPLEMENTED",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

/** The status of the answer: a key may ask for another one where its budget is spent (`exhausted_status`). */
function codeOf(error: BursarError): number {
  const { exhausted_status } = error.details;
  return error.code === "budget_exceeded" && typeof exhausted_status === "number" ? exhausted_status : error.status;
}

function statusName(error: BursarError, code: number): string {
  // A budget is no fault of the request: with 400 too it is a precondition that fails.
  if (error.code === "budget_exceeded" && code === 400) return "FAILED_PRECONDITION";
  return STATUSES[code] ?? "UNKNOWN";
}

function errorText(error: BursarError, details: ErrorDetails): string {
  const code = codeOf(error);
  const known = Object.entries(details).filter(([, value]) => value !== null);
  const info = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    reason: error.code.toUpperCase(),
    domain: "bursar",
    metadata: Object.fromEntries(known.map(([name, value]) => [name, String(value)])),
  };
  return JSON.stringify({ error: { code, message: error.message, status: statusName(error, code), details: [info] } });
}

/** The JSON of an error, for a body or for a place inside a stream. */
export function geminiErrorText(error: BursarError, callId: string): string {
  return errorText(error, detailsOf(error, callId));
}

/** The body of a refused or failed call. */
export function refuseGemini(error: BursarError, callId: string): { readonly body: Uint8Array; readonly details: ErrorDetails } {
  const details = detailsOf(error, callId);
  return { body: Buffer.from(errorText(error, details)), details };
}

/** An error inside a stream of events: clients raise it on its `code`. Inside an array the reader writes it (`failing`). */
export function geminiErrorEvent(error: BursarError, callId: string): Uint8Array {
  return eventBytes({ data: geminiErrorText(error, callId) });
}
