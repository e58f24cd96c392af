/**
 * Reads an Embeddings request. Money path: fails closed — what is not on the list of money-neutral fields is named.
 * Source: https://platform.openai.com/docs/api-reference/embeddings/create (read November 2026).
 */
import type { ParsedRequest, RequestTarget } from "../../../call/message.js";
import { readObject } from "../../json-bytes.js";
import { booleanField, fieldsOutside, textField } from "../../request-fields.js";
import { targetModel } from "../target-model.js";
import { textInputs } from "../text-inputs.js";

const NEUTRAL: ReadonlySet<string> = new Set(["model", "input", "stream", "dimensions", "encoding_format", "user"]);

/** Parses just enough of an Embeddings body. Throws `invalid_request` naming the field and its value. */
export function readEmbeddingsRequest(body: Uint8Array, target: RequestTarget = {}): ParsedRequest {
  const { value: fields } = readObject(body);
  // There is no stream of embeddings: a server that knows one would answer what nothing here reads.
  const streamed = booleanField(fields, "stream") ? ["stream"] : [];
  return {
    body,
    target,
    billed: "input",
    tool_uses_max: null,
    model: targetModel(fields, target),
    stream: false,
    output_cap: null,
    choices: 1,
    wants_usage: false,
    thinking: false,
    system: [],
    messages: textInputs(fields, "input").map((part) => ({ role: "user", parts: [part] })),
    tools: [],
    unknown_fields: [...fieldsOutside(fields, NEUTRAL), ...streamed],
    body_user: textField(fields, "user"),
    body_tags: {},
    service_tier: null,
  };
}
