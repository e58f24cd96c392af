// Cases D of the adversarial list: retries and fallbacks, each attempt under a hold of its own at its own price.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { ERROR_TABLE } from "../../src/accounting/errors.js";
import type { Entry } from "../../src/accounting/ledger/entry.js";
import { openPriceBook } from "../../src/accounting/price/price-book.js";
import { type Candidate, type Upstream, UpstreamFailure, type UpstreamReply } from "../../src/call/needs.js";
import type { CallReply } from "../../src/call/reply.js";
import { openHttpUpstream } from "../../src/providers/http.js";
import { openMemory } from "../../src/stores/memory/open-memory.js";
import { budget, ceiling, hold, post, standingClock } from "../ledger-fixtures.js";
import { completion, events, KEY, openTestRoad, type Script, type TestRoad, textOf, whole } from "../road-fixtures.js";
import { openSimulatedRoad, postedNano } from "../simulated-road.js";

const ASK = { model: "gpt-4o-mini", max_tokens: 100, messages: [{ role: "user", content: "hi" }] };
const DOLLAR = 10n ** 9n;

/** Nothing of the tests waits for a retry. */
const AT_ONCE = { now: () => Date.now(), monotonic: () => performance.now(), sleep: () => Promise.resolve() };

/** A road whose models, in this order, stand in for one another; the script sees which one it is asked for. */
async function fallingBack(script: Script, models: readonly string[], limit = DOLLAR): Promise<TestRoad> {
  const at = await openTestRoad({ budgets: [budget({ name: "b", limit })], script, clock: AT_ONCE });
  const prices = openPriceBook();
  const first = at.needs.catalog.candidates({ dialect: "openai-chat", model: "gpt-4o", at: Date.now() })[0] as Candidate;
  const { upstream } = first;
  at.needs.catalog = {
    candidates: ({ at: time }) =>
      models.map((model) => {
        const price = prices.resolve({ provider: "openai", model, at: time });
        return { upstream, provider: "openai", model, canonical: `openai/${model}`, price, dearest: price };
      }),
  };
  return at;
}

async function log(at: TestRoad): Promise<string[]> {
  const told = (entry: Entry): string => {
    if (entry.type === "call.held") return `held ${entry.attempt_id} ${entry.attribution.model}`;
    if (entry.type === "call.posted") return `posted ${entry.attempt_id} ${entry.model} ${entry.outcome}`;
    if (entry.type === "call.voided") return `voided ${entry.attempt_id} ${entry.proof}`;
    if (entry.type === "call.presumed") return `presumed ${entry.attempt_id} ${entry.reason}`;
    return entry.type === "call.refused" ? `refused ${entry.attempt_id} ${entry.code}` : entry.type;
  };
  return (await at.ledger.readCall("call0")).map(told);
}

function codeOf(reply: CallReply): string {
  return reply.kind === "refused" ? reply.error.code : `${reply.kind} ${reply.status}`;
}

const MINI = "gpt-4o-mini";
const DEAR = "gpt-4o";
const answer = (): UpstreamReply => whole(200, completion(9, 2));

test("D1: an attempt that broke off after it was sent is counted in full, and the fallback's answer beside it", async () => {
  const at = await fallingBack(
    ({ model }) => {
      if (model === MINI) throw new UpstreamFailure("reset", "The connection broke.");
      return answer();
    },
    [MINI, DEAR],
  );
  const reply = await at.call(ASK);
  expect(codeOf(reply)).toBe("whole 200");
  expect(reply.facts).toMatchObject({ model: "openai/gpt-4o", warnings: ["fallback:openai/gpt-4o"] });
  expect(await log(at)).toEqual([
    "held call0.1 openai/gpt-4o-mini",
    "presumed call0.1 reset",
    "held call0.2 openai/gpt-4o",
    "posted call0.2 openai/gpt-4o end",
  ]);
  const account = [...at.ledger.state().accounts.values()][0];
  expect(account?.held).toBeGreaterThan(0n);
  expect(account?.used).toBe(42_500n);
});

