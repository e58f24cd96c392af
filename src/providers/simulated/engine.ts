/**
 * The simulated provider without a socket: reads a request, decides what it will say, and produces it no faster than the
 * reader takes it, billing each token as it is made. Money path: fails closed — what was made is billed, heard or not.
 */
import { type CallSignal, type Clock, type DialectName, UpstreamFailure } from "../../call/needs.js";
import { type AnswerPlan, answerSteps } from "./answer.js";
import { type Bill, type EarlierRun, type LineStart, type OpenLine, openBillBook } from "./bill.js";
import { fingerprint, idChars } from "./chance.js";
import { FORMATS } from "./formats.js";
import { openPacer, type Pace, paceOf } from "./pace.js";
import type { WrittenModel } from "./price-rows.js";
import { type ModelTable, openModelTable, type SimulatedModel } from "./price-table.js";
import { type Production, pauseStream, produceStream, produceWhole, stopsOf } from "./produce.js";
import { readRequest } from "./read-request.js";
import { familyOf, faultRefusal, Refusal, refusalBody } from "./refusal.js";
import type { ReplyHead } from "./rendering.js";
import type { SimulatedRequest } from "./request.js";
import { type Fault, faultTokens, type Iteration, readSteering, type Steering, SteeringError } from "./steering.js";
import { errorPermille } from "./tokenizer.js";

/** How a simulator behaves unless a request's headers say otherwise. */
export interface SimulatorOptions {
  readonly clock: Clock;
  /** The same seed and request give the same answer. Default `"bursar"`. */
  readonly seed?: string;
  /** `model` (default): as fast as a real model of that name; `none`: at once. */
  readonly latency?: "model" | "none";
  /** `seeded` (default): each model's token count is off by its own factor of 0.8 … 1.3; `none`: by nothing. */
  readonly token_error?: "seeded" | "none";
  /** Further models, e.g. with round prices for tests. */
  readonly models?: readonly WrittenModel[];
  /** Lines that the bill keeps; default 100,000. */
  readonly lines_max?: number;
}

