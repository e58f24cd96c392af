// The simulation in its long size, from a seed of the day: other worlds each time. SEED begins elsewhere, BURSAR_ROAD and
// BURSAR_LEDGER ask for fewer or more operations; every line of progress says with which it goes on.
import { rmSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { buildSimulation, folderForBuilds } from "../simulation/build-mutant.js";
import { sumOf } from "../simulation/operations.js";
import { cpuSeconds, type Ran, runWorlds, seedFrom, toldOf } from "../simulation/worlds.js";

const from = seedFrom(Date.now() % 1_000_000_000);
const ON_THE_ROAD = Number(process.env.BURSAR_ROAD ?? 10_000_000);
const OF_THE_LEDGER = Number(process.env.BURSAR_LEDGER ?? 90_000_000);
const TOLD_EVERY_S = 60;

const folder = folderForBuilds();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Says once a minute how far it is, at which rate, how long it will take, and from where it could go on. */
function teller(part: "ROAD" | "LEDGER", operations: number): (ran: Ran) => void {
  const began = cpuSeconds();
  let told = began;
  return (ran) => {
    const now = cpuSeconds();
    if (now - told < TOLD_EVERY_S) return;
    told = now;
    const done = sumOf(ran.operations);
    const rate = done / (now - began);
    const left = Math.max(0, operations - done) / rate / 60;
    console.info(
      `${done} of ${operations} operations, ${Math.round(rate)} a second, ${Math.ceil(left)} minutes left; ` +
        `it goes on with SEED=${from + ran.worlds} BURSAR_${part}=${operations - done}${part === "LEDGER" ? " BURSAR_ROAD=0" : ""}`,
    );
  };
}

test.each([
  { part: "ROAD" as const, operations: ON_THE_ROAD, recipe: { seed: from, calls: 400 } },
  { part: "LEDGER" as const, operations: OF_THE_LEDGER, recipe: { seed: from, calls: 400, only: "ledger" as const } },
])(
  "a hundred million simulated operations find nothing wrong: $operations of the $part",
  async ({ part, operations, recipe }) => {
    console.info(`SEED=${from}`);
    const began = cpuSeconds();
    const ran = await runWorlds({
      build: await buildSimulation(folder, null),
      from: recipe,
      operations,
      progress: teller(part, operations),
    });
    console.info(toldOf(part, recipe, ran, cpuSeconds() - began));
    expect(ran.wrong).toEqual([]);
    expect(sumOf(ran.operations)).toBeGreaterThanOrEqual(operations);
  },
);