test("D1: a broken attempt counts no less than its provider billed, and with its late figures the sum of both is the bill", async () => {
  const at = await openSimulatedRoad({ budgets: [budget({ name: "b", limit: DOLLAR })] });
  // Billed for its input and five tokens, then the connection breaks; the client tries again.
  const broken = await at.call(ASK, { "x-sim-fault": "reset-after=5" });
  expect(broken).toMatchObject({ kind: "refused", error: { status: 502 } });
  expect(await at.call(ASK)).toMatchObject({ kind: "whole", status: 200 });
  const { by_call, nano_usd } = at.simulator.bill();
  expect(by_call.map(({ ended }) => ended)).toEqual(["reset", "end"]);
  const account = [...at.ledger.state().accounts.values()][0];
  expect((account?.used ?? 0n) + (account?.held ?? 0n)).toBeGreaterThan(nano_usd);
  expect(await postedNano(at.ledger)).toBe(by_call[1]?.nano_usd);
  const [open] = at.ledger.state().holds.values();
  const { input = 0, output = 0, nano_usd: nano = 0n } = by_call[0] ?? {};
  await at.ledger.apply([post("late", { input, output }, { attempt_id: open?.attempt_id ?? "", nano })]);
  expect(await postedNano(at.ledger)).toBe(nano_usd);
  expect([...at.ledger.state().accounts.values()].map(({ used, held }) => [used, held])).toEqual([[nano_usd, 0n]]);
});

test("D3: 429, 429, 200 are two voids and one post, in three requests", async () => {
  const at = await fallingBack((_request, _signal, number) => (number < 3 ? whole(429, {}) : answer()), [DEAR]);
  expect(codeOf(await at.call(ASK))).toBe("whole 200");
  expect(at.requests).toHaveLength(3);
  expect((await log(at)).filter((line) => !line.startsWith("held"))).toEqual([
    "voided call0.1 unbilled_status:429",
    "voided call0.2 unbilled_status:429",
    "posted call0.3 openai/gpt-4o end",
  ]);
});

test("a provider that stays overloaded is left for the fallback once its retries are used up", async () => {
  const at = await fallingBack(({ model }) => (model === MINI ? whole(429, {}) : answer()), [MINI, DEAR]);
  expect(codeOf(await at.call(ASK))).toBe("whole 200");
  expect(at.requests.map(({ model }) => model)).toEqual([MINI, MINI, MINI, DEAR]);
  expect(new Set(at.requests.map(({ model, body }) => `${model} ${JSON.parse(Buffer.from(body).toString()).model}`)).size).toBe(
    2,
  );
});

test("without an answer from any of them the client gets the last one's", async () => {
  const at = await fallingBack(({ model }) => whole(model === MINI ? 429 : 500, {}), [MINI, DEAR]);
  expect(codeOf(await at.call(ASK))).toBe("upstream_failed");
  const other = await fallingBack(({ model }) => whole(model === MINI ? 500 : 429, { error: "slow down" }), [MINI, DEAR]);
  expect(codeOf(await other.call(ASK))).toBe("whole 429");
});

test.each([
  ["an error status of its own", () => whole(500, {})],
  ["something that is no reply", () => whole(200, "<html>")],
  [
    "a time-out",
    (): UpstreamReply => {
      throw new UpstreamFailure("timeout", "Nothing came.");
    },
  ],
  [
    "a refused connection",
    (): UpstreamReply => {
      throw new UpstreamFailure("connect", "Refused.");
    },
  ],
])("%s leads to the fallback, and what may have been billed stays counted", async (_what, failing) => {
  const at = await fallingBack(({ model }) => (model === MINI ? failing() : answer()), [MINI, DEAR]);
  expect(codeOf(await at.call(ASK))).toBe("whole 200");
  expect(at.requests.at(-1)?.model).toBe(DEAR);
  const resolved = (await log(at)).filter((line) => !line.startsWith("held"));
  expect(resolved).toHaveLength(at.requests.length);
});

test.each([400, 401, 403, 404, 413, 422])(
  "a %d is the request's or the key's own fault: no other model is asked",
  async (status) => {
    const at = await fallingBack(() => whole(status, { error: "no" }), [MINI, DEAR]);
    for (const upstream of [at.needs.catalog.candidates({ dialect: "openai-chat", model: MINI, at: Date.now() })[0]?.upstream]) {
      (upstream as { unbilled: Upstream["unbilled"] }).unbilled = (told) => told < 500;
    }
    expect(codeOf(await at.call(ASK))).toBe(`whole ${status}`);
    expect(at.requests).toHaveLength(1);
  },
);

test("D10: a budget with room for the first attempt but not for the fallback's price answers 402 after it", async () => {
  const at = await fallingBack(({ model }) => (model === MINI ? whole(500, {}) : answer()), [MINI, DEAR], 300_000n);
  const reply = await at.call(ASK);
  expect(codeOf(reply)).toBe("budget_exceeded");
  expect(at.requests.map(({ model }) => model)).toEqual([MINI]);
  expect(await log(at)).toEqual([
    "held call0.1 openai/gpt-4o-mini",
    "posted call0.1 openai/gpt-4o-mini failed",
    "refused call0.2 budget_exceeded",
  ]);
});

