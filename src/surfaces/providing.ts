/**
 * What a configuration opens and a reload replaces: providers, prices, catalog, keys. Money path: fails closed — a
 * provider whose settings changed is opened anew, and calls in flight end on the one they began with.
 */

import { openPriceBook } from "../accounting/price/price-book.js";
import type { PriceBook } from "../accounting/price/price-row.js";
import type { KeyIdentity } from "../call/identify.js";
import type { Catalog, Clock } from "../call/needs.js";
import type { Config, ProviderSettings } from "../config/config.js";
import type { OpenProvider } from "../providers/provider.js";
import { openProvider, type ProviderNeeds } from "../providers/registry.js";
import { idleFallbacks, openCatalog } from "./catalog.js";
import { digestOf, findKey, type KnownKey } from "./credential.js";
import { meantModels } from "./meant-models.js";
import { type ServedModel, servedModels } from "./served-models.js";

/** The providing side of one configuration. */
export interface Providing {
  readonly config: Config;
  readonly prices: PriceBook;
  readonly catalog: Catalog;
  readonly providers: readonly OpenProvider[];
  /** What of the configuration will not work as it may be meant, one line each, to be told. */
  readonly warnings: readonly string[];
  /** Models that can be called, for the lists of models; made when first asked for. */
  readonly models: () => readonly ServedModel[];
  /** The identity behind a token, or null. */
  readonly identify: (token: string) => KeyIdentity | null;
}

/** Calls in flight keep a replaced provider's connections this long; none takes longer by its own timeouts. */
const REPLACED_MS = 15 * 60_000;

function fingerprint(settings: ProviderSettings, limits: Config["limits"]): string {
  return JSON.stringify([settings, settings.api_key?.reveal(), limits]);
}

/** How long a list of models is good for: a price that begins meanwhile can wait that long to be seen. */
const LIST_MS = 60_000;

/** The models that can be called, listed anew at most once a minute: walking every price takes milliseconds. */
function listedModels(of: Pick<Providing, "config" | "prices" | "catalog" | "providers"> & { clock: Clock }) {
  const { config, prices, catalog, providers, clock } = of;
  const named = [
    ...Object.values(config.tiers).flat(),
    ...config.fallbacks.flatMap(({ model, fallbacks }) => [model, ...fallbacks]),
    ...config.keys.flatMap(({ identity }) => identity.models ?? []),
  ];
  let list: readonly ServedModel[] | null = null;
  let at = 0;
  return (): readonly ServedModel[] => {
    const now = clock.now();
    if (list === null || now - at > LIST_MS) {
      list = servedModels({ providers, catalog, prices, named, at: now });
      at = now;
    }
    return list;
  };
}

/**
 * Finds keys, remembering the tokens that were found: a digest for each header of every call costs as much as reading it.
 * Only tokens that are keys are remembered, so there are no more of them than keys, and a wrong one is compared as ever.
 */
function openIdentify(keys: readonly KnownKey[], anybody: KeyIdentity | null): Providing["identify"] {
  const found = new Map<string, KeyIdentity>();
  return (token) => {
    const known = found.get(token);
    if (known !== undefined) return known;
    const key = findKey(keys, token);
    if (key !== null) found.set(token, key);
    return key ?? anybody;
  };
}

/** Opens what a configuration names; `previous` lends the providers that did not change. Throws BursarError `config_invalid`. */
export function openProviding(options: {
  config: Config;
  clock: Clock;
  previous?: Providing;
  simulator?: ProviderNeeds["simulator"];
}): Providing {
  const { clock, previous } = options;
  const prices = openPriceBook({ overrides: options.config.prices?.overrides ?? [] });
  const { config, warnings } = meantModels(options.config, prices, clock.now());
  const limits = { first_byte_ms: config.limits.first_byte_ms, idle_ms: config.limits.idle_ms };
  const simulator = options.simulator === undefined ? {} : { simulator: options.simulator };
  const kept = new Map<string, OpenProvider>();
  for (const [index, settings] of (previous?.config.providers ?? []).entries()) {
    const open = previous?.providers[index];
    if (open !== undefined && previous !== undefined) kept.set(fingerprint(settings, previous.config.limits), open);
  }
  const providers = config.providers.map((settings) => {
    const mark = fingerprint(settings, config.limits);
    const open = kept.get(mark) ?? openProvider(settings, { clock, limits, ...simulator });
    kept.delete(mark);
    return open;
  });
  for (const replaced of kept.values()) setTimeout(() => void replaced.close(), REPLACED_MS).unref();
  const keys: KnownKey[] = [];
  let anybody: KeyIdentity | null = null;
  for (const { token, identity } of config.keys) {
    if (token === null) anybody = identity;
    else keys.push({ digest: digestOf(token.reveal()), identity });
  }
  const served = { providers, prices, fallbacks: config.fallbacks };
  const catalog = openCatalog(served);
  return {
    config,
    prices,
    providers,
    catalog,
    warnings: [...warnings, ...idleFallbacks(served, clock.now())],
    models: listedModels({ config, prices, providers, catalog, clock }),
    identify: openIdentify(keys, anybody),
  };
}
