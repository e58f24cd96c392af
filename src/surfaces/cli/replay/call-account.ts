/** One call of a replay, folded from its log entries. Money in nano-dollars. Money path: fails closed — an attempt without an end counts as pending. */
import type { Entry, OverrunCause, PostOutcome } from "../../../accounting/ledger/entry.js";
import { type Evidence, outputTokens } from "../../../accounting/meter/usage.js";

/** One attempt. */
export interface AttemptAccount {
  state: "pending" | "posted" | "voided" | "presumed";
  held: bigint;
  held_input: number;
  held_output: number;
  posted: bigint;
  evidence: Evidence | null;
  outcome: PostOutcome | null;
  /** Output tokens as posted. */
  output: number;
  response_id: string | null;
  overrun: { readonly cause: OverrunCause; readonly nano: bigint } | null;
}

/** A refusal, as its entry says. */
export interface RefusalAccount {
  readonly code: string;
  readonly budget: string | null;
  /** used + held + requested did exceed the limit; null when the refusal is not about an amount. */
  readonly justified: boolean | null;
  readonly message: string;
}

/** One call. */
export interface CallAccount {
  readonly call_id: string;
  readonly agent: string;
  readonly attempts: Map<string, AttemptAccount>;
  refusal: RefusalAccount | null;
}

function justified(entry: Extract<Entry, { type: "call.refused" }>): boolean | null {
  const { limit, used, held, requested } = entry;
  if (limit === undefined || used === undefined || held === undefined || requested === undefined) return null;
  return BigInt(used) + BigInt(held) + BigInt(requested) > BigInt(limit);
}

function begin(calls: Map<string, CallAccount>, entry: Extract<Entry, { type: "call.held" | "call.refused" }>): CallAccount {
  const known = calls.get(entry.call_id);
  if (known !== undefined) return known;
  const call: CallAccount = { call_id: entry.call_id, agent: entry.attribution.agent, attempts: new Map(), refusal: null };
  calls.set(entry.call_id, call);
  return call;
}

function hold(call: CallAccount, entry: Extract<Entry, { type: "call.held" }>): void {
  call.attempts.set(entry.attempt_id, {
    state: "pending",
    held: BigInt(entry.ceiling.nano),
    held_input: entry.ceiling.input_tokens,
    held_output: entry.ceiling.output_tokens,
    posted: 0n,
    evidence: null,
    outcome: null,
    output: 0,
    response_id: null,
    overrun: null,
  });
}

type Later = Extract<Entry, { type: "call.extended" | "call.posted" | "call.voided" | "call.presumed" | "call.overrun" }>;

function goOn(attempt: AttemptAccount, entry: Later): void {
  switch (entry.type) {
    case "call.extended":
      attempt.held += BigInt(entry.ceiling.nano);
      attempt.held_input += entry.ceiling.input_tokens;
      attempt.held_output += entry.ceiling.output_tokens;
      break;
    case "call.posted":
      attempt.state = "posted";
      attempt.posted = BigInt(entry.nano);
      attempt.evidence = entry.evidence;
      attempt.outcome = entry.outcome;
      attempt.output = outputTokens(entry.usage);
      attempt.response_id = entry.response_id ?? null;
      break;
    case "call.voided":
      attempt.state = "voided";
      break;
    case "call.presumed":
      attempt.state = "presumed";
      break;
    case "call.overrun":
      attempt.overrun = { cause: entry.cause, nano: BigInt(entry.nano) };
      break;
  }
}

/** Takes one entry in. Entries of calls that began before the fold did are left out. */
export function foldEntry(calls: Map<string, CallAccount>, entry: Entry): void {
  if (entry.type === "budget.changed") return;
  if (entry.type === "call.held") hold(begin(calls, entry), entry);
  else if (entry.type === "call.refused") {
    const { code, message, budget = null } = entry;
    begin(calls, entry).refusal = { code, message, budget, justified: justified(entry) };
  } else {
    const attempt = calls.get(entry.call_id)?.attempts.get(entry.attempt_id);
    if (attempt !== undefined) goOn(attempt, entry);
  }
}
