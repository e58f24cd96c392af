// What a person and an official client see when the money is gone: exactly one request, the right class of error, and a
// message that says how to lift it.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openRunningBursar, type RunningBursar, sim, standingChecks } from "./running-bursar.js";

const messages = [{ role: "user" as const, content: "How do I keep a budget?" }];
const chat = { model: "gpt-4o", messages };
const message = { model: "claude-sonnet-4-6", max_tokens: 500, messages };
const tasked = (task: string) => ({ headers: { "x-bursar-task": task } });

let at: RunningBursar;

beforeAll(async () => {
  at = await openRunningBursar(`budgets:
  - { name: task-cap, per: [task], limit: { usd: 0.001 } }
  - { name: shared, match: { agent: crowd }, limit: { tokens: 9000 } }`);
});
beforeEach(() => void at.requests());
afterAll(async () => {
  await standingChecks(at);
  await at.close();
});

async function thrownBy(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test("OpenAI: a refusal is one request, status 402, and its message lifts it", async () => {
  const error = await thrownBy(at.openai().chat.completions.create(chat, tasked("t-1")));
  expect(at.requests()).toBe(1);
  expect(error).toBeInstanceOf(OpenAI.APIError);
  const refused = error as InstanceType<typeof OpenAI.APIError>;
  expect(refused).toMatchObject({ status: 402, code: "budget_exceeded", type: "budget_exceeded" });
  expect(refused.message).toMatch(
    /^402 Budget "task-cap" allows \$0\.001 in all for t-1; \$0\.00 is used, and this call may cost \$0\.\d+\./,
  );
  expect(refused.headers?.get("x-should-retry")).toBe("false");
  expect(refused.headers?.get("retry-after")).toBeNull();
  expect(refused.error).toMatchObject({
    metadata: { budget: "task-cap", scope: "t-1", unit: "usd", limit: "0.001", used: "0.00" },
  });
});

test("the command in the message lifts the refusal", async () => {
  const error = (await thrownBy(at.openai().chat.completions.create(chat, tasked("t-2")))) as Error;
  const command = /bursar budget raise (\S+) (\S+)$/.exec(error.message);
  const answer = await fetch(`${at.url}/api/v1/budgets/${command?.[1]}/raise`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      amount: command?.[2],
      until: new Date(Date.now() + 1500).toISOString(),
      reason: "the message said so",
    }),
  });
  expect(answer.status).toBe(200);
  const reply = await at.openai().chat.completions.create(chat, tasked("t-2"));
  expect(reply.choices[0]?.message.content).toMatch(/\w+/);
  await expect.poll(async () => (await at.ask<{ limit: string }>("/budgets/task-cap")).limit, { timeout: 3000 }).toBe("0.001");
});

test("OpenAI: a stream is refused before it begins, as an error and not as an event", async () => {
  const error = await thrownBy(at.openai().chat.completions.create({ ...chat, stream: true }, tasked("t-3")));
  expect(error).toMatchObject({ status: 402 });
  expect(at.requests()).toBe(1);
});

test("Anthropic: a refusal is one request, billing_error, and its message lifts it", async () => {
  for (const work of [
    () => at.anthropic().messages.create(message, tasked("t-4")),
    () => at.anthropic().messages.create({ ...message, stream: true }, tasked("t-4")),
    () => at.anthropic().messages.stream(message, tasked("t-4")).finalMessage(),
  ]) {
    const error = await thrownBy(work());
    expect(at.requests()).toBe(1);
    expect(error).toBeInstanceOf(Anthropic.APIError);
    const refused = error as InstanceType<typeof Anthropic.APIError>;
    expect(refused).toMatchObject({ status: 402, error: { type: "error", error: { type: "billing_error" } } });
    expect(refused.message).toContain("bursar budget raise task-cap");
  }
});

test.each([
  ["spent-402", 402, OpenAI.APIError, "budget_exceeded"],
  ["spent-429", 429, OpenAI.RateLimitError, "insufficient_quota"],
  ["spent-403", 403, OpenAI.PermissionDeniedError, "budget_exceeded"],
  ["spent-400", 400, OpenAI.BadRequestError, "budget_exceeded"],
] as const)("the key %s answers a spent budget with %i, in one request", async (key, status, kind, code) => {
  const error = await thrownBy(at.openai(key).chat.completions.create(chat, tasked("t-5")));
  expect(at.requests()).toBe(1);
  expect(error).toBeInstanceOf(kind);
  expect(error).toMatchObject({ status, code });
  const { headers } = error as InstanceType<typeof OpenAI.APIError>;
  expect([headers?.get("x-should-retry"), headers?.get("retry-after"), headers?.get("retry-after-ms")]).toEqual([
    "false",
    null,
    null,
  ]);
  const other = await thrownBy(at.anthropic(key).messages.create(message, tasked("t-5")));
  expect(at.requests()).toBe(1);
  expect(other).toMatchObject({ status });
});

test("money that is only held by calls in flight asks for a moment, and the official client waits and succeeds", async () => {
  const crowd = { "x-bursar-agent": "crowd" };
  const slow = { headers: { ...sim({ "first-token-ms": 1200, "output-tokens": 10 }).headers, ...crowd } };
  const first = at.openai().chat.completions.create(chat, slow);
  await expect.poll(() => at.server.core.road.active.size).toBe(1);
  const raw = await fetch(`${at.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: "Bearer platform-key", ...crowd },
    body: JSON.stringify(chat),
  });
  expect(raw.status).toBe(429);
  expect(raw.headers.get("x-should-retry")).toBe("true");
  expect(Number(raw.headers.get("retry-after-ms"))).toBeLessThan(60_000);
  expect(Number(raw.headers.get("retry-after"))).toBeLessThan(60);
  expect(await raw.json()).toMatchObject({
    error: {
      code: "budget_waiting",
      message: expect.stringMatching(/"shared" allows 9k tokens.* held .*try again in a moment/),
    },
  });
  at.requests();
  const second = await at.openai().chat.completions.create(chat, { headers: crowd });
  expect(second.choices[0]?.message.content).toMatch(/\w+/);
  expect(at.requests()).toBeGreaterThan(1);
  await first;
});

test("a refusal tells what is left on every budget, and explain tells why", async () => {
  const error = (await thrownBy(at.openai().chat.completions.create(chat, tasked("t-6")))) as InstanceType<
    typeof OpenAI.APIError
  >;
  expect(error.headers?.get("x-bursar-remaining")).toContain('name="task-cap";unit=usd;left=0.001');
  const { call_id, explain_url } = (error.error as { metadata: Record<string, string> }).metadata;
  expect(error.headers?.get("x-bursar-call-id")).toBe(call_id);
  // Refusals are written in batches, a moment after the answer.
  const explained = async () => (await fetch(`${at.url}${explain_url}`)).text();
  await expect.poll(explained).toContain("task-cap");
});

test("nothing of what was refused reached the provider", async () => {
  const refused = await at.entries("call.refused");
  const admitted = new Set((await at.entries("call.held")).map((entry) => entry.call_id));
  expect(refused.length).toBeGreaterThan(10);
  expect(refused.filter((entry) => admitted.has(entry.call_id))).toEqual([]);
  expect((await at.bill()).calls).toBe(admitted.size);
});
