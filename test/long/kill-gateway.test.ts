// The same as test/crash/kill-gateway.test.ts, fifty times as often: BURSAR_KILLS (1,000) kills over BURSAR_KILL_LEDGERS (5)
// ledgers, two of them at a time, so that one starts while the other is under load. Ledger n of seed S is repeated alone by
// SEED=S+10007n BURSAR_KILL_LEDGERS=1 and its share of the kills.
import { expect, test } from "vitest";
import { killAgainAndAgain } from "../crash/gateway/rounds.js";
import { openRun, seedOfRun, sizeFrom } from "./results.js";

const KILLS = sizeFrom("BURSAR_KILLS", 1_000);
const LEDGERS = sizeFrom("BURSAR_KILL_LEDGERS", 5);
const CLIENTS = sizeFrom("BURSAR_KILL_CLIENTS", 30);
const each = Math.ceil(KILLS / LEDGERS);
/** As in the short test. */
const START_CPU_MS = 3_000;
const firstSeed = seedOfRun();

const TITLE = `E1: ledger %i of ${LEDGERS}: a gateway killed ${each} times under load loses nothing that was acknowledged and overspends nothing`;

test.concurrent.for(Array.from({ length: LEDGERS }, (_, n) => n))(TITLE, async (ledger, { signal }) => {
  const seed = firstSeed + ledger * 10_007;
  const note = openRun("kills", { kills: each, clients: CLIENTS, seed });
  const outcome = await killAgainAndAgain({ kills: each, clients: CLIENTS, loadMs: [5, 900], seed }, signal);
  console.log(JSON.stringify(outcome));
  expect(outcome.startCpuMedianMs).toBeLessThanOrEqual(START_CPU_MS);
  expect(outcome.acknowledged).toBeGreaterThan(each * 5);
  expect(outcome.presumed).toBeGreaterThan(each);
  note(outcome);
});
