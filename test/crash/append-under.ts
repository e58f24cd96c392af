import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { openSqlite } from "../../src/stores/sqlite/open-sqlite.js";
import { verifyFile } from "../../src/stores/sqlite/verify-file.js";
import { standingClock } from "../ledger-fixtures.js";

const appending = fileURLToPath(new URL("../../src/stores/sqlite/__fixtures__/append-until-killed.mjs", import.meta.url));

/** Syncs of the writing thread before the first batch (strace counts by thread); one that fails there is a refused start. */
export const OPENING_SYNCS = 8;

/** What came of a process whose disk failed. */
export interface Ended {
  readonly directory: string;
  /** Last entry that the process was told is durable. */
  readonly acknowledged: number;
  readonly stderr: string;
  /** System calls after the one that failed, one a line. */
  readonly callsAfter: readonly string[];
}

/** Appends in a process of its own until the injected fault ends it. */
export function appendUnder(root: string, of: { fault: string; traced: string }): Promise<Ended> {
  const { fault, traced } = of;
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

/** The next start finds what was acknowledged, and nothing amiss. */
export async function expectRecovery(ended: Ended): Promise<void> {
  expect((await verifyFile(ended.directory)).violations).toEqual([]);
  const persistence = await openSqlite({ directory: ended.directory, clock: standingClock() });
  expect(persistence.loaded.seq).toBeGreaterThanOrEqual(ended.acknowledged);
  await persistence.close();
}
