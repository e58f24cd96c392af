/** The SDK against a running server: wrapped clients get its base URL, commands go to its control plane. */
import type { Command } from "../../desk/command.js";
import { errorOf, requestOf } from "../../desk/http-request.js";
import type { TaskScopes } from "./task-scope.js";
import type { WrappableClient } from "./wrap.js";

/** What an attached SDK can do. */
export interface AttachedClient {
  wrap<T extends WrappableClient>(client: T): T;
  ask(command: Command, input: Readonly<Record<string, unknown>>): Promise<unknown>;
}

interface AttachOptions {
  readonly url: string;
  readonly key: string;
  readonly scopes: TaskScopes;
  readonly adminToken: string | null;
}

/** Speaks to a server. Wrapped clients send to it by their own fetch, with the current task's attribution added. */
export function attachClient(options: AttachOptions): AttachedClient {
  const { url, key, scopes, adminToken } = options;
  const withAttribution: typeof globalThis.fetch = (input, init) => {
    const request = new Request(input, init);
    for (const [name, value] of Object.entries(scopes.headers())) request.headers.set(name, value);
    return fetch(request);
  };
  return {
    wrap(client) {
      // Anthropic's client appends /v1 itself; OpenAI's expects it in the base URL.
      const baseURL = client.baseURL.includes("/v1") ? `${url}/v1` : url;
      return client.withOptions({ baseURL, apiKey: key, fetch: withAttribution }) as typeof client;
    },
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
