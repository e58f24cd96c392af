/**
 * Rows of @pydantic/genai-prices as exact price rows. Money path: fails closed — a model whose price is missing, zero or
 * of a kind that Bursar does not meter has no row.
 *
 * Prices come as numbers; JavaScript prints a number as the shortest decimal that reads back the same, which is the
 * decimal that was published, so no float takes part in arithmetic.
 */
import { findProvider, type MatchLogic, type ModelInfo, type ModelPrice } from "@pydantic/genai-prices";
import type { UsageClass } from "../meter/usage.js";
import type { Pico } from "../units/money.js";
import { factsOf, multipliersOf } from "./model-facts.js";
import { PER_MILLION, PER_THOUSAND, picoPerUnit } from "./pico.js";
import type { PicoPrices, PriceRow, PriceTier } from "./price-row.js";

/** Source part of a base row's id. The version is that of package.json; a test compares them. */
export const BASE_SOURCE = "genai-prices-0.1.8";

/** Providers whose rows are used, by Bursar's names, in the order in which bare model names are looked up. */
export const BASE_PROVIDERS = [
  "openai",
  "anthropic",
  "gemini",
  "deepseek",
  "mistral",
  "x-ai",
  "cohere",
  "moonshotai",
  "minimax",
  "groq",
  "openrouter",
  "together",
  "fireworks",
  "cerebras",
  "perplexity",
  "novita",
  "zai",
  "azure",
] as const;

const DATA_NAMES: Readonly<Record<string, string>> = { gemini: "google" };

const CLASSES: Readonly<Record<string, readonly [UsageClass, number]>> = {
  input_mtok: ["input_fresh", PER_MILLION],
  cache_read_mtok: ["cache_read", PER_MILLION],
  cache_write_mtok: ["cache_write_5m", PER_MILLION],
  cache_write_1h_mtok: ["cache_write_1h", PER_MILLION],
  input_audio_mtok: ["input_audio", PER_MILLION],
  input_image_mtok: ["input_image", PER_MILLION],
  output_mtok: ["output_text", PER_MILLION],
  output_reasoning_mtok: ["reasoning", PER_MILLION],
  output_audio_mtok: ["output_audio", PER_MILLION],
  requests_kcount: ["requests", PER_THOUSAND],
  web_searches_kcount: ["web_searches", PER_THOUSAND],
};

// Billed in classes that usage has no place for: such a model's bill cannot be computed, so its price is unknown.
const NOT_METERED = ["output_image_mtok", "output_video_mtok", "output_citation_mtok"];

// What models of these names bill on every call, whatever is asked of them: a search, or sound at a price many times that of
// text (https://platform.openai.com/docs/pricing, https://docs.perplexity.ai/getting-started/pricing, read 24 November 2026).
const ALSO_BILLED: readonly (readonly [RegExp, UsageClass])[] = [
  [/-search-(?:preview|api)|(?:^|[/-])sonar|-online$/, "requests"],
  [/-audio(?:-|$)/, "input_audio"],
];

/** The class beside tokens of text that a model of this lower-case name bills; null when there is none. */
export function alsoBilled(name: string): UsageClass | null {
  return ALSO_BILLED.find(([pattern]) => pattern.test(name))?.[1] ?? null;
}

function decimal(value: number): string {
  return String(value);
}

function picoPrices(price: ModelPrice, start: number | null): PicoPrices {
  const pico: Partial<Record<UsageClass, Pico>> = {};
  for (const [key, entry] of Object.entries(price)) {
    const target = CLASSES[key];
    if (target === undefined || entry === undefined) continue;
    let value = typeof entry === "number" ? entry : entry.base;
    if (typeof entry !== "number" && start !== null) {
      for (const tier of entry.tiers) if (tier.start <= start) value = tier.price;
    }
    const parsed = picoPerUnit(decimal(value), target[1]);
    if (parsed !== null && parsed.value > 0n) pico[target[0]] = parsed.value;
  }
  return pico;
}

/**
 * Cache writes where the data names no price: Anthropic bills 1.25 × input for five minutes and 2 × for an hour
 * (https://platform.claude.com/docs/en/build-with-claude/prompt-caching, read 24 November 2026); everybody else bills a
 * write as input, which `picoOf` does.
 */
export function withWrites(pico: PicoPrices, provider: string): PicoPrices {
  const input = pico.input_fresh;
  if (provider !== "anthropic" || input === undefined) return pico;
  return {
    ...pico,
    cache_write_5m: pico.cache_write_5m ?? (input * 5n + 3n) / 4n,
    cache_write_1h: pico.cache_write_1h ?? input * 2n,
  };
}

function startsOf(price: ModelPrice): readonly number[] {
  const starts = new Set<number>();
  for (const entry of Object.values(price)) {
    if (typeof entry === "object") for (const tier of entry.tiers) starts.add(tier.start);
  }
  return [...starts].sort((left, right) => left - right);
}

