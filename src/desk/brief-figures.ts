/**
 * Figures of the brief that Bursar was founded on, kept so that `estimate` can say where they do not follow from the
 * prices. Source: the founding brief, tables "Token Cost Economics" and "Token Budget Planning". Dollars as decimal text.
 */

/** Cost of 100,000 tasks of 4,000 tokens as the brief has it. */
export interface BriefCost {
  /** Name to find the price by. */
  readonly model: string;
  readonly name: string;
  /** Dollars per million as the brief prints them. */
  readonly input: string;
  readonly output: string;
  readonly usd: string;
}

/** Tokens per task of the brief's cost table. */
export const BRIEF_TOKENS = 4_000;
/** Tasks of the brief's cost table. */
export const BRIEF_TASKS = 100_000;

/** See `BriefCost`. */
export const BRIEF_COSTS: readonly BriefCost[] = [
  { model: "openai/gpt-4o", name: "GPT-4o", input: "2.50", output: "10.00", usd: "1250" },
  { model: "anthropic/claude-3-5-sonnet-20241022", name: "Claude 3.5 Sonnet", input: "3.00", output: "15.00", usd: "1800" },
  { model: "openai/gpt-4o-mini", name: "GPT-4o-mini", input: "0.15", output: "0.60", usd: "75" },
  { model: "anthropic/claude-3-haiku-20240307", name: "Claude 3 Haiku", input: "0.25", output: "1.25", usd: "150" },
];

/** Daily tokens and monthly cap of each agent type in the brief's planning table; a month is 30 days. */
export const BRIEF_PLANS: readonly { readonly type: string; readonly dailyTokens: bigint; readonly usd: string }[] = [
  { type: "customer support", dailyTokens: 500_000n, usd: "150" },
  { type: "research", dailyTokens: 2_000_000n, usd: "600" },
  { type: "code generation", dailyTokens: 3_000_000n, usd: "900" },
  { type: "data analysis", dailyTokens: 1_000_000n, usd: "300" },
  { type: "internal tooling", dailyTokens: 200_000n, usd: "60" },
];

/** The brief's runaway agent: 50,000 tokens a loop, 100 loops, "$50-$150". */
export const BRIEF_RUNAWAY = { tokens: 5_000_000n, from: "50", to: "150" } as const;
