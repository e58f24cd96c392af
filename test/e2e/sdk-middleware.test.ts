// The AI SDK's middleware: calls of any provider's model are met above the wire and take the same road.
import { setTimeout as sleep } from "node:timers/promises";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import {
  APICallError,
  generateObject,
  generateText,
  jsonSchema,
  type LanguageModel,
  streamText,
  tool,
  wrapLanguageModel,
} from "ai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BudgetExceeded, bursarErrorOf, openBursar } from "../../src/surfaces/sdk/index.js";
import { openSdkPlace, type SdkPlace } from "./sdk-place.js";

const prompt = "How do I keep a budget?";
/** Beyond every budget here, at a pace at which little is on its way when the cut comes. */
const LONG = { "x-sim-output-tokens": "12000", "x-sim-tokens-per-second": "3000", "x-sim-fault": "ignore-cap=12000" };
const schema = jsonSchema<{ city: string }>({ type: "object", properties: { city: { type: "string" } }, required: ["city"] });
const tools = { get_weather: tool({ inputSchema: schema }) };

let at: SdkPlace;

beforeEach(async () => {
  at = await openSdkPlace();
});
afterEach(() => at.close());

const agent = (name: string) => ({ "x-bursar-agent": name, "x-bursar-task": "one" });

function openai(): Exclude<LanguageModel, string> {
  const model = createOpenAI({ baseURL: `${at.url}/v1`, apiKey: "own" }).chat("gpt-4o-mini");
  return wrapLanguageModel({ model, middleware: at.bursar.middleware() });
}

function anthropic(): Exclude<LanguageModel, string> {
  const model = createAnthropic({ baseURL: `${at.url}/v1`, apiKey: "own" })("claude-haiku-4-5");
  return wrapLanguageModel({ model, middleware: at.bursar.middleware() });
}

function google(): Exclude<LanguageModel, string> {
  const model = createGoogleGenerativeAI({ baseURL: `${at.url}/v1beta`, apiKey: "own" })("gemini-2.5-flash-lite");
  return wrapLanguageModel({ model, middleware: at.bursar.middleware() });
}

function responses(): Exclude<LanguageModel, string> {
  const model = createOpenAI({ baseURL: `${at.url}/v1`, apiKey: "own" }).responses("gpt-4o-mini");
  return wrapLanguageModel({ model, middleware: at.bursar.middleware() });
}

test.each([
  ["openai", openai],
  ["openai Responses", responses],
  ["anthropic", anthropic],
  ["google", google],
])("%s: text, stream, tools and an object are answered, and what is posted is what the provider billed", async (_, model) => {
  const headers = agent("roomy");
  const whole = await generateText({ model: model(), prompt, headers, maxOutputTokens: 300 });
  expect(whole.text).toMatch(/\w+/);
  expect(whole.providerMetadata?.bursar).toMatchObject({ cost_usd: expect.stringMatching(/^0\.0/) });
  const stream = streamText({ model: model(), prompt, headers });
  expect(await stream.text).toMatch(/\w+/);
  expect((await stream.usage).outputTokens).toBeGreaterThan(0);
  expect((await stream.providerMetadata)?.bursar).toMatchObject({ call_id: expect.any(String) });
  const called = await generateText({ model: model(), prompt, headers: { ...headers, "x-sim-tool-call": "get_weather" }, tools });
  expect(called.toolCalls[0]?.input).toMatchObject({ city: expect.any(String) });
  const streamed = streamText({ model: model(), prompt, headers: { ...headers, "x-sim-tool-call": "get_weather" }, tools });
  expect((await streamed.toolCalls)[0]?.input).toMatchObject({ city: expect.any(String) });
  const { object } = await generateObject({ model: model(), prompt, headers, schema });
  expect(object).toMatchObject({ city: expect.any(String) });
  expect((await at.bill()).calls).toBe(5);
  expect((await at.status()).agents.roomy?.calls).toBe(5);
  await at.exact();
});

test("a task's calls are the task's, also inside a stream", async () => {
  await at.bursar.task("summary", { agent: "roomy", id: "t-1" }, async () => {
    const stream = streamText({ model: openai(), prompt });
    expect(await stream.text).toMatch(/\w+/);
  });
  expect((await at.status()).agents.roomy?.calls).toBe(1);
  await at.exact();
});

