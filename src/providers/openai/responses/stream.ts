/**
 * Reads one Responses stream: meters what passes, takes the usage of its terminal event, and can end the stream well-formed
 * from anywhere. Money path: fails closed.
 * Source: https://platform.openai.com/docs/api-reference/responses-streaming (read November 2026).
 */
import type { ParsedRequest } from "../../../call/message.js";
import type { CallFigures, StreamReader } from "../../../call/needs.js";
import { eventJson } from "../../event-json.js";
import { figuresComment, figuresJson } from "../../figures-text.js";
import { type OutputMeter, openOutputMeter } from "../../meter-output.js";
import { type Fields, isObject } from "../../request-fields.js";
import { eventBytes, eventFields } from "../../sse.js";
import { seenOf } from "../../stream-seen.js";
import { openStreamUsage, type StreamUsage } from "../../stream-usage.js";
import { errorWord, meterAudio } from "../deltas.js";
import { cutEvents } from "./cut.js";
import { jsonOf } from "./json-of.js";
import { type KeptItem, ownField, type PieceKind } from "./kept-item.js";
import { type KeptItems, openKeptItems } from "./kept-items.js";
import { meterItems } from "./output-text.js";
import { ranAtProvider, responsesUsage, toolRuns } from "./usage.js";

/** Characters kept of the response as it was announced; it repeats the request's instructions and tools. */
const RESPONSE_MAX = 1_048_576;

/** State of one stream. */
interface Reading {
  readonly request: ParsedRequest;
  readonly meter: OutputMeter;
  readonly usage: StreamUsage;
  readonly kept: KeptItems;
  /** JSON of the response as `response.created` told it; null before, and where it was too long. */
  response: string | null;
  started: boolean;
  /** Number of the last event. */
  sequence: number;
  /** Characters metered. */
  characters: number;
  /** Searches of finished items; those of the terminal event count too. */
  web_searches: number;
  ranTools: boolean;
  id: string | null;
  model: string | null;
  created_at: number | null;
  error: string | null;
  finish_reason: string | null;
  terminal: boolean;
  /** The terminal event, held back until the figures are known, and a `[DONE]` of servers that send one. */
  heldEnd: Uint8Array | null;
  heldDone: Uint8Array | null;
}

const TERMINAL: ReadonlySet<unknown> = new Set<unknown>(["response.completed", "response.incomplete", "response.failed"]);
const LIFECYCLE: ReadonlySet<unknown> = new Set<unknown>(["response.created", "response.queued", "response.in_progress"]);

/** Deltas that are text of a part, and where their index stands. */
const PART_DELTAS: ReadonlyMap<unknown, { kind: PieceKind; index: "content_index" | "summary_index" }> = new Map<
  unknown,
  { kind: PieceKind; index: "content_index" | "summary_index" }
>([
  ["response.output_text.delta", { kind: "output_text", index: "content_index" }],
  ["response.refusal.delta", { kind: "refusal", index: "content_index" }],
  ["response.reasoning_text.delta", { kind: "reasoning_text", index: "content_index" }],
  ["response.reasoning_summary_text.delta", { kind: "summary_text", index: "summary_index" }],
]);

const PART_KINDS: ReadonlySet<unknown> = new Set<unknown>(["output_text", "refusal", "reasoning_text", "summary_text"]);

const AUDIO_DELTA = /audio\.delta$/;

function readHead(reading: Reading, response: Fields): void {
  if (typeof response.id === "string" && response.id !== "") reading.id ??= response.id.slice(0, 256);
  if (typeof response.model === "string" && response.model !== "") reading.model = response.model.slice(0, 256);
  if (typeof response.created_at === "number") reading.created_at ??= response.created_at;
}

function start(reading: Reading, type: unknown, response: unknown): void {
  if (type === "response.created") reading.started = true;
  if (!isObject(response)) return;
  readHead(reading, response);
  if (reading.response !== null) return;
  const json = jsonOf(response);
  if (json !== null && json.length <= RESPONSE_MAX) reading.response = json;
}

function meterText(reading: Reading, item: KeptItem | undefined, text: string): void {
  reading.meter.text(text);
  reading.characters += text.length;
  if (item !== undefined) item.metered += text.length;
}

