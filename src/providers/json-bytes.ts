/**
 * The structure of a JSON object in bytes, without building it: where its top-level fields stand, and how to put a value
 * in while every other byte stays as the client sent it (a provider's prompt cache lives from that). Money path: fails
 * closed — what two parsers could read differently (a key twice, a byte order mark, bytes after the end) is refused.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { BursarError } from "../accounting/errors.js";
import type { BodyField, ParsedRequest } from "../call/message.js";
import { CLOSE_ARRAY, CLOSE_OBJECT, COLON, COMMA, closingQuote, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from "./json-syntax.js";

/** One field of an object. */
export type Field = BodyField;

/** A part of the bytes, `end` exclusive. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Nesting allowed in a body; deeper is refused before anything recurses. */
export const DEPTH_MAX = 200;

/** Keys allowed in a body, all levels together. */
export const KEYS_MAX = 100_000;

/** Keys of one object compared one by one; more go into a set. */
const LINEAR_KEYS = 32;

/** Where the walk stands. */
interface Walk {
  readonly bytes: Buffer;
  at: number;
  keys: number;
}

function refuse(message: string): never {
  throw new BursarError("invalid_request", message);
}

function unexpected(walk: Walk): never {
  const { at, bytes } = walk;
  const found = at >= bytes.length ? "the end" : `byte 0x${(bytes[at] as number).toString(16).padStart(2, "0")}`;
  return refuse(`The body is not valid JSON: ${found} at byte ${at} is unexpected.`);
}

/** Moves over white space and answers the byte there, −1 at the end. */
function next(walk: Walk): number {
  const { bytes } = walk;
  let at = walk.at;
  while (at < bytes.length) {
    const byte = bytes[at] as number;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) {
      walk.at = at;
      return byte;
    }
    at++;
  }
  walk.at = at;
  return -1;
}

/** Moves behind a string's closing quote; `at` stands on the opening one. */
function skipString(walk: Walk): void {
  const end = closingQuote(walk.bytes, walk.at);
  walk.at = end < 0 ? walk.bytes.length : end + 1;
  if (end < 0) unexpected(walk);
}

/** Parses JSON text that begins at byte `start`. The parser's own message quotes the body, so it is not passed on. */
function parsed(text: string, start: number): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = error instanceof Error ? /position (\d+)/.exec(error.message)?.[1] : undefined;
    const where = position === undefined ? "" : ` near character ${start + Number(position)}`;
    return refuse(`The body is not valid JSON: a string or a number in it is malformed${where}.`);
  }
}

/** Reads a key, escapes resolved. `at` stands on its opening quote and moves behind the closing one. */
function readKey(walk: Walk): string {
  const start = walk.at;
  if (walk.bytes[start] !== QUOTE) unexpected(walk);
  skipString(walk);
  if (++walk.keys > KEYS_MAX) refuse(`The body has more than ${KEYS_MAX} keys.`);
  const plain = walk.bytes.toString("latin1", start + 1, walk.at - 1);
  if (!/[\\\x80-\xff]/.test(plain)) return plain;
  return parsed(walk.bytes.toString("utf8", start, walk.at), start) as string;
}

/** Remembers the keys of one object and refuses one that comes twice. */
function openKeys(): (key: string) => void {
  const few: string[] = [];
  let many: Set<string> | null = null;
  return (key) => {
    const twice = many === null ? few.includes(key) : many.has(key);
    if (twice) {
      throw new BursarError(
        "invalid_request",
        `The key ${JSON.stringify(key)} stands twice in one object; which one counts is unclear.`,
        {
          parameter: key,
        },
      );
    }
    if (many !== null) many.add(key);
    else if (few.push(key) > LINEAR_KEYS) many = new Set(few);
  };
}

/** Refuses keys that reach for an object's prototype: `__proto__` anywhere, `prototype` inside `constructor`. */
function refusePrototype(key: string, inConstructor: boolean): void {
  if (key === "__proto__" || (inConstructor && key === "prototype")) {
    throw new BursarError("invalid_request", `The key ${JSON.stringify(key)} is not accepted in a body.`, { parameter: key });
  }
}

function skipObject(walk: Walk, options: { depth: number; inConstructor: boolean }, visit?: (field: Field) => void): void {
  walk.at++;
  if (next(walk) === CLOSE_OBJECT) {
    walk.at++;
    return;
  }
  const remember = openKeys();
  for (;;) {
    const keyStart = walk.at;
    const key = readKey(walk);
    refusePrototype(key, options.inConstructor);
    remember(key);
    if (next(walk) !== COLON) unexpected(walk);
    walk.at++;
    next(walk);
    const valueStart = walk.at;
    skipValue(walk, { depth: options.depth, inConstructor: key === "constructor" });
    visit?.({ key, keyStart, valueStart, valueEnd: walk.at });
    const after = next(walk);
    walk.at++;
    if (after === CLOSE_OBJECT) return;
    if (after !== COMMA) {
      walk.at--;
      unexpected(walk);
    }
    next(walk);
  }
}

function skipArray(walk: Walk, depth: number, visit?: (element: Range) => void): void {
  walk.at++;
  if (next(walk) === CLOSE_ARRAY) {
    walk.at++;
    return;
  }
  for (;;) {
    next(walk);
    const start = walk.at;
    skipValue(walk, { depth, inConstructor: false });
    visit?.({ start, end: walk.at });
    const after = next(walk);
    walk.at++;
    if (after === CLOSE_ARRAY) return;
    if (after !== COMMA) {
      walk.at--;
      unexpected(walk);
    }
  }
}

