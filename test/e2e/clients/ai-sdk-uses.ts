import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import {
  generateObject,
  generateText,
  jsonSchema,
  type LanguageModel,
  Output,
  streamObject,
  streamText,
  tool,
  wrapLanguageModel,
} from "ai";
import { expect } from "vitest";
import { type ClientUse, type Heard, type OpenedClient, type Purpose, QUESTION, WEATHER } from "./client-use.js";
import type { Way } from "./door.js";

const schema = jsonSchema<{ city: string }>(WEATHER);
const tools = { get_weather: tool({ inputSchema: schema }) };

const usageOf = (usage: { inputTokens?: number | undefined; outputTokens?: number | undefined }): Heard["usage"] => ({
  input: usage.inputTokens ?? -1,
  output: usage.outputTokens ?? -1,
});

/** The older pair of functions for objects, and the newer option. */
function objectsOf(model: LanguageModel): NonNullable<OpenedClient["objects"]> {
  const asked = { model, prompt: QUESTION, maxOutputTokens: 500 };
  return [
    async () => (await generateObject({ ...asked, schema })).object,
    async () => {
      const { partialObjectStream, object } = streamObject({ ...asked, schema });
      // Its object comes only once the stream is read.
      let pieces = 0;
      for await (const partial of partialObjectStream) pieces += Object.keys(partial).length;
      expect(pieces).toBeGreaterThan(0);
      return object;
    },
    async () => (await generateText({ ...asked, output: Output.object({ schema }) })).output,
    async () => {
      const { partialOutputStream } = streamText({ ...asked, output: Output.object({ schema }) });
      let last: unknown;
      for await (const partial of partialOutputStream) last = partial;
      return last;
    },
  ];
}

/** What every program of the AI SDK does, whatever the model. */
function opened(model: LanguageModel): OpenedClient {
  return {
    async answer() {
      const { text, usage, finishReason } = await generateText({ model, prompt: QUESTION, maxOutputTokens: 500 });
      return { text, usage: usageOf(usage), finish: finishReason };
    },
    async stream({ signal, heard }) {
      // A stream's error is a part of it; by itself it would only be printed.
      const result = streamText({ model, prompt: QUESTION, abortSignal: signal, onError: () => undefined });
      let [text, finish, usage] = ["", "", usageOf({})];
      for await (const part of result.fullStream) {
        if (part.type === "error") throw part.error;
        if (part.type === "text-delta") {
          text += part.text;
          heard(part.text);
        }
        if (part.type === "finish") [finish, usage] = [part.finishReason, usageOf(part.totalUsage)];
      }
      return { text, usage, finish };
    },
    async tools() {
      const { toolCalls } = await generateText({ model, prompt: QUESTION, tools, maxOutputTokens: 500 });
      return toolCalls[0]?.input;
    },
    async streamedTools({ signal }) {
      const result = streamText({ model, prompt: QUESTION, tools, abortSignal: signal, onError: () => undefined });
      for await (const part of result.fullStream) if (part.type === "error") throw part.error;
      return (await result.toolCalls)[0]?.input;
    },
    objects: objectsOf(model),
  };
}

/** Bursar around a model that is reached by its own connection; the task is the program's. */
function aroundModel(way: Way, { headers, agent, task }: Purpose): OpenedClient {
  const own = createOpenAI({ baseURL: `${way.simulatorUrl}/v1`, apiKey: "own-key", headers }).chat("gpt-4o-mini");
  const { bursar } = way;
  if (bursar === null) return opened(own);
  const client = opened(wrapLanguageModel({ model: own, middleware: bursar.middleware() }));
  const inTask = <T>(work: () => Promise<T>): Promise<T> => bursar.task(task, { id: task, agent }, work);
  return {
    answer: () => inTask(client.answer),
    stream: (listening) => inTask(() => client.stream?.(listening) as Promise<Heard>),
    tools: () => inTask(async () => client.tools?.()),
    streamedTools: (listening) => inTask(async () => client.streamedTools?.(listening)),
    objects: (client.objects ?? []).map((work) => () => inTask(work)),
  };
}

/** The AI SDK over the providers' own packages. */
export const AI_SDK_USES: readonly ClientUse[] = [
  {
    client: "ai, wrapLanguageModel",
    packages: ["ai"],
    route: "any model",
    inProcess: "bursar.middleware()",
    doors: ["in process"],
    cutFinish: "length",
    open: aroundModel,
  },
  {
    client: "ai, @ai-sdk/openai",
    packages: ["ai", "@ai-sdk/openai"],
    route: "POST /v1/chat/completions",
    inProcess: "fetch: bursar.fetch",
    doors: ["gateway", "in process"],
    cutFinish: "length",
    open: (door, { headers }) =>
      opened(
        createOpenAI({ baseURL: `${door.url("openai")}/v1`, apiKey: door.key, headers, fetch: door.fetch }).chat("gpt-4o-mini"),
      ),
  },
  {
    client: "ai, @ai-sdk/openai",
    packages: ["ai", "@ai-sdk/openai"],
    route: "POST /v1/responses",
    inProcess: "fetch: bursar.fetch",
    doors: ["gateway", "in process"],
    cutFinish: "length",
    open: (door, { headers }) =>
      opened(createOpenAI({ baseURL: `${door.url("openai")}/v1`, apiKey: door.key, headers, fetch: door.fetch })("gpt-4o-mini")),
  },
  {
    client: "ai, @ai-sdk/google",
    packages: ["ai", "@ai-sdk/google"],
    route: "POST /v1beta/models/…",
    inProcess: "fetch: bursar.fetch",
    doors: ["gateway", "in process"],
    cutFinish: "length",
    toolsArriveWhole: true,
    open(door, { headers, agent }) {
      const google = createGoogleGenerativeAI({
        baseURL: `${door.url("google")}/v1beta`,
        apiKey: door.key,
        headers,
        fetch: door.fetch,
      });
      // A model that bills thoughts it does not show is held for whole, and refused instead of cut.
      return opened(google(agent === "tight" ? "gemini-2.0-flash" : "gemini-2.5-flash"));
    },
  },
  {
    client: "ai, @ai-sdk/anthropic",
    packages: ["ai", "@ai-sdk/anthropic"],
    route: "POST /v1/messages",
    inProcess: "fetch: bursar.fetch",
    doors: ["gateway", "in process"],
    cutFinish: "length",
    open: (door, { headers }) =>
      opened(
        createAnthropic({ baseURL: `${door.url("anthropic")}/v1`, apiKey: door.key, headers, fetch: door.fetch })(
          "claude-haiku-4-5",
        ),
      ),
  },
];
