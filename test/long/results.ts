// Where long runs leave what they found: one line a run, from which docs/measurements.md is written.
import { spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Where the lines go: BURSAR_RESULTS, else test/long/results.jsonl. */
const file = process.env.BURSAR_RESULTS ?? `${here}results.jsonl`;

/** Number in an environment variable, or the usual one. Throws when it is none. */
export function sizeFrom(name: string, usual: number): number {
  const size = Number(process.env[name] ?? usual);
  if (!Number.isSafeInteger(size) || size < 1) throw new Error(`${name} must be a whole number of at least 1.`);
  return size;
}

/** Seed of a run: SEED, else one of the moment. Printed, so that a run can be repeated. */
export function seedOfRun(): number {
  const seed = sizeFrom("SEED", (Date.now() % 1_000_000) + 1);
  console.log(`SEED=${seed}`);
  return seed;
}

/** Begins to measure a run; what it answers writes the line, once all of the run's expectations have held. */
export function openRun(run: string, size: Readonly<Record<string, number>>): (found: object) => void {
  const since = Date.now();
  const load = Number((loadavg()[0] ?? 0).toFixed(1));
  return (found) => {
    // Null where it is no checkout.
    const git = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: here, encoding: "utf8" });
    const commit = git.status === 0 ? git.stdout.trim() : null;
    const seconds = Math.round((Date.now() - since) / 1_000);
    const machine = { node: process.version, cores: cpus().length, load_before: load };
    const line = { at: new Date(since).toISOString(), run, commit, ...size, seconds, ...machine, found };
    appendFileSync(file, `${JSON.stringify(line)}\n`);
  };
}

/** Writes the line of a file whose tests are those of a short one, once all of them have passed. */
export function noteFile(run: string, size: Readonly<Record<string, number>>): void {
  const note = openRun(run, size);
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern which fixtures are wanted; none are.
  afterAll(({}, file) => {
    const states = file.tasks.map(({ result }) => result?.state);
    if (states.length > 0 && states.every((state) => state === "pass")) note({ tests: states.length });
  });
}

/** Says how far a run is, at most every ten seconds. */
export function openProgress(of: number): (done: number) => void {
  const since = Date.now();
  let said = since;
  return (done) => {
    const now = Date.now();
    if (now - said < 10_000) return;
    said = now;
    const left = Math.round((((now - since) / done) * (of - done)) / 1_000);
    console.log(`${done} of ${of}, about ${left} s left`);
  };
}
