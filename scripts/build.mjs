// Builds dist/ from src/: one JavaScript file per TypeScript file (paths stay, worker threads find themselves), assets
// copied beside them. `--types` adds .d.ts files for the package. Needs only what the root package.json installs.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, "src");
const target = join(root, "dist");

/** All files below a folder. */
function walk(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((item) =>
    item.isDirectory() ? walk(join(folder, item.name)) : [join(folder, item.name)],
  );
}

const files = walk(source);
const code = files.filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !file.includes("__fixtures__"));
const assets = files.filter((file) => /\.(sql|json|html|css|svg|js|yaml)$/.test(file) && !file.includes("__fixtures__"));

rmSync(target, { recursive: true, force: true });
await build({
  entryPoints: code,
  outdir: target,
  outbase: source,
  format: "esm",
  platform: "node",
  target: "node20",
  sourcemap: true,
  sourcesContent: false,
  logLevel: "warning",
});
for (const file of assets) {
  const to = join(target, relative(source, file));
  mkdirSync(dirname(to), { recursive: true });
  cpSync(file, to);
}
if (process.argv.includes("--types")) {
  execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", join(root, "tsconfig.types.json")], {
    stdio: ["ignore", process.stderr, process.stderr],
  });
}
