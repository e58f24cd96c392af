// The real binary, killed at named points instead of random moments: between the hold and the first byte, between the last
// event and the post, before and behind a commit, in both checkpoints, at a window's turn and in the migration.
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifyFile } from "../../src/stores/sqlite/verify-file.js";
import { type Failpoint, startGateway } from "./gateway/processes.js";
import { killAgainAndAgain } from "./gateway/rounds.js";

/** So long before the minute turns that the gateway is up and under load by then. */
const TURNS_IN_MS = 6_000;

const POINTS: readonly (() => Failpoint)[] = [
  () => ({ at: "after-hold:9" }),
  () => ({ at: "after-dispatch:9" }),
  () => ({ at: "before-post:9" }),
  () => ({ at: "before-commit:30" }),
  () => ({ at: "after-commit:30" }),
  () => ({ at: "in-rollover:1", clockMs: 60_000 - (Date.now() % 60_000) - TURNS_IN_MS }),
  () => ({ at: "in-wal-checkpoint:1" }),
  () => ({ at: "in-checkpoint:1" }),
];

test("E1: a gateway killed at each named point loses nothing that was acknowledged and overspends nothing", async ({
  signal,
}) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  console.log(`SEED=${seed}`);
  const size = { kills: POINTS.length, clients: 24, loadMs: [0, 1] as const, seed, failpoints: POINTS };
  const outcome = await killAgainAndAgain(size, signal);
  console.log(JSON.stringify(outcome));
  expect(outcome.presumed).toBeGreaterThan(POINTS.length);
  expect(outcome.acknowledged).toBeGreaterThan(POINTS.length);
}, 400_000);

test("E9: a process killed inside the migration leaves a directory that the next one starts on as on an empty one", async () => {
  const home = mkdtempSync(join(tmpdir(), "bursar-migration-"));
  const started: ChildProcess[] = [];
  try {
    const config = join(home, "bursar.yaml");
    writeFileSync(config, "version: 1\nkeys: [{ name: one, token: token-of-one }]\nproviders: { sim: { kind: simulated } }\n");
    const at = { home, started, config, data: join(home, "data") };
    await expect(startGateway({ ...at, failpoint: { at: "in-migration:1" } })).rejects.toThrow("ended instead of serving");
    expect(started.map((child) => child.signalCode)).toEqual(["SIGKILL"]);
    const gateway = await startGateway(at);
    expect(await gateway.stop()).toBe(0);
    expect((await verifyFile(at.data)).violations).toEqual([]);
  } finally {
    for (const child of started) child.kill("SIGKILL");
    rmSync(home, { recursive: true, force: true });
  }
});
