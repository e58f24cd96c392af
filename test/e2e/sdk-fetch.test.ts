// bursar.fetch and bursar.wrap for every wire: the provider told by its host, Google's client, the OpenAI Agents SDK.
import { createOpenAI } from "@ai-sdk/openai";
import { type GenerateContentConfig, GoogleGenAI } from "@google/genai";
import { Agent, OpenAIProvider, Runner } from "@openai/agents";
import { generateText, streamText } from "ai";
import OpenAI from "openai";
import { afterEach, expect, test } from "vitest";
import { BudgetExceeded, bursarErrorOf, openBursar } from "../../src/surfaces/sdk/index.js";
import { openRunningBursar } from "./running-bursar.js";
import { openSdkPlace, type SdkPlace } from "./sdk-place.js";

const prompt = "How do I keep a budget?";
let open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of open.reverse()) await one.close();
  open = [];
});

/** Every provider simulated behind a socket, so that no call leaves this machine whatever host it names. */
async function simulated(): Promise<SdkPlace> {
  const at = await openSdkPlace((url) => `sim: { kind: simulated, base_url: "${url}/v1" }`);
  open.push(at);
  return at;
}

test("Google's client, wrapped, answers whole, streamed and in a chat, and counts tokens for nothing", async () => {
  const at = await simulated();
  const ai = at.bursar.wrap(new GoogleGenAI({ apiKey: "own" }));
  const model = "gemini-2.5-flash";
  await at.bursar.task("g", { agent: "roomy" }, async () => {
    const whole = await ai.models.generateContent({ model, contents: prompt });
    expect(whole.text).toMatch(/\w+/);
    let text = "";
    for await (const chunk of await ai.models.generateContentStream({ model, contents: prompt })) text += chunk.text ?? "";
    expect(text).toMatch(/\w+/);
    expect((await ai.chats.create({ model }).sendMessage({ message: prompt })).text).toMatch(/\w+/);
    expect((await ai.models.countTokens({ model, contents: prompt })).totalTokens).toBeGreaterThan(0);
  });
  expect((await at.bill()).calls).toBeGreaterThanOrEqual(3);
  expect((await at.status()).agents.roomy?.calls).toBeGreaterThanOrEqual(3);
});

test("a refusal reaches Google's client once, with its message, and is known as what it is", async () => {
  const at = await simulated();
  const ai = at.bursar.wrap(new GoogleGenAI({ apiKey: "own", httpOptions: { retryOptions: { attempts: 3 } } }));
  const refused = await at.bursar
    .task("g", { agent: "spent" }, () => ai.models.generateContent({ model: "gemini-2.5-flash", contents: prompt }))
    .catch((error: unknown) => error);
  expect(bursarErrorOf(refused)).toBeInstanceOf(BudgetExceeded);
  expect(String(refused)).toContain("bursar budget raise spent");
  expect((await at.status()).agents.spent?.refused).toBe(1);
  expect((await at.bill()).calls).toBe(0);
});

test("Google's client keeps its own connection: what is posted is its bill, aborts settle, a cut ends with MAX_TOKENS", async () => {
  const at = await openSdkPlace((url) => `gemini: { api_key: unused, base_url: "${url}/v1beta" }`);
  open.push(at);
  const client = (steer: Record<string, string> = {}) =>
    at.bursar.wrap(new GoogleGenAI({ apiKey: "own", httpOptions: { baseUrl: at.url, headers: steer } }));
  const asked = { model: "gemini-2.5-flash-lite", contents: prompt };
  const read = async (ai: GoogleGenAI, config: GenerateContentConfig = {}, heard?: () => void): Promise<unknown> => {
    let finish: unknown;
    for await (const chunk of await ai.models.generateContentStream({ ...asked, config })) {
      finish = chunk.candidates?.[0]?.finishReason ?? finish;
      heard?.();
    }
    return finish;
  };
  await at.bursar.task("g", { agent: "roomy" }, async () => {
    expect((await client().models.generateContent(asked)).text).toMatch(/\w+/);
    expect(await read(client())).toBe("STOP");
  });
  expect((await at.bill()).calls).toBe(2);
  await at.exact();
  // What the client left is read on for its usage: it has to be over before the check gives up.
  const slow = client({ "x-sim-output-tokens": "1000", "x-sim-tokens-per-second": "500" });
  const leave = new AbortController();
  const left = at.bursar.task("g", { agent: "roomy" }, () =>
    read(slow, { abortSignal: leave.signal }, () => leave.abort(new Error("The programmer's timeout."))),
  );
  await expect(left).rejects.toThrow(/abort|timeout/i);
  await at.covered();
  const long = { "x-sim-output-tokens": "12000", "x-sim-tokens-per-second": "3000", "x-sim-fault": "ignore-cap=12000" };
  expect(await at.bursar.task("g", { agent: "tight" }, () => read(client(long), { maxOutputTokens: 800 }))).toBe("MAX_TOKENS");
  expect((await at.bill()).by_call.at(-1)).toMatchObject({ ended: "left" });
});

