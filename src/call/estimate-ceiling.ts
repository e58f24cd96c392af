/**
 * The most a call may cost: what is held, and what output cap goes upstream. Money path: fails closed — what cannot be
 * bounded is refused on hard budgets.
 */
import { BursarError } from "../accounting/errors.js";
import { calibrationKey } from "../accounting/ledger/apply.js";
import type { AccountView, Ceiling } from "../accounting/ledger/command.js";
import type { State } from "../accounting/ledger/state.js";
import { ceilingFor, OUTPUT_SLICE } from "../accounting/meter/ceiling.js";
import { type CeilingOptions, picoOf } from "../accounting/price/cost.js";
import type { PriceRow } from "../accounting/price/price-row.js";
import type { KeyIdentity } from "./identify.js";
import type { ParsedRequest, Part, ToolDeclaration } from "./message.js";
import type { Candidate, EstimatedInput } from "./needs.js";

/** How one attempt is bounded. */
export interface Bound {
  readonly ceiling: Ceiling;
  readonly estimated_input: number;
  /** Output tokens (per choice) the request is limited to; sent upstream when `cap_upstream`. */
  readonly output_cap: number;
  readonly cap_upstream: boolean;
  /** The hold covers a slice of the output and grows while the stream flows. */
  readonly sliced: boolean;
  /** By which an extension of the hold is priced. */
  readonly priced: CeilingOptions;
}

/** What bounding needs to know about the call. */
export interface BoundQuery {
  readonly request: ParsedRequest;
  readonly candidate: Candidate;
  /** Some budget over the call is a hard one. */
  readonly hard: boolean;
  readonly strict: boolean;
  readonly output_default: number;
  readonly state: State;
  readonly counted: EstimatedInput;
  readonly key: KeyIdentity;
  /** Cap to use instead of the client's: the accounts could pay no more (clamp). */
  readonly clamp_to?: number;
}

/** The first part of the request of a kind; undefined where there is none. Loops, not `find`: a prompt has hundreds of parts. */
function findPart<Kind extends Part["kind"]>(request: ParsedRequest, kind: Kind): Extract<Part, { kind: Kind }> | undefined {
  for (const part of request.system) if (part.kind === kind) return part as Extract<Part, { kind: Kind }>;
  for (const message of request.messages)
    for (const part of message.parts) if (part.kind === kind) return part as Extract<Part, { kind: Kind }>;
  return undefined;
}

/** Most uses of one server-side tool: its own bound, the request's, or the one that the key sets for those without. */
function toolUses(request: ParsedRequest, tool: ToolDeclaration, key: KeyIdentity): number | null {
  return tool.uses_max ?? request.tool_uses_max ?? key.tool_uses_max ?? null;
}

/** Uses of all server-side tools together, at most. */
function serverToolUses(request: ParsedRequest, key: KeyIdentity): number {
  if (request.tools.length === 0) return 0;
  const tools = request.tools.filter((tool) => tool.server_side);
  if (tools.length === 0) return 0;
  const each = tools.reduce((sum, tool) => sum + (toolUses(request, tool, key) ?? 0), 0);
  return Math.min(each, request.tool_uses_max ?? each);
}

/** Is a bound on server-side tools sent that the client did not set? */
export function toolUsesToSend(request: ParsedRequest, key: KeyIdentity): number | null {
  const unbounded = request.tool_uses_max === null && request.tools.some((tool) => tool.server_side && tool.uses_max === null);
  return unbounded ? (key.tool_uses_max ?? null) : null;
}

/** Refuses, on hard budgets, what has no bound: unknown parts and parameters, media by reference, tools without a maximum. */
export function refuseUnbounded(query: { request: ParsedRequest; key: KeyIdentity; price: PriceRow | null }): void {
  const { request, key, price } = query;
  const allowed = key.allow_parameters ?? [];
  const all = request.unknown_fields.length === 0 || allowed.includes("*");
  const field = all ? undefined : request.unknown_fields.find((name) => !allowed.includes(name));
  if (field !== undefined) {
    throw new BursarError(
      "parameter_refused",
      `The parameter "${field}" is not known to be money-neutral, so a hard budget cannot cover it. ` +
        `Remove it, or allow it for this key: allow_parameters: ["${field}"].`,
      { parameter: field },
    );
  }
  const part = findPart(request, "unknown");
  if (part !== undefined) {
    throw new BursarError("parameter_refused", `A content part of type "${part.type}" cannot be bounded under a hard budget.`, {
      parameter: part.type,
    });
  }
  for (const tool of request.tools) {
    if (!tool.server_side) continue;
    if (toolUses(request, tool, key) === null || price === null) {
      throw new BursarError(
        "parameter_refused",
        `The tool "${tool.name}" runs and bills at the provider and has no bound here; set max_uses (Responses: ` +
          `max_tool_calls), remove it, or give this key a bound that is sent for it: tool_uses_max: 3.`,
        { parameter: tool.name },
      );
    }
  }
}

