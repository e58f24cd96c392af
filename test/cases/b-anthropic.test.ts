// Cases B8, B9, B11, B16 and D9 of the adversarial list where Messages is spoken, token counts, and input that tools at the
// provider bring back.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Budget } from "../../src/accounting/budget/budget.js";
import type { Entry, EntryType } from "../../src/accounting/ledger/entry.js";
import { openPriceBook } from "../../src/accounting/price/price-book.js";
import type { KeyIdentity } from "../../src/call/identify.js";
import type { Dialect, Upstream, UpstreamReply } from "../../src/call/needs.js";
import { anthropicCountTokensDialect } from "../../src/providers/anthropic/count-tokens.js";
import { anthropicMessagesDialect } from "../../src/providers/anthropic/wire.js";
import { openEstimator } from "../../src/surfaces/estimator.js";
import { budget } from "../ledger-fixtures.js";
import { completion, drained, events, openTestRoad, type Script, type TestRoad, textOf, whole } from "../road-fixtures.js";

const MODEL = "claude-sonnet-4-5";
const WINDOW = openPriceBook().resolve({ provider: "anthropic", model: MODEL, at: Date.UTC(2026, 10, 24) })?.context_window ?? 0;
const WIDE = budget({ name: "b", limit: 10n ** 12n });
const ASK = { model: MODEL, max_tokens: 1_000, messages: [{ role: "user", content: "Which ferry?" }] };

/** A road whose one provider is Anthropic, as far as names and prices go. */
async function anthropicRoad(of: {
  script: Script;
  budgets?: readonly Budget[];
  dialect?: Dialect;
  upstream?: Partial<Upstream>;
}): Promise<TestRoad> {
  const { script, budgets = [WIDE], dialect = anthropicMessagesDialect } = of;
  const at = await openTestRoad({ script, budgets, dialect });
  const { prices, catalog } = at.needs;
  at.needs.estimator = openEstimator();
  at.needs.catalog = {
    candidates: (query) =>
      catalog.candidates(query).map((found) => {
        const price = prices.resolve({ provider: "anthropic", model: query.model, at: query.at });
        const upstream = { ...found.upstream, ...of.upstream };
        return { ...found, upstream, provider: "anthropic", price, canonical: price?.model ?? query.model, dearest: price };
      }),
  };
  return at;
}

function message(usage: object, more: object = {}): UpstreamReply {
  const content = [{ type: "text", text: "The ferry at nine." }];
  return whole(200, { id: "msg_1", type: "message", role: "assistant", model: MODEL, content, usage, ...more });
}

async function entries<T extends EntryType>(at: TestRoad, type: T): Promise<Extract<Entry, { type: T }>[]> {
  const found: Extract<Entry, { type: T }>[] = [];
  for await (const entry of at.ledger.read(1)) if (entry.type === type) found.push(entry as Extract<Entry, { type: T }>);
  return found;
}

const usage = { input_tokens: 10, output_tokens: 5 };
const asked = (...content: object[]) => ({ ...ASK, messages: [{ role: "user", content }] });

test.each([
  ["a document by URL", { type: "document", source: { type: "url", url: "https://example.com/a.pdf" } }],
  ["a document by file_id", { type: "document", source: { type: "file", file_id: "file_1" } }],
  [
    "a PDF of 500 pages in 4 MB",
    { type: "document", source: { type: "base64", media_type: "application/pdf", data: "A".repeat(5_600_000) } },
  ],
  ["a file for a container", { type: "container_upload", file_id: "file_2" }],
])("B8: %s is held at the whole context window", async (_, block) => {
  const at = await anthropicRoad({ script: () => message(usage) });
  expect((await at.call(asked(block))).kind).toBe("whole");
  const [held] = await entries(at, "call.held");
  expect(held?.ceiling.input_tokens).toBeGreaterThanOrEqual(WINDOW);
});

test("B8: an image is held at the most that one can be, by URL as inline and however many bytes it has", async () => {
  const at = await anthropicRoad({ script: () => message(usage) });
  await at.call(asked({ type: "image", source: { type: "url", url: "https://example.com/a.png" } }));
  await at.call(asked({ type: "image", source: { type: "base64", media_type: "image/png", data: "A".repeat(20_000_000) } }));
  const tokens = (await entries(at, "call.held")).map(({ ceiling }) => ceiling.input_tokens);
  for (const held of tokens) {
    expect(held).toBeGreaterThan(1_568);
    expect(held).toBeLessThan(20_000);
  }
});

