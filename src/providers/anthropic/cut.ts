/**
 * Ends a Messages stream as if the answer had reached its length: every open block is stopped, also in the middle of a
 * tool's input, then `stop_reason: "max_tokens"` with usage. Money path: fails closed.
 */
import { inputTokens, outputTokens, type Usage } from "../../accounting/meter/usage.js";
import type { ParsedRequest } from "../../call/message.js";
import type { CallFigures } from "../../call/needs.js";
import { figuresJson } from "../figures-text.js";
import type { OutputMeter } from "../meter-output.js";
import { promptEstimate } from "../prompt-estimate.js";
import type { Fields } from "../request-fields.js";
import { eventBytes } from "../sse.js";
import type { StreamUsage } from "../stream-usage.js";

/** What a cut needs to know of the stream. */
export interface Standing {
  readonly request: ParsedRequest;
  readonly meter: OutputMeter;
  readonly usage: StreamUsage;
  readonly open: ReadonlySet<number>;
  readonly started: boolean;
  readonly model: string | null;
}

function usageForClient(standing: Standing, usage: Usage | null): Fields {
  const metered = standing.meter.tokens;
  if (usage === null) return { input_tokens: promptEstimate(standing.request), output_tokens: metered };
  const { cache_read, cache_write_5m, cache_write_1h } = usage.counts;
  const written =
    cache_write_5m === undefined && cache_write_1h === undefined ? null : (cache_write_5m ?? 0) + (cache_write_1h ?? 0);
  return {
    input_tokens: inputTokens(usage.counts) - (cache_read ?? 0) - (written ?? 0),
    cache_creation_input_tokens: written,
    cache_read_input_tokens: cache_read ?? null,
    output_tokens: outputTokens(usage.counts),
  };
}

function messageStart(standing: Standing, usage: Fields, callId: string): Uint8Array {
  const message = {
    id: `msg_${callId}`,
    type: "message",
    role: "assistant",
    model: standing.model ?? standing.request.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage,
  };
  return eventBytes({ event: "message_start", data: JSON.stringify({ type: "message_start", message }) });
}

/** The events up to and with the last `message_delta`; the comment and `message_stop` follow. */
export function cutEvents(standing: Standing, figures: CallFigures): Uint8Array[] {
  const known = standing.usage.usage(standing.meter.tokens, null);
  const usage = usageForClient(standing, known);
  const events: Uint8Array[] = standing.started ? [] : [messageStart(standing, usage, figures.call_id)];
  for (const index of standing.open) {
    events.push(eventBytes({ event: "content_block_stop", data: JSON.stringify({ type: "content_block_stop", index }) }));
  }
  const bursar = figuresJson(figures, { usage: known?.evidence ?? "metered" });
  const delta = JSON.stringify({ type: "message_delta", delta: { stop_reason: "max_tokens", stop_sequence: null }, usage });
  events.push(eventBytes({ event: "message_delta", data: `${delta.slice(0, -1)},"bursar":${bursar}}` }));
  return events;
}
