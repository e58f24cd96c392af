/**
 * Reads an OpenAI Responses request. Money path: fails closed — what is not on the list of money-neutral fields is named,
 * and a number that bounds the bill is a whole number or the request is refused.
 * Source: https://platform.openai.com/docs/api-reference/responses/create (read November 2026).
 */
import { BursarError } from "../../../accounting/errors.js";
import type { ParsedRequest, Part, RequestTarget } from "../../../call/message.js";
import { elementsOf, type Field } from "../../json-bytes.js";
import { isText, textPart } from "../../placed-text.js";
import {
  booleanField,
  type Fields,
  fieldsOutside,
  integerField,
  isObject,
  jsonBytes,
  objectField,
  objectsField,
  refuseField,
  tagsOf,
  textField,
} from "../../request-fields.js";
import { type BodyRead, readBody } from "../../texts-in-place.js";
import { isDearerTier } from "../service-tier.js";
import { targetModel } from "../target-model.js";
import { RESPONSES_TEXTS, wordOf } from "./content.js";
import { responsesInput } from "./items.js";
import { type DeclaredTools, declaredTools } from "./tools.js";

/**
 * Read here, or without effect on the bill. Not on it, because they run more or dearer: `context_management` (compacts by
 * another run), `moderation`, and `prompt` (a stored prompt brings tools that nobody sees here).
 */
const NEUTRAL: ReadonlySet<string> = new Set([
  "model",
  "input",
  "instructions",
  "max_output_tokens",
  "max_tool_calls",
  "stream",
  "stream_options",
  "background",
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "previous_response_id",
  "conversation",
  "reasoning",
  "text",
  "truncation",
  "temperature",
  "top_p",
  "top_logprobs",
  "include",
  "store",
  "metadata",
  "client_metadata",
  "user",
  "safety_identifier",
  "prompt_cache_key",
  "prompt_cache_options",
  "prompt_cache_retention",
  "service_tier",
]);

/** `mode: "pro"` is another, dearer way to run; it is named like any parameter that changes the price. */
const NEUTRAL_REASONING: ReadonlySet<string> = new Set(["effort", "summary", "generate_summary", "context"]);

/** A response in the background outlives its connection: nobody would see what it costs. */
function refuseBackground(fields: Fields): void {
  if (!booleanField(fields, "background")) return;
  throw new BursarError(
    "parameter_refused",
    "background is true; a response in the background ends after its connection, so its cost could not be settled. Leave background out.",
    { parameter: "background" },
  );
}

/** The id of something kept at the provider: text, or an object with an id; null when absent. */
function keptId(fields: Fields, name: string): string | null {
  const value = fields[name] ?? null;
  if (value === null || typeof value === "string") return value;
  return isObject(value) ? wordOf(value.id) : refuseField(name, value, "an id");
}

/** Content that the request only names. */
function references(fields: Fields): Part[] {
  return ["previous_response_id", "conversation", "prompt"].flatMap((name): Part[] => {
    const to = keptId(fields, name);
    return to === null ? [] : [{ kind: "reference", to }];
  });
}

function systemParts(fields: Fields): Part[] {
  const instructions = isText(fields.instructions) ? fields.instructions : textField(fields, "instructions");
  return [...(instructions === null ? [] : [textPart(instructions)]), ...references(fields)];
}

/** The request's own tools by their bytes as sent, and those that items of its input bring along. */
function toolsOf(of: { body: Uint8Array; fields: Fields; ranges: readonly Field[]; brought: readonly Fields[] }): DeclaredTools {
  const field = of.ranges.find((range) => range.key === "tools");
  const elements = field === undefined ? [] : elementsOf(of.body, field);
  const own = declaredTools(objectsField(of.fields, "tools"), (index) => {
    const element = elements[index];
    return element === undefined ? 0 : element.end - element.start;
  });
  const brought = declaredTools(of.brought, (index) => jsonBytes(of.brought[index]));
  return { tools: [...own.tools, ...brought.tools], unbounded: [...new Set([...own.unbounded, ...brought.unbounded])] };
}

function reasoningFields(reasoning: Fields | null): string[] {
  if (reasoning === null) return [];
  const standard = reasoning.mode === undefined || reasoning.mode === null || reasoning.mode === "standard";
  const outside = fieldsOutside(reasoning, NEUTRAL_REASONING).filter((name) => name !== "mode" || !standard);
  return outside.map((name) => `reasoning.${name}`);
}

/** Output that is billed and not shown: reasoning. */
function reasons(reasoning: Fields | null): boolean {
  const effort = reasoning === null ? null : textField(reasoning, "effort");
  return effort !== null && effort !== "none";
}

/**
 * Parses just enough of a Responses body. Throws `invalid_request` naming the field and its value, `parameter_refused` for
 * a response in the background. Usage always comes with this dialect's streams, so a streaming client always counts as
 * having asked for it.
 */
export function readResponsesRequest(body: Uint8Array, target: RequestTarget = {}): ParsedRequest {
  return readBody(body, RESPONSES_TEXTS, (object) => requestOf(body, target, object));
}

function requestOf(body: Uint8Array, target: RequestTarget, { fields: ranges, value: fields }: BodyRead): ParsedRequest {
  refuseBackground(fields);
  const stream = booleanField(fields, "stream");
  const tier = textField(fields, "service_tier");
  const reasoning = objectField(fields, "reasoning");
  objectField(fields, "stream_options");
  const input = responsesInput(fields);
  const { tools, unbounded } = toolsOf({ body, fields, ranges, brought: input.tools });
  const dear = tier !== null && isDearerTier(tier) ? ["service_tier"] : [];
  return {
    body,
    fields: { of: body, list: ranges },
    target,
    billed: "all",
    model: targetModel(fields, target),
    stream,
    output_cap: integerField(fields, "max_output_tokens", { min: 1 }),
    tool_uses_max: integerField(fields, "max_tool_calls", { min: 0 }),
    choices: 1,
    wants_usage: stream,
    thinking: reasons(reasoning),
    system: systemParts(fields),
    messages: input.messages,
    tools,
    unknown_fields: [...fieldsOutside(fields, NEUTRAL), ...unbounded, ...reasoningFields(reasoning), ...dear],
    body_user: textField(fields, "user"),
    body_tags: tagsOf(isObject(fields.metadata) ? fields.metadata : null),
    service_tier: tier,
  };
}
