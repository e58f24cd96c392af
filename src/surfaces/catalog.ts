/** Who serves a model. Money path: fails closed — a model that no configured provider serves in the dialect is refused. */
import { matchesModel } from "../accounting/budget/scope.js";
import { BursarError } from "../accounting/errors.js";
import { freeRow } from "../accounting/price/free-row.js";
import type { PriceBook, PriceRow } from "../accounting/price/price-row.js";
import { type Candidate, type Catalog, DIALECT_NAMES, type DialectName, type Upstream } from "../call/needs.js";
import type { FallbackRule, ProviderSettings } from "../config/config.js";

/** A configured provider, open. */
export interface ServedProvider {
  readonly name: string;
  readonly kind: ProviderSettings["kind"];
  /** Provider under which its models are priced; a kind that is many (`openai-compatible`) is priced under its name. */
  readonly priced_as?: string;
  /** One upstream per dialect it speaks; null where its key is missing. */
  readonly upstreams: ReadonlyMap<DialectName, Upstream | null>;
  /** Every model of it is explicitly free (a local server). */
  readonly free: boolean;
  /** Simulates the models of this provider only (no-config mode); absent: of every provider. */
  readonly simulates?: string;
}

/** A model name as a client writes it, taken apart. */
interface Asked {
  readonly text: string;
  readonly prefix: string | null;
  readonly rest: string;
}

function askedFor(model: string): Asked {
  const text = model.trim();
  const slash = text.indexOf("/");
  return slash > 0
    ? { text, prefix: text.slice(0, slash).toLowerCase(), rest: text.slice(slash + 1) }
    : { text, prefix: null, rest: text };
}

/** Provider whose prices and names apply: a simulator stands in for the model's own provider. */
function priced(
  prices: PriceBook,
  served: ServedProvider,
  asked: Asked,
  at: number,
): { provider: string; model: string; price: PriceRow | null; dearest: PriceRow | null } {
  const simulated = served.kind === "simulated";
  const named = asked.prefix !== null && prices.providerOf(asked.rest) !== null && simulated ? asked.prefix : null;
  const provider = simulated ? (named ?? prices.providerOf(asked.text) ?? served.name) : served.name;
  const own = asked.prefix === served.name || (asked.prefix === served.kind && !simulated);
  const model = own || named !== null ? asked.rest : asked.text;
  if (served.free) {
    const price = freeRow(provider, model);
    return { provider, model, price, dearest: price };
  }
  const many = simulated || served.kind === "openai-compatible";
  const shelf = many ? provider : (served.priced_as ?? served.kind);
  const price = prices.resolve({ provider: shelf, model, at });
  return { provider, model, price, dearest: price ?? prices.dearest(shelf, at) };
}

/** Does a provider's own wire come in this dialect? Whoever is neither Anthropic nor Gemini copies OpenAI. */
function dialectsOf(owner: string, dialect: DialectName): boolean {
  const family = owner === "anthropic" || owner === "gemini" ? owner : "openai";
  return dialect.startsWith(`${family}-`);
}

function serves(prices: PriceBook, served: ServedProvider, asked: Asked, dialect: DialectName): boolean {
  if (!served.upstreams.has(dialect)) return false;
  if (asked.prefix === served.name) return true;
  const owner = prices.providerOf(asked.text);
  if (served.kind === "simulated") {
    const one = served.simulates === undefined || served.simulates === owner || asked.prefix === served.simulates;
    return owner !== null && one && dialectsOf(owner, dialect);
  }
  return owner === (served.priced_as ?? served.kind) || owner === served.name;
}

/** What a catalog is opened over. */
export interface CatalogOptions {
  readonly providers: readonly ServedProvider[];
  readonly prices: PriceBook;
  /** In order: the first whose model (a name or a glob) matches counts. */
  readonly fallbacks?: readonly FallbackRule[];
}

