/**
 * Cuts a byte stream into Server-Sent Events and reads their fields
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html, read November 2026). Bytes pass as they came. Money
 * path: fails closed — an event beyond its bound ends the stream.
 */
import { type EventSplitter, UpstreamFailure } from "../call/needs.js";

const LF = 0x0a;
const CR = 0x0d;
const LETTER_D = 0x64;
const HELD_MIN = 1024;

/** Bytes of an event whose end has not come yet. Grows by doubling, so that one-byte chunks cost no more than large ones. */
interface Held {
  bytes: Buffer;
  length: number;
}

function hold(held: Held, piece: Uint8Array): void {
  const length = held.length + piece.byteLength;
  if (length > held.bytes.byteLength) {
    const grown = Buffer.allocUnsafe(Math.max(HELD_MIN, held.bytes.byteLength * 2, length));
    held.bytes.copy(grown, 0, 0, held.length);
    held.bytes = grown;
  }
  held.bytes.set(piece, held.length);
  held.length = length;
}

/** Is this one whole event of lines that end by LF? Chunks of paced streams are; to see it is half the work of splitting. */
function isOneEvent(chunk: Uint8Array): boolean {
  const last = chunk.length - 1;
  for (let at = 0; at < last; at++) {
    const byte = chunk[at] as number;
    if (byte > CR) continue;
    if (byte === CR) return false;
    if (byte === LF && (at === 0 || chunk[at + 1] === LF)) return at > 0 && at + 1 === last;
  }
  return false;
}

/**
 * Opens a splitter. `push` answers the events that are complete, each with its terminating blank line, whatever the
 * chunking and the line ends (LF, CR LF, CR). An event longer than `eventBytesMax`, or no line end for as long, throws
 * UpstreamFailure `invalid`. `rest` answers what came after the last blank line, terminated, or null: the stream ended
 * without its last blank line.
 */
export function openSseSplitter(options: { readonly eventBytesMax: number }): EventSplitter {
  const held: Held = { bytes: Buffer.alloc(0), length: 0 };
  let lineIsEmpty = true;
  let afterCr = false;

  function bound(bytes: number): void {
    if (bytes <= options.eventBytesMax) return;
    held.bytes = Buffer.alloc(0);
    held.length = 0;
    throw new UpstreamFailure("invalid", `An event of the stream exceeds ${options.eventBytesMax} bytes.`);
  }

  function take(piece: Uint8Array): Uint8Array {
    bound(held.length + piece.byteLength);
    if (held.length === 0) return piece;
    const whole = Buffer.concat([held.bytes.subarray(0, held.length), piece]);
    held.length = 0;
    return whole;
  }

  function push(chunk: Uint8Array): readonly Uint8Array[] {
    if (held.length === 0 && isOneEvent(chunk)) {
      bound(chunk.byteLength);
      lineIsEmpty = true;
      afterCr = false;
      return [chunk];
    }
    const events: Uint8Array[] = [];
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte !== LF && byte !== CR) {
        lineIsEmpty = false;
        afterCr = false;
        continue;
      }
      if (byte === LF && afterCr) {
        // Second half of CR LF. When the CR already ended an event, this LF leads the next one, where it means nothing.
        afterCr = false;
        continue;
      }
      afterCr = byte === CR;
      if (!lineIsEmpty) {
        lineIsEmpty = true;
        continue;
      }
      if (byte === CR && chunk[at + 1] === LF) {
        at++;
        afterCr = false;
      }
      events.push(take(chunk.subarray(start, at + 1)));
      start = at + 1;
    }
    if (start < chunk.length) {
      bound(held.length + chunk.length - start);
      hold(held, start === 0 ? chunk : chunk.subarray(start));
    }
    return events;
  }

  function rest(): Uint8Array | null {
    const left = held.bytes.subarray(0, held.length);
    held.length = 0;
    if (left.every((byte) => byte === LF || byte === CR)) return null;
    return Buffer.concat([left, Buffer.from("\n\n")]);
  }

  return { push, rest };
}

/** What an event says. `data` null: a comment or nothing at all. Several data lines are joined by a line feed. */
export interface EventFields {
  readonly event: string | null;
  readonly data: string | null;
}

const LINE_END = /\r\n|\n|\r/;

/** The data of an event that is one data line and nothing else, as most are; null for another. */
function onlyData(bytes: Buffer): string | null {
  const end = bytes.length - 2;
  if (bytes[0] !== LETTER_D || bytes[end] !== LF || bytes[end + 1] !== LF) return null;
  if (bytes.indexOf(LF) !== end || bytes.includes(CR)) return null;
  const text = bytes.toString("utf8", 0, end);
  return text.startsWith("data: ") ? text.slice(6) : null;
}

/** Reads one raw event. Comments, ids, retry lines and a leading byte order mark are skipped. */
export function eventFields(raw: Uint8Array): EventFields {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  const only = onlyData(bytes);
  if (only !== null) return { event: null, data: only };
  let text = bytes.toString("utf8");
  if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
  let event: string | null = null;
  let data: string | null = null;
  for (const line of text.split(LINE_END)) {
    if (line.startsWith("data:")) {
      const value = valueFrom(line, 5);
      data = data === null ? value : `${data}\n${value}`;
    } else if (line.startsWith("event:")) event = valueFrom(line, 6);
    else if (line === "data") data = data === null ? "" : `${data}\n`;
  }
  return { event, data };
}

/** The spec takes exactly one space off a value's front. */
function valueFrom(line: string, from: number): string {
  return line.charCodeAt(from) === 0x20 ? line.slice(from + 1) : line.slice(from);
}

/** Writes an event: the event line only when it has a name. `data` must hold no line end. */
export function eventBytes(fields: { readonly event?: string | null; readonly data: string }): Uint8Array {
  const name = fields.event === undefined || fields.event === null ? "" : `event: ${fields.event}\n`;
  return Buffer.from(`${name}data: ${fields.data}\n\n`);
}
