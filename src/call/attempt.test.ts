// What an attempt is posted at when the provider ran something else than was held for, and the name of what went beyond.
import { expect, test } from "vitest";
import { budget } from "../../test/ledger-fixtures.js";
import { completion, KEY, openTestRoad, type TestRoad, whole } from "../../test/road-fixtures.js";
import { openPriceBook } from "../accounting/price/price-book.js";
import type { UpstreamReply } from "./needs.js";

const ASK = { model: "gpt-4o", max_tokens: 2, messages: [{ role: "user", content: "hi" }] };
const LIMIT = 10n ** 12n;

function road(answer: object | (() => UpstreamReply), limit = LIMIT): Promise<TestRoad> {
  const script = typeof answer === "function" ? (answer as () => UpstreamReply) : () => whole(200, answer);
  return openTestRoad({ budgets: [budget({ name: "b", limit })], script });
}

async function entriesOf(at: TestRoad) {
  const entries = await at.ledger.readCall("call0");
  const held = entries.find((entry) => entry.type === "call.held");
  const posted = entries.find((entry) => entry.type === "call.posted");
  if (held?.type !== "call.held" || posted?.type !== "call.posted") throw new Error("The call was not held and posted");
  const overrun = entries.find((entry) => entry.type === "call.overrun");
  return { held, posted, overrun: overrun?.type === "call.overrun" ? overrun : null, entries };
}

test("a dearer model than was asked for is posted at its own price, and what goes beyond the hold is named U5", async () => {
  const at = await road({ ...completion(9, 2), model: "gpt-4o-2024-08-06" });
  await at.call({ ...ASK, model: "gpt-4o-mini" });
  const { posted, overrun } = await entriesOf(at);
  expect(posted).toMatchObject({ model: "openai/gpt-4o", nano: "42500" });
  expect(overrun).toMatchObject({ cause: "U5" });
});

test("a model whose price nobody knows has gone beyond the hold by what it is: U5", async () => {
  const at = await road({ ...completion(9, 200), model: "gpt-99-imaginary" });
  await at.call(ASK);
  expect((await entriesOf(at)).overrun).toMatchObject({ cause: "U5" });
});

test("a cheaper model than was asked for is not why more input was billed than was held for: U2 stays U2", async () => {
  const at = await road({ ...completion(900_000, 2), model: "gpt-4o-mini" });
  await at.call(ASK);
  const { posted, overrun } = await entriesOf(at);
  expect(posted.model).toBe("openai/gpt-4o-mini");
  expect(overrun).toMatchObject({ cause: "U2" });
});

test("a dearer service tier than was held for is posted at its price, and what goes beyond the hold is named U6", async () => {
  const at = await road({ ...completion(19, 2), service_tier: "priority" });
  await at.call(ASK);
  const { posted, overrun } = await entriesOf(at);
  expect(posted).toMatchObject({ service_tier: "priority", nano: String(((19n * 2_500n + 2n * 10_000n) * 17n) / 10n) });
  expect(overrun).toMatchObject({ cause: "U6" });
});

test("a tier that was asked for is held for: its output beyond the cap is the cap's fault (U1), not the tier's", async () => {
  const at = await road({ ...completion(9, 2_000), service_tier: "priority" });
  await at.call({ ...ASK, service_tier: "priority" }, { key: { ...KEY, allow_parameters: ["service_tier"] } });
  expect((await entriesOf(at)).overrun).toMatchObject({ cause: "U1" });
});

test("a provider under a name of its own is posted by the model that ran too (I11)", async () => {
  const at = await road({ ...completion(9, 2), model: "gpt-4o" });
  const { candidates } = at.needs.catalog;
  at.needs.catalog = { candidates: (query) => candidates(query).map((one) => ({ ...one, provider: "mine" })) };
  await at.call({ ...ASK, model: "gpt-4o-mini" });
  expect((await entriesOf(at)).posted).toMatchObject({ model: "openai/gpt-4o", nano: "42500" });
});

const STREAM = { ...ASK, stream: true, max_tokens: 8_000 };
const PAGE = (): UpstreamReply => whole(200, "<html>hello</html>");
const capCost = (input: number): bigint => BigInt(input) * 2_500n + 8_000n * 10_000n;

test("a stream that is answered whole is held for its whole cap before it is read, and unreadable it is posted at that", async () => {
  for (const answer of [PAGE, () => whole(200, { ...completion(9, 2), usage: undefined })]) {
    const at = await road(answer);
    await at.call(STREAM);
    const { held, posted, overrun, entries } = await entriesOf(at);
    expect(held.ceiling.output_tokens).toBe(1_024);
    expect(entries.map(({ type }) => type)).toEqual(["call.held", "call.extended", "call.posted"]);
    expect(BigInt(posted.nano)).toBe(capCost(held.ceiling.input_tokens));
    expect(posted.usage.output_text).toBe(8_000);
    expect(overrun).toBeNull();
  }
});

test("a stream that is answered whole where no budget has room for its cap is posted at the cap, named U3", async () => {
  // Room for the slice, not for the cap: the cap is lowered to what fits only as far as the accounts say at the time.
  const at = await openTestRoad({
    budgets: [budget({ name: "b", limit: LIMIT })],
    script: async () => {
      await at.ledger.apply([
        { type: "raise", budget: "b", amount: 20_000_000n - LIMIT, until: null, actor: "test", reason: "lowered" },
      ]);
      return PAGE();
    },
  });
  await at.call(STREAM);
  const { held, posted, overrun } = await entriesOf(at);
  expect(BigInt(posted.nano)).toBe(capCost(held.ceiling.input_tokens));
  expect(posted.evidence).toBe("presumed");
  expect(overrun).toMatchObject({ cause: "U3" });
});

test("what calls itself a stream and holds no event is posted at the cap too: all of it may have been made", async () => {
  const at = await road(() => ({ ...PAGE(), headers: { "content-type": "text/event-stream" } }));
  const reply = await at.call(STREAM);
  if (reply.kind === "stream") for await (const chunk of reply.body) expect(chunk.byteLength).toBeGreaterThan(0);
  const { held, posted } = await entriesOf(at);
  expect(BigInt(posted.nano)).toBe(capCost(held.ceiling.input_tokens));
});

test("a stream that is answered whole and tells its usage is posted at what it tells", async () => {
  const at = await road(completion(9, 2_000));
  await at.call(STREAM);
  const { posted, overrun } = await entriesOf(at);
  expect(posted.nano).toBe(String(9n * 2_500n + 2_000n * 10_000n));
  expect(overrun).toBeNull();
  expect(openPriceBook().byId(posted.price_id ?? "")?.model).toBe("openai/gpt-4o");
});
