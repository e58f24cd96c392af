/**
 * The providers there are, one entry each, and how one is opened. Money path: fails closed — without its key a provider
 * has no upstream.
 */
import { BursarError } from "../accounting/errors.js";
import type { Clock, DialectName, Upstream } from "../call/needs.js";
import type { ProviderSettings } from "../config/config.js";
import { ANTHROPIC } from "./anthropic/kind.js";
import { AZURE } from "./azure/kind.js";
import { GEMINI } from "./gemini/kind.js";
import { type HttpLimits, openHttpUpstream } from "./http.js";
import { OPENAI } from "./openai/kind.js";
import { COMPATIBLE_KINDS } from "./openai-compatible/kinds.js";
import type { OpenProvider, ProviderKind } from "./provider.js";
import { SIMULATED } from "./simulated/kind.js";
import { openSimulated } from "./simulated/open-simulated.js";

/** Every kind of provider. A new one is one more entry. */
export const PROVIDER_KINDS: readonly ProviderKind[] = [OPENAI, ANTHROPIC, GEMINI, AZURE, ...COMPATIBLE_KINDS, SIMULATED];

/** What opening a provider needs besides its settings. */
export interface ProviderNeeds {
  readonly clock: Clock;
  readonly limits?: Partial<HttpLimits>;
  /** For simulated providers in this process. */
  readonly simulator?: Omit<Parameters<typeof openSimulated>[0], "clock" | "name">;
}

function baseUrlOf(kind: ProviderKind, settings: ProviderSettings): string | null {
  const url = settings.base_url ?? kind.base_url;
  return url === null ? null : (kind.base_of?.(url) ?? url);
}

/** The client's query as far as the kind lets it pass, with what the settings add; without `?`. */
function queryOf(kind: ProviderKind, settings: ProviderSettings, clientQuery: string): string {
  if (clientQuery === "" && kind.query_added === undefined) return "";
  const query = new URLSearchParams([...new URLSearchParams(clientQuery)].filter(([name]) => kind.query_allowed(name)));
  for (const [name, value] of Object.entries(kind.query_added?.(settings) ?? {})) query.set(name, value);
  return query.toString();
}

function speaking(kind: ProviderKind, upstream: Upstream | null): ReadonlyMap<DialectName, Upstream | null> {
  return new Map((Object.keys(kind.paths) as DialectName[]).map((dialect) => [dialect, upstream]));
}

function openHttp(kind: ProviderKind, settings: ProviderSettings, needs: ProviderNeeds): OpenProvider {
  const { name, free, api_key, passthrough = false, trust_cost = false } = settings;
  const common = { name, kind: kind.kind, priced_as: kind.priced_as ?? kind.kind, free, simulator: null };
  if (kind.key === "required" && api_key === undefined && !passthrough)
    return { ...common, upstreams: speaking(kind, null), close: async () => undefined };
  const base_url = baseUrlOf(kind, settings);
  if (base_url === null)
    throw new BursarError("config_invalid", `Provider "${name}" has no base_url: add providers.${name}.base_url.`);
  try {
    const upstream = openHttpUpstream({
      name,
      base_url,
      pathOf(request) {
        const path = kind.paths[request.dialect];
        if (path === undefined) throw new BursarError("internal", `Provider "${name}" does not speak ${request.dialect}.`);
        const query = queryOf(kind, settings, request.query);
        return `${path(request, settings)}${query === "" ? "" : `?${query}`}`;
      },
      authorize: (headers, own) => kind.authorize(headers, own === "none" ? null : (api_key?.reveal() ?? null)),
      passthrough,
      needs_credentials: passthrough && kind.key === "required" && api_key === undefined,
      trusts_cost: trust_cost,
      ...(kind.quirks === undefined ? {} : { quirks: kind.quirks }),
      headers_allowed: kind.headers_allowed,
      unbilled: kind.unbilled,
      simulated: kind.simulated,
      ...(needs.limits === undefined ? {} : { limits: needs.limits }),
    });
    return { ...common, upstreams: speaking(kind, upstream), close: upstream.close };
  } catch (error) {
    if (error instanceof RangeError)
      throw new BursarError("config_invalid", `Provider "${name}": ${error.message}.`, { provider: name }, { cause: error });
    throw error;
  }
}

/**
 * Opens a provider. A simulated one runs in this process unless it has a `base_url`. Throws BursarError `config_invalid`
 * when the settings cannot work; a missing key is no error here: its upstreams are null and calls are refused by name.
 */
export function openProvider(settings: ProviderSettings, needs: ProviderNeeds): OpenProvider {
  const kind = PROVIDER_KINDS.find((known) => known.kind === settings.kind);
  if (kind === undefined)
    throw new BursarError("config_invalid", `Provider "${settings.name}" has the unknown kind "${settings.kind}".`);
  if (kind.kind !== "simulated" || settings.base_url !== undefined) return openHttp(kind, settings, needs);
  const { name, free } = settings;
  const priced_as = kind.priced_as ?? kind.kind;
  const simulator = openSimulated({ ...needs.simulator, clock: needs.clock, name });
  return {
    name,
    kind: kind.kind,
    priced_as,
    free,
    upstreams: speaking(kind, simulator),
    simulator,
    close: async () => undefined,
  };
}
