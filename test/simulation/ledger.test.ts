// The same simulation without the road, where operations are cheap: other programs ask the journal itself.
import { expect, test } from "vitest";
import { runWorlds, seedFrom } from "./worlds.js";

const OPERATIONS = 400_000;
const CALLS = 2_000;

test("asked by programs that repeat themselves and vanish, the ledger keeps its invariants through every crash", async () => {
  const from = seedFrom(1);
  const { worlds, operations, entries, met, wrong } = await runWorlds({
    from: { seed: from, calls: CALLS, only: "ledger" },
    operations: OPERATIONS,
  });
  console.info(
    `SEED=${from}: ${worlds} worlds of the ledger, ${operations} operations, ${entries} entries: ${JSON.stringify(met)}`,
  );
  expect(wrong).toEqual([]);
  for (const name of [
    "crashes",
    "voided",
    "presumed for crash",
    "presumed for silent",
    "presumed for remote",
    "outcome resolved",
  ]) {
    expect(met[name] ?? 0, name).toBeGreaterThan(0);
  }
}, 300_000);
