// The deterministic simulation. A failing seed is printed and kept in seeds.json, which is replayed first:
// SEED=123 node test/node_modules/vitest/vitest.mjs run test/simulation/simulation.test.ts begins with it.
import { rmSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { buildSimulation, folderForBuilds } from "./build-mutant.js";
import { KINDS, sumOf } from "./operations.js";
import { cpuSeconds, keptWorlds, runWorlds, seedFrom, toldOf } from "./worlds.js";

/** operations.ts says what one is. With those of ledger.test.ts they are two million. */
const ON_THE_ROAD = 400_000;
const CALLS = 200;

const from = seedFrom(1);
const folder = folderForBuilds();
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const built = buildSimulation(folder, null);

test("worlds that once went wrong stay right", async () => {
  const { simulate, readPrices } = await built;
  const prices = readPrices();
  const worlds = keptWorlds();
  expect(worlds.length).toBeGreaterThan(0);
  for (const { was, ...recipe } of worlds) {
    const { violation } = await simulate({ ...recipe, prices });
    expect({ ...recipe, violation }, `It once was: ${was}`).toEqual({ ...recipe, violation: null });
  }
});

test("the same seed is the same run, to the last hash", async () => {
  const { simulate, readPrices } = await built;
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
  const recipe = { seed: from, calls: CALLS };
  const began = cpuSeconds();
  const ran = await runWorlds({ build: await built, from: recipe, operations: ON_THE_ROAD });
  console.info(toldOf("on the road", recipe, ran, cpuSeconds() - began));
  expect(ran.wrong).toEqual([]);
  expect(sumOf(ran.operations)).toBeGreaterThanOrEqual(ON_THE_ROAD);
  for (const kind of KINDS) expect(ran.operations[kind], kind).toBeGreaterThan(500);
  // All that is to be withstood did come about.
  const causes = ["crash", "timeout", "reset"].map((why) => `presumed for ${why}`);
  const ends = ["end", "cut", "aborted", "failed", "resolved"].map((outcome) => `outcome ${outcome}`);
  const refusals = ["budget_exceeded", "budget_waiting", "price_unknown", "store_unavailable", "in_progress", "reply_expired"];
  const overruns = ["U1", "U2", "U3"].map((cause) => `overrun ${cause}`);
  const formats = ["openai-chat", "anthropic-messages", "gemini-generate", "openai-responses"];
  const cuts = formats.map((name) => `cut ${name}`);
  for (const name of [
    "crashes",
    "voided",
    ...causes,
    ...ends,
    ...refusals.map((code) => `refused ${code}`),
    ...overruns,
    ...cuts,
  ]) {
    expect(ran.met[name] ?? 0, name).toBeGreaterThan(0);
  }
}, 300_000);
