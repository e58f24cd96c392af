/**
 * A LangChain run as the neutral call, read from what its callbacks are given (@langchain/core 1.4). Money path: fails
 * closed — parameters that are not known to be money-neutral are named, and refused on hard budgets.
 */
import type { Message, Part, Role } from "../../../call/message.js";
import { base64Bytes, isObject } from "../../../providers/request-fields.js";
import type { NeutralCall, NeutralTool } from "../model-call/neutral-call.js";

type Fields = Readonly<Record<string, unknown>>;

/** A run as its handler learns of it. */
export interface LangChainRun {
  /** Messages of a chat model, or the prompts of a text model as text. */
  readonly messages: readonly unknown[];
  /** `invocation_params`: what the integration is about to send, without messages. */
  readonly parameters: Fields;
  /** `ls_provider`, `ls_model_name`, `ls_max_tokens`. */
  readonly metadata: Fields;
  /** Output that a model without a cap may give at most; null when unknown. */
  readonly outputMax: number | null;
}

const ROLES: Readonly<Record<string, Role>> = {
  human: "user",
  user: "user",
  ai: "assistant",
  assistant: "assistant",
  system: "system",
  developer: "system",
  tool: "tool",
  function: "tool",
};

/** Parameters of the integrations that change neither price nor the number of answers, or that are read here. */
const KNOWN = new Set(
  (
    "model modelName model_name stream streaming stream_options max_tokens max_completion_tokens maxOutputTokens " +
    "max_output_tokens temperature top_p topP top_k topK stop stop_sequences stopSequences seed presence_penalty " +
    "frequency_penalty logit_bias logprobs top_logprobs tools tool_choice parallel_tool_calls functions function_call " +
    "response_format text n user metadata store reasoning reasoning_effort verbosity prompt_cache_key " +
    "prompt_cache_retention safety_identifier service_tier thinking betas output_config cache_control strict include " +
    "truncation previous_response_id max_tool_calls generationConfig safetySettings"
  ).split(" "),
);

/** Tools that Anthropic names and the client runs: https://platform.claude.com/docs/en/agents-and-tools, read November 2026. */
const CLIENT_SIDE = /^(?:function$|custom$|bash_|computer_|text_editor_|memory_)/;

function fieldsOf(value: unknown): Fields {
  return isObject(value) ? value : {};
}

function jsonText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function whole(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1 ? value : null;
}

/** Where a block has its bytes: a data URL, base64 text, or a reference. */
function mediaOf(kind: "image" | "audio" | "file", block: Fields): Part {
  const nested = fieldsOf(block.source ?? block.input_audio ?? block.image_url ?? block.file);
  const found = block.data ?? nested.data ?? nested.file_data ?? nested.url ?? block.image_url ?? block.url;
  const text = typeof found === "string" ? found : "";
  const by_reference = text === "" || /^https?:/i.test(text);
  const data = text.startsWith("data:") ? text.slice(text.indexOf(",") + 1) : text;
  // Only sound is bounded by its bytes.
  const bytes = kind === "audio" && !by_reference ? base64Bytes(data) : null;
  const detail = typeof nested.detail === "string" ? { detail: nested.detail } : {};
  return kind === "image" ? { kind, bytes, by_reference, ...detail } : { kind, bytes, by_reference };
}

function blockOf(value: unknown): readonly Part[] {
  if (typeof value === "string") return [{ kind: "text", text: value }];
  const block = fieldsOf(value);
  switch (block.type) {
    case "text":
    case "input_text":
    case "output_text":
      return [{ kind: "text", text: jsonText(block.text) }];
    case "image":
    case "image_url":
    case "input_image":
      return [mediaOf("image", block)];
    case "audio":
    case "input_audio":
      return [mediaOf("audio", block)];
    case "file":
    case "document":
    case "input_file":
      return [mediaOf("file", block)];
    case "thinking":
    case "reasoning":
    case "redacted_thinking":
      return [{ kind: "thinking", text: jsonText(value), opaque: block.type === "redacted_thinking" }];
    // The message's own list of calls says them again, in one shape.
    case "tool_use":
    case "tool_call":
    case "function_call":
    case "input_json_delta":
      return [];
    case "tool_result":
      return [{ kind: "tool_result", id: String(block.tool_use_id ?? ""), text: jsonText(block.content) }];
    default:
      return [{ kind: "unknown", type: String(block.type), bytes: Buffer.byteLength(jsonText(value)) }];
  }
}

