import fc from "fast-check";
import { expect, test } from "vitest";
import type { Dialect, StreamReader, StreamSeen } from "../call/needs.js";
import { anthropicMessagesDialect } from "./anthropic/wire.js";
import { openOutputMeter } from "./meter-output.js";
import { openAiChat } from "./openai/wire.js";
import { openRepeatedDelta } from "./repeated-delta.js";

const DIALECTS: readonly (readonly [string, Dialect, (text: string, odd: object) => object, object])[] = [
  [
    "Chat",
    openAiChat,
    (content, odd) => ({
      id: "c",
      model: "m",
      created: 1,
      choices: [{ index: 0, delta: { content, ...odd }, finish_reason: null }],
    }),
    { model: "m", messages: [] },
  ],
  [
    "Messages",
    anthropicMessagesDialect,
    (text, odd) => ({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text, ...odd } }),
    { model: "m", max_tokens: 5, messages: [] },
  ],
];

function seen(from: StreamSeen) {
  const { usage, usage_final, metered_output, terminal, error, flags, response_id, model, finish_reason } = from;
  return { usage, usage_final, metered_output, terminal, error, flags, response_id, model, finish_reason };
}

/** Reads an event in a way that its bytes are never those of the one before: a comment of another length goes before it. */
function readFresh(reader: StreamReader, raw: Buffer, turn: number): string | null {
  const comment = `:${"x".repeat((turn % 2) + 1)}\n`;
  const forward = reader.event(Buffer.concat([Buffer.from(comment), raw]));
  return forward === null ? null : Buffer.from(forward).toString("latin1").replace(comment, "");
}

const piece = fc.oneof(
  fc.constantFrom(
    "",
    " word",
    '"',
    "\\",
    "\n",
    "größer",
    "你好",
    "😀",
    "\ud83d",
    "a".repeat(300),
    "\u007f",
    '","finish_reason":"stop',
  ),
  fc.string({ unit: "binary", maxLength: 6 }),
);
const odd = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      { refusal: "no" },
      { content: 5 },
      { text: null },
      { thinking: "so" },
      { tool_calls: [{ function: { name: "n" } }] },
    ),
  },
);
const damage = fc.oneof(
  { weight: 8, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.record({ at: fc.nat(), byte: fc.constantFrom(0x22, 0x5c, 0x7d, 0x01, 0xff, 0x78) }) },
);

test.each(DIALECTS)(
  "%s: events that are known by their bytes are read as those that are not, event by event",
  (_, dialect, event, ask) => {
    fc.assert(
      fc.property(fc.array(fc.tuple(piece, odd, damage), { maxLength: 25 }), (told) => {
        const request = dialect.read(Buffer.from(JSON.stringify(ask)));
        const [known, fresh] = [dialect.reader(request), dialect.reader(request)];
        told.forEach(([text, more, harm], turn) => {
          const raw = Buffer.from(`data: ${JSON.stringify(event(text, more))}\n\n`);
          if (harm !== null) raw[6 + (harm.at % (raw.length - 8))] = harm.byte;
          const forward = known.event(raw);
          const other = readFresh(fresh, raw, turn);
          expect(forward === null ? null : Buffer.from(forward).toString("latin1")).toBe(other);
          expect(seen(known.seen)).toEqual(seen(fresh.seen));
        });
      }),
      { numRuns: 500 },
    );
  },
);

test("an event is known again by everything but its text, and only where the text is one", () => {
  const repeated = openRepeatedDelta();
  const meter = openOutputMeter();
  const raw = (text: string, key = "content"): Buffer => Buffer.from(`data: {"delta":{"${key}":"${text}"},"n":1}\n\n`);
  expect(repeated.repeats(raw("a"), meter)).toBe(false);
  repeated.remember(raw("a"), "content");
  expect(repeated.repeats(raw("another text"), meter)).toBe(true);
  expect(repeated.repeats(raw(""), meter)).toBe(true);
  expect(meter.tokens).toBe(2);
  for (const other of [
    raw('x","n":7,"y":"'),
    raw("\\"),
    raw("\\x"),
    raw("a\u0001"),
    raw("x", "content2"),
    Buffer.from("data: {}\n\n"),
  ])
    expect(repeated.repeats(other, meter)).toBe(false);
  expect(repeated.repeats(Buffer.from(raw("\u00ff").toString("utf8"), "latin1"), meter)).toBe(false);
  expect(meter.tokens).toBe(2);
  repeated.forget();
  expect(repeated.repeats(raw("a"), meter)).toBe(false);
  repeated.remember(Buffer.from('data: {"content":null,"delta":{"content":"x"}}\n\n'), "content");
  expect(repeated.repeats(Buffer.from('data: {"content":null,"delta":{"content":"y"}}\n\n'), meter)).toBe(false);
});
