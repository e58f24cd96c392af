/**
 * Gemini's embedContent and batchEmbedContents, the wire format. Pure functions over bytes. Money path: fails closed.
 * Source: https://ai.google.dev/api/embeddings (read November 2026): only input is billed, and every request of a batch
 * names the model of the path.
 */
import type { Message, ParsedRequest, Part, RequestTarget } from "../../call/message.js";
import type { Dialect, Splice } from "../../call/needs.js";
import { type Range, readObject, splice, topLevel } from "../json-bytes.js";
import { type Fields, fieldsOutside } from "../request-fields.js";
import { contentMessage } from "./contents.js";
import { camelName, messagesField, protoFields, rangesOf } from "./proto-json.js";
import { readEmbedding } from "./read-reply.js";
import { targetModel } from "./read-request.js";
import { geminiGenerate } from "./wire.js";

/** Read here, or without effect on the bill. */
const NEUTRAL: ReadonlySet<string> = new Set(["model", "content", "taskType", "title", "outputDimensionality"]);

/**
 * A film costs many times what text does (https://ai.google.dev/gemini-api/docs/pricing, gemini-embedding-2, read November
 * 2026) and no class of usage has its price: a file, which may be one, is not bounded.
 */
function withoutFiles(message: Message): Message {
  const parts = message.parts.map((part): Part => {
    return part.kind === "file" ? { kind: "unknown", type: "file", bytes: part.bytes ?? 0 } : part;
  });
  return { ...message, parts };
}

function embedding(options: {
  body: Uint8Array;
  target: RequestTarget;
  model: string;
  messages: readonly Message[];
  unknown_fields: readonly string[];
}): ParsedRequest {
  return {
    ...options,
    messages: options.messages.map(withoutFiles),
    billed: "input",
    usage_untold: true,
    tool_uses_max: null,
    stream: false,
    output_cap: null,
    choices: 1,
    wants_usage: false,
    thinking: false,
    system: [],
    tools: [],
    body_user: null,
    body_tags: {},
    service_tier: null,
  };
}

function readEmbed(body: Uint8Array, target: RequestTarget = {}): ParsedRequest {
  const fields = protoFields(readObject(body).value);
  const model = targetModel(target, fields);
  const messages = [contentMessage(fields.content, "content")];
  return embedding({ body, target, model, messages, unknown_fields: fieldsOutside(fields, NEUTRAL) });
}

function readBatch(body: Uint8Array, target: RequestTarget = {}): ParsedRequest {
  const fields: Fields = protoFields(readObject(body).value);
  const model = targetModel(target, {});
  const requests = messagesField(fields, "requests");
  for (const request of requests) targetModel(target, request);
  const messages = requests.map((request, index) => contentMessage(request.content, `requests[${index}].content`));
  const inner = requests.flatMap((request) => fieldsOutside(request, NEUTRAL)).map((name) => `requests.${name}`);
  const unknown_fields = [...fieldsOutside(fields, new Set(["model", "requests"])), ...new Set(inner)];
  return embedding({ body, target, model, messages, unknown_fields });
}

/** Another model in an object that names one; the same bytes where it names none. */
function withModel(bytes: Uint8Array, model: string): Uint8Array {
  const fields = topLevel(bytes);
  const inBody = fields.some((field) => field.key === "model");
  return inBody ? splice(bytes, { model: JSON.stringify(`models/${model}`) }, fields) : bytes;
}

/** The bytes with some of their ranges, in order, written anew. */
function replaced(bytes: Uint8Array, ranges: readonly Range[], write: (part: Uint8Array) => Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const { start, end } of ranges) {
    parts.push(bytes.subarray(from, start), write(bytes.subarray(start, end)));
    from = end;
  }
  return Buffer.concat([...parts, bytes.subarray(from)]);
}

function prepareEmbed(request: ParsedRequest, { model }: Splice): Uint8Array {
  return model === undefined || model === request.model ? request.body : withModel(request.body, model);
}

function prepareBatch(request: ParsedRequest, { model }: Splice): Uint8Array {
  if (model === undefined || model === request.model) return request.body;
  const body = withModel(request.body, model);
  const field = topLevel(body).find(({ key }) => camelName(key) === "requests");
  return replaced(body, rangesOf(body, field), (part) => withModel(part, model));
}

/** The dialect of `:embedContent`. */
export const geminiEmbed: Dialect = {
  ...geminiGenerate,
  name: "gemini-embed",
  read: readEmbed,
  prepare: prepareEmbed,
  readReply: readEmbedding,
};

/** The dialect of `:batchEmbedContents`. */
export const geminiBatchEmbed: Dialect = { ...geminiEmbed, name: "gemini-batch-embed", read: readBatch, prepare: prepareBatch };
