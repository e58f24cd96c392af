/**
 * Reads the stream of a call above the wire: meters its texts, takes the usage of its last part, and can end it from
 * anywhere with every open block closed. Money path: fails closed.
 */
import { inputTokens, outputTokens } from "../../../accounting/meter/usage.js";
import type { ParsedRequest } from "../../../call/message.js";
import type { CallFigures, StreamReader } from "../../../call/needs.js";
import { eventJson } from "../../../providers/event-json.js";
import { figuresComment, figuresJson } from "../../../providers/figures-text.js";
import { openOutputMeter } from "../../../providers/meter-output.js";
import { promptEstimate } from "../../../providers/prompt-estimate.js";
import type { Fields } from "../../../providers/request-fields.js";
import { eventBytes, eventFields } from "../../../providers/sse.js";
import { type ReadState, seenOf } from "../../../providers/stream-seen.js";
import { openStreamUsage } from "../../../providers/stream-usage.js";
import type { ClosingEvent, CutEvent } from "./model-call-events.js";
import { modelCallUsage } from "./told-usage.js";

/** Blocks open at a time that are followed; a stream with more is hostile. */
const OPEN_MAX = 1_024;
const NAME_MAX = 256;

interface Reading extends ReadState {
  readonly request: ParsedRequest;
  readonly open: Set<string>;
  id: string | null;
  model: string | null;
  error: string | null;
  finish_reason: string | null;
  terminal: boolean;
  /** The part that ends the stream, held back until the figures are known. */
  last: number | null;
}

function named(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value.slice(0, NAME_MAX) : null;
}

function readBlocks(reading: Reading, fields: Fields): void {
  const opened = named(fields.open);
  if (opened !== null && reading.open.size < OPEN_MAX) reading.open.add(opened);
  else if (opened !== null) reading.usage.flag("blocks_beyond_bound");
  const closed = named(fields.close);
  if (closed !== null) reading.open.delete(closed);
}

/** Meters an event and takes its usage, also behind a cut: what was on its way has been produced. */
function readMoney(reading: Reading, fields: Fields): void {
  if (typeof fields.text === "string") reading.meter.text(fields.text);
  reading.id ??= named(fields.id);
  reading.model = named(fields.model) ?? reading.model;
  reading.error ??= named(fields.error);
  if (named(fields.finish) === null || fields.usage === undefined || fields.usage === null) return;
  reading.usage.take(modelCallUsage(fields.usage, { metered: reading.meter.tokens }));
  reading.usage.close();
}

function readEvent(reading: Reading, raw: Uint8Array): Uint8Array | null {
  const { data } = eventFields(raw);
  if (data === null) return null;
  const fields = eventJson(data)?.fields ?? null;
  if (fields === null) {
    reading.usage.flag("event_invalid");
    reading.meter.text(data);
    return null;
  }
  if (reading.finish_reason !== null) reading.usage.flag("event_after_end");
  readMoney(reading, fields);
  const finish = named(fields.finish);
  if (reading.terminal) return null;
  readBlocks(reading, fields);
  if (finish === null) return raw;
  reading.finish_reason = finish;
  reading.terminal = true;
  reading.last = typeof fields.part === "number" ? fields.part : null;
  return null;
}

function closing(reading: Reading, figures: CallFigures): Uint8Array {
  const { last } = reading;
  if (last === null) return Buffer.from(figuresComment(figures));
  reading.last = null;
  const event: ClosingEvent = { part: last, bursar: JSON.parse(figuresJson(figures)) as Fields };
  return eventBytes({ data: JSON.stringify(event) });
}

function cut(reading: Reading, figures: CallFigures): Uint8Array {
  if (reading.terminal) return closing(reading, figures);
  reading.terminal = true;
  const usage = reading.usage.usage(reading.meter.tokens, null);
  const event: CutEvent = {
    cut: {
      close: [...reading.open],
      input: usage === null ? promptEstimate(reading.request) : inputTokens(usage.counts),
      output: usage === null ? reading.meter.tokens : outputTokens(usage.counts),
      bursar: JSON.parse(figuresJson(figures)) as Fields,
    },
  };
  return eventBytes({ data: JSON.stringify(event) });
}

/** Opens a reader for one attempt. Holds the names of its open blocks and 256 characters of text. */
export function openModelCallReader(request: ParsedRequest): StreamReader {
  const reading: Reading = {
    request,
    meter: openOutputMeter(),
    usage: openStreamUsage(),
    open: new Set(),
    id: null,
    model: null,
    error: null,
    finish_reason: null,
    terminal: false,
    last: null,
  };
  return {
    seen: seenOf(reading),
    event: (raw) => readEvent(reading, raw),
    cut: (figures) => cut(reading, figures),
    closing: (figures) => closing(reading, figures),
  };
}
