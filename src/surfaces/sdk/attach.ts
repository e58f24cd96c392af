/** The SDK against a running server: clients get its base URL, fetches go to it, commands go to its control plane. */
import { BursarError } from "../../accounting/errors.js";
import type { Command } from "../../desk/command.js";
import { errorOf, requestOf } from "../../desk/http-request.js";
import { SECRET_HEADERS } from "../credential.js";
import { openCallersSignals } from "./callers-signal.js";
import { providerAt } from "./provider-at.js";
import { notTracked, refusalResponse } from "./response-of.js";
import type { TaskScopes } from "./task-scope.js";
import { wireTargetOf } from "./wire-target.js";
import { genAiWith, wrappable } from "./wrap.js";

/** What an attached SDK can do. */
export interface AttachedClient {
  wrap<T extends object>(client: T): T;
  readonly fetch: typeof globalThis.fetch;
  ask(command: Command, input: Readonly<Record<string, unknown>>): Promise<unknown>;
}

interface AttachOptions {
  readonly url: string;
  readonly key: string;
  readonly scopes: TaskScopes;
  readonly adminToken: string | null;
}

function attribute(headers: Headers, scopes: TaskScopes): void {
  for (const [name, value] of Object.entries(scopes.headers())) headers.set(name, value);
}

/** Sends what a library meant for its provider to the server instead: same route, same body, the server's key. */
function gatewayFetch(options: AttachOptions): typeof globalThis.fetch {
  const { url, key, scopes } = options;
  const signalOf = openCallersSignals();
  return async (input, init) => {
    const request = new Request(input, init);
    const asked = new URL(request.url);
    const here = asked.origin === new URL(url).origin;
    if (!here && (request.method === "GET" || request.method === "HEAD")) return fetch(input, init);
    const wire = wireTargetOf(asked);
    if (wire === null && !here) return notTracked(asked);
    if (!here && providerAt([], asked.host) === null) {
      const message = `Attached to ${url}, calls to ${asked.host} go nowhere else. Give the library the base URL ${url}/v1 and the key.`;
      return refusalResponse(new BursarError("model_unknown", message, { host: asked.host }));
    }
    for (const secret of ["key", "api_key"]) asked.searchParams.delete(secret);
    const headers = new Headers(request.headers);
    for (const name of SECRET_HEADERS) headers.delete(name);
    headers.set("authorization", `Bearer ${key}`);
    attribute(headers, scopes);
    const path = here || wire === null ? asked.pathname : wire.path;
    const body = request.body === null ? {} : { body: new Uint8Array(await request.arrayBuffer()) };
    return fetch(`${url}${path}${asked.search}`, { method: request.method, headers, ...body, signal: signalOf(input, init) });
  };
}

/** Speaks to a server. Wrapped clients send to it by their own fetch, with the current task's attribution added. */
export function attachClient(options: AttachOptions): AttachedClient {
  const { url, key, scopes, adminToken } = options;
  const signalOf = openCallersSignals();
  const withAttribution: typeof globalThis.fetch = (input, init) => {
    const request = new Request(input, init);
    attribute(request.headers, scopes);
    return fetch(request, { signal: signalOf(input, init) });
  };
  return {
    wrap<T extends object>(client: T): T {
      const found = wrappable(client);
      if (found.kind === "genai") {
        return genAiWith(found, { apiKey: key, httpOptions: { baseUrl: url, fetch: withAttribution } }) as T;
      }
      // Anthropic's client appends /v1 itself; OpenAI's expects it in the base URL.
      const baseURL = found.client.baseURL.includes("/v1") ? `${url}/v1` : url;
      return found.client.withOptions({ baseURL, apiKey: key, fetch: withAttribution }) as T;
    },
    fetch: gatewayFetch(options),
    async ask(command, input) {
      const { path, body } = requestOf(command, input);
      const headers = {
        ...(adminToken === null || adminToken === "" ? {} : { authorization: `Bearer ${adminToken}` }),
        ...(body === null ? {} : { "content-type": "application/json" }),
      };
      const response = await fetch(`${url}/api/v1${path}`, {
        method: command.method,
        headers,
        ...(body === null ? {} : { body }),
      });
      const answered: unknown = await response.json();
      if (!response.ok) throw errorOf(response.status, answered);
      return answered;
    },
  };
}
