/**
 * Every benchmark in a small size, one after another: whether they all run, and a first look. Figures worth writing down
 * come from each alone, on a machine that does nothing else. `npm run -s bench -- all [--json]`
 */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

const SMALL: readonly (readonly [string, readonly string[]])[] = [
  ["decide", ["--calls", "50000", "--rounds", "2"]],
  ["road", ["--calls", "10000", "--rounds", "2"]],
  ["readers", ["--rounds", "3"]],
  ["ledger", ["--calls", "10000"]],
  ["restart", ["--entries", "20000", "--rounds", "2"]],
  ["cold-start", ["--rounds", "2"]],
  ["gateway", ["--rounds", "1", "--seconds", "2", "--calls", "40000"]],
  ["stream", ["--rounds", "1", "--seconds", "2"]],
  ["http-client", ["--calls", "2000", "--rounds", "2"]],
  ["slow-clients", ["--headers", "500", "--bodies", "100", "--idle", "100", "--rounds", "1", "--seconds", "3"]],
];

const json = process.argv.includes("--json") ? ["--json"] : [];
const failed: string[] = [];
for (const [name, options] of SMALL) {
  const { status } = spawnSync(process.execPath, [resolve("scripts/run.mjs"), "bench", name, ...options, ...json], {
    stdio: "inherit",
  });
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) {
  console.error(`Failed: ${failed.join(", ")}.`);
  process.exitCode = 1;
}
