// The simulation in its long size, from a seed of the day: other worlds each time.
import { expect, test } from "vitest";
import { runWorlds, seedFrom } from "../simulation/worlds.js";

const from = seedFrom(Date.now() % 1_000_000_000);

test.each([
  { what: "on the road", operations: 5_000_000, recipe: { seed: from, calls: 1_000 } },
  { what: "of the ledger", operations: 95_000_000, recipe: { seed: from, calls: 5_000, only: "ledger" as const } },
])("a hundred million simulated operations find nothing wrong: $operations $what", async ({ operations, recipe }) => {
  console.info(`SEED=${from}`);
  const ran = await runWorlds({ from: recipe, operations });
  console.info(JSON.stringify(ran));
  expect(ran.wrong).toEqual([]);
  expect(ran.operations).toBeGreaterThanOrEqual(operations);
});
