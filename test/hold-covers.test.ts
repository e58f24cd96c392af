// A stream's hold grows while it flows. At every moment it must cover what the provider has billed by then: whoever is
// killed in the middle leaves nothing behind but that hold.
import { expect, test } from "vitest";
import { budget } from "./ledger-fixtures.js";
import { consume, openSimulatedRoad, type SimulatedRoad } from "./simulated-road.js";

const MODELS = ["gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "claude-haiku-4-5"];
const SEEDS = ["a", "b", "kills", "e2e"];
const OUTPUT = 2_300;

const road = (seed: string): Promise<SimulatedRoad> =>
  openSimulatedRoad({ budgets: [budget({ name: "all", limit: 10n ** 12n })], seed });

const ask = (model: string, n: number): object => ({
  model,
  stream: true,
  max_tokens: OUTPUT + 1_000,
  messages: [{ role: "user", content: `Question ${n}: what is to be done?` }],
});

/** Streams a long answer; answers the moments at which less was held for it than billed. */
async function uncovered(at: SimulatedRoad, model: string): Promise<string[]> {
  at.simulator.clearBill();
  const reply = await at.call(ask(model, 99), { "x-sim-output-tokens": String(OUTPUT) });
  if (reply.kind !== "stream") throw new Error(`expected a stream, got ${reply.kind}`);
  const found: string[] = [];
  for await (const _ of reply.body) {
    const [hold] = at.ledger.state().holds.values();
    const billed = at.simulator.bill().nano_usd;
    if (hold !== undefined && hold.ceiling.nano < billed) found.push(`held ${hold.ceiling.nano}, billed ${billed}`);
  }
  expect(at.simulator.bill().by_call[0]?.output).toBe(OUTPUT);
  return found;
}

async function close(at: SimulatedRoad): Promise<void> {
  at.road.close();
  await at.ledger.close();
}

test.each(MODELS)("%s: from its first answer on, what is held for a stream covers what is billed for it", async (model) => {
  for (const seed of SEEDS) {
    const at = await road(seed);
    expect([seed, await uncovered(at, model)]).toEqual([seed, []]);
    await close(at);
  }
});

test.each(MODELS)("%s: once the meter knows the model, what is held for a stream still covers what is billed", async (model) => {
  for (const seed of SEEDS) {
    const at = await road(seed);
    for (let n = 0; n < 6; n++) await consume(await at.call(ask(model, n), { "x-sim-output-tokens": String(100 + 60 * n) }));
    expect([seed, await uncovered(at, model)]).toEqual([seed, []]);
    await close(at);
  }
});
