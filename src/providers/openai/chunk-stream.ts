/**
 * Reads one stream of chunks with choices (Chat Completions and Completions): meters what passes, takes the usage of the
 * last chunk, hides from the client what it did not ask for, and can end the stream well-formed from anywhere. Money path:
 * fails closed. Source: https://platform.openai.com/docs/api-reference/chat-streaming (read November 2026).
 */
import { inputTokens, outputTokens, type Usage } from "../../accounting/meter/usage.js";
import type { ParsedRequest } from "../../call/message.js";
import type { CallFigures, Quirks, StreamReader } from "../../call/needs.js";
import { eventJson } from "../event-json.js";
import { figuresComment, figuresJson } from "../figures-text.js";
import { without } from "../json-bytes.js";
import { type OutputMeter, openOutputMeter } from "../meter-output.js";
import { promptEstimate } from "../prompt-estimate.js";
import { openRepeatedDelta, type RepeatedDelta } from "../repeated-delta.js";
import { type Fields, isObject } from "../request-fields.js";
import { eventBytes, eventFields } from "../sse.js";
import { seenOf } from "../stream-seen.js";
import { openStreamUsage } from "../stream-usage.js";
import { errorWord } from "./deltas.js";
import { openAiUsage, usageOf } from "./usage.js";

const DONE = "[DONE]";
const NULL_USAGE = Buffer.from(',"usage":null}');

/** Choices followed per stream, unless more are asked for; Chat's own bound of `n`. */
const CHOICES_MAX = 128;

/** Where the streams of chunks differ. */
export interface ChunkShape {
  /** `object` of a chunk. */
  readonly object: string;
  readonly id_prefix: string;
  /** Answers that the stream shows at the most. */
  readonly choices: number;
  /** A choice's text is the `content` of its delta, and metered as it comes. */
  readonly repeats: boolean;
  /** Meters what a chunk adds to one choice. */
  readonly meter: (meter: OutputMeter, choice: Fields, index: number) => void;
  /** A choice's last piece, without its index; `begun`: the client has seen something of it. */
  readonly ending: (begun: boolean) => Fields;
}

/** State of one stream. */
interface Reading {
  readonly request: ParsedRequest;
  readonly shape: ChunkShape;
  readonly quirks: Quirks;
  readonly meter: OutputMeter;
  readonly usage: ReturnType<typeof openStreamUsage>;
  readonly repeated: RepeatedDelta;
  /** Per choice that was seen: has it finished? */
  readonly choices: Map<number, boolean>;
  id: string | null;
  model: string | null;
  created: number | null;
  error: string | null;
  finish_reason: string | null;
  terminal: boolean;
  /** The usage chunk, held back until the figures are known. */
  heldUsage: { readonly raw: Uint8Array; readonly data: string } | null;
  heldDone: Uint8Array | null;
}

function readChoices(reading: Reading, choices: readonly unknown[]): void {
  for (const choice of choices) {
    if (!isObject(choice)) continue;
    const index = typeof choice.index === "number" ? choice.index : 0;
    if (reading.choices.size >= Math.max(CHOICES_MAX, reading.shape.choices) && !reading.choices.has(index)) {
      reading.usage.flag("choices_beyond_bound");
    } else reading.choices.set(index, reading.choices.get(index) === true || typeof choice.finish_reason === "string");
    if (typeof choice.finish_reason === "string") reading.finish_reason = choice.finish_reason;
    reading.shape.meter(reading.meter, choice, index);
  }
}

function readHead(reading: Reading, chunk: Fields): void {
  if (typeof chunk.id === "string" && chunk.id !== "") reading.id ??= chunk.id.slice(0, 256);
  if (typeof chunk.model === "string" && chunk.model !== "") reading.model = chunk.model.slice(0, 256);
  if (typeof chunk.created === "number" && chunk.created > 0) reading.created ??= chunk.created;
}

