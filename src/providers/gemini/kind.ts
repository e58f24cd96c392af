import type { PathOf } from "../provider.js";

/** Paths of the API below its base URL, which ends in `/v1beta`. */
export const GEMINI_PATHS = {
  "gemini-generate": ({ model, stream }) =>
    `/models/${encodeURIComponent(model)}:${stream ? "streamGenerateContent" : "generateContent"}`,
  "gemini-count-tokens": ({ model }) => `/models/${encodeURIComponent(model)}:countTokens`,
  "gemini-embed": ({ model }) => `/models/${encodeURIComponent(model)}:embedContent`,
  "gemini-batch-embed": ({ model }) => `/models/${encodeURIComponent(model)}:batchEmbedContents`,
} as const satisfies Record<string, PathOf>;
