// Cases A4 to A9, A13 and A14 of the adversarial list: admission at the edge of a budget, and past its wording.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Unit } from "../../src/accounting/budget/budget.js";
import { matchesModel } from "../../src/accounting/budget/scope.js";
import type { Candidate } from "../../src/call/needs.js";
import { readConfig } from "../../src/config/read-config.js";
import { openCatalog } from "../../src/surfaces/catalog.js";
import { budget, caller, ceiling, threeLevels } from "../ledger-fixtures.js";
import { completion, openTestRoad, whole } from "../road-fixtures.js";
import { openSimulatedRoad, postedNano, type SimulatedRoad } from "../simulated-road.js";

const ASK = { model: "gpt-4o", max_tokens: 100, messages: [{ role: "user", content: "Say something." }] };
const STEER = { "x-sim-input-tokens": "4", "x-sim-output-tokens": "2", "x-bursar-agent": "a" };

/** What one such call sets aside, in a unit. */
async function boundOf(unit: Unit): Promise<bigint> {
  const at = await openSimulatedRoad({ budgets: [budget({ name: "probe", limit: null, unit })] });
  await at.call(ASK, STEER);
  for await (const entry of at.ledger.read(1)) if (entry.type === "call.held") return BigInt(entry.postings[0]?.amount ?? 0);
  throw new Error("nothing was held");
}

function heldEverywhere(at: SimulatedRoad): Record<string, bigint> {
  return Object.fromEntries([...at.ledger.state().accounts.values()].map((account) => [account.budget, account.held]));
}

test("A4: the first eight calls ever of a never-seen agent, at once, do not slip past its default of one nano-dollar", async () => {
  const at = await openSimulatedRoad({ budgets: [budget({ name: "each", limit: 1n, per: ["agent"] })] });
  const first = { ...STEER, "x-bursar-agent": "never-seen" };
  const replies = await Promise.all(Array.from({ length: 8 }, () => at.call(ASK, first)));
  expect(replies.map((reply) => reply.kind === "refused" && reply.error.code)).toEqual(Array(8).fill("budget_exceeded"));
  expect(at.simulator.bill().calls).toBe(0);
  for (const held of Object.values(heldEverywhere(at))) expect(held).toBe(0n);
});

test.each(["usd", "tokens", "requests"] as const)(
  "A5: a bound equal to what is left is admitted, one more is refused, in %s",
  async (unit) => {
    const bound = await boundOf(unit);
    const exact = await openSimulatedRoad({ budgets: [budget({ name: "b", limit: bound, unit })] });
    expect((await exact.call(ASK, STEER)).kind).toBe("whole");
    expect(exact.simulator.bill().calls).toBe(1);
    const short = await openSimulatedRoad({ budgets: [budget({ name: "b", limit: bound - 1n, unit })] });
    expect(await short.call(ASK, STEER)).toMatchObject({ kind: "refused", error: { code: "budget_exceeded" } });
    expect(short.simulator.bill().calls).toBe(0);
  },
);

test("A6: a request bigger than what is left is refused, not shrunk, and both amounts are stated", async () => {
  const bound = await boundOf("tokens");
  const at = await openSimulatedRoad({ budgets: [budget({ name: "b", limit: bound - 1n, unit: "tokens" })] });
  const reply = await at.call(ASK, STEER);
  if (reply.kind !== "refused") throw new Error("it was not refused");
  expect(reply.error.details).toMatchObject({ limit: String(bound - 1n), used: "0", held: "0", requested: String(bound) });
  expect(reply.facts.figures.remaining.map((view) => view.left)).toEqual([bound - 1n]);
  expect(at.simulator.bill().calls).toBe(0);
  expect(await at.call({ ...ASK, max_tokens: 99 }, STEER)).toMatchObject({ kind: "whole" });
});

test.each(["org", "team", "agent"])(
  "A7: when only the %s lacks one nano-dollar it is named and nothing is left on the others",
  async (level) => {
    const bound = await boundOf("usd");
    const limits = { org: bound * 2n, team: bound * 2n, agent: bound * 2n, [level]: bound - 1n };
    const at = await openSimulatedRoad({ budgets: threeLevels("usd", limits) });
    const key = { name: "k", team: "t", trusts_attribution: true };
    const reply = await at.call(ASK, STEER, { key });
    expect(reply).toMatchObject({ kind: "refused", error: { code: "budget_exceeded", details: { budget: level } } });
    for (const held of Object.values(heldEverywhere(at))) expect(held).toBe(0n);
    expect(at.simulator.bill().calls).toBe(0);
  },
);

