import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

/** Folder of recorded traffic; a user's clone has none. `.ci/run` names it where it is. */
const data = process.env.BURSAR_TEST_DATA;

interface Answer {
  readonly metrics: Readonly<Record<string, unknown>>;
}

function run(program: readonly string[]): Answer {
  return JSON.parse(execFileSync(process.execPath, program, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
}

function recorded(what: string, check: (folder: string) => void): void {
  test(what, { timeout: 240_000 }, () => {
    if (data === undefined) console.log(`not run: needs recorded data (BURSAR_TEST_DATA): ${what}`);
    else check(data);
  });
}

recorded("every recorded bill is computed to the nano-dollar", (folder) => {
  const { metrics } = run(["scripts/run.mjs", "evals", "billing", "--data", folder, "--json"]);
  expect(metrics).toMatchObject({ mismatches: 0, worst_nano: "0" });
  expect(metrics.calls).toBeGreaterThan(1_000);
});

recorded("at most one recorded run in a hundred that fits its cap is refused falsely", (folder) => {
  const { metrics } = run(["scripts/run.mjs", "evals", "false-refusals", "--data", folder, "--json"]);
  expect(metrics.share).toBeLessThanOrEqual(0.01);
  expect(metrics.over_cap).toBe(0);
});

recorded("the beginning of a recorded trace leaves both books equal", (folder) => {
  const file = join(folder, "azure_llm_2023_conv.csv");
  // Its exit code is 1, and this throws, when any of its checks fails.
  const answer = run(["dist/surfaces/cli/bin.js", "replay", file, "--limit", "300", "--speed", "500", "--json"]);
  expect(answer).toMatchObject({ calls: 300, pending: 0, false_refusals: 0, usage_arrived: { difference_nano: "0" } });
});
