// E3 in its long size: the n-th sync answers EIO under a real process, for BURSAR_FAULTS (100) n.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { appendUnder, expectRecovery, OPENING_SYNCS } from "../crash/append-under.js";
import { openProgress, openRun, sizeFrom } from "./results.js";

const FAULTS = sizeFrom("BURSAR_FAULTS", 100);
const root = mkdtempSync(join(tmpdir(), "bursar-faults-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test(`E3: whichever of ${FAULTS} syncs fails, nothing is acknowledged or synced again, and the restart is clean`, async () => {
  const note = openRun("disk faults", { faults: FAULTS });
  const progress = openProgress(FAULTS);
  let acknowledged = 0;
  for (let nth = OPENING_SYNCS + 1; nth <= OPENING_SYNCS + FAULTS; nth++) {
    const ended = await appendUnder(root, { fault: `error=EIO:when=${nth}`, traced: "fsync,fdatasync" });
    expect({ nth, stderr: ended.stderr }).toEqual({ nth, stderr: expect.stringContaining("store_unavailable") });
    expect({ nth, after: ended.callsAfter }).toEqual({ nth, after: [] });
    expect(ended.acknowledged).toBeLessThanOrEqual((nth - OPENING_SYNCS) * 20);
    await expectRecovery(ended);
    acknowledged += ended.acknowledged;
    progress(nth - OPENING_SYNCS);
  }
  note({ acknowledged, lost: 0, syncs_after_failure: 0 });
});
