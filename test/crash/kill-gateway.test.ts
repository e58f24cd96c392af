// The real binary under real clients, killed at random moments: what a client was told stays posted, what was open is
// presumed and listed and can be settled by hand, and no budget is overspent, by the provider's own bill.
import { expect, test } from "vitest";
import { killAgainAndAgain } from "./gateway/rounds.js";

const KILLS = 20;
/**
 * What a start may take of the processors until it is ready. How long it takes is a benchmark's: on a busy machine that is
 * mostly waiting, and even the processor time is half again as much (1.3 s on a calm one).
 */
const START_CPU_MS = 3_000;

test(`E1: a gateway killed ${KILLS} times under load loses nothing that was acknowledged and overspends nothing`, async ({
  signal,
}) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  console.log(`SEED=${seed}`);
  const outcome = await killAgainAndAgain({ kills: KILLS, clients: 30, loadMs: [5, 1_200], seed }, signal);
  console.log(JSON.stringify(outcome));
  expect(outcome.startCpuMedianMs).toBeLessThanOrEqual(START_CPU_MS);
  expect(outcome.acknowledged).toBeGreaterThan(KILLS * 5);
  expect(outcome.presumed).toBeGreaterThan(KILLS);
  expect(outcome.extensions).toBeGreaterThan(0);
  expect(outcome.refused["task-cap"]).toBeGreaterThan(0);
  expect(outcome.refused["agent-rate"]).toBeGreaterThan(0);
}, 400_000);
