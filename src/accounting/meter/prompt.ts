/**
 * Input tokens of a whole prompt: texts, framing, tools and media. Money path: fails closed — media without a bound are
 * named, and the caller refuses them or takes the whole context window.
 */
import { countTokens, type Tokenizers, tokenRuleOf, tokensPerByte } from "./count-tokens.js";
import { estimateTokens, measureText, type TextMeasure } from "./estimate.js";

/** One picture, sound or file of a prompt, or what the provider keeps under a name. `bytes` as sent (base64 length where so sent); null when by reference. */
export interface MediaSize {
  readonly kind: "image" | "audio" | "file" | "reference";
  readonly bytes: number | null;
  readonly by_reference: boolean;
  /** OpenAI's `detail`. */
  readonly detail?: string;
}

/** A text, or one that was measured where it stands and is made a text only when that is needed. */
export type PromptText = string | { readonly measured: TextMeasure; readonly text: () => string };

/** What a prompt consists of, as far as tokens depend on it. */
export interface PromptSizes {
  /** Every text that the model reads: contents, tool arguments, tool results. */
  readonly texts: readonly PromptText[];
  /** Messages, the system prompt included. */
  readonly messages: number;
  /** Bytes of each tool's declaration as sent. */
  readonly tools: readonly number[];
  readonly media: readonly MediaSize[];
  /** The whole request as sent; absent where only texts are sized. */
  readonly sent?: SentBody;
}

/** A request's body, as far as it tells what texts, tools and media leave out. */
export interface SentBody {
  readonly bytes: number;
  /** Nothing but ASCII in it: then every other character of a text stands there as `\uXXXX`. */
  readonly ascii: boolean;
  /** Bytes of keys, roles, ids and punctuation that such a request has by its form. */
  readonly frame: number;
}

/** Tokens of a prompt before any safety factor. */
export interface PromptTokens {
  readonly tokens: number;
  /** Counted by the provider's own tokenizer, and nothing but text in it. */
  readonly exact: boolean;
  /**
   * UTF-8 bytes of the texts and tools, or of the whole body without inline media if that is known and more; framing and
   * media at their token bounds on top. No byte-level tokenizer makes more of it.
   */
  readonly bytes: number;
  /** Kinds of media whose tokens nothing bounds. */
  readonly unbounded: readonly MediaSize["kind"][];
}

interface Framing {
  readonly message: number;
  readonly prompt: number;
  /** Once, when there are tools. */
  readonly tools: number;
  readonly tool: number;
}

// OpenAI: 3 tokens and a role of 1 a message, 3 to prime the answer, 1 to spare a message for a name
// (https://github.com/openai/openai-cookbook, How_to_count_tokens_with_tiktoken, read 24 November 2026). Anthropic: the
// tools' system prompt is up to 346 tokens by its pricing page, 549 as measured by ai-tokenizer; the larger counts.
const OPENAI_FRAMING: Framing = { message: 4, prompt: 3, tools: 24, tool: 8 };
const ANTHROPIC_FRAMING: Framing = { message: 4, prompt: 8, tools: 549, tool: 53 };

// JSON of a declaration: 3.6 bytes a token with o200k on our corpus, in tenths.
const TOOL_BYTES_TENTHS = 36;

/** Most tokens of one image, high detail and low, by model. */
interface ImageRow {
  readonly model: RegExp;
  readonly high: number;
  readonly low: number;
}

