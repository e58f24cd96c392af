/**
 * From the command to healthy, already built, with an empty ledger: `bursar up` and what `npm start` runs, against a Node
 * that does nothing, in interleaved rounds. `npm run -s bench -- cold-start [--rounds 9] [--json]`
 */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { median, report, shown } from "./rig/figures.js";
import { loadAverage } from "./rig/proc.js";
import { bursarCommand, bursarHealthy } from "./rig/proxies.js";
import { freePort, openRig, type Rig } from "./rig/rig.js";

/** Between two looks at whether it is healthy; the figure is that coarse. */
const LOOK_MS = 2;

/** Milliseconds of a Node that starts and ends. */
function nothing(): number {
  const began = performance.now();
  const { status } = spawnSync(process.execPath, ["-e", "0"]);
  if (status !== 0) throw new Error("node -e 0 failed");
  return performance.now() - began;
}

/** Milliseconds from starting `script` to its first healthy answer. */
async function healthy(rig: Rig, script: string | null): Promise<number> {
  const { command, port } = await bursarCommand(rig, await freePort());
  const own =
    script === null ? command : command.map((part) => (part.endsWith("bin.js") ? script : part)).filter((part) => part !== "up");
  const began = performance.now();
  const pid = await rig.program(own, { healthy: () => bursarHealthy(port), everyMs: LOOK_MS });
  const took = performance.now() - began;
  await rig.end(pid);
  return took;
}

async function run(rig: Rig): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: "string", default: "9" }, json: { type: "boolean", default: false } },
  });
  const start = resolve("scripts/start.mjs");
  const before = loadAverage();
  const taken = { node: [] as number[], up: [] as number[], start: [] as number[] };
  // The first round only fills the system's caches of files.
  for (let round = 0; round <= Number(values.rounds); round++) {
    const measured = { node: nothing(), up: await healthy(rig, null), start: await healthy(rig, start) };
    if (round === 0) continue;
    for (const name of ["node", "up", "start"] as const) taken[name].push(measured[name]);
  }
  const row = (times: readonly number[]): Record<string, number> => ({
    ms: Math.round(median(times)),
    most_ms: Math.round(Math.max(...times)),
    to_node: shown(median(times) / median(taken.node)),
  });
  const rows = { "node -e 0": row(taken.node), "bursar up": row(taken.up), "scripts/start.mjs": row(taken.start) };
  report("cold-start", { load_average_before: before, "to healthy": rows }, values.json);
}

const rig = openRig();
try {
  await run(rig);
} finally {
  rig.close();
}