test("A8: storms of 500 holds and voids in any order leave nothing held and never go below zero", async () => {
  const order = fc.tuple(fc.array(fc.nat(499), { minLength: 500, maxLength: 500 }), fc.integer({ min: 1, max: 40 }));
  await fc.assert(
    fc.asyncProperty(order, async ([picks, burst]) => {
      const at = await openSimulatedRoad({ budgets: [budget({ name: "b", limit: 10n ** 9n })] });
      const attempts = [...new Set(picks)].map((pick) => `storm${pick}.1`);
      let least = 0n;
      const stop = at.ledger.subscribe(() => {
        for (const account of at.ledger.state().accounts.values()) if (account.held < least) least = account.held;
      });
      const one = async (attempt_id: string): Promise<void> => {
        const [held] = await at.ledger.apply([
          {
            type: "hold",
            call_id: attempt_id.slice(0, -2),
            attempt_id,
            attribution: caller(),
            provider: "openai",
            price_id: "p",
            ceiling: ceiling(100, 100),
            estimated_input: 100,
          },
        ]);
        expect(held?.ok).toBe(true);
        await at.ledger.apply([{ type: "void", attempt_id, proof: "not_sent" }]);
      };
      for (let from = 0; from < attempts.length; from += burst) await Promise.all(attempts.slice(from, from + burst).map(one));
      stop();
      expect(least).toBe(0n);
      expect(heldEverywhere(at)).toEqual({ b: 0n });
      at.road.close();
      await at.ledger.close();
    }),
    { numRuns: 10 },
  );
});

/** The problems of a file with this limit, or the limit as read. */
function limitOf(text: string): bigint | null | string {
  const file = `version: 1\nproviders: { sim: { kind: simulated } }\nbudgets:\n  - { name: b${text} }\n`;
  const read = readConfig(file, { file: "bursar.yaml", path: null, data: "/tmp/none", env: {}, laid: [] });
  if ("config" in read) return read.config.budgets[0]?.limit ?? null;
  return read.problems.map(({ line, column, path, message }) => `${line}:${column} ${path} ${message}`).join("\n");
}

test("A9: a limit of zero refuses everything", async () => {
  expect(limitOf(", limit: { tokens: 0 }")).toBe(0n);
  const at = await openSimulatedRoad({ budgets: [budget({ name: "b", limit: 0n, unit: "tokens" })] });
  expect(await at.call(ASK, STEER)).toMatchObject({ kind: "refused", error: { code: "budget_exceeded" } });
  expect(at.simulator.bill().calls).toBe(0);
});

test("A9: unlimited is only what says so", () => {
  expect(limitOf(", limit: unlimited")).toBeNull();
  expect(limitOf("")).toMatch(/^4:\d+ .*limit/);
  expect(limitOf(", limit: null")).toMatch(/^4:\d+ .*limit/);
  expect(limitOf(", limit: {}")).toMatch(/^4:\d+ .*limit/);
});

test.each(["-5", "1.5", "1e3", '"1e3"', "1e400", ".nan", "NaN", ".inf", "null", "true", '""', '" "', "0x10", "0o17", "1_0__0"])(
  "A9: %s is no amount of tokens",
  (text) => {
    expect(limitOf(`, limit: { tokens: ${text} }`)).toMatch(/^4:\d+ .*tokens/);
  },
);

test.each([
  "-5",
  "1e3",
  '"1e3"',
  "1e400",
  ".nan",
  "NaN",
  ".inf",
  "null",
  "0x10",
  '"1,5"',
  "0.0000000001",
  "99999999999999999999",
])("A9: %s is no amount of dollars", (text) => {
  expect(limitOf(`, limit: { usd: ${text} }`)).toMatch(/^4:\d+ .*usd/);
});

const SPELLINGS = [
  "gpt-4o",
  "GPT-4o",
  " gpt-4o ",
  "openai/gpt-4o",
  "OpenAI/GPT-4o",
  "gpt-4o-2024-08-06",
  // A snapshot with a price of its own is the same model to whoever limits it.
  "gpt-4o-2024-05-13",
  "openai/gpt-4o-2024-05-13",
];

