/**
 * Reads an Anthropic Messages request. Money path: fails closed — what is not on the list of money-neutral fields is
 * named, and a number that bounds the bill is a whole number or the request is refused.
 * Source: https://platform.claude.com/docs/en/api/messages (read November 2026).
 */
import { BursarError } from "../../accounting/errors.js";
import type { ParsedRequest, RequestTarget } from "../../call/message.js";
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
import { type BodyRead, readBody } from "../texts-in-place.js";
import { anthropicMessages, type CacheMarks, contentParts, MESSAGES_TEXTS, markCache } from "./content.js";
import { toolDeclarations, unboundedTools } from "./tools.js";
import { userAndSession } from "./user-id.js";

/**
 * Read here, or without effect on the bill. Not on it, because they change the price or run more: `speed` (fast is
 * dearer), `inference_geo` (a multiplier), `container`, `mcp_servers`, `context_management` that compacts, `compaction`,
 * `fallbacks`.
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
  "output_format",
  "cache_control",
  "metadata",
  "service_tier",
  "stop_sequences",
  "temperature",
  "top_k",
  "top_p",
]);

/**
 * Context editing that only takes content out of the prompt (`clear_tool_uses_20250919`, `clear_thinking_20251015`) makes a
 * call cheaper at most; compaction (`compact_*`) runs a model for it.
 * Source: https://platform.claude.com/docs/en/build-with-claude/context-editing (read November 2026).
 */
function onlyClears(management: unknown): boolean {
  if (!isObject(management)) return false;
  const { edits, ...others } = management;
  const clears = (edit: unknown): boolean => isObject(edit) && typeof edit.type === "string" && edit.type.startsWith("clear_");
  return Object.keys(others).length === 0 && (edits === undefined || (Array.isArray(edits) && edits.every(clears)));
}

function unknownFields(fields: Fields, tools: readonly Fields[]): string[] {
  const outside = fieldsOutside(fields, NEUTRAL);
  const clears = onlyClears(fields.context_management);
  return [...outside.filter((name) => name !== "context_management" || !clears), ...unboundedTools(tools)];
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

/** All of a Messages body but its cap. */
function readMessages(body: Uint8Array, target: RequestTarget): { request: ParsedRequest; fields: Fields } {
  return readBody(body, MESSAGES_TEXTS, (object) => ({ request: requestOf(body, target, object), fields: object.value }));
}

function requestOf(body: Uint8Array, target: RequestTarget, { fields: ranges, value: fields }: BodyRead): ParsedRequest {
  const marks: CacheMarks = { writes: "none" };
  const metadata = objectField(fields, "metadata");
  const { user, session } = userAndSession(metadata?.user_id);
  const stream = booleanField(fields, "stream");
  const model = modelField(fields);
  markCache(marks, fields.cache_control);
  const system = contentParts(fields.system, { name: "system", marks });
  const messages = anthropicMessages(fields, marks);
  const field = ranges.find((range) => range.key === "tools");
  const declared = objectsField(fields, "tools");
  const tools = toolDeclarations({ body, field, tools: declared, marks });
  return {
    body,
    fields: { of: body, list: ranges },
    target,
    billed: "all",
    tool_uses_max: null,
    model,
    stream,
    output_cap: null,
    choices: 1,
    wants_usage: stream,
    thinking: thinks(fields),
    cache_writes: marks.writes,
    system,
    messages,
    tools,
    unknown_fields: unknownFields(fields, declared),
    body_user: user,
    body_session: session,
    body_tags: tagsOf(isObject(metadata) ? metadata : null),
    service_tier: textField(fields, "service_tier"),
  };
}

/**
 * Parses just enough of a Messages body. Throws `invalid_request` naming the field and its value. Usage always comes
 * with this dialect's streams, so a streaming client always counts as having asked for it.
 */
export function readAnthropicRequest(body: Uint8Array, target: RequestTarget = {}): ParsedRequest {
  const { request, fields } = readMessages(body, target);
  return { ...request, output_cap: outputCap(fields) };
}

/**
 * Parses a body whose tokens are only to be counted: the same without a cap. Nothing of it is billed, so nothing in it needs
 * a bound and nothing of it is carried.
 */
export function readAnthropicCountRequest(body: Uint8Array, target: RequestTarget = {}): ParsedRequest {
  const { request } = readMessages(body, target);
  const nothing = { cache_writes: "none", system: [], messages: [], tools: [], unknown_fields: [] } as const;
  return { ...request, ...nothing, billed: "nothing", stream: false, wants_usage: false, thinking: false };
}
