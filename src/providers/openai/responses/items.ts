/**
 * The input of a Responses request as the neutral model: messages, calls and their results, reasoning, and what is only
 * named. Money path: fails closed — an item that is not known here is an `unknown` part, which hard budgets refuse.
 * Source: https://platform.openai.com/docs/api-reference/responses/create (`input`, read November 2026).
 */
import type { Message, Part, Role } from "../../../call/message.js";
import { callPart, isText, resultPart, textOf, textOfPart, textPart, thinkingPart } from "../../placed-text.js";
import { base64Bytes, type Fields, isObject, objectsField, refuseField, refuseShape } from "../../request-fields.js";
import { contentPart, contentParts, unknownPart, wordOf } from "./content.js";

const ROLES: ReadonlyMap<unknown, Role> = new Map<unknown, Role>([
  ["user", "user"],
  ["assistant", "assistant"],
  ["system", "system"],
  ["developer", "system"],
]);

/** What a request is given to read: its messages, and tools that items bring along. */
export interface ResponsesInput {
  readonly messages: readonly Message[];
  readonly tools: readonly Fields[];
}

function jsonText(value: unknown): string {
  return value === undefined || value === null ? "" : (JSON.stringify(value) ?? "");
}

function idOf(item: Fields): string {
  return wordOf(item.call_id) || wordOf(item.id);
}

/** A call of the model, whoever ran it: what it wrote for it. */
function callOf(item: Fields, name: string, ...written: readonly unknown[]): Message {
  const texts = written.map((value) => (isText(value) ? value : jsonText(value)));
  return { role: "assistant", parts: [callPart({ id: idOf(item), name, written: texts })] };
}

/** The result of a call: its text in one part; images and files stay beside it. */
function resultOf(item: Fields, result: unknown, name: string): Message {
  const own = isObject(result) && !isText(result) ? jsonText(result) : result;
  const parts = contentParts(own, name);
  return { role: "tool", parts: [resultPart(idOf(item), parts), ...parts.filter((part) => part.kind !== "text")] };
}

function message(item: Fields, name: string): Message {
  const role = ROLES.get(item.role);
  if (role === undefined) return refuseField(`${name}.role`, item.role, "user, assistant, system or developer");
  return { role, parts: contentParts(item.content, `${name}.content`) };
}

/** Reasoning that is sent back: what can be read of it, and what only the provider can. */
function reasoning(item: Fields, name: string): Message {
  const readable = [...contentParts(item.summary, `${name}.summary`), ...contentParts(item.content, `${name}.content`)];
  const parts = readable.map((part): Part => (part.kind === "text" ? thinkingPart(textOfPart(part), false) : part));
  return { role: "assistant", parts: [...parts, ...encrypted(item)] };
}

function encrypted(item: Fields): Part[] {
  const text = wordOf(item.encrypted_content);
  return text === "" ? [] : [{ kind: "thinking", text, opaque: true }];
}

/** A picture that a tool made: inline, or named by the item's id. */
function generatedImage(item: Fields): Message {
  const result = wordOf(item.result);
  const image = result === "" ? { bytes: null, by_reference: true } : { bytes: base64Bytes(result), by_reference: false };
  return { role: "assistant", parts: [{ kind: "image", ...image }] };
}

/** A program that ran at the provider: its code, its logs, its pictures. */
function interpreted(item: Fields, name: string): Message {
  const outputs = objectsField({ [`${name}.outputs`]: item.outputs }, `${name}.outputs`);
  const results = outputs.map((output): Part => {
    if (output.type === "logs") return { kind: "tool_result", id: idOf(item), text: wordOf(output.logs) };
    return output.type === "image" ? contentPart({ type: "input_image", image_url: output.url }) : unknownPart(output);
  });
  return { role: "assistant", parts: [...callOf(item, "code_interpreter", item.code).parts, ...results] };
}

function mcpCall(item: Fields): Message {
  const failure = typeof item.error === "string" ? item.error : jsonText(item.error);
  const result = resultPart(idOf(item), [textPart(textOf(item.output), failure)]);
  const call = callOf(item, wordOf(item.name), item.arguments);
  return { role: "assistant", parts: [...call.parts, result] };
}

