/**
 * The straight line of a call: read → identify → plan → bound → hold → send → settle. Enforcement is a line here, never a
 * hook. Knows nothing of HTTP. Money path: fails closed — any exception before the hold denies, any after it settles.
 */
import { openMemo } from "../accounting/budget/accounts.js";
import { BursarError } from "../accounting/errors.js";
import { openWindows } from "../accounting/units/window.js";
import type { Admissible, CallRequest, RoadParts } from "./admissible.js";
import { attributionOf, openCallers } from "./caller.js";
import { coveringOf, viewsOf } from "./covering.js";
import { idempotencyMark, NOT_KEPT, recall } from "./idempotency.js";
import type { CallNeeds } from "./needs.js";
import { observe } from "./observe.js";
import { refuseHedging, refuseModel, refuseRoute, refuseWithoutCredentials } from "./permitted.js";
import { planCall } from "./plan.js";
import { openReplies, type Replies } from "./replies.js";
import type { CallReply, ReplyFacts } from "./reply.js";
import { sendCandidates } from "./send.js";

/** The road, open for calls until `close`. */
export interface Road {
  run(request: CallRequest): Promise<CallReply>;
  /** Attempts in flight. */
  readonly active: ReadonlySet<string>;
  close(): void;
}

const RENEW_MS = 10_000;

/**
 * Opens the road over its needs. Renews the holds of calls in flight until closed. `replies` are what earlier calls came
 * to, for those that come again with their Idempotency-Key; without them the road begins with none.
 */
export function openRoad(needs: CallNeeds, replies: Replies = openReplies(needs)): Road {
  const active = new Set<string>();
  const parts: RoadParts = { needs, memo: openMemo(openWindows()), callers: openCallers(), active, replies };
  const renewal = setInterval(() => needs.ledger.renew([...active]), RENEW_MS);
  renewal.unref();
  return {
    run: (request) => runCall(parts, request),
    active,
    close() {
      clearInterval(renewal);
      replies.close();
    },
  };
}

async function runCall(road: RoadParts, request: CallRequest): Promise<CallReply> {
  const callId = road.needs.newId();
  let call: Admissible | null = null;
  let kept = NOT_KEPT;
  try {
    call = admissible(road, request, callId);
    if (call.idempotency !== null) await road.replies.ready();
    kept = recall(road, call);
    return kept.reply ?? kept.keep(await sendCandidates(road, call));
  } catch (error) {
    return kept.keep(refuse(road, { request, callId, call }, error));
  }
}

/** Reads the request and finds out who calls, what for and who can serve it. Throws BursarError. */
function admissible(road: RoadParts, request: CallRequest, callId: string): Admissible {
  const { needs } = road;
  const { key, dialect } = request;
  const startedAt = needs.clock.now();
  refuseRoute(key, dialect.name);
  refuseHedging(request.headers);
  const parsed = dialect.read(request.body, request.target);
  const caller = road.callers.of(request, parsed);
  const found = (request.catalog ?? needs.catalog).candidates({ dialect: dialect.name, model: parsed.model, at: startedAt });
  const candidates = planCall({ key, credentials: request.credentials, candidates: found });
  const first = candidates[0];
  if (first === undefined)
    throw new BursarError("model_unknown", `No provider serves "${parsed.model}" in the ${dialect.name} dialect.`);
  refuseModel(key, first.canonical);
  refuseWithoutCredentials(first.upstream, request.credentials);
  const idempotency = idempotencyMark(request);
  const attribution = attributionOf(caller, first.canonical);
  return { call_id: callId, request, parsed, caller, attribution, idempotency, candidates, startedAt };
}

/** Errors that are no refusal to record: the ledger has done so itself, or the call was admitted and failed later. */
const NOT_RECORDED: ReadonlySet<string> = new Set([
  "budget_exceeded",
  "budget_waiting",
  "price_unknown",
  "store_unavailable",
  "request_timeout",
  "in_progress",
  "reply_expired",
  "outcome_unknown",
  "idempotency_mismatch",
  "internal",
  "upstream_unreachable",
  "upstream_failed",
  "upstream_timeout",
  "upstream_invalid",
]);

/** What the refused call may have cost, where the refusal is about dollars. */
function requestedUsd(error: BursarError): string {
  const { unit, requested } = error.details;
  return unit === "usd" && typeof requested === "string" ? requested : "0.00";
}

function refuse(
  road: RoadParts,
  of: { request: CallRequest; callId: string; call: Admissible | null },
  cause: unknown,
): CallReply {
  const { request, callId, call } = of;
  const { needs } = road;
  const error =
    cause instanceof BursarError
      ? cause
      : new BursarError("internal", `Bursar failed on call ${callId}; its log has the details.`, {}, { cause });
  const seen = { call_id: callId, ...(call === null ? {} : { agent: call.attribution.agent, model: call.attribution.model }) };
  if (error.code === "internal") observe(needs, { kind: "fault", ...seen, reason: "run_call", error: cause });
  observe(needs, { kind: "refused", ...seen, reason: error.code });
  if (call !== null && !NOT_RECORDED.has(error.code)) {
    const { code, message } = error;
    const simulated = call.candidates[0]?.upstream.simulated === true;
    needs.ledger
      .apply([
        { type: "refuse", call_id: callId, attempt_id: `${callId}.1`, attribution: call.attribution, code, message, simulated },
      ])
      .catch((fault: unknown) => observe(needs, { kind: "fault", ...seen, reason: "record_refusal", error: fault }));
  }
  const { body } = request.dialect.refuse(error, callId);
  const facts: ReplyFacts = {
    figures: {
      call_id: callId,
      cost_usd: null,
      ceiling_usd: requestedUsd(error),
      remaining: call === null ? [] : viewsOf(road, coveringOf(road, call.attribution)),
    },
    model: call?.attribution.model ?? null,
    simulated: call?.candidates[0]?.upstream.simulated === true,
    warnings: call?.caller.identified.warnings ?? [],
    provider_headers: {},
  };
  return { kind: "refused", error, body, facts };
}