test("a refusal is a BudgetExceeded with its message, tried once and never sent", async () => {
  const headers = agent("spent");
  const refused = await generateText({ model: openai(), prompt, headers }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(BudgetExceeded);
  expect(String(refused)).toContain("bursar budget raise spent");
  const errors: unknown[] = [];
  const stream = streamText({ model: openai(), prompt, headers, onError: ({ error }) => void errors.push(error) });
  for await (const part of stream.fullStream) expect(part.type).not.toBe("text-delta");
  expect(errors).toEqual([expect.any(BudgetExceeded)]);
  const object = generateObject({ model: openai(), schema, prompt, headers });
  await expect(object).rejects.toSatisfy((error) => bursarErrorOf(error) instanceof BudgetExceeded);
  expect((await at.status()).agents.spent).toMatchObject({ refused: 3 });
  expect((await at.bill()).calls).toBe(0);
});

test.each([
  ["openai", openai],
  ["anthropic", anthropic],
])(
  "%s: a stream whose money is gone ends with reason length, its open blocks closed, and its producer stopped",
  async (_, model) => {
    const stream = streamText({ model: model(), prompt, headers: { ...agent("tight"), ...LONG }, maxOutputTokens: 12_000 });
    const types = [];
    for await (const part of stream.fullStream) types.push(part.type);
    expect(await stream.finishReason).toBe("length");
    expect(types.filter((type) => type === "text-start")).toHaveLength(1);
    expect(types.slice(-3)).toEqual(["text-end", "finish-step", "finish"]);
    expect((await stream.providerMetadata)?.bursar).toMatchObject({ cut: expect.stringContaining("no room") });
    await at.cut();
  },
);

test("a stream that is cut inside a tool call ends well-formed", async () => {
  const headers = { ...agent("tight"), ...LONG, "x-sim-tool-call": "get_weather" };
  const stream = streamText({ model: openai(), prompt, headers, tools, maxOutputTokens: 12_000 });
  const types = [];
  for await (const part of stream.fullStream) types.push(part.type);
  expect(types).toContain("tool-input-end");
  expect(await stream.finishReason).toBe("length");
  expect(await stream.toolCalls).toEqual([]);
  await at.cut();
});

test("a stream that is aborted, or left, is settled all the same", async () => {
  const slow = { ...agent("roomy"), "x-sim-output-tokens": "5000", "x-sim-tokens-per-second": "1500" };
  const stop = new AbortController();
  const aborted = streamText({ model: openai(), prompt, headers: slow, abortSignal: stop.signal });
  for await (const part of aborted.fullStream) if (part.type === "text-delta") stop.abort();
  await at.covered();
  const { stream } = await openai().doStream({
    prompt: [{ role: "user", content: [{ type: "text", text: prompt }] }],
    headers: slow,
  });
  const reader = stream.getReader();
  await reader.read();
  await reader.cancel();
  await at.covered();
  expect((await at.status()).global.calls).toBe(2);
});

test("a whole answer that is aborted rejects at once and is settled at its bill", async () => {
  const headers = { ...agent("roomy"), "x-sim-first-token-ms": "1500" };
  const stop = new AbortController();
  const call = generateText({ model: openai(), prompt, headers, abortSignal: stop.signal });
  const failed = expect(call).rejects.toThrow(/abort/i);
  await expect.poll(async () => (await at.bill()).calls + Number((await at.status()).global.held_usd)).toBeGreaterThan(0);
  await sleep(100);
  const begun = performance.now();
  stop.abort();
  await failed;
  expect(performance.now() - begun).toBeLessThan(700);
  await at.exact();
});

test("the provider's own error is thrown as it is, retried by the road alone and not charged", async () => {
  const headers = { ...agent("roomy"), "x-sim-fault": "400" };
  const bad = await generateText({ model: openai(), prompt, headers }).catch((error: unknown) => error);
  expect(APICallError.isInstance(bad) && bad.statusCode).toBe(400);
  const busy = { ...agent("roomy"), "x-sim-fault": "429" };
  const stream = streamText({ model: openai(), prompt, headers: busy, onError: () => undefined });
  const errors = [];
  for await (const part of stream.fullStream) if (part.type === "error") errors.push(part.error);
  expect(errors).toHaveLength(1);
  const { calls, nano_usd } = await at.bill();
  expect([calls, nano_usd]).toEqual([1 + 3, "0"]);
  expect((await at.status()).global).toMatchObject({ held_usd: "0.00", total_cost_usd: "0.00" });
});

test("an answer whose usage is missing is posted at no less than its bill", async () => {
  const headers = { ...agent("roomy"), "x-sim-fault": "no-usage" };
  await generateText({ model: openai(), prompt, headers, maxOutputTokens: 200 });
  expect(await streamText({ model: openai(), prompt, headers, maxOutputTokens: 200 }).text).toMatch(/\w+/);
  await at.covered();
});

test("provider options that are not known to be money-neutral are refused by name under a hard budget", async () => {
  const model = anthropic();
  const providerOptions = { anthropic: { speed: "fast" } };
  const call = generateText({ model, prompt, headers: agent("roomy"), providerOptions });
  await expect(call).rejects.toThrow("providerOptions.anthropic.speed");
  expect((await at.bill()).calls).toBe(0);
});

test("attached to a server the middleware is refused with what to use instead", async () => {
  const bursar = await openBursar({ url: at.url, key: "k", env: {} });
  expect(() => bursar.middleware()).toThrow("Use bursar.wrap(client) or bursar.fetch");
});
