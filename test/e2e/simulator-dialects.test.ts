// The simulated provider's further wire formats in front of the official SDKs, over a real socket.
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openSimulatorServer } from "../../src/providers/simulated/server.js";
import { systemClock } from "../../src/surfaces/system-clock.js";

interface Line {
  readonly id: string;
  readonly dialect: string;
  readonly status: number;
  readonly ended: string;
  readonly input: number;
  readonly output: number;
  readonly reasoning: number;
  readonly searches: number;
  readonly found: number;
  readonly nano_usd: string;
}

let server: Awaited<ReturnType<typeof openSimulatorServer>>;
let openai: OpenAI;
let anthropic: Anthropic;
const steer = (headers: Record<string, string | number>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [`x-sim-${name}`, String(value)]));
const gemini = (headers: Record<string, string | number> = {}): GoogleGenAI =>
  new GoogleGenAI({ apiKey: "none", httpOptions: { baseUrl: server.url, headers: steer(headers) } });
const sim = (headers: Record<string, string | number>) => ({ headers: steer(headers) });
const weather = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };

beforeAll(async () => {
  server = await openSimulatorServer({ clock: systemClock(), latency: "none", seed: "e2e" });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: server.url, apiKey: "none", maxRetries: 0 });
});
afterAll(() => server.close());
beforeEach(async () => {
  await fetch(`${server.url}/sim/bill`, { method: "DELETE" });
});

async function onlyLine(): Promise<Line> {
  const { by_call } = (await (await fetch(`${server.url}/sim/bill`)).json()) as { by_call: Line[] };
  expect(by_call).toHaveLength(1);
  return by_call[0] as Line;
}

test("Responses, whole: hidden reasoning is an item of its own and part of the output", async () => {
  const reply = await openai.responses.create(
    { model: "gpt-5", input: "How do I keep a budget?", reasoning: { summary: "auto" } },
    sim({ "input-tokens": 100, "output-tokens": 200, "cached-tokens": 10 }),
  );
  expect(reply.output.map(({ type }) => type)).toEqual(["reasoning", "message"]);
  expect(reply.output_text).toMatch(/\w+ \w+/);
  expect(reply).toMatchObject({ status: "completed", model: "gpt-5-2025-08-07" });
  expect(reply.usage).toMatchObject({
    input_tokens: 100,
    input_tokens_details: { cached_tokens: 10 },
    output_tokens: 200,
    output_tokens_details: { reasoning_tokens: 80 },
  });
  // 90 × $1.25 + 10 × $0.125 + 200 × $10, per million.
  expect(await onlyLine()).toMatchObject({ id: reply.id, output: 200, reasoning: 80, nano_usd: "2113750" });
});

test("Responses, streamed: the SDK's own helper puts the whole reply together", async () => {
  const stream = openai.responses.stream({ model: "gpt-5", input: "Hello", reasoning: { summary: "auto" } }, sim({}));
  let text = "";
  const types = new Set<string>();
  let last = -1;
  for await (const event of stream) {
    expect(event.sequence_number).toBe(last + 1);
    last = event.sequence_number;
    types.add(event.type);
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  const final = await stream.finalResponse();
  expect(final.output_text).toBe(text);
  const line = await onlyLine();
  expect(final.usage).toMatchObject({ input_tokens: line.input, output_tokens: line.output });
  for (const type of ["created", "in_progress", "output_item.added", "content_part.added", "output_text.done", "completed"])
    expect(types).toContain(`response.${type}`);
});

test("Responses: a function is called until its result is there, and a cap leaves the response incomplete", async () => {
  const tools = [{ type: "function" as const, name: "get_weather", parameters: weather, strict: true }];
  const ask = { model: "gpt-4o", tools, input: "Weather?" };
  const called = await openai.responses.create(ask, sim({ "tool-call": "get_weather*1" }));
  const [call] = called.output;
  if (call?.type !== "function_call") throw new Error("no call");
  expect(JSON.parse(call.arguments)).toHaveProperty("city");
  const result = { type: "function_call_output" as const, call_id: call.call_id, output: "fine" };
  const answered = await openai.responses.create({ ...ask, input: [call, result] }, sim({ "tool-call": "get_weather*1" }));
  expect(answered.output[0]?.type).toBe("message");
  const cut = await openai.responses.create({ ...ask, max_output_tokens: 16 }, sim({ "output-tokens": 50 }));
  expect(cut).toMatchObject({ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } });
  expect(cut.usage?.output_tokens).toBe(16);
});

