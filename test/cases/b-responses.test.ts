// Cases of the adversarial list where Responses is spoken, on the whole road: what the simulated provider bills is what is
// posted, and what cannot be bounded does not reach it.
import { expect, test } from "vitest";
import type { Budget } from "../../src/accounting/budget/budget.js";
import type { KeyIdentity } from "../../src/call/identify.js";
import { openAiResponses } from "../../src/providers/openai/responses/wire.js";
import { budget } from "../ledger-fixtures.js";
import { understood } from "../replay-stream.js";
import { consume, openSimulatedRoad, postedNano } from "../simulated-road.js";

const ask = { model: "gpt-4o-mini", input: "How many coins?" };
const USD_10 = 10n ** 10n;
const steer = (more: Readonly<Record<string, string | number>>): Record<string, string> =>
  Object.fromEntries(Object.entries(more).map(([name, value]) => [`x-sim-${name}`, String(value)]));

async function road(over: Partial<Budget> = {}) {
  const at = await openSimulatedRoad({ budgets: [budget({ name: "b", limit: USD_10, ...over })] });
  const call = (body: object, headers: Readonly<Record<string, string | number>> = {}, key: Partial<KeyIdentity> = {}) =>
    at.call(body, steer(headers), {
      dialect: openAiResponses,
      key: { name: "k", trusts_attribution: true, ...key },
    });
  const billed = () => at.simulator.bill().by_call;
  const held = async () => {
    for await (const entry of at.ledger.read(1)) if (entry.type === "call.held") return entry.ceiling;
    return null;
  };
  return { ...at, respond: call, billed, held };
}

test.each([
  ["a whole reply", { ...ask, max_output_tokens: 400 }, {}],
  ["a stream", { ...ask, max_output_tokens: 400, stream: true }, {}],
  ["a cached prompt", { ...ask, max_output_tokens: 400, stream: true }, { "input-tokens": 3000, "cached-tokens": 2048 }],
  ["hidden reasoning", { ...ask, model: "gpt-5-mini", reasoning: { effort: "low" }, max_output_tokens: 400 }, {}],
  ["a stream of hidden reasoning", { ...ask, model: "gpt-5-mini", stream: true, max_output_tokens: 400 }, {}],
  ["searches", { ...ask, tools: [{ type: "web_search" }], max_tool_calls: 2, max_output_tokens: 400 }, { searches: 2 }],
  ["searches of a stream", { ...ask, tools: [{ type: "web_search" }], max_tool_calls: 2, stream: true }, { searches: 1 }],
])("%s is posted at what the provider bills, to the nano-dollar", async (_, body, headers) => {
  const at = await road();
  await consume(await at.respond(body, { "output-tokens": 200, ...headers }));
  const [line] = at.billed();
  expect(at.billed()).toHaveLength(1);
  expect(await postedNano(at.ledger)).toBe(BigInt(line!.nano_usd));
});

test("B1: a request without a cap goes upstream with the one that is held", async () => {
  const at = await road();
  await consume(await at.respond(ask, { "output-tokens": 100_000 }));
  expect(at.billed()[0]!.output).toBe((await at.held())!.output_tokens);
});

test("B8: an earlier response is held as the whole context window", async () => {
  const at = await road();
  await consume(await at.respond({ ...ask, previous_response_id: "resp_1", max_output_tokens: 50 }));
  expect((await at.held())!.input_tokens).toBeGreaterThanOrEqual(128_000);
});

test.each([
  ["a search without a bound", { tools: [{ type: "web_search" }] }, "web_search"],
  ["pictures", { tools: [{ type: "image_generation" }], max_tool_calls: 1 }, "tools.image_generation"],
  ["a container", { tools: [{ type: "code_interpreter" }], max_tool_calls: 1 }, "tools.code_interpreter"],
  ["another server", { tools: [{ type: "mcp", server_url: "https://x" }], max_tool_calls: 1 }, "tools.mcp"],
  ["a stored prompt", { prompt: { id: "pmpt_1" } }, "prompt"],
  ["a dearer tier", { service_tier: "priority" }, "service_tier"],
  ["an unknown item", { input: [{ type: "hologram" }] }, "hologram"],
  ["a response in the background", { background: true }, "background"],
])("B9, B15: %s is refused by name before upstream", async (_, more, parameter) => {
  const at = await road();
  expect(await at.respond({ ...ask, ...more })).toMatchObject({
    kind: "refused",
    error: { code: "parameter_refused", details: { parameter } },
  });
  expect(at.billed()).toEqual([]);
  expect(await at.held()).toBeNull();
});

test("B9: a key's own bound on searches is sent for the request that has none", async () => {
  const at = await road();
  await consume(
    await at.respond({ ...ask, tools: [{ type: "web_search" }], stream: true }, { searches: 5 }, { tool_uses_max: 1 }),
  );
  expect(at.billed()[0]!.searches).toBe(1);
  expect(await postedNano(at.ledger)).toBe(BigInt(at.billed()[0]!.nano_usd));
});

test("C8: a stream that outruns its budget ends as an incomplete response, and what came beyond it is posted and named", async () => {
  const at = await road({ unit: "tokens", limit: 2_500n });
  const text = await consume(
    await at.respond(
      { ...ask, stream: true },
      { "output-tokens": 12_000, fault: "ignore-cap=12000", "tokens-per-second": 3_000 },
    ),
  );
  const events = understood(Buffer.from(text));
  expect(events[0]?.event).toBe("response.created");
  expect(JSON.parse(events.at(-1)!.data!)).toMatchObject({
    type: "response.incomplete",
    response: { incomplete_details: { reason: "max_output_tokens" } },
    bursar: { cut: expect.any(String) },
  });
  const ended: string[] = [];
  const beyond: string[] = [];
  let written = 0;
  for await (const entry of at.ledger.read(1)) {
    if (entry.type === "call.overrun") beyond.push(entry.cause);
    if (entry.type !== "call.posted") continue;
    ended.push(entry.outcome);
    written = entry.usage.output_text ?? 0;
  }
  expect(ended).toEqual(["cut"]);
  expect(beyond).toEqual(["U3"]);
  expect(written).toBeGreaterThanOrEqual(events.filter((event) => event.event?.endsWith(".delta")).length);
});

test("C4: a stream that never told its usage is posted within what was held, and more than nothing", async () => {
  const at = await road();
  await consume(await at.respond({ ...ask, stream: true, max_output_tokens: 400 }, { "output-tokens": 200, fault: "no-usage" }));
  const posted = await postedNano(at.ledger);
  expect(posted).toBeGreaterThan(0n);
  expect(posted).toBeLessThanOrEqual(BigInt((await at.held())!.nano));
});
