/**
 * What the price data does not say about models: output maximum, hidden reasoning, service tiers. Money path: fails
 * closed — what is not listed is unknown (null), a tier without a published price takes the dearest published one.
 */

/** Facts of one model; null is unknown. */
export interface ModelFacts {
  readonly output_max: number | null;
  readonly hides_reasoning: boolean;
}

interface FactRow {
  readonly provider: string;
  readonly model: RegExp;
  readonly output_max: number | null;
  readonly hides_reasoning?: boolean;
}

// First match wins. Read 24 November 2026 from https://platform.openai.com/docs/models (one page per model; o-series and
// gpt-5 bill reasoning tokens that the stream does not carry: https://platform.openai.com/docs/guides/reasoning),
// https://platform.claude.com/docs/about-claude/models/overview (from Claude 5 on thinking is adaptive unless turned off,
// billed in full and shown as a summary or not at all; before that it is on only when asked for, which the request shows),
// https://ai.google.dev/gemini-api/docs/models (thoughts are billed, summaries are shown) and
// https://api-docs.deepseek.com/quick_start/pricing (reasoning is in the stream).
const FACTS: readonly FactRow[] = [
  { provider: "openai", model: /^gpt-5[\w.-]*-chat/, output_max: 16_384 },
  { provider: "openai", model: /^gpt-5/, output_max: 128_000, hides_reasoning: true },
  { provider: "openai", model: /^o[134](-|$)/, output_max: 100_000, hides_reasoning: true },
  { provider: "openai", model: /^gpt-4\.1/, output_max: 32_768 },
  { provider: "openai", model: /^(chatgpt-4o|gpt-4o)/, output_max: 16_384 },
  { provider: "openai", model: /^gpt-4-turbo/, output_max: 4_096 },
  { provider: "openai", model: /^gpt-4(-0613|-0314)?$/, output_max: 8_192 },
  { provider: "openai", model: /^gpt-3\.5-turbo/, output_max: 4_096 },
  { provider: "anthropic", model: /^claude-(opus|sonnet|haiku|fable)-5/, output_max: 128_000, hides_reasoning: true },
  { provider: "anthropic", model: /^claude-(opus|sonnet)-4-[678]/, output_max: 128_000 },
  { provider: "anthropic", model: /^claude-(opus|sonnet|haiku)-4-5/, output_max: 64_000 },
  { provider: "anthropic", model: /^claude-opus-4/, output_max: 32_000 },
  { provider: "anthropic", model: /^claude-sonnet-4/, output_max: 64_000 },
  { provider: "anthropic", model: /^claude-3-7-sonnet/, output_max: 64_000 },
  { provider: "anthropic", model: /^claude-3-5/, output_max: 8_192 },
  { provider: "anthropic", model: /^claude-(3|2|v1)/, output_max: 4_096 },
  { provider: "gemini", model: /^gemini-(2\.5|[3-9])/, output_max: 65_536, hides_reasoning: true },
  { provider: "gemini", model: /^gemini-(1\.5|2\.0)/, output_max: 8_192 },
  { provider: "deepseek", model: /^deepseek-/, output_max: null },
  { provider: "x-ai", model: /^grok-(3-mini|4)/, output_max: null, hides_reasoning: true },
];

/** Facts of a model by provider and lower-case name: output maximum in tokens, and whether it bills reasoning unseen. */
export function factsOf(provider: string, model: string): ModelFacts {
  const row = FACTS.find((fact) => fact.provider === provider && fact.model.test(model));
  return { output_max: row?.output_max ?? null, hides_reasoning: row?.hides_reasoning ?? false };
}

type Multipliers = Readonly<Record<string, readonly [bigint, bigint]>>;

const HALF = [1n, 2n] as const;

// https://openai.com/api-priority-processing/ and https://platform.openai.com/docs/pricing, read 24 November 2026:
// priority price ÷ standard price, input and output alike. A model that is not listed takes the dearest, gpt-5.5's.
const OPENAI_PRIORITY: readonly (readonly [RegExp, readonly [bigint, bigint]])[] = [
  [/^gpt-4o-mini/, [5n, 3n]],
  [/^gpt-4o-2024-05-13/, [7n, 4n]],
  [/^gpt-4o/, [17n, 10n]],
  [/^gpt-4\.1-nano/, [2n, 1n]],
  [/^gpt-4\.1/, [7n, 4n]],
  [/^gpt-5-mini/, [9n, 5n]],
  [/^gpt-5(\.[124](-mini)?)?$/, [2n, 1n]],
  [/^o3$/, [7n, 4n]],
  [/^o4-mini/, [20n, 11n]],
  [/./, [5n, 2n]],
];

/**
 * Exact factors on the token prices per service tier of a model. OpenAI: batch and flex half
 * (https://platform.openai.com/docs/guides/flex-processing), priority per model. Anthropic: batch half, priority as
 * standard (https://platform.claude.com/docs/en/api/service-tiers). Gemini: batch half
 * (https://ai.google.dev/gemini-api/docs/batch-api). Others: none known.
 */
export function multipliersOf(provider: string, model: string): Multipliers {
  switch (provider) {
    case "openai":
      return { batch: HALF, flex: HALF, priority: OPENAI_PRIORITY.find(([name]) => name.test(model))?.[1] ?? [5n, 2n] };
    case "anthropic":
      return { batch: HALF, priority: [1n, 1n] };
    case "gemini":
      return { batch: HALF };
    default:
      return {};
  }
}