test.each(SPELLINGS)("A13: an exhausted budget of one model refuses it as %j as well", async (model) => {
  const at = await openSimulatedRoad({ budgets: [budget({ name: "dear", limit: 0n, match: { model: "gpt-4o" } })] });
  const reply = await at.call({ ...ASK, model }, STEER);
  expect(reply).toMatchObject({ kind: "refused", error: { code: "budget_exceeded", details: { budget: "dear" } } });
  expect(at.simulator.bill().calls).toBe(0);
  expect((await at.call({ ...ASK, model: "gpt-4o-mini" }, STEER)).kind).toBe("whole");
});

test("A13: a budget per model has one account for all spellings of it", async () => {
  // The provider itself does not take another case.
  const taken = SPELLINGS.filter((model) => model === model.toLowerCase());
  const limit = BigInt(taken.length);
  const at = await openSimulatedRoad({ budgets: [budget({ name: "each", limit, unit: "requests", per: ["model"] })] });
  for (const model of taken) expect(await at.call({ ...ASK, model }, STEER)).toMatchObject({ kind: "whole", status: 200 });
  const accounts = [...at.ledger.state().accounts.values()];
  expect(accounts.map(({ group, used }) => [group, used])).toEqual([[["openai/gpt-4o"], limit]]);
  for (const model of SPELLINGS) expect(await at.call({ ...ASK, model }, STEER)).toMatchObject({ kind: "refused" });
});

test.each([
  ["claude-sonnet-4-5", "anthropic/claude-sonnet-4-5-20250929"],
  ["claude-sonnet-4-5", "anthropic/claude-sonnet-4-5@20250929"],
  ["Anthropic/Claude-Sonnet-4-5", "anthropic/claude-sonnet-4-5-latest"],
  ["gpt-4o", "openai/gpt-4o-2024-05-13"],
])("A13: the selector %s covers %s", (selector, canonical) => {
  expect(matchesModel(selector, canonical)).toBe(true);
});

test.each([
  ["gpt-4o", "openai/gpt-4o-mini"],
  ["gpt-4o", "openai/gpt-4o-mini-2024-07-18"],
  ["gpt-4o-2024-05-13", "openai/gpt-4o"],
  ["claude-sonnet-4", "anthropic/claude-sonnet-4-5-20250929"],
])("A13: the selector %s is not stretched to %s", (selector, canonical) => {
  expect(matchesModel(selector, canonical)).toBe(false);
});

test("A13: a key that may use one model may use its snapshots, and nothing else", async () => {
  const at = await openSimulatedRoad({ budgets: [] });
  const key = { name: "k", trusts_attribution: true, models: ["gpt-4o"] };
  expect((await at.call({ ...ASK, model: "gpt-4o-2024-05-13" }, STEER, { key })).kind).toBe("whole");
  const other = await at.call({ ...ASK, model: "gpt-4o-mini" }, STEER, { key });
  expect(other).toMatchObject({ kind: "refused", error: { code: "model_not_allowed" } });
});

test("A14: a free model that fails does not lead to its paid fallback past an exhausted budget", async () => {
  const at = await openTestRoad({
    budgets: [budget({ name: "paid", limit: 0n })],
    script: ({ model }) => (model === "llama3" ? whole(500, {}) : whole(200, completion(9, 2))),
  });
  const query = { dialect: "openai-chat" as const, model: "gpt-4o", at: Date.now() };
  const { upstream } = at.needs.catalog.candidates(query)[0] as Candidate;
  const upstreams = new Map([["openai-chat" as const, upstream]]);
  at.needs.catalog = openCatalog({
    prices: at.needs.prices,
    providers: [
      { name: "local", kind: "openai-compatible", free: true, upstreams },
      { name: "openai", kind: "openai", free: false, upstreams },
    ],
    fallbacks: [{ model: "local/llama3", fallbacks: ["gpt-4o"] }],
  });
  const reply = await at.call({ ...ASK, model: "local/llama3" });
  expect(reply).toMatchObject({ kind: "refused", error: { code: "budget_exceeded", details: { budget: "paid" } } });
  expect(at.requests.map(({ model }) => model)).toEqual(["llama3"]);
  expect(await postedNano(at.ledger)).toBe(0n);
});
