import { BursarError } from "../../accounting/errors.js";
import type { RequestTarget } from "../../call/message.js";
import type { DialectName } from "../../call/needs.js";

/** Where a request goes. Routing and authorisation both use this one reading of the URL. */
export type Routed =
  | {
      readonly kind: "data";
      readonly dialect: DialectName;
      readonly target: RequestTarget;
      readonly agent?: string;
      readonly query: string;
      /** Gemini's `?key=`: a token that the request presents. Secret: taken out of `query`, never logged. */
      readonly queryKey?: string;
    }
  /** The list of models, or one of them by its id; answered from the configuration, never by a provider. */
  | { readonly kind: "models"; readonly dialect: DialectName; readonly id: string | null; readonly queryKey?: string }
  | { readonly kind: "probe" }
  | { readonly kind: "control" }
  | { readonly kind: "refused"; readonly error: BursarError; readonly dialect: DialectName };

/** Routes whose path says nothing but the wire format. Each also stands without its `/v1`, for clients whose base URL lacks it. */
const PLAIN: ReadonlyMap<string, DialectName> = new Map([
  ["/v1/chat/completions", "openai-chat"],
  ["/v1/responses", "openai-responses"],
  ["/v1/completions", "openai-completions"],
  ["/v1/embeddings", "openai-embeddings"],
  ["/v1/messages", "anthropic-messages"],
  ["/v1/messages/count_tokens", "anthropic-count-tokens"],
]);

/** Azure's own paths: https://learn.microsoft.com/azure/ai-services/openai/reference, read November 2026. */
const AZURE_DEPLOYMENT = /^\/openai\/deployments\/([^/]+)(\/(?:chat\/completions|completions|embeddings))$/;
const AZURE_V1 = /^\/openai(\/v1\/(?:chat\/completions|responses|completions|embeddings)|\/responses)$/;

/** Gemini's: the model and what to do with it are one segment. */
const GEMINI = /^\/v1(?:beta)?\/(?:models|tunedModels)\/([^/:]+):([A-Za-z]+)$/;
const GEMINI_METHODS: ReadonlyMap<string, DialectName> = new Map([
  ["generateContent", "gemini-generate"],
  ["streamGenerateContent", "gemini-generate"],
  ["countTokens", "gemini-count-tokens"],
  ["embedContent", "gemini-embed"],
  ["batchEmbedContents", "gemini-batch-embed"],
]);

/** Lists of models; an id may have slashes of its own (`openai/gpt-4o`). Gemini's also writes `models/` before it. */
const MODELS = /^\/(?:(?:openai\/)?(v1|v1beta)\/)?models(?:\/(.+?))?\/?$/;

/** Paths of the providers that are known and not served: refused by name. */
const NOT_BUILT: readonly (readonly [RegExp, string, DialectName])[] = [
  [/^\/v1\/responses\//, "reading, deleting and compacting stored responses", "openai-responses"],
  [/^\/v1\/(files|batches|uploads)(\/|$)/, "files and batches", "openai-chat"],
  [/^\/(openai\/)?(v1\/)?realtime(\/|$)/, "realtime sessions", "openai-chat"],
  [/^\/ws\/google\.ai\.generativelanguage\./, "Gemini live sessions", "gemini-generate"],
  [
    /^\/v1\/(images|audio|moderations|fine_tuning|assistants|threads|vector_stores|videos|conversations|containers)(\/|$)/,
    "this OpenAI route",
    "openai-chat",
  ],
  [/^\/v1\/messages\/batches(\/|$)/, "Anthropic batches", "anthropic-messages"],
  [/^\/v1beta\/models\/[^/]+:batchGenerateContent/, "Gemini batches", "gemini-generate"],
  [/^\/v1beta\/(files|cachedContents|batches|tunedModels|corpora)(\/|$)/, "Gemini files, caches and batches", "gemini-generate"],
];

/** What is served, for whoever asks for something else. */
const SERVED =
  "POST /v1/chat/completions, /v1/responses, /v1/completions, /v1/embeddings, /v1/messages, /v1/messages/count_tokens " +
  "and /v1beta/models/{model}:generateContent, :streamGenerateContent, :countTokens, :embedContent; GET /v1/models, /v1beta/models";

const AGENT_PREFIX = "/agents/";

function refusedRoute(error: BursarError, dialect: DialectName): Routed {
  return { kind: "refused", error, dialect };
}

/** The dialect that an error on a path is told in: what its clients can read. */
function familyOf(path: string): DialectName {
  if (path.startsWith("/v1beta")) return "gemini-generate";
  return /^\/(?:v1\/)?messages/.test(path) ? "anthropic-messages" : "openai-chat";
}

/** A model's name in a path. Throws `invalid_request` when it is not percent-encoded text. */
function nameIn(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new BursarError(
      "invalid_request",
      `The model ${JSON.stringify(text)} in the path is not percent-encoded UTF-8.`,
      {},
      { cause },
    );
  }
}

interface Found {
  readonly dialect: DialectName;
  readonly target: RequestTarget;
}

