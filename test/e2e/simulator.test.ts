// The simulated provider in front of the official SDKs, over a real socket.
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openSimulatorServer } from "../../src/providers/simulated/server.js";
import { systemClock } from "../../src/surfaces/system-clock.js";

interface Line {
  readonly id: string;
  readonly model: string;
  readonly status: number;
  readonly ended: string;
  readonly input: number;
  readonly cached: number;
  readonly cache_write_5m: number;
  readonly output: number;
  readonly reasoning: number;
  readonly nano_usd: string;
}
interface Bill {
  readonly calls: number;
  readonly nano_usd: string;
  readonly by_call: readonly Line[];
}

let server: Awaited<ReturnType<typeof openSimulatorServer>>;
let openai: OpenAI;
let anthropic: Anthropic;
const messages = [{ role: "user" as const, content: "How do I keep a budget?" }];
const chat = { model: "gpt-4o", messages };
const message = { model: "claude-sonnet-4-6", max_tokens: 500, messages };
const sim = (headers: Record<string, string | number>) => ({
  headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [`x-sim-${name}`, String(value)])),
});

beforeAll(async () => {
  server = await openSimulatorServer({ clock: systemClock(), latency: "none", seed: "e2e" });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: server.url, apiKey: "none", maxRetries: 0 });
});
afterAll(() => server.close());
beforeEach(async () => {
  await fetch(`${server.url}/sim/bill`, { method: "DELETE" });
});

const bill = async (): Promise<Bill> => (await (await fetch(`${server.url}/sim/bill`)).json()) as Bill;
async function onlyLine(): Promise<Line> {
  const { by_call, nano_usd } = await bill();
  expect(by_call).toHaveLength(1);
  expect(by_call[0]?.nano_usd).toBe(nano_usd);
  return by_call[0] as Line;
}
/** The bill once the simulator has seen that the client is gone. */
async function settledLine(): Promise<Line> {
  for (let i = 0; i < 100 && (await onlyLine()).ended === "running"; i++) await sleep(20);
  return onlyLine();
}

test("OpenAI, whole: usage, bill and the arithmetic by hand agree", async () => {
  const steer = sim({ "input-tokens": 1234, "cached-tokens": 200, "output-tokens": 77 });
  const reply = await openai.chat.completions.create(chat, steer);
  expect(reply.model).toBe("gpt-4o-2024-08-06");
  expect(reply.choices[0]?.finish_reason).toBe("stop");
  expect(reply.choices[0]?.message.content).toMatch(/\w+ \w+/);
  expect(reply.usage).toMatchObject({ prompt_tokens: 1234, completion_tokens: 77, total_tokens: 1311 });
  expect(reply.usage?.prompt_tokens_details?.cached_tokens).toBe(200);
  const line = await onlyLine();
  expect(line).toMatchObject({ id: reply.id, model: "gpt-4o", input: 1234, cached: 200, output: 77, ended: "end" });
  // 1034 × $2.50 + 200 × $1.25 + 77 × $10, per million = 2,585,000 + 250,000 + 770,000 nano-dollars.
  expect(line.nano_usd).toBe("3605000");
});

test("OpenAI, streamed: role first, usage last and only when asked for", async () => {
  const stream = await openai.chat.completions.create(
    { ...chat, stream: true, stream_options: { include_usage: true } },
    sim({ "output-tokens": 25 }),
  );
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  expect(chunks[0]?.choices[0]?.delta).toMatchObject({ role: "assistant", content: "" });
  expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe("stop");
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 25 } });
  expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
  const quiet = await openai.chat.completions.create({ ...chat, stream: true });
  for await (const chunk of quiet) expect(chunk).not.toHaveProperty("usage");
});

test("the same request says the same, streamed or whole, whatever its cap", async () => {
  const whole = await openai.chat.completions.create(chat);
  const again = await openai.chat.completions.create({ ...chat, max_tokens: 4000 });
  const text = whole.choices[0]?.message.content;
  expect(again.choices[0]?.message.content).toBe(text);
  expect(again.id).not.toBe(whole.id);
  let streamed = "";
  for await (const chunk of await openai.chat.completions.create({ ...chat, stream: true }))
    streamed += chunk.choices[0]?.delta.content ?? "";
  expect(streamed).toBe(text);
  const other = await openai.chat.completions.create(chat, sim({ seed: "other" }));
  expect(other.choices[0]?.message.content).not.toBe(text);
});

