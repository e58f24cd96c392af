/**
 * Reads an Anthropic Messages request. Money path: fails closed — what is not on the list of money-neutral fields is
 * named, and a number that bounds the bill is a whole number or the request is refused.
 * Source: https://platform.claude.com/docs/en/api/messages (read November 2026).
 */
import { BursarError } from "../../accounting/errors.js";
import type { ParsedRequest, RequestTarget, ToolDeclaration } from "../../call/message.js";
import { elementsOf, type Field, readObject } from "../json-bytes.js";
import {
  booleanField,
  type Fields,
  fieldsOutside,
  integerField,
  isObject,
  modelField,
  objectField,
  objectsField,
  tagsOf,
  textField,
} from "../request-fields.js";
import { anthropicMessages, type CacheMarks, contentParts, markCache } from "./content.js";

/**
 * Read here, or without effect on the bill. Not on it, because they change the price or run more: `speed` (fast is
 * dearer), `inference_geo` (a multiplier), `container`, `mcp_servers`, `context_management`, `fallbacks`.
 */
const NEUTRAL: ReadonlySet<string> = new Set([
  "model",
  "messages",
  "max_tokens",
  "system",
  "stream",
  "tools",
  "tool_choice",
  "thinking",
  "output_config",
  "cache_control",
  "metadata",
  "service_tier",
  "stop_sequences",
  "temperature",
  "top_k",
  "top_p",
]);

/** Tools that run at the provider. Those with other types run at the client, as do tools with a schema of its own. */
const SERVER_TOOL = /^(?:web_search|web_fetch|code_execution|mcp_toolset|advisor)(?:_|$)/;
const CLIENT_TOOL =
  /^(?:custom|(?:bash|text_editor|computer|memory|computer_toolset|browser_toolset|tool_search_tool)(?:_\w+)?)$/;

function runsAtProvider(type: unknown): boolean {
  if (type === undefined || type === null) return false;
  return typeof type !== "string" || SERVER_TOOL.test(type) || !CLIENT_TOOL.test(type);
}

function declarations(options: {
  body: Uint8Array;
  field: Field | undefined;
  tools: readonly Fields[];
  marks: CacheMarks;
}): ToolDeclaration[] {
  const ranges = options.field === undefined ? [] : elementsOf(options.body, options.field);
  return options.tools.map((tool, index) => {
    const range = ranges[index];
    markCache(options.marks, tool.cache_control);
    return {
      name: typeof tool.name === "string" ? tool.name : typeof tool.type === "string" ? tool.type : `tools[${index}]`,
      bytes: range === undefined ? 0 : range.end - range.start,
      server_side: runsAtProvider(tool.type),
      uses_max: integerField(tool, "max_uses", { min: 0 }),
    };
  });
}

/** Anthropic's own cap is required; so is it here, in words that name the field. */
function outputCap(fields: Fields): number {
  const cap = integerField(fields, "max_tokens", { min: 1 });
  if (cap !== null) return cap;
  throw new BursarError("invalid_request", "max_tokens: Field required", { parameter: "max_tokens" });
}

function thinks(fields: Fields): boolean {
  const thinking = objectField(fields, "thinking");
  return thinking !== null && thinking.type !== "disabled";
}

/**
 * Parses just enough of a Messages body. Throws `invalid_request` naming the field and its value. Usage always comes
 * with this dialect's streams, so a streaming client always counts as having asked for it.
 */
export function readAnthropicRequest(body: Uint8Array, target: RequestTarget = {}): ParsedRequest {
  const { fields: ranges, value: fields } = readObject(body);
  const marks: CacheMarks = { writes: "none" };
  const metadata = objectField(fields, "metadata");
  const user = metadata?.user_id;
  const stream = booleanField(fields, "stream");
  const model = modelField(fields);
  const output_cap = outputCap(fields);
  markCache(marks, fields.cache_control);
  const system = contentParts(fields.system, { name: "system", marks });
  const messages = anthropicMessages(fields, marks);
  const field = ranges.find((range) => range.key === "tools");
  const tools = declarations({ body, field, tools: objectsField(fields, "tools"), marks });
  return {
    body,
    target,
    billed: "all",
    tool_uses_max: null,
    model,
    stream,
    output_cap,
    choices: 1,
    wants_usage: stream,
    thinking: thinks(fields),
    cache_writes: marks.writes,
    system,
    messages,
    tools,
    unknown_fields: fieldsOutside(fields, NEUTRAL),
    body_user: typeof user === "string" ? user : null,
    body_tags: tagsOf(isObject(metadata) ? metadata : null),
    service_tier: textField(fields, "service_tier"),
  };
}
