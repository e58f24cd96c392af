import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { expect } from "vitest";
import { type ClientUse, type Heard, purposeOf, QUESTION, WEATHER, WEATHER_ZOD } from "./client-use.js";
import type { Way } from "./door.js";

const messages = [{ role: "user" as const, content: QUESTION }];
const chat = { model: "gpt-4o-mini", messages };
const tools = [{ type: "function" as const, function: { name: "get_weather", parameters: WEATHER } }];
const streamed = { stream: true as const, stream_options: { include_usage: true } };

const response_format = zodResponseFormat(WEATHER_ZOD, "weather");
const text = { format: zodTextFormat(WEATHER_ZOD, "weather") };

const clientOf = (door: Way, headers: Readonly<Record<string, string>>): OpenAI =>
  door.wrap(new OpenAI({ baseURL: `${door.url("openai")}/v1`, apiKey: door.key, defaultHeaders: headers }));

const usageOf = (usage: OpenAI.CompletionUsage | null | undefined): Heard["usage"] => ({
  input: usage?.prompt_tokens ?? -1,
  output: usage?.completion_tokens ?? -1,
});

const CHAT: ClientUse = {
  client: "openai",
  packages: ["openai"],
  route: "POST /v1/chat/completions",
  inProcess: "wrap(new OpenAI())",
  doors: ["gateway", "in process"],
  cutFinish: "length",
  open(door, { headers }) {
    const { completions } = clientOf(door, headers).chat;
    return {
      async answer() {
        const { choices, usage } = await completions.create(chat);
        return { text: choices[0]?.message.content ?? "", usage: usageOf(usage), finish: choices[0]?.finish_reason ?? "" };
      },
      async stream({ signal, heard }) {
        let [text, finish, usage] = ["", "", usageOf(null)];
        for await (const chunk of await completions.create({ ...chat, ...streamed }, { signal })) {
          const more = chunk.choices[0]?.delta.content ?? "";
          text += more;
          heard(more);
          finish = chunk.choices[0]?.finish_reason ?? finish;
          if (chunk.usage) usage = usageOf(chunk.usage);
        }
        return { text, usage, finish };
      },
      async tools() {
        const { choices } = await completions.create({ ...chat, tools });
        const call = choices[0]?.message.tool_calls?.[0];
        return call?.type === "function" ? JSON.parse(call.function.arguments) : null;
      },
      async streamedTools({ signal }) {
        const stream = completions.stream({ ...chat, tools, ...streamed }, { signal });
        const { choices } = await stream.finalChatCompletion();
        return JSON.parse(choices[0]?.message.tool_calls?.[0]?.function.arguments ?? "");
      },
      objects: [
        async () => (await completions.parse({ ...chat, response_format })).choices[0]?.message.parsed,
        async () => {
          const stream = completions.stream({ ...chat, response_format, ...streamed });
          return (await stream.finalChatCompletion()).choices[0]?.message.parsed;
        },
      ],
    };
  },
  also: {
    async "chat.completions.parse of tools"(door) {
      const { completions } = clientOf(door, purposeOf("roomy", "parse", { "tool-call": "get_weather" }).headers).chat;
      const parsing = tools.map((tool) => ({ ...tool, function: { ...tool.function, strict: true } }));
      const { choices } = await completions.parse({ ...chat, tools: parsing });
      expect(choices[0]?.message.tool_calls?.[0]?.function.parsed_arguments).toEqual({ city: expect.any(String) });
    },
  },
};

function heardOf({ output_text, usage, status, incomplete_details }: OpenAI.Responses.Response): Heard {
  const finish = incomplete_details?.reason ?? status ?? "";
  return { text: output_text, usage: { input: usage?.input_tokens ?? -1, output: usage?.output_tokens ?? -1 }, finish };
}

function argumentsOf({ output }: OpenAI.Responses.Response): unknown {
  const call = output.find((item) => item.type === "function_call");
  return JSON.parse(call?.arguments ?? "");
}

const ask = { model: "gpt-4o-mini", input: QUESTION };
const functions = [{ type: "function" as const, name: "get_weather", parameters: WEATHER, strict: true }];