test("an answer nobody steers is a short polite text that ends with a sentence", async () => {
  const reply = await openai.chat.completions.create(chat);
  expect(reply.usage?.completion_tokens).toBeGreaterThanOrEqual(40);
  expect(reply.usage?.completion_tokens).toBeLessThanOrEqual(230);
  expect(reply.choices[0]?.message.content).toMatch(/simulat[^.]+\..+\.$/);
});

test("a cap ends an answer with length, a reasoning model may spend it unseen", async () => {
  const short = await openai.chat.completions.create({ ...chat, max_tokens: 7 });
  expect(short.choices[0]?.finish_reason).toBe("length");
  expect(short.usage?.completion_tokens).toBe(7);
  const thinker = await openai.chat.completions.create({ ...chat, model: "o3", max_completion_tokens: 30 });
  expect(thinker.choices[0]).toMatchObject({ finish_reason: "length", message: { content: "" } });
  expect(thinker.usage?.completion_tokens_details?.reasoning_tokens).toBe(30);
  const claude = await anthropic.messages.create({ ...message, max_tokens: 9 });
  expect(claude.stop_reason).toBe("max_tokens");
  expect(claude.usage.output_tokens).toBe(9);
});

test("several choices are billed together and each has its own cap", async () => {
  const reply = await openai.chat.completions.create({ ...chat, n: 3, max_tokens: 60 });
  expect(reply.choices.map((choice) => [choice.index, choice.finish_reason])).toEqual([
    [0, "length"],
    [1, "length"],
    [2, "length"],
  ]);
  expect(new Set(reply.choices.map((choice) => choice.message.content)).size).toBe(3);
  expect(reply.usage?.completion_tokens).toBe(180);
});

const weather = {
  type: "object" as const,
  properties: { city: { type: "string" }, days: { type: "integer" }, unit: { enum: ["C", "F"] } },
};

test("OpenAI: a tool is called with arguments that fit its schema", async () => {
  const tools = [{ type: "function" as const, function: { name: "get_weather", parameters: weather } }];
  const reply = await openai.chat.completions.create(
    { ...chat, tools },
    sim({ "tool-call": "get_weather", "output-tokens": 60 }),
  );
  const call = reply.choices[0]?.message.tool_calls?.[0] as OpenAI.ChatCompletionMessageFunctionToolCall;
  expect(reply.choices[0]?.finish_reason).toBe("tool_calls");
  expect(call.function.name).toBe("get_weather");
  const input = JSON.parse(call.function.arguments) as { city: string; days: number; unit: string };
  expect(typeof input.city).toBe("string");
  expect(Number.isInteger(input.days)).toBe(true);
  expect(["C", "F"]).toContain(input.unit);
  expect(reply.usage?.completion_tokens).toBe(60);
  const streamed = openai.chat.completions.stream({ ...chat, tools, tool_choice: "required" });
  const final = await streamed.finalChatCompletion();
  expect(JSON.parse(final.choices[0]?.message.tool_calls?.[0]?.function.arguments ?? "")).toHaveProperty("city");
});

test("Anthropic: text, tools and thinking stream in blocks, and usage is cumulative", async () => {
  const tools = [{ name: "get_weather", input_schema: weather }];
  const body = { ...message, max_tokens: 3000, thinking: { type: "enabled" as const, budget_tokens: 1024 }, tools };
  const stream = anthropic.messages.stream(body, sim({ "tool-call": "get_weather", "input-tokens": 50 }));
  const seen: string[] = [];
  stream.on("streamEvent", (event) => seen.push(event.type));
  const final = await stream.finalMessage();
  expect(seen.slice(0, 2)).toEqual(["message_start", "content_block_start"]);
  expect(seen.slice(-2)).toEqual(["message_delta", "message_stop"]);
  expect(final.content.map((block) => block.type)).toEqual(["thinking", "tool_use"]);
  expect(final.stop_reason).toBe("tool_use");
  const line = await onlyLine();
  expect(final.usage).toMatchObject({ input_tokens: 50, output_tokens: line.output });
  // 50 × $3 + output × $15 per million.
  expect(line.nano_usd).toBe(String(50 * 3000 + line.output * 15_000));
});

test("Anthropic: a marked prefix is written to the cache, a cached one is read, each at its price", async () => {
  const system = [{ type: "text" as const, text: "steady words ".repeat(3000), cache_control: { type: "ephemeral" as const } }];
  const steer = sim({ "input-tokens": 10_000, "cached-tokens": 4000, "output-tokens": 10 });
  const reply = await anthropic.messages.create({ ...message, system }, steer);
  const line = await onlyLine();
  const { usage } = reply;
  expect(usage.cache_read_input_tokens).toBe(4000);
  expect(usage.cache_creation_input_tokens).toBe(line.cache_write_5m);
  expect(usage.cache_creation?.ephemeral_5m_input_tokens).toBeGreaterThan(5000);
  expect(usage.input_tokens + line.cache_write_5m + 4000).toBe(10_000);
  expect(line.nano_usd).toBe(String(usage.input_tokens * 3000 + line.cache_write_5m * 3750 + 4000 * 300 + 10 * 15_000));
});

