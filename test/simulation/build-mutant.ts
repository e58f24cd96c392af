import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";
import type { Mutant } from "./mutants.js";
import type { readPrices } from "./process.js";
import type { simulate } from "./world.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** A simulation with its own copy of the code under test. */
export interface Build {
  readonly readPrices: typeof readPrices;
  readonly simulate: typeof simulate;
}

/** The text of a file with the mistake in it. Throws where the text to change is not there exactly once. */
export function mutated(mutant: Mutant, text: string): string {
  const parts = text.split(mutant.from);
  if (parts.length !== 2) {
    throw new Error(
      `The mutant "${mutant.name}" changes a text that ${mutant.file} has ${parts.length - 1} times, not once:\n${mutant.from}\n` +
        "The code has moved on: make the same mistake in its new text (test/simulation/mutants.ts).",
    );
  }
  return parts.join(mutant.to);
}

function pluginFor(mutant: Mutant): Plugin {
  return {
    name: "mutant",
    setup(bundle) {
      bundle.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        if (relative(root, path) !== mutant.file) return undefined;
        return { contents: mutated(mutant, readFileSync(path, "utf8")), loader: "ts" };
      });
    },
  };
}

/** A folder for builds, from which what is installed can be found. */
export function folderForBuilds(): string {
  const cache = join(root, "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  return mkdtempSync(join(cache, "simulation-"));
}

/** Builds the simulation into a folder, with a mistake in the code under test or (null) without one, and loads it. */
export async function buildSimulation(folder: string, mutant: Mutant | null): Promise<Build> {
  const outfile = join(folder, `${(mutant?.name ?? "none").replace(/\W/g, "-")}.mjs`);
  const path = (name: string): string => JSON.stringify(fileURLToPath(new URL(name, import.meta.url)));
  await build({
    stdin: {
      contents: `export { readPrices } from ${path("./process.ts")}; export { simulate } from ${path("./world.ts")};`,
      resolveDir: root,
    },
    bundle: true,
    // Loaded once for all builds: they are not what is tested.
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20",
    logLevel: "error",
    outfile,
    plugins: mutant === null ? [] : [pluginFor(mutant)],
  });
  return (await import(pathToFileURL(outfile).href)) as Build;
}
