// The same simulation without the road, where operations are cheap: other programs ask the journal itself.
import { rmSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { buildSimulation, folderForBuilds } from "./build-mutant.js";
import { sumOf } from "./operations.js";
import { cpuSeconds, runWorlds, seedFrom, toldOf } from "./worlds.js";

const OPERATIONS = 1_600_000;
const CALLS = 400;

const folder = folderForBuilds();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("asked by programs that repeat themselves and vanish, the ledger keeps its invariants through every crash", async () => {
  const build = await buildSimulation(folder, null);
  const from = { seed: seedFrom(1), calls: CALLS, only: "ledger" as const };
  const began = cpuSeconds();
  const ran = await runWorlds({ build, from, operations: OPERATIONS });
  console.info(toldOf("of the ledger", from, ran, cpuSeconds() - began));
  expect(ran.wrong).toEqual([]);
  expect(sumOf(ran.operations)).toBeGreaterThanOrEqual(OPERATIONS);
  const causes = ["crash", "silent", "remote"].map((why) => `presumed for ${why}`);
  for (const name of ["crashes", "voided", ...causes, "outcome resolved", "overrun U2"]) {
    expect(ran.met[name] ?? 0, name).toBeGreaterThan(0);
  }
}, 300_000);
