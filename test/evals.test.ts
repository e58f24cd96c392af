import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const HEADER =
  "instance_id,call_index,created_unix,prompt_tokens,cached_tokens,completion_tokens,reasoning_tokens,billed_cost_usd,resolved";
let data = "";

beforeAll(() => {
  data = mkdtempSync(join(tmpdir(), "bursar-evals-"));
  const rows = [
    // 1,000 × $2/M + 500 × $12/M; then 1,000 fresh, 4,000 cached; then a bill that is a micro-dollar and a bit too high.
    "alpha,0,1763510516,1000,0,500,20,0.008,1",
    "alpha,1,1763510520,5000,4000,100,0,0.004,1",
    "alpha,2,1763510525,1000,0,0,0,0.0020011,1",
    "beta,0,1763510530,50000,0,1000,0,,0",
    // 800,000 tokens are $3.20 and more in the long-context tier: this run does not fit $1.50.
    "gamma,0,1763510540,800000,0,10,0,,0",
  ];
  writeFileSync(join(data, "swe_agent_calls.csv"), `${[HEADER, ...rows].join("\n")}\n`);
});
afterAll(() => rmSync(data, { recursive: true, force: true }));

function metricsOf(name: string): Readonly<Record<string, unknown>> {
  const out = execFileSync(process.execPath, ["scripts/run.mjs", "evals", name, "--data", data, "--seed", "7", "--json"], {
    encoding: "utf8",
  });
  const answer = JSON.parse(out) as { name: string; data: string; seed: number; metrics: Readonly<Record<string, unknown>> };
  expect(answer).toMatchObject({ name, data, seed: 7 });
  return answer.metrics;
}

test("the billing evaluation counts the bills that differ by more than 1e-6 USD", () => {
  expect(metricsOf("billing")).toMatchObject({ calls: 3, mismatches: 1, mismatches_flat: 1, worst_nano: "1100" });
});

test("the false-refusals evaluation refuses the run that does not fit, and no other", () => {
  expect(metricsOf("false-refusals")).toMatchObject({
    calls: 5,
    runs: 3,
    fit: 2,
    falsely_refused: 0,
    falsely_refused_whole: 0,
    over_cap: 0,
  });
});

test("an unknown evaluation is refused with the known ones, a missing directory with the usage", () => {
  const run = (...args: string[]): void => {
    execFileSync(process.execPath, ["scripts/run.mjs", "evals", ...args], {
      stdio: ["ignore", "ignore", "pipe"],
      encoding: "utf8",
    });
  };
  expect(() => run("nothing")).toThrow(/Known: billing, false-refusals/);
  expect(() => run("billing")).toThrow(/--data DIR/);
});
