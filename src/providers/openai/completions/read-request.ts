/**
 * Reads a legacy Completions request. Money path: fails closed — what is not on the list of money-neutral fields is named,
 * and a number that bounds the bill is a whole number or the request is refused.
 * Source: https://platform.openai.com/docs/api-reference/completions/create (read November 2026).
 */
import { BursarError } from "../../../accounting/errors.js";
import type { ParsedRequest, Part, RequestTarget } from "../../../call/message.js";
import { readObject } from "../../json-bytes.js";
import { booleanField, type Fields, fieldsOutside, integerField, objectField, textField } from "../../request-fields.js";
import { targetModel } from "../target-model.js";
import { textInputs } from "../text-inputs.js";

/** Read here, or without effect on the bill. */
const NEUTRAL: ReadonlySet<string> = new Set([
  "model",
  "prompt",
  "suffix",
  "stream",
  "stream_options",
  "max_tokens",
  "n",
  "best_of",
  "echo",
  "logprobs",
  "logit_bias",
  "frequency_penalty",
  "presence_penalty",
  "temperature",
  "top_p",
  "seed",
  "stop",
  "user",
]);

/** Cap of a request that names none. It is always sent: other servers that speak this have other defaults, or none. */
const MAX_TOKENS_DEFAULT = 16;

/** Most answers per prompt; the API reference bounds `n` by 128 and `best_of` by 20, and lets it be 0. */
const CHOICES_MAX = 128;

/** Most answers of one request. Every one of them is followed through a stream. */
const ANSWERS_MAX = 2048;

/** Answers per prompt: those that are shown, and those that are produced, of which the best are shown. */
function answersOf(fields: Fields): { readonly shown: number; readonly produced: number } {
  const shown = integerField(fields, "n", { min: 1, max: CHOICES_MAX }) ?? 1;
  const best = integerField(fields, "best_of", { min: 0, max: CHOICES_MAX }) ?? 1;
  return { shown, produced: Math.max(shown, best) };
}

/** What a Completions stream repeats before it answers, and how many answers it shows. */
export interface Shown {
  readonly choices: number;
  /** Answers per prompt: choice `i` is to prompt `⌊i / per_prompt⌋`. */
  readonly per_prompt: number;
  readonly echo: boolean;
}

/** What a stream of this request will show. The body was read before: nothing is refused here. */
export function shownOf(request: ParsedRequest): Shown {
  const { value: fields } = readObject(request.body);
  const { shown } = answersOf(fields);
  return { choices: shown * request.messages.length, per_prompt: shown, echo: booleanField(fields, "echo") };
}

/** Parses just enough of a Completions body. Throws `invalid_request` naming the field and its value. */
export function readCompletionsRequest(body: Uint8Array, target: RequestTarget = {}): ParsedRequest {
  const { value: fields } = readObject(body);
  const prompts = textInputs(fields, "prompt");
  const choices = prompts.length * answersOf(fields).produced;
  if (choices > ANSWERS_MAX) {
    throw new BursarError(
      "invalid_request",
      `${prompts.length} prompts ask for ${choices} answers together; one request takes up to ${ANSWERS_MAX}. Send fewer prompts, or lower n or best_of.`,
      { parameter: "prompt", value: choices },
    );
  }
  const streamOptions = objectField(fields, "stream_options");
  const suffix = textField(fields, "suffix");
  const after: readonly Part[] = suffix === null || suffix === "" ? [] : [{ kind: "text", text: suffix }];
  booleanField(fields, "echo");
  return {
    body,
    target,
    billed: "all",
    tool_uses_max: null,
    model: targetModel(fields, target),
    stream: booleanField(fields, "stream"),
    output_cap: integerField(fields, "max_tokens", { min: 1 }) ?? MAX_TOKENS_DEFAULT,
    choices,
    wants_usage: streamOptions !== null && booleanField(streamOptions, "include_usage"),
    thinking: false,
    system: [],
    messages: prompts.map((prompt) => ({ role: "user", parts: [prompt, ...after] })),
    tools: [],
    unknown_fields: fieldsOutside(fields, NEUTRAL),
    body_user: textField(fields, "user"),
    body_tags: {},
    service_tier: null,
  };
}
