/** Reads a whole reply with choices. Money path: fails closed — an error, a page or nothing under 200 is no reply. */
import type { Quirks, ReplyRead } from "../../call/needs.js";
import type { OutputMeter } from "../meter-output.js";
import { type Fields, isObject } from "../request-fields.js";
import { meteredLater, NO_REPLY, parseReply, replyUsage } from "../whole-reply.js";
import { errorWord, meterMessage } from "./deltas.js";
import { openAiUsage, usageOf } from "./usage.js";

/** Meters one choice of a whole reply. */
type MeterChoice = (meter: OutputMeter, choice: Fields) => void;

/** Reads a reply whose answers stand in `choices`; `valid` false when it has none. Never throws. */
export function readChoicesReply(body: Uint8Array, meterChoice: MeterChoice, quirks: Quirks = {}): ReplyRead {
  const reply = parseReply(body);
  if (reply === null || errorWord(reply.error) !== null || !Array.isArray(reply.choices)) return NO_REPLY;
  const choices = reply.choices as readonly unknown[];
  const output = meteredLater((meter) => {
    for (const choice of choices) if (isObject(choice)) meterChoice(meter, choice);
  });
  const model = typeof reply.model === "string" ? reply.model : null;
  const told = usageOf(reply, quirks);
  const options = {
    get metered() {
      return output.metered;
    },
    service_tier: reply.service_tier,
  };
  const usage = told === null ? null : openAiUsage(told, options);
  const { usage: counted, flags } = replyUsage(usage, model);
  return {
    valid: true,
    usage: counted,
    get metered_output() {
      return output.metered;
    },
    response_id: typeof reply.id === "string" ? reply.id : null,
    model,
    flags,
  };
}

/** Reads a chat completion; `valid` false when it is none. Never throws. */
export function readOpenAiReply(body: Uint8Array, quirks?: Quirks): ReplyRead {
  const meterChoice: MeterChoice = (meter, choice) => {
    if (isObject(choice.message)) meterMessage(meter, choice.message);
  };
  return readChoicesReply(body, meterChoice, quirks);
}
