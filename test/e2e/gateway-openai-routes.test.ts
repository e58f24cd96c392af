// OpenAI's other routes and Azure's paths by the official clients, unchanged, through the gateway to the simulated provider.
import { AzureOpenAI } from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRunningBursar, type RunningBursar, sim, standingChecks } from "./running-bursar.js";

const INSTRUCT = "gpt-3.5-turbo-instruct";
const EMBEDDING = "text-embedding-3-small";

let at: RunningBursar;

beforeAll(async () => {
  at = await openRunningBursar(`budgets:
  - { name: day, limit: { usd: 50 }, window: day }`);
});
afterAll(async () => {
  await standingChecks(at);
  await at.close();
});

/** Posts since a number of them, once all is settled. */
async function postedSince(count: number) {
  await at.settled();
  return (await at.entries("call.posted")).slice(count);
}

const countOf = async (): Promise<number> => (await at.entries("call.posted")).length;

const key = (): string => at.openai().apiKey ?? "";

function azure(): AzureOpenAI {
  return new AzureOpenAI({ endpoint: at.url, apiKey: key(), apiVersion: "2024-10-21", maxRetries: 0 });
}

test("a legacy completion is answered, capped at the documented default and posted at its bill", async () => {
  const before = await countOf();
  const reply = await at
    .openai()
    .completions.create({ model: INSTRUCT, prompt: "How many coins?" }, sim({ "output-tokens": 500 }));
  expect(reply.object).toBe("text_completion");
  expect(reply.choices[0]).toMatchObject({ index: 0, finish_reason: "length" });
  expect(reply.usage?.completion_tokens).toBe(16);
  const [posted] = await postedSince(before);
  expect(posted?.usage).toMatchObject({ output_text: 16 });
});

test("a streamed completion of several prompts reads to its end, with usage only where it was asked for", async () => {
  for (const asked of [false, true]) {
    const stream = await at.openai().completions.create({
      model: INSTRUCT,
      prompt: ["One?", "Two?"],
      max_tokens: 20,
      stream: true,
      ...(asked ? { stream_options: { include_usage: true } } : {}),
    });
    const texts = new Map<number, string>();
    let usage = 0;
    for await (const chunk of stream) {
      for (const choice of chunk.choices) texts.set(choice.index, (texts.get(choice.index) ?? "") + choice.text);
      if (chunk.usage) usage = chunk.usage.total_tokens;
    }
    expect([...texts.keys()].sort()).toEqual([0, 1]);
    for (const text of texts.values()) expect(text).not.toBe("");
    expect(usage > 0, String(asked)).toBe(asked);
  }
});

test("embeddings of texts and of token ids come back, are posted by their input and hold no output", async () => {
  const before = await countOf();
  const { data, usage } = await at.openai().embeddings.create({ model: EMBEDDING, input: ["Nine coins", "Ten"] });
  expect(data).toHaveLength(2);
  expect(data[0]?.embedding.length).toBeGreaterThan(0);
  await at.openai().embeddings.create({ model: EMBEDDING, input: [[1, 2, 3], [4]] });
  const posted = await postedSince(before);
  expect(posted).toHaveLength(2);
  expect(posted[0]?.usage).toMatchObject({ input_fresh: usage.prompt_tokens, output_text: 0 });
  const held = (await at.entries("call.held")).slice(-2);
  expect(held.map((entry) => entry.ceiling.output_tokens)).toEqual([0, 0]);
});

test("Azure's client is served on its own paths: whole, streamed, embeddings", async () => {
  const messages = [{ role: "user" as const, content: "How many?" }];
  const reply = await azure().chat.completions.create({ model: "gpt-4o", messages, max_tokens: 30 });
  expect(reply.choices[0]?.message.content).not.toBe("");
  let text = "";
  for await (const chunk of await azure().chat.completions.create({ model: "gpt-4o", messages, stream: true })) {
    text += chunk.choices[0]?.delta.content ?? "";
  }
  expect(text).not.toBe("");
  expect((await azure().embeddings.create({ model: EMBEDDING, input: "Nine" })).data).toHaveLength(1);
});

test("a body without a model takes it from Azure's path; one that contradicts the path is refused", async () => {
  const ask = (body: object) =>
    fetch(`${at.url}/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21`, {
      method: "POST",
      headers: { "content-type": "application/json", "api-key": key() },
      body: JSON.stringify({ messages: [{ role: "user", content: "Hi" }], max_tokens: 5, ...body }),
    });
  expect((await ask({})).status).toBe(200);
  const refused = await ask({ model: "gpt-4o-mini" });
  expect(refused.status).toBe(400);
  expect(await refused.text()).toContain(JSON.stringify('names the model "gpt-4o" and the body "gpt-4o-mini"').slice(1, -1));
});
