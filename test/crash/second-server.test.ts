// E6, E7: whose ledger it is, and which one: a second server on the same directory, and a directory put back from a backup.
import type { ChildProcess } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { verifyFile } from "../../src/stores/sqlite/verify-file.js";
import { startGateway } from "./gateway/processes.js";

const home = mkdtempSync(join(tmpdir(), "bursar-second-"));
const config = join(home, "bursar.yaml");
const started: ChildProcess[] = [];
const at = (data: string) => ({ home, config, started, data: join(home, data) });

beforeAll(() => {
  writeFileSync(
    config,
    `version: 1
timezone: UTC
providers: { sim: { kind: simulated } }
keys: [{ name: platform, token: platform-key }]
budgets: [{ name: org, limit: { usd: 10 } }]
`,
  );
});
afterAll(() => {
  for (const child of started) child.kill("SIGKILL");
  rmSync(home, { recursive: true, force: true });
});

async function spend(url: string): Promise<void> {
  const headers = { authorization: "Bearer platform-key", "content-type": "application/json", "x-sim-output-tokens": "20" };
  const body = JSON.stringify({ model: "gpt-4o", max_tokens: 100, messages: [{ role: "user", content: "Hello" }] });
  const answer = await fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body });
  expect(answer.status).toBe(200);
}

/** Entries of a ledger, as far as it verifies. */
async function entriesIn(data: string): Promise<number> {
  const { entries, violations } = await verifyFile(join(home, data));
  expect(violations).toEqual([]);
  return entries;
}

test("E7: a second server on a directory is refused, names who has it, and harms nothing", async () => {
  const first = await startGateway(at("one"));
  await expect(startGateway(at("one"))).rejects.toThrow(
    new RegExp(`Process ${started[0]?.pid} has the data directory .* and listens on ${first.url}`),
  );
  await spend(first.url);
  expect(await first.stop()).toBe(0);
  await entriesIn("one");
});

test("E7: a copy of a directory that is in use is a ledger of its own, as the guide says, and changes nothing in the other", async () => {
  const first = await startGateway(at("origin"));
  await spend(first.url);
  cpSync(join(home, "origin"), join(home, "copy"), { recursive: true });
  const second = await startGateway(at("copy"));
  await spend(second.url);
  await spend(second.url);
  await spend(first.url);
  expect([await first.stop(), await second.stop()]).toEqual([0, 0]);
  const [own, others] = [await entriesIn("origin"), await entriesIn("copy")];
  expect(others).toBe(own + 2);
});

test("E6: an older ledger beside the current head is refused; a whole older directory is served, as the guide says", async () => {
  const first = await startGateway(at("two"));
  await spend(first.url);
  expect(await first.stop()).toBe(0);
  cpSync(join(home, "two"), join(home, "backup"), { recursive: true });
  const then = await entriesIn("backup");
  const second = await startGateway(at("two"));
  await spend(second.url);
  expect(await second.stop()).toBe(0);
  expect(await entriesIn("two")).toBeGreaterThan(then);
  cpSync(join(home, "backup", "ledger.db"), join(home, "two", "ledger.db"));
  await expect(startGateway(at("two"))).rejects.toThrow(new RegExp(`\\b${then + 1}\\b`));
  rmSync(join(home, "two"), { recursive: true });
  cpSync(join(home, "backup"), join(home, "two"), { recursive: true });
  const third = await startGateway(at("two"));
  expect(await third.stop()).toBe(0);
});
