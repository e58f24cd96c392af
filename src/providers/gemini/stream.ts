/**
 * Reads one Gemini stream in either framing: meters what passes, takes its cumulative usage, holds back the chunk that
 * ends it until the figures are known, and can end it well-formed from anywhere. There is no terminal event: a stream is
 * over once every candidate has its finishReason, or the prompt was blocked. Money path: fails closed.
 * Source: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent (read November 2026).
 */
import type { BursarError } from "../../accounting/errors.js";
import type { Usage } from "../../accounting/meter/usage.js";
import type { ParsedRequest } from "../../call/message.js";
import type { CallFigures, StreamReader } from "../../call/needs.js";
import { eventJson } from "../event-json.js";
import { figuresComment, figuresJson } from "../figures-text.js";
import { openOutputMeter } from "../meter-output.js";
import { type Fields, isObject } from "../request-fields.js";
import { seenOf } from "../stream-seen.js";
import { openStreamUsage } from "../stream-usage.js";
import { blockReason, finishReason, meterCandidate } from "./candidates.js";
import { cutChunk } from "./cut.js";
import { type Framing, openArrayFraming, openSseFraming, type Piece } from "./framing.js";
import { openGrounding } from "./grounding.js";
import { geminiErrorText } from "./refuse.js";
import { geminiUsage, tellsTokens } from "./usage.js";

/** Candidates followed per stream; far beyond what can be asked for. */
const CANDIDATES_MAX = 128;

/** A piece with its object's text; `repaired`: it has to be written anew. */
interface Read {
  readonly piece: Piece;
  readonly data: string;
  readonly repaired: boolean;
}

/** State of one stream. */
interface Reading {
  readonly request: ParsedRequest;
  readonly framing: Framing;
  readonly meter: ReturnType<typeof openOutputMeter>;
  readonly usage: ReturnType<typeof openStreamUsage>;
  readonly grounding: ReturnType<typeof openGrounding>;
  /** Per candidate that was seen: has it finished? */
  readonly candidates: Map<number, boolean>;
  id: string | null;
  model: string | null;
  error: string | null;
  finish_reason: string | null;
  blocked: boolean;
  /** The last usage was taken and came when every candidate seen had finished. */
  toldLast: boolean;
  /** Ended by us; a stream that ended by itself shows it in its candidates. */
  terminal: boolean;
  /** The chunk that may be the last one. */
  held: Read | null;
  heldEnd: Uint8Array | null;
}

function finished(reading: Reading): boolean {
  const { blocked, candidates } = reading;
  return blocked || (candidates.size > 0 && [...candidates.values()].every((done) => done));
}

/** Nothing more is to come: all answers that were asked for have finished. */
function complete(reading: Reading): boolean {
  return finished(reading) && (reading.blocked || reading.candidates.size >= reading.request.choices);
}

function isFinal(reading: Reading): boolean {
  return reading.toldLast && finished(reading);
}

/** Until it is final, output that was metered beyond what was told counts. */
function usageSoFar(reading: Reading): Usage | null {
  return reading.usage.usage(isFinal(reading) ? 0 : reading.meter.tokens, reading.model);
}

function readHead(reading: Reading, chunk: Fields): void {
  if (typeof chunk.responseId === "string" && chunk.responseId !== "") reading.id ??= chunk.responseId.slice(0, 256);
  if (typeof chunk.modelVersion === "string" && chunk.modelVersion !== "") reading.model = chunk.modelVersion.slice(0, 256);
}

function readCandidate(reading: Reading, candidate: Fields): void {
  const index = typeof candidate.index === "number" ? candidate.index : 0;
  const reason = finishReason(candidate);
  if (reading.candidates.size >= CANDIDATES_MAX && !reading.candidates.has(index)) {
    reading.usage.flag("candidates_beyond_bound");
  } else reading.candidates.set(index, reading.candidates.get(index) === true || reason !== null);
  reading.finish_reason = reason ?? reading.finish_reason;
  meterCandidate(reading.meter, candidate);
  reading.grounding.read(candidate);
}

function readChunk(reading: Reading, chunk: Fields): void {
  readHead(reading, chunk);
  const candidates: readonly unknown[] = Array.isArray(chunk.candidates) ? chunk.candidates : [];
  for (const candidate of candidates) if (isObject(candidate)) readCandidate(reading, candidate);
  const blocked = candidates.length === 0 ? blockReason(chunk) : null;
  if (blocked === null) return;
  reading.blocked = true;
  reading.finish_reason ??= blocked;
}

function readUsage(reading: Reading, chunk: Fields): void {
  const told = chunk.usageMetadata ?? null;
  const final = finished(reading);
  if (told === null || (!final && !tellsTokens(told))) {
    if (Array.isArray(chunk.candidates)) reading.toldLast = false;
    return;
  }
  const web_searches = reading.grounding.searches(reading.model ?? reading.request.model);
  const read = geminiUsage(told, { metered: reading.meter.tokens, final, web_searches });
  reading.toldLast = reading.usage.take(read) && final;
}

