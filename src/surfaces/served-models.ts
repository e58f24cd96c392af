/** The models that the configured providers serve, as clients name them. Money path: fails closed — only what the catalog finds. */
import { BursarError } from "../accounting/errors.js";
import type { PriceBook } from "../accounting/price/price-row.js";
import { type Candidate, type Catalog, DIALECT_NAMES, type DialectName } from "../call/needs.js";
import type { ServedProvider } from "./catalog.js";

/** One model that can be called. */
export interface ServedModel {
  /** As a client asks for it: bare where the bare name finds it, else `provider/model`. */
  readonly id: string;
  readonly canonical: string;
  readonly provider: string;
  /** Wire formats it is served in. */
  readonly dialects: readonly DialectName[];
  readonly context_window: number | null;
  readonly output_max: number | null;
}

function candidateFor(catalog: Catalog, query: { dialect: DialectName; model: string; at: number }): Candidate | null {
  try {
    return catalog.candidates(query)[0] ?? null;
  } catch (error) {
    // Nobody serves it, or its provider has no key: it is not on the list.
    if (error instanceof BursarError) return null;
    throw error;
  }
}

function isFor(canonical: string, dialect: DialectName): boolean {
  const embeds = dialect.endsWith("embed") || dialect.endsWith("embeddings");
  return embeds === /embed/.test(canonical);
}

function servedAs(catalog: Catalog, id: string, at: number): ServedModel | null {
  const found: { dialect: DialectName; candidate: Candidate }[] = [];
  for (const dialect of DIALECT_NAMES) {
    const candidate = candidateFor(catalog, { dialect, model: id, at });
    if (candidate !== null && isFor(candidate.canonical, dialect)) found.push({ dialect, candidate });
  }
  const first = found[0]?.candidate;
  if (first === undefined) return null;
  return {
    id,
    canonical: first.canonical,
    provider: first.provider,
    dialects: found.map(({ dialect }) => dialect),
    context_window: first.price?.context_window ?? null,
    output_max: first.price?.output_max ?? null,
  };
}

/** Names to try: the priced models of each provider, and those that the configuration itself names. */
function namesOf(providers: readonly ServedProvider[], prices: PriceBook, at: number): readonly string[] {
  const shelves = new Map<string, string[]>();
  for (const row of prices.list(at)) {
    const name = row.model.slice(row.provider.length + 1);
    shelves.set(row.provider, [...(shelves.get(row.provider) ?? []), name]);
  }
  const simulated = ["openai", "anthropic", "gemini"];
  return providers.flatMap((served) => {
    if (served.kind === "simulated") return simulated.flatMap((owner) => shelves.get(owner) ?? []);
    const shelf = shelves.get(served.priced_as ?? served.kind) ?? [];
    const own = shelves.get(served.name) ?? [];
    const bare = served.name === (served.priced_as ?? served.kind);
    return [...shelf, ...own].flatMap((name) => (bare ? [name] : [name, `${served.name}/${name}`]));
  });
}

/**
 * Every model that some configured provider serves, by its shortest name, in alphabetical order. `named` are names that
 * the configuration mentions (tiers, fallbacks, keys): the only ones known of a provider without a price list.
 */
export function servedModels(of: {
  readonly providers: readonly ServedProvider[];
  readonly catalog: Catalog;
  readonly prices: PriceBook;
  readonly named: readonly string[];
  readonly at: number;
}): readonly ServedModel[] {
  const { providers, catalog, prices, named, at } = of;
  const names = new Set([...namesOf(providers, prices, at), ...named.filter((name) => !name.includes("*"))]);
  const models = new Map<string, ServedModel>();
  for (const id of [...names].sort()) {
    const model = servedAs(catalog, id, at);
    if (model === null) continue;
    const mark = `${model.provider}\n${model.canonical}`;
    const known = models.get(mark);
    if (known === undefined || id.length < known.id.length) models.set(mark, model);
  }
  return [...models.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}
