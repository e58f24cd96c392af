import type { BursarError } from "../accounting/errors.js";
import type { AccountView } from "../accounting/ledger/command.js";
import { usdText } from "../accounting/units/money.js";
import type { CallReply } from "../call/reply.js";

/** Budgets listed in `x-bursar-remaining` at most; the tightest comes first. */
const REMAINING_MAX = 16;

function fraction(view: AccountView): number {
  if (view.limit === null || view.left === null) return 2;
  return view.limit === 0n ? 0 : Number((view.left * 10_000n) / view.limit);
}

function leftText(view: AccountView): string {
  if (view.left === null) return "unlimited";
  return view.unit === "usd" ? usdText(view.left) : String(view.left);
}

/** A header value that cannot break out of its line or its quotes. */
function safe(value: string): string {
  return value.replace(/[^\x20-\x7e]|["\\]/g, "?");
}

/** `name="agent-day";unit=tokens;left=812000;reset=…`, tightest first. */
export function remainingHeader(views: readonly AccountView[]): string {
  return [...views]
    .sort((a, b) => fraction(a) - fraction(b))
    .slice(0, REMAINING_MAX)
    .map((view) => {
      const reset = view.resets_at === null ? "" : `;reset=${new Date(view.resets_at).toISOString()}`;
      return `name="${safe(view.budget)}";unit=${view.unit};left=${leftText(view)}${reset}`;
    })
    .join(", ");
}

/** Retry advice of a refusal: waiting helps only where the ledger says so (4-wire: Refusals). */
function retryHeaders(error: BursarError): Record<string, string> {
  if (error.code === "budget_waiting") {
    const ms = Math.max(1, Number(error.details.retry_after_ms ?? 1000));
    return { "x-should-retry": "true", "retry-after-ms": String(ms), "retry-after": String(Math.max(1, Math.ceil(ms / 1000))) };
  }
  return error.retry === "later" ? {} : { "x-should-retry": "false" };
}

/** Status of an answer. A final budget refusal takes the status the key asks for. */
export function statusOf(reply: CallReply, exhausted: number | undefined): number {
  if (reply.kind !== "refused") return reply.status;
  return reply.error.code === "budget_exceeded" && exhausted !== undefined ? exhausted : reply.error.status;
}

/** Headers of an answer: the provider's that pass through, and Bursar's own figures. */
export function replyHeaders(reply: CallReply): Record<string, string> {
  const { figures, model, simulated, warnings, provider_headers, replayed } = reply.facts;
  const remaining = remainingHeader(figures.remaining);
  return {
    ...(reply.kind === "refused" ? { "content-type": "application/json" } : provider_headers),
    "x-bursar-call-id": figures.call_id,
    "x-bursar-ceiling-usd": figures.ceiling_usd,
    "x-bursar-cache": "off",
    ...(figures.cost_usd === null ? {} : { "x-bursar-cost-usd": figures.cost_usd }),
    ...(model === null ? {} : { "x-bursar-model": safe(model) }),
    ...(remaining === "" ? {} : { "x-bursar-remaining": remaining }),
    ...(warnings.length === 0 ? {} : { "x-bursar-warning": safe(warnings.join(", ")) }),
    ...(replayed === true ? { "x-bursar-idempotent-replay": "true" } : {}),
    ...(simulated ? { "x-bursar-simulated": "true" } : {}),
    ...(reply.kind === "refused" ? retryHeaders(reply.error) : {}),
  };
}
