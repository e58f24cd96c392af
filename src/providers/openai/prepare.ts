/**
 * Splices what Bursar decided into a request's bytes. Money path: fails closed — the cap that is held is the cap that is
 * sent, in the field that the provider reads.
 */
import type { ParsedRequest } from "../../call/message.js";
import type { Quirks, Splice } from "../../call/needs.js";
import { type Field, fieldsIn, splice, without } from "../json-bytes.js";

/** Fields that take the output cap in a dialect. */
export interface CapFields {
  readonly names: readonly string[];
  /** The one that a provider reads whichever the client wrote: it is always sent. */
  readonly always?: string;
  /** The one for a request that has none. */
  readonly missing: (model: string) => string;
}

const NULL = Buffer.from("null");
const NO_OPTIONS = Buffer.from("{}");

/** A field of a body that is present; a null value counts as absent. */
function fieldNamed(body: Uint8Array, fields: readonly Field[], name: string): Field | null {
  const field = fields.find(({ key }) => key === name);
  if (field === undefined) return null;
  const { valueStart, valueEnd } = field;
  const isNull = valueEnd - valueStart === NULL.byteLength && NULL.equals(body.subarray(valueStart, valueEnd));
  return isNull ? null : field;
}

/** The client's own stream options with usage asked for. */
function streamOptions(body: Uint8Array, field: Field | null): string {
  const own = field === null ? NO_OPTIONS : body.subarray(field.valueStart, field.valueEnd);
  return Buffer.from(splice(own, { include_usage: "true" })).toString("utf8");
}

function capsToSet(of: { request: ParsedRequest; changes: Splice; caps: CapFields; has: (name: string) => boolean }): string[] {
  const { request, changes, caps, has } = of;
  const always = caps.always !== undefined && !has(caps.always) ? [caps.always] : [];
  if (changes.output_cap === undefined || changes.output_cap === request.output_cap) return always;
  const used = [...caps.names.filter(has), ...(caps.always === undefined ? [] : [caps.always])];
  return used.length > 0 ? [...new Set(used)] : [caps.missing(changes.model ?? request.model)];
}

/** The bytes to send; the client's own where nothing is to be changed. */
export function prepareOpenAi(
  request: ParsedRequest,
  changes: Splice,
  options: { caps?: CapFields; quirks?: Quirks },
): Uint8Array {
  const set: Record<string, string> = {};
  const fields = fieldsIn(request);
  const named = (name: string): Field | null => fieldNamed(request.body, fields, name);
  const has = (name: string): boolean => named(name) !== null;
  const model = changes.model ?? request.model;
  // A model that only the client's path named is not in the path that is sent, save by a provider that has it there too.
  if (model !== request.model || !has("model")) set.model = JSON.stringify(model);
  const cap = changes.output_cap ?? request.output_cap;
  if (options.caps !== undefined && cap !== null) {
    const names = capsToSet({ request, changes, caps: options.caps, has });
    for (const name of names) set[name] = String(cap);
  }
  if (options.quirks?.no_stream_options === true) {
    return without(Object.keys(set).length === 0 ? request.body : splice(request.body, set, fields), "stream_options");
  }
  // A client that asked for usage sent exactly this already.
  if (changes.include_usage === true && request.stream && !request.wants_usage)
    set.stream_options = streamOptions(request.body, named("stream_options"));
  return Object.keys(set).length === 0 ? request.body : splice(request.body, set, fields);
}
