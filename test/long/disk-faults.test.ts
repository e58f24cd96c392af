// E3 in its long size: the n-th sync answers EIO, for a hundred n, under a real process.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { appendUnder, expectRecovery } from "../crash/append-under.js";

const FAULTS = 100;
/** Syncs of the opening itself; one that fails there is a refused start. */
const OPENING = 8;
const root = mkdtempSync(join(tmpdir(), "bursar-faults-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test(`E3: whichever of ${FAULTS} syncs fails, nothing is acknowledged or synced again, and the restart is clean`, async () => {
  for (let nth = OPENING + 1; nth <= OPENING + FAULTS; nth++) {
    const ended = await appendUnder(root, { fault: `error=EIO:when=${nth}`, traced: "fsync,fdatasync" });
    expect({ nth, stderr: ended.stderr }).toEqual({ nth, stderr: expect.stringContaining("store_unavailable") });
    expect({ nth, after: ended.callsAfter }).toEqual({ nth, after: [] });
    expect(ended.acknowledged).toBeLessThanOrEqual((nth - OPENING) * 20);
    await expectRecovery(ended);
  }
});
