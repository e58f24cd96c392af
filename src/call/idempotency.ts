/**
 * Idempotency-Key: the same request under the same key is sent and billed once. Money path: fails closed — what became of
 * the first one is never guessed, and nothing is sent again while it is not known to have cost nothing.
 */
import { createHash } from "node:crypto";
import { BursarError } from "../accounting/errors.js";
import type { IdempotencyMark } from "../accounting/ledger/entry.js";
import type { Admissible, CallRequest, RoadParts } from "./admissible.js";
import { coveringOf, viewsOf } from "./covering.js";
import type { Turn } from "./replies.js";
import type { CallReply } from "./reply.js";

/** What an earlier call with the same key came to, and where this one's reply goes. */
export interface Kept {
  /** The reply to give again; null: there is none, the call is to be made. */
  readonly reply: CallReply | null;
  /** Takes what the call came to, for its repeats, and answers it for the client. */
  readonly keep: (reply: CallReply) => CallReply;
}

/** A call without an Idempotency-Key. */
export const NOT_KEPT: Kept = { reply: null, keep: (reply) => reply };

const KEY_MAX = 255;

function hex(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** The mark of a request that carries an Idempotency-Key, or null. Throws BursarError `invalid_request` on a key that is none. */
export function idempotencyMark(request: CallRequest): IdempotencyMark | null {
  const value = request.headers["idempotency-key"];
  if (value === undefined) return null;
  if (value.length > KEY_MAX || !/^[\x21-\x7e]+$/.test(value)) {
    const told =
      value === ""
        ? "is empty"
        : value.length > KEY_MAX
          ? `has ${value.length} characters`
          : "has spaces or characters that are not visible ASCII";
    throw new BursarError("invalid_request", `The Idempotency-Key ${told}; it takes 1 to ${KEY_MAX} visible ones.`);
  }
  // The route counts as part of the request: the same bytes mean another thing elsewhere.
  const route = JSON.stringify([request.dialect.name, request.target ?? {}, request.query]);
  return { key: hex(`${request.key.name}\n`, value), body: hex(`${route}\n`, request.body) };
}

/**
 * What the key of a call says: go on, the stored reply, or a BursarError: `in_progress`, `reply_expired`,
 * `outcome_unknown`, `idempotency_mismatch`.
 */
export function recall(road: RoadParts, call: Admissible): Kept {
  if (call.idempotency === null) return NOT_KEPT;
  const turn = road.replies.begin({ ...call.idempotency, call_id: call.call_id });
  if (turn.kind === "mine") return { reply: null, keep: (reply) => keep({ road, turn, call }, reply) };
  const { reply } = turn;
  // What is left of the budgets is told as it is now.
  const figures = { ...reply.facts.figures, remaining: viewsOf(road, coveringOf(road, call.attribution)) };
  return { ...NOT_KEPT, reply: { ...reply, facts: { ...reply.facts, figures, replayed: true } } };
}

/** A call that is the one to make under its key. */
interface Made {
  readonly road: RoadParts;
  readonly turn: Extract<Turn, { kind: "mine" }>;
  readonly call: Admissible;
}

function keep(made: Made, reply: CallReply): CallReply {
  if (reply.kind === "stream") return { ...reply, body: copied(made, reply) };
  made.turn.end(reply);
  return reply;
}

/** Passes a stream on and keeps a copy; left before its end, or too large, it is not kept. */
function copied({ road, turn, call }: Made, reply: Extract<CallReply, { kind: "stream" }>): AsyncIterable<Uint8Array> {
  const { clock, limits } = road.needs;
  const chunks: Uint8Array[] = [];
  let handedAt = clock.monotonic();
  // A reader that takes nothing for so long counts as gone: what the pipe held is then missing from the copy.
  let stalled = false;
  turn.streaming();
  return {
    [Symbol.asyncIterator]() {
      const iterator = reply.body[Symbol.asyncIterator]();
      return {
        async next() {
          if (clock.monotonic() - handedAt >= limits.idle_ms) stalled = true;
          const next = await iterator.next();
          handedAt = clock.monotonic();
          if (next.done !== true) {
            if (turn.room(next.value.byteLength)) chunks.push(next.value);
            return next;
          }
          const { status, facts } = reply;
          turn.end(stalled || call.request.signal.aborted ? null : { kind: "whole", status, body: Buffer.concat(chunks), facts });
          return next;
        },
        async return() {
          turn.end(null);
          await iterator.return?.();
          return { done: true as const, value: undefined };
        },
      };
    },
  };
}
