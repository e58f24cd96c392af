/**
 * Sends a call: each attempt under its own hold, candidates in order, retries only where the provider bills nothing.
 * Money path: fails closed — the hold is durable before the first byte goes upstream.
 */

import { BursarError, type ErrorDetails } from "../accounting/errors.js";
import type { LedgerRefusal } from "../accounting/ledger/command.js";
import { costOf } from "../accounting/price/cost.js";
import { usdText } from "../accounting/units/money.js";
import type { Admissible, RoadParts } from "./admissible.js";
import { type Attempt, figuresOf, settle } from "./attempt.js";
import { boundClosely } from "./bound-closely.js";
import { openCallSignal } from "./call-signal.js";
import { attributionOf } from "./caller.js";
import { coveringOf } from "./covering.js";
import { toolUsesToSend } from "./estimate-ceiling.js";
import {
  type CallNeeds,
  type Candidate,
  type Splice,
  UpstreamFailure,
  type UpstreamReply,
  type UpstreamRequest,
} from "./needs.js";
import { observe } from "./observe.js";
import type { CallReply, ReplyFacts } from "./reply.js";
import { errorOfFailure, outcomeOfFailure, readWhole, settleReply } from "./settle-reply.js";
import { settleStream } from "./settle-stream.js";

/** Longest wait before a retry of our own; a provider that asks for more is passed on to the client. */
const RETRY_WAIT_MAX_MS = 5_000;
const RETRY_WAIT_FIRST_MS = 250;
/** An error body is for people; this much of it is kept. */
const ERROR_BODY_MAX = 1_048_576;

/** What one attempt came to: an answer for the client, or a failure before anything was forwarded. */
type Tried =
  | { readonly kind: "reply"; readonly reply: CallReply }
  | {
      readonly kind: "failed";
      /** Wait before the same candidate is tried again; null: that would not help, or may be billed twice. */
      readonly waitMs: number | null;
      /** What the client gets when nothing else is tried: a reply, or a BursarError thrown. */
      readonly give: () => CallReply;
    };

/** Refusals of a fallback that say nothing of the money: this request cannot go to that model, so it is passed over. */
const UNFIT: ReadonlySet<string> = new Set(["parameter_refused", "invalid_request"]);

/**
 * Tries candidates in order until one answers, each again where its provider bills nothing and a wait is bearable. Every
 * attempt takes its own hold at its own price, so a fallback that no budget can pay is refused like any call. Throws
 * BursarError when the call is refused or cannot be served.
 */
export async function sendCandidates(road: RoadParts, call: Admissible): Promise<CallReply> {
  const { clock, limits } = road.needs;
  const { signal } = call.request;
  let number = 0;
  let last: (() => CallReply) | null = null;
  for (const candidate of call.candidates) {
    try {
      for (let retry = 0; ; retry++) {
        number += 1;
        const tried = await tryOnce(road, call, { candidate, number });
        if (tried.kind === "reply") return tried.reply;
        const { waitMs, give } = tried;
        last = give;
        if (retry >= limits.retries_max || signal.aborted || waitMs === null || waitMs > RETRY_WAIT_MAX_MS) break;
        await clock.sleep(Math.max(waitMs, RETRY_WAIT_FIRST_MS * 2 ** retry), signal);
        if (signal.aborted) break;
      }
    } catch (error) {
      if (last === null || !(error instanceof BursarError) || !UNFIT.has(error.code)) throw error;
    }
    if (signal.aborted) break;
  }
  if (last === null) throw new BursarError("model_unknown", `No provider serves "${call.parsed.model}".`);
  return last();
}

async function takeHold(road: RoadParts, call: Admissible, of: { candidate: Candidate; number: number }): Promise<Attempt> {
  const { needs } = road;
  const { candidate, number } = of;
  const { call_id, parsed, idempotency } = call;
  const { upstream } = candidate;
  const attribution = candidate === call.candidates[0] ? call.attribution : attributionOf(call.caller, candidate.canonical);
  const covering = coveringOf(road, attribution);
  const price = candidate.price ?? (covering.unknown_price_allowed ? candidate.dearest : null);
  const bounding = boundClosely(road, call, { candidate, attribution, covering });
  const bounded = bounding instanceof Promise ? await bounding : bounding;
  const attempt_id = `${call_id}.${number}`;
  const hold = {
    type: "hold" as const,
    call_id,
    attempt_id,
    attribution,
    provider: candidate.provider,
    price_id: price?.id ?? null,
    price_unknown: price === null && call.parsed.billed !== "nothing",
    ceiling: bounded.ceiling,
    estimated_input: bounded.estimated_input,
    simulated: upstream.simulated,
  };
  const [result] = await needs.ledger.apply([idempotency === null ? hold : { ...hold, idempotency }]);
  if (result === undefined) throw new BursarError("internal", "The ledger did not answer the hold.");
  if (!result.ok) throw refusalError(result.refusal, call);
  observe(needs, { kind: "admitted", call_id, agent: attribution.agent, model: attribution.model });
  return {
    call_id,
    attempt_id,
    attribution,
    candidate,
    dialect: call.request.dialect,
    request: parsed,
    bound: bounded,
    price,
    held: bounded.ceiling,
    accounts: result.accounts,
    settled: false,
    startedAt: call.startedAt,
  };
}

