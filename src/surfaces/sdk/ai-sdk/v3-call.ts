/**
 * An AI SDK call (specification v3) as the neutral call. Money path: fails closed — provider options that are not known to
 * be money-neutral are named, and refused on hard budgets.
 */
import type { Message, Part, Role } from "../../../call/message.js";
import { base64Bytes, isObject } from "../../../providers/request-fields.js";
import type { NeutralCall, NeutralTool } from "../model-call/neutral-call.js";
import type { V3Call, V3Message, V3Tool } from "./v3-shapes.js";

type Fields = Readonly<Record<string, unknown>>;

/**
 * Options that change neither price nor the number of answers. Sources: https://ai-sdk.dev/providers/ai-sdk-providers
 * (openai, anthropic, google-generative-ai), read November 2026.
 */
const NEUTRAL: Readonly<Record<string, ReadonlySet<string>>> = {
  openai: new Set(
    (
      "logitBias logprobs parallelToolCalls user reasoningEffort reasoningSummary textVerbosity strictJsonSchema store metadata " +
      "promptCacheKey promptCacheRetention safetyIdentifier systemMessageMode structuredOutputs forceReasoning include " +
      "instructions truncation serviceTier previousResponseId conversation maxToolCalls prediction"
    ).split(" "),
  ),
  anthropic: new Set(
    "sendReasoning structuredOutputMode thinking disableParallelToolUse cacheControl toolStreaming effort metadata".split(" "),
  ),
  google: new Set("thinkingConfig cachedContent structuredOutputs safetySettings threshold labels mediaResolution".split(" ")),
};

/** Tools that the provider names and the client runs: https://platform.claude.com/docs/en/agents-and-tools, read November 2026. */
const CLIENT_SIDE = /^(?:anthropic\.(?:bash|computer|text_editor|memory)_|openai\.(?:local_shell|apply_patch)$)/;

function fieldsOf(value: unknown): Fields {
  return isObject(value) ? value : {};
}

function bytesOfData(data: unknown): { bytes: number | null; by_reference: boolean } {
  if (data instanceof Uint8Array) return { bytes: data.byteLength, by_reference: false };
  if (data instanceof URL) return { bytes: null, by_reference: true };
  if (typeof data === "string" && !/^https?:/i.test(data)) return { bytes: base64Bytes(data), by_reference: false };
  return { bytes: null, by_reference: true };
}

function mediaPart(mediaType: string, data: unknown): Part {
  const { bytes, by_reference } = bytesOfData(data);
  // Only sound is bounded by its bytes; the others' bytes would be taken for bytes of this call's own body.
  if (mediaType.startsWith("image")) return { kind: "image", bytes: null, by_reference };
  if (mediaType.startsWith("audio")) return { kind: "audio", bytes, by_reference };
  if (mediaType.startsWith("text") && data instanceof Uint8Array) {
    return { kind: "text", text: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("utf8") };
  }
  return { kind: "file", bytes: null, by_reference };
}

function jsonText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

/** Media inside a tool's result. */
const RESULT_MEDIA: Readonly<Record<string, string>> = {
  "image-data": "image/*",
  "image-url": "image/*",
  "image-file-id": "image/*",
};

function resultParts(id: string, output: Fields): readonly Part[] {
  if (output.type !== "content" || !Array.isArray(output.value)) {
    return [{ kind: "tool_result", id, text: jsonText(output.value ?? output.reason ?? "") }];
  }
  return output.value.filter(isObject).map((value): Part => {
    if (value.type === "text") return { kind: "tool_result", id, text: jsonText(value.text) };
    const type = RESULT_MEDIA[String(value.type)] ?? (typeof value.mediaType === "string" ? value.mediaType : "");
    return mediaPart(type, value.data ?? value.url ?? null);
  });
}

function partsOf(value: unknown): readonly Part[] {
  if (typeof value === "string") return [{ kind: "text", text: value }];
  const part = fieldsOf(value);
  const id = String(part.toolCallId ?? "");
  switch (part.type) {
    case "text":
      return [{ kind: "text", text: jsonText(part.text) }];
    case "reasoning":
      return [{ kind: "thinking", text: jsonText(part.text), opaque: false }];
    case "file":
      return [mediaPart(String(part.mediaType ?? ""), part.data)];
    case "tool-call":
      return [{ kind: "tool_call", id, name: String(part.toolName ?? ""), arguments: jsonText(part.input) }];
    case "tool-result":
      return resultParts(id, fieldsOf(part.output));
    case "tool-approval-response":
      return [{ kind: "text", text: jsonText(part.reason ?? "") }];
    default:
      return [{ kind: "unknown", type: String(part.type), bytes: Buffer.byteLength(jsonText(value)) }];
  }
}

