import { expect, test } from "vitest";
import { cutsOf, expectTheSameWhereverCut } from "../../../test/cut-anywhere.js";
import { eventsOf, figures, fixture, replay, understood } from "../../../test/replay-stream.js";
import { openAiChat } from "./wire.js";

const request = (more: object = {}) =>
  openAiChat.read(
    Buffer.from(JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "How many?" }], stream: true, ...more })),
  );
const plain = request();
const asking = request({ stream_options: { include_usage: true } });
const STREAMS = ["text", "tools", "two-choices", "compatible", "error"];

/** A stream of one answer with the given usage objects behind it, as JSON text. */
function streamWith(...usages: readonly string[]): Buffer {
  const head = '"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o"';
  const words = Array.from({ length: 6 }, () => `data: {${head},"choices":[{"index":0,"delta":{"content":"coin "}}]}\n\n`);
  const finish = `data: {${head},"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n`;
  const tail = usages.map((usage) => `data: {${head},"choices":[],"usage":${usage}}\n\n`);
  return Buffer.from([...words, finish, ...tail, "data: [DONE]\n\n"].join(""));
}

const usageJson = (prompt: unknown, completion: unknown) => `{"prompt_tokens":${prompt},"completion_tokens":${completion}}`;

test("the usage of the last chunk is read in disjoint classes", () => {
  const { seen } = replay(openAiChat, plain, [fixture("openai/tools.sse")]);
  expect(seen.usage).toEqual({
    counts: { input_fresh: 128, cache_read: 1920, input_audio: 0, output_text: 17, output_audio: 0, reasoning: 0, requests: 1 },
    evidence: "provider",
    model: "gpt-4o-2024-08-06",
  });
  expect(seen).toMatchObject({
    usage_final: true,
    terminal: true,
    finish_reason: "tool_calls",
    response_id: "chatcmpl-B9KzQn4x",
    flags: [],
  });
});

test("usage on the finishing chunk of a compatible server is final too", () => {
  const { seen } = replay(openAiChat, plain, [fixture("openai/compatible.sse")]);
  expect(seen.usage?.counts).toEqual({ input_fresh: 8, output_text: 3, reasoning: 3, requests: 1 });
  expect(seen.usage_final).toBe(true);
});

test.each(STREAMS.map((name) => [name, cutsOf(fixture(`openai/${name}.sse`))] as const))(
  "%s: the same events come out and the same is posted, however it is written and wherever it is cut (%s)",
  (name) => {
    const stream = fixture(`openai/${name}.sse`);
    expectTheSameWhereverCut({ dialect: openAiChat, requests: [plain, asking], stream });
  },
  120_000,
);

test("B17: a client that did not ask sees neither the usage chunk nor null usage; all else is what came", () => {
  const upstream = understood(fixture("openai/text.sse"));
  const { forwarded, closing } = replay(openAiChat, plain, [fixture("openai/text.sse")]);
  const client = understood(Buffer.concat([forwarded, closing]));
  expect(client.some((event) => event.data !== "[DONE]" && Object.hasOwn(JSON.parse(event.data!), "usage"))).toBe(false);
  const wanted = upstream.slice(0, -2).map((event) => event.data!.replace(/,"usage":null}$/, "}"));
  expect(client.map((event) => event.data)).toEqual([...wanted, "[DONE]"]);
});

test("null usage is taken out wherever it stands in the chunk", () => {
  const chunk =
    'data: {"usage": null, "id":"x","choices":[{"index":0,"delta":{"content":",\\"usage\\":null}"}}],"obfuscation":"ab"}\n\n';
  const { forwarded } = replay(openAiChat, plain, [Buffer.from(chunk)]);
  expect(forwarded.toString()).toBe(chunk.replace('"usage": null, ', ""));
});

test("a client that asked gets every byte as it came, and the figures in the usage chunk", () => {
  const stream = fixture("openai/text.sse");
  const { forwarded, closing } = replay(openAiChat, asking, [stream]);
  const raw = eventsOf(stream);
  expect(forwarded).toEqual(Buffer.concat(raw.slice(0, -2)));
  const [usage, done] = understood(closing);
  const { bursar, ...chunk } = JSON.parse(usage!.data!);
  expect(chunk).toEqual(JSON.parse(understood(stream).at(-2)!.data!));
  expect(bursar).toMatchObject({
    call_id: "c1",
    cost_usd: "0.000123",
    remaining: [
      { name: "day\ndata: x", unit: "usd", left: "0.999999999" },
      { name: "agent", left: null },
    ],
  });
  expect(done!.data).toBe("[DONE]");
});

