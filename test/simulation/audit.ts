/** What the provider charged against what the ledger says, attempt by attempt. */
import type { AttemptBook, Books } from "./books.js";
import type { ClientCall } from "./clients.js";
import { chargeFor, type Dispatch } from "./provider.js";
import type { RemoteAttempt } from "./remote.js";
import { billOf } from "./script.js";

/** Causes for which an attempt of the road may be presumed, and what must then have happened. */
function isExplained({ reason, attempt_id }: AttemptBook, { script }: Dispatch, died: boolean): string | null {
  if (reason === "crash") return died ? null : `${attempt_id} is presumed for a crash that its process did not have.`;
  if (reason === "timeout")
    return script.end === "hang" || script.end === "silent" ? null : `${attempt_id} timed out and nothing hung.`;
  if (reason === "reset") return script.end === "reset" ? null : `${attempt_id} was reset and nothing broke.`;
  return `${attempt_id} is presumed for ${reason}, which did not happen.`;
}

/** Tokens on their way are the only ones that nobody can have covered: a whole reply has none. */
function inFlight({ script, inFlight }: Dispatch): bigint {
  const streams = (script.headers["content-type"] ?? "").startsWith("text/event-stream");
  return streams && script.bills ? billOf(script.model, { fresh: 0, cached: 0, output: inFlight }) : 0n;
}

/** A bill beyond the hold has the cause that is named for it, or the hold was not what it must be. */
function causeMissing({ attempt_id, overrun, evidence }: AttemptBook, { script }: Dispatch): string | null {
  if (evidence !== "provider" || overrun === null || overrun === "U3") return null;
  const happened = overrun === "U1" ? script.cap_ignored : overrun === "U2" && script.surprising;
  return happened ? null : `I2: ${attempt_id} cost more than its hold; ${overrun} is named for it and did not happen.`;
}

/** What is wrong with how one request was settled, or null. */
function problemOf(attempt: AttemptBook | undefined, dispatch: Dispatch, died: boolean): string | null {
  const { attempt_id, script, told } = dispatch;
  const charge = chargeFor(dispatch);
  if (attempt === undefined) return `I14: ${attempt_id} was sent and the log knows nothing of it.`;
  const { state, nano, evidence, outcome } = attempt;
  if (state === "pending") return `I7: ${attempt_id} is still pending.`;
  if (state === "voided") return charge === 0n ? null : `${attempt_id} was voided and is billed at ${charge}.`;
  if (state === "presumed") {
    const why = isExplained(attempt, dispatch, died);
    if (why !== null) return why;
  } else {
    if (outcome === "resolved") return nano === charge ? null : `${attempt_id} was resolved at ${nano}, billed at ${charge}.`;
    // Whoever leaves or is cut may do so before the usage is read; whatever was read as the bill is the bill.
    // A model without a price is only admitted where no hard budget is, and then counted as the dearest there is.
    const exact = script.model !== "mystery" || nano < charge;
    const unnamed = causeMissing(attempt, dispatch);
    if (unnamed !== null) return unnamed;
    const final = evidence === "provider" || (told && outcome !== "aborted" && outcome !== "cut");
    if (final && told)
      return nano === charge || !exact
        ? null
        : `${attempt_id} told its bill of ${charge} and is posted at ${nano} (${evidence}).`;
  }
  // Nobody can know of input beyond every estimate, or of output beyond the cap, that no usage ever told.
  if (script.surprising || script.cap_ignored) return null;
  // At a cut the boundary was crossed by the meter, which is within a tenth of the truth (U3).
  const metered = attempt.outcome === "cut" ? nano / 10n : 0n;
  return nano + metered + inFlight(dispatch) >= charge
    ? null
    : `${attempt_id} is ${state} at ${nano} (${evidence ?? attempt.reason}), billed at ${charge}.`;
}

export interface Audited {
  readonly calls: readonly ClientCall[];
  readonly remotes: ReadonlyMap<string, RemoteAttempt>;
  readonly books: Books;
  /** Did the wall clock stay within a day? Keys are remembered for one. */
  readonly keysKept: boolean;
  /** Did this process die? */
  readonly died: (owner: number) => boolean;
}

/** The first thing that is wrong between bill and ledger, or null. */
export function auditBill({ calls, remotes, books, keysKept, died }: Audited): string | null {
  for (const call of calls) {
    for (const dispatch of call.dispatches) {
      const problem = problemOf(books.attempts.get(dispatch.attempt_id), dispatch, died(call.owner));
      if (problem !== null) return problem;
    }
  }
  for (const [attempt_id, { bill }] of remotes) {
    const attempt = books.attempts.get(attempt_id);
    if (attempt === undefined) continue;
    if (attempt.state === "pending") return `I7: ${attempt_id} is still pending.`;
    const covered = attempt.state === "voided" ? 0n : attempt.nano;
    const beyondHold = attempt.state === "presumed" && covered < bill;
    if (covered < bill && !beyondHold) return `${attempt_id} is ${attempt.state} at ${covered}, billed at ${bill}.`;
  }
  return keysKept ? twiceUnderOneKey(calls) : null;
}

/** One Idempotency-Key is billed once. */
function twiceUnderOneKey(calls: readonly ClientCall[]): string | null {
  const billed = new Map<string, string>();
  for (const { idempotency, call_id, dispatches } of calls) {
    if (idempotency === null || !dispatches.some((dispatch) => chargeFor(dispatch) > 0n)) continue;
    const before = billed.get(idempotency);
    if (before !== undefined) return `The key ${idempotency} was billed for ${before} and again for ${call_id}.`;
    billed.set(idempotency, call_id);
  }
  return null;
}
