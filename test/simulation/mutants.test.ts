// A simulation that finds nothing shows nothing, unless it finds what is known to be wrong.
import { rmSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { buildSimulation, folderForBuilds } from "./build-mutant.js";
import { MUTANTS } from "./mutants.js";

const folder = folderForBuilds();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Worlds that a mutant may take to be found; each is a fraction of a second. */
const WORLDS_MAX = 60;
const CALLS = 120;

const sound = buildSimulation(folder, null);

test.each(MUTANTS)("the simulation finds the mutant: $name", async (mutant) => {
  const { simulate, readPrices } = await buildSimulation(folder, mutant);
  const prices = readPrices();
  const began = performance.now();
  for (let seed = 1; seed <= WORLDS_MAX; seed++) {
    const world = { seed, calls: CALLS, prices, ...(seed % 3 === 0 ? { only: "ledger" as const } : {}) };
    const { violation } = await simulate(world);
    if (violation === null) continue;
    console.info(`${mutant.name}: seed ${seed}, ${Math.round(performance.now() - began)} ms: ${violation}`);
    // The same world without the mistake is sound: it was the mistake that was found.
    const reference = await sound;
    const without = await reference.simulate({ ...world, prices: reference.readPrices() });
    expect(without.violation).toBe(null);
    return;
  }
  expect.unreachable(`${WORLDS_MAX} worlds did not find ${mutant.name}.`);
});
