// The official OpenAI client, unchanged but for its base URL and key, through the gateway to the simulated provider.
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRunningBursar, type RunningBursar, sim, standingChecks } from "./running-bursar.js";

const messages = [{ role: "user" as const, content: "How do I keep a budget?" }];
const chat = { model: "gpt-4o", messages };
const tools = [
  {
    type: "function" as const,
    function: {
      name: "get_weather",
      description: "Weather of a city.",
      parameters: { type: "object", properties: { city: { type: "string" }, days: { type: "integer" } }, required: ["city"] },
    },
  },
];

let at: RunningBursar;

beforeAll(async () => {
  at = await openRunningBursar(`budgets:
  - { name: day, limit: { usd: 50 }, window: day }
  - { name: agent-day, per: [agent], limit: { tokens: 2M }, window: day }`);
});
afterAll(async () => {
  await standingChecks(at);
  await at.close();
});

/** A header `name="day";unit=usd;left=49.9;reset=…, …` as figures by budget. */
function remaining(header: string | null): Map<string, string> {
  const parts = (header ?? "").split(", ").map((part) => /name="([^"]+)";unit=\w+;left=([^;]+)/.exec(part));
  return new Map(parts.map((match) => [match?.[1] ?? "", match?.[2] ?? ""]));
}

test("a whole reply is the provider's own, and its headers are true", async () => {
  const before = await at.bill();
  const asked = at.openai().chat.completions.create(chat, sim({ "input-tokens": 1000, "output-tokens": 50 }));
  const { data, response } = await asked.withResponse();
  expect(data.choices[0]?.message.content).toMatch(/\w+ \w+/);
  expect(data.choices[0]?.finish_reason).toBe("stop");
  expect(data.usage).toMatchObject({ prompt_tokens: 1000, completion_tokens: 50, total_tokens: 1050 });
  const { headers } = response;
  expect(headers.get("x-bursar-call-id")).toMatch(/^call_/);
  expect(headers.get("x-bursar-model")).toBe("openai/gpt-4o");
  expect(headers.get("x-bursar-cache")).toBe("off");
  expect(headers.get("x-bursar-simulated")).toBe("true");
  expect(headers.get("x-bursar-warning")).toBeNull();
  // 1,000 × $2.50 and 50 × $10 per million.
  expect(headers.get("x-bursar-cost-usd")).toBe("0.003");
  const after = await at.bill();
  expect(BigInt(after.nano_usd) - BigInt(before.nano_usd)).toBe(3_000_000n);
  expect(Number(headers.get("x-bursar-ceiling-usd"))).toBeGreaterThanOrEqual(0.003);
  const left = remaining(headers.get("x-bursar-remaining"));
  const status = await at.ask<{ windows: Record<string, { whole: { left: string } | null }> }>("/status");
  expect(left.get("day")).toBe(status.windows.day?.whole?.left);
  expect(left.get("agent-day")).toBe("1998950");
});

test("a stream that did not ask for usage shows neither a usage chunk nor a null usage", async () => {
  const stream = await at.openai().chat.completions.create({ ...chat, stream: true }, sim({ "output-tokens": 40 }));
  let text = "";
  let finish: string | null = null;
  for await (const chunk of stream) {
    expect(chunk.choices).toHaveLength(1);
    expect(Object.hasOwn(chunk, "usage")).toBe(false);
    expect(Object.hasOwn(chunk, "bursar")).toBe(false);
    text += chunk.choices[0]?.delta.content ?? "";
    finish = chunk.choices[0]?.finish_reason ?? finish;
  }
  expect(text).toMatch(/\w+ \w+/);
  expect(finish).toBe("stop");
});

test("a stream that asked for usage gets it once, last, with Bursar's figures", async () => {
  const asked = { ...chat, stream: true as const, stream_options: { include_usage: true } };
  const stream = await at.openai().chat.completions.create(asked, sim({ "input-tokens": 100, "output-tokens": 40 }));
  const usages: { usage: unknown; choices: number; bursar: unknown }[] = [];
  for await (const chunk of stream) {
    if (chunk.usage) {
      const { bursar } = chunk as unknown as { bursar: unknown };
      usages.push({ usage: chunk.usage, choices: chunk.choices.length, bursar });
    }
  }
  expect(usages).toHaveLength(1);
  expect(usages[0]).toMatchObject({
    choices: 0,
    usage: { prompt_tokens: 100, completion_tokens: 40 },
    bursar: { cost_usd: "0.00065" },
  });
});

