// The wire of calls above the wire: bounded, metered, and ended well-formed from anywhere.
import fc from "fast-check";
import { expect, test } from "vitest";
import { BursarError } from "../../../accounting/errors.js";
import { outputTokens } from "../../../accounting/meter/usage.js";
import type { CallFigures } from "../../../call/needs.js";
import { eventBytes, eventFields } from "../../../providers/sse.js";
import { modelCallDialect as dialect } from "./dialect.js";
import { bodyOf, capIn, type NeutralCall } from "./neutral-call.js";
import { modelCallUsage } from "./told-usage.js";

const call: NeutralCall = {
  model: "gpt-4o",
  stream: true,
  output_cap: null,
  choices: 1,
  tool_uses_max: null,
  thinking: false,
  cache_writes: "none",
  system: [],
  messages: [{ role: "user", parts: [{ kind: "text", text: 'a "quoted" {word}' }] }],
  tools: [{ name: "t", declaration: { name: "t", inputSchema: {} }, server_side: false, uses_max: null }],
  more: null,
  unknown_fields: [],
  service_tier: null,
};
const figures: CallFigures = { call_id: "call_1", cost_usd: "0.01", ceiling_usd: "0.02", remaining: [] };
const told = {
  input: 100,
  cache_read: 40,
  cache_write: 30,
  cache_write_1h: 10,
  input_audio: null,
  output: 50,
  reasoning: 20,
  output_audio: null,
  web_searches: 2,
  service_tier: null,
};

const raw = (event: object): Uint8Array => eventBytes({ data: JSON.stringify(event) });
const json = (bytes: Uint8Array): unknown => JSON.parse(eventFields(bytes).data ?? "null");

test("the admitted cap is spliced, and all else stays byte for byte", () => {
  const request = dialect.read(bodyOf(call));
  expect(request).toMatchObject({ model: "gpt-4o", output_cap: null, stream: true, unknown_fields: [] });
  expect(request.tools[0]?.bytes).toBeGreaterThan(20);
  const sent = dialect.prepare(request, { output_cap: 77, include_usage: true });
  expect(capIn(sent)).toBe(77);
  expect(Buffer.from(sent).toString()).toBe(JSON.stringify({ ...call, output_cap: 77 }));
  expect(dialect.prepare(request, {})).toBe(request.body);
});

test("usage is told as disjoint classes that add up to its totals", () => {
  const read = modelCallUsage(told, { metered: 10 });
  expect(read).toMatchObject({
    ok: true,
    counts: {
      input_fresh: 30,
      cache_read: 40,
      cache_write_5m: 20,
      cache_write_1h: 10,
      output_text: 30,
      reasoning: 20,
      requests: 1,
      web_searches: 2,
    },
  });
  const bad = [{ input: null }, { output: "5" }, { input: -1 }, { output: 1.5 }, { input: 0 }, { output: 0 }];
  for (const one of bad) expect(modelCallUsage({ ...told, ...one }, { metered: 10 })).toMatchObject({ ok: false });
});

test("what was on its way behind a cut is still counted, and its usage is believed", () => {
  const reader = dialect.reader(dialect.read(bodyOf(call)));
  reader.event(raw({ part: 0, open: "text:0" }));
  reader.event(raw({ part: 1, text: "some words here" }));
  const before = reader.seen.metered_output;
  expect(json(reader.cut(figures))).toMatchObject({ cut: { close: ["text:0"], output: before } });
  expect(reader.event(raw({ part: 2, text: "and some more words" }))).toBeNull();
  expect(reader.seen.metered_output).toBeGreaterThan(before);
  expect(reader.event(raw({ part: 3, finish: "stop", usage: told }))).toBeNull();
  expect(reader.seen.usage_final).toBe(true);
  expect(outputTokens(reader.seen.usage?.counts ?? {})).toBe(50);
});

test("wherever a stream is cut, exactly the blocks that are open are closed", () => {
  const block = fc.record({
    kind: fc.constantFrom("text", "reasoning", "tool-input"),
    deltas: fc.array(fc.string(), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(block, { maxLength: 6 }), fc.nat(), (blocks, at) => {
      const events = blocks.flatMap(({ kind, deltas }, index) => [
        { part: 0, open: `${kind}:${index}` },
        ...deltas.map((text) => ({ part: 0, text })),
        { part: 0, close: `${kind}:${index}` },
      ]);
      const seen = events.slice(0, at % (events.length + 1));
      const reader = dialect.reader(dialect.read(bodyOf(call)));
      const open = new Set<string>();
      for (const event of seen) {
        expect(reader.event(raw(event))).not.toBeNull();
        if ("open" in event && event.open !== undefined) open.add(event.open);
        if ("close" in event && event.close !== undefined) open.delete(event.close);
      }
      expect(json(reader.cut(figures))).toMatchObject({ cut: { close: [...open] } });
      expect(reader.seen.metered_output).toBeGreaterThanOrEqual(
        seen.filter((event) => "text" in event && event.text !== "").length,
      );
    }),
  );
});

test("hostile bytes throw nothing but a BursarError, and pollute nothing", () => {
  const value = fc.oneof(fc.json(), fc.string(), fc.constant('{"__proto__":{"admin":true},"model":"m"}'));
  fc.assert(
    fc.property(value, (text) => {
      const bytes = Buffer.from(text);
      try {
        dialect.read(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(BursarError);
      }
      const reader = dialect.reader(dialect.read(bodyOf(call)));
      reader.event(eventBytes({ data: text.replace(/[\r\n]/g, " ") }));
      reader.cut(figures);
      dialect.readReply(bytes);
      expect(({} as { admin?: unknown }).admin).toBeUndefined();
    }),
  );
});
