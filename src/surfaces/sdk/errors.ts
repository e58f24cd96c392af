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

/** What official clients' errors have in common. */
interface ClientError {
  readonly status?: number;
  readonly error?: unknown;
  readonly message: string;
}

/** The error object in the body: OpenAI's client unwraps `error`, Anthropic's keeps the whole body. */
function bodyOf(error: ClientError): Record<string, unknown> | null {
  const outer = error.error;
  if (typeof outer !== "object" || outer === null) return null;
  const inner = (outer as Record<string, unknown>).error;
  return (typeof inner === "object" && inner !== null ? inner : outer) as Record<string, unknown>;
}

function codeOf(body: Record<string, unknown>): string {
  const metadata = body.metadata;
  const told = typeof metadata === "object" && metadata !== null ? (metadata as Record<string, unknown>).code : undefined;
  return String(told ?? body.code ?? body.type ?? "");
}

/**
 * Bursar's own error behind the error that a wrapped official client threw, or null when it is not one of Bursar's.
 * Use it in a catch: `if (bursarErrorOf(error) instanceof BudgetExceeded) …`.
 */
export function bursarErrorOf(error: unknown): BudgetExceeded | AgentPaused | StoreUnavailable | null {
  if (!(error instanceof Error)) return null;
  const body = bodyOf(error as ClientError);
  if (body === null) return null;
  const details = (typeof body.metadata === "object" && body.metadata !== null ? body.metadata : {}) as ErrorDetails;
  const message = typeof body.message === "string" ? body.message : error.message;
  switch (codeOf(body)) {
    case "budget_exceeded":
    case "budget_waiting":
    case "insufficient_quota":
    case "billing_error":
      return new BudgetExceeded("budget_exceeded", message, details, { cause: error });
    case "agent_paused":
      return new AgentPaused("agent_paused", message, details, { cause: error });
    case "store_unavailable":
      return new StoreUnavailable("store_unavailable", message, details, { cause: error });
    default:
      return null;
  }
}
