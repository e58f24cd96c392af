/** Reads a whole Chat Completions reply. Money path: fails closed — an error, a page or nothing under 200 is no reply. */
import type { ReplyRead } from "../../call/needs.js";
import { openOutputMeter } from "../meter-output.js";
import { type Fields, isObject } from "../request-fields.js";
import { NO_REPLY, parseReply, replyUsage } from "../whole-reply.js";
import { errorWord, meterMessage } from "./deltas.js";
import { openAiUsage } from "./usage.js";

function meterReply(choices: readonly unknown[]): number {
  const meter = openOutputMeter();
  for (const choice of choices) {
    if (isObject(choice) && isObject(choice.message)) meterMessage(meter, choice.message);
  }
  return meter.tokens;
}

function read(reply: Fields, choices: readonly unknown[]): ReplyRead {
  const metered_output = meterReply(choices);
  const model = typeof reply.model === "string" ? reply.model : null;
  const told = reply.usage ?? null;
  const usage = told === null ? null : openAiUsage(told, { metered: metered_output, service_tier: reply.service_tier });
  return {
    valid: true,
    metered_output,
    response_id: typeof reply.id === "string" ? reply.id : null,
    model,
    ...replyUsage(usage, model),
  };
}

/** Reads a reply; `valid` false when it is not a chat completion. Never throws. */
export function readOpenAiReply(body: Uint8Array): ReplyRead {
  const reply = parseReply(body);
  if (reply === null || errorWord(reply.error) !== null || !Array.isArray(reply.choices)) return NO_REPLY;
  return read(reply, reply.choices);
}