test("a fallback that this request does not fit is passed over, and the failure before it is the answer", async () => {
  const at = await fallingBack(({ model }) => (model === MINI ? whole(500, {}) : answer()), [MINI, DEAR]);
  const { candidates } = at.needs.catalog;
  at.needs.catalog = {
    // Without a price that has a context window, an image by its address has no bound.
    candidates: (query) => candidates(query).map((one, index) => (index === 0 ? one : { ...one, price: null, dearest: null })),
  };
  at.needs.estimator = { input: () => ({ tokens: 10, exact: false, bytes: 40, unbounded: ["image"] }) };
  expect(codeOf(await at.call(ASK))).toBe("upstream_failed");
});

test("a client that has left gets no further attempt", async () => {
  const left = new AbortController();
  const at = await fallingBack(() => {
    left.abort();
    return whole(500, {});
  }, [MINI, DEAR]);
  await at.call(ASK, { signal: left.signal });
  expect(at.requests).toHaveLength(1);
});

test("a stream that has begun is never tried again", async () => {
  const at = await fallingBack(() => {
    async function* broken(): AsyncIterable<string> {
      yield `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "Hello" } }] })}\n\n`;
      throw new UpstreamFailure("reset", "The connection broke.");
    }
    return events(broken());
  }, [MINI, DEAR]);
  const reply = await at.call({ ...ASK, stream: true });
  if (reply.kind !== "stream") throw new Error("it is no stream");
  expect(await textOf(reply.body)).toContain("Hello");
  expect(at.requests).toHaveLength(1);
});

test("a fallback that the key may not use is not tried", async () => {
  const at = await fallingBack(({ model }) => (model === MINI ? whole(500, {}) : answer()), [MINI, DEAR]);
  expect(codeOf(await at.call(ASK, { key: { ...KEY, models: [MINI] } }))).toBe("upstream_failed");
  expect(at.requests).toHaveLength(1);
});

test("D2: what provider SDKs retry by themselves, a complete 500, is one attempt and one request", async () => {
  const at = await fallingBack(() => whole(500, {}), [DEAR]);
  await at.call(ASK);
  const held = (await log(at)).filter((line) => line.startsWith("held"));
  expect(held).toHaveLength(1);
  expect(at.requests).toHaveLength(held.length);
});

test("D2: an HTTP provider that resets, refuses or is slow is sent exactly one request for one attempt", async () => {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    request.resume().on("end", () => (requests % 2 === 1 ? response.destroy() : response.writeHead(503).end("{}")));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const upstream = openHttpUpstream({
    name: "openai",
    base_url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    authorize: () => undefined,
    pathOf: () => "/chat/completions",
    headers_allowed: () => true,
    unbilled: () => false,
  });
  const at = await fallingBack(() => answer(), [DEAR]);
  const { candidates } = at.needs.catalog;
  at.needs.catalog = { candidates: (query) => candidates(query).map((one) => ({ ...one, upstream })) };
  for (let call = 0; call < 4; call++) await at.call(ASK);
  const held: Entry[] = [];
  for await (const entry of at.ledger.read(1)) if (entry.type === "call.held") held.push(entry);
  expect(requests).toBe(4);
  expect(held).toHaveLength(requests);
  await upstream.close();
  server.close();
});

test("D7: settling again is a no-op for the same amount, 409 for another or after a void, 404 for an unknown attempt", async () => {
  const ledger = await openMemory({ clock: standingClock() });
  await ledger.apply([{ type: "declare", budgets: [budget({ name: "b", limit: DOLLAR })], actor: "t", reason: "t" }]);
  await ledger.apply([hold("paid", ceiling(10, 10)), hold("none", ceiling(10, 10))]);
  await ledger.apply([post("paid", { input: 5, output: 5 }), { type: "void", attempt_id: "none.1", proof: "not_sent" }]);
  const before = JSON.stringify([...ledger.state().accounts.values()], (_, value) => String(value));
  const { seq } = ledger.state();
  const settled = await ledger.apply([
    post("paid", { input: 5, output: 5 }),
    post("paid", { input: 5, output: 6 }),
    post("none", { input: 5, output: 5 }),
    post("unknown", { input: 5, output: 5 }),
  ]);
  const said = settled.map((result) =>
    result.ok ? (result.changed ? "changed" : 200) : ERROR_TABLE[result.refusal.code].status,
  );
  expect(said).toEqual([200, 409, 409, 404]);
  expect(ledger.state().seq).toBe(seq);
  expect(JSON.stringify([...ledger.state().accounts.values()], (_, value) => String(value))).toBe(before);
  await ledger.close();
});
