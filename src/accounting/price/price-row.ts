import type { UsageClass } from "../meter/usage.js";

/** Pico-dollars (10⁻¹² $) per unit of each class. $/M tokens × 10⁶ is exact for every published price. */
export type PicoPrices = Readonly<Partial<Record<UsageClass, bigint>>>;

/** From `above` input tokens on, the whole request is priced by `pico` instead (a long-context tier flips everything). */
export interface PriceTier {
  readonly above: number;
  readonly pico: PicoPrices;
}

/** One dated price of one model. Immutable; entries refer to it by `id` for ever. */
export interface PriceRow {
  /** `source:provider/model@from`, e.g. `genai-prices-0.1.8:openai/gpt-4o@2024-05-13`. */
  readonly id: string;
  /** Canonical model: `provider/model`. */
  readonly model: string;
  readonly provider: string;
  readonly pico: PicoPrices;
  /** Ascending by `above`. */
  readonly tiers: readonly PriceTier[];
  /** Exact rational multiplier per service tier, e.g. `{batch: [1n, 2n]}`. */
  readonly multipliers: Readonly<Record<string, readonly [bigint, bigint]>>;
  /** Explicitly free (a local model): the only legal zero. */
  readonly free: boolean;
  /** Tokens the model can take in and give out at most; null when unknown. */
  readonly context_window: number | null;
  readonly output_max: number | null;
  /** True when the model bills reasoning that its stream does not show. */
  readonly hides_reasoning: boolean;
}

/** Resolves names as clients write them (case, spaces, aliases, dated snapshots, `provider/` prefixes) to one row. */
export interface PriceBook {
  /** The row in force at `at` (epoch ms), or null when the price is unknown. Never a guess, never zero. */
  resolve(query: { readonly provider: string; readonly model: string; readonly at: number }): PriceRow | null;
  /** The provider a bare model name belongs to (`gpt-4o` → `openai`), or null. */
  providerOf(model: string): string | null;
  /** Row by id, also when it is no longer in force. */
  byId(id: string): PriceRow | null;
  /** The dearest row of a provider, for budgets that price the unknown by the ceiling. */
  dearest(provider: string, at: number): PriceRow | null;
  /** Every row in force at `at`, for `bursar price`. */
  list(at: number): readonly PriceRow[];
}
