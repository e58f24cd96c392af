/** Reads the JSON of a stream's event, also where a server wrote numbers that JSON does not have. Never throws on what came. */
import { type Fields, isObject } from "./request-fields.js";

/** An event's object. `repaired`: it held NaN or Infinity, which `data` now has as null; nothing it says of usage counts. */
export interface EventJson {
  readonly fields: Fields;
  readonly data: string;
  readonly repaired: boolean;
}

const STRING_OR_NO_NUMBER = /"(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity)\b/g;

function objectOf(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Parses an event's data; null when it is no object, repaired or not. */
export function eventJson(data: string): EventJson | null {
  const fields = objectOf(data);
  if (fields !== null) return { fields, data, repaired: false };
  if (!/NaN|Infinity/.test(data)) return null;
  const mended = data.replace(STRING_OR_NO_NUMBER, (found) => (found.startsWith('"') ? found : "null"));
  const repaired = objectOf(mended);
  return repaired === null ? null : { fields: repaired, data: mended, repaired: true };
}
