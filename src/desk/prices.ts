import { z } from "zod";
import { BursarError } from "../accounting/errors.js";
import { USAGE_CLASSES } from "../accounting/meter/usage.js";
import { type Factor, picoOf } from "../accounting/price/cost.js";
import type { PicoPrices, PriceRow } from "../accounting/price/price-row.js";
import { usdText } from "../accounting/units/money.js";
import { closest } from "../config/suggest.js";
import { shownUsd, usdSchema } from "./amount.js";
import { defineCommand } from "./command.js";
import type { DeskNeeds } from "./needs.js";
import { left, right } from "./shown.js";

/** A price row as JSON: what it charges per million of each class, in dollars. */
export const priceSchema = z.object({
  id: z.string().describe("entries of the log refer to it"),
  model: z.string(),
  provider: z.string(),
  free: z.boolean(),
  usd_per_million: z.record(z.string(), usdSchema).describe("by usage class; requests and web_searches per event"),
  tiers: z.array(z.object({ above: z.number(), usd_per_million: z.record(z.string(), usdSchema) })),
  multipliers: z.record(z.string(), z.string()).describe("by service tier, as a fraction"),
  context_window: z.number().nullable(),
  output_max: z.number().nullable(),
});

const EVENTS: ReadonlySet<string> = new Set(["requests", "web_searches"]);

/** Pico-dollars per unit as dollars per million units, or per event for what is no token. Exact. */
export function unitPriceText(name: string, pico: bigint): string {
  // Fees are whole nano-dollars in every published list; a finer one is shown rounded up, never as free.
  return EVENTS.has(name) ? usdText((pico + 999n) / 1000n) : usdText(pico * 1000n);
}

/** A service tier's factor as text: `1/2`, `2`. */
export function factorText([up, down]: Factor): string {
  return down === 1n ? String(up) : `${up}/${down}`;
}

function perMillion(pico: PicoPrices, row: PriceRow): Record<string, string> {
  const prices: Record<string, string> = {};
  for (const name of USAGE_CLASSES) {
    // Classes without a price of their own are billed as another; only what the row itself says is shown as its price.
    if (pico[name] !== undefined) prices[name] = unitPriceText(name, picoOf(pico, name, row.free));
  }
  return prices;
}

/** A price row as JSON. */
export function priceJson(row: PriceRow): z.output<typeof priceSchema> {
  return {
    id: row.id,
    model: row.model,
    provider: row.provider,
    free: row.free,
    usd_per_million: perMillion(row.pico, row),
    tiers: row.tiers.map((tier) => ({ above: tier.above, usd_per_million: perMillion(tier.pico, row) })),
    multipliers: Object.fromEntries(Object.entries(row.multipliers).map(([name, factor]) => [name, factorText(factor)])),
    context_window: row.context_window,
    output_max: row.output_max,
  };
}

/** The row of a model as people name it, or null. A name without provider belongs to the provider whose models are named so. */
export function rowOf(needs: DeskNeeds, model: string): PriceRow | null {
  const at = needs.clock.now();
  const name = model.trim();
  const slash = name.indexOf("/");
  if (slash > 0) {
    const row = needs.prices.resolve({ provider: name.slice(0, slash).toLowerCase(), model: name.slice(slash + 1), at });
    if (row !== null) return row;
  }
  const provider = needs.prices.providerOf(name);
  return provider === null ? null : needs.prices.resolve({ provider, model: name, at });
}

/** The row of a model. Throws `model_unknown` with the nearest name that has a price. */
export function findRow(needs: DeskNeeds, model: string): PriceRow {
  const row = rowOf(needs, model);
  if (row !== null) return row;
  const names = needs.prices.list(needs.clock.now()).map((one) => one.model);
  const bare = names.map((name) => name.slice(name.indexOf("/") + 1));
  const near = closest(model, names) ?? closest(model, bare);
  const hint = near === null ? "" : ` Did you mean ${near}?`;
  throw new BursarError(
    "model_unknown",
    `No price is known for "${model}".${hint} Add it to the file named by prices: in bursar.yaml.`,
    { model },
  );
}

/** `provider/model` as the ledger writes it; the name itself where no price is known. */
export function canonicalModel(needs: DeskNeeds, model: string): string {
  return rowOf(needs, model)?.model ?? model.trim().toLowerCase();
}

/** `price`: what a model costs, now. */
export const price = defineCommand({
  name: "price",
  summary: "What a model costs: the price row in force, per million of each kind of token",
  permission: "read",
  method: "GET",
  path: "/price",
  input: z.strictObject({ model: z.string().min(1).max(256).describe("model, with or without its provider") }),
  output: priceSchema,
  changes: false,
  run: async (needs, { model }) => priceJson(findRow(needs, model)),
  show: (row) => [
    `${row.model}${row.free ? " is free" : ""} (${row.id})`,
    {
      columns: [left("Class"), right("USD per million"), ...row.tiers.map((tier) => right(`from ${tier.above} input tokens`))],
      rows: Object.entries(row.usd_per_million).map(([name, usd]) => [
        EVENTS.has(name) ? `${name} (each)` : name,
        shownUsd(usd),
        ...row.tiers.map((tier) => {
          const tiered = tier.usd_per_million[name];
          return tiered === undefined ? "" : shownUsd(tiered);
        }),
      ]),
    },
    ...Object.entries(row.multipliers).map(([name, factor]) => `Service tier ${name}: × ${factor}.`),
    `Takes in ${row.context_window ?? "an unknown number of"} tokens, gives out at most ${row.output_max ?? "an unknown number of"}.`,
  ],
  cli: { positional: ["model"], example: "bursar price gpt-4o-mini" },
});
