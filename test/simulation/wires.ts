/**
 * The provider's side of four wire formats, written by hand from their documentation: what a client sends, and what an
 * answer looks like, whole and as a stream. Nothing here is shared with the readers that are under test.
 */
import type { RequestTarget } from "../../src/call/message.js";
import type { Dialect } from "../../src/call/needs.js";
import { anthropicMessagesDialect } from "../../src/providers/anthropic/wire.js";
import { geminiGenerate } from "../../src/providers/gemini/wire.js";
import { openAiResponses } from "../../src/providers/openai/responses/wire.js";
import { openAiChat } from "../../src/providers/openai/wire.js";

/** Tokens of one request, as its provider counts them. */
export interface Tokens {
  readonly fresh: number;
  readonly cached: number;
  readonly output: number;
}

/** Usage as a format writes it. */
export type UsageJson = Readonly<Record<string, unknown>>;

/** What a client asks for. */
export interface Question {
  readonly model: string;
  readonly stream: boolean;
  readonly cap: number | null;
  readonly content: string;
  /** Asks for usage in the stream, where that is asked for. */
  readonly wants_usage: boolean;
}

/** One wire format. `usage` null: nothing is told. */
export interface Wire {
  readonly dialect: Dialect;
  /** Whose prices and models. */
  readonly provider: string;
  /** A model, and the one to fall back on; a name twice is asked for twice as often. */
  readonly models: readonly (readonly [model: string, fallback: string])[];
  ask(question: Question): { readonly body: object; readonly target?: RequestTarget };
  /** The output cap of a body as it was sent. */
  capOf(body: Readonly<Record<string, unknown>>): number | undefined;
  usage(tokens: Tokens): UsageJson;
  /** Usages that cannot be: no bill may be read out of any. */
  lies(truth: UsageJson): readonly UsageJson[];
  /** Before the first words. */
  opening(model: string, usage: UsageJson | null): readonly string[];
  words(model: string, text: string, usage: UsageJson | null): string;
  /** After the last words; the bill is told with the first of them that has the usage in it. */
  closing(model: string, text: string, usage: UsageJson | null): readonly string[];
  error(model: string): string;
  whole(model: string, text: string, usage: UsageJson | null): object;
}

/** The same usage with one of its counts made impossible. */
function spoiled(truth: UsageJson, name: string, values: readonly unknown[]): readonly UsageJson[] {
  return values.map((value) => ({ ...truth, [name]: value }));
}

const NO_COUNTS = [-5, "12", 1.5, 2 ** 60];

const chat: Wire = {
  dialect: openAiChat,
  provider: "openai",
  models: [
    ["gpt-4o", "gpt-4o-mini"],
    ["gpt-4o", "gpt-4o-mini"],
    ["gpt-4o-mini", "gpt-4o"],
    ["mystery", "gpt-4o-mini"],
  ],
  ask({ model, stream, cap, content, wants_usage }) {
    const streaming = stream ? { stream, ...(wants_usage ? { stream_options: { include_usage: true } } : {}) } : {};
    return { body: { model, ...(cap === null ? {} : { max_tokens: cap }), ...streaming, messages: [{ role: "user", content }] } };
  },
  capOf: (body) => (body.max_completion_tokens ?? body.max_tokens) as number | undefined,
  usage({ fresh, cached, output }) {
    const prompt_tokens = fresh + cached;
    const prompt_tokens_details = { cached_tokens: cached };
    return { prompt_tokens, completion_tokens: output, total_tokens: prompt_tokens + output, prompt_tokens_details };
  },
  lies: (truth) => [...spoiled(truth, "completion_tokens", [...NO_COUNTS, null]), { ...truth, prompt_tokens: 0 }],
  opening: () => [],
  words: (model, content, usage) =>
    chatChunk(model, { choices: [{ index: 0, delta: { content }, finish_reason: null }], ...(usage === null ? {} : { usage }) }),
  closing: (model, _text, usage) => [
    chatChunk(model, { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
    ...(usage === null ? [] : [chatChunk(model, { choices: [], usage })]),
    "data: [DONE]\n\n",
  ],
  error: (model) => chatChunk(model, { choices: [], error: { message: "overloaded", type: "server_error" } }),
  whole(model, content, usage) {
    const choices = [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }];
    return { id: "chatcmpl-1", object: "chat.completion", created: 1, model, choices, ...(usage === null ? {} : { usage }) };
  },
};

function chatChunk(model: string, over: object): string {
  const head = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model };
  return `data: ${JSON.stringify({ ...head, ...over })}\n\n`;
}

/** An event whose name stands before it and in it. */
function named(event: { readonly type: string } & Record<string, unknown>): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

