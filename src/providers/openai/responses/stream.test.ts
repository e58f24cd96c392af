import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { cutsOf, expectTheSameWhereverCut, spellings } from "../../../../test/cut-anywhere.js";
import { figures, replay, understood } from "../../../../test/replay-stream.js";
import { KEPT_CHARACTERS_MAX } from "./kept-items.js";
import { openAiResponses } from "./wire.js";

const fixture = (name: string): Buffer => readFileSync(new URL(`./__fixtures__/${name}`, import.meta.url));
const request = (more: object = {}) =>
  openAiResponses.read(Buffer.from(JSON.stringify({ model: "gpt-4o", input: "How many?", stream: true, ...more })));
const plain = request();
const STREAMS = ["text", "tools", "reasoning", "refusal", "incomplete", "failed", "web-search", "error"];

const event = (data: object): Buffer =>
  Buffer.from(`event: ${(data as { type?: string }).type}\ndata: ${JSON.stringify(data)}\n\n`);
const response = (more: object = {}) => ({
  id: "resp_1",
  object: "response",
  created_at: 1,
  model: "gpt-4o",
  status: "in_progress",
  output: [],
  ...more,
});
const created = event({ type: "response.created", sequence_number: 0, response: response() });
const completed = (usage: unknown, output: unknown = []) =>
  event({ type: "response.completed", sequence_number: 9, response: response({ status: "completed", output, usage }) });
const usage = (input_tokens: unknown, output_tokens: unknown) => ({ input_tokens, output_tokens });
const added = (item: object, output_index: unknown = 0) => event({ type: "response.output_item.added", output_index, item });
const words = Buffer.concat(
  Array.from({ length: 6 }, () =>
    event({ type: "response.output_text.delta", output_index: 0, content_index: 0, item_id: "m", delta: "coin " }),
  ),
);

test("the usage of the terminal event is read in disjoint classes", () => {
  const { seen } = replay(openAiResponses, plain, [fixture("reasoning.sse")]);
  expect(seen.usage).toEqual({
    counts: { input_fresh: 81, cache_read: 0, output_text: 11, reasoning: 1024, requests: 1 },
    evidence: "provider",
    service_tier: "flex",
    model: "gpt-5-2025-08-07",
  });
  expect(seen).toMatchObject({
    usage_final: true,
    terminal: true,
    error: null,
    finish_reason: "completed",
    response_id: "resp_68c1",
    flags: [],
  });
});

test("a search at the provider is counted for its fee, an opened page is not", () => {
  const { seen } = replay(openAiResponses, plain, [fixture("web-search.sse")]);
  expect(seen.usage?.counts).toEqual({
    input_fresh: 4114,
    cache_read: 4096,
    output_text: 64,
    reasoning: 0,
    requests: 1,
    web_searches: 1,
  });
  expect(seen.flags).toEqual([]);
});

test("how a response ended is told: at its length, or failed with what it had used", () => {
  expect(replay(openAiResponses, plain, [fixture("incomplete.sse")]).seen).toMatchObject({
    finish_reason: "max_output_tokens",
    usage: { counts: { input_fresh: 12, output_text: 16 } },
    error: null,
  });
  expect(replay(openAiResponses, plain, [fixture("failed.sse")]).seen).toMatchObject({
    error: "server_error",
    terminal: true,
    usage_final: true,
    usage: { counts: { input_fresh: 20, output_text: 4 } },
  });
});

test.each(STREAMS.map((name) => [name, cutsOf(fixture(`${name}.sse`))] as const))(
  "%s: the same events come out and the same is posted, however it is written and wherever it is cut (%s)",
  (name) => {
    const stream = fixture(`${name}.sse`);
    expectTheSameWhereverCut({ dialect: openAiResponses, requests: [plain], stream });
  },
  120_000,
);

