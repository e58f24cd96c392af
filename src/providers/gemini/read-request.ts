/**
 * Reads a Gemini generateContent request. Money path: fails closed — what is not on the list of money-neutral fields is
 * named, also inside generationConfig, and a number that bounds the bill is a whole number or the request is refused.
 * Source: https://ai.google.dev/api/generate-content (read November 2026).
 */
import { BursarError } from "../../accounting/errors.js";
import type { ParsedRequest, Part, RequestTarget } from "../../call/message.js";
import { type Fields, fieldsOutside, integerField, refuseField, tagsOf, textField } from "../request-fields.js";
import { type BodyRead, readBody } from "../texts-in-place.js";
import { contentParts, GEMINI_TEXTS, geminiMessages } from "./contents.js";
import { messageField, protoFields } from "./proto-json.js";
import { geminiTools, unboundedTools } from "./tools.js";

/** Read here, or without effect on the bill. Not on it: `serviceTier` (flex and priority have other prices), `store`. */
const NEUTRAL: ReadonlySet<string> = new Set([
  "model",
  "contents",
  "systemInstruction",
  "tools",
  "toolConfig",
  "safetySettings",
  "generationConfig",
  "cachedContent",
  "labels",
]);

/** The same for generationConfig. `speechConfig`, `imageConfig` and other output than text have prices of their own. */
const NEUTRAL_CONFIG: ReadonlySet<string> = new Set([
  "maxOutputTokens",
  "candidateCount",
  "stopSequences",
  "temperature",
  "topP",
  "topK",
  "seed",
  "presencePenalty",
  "frequencyPenalty",
  "responseMimeType",
  "responseSchema",
  "responseJsonSchema",
  "responseLogprobs",
  "logprobs",
  "thinkingConfig",
  "mediaResolution",
  "responseModalities",
]);

const NEUTRAL_THINKING: ReadonlySet<string> = new Set(["includeThoughts", "thinkingBudget", "thinkingLevel"]);

/** Most answers that one request may ask for: https://ai.google.dev/api/generate-content#generationconfig. */
const CHOICES_MAX = 8;

/** The name of a model without the collection it stands in. */
export function bareModel(name: string): string {
  return name.replace(/^models\//, "");
}

/** The model of the path, with which a body that names one has to agree. Throws `invalid_request`. */
export function targetModel(target: RequestTarget, fields: Fields): string {
  const model = bareModel(target.model ?? "").trim();
  if (model === "") {
    const message = "The path names no model; it takes /v1beta/models/{model}:generateContent or another method.";
    throw new BursarError("invalid_request", message, { parameter: "model" });
  }
  const told = textField(fields, "model");
  return told === null || bareModel(told) === model ? model : refuseField("model", told, `the model of the path, "${model}"`);
}

function prefixed(prefix: string, names: readonly string[]): string[] {
  return names.map((name) => `${prefix}.${name}`);
}

/** Output that is not text is dearer per token, by prices of its own. */
function speaks(config: Fields): boolean {
  const modalities = config.responseModalities ?? [];
  const list: readonly unknown[] = Array.isArray(modalities) ? modalities : [modalities];
  return list.some((modality) => modality !== "TEXT");
}

function unknownConfig(config: Fields, thinking: Fields | null): readonly string[] {
  const named = fieldsOutside(config, NEUTRAL_CONFIG);
  const inner = thinking === null ? [] : prefixed("thinkingConfig", fieldsOutside(thinking, NEUTRAL_THINKING));
  return prefixed("generationConfig", [...named, ...inner, ...(speaks(config) ? ["responseModalities"] : [])]);
}

/** Does the request turn thinking on? Models that think by themselves are known by their facts. */
function thinks(thinking: Fields | null): boolean {
  if (thinking === null) return false;
  return thinking.thinkingBudget !== 0 || thinking.includeThoughts === true || (thinking.thinkingLevel ?? null) !== null;
}

function systemParts(fields: Fields): readonly Part[] {
  const instruction = messageField(fields, "systemInstruction");
  const cached = textField(fields, "cachedContent");
  const parts = instruction === null ? [] : contentParts(instruction);
  return cached === null || cached === "" ? parts : [...parts, { kind: "reference", to: cached }];
}

/**
 * Parses just enough of a generateContent body; model and streaming stand in its target. Usage always comes with this
 * dialect's streams, so a streaming client always counts as having asked for it. Throws `invalid_request` naming the field.
 */
export function readGeminiRequest(body: Uint8Array, target: RequestTarget = {}): ParsedRequest {
  return readBody(body, GEMINI_TEXTS, (object) => requestOf(body, target, object));
}

function requestOf(body: Uint8Array, target: RequestTarget, { fields: ranges, value }: BodyRead): ParsedRequest {
  const fields = protoFields(value);
  const model = targetModel(target, fields);
  const config = messageField(fields, "generationConfig") ?? {};
  const thinking = messageField(config, "thinkingConfig");
  const tools = geminiTools({ body, fields, ranges, model });
  const stream = target.stream === true;
  return {
    body,
    target,
    billed: "all",
    tool_uses_max: null,
    model,
    stream,
    output_cap: integerField(config, "maxOutputTokens", { min: 1 }),
    choices: integerField(config, "candidateCount", { min: 1, max: CHOICES_MAX }) ?? 1,
    wants_usage: stream,
    thinking: thinks(thinking),
    system: systemParts(fields),
    messages: geminiMessages(fields),
    tools,
    unknown_fields: [...fieldsOutside(fields, NEUTRAL), ...unknownConfig(config, thinking), ...unboundedTools(tools)],
    body_user: null,
    body_tags: tagsOf({ tags: fields.labels }),
    service_tier: textField(fields, "serviceTier"),
  };
}
