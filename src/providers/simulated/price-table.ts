/**
 * What the simulator charges: the providers' published prices, written by hand and kept apart from Bursar's own price
 * book, so that a wrong price in either shows as a difference of the two. Dollars per million tokens as decimal text.
 * Money path: fails closed — a model that is not in the table is answered with 404, never for nothing.
 *
 * Sources, read November 2026: https://openai.com/api/pricing/, https://platform.openai.com/docs/pricing,
 * https://platform.claude.com/docs/en/about-claude/pricing, https://ai.google.dev/gemini-api/docs/pricing.
 */
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
}

/** Prices as they are written: dollars per million tokens, decimal text. A cache class left out costs what input costs. */
export interface WrittenRates {
  readonly input: string;
  readonly output: string;
  readonly cached?: string;
  readonly write_5m?: string;
  readonly write_1h?: string;
}

/** A model as it is written in the table, or added by a test. */
export interface WrittenModel extends WrittenRates {
  readonly name: string;
  readonly provider?: string;
  readonly snapshot?: string;
  readonly reasons?: boolean;
  readonly long?: WrittenRates & { readonly above: number };
}

// name, snapshot, input, cached input ("" = as input), output. https://platform.openai.com/docs/pricing
const OPENAI: readonly (readonly [string, string, string, string, string])[] = [
  ["gpt-3.5-turbo", "", "0.5", "", "1.5"],
  ["gpt-4", "gpt-4-0613", "30", "", "60"],
  ["gpt-4-turbo", "gpt-4-turbo-2024-04-09", "10", "", "30"],
  ["gpt-4o", "gpt-4o-2024-08-06", "2.5", "1.25", "10"],
  ["gpt-4o-2024-05-13", "", "5", "", "15"],
  ["gpt-4o-mini", "gpt-4o-mini-2024-07-18", "0.15", "0.075", "0.6"],
  ["gpt-4.1", "gpt-4.1-2025-04-14", "2", "0.5", "8"],
  ["gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", "0.4", "0.1", "1.6"],
  ["gpt-4.1-nano", "gpt-4.1-nano-2025-04-14", "0.1", "0.025", "0.4"],
  ["o1", "o1-2024-12-17", "15", "7.5", "60"],
  ["o3", "o3-2025-04-16", "2", "0.5", "8"],
  ["o3-mini", "o3-mini-2025-01-31", "1.1", "0.55", "4.4"],
  ["o4-mini", "o4-mini-2025-04-16", "1.1", "0.275", "4.4"],
  ["gpt-5", "gpt-5-2025-08-07", "1.25", "0.125", "10"],
  ["gpt-5-mini", "gpt-5-mini-2025-08-07", "0.25", "0.025", "2"],
  ["gpt-5-nano", "gpt-5-nano-2025-08-07", "0.05", "0.005", "0.4"],
  ["gpt-5.1", "gpt-5.1-2025-11-13", "1.25", "0.125", "10"],
  ["gpt-5.2", "gpt-5.2-2025-12-11", "1.75", "0.175", "14"],
  ["gpt-5.4-mini", "", "0.75", "0.075", "4.5"],
  ["gpt-5.4-nano", "", "0.2", "0.02", "1.25"],
];

// name, input, cached, output; above so many input tokens: input, cached, output. https://openai.com/api/pricing/
const OPENAI_LONG: readonly (readonly [string, string, string, string, number, string, string, string])[] = [
  ["gpt-5.4", "2.5", "0.25", "15", 271_999, "5", "0.5", "22.5"],
  ["gpt-5.5", "5", "0.5", "30", 271_999, "10", "1", "45"],
  ["gpt-6-astra", "10", "1", "50", 271_999, "20", "2", "75"],
  ["gpt-6-sol", "2", "0.2", "10", 272_000, "4", "0.4", "15"],
  ["gpt-6-luna", "0.1", "0.01", "0.5", 272_000, "0.2", "0.02", "0.75"],
];

