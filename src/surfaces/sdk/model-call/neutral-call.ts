/**
 * A call that is met above the wire: what a framework is about to send, as the road reads it. Money path: fails closed —
 * what the framework's call holds and this does not know is named, and refused on hard budgets.
 */
import { BursarError } from "../../../accounting/errors.js";
import type { Message, ParsedRequest, Part } from "../../../call/message.js";
import { fieldsOutside, integerField, isObject, jsonBytes, modelField, objectsField } from "../../../providers/request-fields.js";

/** A tool as the framework declares it. */
export interface NeutralTool {
  readonly name: string;
  /** As the provider will read it, about; its bytes count. */
  readonly declaration: unknown;
  readonly server_side: boolean;
  readonly uses_max: number | null;
}

/** A framework's call. Media are there by size; texts are whole. */
export interface NeutralCall {
  readonly model: string;
  readonly stream: boolean;
  readonly output_cap: number | null;
  readonly choices: number;
  readonly tool_uses_max: number | null;
  readonly thinking: boolean;
  readonly cache_writes: "none" | "5m" | "1h";
  readonly system: readonly Part[];
  readonly messages: readonly Message[];
  readonly tools: readonly NeutralTool[];
  /** What else the model reads, such as the schema of its answer. */
  readonly more: unknown;
  readonly unknown_fields: readonly string[];
  readonly service_tier: string | null;
}

/** The call as bytes: what is admitted, bounded and spliced. */
export function bodyOf(call: NeutralCall): Uint8Array {
  return Buffer.from(JSON.stringify(call));
}

const KNOWN = new Set(
  "model stream output_cap choices tool_uses_max thinking cache_writes system messages tools more unknown_fields service_tier".split(
    " ",
  ),
);

function objectIn(body: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8"));
  } catch (cause) {
    throw new BursarError("invalid_request", "The call is not JSON.", {}, { cause });
  }
  if (!isObject(value)) throw new BursarError("invalid_request", "The call is not a JSON object.");
  return value;
}

/** Reads a call's bytes. Throws BursarError `invalid_request`. */
export function readModelCall(body: Uint8Array): ParsedRequest {
  const fields = objectIn(body);
  const call = fields as unknown as NeutralCall;
  const tools = objectsField(fields, "tools") as unknown as readonly NeutralTool[];
  const messages = objectsField(fields, "messages") as unknown as readonly Message[];
  const system = objectsField(fields, "system") as unknown as readonly Part[];
  const named = Array.isArray(call.unknown_fields) ? call.unknown_fields.map(String) : [];
  return {
    body,
    target: {},
    billed: "all",
    model: modelField(fields),
    stream: call.stream === true,
    output_cap: integerField(fields, "output_cap", { min: 1 }),
    tool_uses_max: integerField(fields, "tool_uses_max", { min: 0 }),
    choices: integerField(fields, "choices", { min: 1, max: 128 }) ?? 1,
    wants_usage: true,
    thinking: call.thinking === true,
    cache_writes: call.cache_writes === "5m" || call.cache_writes === "1h" ? call.cache_writes : "none",
    system,
    messages,
    tools: tools.map(({ name, declaration, server_side, uses_max }) => ({
      name,
      bytes: jsonBytes(declaration),
      server_side,
      uses_max,
    })),
    unknown_fields: [...fieldsOutside(fields, KNOWN), ...named],
    body_user: null,
    body_tags: {},
    service_tier: typeof call.service_tier === "string" ? call.service_tier : null,
  };
}

/** The output cap that a prepared call carries; null: none. */
export function capIn(body: Uint8Array): number | null {
  return integerField(objectIn(body), "output_cap", { min: 1 });
}