/** An answer; `body` may throw UpstreamFailure (`reset`, `aborted`). */
export interface SimulatedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** What reaches the simulator. Header names in lower case. */
export interface Arrival {
  readonly dialect: DialectName;
  /** What the path says, in the dialects that name these there. */
  readonly model?: string;
  readonly stream?: boolean;
  readonly framing?: "sse" | "json";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** The simulated provider. */
export interface SimulatorEngine {
  /** Rejects with UpstreamFailure when the connection is to break before an answer. */
  answer(arrival: Arrival, signal: CallSignal): Promise<SimulatedAnswer>;
  bill(): Bill;
  clearBill(): void;
  readonly table: ModelTable;
}

interface Engine {
  readonly options: SimulatorOptions;
  readonly seed: string;
  readonly table: ModelTable;
  readonly book: ReturnType<typeof openBillBook>;
  readonly attempts: Map<string, number>;
  /** Tokens of the conversations behind stored responses, by response id; of the last so many. */
  readonly stored: Map<string, () => number>;
}

/** One request on its way. */
interface Running {
  readonly engine: Engine;
  readonly dialect: DialectName;
  readonly number: number;
  readonly hex: string;
  readonly steering: Steering;
  readonly request: SimulatedRequest;
  readonly model: SimulatedModel;
  readonly faults: readonly Fault[];
  readonly earlier: readonly EarlierRun[];
  /** Tokens of the conversation that the provider kept. */
  readonly kept: number;
}

const KEYS_MAX = 10_000;
/** Anthropic caches no prefix shorter than this: https://platform.claude.com/docs/en/build-with-claude/prompt-caching */
const CACHEABLE_MIN = 1024;

/** Opens a simulator. */
export function openEngine(options: SimulatorOptions): SimulatorEngine {
  const engine: Engine = {
    options,
    seed: options.seed ?? "bursar",
    table: openModelTable(options.models),
    book: openBillBook(options.lines_max),
    attempts: new Map(),
    stored: new Map(),
  };
  let number = 0;
  return {
    answer: (arrival, signal) => {
      number += 1;
      return answer(engine, arrival, { number, signal });
    },
    bill: engine.book.bill,
    clearBill: engine.book.clear,
    table: engine.table,
  };
}

/** Keeps the last so many entries. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= KEYS_MAX) return;
  const first = map.keys().next();
  if (first.done !== true) map.delete(first.value);
}

/** Tokens of what a response goes on from: https://platform.openai.com/docs/guides/conversation-state, November 2026. */
function continuedTokens(engine: Engine, request: SimulatedRequest): number {
  if (request.continues === null) return 0;
  const stored = engine.stored.get(request.continues);
  if (stored !== undefined) return stored();
  const message = `Previous response with id '${request.continues}' not found.`;
  throw new Refusal(400, message, { param: "previous_response_id", code: "previous_response_not_found" });
}

/** Faults that are still active: `429*2` counts the requests with the same key (default: the same conversation). */
function activeFaults(engine: Engine, steering: Steering, conversation: string): readonly Fault[] {
  if (steering.faults.every((fault) => fault.times === null)) return steering.faults;
  const key = steering.key ?? conversation;
  const attempt = (engine.attempts.get(key) ?? 0) + 1;
  remember(engine.attempts, key, attempt);
  return steering.faults.filter((fault) => fault.times === null || attempt <= fault.times);
}

/** OpenAI's own reasoning models take no `max_tokens`; those that play one neither. */
function refusesMaxTokens(model: SimulatedModel | null): boolean {
  return model?.reasons === true && (model.provider === "openai" || model.provider === "simulated");
}

function found(table: ModelTable, name: string): SimulatedModel {
  const model = table.find(name);
  if (model !== null) return model;
  throw new Refusal(404, `The model \`${name}\` does not exist.`, { param: "model", code: "model_not_found" });
}

function earlierRun(
  run: Iteration,
  of: { readonly table: ModelTable; readonly asked: SimulatedModel; readonly model: SimulatedModel },
): EarlierRun {
  const { input, output } = run;
  if (run.model === "compaction") return { model: of.asked, kind: "compaction", input, output };
  const ran = found(of.table, run.model);
  return { model: ran, kind: output === 0 && ran !== of.model ? "declined" : "message", input, output };
}

function read(engine: Engine, arrival: Arrival, number: number): Running {
  const steering = steeringOf(arrival);
  const { dialect, body } = arrival;
  const { table } = engine;
  const request = readRequest({ dialect, path: arrival, body }, (model) => refusesMaxTokens(table.find(model)));
  const asked = found(table, request.model);
  const runs = dialect === "anthropic-messages" ? steering.iterations : [];
  const last = runs.at(-1);
  const model = last === undefined ? asked : found(table, last.model);
  const earlier = runs.slice(0, -1).map((run) => earlierRun(run, { table, asked, model }));
  const kept = continuedTokens(engine, request);
  const hex = fingerprint(engine.seed, steering.seed, model.name, request.conversation);
  const sized = last === undefined ? steering : { ...steering, input: last.input, output: last.output };
  return {
    engine,
    dialect,
    number,
    hex,
    steering: sized,
    request,
    model,
    faults: activeFaults(engine, steering, hex),
    earlier,
    kept,
  };
}

function steeringOf(arrival: Arrival): Steering {
  try {
    return readSteering(arrival.headers);
  } catch (error) {
    if (error instanceof SteeringError) throw new Refusal(400, error.message);
    throw error;
  }
}

function headersOf(dialect: DialectName, id: string, type: string): Record<string, string> {
  const family = familyOf(dialect);
  if (family === "gemini") return { "content-type": type };
  return { "content-type": type, [family === "openai" ? "x-request-id" : "request-id"]: `req_${id}` };
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

function refused(running: { dialect: DialectName; id: string; line: OpenLine }, refusal: Refusal): SimulatedAnswer {
  const { dialect, id, line } = running;
  line.status = refusal.status;
  line.close("refused");
  const waits: Record<string, string> = refusal.status === 429 ? { "retry-after": "1", "retry-after-ms": "100" } : {};
  return {
    status: refusal.status,
    headers: { ...headersOf(dialect, id, "application/json"), ...waits },
    body: once(refusalBody(refusal, dialect, `req_${id}`)),
  };
}

async function answer(
  engine: Engine,
  arrival: Arrival,
  at: { readonly number: number; readonly signal: CallSignal },
): Promise<SimulatedAnswer> {
  const { number, signal } = at;
  const { dialect } = arrival;
  const id = idChars(fingerprint(engine.seed, String(number), arrival.body), 24);
  let running: Running;
  try {
    running = read(engine, arrival, number);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const start = { id, number, model: "", dialect, stream: false, cap: null, key: null, faults: [] };
    return refused({ dialect, id, line: engine.book.open(start, null) }, error);
  }
  const { faults } = running;
  const status = faults.find((fault) => fault.kind === "status")?.status ?? null;
  const nothing = faults.some((fault) => fault.kind === "reset-before");
  const free = nothing || (status !== null && status !== 500);
  const counts = running.request.work === "count";
  const line = engine.book.open(startOf(running, id), free || counts ? null : running.model);
  if (nothing) {
    line.close("reset");
    throw new UpstreamFailure("reset", "The simulator closed the connection before it answered.");
  }
  if (!free) takeInput(running, line);
  if (status !== null) return refused({ dialect, id, line }, faultRefusal(status));
  if (running.request.stores) remember(engine.stored, line.id, () => line.consumption.input + line.consumption.output);
  return reply(running, line, signal);
}

function startOf(running: Running, id: string): LineStart {
  const { request, number, dialect, steering, faults, earlier } = running;
  return {
    id: `${FORMATS[dialect].id}${id}`,
    number,
    dialect,
    model: request.model,
    stream: request.stream,
    cap: request.cap,
    key: steering.key,
    faults: faults.map((fault) => fault.text),
    earlier,
  };
}

/** Bills the input: the provider has read it once the request is accepted. */
function takeInput(running: Running, line: OpenLine): void {
  const { steering, request, model } = running;
  const { consumption } = line;
  const error = permilleOf(running);
  if (steering.input !== null && !request.marks_cache) {
    consumption.input = steering.input;
    consumption.cached = Math.min(steering.cached ?? 0, steering.input);
    return;
  }
  const prompt = request.prompt();
  const tokens = (size: { readonly text_tokens: number; readonly media_tokens: number }): number =>
    Math.ceil((size.text_tokens * error) / 1000) + size.media_tokens;
  const own = Math.max(1, tokens(prompt)) + running.kept;
  consumption.input = steering.input ?? own;
  consumption.cached = Math.min(steering.cached ?? 0, consumption.input);
  if (prompt.marked === null || model.provider === "openai") return;
  const marked = Math.floor((consumption.input * tokens(prompt.marked)) / own);
  if (marked < CACHEABLE_MIN) return;
  const written = Math.max(0, marked - consumption.cached);
  consumption[prompt.marked.ttl === "1h" ? "cache_write_1h" : "cache_write_5m"] = written;
}

function permilleOf(running: Running): number {
  const { engine, model } = running;
  return engine.options.token_error === "none" ? 1000 : errorPermille(engine.seed, model.name);
}

function planOf(running: Running): AnswerPlan {
  const { request, steering, model, dialect, hex, faults } = running;
  const beyond = faultTokens(faults, "ignore-cap");
  const ignored = beyond === null ? null : (request.cap ?? steering.output ?? 0) + beyond;
  const steered = steering.tool_call !== null && request.tool_results < steering.tool_call.times ? steering.tool_call.name : null;
  const name = steered ?? request.forced_tool;
  const declared = request.tools.find((tool) => tool.name === name);
  return {
    seed: hex,
    permille: permilleOf(running),
    exact: ignored ?? steering.output,
    cap: ignored === null ? request.cap : null,
    choices: request.choices,
    tool: name === null ? null : (declared ?? { name, schema: undefined }),
    document: request.document,
    searches: Math.min(
      steering.searches,
      beyond === null || request.searches_max === 0 ? request.searches_max : Number.POSITIVE_INFINITY,
    ),
    reasons: model.reasons && !request.reasoning_off && !request.thinks,
    thinks: request.thinks,
    grain: FORMATS[dialect].grain,
  };
}

function paceFor(running: Running): Pace {
  const { engine, steering, model } = running;
  const usual = engine.options.latency === "none" ? { first_token_ms: 0, tokens_per_second: 0 } : paceOf(model.name);
  return {
    first_token_ms: steering.first_token_ms ?? usual.first_token_ms,
    tokens_per_second: steering.tokens_per_second ?? usual.tokens_per_second,
  };
}

function headOf(running: Running, id: string): ReplyHead {
  const { request, model, hex, faults, engine, steering, earlier } = running;
  return {
    id,
    created: Math.floor(engine.options.clock.now() / 1000),
    model: request.model === model.name || earlier.length > 0 ? model.snapshot : request.model,
    request,
    seed: hex,
    silent: faults.some((fault) => fault.kind === "no-usage"),
    lie: faults.find((fault) => fault.kind === "usage")?.lie ?? null,
    cost: steering.cost,
    earlier,
  };
}

async function reply(running: Running, line: OpenLine, signal: CallSignal): Promise<SimulatedAnswer> {
  const { request, dialect, faults, engine } = running;
  const { clock } = engine.options;
  const production: Production = {
    line,
    signal,
    rendering: FORMATS[dialect].rendering(headOf(running, line.id)),
    steps: request.work === "answer" ? answerSteps(planOf(running)) : [],
    pacer: openPacer(clock, paceFor(running), signal),
    stops: stopsOf(faults),
    clock,
  };
  const id = line.id.replace(/^.*[-_]/, "");
  if (request.stream) {
    const type = request.framing === "json" ? "application/json; charset=UTF-8" : FORMATS[dialect].stream_type;
    return { status: 200, headers: headersOf(dialect, id, type), body: pauseStream(produceStream(production), faults, clock) };
  }
  const whole = await produceWhole(production);
  if (whole.failed) return refused({ dialect, id, line }, faultRefusal(500));
  const body = pauseStream(whole.body, faults, clock);
  return { status: 200, headers: headersOf(dialect, id, "application/json"), body };
}
