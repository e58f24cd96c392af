// Traffic of recorded shape, made from a printed seed, through the real processes: both books must agree on every call.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fingerprint, openChance } from "../src/providers/simulated/chance.js";
import { checksOf, type Result, resultJson } from "../src/surfaces/cli/replay/report.js";
import { type ReplayOptions, runReplay } from "../src/surfaces/cli/replay/run-replay.js";

const SEED = process.env.BURSAR_SEED ?? String(Date.now());
const folder = mkdtempSync(join(tmpdir(), "bursar-replay-test-"));

beforeAll(() => console.log(`replay seed ${SEED}`));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Arrivals in bursts; lengths with a long tail, as in the recorded traces. */
function azureTrace(rows: number): string {
  const chance = openChance(fingerprint(SEED, "azure"));
  const start = Date.parse("2023-11-16T18:15:46Z");
  let at = start;
  const lines = Array.from({ length: rows }, () => {
    at += chance.below(3) === 0 ? chance.below(2_000) : chance.below(100);
    const input = 20 + chance.below(2 ** (7 + chance.below(6)));
    const output = 1 + chance.below(2 ** (4 + chance.below(8)));
    return `${new Date(at).toISOString().replace("T", " ").replace("Z", "0000")},${input},${output}`;
  });
  return `${["TIMESTAMP,ContextTokens,GeneratedTokens", ...lines].join("\n")}\n`;
}

/** Runs of agents whose prompts grow and are mostly cached; in the file they stand run by run. */
function sweTrace(runs: number): string {
  const chance = openChance(fingerprint(SEED, "swe"));
  const header =
    "instance_id,call_index,created_unix,prompt_tokens,cached_tokens,completion_tokens,reasoning_tokens,billed_cost_usd,resolved";
  const lines = Array.from({ length: runs }, (_, run) => {
    let [at, prompt] = [1_763_506_506 + chance.below(60), 1_500];
    return Array.from({ length: 5 + chance.below(20) }, (_call, index) => {
      at += 1 + chance.below(9);
      const cached = index === 0 ? 0 : Math.floor(prompt * 0.9);
      prompt += chance.below(2_000);
      return `task-${run},${index},${at},${prompt},${cached},${1 + chance.below(1_500)},0,,1`;
    });
  });
  return `${[header, ...lines.flat()].join("\n")}\n`;
}

async function replay(name: string, text: string, over: Partial<ReplayOptions> = {}): Promise<Result> {
  const file = join(folder, name);
  writeFileSync(file, text);
  const options = { file, speed: 1_000, agents: 12, seed: SEED, faults_permille: 0, concurrency: 32, ...over };
  const result = await runReplay(options, {
    stderr: { write: () => true },
    signal: new AbortController().signal,
  });
  for (const check of checksOf(result)) expect(check, JSON.stringify(resultJson(result), null, 1)).toMatchObject({ ok: true });
  return result;
}

test("of traffic without faults every call is posted at its bill, and some of it is refused rightly", {
  timeout: 120_000,
}, async () => {
  const { tally } = await replay("azure.csv", azureTrace(350));
  expect(tally.calls).toBe(350);
  // A stream that is cut is posted at what was held, unless its usage was already on its way.
  expect(tally.unsure.calls).toBeLessThanOrEqual(tally.cut);
  expect(tally.exact.calls).toBe(350 - tally.unsure.calls);
  expect(tally.exact.nano).toBe(tally.bill.nano - tally.unsure.billed);
  expect(tally.bill.nano > 0n).toBe(true);
  const refused = [...tally.refused.values()].reduce((sum, { final, waiting }) => sum + final + waiting, 0);
  expect(refused).toBeGreaterThan(10);
  expect(refused).toBeLessThan(175);
  expect([...tally.refused.keys()].every((name) => ["org", "team", "agent", "task-cap"].includes(name))).toBe(true);
  expect(tally.failed.size).toBe(0);
});

test("with faults of the provider and clients that leave, no call is counted below its bill", { timeout: 120_000 }, async () => {
  const { tally } = await replay("swe.csv", sweTrace(25), { faults_permille: 300 });
  expect(tally.unsure.calls).toBeGreaterThan(5);
  expect(tally.presumed.calls).toBeGreaterThan(0);
  expect(tally.left).toBeGreaterThan(0);
  expect(tally.retried).toBeGreaterThan(0);
  expect(tally.exact.calls).toBeGreaterThan(tally.unsure.calls);
  const counted = tally.spent.nano + tally.presumed.nano;
  let beyond = 0n;
  for (const { nano } of tally.beyond.values()) beyond += nano;
  expect(counted + beyond >= tally.bill.nano).toBe(true);
});