/** A ledger's refusal as the error a client reads; amounts only of the caller's own account. */
function refusalError(refusal: LedgerRefusal, call: Admissible): BursarError {
  const { account } = refusal;
  const { exhausted_status } = call.request.key;
  const amount = (value: bigint): string => (account?.unit === "usd" ? usdText(value) : String(value));
  const details: ErrorDetails =
    account === undefined
      ? { call_id: call.call_id }
      : {
          budget: account.budget,
          scope: account.group.join(","),
          unit: account.unit,
          limit: account.limit === null ? null : amount(account.limit),
          used: amount(account.used),
          held: amount(account.held),
          requested: refusal.requested === undefined ? null : amount(refusal.requested),
          resets_at: account.resets_at === null ? null : new Date(account.resets_at).toISOString(),
          call_id: call.call_id,
          explain_url: `/api/v1/explain/${call.call_id}`,
          ...(exhausted_status === undefined ? {} : { exhausted_status }),
          ...(refusal.retry_after_ms === undefined ? {} : { retry_after_ms: refusal.retry_after_ms }),
        };
  return new BursarError(refusal.code, refusal.message, details);
}

async function tryOnce(road: RoadParts, call: Admissible, of: { candidate: Candidate; number: number }): Promise<Tried> {
  const { needs, active } = road;
  const { signal } = call.request;
  const attempt = await takeHold(road, call, of);
  active.add(attempt.attempt_id);
  let streaming = false;
  const abort = openCallSignal();
  try {
    if (signal.aborted) {
      await settle(needs, attempt, { kind: "void", proof: "not_sent" });
      throw new BursarError("request_timeout", "The client left before the call was sent.");
    }
    let reply: UpstreamReply;
    try {
      reply = await of.candidate.upstream.send(upstreamRequest(call, attempt), abort);
    } catch (error) {
      return await afterFailure(road, attempt, error);
    }
    const { status } = reply;
    if (status < 200 || status > 299) return await afterError(road, call, { attempt, reply });
    if (call.parsed.stream && isStream(call, reply)) {
      streaming = true;
      // The facts are those of the hold: the head goes out before the stream is settled.
      const facts = factsOf(call, attempt, { reply, cost: null });
      const abortUpstream = (): void => abort.abort();
      const done = (): void => void active.delete(attempt.attempt_id);
      const body = settleStream({ needs, attempt, reply, clientSignal: signal, abortUpstream, done });
      return { kind: "reply", reply: { kind: "stream", status, body, facts } };
    }
    return await wholeReply(needs, call, { attempt, reply });
  } catch (error) {
    // Whatever broke after the hold and was not settled where it broke: nobody knows what was billed.
    if (!attempt.settled) await settle(needs, attempt, { kind: "presume", reason: "fault" });
    throw error;
  } finally {
    if (!streaming) active.delete(attempt.attempt_id);
  }
}

/** Is the answer a stream, as it was asked for? */
function isStream(call: Admissible, reply: UpstreamReply): boolean {
  const type = call.parsed.target.framing === "json" ? "application/json" : "text/event-stream";
  return (reply.headers["content-type"] ?? "").includes(type);
}

/** The whole reply, or that it is none: the attempt is then settled, and another model may still answer. */
async function wholeReply(needs: CallNeeds, call: Admissible, of: { attempt: Attempt; reply: UpstreamReply }): Promise<Tried> {
  const { attempt, reply } = of;
  try {
    const { body, cost } = await settleReply(needs, attempt, reply);
    const facts = factsOf(call, attempt, { reply, cost });
    return { kind: "reply", reply: { kind: "whole", status: reply.status, body, facts } };
  } catch (error) {
    if (!(error instanceof BursarError) || !error.code.startsWith("upstream_")) throw error;
    return failed(error);
  }
}

