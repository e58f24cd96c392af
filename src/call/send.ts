/**
 * Sends a call: each attempt under its own hold, candidates in order, retries only where the provider bills nothing.
 * Money path: fails closed — the hold is durable before the first byte goes upstream.
 */

import { amountOfCeiling } from "../accounting/budget/amount-of.js";
import type { Attribution } from "../accounting/budget/budget.js";
import { BursarError, type ErrorDetails } from "../accounting/errors.js";
import type { AccountView, Ceiling, LedgerRefusal } from "../accounting/ledger/command.js";
import { costOf } from "../accounting/price/cost.js";
import { usdText } from "../accounting/units/money.js";
import type { Admissible, Covering, RoadParts } from "./admissible.js";
import { type Attempt, figuresOf, settle } from "./attempt.js";
import { affordableOutput, type Bound, boundAttempt, isHard, refuseUnbounded, toolUsesToSend } from "./estimate-ceiling.js";
import {
  type CallNeeds,
  type Candidate,
  type EstimatedInput,
  type Splice,
  UpstreamFailure,
  type UpstreamReply,
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
 * Tries candidates in order until one answers; every attempt takes its own hold at its own price, so a fallback that no
 * budget can pay is refused like any call. Throws BursarError when the call is refused or cannot be served.
 */
export async function sendCandidates(road: RoadParts, call: Admissible): Promise<CallReply> {
  let number = 0;
  let last: (() => CallReply) | null = null;
  for (const candidate of call.candidates) {
    try {
      const tried = await tryCandidate(road, call, { candidate, number });
      if (tried.kind === "reply") return tried.reply;
      number = tried.number;
      last = tried.give;
    } catch (error) {
      if (last === null || !(error instanceof BursarError) || !UNFIT.has(error.code)) throw error;
    }
    if (call.request.signal.aborted) break;
  }
  if (last === null) throw new BursarError("model_unknown", `No provider serves "${call.parsed.model}".`);
  return last();
}

/** Tries one candidate, again where its provider bills nothing and a wait is bearable. `number` counts the call's attempts. */
async function tryCandidate(
  road: RoadParts,
  call: Admissible,
  of: { candidate: Candidate; number: number },
): Promise<Tried & { readonly number: number }> {
  const { clock, limits } = road.needs;
  const { signal } = call.request;
  for (let retry = 0; ; retry++) {
    const number = of.number + retry + 1;
    const tried = await tryOnce(road, call, { candidate: of.candidate, number });
    if (tried.kind === "reply" || retry >= limits.retries_max || signal.aborted) return { ...tried, number };
    if (tried.waitMs === null || tried.waitMs > RETRY_WAIT_MAX_MS) return { ...tried, number };
    await clock.sleep(Math.max(tried.waitMs, RETRY_WAIT_FIRST_MS * 2 ** retry), signal);
    if (signal.aborted) return { ...tried, number };
  }
}

/** Would a hard account refuse this ceiling? */
function isShort(views: readonly AccountView[], ceiling: Ceiling): boolean {
  return views.some((view) => view.mode === "hard" && view.left !== null && amountOfCeiling(view, ceiling, 1n) > view.left);
}

function bound(
  road: RoadParts,
  call: Admissible,
  of: { candidate: Candidate; attribution: Attribution; covering: Covering; counted: EstimatedInput },
): Bound {
  const { needs } = road;
  const { candidate, attribution, covering, counted } = of;
  const { views, strict } = covering;
  const { parsed } = call;
  const price = candidate.price ?? candidate.dearest;
  if (isHard(views)) refuseUnbounded({ request: parsed, key: call.request.key, price });
  const output_default = needs.agent(attribution.agent).output_default;
  const { key } = call.request;
  const query = { request: parsed, key, candidate, views, strict, output_default, counted, state: needs.ledger.state() };
  const first = boundAttempt(query);
  // What is held in full and fits is held as it is: no output needs to be made shorter.
  if (!first.sliced && !isShort(views, first.ceiling)) return first;
  const least = boundAttempt({ ...query, clamp_to: 1 }).ceiling;
  if (isShort(views, least)) return first;
  const beyond = { inputNano: least.nano, inputTokens: least.input_tokens + least.output_tokens, price, choices: parsed.choices };
  const more = affordableOutput(views, beyond);
  // The least ceiling has one token of each answer in it already.
  const affordable = more === null ? null : more + 1;
  if (affordable === null || affordable >= first.output_cap) return first;
  // A stream would be cut there anyway; a whole reply is only shortened where the budget says so.
  if (first.sliced)
    return { ...first, output_cap: Math.max(affordable, Math.ceil(first.ceiling.output_tokens / parsed.choices)) };
  return covering.clamps ? boundAttempt({ ...query, clamp_to: affordable }) : first;
}

/** Bounds by the estimate; where that would be refused, by the provider's own tokenizer, which needs no margin. */
async function boundClosely(
  road: RoadParts,
  call: Admissible,
  of: { candidate: Candidate; attribution: Attribution; covering: Covering },
): Promise<Bound> {
  const { estimator } = road.needs;
  const { canonical, upstream } = of.candidate;
  const bounded = bound(road, call, { ...of, counted: estimator.input(call.parsed, canonical) });
  if (upstream.simulated || !isShort(of.covering.views, bounded.ceiling)) return bounded;
  const counted = await estimator.count?.(call.parsed, canonical);
  if (counted === null || counted === undefined) return bounded;
  return bound(road, call, { ...of, covering: call.covering(of.attribution), counted });
}

async function takeHold(road: RoadParts, call: Admissible, of: { candidate: Candidate; number: number }): Promise<Attempt> {
  const { needs } = road;
  const { candidate, number } = of;
  const attribution: Attribution = { ...call.attribution, model: candidate.canonical };
  const covering = call.covering(attribution);
  const price = candidate.price ?? (covering.unknown_price_allowed ? candidate.dearest : null);
  const bounded = await boundClosely(road, call, { candidate, attribution, covering });
  const attempt_id = `${call.call_id}.${number}`;
  const [result] = await needs.ledger.apply([
    {
      type: "hold",
      call_id: call.call_id,
      attempt_id,
      attribution,
      provider: candidate.provider,
      price_id: price?.id ?? null,
      price_unknown: price === null && call.parsed.billed !== "nothing",
      ceiling: bounded.ceiling,
      estimated_input: bounded.estimated_input,
      simulated: candidate.upstream.simulated,
      ...(call.idempotency === undefined ? {} : { idempotency: call.idempotency }),
    },
  ]);
  if (result === undefined) throw new BursarError("internal", "The ledger did not answer the hold.");
  if (!result.ok) throw refusalError(result.refusal, call);
  observe(needs, { kind: "admitted", call_id: call.call_id, agent: attribution.agent, model: attribution.model });
  return {
    call_id: call.call_id,
    attempt_id,
    attribution,
    candidate,
    dialect: call.request.dialect,
    request: call.parsed,
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
  const attempt = await takeHold(road, call, of);
  active.add(attempt.attempt_id);
  let streaming = false;
  try {
    if (call.request.signal.aborted) {
      await settle(needs, attempt, { kind: "void", proof: "not_sent" });
      throw new BursarError("request_timeout", "The client left before the call was sent.");
    }
    const abort = new AbortController();
    let reply: UpstreamReply;
    try {
      reply = await of.candidate.upstream.send(upstreamRequest(call, attempt), abort.signal);
    } catch (error) {
      return await afterFailure(road, attempt, error);
    }
    if (reply.status < 200 || reply.status > 299) return await afterError(road, call, { attempt, reply });
    const facts = factsOf(call, attempt, reply);
    const type = call.parsed.target.framing === "json" ? "application/json" : "text/event-stream";
    if (call.parsed.stream && (reply.headers["content-type"] ?? "").includes(type)) {
      streaming = true;
      const abortUpstream = (): void => abort.abort();
      const body = settleStream({
        needs,
        attempt,
        reply,
        clientSignal: call.request.signal,
        abortUpstream,
        done: () => active.delete(attempt.attempt_id),
      });
      return { kind: "reply", reply: { kind: "stream", status: reply.status, body, facts: facts(null) } };
    }
    return await wholeReply(needs, attempt, { reply, facts });
  } catch (error) {
    // Whatever broke after the hold and was not settled where it broke: nobody knows what was billed.
    if (!attempt.settled) await settle(needs, attempt, { kind: "presume", reason: "fault" });
    throw error;
  } finally {
    if (!streaming) active.delete(attempt.attempt_id);
  }
}

/** The whole reply, or that it is none: the attempt is then settled, and another model may still answer. */
async function wholeReply(
  needs: CallNeeds,
  attempt: Attempt,
  of: { reply: UpstreamReply; facts: (cost: bigint | null) => ReplyFacts },
): Promise<Tried> {
  const { reply, facts } = of;
  try {
    const { body, cost } = await settleReply(needs, attempt, reply);
    return { kind: "reply", reply: { kind: "whole", status: reply.status, body, facts: facts(cost) } };
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

function upstreamRequest(call: Admissible, attempt: Attempt) {
  const { request, parsed } = call;
  const { candidate, bound: bounded } = attempt;
  const uses = bounded.cap_upstream ? toolUsesToSend(parsed, request.key) : null;
  const splice: Splice = {
    ...(candidate.model === parsed.model ? {} : { model: candidate.model }),
    ...(bounded.cap_upstream && bounded.output_cap !== parsed.output_cap ? { output_cap: bounded.output_cap } : {}),
    ...(uses === null ? {} : { tool_uses: uses }),
    ...(parsed.stream && !parsed.wants_usage ? { include_usage: true } : {}),
  };
  const { upstream, model } = candidate;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) if (upstream.headers_allowed(name)) headers[name] = value;
  return {
    dialect: request.dialect.name,
    model,
    query: request.query,
    body: request.dialect.prepare(parsed, splice, upstream.quirks),
    headers,
    credentials: request.credentials ?? {},
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
  const facts = factsOf(call, attempt, reply);
  if (complete && candidate.upstream.unbilled(status)) {
    await settle(needs, attempt, { kind: "void", proof: `unbilled_status:${status}` });
    const give = (): CallReply => ({ kind: "whole", status, body, facts: facts(0n) });
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
    if (status >= 400 && status < 500 && status !== 408)
      return { kind: "reply", reply: { kind: "whole", status, body, facts: facts(cost) } };
  }
  const message = `${candidate.provider} failed with status ${status} after the call was sent. Its input is counted.`;
  return failed(new BursarError("upstream_failed", message, { provider: candidate.provider, status }));
}

/** Soft budgets that stand above their limit: the call passes, the caller is told. Shadow budgets stay unseen. */
function overSoft(accounts: readonly AccountView[]): readonly string[] {
  const over = accounts.filter((view) => view.mode === "soft" && view.limit !== null && view.used + view.held > view.limit);
  return over.map((view) => `over:${view.budget}`);
}

/** Another model answers than was asked for: the client is told which. */
function fellBack(call: Admissible, { candidate }: Attempt): readonly string[] {
  return candidate === call.candidates[0] ? [] : [`fallback:${candidate.canonical}`];
}

function factsOf(call: Admissible, attempt: Attempt, reply: UpstreamReply): (cost: bigint | null) => ReplyFacts {
  return (cost) => ({
    figures: figuresOf(attempt, cost),
    model: attempt.candidate.canonical,
    simulated: attempt.candidate.upstream.simulated,
    warnings: [...call.identified.warnings, ...fellBack(call, attempt), ...overSoft(attempt.accounts)],
    provider_headers: reply.headers,
  });
}
