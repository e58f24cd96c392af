import type { PathOf, ProviderKind } from "../provider.js";
import { unbilled } from "./failure.js";

/** Paths of the API below its base URL, which ends in `/v1beta`. */
export const GEMINI_PATHS = {
  "gemini-generate": ({ model, stream }) =>
    `/models/${encodeURIComponent(model)}:${stream ? "streamGenerateContent" : "generateContent"}`,
  "gemini-count-tokens": ({ model }) => `/models/${encodeURIComponent(model)}:countTokens`,
  "gemini-embed": ({ model }) => `/models/${encodeURIComponent(model)}:embedContent`,
  "gemini-batch-embed": ({ model }) => `/models/${encodeURIComponent(model)}:batchEmbedContents`,
} as const satisfies Record<string, PathOf>;

/**
 * Google's Gemini API. The key goes into a header, never into the URL, where logs would keep it; `alt` decides how a
 * stream is framed. Source: https://ai.google.dev/api (read November 2026).
 */
export const GEMINI: ProviderKind = {
  kind: "gemini",
  paths: GEMINI_PATHS,
  base_url: "https://generativelanguage.googleapis.com/v1beta",
  // Its SDKs take the host alone and add the version themselves.
  base_of: (url) => (/^https?:\/\/[^/]+\/?$/.test(url) ? `${url.replace(/\/$/, "")}/v1beta` : url),
  key: "required",
  authorize(headers, key) {
    if (key !== null) headers["x-goog-api-key"] = key;
  },
  headers_allowed: () => false,
  query_allowed: (name) => name === "alt",
  unbilled,
  simulated: false,
};
