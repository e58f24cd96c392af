/** What whole replies of all dialects share. Money path: fails closed. */
import { isAscii } from "node:buffer";
import type { Usage } from "../accounting/meter/usage.js";
import type { ReplyRead } from "../call/needs.js";
import { type OutputMeter, openOutputMeter } from "./meter-output.js";
import { type Fields, isObject } from "./request-fields.js";
import { toldOf, type UsageRead } from "./usage-count.js";

/** The answer for what is no reply of the dialect. */
export const NO_REPLY: ReplyRead = {
  valid: false,
  usage: null,
  metered_output: 0,
  response_id: null,
  model: null,
  flags: ["invalid_reply"],
};

/**
 * Output tokens that a reply shows, metered when they are first asked for: a reply that tells its usage is not metered, only a
 * usage of nothing, or none, is held against what the bytes show.
 */
export function meteredLater(meterAll: (meter: OutputMeter) => void): { readonly metered: number } {
  let known: number | null = null;
  return {
    get metered() {
      if (known !== null) return known;
      const meter = openOutputMeter();
      meterAll(meter);
      known = meter.tokens;
      return known;
    },
  };
}

/** A reply's JSON object; null when it is anything else: empty, a page, an array, broken. */
export function parseReply(body: Uint8Array): Fields | null {
  try {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    // ASCII becomes text several times as quickly when it is said to be that.
    const reply: unknown = JSON.parse(bytes.toString(isAscii(bytes) ? "latin1" : "utf8"));
    return isObject(reply) ? reply : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Usage and flags of a reply; a rejected usage leaves null and says why. */
export function replyUsage(read: UsageRead | null, model: string | null): { usage: Usage | null; flags: readonly string[] } {
  if (read === null) return { usage: null, flags: [] };
  if (!read.ok) return { usage: null, flags: [`usage_invalid:${read.why}`] };
  return {
    usage: { counts: read.counts, evidence: "provider", ...toldOf(read), ...(model === null ? {} : { model }) },
    flags: read.flags,
  };
}
