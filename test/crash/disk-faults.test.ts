// The disk fails under a real process: strace makes the n-th system call answer with an error, as the kernel would.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { appendUnder, expectRecovery } from "./append-under.js";

const root = mkdtempSync(join(tmpdir(), "bursar-faults-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test.each([9, 10, 20, 40])(
  "E3: when the %i-th sync fails, nothing is acknowledged or synced again, and the restart is clean",
  async (nth) => {
    const ended = await appendUnder(root, { fault: `error=EIO:when=${nth}`, traced: "fsync,fdatasync" });
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
    const ended = await appendUnder(root, { fault: `error=${error}:when=300+`, traced: "pwrite64" });
    expect(ended.stderr).toContain("store_unavailable");
    await expectRecovery(ended);
  },
);
