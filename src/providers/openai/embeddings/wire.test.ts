import { extractUsage, findProvider } from "@pydantic/genai-prices";
import fc from "fast-check";
import { expect, test } from "vitest";
import { figures, fixture } from "../../../../test/replay-stream.js";
import { BursarError } from "../../../accounting/errors.js";
import { openAiEmbeddings } from "./wire.js";

const base = { model: "text-embedding-3-small", input: "Nine coins" };
const read = (more: object = {}, target = {}) => openAiEmbeddings.read(Buffer.from(JSON.stringify({ ...base, ...more })), target);
const reply = (value: unknown) => openAiEmbeddings.readReply(Buffer.from(JSON.stringify(value)));

test("embeddings are billed by their input and never stream", () => {
  expect(read({ dimensions: 256, encoding_format: "base64", user: "u", stream: false })).toMatchObject({
    billed: "input",
    stream: false,
    output_cap: null,
    choices: 1,
    unknown_fields: [],
    body_user: "u",
    messages: [{ role: "user", parts: [{ kind: "text", text: "Nine coins" }] }],
  });
  expect(read({ stream: true })).toMatchObject({ stream: false, unknown_fields: ["stream"] });
  expect(read({ input_type: "query" }).unknown_fields).toEqual(["input_type"]);
});

test("input is text, texts, token ids or arrays of them, and nothing else", () => {
  expect(read({ input: ["a", "b"] }).messages).toHaveLength(2);
  expect(read({ input: [[1, 2], [3]] }).messages.map((message) => message.parts[0])).toEqual([
    { kind: "tokens", count: 2, bytes: 5 },
    { kind: "tokens", count: 1, bytes: 3 },
  ]);
  for (const input of [undefined, null, 7, {}, [], [[]], [{}], ["a", {}]]) {
    expect(() => read({ input }), JSON.stringify(input)).toThrow(/^input(\[\d\])? is /);
  }
});

test("usage is the price oracle's", () => {
  const body = fixture("openai/embeddings.json");
  const oracle = extractUsage(findProvider({ providerId: "openai" })!, JSON.parse(body.toString()), "embeddings");
  expect(openAiEmbeddings.readReply(body)).toEqual({
    valid: true,
    metered_output: 0,
    response_id: null,
    model: oracle.model,
    usage: {
      counts: { input_fresh: oracle.usage.input_tokens, output_text: 0, requests: 1 },
      evidence: "provider",
      model: oracle.model,
    },
    flags: [],
  });
});

test.each([
  ["negative", -1],
  ["zero", 0],
  ["string", "8"],
  ["fractional", 1.5],
  ["too_large", 2 ** 60],
  ["missing", undefined],
])("H7: usage that is %s never counts", (why, prompt_tokens) => {
  expect(reply({ data: [], usage: { prompt_tokens } })).toMatchObject({
    valid: true,
    usage: null,
    flags: [`usage_invalid:${why}`],
  });
});

test("a reply without data is none; one without usage has none", () => {
  for (const value of [{}, [], null, "x", { data: {} }, { data: [], error: { message: "no" } }]) {
    expect(reply(value)).toMatchObject({ valid: false, usage: null });
  }
  expect(reply({ data: [] })).toMatchObject({ valid: true, usage: null, flags: [] });
});

test("what comes as a stream all the same is taken for no usage", () => {
  const reader = openAiEmbeddings.reader(read());
  expect(reader.event(Buffer.from('data: {"usage":{"prompt_tokens":1}}\n\n'))).toBeNull();
  expect(reader.seen).toMatchObject({ usage: null, usage_final: false, flags: ["stream_unexpected"] });
  expect(reader.cut({ ...figures, cut: "no room" })).toHaveLength(0);
  expect(Buffer.from(reader.closing(figures)).toString()).toMatch(/^: bursar call_id=c1 /);
});

test("every byte stays as it came; only another model is put in", () => {
  const pick = fc.record({ input: fc.oneof(fc.string(), fc.array(fc.nat(99_999), { minLength: 1 })), user: fc.string() });
  fc.assert(
    fc.property(pick, fc.integer({ min: 0, max: 3 }), (more, indent) => {
      const text = JSON.stringify({ ...more, model: "alias" }, null, indent);
      const parsed = openAiEmbeddings.read(Buffer.from(text));
      const sent = (splice: object) => Buffer.from(openAiEmbeddings.prepare(parsed, splice)).toString();
      expect(sent({})).toBe(text);
      expect(sent({ output_cap: 5, include_usage: true })).toBe(text);
      const at = text.lastIndexOf('"alias"');
      expect(sent({ model: "real" })).toBe(`${text.slice(0, at)}"real"${text.slice(at + 7)}`);
    }),
  );
});

test("whatever the bytes, nothing but a refusal is thrown", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        openAiEmbeddings.read(Buffer.from(text));
      } catch (error) {
        expect(error).toBeInstanceOf(BursarError);
      }
    }),
  );
});

test("a model that only the path names is put into the body", () => {
  const parsed = openAiEmbeddings.read(Buffer.from('{"input":"a"}'), { model: "dep" });
  expect(parsed.model).toBe("dep");
  expect(Buffer.from(openAiEmbeddings.prepare(parsed, {})).toString()).toBe('{"model":"dep","input":"a"}');
});
