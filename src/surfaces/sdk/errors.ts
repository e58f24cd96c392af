import { BursarError, type ErrorDetails } from "../../accounting/errors.js";

/** A hard budget has no room. `details`: budget, unit, limit, used, held, requested, resets_at, call_id. */
export class BudgetExceeded extends BursarError {
  override readonly name = "BudgetExceeded";
}

/** The agent is paused by a person or a rule. */
export class AgentPaused extends BursarError {
  override readonly name = "AgentPaused";
}

/** The ledger cannot be written; nothing was sent. */
export class StoreUnavailable extends BursarError {
  override readonly name = "StoreUnavailable";
}

/** What a typed error carries. */
interface Told {
  readonly message: string;
  readonly details: ErrorDetails;
  readonly cause: unknown;
}

function typed(code: string, told: Told): BudgetExceeded | AgentPaused | StoreUnavailable | null {
  const { message, details, cause } = told;
  switch (code) {
    case "budget_exceeded":
    case "budget_waiting":
    case "insufficient_quota":
    case "billing_error":
      return new BudgetExceeded("budget_exceeded", message, details, { cause });
    case "agent_paused":
      return new AgentPaused("agent_paused", message, details, { cause });
    case "store_unavailable":
      return new StoreUnavailable("store_unavailable", message, details, { cause });
    default:
      return null;
  }
}

/** A refusal of the road by its class; other errors stay what they are. */
export function typedError(error: BursarError): BursarError {
  return typed(error.code, { message: error.message, details: error.details, cause: error }) ?? error;
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

function parsed(text: unknown): unknown {
  if (typeof text !== "string" || !text.trimStart().startsWith("{")) return null;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/**
 * The error object in the body: OpenAI's client unwraps `error`, Anthropic's keeps the whole body, Google's has its text
 * as the message, the AI SDK keeps the body as text.
 */
function bodyOf(error: Error): Fields | null {
  const fields = error as unknown as Fields;
  for (const outer of [fields.error, parsed(fields.responseBody), parsed(error.message)]) {
    if (isFields(outer)) return isFields(outer.error) ? outer.error : outer;
  }
  return null;
}

/** Bursar's own figures: OpenAI and Anthropic bodies have them beside the message, Google's in its details. */
function metadataOf(body: Fields): Fields {
  if (isFields(body.metadata)) return body.metadata;
  const details = Array.isArray(body.details) ? body.details : [];
  const info: unknown = details.find((detail) => isFields(detail) && detail.domain === "bursar");
  return isFields(info) && isFields(info.metadata) ? info.metadata : {};
}

/** Errors inside errors that are looked into. */
const CAUSES_MAX = 8;

/**
 * Bursar's own error behind the error that a wrapped client or a framework threw, or null when it is not one of Bursar's.
 * Use it in a catch: `if (bursarErrorOf(error) instanceof BudgetExceeded) …`.
 */
export function bursarErrorOf(error: unknown): BudgetExceeded | AgentPaused | StoreUnavailable | null {
  let at: unknown = error;
  for (let depth = 0; at instanceof Error && depth < CAUSES_MAX; depth++) {
    if (at instanceof BudgetExceeded || at instanceof AgentPaused || at instanceof StoreUnavailable) return at;
    if (at instanceof BursarError) return typed(at.code, { message: at.message, details: at.details, cause: at });
    const body = bodyOf(at);
    if (body !== null) {
      const metadata = metadataOf(body);
      const message = typeof body.message === "string" ? body.message : at.message;
      const code = String(metadata.code ?? body.code ?? body.type ?? "");
      const found = typed(code, { message, details: metadata as ErrorDetails, cause: error });
      if (found !== null) return found;
    }
    // The AI SDK keeps the last of several attempts under a name of its own.
    at = at.cause ?? (at as { lastError?: unknown }).lastError;
  }
  return null;
}
