import { expect, test } from "vitest";
import { cutsOf, expectTheSameWhereverCut } from "../../../test/cut-anywhere.js";
import { eventsOf, figures, fixture, replay, understood } from "../../../test/replay-stream.js";
import { anthropicMessagesDialect as dialect } from "./wire.js";

const request = dialect.read(
  Buffer.from(
    JSON.stringify({
      model: "claude-sonnet-4-5",
      max_tokens: 100,
      messages: [{ role: "user", content: "How many?" }],
      stream: true,
    }),
  ),
);
const STREAMS = ["text", "tools", "thinking", "cumulative", "error", "fallback"];

const event = (type: string, rest: object | string) => {
  const data = typeof rest === "string" ? rest : JSON.stringify({ type, ...rest });
  return `event: ${type}\ndata: ${data}\n\n`;
};
const start = (usage: unknown) => event("message_start", { message: { id: "msg_1", type: "message", model: "claude-x", usage } });
const words = event("content_block_delta", { index: 0, delta: { type: "text_delta", text: "coin " } }).repeat(6);
const delta = (usage: string, reason: string | null = "end_turn") =>
  event("message_delta", `{"type":"message_delta","delta":{"stop_reason":${JSON.stringify(reason)}},"usage":${usage}}`);
const stop = event("message_stop", {});
const read = (...parts: string[]) => replay(dialect, request, [Buffer.from(parts.join(""))]).seen;
const START = start({ input_tokens: 25, output_tokens: 1 });

test("input and caches come from message_start, output from message_delta, in disjoint classes", () => {
  const { seen } = replay(dialect, request, [fixture("anthropic/tools.sse")]);
  expect(seen.usage).toEqual({
    counts: { input_fresh: 472, cache_read: 1800, cache_write_5m: 148, cache_write_1h: 100, output_text: 89, requests: 1 },
    evidence: "provider",
    model: "claude-sonnet-4-5-20250929",
  });
  expect(seen).toMatchObject({
    usage_final: true,
    terminal: true,
    finish_reason: "tool_use",
    response_id: "msg_01Fy7",
    flags: [],
  });
});

test("thinking is a part of the output, not added to it", () => {
  const { seen } = replay(dialect, request, [fixture("anthropic/thinking.sse")]);
  expect(seen.usage?.counts).toEqual({ input_fresh: 43, output_text: 9, reasoning: 52, requests: 1 });
});

test("C5: cumulative deltas are not summed, and message_start's output is no count", () => {
  const { seen } = replay(dialect, request, [fixture("anthropic/cumulative.sse")]);
  expect(seen.usage?.counts).toEqual({ input_fresh: 31, output_text: 30, web_searches: 1, requests: 1 });
  expect(
    read(START, words, delta('{"output_tokens":10}'), delta('{"output_tokens":20}'), delta('{"output_tokens":30}'), stop),
  ).toMatchObject({
    usage: { counts: { output_text: 30 } },
    usage_final: true,
    flags: [],
  });
});

test("a null field leaves the last value standing", () => {
  const first = start({ input_tokens: 25, cache_read_input_tokens: 7, output_tokens: 1 });
  const seen = read(first, words, delta('{"input_tokens":null,"cache_read_input_tokens":null,"output_tokens":9}'), stop);
  expect(seen.usage?.counts).toEqual({ input_fresh: 25, cache_read: 7, output_text: 9, requests: 1 });
});

test("before the output is told, what was metered stands in for it", () => {
  const seen = read(START, words);
  expect(seen).toMatchObject({ usage_final: false, usage: { evidence: "metered", counts: { input_fresh: 25 } } });
  expect(seen.usage?.counts.output_text).toBe(seen.metered_output);
  expect(seen.metered_output).toBeGreaterThanOrEqual(6);
});

test("C4: a stream that ends without usage of its output is not final", () => {
  expect(read(START, words, stop)).toMatchObject({ usage_final: false, terminal: true });
  expect(read(words, stop)).toMatchObject({ usage: null, usage_final: false, terminal: true });
});

test.each(STREAMS.map((name) => [name, cutsOf(fixture(`anthropic/${name}.sse`))] as const))(
  "%s: the same events come out and the same is posted, however it is written and wherever it is cut (%s)",
  (name) => {
    const stream = fixture(`anthropic/${name}.sse`);
    expectTheSameWhereverCut({ dialect, requests: [request], stream });
  },
  120_000,
);

test("every byte but the last two events passes as it came; those carry the figures", () => {
  const stream = fixture("anthropic/text.sse");
  const { forwarded, closing } = replay(dialect, request, [stream]);
  const raw = eventsOf(stream);
  expect(forwarded).toEqual(Buffer.concat(raw.slice(0, -2)));
  const [last, end] = understood(closing);
  const { bursar, ...told } = JSON.parse(last!.data!);
  expect(last!.event).toBe("message_delta");
  expect(told).toEqual(JSON.parse(understood(stream).at(-2)!.data!));
  expect(bursar).toMatchObject({ call_id: "c1", cost_usd: "0.000123" });
  expect(end).toEqual(understood(stream).at(-1));
  expect(closing.toString()).toMatch(/\n\n: bursar call_id=c1 cost_usd=0\.000123 remaining=[^\n]*\n\nevent: message_stop\n/);
});

