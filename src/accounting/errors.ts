/** Advice for the caller: may the same request be sent again unchanged? */
export type RetryAdvice = "never" | "later" | "after-change";

/** One row of the error table: what HTTP status it has, whether a retry helps, and one sentence of meaning. */
export interface ErrorRow {
  readonly status: number;
  readonly retry: RetryAdvice;
  readonly meaning: string;
}

/**
 * Every error Bursar can answer with. `docs/reference/errors.md` mirrors this table and a test compares the two.
 * A code never changes its meaning once released.
 */
export const ERROR_TABLE = {
  budget_exceeded: { status: 402, retry: "after-change", meaning: "A hard budget has no room for this call." },
  budget_waiting: {
    status: 429,
    retry: "later",
    meaning: "The budget has room once calls in flight settle or its window turns, within 60 s.",
  },
  price_unknown: { status: 402, retry: "after-change", meaning: "No price is known for the model and a hard budget applies." },
  agent_paused: { status: 403, retry: "after-change", meaning: "The agent is paused." },
  task_killed: { status: 403, retry: "never", meaning: "The task was killed." },
  store_unavailable: { status: 503, retry: "later", meaning: "The ledger cannot be written; nothing was sent upstream." },
  unauthorized: { status: 401, retry: "after-change", meaning: "The key is missing or not known." },
  forbidden: { status: 403, retry: "after-change", meaning: "The key may not do this." },
  model_not_allowed: { status: 403, retry: "after-change", meaning: "The key may not use this model." },
  route_not_allowed: { status: 403, retry: "after-change", meaning: "The key may not use this route." },
  model_unknown: { status: 404, retry: "after-change", meaning: "No configured provider serves this model in this dialect." },
  provider_key_missing: { status: 401, retry: "after-change", meaning: "The provider has no API key configured." },
  route_unknown: { status: 404, retry: "never", meaning: "No such path." },
  method_not_allowed: { status: 405, retry: "never", meaning: "The path exists, the method does not." },
  not_built: { status: 501, retry: "never", meaning: "The feature is named in the design but not built yet." },
  invalid_request: { status: 400, retry: "after-change", meaning: "The request is malformed or contradicts itself." },
  parameter_refused: {
    status: 400,
    retry: "after-change",
    meaning: "A parameter that can change the bill cannot be bounded under a hard budget.",
  },
  body_too_large: { status: 413, retry: "after-change", meaning: "The body exceeds the size limit." },
  request_timeout: { status: 408, retry: "later", meaning: "The request body did not arrive in time." },
  in_progress: { status: 409, retry: "later", meaning: "A call with this Idempotency-Key is still in flight." },
  reply_expired: {
    status: 409,
    retry: "never",
    meaning: "The call of this Idempotency-Key is done and paid, and its reply is no longer kept.",
  },
  outcome_unknown: {
    status: 409,
    retry: "never",
    meaning: "Nobody knows what became of the call of this Idempotency-Key; it is not sent again.",
  },
  idempotency_mismatch: {
    status: 422,
    retry: "after-change",
    meaning: "This Idempotency-Key was used with another request.",
  },
  conflict: { status: 409, retry: "never", meaning: "The ledger already has another outcome for this id." },
  not_found: { status: 404, retry: "after-change", meaning: "There is no such thing by this name or id." },
  upstream_unreachable: { status: 502, retry: "later", meaning: "The provider could not be reached; nothing was billed." },
  upstream_failed: { status: 502, retry: "later", meaning: "The provider failed after the call was sent." },
  upstream_timeout: { status: 504, retry: "later", meaning: "The provider did not answer in time; the outcome is unknown." },
  upstream_invalid: {
    status: 502,
    retry: "later",
    meaning: "The provider answered something that is not a reply of its dialect.",
  },
  config_invalid: { status: 500, retry: "after-change", meaning: "The configuration file has errors." },
  ledger_locked: { status: 503, retry: "later", meaning: "Another Bursar holds the data directory." },
  ledger_corrupt: { status: 503, retry: "never", meaning: "The ledger fails verification; hard budgets are not served." },
  ledger_newer: { status: 503, retry: "never", meaning: "The ledger was written by a newer Bursar." },
  internal: { status: 500, retry: "later", meaning: "A fault of Bursar's own; the log has the details under the call id." },
} as const satisfies Record<string, ErrorRow>;

/** A code of the error table. */
export type ErrorCode = keyof typeof ERROR_TABLE;

/** Values that name the subject, the limit and the way out; JSON-ready, money as decimal strings. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null>>;

/**
 * The one error class. `message` is for a person and names the value, the limit and the way out;
 * `details` carries the same for machines. Never holds a secret or a prompt.
 */
export class BursarError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = "BursarError";
    this.code = code;
    this.details = details;
  }

  /** HTTP status of this code. */
  get status(): number {
    return ERROR_TABLE[this.code].status;
  }

  get retry(): RetryAdvice {
    return ERROR_TABLE[this.code].retry;
  }
}
