/** The price of what is explicitly free. Money path: fails closed — only a configuration's own word makes a model free. */
import type { PriceRow } from "./price-row.js";

/** The explicit zero of a model whose provider says `free: true`: never the row of a price that is unknown. */
export function freeRow(provider: string, model: string): PriceRow {
  return {
    id: `free:${provider}/${model}`,
    model: `${provider}/${model}`,
    provider,
    pico: { input_fresh: 0n, cache_read: 0n, cache_write_5m: 0n, cache_write_1h: 0n, output_text: 0n, reasoning: 0n },
    tiers: [],
    multipliers: {},
    free: true,
    context_window: null,
    output_max: null,
    hides_reasoning: false,
  };
}
