import { expect, test } from "vitest";
import { budget } from "./ledger-fixtures.js";
import { consume, openSimulatedRoad, postedNano, type SimulatedRoad } from "./simulated-road.js";

/** Far more input than the request's bytes let anybody expect: what a wrong estimate, or a hidden prompt, looks like. */
const HIDDEN = { "x-sim-input-tokens": "100000", "x-sim-output-tokens": "40" };
const CLAUDE = { model: "claude-sonnet-4-5", max_tokens: 50, stream: true, messages: [{ role: "user", content: "hi" }] };
const GPT = { ...CLAUDE, model: "gpt-4o" };

async function overruns(at: SimulatedRoad): Promise<string[]> {
  const causes: string[] = [];
  for await (const entry of at.ledger.read(1)) if (entry.type === "call.overrun") causes.push(entry.cause);
  return causes;
}

for (const ask of [CLAUDE, GPT]) {
  test(`a stream of ${ask.model} whose input was underestimated is posted at its bill, named, and closes the budget`, async () => {
    const at = await openSimulatedRoad({ budgets: [budget({ name: "b", limit: 5_000_000n })] });
    await consume(await at.call(ask, HIDDEN));
    expect(await postedNano(at.ledger)).toBeGreaterThanOrEqual(BigInt(at.simulator.bill().nano_usd));
    expect(await overruns(at)).toEqual(["U2"]);
    const next = await at.call(ask, HIDDEN);
    expect(next.kind === "refused" && next.error.code).toBe("budget_exceeded");
    expect(at.simulator.bill().calls).toBe(1);
    at.road.close();
  });

  test(`a client of ${ask.model} that leaves does not make the told input forgotten`, async () => {
    const at = await openSimulatedRoad({ budgets: [budget({ name: "b", limit: 10n ** 9n })] });
    const gone = new AbortController();
    const reply = await at.call(
      { ...ask, max_tokens: 4_000 },
      { ...HIDDEN, "x-sim-output-tokens": "3000", "x-sim-tokens-per-second": "400" },
      { signal: gone.signal },
    );
    setTimeout(() => gone.abort(), 60);
    await consume(reply);
    for (let turn = 0; at.road.active.size > 0 && turn < 400; turn++) await new Promise((resolve) => setTimeout(resolve, 10));
    const told = ask === CLAUDE;
    // OpenAI tells its usage only at the end: what was held is all that is known of a stream that was left.
    if (told) expect(await postedNano(at.ledger)).toBeGreaterThanOrEqual(BigInt(at.simulator.bill().nano_usd));
    expect(at.ledger.state().holds.size).toBe(0);
    at.road.close();
  });
}
