/** The usage of an AI SDK answer as it is told. Money path: fails closed — what is not there is unknown, not 0. */
import { isObject } from "../../../providers/request-fields.js";
import type { ToldUsage } from "../model-call/told-usage.js";
import type { ByProvider, V3Usage } from "./v3-shapes.js";

function numberIn(value: unknown, ...path: readonly string[]): number | null {
  let at = value;
  for (const name of path) at = isObject(at) ? at[name] : undefined;
  return typeof at === "number" ? at : null;
}

/** A dearer tier counts as asked for until the provider names another one. */
function tierOf(metadata: ByProvider | undefined, asked: string | null): string | null {
  const openai = metadata?.openai ?? metadata?.azure;
  const served = isObject(openai) ? openai.serviceTier : undefined;
  if (typeof served === "string") return served;
  return asked === "priority" ? asked : null;
}

/** `searches`: uses of search tools at the provider that were seen. Null when nothing was told. */
export function toldUsage(of: {
  readonly usage: V3Usage | undefined;
  readonly metadata: ByProvider | undefined;
  readonly tier: string | null;
  readonly searches: number;
}): ToldUsage | null {
  const { usage, metadata, tier, searches } = of;
  const input = usage?.inputTokens;
  const output = usage?.outputTokens;
  const known = [input?.total, input?.noCache, output?.total, output?.text].some(
    (count) => count !== undefined && count !== null,
  );
  if (!known) return null;
  const raw = usage?.raw;
  const told = numberIn(raw, "server_tool_use", "web_search_requests") ?? 0;
  return {
    input: input?.total ?? null,
    cache_read: input?.cacheRead ?? null,
    cache_write: input?.cacheWrite ?? null,
    cache_write_1h: numberIn(raw, "cache_creation", "ephemeral_1h_input_tokens"),
    input_audio: numberIn(raw, "prompt_tokens_details", "audio_tokens"),
    output: output?.total ?? null,
    reasoning: output?.reasoning ?? null,
    output_audio: numberIn(raw, "completion_tokens_details", "audio_tokens"),
    web_searches: Math.max(told, searches) || null,
    service_tier: tierOf(metadata, tier),
  };
}
