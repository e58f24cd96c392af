import { readFileSync } from "node:fs";
import { extractUsage, findProvider } from "@pydantic/genai-prices";
import fc from "fast-check";
import { expect, test } from "vitest";
import { understood } from "../../../../test/replay-stream.js";
import { BursarError } from "../../../accounting/errors.js";
import { inputTokens, outputTokens, USAGE_CLASSES } from "../../../accounting/meter/usage.js";
import { responsesUsage, toolRuns } from "./usage.js";
import { openAiResponses } from "./wire.js";

const fixture = (name: string): Buffer => readFileSync(new URL(`./__fixtures__/${name}`, import.meta.url));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");
const read = (json: string) => openAiResponses.read(Buffer.from(json));
const NO_RUNS = toolRuns([]);

test.each([
  ["nothing", '{ "model": "a" , "input":"x"}', {}, '{ "model": "a" , "input":"x"}'],
  ["model in place", '{ "model": "a" , "input":"x"}', { model: "gpt-4o" }, '{ "model": "gpt-4o" , "input":"x"}'],
  ["the same model", '{ "model": "a" , "input":"x"}', { model: "a" }, '{ "model": "a" , "input":"x"}'],
  ["no cap", '{"model":"a","input":"x"}', { output_cap: 5 }, '{"max_output_tokens":5,"model":"a","input":"x"}'],
  [
    "the client's cap",
    '{"model":"a","max_output_tokens":999999999,"input":[]}',
    { output_cap: 5 },
    '{"model":"a","max_output_tokens":5,"input":[]}',
  ],
  [
    "a null cap",
    '{"model":"a","max_output_tokens":null,"input":[]}',
    { output_cap: 5 },
    '{"model":"a","max_output_tokens":5,"input":[]}',
  ],
  [
    "uses of tools",
    '{"model":"a","input":"x","tools":[{"type":"web_search"}]}',
    { tool_uses: 3 },
    '{"max_tool_calls":3,"model":"a","input":"x","tools":[{"type":"web_search"}]}',
  ],
  [
    "usage, which always comes",
    '{"model":"a","input":"x","stream":true}',
    { include_usage: true },
    '{"model":"a","input":"x","stream":true}',
  ],
])("B1: what is spliced is spliced, all else stays: %s", (_, body, splice, wanted) => {
  expect(text(openAiResponses.prepare(read(body), splice))).toBe(wanted);
});

