// The stream fire in its long sizes: 10,000 clients that leave at random, and 500 with a shut window.
import { expect, test } from "vitest";
import { openChance } from "../crash/gateway/load.js";
import { openRunningBursar } from "../e2e/running-bursar.js";
import { fireAtRandom } from "../fire/aborts.js";
import { stallReaders } from "../fire/stalled.js";

const ABORTS = Number(process.env.BURSAR_ABORTS ?? 10_000);
const READERS = 500;

test(`${ABORTS} clients that leave at random are settled once each at no less than was billed`, async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  console.log(`SEED=${seed}`);
  const at = await openRunningBursar(`budgets:
  - { name: all, limit: { usd: 10000 } }
limits: { retries_max: 0, drain_timeout: 3s }`);
  try {
    const fired = await fireAtRandom(at, { calls: ABORTS, atOnce: 100, chance: openChance(seed) });
    console.log(JSON.stringify(fired));
    expect(fired.exact + fired.above).toBeGreaterThan(ABORTS / 2);
    const { violations } = await at.server.core.desk.verify();
    expect(violations).toEqual([]);
  } finally {
    await at.close();
  }
});

test(`C9: ${READERS} clients with a shut window hold the provider back and are settled when they have stalled`, async () => {
  const outcome = await stallReaders({ readers: READERS, idle: "60s" });
  console.log(JSON.stringify(outcome));
  expect(outcome.counted).toBe(READERS);
  expect(outcome.grownPerReader).toBeLessThan(2 * 1_048_576);
});
