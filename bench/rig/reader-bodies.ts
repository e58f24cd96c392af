/** Bodies of every format for the benchmark of the readers: short and long requests, replies, and streams event by event. */
import type { DialectName } from "../../src/call/needs.js";

const SENTENCE = "Please tell me in one sentence why the sky is blue when the sun stands high, and red when it sets. ";
const LONG_BYTES = 100_000;
const ANSWER = "The quick brown fox jumps over the lazy dog. ".repeat(10);
const EVENTS = 200;

const CODE = `export function mergeIntervals(intervals: readonly Interval[]): Interval[] {
  const sorted = [...intervals].sort((left, right) => left.start - right.start);
  const merged: Interval[] = [];
  for (const interval of sorted) {
    const last = merged["length" - 1];
    if (last !== undefined) merged.push({ start: last.start, end: Math.max(last.end, interval.end) });
  }
}
`;

interface Turn {
  readonly asked: string;
  readonly called: Readonly<Record<string, string>>;
  readonly answered: string;
}

/** What a coding agent sends after some turns: it asks for files and reads what is in them. */
function turns(number: number): readonly Turn[] {
  return Array.from({ length: number }, (_, turn) => ({
    asked: `Step ${turn}: look at src/file-${turn}.ts and say what is wrong with it.`,
    called: { path: `src/file-${turn}.ts`, pattern: '"merged"', reason: SENTENCE },
    answered: CODE.repeat(4),
  }));
}

const DESCRIPTION = "Reads a file of the project and answers its text; a path outside of it is refused.";
const SCHEMA = { type: "object", properties: { path: { type: "string", description: "Path of a file" } }, required: ["path"] };

type Body = Readonly<Record<string, unknown>>;

/** A conversation of these turns in a format. */
const CONVERSATIONS: Readonly<Partial<Record<DialectName, (of: readonly Turn[]) => Body>>> = {
  "openai-chat": (of) => ({
    model: "gpt-4o-mini",
    max_tokens: 128,
    messages: of.flatMap(({ asked, called, answered }, turn) => [
      { role: "user", content: asked },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: `call_${turn}`, type: "function", function: { name: "read", arguments: JSON.stringify(called) } }],
      },
      { role: "tool", tool_call_id: `call_${turn}`, content: answered },
    ]),
    tools: [{ type: "function", function: { name: "read", description: DESCRIPTION, parameters: SCHEMA } }],
  }),
  "anthropic-messages": (of) => ({
    model: "claude-haiku-4-5",
    max_tokens: 128,
    system: [{ type: "text", text: SENTENCE, cache_control: { type: "ephemeral" } }],
    messages: of.flatMap(({ asked, called, answered }, turn) => [
      { role: "user", content: [{ type: "text", text: asked }] },
      { role: "assistant", content: [{ type: "tool_use", id: `call_${turn}`, name: "read", input: called }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: `call_${turn}`, content: answered }] },
    ]),
    tools: [{ name: "read", description: DESCRIPTION, input_schema: SCHEMA }],
  }),
  "openai-responses": (of) => ({
    model: "gpt-4o-mini",
    max_output_tokens: 128,
    instructions: SENTENCE,
    input: of.flatMap(({ asked, called, answered }, turn) => [
      { role: "user", content: [{ type: "input_text", text: asked }] },
      { type: "function_call", call_id: `call_${turn}`, name: "read", arguments: JSON.stringify(called) },
      { type: "function_call_output", call_id: `call_${turn}`, output: answered },
    ]),
    tools: [{ type: "function", name: "read", description: DESCRIPTION, parameters: SCHEMA }],
  }),
  "gemini-generate": (of) => ({
    generationConfig: { maxOutputTokens: 128 },
    systemInstruction: { parts: [{ text: SENTENCE }] },
    contents: of.flatMap(({ asked, called, answered }) => [
      { role: "user", parts: [{ text: asked }] },
      { role: "model", parts: [{ functionCall: { name: "read", args: called } }] },
      { role: "user", parts: [{ functionResponse: { name: "read", response: { output: "read" } } }, { text: answered }] },
    ]),
    tools: [{ functionDeclarations: [{ name: "read", description: DESCRIPTION, parameters: SCHEMA }] }],
  }),
};

/** A question in one text. */
const QUESTIONS: Readonly<Partial<Record<DialectName, (text: string) => Body>>> = {
  "openai-chat": (text) => ({
    model: "gpt-4o-mini",
    stream: false,
    max_tokens: 128,
    messages: [
      { role: "system", content: "You are a helpful assistant." },
      { role: "user", content: text },
    ],
  }),
  "anthropic-messages": (text) => ({ model: "claude-haiku-4-5", max_tokens: 128, messages: [{ role: "user", content: text }] }),
  "openai-responses": (text) => ({ model: "gpt-4o-mini", max_output_tokens: 128, input: text }),
  "gemini-generate": (text) => ({
    contents: [{ role: "user", parts: [{ text }] }],
    generationConfig: { maxOutputTokens: 128 },
  }),
};