/** Every delta is metered, also of kinds that are newer than this. */
function readDelta(reading: Reading, type: unknown, event: Fields): void {
  const { delta } = event;
  if (typeof delta !== "string") return;
  if (typeof type === "string" && AUDIO_DELTA.test(type)) {
    meterAudio(reading.meter, delta);
    return;
  }
  const item = reading.kept.at(event.output_index);
  meterText(reading, item, delta);
  if (item === undefined || item.done !== null) return;
  const part = PART_DELTAS.get(type);
  if (part !== undefined) reading.kept.append(item, delta, { kind: part.kind, index: event[part.index] });
  else if (ownField(item.added.type) !== null) reading.kept.append(item, delta);
}

function addItem(reading: Reading, event: Fields): void {
  const { item } = event;
  if (!isObject(item)) return;
  if (!reading.kept.add(event.output_index, item)) reading.usage.flag("items_beyond_bound");
  if (ranAtProvider(item)) reading.ranTools = true;
  if (typeof item.name === "string") reading.meter.text(item.name);
}

/** What came without deltas is metered when its item is finished. */
function finishItem(reading: Reading, event: Fields): void {
  const { item } = event;
  if (!isObject(item)) return;
  if (ranAtProvider(item)) reading.ranTools = true;
  reading.web_searches += toolRuns([item]).web_searches;
  const kept = reading.kept.at(event.output_index);
  const seen = kept?.metered ?? 0;
  reading.characters += Math.max(0, meterItems(reading.meter, [item], seen) - seen);
  if (kept !== undefined) reading.kept.finish(kept, item);
}

function partEvent(reading: Reading, event: Fields, open: boolean): void {
  const item = reading.kept.at(event.output_index);
  if (item === undefined || item.done !== null || !isObject(event.part) || !PART_KINDS.has(event.part.type)) return;
  const kind = event.part.type as PieceKind;
  const index = kind === "summary_text" ? event.summary_index : event.content_index;
  reading.kept.mark(item, { kind, index, open });
}

/** The terminal event tells the usage, and the whole output once more. */
function readTerminal(reading: Reading, type: unknown, response: unknown): void {
  const first = !reading.terminal;
  reading.terminal = true;
  if (type === "response.failed") reading.error ??= "failed";
  if (!isObject(response)) return;
  readHead(reading, response);
  const details = isObject(response.incomplete_details) ? response.incomplete_details.reason : null;
  const status = typeof response.status === "string" ? response.status : String(type).replace("response.", "");
  reading.finish_reason ??= typeof details === "string" ? details.slice(0, 120) : status.slice(0, 120);
  if (type === "response.failed") reading.error = errorWord(response.error) ?? reading.error;
  const output = Array.isArray(response.output) ? (response.output as readonly unknown[]) : [];
  if (first) meterItems(reading.meter, output, reading.characters);
  const runs = toolRuns(output);
  if (runs.ran) reading.ranTools = true;
  if (response.usage === undefined || response.usage === null) return;
  if (!first) reading.usage.flag("usage_after_end");
  const web_searches = Math.max(runs.web_searches, reading.web_searches);
  const metered = reading.meter.tokens;
  reading.usage.take(
    responsesUsage(response.usage, { metered, service_tier: response.service_tier, runs: { ...runs, web_searches } }),
  );
  reading.usage.close();
}

function readTyped(reading: Reading, type: unknown, event: Fields): void {
  const { sequence_number } = event;
  reading.sequence = Number.isSafeInteger(sequence_number) ? (sequence_number as number) : reading.sequence + 1;
  if (LIFECYCLE.has(type)) start(reading, type, event.response);
  else if (TERMINAL.has(type)) readTerminal(reading, type, event.response);
  else if (type === "response.output_item.added") addItem(reading, event);
  else if (type === "response.output_item.done") finishItem(reading, event);
  else if (type === "response.content_part.added" || type === "response.reasoning_summary_part.added")
    partEvent(reading, event, true);
  else if (type === "response.content_part.done" || type === "response.reasoning_summary_part.done")
    partEvent(reading, event, false);
  else if (type === "error") reading.error ??= errorWord(event.error) ?? errorWord(event);
  else readDelta(reading, type, event);
}

