/**
 * Has anything become slower? Runs the benchmarks in small and compares their ratios with those of bench/baseline.json,
 * each within its own tolerance; ratios, because absolute figures are those of a machine and of its load. Ends with 1 when
 * one is worse. `npm run bench -- --check [--only road,decide] [--json]`; `--write` makes today's ratios the baseline.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { report, shown } from "./rig/figures.js";
import { loadAverage } from "./rig/proc.js";

/** One ratio that is watched. */
interface Watched {
  readonly bench: string;
  /** Where it stands in what the benchmark says with `--json`. */
  readonly at: readonly string[];
  readonly better: "lower" | "higher";
  readonly baseline: number;
  /** When, and what else the machine did: above 0.5 somebody else was using it, and gateways look dearer than they are. */
  readonly measured: string;
  readonly load_average: number;
  /** Worse by this factor is still the same on a machine that others use too. */
  readonly tolerance: number;
  /** What 8-performance asks for; a ratio that misses it is told, and only fails when it is worse than the baseline. */
  readonly must?: number;
}

interface Baseline {
  /** Options of each benchmark: small, and the same every time. */
  readonly runs: Readonly<Record<string, readonly string[]>>;
  readonly watched: readonly Watched[];
}

/** What a benchmark says of itself: its last line of JSON. Throws when it fails. */
function figuresOf(bench: string, options: readonly string[]): unknown {
  const command = [resolve("scripts/run.mjs"), "bench", bench, ...options, "--json"];
  const { status, stdout } = spawnSync(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"], encoding: "utf8" });
  const line = stdout.trim().split("\n").at(-1);
  if (status !== 0 || line === undefined) throw new Error(`The benchmark ${bench} failed with status ${status}.`);
  return JSON.parse(line);
}

/** The number at a path. Throws when there is none: a ratio that is no longer measured is no ratio that is met. */
function numberAt(figures: unknown, { bench, at }: Watched): number {
  let found = figures;
  for (const name of at)
    found = typeof found === "object" && found !== null ? (found as Record<string, unknown>)[name] : undefined;
  if (typeof found === "number" && Number.isFinite(found)) return found;
  throw new Error(`${bench} no longer says ${at.join(" / ")}; bench/baseline.json asks for it.`);
}

/** Is `value` no worse than `limit`? */
function within(watched: Watched, value: number, limit: number): boolean {
  return watched.better === "lower" ? value <= limit : value >= limit;
}

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    write: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const path = resolve("bench/baseline.json");
const baseline = JSON.parse(readFileSync(path, "utf8")) as Baseline;
const only = values.only?.split(",") ?? Object.keys(baseline.runs);
const unknown = only.find((name) => baseline.runs[name] === undefined);
if (unknown !== undefined) throw new Error(`--only names ${unknown}; known are ${Object.keys(baseline.runs).join(", ")}.`);
const load = loadAverage();
const said = new Map(only.map((name) => [name, figuresOf(name, baseline.runs[name] ?? [])]));
const rows: Record<string, Record<string, number | string>> = {};
const measured = baseline.watched.map((watched) => {
  if (!said.has(watched.bench)) return watched;
  const value = numberAt(said.get(watched.bench), watched);
  const { better, tolerance, must } = watched;
  const limit = better === "lower" ? watched.baseline * tolerance : watched.baseline / tolerance;
  const verdict = within(watched, value, limit) ? "as before" : "worse";
  if (verdict === "worse" && !values.write) process.exitCode = 1;
  rows[[watched.bench, ...watched.at].join(" / ")] = {
    measured: value,
    baseline: watched.baseline,
    of: `${watched.measured}, load ${watched.load_average}`,
    limit: shown(limit),
    verdict,
    must: must === undefined ? "" : `${must} ${within(watched, value, must) ? "met" : "missed"}`,
  };
  return { ...watched, baseline: value, measured: new Date().toISOString().slice(0, 10), load_average: load };
});
report("check", { load_average_before: load, ratios: rows }, values.json);
if (values.write) writeFileSync(path, `${JSON.stringify({ ...baseline, watched: measured }, null, 2)}\n`);
