/** Reads a whole Messages reply. Money path: fails closed — an error, a page or nothing under 200 is no reply. */
import type { ReplyRead } from "../../call/needs.js";
import type { OutputMeter } from "../meter-output.js";
import { type Fields, isObject } from "../request-fields.js";
import { meteredLater, NO_REPLY, parseReply, replyUsage } from "../whole-reply.js";
import { anthropicUsage } from "./usage.js";

/** Meters the text of a content block: text, thinking, a tool's name and input. */
export function meterBlock(meter: OutputMeter, block: Fields): void {
  for (const value of [block.text, block.thinking, block.name, block.data, block.content]) {
    if (typeof value === "string") meter.text(value);
  }
  if (isObject(block.input) && Object.keys(block.input).length > 0) meter.text(JSON.stringify(block.input));
}

/** Reads a reply; `valid` false when it is not a message. Never throws. */
export function readAnthropicReply(body: Uint8Array): ReplyRead {
  const reply = parseReply(body);
  if (reply === null || reply.type !== "message" || !Array.isArray(reply.content)) return NO_REPLY;
  const blocks = reply.content as readonly unknown[];
  const output = meteredLater((meter) => {
    for (const block of blocks) {
      // Results of tools that ran at the provider are input, not output.
      if (isObject(block) && !String(block.type).endsWith("_tool_result")) meterBlock(meter, block);
    }
  });
  const model = typeof reply.model === "string" ? reply.model : null;
  const told = reply.usage ?? null;
  const usage = told === null ? null : anthropicUsage(told, output);
  const response_id = typeof reply.id === "string" ? reply.id : null;
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