test.each(STREAMS.filter((name) => name !== "error"))(
  "%s: every byte but the figures is what the provider sent, and the figures stand in the terminal event",
  (name) => {
    const stream = fixture(`${name}.sse`);
    for (const [spelling, bytes] of spellings(stream)) {
      const { forwarded, closing } = replay(openAiResponses, plain, [bytes]);
      const end = closing.indexOf("\n\n") + 2;
      expect(closing.subarray(0, end).toString()).toMatch(/^: bursar call_id=c1 cost_usd=0\.000123 remaining=name=/);
      const terminal = closing.subarray(end).toString();
      const field = /"bursar":\{.*?\}\]\},/.exec(terminal)?.[0] ?? "none";
      const without = Buffer.concat([forwarded, Buffer.from(terminal.replace(field, ""))]);
      // Comments that came behind the terminal event are of no use to anyone; all else is there.
      expect(bytes.subarray(0, without.length).equals(without), spelling).toBe(true);
      expect(
        bytes
          .subarray(without.length)
          .toString()
          .replace(/[\r\n]/g, ""),
      ).toMatch(/^(: more)?$/);
      expect(JSON.parse(`{${field.slice(0, -1)}}`).bursar).toMatchObject({
        call_id: "c1",
        cost_usd: "0.000123",
        remaining: [{ name: "day\ndata: x", left: "0.999999999" }, { name: "agent" }],
      });
    }
  },
);

test("data over several lines keeps its lines", () => {
  const lines =
    ': a {comment}\nevent: response.completed\ndata:\ndata:  {"type":"response.completed",\ndata: "response":{"output":[],"usage":{"input_tokens":5,"output_tokens":3}}}\n\n';
  const { closing, seen } = replay(openAiResponses, plain, [created, Buffer.from(lines)]);
  expect(seen.usage?.counts).toMatchObject({ input_fresh: 5, output_text: 3 });
  const [terminal] = understood(closing);
  expect(JSON.parse(terminal!.data!)).toMatchObject({ type: "response.completed", bursar: { call_id: "c1" } });
  expect(closing.toString()).toContain(': a {comment}\nevent: response.completed\ndata:\ndata:  {"bursar":');
});

test("events without a name, and a closing [DONE], are understood as well", () => {
  const nameless = Buffer.from(
    `${fixture("text.sse")
      .toString()
      .replace(/^event: .*\n/gm, "")}data: [DONE]\n\n`,
  );
  const { closing, seen } = replay(openAiResponses, plain, [nameless]);
  expect(seen).toMatchObject({ usage_final: true, terminal: true, flags: [] });
  const ends = understood(closing);
  expect(ends.map((end) => end.event)).toEqual([null, null]);
  expect(ends[1]!.data).toBe("[DONE]");
});

test.each([
  ["negative", usage(-5, 3)],
  ["negative", usage(5, -3)],
  ["string", usage(5, "3")],
  ["fractional", usage(5.5, 3)],
  ["too_large", usage(5, 2 ** 53 + 2)],
  ["zero", usage(5, 0)],
  ["zero", usage(0, 0)],
  ["missing", { input_tokens: 5 }],
  ["not_a_count", usage(5, [])],
  ["not_a_count", 7],
])("usage that is %s never counts: %j", (why, told) => {
  const { seen } = replay(openAiResponses, plain, [created, words, completed(told)]);
  expect(seen.flags).toEqual([`usage_invalid:${why}`]);
  expect(seen).toMatchObject({ usage: null, usage_final: false, terminal: true });
  expect(seen.metered_output).toBeGreaterThanOrEqual(6);
});

test.each(["NaN", "-Infinity", "1e309"])("usage of %s never counts", (number) => {
  const data = `{"type":"response.completed","response":{"output":[],"usage":{"input_tokens":${number},"output_tokens":3}}}`;
  const { seen, closing } = replay(openAiResponses, plain, [created, words, Buffer.from(`data: ${data}\n\n`)]);
  expect(seen).toMatchObject({ usage: null, usage_final: false, terminal: true });
  expect(seen.flags.join()).toMatch(/^usage_invalid:/);
  expect(JSON.parse(understood(closing)[0]!.data!)).toHaveProperty("bursar");
});

