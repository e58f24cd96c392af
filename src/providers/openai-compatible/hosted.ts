import { unbilled } from "../openai/failure.js";
import { bearer } from "../openai/kind.js";
import type { ProviderKind } from "../provider.js";

/** What providers that host models behind OpenAI's wire have in common: a key, no client headers, OpenAI's table of free refusals. */
export const HOSTED = {
  key: "required",
  authorize: bearer,
  headers_allowed: () => false,
  query_allowed: () => false,
  unbilled,
  simulated: false,
} as const satisfies Partial<ProviderKind>;
