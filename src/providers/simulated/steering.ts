/** What a request asks of the simulator by its `x-sim-*` headers. */

/** A misbehaviour to show. `times`: only for the first so many requests of the same `x-sim-key`; null means always. */
export type Fault = { readonly times: number | null; readonly text: string } & (
  | { readonly kind: "status"; readonly status: number }
  | { readonly kind: "reset-before" | "no-usage" | "slow-body" }
  | { readonly kind: "reset-after" | "hang-after" | "error-event" | "ignore-cap"; readonly tokens: number }
  | { readonly kind: "chunk-bytes"; readonly bytes: number }
  | { readonly kind: "usage"; readonly lie: UsageLie }
);

const LIES = ["negative", "nan", "string", "zero", "huge", "twice", "decreasing"] as const;

/** A way in which reported usage is wrong. The bill stays right. */
export type UsageLie = (typeof LIES)[number];

/** One run inside a request: `model=in/out`, or `compaction=in/out`. */
export interface Iteration {
  readonly model: string;
  readonly input: number;
  readonly output: number;
}

/** The headers, read. null: not given. Token figures are per call; `output` is per choice. */
export interface Steering {
  readonly input: number | null;
  readonly output: number | null;
  readonly cached: number | null;
  readonly first_token_ms: number | null;
  /** 0: as fast as the reader takes it. */
  readonly tokens_per_second: number | null;
  readonly seed: string;
  /** The tool to call, while the conversation holds fewer results than `times`: `name*1` calls once, then answers. */
  readonly tool_call: { readonly name: string; readonly times: number } | null;
  /** Web searches at the provider, within what the request allows. */
  readonly searches: number;
  /** What an OpenAI-shaped usage tells as its cost, as JSON text; may be a lie. */
  readonly cost: string | null;
  /** Runs of one request by several models, the last one being the answer's; empty without. */
  readonly iterations: readonly Iteration[];
  readonly key: string | null;
  readonly faults: readonly Fault[];
}

/** A header that the simulator does not understand; the request is answered with 400 and this message. */
export class SteeringError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SteeringError";
  }
}

const COUNT_MAX = 10_000_000;

function count(name: string, text: string): number {
  const value = /^\d{1,8}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!(value <= COUNT_MAX)) throw new SteeringError(`${name} takes a whole number up to ${COUNT_MAX}, not "${text}"`);
  return value;
}

/** One fault of `x-sim-fault`, e.g. `reset-after=12` or `429*2`. Throws SteeringError. */
export function faultOf(text: string): Fault {
  const match = /^([a-z-]+|\d{3})(?:=([a-z0-9]+))?(?:\*(\d{1,6}))?$/.exec(text.trim());
  if (match === null) throw new SteeringError(`x-sim-fault does not know "${text}"`);
  const [, name = "", value, repeats] = match;
  const base = { times: repeats === undefined ? null : Number(repeats), text: text.trim() };
  if (/^(400|401|429|500|529)$/.test(name) && value === undefined) return { ...base, kind: "status", status: Number(name) };
  if ((name === "reset-before" || name === "no-usage" || name === "slow-body") && value === undefined)
    return { ...base, kind: name };
  if (name === "usage") {
    const lie = LIES.find((known) => known === value);
    if (lie !== undefined) return { ...base, kind: name, lie };
  }
  if (value !== undefined) {
    if (name === "reset-after" || name === "hang-after" || name === "error-event" || name === "ignore-cap")
      return { ...base, kind: name, tokens: count("x-sim-fault", value) };
    if (name === "chunk-bytes") return { ...base, kind: name, bytes: Math.max(1, count("x-sim-fault", value)) };
  }
  throw new SteeringError(`x-sim-fault does not know "${text}"`);
}

function toolCall(text: string): Steering["tool_call"] {
  const [, name = "", times] = /^(.*?)(?:\*(\d{1,8}))?$/s.exec(text) ?? [];
  return { name, times: times === undefined ? Number.POSITIVE_INFINITY : Number(times) };
}

function iterationOf(text: string): Iteration {
  const [, model, input, output] = /^([^=,\s]+)=(\d{1,8})\/(\d{1,8})$/.exec(text.trim()) ?? [];
  if (model === undefined || input === undefined || output === undefined)
    throw new SteeringError(`x-sim-iterations takes model=input/output, not "${text}"`);
  return { model, input: count("x-sim-iterations", input), output: count("x-sim-iterations", output) };
}

function costOf(text: string): string {
  if (/^-?\d{1,12}(\.\d{1,15})?(e-?\d{1,3})?$|^null$|^".*"$/.test(text)) return text;
  throw new SteeringError(`x-sim-cost takes a JSON number, not "${text}"`);
}

/** Reads the `x-sim-*` headers (names in lower case). Several faults are separated by commas. Throws SteeringError. */
export function readSteering(headers: Readonly<Record<string, string>>): Steering {
  const number = (name: string): number | null => {
    const text = headers[name];
    return text === undefined ? null : count(name, text);
  };
  const faults = headers["x-sim-fault"];
  return {
    input: number("x-sim-input-tokens"),
    output: number("x-sim-output-tokens"),
    cached: number("x-sim-cached-tokens"),
    first_token_ms: number("x-sim-first-token-ms"),
    tokens_per_second: number("x-sim-tokens-per-second"),
    seed: headers["x-sim-seed"] ?? "",
    tool_call: headers["x-sim-tool-call"] === undefined ? null : toolCall(headers["x-sim-tool-call"]),
    searches: number("x-sim-searches") ?? 0,
    cost: headers["x-sim-cost"] === undefined ? null : costOf(headers["x-sim-cost"]),
    iterations: headers["x-sim-iterations"]?.split(",").map(iterationOf) ?? [],
    key: headers["x-sim-key"] ?? null,
    faults: faults === undefined || faults.trim() === "" ? [] : faults.split(",").map(faultOf),
  };
}

/** The token figure of the first fault of this kind (`reset-after=12` → 12), or null without such a fault. */
export function faultTokens(
  faults: readonly Fault[],
  kind: "reset-after" | "hang-after" | "error-event" | "ignore-cap",
): number | null {
  for (const fault of faults) if (fault.kind === kind && "tokens" in fault) return fault.tokens;
  return null;
}
