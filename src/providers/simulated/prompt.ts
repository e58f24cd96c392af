/** How large a prompt is, in the simulator's own tokens. */
import { type Fields, fieldsOf, isFields, wordOf } from "./fields.js";
import { Refusal } from "./refusal.js";
import { countOwnTokens } from "./tokenizer.js";

/** A prompt's size. Media tokens are fixed per piece and carry no tokenizer's error. */
export interface Prompt {
  readonly text_tokens: number;
  readonly media_tokens: number;
  /** Tokens up to the last `cache_control` mark, per lifetime of that mark; null without a mark. */
  readonly marked: { readonly text_tokens: number; readonly media_tokens: number; readonly ttl: "5m" | "1h" } | null;
}

// One image of about a megapixel: https://platform.openai.com/docs/guides/images-vision (85 + 4 × 170, low detail 85) and
// https://platform.claude.com/docs/en/build-with-claude/vision (width × height ÷ 750), read November 2026.
const OPENAI_IMAGE = 765;
const OPENAI_IMAGE_LOW = 85;
const ANTHROPIC_IMAGE = 1400;
// Four tiles of 258: https://ai.google.dev/gemini-api/docs/tokens#media-token, read November 2026.
const GEMINI_IMAGE = 1032;
const DOCUMENT = 3000;
/** Every object costs a little: roles, separators, keys. */
const PER_OBJECT = 2;
const DEPTH_MAX = 100;

interface Walk {
  text: number;
  media: number;
  marked: Prompt["marked"];
}

function geminiMedia(value: Fields): number | null {
  const data = value.inlineData ?? value.inline_data ?? value.fileData ?? value.file_data;
  if (!isFields(data)) return null;
  return wordOf(data.mimeType ?? data.mime_type).startsWith("image/") ? GEMINI_IMAGE : DOCUMENT;
}

function media(value: Fields): number | null {
  switch (value.type) {
    case "image_url":
      return fieldsOf(value.image_url).detail === "low" ? OPENAI_IMAGE_LOW : OPENAI_IMAGE;
    case "input_image":
      return value.detail === "low" ? OPENAI_IMAGE_LOW : OPENAI_IMAGE;
    case "image":
      return ANTHROPIC_IMAGE;
    case "document":
    case "file":
    case "input_file":
    case "input_audio":
      return DOCUMENT;
    default:
      return geminiMedia(value);
  }
}

/** Token ids as they come (`[1, 2, 3]`): one token each, whatever the tokenizer. */
function isTokenIds(value: readonly unknown[]): boolean {
  return value.length > 0 && value.every((item) => typeof item === "number");
}

function walk(value: unknown, sum: Walk, depth: number): void {
  if (depth > DEPTH_MAX) throw new Refusal(400, "The request is nested too deeply.");
  if (typeof value === "string") sum.text += countOwnTokens(value);
  else if (typeof value === "number" || typeof value === "boolean") sum.text += 1;
  else if (Array.isArray(value) && isTokenIds(value)) sum.media += value.length;
  else if (Array.isArray(value)) for (const item of value) walk(item, sum, depth + 1);
  else if (isFields(value)) {
    const fields = value;
    const tokens = media(fields);
    sum.text += PER_OBJECT;
    if (tokens !== null) sum.media += tokens;
    else
      for (const [name, field] of Object.entries(fields)) {
        if (name === "cache_control") continue;
        sum.text += 1;
        walk(field, sum, depth + 1);
      }
    const mark = fields.cache_control as { readonly ttl?: unknown } | null | undefined;
    if (mark !== undefined && mark !== null)
      sum.marked = { text_tokens: sum.text, media_tokens: sum.media, ttl: mark.ttl === "1h" ? "1h" : "5m" };
  }
}

/** Sizes the parts of a prompt in the order in which a provider reads (and caches) them. */
export function sizeOf(parts: readonly unknown[]): Prompt {
  const sum: Walk = { text: 0, media: 0, marked: null };
  for (const part of parts) walk(part, sum, 0);
  return { text_tokens: sum.text, media_tokens: sum.media, marked: sum.marked };
}
