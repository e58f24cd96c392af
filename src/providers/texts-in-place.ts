/**
 * Reads a JSON body without making texts of its prompts: a dialect says where its texts stand; long ones are measured
 * there, byte by byte, and taken out, and what is left, which is short, is parsed. Most of a request is its prompt, of which
 * nobody but the provider needs more than its size. Money path: fails closed — what this does not understand, and what it
 * would refuse, is read again by `readObject`, which decides and says why.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { BursarError } from "../accounting/errors.js";
import { openWalk, type TextWalk } from "../accounting/meter/estimate.js";
import { walkJsonString } from "../accounting/meter/walk-json-string.js";
import { DEPTH_MAX, type Field, KEYS_MAX, readObject } from "./json-bytes.js";
import {
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  closingQuote,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
} from "./json-syntax.js";
import { openPlacedText } from "./placed-text.js";
import { type Fields, isObject } from "./request-fields.js";

/** Where texts stand in a JSON value: it is one, its elements are or hold some, its fields do. */
export interface Places {
  readonly text?: true;
  readonly each?: Places;
  readonly fields?: Readonly<Record<string, Places>>;
}

/** A body as a dialect reads it. Texts at its places may be placed ones. */
export interface BodyRead {
  readonly fields: readonly Field[];
  readonly value: Fields;
}

/** Shorter texts are parsed with the rest: to take one out costs about as much as to parse so many bytes. */
const TAKEN_MIN = 64;

/** Keys of one object that are compared with one another; an object with more is left to `readObject`. */
const OBJECT_KEYS_MAX = 64;

/** What begins the text that stands for one taken out. A client's text that begins so, or may, is taken out whatever its length. */
const MARK = 0x7f;
const LETTER_U = 0x75;

interface Taken {
  /** Behind the opening quote, and at the closing one. */
  readonly from: number;
  readonly to: number;
  readonly walk: TextWalk;
}

/** A walk over a body. Its functions answer false where they do not understand. */
interface BodyWalk {
  readonly bytes: Buffer;
  at: number;
  keys: number;
  readonly taken: Taken[];
  readonly fields: Field[];
  /** Start and end of the keys of the objects that are open, the outermost first. */
  readonly open: number[];
}

/** Moves over white space and answers the byte there; undefined at the end. */
function next(walk: BodyWalk): number | undefined {
  const { bytes } = walk;
  let { at } = walk;
  let byte = bytes[at];
  while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++at];
  walk.at = at;
  return byte;
}

function skipString(walk: BodyWalk): boolean {
  const end = closingQuote(walk.bytes, walk.at);
  walk.at = end + 1;
  return end >= 0;
}

function takeText(walk: BodyWalk): boolean {
  const { bytes } = walk;
  const from = walk.at + 1;
  const measured = openWalk();
  const to = walkJsonString(measured, bytes, from);
  if (to < 0) return false;
  walk.at = to + 1;
  const marked = bytes[from] === MARK || (bytes[from] === BACKSLASH && bytes[from + 1] === LETTER_U);
  if (to - from >= TAKEN_MIN || marked) walk.taken.push({ from, to, walk: measured });
  return true;
}

function isSame(bytes: Buffer, one: number, other: { start: number; length: number }): boolean {
  for (let n = 0; n < other.length; n++) if (bytes[one + n] !== bytes[other.start + n]) return false;
  return true;
}

/**
 * Reads a key: false where it is written with escapes or characters beyond ASCII, is one of those that reach for a prototype,
 * or stands twice in its object, whose keys begin at `first` in `walk.open`.
 */
function takeKey(walk: BodyWalk, first: number): boolean {
  const { bytes, open } = walk;
  if (bytes[walk.at] !== QUOTE || ++walk.keys > KEYS_MAX) return false;
  const start = walk.at + 1;
  let at = start;
  for (let byte = bytes[at]; byte !== QUOTE; byte = bytes[++at]) {
    if (byte === undefined || byte < 0x20 || byte >= 0x7f || byte === BACKSLASH) return false;
  }
  const length = at - start;
  // `__proto__` and `prototype`, which is only allowed outside of `constructor`.
  if (length === 9 && (isWritten(bytes, start, "__proto__") || isWritten(bytes, start, "prototype"))) return false;
  if (open.length - first >= 2 * OBJECT_KEYS_MAX) return false;
  for (let known = first; known < open.length; known += 2) {
    const from = open[known] as number;
    if ((open[known + 1] as number) - from === length && isSame(bytes, from, { start, length })) return false;
  }
  open.push(start, at);
  walk.at = at + 1;
  return true;
}

function isWritten(bytes: Buffer, start: number, key: string): boolean {
  for (let n = 0; n < key.length; n++) if (bytes[start + n] !== key.charCodeAt(n)) return false;
  return true;
}

/** The places of the field whose key was read last. */
function placesOfKey(walk: BodyWalk, places: Places | undefined): Places | undefined {
  if (places?.fields === undefined) return undefined;
  const { bytes, open } = walk;
  const start = open[open.length - 2] as number;
  const length = (open[open.length - 1] as number) - start;
  for (const key in places.fields) if (key.length === length && isWritten(bytes, start, key)) return places.fields[key];
  return undefined;
}

