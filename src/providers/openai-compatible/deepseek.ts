/** DeepSeek. Money path: fails closed — a cache hit counts once, inside the prompt. */
import { OPENAI_PATHS } from "../openai/kind.js";
import type { ProviderKind } from "../provider.js";
import { type Fields, isObject } from "../request-fields.js";
import { HOSTED } from "./hosted.js";
import { ownUsage } from "./told-usage.js";

/**
 * `prompt_tokens` = `prompt_cache_hit_tokens` + `prompt_cache_miss_tokens`; only a hit is cheaper.
 * Source: https://api-docs.deepseek.com/guides/kv_cache (read November 2026).
 */
function usage(reply: Fields): unknown {
  const own = ownUsage(reply);
  const hit = own?.prompt_cache_hit_tokens ?? null;
  if (own === null || hit === null) return reply.usage;
  const details = isObject(own.prompt_tokens_details) ? own.prompt_tokens_details : {};
  return { ...own, prompt_tokens_details: { ...details, cached_tokens: hit } };
}

/** DeepSeek: https://api-docs.deepseek.com (read November 2026). */
export const DEEPSEEK: ProviderKind = {
  ...HOSTED,
  kind: "deepseek",
  paths: { "openai-chat": OPENAI_PATHS["openai-chat"] },
  base_url: "https://api.deepseek.com/v1",
  quirks: { usage, cap_field: "max_tokens" },
};