test("a ping passes at once while the last delta waits; anything else lets it go first", () => {
  const reader = dialect.reader(request);
  const bytes = (text: string) => Buffer.from(text);
  reader.event(bytes(START));
  expect(reader.event(bytes(delta('{"output_tokens":9}')))).toBeNull();
  expect(reader.event(bytes(event("ping", {})))).toEqual(bytes(event("ping", {})));
  const odd = event("something_new", { a: 1 });
  expect(Buffer.from(reader.event(bytes(odd))!).toString()).toBe(delta('{"output_tokens":9}') + odd);
});

test.each([
  ["negative", '{"output_tokens":-3}'],
  ["nan", '{"output_tokens":NaN}'],
  ["string", '{"output_tokens":"3"}'],
  ["fractional", '{"output_tokens":3.5}'],
  ["too_large", '{"output_tokens":1e300}'],
  ["zero", '{"output_tokens":0}'],
  ["zero", '{"input_tokens":0,"output_tokens":9}'],
  ["missing", "{}"],
  ["negative", '{"output_tokens":9,"cache_read_input_tokens":-1}'],
  ["not_a_count", '{"output_tokens":9,"cache_creation":7}'],
  ["not_a_count", "7"],
])("usage that is %s never counts: %s", (why, usage) => {
  const seen = read(start({ input_tokens: 25, output_tokens: 1 }), words, delta(usage), stop);
  expect(seen.flags).toContain(`usage_invalid:${why}`);
  expect(seen).toMatchObject({ usage_final: false, terminal: true });
});

test("C6: a decreasing usage is rejected; what was final before stays so", () => {
  expect(read(START, words, delta('{"output_tokens":9}', null), delta('{"output_tokens":8}'), stop)).toMatchObject({
    usage_final: false,
    flags: ["usage_invalid:decreasing"],
  });
  const twice = read(START, words, delta('{"output_tokens":9}'), delta('{"output_tokens":8}'), stop);
  expect(twice).toMatchObject({ usage_final: true, usage: { counts: { output_text: 9 } }, flags: ["usage_invalid:decreasing"] });
});

test("C12: an error event is passed on and named, with the usage so far", () => {
  const { forwarded, seen } = replay(dialect, request, [fixture("anthropic/error.sse")]);
  expect(seen).toMatchObject({ error: "overloaded_error", terminal: false, usage_final: false, usage: { evidence: "metered" } });
  expect(understood(forwarded).at(-1)?.event).toBe("error");
});

test("hostile events flag and never throw, and unknown ones pass", () => {
  const odd = [
    "{",
    "[]",
    "7",
    "null",
    '{"type":"message_start","message":7}',
    '{"type":"content_block_start","index":{},"content_block":null}',
    '{"type":"message_delta","delta":null,"usage":null}',
    '{"type":"new_thing"}',
  ];
  const many = Array.from({ length: 500 }, (_, index) =>
    event("content_block_start", { index, content_block: { type: "text", text: "" } }),
  );
  const { seen, forwarded } = replay(dialect, request, [
    Buffer.from(odd.map((data) => `data: ${data}\n\n`).join("") + many.join("")),
  ]);
  expect(seen.flags).toEqual(["event_invalid"]);
  expect(eventsOf(forwarded)).toHaveLength(odd.length + many.length);
});

/** Follows the dialect's rules of order: one message, blocks started and stopped, one stop. */
function checkOrder(events: readonly { event: string | null; data: string | null }[]): void {
  const open = new Set<number>();
  const types = events.map((entry) => entry.event);
  for (const entry of events) {
    const data = JSON.parse(entry.data!);
    expect(data.type).toBe(entry.event);
    if (data.type === "content_block_start") open.add(data.index);
    if (data.type === "content_block_delta") expect(open.has(data.index)).toBe(true);
    if (data.type === "content_block_stop") expect(open.delete(data.index)).toBe(true);
  }
  expect(open.size).toBe(0);
  expect(types[0]).toBe("message_start");
  expect(types.slice(-2)).toEqual(["message_delta", "message_stop"]);
  expect(types.filter((type) => type === "message_start" || type === "message_stop")).toHaveLength(2);
}

test.each(STREAMS.slice(0, 4))("C8: %s can be cut after any event and ends well-formed", (name) => {
  const raw = eventsOf(fixture(`anthropic/${name}.sse`));
  for (let count = 0; count <= raw.length; count++) {
    const reader = dialect.reader(request);
    const before = raw.slice(0, count).flatMap((bytes) => reader.event(bytes) ?? []);
    const events = understood(Buffer.concat([...before, reader.cut({ ...figures, cut: "no room" })]));
    checkOrder(events);
    const last = JSON.parse(events.at(-2)!.data!);
    expect(last.bursar).toMatchObject({ call_id: "c1", cut: "no room" });
    expect(last.delta.stop_reason).toBe(count < raw.length - 1 ? "max_tokens" : reader.seen.finish_reason);
    expect(last.usage.output_tokens).toBeGreaterThanOrEqual(0);
  }
});
