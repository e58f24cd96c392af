/**
 * What the simulator charges, as exact fractions. Money path: fails closed — a model that is not in the table is answered
 * with 404, never for nothing.
 */
import { everyRow, type WrittenModel, type WrittenRates } from "./price-rows.js";
import { type Fraction, fractionOf } from "./rational.js";

/** Prices of the classes a simulated call can have, per million tokens. */
export interface ModelRates {
  readonly input: Fraction;
  readonly cached: Fraction;
  readonly write_5m: Fraction;
  readonly write_1h: Fraction;
  readonly output: Fraction;
}

/** One model that the simulator plays. */
export interface SimulatedModel {
  readonly name: string;
  readonly provider: string;
  /** What a reply names as its model: the dated snapshot behind the name. */
  readonly snapshot: string;
  readonly rates: ModelRates;
  /** Above this many input tokens (caches included) the whole request costs `rates_long`. */
  readonly long_above: number | null;
  readonly rates_long: ModelRates;
  /** Bills reasoning that it does not show. */
  readonly reasons: boolean;
  /** Dollars per thousand web searches at the provider. */
  readonly search_fee: Fraction;
  /** Fees of one request at most: 1 where a grounded prompt costs one, however often it searched. */
  readonly search_fees_max: number;
}

// Dollars per thousand: https://platform.openai.com/docs/pricing (built-in tools), …/about-claude/pricing (web search), and
// https://ai.google.dev/gemini-api/docs/pricing (grounding with Google Search, beyond what is free).
const SEARCH_FEES: Readonly<Record<string, string>> = { openai: "10", anthropic: "10", gemini: "35" };

function ratesOf(written: WrittenRates): ModelRates {
  const input = fractionOf(written.input);
  const orInput = (decimal: string | undefined): Fraction =>
    decimal === undefined || decimal === "" ? input : fractionOf(decimal);
  return {
    input,
    cached: orInput(written.cached),
    write_5m: orInput(written.write_5m),
    write_1h: orInput(written.write_1h),
    output: fractionOf(written.output),
  };
}

/** A model of the table from its written form. Throws RangeError on a price that is no plain decimal. */
export function modelOf(written: WrittenModel): SimulatedModel {
  const rates = ratesOf(written);
  return {
    name: written.name,
    provider: written.provider ?? "simulated",
    snapshot: written.snapshot === undefined || written.snapshot === "" ? written.name : written.snapshot,
    rates,
    long_above: written.long?.above ?? null,
    rates_long: written.long === undefined ? rates : ratesOf(written.long),
    reasons: written.reasons ?? false,
    search_fee: fractionOf(written.search_fee ?? SEARCH_FEES[written.provider ?? ""] ?? "10"),
    search_fees_max: written.search_once === true ? 1 : Number.POSITIVE_INFINITY,
  };
}

/** The models a simulator plays, found by name. */
export interface ModelTable {
  /** By exact name, or by name with a date (`-2024-08-06`, `-20250929`) or `-latest`; null when there is no such model. */
  find(name: string): SimulatedModel | null;
  readonly models: readonly SimulatedModel[];
}

/** The table, with `added` models on top (an added name replaces a built-in one). */
export function openModelTable(added: readonly WrittenModel[] = []): ModelTable {
  const byName = new Map([...everyRow(), ...added].map(modelOf).map((model) => [model.name, model]));
  return {
    find: (name) => byName.get(name) ?? byName.get(name.replace(/-(?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$/, "")) ?? null,
    models: [...byName.values()],
  };
}
