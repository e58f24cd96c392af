/** Worlds in numbers: which are run, and where those that once went wrong are kept. */
import { readFileSync, writeFileSync } from "node:fs";
import type { Build } from "./build-mutant.js";
import { addTo, noOperations, type Operations, sumOf } from "./operations.js";

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
  readonly operations: Operations;
  readonly entries: number;
  readonly met: Readonly<Record<string, number>>;
  /** Worlds that went wrong, with what was wrong. */
  readonly wrong: readonly string[];
}

export interface Running {
  /** A build of its own runs half as fast again as modules that a test runner has taken apart. */
  readonly build: Build;
  readonly from: Recipe;
  readonly operations: number;
  /** Told after each world. */
  readonly progress?: (ran: Ran) => void;
}

/** Runs worlds from a seed on until so many operations are done. Those that go wrong are kept. */
export async function runWorlds({ build, from, operations: wanted, progress }: Running): Promise<Ran> {
  const prices = build.readPrices();
  const met: Record<string, number> = {};
  const wrong: string[] = [];
  const operations = noOperations();
  let entries = 0;
  let worlds = 0;
  const ran = (): Ran => ({ worlds, operations, entries, met, wrong });
  while (sumOf(operations) < wanted && wrong.length < 5) {
    const recipe = { ...from, seed: from.seed + worlds };
    const outcome = await build.simulate({ ...recipe, prices });
    worlds += 1;
    addTo(operations, outcome.operations);
    entries += outcome.entries;
    for (const [name, count] of Object.entries(outcome.met)) met[name] = (met[name] ?? 0) + count;
    if (outcome.violation !== null) {
      wrong.push(`seed ${recipe.seed}: ${outcome.violation}`);
      keep(recipe, outcome.violation);
    }
    progress?.(ran());
  }
  return ran();
}

/** What was run, in one line: the seed, the operations by kind, the rate. */
export function toldOf(what: string, from: Recipe, ran: Ran, seconds: number): string {
  const { worlds, operations, entries, met } = ran;
  const sum = sumOf(operations);
  const rate = Math.round(sum / Math.max(seconds, 0.001));
  return (
    `SEED=${from.seed}: ${worlds} worlds ${what}, ${sum} operations ${JSON.stringify(operations)}, ${entries} entries, ` +
    `${Math.round(seconds)} s of CPU, ${rate} a second: ${JSON.stringify(met)}`
  );
}

/** Seconds of CPU that this process has used since it began. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** The seed to begin with: that of the environment, to run one again, else the given one. */
export function seedFrom(usual: number): number {
  const seed = Number(process.env.SEED ?? usual);
  if (!Number.isSafeInteger(seed)) throw new RangeError(`SEED=${process.env.SEED} is not a whole number.`);
  return seed;
}
