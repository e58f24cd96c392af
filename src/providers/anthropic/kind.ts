import type { PathOf, ProviderKind } from "../provider.js";
import { unbilled } from "./failure.js";

/** Paths of the API below its base URL, which ends in `/v1`. */
export const ANTHROPIC_PATHS = {
  "anthropic-messages": () => "/messages",
  "anthropic-count-tokens": () => "/messages/count_tokens",
} as const satisfies Record<string, PathOf>;

/** Sent when the client names no version: https://platform.claude.com/docs/en/api/versioning, read November 2026. */
const ANTHROPIC_VERSION = "2023-06-01";

/** Anthropic itself. `anthropic-beta` and `anthropic-version` pass byte for byte, as does `?beta=true`. */
export const ANTHROPIC: ProviderKind = {
  kind: "anthropic",
  paths: ANTHROPIC_PATHS,
  base_url: "https://api.anthropic.com/v1",
  // Its SDKs write the base URL without the /v1 that its API lies below.
  base_of: (url) => (/^https?:\/\/[^/]+\/?$/.test(url) ? `${url.replace(/\/$/, "")}/v1` : url),
  key: "required",
  authorize(headers, key) {
    if (key !== null) headers["x-api-key"] = key;
    headers["anthropic-version"] ??= ANTHROPIC_VERSION;
  },
  headers_allowed: (name) => name === "anthropic-beta" || name === "anthropic-version",
  query_allowed: (name) => name === "beta",
  unbilled,
  simulated: false,
};