function skipValue(walk: Walk, options: { depth: number; inConstructor: boolean }): void {
  const byte = next(walk);
  if (byte === QUOTE) skipString(walk);
  else if (byte !== OPEN_OBJECT && byte !== OPEN_ARRAY) skipLiteral(walk);
  else {
    const depth = options.depth + 1;
    if (depth > DEPTH_MAX) refuse(`The body is nested deeper than ${DEPTH_MAX} levels.`);
    if (byte === OPEN_OBJECT) skipObject(walk, { ...options, depth });
    else skipArray(walk, depth);
  }
}

const LITERAL = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

/** Moves behind a number or a word. */
function skipLiteral(walk: Walk): void {
  const { bytes } = walk;
  const start = walk.at;
  let at = start;
  while (at < bytes.length) {
    const byte = bytes[at] as number;
    if (byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY || byte <= 0x20) break;
    at++;
  }
  if (at - start > 400 || !LITERAL.test(bytes.toString("latin1", start, at))) unexpected(walk);
  walk.at = at;
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * The top-level fields of a JSON object, in order. Structure only: what stands inside strings is not checked (`readObject`
 * does both). Throws `invalid_request` on anything but one object: broken structure, bytes after it, a byte order mark,
 * a key twice in any object, prototype keys at any depth, more than `DEPTH_MAX` levels or `KEYS_MAX` keys.
 * Cost: about 0.1 ms per 100 KB of text.
 */
export function topLevel(bytes: Uint8Array): readonly Field[] {
  const walk: Walk = { bytes: view(bytes), at: 0, keys: 0 };
  if (next(walk) !== OPEN_OBJECT) {
    if (walk.bytes[0] === 0xef && walk.bytes[1] === 0xbb) refuse("The body begins with a byte order mark; send plain UTF-8.");
    if (walk.at >= walk.bytes.length) refuse("The body is empty; it takes a JSON object.");
    refuse("The body is not a JSON object.");
  }
  const fields: Field[] = [];
  skipObject(walk, { depth: 1, inConstructor: false }, (field) => {
    fields.push(field);
  });
  if (next(walk) !== -1) unexpected(walk);
  return fields;
}

/** The top-level fields of a request's body: as its reader found them, or found now. Throws like `topLevel`. */
export function fieldsIn(request: Pick<ParsedRequest, "body" | "fields">): readonly Field[] {
  const { body, fields } = request;
  return fields !== undefined && fields.of === body ? fields.list : topLevel(body);
}

/** Ranges of the elements of an array that `topLevel` found as a field's value; none when the value is no array. */
export function elementsOf(bytes: Uint8Array, field: Field): readonly Range[] {
  const walk: Walk = { bytes: view(bytes), at: field.valueStart, keys: 0 };
  const elements: Range[] = [];
  if (walk.bytes[walk.at] === OPEN_ARRAY) {
    skipArray(walk, 2, (element) => {
      elements.push(element);
    });
  }
  return elements;
}

/**
 * A JSON object's fields and its value. Throws `invalid_request` for all that `topLevel` refuses, and for bytes that are
 * not valid UTF-8 or not valid JSON. Numbers are doubles: money never travels in these.
 */
export function readObject(bytes: Uint8Array): {
  readonly fields: readonly Field[];
  readonly value: Readonly<Record<string, unknown>>;
} {
  const fields = topLevel(bytes);
  const source = view(bytes);
  // ASCII, which most bodies are, becomes text four times as quickly when it is said to be that.
  const ascii = isAscii(source);
  if (!ascii && !isUtf8(source)) refuse("The body is not valid UTF-8.");
  return { fields, value: parsed(source.toString(ascii ? "latin1" : "utf8"), 0) as Record<string, unknown> };
}

/**
 * Puts values into an object's bytes: in place where the key is present, else right after the first `{`, in the given
 * order. Values are JSON text. Every other byte stays. Throws like `topLevel`; whoever has its answer already passes it on.
 */
export function splice(
  bytes: Uint8Array,
  set: Readonly<Record<string, string>>,
  fields: readonly Field[] = topLevel(bytes),
): Uint8Array {
  const source = view(bytes);
  let added = "";
  for (const key of Object.keys(set)) {
    if (!fields.some((field) => field.key === key)) added += `${JSON.stringify(key)}:${set[key]},`;
  }
  const open = source.indexOf(OPEN_OBJECT) + 1;
  const parts: Uint8Array[] = [];
  let from = 0;
  if (added !== "") {
    parts.push(source.subarray(0, open), Buffer.from(fields.length > 0 ? added : added.slice(0, -1)));
    from = open;
  }
  for (const field of fields) {
    if (!Object.hasOwn(set, field.key)) continue;
    parts.push(source.subarray(from, field.valueStart), Buffer.from(set[field.key] as string));
    from = field.valueEnd;
  }
  if (from === 0) return bytes;
  parts.push(source.subarray(from));
  return Buffer.concat(parts);
}

/** Takes a top-level field out, with the comma that belongs to it. Every other byte stays; unchanged when it is absent. */
export function without(bytes: Uint8Array, key: string): Uint8Array {
  const fields = topLevel(bytes);
  const index = fields.findIndex((field) => field.key === key);
  const field = fields[index];
  if (field === undefined) return bytes;
  const before = fields[index - 1];
  const after = fields[index + 1];
  const start = before?.valueEnd ?? field.keyStart;
  const end = before === undefined ? (after?.keyStart ?? field.valueEnd) : field.valueEnd;
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
}
