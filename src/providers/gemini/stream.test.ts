import fc from "fast-check";
import { expect, test } from "vitest";
import { cutsOf, expectTheSameWhereverCut } from "../../../test/cut-anywhere.js";
import { eventsOf, figures, fixture, replay, understood } from "../../../test/replay-stream.js";
import { BursarError } from "../../accounting/errors.js";
import type { ParsedRequest } from "../../call/message.js";
import { UpstreamFailure } from "../../call/needs.js";
import { openJsonArraySplitter } from "./json-array.js";
import { geminiGenerate as dialect } from "./wire.js";

const request = (framing: "sse" | "json", more: object = {}): ParsedRequest =>
  dialect.read(Buffer.from(JSON.stringify({ contents: [{ role: "user", parts: [{ text: "How many?" }] }], ...more })), {
    model: "gemini-2.5-flash",
    stream: true,
    framing,
  });
const two = { generationConfig: { candidateCount: 2 } };
const sse = request("sse");
const array = request("json");
const STREAMS = ["text", "thinking", "tools", "grounding", "blocked", "two-candidates", "error"];
const ARRAYS = ["text", "tools", "two-candidates", "error"];

const json = (bytes: Uint8Array): Record<string, unknown>[] =>
  JSON.parse(Buffer.from(bytes).toString("utf8").replace("\ufeff", ""));
const whole = (of: { forwarded: Buffer; closing: Buffer }): Buffer => Buffer.concat([of.forwarded, of.closing]);
const withoutFigures = (chunks: readonly Record<string, unknown>[]) => chunks.map(({ bursar, ...chunk }) => chunk);
const sseChunks = (bytes: Uint8Array): Record<string, unknown>[] => understood(bytes).map((event) => JSON.parse(event.data!));

test("the usage of the last chunk is read in disjoint classes: thoughts beside candidates, results of tools as input", () => {
  expect(replay(dialect, sse, [fixture("gemini/thinking.sse")]).seen).toMatchObject({
    usage: {
      counts: { input_fresh: 21, output_text: 3, reasoning: 96, requests: 1 },
      evidence: "provider",
      model: "gemini-2.5-flash",
    },
    usage_final: true,
    terminal: true,
    finish_reason: "STOP",
    response_id: "mAskaZ-bJ4mn-8YP0uXJiAE",
    flags: [],
  });
  const grounded = replay(dialect, sse, [fixture("gemini/grounding.sse")]).seen;
  expect(grounded.usage?.counts).toEqual({ input_fresh: 142, output_text: 4, requests: 1, web_searches: 1 });
});

test.each(STREAMS.map((name) => [name, cutsOf(fixture(`gemini/${name}.sse`))] as const))(
  "%s: the same events come out and the same is posted, however it is written and wherever it is cut (%s)",
  (name) => {
    const stream = fixture(`gemini/${name}.sse`);
    expectTheSameWhereverCut({ dialect, requests: [name === "two-candidates" ? request("sse", two) : sse], stream });
  },
  120_000,
);

test.each(ARRAYS.map((name) => [name, cutsOf(fixture(`gemini/${name}-array.json`))] as const))(
  "%s as an array: the same as from events, however it is written and wherever it is cut (%s)",
  (name) => {
    const stream = fixture(`gemini/${name}-array.json`);
    const more = name === "two-candidates" ? two : {};
    const elements = replay(dialect, request("json", more), [stream]);
    const events = replay(dialect, request("sse", more), [fixture(`gemini/${name}.sse`)]);
    expect(withoutFigures(json(whole(elements)))).toEqual(JSON.parse(stream.toString()));
    expect(elements.seen.usage).toEqual(events.seen.usage);
    expect([elements.seen.metered_output, elements.seen.terminal]).toEqual([events.seen.metered_output, events.seen.terminal]);
    expectTheSameWhereverCut({ dialect, requests: [request("json", more)], stream });
  },
  120_000,
);

test.each(ARRAYS)("%s as an array: the pieces of any chunking are the stream, byte for byte", (name) => {
  const stream = fixture(`gemini/${name}-array.json`);
  const count = openJsonArraySplitter({ eventBytesMax: 1 << 20 }).push(stream).length;
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 12 }), (cuts) => {
      const splitter = openJsonArraySplitter({ eventBytesMax: 1 << 20 });
      const places = [0, ...cuts.sort((a, b) => a - b), stream.length];
      const pieces = places.slice(1).flatMap((end, index) => splitter.push(stream.subarray(places[index], end)));
      expect(pieces.length).toBe(count);
      expect(splitter.rest()).toBeNull();
      expect(Buffer.concat(pieces).toString()).toBe(stream.toString().trimEnd());
    }),
    { numRuns: 60 },
  );
});