function typeOf(message: Fields): string {
  const typed = message as { getType?: () => unknown; _getType?: () => unknown; role?: unknown };
  return String(typed.getType?.() ?? typed._getType?.() ?? typed.role ?? "user");
}

function messageOf(value: unknown): Message {
  if (!isObject(value)) return { role: "user", parts: blockOf(jsonText(value)) };
  const type = typeOf(value);
  const blocks = (Array.isArray(value.content) ? value.content : [value.content ?? ""]).flatMap(blockOf);
  const calls = (Array.isArray(value.tool_calls) ? value.tool_calls : []).filter(isObject).map(
    (call): Part => ({
      kind: "tool_call",
      id: String(call.id ?? ""),
      name: String(call.name ?? ""),
      arguments: jsonText(call.args),
    }),
  );
  return { role: ROLES[type] ?? "user", parts: [...blocks, ...calls] };
}

function toolOf(declaration: Fields): NeutralTool {
  const { type } = declaration;
  const name = declaration.name ?? fieldsOf(declaration.function).name ?? type;
  return {
    name: String(name ?? "tool"),
    declaration,
    server_side: typeof type === "string" && !CLIENT_SIDE.test(type),
    uses_max: whole(declaration.max_uses),
  };
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** Output tokens the run itself is limited to; null when it sets none. */
export function ownCap({ parameters, metadata }: Pick<LangChainRun, "parameters" | "metadata">): number | null {
  const { max_completion_tokens, max_tokens, max_output_tokens, maxOutputTokens } = parameters;
  const generation = fieldsOf(parameters.generationConfig).maxOutputTokens;
  const named = [max_completion_tokens, max_tokens, max_output_tokens, maxOutputTokens, generation, metadata.ls_max_tokens];
  return named.map(whole).find((cap) => cap !== null) ?? null;
}

function cacheWrites(run: LangChainRun): NeutralCall["cache_writes"] {
  const marked = JSON.stringify([run.messages, run.parameters]);
  if (!marked.includes('"cache_control"')) return "none";
  return marked.includes('"ttl":"1h"') ? "1h" : "5m";
}

/** Reads a run. A run without a cap is held at all that the model can give: a callback cannot set one. */
export function neutralOf(run: LangChainRun, model: string): NeutralCall {
  const { parameters } = run;
  const thinking = fieldsOf(parameters.thinking).type;
  const tools = [parameters.tools, parameters.functions].flatMap((list) => (Array.isArray(list) ? list : [])).filter(isObject);
  const { previous_response_id, service_tier } = parameters;
  return {
    model,
    stream: false,
    output_cap: ownCap(run) ?? run.outputMax,
    choices: whole(parameters.n) ?? 1,
    tool_uses_max: whole(parameters.max_tool_calls),
    thinking: typeof thinking === "string" && thinking !== "disabled",
    cache_writes: cacheWrites(run),
    system: isEmpty(previous_response_id) ? [] : [{ kind: "reference", to: "previous response" }],
    messages: run.messages.map(messageOf),
    tools: tools.map(toolOf),
    more: [parameters.response_format ?? null, parameters.text ?? null],
    unknown_fields: Object.entries(parameters)
      .filter(([name, value]) => !KNOWN.has(name) && !isEmpty(value) && value !== false)
      .map(([name]) => name),
    service_tier: typeof service_tier === "string" ? service_tier : null,
  };
}
