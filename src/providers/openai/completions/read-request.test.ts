import fc from "fast-check";
import { expect, test } from "vitest";
import { BursarError } from "../../../accounting/errors.js";
import { openEstimator } from "../../../surfaces/estimator.js";
import { openAiCompletions } from "./wire.js";

const read = (more: object = {}, target = {}) =>
  openAiCompletions.read(Buffer.from(JSON.stringify({ model: "gpt-3.5-turbo-instruct", prompt: "How many?", ...more })), target);
const readText = (json: string) => openAiCompletions.read(Buffer.from(`{"model":"m","prompt":"a",${json}}`));

test("a prompt is one text, several, token ids, or several arrays of them", () => {
  const partsOf = (prompt: unknown) => read({ prompt }).messages.flatMap((message) => message.parts);
  expect(partsOf("Hi")).toEqual([{ kind: "text", text: "Hi" }]);
  expect(partsOf(["a", "b"])).toEqual([
    { kind: "text", text: "a" },
    { kind: "text", text: "b" },
  ]);
  expect(partsOf([15, 2000, 7])).toEqual([{ kind: "tokens", count: 3, bytes: 11 }]);
  expect(partsOf([[1], [2, 3]])).toEqual([
    { kind: "tokens", count: 1, bytes: 3 },
    { kind: "tokens", count: 2, bytes: 5 },
  ]);
  expect(read({ suffix: " end" }).messages[0]?.parts).toEqual([
    { kind: "text", text: "How many?" },
    { kind: "text", text: " end" },
  ]);
});

test.each([undefined, null, 7, {}, [], [[]], ["a", 1], [1, "a"], [1.5], [-1], [null], [["a"]], [[1], []], [[1], "a"], [true]])(
  "a prompt that is %j is refused by name, its text unquoted",
  (prompt) => {
    expect(() => read({ prompt })).toThrow(/^prompt(\[\d\])? is /);
    expect(() => read({ prompt })).toThrow(expect.objectContaining({ code: "invalid_request" }));
  },
);

test("token ids count one each, whatever they are written as", () => {
  const estimator = openEstimator();
  const short = estimator.input(read({ prompt: [1, 2, 3] }), "openai/gpt-3.5-turbo-instruct");
  const long = estimator.input(read({ prompt: Array.from({ length: 1003 }, () => 50_256) }), "openai/gpt-3.5-turbo-instruct");
  expect(long.tokens - short.tokens).toBe(1000);
  expect(long.exact).toBe(false);
  expect(long.bytes).toBeGreaterThanOrEqual(1003);
});

test("without a cap it is the documented 16, which is then sent", () => {
  expect(read().output_cap).toBe(16);
  const sent = (body: string, splice = {}) =>
    Buffer.from(openAiCompletions.prepare(openAiCompletions.read(Buffer.from(body)), splice)).toString();
  expect(sent('{"model":"m","prompt":"a"}')).toBe('{"max_tokens":16,"model":"m","prompt":"a"}');
  expect(sent('{"model":"m","prompt":"a"}', { output_cap: 16 })).toBe('{"max_tokens":16,"model":"m","prompt":"a"}');
  expect(sent('{"model":"m","prompt":"a"}', { output_cap: 9 })).toBe('{"max_tokens":9,"model":"m","prompt":"a"}');
  expect(sent('{"model":"m","max_tokens":null,"prompt":"a"}')).toBe('{"model":"m","max_tokens":16,"prompt":"a"}');
  expect(sent('{"model":"m","max_tokens":500,"prompt":"a"}')).toBe('{"model":"m","max_tokens":500,"prompt":"a"}');
  expect(sent('{"model":"m","max_tokens":500,"prompt":"a"}', { output_cap: 9 })).toBe(
    '{"model":"m","max_tokens":9,"prompt":"a"}',
  );
});

