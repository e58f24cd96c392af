/** Puts an official client on the road: its requests are held, sent by its own connection, and posted. Money path: fails closed. */
import { BursarError } from "../../accounting/errors.js";
import type { PriceBook } from "../../accounting/price/price-row.js";
import type { KeyIdentity } from "../../call/identify.js";
import type { Catalog, Dialect, DialectName, Upstream } from "../../call/needs.js";
import type { CallReply } from "../../call/reply.js";
import type { Road } from "../../call/run-call.js";
import { replyHeaders, statusOf } from "../reply-headers.js";
import { type ClientConnection, clientUpstream } from "./client-upstream.js";
import type { TaskScopes } from "./task-scope.js";

/** The part of openai's and @anthropic-ai/sdk's clients that wrapping needs. Typed by shape: neither package is a dependency. */
export interface WrappableClient {
  readonly baseURL: string;
  withOptions(options: object): WrappableClient;
}

/** What a wrapped client runs on. */
export interface WrapCore {
  readonly road: Road;
  readonly dialects: ReadonlyMap<DialectName, Dialect>;
  readonly prices: PriceBook;
  readonly scopes: TaskScopes;
  /** An upstream of the configuration that simulates this provider; it then answers instead of the client's connection. */
  readonly simulatedFor: (provider: string, dialect: DialectName) => Upstream | null;
  readonly unbilled: (provider: string) => (status: number) => boolean;
  readonly firstByteMs: number;
}

interface Served {
  readonly provider: string;
  readonly dialect: DialectName;
}

const KEY: KeyIdentity = { name: "sdk", trusts_attribution: true };

function servedBy(pathname: string): Served | null {
  if (pathname.endsWith("/chat/completions")) return { provider: "openai", dialect: "openai-chat" };
  if (pathname.endsWith("/messages")) return { provider: "anthropic", dialect: "anthropic-messages" };
  return null;
}

/** Serves exactly the wrapped client's provider, at its prices, by its own connection or the configured simulation. */
function catalogOf(core: WrapCore, served: Served, connection: ClientConnection): Catalog {
  return {
    candidates({ model, at }) {
      const name = model.trim();
      const price = core.prices.resolve({ provider: served.provider, model: name, at });
      const upstream = core.simulatedFor(served.provider, served.dialect) ?? clientUpstream(connection);
      const canonical = price?.model ?? `${served.provider}/${name.toLowerCase()}`;
      const dearest = price ?? core.prices.dearest(served.provider, at);
      return [{ upstream, provider: served.provider, model, canonical, price, dearest }];
    },
  };
}

function responseOf(reply: CallReply): Response {
  const status = statusOf(reply, undefined);
  const headers = replyHeaders(reply);
  if (reply.kind !== "stream") return new Response(reply.body as Uint8Array<ArrayBuffer>, { status, headers });
  const iterator = reply.body[Symbol.asyncIterator]();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await iterator.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
    async cancel() {
      await iterator.return?.();
    },
  });
  return new Response(body, { status, headers });
}

function notTracked(url: URL): Response {
  const message = `${url.pathname} is not metered by Bursar yet, so a wrapped client does not send it. Use an unwrapped client for it.`;
  const error = new BursarError("not_built", message);
  const body = JSON.stringify({ error: { message, type: error.code, code: error.code, param: null } });
  return new Response(body, { status: error.status, headers: { "content-type": "application/json", "x-should-retry": "false" } });
}

/** A `fetch` that takes metered requests down the road, lets reads pass, and refuses by name what is not metered. */
export function trackedFetch(core: WrapCore, clientFetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    const served = servedBy(url.pathname);
    if (request.method === "GET" || request.method === "HEAD") return clientFetch(input, init);
    const dialect = served === null ? undefined : core.dialects.get(served.dialect);
    if (served === null || dialect === undefined) return notTracked(url);
    const { provider } = served;
    const unbilled = core.unbilled(provider);
    const { firstByteMs } = core;
    const connection: ClientConnection = {
      provider,
      url: url.href,
      headers: request.headers,
      fetch: clientFetch,
      unbilled,
      firstByteMs,
    };
    const reply = await core.road.run({
      dialect,
      query: url.searchParams.toString(),
      body: new Uint8Array(await request.arrayBuffer()),
      headers: { ...Object.fromEntries(request.headers), ...core.scopes.headers() },
      key: KEY,
      catalog: catalogOf(core, served, connection),
      signal: request.signal,
    });
    return responseOf(reply);
  };
}

/** The same client, metered. Its own retries are off: Bursar retries under a hold of its own, so wire requests = attempts. */
export function wrapClient<T extends WrappableClient>(core: WrapCore, client: T): T {
  const own = (client as unknown as { fetch?: typeof globalThis.fetch }).fetch;
  const clientFetch = typeof own === "function" ? own : globalThis.fetch;
  return client.withOptions({ fetch: trackedFetch(core, clientFetch), maxRetries: 0 }) as T;
}
