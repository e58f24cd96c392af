import { BursarError } from "../../accounting/errors.js";
import type { DialectName } from "../../call/needs.js";

/** A data-plane route: a wire format and the path below the provider's base URL. */
export interface DataRoute {
  readonly dialect: DialectName;
  /** Path below the provider's base URL. */
  readonly upstreamPath: string;
}

/** Where a request goes. Routing and authorisation both use this one reading of the URL. */
export type Routed =
  | { readonly kind: "data"; readonly route: DataRoute; readonly agent?: string; readonly query: string }
  | { readonly kind: "probe" }
  | { readonly kind: "control" }
  | { readonly kind: "refused"; readonly error: BursarError; readonly dialect: DialectName };

const CHAT: DataRoute = { dialect: "openai-chat", upstreamPath: "/chat/completions" };
const MESSAGES: DataRoute = { dialect: "anthropic-messages", upstreamPath: "/messages" };

const DATA_ROUTES: ReadonlyMap<string, DataRoute> = new Map([
  ["/v1/chat/completions", CHAT],
  ["/chat/completions", CHAT],
  ["/v1/messages", MESSAGES],
  ["/messages", MESSAGES],
]);

/** Paths of the providers that are known and not served yet: refused by name. */
const NOT_BUILT: readonly (readonly [RegExp, string, DialectName])[] = [
  [/^\/v1\/responses(\/|$)/, "OpenAI Responses", "openai-chat"],
  [/^\/v1\/embeddings$/, "OpenAI Embeddings", "openai-chat"],
  [/^\/v1\/completions$/, "OpenAI legacy Completions", "openai-chat"],
  [/^\/v1\/models(\/|$)/, "OpenAI Models", "openai-chat"],
  [/^\/v1\/(files|batches|uploads)(\/|$)/, "files and batches", "openai-chat"],
  [
    /^\/v1\/(images|audio|realtime|moderations|fine_tuning|assistants|threads|vector_stores|videos)(\/|$)/,
    "this OpenAI route",
    "openai-chat",
  ],
  [/^\/v1\/messages\/count_tokens$/, "Anthropic count_tokens", "anthropic-messages"],
  [/^\/v1\/messages\/batches(\/|$)/, "Anthropic batches", "anthropic-messages"],
  [/^\/v1beta\//, "Gemini", "openai-chat"],
];

const AGENT_PREFIX = "/agents/";

function refusedRoute(error: BursarError, dialect: DialectName): Routed {
  return { kind: "refused", error, dialect };
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

/** Reads method and URL, once, for everybody. The path must be plain: no `//`, no dot segments, no encoded slashes. */
export function routeOf(method: string, target: string): Routed {
  const question = target.indexOf("?");
  const rawPath = question < 0 ? target : target.slice(0, question);
  if (!rawPath.startsWith("/") || /\/\/|\/\.{1,2}(\/|$)|%2f|%5c|%00|\\/i.test(rawPath)) {
    return refusedRoute(
      new BursarError("route_unknown", "The path is not plain: no empty, dot or encoded-slash segments."),
      "openai-chat",
    );
  }
  if (method === "HEAD" && rawPath === "/") return { kind: "probe" };
  let named: Named;
  try {
    named = splitAgent(rawPath);
  } catch (error) {
    if (error instanceof BursarError) return refusedRoute(error, "openai-chat");
    throw error;
  }
  const route = DATA_ROUTES.get(named.path);
  if (route !== undefined) {
    if (method !== "POST") {
      const message = `${named.path} takes POST, not ${method}.`;
      return refusedRoute(new BursarError("method_not_allowed", message), route.dialect);
    }
    const query = withoutCredentials(new URLSearchParams(question < 0 ? "" : target.slice(question + 1)));
    return { kind: "data", route, query, ...(named.agent === undefined ? {} : { agent: named.agent }) };
  }
  for (const [pattern, name, dialect] of NOT_BUILT) {
    if (!pattern.test(named.path)) continue;
    const message = `${name} (${named.path}) is not built yet. Served: POST /v1/chat/completions and POST /v1/messages.`;
    return refusedRoute(new BursarError("not_built", message), dialect);
  }
  if (named.path.startsWith("/v1/") || named.agent !== undefined) {
    const message = `There is no route ${method} ${named.path}. Served: POST /v1/chat/completions and POST /v1/messages.`;
    return refusedRoute(new BursarError("route_unknown", message), "openai-chat");
  }
  return { kind: "control" };
}
