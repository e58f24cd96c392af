import { ChatAnthropic } from "@langchain/anthropic";
import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import type { AIMessageChunk } from "@langchain/core/messages";
import { concat } from "@langchain/core/utils/stream";
import { ChatOpenAI } from "@langchain/openai";
import { expect } from "vitest";
import { type ClientUse, type Heard, type OpenedClient, type Purpose, purposeOf, QUESTION, WEATHER } from "./client-use.js";
import type { Door, Way } from "./door.js";

const tools = [{ type: "function" as const, function: { name: "get_weather", parameters: WEATHER } }];

function heardOf(message: AIMessageChunk): Heard {
  const { usage_metadata: usage, response_metadata: told } = message;
  return {
    text: message.text,
    usage: { input: usage?.input_tokens ?? -1, output: usage?.output_tokens ?? -1 },
    finish: String(told.finish_reason ?? told.stop_reason ?? message.additional_kwargs.stop_reason ?? ""),
  };
}

/** What every program of LangChain does, whatever the model. */
function opened(model: BaseChatModel): OpenedClient {
  const gather = async (stream: AsyncIterable<AIMessageChunk>, heard: (text: string) => void): Promise<AIMessageChunk> => {
    let all: AIMessageChunk | undefined;
    for await (const chunk of stream) {
      all = all === undefined ? chunk : concat(all, chunk);
      heard(chunk.text);
    }
    if (all === undefined) throw new Error("LangChain's stream was empty.");
    return all;
  };
  const withTools = model.bindTools?.(tools);
  if (withTools === undefined) throw new Error("This model takes no tools.");
  const asObject = (method: "jsonSchema" | "functionCalling") => model.withStructuredOutput(WEATHER, { name: "weather", method });
  return {
    answer: async () => heardOf((await model.invoke(QUESTION)) as AIMessageChunk),
    stream: async ({ signal, heard }) =>
      heardOf(await gather((await model.stream(QUESTION, { signal })) as AsyncIterable<AIMessageChunk>, heard)),
    tools: async () => ((await withTools.invoke(QUESTION)) as AIMessageChunk).tool_calls?.[0]?.args,
    streamedTools: async ({ signal, heard }) =>
      (await gather(await withTools.stream(QUESTION, { signal }), heard)).tool_calls?.[0]?.args,
    objects: [
      () => asObject("jsonSchema").invoke(QUESTION),
      () => asObject("functionCalling").invoke(QUESTION),
      async () => {
        let last: unknown;
        for await (const partial of await asObject("jsonSchema").stream(QUESTION)) last = partial;
        return last;
      },
    ],
  };
}

/** A model by its own connection that a callback handler admits and settles; the task is the program's. */
function withCallback(way: Way, { headers, agent, task }: Purpose): OpenedClient {
  const { bursar } = way;
  const client = opened(
    new ChatOpenAI({
      model: "gpt-4o-mini",
      maxTokens: 8000,
      apiKey: "own-key",
      configuration: { baseURL: `${way.simulatorUrl}/v1`, defaultHeaders: headers },
      ...(bursar === null ? {} : { callbacks: [bursar.callback()], maxRetries: 0 }),
    }),
  );
  if (bursar === null) return client;
  const inTask = <T>(work: () => Promise<T>): Promise<T> => bursar.task(task, { id: task, agent }, work);
  return {
    answer: () => inTask(client.answer),
    stream: (listening) => inTask(() => client.stream?.(listening) as Promise<Heard>),
    tools: () => inTask(async () => client.tools?.()),
    streamedTools: (listening) => inTask(async () => client.streamedTools?.(listening)),
    objects: (client.objects ?? []).map((work) => () => inTask(work)),
  };
}

interface Hold {
  readonly attempt_id: string;
  readonly state: string;
  readonly held_usd: string;
}

async function abortWithCallback(door: Door): Promise<void> {
  const before = (await door.bill()).calls;
  const leave = new AbortController();
  const client = withCallback(door, purposeOf("roomy", "abort", { "output-tokens": 6000, "tokens-per-second": 1500 }));
  const heard = (more: string): void => {
    if (more !== "") leave.abort();
  };
  await expect(client.stream?.({ signal: leave.signal, heard })).rejects.toThrow(/abort/i);
  const { bursar } = door;
  if (bursar === null) throw new Error("A callback is of this process.");
  const holds = async (): Promise<readonly Hold[]> => ((await bursar.ask("hold list")) as { holds: readonly Hold[] }).holds;
  await expect.poll(async () => (await holds()).map(({ state }) => state), { timeout: 2_000 }).toEqual(["presumed"]);
  await expect.poll(async () => (await door.bill()).by_call[before]?.ended, { timeout: 5_000 }).toBe("left");
  const [hold] = await holds();
  const billed = Number((await door.bill()).by_call[before]?.nano_usd);
  expect(billed).toBeGreaterThan(0);
  expect(Math.round(Number(hold?.held_usd) * 1e9)).toBeGreaterThanOrEqual(billed);
  const post = (billed / 1e9).toFixed(9);
  await bursar.ask("hold resolve", { attempt_id: hold?.attempt_id, post, reason: "seen on the provider's bill" });
}

/** LangChain's chat models. */
export const LANGCHAIN_USES: readonly ClientUse[] = [
  {
    client: "@langchain/core, callback",
    packages: ["@langchain/core"],
    route: "any model",
    inProcess: "bursar.callback()",
    // A callback cannot cut a stream, and does not see what was left unread.
    leavingPresumed: true,
    doors: ["in process"],
    open: withCallback,
    also: { "abort: counted at once at what was held, until it is resolved": abortWithCallback },
  },
  {
    client: "@langchain/openai",
    packages: ["@langchain/openai"],
    route: "POST /v1/chat/completions",
    inProcess: "fetch: bursar.fetch",
    doors: ["gateway", "in process"],
    cutFinish: "length",
    open: (door, { headers }) =>
      opened(
        new ChatOpenAI({
          model: "gpt-4o-mini",
          apiKey: door.key,
          configuration: { baseURL: `${door.url("openai")}/v1`, defaultHeaders: headers, fetch: door.fetch },
        }),
      ),
  },
  {
    client: "@langchain/anthropic",
    packages: ["@langchain/anthropic"],
    route: "POST /v1/messages",
    inProcess: "fetch: bursar.fetch",
    doors: ["gateway", "in process"],
    cutFinish: "max_tokens",
    // dist/utils/stream_events.js of the package: message_start and message_delta are summed, though the latter is cumulative.
    addsToStream: { tokens: 4, why: "it sums message_start's placeholder and the final count" },
    open: (door, { headers }) =>
      opened(
        new ChatAnthropic({
          model: "claude-haiku-4-5",
          apiKey: door.key,
          anthropicApiUrl: door.url("anthropic"),
          clientOptions: { defaultHeaders: headers, fetch: door.fetch },
        }),
      ),
  },
];
