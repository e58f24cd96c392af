/**
 * Counting with a real tokenizer, for short prompts. The encodings weigh megabytes and load lazily, which accounting
 * cannot do: whoever loads them passes them in. Money path: fails closed — without the encoding there is no count and
 * the estimate with its margin is used.
 */

/** Encodings that Bursar knows: gpt-tokenizer's o200k_base and cl100k_base, ai-tokenizer's claude. */
export type EncodingName = "o200k_base" | "cl100k_base" | "claude";

/** The encodings that are loaded; each counts the tokens of a text, special tokens' spellings as plain text. */
export type Tokenizers = Readonly<Partial<Record<EncodingName, (text: string) => number>>>;

/**
 * Longest prompt that is counted rather than estimated, in UTF-16 units: 16 KB take about 3 ms of the event loop
 * (6 MB/s measured), a 100 KB prompt would take 16 ms from every stream.
 */
export const COUNT_LENGTH_MAX = 16_384;

/** How a model's text becomes tokens. */
export interface TokenRule {
  readonly encoding: EncodingName;
  /** Hundredths by which its count is multiplied. */
  readonly percent: number;
  /** The count is the provider's own: the encoding is published and text has no other framing than prompt.ts adds. */
  readonly exact: boolean;
  /** Hundredths by which an o200k estimate is multiplied. */
  readonly estimate_percent: number;
}

interface RuleRow extends TokenRule {
  readonly model: RegExp;
}

// Measured 24 November 2026 on the texts of estimate.ts. Claude: ai-tokenizer's encoding × 1.1 (its own calibration
// against the API, https://github.com/coder/ai-tokenizer) is 1.22 × o200k on prose and code. From Opus 4.7 on Claude has
// a new tokenizer that makes up to 1.35 × as many
// (https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-7). Gemini: 1.08 × o200k, same source.
// Reasoning models frame messages in ways that are not published, so their counts are not exact.
const RULES: readonly RuleRow[] = [
  { model: /^openai\/(chatgpt-4o|gpt-4o|gpt-4\.1)/, encoding: "o200k_base", percent: 100, exact: true, estimate_percent: 100 },
  { model: /^openai\/(gpt-4|gpt-3\.5)/, encoding: "cl100k_base", percent: 100, exact: true, estimate_percent: 105 },
  {
    model: /^anthropic\/claude-(opus-4-[78]|(opus|sonnet|haiku|fable)-5)/,
    encoding: "claude",
    percent: 135,
    exact: false,
    estimate_percent: 150,
  },
  { model: /^anthropic\//, encoding: "claude", percent: 110, exact: false, estimate_percent: 122 },
  { model: /^gemini\//, encoding: "o200k_base", percent: 108, exact: false, estimate_percent: 108 },
];

const ANY: TokenRule = { encoding: "o200k_base", percent: 100, exact: false, estimate_percent: 105 };
const OPENAI: TokenRule = { encoding: "o200k_base", percent: 100, exact: false, estimate_percent: 100 };

/**
 * Most tokens one byte can become where the tokenizer normalises by NFKC first: U+FDFA has 3 bytes and unfolds to 33
 * (https://www.unicode.org/faq/normalization.html, "maximum expansion factor").
 */
const NFKC_FACTOR = 11;

// Byte-level tokenizers, published by their makers: a byte is at most one token. Everybody else is taken to normalise.
const BYTE_LEVEL = new Set(["openai", "azure", "deepseek", "x-ai", "groq", "cerebras", "mistral", "together", "fireworks"]);

/** How many tokens a byte can become at most for a provider's models. */
export function tokensPerByte(provider: string | null): number {
  return provider !== null && BYTE_LEVEL.has(provider) ? 1 : NFKC_FACTOR;
}

/** The rule for a canonical `provider/model`. Unknown models count as o200k, never as exact. */
export function tokenRuleOf(canonical: string): TokenRule {
  const rule = RULES.find((row) => row.model.test(canonical));
  return rule ?? (canonical.startsWith("openai/") ? OPENAI : ANY);
}

/**
 * Tokens of these texts by the model's encoding; null when it is not loaded or the texts are longer together than
 * COUNT_LENGTH_MAX.
 */
export function countTokens(texts: readonly string[], canonical: string, tokenizers: Tokenizers): number | null {
  const rule = tokenRuleOf(canonical);
  const count = tokenizers[rule.encoding];
  if (count === undefined) return null;
  let length = 0;
  for (const text of texts) length += text.length;
  if (length > COUNT_LENGTH_MAX) return null;
  let tokens = 0;
  for (const text of texts) tokens += count(text);
  return Math.ceil((tokens * rule.percent) / 100);
}
