/** Recorded calls of software agents, read from a directory that holds `swe_agent_calls.csv`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { UsageCounts } from "../../src/accounting/meter/usage.js";

/** One recorded call. `prompt_tokens` include the cached ones, `completion_tokens` the reasoning. */
export interface RecordedCall {
  readonly run: string;
  readonly index: number;
  readonly at: number;
  readonly prompt_tokens: number;
  readonly cached_tokens: number;
  readonly completion_tokens: number;
  readonly reasoning_tokens: number;
  /** Decimal text as recorded; null where none was. */
  readonly billed_usd: string | null;
}

const COLUMNS = [
  "instance_id",
  "call_index",
  "created_unix",
  "prompt_tokens",
  "cached_tokens",
  "completion_tokens",
  "reasoning_tokens",
  "billed_cost_usd",
] as const;

function count(text: string | undefined, where: string): number {
  const value = text === undefined || text === "" ? Number.NaN : Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${where} is "${text}", not a count`);
  return value;
}

/** Every call of the file, in its order. Throws when a column is missing or a count is not one. */
export function readCalls(directory: string): readonly RecordedCall[] {
  const file = join(directory, "swe_agent_calls.csv");
  const [header = "", ...lines] = readFileSync(file, "utf8").trimEnd().split(/\r?\n/);
  const names = header.split(",");
  const place = new Map(COLUMNS.map((name) => [name, names.indexOf(name)]));
  for (const [name, index] of place) if (index < 0) throw new Error(`${file} has no column "${name}"`);
  return lines.map((line, row) => {
    const cells = line.split(",");
    const cell = (name: (typeof COLUMNS)[number]): string | undefined => cells[place.get(name) ?? -1];
    const where = (name: string): string => `${file}:${row + 2} ${name}`;
    return {
      run: cell("instance_id") ?? "",
      index: count(cell("call_index"), where("call_index")),
      at: Math.trunc(Number(cell("created_unix")) * 1000),
      prompt_tokens: count(cell("prompt_tokens"), where("prompt_tokens")),
      cached_tokens: count(cell("cached_tokens"), where("cached_tokens")),
      completion_tokens: count(cell("completion_tokens"), where("completion_tokens")),
      reasoning_tokens: count(cell("reasoning_tokens"), where("reasoning_tokens")),
      billed_usd: cell("billed_cost_usd") || null,
    };
  });
}

/** Disjoint classes of a call. A part that exceeds its whole is cut to it (the provider's rounding; 11 calls of 10,222). */
export function countsOf(call: RecordedCall): UsageCounts {
  const cached = Math.min(call.cached_tokens, call.prompt_tokens);
  const reasoning = Math.min(call.reasoning_tokens, call.completion_tokens);
  return {
    input_fresh: call.prompt_tokens - cached,
    cache_read: cached,
    output_text: call.completion_tokens - reasoning,
    reasoning,
    requests: 1,
  };
}