function fileSearch(item: Fields): Message {
  const call = callOf(item, "file_search", item.queries);
  return { role: "assistant", parts: [...call.parts, { kind: "tool_result", id: idOf(item), text: jsonText(item.results) }] };
}

/** What a shell wrote: text, or pieces of stdout and stderr. */
function shellResult(item: Fields, name: string): Message {
  return resultOf(item, isText(item.output) ? item.output : jsonText(item.output), name);
}

type ReadItem = (item: Fields, name: string) => Message;

const toolResult: ReadItem = (item, name) => resultOf(item, item.output, `${name}.output`);
const named: ReadItem = (item) => callOf(item, wordOf(item.namespace) + wordOf(item.name), item.arguments, item.input);
const compacted: ReadItem = (item) => ({ role: "assistant", parts: encrypted(item) });
const toolsOnly: ReadItem = () => ({ role: "system", parts: [] });

const ITEMS: ReadonlyMap<unknown, ReadItem> = new Map<unknown, ReadItem>([
  ["message", message],
  ["reasoning", reasoning],
  ["compaction", compacted],
  ["compaction_summary", compacted],
  ["function_call", named],
  ["custom_tool_call", named],
  ["mcp_approval_request", named],
  ["function_call_output", toolResult],
  ["custom_tool_call_output", toolResult],
  ["apply_patch_call_output", toolResult],
  ["shell_call_output", shellResult],
  ["local_shell_call_output", shellResult],
  ["program_output", (item, name) => resultOf(item, item.result, `${name}.result`)],
  ["mcp_approval_response", (item) => resultOf(item, wordOf(item.reason), "reason")],
  [
    "computer_call_output",
    (item, name) => resultOf(item, isObject(item.output) && !isText(item.output) ? [item.output] : item.output, `${name}.output`),
  ],
  ["computer_call", (item) => callOf(item, "computer", item.action, item.actions)],
  ["local_shell_call", (item) => callOf(item, "local_shell", item.action)],
  ["shell_call", (item) => callOf(item, "shell", item.action)],
  ["apply_patch_call", (item) => callOf(item, "apply_patch", item.operation)],
  ["web_search_call", (item) => callOf(item, "web_search", item.action)],
  ["tool_search_call", (item) => callOf(item, "tool_search", item.arguments)],
  ["program", (item) => callOf(item, "program", item.code)],
  ["file_search_call", fileSearch],
  ["code_interpreter_call", interpreted],
  ["image_generation_call", generatedImage],
  ["mcp_call", mcpCall],
  ["mcp_list_tools", (item) => ({ role: "system", parts: [{ kind: "text", text: jsonText(item.tools) }] })],
  ["tool_search_output", toolsOnly],
  ["additional_tools", toolsOnly],
]);

/** Items whose `tools` the model may call from then on, as if the request itself had declared them. */
const BRINGS_TOOLS: ReadonlySet<unknown> = new Set(["tool_search_output", "additional_tools"]);

/** Items may leave their type out: a message has a role, a reference nothing but an id. */
function typeOf(item: Fields): unknown {
  if (item.type !== undefined && item.type !== null) return item.type;
  if (item.role !== undefined) return "message";
  return typeof item.id === "string" ? "item_reference" : null;
}

function readItem(item: Fields, name: string): Message {
  const type = typeOf(item);
  if (type === "item_reference") return { role: "user", parts: [{ kind: "reference", to: wordOf(item.id) }] };
  const read = ITEMS.get(type);
  return read === undefined ? { role: "user", parts: [unknownPart(item)] } : read(item, name);
}

/** Reads `input`: text or items. Throws `invalid_request` naming the item that cannot be read. */
export function responsesInput(fields: Fields): ResponsesInput {
  const { input } = fields;
  if (input === undefined || input === null) return { messages: [], tools: [] };
  if (isText(input)) return { messages: [{ role: "user", parts: [textPart(input)] }], tools: [] };
  if (!Array.isArray(input)) return refuseShape("input", input, "text or an array of items");
  const items = objectsField(fields, "input");
  return {
    messages: items.map((item, index) => readItem(item, `input[${index}]`)),
    tools: items.filter((item) => BRINGS_TOOLS.has(item.type)).flatMap((item) => objectsField(item, "tools")),
  };
}
