// The official Anthropic client, unchanged but for its base URL and key, through the gateway to the simulated provider.
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRunningBursar, type RunningBursar, sim, standingChecks } from "./running-bursar.js";

const messages = [{ role: "user" as const, content: "How do I keep a budget?" }];
const message = { model: "claude-sonnet-4-6", max_tokens: 500, messages };
const tools = [
  {
    name: "get_weather",
    description: "Weather of a city.",
    input_schema: { type: "object" as const, properties: { city: { type: "string" } }, required: ["city"] },
  },
];

let at: RunningBursar;

beforeAll(async () => {
  at = await openRunningBursar("budgets:\n  - { name: day, limit: { usd: 50 }, window: day }");
});
afterAll(async () => {
  await standingChecks(at);
  await at.close();
});

test("a whole reply is the provider's own, and its headers are true", async () => {
  const before = await at.bill();
  const asked = at.anthropic().messages.create(message, sim({ "input-tokens": 1000, "output-tokens": 50 }));
  const { data, response } = await asked.withResponse();
  expect(data.content[0]).toMatchObject({ type: "text", text: expect.stringMatching(/\w+ \w+/) });
  expect(data.stop_reason).toBe("end_turn");
  expect(data.usage).toMatchObject({ input_tokens: 1000, output_tokens: 50 });
  const { headers } = response;
  expect(headers.get("x-bursar-model")).toBe("anthropic/claude-sonnet-4-6");
  expect(headers.get("x-bursar-simulated")).toBe("true");
  // 1,000 × $3 and 50 × $15 per million.
  expect(headers.get("x-bursar-cost-usd")).toBe("0.00375");
  expect(BigInt((await at.bill()).nano_usd) - BigInt(before.nano_usd)).toBe(3_750_000n);
  const status = await at.ask<{ windows: Record<string, { whole: { left: string } }> }>("/status");
  expect(headers.get("x-bursar-remaining")).toContain(`name="day";unit=usd;left=${status.windows.day?.whole.left};reset=`);
});

test("a stream comes event by event and ends with the usage that was billed", async () => {
  const before = (await at.bill()).calls;
  const stream = await at
    .anthropic()
    .messages.create({ ...message, stream: true }, sim({ "input-tokens": 80, "output-tokens": 40 }));
  const types: string[] = [];
  let output = 0;
  for await (const event of stream) {
    types.push(event.type);
    if (event.type === "message_delta") output = event.usage.output_tokens;
  }
  expect(types[0]).toBe("message_start");
  expect(types.slice(-2)).toEqual(["message_delta", "message_stop"]);
  expect(output).toBe(40);
  expect((await at.bill()).by_call[before]).toMatchObject({ input: 80, output: 40, ended: "end" });
});

test("the stream helper gathers the final message, and its response carries Bursar's headers", async () => {
  const stream = at.anthropic().messages.stream(message, sim({ "input-tokens": 80, "output-tokens": 40 }));
  const { response } = await stream.withResponse();
  expect(response.headers.get("x-bursar-call-id")).toMatch(/^call_/);
  const final = await stream.finalMessage();
  expect(final.usage).toMatchObject({ input_tokens: 80, output_tokens: 40 });
  expect(final.stop_reason).toBe("end_turn");
  expect(await stream.finalText()).toMatch(/\w+ \w+/);
});

test("tools: whole and streamed, the input fits the schema", async () => {
  const asked = { ...message, tools };
  const steer = sim({ "tool-call": "get_weather" });
  const whole = await at.anthropic().messages.create(asked, steer);
  expect(whole.stop_reason).toBe("tool_use");
  const block = whole.content.find((one) => one.type === "tool_use");
  expect(block).toMatchObject({ name: "get_weather", input: { city: expect.any(String) } });
  const stream = at.anthropic().messages.stream(asked, steer);
  const final = await stream.finalMessage();
  expect(final.content.find((one) => one.type === "tool_use")).toMatchObject({ input: { city: expect.any(String) } });
});

test("a conversation with a tool's result goes on", async () => {
  const conversation = [
    ...messages,
    {
      role: "assistant" as const,
      content: [{ type: "tool_use" as const, id: "toolu_1", name: "get_weather", input: { city: "Kyoto" } }],
    },
    {
      role: "user" as const,
      content: [{ type: "tool_result" as const, tool_use_id: "toolu_1", content: '{"sky":"clear"}' }],
    },
  ];
  const reply = await at.anthropic().messages.create({ ...message, messages: conversation, tools });
  expect(reply.content[0]).toMatchObject({ type: "text" });
});

test.each([
  ["base64", { type: "base64" as const, media_type: "image/png" as const, data: "iVBORw0KGgo=" }],
  ["URL", { type: "url" as const, url: "https://example.com/cat.png" }],
])("images by %s are held and answered", async (_, source) => {
  const content = [
    { type: "image" as const, source },
    { type: "text" as const, text: "What is it?" },
  ];
  const asked = at.anthropic().messages.create({ ...message, messages: [{ role: "user", content }] });
  const { data, response } = await asked.withResponse();
  expect(data.usage.input_tokens).toBeGreaterThan(700);
  const figure = (name: string): number => Number(response.headers.get(name));
  expect(figure("x-bursar-ceiling-usd")).toBeGreaterThanOrEqual(figure("x-bursar-cost-usd"));
});

test("a cached prompt is paid by its classes", async () => {
  const system = [{ type: "text" as const, text: "steady words ".repeat(3000), cache_control: { type: "ephemeral" as const } }];
  const steer = sim({ "input-tokens": 10_000, "cached-tokens": 4000, "output-tokens": 10 });
  const { data, response } = await at
    .anthropic()
    .messages.create({ ...message, system }, steer)
    .withResponse();
  expect(data.usage.cache_read_input_tokens).toBe(4000);
  const written = data.usage.cache_creation_input_tokens ?? 0;
  const nano = data.usage.input_tokens * 3000 + written * 3750 + 4000 * 300 + 10 * 15_000;
  expect(Math.round(Number(response.headers.get("x-bursar-cost-usd")) * 1e9)).toBe(nano);
});

test("the client's beta query and version header do no harm", async () => {
  const reply = await at.anthropic().beta.messages.create({ ...message, betas: ["context-1m-2025-08-07"] });
  expect(reply.content[0]).toMatchObject({ type: "text" });
});

test("HEAD / is answered, as Claude Code asks before it begins", async () => {
  expect((await fetch(at.url, { method: "HEAD" })).status).toBe(200);
});

test("a provider that is overloaded twice is asked again by the gateway itself: one request of the client, one post", async () => {
  const before = (await at.bill()).calls;
  at.requests();
  await at.anthropic().messages.create(message, sim({ fault: "529*2", key: "busy" }));
  expect(at.requests()).toBe(1);
  expect((await at.bill()).by_call.slice(before).map((line) => line.status)).toEqual([529, 529, 200]);
  const voided = (await at.entries("call.voided")).slice(-2);
  expect(voided.map((entry) => entry.proof)).toEqual(["unbilled_status:529", "unbilled_status:529"]);
});
