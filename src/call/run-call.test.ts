import { expect, test } from "vitest";
import { budget } from "../../test/ledger-fixtures.js";
import { completion, KEY, openTestRoad, type Script, type TestRoad, whole } from "../../test/road-fixtures.js";
import type { Budget } from "../accounting/budget/budget.js";
import { UpstreamFailure } from "./needs.js";
import type { CallReply } from "./reply.js";

const ASK = { model: "gpt-4o", messages: [{ role: "user", content: "hi" }] };
const DOLLAR = 10n ** 9n;
const ANSWER: Script = () => whole(200, completion(9, 2));

function road(script: Script, over: Partial<Budget> = {}): Promise<TestRoad> {
  return openTestRoad({ budgets: [budget({ name: "cx-week", limit: DOLLAR, ...over })], script });
}

async function typesOf(at: TestRoad): Promise<string[]> {
  return (await at.ledger.readCall("call0")).map((entry) => entry.type);
}

function codeOf(reply: CallReply): string {
  return reply.kind === "refused" ? reply.error.code : reply.kind;
}

test("a call is held before it is sent, posted at its true cost, and told what it cost", async () => {
  const at = await road(async () => {
    expect(at.ledger.state().holds.size).toBe(1);
    return whole(200, completion(9, 2));
  });
  const reply = await at.call(ASK);
  expect(reply).toMatchObject({ kind: "whole", status: 200, facts: { figures: { cost_usd: "0.0000425" } } });
  expect(await typesOf(at)).toEqual(["call.held", "call.posted"]);
});

test("a refused call sends no byte upstream and says which budget, how much and how to lift it", async () => {
  const at = await road(ANSWER, { limit: 1_000n });
  const reply = await at.call(ASK);
  expect(codeOf(reply)).toBe("budget_exceeded");
  expect(at.requests).toHaveLength(0);
  const { error } = JSON.parse(Buffer.from(reply.kind === "stream" ? "" : reply.body).toString());
  expect(error.message).toMatch(/Budget "cx-week" allows \$0\.000001.*bursar budget raise cx-week 0\.\d\d$/);
  expect(error.metadata).toMatchObject({ budget: "cx-week", unit: "usd", call_id: "call0" });
});

test("without a client cap the upstream is sent exactly the cap that was held (B1)", async () => {
  const at = await road(ANSWER);
  await at.call(ASK);
  const sent = JSON.parse(Buffer.from(at.requests[0]?.body ?? "").toString());
  const held = (await at.ledger.readCall("call0"))[0];
  expect(held?.type === "call.held" && held.ceiling.output_tokens).toBe(sent.max_tokens ?? sent.max_completion_tokens);
});

test("an explicit cap is not shrunk: what does not fit is refused (A6), and lowered only where the budget says clamp", async () => {
  const asked = { ...ASK, max_tokens: 8_000 };
  const refused = await road(ANSWER, { limit: 40_000_000n });
  expect(codeOf(await refused.call(asked))).toBe("budget_exceeded");
  const clamped = await road(ANSWER, { limit: 40_000_000n, clamp: true });
  expect(codeOf(await clamped.call(asked))).toBe("whole");
  const sent = JSON.parse(Buffer.from(clamped.requests[0]?.body ?? "").toString());
  expect(sent.max_tokens).toBeLessThan(4_000);
  expect(sent.max_tokens).toBeGreaterThan(3_900);
});

test("429, 429, 200 is two voided attempts and one posted, each under its own hold (D3)", async () => {
  const at = await road((_request, _signal, number) =>
    number < 3 ? whole(429, { error: { message: "slow down" } }) : whole(200, completion(9, 2)),
  );
  expect((await at.call(ASK)).kind).toBe("whole");
  expect(await typesOf(at)).toEqual(["call.held", "call.voided", "call.held", "call.voided", "call.held", "call.posted"]);
});

test("an unbilled 400 is voided, never retried, and the provider's own words reach the client", async () => {
  const at = await road(() => whole(400, { error: { message: "no such parameter" } }));
  const reply = await at.call(ASK);
  expect(reply).toMatchObject({ kind: "whole", status: 400 });
  expect(at.requests).toHaveLength(1);
  expect(await typesOf(at)).toEqual(["call.held", "call.voided"]);
});