// OpenAI (https://platform.openai.com/docs/guides/images-vision, read 24 November 2026), tiled models: an image is fitted
// into 2048 × 2048 and its short side to 768, so that at most 2 × 4 tiles of 512 are left (2048 × 768); 85 + 170 a tile
// (gpt-4o, 4.1), 2833 + 5667 (4o-mini), 75 + 150 (o1, o3), 70 + 140 (gpt-5, 5.1). Patch models: 1,536 patches × 1.62
// (4.1-mini), × 2.46 (4.1-nano), × 1.72 (o4-mini), × 1.2 and 1.5 (gpt-5 minis); from 5.2 on up to 10,000 × 1.2.
// Anthropic (https://platform.claude.com/docs/en/build-with-claude/vision): 1,600 before Opus 4.7, then up to 4,784.
// Gemini (https://ai.google.dev/gemini-api/docs/tokens): 258 a tile of 768, scaled to 3072 at most: 16 tiles; 3 takes up
// to 2,240.
const IMAGES: readonly ImageRow[] = [
  { model: /^openai\/gpt-4o-mini/, high: 48_169, low: 2_833 },
  { model: /^openai\/(chatgpt-4o|gpt-4o|gpt-4\.1(-20.*)?$|gpt-4-)/, high: 1_445, low: 85 },
  { model: /^openai\/gpt-4\.1-mini/, high: 2_489, low: 2_489 },
  { model: /^openai\/gpt-4\.1-nano/, high: 3_779, low: 3_779 },
  { model: /^openai\/o4-mini/, high: 2_642, low: 2_642 },
  { model: /^openai\/o[13]/, high: 1_275, low: 75 },
  { model: /^openai\/gpt-5-(mini|nano)/, high: 2_304, low: 2_304 },
  { model: /^openai\/gpt-5(\.1)?(-|$)/, high: 1_190, low: 70 },
  { model: /^openai\//, high: 12_000, low: 12_000 },
  { model: /^anthropic\/claude-(3|opus-4-[0-6]|sonnet-4|haiku-4)/, high: 1_600, low: 1_600 },
  { model: /^anthropic\//, high: 4_784, low: 4_784 },
  { model: /^gemini\//, high: 4_128, low: 4_128 },
];

/**
 * Tokens of a byte of sound, in 1/1000: Gemini takes 32 tokens a second, OpenAI 10
 * (https://ai.google.dev/gemini-api/docs/audio), and nobody sends speech below 4 kbit/s.
 */
const AUDIO_TOKENS_PER_KILOBYTE = 64;

/** Most input tokens of one medium, or null when nothing but the context window bounds it. An image is bounded by reference too. */
export function mediaTokens(media: MediaSize, canonical: string): number | null {
  if (media.kind === "image") {
    const row = IMAGES.find(({ model }) => model.test(canonical));
    if (row === undefined) return null;
    return media.detail === "low" ? row.low : row.high;
  }
  // A file's pages are compressed: its bytes say nothing about its tokens.
  if (media.kind === "file" || media.by_reference || media.bytes === null) return null;
  return Math.ceil((media.bytes * AUDIO_TOKENS_PER_KILOBYTE) / 1000);
}

function framingTokens(sizes: PromptSizes, canonical: string): number {
  const framing = canonical.startsWith("anthropic/") ? ANTHROPIC_FRAMING : OPENAI_FRAMING;
  const tools = sizes.tools.length === 0 ? 0 : framing.tools + sizes.tools.length * framing.tool;
  return framing.prompt + sizes.messages * framing.message + tools;
}

function mediaOf(
  sizes: PromptSizes,
  canonical: string,
): { readonly tokens: number; readonly unbounded: readonly MediaSize["kind"][] } {
  let tokens = 0;
  const unbounded: MediaSize["kind"][] = [];
  for (const media of sizes.media) {
    const most = mediaTokens(media, canonical);
    if (most === null) unbounded.push(media.kind);
    else tokens += most;
  }
  return { tokens, unbounded };
}

// base64 writes three bytes as four characters; where the padding is left out this is what it is without.
function inlineBytes(media: readonly MediaSize[]): number {
  return media.reduce((total, { bytes }) => total + Math.ceil(((bytes ?? 0) * 4) / 3), 0);
}

// Writers of JSON differ: some escape slashes (1 to 2 % of prose and of base64) or put spaces between fields.
const WRITERS_SLACK_PERCENT = 4;
const RESIDUAL_BYTES_PER_TOKEN = 4;

interface Leftover {
  /** The body without inline media. */
  readonly bytes: number;
  /** Bytes that no text, tool, medium or framing accounts for: a model may read them all the same. */
  readonly residual: number;
}

function leftover(sizes: PromptSizes, text: Texts, toolBytes: number): Leftover {
  if (sizes.sent === undefined) return { bytes: 0, residual: 0 };
  const inline = inlineBytes(sizes.media);
  const bytes = Math.max(0, sizes.sent.bytes - inline);
  const slack = Math.floor(((text.utf8 + inline) * WRITERS_SLACK_PERCENT) / 100);
  const known = text.utf8 + text.escapes + toolBytes + sizes.sent.frame + slack;
  return { bytes, residual: Math.max(0, bytes - known) };
}

function textOf(text: PromptText): string {
  return typeof text === "string" ? text : text.text();
}

/** A text as a tokenizer reads it that normalises by NFKC first: one character (U+FDFA) can stand for eighteen. */
function unfoldedTokens(text: PromptText, measured: TextMeasure): number {
  if (measured.beyond_ascii === 0) return measured.tokens;
  const written = textOf(text);
  const normal = written.normalize("NFKC");
  return normal.length > written.length ? estimateTokens(normal) : measured.tokens;
}

interface Texts {
  readonly tokens: number;
  readonly utf8: number;
  readonly escapes: number;
}

/** One walk over each text. `ascii`: the body spells other characters as escapes. */
function measureTexts(texts: readonly PromptText[], as: { ascii: boolean; normalised: boolean }): Texts {
  let tokens = 0;
  let utf8 = 0;
  let escapes = 0;
  for (const text of texts) {
    const measured = typeof text === "string" ? measureText(text) : text.measured;
    tokens += as.normalised ? unfoldedTokens(text, measured) : measured.tokens;
    utf8 += measured.utf8;
    escapes += as.ascii ? measured.escapes_ascii : measured.escapes;
  }
  return { tokens, utf8, escapes };
}

/**
 * Tokens of a prompt for a canonical `provider/model`: counted where an encoding is loaded and the texts are short,
 * estimated otherwise. Pure; the estimate takes about 3 ms a megabyte.
 */
export function estimatePrompt(sizes: PromptSizes, canonical: string, tokenizers: Tokenizers = {}): PromptTokens {
  const rule = tokenRuleOf(canonical);
  const counted = tokenizers[rule.encoding] === undefined ? null : countTokens(sizes.texts.map(textOf), canonical, tokenizers);
  const normalised = tokensPerByte(canonical.slice(0, canonical.indexOf("/"))) > 1;
  const text = measureTexts(sizes.texts, { ascii: sizes.sent?.ascii ?? false, normalised });
  const texts = counted ?? Math.ceil((text.tokens * rule.estimate_percent) / 100);
  const toolBytes = sizes.tools.reduce((total, bytes) => total + bytes, 0);
  const tools = Math.ceil((toolBytes * 10 * rule.estimate_percent) / (TOOL_BYTES_TENTHS * 100));
  const framing = framingTokens(sizes, canonical);
  const media = mediaOf(sizes, canonical);
  const rest = leftover(sizes, text, toolBytes);
  const unread = Math.ceil((rest.residual * rule.estimate_percent) / (RESIDUAL_BYTES_PER_TOKEN * 100));
  return {
    tokens: texts + tools + framing + media.tokens + unread,
    exact: rule.exact && counted !== null && sizes.tools.length === 0 && sizes.media.length === 0 && rest.residual === 0,
    bytes: Math.max(text.utf8 + toolBytes, rest.bytes) + framing + media.tokens,
    unbounded: media.unbounded,
  };
}