test("Responses: searches happen within max_tool_calls and are billed by the search and by what they find", async () => {
  const ask = { model: "gpt-4o", input: "News?", tools: [{ type: "web_search" as const }], max_tool_calls: 2 };
  const reply = await openai.responses.create(ask, sim({ searches: 5, "input-tokens": 10, "output-tokens": 20 }));
  expect(reply.output.filter(({ type }) => type === "web_search_call")).toHaveLength(2);
  const line = await onlyLine();
  expect(line.searches).toBe(2);
  expect(line.found).toBeGreaterThan(2000);
  expect(reply.usage?.input_tokens).toBe(10 + line.found);
  // 2 × $10 ÷ 1,000, the input at $2.50 and 20 × $10 per million.
  expect(BigInt(line.nano_usd)).toBe(20_000_000n + BigInt(10 + line.found) * 2_500n + 200_000n);
});

test("Responses: an error event is an error to the SDK", async () => {
  const stream = await openai.responses.create({ model: "gpt-4o", input: "x", stream: true }, sim({ fault: "error-event=3" }));
  const read = async (): Promise<string[]> => {
    const types: string[] = [];
    for await (const event of stream) types.push(event.type);
    return types;
  };
  const seen = await read().catch((error: unknown) => [String(error)]);
  expect(seen.join()).toMatch(/error|failed/i);
  expect((await onlyLine()).ended).toBe("error");
});

test("structured answers are JSON of their schema in every format", async () => {
  const text = { format: { type: "json_schema" as const, name: "w", schema: weather, strict: true } };
  const responses = await openai.responses.create({ model: "gpt-4o", input: "x", text });
  expect(JSON.parse(responses.output_text)).toHaveProperty("city");
  const response_format = { type: "json_schema" as const, json_schema: { name: "w", schema: weather, strict: true } };
  const messages = [{ role: "user" as const, content: "x" }];
  const chat = await openai.chat.completions.create({ model: "gpt-4o", messages, response_format });
  expect(JSON.parse(chat.choices[0]?.message.content ?? "")).toHaveProperty("city");
  const config = { responseMimeType: "application/json", responseJsonSchema: weather };
  const google = await gemini().models.generateContent({ model: "gemini-2.5-flash", contents: "x", config });
  expect(JSON.parse(google.text ?? "")).toHaveProperty("city");
});

test("legacy completions: every answer that is made is billed, the best n are shown", async () => {
  const ask = { model: "gpt-3.5-turbo-instruct", prompt: ["a", "b"], n: 2, best_of: 3, max_tokens: 9 };
  const reply = await openai.completions.create(ask, sim({ "output-tokens": 30 }));
  expect(reply.choices.map(({ index, finish_reason }) => [index, finish_reason])).toEqual(
    [0, 1, 2, 3].map((at) => [at, "length"]),
  );
  expect(reply.usage?.completion_tokens).toBe(2 * 3 * 9);
  expect(await onlyLine()).toMatchObject({ output: 54, dialect: "openai-completions" });
});

test("legacy completions, streamed: text first, usage last, 16 tokens unless told otherwise", async () => {
  const ask = { model: "gpt-3.5-turbo-instruct", prompt: "a", stream: true as const, stream_options: { include_usage: true } };
  let [text, tokens] = ["", 0];
  for await (const chunk of await openai.completions.create(ask, sim({ "output-tokens": 40 }))) {
    text += chunk.choices[0]?.text ?? "";
    tokens = chunk.usage?.completion_tokens ?? tokens;
  }
  expect(text.length).toBeGreaterThan(10);
  expect(tokens).toBe(16);
});

