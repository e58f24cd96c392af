import type { RequestTarget } from "../../call/message.js";
import type { DialectName } from "../../call/needs.js";

/** What a client's own URL says of its request. */
export interface WireTarget {
  readonly dialect: DialectName;
  readonly target: RequestTarget;
  /** The same route under the gateway's root. */
  readonly path: string;
}

/** Ends of paths, whatever base URL stands before them. Longer ones first. */
const PLAIN: readonly (readonly [string, DialectName])[] = [
  ["/chat/completions", "openai-chat"],
  ["/completions", "openai-completions"],
  ["/responses", "openai-responses"],
  ["/embeddings", "openai-embeddings"],
  ["/messages/count_tokens", "anthropic-count-tokens"],
  ["/messages", "anthropic-messages"],
];

/** Other things of OpenAI's API that end in the same words. */
const OTHERS = /\/(?:threads|conversations|assistants|batches|evals|fine_tuning)\//;

/** Azure names the model in its path: https://learn.microsoft.com/azure/ai-services/openai/reference, read November 2026. */
const DEPLOYMENT = /\/deployments\/([^/]+)\//;

/** Gemini's last segment is model and method: https://ai.google.dev/api/generate-content, read November 2026. */
const GEMINI = /\/(?:models|tunedModels)\/([^/:]+):([A-Za-z]+)$/;
const GEMINI_METHODS: ReadonlyMap<string, DialectName> = new Map([
  ["generateContent", "gemini-generate"],
  ["streamGenerateContent", "gemini-generate"],
  ["countTokens", "gemini-count-tokens"],
  ["embedContent", "gemini-embed"],
  ["batchEmbedContents", "gemini-batch-embed"],
]);

/** Text of a percent-encoded segment; null when it is none. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

function geminiTarget(url: URL): WireTarget | null {
  const [, segment, method] = GEMINI.exec(url.pathname) ?? [];
  const dialect = method === undefined ? undefined : GEMINI_METHODS.get(method);
  const model = segment === undefined ? null : decoded(segment);
  if (dialect === undefined || model === null) return null;
  const stream = method === "streamGenerateContent";
  const framing = stream && url.searchParams.get("alt") !== "sse" ? "json" : "sse";
  return { dialect, target: { model, stream, framing }, path: `/v1beta/models/${encodeURIComponent(model)}:${method}` };
}

/** Which metered route a URL is, by the end of its path; null when it is none. */
export function wireTargetOf(url: URL): WireTarget | null {
  const path = url.pathname.replace(/\/+$/, "");
  if (OTHERS.test(path)) return null;
  const plain = PLAIN.find(([end]) => path.endsWith(end));
  if (plain === undefined) return geminiTarget(url);
  const [end, dialect] = plain;
  const deployment = DEPLOYMENT.exec(path)?.[1];
  const model = deployment === undefined ? null : decoded(deployment);
  return { dialect, target: model === null ? {} : { model }, path: `/v1${end}` };
}

/** The provider whose wire a dialect is, where no host tells more. */
export function ownerOf(dialect: DialectName): "openai" | "anthropic" | "gemini" {
  const family = dialect.slice(0, dialect.indexOf("-"));
  return family === "anthropic" || family === "gemini" ? family : "openai";
}

/** The same URL for another model, where the model stands in the path. */
export function withModel(url: string, target: RequestTarget, model: string): string {
  if (target.model === undefined || target.model === model) return url;
  const parsed = new URL(url);
  const named = encodeURIComponent(model);
  parsed.pathname = parsed.pathname.replace(GEMINI, `/models/${named}:$2`).replace(DEPLOYMENT, `/deployments/${named}/`);
  return parsed.href;
}
