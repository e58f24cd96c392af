// Idempotency-Key over HTTP with the official clients, and through a real restart of the ledger.
import { expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { openServer } from "../../src/surfaces/assemble.js";
import { openRunningBursar, sim, standingChecks } from "./running-bursar.js";

const messages = [{ role: "user" as const, content: "How do I keep a budget?" }];
const chat = { model: "gpt-4o", max_tokens: 50, messages };
const keyed = (key: string, steer: Record<string, string | number> = {}) => ({
  headers: { "idempotency-key": key, ...sim(steer).headers },
  maxRetries: 0,
});
const BUDGETS = "budgets:\n  - { name: all, limit: { usd: 5 } }";

test("official clients get the same answer twice and the provider bills it once, streamed or not", async () => {
  const at = await openRunningBursar(BUDGETS);
  const openai = at.openai();
  const [first, again] = [
    await openai.chat.completions.create(chat, keyed("a")),
    await openai.chat.completions.create(chat, keyed("a")),
  ];
  expect(again).toEqual(first);
  const texts: string[] = [];
  for (let turn = 0; turn < 2; turn++) {
    const stream = await openai.chat.completions.create({ ...chat, stream: true }, keyed("b"));
    let text = "";
    for await (const part of stream) text += part.choices[0]?.delta.content ?? "";
    texts.push(text);
    await at.settled();
  }
  expect(texts[1]).toBe(texts[0]);
  expect(texts[0]).not.toBe("");
  const anthropic = at.anthropic();
  const ask = { model: "claude-sonnet-4-6", max_tokens: 50, messages };
  const message = await anthropic.messages.create(ask, keyed("c"));
  expect(await anthropic.messages.create(ask, keyed("c"))).toMatchObject({ id: message.id, content: message.content });
  const raw = await openai.chat.completions.create(chat, keyed("a")).asResponse();
  expect(raw.headers.get("x-bursar-idempotent-replay")).toBe("true");
  await expect(openai.chat.completions.create({ ...chat, max_tokens: 51 }, keyed("a"))).rejects.toMatchObject({ status: 422 });
  await expect(openai.chat.completions.create(chat, keyed("k".repeat(256)))).rejects.toMatchObject({ status: 400 });
  expect((await at.bill()).calls).toBe(3);
  await standingChecks(at);
  await at.close();
});

test("after a restart a paid call is not made again, and one of unknown outcome names the way out", async () => {
  const at = await openRunningBursar(BUDGETS);
  const openai = at.openai();
  await openai.chat.completions.create(chat, keyed("paid"));
  await expect(openai.chat.completions.create(chat, keyed("lost", { fault: "reset-before" }))).rejects.toMatchObject({
    status: 502,
  });
  await at.server.close(0);
  const load = { env: {}, cwd: at.directory, flags: { config: at.configPath, data: `${at.directory}/data`, port: 0 } };
  const server = await openServer({ config: loadConfig(load), load });
  const repeat = async (key: string) => {
    const headers = { authorization: "Bearer platform-key", "content-type": "application/json", "idempotency-key": key };
    const response = await fetch(`${server.url}/v1/chat/completions`, { method: "POST", headers, body: JSON.stringify(chat) });
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    return { status: response.status, retry: response.headers.get("x-should-retry"), ...error };
  };
  const before = (await at.bill()).calls;
  expect(await repeat("paid")).toMatchObject({ status: 409, code: "reply_expired", retry: "false" });
  expect(await repeat("lost")).toMatchObject({
    status: 409,
    code: "outcome_unknown",
    message: expect.stringMatching(/bursar hold resolve \S+\.1 --void/),
  });
  expect((await at.bill()).calls).toBe(before);
  await server.close(0);
  await at.close();
});
