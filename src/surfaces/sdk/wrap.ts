/** Puts an official client on the road: its requests are held, sent by its own connection, and posted. Money path: fails closed. */
import { BursarError } from "../../accounting/errors.js";

/** The part of openai's and @anthropic-ai/sdk's clients that wrapping needs. Typed by shape: neither package is a dependency. */
export interface WrappableClient {
  readonly baseURL: string;
  withOptions(options: object): object;
}

/**
 * The part of @google/genai's client that wrapping needs (2.32): its options are kept by the client of its API, and its
 * class takes them again, with a `fetch` of their own.
 */
export interface GenAiClient {
  readonly apiClient: { readonly clientOptions: Readonly<Record<string, unknown>> };
}

/** Options of @google/genai that matter here. */
export interface GenAiHttpOptions {
  readonly fetch?: typeof globalThis.fetch;
  readonly [name: string]: unknown;
}

/** A client that can be wrapped, told apart. */
export type Wrappable =
  | { readonly kind: "options"; readonly client: WrappableClient; readonly fetch: typeof globalThis.fetch }
  | {
      readonly kind: "genai";
      readonly client: GenAiClient;
      readonly http: GenAiHttpOptions;
      readonly fetch: typeof globalThis.fetch;
    };

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

function fetchOf(value: unknown): typeof globalThis.fetch {
  return typeof value === "function" ? (value as typeof globalThis.fetch) : globalThis.fetch;
}

/** Reads what kind of client it is. Throws BursarError `invalid_request` for what cannot be wrapped. */
export function wrappable(client: object): Wrappable {
  const fields = client as Fields;
  if (typeof fields.withOptions === "function" && typeof fields.baseURL === "string") {
    return { kind: "options", client: client as WrappableClient, fetch: fetchOf(fields.fetch) };
  }
  const { apiClient } = fields;
  if (isFields(apiClient) && isFields(apiClient.clientOptions)) {
    const http = isFields(apiClient.clientOptions.httpOptions) ? (apiClient.clientOptions.httpOptions as GenAiHttpOptions) : {};
    return { kind: "genai", client: client as GenAiClient, http, fetch: fetchOf(http.fetch) };
  }
  throw new BursarError(
    "invalid_request",
    "wrap() takes a client of openai, @anthropic-ai/sdk or @google/genai. For a library that takes a fetch use bursar.fetch, " +
      "for the AI SDK bursar.middleware(), for LangChain bursar.callback().",
  );
}

/** Options of the class that the client of its API adds itself. */
const ADDED = new Set(["auth", "uploader", "downloader", "userAgentExtra", "httpOptions"]);

/** The same Google client with these options on top. Its own retries are off: Bursar retries under a hold of its own. */
export function genAiWith(
  of: Extract<Wrappable, { kind: "genai" }>,
  options: Fields & { httpOptions: GenAiHttpOptions },
): object {
  const { clientOptions } = of.client.apiClient;
  const kept = Object.fromEntries(
    Object.entries(clientOptions).filter(([name, value]) => !ADDED.has(name) && value !== undefined && value !== false),
  );
  const { retryOptions: _own, ...http } = of.http;
  const Client = (of.client as object).constructor as new (options: object) => object;
  return new Client({ ...kept, ...options, httpOptions: { ...http, ...options.httpOptions } });
}

/** The same client, sending by `fetch`, which is opened over the client's own. */
export function wrapClient<T extends object>(client: T, open: (own: typeof globalThis.fetch) => typeof globalThis.fetch): T {
  const found = wrappable(client);
  if (found.kind === "genai") return genAiWith(found, { httpOptions: { fetch: open(found.fetch) } }) as T;
  return found.client.withOptions({ fetch: open(found.fetch), maxRetries: 0 }) as T;
}