test("a connection that was refused voids the hold, is retried, and ends as 502", async () => {
  const at = await road(() => Promise.reject(new UpstreamFailure("connect", "refused")));
  expect(codeOf(await at.call(ASK))).toBe("upstream_unreachable");
  expect(at.requests).toHaveLength(3);
  expect(at.ledger.state().holds.size).toBe(0);
  expect([...at.ledger.state().accounts.values()][0]?.used).toBe(0n);
});

test("a timeout or reset after dispatch is presumed in full and not retried", async () => {
  for (const kind of ["timeout", "reset"] as const) {
    const at = await road(() => Promise.reject(new UpstreamFailure(kind, "gone")));
    expect(codeOf(await at.call(ASK))).toBe(kind === "timeout" ? "upstream_timeout" : "upstream_failed");
    expect(at.requests).toHaveLength(1);
    expect([...at.ledger.state().holds.values()].map((hold) => hold.state)).toEqual(["presumed"]);
  }
});

test("a complete 500 counts the input and is flagged", async () => {
  const at = await road(() => whole(500, "oops"));
  expect(codeOf(await at.call(ASK))).toBe("upstream_failed");
  const posted = (await at.ledger.readCall("call0"))[1];
  expect(posted).toMatchObject({ type: "call.posted", evidence: "estimated", outcome: "failed", flags: ["upstream_status:500"] });
});

test("a complete 4xx that may be billed counts the input, and the client reads the provider's own words", async () => {
  const at = await road(() => whole(451, { error: { message: "not in your region" } }));
  const reply = await at.call(ASK);
  expect(reply).toMatchObject({ kind: "whole", status: 451 });
  expect(Buffer.from(reply.kind === "stream" ? "" : reply.body).toString()).toContain("not in your region");
  expect((await at.ledger.readCall("call0"))[1]).toMatchObject({ type: "call.posted", flags: ["upstream_status:451"] });
  expect(reply.facts.figures.cost_usd).not.toBe("0.00");
});

test("200 with HTML, with nothing, with an error, or without usage is posted at what was held (C13, C4)", async () => {
  for (const body of ["<html>hello</html>", "", JSON.stringify({ error: { message: "no" } })]) {
    const at = await road(() => whole(200, body));
    expect(codeOf(await at.call(ASK))).toBe("upstream_invalid");
    expect((await at.ledger.readCall("call0"))[1]).toMatchObject({ type: "call.posted", evidence: "presumed" });
  }
  const at = await road(() => whole(200, { ...completion(9, 2), usage: undefined }));
  expect((await at.call(ASK)).kind).toBe("whole");
  expect((await at.ledger.readCall("call0"))[1]).toMatchObject({ evidence: "presumed", flags: ["no_usage"] });
});

test("a ledger that cannot be written gives 503 and zero upstream bytes", async () => {
  const at = await road(ANSWER);
  await at.ledger.close();
  expect(codeOf(await at.call(ASK))).toBe("store_unavailable");
  expect(at.requests).toHaveLength(0);
});

test("a model without a price is denied on hard budgets and never costs zero (I12)", async () => {
  const at = await road(ANSWER);
  expect(codeOf(await at.call({ ...ASK, model: "gpt-99-imaginary" }))).toBe("price_unknown");
  expect(at.requests).toHaveLength(0);
  const lenient = await road(ANSWER, { on_unknown_price: "ceiling", limit: 1000n * DOLLAR });
  expect(codeOf(await lenient.call({ ...ASK, model: "gpt-99-imaginary" }))).toBe("whole");
  const posted = (await lenient.ledger.readCall("call0"))[1];
  expect(posted?.type === "call.posted" && BigInt(posted.nano) > 0n).toBe(true);
});

