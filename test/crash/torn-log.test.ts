// E5: bytes of the ledger that are cut off, flipped, dropped or swapped behind Bursar's back: `verify` and the start of the
// real binary both find it and name the first entry that is not what was written; what they do not find changes nothing.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openChance } from "./gateway/load.js";
import { buildLedger, cutWal, flipByte, refusedByBinary } from "./torn/damage.js";

const root = mkdtempSync(join(tmpdir(), "bursar-torn-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const CUTS = Number(process.env.BURSAR_TORN_CUTS ?? 6);
const FLIPS = Number(process.env.BURSAR_TORN_FLIPS ?? 16);

test("E5: a WAL cut short by 1 to 4,096 bytes is refused, and the first entry that is gone is named", async () => {
  console.log(`SEED=${seed}`);
  const chance = openChance(seed);
  const ledger = await buildLedger(root);
  const lengths = new Set([1, 4_096, ...Array.from({ length: CUTS }, () => 1 + chance(4_096))]);
  for (const bytes of CUTS >= 4_096 ? Array.from({ length: 4_096 }, (_, n) => n + 1) : lengths) {
    const found = await cutWal(ledger, bytes);
    expect({ bytes, ...found }).toMatchObject({ bytes, start: "ledger_corrupt", verify: found.startSeq });
    expect(found.startSeq).toBeGreaterThan(0);
  }
});

test("E5: whichever byte is flipped, the ledger is refused or is what it was, to the last entry and balance", async () => {
  const chance = openChance(seed + 1);
  const ledger = await buildLedger(root);
  let refused = 0;
  for (let n = 0; n < FLIPS; n++) {
    const found = await flipByte(ledger, chance);
    if (found.start !== null) refused += 1;
    else expect({ ...found, seed }).toMatchObject({ hash: ledger.hash, standing: ledger.standing });
  }
  expect(refused).toBeGreaterThan(FLIPS / 4);
});

test("E5: the binary refuses to serve a damaged ledger, and `bursar verify` ends with 1; both name the entry", async () => {
  const ledger = await buildLedger(root);
  for (const [sql, seq] of [
    // No UTF-8: the driver would end the whole process on it.
    ["UPDATE log SET json = CAST(x'7b22ff' AS TEXT) WHERE seq = 42", 42],
    ["DELETE FROM log WHERE seq = 17", 17],
    [
      "UPDATE log SET seq = -1 WHERE seq = 20; UPDATE log SET seq = 20 WHERE seq = 30; UPDATE log SET seq = 30 WHERE seq = -1",
      20,
    ],
  ] as const) {
    expect(await refusedByBinary(ledger, sql)).toMatchObject({
      up: { code: 1, said: expect.stringMatching(new RegExp(`entry ${seq}\\b`, "i")) },
      verify: { code: 1, said: expect.stringMatching(new RegExp(`\\b${seq}\\b`)) },
    });
  }
});
