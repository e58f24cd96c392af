import { unbilled } from "../openai/failure.js";
import { bearer, OPENAI_PATHS } from "../openai/kind.js";
import type { ProviderKind } from "../provider.js";

/** Any server that speaks OpenAI's wire, by its base URL. */
export const OPENAI_COMPATIBLE: ProviderKind = {
  kind: "openai-compatible",
  paths: OPENAI_PATHS,
  base_url: null,
  key: "optional",
  authorize: bearer,
  headers_allowed: () => false,
  query_allowed: () => false,
  unbilled,
  simulated: false,
};