test("what Google's client does besides is refused by name", async () => {
  const at = await simulated();
  const ai = at.bursar.wrap(new GoogleGenAI({ apiKey: "own" }));
  await expect(ai.caches.create({ model: "gemini-2.5-flash", config: {} })).rejects.toThrow("cachedContents is not metered");
});

test("bursar.fetch serves a library's own client by its provider's host", async () => {
  const at = await simulated();
  const provider = createOpenAI({ apiKey: "own", fetch: at.bursar.fetch });
  await at.bursar.task("f", { agent: "roomy" }, async () => {
    for (const model of [provider.chat("gpt-4o-mini"), provider.responses("gpt-4o-mini")]) {
      expect((await generateText({ model, prompt })).text).toMatch(/\w+/);
      expect(await streamText({ model, prompt }).text).toMatch(/\w+/);
    }
  });
  expect((await at.status()).agents.roomy?.calls).toBe(4);
  expect((await at.bill()).calls).toBe(4);
});

test("bursar.fetch sends nothing to a host whose provider cannot be told, and says how to name it", async () => {
  const at = await openSdkPlace();
  open.push(at);
  const call = (url: string) =>
    at.bursar.fetch(url, { method: "POST", body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "x" }] }) });
  const refused = await call("http://127.0.0.1:9/v1/chat/completions");
  expect(refused.status).toBe(404);
  expect(await refused.text()).toContain("kind: openai-compatible");
  expect((await at.status()).global.calls).toBe(0);
});

test("a configured provider is known by the host of its base URL: free models cost nothing", async () => {
  const at = await openSdkPlace((url) => `local: { kind: openai-compatible, base_url: "${url}/v1", free: true }`);
  open.push(at);
  const client = new OpenAI({ apiKey: "own", baseURL: `${at.url}/v1`, fetch: at.bursar.fetch, maxRetries: 0 });
  const answer = await client.chat.completions.create({ model: "gpt-4o-mini", messages: [{ role: "user", content: prompt }] });
  expect(answer.choices[0]?.message.content).toMatch(/\w+/);
  const { calls } = (await at.bursar.ask("call list")) as { calls: { model: string; cost_usd: string }[] };
  expect(calls).toMatchObject([{ model: "local/gpt-4o-mini", cost_usd: "0.00" }]);
});

test.each([
  ["chat", false],
  ["Responses", true],
])("the OpenAI Agents SDK hands off between two agents by %s, and its task is charged", async (_, useResponses) => {
  const at = await simulated();
  const openAIClient = at.bursar.wrap(new OpenAI({ apiKey: "own" }));
  const runner = new Runner({ modelProvider: new OpenAIProvider({ openAIClient, useResponses }), tracingDisabled: true });
  const model = "gpt-4o-mini";
  const writer = new Agent({ name: "writer", instructions: "Write.", model });
  const modelSettings = { toolChoice: "required" };
  const first = Agent.create({ name: "first", instructions: "Hand over.", model, modelSettings, handoffs: [writer] });
  const result = await at.bursar.task("agents", { agent: "roomy", id: "t-9" }, () => runner.run(first, prompt));
  expect(result.lastAgent?.name).toBe("writer");
  expect(result.finalOutput).toMatch(/\w+/);
  expect((await at.status()).agents.roomy?.calls).toBe(2);
  expect((await at.bill()).calls).toBe(2);
  const spent = at.bursar.task("agents", { agent: "spent" }, () => runner.run(writer, prompt));
  const refused = await spent.catch((error: unknown) => error);
  expect(bursarErrorOf(refused)).toBeInstanceOf(BudgetExceeded);
  expect(String(refused)).toContain("bursar budget raise spent");
  expect((await at.status()).agents.spent?.refused).toBe(1);
  expect((await at.bill()).calls).toBe(2);
});

test("attached to a server, fetch and Google's client go to it with its key, under the current task", async () => {
  const at = await openRunningBursar("budgets:\n  - { name: day, limit: { usd: 5 }, window: day }");
  open.push(at);
  const bursar = await openBursar({ url: at.url, key: "platform-key", agent: "attached", env: {} });
  const provider = createOpenAI({ apiKey: "own", fetch: bursar.fetch });
  expect((await generateText({ model: provider.chat("gpt-4o-mini"), prompt })).text).toMatch(/\w+/);
  const ai = bursar.wrap(new GoogleGenAI({ apiKey: "own" }));
  const asked = () => ai.models.generateContent({ model: "gemini-2.5-flash", contents: prompt });
  expect((await bursar.task("g", { agent: "writer" }, asked)).text).toMatch(/\w+/);
  const { agents } = (await bursar.status()) as { agents: Record<string, { calls: number }> };
  expect([agents.attached?.calls, agents.writer?.calls]).toEqual([1, 1]);
  const elsewhere = await bursar.fetch("http://127.0.0.1:9/v1/chat/completions", { method: "POST", body: "{}" });
  expect(await elsewhere.text()).toContain(`${at.url}/v1`);
});
