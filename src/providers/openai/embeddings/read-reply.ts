/**
 * Reads a reply of Embeddings. Money path: fails closed — an error, a page or nothing under 200 is no reply.
 * Source: https://platform.openai.com/docs/api-reference/embeddings/create (read November 2026).
 */
import type { Quirks, ReplyRead } from "../../../call/needs.js";
import { isObject } from "../../request-fields.js";
import { toldCost } from "../../told-cost.js";
import { readUsage, reject, requiredCount, type UsageRead } from "../../usage-count.js";
import { NO_REPLY, parseReply, replyUsage } from "../../whole-reply.js";
import { errorWord } from "../deltas.js";
import { usageOf } from "../usage.js";

/** Input is all there is: `prompt_tokens`, never 0, since no request is empty. */
function embeddingsUsage(usage: unknown): UsageRead {
  return readUsage(() => {
    if (!isObject(usage)) return reject("not_a_count");
    const prompt = requiredCount(usage, "prompt_tokens");
    if (prompt === 0) return reject("zero");
    const cost = toldCost(usage.cost);
    return { ok: true, counts: { input_fresh: prompt, output_text: 0, requests: 1 }, ...cost.told, flags: cost.flags };
  });
}

/** Reads a reply; `valid` false when it has no `data`. Never throws. */
export function readEmbeddingsReply(body: Uint8Array, quirks: Quirks = {}): ReplyRead {
  const reply = parseReply(body);
  if (reply === null || errorWord(reply.error) !== null || !Array.isArray(reply.data)) return NO_REPLY;
  const model = typeof reply.model === "string" ? reply.model : null;
  const told = usageOf(reply, quirks);
  return {
    valid: true,
    metered_output: 0,
    response_id: typeof reply.id === "string" ? reply.id : null,
    model,
    ...replyUsage(told === null ? null : embeddingsUsage(told), model),
  };
}