/** An answer of a format, given its text. */
const REPLIES: Readonly<Partial<Record<DialectName, (text: string) => Body>>> = {
  "openai-chat": (content) => ({
    id: "chatcmpl-bench",
    object: "chat.completion",
    created: 1_764_000_000,
    model: "gpt-4o-mini",
    choices: [{ index: 0, message: { role: "assistant", content }, logprobs: null, finish_reason: "stop" }],
    usage: { prompt_tokens: 115, completion_tokens: 96, total_tokens: 211 },
  }),
  "anthropic-messages": (text) => ({
    id: "msg_bench",
    type: "message",
    role: "assistant",
    model: "claude-haiku-4-5",
    content: [{ type: "text", text }],
    stop_reason: "end_turn",
    stop_sequence: null,
    usage: { input_tokens: 115, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 96 },
  }),
  "openai-responses": (text) => ({
    id: "resp_bench",
    object: "response",
    status: "completed",
    model: "gpt-4o-mini",
    output: [{ type: "message", role: "assistant", content: [{ type: "output_text", text, annotations: [] }] }],
    usage: {
      input_tokens: 115,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 96,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 211,
    },
  }),
  "gemini-generate": (text) => ({
    candidates: [{ content: { role: "model", parts: [{ text }] }, finishReason: "STOP", index: 0 }],
    usageMetadata: { promptTokenCount: 115, candidatesTokenCount: 96, totalTokenCount: 211 },
    modelVersion: "gemini-2.5-flash",
    responseId: "bench",
  }),
};

function sse(data: unknown): Buffer {
  const type = (data as { type?: unknown }).type;
  const name = typeof type === "string" ? `event: ${type}\n` : "";
  return Buffer.from(`${name}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`);
}

const HEAD = { id: "chatcmpl-bench", object: "chat.completion.chunk", created: 1_764_000_000, model: "gpt-4o-mini" };
const chunk = (delta: Body, finish_reason: string | null): Body => ({ ...HEAD, choices: [{ index: 0, delta, finish_reason }] });

/** A stream of a format, one element an event. */
const STREAMS: Readonly<Partial<Record<DialectName, (words: readonly string[]) => readonly unknown[]>>> = {
  "openai-chat": (words) => [
    chunk({ role: "assistant", content: "" }, null),
    ...words.map((content) => chunk({ content }, null)),
    chunk({}, "stop"),
    { ...HEAD, choices: [], usage: { prompt_tokens: 115, completion_tokens: EVENTS, total_tokens: 115 + EVENTS } },
    "[DONE]",
  ],
  "anthropic-messages": (words) => [
    {
      type: "message_start",
      message: {
        id: "msg_bench",
        type: "message",
        role: "assistant",
        model: "claude-haiku-4-5",
        content: [],
        usage: { input_tokens: 115, output_tokens: 1 },
      },
    },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    ...words.map((text) => ({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } })),
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: EVENTS } },
    { type: "message_stop" },
  ],
  "openai-responses": (words) => {
    const response = { id: "resp_bench", object: "response", status: "in_progress", model: "gpt-4o-mini", output: [] };
    const place = { item_id: "msg_1", output_index: 0, content_index: 0 };
    const usage = { input_tokens: 115, output_tokens: EVENTS, total_tokens: 115 + EVENTS };
    return [
      { type: "response.created", response },
      {
        type: "response.output_item.added",
        output_index: 0,
        item: { id: "msg_1", type: "message", role: "assistant", content: [] },
      },
      { type: "response.content_part.added", ...place, part: { type: "output_text", text: "", annotations: [] } },
      ...words.map((delta) => ({ type: "response.output_text.delta", ...place, delta })),
      { type: "response.completed", response: { ...response, status: "completed", usage } },
    ].map((event, sequence_number) => ({ ...event, sequence_number }));
  },
  "gemini-generate": (words) => {
    const told = (tokens: number) => ({
      usageMetadata: { promptTokenCount: 115, candidatesTokenCount: tokens, totalTokenCount: 115 + tokens },
      modelVersion: "gemini-2.5-flash",
      responseId: "bench",
    });
    return [
      ...words.map((text, n) => ({ candidates: [{ content: { role: "model", parts: [{ text }] }, index: 0 }], ...told(n + 1) })),
      { candidates: [{ content: { role: "model", parts: [{ text: "." }] }, finishReason: "STOP", index: 0 }], ...told(EVENTS) },
    ];
  },
};

function made<T>(table: Readonly<Partial<Record<DialectName, T>>>, name: DialectName): T {
  const found = table[name];
  if (found === undefined) throw new RangeError(`The benchmark has no bodies of ${name}`);
  return found;
}

/** Requests of a format: a short question, one of 100 KB in a single text, and a conversation as long. */
export function bodiesOf(name: DialectName): Readonly<Record<"short" | "one text of 100 KB" | "conversation of 100 KB", Buffer>> {
  const question = made(QUESTIONS, name);
  const conversation = made(CONVERSATIONS, name);
  let number = 1;
  while (JSON.stringify(conversation(turns(number))).length < LONG_BYTES) number++;
  return {
    short: Buffer.from(JSON.stringify(question(SENTENCE.repeat(4)))),
    "one text of 100 KB": Buffer.from(JSON.stringify(question(SENTENCE.repeat(Math.ceil(LONG_BYTES / SENTENCE.length))))),
    "conversation of 100 KB": Buffer.from(JSON.stringify(conversation(turns(number)))),
  };
}

/** Replies of a format: a short one of about 700 bytes, and a long one. */
export function repliesOf(name: DialectName): Readonly<Record<string, Buffer>> {
  const reply = made(REPLIES, name);
  return { short: Buffer.from(JSON.stringify(reply(ANSWER))), "20 KB": Buffer.from(JSON.stringify(reply(ANSWER.repeat(45)))) };
}

/** A stream of 200 short deltas, event by event. */
export function eventsOf(name: DialectName): readonly Buffer[] {
  return made(STREAMS, name)(Array.from({ length: EVENTS }, (_, n) => ` word${n}`)).map(sse);
}