/** Class by class the dearer of two prices: for hours of the day, which a hold does not follow. */
function dearer(left: PicoPrices, right: PicoPrices): PicoPrices {
  const pico: Partial<Record<UsageClass, Pico>> = { ...left };
  for (const [name, price] of Object.entries(right) as [UsageClass, Pico][]) {
    const other = pico[name];
    if (other === undefined || price > other) pico[name] = price;
  }
  return pico;
}

function billable(price: ModelPrice, model: string): boolean {
  if (NOT_METERED.some((key) => price[key] !== undefined)) return false;
  const pico = picoPrices(price, null);
  const { input_fresh, output_text } = pico;
  const also = alsoBilled(model);
  if (input_fresh === undefined || (also !== null && pico[also] === undefined)) return false;
  return output_text !== undefined || (price.output_mtok === undefined && /embed/.test(model));
}

/** A row from its day on; the first has no day. */
export interface DatedRow {
  /** Epoch ms, UTC; −Infinity for the first. */
  readonly from: number;
  /** null: the price of this time is unknown. */
  readonly row: PriceRow | null;
}

interface Dated {
  readonly from: string | null;
  readonly prices: ModelPrice;
}

function rowOf(query: { provider: string; info: ModelInfo; dated: Dated; hours: readonly ModelPrice[] }): PriceRow | null {
  const { provider, info, dated, hours } = query;
  const name = info.id.toLowerCase();
  if (!billable(dated.prices, name)) return null;
  const priced = (start: number | null): PicoPrices =>
    withWrites(
      hours.reduce<PicoPrices>((pico, price) => dearer(pico, picoPrices(price, start)), picoPrices(dated.prices, start)),
      provider,
    );
  // The data's tier begins after `start` tokens, a row's at `above`.
  const tiers: PriceTier[] = startsOf(dated.prices).map((start) => ({ above: start + 1, pico: priced(start) }));
  return {
    id: `${BASE_SOURCE}:${provider}/${name}@${dated.from ?? "first"}`,
    model: `${provider}/${name}`,
    provider,
    pico: priced(null),
    tiers,
    multipliers: multipliersOf(provider, name),
    free: false,
    context_window: info.context_window ?? null,
    ...factsOf(provider, name),
  };
}

/**
 * A model's rows, oldest first. Prices that differ by the hour of the day count at the dearest hour: a hold made before
 * the hour turns must cover a reply that is billed after it.
 */
export function datedRows(provider: string, info: ModelInfo): readonly DatedRow[] {
  if (!Array.isArray(info.prices)) {
    return [
      { from: Number.NEGATIVE_INFINITY, row: rowOf({ provider, info, dated: { from: null, prices: info.prices }, hours: [] }) },
    ];
  }
  const hours = info.prices.filter((entry) => entry.constraint?.type === "time_of_date").map((entry) => entry.prices);
  const rows: DatedRow[] = [];
  for (const { constraint, prices } of info.prices) {
    if (constraint?.type === "time_of_date") continue;
    const from = constraint?.start_date ?? null;
    const row = rowOf({ provider, info, dated: { from, prices }, hours });
    rows.push({ from: from === null ? Number.NEGATIVE_INFINITY : Date.parse(`${from}T00:00:00Z`), row });
  }
  return rows.sort((left, right) => left.from - right.from);
}

/** Does a lower-case name match the data's rule? */
export function matches(rule: MatchLogic, name: string): boolean {
  if ("or" in rule) return rule.or.some((part) => matches(part, name));
  if ("and" in rule) return rule.and.every((part) => matches(part, name));
  if ("equals" in rule) return name === rule.equals.toLowerCase();
  if ("starts_with" in rule) return name.startsWith(rule.starts_with.toLowerCase());
  if ("ends_with" in rule) return name.endsWith(rule.ends_with.toLowerCase());
  if ("contains" in rule) return name.includes(rule.contains.toLowerCase());
  return new RegExp(rule.regex).test(name);
}

/** A provider's models as the data has them, and the rule by which bare names are its own. */
export interface BaseProvider {
  readonly models: readonly ModelInfo[];
  readonly owns: MatchLogic | null;
}

/** Bare names of a provider's own that the data's rule leaves out: those of Embeddings and of legacy Completions. */
const ALSO_OWNS: Readonly<Record<string, readonly MatchLogic[]>> = {
  openai: ["text-embedding-3-", "text-embedding-ada-", "text-davinci-", "davinci-002", "babbage-002"].map((name) => ({
    starts_with: name,
  })),
};

/** The data of a provider by Bursar's name, or null. */
export function baseProvider(provider: string): BaseProvider | null {
  const id = DATA_NAMES[provider] ?? provider;
  const found = findProvider({ providerId: id });
  if (found === undefined || found.id !== id) return null;
  const owns = [...(found.model_match === undefined ? [] : [found.model_match]), ...(ALSO_OWNS[provider] ?? [])];
  return { models: found.models, owns: owns.length === 0 ? null : { or: owns } };
}