// name, snapshot, input, write 5 min, write 1 h, cached, output. https://platform.claude.com/docs/en/about-claude/pricing
const ANTHROPIC: readonly (readonly [string, string, string, string, string, string, string])[] = [
  ["claude-3-haiku", "claude-3-haiku-20240307", "0.25", "0.3", "0.5", "0.03", "1.25"],
  ["claude-3-opus", "claude-3-opus-20240229", "15", "18.75", "30", "1.5", "75"],
  ["claude-3-5-haiku", "claude-3-5-haiku-20241022", "0.8", "1", "1.6", "0.08", "4"],
  ["claude-3-5-sonnet", "claude-3-5-sonnet-20241022", "3", "3.75", "6", "0.3", "15"],
  ["claude-3-7-sonnet", "claude-3-7-sonnet-20250219", "3", "3.75", "6", "0.3", "15"],
  ["claude-sonnet-4", "claude-sonnet-4-20250514", "3", "3.75", "6", "0.3", "15"],
  ["claude-sonnet-4-0", "claude-sonnet-4-20250514", "3", "3.75", "6", "0.3", "15"],
  ["claude-opus-4", "claude-opus-4-20250514", "15", "18.75", "30", "1.5", "75"],
  ["claude-opus-4-0", "claude-opus-4-20250514", "15", "18.75", "30", "1.5", "75"],
  ["claude-opus-4-1", "claude-opus-4-1-20250805", "15", "18.75", "30", "1.5", "75"],
  ["claude-haiku-4-5", "claude-haiku-4-5-20251001", "1", "1.25", "2", "0.1", "5"],
  ["claude-opus-4-5", "claude-opus-4-5-20251101", "5", "6.25", "10", "0.5", "25"],
  ["claude-opus-4-6", "", "5", "6.25", "10", "0.5", "25"],
  ["claude-opus-4-7", "", "5", "6.25", "10", "0.5", "25"],
  ["claude-opus-4-8", "", "5", "6.25", "10", "0.5", "25"],
  ["claude-opus-5", "", "5", "6.25", "10", "0.5", "25"],
  ["claude-opus-5-5", "", "4", "5", "8", "0.2", "20"],
  ["claude-sonnet-4-6", "", "3", "3.75", "6", "0.3", "15"],
  ["claude-sonnet-5", "", "2", "2.5", "4", "0.2", "10"],
  ["claude-fable-5", "", "10", "12.5", "20", "1", "50"],
];

// The long-context price of the 1M window: https://platform.claude.com/docs/en/about-claude/pricing#long-context-pricing
const SONNET_4_5: WrittenModel = {
  name: "claude-sonnet-4-5",
  provider: "anthropic",
  snapshot: "claude-sonnet-4-5-20250929",
  input: "3",
  write_5m: "3.75",
  write_1h: "6",
  cached: "0.3",
  output: "15",
  long: { above: 200_000, input: "6", write_5m: "7.5", write_1h: "12", cached: "0.6", output: "22.5" },
};

// https://ai.google.dev/gemini-api/docs/pricing (paid tier, text)
const GEMINI: readonly WrittenModel[] = [
  { name: "gemini-2.0-flash", provider: "gemini", input: "0.1", cached: "0.025", output: "0.4" },
  { name: "gemini-2.5-flash", provider: "gemini", input: "0.3", cached: "0.03", output: "2.5" },
  { name: "gemini-2.5-flash-lite", provider: "gemini", input: "0.1", cached: "0.01", output: "0.4" },
  {
    name: "gemini-2.5-pro",
    provider: "gemini",
    input: "1.25",
    cached: "0.125",
    output: "10",
    long: { above: 200_000, input: "2.5", cached: "0.25", output: "15" },
  },
  {
    name: "gemini-3-pro-preview",
    provider: "gemini",
    input: "2",
    cached: "0.2",
    output: "12",
    long: { above: 200_000, input: "4", cached: "0.4", output: "18" },
  },
];

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
  };
}

const hidesReasoning = (name: string): boolean => /^o\d|^gpt-[5-9]/.test(name);

function everyModel(): SimulatedModel[] {
  const openai = OPENAI.map(([name, snapshot, input, cached, output]) =>
    modelOf({ name, provider: "openai", snapshot, input, cached, output, reasons: hidesReasoning(name) }),
  );
  const openaiLong = OPENAI_LONG.map(([name, input, cached, output, above, ...long]) =>
    modelOf({
      name,
      provider: "openai",
      input,
      cached,
      output,
      reasons: true,
      long: { above, input: long[0], cached: long[1], output: long[2] },
    }),
  );
  const anthropic = ANTHROPIC.map(([name, snapshot, input, write_5m, write_1h, cached, output]) =>
    modelOf({ name, provider: "anthropic", snapshot, input, write_5m, write_1h, cached, output }),
  );
  return [...openai, ...openaiLong, ...anthropic, modelOf(SONNET_4_5), ...GEMINI.map(modelOf)];
}

/** The models a simulator plays, found by name. */
export interface ModelTable {
  /** By exact name, or by name with a date (`-2024-08-06`, `-20250929`) or `-latest`; null when there is no such model. */
  find(name: string): SimulatedModel | null;
  readonly models: readonly SimulatedModel[];
}

/** The table, with `added` models on top (an added name replaces a built-in one). */
export function openModelTable(added: readonly WrittenModel[] = []): ModelTable {
  const byName = new Map([...everyModel(), ...added.map(modelOf)].map((model) => [model.name, model]));
  return {
    find: (name) => byName.get(name) ?? byName.get(name.replace(/-(?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$/, "")) ?? null,
    models: [...byName.values()],
  };
}
