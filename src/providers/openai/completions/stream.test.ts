import { extractUsage, findProvider } from "@pydantic/genai-prices";
import { expect, test } from "vitest";
import { cutsOf, expectTheSameWhereverCut } from "../../../../test/cut-anywhere.js";
import { eventsOf, figures, fixture, replay, understood } from "../../../../test/replay-stream.js";
import { inputTokens, outputTokens } from "../../../accounting/meter/usage.js";
import { openAiCompletions } from "./wire.js";

const request = (more: object = {}) =>
  openAiCompletions.read(
    Buffer.from(JSON.stringify({ model: "gpt-3.5-turbo-instruct", prompt: "How many?", stream: true, ...more })),
  );
const plain = request({ n: 2 });
const asking = request({ n: 2, stream_options: { include_usage: true } });
const STREAMS = ["completions-text", "completions-two-choices", "completions-echo"];

test("usage of every fixture is what the price oracle reads", () => {
  const provider = findProvider({ providerId: "openai" })!;
  for (const name of STREAMS) {
    const chunk = understood(fixture(`openai/${name}.sse`)).find((event) => event.data!.includes('"usage":{'))!.data!;
    const oracle = extractUsage(provider, JSON.parse(chunk), "chat").usage;
    const { seen } = replay(openAiCompletions, plain, [fixture(`openai/${name}.sse`)]);
    expect(seen).toMatchObject({ usage_final: true, terminal: true, finish_reason: "stop", flags: [] });
    expect([inputTokens(seen.usage!.counts), outputTokens(seen.usage!.counts)], name).toEqual([
      oracle.input_tokens,
      oracle.output_tokens,
    ]);
  }
  const reply = fixture("openai/completions.json");
  const oracle = extractUsage(provider, JSON.parse(reply.toString()), "chat");
  expect(openAiCompletions.readReply(reply)).toMatchObject({
    valid: true,
    response_id: "cmpl-C2xUu8VJ",
    model: oracle.model,
    usage: { counts: { input_fresh: oracle.usage.input_tokens, output_text: oracle.usage.output_tokens } },
    flags: [],
  });
});

test.each(STREAMS.map((name) => [name, cutsOf(fixture(`openai/${name}.sse`))] as const))(
  "%s: the same events come out and the same is posted, however it is written and wherever it is cut (%s)",
  (name) => {
    const stream = fixture(`openai/${name}.sse`);
    expectTheSameWhereverCut({ dialect: openAiCompletions, requests: [plain, asking], stream });
  },
  120_000,
);

test("B17: a client that did not ask sees neither the usage chunk nor null usage; one that asked gets the figures in it", () => {
  const stream = fixture("openai/completions-text.sse");
  const silent = replay(openAiCompletions, plain, [stream]);
  const seen = understood(Buffer.concat([silent.forwarded, silent.closing]));
  expect(seen.some((event) => event.data!.includes('"usage"'))).toBe(false);
  expect(seen).toHaveLength(understood(stream).length - 1);
  const asked = replay(openAiCompletions, asking, [stream]);
  expect(asked.forwarded).toEqual(Buffer.concat(eventsOf(stream).slice(0, -2)));
  const [usage, done] = understood(asked.closing);
  expect(JSON.parse(usage!.data!)).toMatchObject({ choices: [], usage: { total_tokens: 15 }, bursar: { call_id: "c1" } });
  expect(done!.data).toBe("[DONE]");
});

test("usage is asked for upstream in the client's own options", () => {
  const sent = openAiCompletions.prepare(plain, { include_usage: true });
  expect(JSON.parse(Buffer.from(sent).toString()).stream_options).toEqual({ include_usage: true });
});

test.each(STREAMS)("C8: %s can be cut after any event and ends well-formed", (name) => {
  const raw = eventsOf(fixture(`openai/${name}.sse`));
  const n = name === "completions-two-choices" ? 2 : 1;
  for (const reading of [request({ n, best_of: 5 }), request({ n, stream_options: { include_usage: true } })]) {
    for (let count = 0; count <= raw.length; count++) {
      const reader = openAiCompletions.reader(reading);
      const before = raw.slice(0, count).flatMap((event) => reader.event(event) ?? []);
      const events = understood(Buffer.concat([...before, reader.cut({ ...figures, cut: "no room" })]));
      expect(events.at(-1)?.data).toBe("[DONE]");
      const chunks = events.slice(0, -1).map((event) => JSON.parse(event.data!));
      const ended = chunks.flatMap((chunk) => chunk.choices).filter((choice) => typeof choice.finish_reason === "string");
      expect(ended.map((choice) => choice.index).sort(), `cut after ${count}`).toEqual(n === 2 ? [0, 1] : [0]);
      expect(new Set(chunks.map((chunk) => chunk.object))).toEqual(new Set(["text_completion"]));
      for (const choice of ended) expect(typeof choice.text).toBe("string");
      if (reading.wants_usage) expect(chunks.at(-1)).toMatchObject({ choices: [], bursar: { call_id: "c1", cut: "no room" } });
    }
  }
});

test("a cut ends every answer of every prompt", () => {
  const reader = openAiCompletions.reader(request({ prompt: ["a", "b", "c"], n: 50 }));
  const events = understood(reader.cut({ ...figures, cut: "no room" }));
  expect(events).toHaveLength(151);
});

test("a repeated prompt is no output, and what only looks like it is", () => {
  const stream = fixture("openai/completions-echo.sse");
  const metered = (more: object) => replay(openAiCompletions, request(more), [stream]).seen.metered_output;
  expect(metered({ echo: true })).toBe(2);
  expect(metered({ echo: false })).toBeGreaterThanOrEqual(4);
  expect(metered({ echo: true, prompt: "How mere" })).toBeGreaterThanOrEqual(3);
  expect(metered({ echo: true, prompt: [1, 2] })).toBeGreaterThanOrEqual(4);
});

test("hostile choices flag and never throw, and memory stays bounded", () => {
  const indexes = [...Array.from({ length: 400 }, (_, index) => String(index)), "-1", "0.5", "1e300", '"x"', "{}", "null"];
  const stream = Buffer.from(
    indexes.map((index) => `data: {"choices":[{"index":${index},"text":"a"},null,7,{"text":{}}]}\n\n`).join(""),
  );
  const { seen } = replay(openAiCompletions, request({ echo: true }), [stream]);
  expect(seen.flags).toEqual(["choices_beyond_bound"]);
  expect(seen.metered_output).toBeGreaterThanOrEqual(400);
});

test.each(["", "<html>", "[]", "null", "{}", '{"error":{"message":"no"}}', '{"choices":{}}'])(
  "C13: %j under status 200 is no reply",
  (body) => {
    expect(openAiCompletions.readReply(Buffer.from(body))).toMatchObject({ valid: false, usage: null, flags: ["invalid_reply"] });
  },
);
