import { expect, test } from "vitest";
import type { Unit } from "../src/accounting/budget/budget.js";
import { budget, threeLevels } from "./ledger-fixtures.js";
import { consume, openSimulatedRoad, postedNano, type SimulatedRoad } from "./simulated-road.js";

const REPEATS = Number(process.env.BURSAR_EXACTNESS_REPEATS ?? 20);
const CALLS = 1_000;
/** Long enough that every one of the thousand has asked before the first answer comes. */
const SLOW = { "x-sim-first-token-ms": "400" };
const ASK = { model: "gpt-4o", max_tokens: 30, messages: [{ role: "user", content: "Say something." }] };
const TRUE_COST = { "x-sim-input-tokens": "4", "x-sim-output-tokens": "2" };

/**
 * What one such call sets aside in a unit, asked of the ledger itself under a budget without limits: the first call's
 * hold, or that of a call after which the estimate has learned the model's ratio.
 */
async function heldBy(unit: Unit, calls: number): Promise<bigint> {
  const at = await openSimulatedRoad({ budgets: [budget({ name: "probe", limit: null, unit })] });
  for (let n = 0; n < calls; n++) await consume(await at.call(ASK, TRUE_COST));
  let held: bigint | null = null;
  for await (const entry of at.ledger.read(1)) if (entry.type === "call.held") held = BigInt(entry.postings[0]?.amount ?? 0);
  if (held === null) throw new Error("nothing was held");
  return held;
}

/** Calls until the ratio is learned and, all calls being alike, does not move any more. */
const LEARNED = 50;

function attributed(n: number): Record<string, string> {
  return { "x-bursar-agent": `agent-${n % 2}` };
}

function standing(at: SimulatedRoad) {
  return [...at.ledger.state().accounts.values()].map((account) => ({
    budget: account.budget,
    held: account.held,
    overrun: account.overrun,
  }));
}

for (const unit of ["requests", "tokens", "usd"] as const) {
  test(`A1: of 1,000 calls at once on three levels exactly the 100 that fit reach the provider, in ${unit}, ${REPEATS} times`, {
    timeout: 600_000,
  }, async () => {
    const each = await heldBy(unit, 1);
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const at = await openSimulatedRoad({
        budgets: threeLevels(unit, { org: each * 100n, team: each * 120n, agent: each * 130n }),
        seed: `r${repeat}`,
      });
      const replies = await Promise.all(
        Array.from({ length: CALLS }, (_, n) => at.call(ASK, { ...TRUE_COST, ...SLOW, ...attributed(n) })),
      );
      const admitted = replies.filter((reply) => reply.kind === "whole").length;
      expect({ repeat, admitted, calls: at.simulator.bill().calls }).toEqual({ repeat, admitted: 100, calls: 100 });
      expect(BigInt(at.simulator.bill().nano_usd) - (await postedNano(at.ledger))).toBe(0n);
      expect(standing(at).every((account) => account.held === 0n && account.overrun === 0n)).toBe(true);
      at.road.close();
      await at.ledger.close();
    }
  });
}

/** How many calls of a true cost a budget admits one after another when each must first find room for its hold. */
function oracleCount(limit: bigint, hold: bigint, cost: bigint): number {
  let used = 0n;
  let count = 0;
  while (used + hold <= limit) {
    used += cost;
    count += 1;
  }
  return count;
}

/** Where callers wait until another one is done; each that is done wakes so many. */
const WOKEN = 8;
/** Nobody waits longer, should all others be gone. */
const PATIENCE_MS = 100;

function openTurns() {
  const waiting = new Set<() => void>();
  return {
    next: () =>
      new Promise<void>((resolve) => {
        const go = (): void => {
          clearTimeout(late);
          waiting.delete(go);
          resolve();
        };
        const late = setTimeout(go, PATIENCE_MS);
        waiting.add(go);
      }),
    done(): void {
      for (const go of [...waiting].slice(0, WOKEN)) go();
    },
  };
}

type Turns = ReturnType<typeof openTurns>;

/**
 * Calls until it is admitted or refused for good, as a client that obeys `retry-after` does; asks again when another call
 * is done, which is when the answer can be another.
 */
async function persist(at: SimulatedRoad, turns: Turns, n: number): Promise<"admitted" | "refused"> {
  for (;;) {
    const reply = await at.call(ASK, { ...TRUE_COST, "x-sim-first-token-ms": "1", ...attributed(n) });
    if (reply.kind !== "refused" || reply.error.code !== "budget_waiting") {
      turns.done();
      return reply.kind === "whole" ? "admitted" : "refused";
    }
    expect(reply.error.details.retry_after_ms).toBeLessThan(60_000);
    await turns.next();
  }
}

test(`with holds ten times the true cost the final count is the oracle's and no refusal was false, ${REPEATS} times`, {
  timeout: 600_000,
}, async () => {
  const hold = await heldBy("usd", LEARNED);
  const cost = 4n * 2_500n + 2n * 10_000n;
  expect(hold / cost).toBeGreaterThanOrEqual(10n);
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const limit = hold * 10n + BigInt(repeat) * 7_001n;
    const at = await openSimulatedRoad({
      budgets: threeLevels("usd", { org: limit, team: limit * 2n, agent: limit * 2n }),
      seed: `o${repeat}`,
    });
    const turns = openTurns();
    const outcomes = await Promise.all(Array.from({ length: 200 }, (_, n) => persist(at, turns, n)));
    expect(outcomes.filter((outcome) => outcome === "admitted")).toHaveLength(Math.min(200, oracleCount(limit, hold, cost)));
    for await (const entry of at.ledger.read(1)) {
      if (entry.type !== "call.refused") continue;
      const total = BigInt(entry.used ?? 0) + BigInt(entry.held ?? 0) + BigInt(entry.requested ?? 0);
      expect(total > BigInt(entry.limit ?? 0)).toBe(true);
    }
    expect(BigInt(at.simulator.bill().nano_usd)).toBe(await postedNano(at.ledger));
    at.road.close();
    await at.ledger.close();
  }
});
