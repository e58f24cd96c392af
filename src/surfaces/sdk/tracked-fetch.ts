/**
 * A fetch that takes metered requests down the road, lets reads pass and refuses by name what is not metered. Money path:
 * fails closed — a request whose provider cannot be told is not sent.
 */

import { BursarError } from "../../accounting/errors.js";
import { freeRow } from "../../accounting/price/free-row.js";
import type { PriceBook } from "../../accounting/price/price-row.js";
import type { KeyIdentity } from "../../call/identify.js";
import type { Candidate, Catalog, Dialect, DialectName, Upstream } from "../../call/needs.js";
import type { Road } from "../../call/run-call.js";
import { SECRET_HEADERS } from "../credential.js";
import { openCallersSignals } from "./callers-signal.js";
import { type ClientConnection, clientUpstream } from "./client-upstream.js";
import type { ProviderAt } from "./provider-at.js";
import { notTracked, refusalResponse, responseOf } from "./response-of.js";
import type { TaskScopes } from "./task-scope.js";
import { untilAborted } from "./until-aborted.js";
import { ownerOf, type WireTarget, wireTargetOf } from "./wire-target.js";

/** What calls of the SDK run on. */
export interface SdkCore {
  readonly road: Road;
  readonly dialects: ReadonlyMap<DialectName, Dialect>;
  readonly prices: PriceBook;
  readonly scopes: TaskScopes;
  /** Who answers at a host (`api.openai.com`), by configuration or by common knowledge; null when nobody knows. */
  readonly providerAt: (host: string) => ProviderAt | null;
  /** The same by a provider's name. */
  readonly providerNamed: (name: string) => ProviderAt;
  /** An upstream of the configuration that simulates this provider; it then answers instead of the client's connection. */
  readonly simulatedFor: (provider: string, dialect: DialectName) => Upstream | null;
  readonly firstByteMs: number;
}

/** Identity of calls in this process: whoever runs the code is trusted to say what it is for. */
export const SDK_KEY: KeyIdentity = { name: "sdk", trusts_attribution: true };

/** A model of a provider at its price, served by this upstream. */
export function candidateOf(
  prices: PriceBook,
  of: { readonly provider: ProviderAt; readonly model: string; readonly at: number; readonly upstream: Upstream },
): Candidate {
  const { provider, model, at, upstream } = of;
  const { name, priced_as } = provider;
  const asked = model.trim();
  const price = provider.free ? freeRow(name, asked) : prices.resolve({ provider: priced_as, model: asked, at });
  const canonical = price?.model ?? `${name}/${asked.toLowerCase()}`;
  return { upstream, provider: name, model, canonical, price, dearest: price ?? prices.dearest(priced_as, at) };
}

/** Serves exactly one provider, at its prices, by the client's own connection or the configured simulation. */
function catalogOf(core: SdkCore, of: { provider: ProviderAt; dialect: DialectName; connection: ClientConnection }): Catalog {
  const upstream = core.simulatedFor(of.provider.name, of.dialect) ?? clientUpstream(of.connection);
  return { candidates: ({ model, at }) => [candidateOf(core.prices, { provider: of.provider, model, at, upstream })] };
}

/** The client's headers without what only its provider may see, and the current task's attribution. */
function callHeaders(core: SdkCore, headers: Headers): Record<string, string> {
  const plain = [...headers].filter(([name]) => !SECRET_HEADERS.has(name));
  return { ...Object.fromEntries(plain), ...core.scopes.headers() };
}

function queryOf(url: URL): string {
  const query = new URLSearchParams(url.searchParams);
  for (const secret of ["key", "api_key"]) query.delete(secret);
  return query.toString();
}

function unknownHost(url: URL): Response {
  const message =
    `Whose prices apply at ${url.host} is not known, so nothing was sent there. Name it in bursar.yaml ` +
    `(providers: { my-provider: { kind: openai-compatible, base_url: "${url.origin}/v1" } }), or wrap an official client.`;
  return refusalResponse(new BursarError("model_unknown", message, { host: url.host }));
}

function providerOf(core: SdkCore, of: { url: URL; wire: WireTarget; anyHost: boolean }): ProviderAt | null {
  const known = core.providerAt(of.url.host);
  if (known !== null) return known;
  const owner = ownerOf(of.wire.dialect);
  // Where the configuration simulates, nothing is sent to the host, whoever it is.
  const simulated = core.simulatedFor(owner, of.wire.dialect) !== null;
  return of.anyHost || simulated ? core.providerNamed(owner) : null;
}

/**
 * Opens one over `clientFetch`. `anyHost`: a wrapped official client has its provider's wire wherever its base URL leads;
 * without it only hosts whose provider is known are served.
 */
export function trackedFetch(
  core: SdkCore,
  options: { readonly fetch: typeof globalThis.fetch; readonly anyHost: boolean },
): typeof globalThis.fetch {
  const signalOf = openCallersSignals();
  return async (input, init) => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    if (request.method === "GET" || request.method === "HEAD") return options.fetch(input, init);
    const wire = wireTargetOf(url);
    const dialect = wire === null ? undefined : core.dialects.get(wire.dialect);
    if (wire === null || dialect === undefined || request.method !== "POST") return notTracked(url);
    const provider = providerOf(core, { url, wire, anyHost: options.anyHost });
    if (provider === null) return unknownHost(url);
    const signal = signalOf(input, init);
    const connection: ClientConnection = {
      provider: provider.name,
      url: url.href,
      target: wire.target,
      headers: request.headers,
      fetch: options.fetch,
      unbilled: provider.unbilled,
      ...(provider.quirks === undefined ? {} : { quirks: provider.quirks }),
      firstByteMs: core.firstByteMs,
    };
    const body = new Uint8Array(await request.arrayBuffer());
    const call = core.road.run({
      dialect,
      target: wire.target,
      query: queryOf(url),
      body,
      headers: callHeaders(core, request.headers),
      key: SDK_KEY,
      catalog: catalogOf(core, { provider, dialect: wire.dialect, connection }),
      signal,
    });
    return responseOf(await untilAborted(call, signal), signal);
  };
}
