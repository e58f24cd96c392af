// SIGKILL at random moments under load, twenty times over one ledger: what was acknowledged stays, what was open is
// presumed and can be settled by hand, and nothing was admitted beyond a limit.
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
import { checkHistoryIn } from "../history.js";
import { standingClock } from "../ledger-fixtures.js";

const KILLS = 20;
/** Most that a start may take of the processors, in milliseconds; how long others keep it waiting is not its doing. */
const READY_MS = 2_000;
const directory = mkdtempSync(join(tmpdir(), "bursar-kill-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Said {
  ready: number | null;
  readonly held: Set<string>;
  readonly posted: Map<string, bigint>;
}

/** Runs calls as `agent` and kills the process `delay` ms after it was ready; answers what it had acknowledged. */
async function runAndKill(agent: string, delay: number): Promise<Said> {
  const script = fileURLToPath(new URL("./__fixtures__/load-until-killed.mjs", import.meta.url));
  const child = spawn(process.execPath, [script, directory, agent], { stdio: ["ignore", "pipe", "inherit"] });
  const said: Said = { ready: null, held: new Set(), posted: new Map() };
  const ready = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [what, first, second] = line.split(" ");
      if (what === "held") said.held.add(first ?? "");
      if (what === "posted" && second !== undefined) said.posted.set(first ?? "", BigInt(second));
      if (what === "ready") {
        said.ready = Number(first);
        resolve();
      }
    });
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  await Promise.race([ready, ended]);
  await new Promise((resolve) => setTimeout(resolve, delay));
  child.kill("SIGKILL");
  await ended;
  return said;
}

/** What a start after the kill must find; settles what it presumes by hand, so that the next round starts clean. */
async function expectRecovered(said: Said): Promise<number> {
  const persistence = await openSqlite({ directory, clock: standingClock() });
  for (const [id, nano] of said.posted) {
    expect([id, persistence.loaded.resolutions.get(`${id}.1`)]).toEqual([id, { kind: "posted", nano }]);
  }
  const ledger = await openJournal({ persistence, clock: standingClock() });
  const open = [...ledger.state().holds.values()];
  for (const id of said.held) {
    const known = ledger.state().resolutions.has(`${id}.1`) || ledger.state().holds.has(`${id}.1`);
    expect([id, known]).toEqual([id, true]);
  }
  expect(open.every((hold) => hold.state === "presumed" && hold.presumed_reason === "crash")).toBe(true);
  const settled = await ledger.apply(
    open.map(({ attempt_id }) => ({ type: "void" as const, attempt_id, proof: "resolved", actor: "test", reason: "killed" })),
  );
  expect(settled.every((result) => result.ok)).toBe(true);
  expect([...ledger.state().accounts.values()].every((account) => account.held === 0n && account.presumed === 0n)).toBe(true);
  await ledger.close();
  return open.length;
}

test(`E1: after each of ${KILLS} kills nothing acknowledged is lost, nothing is overspent and the leftovers are presumed`, async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  console.log(`SEED=${seed}`);
  let random = seed;
  let presumed = 0;
  let posted = 0;
  for (let round = 0; round < KILLS; round++) {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    const said = await runAndKill(`a${round}`, (random >>> 8) % 250);
    expect(said.ready, `the start of round ${round}`).toBeLessThanOrEqual(READY_MS);
    presumed += await expectRecovered(said);
    posted += said.posted.size;
  }
  expect(posted).toBeGreaterThan(KILLS);
  expect(presumed).toBeGreaterThan(0);
  const verified = await verifyFile(directory);
  expect(verified.violations).toEqual([]);
  expect(await checkHistoryIn(directory)).toMatchObject({ problems: [], pending: [], presumed: [] });
  for (const account of verified.state.accounts.values()) {
    if (account.budget === "agent") expect(account.used).toBeLessThanOrEqual(400n);
  }
}, 400_000);