function walkObject(walk: BodyWalk, places: Places | undefined, depth: number): boolean {
  const { bytes, open } = walk;
  const first = open.length;
  walk.at++;
  if (next(walk) === CLOSE_OBJECT) {
    walk.at++;
    return true;
  }
  for (;;) {
    const keyStart = walk.at;
    if (!takeKey(walk, first)) return false;
    const keyEnd = walk.at;
    if (next(walk) !== COLON) return false;
    walk.at++;
    next(walk);
    const valueStart = walk.at;
    if (!walkValue(walk, placesOfKey(walk, places), depth)) return false;
    if (depth === 1) {
      walk.fields.push({ key: bytes.toString("latin1", keyStart + 1, keyEnd - 1), keyStart, valueStart, valueEnd: walk.at });
    }
    const after = next(walk);
    walk.at++;
    if (after === CLOSE_OBJECT) break;
    if (after !== COMMA) return false;
    next(walk);
  }
  open.length = first;
  return true;
}

function walkArray(walk: BodyWalk, places: Places | undefined, depth: number): boolean {
  walk.at++;
  if (next(walk) === CLOSE_ARRAY) {
    walk.at++;
    return true;
  }
  for (;;) {
    if (!walkValue(walk, places?.each, depth)) return false;
    const after = next(walk);
    walk.at++;
    if (after === CLOSE_ARRAY) return true;
    if (after !== COMMA) return false;
  }
}

/** Moves behind a number or a word, which the parser looks at. */
function skipLiteral(walk: BodyWalk): boolean {
  const { bytes } = walk;
  let { at } = walk;
  for (let byte = bytes[at]; byte !== undefined && byte > 0x20; byte = bytes[++at]) {
    if (byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) break;
  }
  walk.at = at;
  return at < bytes.length;
}

function walkValue(walk: BodyWalk, places: Places | undefined, depth: number): boolean {
  const byte = next(walk);
  if (byte === QUOTE) return places?.text === true ? takeText(walk) : skipString(walk);
  if (byte !== OPEN_OBJECT && byte !== OPEN_ARRAY) return skipLiteral(walk);
  if (depth === DEPTH_MAX) return false;
  return byte === OPEN_OBJECT ? walkObject(walk, places, depth + 1) : walkArray(walk, places, depth + 1);
}

/** The body as text, with a mark and its number in place of each text that was taken out. */
function withoutTexts({ bytes, taken }: BodyWalk, ascii: boolean): string {
  const encoding = ascii ? "latin1" : "utf8";
  const piece = (from: number, to: number): string => bytes.toString(encoding, from, to);
  let text = "";
  let from = 0;
  for (let n = 0; n < taken.length; n++) {
    const { from: start, to } = taken[n] as Taken;
    text += `${piece(from, start)}\x7f${n}`;
    from = to;
  }
  return text + piece(from, bytes.length);
}

/** Puts placed texts where their marks are. */
function putBack(value: unknown, places: Places | undefined, placed: (mark: string) => unknown): unknown {
  if (places === undefined) return value;
  if (typeof value === "string") return places.text === true && value.charCodeAt(0) === MARK ? placed(value) : value;
  if (Array.isArray(value)) {
    if (places.each === undefined) return value;
    for (let n = 0; n < value.length; n++) value[n] = putBack(value[n], places.each, placed);
  } else if (isObject(value) && places.fields !== undefined) {
    const object = value as Record<string, unknown>;
    for (const key in places.fields) {
      const held = object[key];
      if (held !== undefined && held !== null) object[key] = putBack(held, places.fields[key], placed);
    }
  }
  return value;
}

/** The body with its long texts left where they are; null where that is not understood. */
function readPlaced(body: Uint8Array, places: Places): BodyRead | null {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const ascii = isAscii(bytes);
  if (!ascii && !isUtf8(bytes)) return null;
  const walk: BodyWalk = { bytes, at: 0, keys: 0, taken: [], fields: [], open: [] };
  if (next(walk) !== OPEN_OBJECT || !walkObject(walk, places, 1) || next(walk) !== undefined) return null;
  let value: unknown;
  try {
    value = JSON.parse(withoutTexts(walk, ascii));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (walk.taken.length > 0) {
    const placed = (mark: string) => openPlacedText(bytes, walk.taken[Number(mark.slice(1))] as Taken);
    putBack(value, places, placed);
  }
  return { fields: walk.fields, value: value as Fields };
}

/**
 * Reads a JSON body by `read`, whose texts at `places` may be placed ones. Throws what `readObject` and `read` throw of the
 * body parsed whole.
 */
export function readBody<T>(body: Uint8Array, places: Places, read: (object: BodyRead) => T): T {
  const placed = readPlaced(body, places);
  if (placed !== null) {
    try {
      return read(placed);
    } catch (error) {
      if (!(error instanceof BursarError)) throw error;
    }
  }
  return read(readObject(body));
}
