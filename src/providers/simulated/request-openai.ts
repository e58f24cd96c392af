/** OpenAI's Chat Completions, Completions and Embeddings, read as their API would. Throws Refusal on what it answers with 400. */
import { arrayOf, type Fields, fieldsOf, filled, modelOf, positive, streamOf, textOf, wordOf } from "./fields.js";
import { sizeOf } from "./prompt.js";
import { Refusal } from "./refusal.js";
import { countOf, plainRequest, type SimulatedRequest } from "./request.js";

/** Choices of one request at most: https://platform.openai.com/docs/api-reference/chat/create, November 2026. */
const CHOICES_MAX = 128;

function streamOptions(fields: Fields, stream: boolean): { readonly include_usage: boolean } {
  if (!stream && fields.stream_options !== undefined && fields.stream_options !== null)
    throw new Refusal(400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.", {
      param: "stream_options",
    });
  return { include_usage: fieldsOf(fields.stream_options).include_usage === true };
}

/** `{type: "json_schema", json_schema: {schema}}` or `json_object`. */
function documentOf(format: Fields): SimulatedRequest["document"] {
  if (format.type === "json_object") return { schema: undefined };
  if (format.type !== "json_schema") return null;
  return { schema: fieldsOf(format.json_schema).schema };
}

/** Chat Completions: https://platform.openai.com/docs/api-reference/chat/create, November 2026. */
export function readChat(
  fields: Fields,
  path: { model?: string },
  refusesMaxTokens: (model: string) => boolean,
): SimulatedRequest {
  const model = modelOf(fields, path.model);
  const messages = filled(fields, "messages");
  const stream = streamOf(fields);
  const [old, current] = [positive(fields, "max_tokens"), positive(fields, "max_completion_tokens")];
  if (old !== null && current !== null)
    throw new Refusal(400, "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.");
  if (old !== null && refusesMaxTokens(model)) {
    const message = `Unsupported parameter: 'max_tokens' is not supported with ${model}. Use 'max_completion_tokens' instead.`;
    throw new Refusal(400, message, { param: "max_tokens", code: "unsupported_parameter" });
  }
  const choices = positive(fields, "n") ?? 1;
  if (choices > CHOICES_MAX) throw new Refusal(400, `n: at most ${CHOICES_MAX}`, { param: "n" });
  const tools = arrayOf(fields.tools).map((tool) => {
    const declared = fieldsOf(fieldsOf(tool).function);
    return { name: wordOf(declared.name), schema: declared.parameters };
  });
  const choice = fields.tool_choice;
  const named = textOf(fieldsOf(fieldsOf(choice).function).name);
  const plain = plainRequest({
    dialect: "openai-chat",
    model,
    body: fields,
    prompt: () => sizeOf([fields.tools, messages]),
    conversation: JSON.stringify([messages, fields.tools]),
  });
  return {
    ...plain,
    stream,
    ...streamOptions(fields, stream),
    cap: current ?? old,
    choices,
    tools,
    forced_tool: named ?? (choice === "required" ? (tools[0]?.name ?? null) : null),
    tool_results: countOf(messages, (message) => fieldsOf(message).role === "tool"),
    document: documentOf(fieldsOf(fields.response_format)),
    reasoning_off: fields.reasoning_effort === "none" || fields.reasoning_effort === "minimal",
  };
}

/** Prompts of a request: one text, several, or token ids. */
function promptsOf(value: unknown, name: string): readonly unknown[] {
  if (typeof value === "string") return [value];
  if (!Array.isArray(value) || value.length === 0) throw new Refusal(400, `${name}: must be text or a list`, { param: name });
  return typeof value[0] === "number" ? [value] : value;
}

/** Tokens that a legacy completion makes when the request names no cap: https://platform.openai.com/docs/api-reference/completions/create, November 2026. */
const COMPLETION_DEFAULT = 16;

/** Completions: https://platform.openai.com/docs/api-reference/completions/create, November 2026. */
export function readCompletions(fields: Fields, path: { model?: string }): SimulatedRequest {
  const model = modelOf(fields, path.model);
  const prompts = promptsOf(fields.prompt ?? "<|endoftext|>", "prompt");
  const stream = streamOf(fields);
  const n = positive(fields, "n") ?? 1;
  const best = positive(fields, "best_of") ?? n;
  if (best < n) throw new Refusal(400, `best_of: must be at least n (${n}), not ${best}`, { param: "best_of" });
  if (stream && best > n) throw new Refusal(400, "best_of: results cannot be streamed", { param: "best_of" });
  if (best * prompts.length > CHOICES_MAX) throw new Refusal(400, `at most ${CHOICES_MAX} completions`, { param: "best_of" });
  const plain = plainRequest({
    dialect: "openai-completions",
    model,
    body: fields,
    prompt: () => sizeOf(prompts),
    conversation: JSON.stringify(prompts),
  });
  return {
    ...plain,
    stream,
    ...streamOptions(fields, stream),
    cap: positive(fields, "max_tokens") ?? COMPLETION_DEFAULT,
    choices: best * prompts.length,
    shown: { best_of: best, n },
    reasoning_off: true,
  };
}

/** Inputs of one request at most: https://platform.openai.com/docs/api-reference/embeddings/create, November 2026. */
const INPUTS_MAX = 2048;

/** Embeddings: https://platform.openai.com/docs/api-reference/embeddings/create, November 2026. */
export function readEmbeddings(fields: Fields, path: { model?: string }): SimulatedRequest {
  const model = modelOf(fields, path.model);
  const inputs = promptsOf(fields.input, "input");
  if (inputs.length > INPUTS_MAX) throw new Refusal(400, `input: at most ${INPUTS_MAX}`, { param: "input" });
  const format = fields.encoding_format ?? "float";
  if (format !== "float" && format !== "base64")
    throw new Refusal(400, `encoding_format: float or base64, not ${JSON.stringify(format)}`, { param: "encoding_format" });
  const plain = plainRequest({
    dialect: "openai-embeddings",
    model,
    body: fields,
    prompt: () => sizeOf(inputs),
    conversation: JSON.stringify(inputs),
  });
  const vectors = { items: inputs.length, dimensions: positive(fields, "dimensions"), base64: format === "base64" };
  return { ...plain, work: "embed", vectors };
}
