/**
 * Responses usage as disjoint classes. Money path: fails closed. The figures are Chat's by other names: `input_tokens`
 * includes cached and cache-written tokens, `output_tokens` includes reasoning. Web searches stand nowhere in it: each
 * one that ran is an item of the output and has a fee.
 * Sources: https://platform.openai.com/docs/api-reference/responses/object, https://platform.openai.com/docs/guides/tools-web-search
 * and https://platform.openai.com/docs/pricing (read November 2026).
 */
import { isObject } from "../../request-fields.js";
import type { UsageRead } from "../../usage-count.js";
import { openAiUsage } from "../usage.js";

/** Items of tools that ran at the provider. Without a final usage nobody knows what they brought into the input. */
const RAN_AT_PROVIDER = /^(?:web_search|file_search|code_interpreter|image_generation|mcp)_call$/;

/** Of those, the ones with a fee that no price row has. */
const FEE_UNKNOWN: ReadonlySet<unknown> = new Set<unknown>([
  "file_search_call",
  "code_interpreter_call",
  "image_generation_call",
]);

/** What ran at the provider beside the model. */
export interface ToolRuns {
  readonly web_searches: number;
  /** Any of the tools that run at the provider. */
  readonly ran: boolean;
  /** `fee_unknown:TYPE` for each kind of tool whose fee is not in the bill. */
  readonly flags: readonly string[];
}

/** A search has a fee; opening a page or finding in it has none. What does not say is taken for a search. */
function isBilledSearch(item: unknown): boolean {
  if (!isObject(item) || item.type !== "web_search_call" || item.status === "failed") return false;
  const type = isObject(item.action) ? item.action.type : undefined;
  return type !== "open_page" && type !== "find_in_page";
}

/** Is this the item of a tool that runs at the provider? Shells and tool searches run there or at the client. */
export function ranAtProvider(item: unknown): boolean {
  if (!isObject(item) || typeof item.type !== "string") return false;
  if (item.type === "tool_search_call") return item.execution !== "client";
  if (item.type === "shell_call") return isObject(item.environment) && item.environment.type !== "local";
  return RAN_AT_PROVIDER.test(item.type);
}

/** Reads the items of an output. */
export function toolRuns(items: readonly unknown[]): ToolRuns {
  const kinds = new Set(items.filter(isObject).map((item) => item.type));
  return {
    web_searches: items.filter(isBilledSearch).length,
    ran: items.some(ranAtProvider),
    flags: [...kinds].filter((type) => FEE_UNKNOWN.has(type)).map((type) => `fee_unknown:${type}`),
  };
}

/** Reads a `usage` object together with what ran beside the model. See `openAiUsage` for what is rejected. */
export function responsesUsage(
  usage: unknown,
  options: { readonly metered: number; readonly service_tier?: unknown; readonly runs: ToolRuns },
): UsageRead {
  const { runs } = options;
  const renamed = !isObject(usage)
    ? usage
    : {
        prompt_tokens: usage.input_tokens,
        completion_tokens: usage.output_tokens,
        total_tokens: usage.total_tokens,
        prompt_tokens_details: usage.input_tokens_details,
        completion_tokens_details: usage.output_tokens_details,
        cost: usage.cost,
      };
  const read = openAiUsage(renamed, options);
  if (!read.ok) return read;
  const counts = runs.web_searches === 0 ? read.counts : { ...read.counts, web_searches: runs.web_searches };
  return { ...read, counts, flags: [...read.flags, ...runs.flags] };
}
