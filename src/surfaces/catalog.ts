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

/** A model as it is priced. `shelf` is the provider it is looked up under in the price book; null: nowhere, it is free. */
interface Priced {
  readonly provider: string;
  readonly model: string;
  readonly price: PriceRow | null;
  readonly dearest: PriceRow | null;
  readonly shelf: string | null;
}

/** Provider whose prices and names apply: a simulator stands in for the model's own provider. */
function priced(prices: PriceBook, served: ServedProvider, asked: Asked, at: number): Priced {
  const simulated = served.kind === "simulated";
  const named = asked.prefix !== null && prices.providerOf(asked.rest) !== null && simulated ? asked.prefix : null;
  const provider = simulated ? (named ?? prices.providerOf(asked.text) ?? served.name) : served.name;
  const own = asked.prefix === served.name || (asked.prefix === served.kind && !simulated);
  const model = own || named !== null ? asked.rest : asked.text;
  if (served.free) {
    const price = freeRow(provider, model);
    return { provider, model, price, dearest: price, shelf: null };
  }
  const many = simulated || served.kind === "openai-compatible";
  const shelf = many ? provider : (served.priced_as ?? served.kind);
  const price = prices.resolve({ provider: shelf, model, at });
  return { provider, model, price, dearest: price ?? prices.dearest(shelf, at), shelf };
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

/** Somebody who serves, and what that was priced by. */
interface Serving {
  readonly candidate: Candidate;
  readonly priced: Priced;
}

/** Who serves exactly this name, first choice only; null when nobody does. Throws `provider_key_missing`. */
function served(options: CatalogOptions, query: { asked: Asked; dialect: DialectName; at: number }): Serving | null {
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
  const found = priced(prices, server, asked, at);
  const { provider, model: name, price, dearest } = found;
  const canonical = price?.model ?? `${provider}/${name.toLowerCase()}`;
  const sent = [server.name, server.kind, provider].includes(asked.prefix ?? "") ? name : asked.text;
  return { candidate: { upstream, provider, model: sent, canonical, price, dearest }, priced: found };
}

/** A fallback that cannot serve (nobody does in this dialect, or its key is missing) is passed over: it was told at the start. */
function servedFallback(options: CatalogOptions, query: { model: string; dialect: DialectName; at: number }): Serving | null {
  try {
    return served(options, { ...query, asked: askedFor(query.model) });
  } catch (error) {
    if (error instanceof BursarError) return null;
    throw error;
  }
}

/** The models to try after `first`, each once. The fallbacks of a fallback are not followed. */
function fallbacksOf(options: CatalogOptions, first: Serving, query: { dialect: DialectName; at: number }): Serving[] {
  const rule = (options.fallbacks ?? []).find(({ model }) => matchesModel(model, first.candidate.canonical));
  const found: Serving[] = [];
  for (const model of rule?.fallbacks ?? []) {
    const next = servedFallback(options, { ...query, model });
    const same = ({ candidate }: Serving): boolean =>
      candidate.upstream === next?.candidate.upstream && candidate.model === next.candidate.model;
    if (next !== null && ![first, ...found].some(same)) found.push(next);
  }
  return found;
}

/** Models remembered with who serves them; one more, and all are forgotten: clients choose the names. */
const MODELS_MAX = 1_000;

/** Who serves a model, as it was found last. */
interface Remembered {
  readonly serving: readonly Serving[];
  readonly candidates: readonly Candidate[];
}

/** Does the price book still give the rows that a candidate was found with? Nothing else about it changes with time. */
function stands(prices: PriceBook, { priced: { shelf, model, price, dearest } }: Serving, at: number): boolean {
  if (shelf === null) return true;
  if (prices.resolve({ provider: shelf, model, at }) !== price) return false;
  return price !== null || prices.dearest(shelf, at) === dearest;
}

/** Resolves models over the configured providers; real ones come before simulated ones, fallbacks after what was asked for. */
export function openCatalog(given: CatalogOptions): Catalog {
  const providers = [...given.providers].sort((a, b) => Number(a.kind === "simulated") - Number(b.kind === "simulated"));
  const options = { ...given, providers };
  const known = new Map<DialectName, Map<string, Remembered>>();
  let models = 0;

  function remember(dialect: DialectName, model: string, serving: readonly Serving[]): readonly Candidate[] {
    if (models >= MODELS_MAX) {
      known.clear();
      models = 0;
    }
    const candidates = serving.map(({ candidate }) => candidate);
    const byModel = known.get(dialect) ?? new Map<string, Remembered>();
    known.set(dialect, byModel.set(model, { serving, candidates }));
    models += 1;
    return candidates;
  }

  return {
    candidates({ dialect, model, at }) {
      const found = known.get(dialect)?.get(model);
      if (found?.serving.every((one) => stands(options.prices, one, at))) return found.candidates;
      const asked = askedFor(model);
      if (asked.rest === "" || asked.text.length > 256) {
        throw new BursarError("model_unknown", `The model ${JSON.stringify(model.slice(0, 256))} is not a name.`);
      }
      const first = served(options, { asked, dialect, at });
      if (first === null) throw new BursarError("model_unknown", unknownText({ ...options, asked, dialect }));
      return remember(dialect, model, [first, ...fallbacksOf(options, first, { dialect, at })]);
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