test("images are accepted and cost input", async () => {
  const url = "data:image/png;base64,iVBORw0KGgo=";
  const content = [
    { type: "text" as const, text: "What is it?" },
    { type: "image_url" as const, image_url: { url } },
  ];
  const reply = await openai.chat.completions.create({ ...chat, messages: [{ role: "user", content }] });
  expect(reply.usage?.prompt_tokens).toBeGreaterThan(700);
});

test.each([
  ["400", 400, "0"],
  ["401", 401, "0"],
  ["429", 429, "0"],
  ["529", 529, "0"],
  ["500", 500, "300000"],
])("the fault %s answers with that status in both dialects and bills what such a reply costs", async (fault, status, nano) => {
  await expect(openai.chat.completions.create(chat, sim({ fault, "input-tokens": 120 }))).rejects.toMatchObject({ status });
  expect(await onlyLine()).toMatchObject({ status, output: 0, nano_usd: nano, ended: "refused" });
  await expect(anthropic.messages.create(message, sim({ fault }))).rejects.toMatchObject({ status });
});

test("a fault with a count passes after so many requests with the same key", async () => {
  const retrying = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 3 });
  await retrying.chat.completions.create(chat, sim({ fault: "429*2", key: "abc" }));
  expect((await bill()).by_call.map((line) => line.status)).toEqual([429, 429, 200]);
});

test("reset-before bills nothing, reset-after bills the input and exactly the tokens that were made", async () => {
  await expect(openai.chat.completions.create(chat, sim({ fault: "reset-before" }))).rejects.toThrow();
  expect(await onlyLine()).toMatchObject({ nano_usd: "0", ended: "reset" });
  await fetch(`${server.url}/sim/bill`, { method: "DELETE" });
  const read = async (): Promise<void> => {
    const stream = await openai.chat.completions.create(
      { ...chat, stream: true },
      sim({ fault: "reset-after=12", "input-tokens": 10 }),
    );
    for await (const _ of stream);
  };
  await expect(read()).rejects.toThrow();
  expect(await onlyLine()).toMatchObject({ output: 12, nano_usd: "145000", ended: "reset" });
  await fetch(`${server.url}/sim/bill`, { method: "DELETE" });
  await expect(anthropic.messages.create(message, sim({ fault: "reset-after=12" }))).rejects.toThrow();
  expect(await onlyLine()).toMatchObject({ output: 12, ended: "reset" });
});

test("a client that leaves stops the bill, and what was made until then stays on it", async () => {
  const steer = sim({ "output-tokens": 100_000, "tokens-per-second": 200, "first-token-ms": 0 });
  const stream = await openai.chat.completions.create({ ...chat, stream: true }, steer);
  let deltas = 0;
  for await (const chunk of stream) if ((chunk.choices[0]?.delta.content ?? "") !== "" && ++deltas === 10) break;
  const line = await settledLine();
  expect(line.ended).toBe("left");
  expect(line.output).toBeGreaterThanOrEqual(10);
  expect(line.output).toBeLessThan(200);
  await sleep(100);
  expect((await onlyLine()).output).toBe(line.output);
});

