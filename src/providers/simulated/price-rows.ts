/**
 * The rows of the simulator's price table: the providers' published prices, written by hand and kept apart from Bursar's own
 * price book, so that a wrong price in either shows as a difference of the two. Dollars per million tokens as decimal text.
 * Money path: fails closed — what is not written here is not played.
 *
 * Sources, read November 2026: https://openai.com/api/pricing/, https://platform.openai.com/docs/pricing,
 * https://platform.claude.com/docs/en/about-claude/pricing, https://ai.google.dev/gemini-api/docs/pricing.
 */

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
  /** Dollars per thousand web searches; left out: what the provider takes. */
  readonly search_fee?: string;
  /** One fee for a request, however often it searches. */
  readonly search_once?: boolean;
  readonly long?: WrittenRates & { readonly above: number };
}

// name, snapshot, input, cached input ("" = as input), output. https://platform.openai.com/docs/pricing
const OPENAI: readonly (readonly [string, string, string, string, string])[] = [
  ["gpt-3.5-turbo", "", "0.5", "", "1.5"],
  ["gpt-3.5-turbo-instruct", "", "1.5", "", "2"],
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
  ["gpt-5-pro", "gpt-5-pro-2025-10-06", "15", "", "120"],
  ["gpt-5.1", "gpt-5.1-2025-11-13", "1.25", "0.125", "10"],
  ["gpt-5.2", "gpt-5.2-2025-12-11", "1.75", "0.175", "14"],
  ["gpt-5.2-pro", "gpt-5.2-pro-2025-12-11", "21", "", "168"],
  ["gpt-5.3-codex", "", "1.75", "0.175", "14"],
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

// https://ai.google.dev/gemini-api/docs/pricing (paid tier, text). The 2.5 and 3 models think unless told not to; the Lite ones do not.
const FLIPS_AT = 200_000;
const GEMINI: readonly WrittenModel[] = [
  { name: "gemini-2.0-flash", provider: "gemini", input: "0.1", cached: "0.025", output: "0.4", search_once: true },
  { name: "gemini-2.5-flash", provider: "gemini", input: "0.3", cached: "0.03", output: "2.5", reasons: true, search_once: true },
  { name: "gemini-2.5-flash-lite", provider: "gemini", input: "0.1", cached: "0.01", output: "0.4", search_once: true },
  {
    name: "gemini-2.5-pro",
    provider: "gemini",
    input: "1.25",
    cached: "0.125",
    output: "10",
    reasons: true,
    search_once: true,
    long: { above: FLIPS_AT, input: "2.5", cached: "0.25", output: "15" },
  },
  ...["gemini-3-pro-preview", "gemini-3.1-pro-preview"].map((name) => ({
    name,
    provider: "gemini",
    input: "2",
    cached: "0.2",
    output: "12",
    reasons: true,
    search_fee: "14",
    long: { above: FLIPS_AT, input: "4", cached: "0.4", output: "18" },
  })),
  ...(
    [
      ["gemini-3-flash-preview", "0.5", "0.05", "3"],
      ["gemini-3.5-flash", "1.5", "0.15", "9"],
    ] as const
  ).map(([name, input, cached, output]) => ({
    name,
    provider: "gemini",
    input,
    cached,
    output,
    reasons: true,
    search_fee: "14",
  })),
  ...(
    [
      ["gemini-3.1-flash-lite", "0.25", "0.025", "1.5"],
      ["gemini-3.5-flash-lite", "0.3", "0.03", "2.5"],
    ] as const
  ).map(([name, input, cached, output]) => ({ name, provider: "gemini", input, cached, output, search_fee: "14" })),
];

// Vectors cost their input alone: https://platform.openai.com/docs/pricing#embeddings, https://ai.google.dev/gemini-api/docs/pricing
const EMBEDDING: readonly WrittenModel[] = [
  { name: "text-embedding-3-small", provider: "openai", input: "0.02", output: "0" },
  { name: "text-embedding-3-large", provider: "openai", input: "0.13", output: "0" },
  { name: "text-embedding-ada-002", provider: "openai", input: "0.1", output: "0" },
  { name: "gemini-embedding-001", provider: "gemini", input: "0.15", output: "0" },
];

// provider, name, snapshot, input, cached ("" = as input), output. https://groq.com/pricing, https://mistral.ai/pricing,
// https://api-docs.deepseek.com/quick_start/pricing (outside the hours that are cheaper), https://docs.x.ai/docs/models,
// https://openrouter.ai/models, read November 2026.
const OTHERS: readonly (readonly [string, string, string, string, string, string])[] = [
  ["groq", "llama-3.1-8b-instant", "", "0.05", "", "0.08"],
  ["groq", "llama-3.3-70b-versatile", "", "0.59", "", "0.79"],
  ["groq", "openai/gpt-oss-20b", "", "0.075", "0.0375", "0.3"],
  ["groq", "openai/gpt-oss-120b", "", "0.15", "0.075", "0.6"],
  ["deepseek", "deepseek-chat", "", "0.27", "0.07", "1.1"],
  ["deepseek", "deepseek-reasoner", "", "0.55", "0.14", "2.19"],
  ["deepseek", "deepseek-v3.1-terminus", "", "0.27", "0.13", "0.95"],
  ["mistral", "mistral-large-latest", "mistral-large-2411", "2", "", "6"],
  ["mistral", "mistral-small-latest", "", "0.1", "", "0.3"],
  ["mistral", "codestral-latest", "codestral-2501", "0.3", "", "0.9"],
  ["xai", "grok-3", "", "3", "0.75", "15"],
  ["xai", "grok-3-mini", "", "0.3", "0.075", "0.5"],
  ["xai", "grok-4", "grok-4-0709", "3", "0.75", "15"],
  ["xai", "grok-4-fast-non-reasoning", "", "0.2", "0.05", "0.5"],
  ["openrouter", "openai/gpt-4o", "openai/gpt-4o-2024-08-06", "2.5", "", "10"],
  ["openrouter", "openai/gpt-4o-mini", "openai/gpt-4o-mini-2024-07-18", "0.15", "0.075", "0.6"],
  ["openrouter", "deepseek/deepseek-chat-v3.1", "", "0.21", "0.13", "0.79"],
  ["openrouter", "meta-llama/llama-3.3-70b-instruct", "", "0.05", "", "0.24"],
];

const hidesReasoning = (name: string): boolean => /^o\d|^gpt-[5-9]/.test(name);

/** Every model of the table. */
export function everyRow(): readonly WrittenModel[] {
  const openai = OPENAI.map(([name, snapshot, input, cached, output]) => ({
    name,
    provider: "openai",
    snapshot,
    input,
    cached,
    output,
    reasons: hidesReasoning(name),
  }));
  const openaiLong = OPENAI_LONG.map(([name, input, cached, output, above, ...long]) => ({
    name,
    provider: "openai",
    input,
    cached,
    output,
    reasons: true,
    long: { above, input: long[0], cached: long[1], output: long[2] },
  }));
  const anthropic = ANTHROPIC.map(([name, snapshot, input, write_5m, write_1h, cached, output]) => ({
    name,
    provider: "anthropic",
    snapshot,
    input,
    write_5m,
    write_1h,
    cached,
    output,
  }));
  const others = OTHERS.map(([provider, name, snapshot, input, cached, output]) => ({
    provider,
    name,
    snapshot,
    input,
    cached,
    output,
  }));
  return [...openai, ...openaiLong, ...EMBEDDING, ...anthropic, SONNET_4_5, ...GEMINI, ...others];
}
