/** Reads a whole response. Money path: fails closed — an error, a page or nothing under 200 is no reply. */
import type { ReplyRead } from "../../../call/needs.js";
import { openOutputMeter } from "../../meter-output.js";
import { NO_REPLY, parseReply, replyUsage } from "../../whole-reply.js";
import { errorWord } from "../deltas.js";
import { meterItems } from "./output-text.js";
import { responsesUsage, toolRuns } from "./usage.js";

/**
 * Reads a reply; `valid` false when it is no response. One that failed is valid if it tells a usage: that much is billed.
 * Never throws.
 */
export function readResponsesReply(body: Uint8Array): ReplyRead {
  const reply = parseReply(body);
  if (reply === null || !Array.isArray(reply.output)) return NO_REPLY;
  const told = reply.usage ?? null;
  const error = errorWord(reply.error);
  if (error !== null && told === null) return NO_REPLY;
  const meter = openOutputMeter();
  meterItems(meter, reply.output);
  const runs = toolRuns(reply.output);
  const usage = told === null ? null : responsesUsage(told, { metered: meter.tokens, service_tier: reply.service_tier, runs });
  const model = typeof reply.model === "string" ? reply.model : null;
  const read = replyUsage(usage, model);
  return {
    valid: true,
    metered_output: meter.tokens,
    response_id: typeof reply.id === "string" ? reply.id : null,
    model,
    ...read,
    flags: [...read.flags, ...(error === null ? [] : ["response_failed"])],
  };
}