test("it never produces ahead of a client that does not read", async () => {
  const body = JSON.stringify({ ...chat, stream: true });
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  await once(socket, "connect");
  socket.pause();
  const steer = "x-sim-output-tokens: 9000000\r\n";
  socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n${steer}content-length: ${body.length}\r\n\r\n${body}`);
  let made = -1;
  for (let i = 0; i < 100; i++) {
    await sleep(100);
    const { output } = await onlyLine();
    if (output === made) break;
    made = output;
  }
  expect(made).toBeGreaterThan(0);
  expect(made).toBeLessThan(100_000);
  socket.destroy();
  expect((await settledLine()).ended).toBe("left");
});

test("hang-after sends what was made and then nothing", async () => {
  const stop = new AbortController();
  const stream = await openai.chat.completions.create(
    { ...chat, stream: true },
    { ...sim({ fault: "hang-after=5" }), signal: stop.signal },
  );
  let text = "";
  setTimeout(() => stop.abort(), 300);
  await expect(
    (async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
      if (stop.signal.aborted) throw new Error("aborted");
    })(),
  ).rejects.toThrow(/abort/i);
  expect(text).not.toBe("");
  expect(await settledLine()).toMatchObject({ output: 5, ended: "left" });
});

test("error-event breaks a stream off in the dialect's own words", async () => {
  const read = async (): Promise<void> => {
    for await (const _ of await openai.chat.completions.create({ ...chat, stream: true }, sim({ fault: "error-event=3" })));
  };
  await expect(read()).rejects.toThrow(/error while processing/);
  const stream = anthropic.messages.stream(message, sim({ fault: "error-event=3" }));
  await expect(stream.finalMessage()).rejects.toThrow(/Overloaded/);
  expect((await bill()).by_call.map((line) => [line.output, line.ended])).toEqual([
    [3, "error"],
    [3, "error"],
  ]);
});

test.each(["negative", "nan", "string", "zero", "huge", "twice", "decreasing", "none"])(
  "usage=%s lies in the report and not on the bill",
  async (lie) => {
    const fault = lie === "none" ? "no-usage" : `usage=${lie}`;
    const post = async (path: string, body: object): Promise<string> => {
      const headers = { "x-sim-fault": fault, "x-sim-output-tokens": "20", "x-sim-input-tokens": "10" };
      return (await fetch(`${server.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) })).text();
    };
    const streamed = await post("/v1/chat/completions", { ...chat, stream: true, stream_options: { include_usage: true } });
    const figures = [...streamed.matchAll(/"completion_tokens":([^,]+)/g)].map((match) => match[1]);
    const expected: Record<string, readonly string[]> = {
      negative: ["-20"],
      nan: ["NaN"],
      string: ['"20"'],
      zero: ["0"],
      huge: ["9007199254740993000"],
      twice: ["20", "20"],
      decreasing: ["20", "10"],
      none: [],
    };
    expect(figures).toEqual(expected[lie]);
    const events = await post("/v1/messages", { ...message, stream: true });
    const deltas = [...events.matchAll(/message_delta",.*?"output_tokens":([^,}]+)/g)].map((match) => match[1]);
    expect(deltas).toEqual(expected[lie]);
    expect((await bill()).by_call.map((line) => [line.input, line.output])).toEqual([
      [10, 20],
      [10, 20],
    ]);
  },
);

test("ignore-cap goes past the cap by so many tokens", async () => {
  const reply = await openai.chat.completions.create({ ...chat, max_tokens: 10 }, sim({ fault: "ignore-cap=15" }));
  expect(reply.usage?.completion_tokens).toBe(25);
  expect((await onlyLine()).output).toBe(25);
});

test("chunk-bytes and slow-body cut the bytes, not the sense", async () => {
  const plain = await openai.chat.completions.create(chat);
  for (const fault of ["chunk-bytes=1", "slow-body"]) {
    const steer = sim({ fault, "output-tokens": fault === "slow-body" ? 2 : (plain.usage?.completion_tokens ?? 0) });
    const reply = await openai.chat.completions.create(chat, steer);
    expect(plain.choices[0]?.message.content).toContain(reply.choices[0]?.message.content);
  }
});

test("what a provider refuses, the simulator refuses by name and for nothing", async () => {
  const bad: readonly (readonly [object, number, RegExp])[] = [
    [{ ...chat, model: "gpt-none" }, 404, /gpt-none/],
    [{ ...chat, max_tokens: 0 }, 400, /max_tokens/],
    [{ ...chat, max_tokens: 5, max_completion_tokens: 6 }, 400, /max_completion_tokens/],
    [{ ...chat, model: "o3", max_tokens: 5 }, 400, /max_completion_tokens/],
    [{ model: "gpt-4o" }, 400, /messages/],
  ];
  for (const [body, status, said] of bad) {
    const reply = await fetch(`${server.url}/chat/completions`, { method: "POST", body: JSON.stringify(body) });
    expect(reply.status).toBe(status);
    expect(await reply.text()).toMatch(said);
  }
  const typo = await fetch(`${server.url}/messages`, {
    method: "POST",
    headers: { "x-sim-fault": "rest-after=3" },
    body: JSON.stringify(message),
  });
  expect([typo.status, await typo.text()]).toEqual([400, expect.stringMatching(/rest-after=3/)]);
  expect(await bill()).toMatchObject({ calls: 6, nano_usd: "0" });
});

test("it lists its models and says that it is well", async () => {
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  const names = (await openai.models.list()).data.map((model) => model.id);
  expect(names).toEqual(expect.arrayContaining(["gpt-4o", "claude-sonnet-4-5"]));
});