test("the figures stand in one comment line before [DONE], whatever a budget is called", () => {
  const { closing } = replay(openAiChat, plain, [fixture("openai/text.sse")]);
  const [comment, done] = closing.toString().split("\n\n");
  expect(comment).toMatch(
    /^: bursar call_id=c1 cost_usd=0\.000123 remaining=name="day\\ndata: x";unit=usd;left=0\.999999999;reset=1970-01-01T00:00:00\.000Z,name="agent";/,
  );
  expect(comment).not.toContain("\n");
  expect(done).toBe("data: [DONE]");
});

test.each([
  ["negative", usageJson(-5, 3)],
  ["negative", usageJson(5, -3)],
  ["nan", usageJson(5, "NaN")],
  ["string", usageJson(5, '"3"')],
  ["fractional", usageJson(5.5, 3)],
  ["too_large", usageJson(5, "9007199254740993")],
  ["too_large", usageJson(5, "1e309")],
  ["zero", usageJson(5, 0)],
  ["zero", usageJson(0, 0)],
  ["missing", '{"prompt_tokens":5}'],
  ["not_a_count", usageJson(5, "[]")],
  ["not_a_count", "7"],
])("usage that is %s never counts: %s", (why, usage) => {
  const { seen } = replay(openAiChat, plain, [streamWith(usage)]);
  expect(seen.flags).toContain(`usage_invalid:${why}`);
  expect(seen).toMatchObject({ usage: null, usage_final: false, terminal: true });
  expect(seen.metered_output).toBeGreaterThanOrEqual(6);
});

test("C6: of several usages the last valid one wins; a decreasing or invalid one is flagged", () => {
  const read = (...usages: string[]) => replay(openAiChat, plain, [streamWith(...usages)]).seen;
  expect(read(usageJson(5, 7), usageJson(5, 9))).toMatchObject({ usage: { counts: { output_text: 9 } }, flags: [] });
  expect(read(usageJson(5, 9), usageJson(5, 9))).toMatchObject({
    usage: { counts: { output_text: 9 } },
    usage_final: true,
    flags: [],
  });
  for (const bad of [usageJson(5, 8), usageJson(4, 9), usageJson(5, 0), usageJson(5, -1), usageJson(5, "NaN")]) {
    const seen = read(usageJson(5, 9), bad);
    expect(seen.usage?.counts).toMatchObject({ input_fresh: 5, output_text: 9 });
    expect(seen.flags.join()).toMatch(/usage_invalid:/);
  }
});

test("usage before the end does not count as final until the end, and metering goes on beyond it", () => {
  const chunk = (content: string, usage: string) =>
    `data: {"id":"x","choices":[{"index":0,"delta":{"content":"${content}"}}],"usage":${usage}}\n\n`;
  const early = chunk("a", usageJson(5, 1)) + 'data: {"id":"x","choices":[{"index":0,"delta":{"content":"b"}}]}\n\n'.repeat(9);
  const open = replay(openAiChat, plain, [Buffer.from(early)]).seen;
  expect(open).toMatchObject({ usage_final: false, usage: { evidence: "metered", counts: { input_fresh: 5, output_text: 10 } } });
  const ended = replay(openAiChat, plain, [Buffer.from(`${early}data: [DONE]\n\n`)]).seen;
  expect(ended).toMatchObject({ usage_final: true, usage: { evidence: "provider", counts: { output_text: 1 } } });
});

test("what comes after [DONE] does not reach the client; a usage there is taken, with a flag", () => {
  const late = Buffer.concat([streamWith(), Buffer.from(`data: {"choices":[],"usage":${usageJson(5, 9)}}\n\n`)]);
  const { forwarded, closing, seen } = replay(openAiChat, asking, [late]);
  expect(seen).toMatchObject({ usage_final: true, usage: { counts: { output_text: 9 } } });
  expect(seen.flags).toEqual(["usage_after_end", "event_after_end"]);
  expect(understood(Buffer.concat([forwarded, closing])).at(-1)?.data).toBe("[DONE]");
  expect(forwarded.toString()).not.toContain("usage");
});

