// `bursar demo` as a person runs it, in a hurry: the loop ends at its cap, everybody else finishes, the books agree.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cleanEnvironment } from "./server-process.js";
import { root } from "./tidy/source.js";

interface DemoAnswer {
  readonly agents: readonly {
    name: string;
    calls: number;
    spent_usd: string;
    finished: boolean;
    refused_by: string | null;
    refusal: string;
  }[];
  readonly posted_usd: string;
  readonly bill_usd: string;
  readonly difference_nano: string;
  readonly checks: readonly { name: string; ok: boolean; found: string }[];
}

test("the looping agent is stopped by task-cap, the others finish, and nothing is called although keys are set", {
  timeout: 60_000,
}, () => {
  const folder = mkdtempSync(join(tmpdir(), "bursar-demo-test-"));
  // A key that is set must not matter: were it used, the demo would call a provider, fail, and cost money.
  const env = { ...cleanEnvironment(folder), OPENAI_API_KEY: "sk-not-to-be-used", ANTHROPIC_API_KEY: "sk-not-to-be-used" };
  const args = [join(root, "dist/surfaces/cli/bin.js"), "demo", "--fast", "--once", "--json", "--port", "0"];
  const run = spawnSync(process.execPath, args, { cwd: folder, env, encoding: "utf8", timeout: 50_000 });
  expect(run.status, run.stderr).toBe(0);
  const demo = JSON.parse(run.stdout) as DemoAnswer;
  const research = demo.agents.find((agent) => agent.name === "research-bot");
  expect(research).toMatchObject({ finished: false, refused_by: "task-cap" });
  expect(research?.refusal).toContain("bursar budget raise task-cap");
  expect(research?.calls).toBeGreaterThan(5);
  expect(Number(research?.spent_usd)).toBeLessThanOrEqual(1.5);
  expect(demo.agents.filter((agent) => agent.finished)).toHaveLength(4);
  expect(demo).toMatchObject({ difference_nano: "0", posted_usd: demo.bill_usd });
  for (const check of demo.checks) expect(check).toMatchObject({ ok: true });
  // It tells what the agent reads, and leaves nothing behind.
  expect(run.stderr).toContain(research?.refusal ?? "no refusal");
  expect(readdirSync(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
});
