// The SDK in process: the same road without HTTP, for unchanged official clients.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSimulatorServer } from "../../src/providers/simulated/server.js";
import { BudgetExceeded, type Bursar, type BursarOptions, bursarErrorOf, openBursar } from "../../src/surfaces/sdk/index.js";
import { systemClock } from "../../src/surfaces/system-clock.js";
import { type Bill, openRunningBursar, sim as steer } from "./running-bursar.js";

const messages = [{ role: "user" as const, content: "How do I keep a budget?" }];
const chat = { model: "gpt-4o", messages };
const message = { model: "claude-sonnet-4-6", max_tokens: 500, messages };

/** Without the delays of a real model, which the simulator in process has by default. */
const sim = (more: Record<string, string | number> = {}) => steer({ "first-token-ms": 0, "tokens-per-second": 0, ...more });

const CONFIG = `version: 1
providers: { sim: { kind: simulated } }
budgets:
  - { name: day, limit: { usd: 5 }, window: day }
  - { name: task-cap, per: [task], limit: { usd: 0.10 } }`;

interface Status {
  readonly agents: Record<string, { calls: number; refused: number; cost_usd: string }>;
  readonly global: { calls: number; total_cost_usd: string; held_usd: string };
}

let folder: string;
let open: Bursar[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bursar-sdk-"));
  open = [];
});
afterEach(async () => {
  for (const bursar of open) await bursar.close();
  rmSync(folder, { recursive: true, force: true });
});

async function opened(options: BursarOptions = {}): Promise<Bursar> {
  const bursar = await openBursar({ data: join(folder, "data"), env: {}, ...options });
  open.push(bursar);
  return bursar;
}

/** Opens one whose configuration simulates every provider; its clients' own addresses lead nowhere. */
async function simulated(): Promise<{ bursar: Bursar; openai: OpenAI; anthropic: Anthropic }> {
  const config = join(folder, "bursar.yaml");
  writeFileSync(config, CONFIG);
  const bursar = await opened({ config });
  const openai = bursar.wrap(new OpenAI({ apiKey: "none", baseURL: "http://127.0.0.1:9/v1" }));
  const anthropic = bursar.wrap(new Anthropic({ apiKey: "none", baseURL: "http://127.0.0.1:9" }));
  return { bursar, openai, anthropic };
}

test("a wrapped OpenAI client answers whole and streamed, and the road's figures come as headers", async () => {
  const { bursar, openai } = await simulated();
  const { data, response } = await openai.chat.completions.create(chat, sim({ "output-tokens": 20 })).withResponse();
  expect(data.choices[0]?.message.content).toMatch(/\w+/);
  expect(data.usage?.completion_tokens).toBe(20);
  expect(Number(response.headers.get("x-bursar-cost-usd"))).toBeGreaterThan(0);
  const stream = await openai.chat.completions.create({ ...chat, stream: true }, sim({ "output-tokens": 20 }));
  let text = "";
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    expect(Object.hasOwn(chunk, "usage")).toBe(false);
  }
  expect(text).toMatch(/\w+/);
  expect(await bursar.status()).toMatchObject({ global: { calls: 2, held_usd: "0.00" } });
});

test("a wrapped Anthropic client answers whole, streamed and with tools", async () => {
  const { anthropic } = await simulated();
  const whole = await anthropic.messages.create(message, sim({ "output-tokens": 20 }));
  expect(whole.usage.output_tokens).toBe(20);
  expect(await anthropic.messages.stream(message, sim({ "output-tokens": 20 })).finalText()).toMatch(/\w+/);
  const tools = [{ name: "get_weather", input_schema: { type: "object" as const, properties: { city: { type: "string" } } } }];
  const called = await anthropic.messages.create({ ...message, tools }, sim({ "tool-call": "get_weather" }));
  expect(called.content.at(-1)).toMatchObject({ type: "tool_use", input: { city: expect.any(String) } });
});

test("a refusal is a typed error with figures, and a task's calls are the task's", async () => {
  const { bursar, openai, anthropic } = await simulated();
  const spend = () => openai.chat.completions.create({ ...chat, max_tokens: 4000 }, sim({ "output-tokens": 4000 }));
  const seen = await bursar.task("summary", { agent: "writer", id: "task-1", tags: { env: "test" } }, async (task) => {
    await spend();
    await anthropic.messages.create(message, sim());
    return {
      task,
      error: bursarErrorOf(
        await spend()
          .then(spend)
          .catch((error: unknown) => error),
      ),
    };
  });
  expect(seen.task).toEqual({ id: "task-1", name: "summary" });
  expect(seen.error).toBeInstanceOf(BudgetExceeded);
  expect(seen.error?.message).toContain("bursar budget raise task-cap");
  expect(seen.error?.details).toMatchObject({ budget: "task-cap", scope: "task-1", unit: "usd", limit: "0.10" });
  const { agents } = (await bursar.status()) as Status;
  expect(agents.writer).toMatchObject({ calls: 3, refused: 1 });
  await bursar.ask("budget raise", { name: "task-cap", amount: "1.00", reason: "the test says so" });
  await bursar.task("summary", { agent: "writer", id: "task-1" }, spend);
});

