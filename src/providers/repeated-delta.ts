/**
 * Most events of a stream are the one before with another text in it. Such an event is known by its bytes, which are the
 * same on both sides of its text: nothing else of it needs to be parsed again, and its text is metered where it stands.
 * Money path: fails closed — an event that differs in any other byte is read like any.
 */
import { isUtf8 } from "node:buffer";
import { BACKSLASH, COLON, QUOTE } from "./json-syntax.js";
import type { OutputMeter } from "./meter-output.js";

/** Knows the last event that only brought a text. */
export interface RepeatedDelta {
  /**
   * Remembers an event that was read and did nothing but meter the value of `key`, which is a string in it. Remembers nothing
   * where that key stands in it more than once, or as no string.
   */
  remember(raw: Uint8Array, key: string): void;
  /** Whatever comes next is to be read: what the last event did may not be all that it would do again. */
  forget(): void;
  /** Is this the remembered event with another text? That is then metered. */
  repeats(raw: Uint8Array, meter: OutputMeter): boolean;
}

/** Longest event that is remembered: its bytes are kept for the stream's life. */
const REMEMBERED_MAX = 2_048;

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Where the string ends that begins at `from`: its closing quote, or the end of the bytes. */
function endOfString(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}

/** Opens it for one stream, knowing nothing. */
export function openRepeatedDelta(): RepeatedDelta {
  let before: Buffer | null = null;
  let after: Buffer = Buffer.alloc(0);

  return {
    remember(raw, key) {
      before = null;
      if (raw.byteLength > REMEMBERED_MAX) return;
      const bytes = bufferOf(raw);
      // A quote inside of a string is escaped, so this is a key wherever it stands.
      const at = bytes.indexOf(`"${key}"`);
      const from = at + key.length + 4;
      const alone = at >= 0 && bytes.indexOf(`"${key}"`, at + 1) < 0;
      if (!alone || bytes[from - 2] !== COLON || bytes[from - 1] !== QUOTE) return;
      before = Buffer.from(bytes.subarray(0, from));
      after = Buffer.from(bytes.subarray(endOfString(bytes, from)));
    },
    forget() {
      before = null;
    },
    repeats(raw, meter) {
      if (before === null) return false;
      const from = before.byteLength;
      const to = raw.byteLength - after.byteLength;
      if (to < from) return false;
      const bytes = bufferOf(raw);
      if (before.compare(bytes, 0, from) !== 0 || after.compare(bytes, to) !== 0) return false;
      return isUtf8(bytes) && meter.json(bytes, from, to);
    },
  };
}
