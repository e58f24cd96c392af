/**
 * Reads a request as a provider would: strictly, and in a way of its own (Bursar's parser is what is being checked).
 * Throws Refusal on what the real provider answers with 400.
 */
import type { DialectName } from "../../call/needs.js";
import { type Prompt, sizeOf } from "./prompt.js";
import { Refusal } from "./refusal.js";

/** A tool the client declares, with the JSON schema of its arguments. */
export interface DeclaredTool {
  readonly name: string;
  readonly schema: unknown;
}

/** A request, read. */
export interface SimulatedRequest {
  readonly dialect: DialectName;
  readonly model: string;
  readonly stream: boolean;
  /** Cap on output tokens per choice; null when there is none. */
  readonly cap: number | null;
  readonly choices: number;
  readonly include_usage: boolean;
  readonly prompt: () => Prompt;
  /** Does the prompt ask for cache writes (and so has to be measured even when its size is given). */
  readonly marks_cache: boolean;
  /** What the answer depends on: the conversation, not its caps or flags. */
  readonly conversation: string;
  readonly tools: readonly DeclaredTool[];
  readonly forced_tool: string | null;
  /** Anthropic: thinking is shown as its own block. */
  readonly thinks: boolean;
  /** OpenAI: reasoning was asked to be off. */
  readonly reasoning_off: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {});
const arrayOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function parse(body: Uint8Array): Fields {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    throw new Refusal(400, `We could not parse the JSON body of your request: ${String(error)}`);
  }
  if (!isFields(value)) throw new Refusal(400, "The body must be a JSON object.");
  return value;
}

function positive(fields: Fields, name: string): number | null {
  const value = fields[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1)
    throw new Refusal(400, `${name}: must be an integer of at least 1, not ${JSON.stringify(value)}`, { param: name });
  return value;
}

function common(fields: Fields): { model: string; stream: boolean } {
  const { model, stream } = fields;
  if (typeof model !== "string" || model === "") throw new Refusal(400, "model: Field required", { param: "model" });
  if (!Array.isArray(fields.messages) || fields.messages.length === 0)
    throw new Refusal(400, "messages: at least one message is required", { param: "messages" });
  if (stream !== undefined && stream !== null && typeof stream !== "boolean")
    throw new Refusal(400, "stream: must be a boolean", { param: "stream" });
  return { model, stream: stream === true };
}

/** OpenAI Chat Completions: https://platform.openai.com/docs/api-reference/chat/create, November 2026. */
function readOpenAi(fields: Fields, hidesReasoning: (model: string) => boolean): SimulatedRequest {
  const { model, stream } = common(fields);
  const [old, current] = [positive(fields, "max_tokens"), positive(fields, "max_completion_tokens")];
  if (old !== null && current !== null)
    throw new Refusal(400, "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.");
  if (old !== null && hidesReasoning(model)) {
    const message = `Unsupported parameter: 'max_tokens' is not supported with ${model}. Use 'max_completion_tokens' instead.`;
    throw new Refusal(400, message, { param: "max_tokens", code: "unsupported_parameter" });
  }
  const choices = positive(fields, "n") ?? 1;
  if (choices > 128) throw new Refusal(400, "n: at most 128", { param: "n" });
  if (!stream && fields.stream_options !== undefined && fields.stream_options !== null)
    throw new Refusal(400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.", {
      param: "stream_options",
    });
  const tools = arrayOf(fields.tools).map((tool) => {
    const declared = fieldsOf(fieldsOf(tool).function);
    return { name: String(declared.name), schema: declared.parameters };
  });
  const choice = fields.tool_choice;
  const named = fieldsOf(fieldsOf(choice).function).name;
  return {
    dialect: "openai-chat",
    model,
    stream,
    cap: current ?? old,
    choices,
    include_usage: fieldsOf(fields.stream_options).include_usage === true,
    prompt: () => sizeOf([fields.tools, fields.messages]),
    marks_cache: false,
    conversation: JSON.stringify([fields.messages, fields.tools]),
    tools,
    forced_tool: typeof named === "string" ? named : choice === "required" ? (tools[0]?.name ?? null) : null,
    thinks: false,
    reasoning_off: fields.reasoning_effort === "none" || fields.reasoning_effort === "minimal",
  };
}

/** Anthropic Messages: https://platform.claude.com/docs/en/api/messages, November 2026. */
function readAnthropic(fields: Fields, body: Uint8Array): SimulatedRequest {
  const { model, stream } = common(fields);
  const cap = positive(fields, "max_tokens");
  if (cap === null) throw new Refusal(400, "max_tokens: Field required");
  const tools = arrayOf(fields.tools).map((tool) => ({
    name: String(fieldsOf(tool).name),
    schema: fieldsOf(tool).input_schema,
  }));
  const choice = fieldsOf(fields.tool_choice);
  const named = choice.type === "tool" && typeof choice.name === "string" ? choice.name : null;
  return {
    dialect: "anthropic-messages",
    model,
    stream,
    cap,
    choices: 1,
    include_usage: true,
    prompt: () => sizeOf([fields.tools, fields.system, fields.messages]),
    marks_cache: Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes('"cache_control"'),
    conversation: JSON.stringify([fields.system, fields.messages, fields.tools]),
    tools,
    forced_tool: named ?? (choice.type === "any" ? (tools[0]?.name ?? null) : null),
    thinks: fieldsOf(fields.thinking).type === "enabled" || fieldsOf(fields.thinking).type === "adaptive",
    reasoning_off: false,
  };
}

/** The dialect that a path speaks (`/v1/messages`, `/chat/completions` …), or null. */
export function dialectOf(path: string): DialectName | null {
  if (/^(?:\/v1)?\/chat\/completions$/.test(path)) return "openai-chat";
  if (/^(?:\/v1)?\/messages$/.test(path)) return "anthropic-messages";
  return null;
}

/** Reads a body. `hidesReasoning` tells which models refuse `max_tokens`. Throws Refusal. */
export function readRequest(
  dialect: DialectName,
  body: Uint8Array,
  hidesReasoning: (model: string) => boolean,
): SimulatedRequest {
  const fields = parse(body);
  return dialect === "openai-chat" ? readOpenAi(fields, hidesReasoning) : readAnthropic(fields, body);
}
