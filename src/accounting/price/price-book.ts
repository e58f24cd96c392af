/**
 * The price book: names as clients write them → one row. Money path: fails closed — a name that no rule covers has no
 * price (null), never a likely one.
 */
import { BursarError } from "../errors.js";
import type { UsageClass } from "../meter/usage.js";
import type { Pico } from "../units/money.js";
import { alsoBilled, BASE_PROVIDERS, type BaseProvider, baseProvider, type DatedRow, datedRows, matches } from "./base-rows.js";
import type { PriceBook, PriceRow } from "./price-row.js";
import { nameOf, type OverrideRow, type PriceOverride, priceRowOf } from "./prices-file.js";

// Clients choose names, so what is remembered about them is bounded: this many names.
const NAMES_MAX = 4096;
const NAME_LENGTH_MAX = 200;

const PROVIDER_ALIASES: Readonly<Record<string, string>> = { google: "gemini", xai: "x-ai", moonshot: "moonshotai" };

function providerName(name: string): string {
  const text = name.trim().toLowerCase();
  return PROVIDER_ALIASES[text] ?? text;
}

/** A day inside a name, as some write it without dashes: `-20250929` → `-2025-09-29`. */
function dashed(name: string): string {
  return name.replace(/-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/, "-$1-$2-$3");
}

interface Model {
  readonly canonical: string;
  /** Oldest first; the last that has begun holds. */
  readonly rows: readonly DatedRow[];
}

interface Shelf {
  readonly base: BaseProvider | null;
  /** Base models by position, built when first asked for. */
  readonly models: Map<number, Model>;
  /** Overrides by lower-case model name, `*` for all. */
  readonly overrides: Map<string, OverrideRow[]>;
}

function inForce(rows: readonly DatedRow[], at: number): PriceRow | null {
  let row: PriceRow | null = null;
  for (const dated of rows) if (dated.from <= at) row = dated.row;
  return row;
}

function shelve(overrides: readonly PriceOverride[]): Map<string, Shelf> {
  const shelves = new Map<string, Shelf>();
  for (const provider of BASE_PROVIDERS) {
    shelves.set(provider, { base: baseProvider(provider), models: new Map(), overrides: new Map() });
  }
  for (const override of overrides) {
    const { provider: written, name } = nameOf(override);
    const provider = providerName(written);
    const shelf = shelves.get(provider) ?? { base: null, models: new Map(), overrides: new Map() };
    shelves.set(provider, shelf);
    const entry = priceRowOf({ ...override, model: `${provider}/${name}` });
    const entries = [...(shelf.overrides.get(name) ?? []), entry];
    if (entries.filter(({ from }) => from === entry.from).length > 1) {
      throw new BursarError("config_invalid", `Price of "${override.model}": two entries begin at the same time; keep one.`, {
        model: override.model,
        field: "effective_from",
      });
    }
    shelf.overrides.set(
      name,
      entries.sort((left, right) => (left.from < right.from ? -1 : 1)),
    );
  }
  return shelves;
}

function baseModel(shelf: Shelf, provider: string, index: number): Model | null {
  const known = shelf.models.get(index);
  if (known !== undefined) return known;
  const info = shelf.base?.models[index];
  if (info === undefined) return null;
  const model = { canonical: `${provider}/${info.id.toLowerCase()}`, rows: datedRows(provider, info) };
  shelf.models.set(index, model);
  return model;
}

/** Ways to read a name, most literal first. */
function readings(provider: string, name: string): readonly string[] {
  let bare = name;
  for (const prefix of [`${provider}/`, ...(provider === "gemini" ? ["google/", "models/"] : [])]) {
    if (bare.startsWith(prefix)) bare = bare.slice(prefix.length);
  }
  const at = bare.replace(/@(?=20\d{6}$)/, "-");
  return [...new Set([bare, at, dashed(at), at.replace(/-latest$/, "")])];
}

function findBase(shelf: Shelf, provider: string, names: readonly string[]): Model | null {
  for (const name of names) {
    const models = shelf.base?.models ?? [];
    const same = models.findIndex((info) => info.id.toLowerCase() === name);
    // A rule may take a model that searches for one that does not.
    const alike = (id: string): boolean => alsoBilled(id.toLowerCase()) === alsoBilled(name);
    const index = same >= 0 ? same : models.findIndex((info) => matches(info.match, name) && alike(info.id));
    if (index >= 0) return baseModel(shelf, provider, index);
  }
  return null;
}

