/** Reads a whole response. Money path: fails closed — an error, a page or nothing under 200 is no reply. */
import type { ReplyRead } from "../../../call/needs.js";
import { meteredLater, NO_REPLY, parseReply, replyUsage } from "../../whole-reply.js";
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
  const items = reply.output as readonly unknown[];
  const output = meteredLater((meter) => {
    meterItems(meter, items);
  });
  const context = {
    get metered() {
      return output.metered;
    },
    service_tier: reply.service_tier,
    runs: toolRuns(items),
  };
  const usage = told === null ? null : responsesUsage(told, context);
  const model = typeof reply.model === "string" ? reply.model : null;
  const read = replyUsage(usage, model);
  return {
    valid: true,
    get metered_output() {
      return output.metered;
    },
    response_id: typeof reply.id === "string" ? reply.id : null,
    model,
    ...read,
    flags: [...read.flags, ...(error === null ? [] : ["response_failed"])],
  };
}
