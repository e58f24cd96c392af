/**
 * Texts of a request that takes text or token ids, one or many: `prompt` of Completions, `input` of Embeddings. Money path:
 * fails closed — ids are counted one by one, and what is neither is refused.
 * Source: https://platform.openai.com/docs/api-reference/completions/create and /embeddings/create (read November 2026).
 */
import type { Part } from "../../call/message.js";
import { type Fields, jsonBytes, refuseShape } from "../request-fields.js";

const TAKES = "text, an array of texts, an array of token ids or an array of such arrays";

function isTokenId(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function tokens(value: unknown, name: string): Part {
  if (!Array.isArray(value) || value.length === 0 || !value.every(isTokenId)) return refuseShape(name, value, TAKES);
  return { kind: "tokens", count: value.length, bytes: jsonBytes(value) };
}

/** One part per text. Throws `invalid_request` naming the element that is none. */
export function textInputs(fields: Fields, name: string): readonly Part[] {
  const value = fields[name] ?? null;
  if (typeof value === "string") return [{ kind: "text", text: value }];
  if (!Array.isArray(value) || value.length === 0) return refuseShape(name, value ?? undefined, TAKES);
  const [first] = value as readonly unknown[];
  if (typeof first === "number") return [tokens(value, name)];
  return value.map((element: unknown, index): Part => {
    const of = `${name}[${index}]`;
    if (typeof first !== "string") return tokens(element, of);
    return typeof element === "string" ? { kind: "text", text: element } : refuseShape(of, element, "text, like the first");
  });
}
