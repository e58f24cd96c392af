// E10: SIGKILL while ten thousand posts wait to be written. What was acknowledged is there, the rest is presumed, and when
// the provider's figures come again, each is settled exactly once.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { openJournal } from "../../src/stores/journal.js";
import { openSqlite } from "../../src/stores/sqlite/open-sqlite.js";
import { verifyFile } from "../../src/stores/sqlite/verify-file.js";
import { post, standingClock } from "../ledger-fixtures.js";

const CALLS = 10_000;
const root = mkdtempSync(join(tmpdir(), "bursar-queue-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Queues the posts in a process and kills it when so many are acknowledged; answers which were. */
async function queueAndKill(directory: string, acknowledged: number): Promise<Set<string>> {
  const script = fileURLToPath(new URL("./__fixtures__/queue-until-killed.mjs", import.meta.url));
  const child = spawn(process.execPath, [script, directory, String(CALLS)], { stdio: ["ignore", "pipe", "inherit"] });
  const posted = new Set<string>();
  let queued = false;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === "queued") queued = true;
    else posted.add(line.slice("posted ".length));
    if (queued && posted.size >= acknowledged) child.kill("SIGKILL");
  }
  expect(queued).toBe(true);
  return posted;
}

test.each([0, 1])(
  "E10: a process killed with 10,000 posts in its queue, %i of them acknowledged, settles each exactly once after the restart",
  async (acknowledged) => {
    const directory = join(root, String(acknowledged));
    const told = await queueAndKill(directory, acknowledged);
    expect(told.size).toBeGreaterThanOrEqual(acknowledged);
    const clock = standingClock();
    const ledger = await openJournal({ persistence: await openSqlite({ directory, clock }), clock });
    const holds = [...ledger.state().holds.values()];
    console.log(`${told.size} acknowledged, ${CALLS - holds.length} durable`);
    expect(holds.every(({ state, presumed_reason }) => state === "presumed" && presumed_reason === "crash")).toBe(true);
    for (const id of told) expect([id, ledger.state().holds.has(`${id}.1`)]).toEqual([id, false]);
    const results = await ledger.apply(Array.from({ length: CALLS }, (_, n) => post(`c${n}`, { input: 10, output: 5 })));
    expect(results.filter((result) => result.ok && result.changed)).toHaveLength(holds.length);
    expect(results.every((result) => result.ok)).toBe(true);
    const accounts = [...ledger.state().accounts.values()].map(({ used, held, presumed }) => [used, held, presumed]);
    expect(accounts).toEqual([[BigInt(CALLS) * 20_000n, 0n, 0n]]);
    const posted: string[] = [];
    for await (const entry of ledger.read(1)) if (entry.type === "call.posted") posted.push(entry.attempt_id);
    expect([posted.length, new Set(posted).size]).toEqual([CALLS, CALLS]);
    await ledger.close();
    expect((await verifyFile(directory)).violations).toEqual([]);
  },
  60_000,
);