test("C4: a stream without usage tells none, and every delta is metered: text, reasoning, tools", () => {
  const seen = replay(openAiChat, plain, [streamWith()]).seen;
  expect(seen).toMatchObject({ usage: null, usage_final: false, terminal: true });
  expect(seen.metered_output).toBeGreaterThanOrEqual(6);
  const tools = replay(openAiChat, plain, [fixture("openai/tools.sse")]).seen;
  expect(tools.metered_output).toBeGreaterThanOrEqual(6);
});

test("C12: an error event is passed on and named", () => {
  const { forwarded, seen, closing } = replay(openAiChat, plain, [fixture("openai/error.sse")]);
  expect(seen).toMatchObject({ error: "server_error", terminal: false, usage: null });
  expect(understood(forwarded).at(-1)?.data).toContain('"error"');
  expect(understood(closing)).toEqual([]);
});

test("hostile events flag and never throw", () => {
  const events = [
    "{",
    "[]",
    "7",
    '"x"',
    "null",
    '{"choices":{}}',
    '{"choices":[null,7]}',
    '{"choices":[{"index":{},"delta":{"tool_calls":[null,{"function":7}]}}]}',
  ];
  const many = Array.from({ length: 500 }, (_, index) => `{"choices":[{"index":${index},"delta":{"content":"a"}}]}`);
  const stream = Buffer.from([...events, ...many].map((data) => `data: ${data}\n\n`).join(""));
  const { seen } = replay(openAiChat, plain, [stream]);
  expect(seen.flags).toEqual(["event_invalid", "choices_beyond_bound"]);
  expect(seen.metered_output).toBeGreaterThanOrEqual(500);
});

test("an event that is no JSON passes as it came and is metered", () => {
  const { forwarded, seen } = replay(openAiChat, plain, [Buffer.from("data: {broken\n\n")]);
  expect(forwarded.toString()).toBe("data: {broken\n\n");
  expect(seen.flags).toEqual(["event_invalid"]);
  expect(seen.metered_output).toBeGreaterThan(0);
});

test.each(STREAMS)("C8: %s can be cut after any event and ends well-formed", (name) => {
  const raw = eventsOf(fixture(`openai/${name}.sse`));
  const choices = name === "two-choices" ? 2 : 1;
  for (const reading of [request({ n: choices }), request({ n: choices, stream_options: { include_usage: true } })]) {
    for (let count = 0; count <= raw.length; count++) {
      const reader = openAiChat.reader(reading);
      const before = raw.slice(0, count).flatMap((event) => reader.event(event) ?? []);
      const end = reader.cut({ ...figures, cut: "no room" });
      const events = understood(Buffer.concat([...before, end]));
      expect(events.at(-1)?.data).toBe("[DONE]");
      const chunks = events.slice(0, -1).map((event) => JSON.parse(event.data!));
      const finished = chunks
        .flatMap((chunk) => chunk.choices ?? [])
        .filter((choice) => typeof choice.finish_reason === "string");
      expect(finished.map((choice) => choice.index).sort(), `cut after ${count}`).toEqual(choices === 2 ? [0, 1] : [0]);
      expect(new Set(chunks.filter((chunk) => chunk.choices).map((chunk) => chunk.id)).size).toBe(1);
      const endedItself = count === raw.length && name !== "error";
      if (!reading.wants_usage || (endedItself && name === "compatible")) continue;
      expect(chunks.at(-1)).toMatchObject({ choices: [], bursar: { call_id: "c1", cut: "no room" } });
      expect(chunks.at(-1).usage.total_tokens).toBe(chunks.at(-1).usage.prompt_tokens + chunks.at(-1).usage.completion_tokens);
    }
  }
});

test("usage beside the end of one answer is not final while another has not begun", () => {
  const event = (body: object): string => `data: ${JSON.stringify({ id: "c", model: "gpt-4o", ...body })}\n\n`;
  const first = { choices: [{ index: 0, delta: { content: "a" }, finish_reason: "stop" }] };
  const second = { choices: [{ index: 1, delta: { content: "one more word ".repeat(100) } }] };
  const told = { usage: { prompt_tokens: 9, completion_tokens: 1 } };
  const { seen } = replay(openAiChat, request({ n: 2 }), [Buffer.from(event({ ...first, ...told }) + event(second))]);
  expect(seen.usage_final).toBe(false);
  expect(seen.usage?.counts.output_text).toBeGreaterThan(100);
});