test("all but the last chunk passes byte for byte, in both framings", () => {
  const events = fixture("gemini/text.sse");
  expect(replay(dialect, sse, [events]).forwarded).toEqual(Buffer.concat(eventsOf(events).slice(0, -1)));
  const elements = fixture("gemini/text-array.json");
  const pieces = openJsonArraySplitter({ eventBytesMax: 1 << 20 }).push(elements);
  expect(replay(dialect, array, [elements]).forwarded).toEqual(Buffer.concat(pieces.slice(0, -2)));
});

test("the figures stand in the last chunk, and in a comment where the framing has them", () => {
  const { closing } = replay(dialect, sse, [fixture("gemini/text.sse")]);
  const [last] = sseChunks(closing);
  expect(last).toMatchObject({ bursar: { call_id: "c1", cost_usd: "0.000123" }, candidates: [{ finishReason: "STOP" }] });
  expect(closing.toString()).toMatch(/\n\n: bursar call_id=c1 [^\n]*\n\n$/);
  const elements = json(whole(replay(dialect, array, [fixture("gemini/text-array.json")])));
  expect(elements.map((element) => "bursar" in element)).toEqual([false, false, true]);
});

test("data on several lines is one chunk, also where the figures go into it", () => {
  const stream = fixture("gemini/text.sse").toString();
  const lines = stream.replaceAll(',"usageMetadata"', '\ndata: ,"usageMetadata"');
  const [wanted, read] = [stream, lines].map((text) => sseChunks(whole(replay(dialect, sse, [Buffer.from(text)]))));
  expect(lines).not.toBe(stream);
  expect(read).toEqual(wanted);
});

test("a chunk behind the one that finished lets it go as it came and is held back itself", () => {
  const finish = '{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}';
  const late = '{"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":1,"totalTokenCount":6}}';
  const { forwarded, closing, seen } = replay(dialect, sse, [Buffer.from(`data: ${finish}\n\ndata: ${late}\n\n`)]);
  expect(forwarded.toString()).toBe(`data: ${finish}\n\n`);
  expect(sseChunks(closing)).toMatchObject([{ bursar: {}, usageMetadata: { promptTokenCount: 5 } }]);
  expect(seen).toMatchObject({ usage_final: true, usage: { counts: { input_fresh: 5, output_text: 1 } } });
});

test("a stream that ends without a finishReason is not over, and its usage is only an older one", () => {
  const open = eventsOf(fixture("gemini/text.sse")).slice(0, 2);
  const { seen, closing } = replay(dialect, sse, open);
  expect(seen).toMatchObject({ terminal: false, usage_final: false, usage: { counts: { input_fresh: 8 } } });
  expect(understood(closing)).toEqual([]);
  const pieces = openJsonArraySplitter({ eventBytesMax: 1 << 20 }).push(fixture("gemini/text-array.json"));
  const broken = replay(dialect, array, [...pieces.slice(0, 1), Buffer.from(',\n{"candidates":[{"cont')]);
  expect(json(whole(broken))).toHaveLength(1);
  expect(broken.seen).toMatchObject({ terminal: false, flags: ["event_invalid"] });
});

test("metering goes on beyond the last usage while an answer is open", () => {
  const chunk = (text: string, usage: string) => `data: {"candidates":[{"content":{"parts":[{"text":"${text}"}]}}]${usage}}\n\n`;
  const told = ',"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":1,"totalTokenCount":6}';
  const { seen } = replay(dialect, sse, [Buffer.from(chunk("a", told) + chunk("b ", "").repeat(9))]);
  expect(seen).toMatchObject({ usage_final: false, usage: { evidence: "metered", counts: { input_fresh: 5, output_text: 10 } } });
});

test("an answer that was asked for and never began leaves the stream open, with its usage known", () => {
  const { seen } = replay(dialect, request("sse", two), [fixture("gemini/text.sse")]);
  expect(seen).toMatchObject({ terminal: false, usage_final: true, usage: { evidence: "provider" } });
  expect(replay(dialect, request("sse", two), [fixture("gemini/two-candidates.sse")]).seen).toMatchObject({
    terminal: true,
    usage: { counts: { output_text: 6 } },
  });
});

