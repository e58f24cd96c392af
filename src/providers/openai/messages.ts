/**
 * OpenAI Chat messages as the neutral model. Money path: fails closed — a part that is not known here is `unknown`, which
 * hard budgets refuse. Source: https://platform.openai.com/docs/api-reference/chat/create (read November 2026).
 */
import type { Message, Part, Role } from "../../call/message.js";
import { callPart, isText, resultPart, textOf, textPart } from "../placed-text.js";
import { base64Bytes, type Fields, isObject, jsonBytes, objectsField, refuseField, refuseShape } from "../request-fields.js";
import type { Places } from "../texts-in-place.js";

const ROLES: Readonly<Record<string, Role>> = {
  system: "system",
  developer: "system",
  user: "user",
  assistant: "assistant",
  tool: "tool",
  function: "tool",
};

function unknownPart(type: unknown, value: unknown): Part {
  return { kind: "unknown", type: typeof type === "string" ? type : "untyped", bytes: jsonBytes(value) };
}

/** Where a Chat body has its long texts. */
export const CHAT_TEXTS: Places = {
  fields: {
    messages: {
      each: {
        fields: {
          content: { text: true, each: { fields: { text: { text: true } } } },
          tool_calls: { each: { fields: { function: { fields: { arguments: { text: true } } } } } },
        },
      },
    },
  },
};

function wordOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** An image: inline as a data URL, else by reference. */
function imagePart(part: Fields): Part {
  const image = isObject(part.image_url) ? part.image_url : { url: part.image_url };
  const url = wordOf(image.url);
  if (url === "") return unknownPart(part.type, part);
  const detail = typeof image.detail === "string" ? { detail: image.detail } : {};
  if (!url.startsWith("data:")) return { kind: "image", bytes: null, by_reference: true, ...detail };
  return { kind: "image", bytes: base64Bytes(url.slice(url.indexOf(",") + 1)), by_reference: false, ...detail };
}

function filePart(part: Fields): Part {
  const file = isObject(part.file) ? part.file : {};
  const inline = wordOf(file.file_data);
  if (inline === "") return { kind: "file", bytes: null, by_reference: true };
  return { kind: "file", bytes: base64Bytes(inline.slice(inline.indexOf(",") + 1)), by_reference: false };
}

function contentPart(part: Fields): Part {
  if (part.type === "text" && isText(part.text)) return textPart(part.text);
  if (part.type === "refusal" && typeof part.refusal === "string") return { kind: "text", text: part.refusal };
  if (part.type === "image_url") return imagePart(part);
  if (part.type === "file") return filePart(part);
  if (part.type === "input_audio" && isObject(part.input_audio)) {
    return { kind: "audio", bytes: base64Bytes(wordOf(part.input_audio.data)), by_reference: false };
  }
  return unknownPart(part.type, part);
}

function contentParts(content: unknown, name: string): Part[] {
  if (content === undefined || content === null) return [];
  if (isText(content)) return [textPart(content)];
  if (!Array.isArray(content)) return refuseShape(name, content, "text or an array of parts");
  return content.map((part) => {
    if (typeof part === "string") return { kind: "text", text: part };
    return isObject(part) ? contentPart(part) : unknownPart(null, part);
  });
}

function toolCallPart(call: Fields): Part {
  const id = wordOf(call.id);
  const called = isObject(call.function) ? call.function : isObject(call.custom) ? call.custom : null;
  if (called === null) return unknownPart(call.type, call);
  return callPart({ id, name: wordOf(called.name), written: [textOf(called.arguments), wordOf(called.input)] });
}

/** What an assistant turn carries beside its content. */
function assistantParts(message: Fields, name: string): Part[] {
  const parts: Part[] = [];
  if (typeof message.refusal === "string") parts.push({ kind: "text", text: message.refusal });
  const reasoning = wordOf(message.reasoning_content) + wordOf(message.reasoning);
  if (reasoning !== "") parts.push({ kind: "thinking", text: reasoning, opaque: false });
  for (const call of objectsField(message, "tool_calls")) parts.push(toolCallPart(call));
  if (isObject(message.function_call)) parts.push(toolCallPart({ id: "", function: message.function_call }));
  // An earlier spoken answer is named by its id: how long it is stands nowhere in the request.
  if (isObject(message.audio)) parts.push({ kind: "audio", bytes: null, by_reference: true });
  return [...contentParts(message.content, `${name}.content`), ...parts];
}

/** A tool's answer: its text in one part; what is not text stays beside it. */
function toolParts(message: Fields, name: string): Part[] {
  const parts = contentParts(message.content, `${name}.content`);
  const others = parts.filter((part) => part.kind !== "text");
  return [resultPart(wordOf(message.tool_call_id) || wordOf(message.name), parts), ...others];
}

/** The messages of a request. Throws `invalid_request` naming the message that cannot be read. */
export function openAiMessages(fields: Fields): readonly Message[] {
  if (!Array.isArray(fields.messages)) return refuseShape("messages", fields.messages, "an array of messages");
  return objectsField(fields, "messages").map((message, index) => {
    const name = `messages[${index}]`;
    const role = typeof message.role === "string" && Object.hasOwn(ROLES, message.role) ? ROLES[message.role] : undefined;
    if (role === undefined)
      return refuseField(`${name}.role`, message.role, "system, developer, user, assistant, tool or function");
    if (role === "assistant") return { role, parts: assistantParts(message, name) };
    return { role, parts: role === "tool" ? toolParts(message, name) : contentParts(message.content, `${name}.content`) };
  });
}
