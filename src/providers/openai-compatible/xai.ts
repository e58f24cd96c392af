/** xAI. Money path: fails closed — reasoning is billed as output although it stands beside it. */
import { unbilled } from "../openai/failure.js";
import { OPENAI_PATHS } from "../openai/kind.js";
import type { ProviderKind } from "../provider.js";
import { type Fields, isObject } from "../request-fields.js";
import { HOSTED } from "./hosted.js";
import { ownUsage, plainCount } from "./told-usage.js";

/**
 * `completion_tokens` is without `reasoning_tokens`; both are billed as output. Every chunk of a stream has the usage so far.
 * Source: https://docs.x.ai/docs/guides/reasoning and /docs/guides/streaming-response (read November 2026).
 */
function usage(reply: Fields): unknown {
  const own = ownUsage(reply);
  const details = isObject(own?.completion_tokens_details) ? own.completion_tokens_details : null;
  const completion = plainCount(own?.completion_tokens);
  const reasoning = plainCount(details?.reasoning_tokens);
  return completion === null || reasoning === null ? reply.usage : { ...own, completion_tokens: completion + reasoning };
}

/** xAI: https://docs.x.ai/docs/api-reference (read November 2026). */
export const XAI: ProviderKind = {
  ...HOSTED,
  kind: "xai",
  paths: {
    "openai-chat": OPENAI_PATHS["openai-chat"],
    "openai-responses": OPENAI_PATHS["openai-responses"],
    "openai-completions": OPENAI_PATHS["openai-completions"],
  },
  base_url: "https://api.x.ai/v1",
  priced_as: "x-ai",
  quirks: { usage },
  // A request that violates the usage guidelines is refused for a fee: https://docs.x.ai/docs/models (read November 2026).
  unbilled: (status) => status !== 403 && unbilled(status),
};