test("a blocked prompt is a whole answer with its usage", () => {
  expect(replay(dialect, sse, [fixture("gemini/blocked.sse")]).seen).toMatchObject({
    terminal: true,
    usage_final: true,
    finish_reason: "PROHIBITED_CONTENT",
    usage: { counts: { input_fresh: 31, output_text: 0, requests: 1 } },
  });
});

test("an error inside the stream is passed on and named, in both framings", () => {
  const events = replay(dialect, sse, [fixture("gemini/error.sse")]);
  expect(events.seen).toMatchObject({ error: "UNAVAILABLE", terminal: false });
  expect(sseChunks(whole(events)).at(-1)).toMatchObject({ error: { code: 503 } });
  const elements = replay(dialect, array, [fixture("gemini/error-array.json")]);
  expect(elements.seen.error).toBe("UNAVAILABLE");
  expect(json(whole(elements)).at(-1)).toMatchObject({ error: { code: 503 } });
});

test.each(["negative", "nan", "string", "fractional", "zero", "not_a_count"])("usage that is %s never counts", (why) => {
  const values: Record<string, string> = {
    negative: '{"promptTokenCount":-5}',
    nan: '{"promptTokenCount":NaN,"candidatesTokenCount":3}',
    string: '{"promptTokenCount":"5","candidatesTokenCount":3}',
    fractional: '{"promptTokenCount":5.5,"candidatesTokenCount":3}',
    zero: '{"promptTokenCount":5,"candidatesTokenCount":0}',
    not_a_count: "7",
  };
  const finish = `{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":${values[why]}}`;
  for (const [reading, stream] of [
    [sse, `data: ${finish}\n\n`],
    [array, `[${finish}]`],
  ] as const) {
    const { seen, ...bytes } = replay(dialect, reading, [Buffer.from(stream)]);
    expect(seen.flags).toContain(`usage_invalid:${why}`);
    expect(seen).toMatchObject({ usage: null, usage_final: false, terminal: true });
    expect(reading === sse ? sseChunks(whole(bytes)) : json(whole(bytes))).toHaveLength(1);
  }
});

test("usage is cumulative: the last valid one wins, a smaller one is flagged", () => {
  const chunk = (tokens: number, finish: string) =>
    `data: {"candidates":[{"content":{"parts":[{"text":"a"}]}${finish}}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":${tokens}}}\n\n`;
  const read = (...pieces: string[]) => replay(dialect, sse, [Buffer.from(pieces.join(""))]).seen;
  expect(read(chunk(3, ""), chunk(9, ',"finishReason":"STOP"'))).toMatchObject({
    usage: { counts: { output_text: 9 } },
    flags: [],
  });
  const less = read(chunk(9, ""), chunk(3, ',"finishReason":"STOP"'));
  expect(less).toMatchObject({ usage: { counts: { output_text: 9 } }, usage_final: false, flags: ["usage_invalid:decreasing"] });
});

test("hostile events flag and never throw, and an array stays one", () => {
  const events = [
    "{",
    "7",
    '"{"',
    "null",
    '{"candidates":{}}',
    '{"candidates":[null,7,{"content":7},{"content":{"parts":[null,7,{"functionCall":3},{"text":{}}]}}]}',
    '{"candidates":[{"groundingMetadata":{"webSearchQueries":7,"groundingChunks":{}}}]}',
    '{"usageMetadata":[],"error":null}',
  ];
  const many = Array.from(
    { length: 500 },
    (_, index) => `{"candidates":[{"index":${index},"content":{"parts":[{"text":"a"}]}}]}`,
  );
  const { seen } = replay(dialect, sse, [Buffer.from([...events, ...many].map((data) => `data: ${data}\n\n`).join(""))]);
  expect(seen.flags).toEqual(["event_invalid", "usage_invalid:not_a_count", "candidates_beyond_bound"]);
  expect(seen.metered_output).toBeGreaterThanOrEqual(500);
  const elements = replay(dialect, array, [Buffer.from(`[${[...events.slice(1), ...many].join(",")}]`)]);
  expect(json(whole(elements)).length).toBeGreaterThanOrEqual(500);
});