function messageOf(message: V3Message): Message {
  const content = Array.isArray(message.content) ? message.content : [message.content];
  return { role: message.role satisfies Role, parts: content.flatMap(partsOf) };
}

function toolOf(tool: V3Tool): NeutralTool {
  const fields = tool as unknown as Fields;
  if (tool.type === "function") {
    const { description, inputSchema, inputExamples } = fields;
    return {
      name: tool.name,
      declaration: { name: tool.name, description, inputSchema, inputExamples },
      server_side: false,
      uses_max: null,
    };
  }
  const args = fieldsOf(fields.args);
  const uses = args.maxUses;
  return {
    name: tool.name,
    declaration: { name: tool.name, args },
    server_side: !CLIENT_SIDE.test(String(fields.id ?? "")),
    uses_max: typeof uses === "number" && Number.isSafeInteger(uses) && uses >= 0 ? uses : null,
  };
}

/** Options by provider that nobody here knows to be neutral, e.g. `providerOptions.anthropic.speed`. */
function unknownOptions(options: Fields): string[] {
  return Object.entries(options).flatMap(([provider, set]) => {
    const known = NEUTRAL[provider === "azure" ? "openai" : provider === "vertex" ? "google" : provider];
    const names = Object.entries(fieldsOf(set)).filter(([name, value]) => value !== undefined && known?.has(name) !== true);
    return names.map(([name]) => `providerOptions.${provider}.${name}`);
  });
}

function referencesOf(openai: Fields, google: Fields): readonly Part[] {
  const named: readonly (readonly [string, unknown])[] = [
    ["previous response", openai.previousResponseId],
    ["conversation", openai.conversation],
    ["cached content", google.cachedContent],
  ];
  return named.filter(([, value]) => value !== undefined && value !== null).map(([to]) => ({ kind: "reference", to }));
}

/** The dearest cache write that the call asks for anywhere; how deep it stands does not matter. */
function cacheWrites(provider: string, call: V3Call): NeutralCall["cache_writes"] {
  if (provider !== "anthropic") return "none";
  const media = (_: string, value: unknown): unknown => (value instanceof Uint8Array || typeof value === "bigint" ? null : value);
  const marked = JSON.stringify([call.providerOptions, call.prompt, call.tools], media);
  if (!/"cache_?[cC]ontrol"/.test(marked)) return "none";
  return marked.includes('"ttl":"1h"') ? "1h" : "5m";
}

/** What Anthropic's provider takes for a thinking budget that is not given (@ai-sdk/anthropic 3). */
const THINKING_DEFAULT = 1_024;

/** Thinking tokens that Anthropic's provider adds to the output cap it is given (@ai-sdk/anthropic 3: `max_tokens`). */
export function thinkingBudget(provider: string, call: V3Call): number {
  const thinking = fieldsOf(fieldsOf(fieldsOf(call.providerOptions).anthropic).thinking);
  const { budgetTokens } = thinking;
  if (provider !== "anthropic" || thinking.type !== "enabled") return 0;
  if (budgetTokens === undefined || budgetTokens === null) return THINKING_DEFAULT;
  return typeof budgetTokens === "number" && Number.isSafeInteger(budgetTokens) && budgetTokens > 0 ? budgetTokens : 0;
}

function isThinking(anthropic: Fields, google: Fields): boolean {
  const { type } = fieldsOf(anthropic.thinking);
  return (typeof type === "string" && type !== "disabled") || isObject(google.thinkingConfig);
}

/** Reads a call. `provider` is Bursar's name of it, `model` what is asked for. */
export function neutralOf(of: { call: V3Call; provider: string; model: string; stream: boolean }): NeutralCall {
  const { call, provider, model, stream } = of;
  const options = fieldsOf(call.providerOptions);
  const openai = { ...fieldsOf(options.openai), ...fieldsOf(options.azure) };
  const anthropic = fieldsOf(options.anthropic);
  const google = { ...fieldsOf(options.google), ...fieldsOf(options.vertex) };
  const cap = call.maxOutputTokens;
  const instructions: readonly Part[] =
    typeof openai.instructions === "string" ? [{ kind: "text", text: openai.instructions }] : [];
  const uses = openai.maxToolCalls;
  return {
    model,
    stream,
    output_cap: cap === undefined ? null : cap + thinkingBudget(provider, call),
    choices: 1,
    tool_uses_max: typeof uses === "number" ? uses : null,
    thinking: isThinking(anthropic, google),
    cache_writes: cacheWrites(provider, call),
    system: [...instructions, ...referencesOf(openai, google)],
    messages: call.prompt.map(messageOf),
    tools: (call.tools ?? []).map(toolOf),
    more: [call.responseFormat ?? null, openai.prediction ?? null],
    unknown_fields: unknownOptions(options),
    service_tier: typeof openai.serviceTier === "string" ? openai.serviceTier : null,
  };
}
