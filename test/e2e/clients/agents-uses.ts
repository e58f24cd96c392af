import { Agent, OpenAIProvider, Runner, tool } from "@openai/agents";
import OpenAI from "openai";
import { expect } from "vitest";
import { type ClientUse, type OpenedClient, purposeOf, QUESTION, WEATHER, WEATHER_ZOD } from "./client-use.js";
import type { Door, Way } from "./door.js";

const MODEL = "gpt-4o-mini";

/** A runner on a client of its own: nothing global is set, and nothing is traced to OpenAI. */
function runnerOf(door: Way, headers: Readonly<Record<string, string>>, useResponses: boolean): Runner {
  const openAIClient = door.wrap(new OpenAI({ baseURL: `${door.url("openai")}/v1`, apiKey: door.key, defaultHeaders: headers }));
  return new Runner({ modelProvider: new OpenAIProvider({ openAIClient, useResponses }), tracingDisabled: true });
}

function opened(runner: Runner): OpenedClient {
  const agent = new Agent({ name: "treasurer", model: MODEL });
  let called: unknown;
  const weather = tool({
    name: "get_weather",
    description: "Weather of a city.",
    parameters: WEATHER,
    strict: true,
    execute: (input: unknown) => {
      called = input;
      return "clear";
    },
  });
  const armed = new Agent({ name: "forecaster", model: MODEL, tools: [weather], toolUseBehavior: "stop_on_first_tool" });
  const typed = new Agent({ name: "observer", model: MODEL, outputType: WEATHER_ZOD });
  return {
    async answer() {
      const { finalOutput, runContext } = await runner.run(agent, QUESTION);
      const { inputTokens, outputTokens } = runContext.usage;
      return { text: finalOutput ?? "", usage: { input: inputTokens, output: outputTokens }, finish: "" };
    },
    async stream({ signal, heard }) {
      const result = await runner.run(agent, QUESTION, { stream: true, signal });
      let text = "";
      for await (const event of result) {
        if (event.type !== "raw_model_stream_event" || event.data.type !== "output_text_delta") continue;
        text += event.data.delta;
        heard(event.data.delta);
      }
      await result.completed;
      const { inputTokens, outputTokens } = result.runContext.usage;
      return { text, usage: { input: inputTokens, output: outputTokens }, finish: "" };
    },
    async tools() {
      await runner.run(armed, QUESTION);
      return called;
    },
    async streamedTools({ signal }) {
      const result = await runner.run(armed, QUESTION, { stream: true, signal });
      for await (const event of result) expect(event.type).toMatch(/event$/);
      await result.completed;
      return called;
    },
    objects: [
      async () => (await runner.run(typed, QUESTION)).finalOutput,
      async () => {
        const result = await runner.run(typed, QUESTION, { stream: true });
        await result.completed;
        return result.finalOutput;
      },
    ],
  };
}

const handOff =
  (useResponses: boolean) =>
  async (door: Door): Promise<void> => {
    const before = await door.bill();
    const billing = new Agent({ name: "billing", model: MODEL, instructions: "Answer questions about invoices." });
    const modelSettings = { toolChoice: "required" };
    const triage = Agent.create({ name: "triage", model: MODEL, handoffs: [billing], modelSettings });
    const runner = runnerOf(door, purposeOf("roomy", "hand-off").headers, useResponses);
    const { lastAgent, finalOutput, runContext } = await runner.run(triage, "Where is my invoice?");
    expect(lastAgent?.name).toBe("billing");
    expect(finalOutput).toMatch(/\w+ \w+/);
    const lines = (await door.bill()).by_call.slice(before.calls);
    const sum = (figures: readonly number[]): number => figures.reduce((all, one) => all + one, 0);
    expect(lines).toHaveLength(2);
    expect(runContext.usage).toMatchObject({
      requests: 2,
      inputTokens: sum(lines.map(({ input }) => input)),
      outputTokens: sum(lines.map(({ output }) => output)),
    });
  };

/** OpenAI's agents. */
export const AGENTS_USES: readonly ClientUse[] = [
  {
    client: "@openai/agents",
    packages: ["@openai/agents"],
    route: "POST /v1/chat/completions",
    inProcess: "wrap(new OpenAI())",
    doors: ["gateway", "in process"],
    cutFinish: "",
    open: (door, { headers }) => opened(runnerOf(door, headers, false)),
    also: { "a run with a hand-off": handOff(false) },
  },
  {
    client: "@openai/agents",
    packages: ["@openai/agents"],
    route: "POST /v1/responses",
    inProcess: "wrap(new OpenAI())",
    doors: ["gateway", "in process"],
    cutFinish: "",
    open: (door, { headers }) => opened(runnerOf(door, headers, true)),
    also: { "a run with a hand-off": handOff(true) },
  },
];