test("embeddings: the same vector in both encodings, billed by input alone", async () => {
  const ask = { model: "text-embedding-3-small", input: ["one", "two"], dimensions: 8 };
  const plain = await openai.embeddings.create({ ...ask, encoding_format: "float" }, sim({ "input-tokens": 1000 }));
  const packed = await openai.embeddings.create({ ...ask, encoding_format: "base64" });
  expect(plain.data.map(({ embedding }) => embedding.length)).toEqual([8, 8]);
  const raw = Buffer.from(packed.data[1]?.embedding as unknown as string, "base64");
  expect(raw.readFloatLE(0)).toBeCloseTo(plain.data[1]?.embedding[0] as number, 6);
  expect(plain.usage.prompt_tokens).toBe(1000);
  const { by_call } = (await (await fetch(`${server.url}/sim/bill`)).json()) as { by_call: Line[] };
  // 1,000 × $0.02 per million.
  expect(by_call[0]).toMatchObject({ output: 0, nano_usd: "20000" });
  const ids = await openai.embeddings.create({ model: "text-embedding-3-small", input: [1, 2, 3, 4, 5] });
  expect(ids.usage.prompt_tokens).toBe(5 + 0);
});

test("Anthropic: counting costs nothing, and counts what the message is billed for", async () => {
  const ask = { model: "claude-sonnet-4-6", messages: [{ role: "user" as const, content: "How do I keep a budget?" }] };
  const { input_tokens } = await anthropic.messages.countTokens(ask);
  expect(await onlyLine()).toMatchObject({ dialect: "anthropic-count-tokens", input: input_tokens, nano_usd: "0" });
  const reply = await anthropic.messages.create({ ...ask, max_tokens: 9 });
  expect(reply.usage.input_tokens).toBe(input_tokens);
});

test("Anthropic: searches within max_uses, in the stream's blocks and in its usage", async () => {
  const tools = [{ type: "web_search_20250305" as const, name: "web_search" as const, max_uses: 1 }];
  const messages = [{ role: "user" as const, content: "News?" }];
  const ask = { model: "claude-sonnet-4-6", max_tokens: 100, messages, tools };
  const final = await anthropic.messages.stream(ask, sim({ searches: 3, "input-tokens": 10 })).finalMessage();
  expect(final.content.map(({ type }) => type)).toEqual(["server_tool_use", "web_search_tool_result", "text"]);
  expect(final.usage.server_tool_use?.web_search_requests).toBe(1);
  const line = await onlyLine();
  expect(final.usage.input_tokens).toBe(10 + line.found);
  expect(BigInt(line.nano_usd)).toBe(10_000_000n + BigInt(line.input) * 3_000n + BigInt(line.output) * 15_000n);
});

test("Anthropic: a provider-side fallback tells each run, and each is billed by its own model", async () => {
  const messages = [{ role: "user" as const, content: "x" }];
  const ask = { model: "claude-opus-4-8", max_tokens: 100, messages };
  const runs = "claude-opus-4-8=40/0,claude-sonnet-4-6=30/2,compaction=5/5,claude-haiku-4-5=50/7";
  const reply = await anthropic.beta.messages.create(ask, sim({ iterations: runs }));
  expect(reply.model).toBe("claude-haiku-4-5-20251001");
  expect(reply.usage.iterations?.map(({ type }) => type)).toEqual(["message", "message", "compaction", "fallback_message"]);
  expect(reply.usage).toMatchObject({ input_tokens: 80, output_tokens: 9 });
  // The first declined before any output. 30 × $3 + 2 × $15, then 5 × $5 + 5 × $25, then 50 × $1 + 7 × $5, per million.
  expect(await onlyLine()).toMatchObject({ nano_usd: String(90_000 + 30_000 + 25_000 + 125_000 + 50_000 + 35_000) });
});

test("Gemini, whole: thoughts are billed beside the candidates", async () => {
  const config = { maxOutputTokens: 500 };
  const ask = { model: "gemini-2.5-pro", contents: "How do I keep a budget?", config };
  const reply = await gemini({ "input-tokens": 100, "output-tokens": 50 }).models.generateContent(ask);
  expect(reply.text).toMatch(/\w+ \w+/);
  expect(reply.usageMetadata).toMatchObject({
    promptTokenCount: 100,
    candidatesTokenCount: 30,
    thoughtsTokenCount: 20,
    totalTokenCount: 150,
  });
  // 100 × $1.25 + 50 × $10, per million.
  expect(await onlyLine()).toMatchObject({ id: reply.responseId, reasoning: 20, nano_usd: "625000" });
});

