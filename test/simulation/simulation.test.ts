// The deterministic simulation. A failing seed is printed and kept in seeds.json, which is replayed first:
// SEED=123 node test/node_modules/vitest/vitest.mjs run test/simulation/simulation.test.ts begins with it.
import { expect, test } from "vitest";
import { readPrices } from "./process.js";
import { simulate } from "./world.js";
import { keptWorlds, runWorlds, seedFrom } from "./worlds.js";

/** Operations are commands decided and events taken. Most are of programs that ask the ledger: a call on the road costs more. */
const ON_THE_ROAD = 100_000;
const CALLS = 200;

const from = seedFrom(1);

test("worlds that once went wrong stay right", async () => {
  const prices = readPrices();
  const worlds = keptWorlds();
  expect(worlds.length).toBeGreaterThan(0);
  for (const { was, ...recipe } of worlds) {
    const { violation } = await simulate({ ...recipe, prices });
    expect({ ...recipe, violation }, `It once was: ${was}`).toEqual({ ...recipe, violation: null });
  }
});

test("the same seed is the same run, to the last hash", async () => {
  const prices = readPrices();
  for (const recipe of [
    { seed: from, calls: CALLS },
    { seed: from + 1, calls: CALLS, only: "ledger" as const },
    { seed: from + 2, calls: CALLS },
  ]) {
    const first = await simulate({ ...recipe, prices });
    const second = await simulate({ ...recipe, prices });
    expect(second).toEqual(first);
    expect(first.entries).toBeGreaterThan(50);
  }
  const [one, other] = [await simulate({ seed: from, calls: 50, prices }), await simulate({ seed: from + 1, calls: 50, prices })];
  expect(one.hash).not.toBe(other.hash);
});

test("on the road, whatever fails, no limit is passed unnamed, no bill is missed, and all comes to rest", async () => {
  const { worlds, operations, entries, met, wrong } = await runWorlds({
    from: { seed: from, calls: CALLS },
    operations: ON_THE_ROAD,
  });
  console.info(
    `SEED=${from}: ${worlds} worlds on the road, ${operations} operations, ${entries} entries: ${JSON.stringify(met)}`,
  );
  expect(wrong).toEqual([]);
  // All that is to be withstood did come about.
  const causes = ["crash", "timeout", "reset"].map((why) => `presumed for ${why}`);
  const ends = ["end", "cut", "aborted", "failed", "resolved"].map((outcome) => `outcome ${outcome}`);
  const refusals = ["refused budget_exceeded", "refused budget_waiting", "refused price_unknown", "refused store_unavailable"];
  for (const name of ["crashes", "voided", ...causes, ...ends, ...refusals, "overrun U1", "overrun U2"]) {
    expect(met[name] ?? 0, name).toBeGreaterThan(0);
  }
}, 300_000);