/** Usage of a chunk, if it has any. It is final once every choice that was asked for has finished, wherever it stands. */
function readChunkUsage(reading: Reading, chunk: Fields): void {
  const told = usageOf(chunk, reading.quirks);
  if (told === null) return;
  if (reading.terminal) reading.usage.flag("usage_after_end");
  const metered = reading.meter.tokens;
  reading.usage.take(openAiUsage(told, { metered, service_tier: chunk.service_tier }));
  const begun = reading.choices.size >= Math.max(1, reading.shape.choices);
  if (begun && [...reading.choices.values()].every((finished) => finished)) reading.usage.close();
}

/** Takes `"usage":null` out of a chunk for a client that did not ask for usage. */
function withoutNullUsage(raw: Uint8Array, event: { event: string | null; data: string }): Uint8Array {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  const at = bytes.lastIndexOf(NULL_USAGE);
  const end = at + NULL_USAGE.length;
  // It is the last field as OpenAI writes it. A quote inside a string is escaped, so this cannot be text of the answer.
  if (at >= 0 && bytes.subarray(end).every((byte) => byte === 0x0a || byte === 0x0d)) {
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end - 1)]);
  }
  const data = Buffer.from(without(Buffer.from(event.data), "usage")).toString("utf8");
  return eventBytes({ event: event.event, data: data.replace(/[\r\n]/g, " ") });
}

/** An event that is no JSON: passed as it came, but never taken for nothing. */
function unreadable(reading: Reading, raw: Uint8Array, data: string): Uint8Array | null {
  reading.usage.flag("event_invalid");
  if (!data.includes('"usage"')) {
    reading.meter.text(data);
    return raw;
  }
  reading.usage.take({ ok: false, why: "unreadable" });
  return null;
}

function edited(
  reading: Reading,
  options: { raw: Uint8Array; chunk: Fields; event: string | null; data: string; last: boolean },
): Uint8Array | null {
  const { raw, chunk, last, data } = options;
  const wants = reading.request.wants_usage;
  if (last && isObject(chunk.usage)) {
    if (!wants) return null;
    const before = reading.heldUsage?.raw ?? null;
    reading.heldUsage = { raw, data };
    return before;
  }
  const forward = !wants && chunk.usage === null ? withoutNullUsage(raw, { event: options.event, data }) : raw;
  const { heldUsage } = reading;
  reading.heldUsage = null;
  return heldUsage === null ? forward : Buffer.concat([heldUsage.raw, forward]);
}

/** Did this chunk do nothing but meter a text of the one choice that it goes on with? Only then its bytes can stand for it. */
function onlyContent(reading: Reading, chunk: Fields, choices: readonly unknown[]): boolean {
  const [choice] = choices;
  if (choices.length !== 1 || !isObject(choice) || !isObject(choice.delta) || typeof choice.delta.content !== "string")
    return false;
  return (
    // Another usage, even null, may have to be taken out or read again.
    chunk.usage === undefined &&
    (chunk.error ?? null) === null &&
    (choice.finish_reason ?? null) === null &&
    Object.keys(choice.delta).every((key) => key === "content" || key === "role") &&
    typeof choice.index === "number" &&
    reading.quirks.usage === undefined &&
    reading.shape.repeats
  );
}

function readEvent(reading: Reading, raw: Uint8Array): Uint8Array | null {
  const { repeated } = reading;
  if (repeated.repeats(raw, reading.meter)) return raw;
  repeated.forget();
  const { event, data } = eventFields(raw);
  if (data === null) return reading.terminal ? null : raw;
  if (data.startsWith(DONE)) {
    if (!reading.terminal) reading.usage.close();
    reading.terminal = true;
    reading.heldDone ??= raw;
    return null;
  }
  const json = eventJson(data);
  if (json === null) return unreadable(reading, raw, data);
  const chunk = json.fields;
  const choices = Array.isArray(chunk.choices) ? chunk.choices : [];
  readHead(reading, chunk);
  readChoices(reading, choices);
  if (json.repaired) reading.usage.take({ ok: false, why: "nan" });
  else readChunkUsage(reading, chunk);
  reading.error ??= errorWord(chunk.error) ?? (event === "error" ? errorWord(chunk) : null);
  if (reading.terminal) {
    reading.usage.flag("event_after_end");
    return null;
  }
  const sound = json.repaired ? eventBytes({ event, data: json.data.replace(/[\r\n]/g, " ") }) : raw;
  const forward = edited(reading, { raw: sound, chunk, event, data: json.data, last: choices.length === 0 });
  if (forward === raw && onlyContent(reading, chunk, choices)) repeated.remember(raw, "content");
  return forward;
}

