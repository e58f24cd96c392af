/**
 * OpenAI Chat Completions, the wire format. Pure functions over bytes. Money path: fails closed.
 * Source: https://platform.openai.com/docs/api-reference/chat (read November 2026).
 */
import type { ParsedRequest } from "../../call/message.js";
import type { Dialect, Splice } from "../../call/needs.js";
import { type Field, splice, topLevel } from "../json-bytes.js";
import { openSseSplitter } from "../sse.js";
import { readOpenAiReply } from "./read-reply.js";
import { readOpenAiRequest } from "./read-request.js";
import { openAiErrorEvent, refuseOpenAi } from "./refuse.js";
import { openOpenAiReader } from "./stream.js";

/** Reasoning models take their cap only as `max_completion_tokens`; every other server knows `max_tokens`. */
const REASONING_MODEL = /^(?:[^/]*\/)?(?:o\d|gpt-(?:[5-9]|\d\d))/i;

const NULL = Buffer.from("null");

/** Present fields of a body with the bytes of their values; a null value counts as absent. */
function present(body: Uint8Array, fields: readonly Field[]): ReadonlyMap<string, Uint8Array> {
  const values = fields.map((field) => [field.key, body.subarray(field.valueStart, field.valueEnd)] as const);
  return new Map(values.filter(([, value]) => !NULL.equals(value)));
}

function capFields(body: ReadonlyMap<string, Uint8Array>, model: string): string[] {
  const used = ["max_completion_tokens", "max_tokens"].filter((name) => body.has(name));
  if (used.length > 0) return used;
  return [REASONING_MODEL.test(model) ? "max_completion_tokens" : "max_tokens"];
}

/** The client's own stream options with usage asked for. */
function streamOptions(body: ReadonlyMap<string, Uint8Array>): string {
  const own = body.get("stream_options") ?? Buffer.from("{}");
  return Buffer.from(splice(own, { include_usage: "true" })).toString("utf8");
}

function prepare(request: ParsedRequest, changes: Splice): Uint8Array {
  const set: Record<string, string> = {};
  const fields = topLevel(request.body);
  const body = present(request.body, fields);
  if (changes.model !== undefined && changes.model !== request.model) set.model = JSON.stringify(changes.model);
  if (changes.output_cap !== undefined && changes.output_cap !== request.output_cap) {
    for (const field of capFields(body, changes.model ?? request.model)) set[field] = String(changes.output_cap);
  }
  // A client that asked for usage sent exactly this already.
  if (changes.include_usage === true && request.stream && !request.wants_usage) set.stream_options = streamOptions(body);
  return Object.keys(set).length === 0 ? request.body : splice(request.body, set, fields);
}

/** The dialect of `/v1/chat/completions`. */
export const openAiChat: Dialect = {
  name: "openai-chat",
  read: readOpenAiRequest,
  prepare,
  splitter: (eventBytesMax) => openSseSplitter({ eventBytesMax }),
  reader: openOpenAiReader,
  readReply: readOpenAiReply,
  refuse: refuseOpenAi,
  errorEvent: openAiErrorEvent,
};