test("tasks side by side and inside one another keep their own names", async () => {
  const { bursar, openai } = await simulated();
  const call = () => openai.chat.completions.create(chat, sim({ "output-tokens": 5 }));
  await bursar.task("outer", { agent: "boss", id: "outer" }, async () => {
    await Promise.all(["a", "b"].map((id) => bursar.task("inner", { id, agent: `worker-${id}` }, call)));
    await call();
  });
  const { accounts } = (await bursar.ask("account list", { budget: "task-cap" })) as { accounts: { group: string[] }[] };
  expect(accounts.map(({ group }) => group[0]).sort()).toEqual(["a", "b", "outer"]);
  const { agents } = (await bursar.status()) as Status;
  expect([agents.boss?.calls, agents["worker-a"]?.calls, agents["worker-b"]?.calls]).toEqual([1, 1, 1]);
});

test("a wrapped client that leaves a stream is settled all the same", async () => {
  const { bursar, openai } = await simulated();
  const stream = await openai.chat.completions.create({ ...chat, stream: true }, sim({ "output-tokens": 200 }));
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
  await expect
    .poll(async () => ((await bursar.status()) as Status).global, { timeout: 5000 })
    .toMatchObject({ calls: 1, held_usd: "0.00" });
});

test("what is not metered yet is refused by name and not sent past the ledger", async () => {
  const { openai } = await simulated();
  await expect(openai.images.generate({ prompt: "x" })).rejects.toMatchObject({
    status: 501,
    message: expect.stringContaining("/images/generations is not metered"),
  });
});

test("without a configuration file the client's own connection is used, and what is posted is what it billed", async () => {
  const provider = await openSimulatorServer({ clock: systemClock(), latency: "none", seed: "own" });
  const bursar = await opened();
  const openai = bursar.wrap(new OpenAI({ apiKey: "own-key", baseURL: `${provider.url}/v1` }));
  const anthropic = bursar.wrap(new Anthropic({ apiKey: "own-key", baseURL: provider.url }));
  await openai.chat.completions.create(chat);
  for await (const chunk of await openai.chat.completions.create({ ...chat, stream: true })) expect(chunk.id).toBeTruthy();
  await anthropic.messages.create(message);
  await anthropic.messages.stream(message).finalMessage();
  await openai.chat.completions.create(chat, sim({ fault: "429*1", key: "k" }));
  const { global } = (await bursar.status()) as Status;
  const bill = (await (await fetch(`${provider.url}/sim/bill`)).json()) as Bill;
  expect(bill.calls).toBe(6);
  expect(global.calls).toBe(5);
  expect(BigInt(bill.nano_usd) - BigInt(Math.round(Number(global.total_cost_usd) * 1e9))).toBe(0n);
  await provider.close();
});

test("an SDK on the directory of a running server attaches to it, and its calls are the server's", async () => {
  const at = await openRunningBursar("budgets:\n  - { name: day, limit: { usd: 5 }, window: day }");
  const bursar = await opened({ data: join(at.directory, "data"), key: "platform-key", agent: "attached" });
  expect(bursar.attachedTo).toBe(at.url);
  const openai = bursar.wrap(new OpenAI({ apiKey: "own", baseURL: "http://127.0.0.1:9/v1" }));
  const anthropic = bursar.wrap(new Anthropic({ apiKey: "own", baseURL: "http://127.0.0.1:9" }));
  await openai.chat.completions.create(chat);
  await bursar.task("summary", { id: "t-1", agent: "writer" }, () => anthropic.messages.create(message));
  const { agents } = (await bursar.status()) as Status;
  expect([agents.attached?.calls, agents.writer?.calls]).toEqual([1, 1]);
  expect((await at.bill()).calls).toBe(2);
  await bursar.ask("budget raise", { name: "day", amount: "1" });
  expect(await at.ask("/budgets/day")).toMatchObject({ limit: "6.00" });
  await at.close();
});
