/** Which wire format a path speaks. */
import type { DialectName } from "../../call/needs.js";
import type { GeminiPath } from "./request-gemini.js";

const PLAIN: ReadonlyMap<string, DialectName> = new Map([
  ["/chat/completions", "openai-chat"],
  ["/responses", "openai-responses"],
  ["/completions", "openai-completions"],
  ["/embeddings", "openai-embeddings"],
  ["/messages", "anthropic-messages"],
  ["/messages/count_tokens", "anthropic-count-tokens"],
]);
const METHODS: ReadonlyMap<string, DialectName> = new Map([
  ["generateContent", "gemini-generate"],
  ["streamGenerateContent", "gemini-generate"],
  ["countTokens", "gemini-count-tokens"],
  ["embedContent", "gemini-embed"],
  ["batchEmbedContents", "gemini-batch-embed"],
]);

/** A path of one of the providers' APIs, read. */
export interface Spoken {
  readonly dialect: DialectName;
  readonly path: GeminiPath;
}

/** Percent-encoding that is none stays as it is: the model will not be found. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A name that is no text is the name of no model.
    return text;
  }
}

/** Reads the URL of a request (`/v1/messages?beta=true`, `/v1beta/models/m:generateContent` …); null for any other path. */
export function spokenAt(url: string): Spoken | null {
  const [path = "/", query = ""] = url.split("?", 2);
  const plain = PLAIN.get(path.replace(/^\/v1(?=\/)/, ""));
  if (plain !== undefined) return { dialect: plain, path: {} };
  const azure = /^\/openai\/deployments\/([^/]+)(\/.+)$/.exec(path);
  if (azure !== null) {
    const dialect = PLAIN.get(azure[2] as string);
    return dialect === undefined ? null : { dialect, path: { model: decoded(azure[1] as string) } };
  }
  if (path.startsWith("/openai/v1/")) return spokenAt(path.slice("/openai".length));
  const [, model, method] = /^(?:\/v1(?:beta)?)?\/models\/([^/:]+):([A-Za-z]+)$/.exec(path) ?? [];
  const dialect = METHODS.get(method ?? "");
  if (model === undefined || dialect === undefined) return null;
  const stream = method === "streamGenerateContent";
  const framing = stream && new URLSearchParams(query).get("alt") !== "sse" ? "json" : "sse";
  return { dialect, path: { model: decoded(model), stream, framing } };
}
