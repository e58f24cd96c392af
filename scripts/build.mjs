// Builds dist/ from src/: one JavaScript file per TypeScript file (paths stay, worker threads find themselves), assets
// copied beside them. `--types` adds .d.ts files for the package. Needs only what the root package.json installs.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
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

/** Writes only what changed, by rename: a server or a test that runs from dist/ never reads half a file. */
function place(file, bytes) {
  if (existsSync(file) && readFileSync(file).equals(bytes)) return;
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, bytes);
  renameSync(draft, file);
}

if (process.argv.includes("--clean")) rmSync(target, { recursive: true, force: true });
const { outputFiles } = await build({
  write: false,
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
for (const output of outputFiles) place(output.path, Buffer.from(output.contents));
for (const file of assets) place(join(target, relative(source, file)), readFileSync(file));
if (process.argv.includes("--types")) {
  execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", join(root, "tsconfig.types.json")], {
    stdio: ["ignore", process.stderr, process.stderr],
  });
}
