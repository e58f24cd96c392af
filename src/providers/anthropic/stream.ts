/**
 * Reads one Messages stream: meters what passes, takes the cumulative usage of its deltas (the last value per field wins,
 * they are never summed), and can end the stream well-formed from anywhere. Money path: fails closed.
 * Source: https://platform.claude.com/docs/en/build-with-claude/streaming (read November 2026).
 */
import type { ParsedRequest } from "../../call/message.js";
import type { CallFigures, StreamReader } from "../../call/needs.js";
import { eventJson } from "../event-json.js";
import { figuresComment, figuresJson } from "../figures-text.js";
import { openOutputMeter } from "../meter-output.js";
import { openRepeatedDelta, type RepeatedDelta } from "../repeated-delta.js";
import { type Fields, isObject } from "../request-fields.js";
import { eventBytes, eventFields } from "../sse.js";
import { seenOf } from "../stream-seen.js";
import { openStreamUsage } from "../stream-usage.js";
import { readUsage } from "../usage-count.js";
import { cutEvents } from "./cut.js";
import { meterBlock } from "./read-reply.js";
import { countsOf, mergeRaw, NO_RAW_USAGE, type RawUsage } from "./usage.js";

/** Content blocks that may be open at once; the API opens one. */
const OPEN_MAX = 64;

/** State of one stream. */
export interface Reading {
  readonly request: ParsedRequest;
  readonly meter: ReturnType<typeof openOutputMeter>;
  readonly usage: ReturnType<typeof openStreamUsage>;
  readonly repeated: RepeatedDelta;
  /** Indexes of content blocks that were started and not stopped. */
  readonly open: Set<number>;
  raw: RawUsage;
  started: boolean;
  id: string | null;
  model: string | null;
  error: string | null;
  finish_reason: string | null;
  terminal: boolean;
  /** The `message_delta` with the stop reason, held back until the figures are known. */
  heldDelta: { readonly raw: Uint8Array; readonly data: string } | null;
  heldStop: Uint8Array | null;
}

function takeUsage(reading: Reading, usage: unknown, options: { placeholder: boolean }): void {
  if (usage === undefined || usage === null) return;
  const metered = reading.meter.tokens;
  let merged = reading.raw;
  const read = readUsage(() => {
    merged = mergeRaw(reading.raw, usage, options.placeholder);
    return countsOf(merged, { metered, final: !options.placeholder });
  });
  if (reading.usage.take(read)) reading.raw = merged;
}

function startMessage(reading: Reading, message: unknown): void {
  reading.started = true;
  if (!isObject(message)) return;
  if (typeof message.id === "string") reading.id ??= message.id.slice(0, 256);
  if (typeof message.model === "string") reading.model = message.model.slice(0, 256);
  takeUsage(reading, message.usage, { placeholder: true });
}

function startBlock(reading: Reading, event: Fields): void {
  if (typeof event.index === "number" && reading.open.size < OPEN_MAX) reading.open.add(event.index);
  const block = event.content_block;
  if (isObject(block) && !String(block.type).endsWith("_tool_result")) meterBlock(reading.meter, block);
}

function readDelta(reading: Reading, delta: unknown): void {
  if (!isObject(delta)) return;
  for (const value of [delta.text, delta.thinking, delta.partial_json, delta.content]) {
    if (typeof value === "string") reading.meter.text(value);
  }
}

function readMessageDelta(reading: Reading, event: Fields): boolean {
  takeUsage(reading, event.usage, { placeholder: false });
  const reason = isObject(event.delta) ? event.delta.stop_reason : null;
  if (typeof reason !== "string") return false;
  reading.finish_reason = reason;
  if (isObject(event.usage)) reading.usage.close();
  return true;
}

function readError(event: Fields): string {
  const error = isObject(event.error) ? event.error : {};
  return typeof error.type === "string" ? error.type.slice(0, 120) : "error";
}

/** Usage is final at `message_stop` only if some delta told the output; `message_start` alone knows just the input. */
function stop(reading: Reading, raw: Uint8Array): null {
  if (!reading.terminal && reading.raw.output !== null) reading.usage.close();
  reading.terminal = true;
  reading.heldStop ??= raw;
  return null;
}

/** Lets go of a held delta when something other than the stop comes behind it. */
function released(reading: Reading, raw: Uint8Array): Uint8Array {
  const { heldDelta } = reading;
  reading.heldDelta = null;
  return heldDelta === null ? raw : Buffer.concat([heldDelta.raw, raw]);
}