const anthropic: Wire = {
  dialect: anthropicMessagesDialect,
  provider: "anthropic",
  models: [
    ["claude-sonnet-4-5", "claude-haiku-4-5"],
    ["claude-haiku-4-5", "claude-sonnet-4-5"],
  ],
  ask: ({ model, stream, cap, content }) => ({
    body: { model, max_tokens: cap ?? 2_000, ...(stream ? { stream } : {}), messages: [{ role: "user", content }] },
  }),
  capOf: (body) => body.max_tokens as number | undefined,
  usage: ({ fresh, cached, output }) => ({
    input_tokens: fresh,
    cache_read_input_tokens: cached,
    cache_creation_input_tokens: 0,
    output_tokens: output,
  }),
  lies: (truth) => [
    ...spoiled(truth, "output_tokens", [...NO_COUNTS, null]),
    { ...truth, input_tokens: 0, cache_read_input_tokens: 0 },
  ],
  opening(model, usage) {
    // As Anthropic's own: the first event counts one token of output, whatever comes; its input is final.
    const told = usage === null ? {} : { usage: { ...usage, output_tokens: 1 } };
    const message = { id: "msg_1", type: "message", role: "assistant", model, content: [], stop_reason: null, ...told };
    return [
      named({ type: "message_start", message }),
      named({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
    ];
  },
  words: (_model, text) => named({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } }),
  closing: (_model, _text, usage) => [
    named({ type: "content_block_stop", index: 0 }),
    named({ type: "message_delta", delta: { stop_reason: "end_turn" }, ...(usage === null ? {} : { usage }) }),
    named({ type: "message_stop" }),
  ],
  error: () => named({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }),
  whole(model, text, usage) {
    const content = [{ type: "text", text }];
    const told = usage === null ? {} : { usage };
    return { id: "msg_1", type: "message", role: "assistant", model, content, stop_reason: "end_turn", ...told };
  },
};

const unnamed = (event: object): string => `data: ${JSON.stringify(event)}\n\n`;

function geminiChunk(model: string, of: { text: string; finish?: string }, usage: UsageJson | null): object {
  const finish = of.finish === undefined ? {} : { finishReason: of.finish };
  const candidates = [{ index: 0, content: { role: "model", parts: [{ text: of.text }] }, ...finish }];
  return { candidates, modelVersion: model, responseId: "r1", ...(usage === null ? {} : { usageMetadata: usage }) };
}

const gemini: Wire = {
  dialect: geminiGenerate,
  provider: "gemini",
  models: [
    ["gemini-2.0-flash", "gemini-2.0-flash-lite"],
    ["gemini-2.0-flash-lite", "gemini-2.0-flash"],
    ["gemini-2.5-flash", "gemini-2.0-flash"],
  ],
  ask({ model, stream, cap, content }) {
    const config = cap === null ? {} : { generationConfig: { maxOutputTokens: cap } };
    const body = { contents: [{ role: "user", parts: [{ text: content }] }], ...config };
    return { body, target: { model, stream, ...(stream ? { framing: "sse" as const } : {}) } };
  },
  capOf: (body) => (body.generationConfig as { maxOutputTokens?: number } | undefined)?.maxOutputTokens,
  usage: ({ fresh, cached, output }) => ({
    promptTokenCount: fresh + cached,
    ...(cached === 0 ? {} : { cachedContentTokenCount: cached }),
    ...(output === 0 ? {} : { candidatesTokenCount: output }),
    totalTokenCount: fresh + cached + output,
  }),
  lies: (truth) => spoiled(truth, "candidatesTokenCount", NO_COUNTS),
  opening: () => [],
  words: (model, text, usage) => unnamed(geminiChunk(model, { text }, usage)),
  closing: (model, _text, usage) => [unnamed(geminiChunk(model, { text: "", finish: "STOP" }, usage))],
  error: () => unnamed({ error: { code: 503, status: "UNAVAILABLE", message: "overloaded" } }),
  whole: (model, text, usage) => geminiChunk(model, { text, finish: "STOP" }, usage),
};

const PART = { item_id: "i1", output_index: 0, content_index: 0 };

const responses: Wire = {
  dialect: openAiResponses,
  provider: "openai",
  models: [
    ["gpt-4o", "gpt-4o-mini"],
    ["gpt-4o-mini", "gpt-4o"],
  ],
  ask: ({ model, stream, cap, content }) => ({
    body: { model, ...(cap === null ? {} : { max_output_tokens: cap }), ...(stream ? { stream } : {}), input: content },
  }),
  capOf: (body) => body.max_output_tokens as number | undefined,
  usage: ({ fresh, cached, output }) => ({
    input_tokens: fresh + cached,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: output,
    total_tokens: fresh + cached + output,
  }),
  lies: (truth) => [...spoiled(truth, "output_tokens", [...NO_COUNTS, null]), { ...truth, input_tokens: 0 }],
  opening(model) {
    const response = { id: "resp_1", object: "response", created_at: 1, status: "in_progress", model, output: [] };
    const item = { id: "i1", type: "message", role: "assistant", status: "in_progress", content: [] };
    return [
      named({ type: "response.created", response }),
      named({ type: "response.output_item.added", output_index: 0, item }),
      named({ type: "response.content_part.added", ...PART, part: { type: "output_text", text: "" } }),
    ];
  },
  words: (_model, delta) => named({ type: "response.output_text.delta", ...PART, delta }),
  closing(model, text, usage) {
    const content = [{ type: "output_text", text, annotations: [] }];
    const item = { id: "i1", type: "message", role: "assistant", status: "completed", content };
    return [
      named({ type: "response.output_text.done", ...PART, text }),
      named({ type: "response.output_item.done", output_index: 0, item }),
      named({ type: "response.completed", response: this.whole(model, text, usage) }),
    ];
  },
  error: () => named({ type: "error", code: "server_error", message: "overloaded" }),
  whole(model, text, usage) {
    const content = [{ type: "output_text", text, annotations: [] }];
    const output = [{ id: "i1", type: "message", role: "assistant", status: "completed", content }];
    const head = { id: "resp_1", object: "response", created_at: 1, status: "completed", model };
    return { ...head, output, ...(usage === null ? {} : { usage }) };
  },
};

/** Every format, the commonest first. */
export const WIRES: readonly Wire[] = [chat, anthropic, gemini, responses];
