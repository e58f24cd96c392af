// The lists of models as official clients ask for them: answered from the configuration, nothing sent, nothing held.
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRunningBursar, type RunningBursar } from "./running-bursar.js";

let at: RunningBursar;

beforeAll(async () => {
  at = await openRunningBursar(`  - { name: narrow, token: narrow-key, models: [gpt-4o, "claude-haiku-*"] }
  - { name: chat-only, token: chat-only-key, routes: [openai-chat] }
tiers: { easy: [local/llama3] }
fallbacks: { gpt-4o: [local/qwen3:8b, bogus/model] }
budgets:
  - { name: all, limit: { usd: 0 } }`);
});
afterAll(() => at.close());

test("OpenAI's client lists the models of its dialect and finds one by name", async () => {
  const client = at.openai();
  const models = (await client.models.list()).data;
  const ids = models.map(({ id }) => id);
  expect(ids).toEqual(expect.arrayContaining(["gpt-4o", "gpt-4o-mini"]));
  expect(ids.filter((id) => id.startsWith("claude") || id.startsWith("gemini"))).toEqual([]);
  expect(models.every((model) => model.object === "model" && model.owned_by !== "")).toBe(true);
  expect(await client.models.retrieve("gpt-4o")).toMatchObject({ id: "gpt-4o", owned_by: "openai" });
  await expect(client.models.retrieve("gpt-17")).rejects.toThrow(OpenAI.NotFoundError);
});

test("Anthropic's client lists its own under the same path", async () => {
  const client = at.anthropic();
  const ids: string[] = [];
  for await (const model of client.models.list()) ids.push(model.id);
  expect(ids.some((id) => id.startsWith("claude-"))).toBe(true);
  expect(ids.filter((id) => id.startsWith("gpt"))).toEqual([]);
  const [first = ""] = ids;
  expect(await client.models.retrieve(first)).toMatchObject({ type: "model", id: first });
  await expect(client.models.retrieve("claude-17")).rejects.toThrow(Anthropic.NotFoundError);
});

test("Google's client lists its own, with their sizes and methods", async () => {
  const client = new GoogleGenAI({ apiKey: "platform-key", httpOptions: { baseUrl: at.url } });
  const names: string[] = [];
  for await (const model of await client.models.list()) names.push(model.name ?? "");
  expect(names).toContain("models/gemini-2.5-flash");
  const model = await client.models.get({ model: "gemini-2.5-flash" });
  expect(model.supportedActions).toEqual(expect.arrayContaining(["generateContent"]));
  expect(model.inputTokenLimit).toBeGreaterThan(0);
});

test("a key sees the models that it may use, and no list where the route is not its own", async () => {
  const ids = (await at.openai("narrow-key").models.list()).data.map(({ id }) => id);
  expect(ids).toContain("gpt-4o");
  expect(ids.every((id) => /^gpt-4o(-\d{4}-\d{2}-\d{2}|-latest)?$/.test(id))).toBe(true);
  await expect(at.openai("narrow-key").models.retrieve("gpt-4o-mini")).rejects.toThrow(OpenAI.NotFoundError);
  await expect(at.openai("chat-only-key").models.list()).rejects.toThrow(/may use the routes openai-chat, not models/);
  await expect(at.openai("nobody").models.list()).rejects.toThrow(OpenAI.AuthenticationError);
});

test("asking for lists sends nothing upstream, holds nothing and needs no money", async () => {
  expect((await at.bill()).calls).toBe(0);
  expect(await at.entries("call.held")).toEqual([]);
  expect(at.server.core.ledger.state().holds.size).toBe(0);
});

test("a fallback that nobody serves is told at the start", () => {
  expect(at.told.join("\n")).toContain(
    'The fallback "bogus/model" of "gpt-4o" is passed over: no configured provider serves it.',
  );
});