test("a usage before the end is none, one behind it is taken with a flag, and nothing behind it reaches the client", () => {
  const early = event({ type: "response.in_progress", response: response({ usage: usage(1, 1) }) });
  expect(replay(openAiResponses, plain, [created, early]).seen).toMatchObject({ usage: null, usage_final: false });
  const late = replay(openAiResponses, plain, [created, completed(null), completed(usage(5, 9)), words]);
  expect(late.seen).toMatchObject({ usage_final: true, usage: { counts: { input_fresh: 5, output_text: 9 } } });
  expect(late.seen.flags).toEqual(["usage_after_end", "event_after_end"]);
  expect(late.forwarded.equals(created)).toBe(true);
});

test("C4: a stream without usage tells none, and whatever a model writes is metered, once", () => {
  const { seen } = replay(openAiResponses, plain, [created, words, completed(null)]);
  expect(seen).toMatchObject({ usage: null, usage_final: false, terminal: true, flags: [] });
  expect(seen.metered_output).toBeGreaterThanOrEqual(6);
  for (const name of ["text", "tools", "reasoning", "refusal"]) {
    const deltas = understood(fixture(`${name}.sse`)).filter((one) => one.event?.endsWith(".delta"));
    const { metered_output } = replay(openAiResponses, plain, [fixture(`${name}.sse`)]).seen;
    expect(metered_output, name).toBeGreaterThanOrEqual(deltas.length);
    expect(metered_output, name).toBeLessThanOrEqual(3 * deltas.length);
  }
});

test("what comes without deltas is metered when its item is finished, or the response", () => {
  const text = "Nine coins were counted in the hoard. ".repeat(20);
  const item = { id: "m", type: "message", role: "assistant", content: [{ type: "output_text", text }] };
  const done = event({ type: "response.output_item.done", output_index: 0, item });
  const metered = (...pieces: Buffer[]) => replay(openAiResponses, plain, pieces).seen.metered_output;
  const expected = metered(created, event({ type: "response.output_text.delta", delta: text }));
  expect(metered(created, added(item), done)).toBe(expected);
  expect(metered(created, completed(null, [item]))).toBe(expected);
  expect(metered(created, added(item), done, completed(null, [item]))).toBe(expected);
  expect(metered(created, event({ type: "response.something_new.delta", delta: text }))).toBe(expected);
  const shell = { type: "local_shell_call", action: { command: ["ls", text] } };
  expect(metered(created, event({ type: "response.output_item.done", output_index: 3, item: shell }))).toBeGreaterThan(100);
});

test("streamed sound is metered by its length, its transcript as text", () => {
  const audio = event({ type: "response.audio.delta", delta: "A".repeat(32_000) });
  const transcript = event({ type: "response.audio.transcript.delta", delta: "Nine coins." });
  const { seen } = replay(openAiResponses, plain, [created, audio, transcript]);
  expect(seen.metered_output).toBeGreaterThan(10);
  expect(seen.metered_output).toBeLessThan(20);
});

test("B9: what a tool at the provider cost is only known from a final usage; without one the stream says so", () => {
  const search = { id: "ws", type: "web_search_call", status: "completed", action: { type: "search", query: "q" } };
  const searching = [created, added(search), event({ type: "response.output_item.done", output_index: 0, item: search })];
  expect(replay(openAiResponses, plain, searching).seen.flags).toEqual(["usage_invalid:missing"]);
  expect(replay(openAiResponses, plain, [...searching, completed(null)]).seen.flags).toEqual(["usage_invalid:missing"]);
  const ended = replay(openAiResponses, plain, [...searching, completed(usage(900, 3))]).seen;
  expect(ended).toMatchObject({ flags: [], usage: { counts: { web_searches: 1 } } });
  const files = { id: "fs", type: "file_search_call", status: "completed", queries: ["q"] };
  const filed = replay(openAiResponses, plain, [created, completed(usage(900, 3), [files])]).seen;
  expect(filed.flags).toEqual(["fee_unknown:file_search_call"]);
});

test("C12: an error event is passed on and named, flat or nested", () => {
  const { forwarded, closing, seen } = replay(openAiResponses, plain, [fixture("error.sse")]);
  expect(seen).toMatchObject({ error: "server_error", terminal: false, usage: null });
  expect(understood(forwarded).at(-1)?.event).toBe("error");
  expect(understood(closing)).toEqual([]);
  const nested = event({ type: "error", error: { type: "invalid_request_error", code: "context_length_exceeded" } });
  expect(replay(openAiResponses, plain, [created, nested]).seen.error).toBe("context_length_exceeded");
});

