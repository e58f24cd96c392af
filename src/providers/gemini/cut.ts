/**
 * The chunk that ends a Gemini stream as if every open answer had reached its length. Money path: fails closed.
 * Source of its shape: https://ai.google.dev/api/generate-content#GenerateContentResponse (read November 2026).
 */
import { inputTokens, outputTokens, type Usage } from "../../accounting/meter/usage.js";
import type { ParsedRequest } from "../../call/message.js";
import type { CallFigures } from "../../call/needs.js";
import { figuresJson } from "../figures-text.js";
import { promptEstimate } from "../prompt-estimate.js";
import type { Fields } from "../request-fields.js";

/** What a cut needs to know of the stream. */
export interface Standing {
  readonly request: ParsedRequest;
  /** Per candidate that was seen: has it finished? */
  readonly candidates: ReadonlyMap<number, boolean>;
  /** null before any was told. */
  readonly usage: Usage | null;
  readonly metered: number;
  readonly id: string | null;
  readonly model: string | null;
}

function usageMetadata(standing: Standing): Fields {
  const { usage, metered, request } = standing;
  const reasoning = usage?.counts.reasoning ?? 0;
  const prompt = usage === null ? promptEstimate(request) : inputTokens(usage.counts);
  const output = usage === null ? metered : outputTokens(usage.counts);
  return {
    promptTokenCount: prompt,
    ...(usage?.counts.cache_read === undefined ? {} : { cachedContentTokenCount: usage.counts.cache_read }),
    candidatesTokenCount: output - reasoning,
    ...(reasoning === 0 ? {} : { thoughtsTokenCount: reasoning }),
    totalTokenCount: prompt + output,
  };
}

/** Indexes of the answers that are still open: those seen, and those asked for that did not begin yet. */
function openCandidates(standing: Standing): number[] {
  const asked = Array.from({ length: Math.max(1, standing.request.choices) }, (_, index) => index);
  const all = new Set([...asked, ...standing.candidates.keys()]);
  return [...all].filter((index) => standing.candidates.get(index) !== true).sort((a, b) => a - b);
}

/** The chunk's JSON. An empty text makes its content one that clients take for valid, so that they keep the answer. */
export function cutChunk(standing: Standing, figures: CallFigures): string {
  const content = { role: "model", parts: [{ text: "" }] };
  const candidates = openCandidates(standing).map((index) => ({ content, finishReason: "MAX_TOKENS", index }));
  const chunk = JSON.stringify({
    candidates,
    usageMetadata: usageMetadata(standing),
    modelVersion: standing.model ?? standing.request.model,
    responseId: standing.id ?? figures.call_id,
  });
  return `${chunk.slice(0, -1)},"bursar":${figuresJson(figures, { usage: standing.usage?.evidence ?? "metered" })}}`;
}
