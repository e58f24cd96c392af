/**
 * Gemini's generateContent, streamGenerateContent and countTokens, the wire format. Pure functions over bytes. Money path:
 * fails closed. Source: https://ai.google.dev/api/generate-content and https://ai.google.dev/api/tokens (read November 2026).
 */
import type { ParsedRequest, RequestTarget } from "../../call/message.js";
import type { Dialect, Splice } from "../../call/needs.js";
import { type Field, readObject, splice, topLevel } from "../json-bytes.js";
import { OPEN_OBJECT } from "../json-syntax.js";
import { openSseSplitter } from "../sse.js";
import { openJsonArraySplitter } from "./json-array.js";
import { camelName, protoFields } from "./proto-json.js";
import { readGeminiReply, readTokenCount } from "./read-reply.js";
import { readGeminiRequest, targetModel } from "./read-request.js";
import { geminiErrorEvent, refuseGemini } from "./refuse.js";
import { openGeminiReader } from "./stream.js";

/** A field by its camelCase name, however the client spelled it. */
function named(fields: readonly Field[], name: string): Field | undefined {
  return fields.find((field) => camelName(field.key) === name);
}

/** The client's generationConfig with another cap: in place where it has one, else first, in its own way of spelling. */
function cappedConfig(body: Uint8Array, field: Field | undefined, cap: number): string {
  const isNull = field === undefined || body[field.valueStart] !== OPEN_OBJECT;
  const own = isNull ? Buffer.from("{}") : body.subarray(field.valueStart, field.valueEnd);
  const fields = topLevel(own);
  const key = named(fields, "maxOutputTokens")?.key ?? (field?.key.includes("_") ? "max_output_tokens" : "maxOutputTokens");
  return Buffer.from(splice(own, { [key]: String(cap) }, fields)).toString("utf8");
}

/** The model stands in the path: only a body that names it too is changed with it. */
function prepare(request: ParsedRequest, changes: Splice): Uint8Array {
  const set: Record<string, string> = {};
  const fields = topLevel(request.body);
  const { model, output_cap } = changes;
  const inBody = fields.find((field) => field.key === "model");
  if (model !== undefined && model !== request.model && inBody !== undefined) set.model = JSON.stringify(`models/${model}`);
  if (output_cap !== undefined && output_cap !== request.output_cap) {
    const field = named(fields, "generationConfig");
    set[field?.key ?? "generationConfig"] = cappedConfig(request.body, field, output_cap);
  }
  return Object.keys(set).length === 0 ? request.body : splice(request.body, set, fields);
}

/** The dialect of `:generateContent` and `:streamGenerateContent`. */
export const geminiGenerate: Dialect = {
  name: "gemini-generate",
  read: readGeminiRequest,
  prepare,
  splitter: (eventBytesMax, request) =>
    request?.target.framing === "json" ? openJsonArraySplitter({ eventBytesMax }) : openSseSplitter({ eventBytesMax }),
  reader: openGeminiReader,
  readReply: readGeminiReply,
  refuse: refuseGemini,
  errorEvent: geminiErrorEvent,
};

/** A count costs nothing whatever it counts, so nothing of its contents has to be bounded. */
function readCount(body: Uint8Array, target: RequestTarget = {}): ParsedRequest {
  const fields = protoFields(readObject(body).value);
  return {
    body,
    target,
    billed: "nothing",
    tool_uses_max: null,
    model: targetModel(target, fields),
    stream: false,
    output_cap: null,
    choices: 1,
    wants_usage: false,
    thinking: false,
    system: [],
    messages: [],
    tools: [],
    unknown_fields: [],
    body_user: null,
    body_tags: {},
    service_tier: null,
  };
}

/** The dialect of `:countTokens`. */
export const geminiCountTokens: Dialect = {
  ...geminiGenerate,
  name: "gemini-count-tokens",
  read: readCount,
  // What is counted may be a whole request with a model of its own; it is the provider's to compare with the path.
  prepare: (request) => request.body,
  readReply: readTokenCount,
};