function find(path: string, query: URLSearchParams): Found | null {
  const plain = PLAIN.get(path) ?? PLAIN.get(`/v1${path}`);
  if (plain !== undefined) return { dialect: plain, target: {} };
  const azure = AZURE_V1.exec(path)?.[1];
  if (azure !== undefined) return find(azure.startsWith("/v1") ? azure : `/v1${azure}`, query);
  const [, deployment, rest] = AZURE_DEPLOYMENT.exec(path) ?? [];
  if (deployment !== undefined && rest !== undefined) {
    const dialect = PLAIN.get(`/v1${rest}`);
    return dialect === undefined ? null : { dialect, target: { model: nameIn(deployment) } };
  }
  const [, model, method] = GEMINI.exec(path) ?? [];
  const dialect = method === undefined ? undefined : GEMINI_METHODS.get(method);
  if (model === undefined || dialect === undefined) return null;
  const stream = method === "streamGenerateContent";
  const framing = stream && query.get("alt") !== "sse" ? "json" : "sse";
  return { dialect, target: { model: nameIn(model), stream, framing } };
}

/** The route of a list of models, or null. Which of the two lists under `/v1` is meant is told by a header, not here. */
function modelsRoute(path: string, queryKey: { queryKey?: string }): Routed | null {
  const match = MODELS.exec(path);
  if (match === null) return null;
  const [, version, id] = match;
  // There, what follows a colon is a method: one that is not served.
  if (version === "v1beta" && id?.includes(":")) return null;
  const dialect = version === "v1beta" ? "gemini-generate" : "openai-chat";
  return { kind: "models", dialect, id: id === undefined ? null : nameIn(id), ...queryKey };
}

/** Credentials in a query string are never forwarded or logged. */
function withoutCredentials(query: URLSearchParams): string {
  query.delete("key");
  query.delete("api_key");
  return query.toString();
}

interface Named {
  readonly path: string;
  readonly agent?: string;
}

/** Takes `/agents/{name}` off the front. Throws `invalid_request` on a name that is not percent-encoded text. */
function splitAgent(path: string): Named {
  if (!path.startsWith(AGENT_PREFIX)) return { path };
  const rest = path.slice(AGENT_PREFIX.length);
  const slash = rest.indexOf("/");
  if (slash <= 0) return { path };
  try {
    return { path: rest.slice(slash), agent: decodeURIComponent(rest.slice(0, slash)) };
  } catch (cause) {
    const name = rest.slice(0, slash);
    throw new BursarError(
      "invalid_request",
      `The agent name ${JSON.stringify(name)} in the path is not percent-encoded UTF-8.`,
      {},
      { cause },
    );
  }
}

/** The routes that most calls take, as they are read: nothing in them but the path. */
const READ: ReadonlyMap<string, Routed> = new Map(
  [...PLAIN].map(([path, dialect]) => [path, { kind: "data", dialect, target: {}, query: "" }]),
);

/** Reads method and URL, once, for everybody. The path must be plain: no `//`, no dot segments, no encoded slashes. */
export function routeOf(method: string, target: string): Routed {
  const read = method === "POST" ? READ.get(target) : undefined;
  if (read !== undefined) return read;
  const question = target.indexOf("?");
  const rawPath = question < 0 ? target : target.slice(0, question);
  if (!rawPath.startsWith("/") || /\/\/|\/\.{1,2}(\/|$)|%2f|%5c|%00|\\/i.test(rawPath)) {
    return refusedRoute(
      new BursarError("route_unknown", "The path is not plain: no empty, dot or encoded-slash segments."),
      "openai-chat",
    );
  }
  let named: Named;
  const query = new URLSearchParams(question < 0 ? "" : target.slice(question + 1));
  const key = query.get("key") ?? "";
  const queryKey = key === "" ? {} : { queryKey: key };
  let found: Found | null;
  let models: Routed | null;
  try {
    named = splitAgent(rawPath);
    found = find(named.path, query);
    models = found === null ? modelsRoute(named.path, queryKey) : null;
  } catch (error) {
    if (error instanceof BursarError) return refusedRoute(error, familyOf(rawPath));
    throw error;
  }
  const { path } = named;
  // Coding agents probe their base URL, with and without an agent in it.
  if (method === "HEAD" && (path === "/" || /^\/agents\/[^/]+\/?$/.test(rawPath))) return { kind: "probe" };
  if (found !== null) {
    if (method !== "POST") {
      return refusedRoute(new BursarError("method_not_allowed", `${path} takes POST, not ${method}.`), found.dialect);
    }
    return {
      kind: "data",
      ...found,
      ...queryKey,
      query: withoutCredentials(query),
      ...(named.agent === undefined ? {} : { agent: named.agent }),
    };
  }
  if (models?.kind === "models") {
    if (method === "GET" || method === "HEAD") return models;
    return refusedRoute(new BursarError("method_not_allowed", `${path} takes GET, not ${method}.`), models.dialect);
  }
  for (const [pattern, name, dialect] of NOT_BUILT) {
    if (!pattern.test(path)) continue;
    return refusedRoute(new BursarError("not_built", `Not served: ${name} (${path}). Served: ${SERVED}.`), dialect);
  }
  if (/^\/(v1|v1beta|openai)\//.test(path) || named.agent !== undefined) {
    return refusedRoute(
      new BursarError("route_unknown", `There is no route ${method} ${path}. Served: ${SERVED}.`),
      familyOf(path),
    );
  }
  return { kind: "control" };
}
