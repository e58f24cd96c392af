/**
 * One entry of `prices.yaml` as a price row. Money path: fails closed — an entry that is not plainly right is refused by
 * name, with what is wrong and what would be right.
 */
import { BursarError } from "../errors.js";
import type { UsageClass } from "../meter/usage.js";
import type { Pico } from "../units/money.js";
import { withWrites } from "./base-rows.js";
import { factsOf, multipliersOf } from "./model-facts.js";
import { fractionOf, PER_MILLION, PER_THOUSAND, picoPerUnit } from "./pico.js";
import type { PicoPrices, PriceRow, PriceTier } from "./price-row.js";

/** Prices of an entry or of a tier: USD per million tokens (`requests`, `web_searches`: per thousand) as decimal text. */
export interface PriceTexts {
  readonly input?: string;
  readonly output?: string;
  readonly cache_read?: string;
  readonly cache_write_5m?: string;
  readonly cache_write_1h?: string;
  readonly reasoning?: string;
  readonly input_audio?: string;
  readonly input_image?: string;
  readonly output_audio?: string;
  readonly requests?: string;
  readonly web_searches?: string;
}

/** Prices of the whole request from `above` input tokens on. */
export interface TierOverride extends PriceTexts {
  readonly above: number;
}

/** One entry of `prices.yaml`. `model` is `provider/model`; `provider/*` prices every model of a provider. */
export interface PriceOverride extends PriceTexts {
  readonly model: string;
  /** ISO date (UTC midnight) or instant from which it holds; absent: always. */
  readonly effective_from?: string;
  readonly tiers?: readonly TierOverride[];
  /** Factor on token prices per service tier as decimal text, e.g. `{batch: "0.5"}`; replaces the built-in ones. */
  readonly multipliers?: Readonly<Record<string, string>>;
  /** The only way to a price of zero. */
  readonly free?: boolean;
  readonly context_window?: number;
  readonly output_max?: number;
}

/** An entry as a row, and when it begins (epoch ms; −Infinity: always). */
export interface OverrideRow {
  readonly from: number;
  readonly row: PriceRow;
}

const FIELDS: Readonly<Record<keyof PriceTexts, readonly [UsageClass, number]>> = {
  input: ["input_fresh", PER_MILLION],
  output: ["output_text", PER_MILLION],
  cache_read: ["cache_read", PER_MILLION],
  cache_write_5m: ["cache_write_5m", PER_MILLION],
  cache_write_1h: ["cache_write_1h", PER_MILLION],
  reasoning: ["reasoning", PER_MILLION],
  input_audio: ["input_audio", PER_MILLION],
  input_image: ["input_image", PER_MILLION],
  output_audio: ["output_audio", PER_MILLION],
  requests: ["requests", PER_THOUSAND],
  web_searches: ["web_searches", PER_THOUSAND],
};

// $0.001 to $1,000,000 per million tokens, in pico-dollars a token: no published price is outside (H1).
const PICO_MIN = 1_000n;
const PICO_MAX = 1_000_000_000_000n;
// The same figures per thousand events.
const EVENT_PICO_MIN = 1_000_000n;
const EVENT_PICO_MAX = 1_000_000_000_000_000n;
const MULTIPLIER_MAX = 100n;

function refuse(override: PriceOverride, field: string, value: string, why: string): never {
  throw new BursarError("config_invalid", `Price of "${override.model}": ${field} is ${JSON.stringify(value)}; ${why}`, {
    model: override.model,
    field,
    value,
  });
}

function priceOf(override: PriceOverride, field: keyof PriceTexts, text: string): Pico {
  const [, zeros] = FIELDS[field];
  const unit = zeros === PER_MILLION ? "USD per million tokens" : "USD per thousand";
  const parsed = typeof text === "string" ? picoPerUnit(text, zeros) : null;
  if (parsed === null) return refuse(override, field, String(text), `write it as plain decimal ${unit}, like "2.50".`);
  if (!parsed.exact) return refuse(override, field, text, `a price has at most ${zeros} decimals.`);
  if (parsed.value === 0n)
    return refuse(override, field, text, "a price of zero needs `free: true` on the entry; unknown prices are left out.");
  const [low, high] = zeros === PER_MILLION ? [PICO_MIN, PICO_MAX] : [EVENT_PICO_MIN, EVENT_PICO_MAX];
  if (parsed.value < low || parsed.value > high) {
    return refuse(override, field, text, `prices are ${unit}, between 0.001 and 1000000. Was it per 1,000 tokens, or per token?`);
  }
  return parsed.value;
}

function pricesOf(override: PriceOverride, texts: PriceTexts): PicoPrices {
  const pico: Partial<Record<UsageClass, Pico>> = {};
  for (const field of Object.keys(FIELDS) as (keyof PriceTexts)[]) {
    const text = texts[field];
    if (text !== undefined) pico[FIELDS[field][0]] = priceOf(override, field, text);
  }
  return pico;
}