test("B3: max_tokens takes whole numbers of at least 1 and nothing else", () => {
  for (const value of ["0", "-1", '"100"', "1.5", "1e309", "true", "[]", "{}"]) {
    expect(() => readText(`"max_tokens":${value}`), value).toThrow("max_tokens is ");
  }
  expect(readText('"max_tokens":999999999').output_cap).toBe(999_999_999);
});

test("B5: answers are prompts times the larger of n and best_of", () => {
  expect(read({ n: 2, best_of: 10 }).choices).toBe(10);
  expect(read({ prompt: ["a", "b", "c"], n: 4 }).choices).toBe(12);
  expect(read({ prompt: [[1], [2]], best_of: 3 }).choices).toBe(6);
  expect(read({ prompt: [1, 2, 3], n: 2 }).choices).toBe(2);
  expect(read({ best_of: 0 }).choices).toBe(1);
  for (const n of [0, -1, 1.5, "2", 129]) expect(() => read({ n }), String(n)).toThrow("n is");
  for (const best_of of [-1, 1.5, "2", 1e9]) expect(() => read({ best_of }), String(best_of)).toThrow("best_of is");
});

test("more answers than can be followed are refused with what to do", () => {
  const prompt = Array.from({ length: 17 }, () => "a");
  expect(() => read({ prompt, n: 128 })).toThrow("17 prompts ask for 2176 answers together; one request takes up to 2048");
});

test("fields that are not on the list are named", () => {
  expect(read({ echo: true, logprobs: 5, stop: ["a"], seed: 7, user: "u" })).toMatchObject({
    unknown_fields: [],
    body_user: "u",
  });
  expect(read({ use_beam_search: true, prompt_embeds: "x", models: null }).unknown_fields).toEqual([
    "use_beam_search",
    "prompt_embeds",
  ]);
});

test("the model of the path stands in for one in the body, and contradicts no other", () => {
  const body = (json: string, target: object) => openAiCompletions.read(Buffer.from(json), target);
  expect(body('{"prompt":"a"}', { model: "dep" }).model).toBe("dep");
  expect(body('{"model":"dep","prompt":"a"}', { model: "dep" }).model).toBe("dep");
  expect(() => body('{"model":"other","prompt":"a"}', { model: "dep" })).toThrow(
    'The path names the model "dep" and the body "other". Name one of them.',
  );
  expect(() => body('{"prompt":"a"}', {})).toThrow("model is");
});

test("whatever the bytes, nothing but a refusal is thrown", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        fc.object({ key: fc.constantFrom("model", "prompt", "n", "max_tokens") }).map((o) => JSON.stringify(o)),
      ),
      (text) => {
        try {
          openAiCompletions.read(Buffer.from(text));
        } catch (error) {
          expect(error).toBeInstanceOf(BursarError);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("every byte that is not spliced stays as it came", () => {
  const cap = fc.integer({ min: 1, max: 9999 });
  const rest = fc.record({
    stop: fc.array(fc.string()),
    user: fc.string(),
    logit_bias: fc.dictionary(fc.string({ unit: "grapheme" }), fc.double()),
  });
  const written = fc.record({
    rest,
    prompt: fc.string({ unit: "grapheme" }),
    cap,
    sent: cap,
    indent: fc.integer({ min: 0, max: 3 }),
  });
  fc.assert(
    fc.property(written, ({ rest, prompt, cap, sent, indent }) => {
      fc.pre(!Object.hasOwn(rest.logit_bias, "__proto__"));
      const text = JSON.stringify({ ...rest, model: "m", max_tokens: cap, prompt }, null, indent);
      const parsed = openAiCompletions.read(Buffer.from(text));
      const out = Buffer.from(openAiCompletions.prepare(parsed, { output_cap: sent })).toString();
      const [before, after] = text.split(/(?<="max_tokens": ?)\d+/, 2);
      expect(out).toBe(`${before}${sent}${after}`);
    }),
  );
});