test("whatever bytes come, the reader of an array answers an array", () => {
  const text = fc.stringMatching(/^[[\]{}",:\\ \r\nab17]*$/);
  fc.assert(
    fc.property(fc.array(fc.oneof(text, fc.json()), { maxLength: 8 }), (pieces) => {
      const read = replay(
        dialect,
        array,
        pieces.map((piece) => Buffer.from(piece)),
      );
      expect(Array.isArray(json(whole(read)))).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("an element beyond its bound, or none for as long, fails the stream; one below passes in single bytes", () => {
  const splitter = openJsonArraySplitter({ eventBytesMax: 1000 });
  for (const byte of Buffer.from(`[{"a":"${"x".repeat(980)}"}`)) splitter.push(Uint8Array.of(byte));
  expect(splitter.rest()).toBeNull();
  for (const long of [`[{"a":"${"x".repeat(1000)}"}`, " ".repeat(1001), `["${"\\".repeat(1001)}`]) {
    expect(() => openJsonArraySplitter({ eventBytesMax: 1000 }).push(Buffer.from(long))).toThrow(UpstreamFailure);
  }
});

test.each(STREAMS)("C8: %s can be cut after any event and ends well-formed", (name) => {
  const raw = eventsOf(fixture(`gemini/${name}.sse`));
  const reading = name === "two-candidates" ? request("sse", two) : sse;
  for (let count = 0; count <= raw.length; count++) {
    const reader = dialect.reader(reading);
    const before = raw.slice(0, count).flatMap((event) => reader.event(event) ?? []);
    const own = reader.seen.terminal;
    const chunks = sseChunks(Buffer.concat([...before, reader.cut({ ...figures, cut: "no room" })]));
    expectFinished(chunks, { asked: reading.choices, blocked: name === "blocked" && own, at: `cut after ${count}` });
    expect(reader.seen.terminal).toBe(true);
    for (const late of raw.slice(count)) expect(reader.event(late)).toBeNull();
  }
});

test.each(ARRAYS)("C8: %s as an array can be cut after any element and ends well-formed", (name) => {
  const raw = openJsonArraySplitter({ eventBytesMax: 1 << 20 }).push(fixture(`gemini/${name}-array.json`));
  const reading = name === "two-candidates" ? request("json", two) : array;
  for (let count = 0; count <= raw.length; count++) {
    const reader = dialect.reader(reading);
    const before = raw.slice(0, count).flatMap((event) => reader.event(event) ?? []);
    const chunks = json(Buffer.concat([...before, reader.cut({ ...figures, cut: "no room" })]));
    expectFinished(chunks, { asked: reading.choices, blocked: false, at: `cut after ${count}` });
  }
});

/** Every answer that was asked for ends exactly once, and the last chunk has the figures and a usage that adds up. */
function expectFinished(chunks: readonly Record<string, unknown>[], of: { asked: number; blocked: boolean; at: string }): void {
  const candidates = chunks.flatMap((chunk) => (chunk.candidates ?? []) as { finishReason?: string; index: number }[]);
  const ends = candidates.filter((candidate) => candidate.finishReason !== undefined).map((candidate) => candidate.index);
  expect(ends.sort(), of.at).toEqual(of.blocked ? [] : Array.from({ length: of.asked }, (_, index) => index));
  const last = chunks.at(-1) as { bursar?: object; usageMetadata: Record<string, number> };
  expect(last.bursar, of.at).toMatchObject({ call_id: "c1", cut: "no room" });
  const { promptTokenCount, candidatesTokenCount = 0, thoughtsTokenCount = 0, totalTokenCount } = last.usageMetadata;
  const results = last.usageMetadata.toolUsePromptTokenCount ?? 0;
  expect(promptTokenCount! + candidatesTokenCount + thoughtsTokenCount + results, of.at).toBe(totalTokenCount);
}

test("a failure in the middle is the last element of an array, and an event of its own otherwise", () => {
  const error = new BursarError("upstream_failed", "The connection broke.");
  const pieces = openJsonArraySplitter({ eventBytesMax: 1 << 20 }).push(fixture("gemini/text-array.json"));
  for (let count = 0; count < pieces.length; count++) {
    const reader = dialect.reader(array);
    const before = pieces.slice(0, count).flatMap((piece) => reader.event(piece) ?? []);
    const elements = json(Buffer.concat([...before, reader.failing!(error, "c1")]));
    expect(elements.at(-1)).toMatchObject({ error: { code: 502, status: "UNAVAILABLE" } });
  }
  const reader = dialect.reader(sse);
  expect(reader.failing!(error, "c1")).toEqual(dialect.errorEvent(error, "c1"));
});
