/**
 * JSON of protocol buffers: every field has a camelCase and a snake_case name, and a list of one may stand without its
 * brackets. Money path: fails closed — a field under both names is refused, for which one counts is unclear.
 * Source: https://protobuf.dev/programming-guides/json (read November 2026).
 */
import { BursarError } from "../../accounting/errors.js";
import { elementsOf, type Field, type Range } from "../json-bytes.js";
import { type Fields, isObject, refuseShape } from "../request-fields.js";

/** The camelCase name of a field, whichever way it is written. */
export function camelName(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** An object's fields by their camelCase names. Throws `invalid_request` when one is there under both of its names. */
export function protoFields(value: Fields): Fields {
  const names = Object.keys(value);
  if (!names.some((name) => name.includes("_"))) return value;
  const fields = new Map<string, unknown>();
  for (const name of names) {
    const camel = camelName(name);
    if (fields.has(camel)) {
      throw new BursarError("invalid_request", `${camel} is sent in both of its spellings; send one of them.`, {
        parameter: camel,
      });
    }
    fields.set(camel, value[name]);
  }
  return Object.fromEntries(fields);
}

/** A nested message by its camelCase names; null when absent or null. Throws `invalid_request` for anything but an object. */
export function messageField(fields: Fields, name: string): Fields | null {
  const value = fields[name] ?? null;
  if (value === null) return null;
  return isObject(value) ? protoFields(value) : refuseShape(name, value, "an object");
}

/** The messages of a repeated field, by their camelCase names; a single one counts as a list of it. */
export function messagesField(fields: Fields, name: string): readonly Fields[] {
  const value = fields[name] ?? [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.map((element, index) =>
    isObject(element) ? protoFields(element) : refuseShape(`${name}[${index}]`, element, "an object"),
  );
}

/** Where the elements of a repeated field stand, in step with `messagesField`. */
export function rangesOf(bytes: Uint8Array, field: Field | undefined): readonly Range[] {
  if (field === undefined) return [];
  if (bytes[field.valueStart] === 0x5b) return elementsOf(bytes, field);
  return bytes[field.valueStart] === 0x7b ? [{ start: field.valueStart, end: field.valueEnd }] : [];
}
