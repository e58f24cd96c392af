/**
 * What usage costs and what it can cost at most. Exact rational arithmetic over bigint, one rounding at the end: half-up
 * for settlement, up for ceilings. Money path: fails closed — a class without a price is priced as the dearest that could
 * stand in for it, never as nothing.
 */
import { inputTokens, USAGE_CLASSES, type UsageClass, type UsageCounts } from "../meter/usage.js";
import type { Nano, Pico } from "../units/money.js";
import type { PicoPrices, PriceRow } from "./price-row.js";

/** Exact factor as numerator and denominator. */
export type Factor = readonly [bigint, bigint];

const ONE: Factor = [1n, 1n];
const PICO_PER_NANO = 1000n;

/**
 * Pico-dollars of one web search where a row names no fee: $35 per 1,000, the dearest published one (Gemini's grounding,
 * https://ai.google.dev/gemini-api/docs/pricing, read 24 November 2026; OpenAI and Anthropic take $10).
 */
export const WEB_SEARCH_PICO: Pico = 35_000_000_000n;

// Names under which providers report that no special tier ran.
const STANDARD = new Set(["standard", "default", "auto", "on_demand", "standard_only"]);

const STANDS_IN: Readonly<Partial<Record<UsageClass, UsageClass>>> = {
  cache_read: "input_fresh",
  cache_write_5m: "input_fresh",
  cache_write_1h: "cache_write_5m",
  input_audio: "input_fresh",
  input_image: "input_fresh",
  reasoning: "output_text",
  output_audio: "output_text",
};

/** Fees of events take no factor of a tier. */
function isEvent(name: UsageClass): boolean {
  return name === "requests" || name === "web_searches";
}

function dearestOf(pico: PicoPrices): Pico {
  let dearest = 0n;
  for (const name of USAGE_CLASSES) {
    const price = isEvent(name) ? 0n : (pico[name] ?? 0n);
    if (price > dearest) dearest = price;
  }
  return dearest;
}

/**
 * Pico-dollars per unit of a class: its own price, else that of the class the provider bills it as, else the dearest of
 * the row. A row without a fee per request has none (that is what such rows mean).
 */
export function picoOf(pico: PicoPrices, name: UsageClass, free = false): Pico {
  if (free) return 0n;
  const own = pico[name];
  if (own !== undefined) return own;
  if (name === "requests") return 0n;
  if (name === "web_searches") return WEB_SEARCH_PICO;
  const next = STANDS_IN[name];
  return next === undefined ? dearestOf(pico) : picoOf(pico, next);
}

/** The prices that hold for a request of this many input tokens: a long-context tier flips the whole request. */
export function picoAt(row: PriceRow, input: number): PicoPrices {
  let pico = row.pico;
  for (const tier of row.tiers) if (input >= tier.above) pico = tier.pico;
  return pico;
}

function greater(left: Factor, right: Factor): Factor {
  return left[0] * right[1] >= right[0] * left[1] ? left : right;
}

/** The dearest factor any service tier of the row can bring, at least 1. */
export function dearestFactor(row: PriceRow): Factor {
  return Object.values(row.multipliers).reduce<Factor>(greater, ONE);
}

/** Factor of a service tier as the provider names it; absent is standard, a name the row does not know the dearest. */
export function factorOf(row: PriceRow, serviceTier: string | null | undefined): Factor {
  if (serviceTier === null || serviceTier === undefined) return ONE;
  const name = serviceTier.trim().toLowerCase();
  const known = Object.hasOwn(row.multipliers, name) ? row.multipliers[name] : undefined;
  if (known !== undefined) return known;
  return STANDARD.has(name) ? ONE : dearestFactor(row);
}

/** What a hold is priced at for the tier: the one that was asked for where it is dearer than standard, strict the dearest. */
function heldFactor(row: PriceRow, options: CeilingOptions): Factor {
  if (options.strict === true) return dearestFactor(row);
  const { service_tier } = options;
  return service_tier === null || service_tier === undefined ? ONE : greater(ONE, factorOf(row, service_tier));
}

/** Is the tier that ran dearer than the one a hold of these options was priced at? */
export function isTierBeyond(row: PriceRow, ran: string | null | undefined, held: CeilingOptions): boolean {
  const [up, down] = factorOf(row, ran);
  const [upHeld, downHeld] = heldFactor(row, held);
  return up * downHeld > upHeld * down;
}

/** One class of one bill. `pico` is the price of a unit before `factor`; fees of events take no factor. */
export interface CostLine {
  readonly class: UsageClass;
  readonly units: number;
  readonly pico: Pico;
  readonly factor: Factor;
}

/** The bill, class by class: what `explain` shows. Exact; the sum rounded once is `costOf`. */
export function costLines(counts: UsageCounts, row: PriceRow, serviceTier?: string | null): readonly CostLine[] {
  const pico = picoAt(row, inputTokens(counts));
  const factor = factorOf(row, serviceTier);
  const lines: CostLine[] = [];
  for (const name of USAGE_CLASSES) {
    const units = counts[name] ?? 0;
    if (units === 0) continue;
    lines.push({ class: name, units, pico: picoOf(pico, name, row.free), factor: isEvent(name) ? ONE : factor });
  }
  return lines;
}

/** An exact amount in pico-dollars, as numerator and denominator. */
type Exact = readonly [bigint, bigint];

