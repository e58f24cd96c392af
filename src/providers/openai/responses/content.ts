/**
 * Content parts of Responses items as the neutral model. Money path: fails closed — a part that is not known here is
 * `unknown`, which hard budgets refuse. Source: https://platform.openai.com/docs/api-reference/responses/create (`input`,
 * read November 2026).
 */
import type { Part } from "../../../call/message.js";
import { isText, textPart } from "../../placed-text.js";
import { base64Bytes, type Fields, isObject, jsonBytes, refuseShape } from "../../request-fields.js";
import type { Places } from "../../texts-in-place.js";

const TEXT: Places = { text: true };
const PARTS: Places = { text: true, each: { fields: { text: TEXT } } };

/** Where a Responses body has its long texts. */
export const RESPONSES_TEXTS: Places = {
  fields: {
    instructions: TEXT,
    input: { text: true, each: { fields: { content: PARTS, output: PARTS, arguments: TEXT } } },
  },
};

/** Text, or nothing where it is none. */
export function wordOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A part of a type that this version does not know. */
export function unknownPart(value: unknown): Part {
  const type = isObject(value) && typeof value.type === "string" ? value.type : "untyped";
  return { kind: "unknown", type, bytes: jsonBytes(value) };
}

/** Base64 of a data URL, or all of it where it is bare base64. */
function inlineBytes(data: string): number {
  return base64Bytes(data.slice(data.indexOf(",") + 1));
}

/** An image: inline as a data URL, else by its address or by the id of a file. */
function imagePart(part: Fields): Part {
  const detail = typeof part.detail === "string" ? { detail: part.detail } : {};
  const url = wordOf(part.image_url);
  if (url.startsWith("data:")) return { kind: "image", bytes: inlineBytes(url), by_reference: false, ...detail };
  if (url === "" && wordOf(part.file_id) === "") return unknownPart(part);
  return { kind: "image", bytes: null, by_reference: true, ...detail };
}

function filePart(part: Fields): Part {
  const inline = wordOf(part.file_data);
  if (inline === "") return { kind: "file", bytes: null, by_reference: true };
  return { kind: "file", bytes: inlineBytes(inline), by_reference: false };
}

function audioPart(part: Fields): Part {
  const data = isObject(part.input_audio) ? wordOf(part.input_audio.data) : "";
  return data === "" ? unknownPart(part) : { kind: "audio", bytes: base64Bytes(data), by_reference: false };
}

/** Types whose text a model reads as it stands. */
const TEXTS: ReadonlySet<unknown> = new Set(["input_text", "output_text", "text", "summary_text", "reasoning_text"]);

/** One content part. */
export function contentPart(part: Fields): Part {
  const { type } = part;
  if (TEXTS.has(type) && isText(part.text)) return textPart(part.text);
  if (type === "refusal" && typeof part.refusal === "string") return { kind: "text", text: part.refusal };
  if (type === "input_image" || type === "computer_screenshot") return imagePart(part);
  if (type === "input_file") return filePart(part);
  if (type === "input_audio") return audioPart(part);
  return unknownPart(part);
}

/** The parts of a `content` or an `output`: text, or an array of parts. Throws `invalid_request` for anything else. */
export function contentParts(content: unknown, name: string): Part[] {
  if (content === undefined || content === null) return [];
  if (isText(content)) return [textPart(content)];
  if (!Array.isArray(content)) return refuseShape(name, content, "text or an array of parts");
  return content.map((part) => (isObject(part) ? contentPart(part) : unknownPart(part)));
}
