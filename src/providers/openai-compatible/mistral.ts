import { OPENAI_PATHS } from "../openai/kind.js";
import type { ProviderKind } from "../provider.js";
import { HOSTED } from "./hosted.js";

/**
 * Mistral refuses fields that it does not know (422 "Extra inputs are not permitted"), `stream_options` among them, and
 * tells its usage on the chunk that also has the finish_reason. Source: https://docs.mistral.ai/api (read November 2026).
 */
export const MISTRAL: ProviderKind = {
  ...HOSTED,
  kind: "mistral",
  paths: { "openai-chat": OPENAI_PATHS["openai-chat"], "openai-embeddings": OPENAI_PATHS["openai-embeddings"] },
  base_url: "https://api.mistral.ai/v1",
  quirks: { no_stream_options: true, cap_field: "max_tokens" },
};