function exactCost(counts: UsageCounts, row: PriceRow, serviceTier?: string | null): Exact {
  const pico = row.tiers.length === 0 ? row.pico : picoAt(row, inputTokens(counts));
  let tokens = 0n;
  let events = 0n;
  for (const name of USAGE_CLASSES) {
    const units = counts[name];
    if (units === undefined || units === 0) continue;
    if (!Number.isSafeInteger(units) || units < 0) throw new RangeError(`${name} is ${units}, not a count`);
    const part = BigInt(units) * picoOf(pico, name, row.free);
    if (isEvent(name)) events += part;
    else tokens += part;
  }
  const [up, down] = factorOf(row, serviceTier);
  return [tokens * up + events * down, down];
}

/** Pico-dollars as nano-dollars, half-up. */
function rounded([numerator, denominator]: Exact): Nano {
  const unit = denominator * PICO_PER_NANO;
  return (2n * numerator + unit) / (2n * unit);
}

/**
 * What one attempt cost, in nano-dollars, rounded half-up once. Counts are non-negative safe integers (readers of usage
 * see to that; a RangeError here is a fault). A class that is absent was not told and costs nothing: whoever settles
 * without usage posts the hold instead.
 */
export function costOf(counts: UsageCounts, row: PriceRow, serviceTier?: string | null): Nano {
  return rounded(exactCost(counts, row, serviceTier));
}

/** One run of an attempt, with the row of the model that ran it. */
export interface PricedPart {
  readonly counts: UsageCounts;
  readonly row: PriceRow;
  readonly service_tier?: string | null;
}

/**
 * What an attempt of several runs cost, each at its own model's price and in the long-context tier of its own input: the
 * exact sum, rounded half-up once. Of one part it is `costOf`; of none it is 0. Throws like `costOf`.
 */
export function costOfParts(parts: readonly PricedPart[]): Nano {
  let sum: Exact = [0n, 1n];
  for (const { counts, row, service_tier } of parts) {
    const [numerator, denominator] = exactCost(counts, row, service_tier);
    sum = [sum[0] * denominator + numerator * sum[1], sum[1] * denominator];
  }
  return rounded(sum);
}

/** The most a request can consume. `output_tokens` is per choice; `choices` and `requests` are 1 unless given. */
export interface Spend {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly choices?: number;
  readonly requests?: number;
}

/** What the request can make the provider do; absent is nothing special. */
export interface CeilingOptions {
  /** Worst case: dearest service tier, dearest class. */
  readonly strict?: boolean;
  /** Anthropic's `cache_control`; others write their caches unasked, and are priced so. */
  readonly cacheWrites?: "none" | "5m" | "1h";
  /** As the request names it; a discount is never assumed. */
  readonly service_tier?: string | null;
  /** The request carries or asks for audio. */
  readonly audio?: boolean;
}

const ANY_INPUT = ["input_fresh", "cache_write_5m", "cache_write_1h", "input_audio", "input_image"] as const;
const PLAIN_INPUT = ["input_fresh", "input_image"] as const;
const WRITTEN_5M = ["input_fresh", "input_image", "cache_write_5m"] as const;
const WRITTEN_1H = ["input_fresh", "input_image", "cache_write_1h", "cache_write_5m"] as const;
const TEXT_OUTPUT = ["output_text", "reasoning"] as const;
const ANY_OUTPUT = ["output_text", "reasoning", "output_audio"] as const;
const REQUESTS = ["requests"] as const;

function inputClasses(row: PriceRow, options: CeilingOptions): readonly UsageClass[] {
  if (options.strict === true) return ANY_INPUT;
  let classes: readonly UsageClass[] = PLAIN_INPUT;
  if (options.cacheWrites === "1h") classes = WRITTEN_1H;
  else if (options.cacheWrites === "5m" || row.provider !== "anthropic") classes = WRITTEN_5M;
  return options.audio === true ? [...classes, "input_audio"] : classes;
}

function dearestIn(pico: PicoPrices, classes: readonly UsageClass[], free: boolean): Pico {
  let dearest = 0n;
  for (const name of classes) {
    const price = picoOf(pico, name, free);
    if (price > dearest) dearest = price;
  }
  return dearest;
}

/** Dearest price of these classes in any tier that a request of up to `input` tokens can land in. */
function dearestAt(row: PriceRow, classes: readonly UsageClass[], input: number): Pico {
  let dearest = dearestIn(row.pico, classes, row.free);
  for (const tier of row.tiers) {
    if (input < tier.above) continue;
    const price = dearestIn(tier.pico, classes, row.free);
    if (price > dearest) dearest = price;
  }
  return dearest;
}

/**
 * The most that a request within `spend` can cost, in nano-dollars, rounded up. No cache discount and no cheaper tier is
 * assumed. Never less than `costOf` of any usage within it (fees of server-side tools come on top).
 */
export function ceilingOf(spend: Spend, row: PriceRow, options: CeilingOptions = {}): Nano {
  const { input_tokens, output_tokens } = spend;
  const audio = options.audio === true || options.strict === true;
  const input = dearestAt(row, inputClasses(row, options), input_tokens);
  const output = dearestAt(row, audio ? ANY_OUTPUT : TEXT_OUTPUT, input_tokens);
  const fee = dearestAt(row, REQUESTS, input_tokens);
  const [up, down] = heldFactor(row, options);
  const tokens = BigInt(input_tokens) * input + BigInt(output_tokens) * BigInt(spend.choices ?? 1) * output;
  const numerator = tokens * up + BigInt(spend.requests ?? 1) * fee * down;
  const unit = down * PICO_PER_NANO;
  return (numerator + unit - 1n) / unit;
}
