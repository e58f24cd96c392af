/**
 * Gemini contents as the neutral model. Money path: fails closed — a part that is not known here is `unknown`, which hard
 * budgets refuse. Source: https://ai.google.dev/api/caching#Content (read November 2026).
 */
import type { Message, Part, Role } from "../../call/message.js";
import { isText, textPart, thinkingPart } from "../placed-text.js";
import { base64Bytes, type Fields, isObject, jsonBytes, refuseField, refuseShape } from "../request-fields.js";
import type { Places } from "../texts-in-place.js";
import { messageField, messagesField, protoFields } from "./proto-json.js";

const PARTS: Places = { fields: { text: { text: true } } };
const CONTENT: Places = { fields: { parts: { ...PARTS, each: PARTS } } };

/** Where a body has its long texts, in both spellings of its fields. */
export const GEMINI_TEXTS: Places = {
  fields: { contents: { ...CONTENT, each: CONTENT }, systemInstruction: CONTENT, system_instruction: CONTENT },
};

const ROLES: Readonly<Record<string, Role>> = { user: "user", model: "assistant", function: "tool", system: "system" };

/** Fields of a part that are read here, or say how one of them is to be taken. */
const PART_FIELDS: ReadonlySet<string> = new Set([
  "text",
  "inlineData",
  "fileData",
  "functionCall",
  "functionResponse",
  "executableCode",
  "codeExecutionResult",
  "thought",
  "thoughtSignature",
  "videoMetadata",
  "mediaResolution",
]);

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Data in the body: pictures and sound by their size, everything else (video, PDF, text) as a file of unknown length. */
function inlinePart(blob: Fields): Part {
  const bytes = base64Bytes(textOf(blob.data));
  const type = textOf(blob.mimeType).toLowerCase();
  const kind = type.startsWith("image/") ? "image" : type.startsWith("audio/") ? "audio" : "file";
  return { kind, bytes, by_reference: false };
}

/** What stands behind a URI may be a film, whatever type the client gives it: only the context window bounds it. */
const BY_URI: Part = { kind: "file", bytes: null, by_reference: true };

/** A tool's answer: its JSON as text; pictures and files in it stay beside it. */
function responseParts(response: Fields): Part[] {
  const id = textOf(response.id) || textOf(response.name);
  const media = messagesField(response, "parts").flatMap((part): Part[] => partsOf(part));
  return [{ kind: "tool_result", id, text: JSON.stringify(response.response ?? {}) }, ...media];
}

function dataParts(part: Fields): Part[] {
  const parts: Part[] = [];
  const inline = messageField(part, "inlineData");
  const call = messageField(part, "functionCall");
  const response = messageField(part, "functionResponse");
  const code = messageField(part, "executableCode");
  const result = messageField(part, "codeExecutionResult");
  if (isText(part.text)) parts.push(part.thought === true ? thinkingPart(part.text, false) : textPart(part.text));
  if (inline !== null) parts.push(inlinePart(inline));
  if ((part.fileData ?? null) !== null) parts.push(BY_URI);
  if (call !== null) {
    const { id, name, args } = call;
    parts.push({ kind: "tool_call", id: textOf(id), name: textOf(name), arguments: JSON.stringify(args ?? {}) });
  }
  if (response !== null) parts.push(...responseParts(response));
  if (code !== null) {
    parts.push({ kind: "tool_call", id: "", name: "code_execution", arguments: textOf(code.code) });
  }
  if (result !== null) parts.push({ kind: "tool_result", id: "code_execution", text: textOf(result.output) });
  return parts;
}

/** One part of a content. Fields beyond the known make a part `unknown` beside what could be read of it. */
function partsOf(part: Fields): Part[] {
  const strange = Object.keys(part).filter((name) => !PART_FIELDS.has(name) && part[name] !== null);
  const parts = dataParts(part);
  for (const type of strange) parts.push({ kind: "unknown", type, bytes: jsonBytes(part[type]) });
  if (parts.length > 0) return parts;
  // A signature alone carries earlier thoughts back.
  const signed = typeof part.thoughtSignature === "string" || part.thought === true;
  return [signed ? { kind: "thinking", text: "", opaque: true } : { kind: "unknown", type: "untyped", bytes: jsonBytes(part) }];
}

/** Parts of a content, such as a system instruction. Throws `invalid_request` naming what cannot be read. */
export function contentParts(content: Fields): readonly Part[] {
  return messagesField(content, "parts").flatMap(partsOf);
}

/** One content as a message. */
export function contentMessage(content: unknown, name: string): Message {
  if (!isObject(content)) return refuseShape(name, content, "an object with parts");
  const fields = protoFields(content);
  const told = fields.role ?? "user";
  const role = typeof told === "string" && Object.hasOwn(ROLES, told) ? ROLES[told] : undefined;
  if (role === undefined) return refuseField(`${name}.role`, told, "user, model or function");
  const parts = contentParts(fields);
  return { role: parts.some((part) => part.kind === "tool_result") && role === "user" ? "tool" : role, parts };
}

/** The messages of a request: an array of contents, or one. */
export function geminiMessages(fields: Fields): readonly Message[] {
  const { contents } = fields;
  if (Array.isArray(contents)) return contents.map((content, index) => contentMessage(content, `contents[${index}]`));
  return [contentMessage(contents, "contents")];
}
