/** Settles a whole (not streamed) reply. Money path: fails closed — a reply without valid usage is posted at what was held. */
import { BursarError } from "../accounting/errors.js";
import type { Ceiling } from "../accounting/ledger/command.js";
import { type Attempt, type Outcome, settle } from "./attempt.js";
import { holdWholeCap, restOfCap } from "./extend-hold.js";
import { usageBeyondHold } from "./metered-usage.js";
import { type CallNeeds, type ReplyRead, UpstreamFailure, type UpstreamReply } from "./needs.js";

/** Reads a body to its end; more than `bytesMax` is `invalid`. */
export async function readWhole(reply: Pick<UpstreamReply, "body" | "whole">, bytesMax: number): Promise<Uint8Array> {
  if (reply.whole !== undefined) return reply.whole(bytesMax);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of reply.body) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw new UpstreamFailure("invalid", `The reply exceeds ${bytesMax} bytes.`);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
}

/** What is posted where nobody can read what was used: all that is held, and what may be billed beside it. */
export function postOfUnread(
  of: { ended: "end" | "failed"; flags: readonly string[]; response_id: string | null },
  beyond: Ceiling | undefined,
): Outcome {
  return beyond === undefined ? { kind: "post_held", ...of } : { kind: "post_held", ...of, beyond };
}

/** What a failed upstream means for the money: `connect` proves that nothing was sent, all else is unknown. */
export function outcomeOfFailure(failure: UpstreamFailure, beyond?: Ceiling): Outcome {
  if (failure.kind === "connect") return { kind: "void", proof: "connect_failed" };
  if (failure.kind === "invalid") return postOfUnread({ ended: "failed", flags: ["invalid_reply"], response_id: null }, beyond);
  return { kind: "presume", reason: failure.kind };
}

/** The error a caller sees for a failed upstream. */
export function errorOfFailure(failure: UpstreamFailure, provider: string): BursarError {
  const codes = { connect: "upstream_unreachable", timeout: "upstream_timeout", invalid: "upstream_invalid" } as const;
  const code = failure.kind in codes ? codes[failure.kind as keyof typeof codes] : "upstream_failed";
  const ends = failure.kind === "connect" ? "Nothing was sent or billed." : "Its cost is counted in full until it is known.";
  // A client's own connection says its errors without a full stop.
  const said = /[.!?]$/.test(failure.message) ? failure.message : `${failure.message}.`;
  return new BursarError(code, `${provider}: ${said} ${ends}`, { provider, kind: failure.kind }, { cause: failure });
}

/** The provider's usage; without it the most that may be billed, or what the body shows beyond it (a cap that was not kept). */
function outcomeOfReply(attempt: Attempt, read: ReplyRead): Outcome {
  const { usage, response_id, flags } = read;
  const rest = restOfCap(attempt);
  if (usage !== null) {
    // No account had room for the whole cap: output within it was made before the hold could be grown.
    if (rest !== undefined) return { kind: "post", usage, ended: "end", cause: "U3", flags, response_id };
    return { kind: "post", usage, ended: "end", flags, response_id };
  }
  const told = [...flags, "no_usage"];
  const beyond = rest === undefined ? usageBeyondHold(attempt, read) : null;
  if (beyond === null) return postOfUnread({ ended: "end", flags: told, response_id }, rest);
  return { kind: "post", usage: beyond, ended: "end", cause: "U1", flags: told, response_id };
}

/** Settles a whole reply and answers its bytes with the cost. Throws BursarError when the reply is none. */
export async function settleReply(
  needs: CallNeeds,
  attempt: Attempt,
  reply: UpstreamReply,
): Promise<{ body: Uint8Array; cost: bigint | null }> {
  const { candidate, dialect } = attempt;
  if (attempt.bound.sliced) await holdWholeCap(needs, attempt);
  let body: Uint8Array;
  try {
    body = await readWhole(reply, needs.limits.reply_bytes_max);
  } catch (error) {
    const failure =
      error instanceof UpstreamFailure ? error : new UpstreamFailure("reset", "The reply broke off.", { cause: error });
    // The request was sent: whatever broke now, a bill is possible.
    const unknown: Outcome = { kind: "presume", reason: "reset" };
    await settle(needs, attempt, failure.kind === "connect" ? unknown : outcomeOfFailure(failure, restOfCap(attempt)));
    throw errorOfFailure(failure, candidate.provider);
  }
  const read = dialect.readReply(body, candidate.upstream.quirks);
  if (read.valid) return { body, cost: await settle(needs, attempt, outcomeOfReply(attempt, read)) };
  const { response_id } = read;
  const flags = [...read.flags, "invalid_reply"];
  await settle(needs, attempt, postOfUnread({ ended: "failed", flags, response_id }, restOfCap(attempt)));
  const message = `${candidate.provider} answered ${reply.status} with something that is no ${dialect.name} reply. It is counted at what was held.`;
  throw new BursarError("upstream_invalid", message, { provider: candidate.provider });
}