/** Input that nothing bounds but the model's context window: the whole of it, or a refusal. */
function boundedInput(query: BoundQuery, counted: EstimatedInput, price: PriceRow | null): number {
  // Compressed silence is minutes in a kilobyte: sound has no bound by its bytes, only a usual size.
  const sound = query.strict && findPart(query.request, "audio") !== undefined ? "audio" : undefined;
  const kind = counted.unbounded[0] ?? sound;
  if (kind === undefined) return counted.tokens;
  if (price?.context_window !== undefined && price.context_window !== null) return Math.max(counted.tokens, price.context_window);
  if (!query.hard) return counted.tokens;
  const message = `The size of this ${kind} in tokens has no bound for ${query.candidate.canonical}, so a hard budget cannot cover it. Send it as text.`;
  throw new BursarError("parameter_refused", message, { parameter: kind });
}

function toolFees(uses: number, price: PriceRow | null): bigint {
  return price === null || uses === 0 ? 0n : (BigInt(uses) * picoOf(price.pico, "web_searches", price.free) + 999n) / 1000n;
}

/**
 * Input that a use of a server-side tool brings back to the model, at most: strict takes the whole window for every round,
 * measured what OpenAI bills a search of its small models at (https://platform.openai.com/docs/pricing, built-in tools,
 * read November 2026: 8,000 tokens). What comes beyond that is posted and named (U7).
 */
const TOOL_RESULT_TOKENS = 8_000;

function toolResults(query: BoundQuery, uses: number, price: PriceRow | null): number {
  if (uses === 0) return 0;
  return uses * (query.strict ? Math.max(TOOL_RESULT_TOKENS, price?.context_window ?? 0) : TOOL_RESULT_TOKENS);
}

/** Is output billed that the reply does not show (reasoning, thinking that is summarised)? Then no meter can count it. */
export function hidesOutput(request: ParsedRequest, price: PriceRow | null): boolean {
  return price?.hides_reasoning === true || request.thinking;
}

function outputCap(query: BoundQuery, price: PriceRow | null): number {
  const wanted = query.request.output_cap ?? query.output_default;
  if (query.request.billed !== "all") return 0;
  const most = price?.output_max ?? Number.MAX_SAFE_INTEGER;
  return Math.max(1, Math.min(wanted, most, query.clamp_to ?? Number.MAX_SAFE_INTEGER));
}

/** A question that costs nothing (token counts): admitted like any call, with nothing to hold. */
const UNBILLED: Bound = {
  ceiling: { nano: 0n, input_tokens: 0, output_tokens: 0 },
  estimated_input: 0,
  output_cap: 0,
  cap_upstream: false,
  sliced: false,
  priced: {},
};

/** Bounds one attempt by the measured or the strict rule (3-accounting: The ceiling). Unknown prices give a ceiling of 0 that hard budgets deny. */
export function boundAttempt(query: BoundQuery): Bound {
  const { request, candidate, strict } = query;
  const price = candidate.price ?? candidate.dearest;
  const { counted } = query;
  if (request.billed === "nothing") return UNBILLED;
  const uses = serverToolUses(request, query.key);
  const results = toolResults(query, uses, price);
  const estimated = boundedInput(query, counted, price);
  const cap = outputCap(query, price);
  if (!Number.isSafeInteger(cap * request.choices)) {
    throw new BursarError(
      "invalid_request",
      `${request.choices} answers of up to ${cap} tokens are more than can be counted. Lower max_tokens or n.`,
    );
  }
  const sliced = request.stream && !strict && !hidesOutput(request, price) && cap * request.choices > OUTPUT_SLICE;
  const { service_tier } = request;
  const audio = findPart(request, "audio") !== undefined;
  const cacheWrites = request.cache_writes ?? "none";
  const { simulated } = candidate.upstream;
  const tokens = ceilingFor({
    estimated_input: estimated,
    exact: counted.exact && !simulated,
    bytes: counted.bytes,
    tool_results: results,
    usage_untold: request.usage_untold ?? false,
    calibration: query.state.calibrations.get(calibrationKey(candidate.canonical, simulated)) ?? null,
    output: { cap, slice: sliced ? OUTPUT_SLICE : null, choices: request.choices },
    row: price,
    mode: strict ? "strict" : "measured",
    cacheWrites,
    service_tier,
    audio,
  });
  return {
    ceiling: uses === 0 ? tokens : { ...tokens, nano: tokens.nano + toolFees(uses, price) },
    estimated_input: counted.tokens,
    output_cap: cap,
    cap_upstream: query.hard && cap > 0,
    sliced,
    priced: { strict, cacheWrites, service_tier, audio },
  };
}

/**
 * Output tokens the accounts could pay for beside what is already in the ceiling's input; null when nothing limits them.
 * Per choice of the request. Never negative.
 */
export function affordableOutput(
  views: readonly AccountView[],
  query: { inputNano: bigint; inputTokens: number; price: PriceRow | null; choices: number },
): number | null {
  let least: bigint | null = null;
  for (const view of views) {
    if (view.mode !== "hard" || view.left === null || view.unit === "requests") continue;
    const picoOut = query.price?.pico.output_text ?? null;
    let room: bigint;
    if (view.unit === "tokens" && view.count === "input") continue;
    if (view.unit === "tokens") room = view.count === "output" ? view.left : view.left - BigInt(query.inputTokens);
    else if (picoOut === null || picoOut === 0n) continue;
    else room = ((view.left - query.inputNano) * 1000n) / picoOut;
    if (room < 0n) room = 0n;
    if (least === null || room < least) least = room;
  }
  if (least === null) return null;
  const perChoice = least / BigInt(Math.max(1, query.choices));
  return perChoice > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(perChoice);
}
