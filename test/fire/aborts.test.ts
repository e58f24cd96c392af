// Clients that leave, at every point of a stream: each call is settled once, and what was billed is what is posted, or less.
import { afterEach, beforeEach, expect, test } from "vitest";
import { openChance } from "../crash/gateway/load.js";
import { openRunningBursar, type RunningBursar, standingChecks } from "../e2e/running-bursar.js";
import { expectCovered, fireAtRandom, runAtOnce, settledBill } from "./aborts.js";
import { ASKS } from "./asks.js";
import { askAndLeave, eventsIn, type Leaver, type Leaving } from "./leaving.js";
import { countedByUser } from "./ledger-of.js";

let at: RunningBursar;

beforeEach(async () => {
  at = await openRunningBursar(`budgets:
  - { name: all, limit: { usd: 1000 } }
limits: { retries_max: 0, drain_timeout: 3s }`);
});
afterEach(() => at.close());

/** Slow enough that a client is gone before the next event; short enough to be read to its usage without it. */
const SHORT = { "output-tokens": 48, "tokens-per-second": 200, "first-token-ms": 60 };

test.each(ASKS)(
  "C2: $name: left before the head, behind it, after each event and after the last word, each call is posted as billed",
  async (ask) => {
    const whole = await askAndLeave({
      url: at.url,
      ask,
      key: "whole",
      cap: 400,
      stream: true,
      steer: SHORT,
      leaving: { after: "the end" },
    });
    await at.settled();
    const events = eventsIn(whole.text);
    expect(events).toBeGreaterThan(2);
    const points: Leaving[] = [
      { after: "head" },
      ...Array.from({ length: events }, (_, n): Leaving => ({ after: "events", events: n + 1 })),
      { after: "last word" },
    ];
    const leavers = points.map(
      (leaving): Leaver => ({ url: at.url, ask, key: JSON.stringify(leaving), cap: 400, stream: true, steer: SHORT, leaving }),
    );
    // Before the head: once the gateway has taken the call, and long before its provider answers.
    const word = expect.poll(() => at.server.core.road.active.size, { interval: 5 }).toBe(1);
    const slow = { ...SHORT, "first-token-ms": 500 };
    const leaving = { after: "word" as const, word };
    await askAndLeave({ url: at.url, ask, key: "before the head", cap: 400, stream: true, steer: slow, leaving });
    await runAtOnce(leavers, { atOnce: 20, run: askAndLeave });
    await at.settled();
    const counted = await countedByUser(at);
    const bill = await settledBill(at);
    expect([...counted.keys()].sort()).toEqual(
      [...points.map((point) => JSON.stringify(point)), "before the head", "whole"].sort(),
    );
    const fired = expectCovered(counted, bill, points.length + 2);
    expect(fired).toMatchObject({ exact: points.length + 2, named: {} });
    expect(counted.get(JSON.stringify({ after: "last word" }))).toMatchObject({ outcome: "end", evidence: "provider" });
    expect(counted.get(JSON.stringify({ after: "head" }))).toMatchObject({ outcome: "end", evidence: "provider" });
    await standingChecks(at);
  },
);

test("clients that leave at random, from providers that also break, are settled once each at no less than was billed", async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  console.log(`SEED=${seed}`);
  const fired = await fireAtRandom(at, { calls: 400, atOnce: 40, chance: openChance(seed) });
  console.log(JSON.stringify(fired));
  expect(fired.exact).toBeGreaterThan(100);
  expect(fired.above).toBeGreaterThan(10);
  expect((await fetch(`${at.url}/readyz`)).status).toBe(200);
  const { violations } = await at.server.core.desk.verify();
  expect(violations).toEqual([]);
});