test("bodies leave byte for byte outside the splice, however they are written", () => {
  const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
  const number = fc.constantFrom("1", "1.0", "1e0", "0.10", "-0", "1E+2", "12345678901234567890", "0.1e-7");
  const word = fc.string({ unit: "binary", maxLength: 12 }).map((value) => value.replace(/[\ud800-\udfff]/g, "\u00e9"));
  const escaped = word.map((value) =>
    JSON.stringify(value).replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`),
  );
  const value = fc.oneof(
    number,
    word.map((one) => JSON.stringify(one)),
    escaped,
    fc.constantFrom("null", "true", "[ ]", '{"a" :1 }'),
  );
  const names = ["temperature", "metadata", "instructions_of_mine", "top_p", "x y", "caf\u00e9", "\u{1f4b0}"];
  const fields = fc.uniqueArray(fc.tuple(fc.constantFrom(...names), value, space, space), { selector: ([name]) => name });
  fc.assert(
    fc.property(fields, word, space, fc.integer({ min: 1, max: 1e6 }), fc.boolean(), (others, input, gap, cap, sent) => {
      const own = others.map(
        ([name, json, before, after]) => `${before}${JSON.stringify(name)}${after}:${before}${json}${after}`,
      );
      const capField = sent ? [`"max_output_tokens"${gap}:${gap}77`] : [];
      const body = `${gap}{${[...own, `${gap}"model" : "gpt-4o"`, ...capField, `"input":${gap}${JSON.stringify(input)}`].join(",")}${gap}}`;
      const prepared = text(openAiResponses.prepare(read(body), { output_cap: cap }));
      if (cap === 77 && sent) expect(prepared).toBe(body);
      else if (sent)
        expect(prepared).toBe(body.replace(`"max_output_tokens"${gap}:${gap}77`, `"max_output_tokens"${gap}:${gap}${cap}`));
      else expect(prepared).toBe(body.replace("{", `{"max_output_tokens":${cap},`));
      expect(text(openAiResponses.prepare(read(body), {}))).toBe(body);
    }),
    { numRuns: 400 },
  );
});

test("usage is mapped to disjoint classes that the price oracle agrees with, on every fixture", () => {
  const provider = findProvider({ providerId: "openai" })!;
  for (const name of ["text", "reasoning", "web-search", "cached"]) {
    const oracle = extractUsage(provider, JSON.parse(text(fixture(`${name}.json`))), "responses");
    const { usage, valid, flags, model } = openAiResponses.readReply(fixture(`${name}.json`));
    expect({ valid, flags, model }, name).toEqual({ valid: true, flags: [], model: oracle.model });
    const counts = usage!.counts;
    expect(inputTokens(counts), name).toBe(oracle.usage.input_tokens);
    expect(outputTokens(counts)).toBe(oracle.usage.output_tokens);
    expect(counts.cache_read).toBe(oracle.usage.cache_read_tokens);
    expect(counts.cache_write_5m).toBe(oracle.usage.cache_write_tokens);
    expect(counts.reasoning).toBe(oracle.usage.output_reasoning_tokens);
  }
  for (const name of ["text", "tools", "reasoning", "refusal", "incomplete", "failed", "web-search"]) {
    const last = understood(fixture(`${name}.sse`)).at(-1)!;
    const { response } = JSON.parse(last.data!);
    const oracle = extractUsage(provider, response, "responses").usage;
    const own = responsesUsage(response.usage, { metered: 0, runs: NO_RUNS });
    expect(
      own.ok && [inputTokens(own.counts), outputTokens(own.counts), own.counts.cache_read, own.counts.reasoning],
      name,
    ).toEqual([oracle.input_tokens, oracle.output_tokens, oracle.cache_read_tokens, oracle.output_reasoning_tokens]);
  }
});

test.each([
  [
    "cached > input",
    { input_tokens: 10, output_tokens: 5, input_tokens_details: { cached_tokens: 30 } },
    { input_fresh: 0, cache_read: 10, output_text: 5, requests: 1 },
    "cached_exceeds_input",
  ],
  [
    "reasoning > output",
    { input_tokens: 10, output_tokens: 5, output_tokens_details: { reasoning_tokens: 9 } },
    { input_fresh: 10, output_text: 0, reasoning: 5, requests: 1 },
    "output_details_exceed_total",
  ],
  [
    "total \u2260 sum",
    { input_tokens: 10, output_tokens: 5, total_tokens: 99 },
    { input_fresh: 10, output_text: 5, requests: 1 },
    "total_mismatch",
  ],
])("H7: %s is cut with a flag, never negative", (_, usage, counts, flag) => {
  expect(responsesUsage(usage, { metered: 0, runs: NO_RUNS })).toEqual({ ok: true, counts, flags: [flag] });
});

test("whatever a usage says, its classes are counts that sum to its totals, or it is rejected", () => {
  const count = fc.oneof(fc.nat(2000), fc.constantFrom(null, undefined, -1, 1.5, "7", Number.MAX_SAFE_INTEGER, 2 ** 60));
  const usage = fc.record({
    input_tokens: count,
    output_tokens: count,
    total_tokens: count,
    input_tokens_details: fc.option(fc.record({ cached_tokens: count, cache_write_tokens: count })),
    output_tokens_details: fc.option(fc.record({ reasoning_tokens: count })),
  });
  fc.assert(
    fc.property(usage, (told) => {
      const read = responsesUsage(told, { metered: 3, runs: NO_RUNS });
      if (!read.ok) return;
      for (const name of USAGE_CLASSES) {
        const value = read.counts[name];
        if (value !== undefined) expect(Number.isSafeInteger(value) && value >= 0, name).toBe(true);
      }
      expect(inputTokens(read.counts)).toBe(told.input_tokens);
      if (!read.flags.includes("reasoning_beside_completion")) expect(outputTokens(read.counts)).toBe(told.output_tokens);
    }),
    { numRuns: 1000 },
  );
});

test("B9: searches that ran are counted, failed ones and opened pages are not; what does not say counts", () => {
  const search = (more: object) => ({ type: "web_search_call", status: "completed", ...more });
  const runs = toolRuns([
    search({ action: { type: "search" } }),
    search({}),
    search({ action: { type: "open_page" } }),
    search({ action: { type: "find_in_page" } }),
    search({ status: "failed", action: { type: "search" } }),
    { type: "code_interpreter_call" },
    { type: "image_generation_call" },
    { type: "shell_call", environment: { type: "local" } },
    null,
    7,
  ]);
  expect(runs).toEqual({
    web_searches: 2,
    ran: true,
    flags: ["fee_unknown:code_interpreter_call", "fee_unknown:image_generation_call"],
  });
  const client = [
    { type: "shell_call", environment: { type: "local" } },
    { type: "tool_search_call", execution: "client" },
    { type: "function_call" },
  ];
  expect(toolRuns(client).ran).toBe(false);
  expect(toolRuns([{ type: "shell_call", environment: { type: "container_reference" } }]).ran).toBe(true);
  expect(toolRuns([{ type: "tool_search_call", execution: "server" }]).ran).toBe(true);
});

test.each(["", " ", "<html>502</html>", "[]", "null", "{}", '{"error":{"message":"no"}}', '{"output":{}}', '{"output":['])(
  "C13: %j under status 200 is no reply",
  (body) => {
    expect(openAiResponses.readReply(Buffer.from(body))).toMatchObject({ valid: false, usage: null, flags: ["invalid_reply"] });
  },
);

test("a response that failed is a reply if it tells what is billed, and none if it does not", () => {
  const failed = (usage: unknown) =>
    openAiResponses.readReply(
      Buffer.from(JSON.stringify({ id: "r", status: "failed", error: { code: "server_error" }, output: [], usage })),
    );
  expect(failed({ input_tokens: 5, output_tokens: 3 })).toMatchObject({
    valid: true,
    usage: { counts: { input_fresh: 5, output_text: 3 } },
    flags: ["response_failed"],
  });
  expect(failed(null)).toMatchObject({ valid: false });
});

test("a reply without usage, or with one that is invalid, has none and is metered", () => {
  const reply = (usage: unknown) => {
    const output = [
      { type: "message", content: [{ type: "output_text", text: "Nine coins." }] },
      { type: "function_call", name: "f", arguments: '{"coins":9}' },
      null,
    ];
    return openAiResponses.readReply(Buffer.from(JSON.stringify({ id: "r", model: "m", output, usage })));
  };
  expect(reply(undefined)).toMatchObject({ valid: true, usage: null, flags: [], response_id: "r", model: "m" });
  expect(reply({ input_tokens: 5, output_tokens: 0 })).toMatchObject({ valid: true, usage: null, flags: ["usage_invalid:zero"] });
  expect(reply(null).metered_output).toBeGreaterThan(5);
});

test("a spent budget is refused in OpenAI's shape with all its figures", () => {
  const details = { budget: "day", unit: "usd", limit: "10.00", used: "9.00", held: "0.50", requested: "0.60" };
  const refused = openAiResponses.refuse(new BursarError("budget_exceeded", "No room.", details), "c1");
  const metadata = { code: "budget_exceeded", ...details, call_id: "c1" };
  expect(JSON.parse(text(refused.body))).toEqual({
    error: { message: "No room.", type: "budget_exceeded", param: null, code: "budget_exceeded", metadata },
  });
});
