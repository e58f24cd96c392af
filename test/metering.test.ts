// A stream whose usage never arrives is metered from its bytes. What is posted then must not be less than what was billed.
import { expect, test } from "vitest";
import type { Entry } from "../src/accounting/ledger/entry.js";
import { budget } from "./ledger-fixtures.js";
import { consume, openSimulatedRoad, type SimulatedRoad } from "./simulated-road.js";

const SEED = "metering";
const MODELS = ["gpt-4o", "gpt-4o-mini", "gpt-4.1-mini", "claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-7"];

const road = (): Promise<SimulatedRoad> =>
  openSimulatedRoad({ budgets: [budget({ name: "all", limit: 10n ** 12n })], seed: SEED });

function ask(model: string, n: number): object {
  const messages = [{ role: "user", content: `Question ${n}: what is to be done?` }];
  return { model, messages, stream: true, [model.startsWith("gpt-5") ? "max_completion_tokens" : "max_tokens"]: 1000 };
}

async function lastPost(at: SimulatedRoad): Promise<Extract<Entry, { type: "call.posted" }>> {
  let last: Extract<Entry, { type: "call.posted" }> | undefined;
  for await (const entry of at.ledger.read(1)) if (entry.type === "call.posted") last = entry;
  if (last === undefined) throw new Error("nothing was posted");
  return last;
}

async function close(at: SimulatedRoad): Promise<void> {
  at.road.close();
  await at.ledger.close();
}

test.each(MODELS)(
  "%s: once its answers have taught the meter, a stream without usage is posted at no less than its bill",
  async (model) => {
    const at = await road();
    for (let n = 0; n < 6; n++) await consume(await at.call(ask(model, n), { "x-sim-output-tokens": String(40 + 60 * n) }));
    for (const output of [3, 20, 90, 250, 600]) {
      at.simulator.clearBill();
      const steer = { "x-sim-output-tokens": String(output), "x-sim-fault": "no-usage", "x-sim-seed": String(output) };
      await consume(await at.call(ask(model, output), steer));
      const posted = await lastPost(at);
      expect(posted).toMatchObject({ evidence: "metered", outcome: "end" });
      const bill = at.simulator.bill().nano_usd;
      expect(BigInt(posted.nano) >= bill, `${output} tokens: posted ${posted.nano}, billed ${bill}`).toBe(true);
      expect(posted.usage.output_text).toBeLessThan(2 * output + 40);
    }
    await close(at);
  },
);

test("before any answer has taught the meter, a stream without usage is posted at no less than its bill either", async () => {
  for (const model of MODELS) {
    const at = await road();
    await consume(await at.call(ask(model, 1), { "x-sim-output-tokens": "300", "x-sim-fault": "no-usage" }));
    expect(BigInt((await lastPost(at)).nano) >= at.simulator.bill().nano_usd, model).toBe(true);
    await close(at);
  }
});

test("a stream that breaks with an error event is posted at no less than its bill", async () => {
  for (const model of MODELS) {
    const at = await road();
    for (let n = 0; n < 6; n++) await consume(await at.call(ask(model, n), { "x-sim-output-tokens": String(40 + 60 * n) }));
    at.simulator.clearBill();
    await consume(await at.call(ask(model, 9), { "x-sim-output-tokens": "400", "x-sim-fault": "error-event=300" }));
    const posted = await lastPost(at);
    expect(posted).toMatchObject({ outcome: "failed" });
    expect(BigInt(posted.nano) >= at.simulator.bill().nano_usd, model).toBe(true);
    await close(at);
  }
});

test("a model that bills reasoning it does not show is posted at what was held when its usage does not come", async () => {
  const at = await road();
  for (const fault of ["no-usage", "error-event=40"]) {
    at.simulator.clearBill();
    await consume(await at.call(ask("gpt-5-mini", 1), { "x-sim-output-tokens": "400", "x-sim-fault": fault }));
    expect(await lastPost(at)).toMatchObject({ evidence: "presumed", usage: { output_text: 1000 } });
  }
  await close(at);
});
