/**
 * The providers there are, one entry each, and how one is opened. Money path: fails closed — without its key a provider
 * has no upstream.
 */
import { BursarError } from "../accounting/errors.js";
import type { Clock, DialectName, Upstream } from "../call/needs.js";
import type { ProviderSettings } from "../config/config.js";
import { unbilled as anthropicUnbilled } from "./anthropic/failure.js";
import { type HttpLimits, openHttpUpstream } from "./http.js";
import { unbilled as openAiUnbilled } from "./openai/failure.js";
import type { OpenProvider, ProviderKind } from "./provider.js";
import { openSimulated, simulatedHeaderAllowed, simulatedUnbilled } from "./simulated/open-simulated.js";

/** Sent when the client names no version: https://platform.claude.com/docs/en/api/versioning, read November 2026. */
const ANTHROPIC_VERSION = "2023-06-01";
const CHAT = { "openai-chat": "/chat/completions" } as const;
const MESSAGES = { "anthropic-messages": "/messages" } as const;

function bearer(headers: Record<string, string>, key: string | null): void {
  if (key !== null) headers.authorization = `Bearer ${key}`;
}

function anthropicKey(headers: Record<string, string>, key: string | null): void {
  if (key !== null) headers["x-api-key"] = key;
  headers["anthropic-version"] ??= ANTHROPIC_VERSION;
}

const noHeader = (): boolean => false;
const anthropicHeader = (name: string): boolean => name === "anthropic-beta" || name === "anthropic-version";

/** Every kind of provider. A new one is one more entry. */
export const PROVIDER_KINDS: readonly ProviderKind[] = [
  {
    kind: "openai",
    paths: CHAT,
    base_url: "https://api.openai.com/v1",
    key: "required",
    authorize: bearer,
    headers_allowed: noHeader,
    unbilled: openAiUnbilled,
    simulated: false,
  },
  {
    kind: "anthropic",
    paths: MESSAGES,
    base_url: "https://api.anthropic.com/v1",
    key: "required",
    authorize: anthropicKey,
    headers_allowed: anthropicHeader,
    unbilled: anthropicUnbilled,
    simulated: false,
  },
  {
    kind: "openai-compatible",
    paths: CHAT,
    base_url: null,
    key: "optional",
    authorize: bearer,
    headers_allowed: noHeader,
    unbilled: openAiUnbilled,
    simulated: false,
  },
  {
    kind: "simulated",
    paths: { ...CHAT, ...MESSAGES },
    base_url: null,
    key: "none",
    authorize: () => undefined,
    headers_allowed: simulatedHeaderAllowed,
    unbilled: simulatedUnbilled,
    simulated: true,
  },
];

/** What opening a provider needs besides its settings. */
export interface ProviderNeeds {
  readonly clock: Clock;
  readonly limits?: Partial<HttpLimits>;
  /** For simulated providers in this process. */
  readonly simulator?: Omit<Parameters<typeof openSimulated>[0], "clock" | "name">;
}

/** `https://api.anthropic.com` is how its SDKs write the base URL; its API lives below /v1. */
function baseUrlOf(kind: ProviderKind, settings: ProviderSettings): string | null {
  const url = settings.base_url ?? kind.base_url;
  if (url === null || kind.kind !== "anthropic") return url;
  return /^https?:\/\/[^/]+\/?$/.test(url) ? `${url.replace(/\/$/, "")}/v1` : url;
}

function speaking(kind: ProviderKind, upstream: Upstream | null): ReadonlyMap<DialectName, Upstream | null> {
  return new Map((Object.keys(kind.paths) as DialectName[]).map((dialect) => [dialect, upstream]));
}

function openHttp(kind: ProviderKind, settings: ProviderSettings, needs: ProviderNeeds): OpenProvider {
  const { name, free, api_key } = settings;
  const common = { name, kind: settings.kind, free, simulator: null };
  if (kind.key === "required" && api_key === undefined)
    return { ...common, upstreams: speaking(kind, null), close: async () => undefined };
  const base_url = baseUrlOf(kind, settings);
  if (base_url === null)
    throw new BursarError("config_invalid", `Provider "${name}" has no base_url: add providers.${name}.base_url.`);
  try {
    const upstream = openHttpUpstream({
      name,
      base_url,
      authorize: (headers) => kind.authorize(headers, api_key?.reveal() ?? null),
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
  const simulator = openSimulated({ ...needs.simulator, clock: needs.clock, name });
  return { name, kind: kind.kind, free, upstreams: speaking(kind, simulator), simulator, close: async () => undefined };
}
