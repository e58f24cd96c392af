/** Reads the fields of a request's JSON body, strictly. Throws Refusal on what a provider answers with 400. */
import { Refusal } from "./refusal.js";

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/** Is it a JSON object? */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object, or an empty one. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

/** The array, or an empty one. */
export function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The text, or null. */
export function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** The text, or none. */
export function wordOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A body's object. Throws Refusal unless it is one, in UTF-8. */
export function parseBody(body: Uint8Array): Fields {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    throw new Refusal(400, `We could not parse the JSON body of your request: ${String(error)}`);
  }
  if (!isFields(value)) throw new Refusal(400, "The body must be a JSON object.");
  return value;
}

/** A positive integer, null when absent. Throws Refusal on anything else. */
export function positive(fields: Fields, name: string): number | null {
  const value = fields[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1)
    throw new Refusal(400, `${name}: must be an integer of at least 1, not ${JSON.stringify(value)}`, { param: name });
  return value;
}

/** The model that body or path names. Throws Refusal without one. */
export function modelOf(fields: Fields, path: string | undefined): string {
  const model = textOf(fields.model) ?? textOf(path);
  if (model === null) throw new Refusal(400, "model: Field required", { param: "model" });
  return model;
}

/** Does the body ask for a stream? Throws Refusal unless it says so in a boolean. */
export function streamOf(fields: Fields): boolean {
  const { stream } = fields;
  if (stream !== undefined && stream !== null && typeof stream !== "boolean")
    throw new Refusal(400, "stream: must be a boolean", { param: "stream" });
  return stream === true;
}

/** A list of at least one. Throws Refusal on anything else. */
export function filled(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name];
  if (!Array.isArray(value) || value.length === 0) throw new Refusal(400, `${name}: at least one is required`, { param: name });
  return value;
}