/** The figures, and what was held back for them: usage chunk with `bursar`, comment, `[DONE]`. */
function closing(reading: Reading, figures: CallFigures): Uint8Array {
  const parts: Uint8Array[] = [];
  const { heldUsage, heldDone } = reading;
  if (heldUsage !== null) {
    const inner = heldUsage.data.trim().replace(/[\r\n]/g, " ");
    parts.push(eventBytes({ data: `{"bursar":${figuresJson(figures)},${inner.slice(1)}` }));
  }
  parts.push(Buffer.from(figuresComment(figures)));
  if (heldDone !== null) parts.push(heldDone);
  reading.heldUsage = null;
  reading.heldDone = null;
  return Buffer.concat(parts);
}

function usageForClient(reading: Reading, usage: Usage | null): { object: Fields; source: string } {
  const prompt = usage === null ? promptEstimate(reading.request) : inputTokens(usage.counts);
  const completion = usage === null ? reading.meter.tokens : outputTokens(usage.counts);
  const object = { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
  return { object, source: usage?.evidence ?? "metered" };
}

/** Ends the stream as if the answer had reached its length: one finishing chunk per open choice, usage, comment, `[DONE]`. */
function cut(reading: Reading, figures: CallFigures): Uint8Array {
  reading.repeated.forget();
  if (reading.terminal) return closing(reading, figures);
  const { request, shape } = reading;
  const head = {
    id: reading.id ?? `${shape.id_prefix}${figures.call_id}`,
    object: shape.object,
    ...(reading.created === null ? {} : { created: reading.created }),
    model: reading.model ?? request.model,
  };
  const askedFor = request.wants_usage ? { usage: null } : {};
  const parts: Uint8Array[] = [];
  for (let index = 0; index < Math.max(shape.choices, 1); index++) {
    if (reading.choices.get(index) === true) continue;
    const choices = [{ index, ...shape.ending(reading.choices.has(index)), finish_reason: "length" }];
    parts.push(eventBytes({ data: JSON.stringify({ ...head, choices, ...askedFor }) }));
  }
  if (request.wants_usage && reading.heldUsage === null) {
    const { object, source } = usageForClient(reading, reading.usage.usage(reading.meter.tokens, null));
    const bursar = JSON.parse(figuresJson(figures, { usage: source })) as Fields;
    parts.push(eventBytes({ data: JSON.stringify({ ...head, choices: [], usage: object, bursar }) }));
  }
  reading.heldDone = eventBytes({ data: DONE });
  reading.terminal = true;
  parts.push(closing(reading, figures));
  return Buffer.concat(parts);
}

/** Opens a reader for one attempt. Holds the state of its choices and three events. */
export function openChunkReader(request: ParsedRequest, shape: ChunkShape, quirks: Quirks = {}): StreamReader {
  const reading: Reading = {
    request,
    shape,
    quirks,
    meter: openOutputMeter(),
    usage: openStreamUsage(),
    repeated: openRepeatedDelta(),
    choices: new Map(),
    id: null,
    model: null,
    created: null,
    error: null,
    finish_reason: null,
    terminal: false,
    heldUsage: null,
    heldDone: null,
  };
  return {
    seen: seenOf(reading),
    event: (raw) => readEvent(reading, raw),
    cut: (figures) => cut(reading, figures),
    closing: (figures) => closing(reading, figures),
  };
}