/** An event that is no JSON: passed as it came, but never taken for nothing. */
function unreadable(reading: Reading, raw: Uint8Array, data: string): Uint8Array | null {
  reading.usage.flag("event_invalid");
  if (data.includes('"usage"')) reading.usage.take({ ok: false, why: "unreadable" });
  else reading.meter.text(data);
  return reading.terminal ? null : raw;
}

/** A usage with numbers that are none does not count; all else of its event does. */
function withoutUsage(event: Fields): Fields {
  return isObject(event.response) ? { ...event, response: { ...event.response, usage: null } } : event;
}

const DONE = "[DONE]";

function readEvent(reading: Reading, raw: Uint8Array): Uint8Array | null {
  const { event: name, data } = eventFields(raw);
  if (data === null) return reading.terminal ? null : raw;
  if (data.startsWith(DONE)) {
    reading.terminal = true;
    reading.heldDone ??= raw;
    return null;
  }
  const json = eventJson(data);
  if (json === null) return unreadable(reading, raw, data);
  const type = json.fields.type ?? name;
  const ended = reading.terminal;
  const told = isObject(json.fields.response) && (json.fields.response.usage ?? null) !== null;
  if (json.repaired && told) reading.usage.take({ ok: false, why: "nan" });
  readTyped(reading, type, json.repaired ? withoutUsage(json.fields) : json.fields);
  if (ended) {
    reading.usage.flag("event_after_end");
    return null;
  }
  const sound = json.repaired ? eventBytes({ event: name, data: json.data.replace(/[\r\n]/g, " ") }) : raw;
  if (!TERMINAL.has(type)) return sound;
  reading.heldEnd = sound;
  return null;
}

/** The first `{` of an event's data. Its lines may be several, and only white space comes before it. */
const DATA_OPENS = /(?:^|[\r\n]|^\u00ef\u00bb\u00bf)data:[ \t]*\{/;

/** Puts a field into an event's object as its first; every other byte stays. */
function withField(raw: Uint8Array, name: string, json: string): Uint8Array {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  const found = DATA_OPENS.exec(bytes.toString("latin1"));
  if (found === null) return raw;
  const at = found.index + found[0].length;
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(`${JSON.stringify(name)}:${json},`), bytes.subarray(at)]);
}

/** The figures, and what was held back for them: comment, terminal event with `bursar`. */
function closing(reading: Reading, figures: CallFigures): Uint8Array {
  const { heldEnd, heldDone } = reading;
  const end = heldEnd === null ? [] : [withField(heldEnd, "bursar", figuresJson(figures))];
  reading.heldEnd = null;
  reading.heldDone = null;
  return Buffer.concat([Buffer.from(figuresComment(figures)), ...end, ...(heldDone === null ? [] : [heldDone])]);
}

function cut(reading: Reading, figures: CallFigures): Uint8Array {
  if (reading.terminal) return closing(reading, figures);
  const { before, terminal } = cutEvents(reading, figures);
  reading.terminal = true;
  return Buffer.concat([...before, Buffer.from(figuresComment(figures)), terminal]);
}

/** What tools at the provider brought into the input stands only in a final usage: without it the hold is what is known. */
function flagsOf(reading: Reading): readonly string[] {
  const { usage } = reading;
  return usage.final || !reading.ranTools ? usage.flags : [...usage.flags, "usage_invalid:missing"];
}

/** Opens a reader for one attempt. Holds the announced response and items within their bounds, and two events. */
export function openResponsesReader(request: ParsedRequest): StreamReader {
  const reading: Reading = {
    request,
    meter: openOutputMeter(),
    usage: openStreamUsage(),
    kept: openKeptItems(),
    response: null,
    started: false,
    sequence: -1,
    characters: 0,
    web_searches: 0,
    ranTools: false,
    id: null,
    model: null,
    created_at: null,
    error: null,
    finish_reason: null,
    terminal: false,
    heldEnd: null,
    heldDone: null,
  };
  return {
    seen: seenOf(reading, { flags: () => flagsOf(reading) }),
    event: (raw) => readEvent(reading, raw),
    cut: (figures) => cut(reading, figures),
    closing: (figures) => closing(reading, figures),
  };
}
