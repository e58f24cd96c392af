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

/** A cut stream is read for so long for what is on its way; all of that is only metered. */
const IN_FLIGHT_MS = 20;

/** Output of the event that crossed the boundary when a stream was cut, and of all that was asked for after it. */
function beyondBoundary({ sent }: Dispatch): number {
  const since = (sent.at(-1)?.at ?? 0) - IN_FLIGHT_MS;
  let sum = 0;
  for (let index = sent.length - 1; index >= 0; index--) {
    const { at, tokens } = sent[index] as Dispatch["sent"][number];
    sum += tokens;
    if (at < since && tokens > 0) break;
  }
  return sum;
}

/**
 * What may be billed beyond what is counted where no usage was read, in nano-dollars: output on its way when nobody read on,
 * with the event that crossed the boundary where the stream was cut for it (U3); output beyond the cap (U1); input beyond
 * what was held for it (U2). A whole reply, or one that came to its end, has nothing on its way.
 */
function unseenAtMost({ outcome, state, input }: AttemptBook, dispatch: Dispatch): bigint {
  const { script, produced, inFlight } = dispatch;
  if (!script.bills) return 0n;
  const streams = (script.headers["content-type"] ?? "").startsWith("text/event-stream");
  // A stream was asked for and the answer comes in one piece: all of it is on its way until it is there.
  if (script.stream && !streams && state === "presumed") return billOf(script.model, { fresh: 0, cached: 0, output: produced });
  const onItsWay = streams && (state === "presumed" || outcome === "aborted") ? inFlight : 0;
  const crossed = streams && outcome === "cut" ? beyondBoundary(dispatch) : 0;
  const beyondCap = script.cap_ignored ? Math.max(0, produced - script.cap) : 0;
  const beyondInput = script.surprising ? Math.max(0, script.fresh + script.cached - input) : 0;
  const output = Math.min(produced, onItsWay + crossed + beyondCap);
  return billOf(script.model, { fresh: beyondInput, cached: 0, output });
}

/** A bill beyond the hold has the cause that is named for it, or the hold was not what it must be. */
function causeMissing({ attempt_id, overrun, outcome }: AttemptBook, { script }: Dispatch): string | null {
  if (overrun === null) return null;
  const streamed = (script.headers["content-type"] ?? "").startsWith("text/event-stream");
  const happened: Readonly<Record<string, boolean>> = {
    U1: script.cap_ignored,
    U2: script.surprising,
    // On its way when the stream was cut or left; or all of it, where a stream was asked for and none came.
    U3: outcome === "cut" || outcome === "aborted" || (script.stream && !streamed),
  };
  if (happened[overrun] === true) return null;
  return `I2: ${attempt_id} cost more than its hold; ${overrun} is named for it and did not happen.`;
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
    const unnamed = causeMissing(attempt, dispatch);
    if (unnamed !== null) return unnamed;
    // Whoever leaves or is cut may do so before the usage is read; whatever was read as the bill is the bill.
    // A model without a price is only admitted where no hard budget is, and then counted as the dearest there is.
    const exact = script.model !== "mystery" || nano < charge;
    const final = evidence === "provider" || (told && outcome !== "aborted" && outcome !== "cut");
    if (final && told)
      return nano === charge || !exact
        ? null
        : `${attempt_id} told its bill of ${charge} and is posted at ${nano} (${evidence}).`;
  }
  const unseen = unseenAtMost(attempt, dispatch);
  return nano + unseen >= charge
    ? null
    : `${attempt_id} is ${state} at ${nano} (${evidence ?? attempt.reason}, ${outcome}), billed at ${charge}, of which ${unseen} can have been unseen.`;
}

export interface Audited {
  readonly calls: readonly ClientCall[];
  readonly remotes: ReadonlyMap<string, RemoteAttempt>;
  readonly books: Books;
  /** Did this process die? */
  readonly died: (owner: number) => boolean;
}

/** What the provider charges for an attempt that nobody works on any more. */
export function chargedFor(attempt_id: string, { calls, remotes }: Pick<Audited, "calls" | "remotes">): bigint {
  const remote = remotes.get(attempt_id);
  if (remote !== undefined) return remote.bill;
  for (const { dispatches } of calls) {
    const dispatch = dispatches.find((one) => one.attempt_id === attempt_id);
    if (dispatch !== undefined) return chargeFor(dispatch);
  }
  return 0n;
}

/** The first thing that is wrong between bill and ledger, or null. */
export function auditBill({ calls, remotes, books, died }: Audited): string | null {
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
  return twiceUnderOneKey(calls, books);
}

/** Keys are remembered for a day of the ledger's time. */
const REMEMBERED_MS = 24 * 3_600_000;

/** One Idempotency-Key is billed once within a day. */
function twiceUnderOneKey(calls: readonly ClientCall[], books: Books): string | null {
  const billed = new Map<string, { call_id: string; at: number }>();
  for (const { idempotency, call_id, dispatches } of calls) {
    const paid = dispatches.find((dispatch) => chargeFor(dispatch) > 0n);
    if (idempotency === null || paid === undefined) continue;
    const at = books.attempts.get(paid.attempt_id)?.at ?? 0;
    const before = billed.get(idempotency);
    if (before !== undefined && at - before.at < REMEMBERED_MS)
      return `The key ${idempotency} was billed for ${before.call_id} and ${at - before.at} ms later again for ${call_id}.`;
    billed.set(idempotency, { call_id, at });
  }
  return null;
}
