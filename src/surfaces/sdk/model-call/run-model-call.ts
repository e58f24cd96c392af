/** Takes a framework's call down the road. Money path: fails closed. */
import type { CallSignal, Upstream, UpstreamReply } from "../../../call/needs.js";
import type { CallReply } from "../../../call/reply.js";
import { SECRET_HEADERS } from "../../credential.js";
import type { ProviderAt } from "../provider-at.js";
import { candidateOf, SDK_KEY, type SdkCore } from "../tracked-fetch.js";
import { modelCallDialect } from "./dialect.js";
import { bodyOf, capIn, type NeutralCall } from "./neutral-call.js";

/** How an admitted call is sent: `outputCap` is the cap it was admitted at; null: none. Rejects with UpstreamFailure. */
export type SendModelCall = (outputCap: number | null, signal: AbortSignal) => Promise<UpstreamReply>;

/** A call above the wire. */
export interface ModelCall {
  readonly call: NeutralCall;
  readonly provider: ProviderAt;
  /** Headers of the call; those that attribute it are read. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly send: SendModelCall;
  readonly signal: AbortSignal;
}

function attribution(core: SdkCore, headers: ModelCall["headers"]): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (value !== undefined && !SECRET_HEADERS.has(lower)) plain[lower] = value;
  }
  return { ...plain, ...core.scopes.headers() };
}

/** Frameworks hand the signal on to `fetch`, which takes only the platform's own. */
function platformSignal(signal: CallSignal): AbortSignal {
  if (signal instanceof AbortSignal) return signal;
  const controller = new AbortController();
  if (signal.aborted) controller.abort();
  else signal.addEventListener("abort", () => controller.abort(), { once: true });
  return controller.signal;
}

function upstreamOf({ provider, send }: ModelCall): Upstream {
  return {
    name: provider.name,
    simulated: false,
    unbilled: provider.unbilled,
    headers_allowed: () => false,
    send: (request, signal) => send(capIn(request.body), platformSignal(signal)),
  };
}

/** Holds, sends and settles it like any other call. */
export function runModelCall(core: SdkCore, of: ModelCall): Promise<CallReply> {
  const upstream = upstreamOf(of);
  return core.road.run({
    dialect: modelCallDialect,
    query: "",
    body: bodyOf(of.call),
    headers: attribution(core, of.headers),
    key: SDK_KEY,
    catalog: { candidates: ({ model, at }) => [candidateOf(core.prices, { provider: of.provider, model, at, upstream })] },
    signal: of.signal,
  });
}