test("B8: a block that is not known is refused by name before anything is sent", async () => {
  const at = await anthropicRoad({ script: () => message(usage) });
  expect(await at.call(asked({ type: "hologram" }))).toMatchObject({ kind: "refused", error: { code: "parameter_refused" } });
  expect(at.requests).toHaveLength(0);
});

const search = (more: object = {}) => ({ ...ASK, tools: [{ type: "web_search_20250305", name: "web_search", ...more }] });
const boundKey: KeyIdentity = { name: "k", trusts_attribution: true, tool_uses_max: 3 };
const sent = (at: TestRoad): string => Buffer.from(at.requests[0]?.body ?? []).toString();

test("B9: a search without a maximum is refused; with 5 the hold covers 5 fees and what they bring back", async () => {
  const at = await anthropicRoad({ script: () => message(usage) });
  const refused = await at.call(search());
  expect(refused).toMatchObject({ kind: "refused", error: { code: "parameter_refused" } });
  expect(at.requests).toHaveLength(0);
  await at.call(ASK);
  await at.call(search({ max_uses: 5 }));
  const [plain, five] = (await entries(at, "call.held")).map(({ ceiling }) => ceiling);
  // $10 per 1,000 searches.
  expect(BigInt(five?.nano ?? 0) - BigInt(plain?.nano ?? 0)).toBeGreaterThan(5n * 10_000_000n);
  expect(five?.input_tokens).toBeGreaterThan((plain?.input_tokens ?? 0) + 5 * 1_000);
});

test("B9: the key's bound goes upstream with the search that has none, and only into it", async () => {
  const at = await anthropicRoad({ script: () => message(usage) });
  const body = { ...ASK, tools: [...search().tools, { name: "f", input_schema: { type: "object" } }] };
  expect((await at.call(body, { key: boundKey })).kind).toBe("whole");
  const bare = JSON.stringify(body);
  expect(sent(at)).toBe(bare.replace('{"type":"web_search_20250305"', '{"max_uses":3,"type":"web_search_20250305"'));
});

test("B9: code at the provider has no bound that any number of uses gives, so a key's bound does not let it through", async () => {
  const at = await anthropicRoad({ script: () => message(usage) });
  const body = { ...ASK, tools: [{ type: "code_execution_20250825", name: "code_execution" }] };
  const reply = await at.call(body, { key: boundKey });
  expect(reply).toMatchObject({ error: { code: "parameter_refused", details: { parameter: "tools.code_execution_20250825" } } });
  const allowed = { ...boundKey, allow_parameters: ["tools.code_execution_20250825"] };
  expect((await at.call(body, { key: allowed })).kind).toBe("whole");
  expect(sent(at)).toBe(JSON.stringify(body));
});

test("U7: input that a search brought back beyond the hold is posted in full and named", async () => {
  const at = await anthropicRoad({
    script: () => message({ input_tokens: 150_000, output_tokens: 5, server_tool_use: { web_search_requests: 1 } }),
  });
  await at.call(search({ max_uses: 1 }));
  const [posted] = await entries(at, "call.posted");
  const [overrun] = await entries(at, "call.overrun");
  // 150,000 × $3, 5 × $15 per million and one search.
  expect(posted?.nano).toBe(String(450_000_000 + 75_000 + 10_000_000));
  expect(overrun).toMatchObject({ cause: "U7" });
  const without = await anthropicRoad({ script: () => message({ input_tokens: 150_000, output_tokens: 5 }) });
  await without.call(ASK);
  expect(await entries(without, "call.overrun")).toMatchObject([{ cause: "U2" }]);
});