/** Override rows as they apply under a canonical name; sizes that the file does not give come from the data. */
function adopted(entries: readonly OverrideRow[], canonical: string, base: PriceRow | null): readonly DatedRow[] {
  return entries.map(({ from, row }) => ({
    from,
    row: {
      ...row,
      model: canonical,
      context_window: row.context_window ?? base?.context_window ?? null,
      output_max: row.output_max ?? base?.output_max ?? null,
      hides_reasoning: row.hides_reasoning || (base?.hides_reasoning ?? false),
    },
  }));
}

function findModel(shelf: Shelf, provider: string, name: string): Model | null {
  const names = readings(provider, name);
  const base = findBase(shelf, provider, names);
  const canonicalName = base?.canonical.slice(provider.length + 1);
  const literal = names.find((reading) => shelf.overrides.has(reading));
  const key = literal ?? (canonicalName !== undefined && shelf.overrides.has(canonicalName) ? canonicalName : "*");
  const entries = shelf.overrides.get(key);
  if (entries === undefined) return base;
  const canonical = base?.canonical ?? `${provider}/${literal ?? names[0]}`;
  const newest = base?.rows.at(-1)?.row ?? null;
  // Before an override begins, the data's price holds.
  const first = entries[0]?.from ?? Number.NEGATIVE_INFINITY;
  const before = (base?.rows ?? []).filter((dated) => dated.from < first);
  return { canonical, rows: [...before, ...adopted(entries, canonical, newest)] };
}

function dearness(row: PriceRow): Pico {
  let dearest = 0n;
  for (const pico of [row.pico, ...row.tiers.map((tier) => tier.pico)]) {
    const sum = (pico.input_fresh ?? 0n) + (pico.output_text ?? 0n);
    if (sum > dearest) dearest = sum;
  }
  return dearest;
}

/** Every model of a shelf with its rows: the data's and those that only the file knows. */
function modelsOf(shelf: Shelf, provider: string): readonly Model[] {
  const models = new Map<string, Model>();
  for (const info of shelf.base?.models ?? []) {
    const model = findModel(shelf, provider, info.id.toLowerCase());
    if (model !== null) models.set(model.canonical, model);
  }
  for (const name of shelf.overrides.keys()) {
    const model = name === "*" ? null : findModel(shelf, provider, name);
    if (model !== null) models.set(model.canonical, model);
  }
  return [...models.values()];
}

/** The dearest row of a shelf at a time, and the span [from, until) of epoch ms in which that stays so. */
interface Dearest {
  readonly from: number;
  readonly until: number;
  readonly row: PriceRow | null;
}

function dearestOf(models: readonly Model[], at: number): Dearest {
  let [from, until] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  let dearest: PriceRow | null = null;
  for (const model of models) {
    for (const dated of model.rows) {
      if (dated.from <= at) from = Math.max(from, dated.from);
      else until = Math.min(until, dated.from);
    }
    const row = inForce(model.rows, at);
    if (row !== null && (dearest === null || dearness(row) > dearness(dearest))) dearest = row;
  }
  return { from, until, row: dearest };
}

/** Remembers the names asked for; a miss is remembered like a hit, within the same bound. Beyond it all are forgotten. */
function remember(find: (provider: string, name: string) => Model | null): (provider: string, name: string) => Model | null {
  const known = new Map<string, Map<string, Model | null>>();
  let names = 0;
  return (provider, name) => {
    const seen = known.get(provider)?.get(name);
    if (seen !== undefined) return seen;
    const model = find(provider, name);
    if (names >= NAMES_MAX) {
      known.clear();
      names = 0;
    }
    const own = known.get(provider) ?? new Map<string, Model | null>();
    known.set(provider, own.set(name, model));
    names += 1;
    return model;
  };
}

function ownerOf(shelves: ReadonlyMap<string, Shelf>, model: string): string | null {
  const name = model.trim().toLowerCase();
  if (name.length === 0 || name.length > NAME_LENGTH_MAX) return null;
  const slash = name.indexOf("/");
  const prefix = slash > 0 ? providerName(name.slice(0, slash)) : null;
  if (prefix !== null && shelves.has(prefix)) return prefix;
  for (const [provider, shelf] of shelves) if (shelf.overrides.has(name)) return provider;
  for (const [provider, shelf] of shelves) {
    if (shelf.base?.owns !== null && shelf.base?.owns !== undefined && matches(shelf.base.owns, name)) return provider;
  }
  return null;
}

