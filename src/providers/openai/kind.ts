import type { PathOf, ProviderKind } from "../provider.js";
import { unbilled } from "./failure.js";

/** Paths of the API below its base URL, which ends in `/v1`. */
export const OPENAI_PATHS = {
  "openai-chat": () => "/chat/completions",
  "openai-responses": () => "/responses",
  "openai-completions": () => "/completions",
  "openai-embeddings": () => "/embeddings",
} as const satisfies Record<string, PathOf>;

/** `Authorization: Bearer`, as OpenAI and all who copy it take their key. */
export function bearer(headers: Record<string, string>, key: string | null): void {
  if (key !== null) headers.authorization = `Bearer ${key}`;
}

/** OpenAI itself. */
export const OPENAI: ProviderKind = {
  kind: "openai",
  paths: OPENAI_PATHS,
  base_url: "https://api.openai.com/v1",
  key: "required",
  authorize: bearer,
  headers_allowed: () => false,
  query_allowed: () => false,
  unbilled,
  simulated: false,
};
