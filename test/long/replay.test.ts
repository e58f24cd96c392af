// Both Azure traces, whole, through the real processes. Their files are given by a path: BURSAR_TEST_DATA.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createColors } from "picocolors";
import { expect, test } from "vitest";
import { blocksText } from "../../src/surfaces/cli/print.js";
import { checksOf, shownResult } from "../../src/surfaces/cli/replay/report.js";
import { runReplay } from "../../src/surfaces/cli/replay/run-replay.js";

const folder = process.env.BURSAR_TEST_DATA ?? "";

test.each(["azure_llm_2023_code.csv", "azure_llm_2023_conv.csv"])("%s: bill − posted = 0 over every call", async (name) => {
  const file = join(folder, name);
  if (!existsSync(file)) throw new Error(`BURSAR_TEST_DATA has no ${name}: run npm run test:long -- --data DIR`);
  const options = { file, speed: 1_000_000, agents: 25, seed: "bursar", faults_permille: 0, concurrency: 64 };
  const result = await runReplay(options, { stderr: { write: () => true }, signal: new AbortController().signal });
  // The name alone: a table that is kept must not say where the data lay.
  console.log(blocksText(shownResult({ ...result, file: name }), createColors(false)));
  expect(checksOf(result).filter((check) => !check.ok)).toEqual([]);
  expect(result.tally.calls).toBeGreaterThan(5_000);
  const { exact, unsure, bill, cut, calls } = result.tally;
  expect(exact).toMatchObject({ difference: 0n, wrong: 0, calls: calls - cut, nano: bill.nano - unsure.billed });
});
