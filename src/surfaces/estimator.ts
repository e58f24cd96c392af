/**
 * Estimates prompts before they are sent. Money path: what it answers is only a basis; margin, calibration and the cut
 * keep the promise. Counting by the real tokenizer costs milliseconds a prompt, more than the rest of the road together,
 * so the quick estimate with its learned ratio is used, and a count only where the estimate would refuse.
 */
import { type EncodingName, tokenRuleOf } from "../accounting/meter/count-tokens.js";
import { estimatePrompt, type MediaSize, type PromptSizes } from "../accounting/meter/prompt.js";
import type { ParsedRequest, Part } from "../call/message.js";
import type { Estimator } from "../call/needs.js";

function textOf(part: Part): string | null {
  switch (part.kind) {
    case "text":
    case "thinking":
    case "tool_result":
      return part.text;
    case "tool_call":
      return part.name + part.arguments;
    default:
      return null;
  }
}

function mediaOf(part: Part): MediaSize | null {
  if (part.kind !== "image" && part.kind !== "audio" && part.kind !== "file") return null;
  const detail = part.kind === "image" && part.detail !== undefined ? { detail: part.detail } : {};
  return { kind: part.kind, bytes: part.bytes, by_reference: part.by_reference, ...detail };
}

function sizesOf(request: ParsedRequest): PromptSizes {
  const texts: string[] = [];
  const media: MediaSize[] = [];
  for (const part of [...request.system, ...request.messages.flatMap((message) => message.parts)]) {
    const text = textOf(part);
    if (text !== null) texts.push(text);
    const medium = mediaOf(part);
    if (medium !== null) media.push(medium);
  }
  const messages = request.messages.length + (request.system.length > 0 ? 1 : 0);
  return { texts, messages, tools: request.tools.map((tool) => tool.bytes), media };
}

/** Encodings load when they are first needed: each weighs two megabytes and takes a quarter of a second. */
const LOADERS: Readonly<Partial<Record<EncodingName, () => Promise<{ countTokens: (text: string) => number }>>>> = {
  o200k_base: () => import("gpt-tokenizer/encoding/o200k_base"),
  cl100k_base: () => import("gpt-tokenizer/encoding/cl100k_base"),
};

/** Estimates by texts, tools and media of the neutral message model; bytes are the worst case for `strict`. */
export function openEstimator(): Estimator {
  return {
    input: (request, canonical) => estimatePrompt(sizesOf(request), canonical),
    async count(request, canonical) {
      const rule = tokenRuleOf(canonical);
      const load = rule.exact ? LOADERS[rule.encoding] : undefined;
      if (load === undefined) return null;
      const { countTokens } = await load();
      const counted = estimatePrompt(sizesOf(request), canonical, { [rule.encoding]: (text: string) => countTokens(text) });
      return counted.exact ? counted : null;
    },
  };
}