test("where no dearest model can stand in for an unknown price, dollars are denied and tokens are not", async () => {
  for (const [unit, code] of [
    ["usd", "price_unknown"],
    ["tokens", "whole"],
  ] as const) {
    const at = await road(ANSWER, { on_unknown_price: "ceiling", limit: 1000n * DOLLAR, unit });
    const { candidates } = at.needs.catalog;
    at.needs.catalog = {
      candidates: (query) => candidates(query).map((one) => ({ ...one, price: null, dearest: null })),
    };
    expect(codeOf(await at.call(ASK)), unit).toBe(code);
  }
});

test("an unknown parameter is refused by name on hard budgets, unless the key allows it", async () => {
  const at = await road(ANSWER);
  const ask = { ...ASK, surprise_fee: 3 };
  const reply = await at.call(ask);
  expect(reply.kind === "refused" && reply.error.message).toContain('"surprise_fee"');
  expect((await at.call(ask, { key: { ...KEY, allow_parameters: ["surprise_fee"] } })).kind).toBe("whole");
});

test("a key's models bound what it may call", async () => {
  const at = await road(ANSWER);
  expect(codeOf(await at.call(ASK, { key: { ...KEY, models: ["gpt-4o-mini"] } }))).toBe("model_not_allowed");
  expect((await at.call(ASK, { key: { ...KEY, models: ["gpt-4*"] } })).kind).toBe("whole");
});

test("a client that left before dispatch is voided: nothing was sent", async () => {
  const at = await road(ANSWER);
  const gone = new AbortController();
  gone.abort();
  await at.call(ASK, { signal: gone.signal });
  expect(at.requests).toHaveLength(0);
  expect((await typesOf(at)).slice(0, 2)).toEqual(["call.held", "call.voided"]);
});

test("shadow and soft budgets let a call pass and say what they would have refused", async () => {
  for (const mode of ["soft", "shadow"] as const) {
    const at = await road(ANSWER, { mode, limit: 0n });
    expect((await at.call(ASK)).kind).toBe("whole");
    expect((await at.ledger.readCall("call0"))[0]).toMatchObject({ type: "call.held", over: ["cx-week"] });
  }
});

test("near a limit an exact count spares a refusal that the estimate's margin would cause", async () => {
  const ask = { ...ASK, max_tokens: 1 };
  const estimated = Buffer.byteLength(JSON.stringify(ask)) / 4;
  const limit = BigInt(Math.ceil(estimated)) * 2_500n + 10_000n;
  const refused = await road(ANSWER, { limit });
  expect(codeOf(await refused.call(ask))).toBe("budget_exceeded");
  const counting = await road(ANSWER, { limit });
  const exact = { tokens: 9, exact: true, bytes: 9, unbounded: [] };
  counting.needs.estimator = { ...counting.needs.estimator, count: async () => exact };
  expect((await counting.call(ask)).kind).toBe("whole");
});

test("a whole reply without usage that shows more output than was held is posted at what it shows, named U1", async () => {
  const long = "word ".repeat(3_000);
  const choices = [{ index: 0, message: { role: "assistant", content: long }, finish_reason: "stop" }];
  const at = await road(() => whole(200, { ...completion(9, 2), choices, usage: undefined }));
  await at.call({ ...ASK, max_tokens: 1 });
  const [held, posted, overrun] = await at.ledger.readCall("call0");
  expect(overrun).toMatchObject({ type: "call.overrun", cause: "U1" });
  if (held?.type === "call.held" && posted?.type === "call.posted") {
    expect(BigInt(posted.nano)).toBeGreaterThan(BigInt(held.ceiling.nano) * 100n);
  }
});

test("a clamp sends what fits also when only one token of each answer does", async () => {
  const estimated = Math.ceil(Buffer.byteLength(JSON.stringify({ ...ASK, max_tokens: 100, n: 4 })) / 4);
  const limit = BigInt(Math.ceil(estimated * 1.1)) * 2_500n + 4n * 10_000n;
  const at = await road(ANSWER, { limit, clamp: true });
  expect((await at.call({ ...ASK, max_tokens: 100, n: 4 })).kind).toBe("whole");
  expect(JSON.parse(Buffer.from(at.requests[0]?.body ?? "").toString()).max_tokens).toBe(1);
});
