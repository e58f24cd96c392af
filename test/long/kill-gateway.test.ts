// The same as test/crash/kill-gateway.test.ts, fifty times as often, with twice the clients: 1,000 kills over five ledgers.
import { expect, test } from "vitest";
import { killAgainAndAgain } from "../crash/gateway/rounds.js";

const KILLS = 200;
const READY_MS = 2_000;

const LEDGERS = [1, 2, 3, 4, 5];
const TITLE = `E1: ledger %i: a gateway killed ${KILLS} times under load loses nothing that was acknowledged and overspends nothing`;

test.for(LEDGERS)(TITLE, async (ledger, { signal }) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000) + ledger * 10_007;
  console.log(`SEED=${seed}`);
  const outcome = await killAgainAndAgain({ kills: KILLS, clients: 60, loadMs: [20, 3_000], seed }, signal);
  console.log(JSON.stringify(outcome));
  expect(outcome.startMedianMs).toBeLessThanOrEqual(READY_MS);
  expect(outcome.acknowledged).toBeGreaterThan(KILLS * 5);
  expect(outcome.presumed).toBeGreaterThan(KILLS);
});
