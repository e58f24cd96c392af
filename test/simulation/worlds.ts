/** Worlds in numbers: which are run, and where those that once went wrong are kept. */
import { readFileSync, writeFileSync } from "node:fs";
import { readPrices } from "./process.js";
import { type Outcome, simulate } from "./world.js";

/** What makes a world. */
export interface Recipe {
  readonly seed: number;
  readonly calls: number;
  readonly only?: "ledger";
}

/** A world that once went wrong, and what was wrong then. */
export interface KeptWorld extends Recipe {
  readonly was: string;
}

const kept = new URL("./seeds.json", import.meta.url);

export function keptWorlds(): readonly KeptWorld[] {
  return JSON.parse(readFileSync(kept, "utf8")) as readonly KeptWorld[];
}

/** Keeps a world that went wrong, so that it is the first to be run from now on. */
function keep(recipe: Recipe, violation: string): void {
  const { seed, calls, only } = recipe;
  const known = keptWorlds();
  if (known.some((one) => one.seed === seed && one.calls === calls && one.only === only)) return;
  writeFileSync(kept, `${JSON.stringify([...known, { ...recipe, was: violation }], null, 2)}\n`);
}

/** All that many worlds came to. */
export interface Ran {
  readonly worlds: number;
  readonly operations: number;
  readonly entries: number;
  readonly met: Readonly<Record<string, number>>;
  /** Worlds that went wrong, with what was wrong. */
  readonly wrong: readonly string[];
}

/** Runs worlds from a seed on until so many operations are done. Those that go wrong are kept. */
export async function runWorlds(of: { from: Recipe; operations: number }): Promise<Ran> {
  const prices = readPrices();
  const met: Record<string, number> = {};
  const wrong: string[] = [];
  let operations = 0;
  let entries = 0;
  let worlds = 0;
  while (operations < of.operations && wrong.length < 5) {
    const recipe = { ...of.from, seed: of.from.seed + worlds };
    const outcome: Outcome = await simulate({ ...recipe, prices });
    worlds += 1;
    operations += outcome.operations;
    entries += outcome.entries;
    for (const [name, count] of Object.entries(outcome.met)) met[name] = (met[name] ?? 0) + count;
    if (outcome.violation === null) continue;
    wrong.push(`seed ${recipe.seed}: ${outcome.violation}`);
    keep(recipe, outcome.violation);
  }
  return { worlds, operations, entries, met, wrong };
}

/** The seed to begin with: that of the environment, to run one again, else the given one. */
export function seedFrom(usual: number): number {
  const seed = Number(process.env.SEED ?? usual);
  if (!Number.isSafeInteger(seed)) throw new RangeError(`SEED=${process.env.SEED} is not a whole number.`);
  return seed;
}
