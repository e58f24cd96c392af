import { BursarError } from "../../../accounting/errors.js";

/** One recorded call. */
export interface TraceRow {
  /** Line of the file it was read from, from 1. */
  readonly line: number;
  /** When it arrived, in milliseconds of the trace's own clock. */
  readonly at_ms: number;
  /** Input tokens, the cached ones included; at least 1. */
  readonly input: number;
  readonly cached: number;
  readonly output: number;
  /** What it belongs to; null where the trace does not say. */
  readonly task: string | null;
}

/** A format that traces are recorded in. */
export interface TraceFormat {
  readonly name: "azure" | "mooncake" | "swe-agent";
  /** The first line is a header and no row. */
  readonly header: boolean;
  /** Rows do not stand in the order in which they arrived. */
  readonly unordered: boolean;
  /** Opens a reader of rows; it may remember what came before. Throws BursarError `invalid_request` naming the line. */
  open(first: string): (text: string, where: Where) => TraceRow;
}

/** File and line, for errors. */
export interface Where {
  readonly file: string;
  readonly line: number;
}

/** Most tokens of one call: above it a body would not fit the gateway's usual limit. */
export const TOKENS_MAX = 4_000_000;

/** The error of a row that cannot be read. */
export function rowError(where: Where, what: string): BursarError {
  return new BursarError("invalid_request", `${where.file}:${where.line}: ${what}`, { line: where.line });
}

/** A whole number of tokens between `min` and TOKENS_MAX. */
export function tokensOf(text: string | number | undefined, of: { name: string; min: number; where: Where }): number {
  const value = typeof text === "number" ? text : /^\d{1,9}$/.test(text ?? "") ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= of.min && value <= TOKENS_MAX) return value;
  throw rowError(of.where, `${of.name} is ${JSON.stringify(text)}; it takes a whole number from ${of.min} to ${TOKENS_MAX}.`);
}