test("the figures of a stream are also in a comment that clients skip", async () => {
  const response = await fetch(`${at.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: "Bearer platform-key", ...sim({ "input-tokens": 100, "output-tokens": 40 }).headers },
    body: JSON.stringify({ ...chat, stream: true }),
  });
  const text = await response.text();
  const comments = text.split("\n").filter((line) => line.startsWith(":"));
  expect(comments.join("\n")).toContain("0.00065");
  expect(text.trimEnd().endsWith("data: [DONE]")).toBe(true);
});

test("tools: whole and streamed, the arguments parse and fit the schema", async () => {
  const asked = { ...chat, tools };
  const steer = sim({ "tool-call": "get_weather" });
  const whole = await at.openai().chat.completions.create(asked, steer);
  expect(whole.choices[0]?.finish_reason).toBe("tool_calls");
  const call = whole.choices[0]?.message.tool_calls?.[0];
  if (call?.type !== "function") throw new Error("no function was called");
  expect(call.function.name).toBe("get_weather");
  expect(JSON.parse(call.function.arguments)).toEqual({ city: expect.any(String), days: expect.any(Number) });
  const stream = await at.openai().chat.completions.create({ ...asked, stream: true }, steer);
  let name = "";
  let written = "";
  for await (const chunk of stream) {
    const part = chunk.choices[0]?.delta.tool_calls?.[0]?.function;
    name += part?.name ?? "";
    written += part?.arguments ?? "";
  }
  expect(name).toBe("get_weather");
  expect(JSON.parse(written)).toEqual({ city: expect.any(String), days: expect.any(Number) });
});

test("a conversation with tool results goes on", async () => {
  const conversation = [
    ...messages,
    {
      role: "assistant" as const,
      content: null,
      tool_calls: [{ id: "call_1", type: "function" as const, function: { name: "get_weather", arguments: '{"city":"Kyoto"}' } }],
    },
    { role: "tool" as const, tool_call_id: "call_1", content: '{"sky":"clear"}' },
  ];
  const reply = await at.openai().chat.completions.create({ model: "gpt-4o", messages: conversation, tools });
  expect(reply.choices[0]?.message.content).toMatch(/\w+/);
});

test.each([
  [
    "base64",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  ],
  ["URL", "https://example.com/cat.png"],
])("images by %s are held and answered", async (_, url) => {
  const content = [
    { type: "text" as const, text: "What is it?" },
    { type: "image_url" as const, image_url: { url } },
  ];
  const asked = at.openai().chat.completions.create({ model: "gpt-4o", messages: [{ role: "user", content }] });
  const { data, response } = await asked.withResponse();
  expect(data.usage?.prompt_tokens).toBeGreaterThan(700);
  expect(Number(response.headers.get("x-bursar-ceiling-usd"))).toBeGreaterThanOrEqual(
    Number(response.headers.get("x-bursar-cost-usd")),
  );
});

test("the stream helper gathers the final completion and its usage", async () => {
  const stream = at
    .openai()
    .chat.completions.stream({ ...chat, stream_options: { include_usage: true } }, sim({ "output-tokens": 30 }));
  let deltas = "";
  stream.on("content", (delta) => (deltas += delta));
  const final = await stream.finalChatCompletion();
  expect(final.choices[0]?.message.content).toBe(deltas);
  expect(final.usage?.completion_tokens).toBe(30);
});

test("parse() gives the tool's arguments as an object", async () => {
  const strict = tools.map((tool) => ({ ...tool, function: { ...tool.function, strict: true } }));
  const reply = await at.openai().chat.completions.parse({ ...chat, tools: strict }, sim({ "tool-call": "get_weather" }));
  const call = reply.choices[0]?.message.tool_calls?.[0];
  expect(call?.function.parsed_arguments).toMatchObject({ city: expect.any(String) });
});

test("several choices are all delivered and all paid", async () => {
  const reply = await at.openai().chat.completions.create({ ...chat, n: 3, max_tokens: 50 }, sim({ "output-tokens": 20 }));
  expect(reply.choices.map((choice) => choice.index)).toEqual([0, 1, 2]);
  expect(reply.usage?.completion_tokens).toBe(60);
});

test("a provider that is busy twice is asked again by the gateway itself: two voids, one post, one request of the client", async () => {
  for (const stream of [false, true]) {
    const before = { voided: (await at.entries("call.voided")).length, bill: await at.bill() };
    at.requests();
    const steer = sim({ fault: "429*2", key: `busy-${stream}` });
    if (stream)
      for await (const chunk of await at.openai().chat.completions.create({ ...chat, stream }, steer))
        expect(chunk.id).toBeTruthy();
    else await at.openai().chat.completions.create(chat, steer);
    expect(at.requests()).toBe(1);
    const voided = (await at.entries("call.voided")).slice(before.voided);
    expect(voided.map((entry) => entry.proof)).toEqual(["unbilled_status:429", "unbilled_status:429"]);
    const call = voided[0]?.call_id;
    const posted = (await at.entries("call.posted")).filter((entry) => entry.call_id === call);
    expect(posted.map((entry) => entry.attempt_id)).toEqual([`${call}.3`]);
    const statuses = (await at.bill()).by_call.slice(before.bill.calls).map((line) => line.status);
    expect(statuses).toEqual([429, 429, 200]);
  }
});
