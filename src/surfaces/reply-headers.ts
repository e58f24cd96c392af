import type { BursarError } from "../accounting/errors.js";
import type { AccountView } from "../accounting/ledger/command.js";
import { usdText } from "../accounting/units/money.js";
import type { CallReply } from "../call/reply.js";
import { isoText } from "./iso-text.js";

/** Budgets listed in `x-bursar-remaining` at most; the tightest comes first. */
const REMAINING_MAX = 16;

/** What is left of a limit, in ten-thousandths; without a limit more than of any. */
function fraction(view: AccountView): number {
  if (view.limit === null || view.left === null) return 20_000;
  return view.limit === 0n ? 0 : Number((view.left * 10_000n) / view.limit);
}

function leftText(view: AccountView): string {
  if (view.left === null) return "unlimited";
  return view.unit === "usd" ? usdText(view.left) : String(view.left);
}

const UNSAFE = /[^\x20-\x7e]|["\\]/;
const EVERY_UNSAFE = new RegExp(UNSAFE, "g");

/** A header value that cannot break out of its line or its quotes. */
function safe(value: string): string {
  return UNSAFE.test(value) ? value.replace(EVERY_UNSAFE, "?") : value;
}

/** Puts the tightest first; equally tight ones stay in their order. By insertion: there are a handful of them. */
function tightestFirst(views: readonly AccountView[]): AccountView[] {
  const sorted: AccountView[] = [];
  const fractions: number[] = [];
  for (const view of views) {
    const own = fraction(view);
    let at = sorted.length;
    for (; at > 0 && (fractions[at - 1] as number) > own; at--) {
      sorted[at] = sorted[at - 1] as AccountView;
      fractions[at] = fractions[at - 1] as number;
    }
    sorted[at] = view;
    fractions[at] = own;
  }
  return sorted;
}

/** `name="agent-day";unit=tokens;left=812000;reset=…`, tightest first. */
export function remainingHeader(views: readonly AccountView[]): string {
  const sorted = tightestFirst(views);
  let text = "";
  for (let index = 0; index < sorted.length && index < REMAINING_MAX; index++) {
    const view = sorted[index] as AccountView;
    if (index > 0) text += ", ";
    text += `name="${safe(view.budget)}";unit=${view.unit};left=${leftText(view)}`;
    if (view.resets_at !== null) text += `;reset=${isoText(view.resets_at)}`;
  }
  return text;
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
  const headers: Record<string, string> = {};
  if (reply.kind === "refused") headers["content-type"] = "application/json";
  else for (const name in provider_headers) headers[name] = provider_headers[name] as string;
  headers["x-bursar-call-id"] = figures.call_id;
  headers["x-bursar-ceiling-usd"] = figures.ceiling_usd;
  headers["x-bursar-cache"] = "off";
  if (figures.cost_usd !== null) headers["x-bursar-cost-usd"] = figures.cost_usd;
  if (model !== null) headers["x-bursar-model"] = safe(model);
  if (figures.remaining.length > 0) headers["x-bursar-remaining"] = remainingHeader(figures.remaining);
  if (warnings.length > 0) headers["x-bursar-warning"] = safe(warnings.join(", "));
  if (replayed === true) headers["x-bursar-idempotent-replay"] = "true";
  if (simulated) headers["x-bursar-simulated"] = "true";
  if (reply.kind === "refused") Object.assign(headers, retryHeaders(reply.error));
  return headers;
}
