import fc from "fast-check";
import { expect, test } from "vitest";
import { eventBytes, eventFields, openSseSplitter } from "./sse.js";

const EVENTS_MAX = 1 << 20;

/** Splits `stream` cut into the given pieces; answers each event's fields and all bytes together. */
function split(pieces: readonly Uint8Array[]) {
  const splitter = openSseSplitter({ eventBytesMax: EVENTS_MAX });
  const raw = pieces.flatMap((piece) => splitter.push(piece));
  const rest = splitter.rest();
  return {
    fields: [...raw, ...(rest === null ? [] : [rest])].map(eventFields).filter((event) => event.data !== null),
    bytes: Buffer.concat(raw).toString("latin1"),
  };
}

const LINES = [
  ": hello",
  "",
  "event: a",
  'data: {"x":',
  "data:1}",
  "",
  "",
  "data: é🪙",
  "id: 7",
  "retry: 5",
  "",
  "data",
  "data:  two spaces",
  "",
  "",
];
const EXPECTED = [
  { event: "a", data: '{"x":\n1}' },
  { event: null, data: "é🪙" },
  { event: null, data: "\n two spaces" },
];

test.each([
  ["LF", "\n", ""],
  ["CR LF", "\r\n", ""],
  ["CR", "\r", ""],
  ["LF after a byte order mark", "\n", "\ufeff"],
])("events come out the same wherever the bytes are cut: %s", (_, end, front) => {
  const stream = Buffer.from(front + LINES.join(end));
  expect(split([stream]).fields).toEqual(EXPECTED);
  for (let at = 0; at <= stream.length; at++) {
    const cut = split([stream.subarray(0, at), stream.subarray(at)]);
    expect(cut.fields, `cut at ${at}`).toEqual(EXPECTED);
  }
  const single = [...stream].map((byte) => Uint8Array.of(byte));
  expect(split(single).fields).toEqual(EXPECTED);
});

test("no byte is lost or changed on the way, whatever the cuts and line ends", () => {
  const line = fc.constantFrom("data: x", ": c", "event: e", "data:", "");
  const stream = fc.array(fc.tuple(line, fc.constantFrom("\n", "\r", "\r\n")), { maxLength: 30 });
  fc.assert(
    fc.property(stream, fc.array(fc.nat(200)), (lines, cuts) => {
      const bytes = Buffer.from(`${lines.map(([text, end]) => text + end).join("")}\n\n`);
      const at = [0, ...cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b), bytes.length];
      const pieces = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
      const whole = split([bytes]);
      const parts = split(pieces);
      expect(parts.fields).toEqual(whole.fields);
      expect(bytes.toString("latin1").startsWith(parts.bytes)).toBe(true);
      expect(bytes.length - parts.bytes.length).toBeLessThanOrEqual(2);
    }),
    { numRuns: 400 },
  );
});

test("an event comes out with the chunk that completes it, not later", () => {
  for (const stream of ["data: 1\n\n", "data: 1\r\n\r\n", "data: 1\r\r"]) {
    expect(openSseSplitter({ eventBytesMax: 100 }).push(Buffer.from(stream)), stream).toHaveLength(1);
  }
});

test("C10: one event, and a stream without a line end, are bounded", () => {
  const splitter = openSseSplitter({ eventBytesMax: 1000 });
  expect(splitter.push(Buffer.from(`data: ${"x".repeat(900)}\n\n`))).toHaveLength(1);
  expect(() => splitter.push(Buffer.alloc(1001, 0x78))).toThrow("exceeds 1000 bytes");
  const dripping = openSseSplitter({ eventBytesMax: 1000 });
  const drip = (): void => {
    for (let index = 0; index < 2000; index++) dripping.push(Uint8Array.of(0x78));
  };
  expect(drip).toThrow(expect.objectContaining({ name: "UpstreamFailure", kind: "invalid" }));
  expect(() => openSseSplitter({ eventBytesMax: 1000 }).push(Buffer.from(`data: ${"x".repeat(2000)}\n\n`))).toThrow("exceeds");
});

test("what follows the last blank line is handed out once, terminated", () => {
  for (const end of ["", "\n", "\r"]) {
    const splitter = openSseSplitter({ eventBytesMax: 100 });
    splitter.push(Buffer.from(`data: 1\n\ndata: [DONE]${end}`));
    const rest = splitter.rest();
    expect(eventFields(rest!)).toEqual({ event: null, data: "[DONE]" });
    expect(openSseSplitter({ eventBytesMax: 100 }).push(rest!).length).toBeGreaterThan(0);
    expect(splitter.rest()).toBeNull();
  }
});

test("an event that is written is read back", () => {
  expect(eventFields(eventBytes({ event: "error", data: "{}" }))).toEqual({ event: "error", data: "{}" });
  expect(Buffer.from(eventBytes({ data: "[DONE]" })).toString()).toBe("data: [DONE]\n\n");
});