/** An event that is no JSON: passed as it came, but never taken for nothing. */
function unreadable(reading: Reading, raw: Uint8Array, data: string): Uint8Array {
  reading.usage.flag("event_invalid");
  if (data.includes('"usage"')) reading.usage.take({ ok: false, why: "unreadable" });
  else reading.meter.text(data);
  return raw;
}

/** An event whose numbers were none: what it says of usage does not count, all else does. */
function withoutUsage(event: Fields): Fields {
  const message = isObject(event.message) ? { ...event.message, usage: null } : event.message;
  return { ...event, message, usage: null };
}

function readTyped(reading: Reading, type: unknown, event: Fields): void {
  if (type === "message_start") startMessage(reading, event.message);
  else if (type === "content_block_start") startBlock(reading, event);
  else if (type === "content_block_delta") readDelta(reading, event.delta);
  else if (type === "content_block_stop") reading.open.delete(Number(event.index));
  else if (type === "error") reading.error ??= readError(event);
}

/** Key of the one text that a delta brought and that was metered; null where it brought anything else. */
function textKey(event: Fields): string | null {
  if (event.type !== "content_block_delta" || !isObject(event.delta)) return null;
  const [key, ...others] = Object.keys(event.delta).filter((name) => name !== "type");
  if (others.length > 0 || (key !== "text" && key !== "thinking" && key !== "partial_json")) return null;
  return typeof event.delta[key] === "string" ? key : null;
}

function readEvent(reading: Reading, raw: Uint8Array): Uint8Array | null {
  const { repeated } = reading;
  if (repeated.repeats(raw, reading.meter)) return raw;
  repeated.forget();
  const { event: name, data } = eventFields(raw);
  if (data === null) return reading.terminal ? null : raw;
  const json = eventJson(data);
  if (json === null) return unreadable(reading, raw, data);
  const event = json.repaired ? withoutUsage(json.fields) : json.fields;
  const sound = json.repaired ? eventBytes({ event: name, data: json.data.replace(/[\r\n]/g, " ") }) : raw;
  if (json.repaired) reading.usage.take({ ok: false, why: "nan" });
  const type = event.type ?? name;
  if (type === "message_stop") return stop(reading, raw);
  readTyped(reading, type, event);
  const stops = type === "message_delta" && readMessageDelta(reading, event);
  if (reading.terminal) {
    reading.usage.flag("event_after_end");
    return null;
  }
  if (type === "ping") return sound;
  if (!stops) {
    const forward = released(reading, sound);
    const key = forward === raw ? textKey(event) : null;
    if (key !== null) repeated.remember(raw, key);
    return forward;
  }
  const before = reading.heldDelta?.raw ?? null;
  reading.heldDelta = { raw: sound, data: json.data };
  return before;
}

/** The figures, and what was held back for them: the last `message_delta` with `bursar`, comment, `message_stop`. */
function closing(reading: Reading, figures: CallFigures): Uint8Array {
  const parts: Uint8Array[] = [];
  const { heldDelta, heldStop } = reading;
  if (heldDelta !== null) {
    const inner = heldDelta.data.trim().replace(/[\r\n]/g, " ");
    parts.push(eventBytes({ event: "message_delta", data: `{"bursar":${figuresJson(figures)},${inner.slice(1)}` }));
  }
  parts.push(Buffer.from(figuresComment(figures)));
  if (heldStop !== null) parts.push(heldStop);
  reading.heldDelta = null;
  reading.heldStop = null;
  return Buffer.concat(parts);
}

function cut(reading: Reading, figures: CallFigures): Uint8Array {
  reading.repeated.forget();
  if (reading.terminal) return closing(reading, figures);
  const events = reading.heldDelta === null ? cutEvents(reading, figures) : [];
  reading.terminal = true;
  reading.open.clear();
  reading.heldStop = eventBytes({ event: "message_stop", data: '{"type":"message_stop"}' });
  return Buffer.concat([...events, closing(reading, figures)]);
}

/** Opens a reader for one attempt. Holds the open blocks and three events. */
export function openAnthropicReader(request: ParsedRequest): StreamReader {
  const reading: Reading = {
    request,
    meter: openOutputMeter(),
    usage: openStreamUsage(),
    repeated: openRepeatedDelta(),
    open: new Set(),
    raw: NO_RAW_USAGE,
    started: false,
    id: null,
    model: null,
    error: null,
    finish_reason: null,
    terminal: false,
    heldDelta: null,
    heldStop: null,
  };
  return {
    seen: seenOf(reading),
    event: (raw) => readEvent(reading, raw),
    cut: (figures) => cut(reading, figures),
    closing: (figures) => closing(reading, figures),
  };
}
