// `npm run -s eval -- NAME --data DIR [--json]` and `npm run -s bench -- NAME …`: bundles evals/NAME.ts or bench/NAME.ts from
// source and runs it in this process. Evaluations need only what the root package.json installs; benchmarks also what
// bench/package.json does, which is installed when missing.
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { installOnce, requireNode, root } from "./install.mjs";

/** Ends with what was wrong and what would be right; 2 is the exit code of wrong usage. */
function usage(line) {
  console.error(line);
  process.exit(2);
}

requireNode();
const [folder, asked, ...rest] = process.argv.slice(2);
// `npm run bench -- --check` reads like the check it is.
const name = folder === "bench" && asked === "--check" ? "check" : asked;
if (folder !== "evals" && folder !== "bench")
  usage("Use `npm run -s eval -- NAME --data DIR [--json]` or `npm run -s bench -- NAME`.");
const entryOf = (each) => join(root, folder, `${each}.ts`);
if (name === undefined || !/^[a-z0-9-]+$/.test(name) || !existsSync(entryOf(name))) {
  const known = readdirSync(join(root, folder))
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => file.slice(0, -3));
  usage(`There is no ${folder === "evals" ? "evaluation" : "benchmark"} "${name ?? ""}". Known: ${known.join(", ")}.`);
}

installOnce(root, "Bursar's packages");
if (folder === "bench") installOnce(join(root, "bench"), "the packages that only benchmarks use");

// Inside node_modules, so that packages are found from there; by process, so that two runs do not meet.
const cache = join(root, folder === "bench" ? "bench" : "", "node_modules", ".cache");
const bundle = join(cache, `${folder}-${name}-${process.pid}.mjs`);
mkdirSync(cache, { recursive: true });
process.on("exit", () => rmSync(bundle, { force: true }));

const { build } = await import("esbuild");
await build({
  entryPoints: [entryOf(name)],
  outfile: bundle,
  bundle: true,
  packages: "external",
  format: "esm",
  platform: "node",
  target: "node20",
  sourcemap: "inline",
  sourcesContent: false,
  logLevel: "warning",
});
process.argv = [process.argv[0], entryOf(name), ...rest];
await import(pathToFileURL(bundle).href);
