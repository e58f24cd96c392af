import fc from "fast-check";
import { expect, test } from "vitest";
import { fixture, replay } from "../../../test/replay-stream.js";
import { inputTokens, outputTokens, type UsageCounts } from "../../accounting/meter/usage.js";
import { anthropicUsage } from "./usage.js";
import { anthropicMessagesDialect as dialect } from "./wire.js";

const run = (more: object = {}): object => ({
  type: "message",
  model: "claude-opus-4-6",
  input_tokens: 100,
  output_tokens: 10,
  ...more,
});
const read = (usage: object) => anthropicUsage({ input_tokens: 100, output_tokens: 10, ...usage }, { metered: 0 });

test("D9: compaction is billed beside the total, at the requested model", () => {
  const { usage, flags } = dialect.readReply(fixture("anthropic/compaction.json"));
  expect(usage?.counts).toMatchObject({ input_fresh: 203_000, output_text: 4_500, requests: 1 });
  expect(usage?.parts).toEqual([
    { counts: { input_fresh: 180_000, cache_read: 0, cache_write_5m: 0, cache_write_1h: 0, output_text: 3_500, requests: 1 } },
    {
      model: "claude-opus-4-6",
      counts: { input_fresh: 23_000, cache_read: 0, cache_write_5m: 0, cache_write_1h: 0, output_text: 1_000 },
    },
  ]);
  expect(flags).toEqual(["usage_iterations"]);
});

test("D9: a model that declined before it gave output is not billed, the one that took over is, by its own name", () => {
  const request = dialect.read(Buffer.from('{"model":"claude-opus-4-6","max_tokens":100,"stream":true,"messages":[]}'));
  const { usage } = replay(dialect, request, [fixture("anthropic/fallback.sse")]).seen;
  expect(usage).toMatchObject({ evidence: "provider", counts: { input_fresh: 500, output_text: 40 } });
  expect(usage?.parts?.map(({ model, counts }) => [model, counts.input_fresh, counts.output_text])).toEqual([
    ["claude-sonnet-4-5-20250929", 500, 40],
  ]);
});

test("a model that declined after it had begun is billed for what it gave", () => {
  const iterations = [run({ output_tokens: 4 }), run({ type: "fallback_message", model: "claude-haiku-4-5", output_tokens: 6 })];
  const told = read({ input_tokens: 200, iterations });
  expect(told).toMatchObject({ ok: true, counts: { input_fresh: 200, output_text: 10 }, flags: ["usage_iterations"] });
  expect(told.ok && told.parts?.length).toBe(2);
});

test("one run of the model that answered is the total and nothing more", () => {
  const told = read({ iterations: [run()] });
  expect(told).toEqual({ ok: true, counts: { input_fresh: 100, output_text: 10, requests: 1 }, flags: [] });
  expect(read({ iterations: [] })).toEqual(told);
  expect(read({ iterations: null })).toEqual(told);
});

test("what the total shows beyond its runs is counted as one more run, and said", () => {
  const told = read({ input_tokens: 250, cache_read_input_tokens: 7, iterations: [run(), run({ input_tokens: 50 })] });
  expect(told).toMatchObject({ counts: { input_fresh: 250, cache_read: 7, output_text: 20 } });
  expect(told.ok && told.flags).toEqual(["usage_iterations", "iterations_mismatch"]);
  expect(told.ok && told.parts?.at(-1)).toEqual({
    counts: { input_fresh: 100, cache_read: 7, cache_write_5m: 0, cache_write_1h: 0, output_text: 0 },
  });
});

test("reasoning is divided over the runs of the answer and never beyond their output; searches and requests are counted once", () => {
  const told = read({
    input_tokens: 200,
    output_tokens: 20,
    output_tokens_details: { thinking_tokens: 15 },
    server_tool_use: { web_search_requests: 2 },
    service_tier: "priority",
    iterations: [run(), run(), run({ type: "advisor_message", model: "claude-opus-4-6", output_tokens: 5 })],
  });
  expect(told).toMatchObject({
    counts: { output_text: 10, reasoning: 15, web_searches: 2, requests: 1 },
    service_tier: "priority",
  });
  const parts = told.ok ? (told.parts ?? []) : [];
  expect(parts.map(({ counts }) => [counts.reasoning, counts.output_text, counts.web_searches, counts.requests])).toEqual([
    [10, 0, 2, 1],
    [5, 5, undefined, undefined],
    [undefined, 5, undefined, undefined],
  ]);
  expect(parts.every((part) => part.service_tier === "priority")).toBe(true);
});

test.each([
  ["no list", { iterations: {} }, "not_a_count"],
  ["a run that is no object", { iterations: [run(), 7] }, "not_a_count"],
  ["a run without its input", { iterations: [run(), { type: "message", output_tokens: 1 }] }, "missing"],
  ["a negative run", { iterations: [run(), run({ output_tokens: -1 })] }, "negative"],
  ["too many runs", { iterations: Array.from({ length: 1_001 }, () => run()) }, "too_large"],
  ["runs beyond what can be counted", { iterations: [run({ input_tokens: 2 ** 53 - 1 }), run()] }, "too_large"],
])("runs that cannot be read reject the usage: %s", (_, usage, why) => {
  expect(read(usage)).toEqual({ ok: false, why });
});

test("the counts are the sum of the parts, class by class, and never less than the total", () => {
  const count = fc.nat(5_000);
  const entry = fc.record({
    type: fc.constantFrom("message", "compaction", "advisor_message", "fallback_message", "of_tomorrow"),
    model: fc.constantFrom("a", "b", null),
    input_tokens: count,
    output_tokens: count,
    cache_read_input_tokens: count,
    cache_creation_input_tokens: count,
  });
  const usage = fc.record({
    input_tokens: fc.integer({ min: 1, max: 9_000 }),
    output_tokens: count,
    cache_read_input_tokens: count,
    cache_creation_input_tokens: count,
    output_tokens_details: fc.record({ thinking_tokens: count }),
    iterations: fc.array(entry, { minLength: 2, maxLength: 6 }),
  });
  fc.assert(
    fc.property(usage, (told) => {
      const found = anthropicUsage(told, { metered: 0 });
      if (!found.ok) throw new Error(found.why);
      const sums: Record<string, number> = {};
      for (const { counts } of found.parts ?? [])
        for (const [name, units] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + units;
      for (const [name, units] of Object.entries(found.counts)) expect(sums[name] ?? 0, name).toBe(units);
      const least = told.input_tokens + told.cache_read_input_tokens + told.cache_creation_input_tokens;
      expect(inputTokens(found.counts as UsageCounts)).toBeGreaterThanOrEqual(least);
      expect(outputTokens(found.counts)).toBeGreaterThanOrEqual(told.output_tokens);
    }),
  );
});
