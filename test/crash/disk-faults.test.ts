// The disk fails under a real process: strace makes the n-th system call answer with an error, as the kernel would.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openSqlite } from "../../src/stores/sqlite/open-sqlite.js";
import { standingClock } from "../ledger-fixtures.js";
import { appendUnder, expectRecovery, OPENING_SYNCS } from "./append-under.js";

const root = mkdtempSync(join(tmpdir(), "bursar-faults-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test.each([1, 2, 11, 31].map((batch) => OPENING_SYNCS + batch))(
  "E3: when the %i-th sync fails, nothing is acknowledged or synced again, and the restart is clean",
  async (nth) => {
    const ended = await appendUnder(root, { fault: `error=EIO:when=${nth}`, traced: "fsync,fdatasync" });
    expect(ended.stderr).toContain("store_unavailable");
    expect(ended.callsAfter).toEqual([]);
    // One sync makes one batch of twenty durable.
    expect(ended.acknowledged).toBeLessThanOrEqual((nth - OPENING_SYNCS) * 20);
    await expectRecovery(ended);
  },
);

test.each([1, 5, OPENING_SYNCS])("E3: when the %i-th sync fails, of those of the start, the start is refused", async (nth) => {
  const ended = await appendUnder(root, { fault: `error=EIO:when=${nth}`, traced: "fsync,fdatasync" });
  expect(ended.stderr).toContain("store_unavailable");
  expect(ended.acknowledged).toBe(0);
  const next = await openSqlite({ directory: ended.directory, clock: standingClock() });
  expect(next.loaded.seq).toBe(0);
  await next.close();
  await expectRecovery(ended);
});

test.each(["ENOSPC", "EDQUOT"])(
  "E3: when the disk is full (%s) the ledger stops, and what was acknowledged is there",
  async (error) => {
    const ended = await appendUnder(root, { fault: `error=${error}:when=300+`, traced: "pwrite64" });
    expect(ended.stderr).toContain("store_unavailable");
    await expectRecovery(ended);
  },
);
