// Fallbacks over HTTP: who answered is told in headers, every attempt is in the explanation, and the bill agrees.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRunningBursar, type RunningBursar, standingChecks } from "./running-bursar.js";

const messages = [{ role: "user" as const, content: "How do I keep a budget?" }];
const once = { maxRetries: 0 };

let at: RunningBursar;
/** A provider that is always overloaded, as OpenAI says it. */
const overloaded = createServer((request, response) => {
  request.resume();
  request.on("end", () => response.writeHead(503, { "content-type": "application/json" }).end('{"error":{"message":"busy"}}'));
});

beforeAll(async () => {
  await new Promise<void>((resolve) => overloaded.listen(0, "127.0.0.1", resolve));
  const { port } = overloaded.address() as AddressInfo;
  at = await openRunningBursar(
    `fallbacks:
  "busy/*": [claude-haiku-4-5, gpt-4o-mini]
  gpt-4o: [busy/any]
limits: { retries_max: 0 }
budgets:
  - { name: all, limit: { usd: 5 } }
  - { name: none-of-mini, match: { model: gpt-4o-mini, agent: poor }, limit: { requests: 0 } }`,
    {
      providers: (url) => `sim: { kind: simulated, base_url: "${url}/v1" }
  busy: { kind: openai-compatible, free: true, base_url: "http://127.0.0.1:${port}" }`,
    },
  );
});
afterAll(async () => {
  await standingChecks(at);
  await at.close();
  overloaded.close();
});

test("the answer names the model that gave it and warns that it is another than was asked for", async () => {
  const { data, response } = await at
    .openai()
    .chat.completions.create({ model: "busy/any", max_tokens: 20, messages }, once)
    .withResponse();
  expect(data.choices[0]?.message.content).not.toBe("");
  expect(response.headers.get("x-bursar-model")).toBe("openai/gpt-4o-mini");
  expect(response.headers.get("x-bursar-warning")).toBe("fallback:openai/gpt-4o-mini");
  const call = response.headers.get("x-bursar-call-id") ?? "";
  const held = (await at.entries("call.held")).filter((entry) => entry.call_id === call);
  expect(held.map(({ attempt_id, attribution }) => [attempt_id, attribution.model])).toEqual([
    [`${call}.1`, "busy/any"],
    [`${call}.2`, "openai/gpt-4o-mini"],
  ]);
  const explained = await at.ask<{ sentences?: readonly string[] }>(`/explain/${call}`);
  expect(JSON.stringify(explained)).toContain(`${call}.1`);
  expect(JSON.stringify(explained)).toContain(`${call}.2`);
});

test("a stream falls back as well, before its first byte", async () => {
  const stream = await at.openai().chat.completions.create({ model: "busy/any", max_tokens: 20, messages, stream: true }, once);
  let text = "";
  for await (const part of stream) text += part.choices[0]?.delta.content ?? "";
  expect(text).not.toBe("");
});

test("a fallback that its budget refuses is refused to the client, in one request", async () => {
  at.requests();
  const refused = at
    .openai("platform-key", "/agents/poor")
    .chat.completions.create({ model: "busy/any", max_tokens: 20, messages });
  await expect(refused).rejects.toMatchObject({ status: 402, code: "budget_exceeded" });
  await expect(refused).rejects.toThrow(OpenAI.APIError);
  expect(at.requests()).toBe(1);
});
