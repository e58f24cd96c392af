import fc from "fast-check";
import { expect, test } from "vitest";
import { type AnswerPlan, answerSteps, type Step } from "./answer.js";
import { fingerprint } from "./chance.js";
import { faultOf, readSteering, SteeringError } from "./steering.js";
import { countOwnTokens, errorPermille } from "./tokenizer.js";

const plan: AnswerPlan = {
  seed: fingerprint("a"),
  permille: 1000,
  exact: null,
  cap: null,
  choices: 1,
  tool: null,
  document: null,
  searches: 0,
  reasons: false,
  thinks: false,
  grain: 1,
};
const tokensOf = (steps: readonly Step[], choice = 0): number =>
  steps.filter((step) => step.choice === choice).reduce((sum, step) => sum + step.tokens, 0);
const finishOf = (steps: readonly Step[], choice = 0): string | undefined =>
  steps.find((step): step is Extract<Step, { kind: "finish" }> => step.kind === "finish" && step.choice === choice)?.reason;

const plans = fc.record({
  seed: fc.nat().map((n) => fingerprint(String(n))),
  permille: fc.integer({ min: 800, max: 1300 }),
  exact: fc.option(fc.nat(400)),
  cap: fc.option(fc.integer({ min: 1, max: 400 })),
  choices: fc.integer({ min: 1, max: 3 }),
  tool: fc.option(fc.constant({ name: "find", schema: { properties: { query: { type: "string" }, top: { type: "integer" } } } })),
  document: fc.constantFrom(null, { schema: { properties: { title: { type: "STRING" } } } }),
  searches: fc.nat(2),
  reasons: fc.boolean(),
  thinks: fc.boolean(),
  grain: fc.constantFrom(1, 5),
});

test("whatever the plan, the tokens are the exact figure or the cap, and the finish says which", () => {
  fc.assert(
    fc.property(plans, (given) => {
      const steps = [...answerSteps(given)];
      for (let choice = 0; choice < given.choices; choice++) {
        const tokens = tokensOf(steps, choice);
        const cap = given.cap ?? Number.POSITIVE_INFINITY;
        expect(tokens).toBeLessThanOrEqual(cap);
        if (given.exact === null) continue;
        expect(tokens).toBe(Math.min(given.exact, cap));
        expect(finishOf(steps, choice) === "length").toBe(given.exact > cap);
      }
    }),
    { numRuns: 300 },
  );
});

test("the same plan gives the same steps, and every piece of text carries a token", () => {
  fc.assert(
    fc.property(plans, (given) => {
      const steps = [...answerSteps(given)];
      expect([...answerSteps(given)]).toEqual(steps);
      for (const step of steps) if ("text" in step && given.exact !== 0) expect(step.tokens).toBeGreaterThan(0);
    }),
    { numRuns: 100 },
  );
});

test("a long answer is made lazily", () => {
  const steps = answerSteps({ ...plan, exact: 10_000_000 });
  for (let i = 0; i < 5; i++) expect(steps.next().done).toBe(false);
});

test("arguments of a tool are JSON unless a cap cuts them", () => {
  const schema = { type: "object", properties: { a: { type: "array", items: { type: "number" } }, b: { type: "boolean" } } };
  const json = (exact: number | null, cap: number | null): string =>
    [...answerSteps({ ...plan, exact, cap, tool: { name: "t", schema } })]
      .map((step) => (step.kind === "arguments" ? step.text : ""))
      .join("");
  expect(JSON.parse(json(null, null))).toMatchObject({ a: [expect.any(Number)], b: expect.any(Boolean) });
  expect(JSON.parse(json(80, null))).toHaveProperty("note");
  expect(() => JSON.parse(json(80, 30))).toThrow(SyntaxError);
});

test("the tokenizer is linear, never nothing for a word, and wrong by its own factor per model", () => {
  expect(countOwnTokens("Hello, world! 12345 日本")).toBe(1 + 1 + 1 + 1 + 2 + 2);
  expect(countOwnTokens("")).toBe(0);
  const errors = ["gpt-4o", "gpt-4o-mini", "o3", "claude-sonnet-4-6"].map((model) => errorPermille("seed", model));
  for (const error of errors) {
    expect(error).toBeGreaterThanOrEqual(800);
    expect(error).toBeLessThanOrEqual(1300);
  }
  expect(new Set(errors).size).toBeGreaterThan(1);
  expect(errorPermille("seed", "gpt-4o")).toBe(errors[0]);
});

test("steering is read whole or refused by name", () => {
  expect(faultOf("429*2")).toMatchObject({ kind: "status", status: 429, times: 2 });
  expect(faultOf("usage=nan")).toMatchObject({ kind: "usage", lie: "nan", times: null });
  expect(readSteering({ "x-sim-fault": "no-usage, chunk-bytes=3" }).faults.map((fault) => fault.kind)).toEqual([
    "no-usage",
    "chunk-bytes",
  ]);
  for (const bad of ["418", "reset-after", "usage=odd", "reset-before=1", "hang-after=-1", "429*", "toString"])
    expect(() => faultOf(bad), bad).toThrow(SteeringError);
  for (const bad of ["-1", "1.5", "1e3", "99999999", ""])
    expect(() => readSteering({ "x-sim-output-tokens": bad }), bad).toThrow(SteeringError);
});
