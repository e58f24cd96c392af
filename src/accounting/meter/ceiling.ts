/**
 * How much a hold must be (3-accounting, "The ceiling"). Money path: fails closed — what is not known is taken at its
 * worst case within the mode.
 */
import type { Ceiling } from "../ledger/command.js";
import { type CeilingOptions, ceilingOf } from "../price/cost.js";
import type { PriceRow } from "../price/price-row.js";
import { correction, type Learned } from "./calibration.js";
import { tokensPerByte } from "./count-tokens.js";

/**
 * Output tokens held at a time while a stream flows whose bill is visible. Small enough that fifty agents do not lock a
 * budget with promises, large enough that a usual answer (a few hundred tokens) is never extended.
 */
export const OUTPUT_SLICE = 1024;

/** Output cap where neither client nor agent set one: the recorded runs need no more, and 64k refused one in four of them. */
export const OUTPUT_DEFAULT = 8192;

/** Head room over a calibrated estimate, in tenths: p90 of its error is 8 %. */
export const MEASURED_TENTHS = 11;

/**
 * Head room where the reply tells no usage, so that nothing is ever learned and what is held is what is posted: our own
 * error (8 % at p90) beside a tokenizer that may make 1.35 times as many (the widest known here, see count-tokens.ts).
 */
const UNTOLD_TENTHS = 15;

/** What bounds a request's output: tokens per choice, the slice held at first (null: everything), choices. */
export interface OutputBound {
  readonly cap: number;
  readonly slice: number | null;
  readonly choices: number;
}

/** All that a ceiling depends on. */
export interface CeilingQuery {
  /** Input tokens before any factor. */
  readonly estimated_input: number;
  /** The model's own tokenizer counted them. */
  readonly exact: boolean;
  /** Bytes of the prompt, media and framing at their token bounds: nothing tokenizes to more than this per byte. */
  readonly bytes: number;
  readonly calibration: Learned | null;
  /** Input tokens that tools at the provider bring back in further rounds, at most; each round has a window of its own. */
  readonly tool_results?: number;
  /** The reply will not say what was used. */
  readonly usage_untold?: boolean;
  readonly output: OutputBound;
  /** null: the price is unknown; the money of the ceiling is then 0 and the ledger denies it on hard budgets. */
  readonly row: PriceRow | null;
  readonly mode: "measured" | "strict";
  readonly cacheWrites: "none" | "5m" | "1h";
  /** As the request names it; absent is standard. */
  readonly service_tier?: string | null;
  /** The request carries or asks for audio. */
  readonly audio?: boolean;
}

function measuredInput(query: CeilingQuery): number {
  if (query.exact) return query.estimated_input;
  const calibrated = Math.ceil(query.estimated_input * correction(query.calibration));
  return Math.ceil((calibrated * (query.usage_untold === true ? UNTOLD_TENTHS : MEASURED_TENTHS)) / 10);
}

function strictInput(query: CeilingQuery): number {
  if (query.exact) return query.estimated_input;
  const bound = Math.max(query.estimated_input, query.bytes * tokensPerByte(query.row?.provider ?? null));
  // More than its window a model does not read: it refuses, unbilled.
  return Math.min(bound, query.row?.context_window ?? bound);
}

/** Input tokens to hold for: measured = estimate × learned ratio × 1.1 (exact counts as they are), strict = no more is possible. */
export function inputBound(query: CeilingQuery): number {
  return query.mode === "strict" ? strictInput(query) : measuredInput(query);
}

/** Output tokens to hold at first, over all choices: a slice where one is enough, the full cap otherwise and when strict. */
export function sliceFor(output: OutputBound, mode: "measured" | "strict"): number {
  const full = output.cap * output.choices;
  return mode === "strict" || output.slice === null ? full : Math.min(output.slice, full);
}

/** The most an attempt may cost until its hold is extended. Money rounded up; tokens whole. */
export function ceilingFor(query: CeilingQuery): Ceiling {
  const input_tokens = inputBound(query) + (query.tool_results ?? 0);
  const output_tokens = sliceFor(query.output, query.mode);
  if (query.row === null) return { nano: 0n, input_tokens, output_tokens };
  const options: CeilingOptions = {
    strict: query.mode === "strict",
    cacheWrites: query.cacheWrites,
    service_tier: query.service_tier ?? null,
    audio: query.audio ?? false,
  };
  return { nano: ceilingOf({ input_tokens, output_tokens }, query.row, options), input_tokens, output_tokens };
}
