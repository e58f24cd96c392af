/**
 * Estimates prompts before they are sent. Money path: what it answers is only a basis; margin, calibration and the cut
 * keep the promise. Counting by the real tokenizer costs milliseconds a prompt, more than the rest of the road together,
 * so the quick estimate with its learned ratio is used.
 */
import { estimatePrompt, type MediaSize } from "../accounting/meter/prompt.js";
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

/** Estimates by texts, tools and media of the neutral message model; bytes are the worst case for `strict`. */
export function openEstimator(): Estimator {
  return {
    input(request: ParsedRequest, canonical: string) {
      const texts: string[] = [];
      const media: MediaSize[] = [];
      for (const part of [...request.system, ...request.messages.flatMap((message) => message.parts)]) {
        const text = textOf(part);
        if (text !== null) texts.push(text);
        const medium = mediaOf(part);
        if (medium !== null) media.push(medium);
      }
      const messages = request.messages.length + (request.system.length > 0 ? 1 : 0);
      const tools = request.tools.map((tool) => tool.bytes);
      return estimatePrompt({ texts, messages, tools, media }, canonical);
    },
  };
}
