/**
 * Models as budgets and keys name them, brought to the names that calls are known by. Money path: fails closed — a
 * selector that would cover no call, because its snapshot has no price of its own, covers the model it is a snapshot of.
 */
import { matchesModel } from "../accounting/budget/scope.js";
import type { PriceBook } from "../accounting/price/price-row.js";
import type { Config } from "../config/config.js";

/** A configuration whose model selectors match the calls they mean, and what was read otherwise than written, one line each. */
export interface Meant {
  readonly config: Config;
  readonly warnings: readonly string[];
}

/** The selector itself where it can match; else the canonical name of the model that calls by this name are priced as. */
function meant(selector: string, prices: PriceBook, at: number): string {
  const provider = selector.includes("*") ? null : prices.providerOf(selector);
  const row = provider === null ? null : prices.resolve({ provider, model: selector, at });
  return row === null || matchesModel(selector, row.model) ? selector : row.model;
}

/** Reads every model selector of budgets and keys as of `at`. */
export function meantModels(config: Config, prices: PriceBook, at: number): Meant {
  const warnings: string[] = [];
  const read = (selector: string, whose: string): string => {
    const model = meant(selector, prices, at);
    if (model !== selector)
      warnings.push(
        `The model "${selector}" of ${whose} has no price of its own: ${model} is meant, all its snapshots included.`,
      );
    return model;
  };
  const budgets = config.budgets.map((budget) => {
    const { match, name } = budget;
    return match.model === undefined ? budget : { ...budget, match: { ...match, model: read(match.model, `budget "${name}"`) } };
  });
  const keys = config.keys.map((key) => {
    const { identity } = key;
    if (identity.models === undefined) return key;
    const models = identity.models.map((model) => read(model, `key "${identity.name}"`));
    return { ...key, identity: { ...identity, models } };
  });
  return { config: { ...config, budgets, keys }, warnings };
}
