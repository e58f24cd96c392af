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
import { openCatalog } from "./catalog.js";
import { digestOf, findKey, type KnownKey } from "./credential.js";

/** The providing side of one configuration. */
export interface Providing {
  readonly config: Config;
  readonly prices: PriceBook;
  readonly catalog: Catalog;
  readonly providers: readonly OpenProvider[];
  /** The identity behind a token, or null. */
  readonly identify: (token: string) => KeyIdentity | null;
}

/** Calls in flight keep a replaced provider's connections this long; none takes longer by its own timeouts. */
const REPLACED_MS = 15 * 60_000;

function fingerprint(settings: ProviderSettings, limits: Config["limits"]): string {
  return JSON.stringify([settings, settings.api_key?.reveal(), limits]);
}

/** Opens what a configuration names; `previous` lends the providers that did not change. Throws BursarError `config_invalid`. */
export function openProviding(options: {
  config: Config;
  clock: Clock;
  previous?: Providing;
  simulator?: ProviderNeeds["simulator"];
}): Providing {
  const { config, clock, previous } = options;
  const prices = openPriceBook({ overrides: config.prices?.overrides ?? [] });
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
  return {
    config,
    prices,
    providers,
    catalog: openCatalog({ providers, prices }),
    identify: (token) => findKey(keys, token) ?? anybody,
  };
}
