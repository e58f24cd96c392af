/**
 * Cuts a stream that is one JSON array into its elements, as Gemini frames one without `alt=sse`. Bytes pass as they came:
 * an element brings the separator before it along, so that all pieces together are the stream. Money path: fails closed —
 * an element beyond its bound ends the stream. Source: https://ai.google.dev/api/generate-content (read November 2026).
 */
import { type EventSplitter, UpstreamFailure } from "../../call/needs.js";
import { BACKSLASH, CLOSE_ARRAY, CLOSE_OBJECT, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from "../json-syntax.js";

const HELD_MIN = 1024;

/** Where the bytes so far end: inside a string, how deep inside an element, inside the array at all. */
interface Standing {
  inString: boolean;
  escaped: boolean;
  nested: number;
  opened: boolean;
}

/** Moves over one byte that is not in a string; true when it ends an element or the array. */
function structure(standing: Standing, byte: number): boolean {
  if (byte === QUOTE) standing.inString = true;
  else if (byte === OPEN_ARRAY && !standing.opened && standing.nested === 0) standing.opened = true;
  else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) standing.nested++;
  else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
    if (standing.nested === 0) return byte === CLOSE_ARRAY;
    standing.nested--;
    return standing.nested === 0;
  }
  return false;
}

/** Moves over one byte; true when it ends an element or the array. */
function step(standing: Standing, byte: number): boolean {
  if (!standing.inString) return structure(standing, byte);
  if (standing.escaped) standing.escaped = false;
  else if (byte === BACKSLASH) standing.escaped = true;
  else if (byte === QUOTE) standing.inString = false;
  return false;
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09);
}

/**
 * Opens a splitter. The first piece has the array's `[`, the next ones the comma before them, the last is the `]`. `rest`
 * answers an element that broke off, or null. More than `eventBytesMax` without an end throws UpstreamFailure `invalid`.
 */
export function openJsonArraySplitter(options: { readonly eventBytesMax: number }): EventSplitter {
  const standing: Standing = { inString: false, escaped: false, nested: 0, opened: false };
  let held = Buffer.alloc(0);
  let length = 0;

  function bound(bytes: number): void {
    if (bytes <= options.eventBytesMax) return;
    held = Buffer.alloc(0);
    length = 0;
    throw new UpstreamFailure("invalid", `An element of the stream exceeds ${options.eventBytesMax} bytes.`);
  }

  // Grows by doubling, so that one-byte chunks cost no more than large ones.
  function hold(piece: Uint8Array): void {
    const total = length + piece.byteLength;
    if (total > held.byteLength) {
      const grown = Buffer.allocUnsafe(Math.max(HELD_MIN, held.byteLength * 2, total));
      held.copy(grown, 0, 0, length);
      held = grown;
    }
    held.set(piece, length);
    length = total;
  }

  function take(piece: Uint8Array): Uint8Array {
    bound(length + piece.byteLength);
    if (length === 0) return piece;
    const whole = Buffer.concat([held.subarray(0, length), piece]);
    length = 0;
    return whole;
  }

  return {
    push(chunk) {
      const elements: Uint8Array[] = [];
      let start = 0;
      for (let at = 0; at < chunk.length; at++) {
        if (!step(standing, chunk[at] as number)) continue;
        elements.push(take(chunk.subarray(start, at + 1)));
        start = at + 1;
      }
      if (start < chunk.length) {
        bound(length + chunk.length - start);
        hold(start === 0 ? chunk : chunk.subarray(start));
      }
      return elements;
    },
    rest() {
      const left = Buffer.from(held.subarray(0, length));
      length = 0;
      return isBlank(left) ? null : left;
    },
  };
}
