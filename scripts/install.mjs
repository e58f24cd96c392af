// Installs a package-lock.json when node_modules is missing or older than it. Plain Node: it runs before anything is
// installed, for `npm start` and for `npm test`.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Root of the repository. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Lowest Node that undici and the store's driver run on; the same as package.json#engines. */
const nodeMin = [20, 18, 1];

/** Ends the process with a line for a person when Node is too old. */
export function requireNode() {
  const have = process.versions.node.split(".").map(Number);
  const firstDifferent = nodeMin.findIndex((part, index) => part !== have[index]);
  if (firstDifferent < 0 || have[firstDifferent] > nodeMin[firstDifferent]) return;
  console.error(`Bursar needs Node ${nodeMin.join(".")} or newer; this is ${process.versions.node}. See https://nodejs.org`);
  process.exit(1);
}

const lockOf = (path) => (existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).packages : {});

/** Does what npm recorded as installed agree with the lock file? Only packages for other platforms may be missing. */
function isInstalled(folder) {
  const wanted = lockOf(join(folder, "package-lock.json"));
  const present = lockOf(join(folder, "node_modules", ".package-lock.json"));
  return Object.entries(wanted).every(
    ([path, { version, optional, peer }]) =>
      path === "" || (present[path] ? present[path].version === version : optional || peer),
  );
}

/**
 * Runs `npm ci` in `folder` unless it is installed as its lock file says. Says one line on stderr when it installs, npm's
 * own words only when it fails; then the process ends with npm's status, unless what is installed can be done without.
 * Answers whether it is installed.
 */
export function installOnce(folder, what, { optional = false } = {}) {
  if (isInstalled(folder)) return true;
  console.error(`Installing ${what} …`);
  // Windows starts npm only through a shell; there is nothing in the arguments to quote.
  const npm = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (npm.status === 0) return true;
  console.error(npm.error?.message ?? `${npm.stdout}${npm.stderr}`.trim());
  console.error(`\`npm ci\` failed in ${folder}`);
  if (optional) return false;
  process.exit(npm.status || 1);
}

function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  // A folder's own time changes when a file in it is deleted or renamed.
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

/** Builds dist/ when a source, the build itself or the lock file is newer than the last build. */
export function buildOnce() {
  const stamp = join(root, "dist", ".built");
  const sources = ["src", "scripts/build.mjs", "package-lock.json"].map((path) => newest(join(root, path)));
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= Math.max(...sources)) return;
  const build = spawnSync(process.execPath, [join(root, "scripts/build.mjs")], { stdio: ["ignore", 2, 2] });
  if (build.status !== 0) process.exit(build.status || 1);
  writeFileSync(stamp, "");
}
