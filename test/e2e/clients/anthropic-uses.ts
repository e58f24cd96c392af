import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { expect } from "vitest";
import { type ClientUse, type Heard, purposeOf, QUESTION, WEATHER, WEATHER_ZOD } from "./client-use.js";
import type { Door, Way } from "./door.js";

const messages = [{ role: "user" as const, content: QUESTION }];
const asked = { model: "claude-haiku-4-5", max_tokens: 500, messages };
/** More than the budget of the tight agent allows. */
const long = { ...asked, max_tokens: 20_000 };
const tools = [{ name: "get_weather", input_schema: WEATHER }];

const output_config = { format: zodOutputFormat(WEATHER_ZOD) };

const clientOf = (door: Way, headers: Readonly<Record<string, string>>): Anthropic =>
  door.wrap(new Anthropic({ baseURL: door.url("anthropic"), apiKey: door.key, defaultHeaders: headers }));

function heardOf({ content, usage, stop_reason }: Anthropic.Message): Heard {
  const text = content.map((block) => (block.type === "text" ? block.text : "")).join("");
  return { text, usage: { input: usage.input_tokens, output: usage.output_tokens }, finish: stop_reason ?? "" };
}

const toolInput = ({ content }: Anthropic.Message): unknown => content.find((block) => block.type === "tool_use")?.input;

async function thinking(door: Door): Promise<void> {
  const { messages: api } = clientOf(door, purposeOf("roomy", "thinking", { "output-tokens": 60 }).headers);
  const think = { ...long, thinking: { type: "enabled" as const, budget_tokens: 1024 } };
  const whole = await api.create(think);
  expect(whole.content[0]).toMatchObject({ type: "thinking", thinking: expect.stringMatching(/\w+/) });
  expect(heardOf(whole).text).toMatch(/\w+/);
  const stream = api.stream(think);
  let thought = "";
  stream.on("thinking", (more) => {
    thought += more;
  });
  const final = await stream.finalMessage();
  expect(thought).toMatch(/\w+/);
  expect(final.content.map((block) => block.type)).toEqual(["thinking", "text"]);
  await door.settled();
  expect((await door.bill()).by_call.slice(-2).map(({ output }) => output)).toEqual(
    [whole, final].map(({ usage }) => usage.output_tokens),
  );
}

async function countTokens(door: Door): Promise<void> {
  const before = await door.bill();
  const { messages: api } = clientOf(door, purposeOf("spent", "count").headers);
  expect((await api.countTokens({ model: "claude-haiku-4-5", messages, tools })).input_tokens).toBeGreaterThan(5);
  expect((await door.bill()).nano_usd).toBe(before.nano_usd);
}

/** The official Anthropic client. */
export const ANTHROPIC_USES: readonly ClientUse[] = [
  {
    client: "@anthropic-ai/sdk",
    packages: ["@anthropic-ai/sdk"],
    route: "POST /v1/messages",
    inProcess: "wrap(new Anthropic())",
    doors: ["gateway", "in process"],
    cutFinish: "max_tokens",
    open(door, { headers }) {
      const { messages: api } = clientOf(door, headers);
      return {
        answer: async () => heardOf(await api.create(asked)),
        async stream({ signal, heard }) {
          const stream = api.stream(long, { signal });
          stream.on("text", heard);
          return heardOf(await stream.finalMessage());
        },
        tools: async () => toolInput(await api.create({ ...asked, tools })),
        streamedTools: async ({ signal }) => toolInput(await api.stream({ ...long, tools }, { signal }).finalMessage()),
        objects: [
          async () => (await api.parse({ ...asked, output_config })).parsed_output,
          async () => (await api.stream({ ...asked, output_config }).finalMessage()).parsed_output,
        ],
      };
    },
    also: { thinking, "token counts when nothing is left": countTokens },
  },
];