/** Who serves exactly this name, first choice only; null when nobody does. Throws `provider_key_missing`. */
function served(options: CatalogOptions, query: { asked: Asked; dialect: DialectName; at: number }): Candidate | null {
  const { providers, prices } = options;
  const { asked, dialect, at } = query;
  const server = providers.find((provider) => serves(prices, provider, asked, dialect));
  if (server === undefined) return null;
  const upstream = server.upstreams.get(dialect);
  if (upstream === null || upstream === undefined) {
    const variable = `${server.name.toUpperCase()}_API_KEY`;
    throw new BursarError(
      "provider_key_missing",
      `The provider "${server.name}" has no key. Set ${variable}, or providers.${server.name}.api_key.`,
    );
  }
  const { provider, model: name, price, dearest } = priced(prices, server, asked, at);
  const canonical = price?.model ?? `${provider}/${name.toLowerCase()}`;
  const sent = [server.name, server.kind, provider].includes(asked.prefix ?? "") ? name : asked.text;
  return { upstream, provider, model: sent, canonical, price, dearest };
}

/** A fallback that cannot serve (nobody does in this dialect, or its key is missing) is passed over: it was told at the start. */
function servedFallback(options: CatalogOptions, query: { model: string; dialect: DialectName; at: number }): Candidate | null {
  try {
    return served(options, { ...query, asked: askedFor(query.model) });
  } catch (error) {
    if (error instanceof BursarError) return null;
    throw error;
  }
}

/** The models to try after `first`, each once. The fallbacks of a fallback are not followed. */
function fallbacksOf(options: CatalogOptions, first: Candidate, query: { dialect: DialectName; at: number }): Candidate[] {
  const rule = (options.fallbacks ?? []).find(({ model }) => matchesModel(model, first.canonical));
  const found: Candidate[] = [];
  for (const model of rule?.fallbacks ?? []) {
    const candidate = servedFallback(options, { ...query, model });
    const same = (other: Candidate): boolean => other.upstream === candidate?.upstream && other.model === candidate.model;
    if (candidate !== null && ![first, ...found].some(same)) found.push(candidate);
  }
  return found;
}

/** Resolves models over the configured providers; real ones come before simulated ones, fallbacks after what was asked for. */
export function openCatalog(given: CatalogOptions): Catalog {
  const providers = [...given.providers].sort((a, b) => Number(a.kind === "simulated") - Number(b.kind === "simulated"));
  const options = { ...given, providers };
  return {
    candidates({ dialect, model, at }) {
      const asked = askedFor(model);
      if (asked.rest === "" || asked.text.length > 256) {
        throw new BursarError("model_unknown", `The model ${JSON.stringify(model.slice(0, 256))} is not a name.`);
      }
      const first = served(options, { asked, dialect, at });
      if (first !== null) return [first, ...fallbacksOf(options, first, { dialect, at })];
      throw new BursarError("model_unknown", unknownText({ ...options, asked, dialect }));
    },
  };
}

/** Fallbacks that can never be tried, one line each: nobody serves them, or not in a dialect of the model they stand in for. */
export function idleFallbacks(options: CatalogOptions, at: number): readonly string[] {
  const dialectsServed = (model: string): readonly DialectName[] =>
    DIALECT_NAMES.filter((dialect) => servedFallback(options, { model, dialect, at }) !== null);
  return (options.fallbacks ?? []).flatMap(({ model, fallbacks }) => {
    const own = model.includes("*") ? null : dialectsServed(model);
    return fallbacks.flatMap((fallback) => {
      const dialects = dialectsServed(fallback);
      if (dialects.length === 0)
        return [`The fallback "${fallback}" of "${model}" is passed over: no configured provider serves it.`];
      if (own === null || own.some((dialect) => dialects.includes(dialect))) return [];
      return [`The fallback "${fallback}" of "${model}" is passed over: the two are not served in one dialect.`];
    });
  });
}

function unknownText(of: {
  providers: readonly ServedProvider[];
  prices: PriceBook;
  asked: Asked;
  dialect: DialectName;
}): string {
  const names = of.providers.map((served) => served.name).join(", ");
  const owner = of.prices.providerOf(of.asked.text);
  if (owner === "anthropic" && of.dialect === "openai-chat") {
    return `"${of.asked.text}" is an Anthropic model; call it by POST /v1/messages (translation between dialects is not built yet).`;
  }
  if (owner === "openai" && of.dialect === "anthropic-messages") {
    return `"${of.asked.text}" is an OpenAI model; call it by POST /v1/chat/completions (translation between dialects is not built yet).`;
  }
  return `No provider serves "${of.asked.text}". Configured: ${names === "" ? "none" : names}. A local model is asked for as provider/model.`;
}