test("B11: reads and both writes of the cache are charged once, each at its own price, and the hold took no discount", async () => {
  const told = {
    input_tokens: 100,
    cache_read_input_tokens: 400,
    cache_creation_input_tokens: 30,
    cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
    output_tokens: 7,
  };
  const at = await anthropicRoad({ script: () => message(told) });
  const system = [{ type: "text", text: "x".repeat(4_000), cache_control: { type: "ephemeral", ttl: "1h" } }];
  await at.call({ ...ASK, system });
  await at.call(ASK);
  const [posted] = await entries(at, "call.posted");
  // $3, $0.30, $3.75, $6 and $15 per million.
  expect(posted?.nano).toBe(String(100 * 3_000 + 400 * 300 + 10 * 3_750 + 20 * 6_000 + 7 * 15_000));
  expect(posted?.usage).toMatchObject({
    input_fresh: 100,
    cache_read: 400,
    cache_write_5m: 10,
    cache_write_1h: 20,
    output_text: 7,
  });
  const [cached] = await entries(at, "call.held");
  // Every token of the input could be written for an hour.
  expect(BigInt(cached?.ceiling.nano ?? 0)).toBeGreaterThanOrEqual(BigInt(cached?.ceiling.input_tokens ?? 0) * 6_000n);
});

test("a request beyond 200,000 tokens is posted whole at the price of the long context, and its runs each at their own", async () => {
  const long = { input_tokens: 250_000, output_tokens: 10 };
  const run = { type: "message", model: MODEL, input_tokens: 125_000, output_tokens: 5 };
  const nano = async (usage: object): Promise<string | undefined> => {
    const at = await anthropicRoad({ script: () => message(usage) });
    await at.call(ASK, { headers: { "anthropic-beta": "context-1m-2025-08-07" } });
    return (await entries(at, "call.posted"))[0]?.nano;
  };
  // $6 and $22.50 per million above, $3 and $15 below.
  expect(await nano(long)).toBe(String(250_000 * 6_000 + 10 * 22_500));
  expect(await nano({ ...long, iterations: [run, run] })).toBe(String(250_000 * 3_000 + 10 * 15_000));
});

const fixture = (name: string): string =>
  readFileSync(new URL(`../../src/providers/anthropic/__fixtures__/${name}`, import.meta.url), "utf8");

test("D9: a compaction beside the answer is posted with it", async () => {
  const at = await anthropicRoad({ script: () => whole(200, fixture("compaction.json")) });
  await at.call({ ...ASK, model: "claude-opus-4-6" });
  const [posted] = await entries(at, "call.posted");
  // 203,000 × $5 and 4,500 × $25 per million.
  expect(posted).toMatchObject({ nano: String(203_000 * 5_000 + 4_500 * 25_000), flags: ["usage_iterations"] });
  expect(posted?.usage).toMatchObject({ input_fresh: 203_000, output_text: 4_500 });
});

test("D9: a fallback is posted at the price of the model that answered, the blocked attempt at nothing", async () => {
  const at = await anthropicRoad({ script: () => events([fixture("fallback.sse")]) });
  const reply = await at.call({ ...ASK, model: "claude-opus-4-6", stream: true });
  if (reply.kind !== "stream") throw new Error(reply.kind);
  expect(await textOf(reply.body)).toContain("The ferry leaves at nine.");
  await drained(at.road);
  const [posted] = await entries(at, "call.posted");
  // 500 × $3 and 40 × $15 per million, Sonnet's.
  expect(posted).toMatchObject({ nano: String(500 * 3_000 + 40 * 15_000), model: "anthropic/claude-sonnet-4-5" });
  expect(posted?.usage).toMatchObject({ input_fresh: 500, output_text: 40 });
});

test("D9: two models in one request are each priced by their own row, which the entry names; beyond the hold it is U9", async () => {
  const run = { input_tokens: 60_000, output_tokens: 100 };
  const iterations = [
    { type: "message", model: MODEL, ...run },
    { type: "fallback_message", model: "claude-haiku-4-5", ...run },
  ];
  const at = await anthropicRoad({ script: () => message({ input_tokens: 120_000, output_tokens: 200, iterations }) });
  await at.call(ASK);
  const [posted] = await entries(at, "call.posted");
  expect(posted).toMatchObject({
    nano: String(60_000 * 3_000 + 100 * 15_000 + 60_000 * 1_000 + 100 * 5_000),
    price_id: null,
    model: `anthropic/${MODEL}`,
  });
  expect(posted?.flags).toEqual([
    "usage_iterations",
    expect.stringMatching(/^ran:.*claude-sonnet-4-5/),
    expect.stringMatching(/^ran:.*claude-haiku-4-5/),
  ]);
  expect(await entries(at, "call.overrun")).toMatchObject([{ cause: "U9" }]);
});

