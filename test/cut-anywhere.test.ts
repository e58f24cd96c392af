// What the tests of streams rest on: that every spelling is another text, and that cuts fall inside a character.
import { expect, test } from "vitest";
import type { Dialect } from "../src/call/needs.js";
import { DIALECTS } from "../src/providers/dialects.js";
import { arraySpellings, expectTheSameWhereverCut, spellings } from "./cut-anywhere.js";
import { eventsOf, fixture, understood } from "./replay-stream.js";

const STREAMS = [
  "openai/text.sse",
  "openai/completions-text.sse",
  "openai/responses/text.sse",
  "anthropic/text.sse",
  "gemini/text.sse",
];

test.each(STREAMS)(
  "%s has a character of four bytes in its text, and each spelling of it is another text with the same data",
  (name) => {
    const stream = fixture(name);
    const texts = understood(stream).flatMap(({ data }) => (data === null ? [] : [data]));
    expect(texts.some((data) => /[\u{10000}-\u{10ffff}]/u.test(data))).toBe(true);
    const written = spellings(stream);
    expect(new Set(written.map(([, bytes]) => bytes.toString("latin1"))).size).toBe(13);
    const data = (bytes: Buffer) =>
      understood(bytes).map((event) => (event.data === "[DONE]" ? event.data : JSON.parse(event.data!)));
    for (const [spelling, bytes] of written) expect(data(bytes), spelling).toEqual(data(stream));
    const lines = written.find(([spelling]) => spelling === "LF, data on several lines")![1].toString();
    expect(lines.match(/^data: /gm)!.length).toBeGreaterThanOrEqual(2 * (texts.length - 1));
  },
);

test("an array has its emoji escaped, its line ends exchanged and its white space taken out", () => {
  const written = arraySpellings(fixture("gemini/text-array.json"));
  expect(new Set(written.map(([, bytes]) => bytes.toString("latin1"))).size).toBe(8);
  expect(written.at(-1)![1].toString()).toContain("\\ud83e\\ude99");
});

test("a dialect that loses the half of a character that a cut leaves is found out", () => {
  const chat = DIALECTS.get("openai-chat") as Dialect;
  const request = chat.read(Buffer.from('{"model":"m","messages":[],"stream":true}'));
  const broken: Dialect = {
    ...chat,
    splitter: (bytes) => {
      const splitter = chat.splitter(bytes);
      return { push: (piece) => splitter.push(Buffer.from(Buffer.from(piece).toString("utf8"))), rest: () => splitter.rest() };
    },
  };
  const stream = fixture("openai/text.sse");
  expect(eventsOf(stream).length).toBeGreaterThan(2);
  expect(() => expectTheSameWhereverCut({ dialect: broken, requests: [request], stream })).toThrow(/cut at \d+/);
});