test("Gemini, streamed: usage grows, the last chunk says why it ended", async () => {
  const ask = { model: "gemini-2.5-flash", contents: "Hello", config: { maxOutputTokens: 60, candidateCount: 2 } };
  const counts: number[] = [];
  const ends: string[] = [];
  for await (const chunk of await gemini({ "output-tokens": 200 }).models.generateContentStream(ask)) {
    counts.push(chunk.usageMetadata?.totalTokenCount ?? 0);
    for (const candidate of chunk.candidates ?? []) if (candidate.finishReason) ends.push(candidate.finishReason);
  }
  expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  expect(ends).toEqual(["MAX_TOKENS", "MAX_TOKENS"]);
  const line = await onlyLine();
  expect(line.output).toBe(120);
  expect(counts.at(-1)).toBe(line.input + line.output);
});

test("Gemini: functions, thoughts that are shown, search and its grounding", async () => {
  const functionDeclarations = [{ name: "get_weather", parametersJsonSchema: weather }];
  const ask = { model: "gemini-2.5-flash", contents: "Weather?" };
  const called = await gemini({ "tool-call": "get_weather" }).models.generateContent({
    ...ask,
    config: { tools: [{ functionDeclarations }] },
  });
  expect(called.functionCalls?.[0]?.args).toHaveProperty("city");
  const shown = await gemini().models.generateContent({ ...ask, config: { thinkingConfig: { includeThoughts: true } } });
  expect(shown.candidates?.[0]?.content?.parts?.[0]?.thought).toBe(true);
  const found = await gemini({ searches: 2 }).models.generateContent({ ...ask, config: { tools: [{ googleSearch: {} }] } });
  expect(found.candidates?.[0]?.groundingMetadata?.webSearchQueries).toHaveLength(2);
  expect(found.usageMetadata?.toolUsePromptTokenCount).toBeGreaterThan(2000);
});

test("Gemini without alt=sse: the stream is one JSON array", async () => {
  const body = JSON.stringify({ contents: [{ role: "user", parts: [{ text: "Hello" }] }] });
  const ask = (headers: Record<string, string>): Promise<Response> =>
    fetch(`${server.url}/v1beta/models/gemini-2.5-flash:streamGenerateContent`, { method: "POST", body, headers });
  const reply = await ask({});
  expect(reply.headers.get("content-type")).toMatch(/^application\/json/);
  const chunks = (await reply.json()) as { usageMetadata: { totalTokenCount: number } }[];
  const line = await onlyLine();
  expect(chunks.length).toBeGreaterThan(2);
  expect(chunks.at(-1)?.usageMetadata.totalTokenCount).toBe(line.input + line.output);
  const broken = (await (await ask({ "x-sim-fault": "error-event=5" })).json()) as { error?: unknown }[];
  expect(broken.at(-1)?.error).toMatchObject({ status: "UNAVAILABLE" });
});

test("Gemini: counts and vectors", async () => {
  const contents = "How do I keep a budget?";
  const { totalTokens } = await gemini().models.countTokens({ model: "gemini-2.5-flash", contents });
  expect(await onlyLine()).toMatchObject({ input: totalTokens, nano_usd: "0" });
  const config = { outputDimensionality: 8 };
  const many = await gemini().models.embedContent({ model: "gemini-embedding-001", contents: ["a", "b"], config });
  expect(many.embeddings?.map(({ values }) => values?.length)).toEqual([8, 8]);
});

test("Gemini: errors are Google's", async () => {
  const ask = { model: "gemini-2.5-flash", contents: "x" };
  await expect(gemini({ fault: 429 }).models.generateContent(ask)).rejects.toThrow(/RESOURCE_EXHAUSTED/);
  await expect(gemini().models.generateContent({ ...ask, model: "gemini-99" })).rejects.toThrow(/NOT_FOUND/);
});

test("the lists of models are in each API's shape", async () => {
  const names: string[] = [];
  for await (const { id } of await openai.models.list()) names.push(id);
  expect(names).toContain("gpt-4o");
  const page = await gemini().models.list();
  expect(page.page.map(({ name }) => name)).toContain("models/gemini-2.5-flash");
  expect((await fetch(server.url, { method: "HEAD" })).status).toBe(200);
});
