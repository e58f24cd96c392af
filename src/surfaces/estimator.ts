/**
 * Estimates prompts before they are sent. Money path: what it answers is only a basis; margin, calibration and the cut
 * keep the promise. Counting by the real tokenizer costs milliseconds a prompt, more than the rest of the road together,
 * so the quick estimate with its learned ratio is used, and a count only where the estimate would refuse.
 */
import { isAscii } from "node:buffer";
import { type EncodingName, tokenRuleOf } from "../accounting/meter/count-tokens.js";
import { estimatePrompt, type MediaSize, type PromptSizes, type PromptText } from "../accounting/meter/prompt.js";
import type { ParsedRequest, Part } from "../call/message.js";
import type { Estimator } from "../call/needs.js";

function textOf(part: Part): PromptText | null {
  switch (part.kind) {
    case "text":
    case "thinking":
    case "tool_result":
      return part.placed === undefined ? part.text : { measured: part.placed.measured, text: () => part.text };
    case "tool_call":
      if (part.placed !== undefined) return { measured: part.placed.measured, text: () => part.name + part.arguments };
      return part.name + part.arguments;
    default:
      return null;
  }
}

function mediaOf(part: Part): MediaSize | null {
  if (part.kind === "reference") return { kind: "reference", bytes: null, by_reference: true };
  if (part.kind !== "image" && part.kind !== "audio" && part.kind !== "file") return null;
  const detail = part.kind === "image" && part.detail !== undefined ? { detail: part.detail } : {};
  return { kind: part.kind, bytes: part.bytes, by_reference: part.by_reference, ...detail };
}

// Bytes of JSON around what is read, as the two wire formats are commonly written (read from their documentation, not recorded): model, caps and options of the whole request; a
// message's role; a text's part; a call's, result's or medium's type, id and names. More than that is taken to be read.
const FRAME_REQUEST = 400;
const FRAME_MESSAGE = 48;
const FRAME_TEXT = 32;
const FRAME_OTHER = 112;

/** A request's sizes, and the tokens in it that came as ids: of those nothing is to be estimated. */
function sizesOf(request: ParsedRequest): { readonly sizes: PromptSizes; readonly ids: number } {
  const texts: PromptText[] = [];
  const media: MediaSize[] = [];
  let frame = FRAME_REQUEST + request.messages.length * FRAME_MESSAGE;
  let ids = 0;
  const take = (part: Part): void => {
    const text = textOf(part);
    if (text !== null) texts.push(text);
    const medium = mediaOf(part);
    if (medium !== null) media.push(medium);
    if (part.kind === "tokens") {
      frame += part.bytes;
      ids += part.count;
    } else frame += part.kind === "text" ? FRAME_TEXT : part.kind === "unknown" ? 0 : FRAME_OTHER;
  };
  request.system.forEach(take);
  for (const message of request.messages) message.parts.forEach(take);
  const messages = request.messages.length + (request.system.length > 0 ? 1 : 0);
  const sent = { bytes: request.body.byteLength, ascii: isAscii(request.body), frame };
  return { sizes: { texts, messages, tools: request.tools.map((tool) => tool.bytes), media, sent }, ids };
}

/** Fields without a token of their own: beside them only plain messages are counted exactly. */
const TOKENLESS: ReadonlySet<string> = new Set(
  "model messages stream stream_options max_tokens max_completion_tokens n temperature top_p seed stop user metadata store".split(
    " ",
  ),
);
const MESSAGE_KEYS: ReadonlySet<string> = new Set(["role", "content"]);
const PART_KEYS: ReadonlySet<string> = new Set(["type", "text"]);

function hasOnly(value: unknown, keys: ReadonlySet<string>): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && Object.keys(value).every((key) => keys.has(key));
}

/** Is all that a model reads of this body in its texts? Where a name or a schema is, framing is not known to the token. */
function isPlain(body: Uint8Array): boolean {
  const request: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString());
  if (!hasOnly(request, TOKENLESS) || !Array.isArray(request.messages)) return false;
  return request.messages.every((message: unknown) => {
    if (!hasOnly(message, MESSAGE_KEYS)) return false;
    return !Array.isArray(message.content) || message.content.every((part: unknown) => hasOnly(part, PART_KEYS));
  });
}

/** Encodings load when they are first needed: each weighs two megabytes and takes a quarter of a second. */
const LOADERS: Readonly<Partial<Record<EncodingName, () => Promise<{ countTokens: (text: string) => number }>>>> = {
  o200k_base: () => import("gpt-tokenizer/encoding/o200k_base"),
  cl100k_base: () => import("gpt-tokenizer/encoding/cl100k_base"),
};

/**
 * Estimates by texts, tools and media of the neutral message model, and by the bytes of the body that none of them
 * explains (names, ids, schemas, unknown keys). Bytes are the worst case for `strict`: the whole body without media.
 */
export function openEstimator(): Estimator {
  return {
    input(request, canonical) {
      const { sizes, ids } = sizesOf(request);
      const estimated = estimatePrompt(sizes, canonical);
      return ids === 0 ? estimated : { ...estimated, tokens: estimated.tokens + ids, exact: false };
    },
    async count(request, canonical) {
      const rule = tokenRuleOf(canonical);
      const load = rule.exact ? LOADERS[rule.encoding] : undefined;
      if (load === undefined || !isPlain(request.body)) return null;
      const { countTokens } = await load();
      const { sizes } = sizesOf(request);
      const counted = estimatePrompt(sizes, canonical, { [rule.encoding]: (text: string) => countTokens(text) });
      return counted.exact ? counted : null;
    },
  };
}
