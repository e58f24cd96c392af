/**
 * Replies to what has no output: vectors and token counts. https://platform.openai.com/docs/api-reference/embeddings/object,
 * https://platform.claude.com/docs/en/api/messages-count-tokens, https://ai.google.dev/api/embeddings and …/api/tokens, read
 * November 2026. Gemini's vectors come without usage.
 */
import type { Consumption } from "./bill.js";
import { fingerprint, openChance } from "./chance.js";
import { costField, type Rendering, type ReplyHead, told } from "./rendering.js";

const WIDTHS: readonly (readonly [RegExp, number])[] = [
  [/^text-embedding-3-large/, 3072],
  [/^gemini-embedding/, 3072],
];
const WIDTH = 1536;
const WIDTH_MAX = 8192;

function widthOf(head: ReplyHead): number {
  const own = WIDTHS.find(([pattern]) => pattern.test(head.request.model))?.[1] ?? WIDTH;
  return Math.min(WIDTH_MAX, head.request.vectors?.dimensions ?? own);
}

/** A vector of length 1, in single precision. */
function vectorOf(head: ReplyHead, item: number): Float32Array {
  const chance = openChance(fingerprint(head.seed, String(item), "vector"));
  const raw = Float64Array.from({ length: widthOf(head) }, () => chance.below(2001) - 1000);
  const length = Math.sqrt(raw.reduce((sum, value) => sum + value * value, 0)) || 1;
  return Float32Array.from(raw, (value) => value / length);
}

function vectorsOf(head: ReplyHead): readonly Float32Array[] {
  return Array.from({ length: head.request.vectors?.items ?? 0 }, (_, item) => vectorOf(head, item));
}

/** Only whole replies: none of these can be streamed. */
function wholeOnly(whole: (consumption: Consumption) => string): Rendering {
  return { begin: () => "", step: () => "", end: () => "", failure: () => "", whole: (_, consumption) => whole(consumption) };
}

function openAiVectors(head: ReplyHead, consumption: Consumption): string {
  const data = vectorsOf(head).map((vector, index) => ({
    object: "embedding",
    index,
    embedding: head.request.vectors?.base64 ? Buffer.from(vector.buffer).toString("base64") : [...vector],
  }));
  const tokens = told(consumption.input, head.lie);
  const usage = head.silent ? "" : `,"usage":{"prompt_tokens":${tokens},"total_tokens":${tokens}${costField(head)}}`;
  return `{"object":"list","data":${JSON.stringify(data)},"model":${JSON.stringify(head.model)}${usage}}`;
}

/** Opens the rendering of a reply without output. Throws on a dialect whose replies have one: a fault of the caller. */
export function inputRendering(head: ReplyHead): Rendering {
  switch (head.request.dialect) {
    case "openai-embeddings":
      return wholeOnly((consumption) => openAiVectors(head, consumption));
    case "gemini-embed":
      return wholeOnly(() => JSON.stringify({ embedding: { values: [...vectorOf(head, 0)] } }));
    case "gemini-batch-embed":
      return wholeOnly(() => JSON.stringify({ embeddings: vectorsOf(head).map((vector) => ({ values: [...vector] })) }));
    case "anthropic-count-tokens":
      return wholeOnly(({ input }) => `{"input_tokens":${told(input, head.lie)}}`);
    case "gemini-count-tokens":
      return wholeOnly(
        ({ input }) =>
          `{"totalTokens":${told(input, head.lie)},"promptTokensDetails":[{"modality":"TEXT","tokenCount":${input}}]}`,
      );
    default:
      throw new TypeError(`A reply of ${head.request.dialect} has output.`);
  }
}