/**
 * Opens the book over the built-in data and the entries of `prices.yaml` (which win, from their date on). Throws
 * `config_invalid` for an entry that is wrong. Pure: rows depend on the arguments alone; what it remembers is bounded.
 */
export function openPriceBook(options: { readonly overrides?: readonly PriceOverride[] } = {}): PriceBook {
  const shelves = shelve(options.overrides ?? []);
  const find = remember((provider, name) => {
    const shelf = shelves.get(provider);
    return shelf === undefined ? null : findModel(shelf, provider, name);
  });
  const rowsAt = (provider: string, at: number): readonly PriceRow[] => {
    const shelf = shelves.get(provider);
    return shelf === undefined ? [] : modelsOf(shelf, provider).flatMap((model) => inForce(model.rows, at) ?? []);
  };
  // One entry a provider: walking all its models takes milliseconds, and a call to an unknown model asks every time.
  const dearests = new Map<string, Dearest>();
  return {
    resolve({ provider, model, at }) {
      const name = model.trim().toLowerCase();
      if (name.length === 0 || name.length > NAME_LENGTH_MAX) return null;
      const found = find(providerName(provider), name);
      return found === null ? null : inForce(found.rows, at);
    },
    providerOf: (model) => ownerOf(shelves, model),
    byId(id) {
      const match = /^[^:]+:([^/]+)\/(.+)@[^@]+$/.exec(id);
      if (match === null) return null;
      const found = find(match[1] ?? "", match[2] ?? "");
      return found?.rows.find((dated) => dated.row?.id === id)?.row ?? originalRow(shelves, match[1] ?? "", id);
    },
    dearest(provider, at) {
      const name = providerName(provider);
      const shelf = shelves.get(name);
      if (shelf === undefined) return null;
      const known = dearests.get(name);
      if (known !== undefined && known.from <= at && at < known.until) return known.row;
      const found = dearestOf(modelsOf(shelf, name), at);
      dearests.set(name, found);
      return found.row;
    },
    list: (at) => [...shelves.keys()].flatMap((provider) => rowsAt(provider, at)),
  };
}

/** A base row that an override now hides: entries of the log still refer to it. */
function originalRow(shelves: ReadonlyMap<string, Shelf>, provider: string, id: string): PriceRow | null {
  const shelf = shelves.get(provider);
  for (let index = 0; index < (shelf?.base?.models.length ?? 0); index++) {
    const rows = shelf === undefined ? [] : (baseModel(shelf, provider, index)?.rows ?? []);
    const dated = rows.find(({ row }) => row?.id === id);
    if (dated?.row) return dated.row;
  }
  return null;
}

/** How far from the data's price an entry may be before it is worth a look (H1). */
const ALARM_FACTOR = 5n;

/**
 * One line per price of an entry that is more than five times the data's, or less than a fifth: a slip of unit shows like
 * this. Entries for models that the data does not know cannot be compared. For warnings at load; refuses nothing.
 */
export function priceAlarms(overrides: readonly PriceOverride[], at: number): readonly string[] {
  const book = openPriceBook();
  return overrides.flatMap((override) => {
    const { provider, name } = nameOf(override);
    const base = book.resolve({ provider, model: name, at });
    const { row } = priceRowOf(override);
    if (base === null || row.free) return [];
    return (["input_fresh", "output_text"] as const satisfies readonly UsageClass[]).flatMap((kind) => {
      const [mine, theirs] = [row.pico[kind] ?? 0n, base.pico[kind] ?? 0n];
      if (mine <= theirs * ALARM_FACTOR && theirs <= mine * ALARM_FACTOR) return [];
      return [
        `Price of "${override.model}": ${kind} is ${perMillion(mine)} $/M, the published price is ${perMillion(theirs)} $/M.`,
      ];
    });
  });
}

/** Pico-dollars a token as USD per million tokens, exact decimal text. */
export function perMillion(pico: Pico): string {
  const text = pico.toString().padStart(7, "0");
  return `${text.slice(0, -6)}.${text.slice(-6)}`.replace(/(\.\d\d\d*?)0+$/, "$1");
}
