/**
 * Azure OpenAI. Money path: fails closed — its 400 may have been billed.
 * Source: https://learn.microsoft.com/azure/ai-services/openai/reference and /api-version-lifecycle (read November 2026).
 */
import { unbilled } from "../openai/failure.js";
import type { PathOf, ProviderKind } from "../provider.js";

/** With an `api_version` a model is a deployment in the path; without one it is the v1 API, where the body names it. */
function deployed(path: string): PathOf {
  return ({ model }, { api_version }) =>
    api_version === undefined ? `/openai/v1${path}` : `/openai/deployments/${encodeURIComponent(model)}${path}`;
}

/** Azure OpenAI, by its resource's address, such as `https://NAME.openai.azure.com`. Deployments are asked for by their names. */
export const AZURE: ProviderKind = {
  kind: "azure",
  paths: {
    "openai-chat": deployed("/chat/completions"),
    "openai-responses": (_, { api_version }) => (api_version === undefined ? "/openai/v1/responses" : "/openai/responses"),
    "openai-completions": deployed("/completions"),
    "openai-embeddings": deployed("/embeddings"),
  },
  base_url: null,
  // People copy it with the path of one API or the other.
  base_of: (url) => url.replace(/\/+$/, "").replace(/\/openai(?:\/v1)?$/, ""),
  key: "required",
  // The price data has none of its chat models under its own name; it charges OpenAI's prices.
  priced_as: "openai",
  authorize(headers, key) {
    if (key !== null) headers["api-key"] = key;
  },
  headers_allowed: () => false,
  query_allowed: () => false,
  query_added: ({ api_version }): Record<string, string> => (api_version === undefined ? {} : { "api-version": api_version }),
  // What was processed is charged whatever the status says: the 400 of a content filter or of an input limit too.
  // https://learn.microsoft.com/azure/ai-services/openai/how-to/manage-costs (read November 2026).
  unbilled: (status) => status !== 400 && unbilled(status),
  simulated: false,
};
