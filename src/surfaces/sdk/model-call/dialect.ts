/** The SDK's own wire: calls of frameworks that are met above the wire. Money path: fails closed. */
import type { BursarError } from "../../../accounting/errors.js";
import type { Dialect, ReplyRead } from "../../../call/needs.js";
import { splice } from "../../../providers/json-bytes.js";
import { openOutputMeter } from "../../../providers/meter-output.js";
import { detailsOf } from "../../../providers/refusal-body.js";
import { eventBytes, openSseSplitter } from "../../../providers/sse.js";
import { NO_REPLY, parseReply, replyUsage } from "../../../providers/whole-reply.js";
import type { FailedEvent } from "./model-call-events.js";
import { readModelCall } from "./neutral-call.js";
import { openModelCallReader } from "./reader.js";
import { modelCallUsage } from "./told-usage.js";

function readReply(body: Uint8Array): ReplyRead {
  const reply = parseReply(body);
  if (reply === null || !Array.isArray(reply.texts)) return NO_REPLY;
  const meter = openOutputMeter();
  for (const text of reply.texts) if (typeof text === "string") meter.text(text);
  const model = typeof reply.model === "string" ? reply.model : null;
  const told = reply.usage ?? null;
  return {
    valid: true,
    metered_output: meter.tokens,
    response_id: typeof reply.id === "string" ? reply.id : null,
    model,
    ...replyUsage(told === null ? null : modelCallUsage(told, { metered: meter.tokens }), model),
  };
}

function failed(error: BursarError, callId: string): string {
  const event: FailedEvent = { failed: { code: error.code, message: error.message, details: detailsOf(error, callId) } };
  return JSON.stringify(event);
}

/** The dialect `model-call`. It has no route: only this process speaks it. */
export const modelCallDialect: Dialect = {
  name: "model-call",
  read: readModelCall,
  prepare(request, changes) {
    const { output_cap } = changes;
    return output_cap === undefined ? request.body : splice(request.body, { output_cap: String(output_cap) });
  },
  splitter: (eventBytesMax) => openSseSplitter({ eventBytesMax }),
  reader: openModelCallReader,
  readReply,
  refuse: (error, callId) => ({ body: Buffer.from(failed(error, callId)), details: detailsOf(error, callId) }),
  errorEvent: (error, callId) => eventBytes({ data: failed(error, callId) }),
};