const RESPONSES: ClientUse = {
  client: "openai",
  packages: ["openai"],
  route: "POST /v1/responses",
  inProcess: "wrap(new OpenAI())",
  doors: ["gateway", "in process"],
  cutFinish: "max_output_tokens",
  open(door, { headers }) {
    const { responses } = clientOf(door, headers);
    return {
      answer: async () => heardOf(await responses.create(ask)),
      async stream({ signal, heard }) {
        let last: OpenAI.Responses.Response | null = null;
        for await (const event of await responses.create({ ...ask, stream: true }, { signal })) {
          if (event.type === "response.output_text.delta") heard(event.delta);
          if (event.type === "response.completed" || event.type === "response.incomplete") last = event.response;
        }
        if (last === null) throw new Error("The stream had no end.");
        const text = last.output
          .flatMap((item) => (item.type === "message" ? item.content : []))
          .map((part) => (part.type === "output_text" ? part.text : ""));
        return { ...heardOf(last), text: text.join("") };
      },
      tools: async () => argumentsOf(await responses.create({ ...ask, tools: functions })),
      streamedTools: async ({ signal }) =>
        argumentsOf(await responses.stream({ ...ask, tools: functions }, { signal }).finalResponse()),
      objects: [
        async () => (await responses.parse({ ...ask, text })).output_parsed,
        async () => (await responses.stream({ ...ask, text }).finalResponse()).output_parsed,
      ],
    };
  },
  also: {
    async "responses.stream"(door) {
      const { responses } = clientOf(door, purposeOf("roomy", "helper").headers);
      const stream = responses.stream(ask);
      let text = "";
      stream.on("response.output_text.delta", ({ delta }) => {
        text += delta;
      });
      const final = await stream.finalResponse();
      expect(final.output_text).toBe(text);
      expect(text).toMatch(/\w+ \w+/);
    },
    async "responses.parse of tools"(door) {
      const { responses } = clientOf(door, purposeOf("roomy", "parse", { "tool-call": "get_weather" }).headers);
      const { output } = await responses.parse({ ...ask, tools: functions });
      const call = output.find((item) => item.type === "function_call");
      expect(call?.parsed_arguments).toEqual({ city: expect.any(String) });
    },
  },
};

const COMPLETIONS: ClientUse = {
  client: "openai",
  packages: ["openai"],
  route: "POST /v1/completions",
  inProcess: "wrap(new OpenAI())",
  doors: ["gateway", "in process"],
  cutFinish: "length",
  open(door, { headers }) {
    const { completions } = clientOf(door, headers);
    const prompt = { model: "gpt-3.5-turbo-instruct", prompt: QUESTION };
    return {
      async answer() {
        const { choices, usage } = await completions.create({ ...prompt, max_tokens: 500 });
        return { text: choices[0]?.text ?? "", usage: usageOf(usage), finish: choices[0]?.finish_reason ?? "" };
      },
      async stream({ signal, heard }) {
        let [text, finish, usage] = ["", "", usageOf(null)];
        for await (const chunk of await completions.create({ ...prompt, max_tokens: 3500, ...streamed }, { signal })) {
          const more = chunk.choices[0]?.text ?? "";
          text += more;
          heard(more);
          finish = chunk.choices[0]?.finish_reason ?? finish;
          if (chunk.usage) usage = usageOf(chunk.usage);
        }
        return { text, usage, finish };
      },
    };
  },
};

const EMBEDDINGS: ClientUse = {
  client: "openai",
  packages: ["openai"],
  route: "POST /v1/embeddings",
  inProcess: "wrap(new OpenAI())",
  doors: ["gateway", "in process"],
  open(door, { headers }) {
    const { embeddings } = clientOf(door, headers);
    return {
      async answer() {
        const { data, usage } = await embeddings.create({ model: "text-embedding-3-small", input: [QUESTION, "ferries"] });
        expect(data.map(({ embedding }) => embedding.length)).toEqual([1536, 1536]);
        return { text: `${data.length} vectors`, usage: { input: usage.prompt_tokens, output: 0 }, finish: "" };
      },
    };
  },
};

/** The official OpenAI client. */
export const OPENAI_USES: readonly ClientUse[] = [CHAT, RESPONSES, COMPLETIONS, EMBEDDINGS];
