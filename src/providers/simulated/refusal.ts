/** The errors that the providers answer with, in their own shapes. Nothing of a refused request is billed but a 500. */
import type { DialectName } from "../../call/needs.js";

/** A request that the simulator refuses: status, and what their shapes need. */
export class Refusal extends Error {
  readonly status: number;
  readonly param: string | null;
  readonly code: string | null;
  constructor(status: number, message: string, options: { readonly param?: string; readonly code?: string } = {}) {
    super(message);
    this.name = "Refusal";
    this.status = status;
    this.param = options.param ?? null;
    this.code = options.code ?? null;
  }
}

// https://platform.openai.com/docs/guides/error-codes and https://platform.claude.com/docs/en/api/errors, November 2026.
const OPENAI_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "invalid_request_error",
  404: "invalid_request_error",
  429: "requests",
  500: "server_error",
  529: "server_error",
};
const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  404: "not_found_error",
  429: "rate_limit_error",
  500: "api_error",
  529: "overloaded_error",
};
// https://ai.google.dev/gemini-api/docs/troubleshooting, November 2026.
const GEMINI_STATUS: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  500: "INTERNAL",
  529: "UNAVAILABLE",
};
const FAULTS: Readonly<Record<number, readonly [message: string, code: string | null]>> = {
  400: ["The simulator was asked to refuse this request.", null],
  401: ["Incorrect API key provided.", "invalid_api_key"],
  429: ["Rate limit reached: the simulator was asked to say so.", "rate_limit_exceeded"],
  500: ["The server had an error while processing your request.", null],
  529: ["Overloaded", null],
};

/** The refusal that `x-sim-fault: STATUS` asks for. */
export function faultRefusal(status: number): Refusal {
  const [message, code] = FAULTS[status] ?? ["The simulator was asked to fail.", null];
  return new Refusal(status, message, code === null ? {} : { code });
}

/** Whose API a wire format belongs to. */
export function familyOf(dialect: DialectName): "openai" | "anthropic" | "gemini" {
  if (dialect.startsWith("gemini")) return "gemini";
  return dialect.startsWith("anthropic") ? "anthropic" : "openai";
}

/** A refusal's body in the dialect's shape. */
export function refusalBody(refusal: Refusal, dialect: DialectName, requestId: string): string {
  const { status, message, param, code } = refusal;
  if (familyOf(dialect) === "gemini")
    return JSON.stringify({ error: { code: status, message, status: GEMINI_STATUS[status] ?? "UNKNOWN" } });
  if (familyOf(dialect) === "anthropic") {
    const type = ANTHROPIC_TYPES[status] ?? "api_error";
    return JSON.stringify({ type: "error", error: { type, message }, request_id: requestId });
  }
  return JSON.stringify({ error: { message, type: OPENAI_TYPES[status] ?? "server_error", param, code } });
}
