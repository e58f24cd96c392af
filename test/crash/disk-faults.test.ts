// The disk fails under a real process: strace makes the n-th system call answer with an error, as the kernel would.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { openSqlite } from "../../src/stores/sqlite/open-sqlite.js";
import { verifyFile } from "../../src/stores/sqlite/verify-file.js";
import { standingClock } from "../ledger-fixtures.js";

const root = mkdtempSync(join(tmpdir(), "bursar-faults-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const appending = fileURLToPath(new URL("../../src/stores/sqlite/__fixtures__/append-until-killed.mjs", import.meta.url));

interface Ended {
  readonly directory: string;
  /** Last entry that the process was told is durable. */
  readonly acknowledged: number;
  readonly stderr: string;
  /** System calls after the one that failed, one a line. */
  readonly callsAfter: readonly string[];
}

/** Appends in a process of its own until the injected fault ends it. */
function appendUnder(fault: string, traced: string): Promise<Ended> {
  const directory = mkdtempSync(join(root, "d-"));
  const trace = join(root, `${fault.replace(/\W/g, "-")}.log`);
  const inject = ["-f", "-qq", "-o", trace, "-e", `trace=${traced}`, "-e", `inject=${traced}:${fault}`];
  return new Promise((resolve, reject) => {
    const child = spawn("strace", [...inject, process.execPath, appending, directory], { stdio: ["ignore", "pipe", "pipe"] });
    // Without strace nothing is shown, so its absence fails the run.
    child.on("error", reject);
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const late = setTimeout(() => child.kill("SIGTERM"), 20_000);
    child.on("close", () => {
      clearTimeout(late);
      const lines = readFileSync(trace, "utf8").split("\n");
      const failed = lines.findIndex((line) => line.includes("INJECTED"));
      const callsAfter =
        failed < 0 ? ["the fault was never injected"] : lines.slice(failed + 1).filter((line) => line.includes("("));
      resolve({ directory, acknowledged: Number(stdout.trim().split("\n").at(-1)), stderr, callsAfter });
    });
  });
}

async function expectRecovery(ended: Ended): Promise<void> {
  expect((await verifyFile(ended.directory)).violations).toEqual([]);
  const persistence = await openSqlite({ directory: ended.directory, clock: standingClock() });
  expect(persistence.loaded.seq).toBeGreaterThanOrEqual(ended.acknowledged);
  await persistence.close();
}

test.each([9, 10, 20, 40])(
  "E3: when the %i-th sync fails, nothing is acknowledged or synced again, and the restart is clean",
  async (nth) => {
    const ended = await appendUnder(`error=EIO:when=${nth}`, "fsync,fdatasync");
    expect(ended.stderr).toContain("store_unavailable");
    expect(ended.callsAfter).toEqual([]);
    // One sync makes one batch of twenty durable; the first eight belong to the opening.
    expect(ended.acknowledged).toBeLessThanOrEqual((nth - 8) * 20);
    await expectRecovery(ended);
  },
);

test.each(["ENOSPC", "EDQUOT"])(
  "E3: when the disk is full (%s) the ledger stops, and what was acknowledged is there",
  async (error) => {
    const ended = await appendUnder(`error=${error}:when=300+`, "pwrite64");
    expect(ended.stderr).toContain("store_unavailable");
    await expectRecovery(ended);
  },
);