test("D9: a model without a price that took over is counted at the dearest of its provider", async () => {
  const iterations = [{ type: "fallback_message", model: "claude-of-tomorrow", input_tokens: 1_000, output_tokens: 0 }];
  const at = await anthropicRoad({ script: () => message({ input_tokens: 1_000, output_tokens: 1, iterations }) });
  await at.call(ASK);
  const [posted] = await entries(at, "call.posted");
  expect(posted?.flags).toContain("price_unknown:part");
  expect(BigInt(posted?.nano ?? 0)).toBeGreaterThan(1_000n * 3_000n);
});

test.each([
  ["0", 0, "cost_told_lower"],
  ["less than it costs", 0.000001, "cost_told_lower"],
  ["more than it costs", 5, "cost_told_higher"],
  ["-1", -1, "cost_invalid"],
])("B16: a claim to have charged %s changes nothing and is named", async (_, cost, flag) => {
  const told = { ...completion(1_000, 50), usage: { prompt_tokens: 1_000, completion_tokens: 50, total_tokens: 1_050, cost } };
  const at = await openTestRoad({ script: () => whole(200, told), budgets: [WIDE] });
  await at.call({ model: "gpt-4o", messages: [] });
  const [posted] = await entries(at, "call.posted");
  // 1,000 × $2.50 and 50 × $10 per million.
  expect(posted).toMatchObject({ nano: "3000000", flags: [flag] });
});

test("B16: where the operator trusts the provider its own amount is posted, also without a price; below zero never", async () => {
  const post = async (cost: number, model: string) => {
    const told = {
      ...completion(1_000, 50),
      model,
      usage: { prompt_tokens: 1_000, completion_tokens: 50, total_tokens: 1_050, cost },
    };
    const at = await openTestRoad({
      script: () => whole(200, told),
      budgets: [budget({ name: "b", limit: 10n ** 12n, mode: "soft" })],
    });
    const { catalog } = at.needs;
    at.needs.catalog = {
      candidates: (query) =>
        catalog.candidates(query).map((one) => ({ ...one, upstream: { ...one.upstream, trusts_cost: true } })),
    };
    await at.call({ model, messages: [] });
    return (await entries(at, "call.posted"))[0];
  };
  expect(await post(0.002, "gpt-4o")).toMatchObject({ nano: "2000000", price_id: null, flags: ["cost_told"] });
  expect(await post(0.25, "of-tomorrow")).toMatchObject({ nano: "250000000", flags: ["cost_told"] });
  expect(await post(-1, "gpt-4o")).toMatchObject({ nano: "3000000", flags: ["cost_invalid"] });
});

const count = (budgets: readonly Budget[]) =>
  anthropicRoad({ script: () => whole(200, { input_tokens: 2_095 }), budgets, dialect: anthropicCountTokensDialect });
const QUESTION = { model: MODEL, messages: ASK.messages, tools: search().tools };

test("a count of tokens is answered also when every budget is spent to the last cent, and costs none of them anything", async () => {
  const at = await count([budget({ name: "usd", limit: 0n }), budget({ name: "tokens", limit: 0n, unit: "tokens" })]);
  const reply = await at.call(QUESTION);
  if (reply.kind !== "whole") throw new Error(reply.kind);
  expect(JSON.parse(Buffer.from(reply.body).toString())).toEqual({ input_tokens: 2_095 });
  expect(await entries(at, "call.posted")).toMatchObject([{ nano: "0", postings: [{ amount: "0" }, { amount: "0" }] }]);
  expect(sent(at)).toBe(JSON.stringify(QUESTION));
  expect([...at.ledger.state().calibrations]).toEqual([]);
});

test("a count of tokens needs no price: what costs nothing is not denied for an unknown one", async () => {
  const at = await count([WIDE]);
  expect((await at.call({ ...QUESTION, model: "claude-of-tomorrow" })).kind).toBe("whole");
  expect(await entries(at, "call.posted")).toMatchObject([{ nano: "0" }]);
});

test("a count of tokens is refused where the key may not use the model", async () => {
  const at = await count([WIDE]);
  const key: KeyIdentity = { name: "k", trusts_attribution: true, models: ["claude-haiku*"] };
  expect(await at.call(QUESTION, { key })).toMatchObject({ kind: "refused", error: { code: "model_not_allowed" } });
  expect(at.requests).toHaveLength(0);
});
