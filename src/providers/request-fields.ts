/** Reads fields of a request body, and refuses by name what is not of their type. Money path: fails closed. */
import { BursarError } from "../accounting/errors.js";

/** A parsed JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/** Is it a JSON object (not null, not an array)? */
export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Longest text that a message shows; longer may be a prompt, which no error holds. */
const SHOWN_MAX = 40;

/** What kind of value it is, in words; never the value itself. */
export function shapeOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (typeof value === "string") return `text of ${value.length} characters`;
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

function shown(value: unknown): string {
  return typeof value === "string" && value.length <= SHOWN_MAX ? JSON.stringify(value) : shapeOf(value);
}

/** Throws `invalid_request` naming the field, its value and what it takes. */
export function refuseField(name: string, value: unknown, takes: string): never {
  throw new BursarError("invalid_request", `${name} is ${shown(value)}; it takes ${takes}.`, {
    parameter: name,
    value: shown(value),
  });
}

/** The same for fields that hold prompts: names the kind of value only. */
export function refuseShape(name: string, value: unknown, takes: string): never {
  throw new BursarError("invalid_request", `${name} is ${shapeOf(value)}; it takes ${takes}.`, { parameter: name });
}

/** A whole number within bounds; null when absent or null. Throws `invalid_request` for text, fractions, 1e309 and the like. */
export function integerField(
  fields: Fields,
  name: string,
  bounds: { readonly min: number; readonly max?: number },
): number | null {
  const value = fields[name] ?? null;
  if (value === null) return null;
  const max = bounds.max ?? Number.MAX_SAFE_INTEGER;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= bounds.min && value <= max) return value;
  const upTo = bounds.max === undefined ? `of at least ${bounds.min}` : `from ${bounds.min} to ${bounds.max}`;
  return refuseField(name, value, `a whole number ${upTo}`);
}

/** True or false; false when absent or null. */
export function booleanField(fields: Fields, name: string): boolean {
  const value = fields[name] ?? false;
  return typeof value === "boolean" ? value : refuseField(name, value, "true or false");
}

/** An object; null when absent or null. */
export function objectField(fields: Fields, name: string): Fields | null {
  const value = fields[name] ?? null;
  return value === null || isObject(value) ? value : refuseField(name, value, "an object");
}

/** An array of objects; empty when absent or null. */
export function objectsField(fields: Fields, name: string): readonly Fields[] {
  const value = fields[name] ?? [];
  if (!Array.isArray(value)) return refuseShape(name, value, "an array");
  value.forEach((element, index) => {
    if (!isObject(element)) refuseShape(`${name}[${index}]`, element, "an object");
  });
  return value as readonly Fields[];
}

/** Text; null when absent or null. */
export function textField(fields: Fields, name: string): string | null {
  const value = fields[name] ?? null;
  return value === null || typeof value === "string" ? value : refuseField(name, value, "text");
}

/** The model: text that is not blank. */
export function modelField(fields: Fields): string {
  const model = textField(fields, "model");
  return model !== null && model.trim() !== "" ? model : refuseField("model", model, "the name of a model");
}

/** Names of present fields that are not on the list; null counts as absent. */
export function fieldsOutside(fields: Fields, known: ReadonlySet<string>): string[] {
  return Object.keys(fields).filter((name) => !known.has(name) && fields[name] !== null);
}

/** Tags of `metadata.tags`: `"a=b,c=d"`, `["a=b", "c"]` or `{"a": "b"}`; a name without a value is `true`. Else none. */
export function tagsOf(metadata: Fields | null): Readonly<Record<string, string>> {
  const tags = metadata?.tags ?? null;
  if (isObject(tags))
    return Object.fromEntries(Object.entries(tags).filter((tag): tag is [string, string] => typeof tag[1] === "string"));
  const listed = typeof tags === "string" ? tags.split(",") : Array.isArray(tags) ? tags : [];
  const pairs: [string, string][] = [];
  for (const tag of listed) {
    if (typeof tag !== "string" || tag.trim() === "") continue;
    const equals = tag.indexOf("=");
    pairs.push(equals < 0 ? [tag.trim(), "true"] : [tag.slice(0, equals).trim(), tag.slice(equals + 1).trim()]);
  }
  return Object.fromEntries(pairs);
}

/** Bytes that base64 text stands for. */
export function base64Bytes(text: string): number {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return Math.max(0, Math.floor((text.length * 3) / 4) - padding);
}

/** UTF-8 bytes of a value written as compact JSON. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? "");
}