function tiersOf(override: PriceOverride, base: PicoPrices, provider: string): readonly PriceTier[] {
  const tiers = (override.tiers ?? []).map((tier) => {
    if (!Number.isSafeInteger(tier.above) || tier.above < 1) {
      refuse(override, "tiers.above", String(tier.above), "it is a whole number of input tokens, like 200001.");
    }
    const own = pricesOf(override, tier);
    if (own.input_fresh === undefined || own.output_text === undefined) {
      refuse(override, "tiers", String(tier.above), "a tier names at least input and output: it flips the whole request.");
    }
    return { above: tier.above, pico: withWrites({ ...feesOf(base), ...own }, provider) };
  });
  return tiers.sort((left, right) => left.above - right.above);
}

/** Fees per event hold in every tier unless it names its own. */
function feesOf(pico: PicoPrices): PicoPrices {
  const fees: Partial<Record<UsageClass, Pico>> = {};
  if (pico.requests !== undefined) fees.requests = pico.requests;
  if (pico.web_searches !== undefined) fees.web_searches = pico.web_searches;
  return fees;
}

function factorsOf(override: PriceOverride, provider: string, name: string): PriceRow["multipliers"] {
  if (override.multipliers === undefined) return multipliersOf(provider, name);
  const factors: Record<string, readonly [bigint, bigint]> = {};
  for (const [tier, text] of Object.entries(override.multipliers)) {
    const factor = typeof text === "string" ? fractionOf(text) : null;
    if (factor === null || factor[0] <= 0n || factor[0] > MULTIPLIER_MAX * factor[1]) {
      return refuse(override, `multipliers.${tier}`, String(text), 'it is a decimal above 0 and up to 100, like "0.5".');
    }
    factors[tier.trim().toLowerCase()] = factor;
  }
  return factors;
}

/** `provider/model` of an entry in lower case, apart. Throws `config_invalid` when there is no provider. */
export function nameOf(override: PriceOverride): { readonly provider: string; readonly name: string } {
  const text = override.model.trim().toLowerCase();
  const slash = text.indexOf("/");
  if (slash < 1 || slash === text.length - 1)
    refuse(override, "model", override.model, 'write it as "provider/model", like "openai/gpt-4o".');
  return { provider: text.slice(0, slash), name: text.slice(slash + 1) };
}

function fromOf(override: PriceOverride): number {
  const text = override.effective_from;
  if (text === undefined) return Number.NEGATIVE_INFINITY;
  const iso = /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text;
  const at = /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(iso) ? Date.parse(iso) : Number.NaN;
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== iso.slice(0, 10)) {
    return refuse(override, "effective_from", text, 'write it as a date, like "2026-11-24", or a UTC instant.');
  }
  return at;
}

function sizeOf(override: PriceOverride, field: "context_window" | "output_max"): number | null {
  const value = override[field];
  if (value === undefined) return null;
  if (!Number.isSafeInteger(value) || value < 1)
    refuse(override, field, String(value), "it is a whole number of tokens, at least 1.");
  return value;
}

/** Short fingerprint (FNV-1a, 32 bits) of an entry: an entry that is edited in place becomes another row. */
function fingerprint(override: PriceOverride): string {
  const text = JSON.stringify(override);
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/**
 * The row of one entry. Prices are exact; what the entry leaves out is billed as `picoOf` says. Throws `config_invalid`
 * naming entry, field and value: not decimal text, more decimals than exist, outside 0.001 … 1,000,000 $/M, zero without
 * `free: true`, a free entry with prices, or input or output missing.
 */
export function priceRowOf(override: PriceOverride): OverrideRow {
  const { provider, name } = nameOf(override);
  const from = fromOf(override);
  const pico = pricesOf(override, override);
  const free = override.free === true;
  if (free && (Object.keys(pico).length > 0 || (override.tiers ?? []).length > 0)) {
    refuse(override, "free", "true", "a free model has no prices; remove one or the other.");
  }
  if (!free && (pico.input_fresh === undefined || pico.output_text === undefined)) {
    const field = pico.input_fresh === undefined ? "input" : "output";
    refuse(override, field, "", `an entry names at least input and output, or \`free: true\`.`);
  }
  const facts = factsOf(provider, name);
  const row: PriceRow = {
    id: `prices.yaml:${provider}/${name}@${override.effective_from ?? "first"}#${fingerprint(override)}`,
    model: `${provider}/${name}`,
    provider,
    pico: withWrites(pico, provider),
    tiers: tiersOf(override, pico, provider),
    multipliers: free ? {} : factorsOf(override, provider, name),
    free,
    context_window: sizeOf(override, "context_window"),
    output_max: sizeOf(override, "output_max") ?? facts.output_max,
    hides_reasoning: facts.hides_reasoning,
  };
  return { from, row };
}
