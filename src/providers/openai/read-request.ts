/**
 * Reads an OpenAI Chat request. Money path: fails closed — what is not on the list of money-neutral fields is named, and
 * a number that bounds the bill is a whole number or the request is refused.
 * Source: https://platform.openai.com/docs/api-reference/chat/create (read November 2026).
 */
import { BursarError } from "../../accounting/errors.js";
import type { ParsedRequest, RequestTarget, ToolDeclaration } from "../../call/message.js";
import { elementsOf, type Field } from "../json-bytes.js";
import {
  booleanField,
  type Fields,
  fieldsOutside,
  integerField,
  isObject,
  objectField,
  objectsField,
  refuseField,
  tagsOf,
  textField,
} from "../request-fields.js";
import { type BodyRead, readBody } from "../texts-in-place.js";
import { CHAT_TEXTS, openAiMessages } from "./messages.js";
import { isDearerTier } from "./service-tier.js";
import { targetModel } from "./target-model.js";

/** Read here, or without effect on the bill. `store` is free; log probabilities and penalties do not change the price. */
const NEUTRAL: ReadonlySet<string> = new Set([
  "model",
  "messages",
  "stream",
  "stream_options",
  "max_tokens",
  "max_completion_tokens",
  "n",
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "functions",
  "function_call",
  "frequency_penalty",
  "presence_penalty",
  "logit_bias",
  "logprobs",
  "top_logprobs",
  "temperature",
  "top_p",
  "seed",
  "stop",
  "response_format",
  "reasoning_effort",
  "verbosity",
  "prediction",
  "modalities",
  "service_tier",
  "web_search_options",
  "prompt_cache_key",
  "prompt_cache_retention",
  "safety_identifier",
  "user",
  "metadata",
  "store",
]);

/** Most answers that one request may ask for. Source: the API reference's bound of `n`. */
const CHOICES_MAX = 128;

/** The client's cap, by either name. Two different ones contradict each other. */
function outputCap(fields: Fields): number | null {
  const older = integerField(fields, "max_tokens", { min: 1 });
  const newer = integerField(fields, "max_completion_tokens", { min: 1 });
  if (older !== null && newer !== null && older !== newer) {
    throw new BursarError(
      "invalid_request",
      `max_tokens is ${older} and max_completion_tokens is ${newer}; they are two names of one cap. Send one of them.`,
      { parameter: "max_tokens", value: older },
    );
  }
  return newer ?? older;
}

function declarations(options: {
  body: Uint8Array;
  field: Field | undefined;
  tools: readonly Fields[];
  legacy: boolean;
}): ToolDeclaration[] {
  const ranges = options.field === undefined ? [] : elementsOf(options.body, options.field);
  return options.tools.map((tool, index) => {
    const range = ranges[index];
    const named = options.legacy ? tool : isObject(tool.function) ? tool.function : isObject(tool.custom) ? tool.custom : {};
    const type = options.legacy ? "function" : tool.type;
    const ours = type === "function" || type === "custom";
    return {
      name: typeof named.name === "string" ? named.name : typeof type === "string" ? type : `tools[${index}]`,
      bytes: range === undefined ? 0 : range.end - range.start,
      server_side: !ours,
      uses_max: null,
    };
  });
}

const SEARCH = "web_search_options";

function tools(body: Uint8Array, fields: Fields, ranges: readonly Field[]): readonly ToolDeclaration[] {
  const field = (key: string) => ranges.find((range) => range.key === key);
  const declared = declarations({ body, field: field("tools"), tools: objectsField(fields, "tools"), legacy: false });
  const legacy = declarations({ body, field: field("functions"), tools: objectsField(fields, "functions"), legacy: true });
  const search = objectField(fields, SEARCH);
  const searching = search === null ? [] : [{ name: SEARCH, bytes: 0, server_side: true, uses_max: null }];
  return [...declared, ...legacy, ...searching];
}

/**
 * Fields whose value, not whose name, decides whether they change the price. Chat has no field that limits how often a tool runs
 * at the provider, so that no bound of a key could be kept there either.
 */
function dearFields(fields: Fields, tier: string | null, declared: readonly ToolDeclaration[]): string[] {
  const { modalities } = fields;
  const speaks = Array.isArray(modalities) && modalities.some((modality) => modality !== "text");
  const ran = declared.filter((tool) => tool.server_side).map(({ name }) => (name === SEARCH ? name : `tools.${name}`));
  return [...(speaks ? ["modalities"] : []), ...ran, ...(tier !== null && isDearerTier(tier) ? ["service_tier"] : [])];
}

/** Output that the stream does not show as it is billed: reasoning, and rejected tokens of a prediction. */
function billsUnseen(fields: Fields): boolean {
  const effort = textField(fields, "reasoning_effort");
  return (effort !== null && effort !== "none") || objectField(fields, "prediction") !== null;
}

/**
 * Parses just enough of a Chat Completions body. Throws `invalid_request` naming the field and its value. Bodies by
 * reference stay untouched: `body` is what came.
 */
export function readOpenAiRequest(body: Uint8Array, target: RequestTarget = {}): ParsedRequest {
  return readBody(body, CHAT_TEXTS, (object) => requestOf(body, target, object));
}

function requestOf(body: Uint8Array, target: RequestTarget, { fields: ranges, value: fields }: BodyRead): ParsedRequest {
  const tier = textField(fields, "service_tier");
  const streamOptions = objectField(fields, "stream_options");
  const metadata = isObject(fields.metadata) ? fields.metadata : null;
  const declared = tools(body, fields, ranges);
  if (fields.modalities !== undefined && fields.modalities !== null && !Array.isArray(fields.modalities)) {
    refuseField("modalities", fields.modalities, "an array");
  }
  return {
    body,
    fields: { of: body, list: ranges },
    target,
    billed: "all",
    tool_uses_max: null,
    model: targetModel(fields, target),
    stream: booleanField(fields, "stream"),
    output_cap: outputCap(fields),
    choices: integerField(fields, "n", { min: 1, max: CHOICES_MAX }) ?? 1,
    wants_usage: streamOptions !== null && booleanField(streamOptions, "include_usage"),
    thinking: billsUnseen(fields),
    system: [],
    messages: openAiMessages(fields),
    tools: declared,
    unknown_fields: [...fieldsOutside(fields, NEUTRAL), ...dearFields(fields, tier, declared)],
    body_user: textField(fields, "user"),
    body_tags: tagsOf(metadata),
    service_tier: tier,
  };
}