function readError(chunk: Fields): string | null {
  const error = chunk.error ?? null;
  if (error === null || error === false) return null;
  if (!isObject(error)) return typeof error === "string" ? error.slice(0, 120) : "error";
  for (const value of [error.status, error.message]) {
    if (typeof value === "string" && value !== "") return value.slice(0, 120);
  }
  return typeof error.code === "number" ? String(error.code) : "error";
}

/** An event that is no JSON: passed as it came where that breaks nothing, but never taken for nothing. */
function unreadable(reading: Reading, piece: Piece, data: string): Uint8Array | null {
  reading.usage.flag("event_invalid");
  if (data.includes('"usageMetadata"')) {
    reading.usage.take({ ok: false, why: "unreadable" });
    reading.toldLast = false;
  } else reading.meter.text(data);
  return reading.framing.comments && !reading.terminal ? joined([released(reading), piece.raw]) : null;
}

/** Lets go of the held chunk, as it came, when something else comes behind it. */
function released(reading: Reading): Uint8Array | null {
  const { held } = reading;
  reading.held = null;
  return held === null ? null : passed(reading.framing, held);
}

/** A chunk as it came, or written anew where its numbers were none. */
function passed(framing: Framing, read: Read): Uint8Array | null {
  return read.repaired ? framing.rewritten(read.piece, read.data) : framing.forward(read.piece);
}

function joined(parts: readonly (Uint8Array | null)[]): Uint8Array | null {
  const present = parts.filter((part) => part !== null && part.byteLength > 0) as Uint8Array[];
  return present.length === 0 ? null : present.length === 1 ? (present[0] as Uint8Array) : Buffer.concat(present);
}

function readEvent(reading: Reading, raw: Uint8Array): Uint8Array | null {
  const { framing } = reading;
  const piece = framing.piece(raw);
  if (piece.data === null) {
    if (piece.closes) reading.heldEnd ??= raw;
    return framing.comments && !reading.terminal ? raw : null;
  }
  const json = eventJson(piece.data);
  if (json === null) return unreadable(reading, piece, piece.data);
  readChunk(reading, json.fields);
  if (json.repaired) {
    reading.usage.take({ ok: false, why: "nan" });
    reading.toldLast = false;
  } else readUsage(reading, json.fields);
  const error = readError(json.fields);
  reading.error ??= error;
  if (reading.terminal) return null;
  const before = released(reading);
  const read = { piece, data: json.data, repaired: json.repaired };
  if (error !== null || !finished(reading)) return joined([before, passed(framing, read)]);
  reading.held = read;
  return before;
}

/** The figures and what was held back for them: the last chunk with `bursar`, a comment, the end of an array. */
function closing(reading: Reading, figures: CallFigures): Uint8Array {
  const { framing, held } = reading;
  reading.held = null;
  const last =
    held === null ? null : framing.rewritten(held.piece, `{"bursar":${figuresJson(figures)},${held.data.trim().slice(1)}`);
  const comment = framing.comments ? Buffer.from(figuresComment(figures)) : null;
  return joined([last, comment, framing.end(reading.heldEnd)]) ?? new Uint8Array(0);
}

/** Ends the stream as if every open answer had reached its length. */
function cut(reading: Reading, figures: CallFigures): Uint8Array {
  if (complete(reading) || reading.terminal) return closing(reading, figures);
  const { request, candidates, id, model, framing, meter } = reading;
  const standing = { request, candidates, usage: usageSoFar(reading), metered: meter.tokens, id, model };
  const before = released(reading);
  const chunk = framing.own(cutChunk(standing, figures));
  reading.terminal = true;
  return joined([before, chunk, closing(reading, figures)]) as Uint8Array;
}

/** An error where the stream stands. Inside an array it is its last element. */
function failing(reading: Reading, error: BursarError, callId: string): Uint8Array {
  const { framing } = reading;
  reading.terminal = true;
  reading.held = null;
  return joined([framing.own(geminiErrorText(error, callId)), framing.end(null)]) as Uint8Array;
}

/** Opens a reader for one attempt. Holds the state of its candidates, 256 characters of text, its queries and one chunk. */
export function openGeminiReader(request: ParsedRequest): StreamReader {
  const reading: Reading = {
    request,
    framing: request.target.framing === "json" ? openArrayFraming() : openSseFraming(),
    meter: openOutputMeter(),
    usage: openStreamUsage(),
    grounding: openGrounding(),
    candidates: new Map(),
    id: null,
    model: null,
    error: null,
    finish_reason: null,
    blocked: false,
    toldLast: false,
    terminal: false,
    held: null,
    heldEnd: null,
  };
  return {
    seen: seenOf(reading, {
      usage: () => usageSoFar(reading),
      usage_final: () => isFinal(reading),
      terminal: () => reading.terminal || complete(reading),
    }),
    event: (raw) => readEvent(reading, raw),
    cut: (figures) => cut(reading, figures),
    closing: (figures) => closing(reading, figures),
    failing: (error, callId) => failing(reading, error, callId),
  };
}
