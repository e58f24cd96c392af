// The real binary under real clients, killed at random moments: what a client was told stays posted, what was open is
// presumed and listed and can be settled by hand, and no budget is overspent, by the provider's own bill.
import { expect, test } from "vitest";
import { killAgainAndAgain } from "./gateway/rounds.js";

const KILLS = 20;
/** From the spawn to ready, in milliseconds; time in which other tests had the processors does not count. */
const READY_MS = 2_000;

test(`E1: a gateway killed ${KILLS} times under load loses nothing that was acknowledged and overspends nothing`, async ({
  signal,
}) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  console.log(`SEED=${seed}`);
  const outcome = await killAgainAndAgain({ kills: KILLS, clients: 30, loadMs: [20, 1_800], seed }, signal);
  console.log(JSON.stringify(outcome));
  expect(outcome.startMedianMs).toBeLessThanOrEqual(READY_MS);
  expect(outcome.acknowledged).toBeGreaterThan(KILLS * 5);
  expect(outcome.presumed).toBeGreaterThan(KILLS);
  expect(outcome.extensions).toBeGreaterThan(0);
  expect(outcome.refused["task-cap"]).toBeGreaterThan(0);
  expect(outcome.refused["agent-rate"]).toBeGreaterThan(0);
}, 400_000);
