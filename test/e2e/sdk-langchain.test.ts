// LangChain: by a callback handler that admits and settles, and by bursar.fetch, which also cuts.
import { getEventListeners } from "node:events";
import { ChatAnthropic } from "@langchain/anthropic";
import { InMemoryCache } from "@langchain/core/caches";
import { ChatOpenAI } from "@langchain/openai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BudgetExceeded, bursarErrorOf, openBursar } from "../../src/surfaces/sdk/index.js";
import { openSdkPlace, type SdkPlace } from "./sdk-place.js";

const prompt = "How do I keep a budget?";
const WEATHER = {
  name: "get_weather",
  description: "The weather of a city.",
  schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

let at: SdkPlace;

beforeEach(async () => {
  at = await openSdkPlace();
});
afterEach(() => at.close());

interface Options {
  readonly steer?: Record<string, string>;
  readonly maxTokens?: number;
}

/** Retries are the caller's choice with a callback: each of LangChain's own would be one more request under the same hold. */
const common = ({ maxTokens = 300 }: Options) => ({ callbacks: [at.bursar.callback()], maxRetries: 0, maxTokens, apiKey: "own" });

function openai(options: Options = {}): ChatOpenAI {
  const configuration = { baseURL: `${at.url}/v1`, defaultHeaders: options.steer ?? {} };
  return new ChatOpenAI({ model: "gpt-4o-mini", configuration, ...common(options) });
}

function anthropic(options: Options = {}): ChatAnthropic {
  const clientOptions = { defaultHeaders: options.steer ?? {} };
  return new ChatAnthropic({ model: "claude-haiku-4-5", anthropicApiUrl: at.url, clientOptions, ...common(options) });
}

const as = <T>(agent: string, work: () => Promise<T>): Promise<T> => at.bursar.task("chat", { agent, id: "one" }, work);

test.each([
  ["openai", openai, "exact"],
  // LangChain adds Anthropic's placeholder of output tokens (message_start) to a stream's total: a few more are posted.
  ["anthropic", anthropic, "covered"],
] as const)("%s: invoke, .stream and tools are held, and what the provider billed is posted", async (_, model, posted) => {
  await as("roomy", async () => {
    expect((await model().invoke(prompt)).text).toMatch(/\w+/);
    let text = "";
    for await (const chunk of await model().stream(prompt)) text += chunk.text;
    expect(text).toMatch(/\w+/);
    const called = await model({ steer: { "x-sim-tool-call": "get_weather" } })
      .bindTools([WEATHER])
      .invoke(prompt);
    expect(called.tool_calls?.[0]?.args).toMatchObject({ city: expect.any(String) });
  });
  expect((await at.bill()).calls).toBe(3);
  expect((await at.status()).agents.roomy?.calls).toBe(3);
  await at[posted]();
});

test("a refusal is thrown where the run begins: tried once, its message visible, nothing sent", async () => {
  await as("spent", async () => {
    for (const run of [
      openai().invoke(prompt),
      openai()
        .stream(prompt)
        .then(async (stream) => {
          for await (const chunk of stream) expect(chunk.text).toBe("nothing may come");
        }),
    ]) {
      const refused = await run.catch((error: unknown) => error);
      expect(bursarErrorOf(refused)).toBeInstanceOf(BudgetExceeded);
      expect(String(refused)).toContain("bursar budget raise spent");
    }
  });
  expect((await at.status()).agents.spent?.refused).toBe(2);
  expect((await at.bill()).calls).toBe(0);
});

test("a provider's error voids the hold where it is not billed, and nothing stays held", async () => {
  await as("roomy", async () => {
    await expect(openai({ steer: { "x-sim-fault": "429" } }).invoke(prompt)).rejects.toMatchObject({ status: 429 });
    await expect(openai({ steer: { "x-sim-fault": "400" } }).invoke(prompt)).rejects.toMatchObject({ status: 400 });
  });
  expect((await at.status()).global).toMatchObject({ held_usd: "0.00", total_cost_usd: "0.00" });
  expect(await at.bill()).toMatchObject({ calls: 2, nano_usd: "0" });
});

test("a connection that breaks, or is aborted, is counted in full: no less than the bill", async () => {
  await as("roomy", async () => {
    await expect(
      openai({ steer: { "x-sim-fault": "reset-after=3" } })
        .stream(prompt)
        .then(async (stream) => {
          for await (const chunk of stream) expect(chunk.text.length).toBeGreaterThanOrEqual(0);
        }),
    ).rejects.toThrow();
    const slow = openai({ steer: { "x-sim-tokens-per-second": "100" } });
    await expect(slow.invoke(prompt, { signal: AbortSignal.timeout(500) })).rejects.toThrow(/abort|timeout/i);
  });
  await expect.poll(async () => (await at.status()).global).toMatchObject({ presumed: 2 });
  const { global } = await at.status();
  const counted = Math.round((Number(global.total_cost_usd) + Number(global.held_usd)) * 1e9);
  expect(counted).toBeGreaterThanOrEqual(Number((await at.bill()).nano_usd));
});

const slow = () => openai({ steer: { "x-sim-output-tokens": "250", "x-sim-tokens-per-second": "100" } });

/** All that counts against budgets: what is posted, and what is held for calls whose end nobody knows. */
async function countedNano(): Promise<number> {
  const { global } = await at.status();
  return Math.round((Number(global.total_cost_usd) + Number(global.held_usd)) * 1e9);
}

test("a stream that is aborted between two pieces is counted in full at once, though LangChain tells nobody", async () => {
  const leave = new AbortController();
  await as("roomy", async () => {
    const stream = await slow().stream(prompt, { signal: leave.signal });
    const read = async (): Promise<void> => {
      for await (const { text } of stream) if (text !== "") leave.abort();
    };
    await expect(read()).rejects.toThrow(/abort/i);
  });
  await expect.poll(async () => (await at.status()).global, { timeout: 2_000 }).toMatchObject({ presumed: 1 });
  await expect.poll(async () => (await at.bill()).by_call[0]?.ended, { timeout: 5_000 }).toBe("left");
  expect(await countedNano()).toBeGreaterThanOrEqual(Number((await at.bill()).nano_usd));
});

test("a signal that serves many runs keeps nothing of those that have ended", async () => {
  const { signal } = new AbortController();
  const handler = at.bursar.callback();
  await as("roomy", () =>
    handler.handleChatModelStart({}, [[{ role: "user", content: prompt }]], "run-1", undefined, {
      options: { signal },
      invocation_params: { model: "gpt-4o-mini", max_tokens: 100 },
    }),
  );
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  await handler.handleLLMError(new Error("connect ECONNREFUSED"), "run-1");
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("a run whose signal is aborted already is neither held nor sent", async () => {
  await as("roomy", () => expect(openai().invoke(prompt, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i));
  expect((await at.status()).global).toMatchObject({ presumed: 0, held_usd: "0.00", total_cost_usd: "0.00" });
  expect((await at.bill()).calls).toBe(0);
});

test("a run that is aborted while its hold is taken is not sent, and nothing stays held", async () => {
  const leave = new AbortController();
  const handler = at.bursar.callback();
  const run = as("roomy", () =>
    handler.handleChatModelStart({}, [[{ role: "user", content: prompt }]], "run-1", undefined, {
      options: { signal: leave.signal },
      invocation_params: { model: "gpt-4o-mini", max_tokens: 100 },
    }),
  );
  leave.abort();
  await expect(run).rejects.toThrow(/abort/i);
  expect((await at.status()).global).toMatchObject({ presumed: 0, held_usd: "0.00", total_cost_usd: "0.00" });
});

test("a stream that is left without a signal is counted in full once it was silent for first_byte_timeout", async () => {
  await at.close();
  at = await openSdkPlace(undefined, "limits: { first_byte_timeout: 1s }");
  await as("roomy", async () => {
    for await (const { text } of await slow().stream(prompt)) if (text !== "") break;
  });
  expect((await at.status()).global).toMatchObject({ presumed: 0, holds: 1 });
  await expect.poll(async () => (await at.status()).global, { timeout: 4_000 }).toMatchObject({ presumed: 1 });
  await expect.poll(async () => (await at.bill()).by_call[0]?.ended, { timeout: 5_000 }).toBe("left");
  expect(await countedNano()).toBeGreaterThanOrEqual(Number((await at.bill()).nano_usd));
});

test("an answer from LangChain's own cache costs nothing", async () => {
  const configuration = { baseURL: `${at.url}/v1` };
  const model = new ChatOpenAI({ model: "gpt-4o-mini", configuration, ...common({}), cache: new InMemoryCache() });
  await as("roomy", async () => {
    const { text } = await model.invoke(prompt);
    expect((await model.invoke(prompt)).text).toBe(text);
  });
  expect((await at.bill()).calls).toBe(1);
  expect((await at.status()).global).toMatchObject({ held_usd: "0.00", calls: 1 });
  await at.exact();
});

test("a run with two of Bursar's callbacks is held and posted once", async () => {
  await as("roomy", async () => {
    expect((await openai().invoke(prompt, { callbacks: [at.bursar.callback()] })).text).toMatch(/\w+/);
  });
  expect((await at.status()).global).toMatchObject({ held_usd: "0.00", calls: 1 });
  await at.exact();
});

test("a run without a cap is held at all that its model can give, and the rest is released", async () => {
  await as("roomy", async () => {
    const model = new ChatOpenAI({
      model: "gpt-4o-mini",
      apiKey: "own",
      configuration: { baseURL: `${at.url}/v1` },
      callbacks: [at.bursar.callback()],
    });
    await model.invoke(prompt);
  });
  await at.exact();
  const wide = new ChatOpenAI({ model: "gpt-4o-mini", apiKey: "own", callbacks: [at.bursar.callback()] });
  await expect(as("tight", () => wide.invoke(prompt))).rejects.toThrow("allows 2.5k tokens");
});

test("a run that nobody ends does not hold up the SDK's closing", async () => {
  const handler = at.bursar.callback();
  await as("roomy", () =>
    handler.handleChatModelStart({}, [[{ role: "user", content: prompt }]], "run-1", undefined, {
      invocation_params: { model: "gpt-4o-mini", max_tokens: 100 },
    }),
  );
  expect((await at.status()).global.held_usd).not.toBe("0.00");
  const begun = performance.now();
  await at.bursar.close();
  // Without an end of its own it would be waited for until the grace is over.
  expect(performance.now() - begun).toBeLessThan(5_000);
});

test("parameters that are not known to be money-neutral are refused by name under a hard budget", async () => {
  const modelKwargs = { web_search_options: { search_context_size: "high" } };
  const configuration = { baseURL: `${at.url}/v1` };
  const dear = new ChatOpenAI({ model: "gpt-4o-mini", modelKwargs, configuration, ...common({}) });
  await expect(as("roomy", () => dear.invoke(prompt))).rejects.toThrow("web_search_options");
  expect((await at.bill()).calls).toBe(0);
});

test("by bursar.fetch LangChain streams are cut like any other", async () => {
  const steer = { "x-sim-output-tokens": "12000", "x-sim-tokens-per-second": "3000", "x-sim-fault": "ignore-cap=12000" };
  const model = new ChatOpenAI({
    model: "gpt-4o-mini",
    apiKey: "own",
    configuration: { baseURL: `${at.url}/v1`, fetch: at.bursar.fetch, defaultHeaders: steer },
  });
  let finish: unknown;
  await as("tight", async () => {
    for await (const chunk of await model.stream(prompt)) finish = chunk.response_metadata.finish_reason ?? finish;
  });
  expect(finish).toBe("length");
  await at.cut();
});

test("attached to a server the callback is refused with what to use instead", async () => {
  const bursar = await openBursar({ url: at.url, key: "k", env: {} });
  expect(() => bursar.callback()).toThrow("Use bursar.wrap(client) or bursar.fetch");
});