/** A failure that the same provider is not asked about again: the attempt may have been billed. */
function failed(told: BursarError, waitMs: number | null = null): Tried {
  const give = (): never => {
    throw told;
  };
  return { kind: "failed", waitMs, give };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What is changed of the client's bytes: only what was held for and is not there already. */
function spliceOf(call: Admissible, { candidate, bound: bounded }: Attempt): Splice {
  const { parsed } = call;
  const splice: Writable<Splice> = {};
  if (candidate.model !== parsed.model) splice.model = candidate.model;
  if (bounded.cap_upstream) {
    if (bounded.output_cap !== parsed.output_cap) splice.output_cap = bounded.output_cap;
    const uses = toolUsesToSend(parsed, call.request.key);
    if (uses !== null) splice.tool_uses = uses;
  }
  if (parsed.stream && !parsed.wants_usage) splice.include_usage = true;
  return splice;
}

const NO_CREDENTIALS: Readonly<Record<string, string>> = Object.freeze({});

function upstreamRequest(call: Admissible, attempt: Attempt): UpstreamRequest {
  const { request, parsed } = call;
  const { upstream, model } = attempt.candidate;
  const headers: Record<string, string> = {};
  for (const name in request.headers) if (upstream.headers_allowed(name)) headers[name] = request.headers[name] as string;
  return {
    dialect: request.dialect.name,
    model,
    query: request.query,
    body: request.dialect.prepare(parsed, spliceOf(call, attempt), upstream.quirks),
    headers,
    credentials: request.credentials ?? NO_CREDENTIALS,
    stream: parsed.stream,
    framing: parsed.target.framing ?? "sse",
  };
}

async function afterFailure(road: RoadParts, attempt: Attempt, error: unknown): Promise<Tried> {
  if (!(error instanceof UpstreamFailure)) throw error;
  await settle(road.needs, attempt, outcomeOfFailure(error));
  const told = errorOfFailure(error, attempt.candidate.provider);
  return failed(told, error.kind === "connect" ? 0 : null);
}

function retryAfterMs(headers: Readonly<Record<string, string>>): number {
  const ms = Number(headers["retry-after-ms"]);
  if (Number.isFinite(ms) && ms > 0) return ms;
  const seconds = Number(headers["retry-after"]);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0;
}

/** A complete error reply: void where the provider's table says it is not billed, else the input is counted. */
async function afterError(road: RoadParts, call: Admissible, of: { attempt: Attempt; reply: UpstreamReply }): Promise<Tried> {
  const { attempt, reply } = of;
  const { needs } = road;
  const { candidate, price, held } = attempt;
  const { status } = reply;
  let body: Uint8Array = new Uint8Array();
  let complete = true;
  try {
    body = await readWhole(reply, ERROR_BODY_MAX);
  } catch (error) {
    if (!(error instanceof UpstreamFailure)) throw error;
    complete = false;
  }
  const answered = (cost: bigint | null): CallReply => ({
    kind: "whole",
    status,
    body,
    facts: factsOf(call, attempt, { reply, cost }),
  });
  if (complete && candidate.upstream.unbilled(status)) {
    await settle(needs, attempt, { kind: "void", proof: `unbilled_status:${status}` });
    const give = (): CallReply => answered(0n);
    if (status === 429 || status === 529 || status === 503) return { kind: "failed", waitMs: retryAfterMs(reply.headers), give };
    // What is wrong with the request or the key is as wrong for another model.
    return status < 500 ? { kind: "reply", reply: give() } : { kind: "failed", waitMs: null, give };
  }
  if (!complete) await settle(needs, attempt, { kind: "presume", reason: "reset" });
  else {
    const counts = { input_fresh: held.input_tokens, output_text: 0, requests: 1 };
    const within = price === null || costOf(counts, price) <= held.nano;
    const flags = [`upstream_status:${status}`];
    const ended = { ended: "failed" as const, flags, response_id: null };
    const cost = await settle(
      needs,
      attempt,
      within ? { kind: "post", usage: { counts, evidence: "estimated" }, ...ended } : { kind: "post_held", ...ended },
    );
    // The provider answered, and what it says of the request is the client's to read.
    if (status >= 400 && status < 500 && status !== 408) return { kind: "reply", reply: answered(cost) };
  }
  const message = `${candidate.provider} failed with status ${status} after the call was sent. Its input is counted.`;
  return failed(new BursarError("upstream_failed", message, { provider: candidate.provider, status }));
}

const NO_WARNINGS: readonly string[] = [];

/** What the client is told beside the answer: what was ignored, that another model answers, and soft budgets above their limit. Shadow ones stay unseen. */
function warningsOf(call: Admissible, { candidate, accounts }: Attempt): readonly string[] {
  let warnings = call.caller.identified.warnings;
  if (candidate !== call.candidates[0]) warnings = [...warnings, `fallback:${candidate.canonical}`];
  for (const { mode, limit, used, held, budget } of accounts)
    if (mode === "soft" && limit !== null && used + held > limit) warnings = [...warnings, `over:${budget}`];
  return warnings.length === 0 ? NO_WARNINGS : warnings;
}

function factsOf(call: Admissible, attempt: Attempt, of: { reply: UpstreamReply; cost: bigint | null }): ReplyFacts {
  const { canonical, upstream } = attempt.candidate;
  return {
    figures: figuresOf(attempt, of.cost),
    model: canonical,
    simulated: upstream.simulated,
    warnings: warningsOf(call, attempt),
    provider_headers: of.reply.headers,
  };
}
