/** Whose prices and rules apply to a call that a client sends by its own connection. Money path: fails closed — never a guess. */
import type { Quirks } from "../../call/needs.js";
import type { ProviderSettings } from "../../config/config.js";
import type { ProviderKind } from "../../providers/provider.js";
import { PROVIDER_KINDS } from "../../providers/registry.js";

/** A provider as calls of the SDK need it. */
export interface ProviderAt {
  readonly name: string;
  /** Provider whose price rows apply. */
  readonly priced_as: string;
  /** Its models cost nothing, as the configuration says. */
  readonly free: boolean;
  readonly unbilled: (status: number) => boolean;
  readonly quirks?: Quirks;
}

/** Domains whose API belongs to one provider; hosts of the kinds' own base URLs are known besides. */
const DOMAINS: readonly (readonly [string, string])[] = [
  ["openai.com", "openai"],
  ["anthropic.com", "anthropic"],
  ["googleapis.com", "gemini"],
];

/** Names of providers as frameworks write them. */
const ALIASES: Readonly<Record<string, string>> = {
  google: "gemini",
  "google-genai": "gemini",
  google_genai: "gemini",
  google_vertexai: "gemini",
  vertex: "gemini",
  "google-vertex": "gemini",
  azure: "openai",
  "azure-openai": "openai",
};

function hostOf(url: string | null | undefined): string | null {
  return url !== null && url !== undefined && URL.canParse(url) ? new URL(url).host : null;
}

function kindNamed(name: string): ProviderKind | undefined {
  return PROVIDER_KINDS.find(({ kind }) => kind === name);
}

function ofKind(name: string, kind: ProviderKind | undefined): ProviderAt {
  return {
    name,
    priced_as: kind?.priced_as ?? kind?.kind ?? name,
    free: false,
    // An unknown provider is billed for whatever it answers.
    unbilled: kind?.unbilled ?? (() => false),
    ...(kind?.quirks === undefined ? {} : { quirks: kind.quirks }),
  };
}

function ofSettings(settings: ProviderSettings): ProviderAt {
  const kind = kindNamed(settings.kind);
  const known = ofKind(settings.name, kind);
  // A kind that is many is priced under the name it is configured by.
  const priced_as = kind?.kind === "openai-compatible" ? settings.name : known.priced_as;
  return { ...known, priced_as, free: settings.free };
}

/** Who answers at a host: a configured provider with this base URL, else one that everybody knows; null when nobody does. */
export function providerAt(configured: readonly ProviderSettings[], host: string): ProviderAt | null {
  const settings = configured.find((one) => one.kind !== "simulated" && hostOf(one.base_url) === host);
  if (settings !== undefined) return ofSettings(settings);
  const kind = PROVIDER_KINDS.find((one) => hostOf(one.base_url) === host);
  if (kind !== undefined) return ofKind(kind.kind, kind);
  const domain = DOMAINS.find(([name]) => host === name || host.endsWith(`.${name}`));
  return domain === undefined ? null : ofKind(domain[1], kindNamed(domain[1]));
}

/** The provider of a name as configuration or a framework writes it. */
export function providerNamed(configured: readonly ProviderSettings[], written: string): ProviderAt {
  const word = written.trim().toLowerCase();
  const settings = configured.find((one) => one.kind !== "simulated" && one.name === word);
  if (settings !== undefined) return ofSettings(settings);
  const name = ALIASES[word] ?? word;
  return ofKind(name, kindNamed(name));
}
