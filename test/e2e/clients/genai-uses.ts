import { type GenerateContentResponse, GoogleGenAI } from "@google/genai";
import { expect } from "vitest";
import { type ClientUse, type Heard, purposeOf, QUESTION, WEATHER } from "./client-use.js";
import type { Way } from "./door.js";

const MODEL = "gemini-2.5-flash";
/** Where a stream is to be cut: a model that bills thoughts it does not show is held for whole, and refused instead. */
const WITHOUT_THOUGHTS = "gemini-2.0-flash";
const tools = [{ functionDeclarations: [{ name: "get_weather", parametersJsonSchema: WEATHER }] }];

const clientOf = (door: Way, headers: Readonly<Record<string, string>>): GoogleGenAI =>
  door.wrap(new GoogleGenAI({ apiKey: door.key, httpOptions: { baseUrl: door.url("google"), headers: { ...headers } } }));

function usageOf({ usageMetadata: usage }: GenerateContentResponse): Heard["usage"] {
  const output = (usage?.candidatesTokenCount ?? 0) + (usage?.thoughtsTokenCount ?? 0);
  return { input: usage?.promptTokenCount ?? -1, output };
}

const finishOf = (reply: GenerateContentResponse): string => reply.candidates?.[0]?.finishReason ?? "";

/** Google's official client. */
export const GENAI_USES: readonly ClientUse[] = [
  {
    client: "@google/genai",
    packages: ["@google/genai"],
    route: "POST /v1beta/models/…:generateContent, :streamGenerateContent",
    inProcess: "wrap(new GoogleGenAI())",
    doors: ["gateway", "in process"],
    cutFinish: "MAX_TOKENS",
    toolsArriveWhole: true,
    open(door, { headers, agent }) {
      const { models } = clientOf(door, headers);
      const asked = { model: agent === "tight" ? WITHOUT_THOUGHTS : MODEL, contents: QUESTION };
      return {
        async answer() {
          const reply = await models.generateContent(asked);
          return { text: reply.text ?? "", usage: usageOf(reply), finish: finishOf(reply) };
        },
        async stream({ signal, heard }) {
          let [text, finish, usage] = ["", "", { input: -1, output: -1 }];
          for await (const chunk of await models.generateContentStream({ ...asked, config: { abortSignal: signal } })) {
            text += chunk.text ?? "";
            heard(chunk.text ?? "");
            finish = finishOf(chunk) || finish;
            if (chunk.usageMetadata) usage = usageOf(chunk);
          }
          return { text, usage, finish };
        },
        tools: async () => (await models.generateContent({ ...asked, config: { tools } })).functionCalls?.[0]?.args,
        async streamedTools({ signal }) {
          let called: unknown;
          const config = { tools, abortSignal: signal };
          for await (const chunk of await models.generateContentStream({ ...asked, config })) {
            called = chunk.functionCalls?.[0]?.args ?? called;
          }
          return called;
        },
        objects: [
          async () => {
            const config = { responseMimeType: "application/json", responseJsonSchema: WEATHER };
            return JSON.parse((await models.generateContent({ ...asked, config })).text ?? "");
          },
        ],
      };
    },
    also: {
      async chats(door) {
        const chat = clientOf(door, purposeOf("roomy", "chat").headers).chats.create({ model: MODEL });
        expect((await chat.sendMessage({ message: QUESTION })).text).toMatch(/\w+/);
        let text = "";
        for await (const chunk of await chat.sendMessageStream({ message: "And then?" })) text += chunk.text ?? "";
        expect(text).toMatch(/\w+/);
        expect(chat.getHistory().map(({ role }) => role)).toEqual(["user", "model", "user", "model"]);
      },
      async "token counts when nothing is left"(door) {
        const before = await door.bill();
        const { models } = clientOf(door, purposeOf("spent", "count").headers);
        expect((await models.countTokens({ model: MODEL, contents: QUESTION })).totalTokens).toBeGreaterThan(3);
        expect((await door.bill()).nano_usd).toBe(before.nano_usd);
      },
    },
  },
  {
    client: "@google/genai",
    packages: ["@google/genai"],
    route: "POST /v1beta/models/…:embedContent, :batchEmbedContents",
    inProcess: "wrap(new GoogleGenAI())",
    doors: ["gateway", "in process"],
    usageUntold: true,
    open(door, { headers }) {
      const { models } = clientOf(door, headers);
      return {
        async answer() {
          const { embeddings } = await models.embedContent({ model: "gemini-embedding-001", contents: [QUESTION, "ferries"] });
          expect(embeddings?.map(({ values }) => (values?.length ?? 0) > 100)).toEqual([true, true]);
          return { text: `${embeddings?.length} vectors`, usage: { input: 0, output: 0 }, finish: "" };
        },
      };
    },
  },
];