test("hostile events flag and never throw, whether the stream goes on or is cut", () => {
  const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
  const events = [
    "{",
    "[]",
    "7",
    "null",
    '{"type":7}',
    '{"type":{}}',
    '{"type":"response.created"}',
    '{"type":"response.created","response":7}',
    `{"type":"response.created","response":{"id":"r","instructions":${deep}}}`,
    '{"type":"response.output_item.added"}',
    '{"type":"response.output_item.added","output_index":{},"item":{"type":"message"}}',
    `{"type":"response.output_item.added","output_index":0,"item":{"type":"message","content":${deep}}}`,
    '{"type":"response.output_item.added","output_index":1,"item":{"type":"reasoning","__proto__":{"polluted":1},"content":{}}}',
    '{"type":"response.content_part.added","output_index":1,"content_index":-1,"part":{"type":"output_text"}}',
    '{"type":"response.content_part.added","output_index":1,"content_index":0,"part":{"type":"constructor"}}',
    '{"type":"response.output_text.delta","output_index":1,"content_index":1e99,"delta":"x"}',
    '{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":{}}',
    `{"type":"response.output_item.done","output_index":0,"item":{"type":"local_shell_call","action":${deep}}}`,
    '{"type":"response.output_item.done","output_index":1,"item":[]}',
    '{"type":"error","code":{}}',
  ].map((data) => Buffer.from(`data: ${data}\n\n`));
  const many = Array.from({ length: 600 }, (_, index) => added({ type: "message", id: `m${index}` }, index + 2));
  const { seen } = replay(openAiResponses, plain, [...events, ...many]);
  expect(seen.flags).toEqual(["event_invalid", "items_beyond_bound"]);
  const reader = openAiResponses.reader(plain);
  for (const raw of [...events, ...many]) reader.event(raw);
  expect(understood(reader.cut(figures)).at(-1)?.event).toBe("response.incomplete");
  for (const terminal of ['{"type":"response.completed","response":{"output":{},"usage":{}}}', '{"type":"response.failed"}'])
    expect(replay(openAiResponses, plain, [Buffer.from(`data: ${terminal}\n\n`)]).seen.terminal).toBe(true);
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

test("an event that is no JSON passes as it came and is metered", () => {
  const { forwarded, seen } = replay(openAiResponses, plain, [Buffer.from("data: {broken\n\n")]);
  expect(forwarded.toString()).toBe("data: {broken\n\n");
  expect(seen.flags).toEqual(["event_invalid"]);
  expect(seen.metered_output).toBeGreaterThan(0);
});

test("a stream that claims ever more text is kept within bounds, and still ends well-formed", () => {
  const reader = openAiResponses.reader(plain);
  const item = { id: "m", type: "message", role: "assistant", status: "in_progress", content: [] };
  reader.event(created);
  reader.event(added(item));
  reader.event(
    event({
      type: "response.content_part.added",
      output_index: 0,
      content_index: 0,
      part: { type: "output_text", text: "", annotations: [] },
    }),
  );
  const delta = event({ type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "coin ".repeat(20_000) });
  for (let written = 0; written <= 2 * KEPT_CHARACTERS_MAX; written += 100_000) reader.event(delta);
  reader.event(added({ id: "f", type: "function_call", name: "f", call_id: "c", arguments: "" }, 1));
  reader.event(event({ type: "response.function_call_arguments.delta", output_index: 1, delta: '{"a":1' }));
  const events = understood(reader.cut(figures)).map((one) => JSON.parse(one.data!));
  expect(Buffer.byteLength(JSON.stringify(events))).toBeLessThan(10_000);
  expect(events.at(-1).response.output).toEqual([
    { ...item, status: "incomplete", content: [{ type: "output_text", annotations: [], logprobs: [], text: "" }] },
    { id: "f", type: "function_call", name: "f", call_id: "c", arguments: '{"a":1', status: "incomplete" },
  ]);
  expect(reader.seen.metered_output).toBeGreaterThan(100_000);
});
