/**
 * Anthropic content blocks as the neutral model. Money path: fails closed — a block that is not known here is `unknown`,
 * which hard budgets refuse. Source: https://platform.claude.com/docs/en/api/messages (read November 2026).
 */
import type { Message, Part, Role } from "../../call/message.js";
import { isText, resultPart, textOf, textPart, thinkingPart } from "../placed-text.js";
import { base64Bytes, type Fields, isObject, jsonBytes, objectsField, refuseField, refuseShape } from "../request-fields.js";
import type { Places } from "../texts-in-place.js";

/** How the prompt cache may be written, gathered while blocks are read: a lifetime of 1h costs more than 5m. */
export interface CacheMarks {
  writes: "none" | "5m" | "1h";
}

/** Notes a `cache_control`; null or absent is none, what is not understood counts as the dearer lifetime. */
export function markCache(marks: CacheMarks, control: unknown): void {
  if (control === undefined || control === null) return;
  const ttl = isObject(control) ? (control.ttl ?? "5m") : "1h";
  if (ttl !== "5m") marks.writes = "1h";
  else if (marks.writes === "none") marks.writes = "5m";
}

const TEXT: Places = { text: true };
const INNER: Places = { text: true, each: { fields: { text: TEXT } } };
const BLOCKS: Places = { text: true, each: { fields: { text: TEXT, thinking: TEXT, content: INNER } } };

/** Where a Messages body has its long texts. */
export const MESSAGES_TEXTS: Places = { fields: { system: INNER, messages: { each: { fields: { content: BLOCKS } } } } };

function wordOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function unknownPart(block: unknown): Part {
  const type = isObject(block) && typeof block.type === "string" ? block.type : "untyped";
  return { kind: "unknown", type, bytes: jsonBytes(block) };
}

/** Image or document data: inline with its size, else by reference. */
function mediaPart(kind: "image" | "file", source: Fields): Part {
  const inline = source.type === "base64" ? wordOf(source.data) : "";
  return inline === "" ? { kind, bytes: null, by_reference: true } : { kind, bytes: base64Bytes(inline), by_reference: false };
}

function documentParts(block: Fields, marks: CacheMarks): Part[] {
  const { source } = block;
  if (!isObject(source)) return [unknownPart(block)];
  const about = wordOf(block.title) + wordOf(block.context);
  const front: Part[] = about === "" ? [] : [{ kind: "text", text: about }];
  if (source.type === "text") return [...front, { kind: "text", text: wordOf(source.data) }];
  if (source.type === "content") return [...front, ...contentParts(source.content, { name: "document", marks })];
  return [...front, mediaPart("file", source)];
}

function searchResultParts(block: Fields, marks: CacheMarks): Part[] {
  const about: Part = { kind: "text", text: wordOf(block.title) + wordOf(block.source) };
  return [about, ...contentParts(block.content, { name: "search_result", marks })];
}

/** A tool's answer: its text in one part; images and documents in it stay beside it. */
function toolResultParts(block: Fields, marks: CacheMarks): Part[] {
  const inner = contentParts(block.content, { name: "tool_result", marks });
  return [resultPart(wordOf(block.tool_use_id), inner), ...inner.filter((part) => part.kind !== "text")];
}

/** Answers of tools that ran at the provider come back to it as input, in full. */
const SERVER_RESULT =
  /^(?:web_search|web_fetch|code_execution|bash_code_execution|text_editor_code_execution|tool_search|advisor)_tool_result$/;

function blockParts(block: Fields, marks: CacheMarks): Part[] {
  const { type } = block;
  if (type === "text") return [textPart(textOf(block.text))];
  if (type === "image") return isObject(block.source) ? [mediaPart("image", block.source)] : [unknownPart(block)];
  if (type === "document") return documentParts(block, marks);
  if (type === "search_result") return searchResultParts(block, marks);
  if (type === "tool_result") return toolResultParts(block, marks);
  if (type === "thinking") return [thinkingPart(textOf(block.thinking), false)];
  if (type === "redacted_thinking") return [{ kind: "thinking", text: wordOf(block.data), opaque: true }];
  if (type === "tool_reference") return [{ kind: "text", text: wordOf(block.tool_name) }];
  // What a compaction left of the conversation before it, and the mark of a model that took over.
  if (type === "compaction") return [textPart(textOf(block.content))];
  if (type === "fallback") return [{ kind: "text", text: "" }];
  if (type === "mcp_tool_result") return toolResultParts(block, marks);
  if (type === "container_upload") return [{ kind: "file", bytes: null, by_reference: true }];
  if (type === "tool_use" || type === "server_tool_use" || type === "mcp_tool_use") {
    return [{ kind: "tool_call", id: wordOf(block.id), name: wordOf(block.name), arguments: JSON.stringify(block.input ?? {}) }];
  }
  if (typeof type === "string" && SERVER_RESULT.test(type)) {
    return [{ kind: "tool_result", id: wordOf(block.tool_use_id), text: JSON.stringify(block.content ?? null) }];
  }
  return [unknownPart(block)];
}

/** Parts of a `content` or `system` field: text, or an array of blocks. Throws `invalid_request` for anything else. */
export function contentParts(content: unknown, options: { readonly name: string; readonly marks: CacheMarks }): Part[] {
  if (content === undefined || content === null) return [];
  if (isText(content)) return [textPart(content)];
  if (!Array.isArray(content)) return refuseShape(options.name, content, "text or an array of blocks");
  return content.flatMap((block): Part[] => {
    if (!isObject(block)) return [unknownPart(block)];
    markCache(options.marks, block.cache_control);
    return blockParts(block, options.marks);
  });
}

const ROLES: Readonly<Record<string, Role>> = { user: "user", assistant: "assistant", system: "system" };

/** The messages of a request. Throws `invalid_request` naming the message that cannot be read. */
export function anthropicMessages(fields: Fields, marks: CacheMarks): readonly Message[] {
  if (!Array.isArray(fields.messages)) return refuseShape("messages", fields.messages, "an array of messages");
  return objectsField(fields, "messages").map((message, index) => {
    const name = `messages[${index}]`;
    const role = typeof message.role === "string" && Object.hasOwn(ROLES, message.role) ? ROLES[message.role] : undefined;
    if (role === undefined) return refuseField(`${name}.role`, message.role, "user, assistant or system");
    return { role, parts: contentParts(message.content, { name: `${name}.content`, marks }) };
  });
}
