/** Reads whole Gemini replies. Money path: fails closed — an error, a page or nothing under 200 is no reply. */
import type { ReplyRead } from "../../call/needs.js";
import { type Fields, isObject } from "../request-fields.js";
import type { UsageRead } from "../usage-count.js";
import { meteredLater, NO_REPLY, parseReply, replyUsage } from "../whole-reply.js";
import { blockReason, meterCandidate } from "./candidates.js";
import { openGrounding } from "./grounding.js";
import { embeddingUsage, geminiUsage } from "./usage.js";

function textOrNull(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** A reply with its error field set is none. */
function isError(reply: Fields): boolean {
  return (reply.error ?? null) !== null;
}

/** Reads a generateContent reply: candidates, or why the prompt was blocked. Never throws. */
export function readGeminiReply(body: Uint8Array): ReplyRead {
  const reply = parseReply(body);
  if (reply === null || isError(reply)) return NO_REPLY;
  const candidates: readonly unknown[] | null = Array.isArray(reply.candidates) ? reply.candidates : null;
  if (candidates === null && blockReason(reply) === null) return NO_REPLY;
  const grounding = openGrounding();
  const answers = (candidates ?? []).filter(isObject);
  for (const answer of answers) grounding.read(answer);
  const output = meteredLater((meter) => {
    for (const answer of answers) meterCandidate(meter, answer);
  });
  const model = textOrNull(reply.modelVersion);
  const told = reply.usageMetadata ?? null;
  const context = {
    get metered() {
      return output.metered;
    },
    final: true,
    web_searches: grounding.searches(model),
  };
  const usage = told === null ? null : geminiUsage(told, context);
  const response_id = textOrNull(reply.responseId);
  return {
    valid: true,
    get metered_output() {
      return output.metered;
    },
    response_id,
    model,
    ...replyUsage(usage, model),
  };
}

/** Reads a countTokens reply. It costs nothing, and says so itself: a request without tokens. Never throws. */
export function readTokenCount(body: Uint8Array): ReplyRead {
  const reply = parseReply(body);
  if (reply === null || typeof reply.totalTokens !== "number") return NO_REPLY;
  const usage = { counts: { requests: 1 }, evidence: "provider" } as const;
  return { valid: true, usage, metered_output: 0, response_id: null, model: null, flags: [] };
}

/** Reads an embedding or a batch of them. Without usage the call is counted at what was held. Never throws. */
export function readEmbedding(body: Uint8Array): ReplyRead {
  const reply = parseReply(body);
  const valid = reply !== null && !isError(reply) && (isObject(reply.embedding) || Array.isArray(reply.embeddings));
  if (!valid) return NO_REPLY;
  const told = reply.usageMetadata ?? null;
  const usage: UsageRead | null = told === null ? null : embeddingUsage(told);
  return { valid: true, metered_output: 0, response_id: null, model: null, ...replyUsage(usage, null) };
}
