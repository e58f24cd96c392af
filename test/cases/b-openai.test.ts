// Cases B1, B3, B5, B15, B16 and B17 of the adversarial list, on OpenAI's wire: nothing that a client writes into a body or
// a header moves the cap, the count of answers, the price, the route or the usage.
import fc from "fast-check";
import { expect, test } from "vitest";
import { openPriceBook } from "../../src/accounting/price/price-book.js";
import type { CallRequest } from "../../src/call/admissible.js";
import type { Catalog, Upstream, UpstreamReply } from "../../src/call/needs.js";
import type { CallReply } from "../../src/call/reply.js";
import { openAiCompletions } from "../../src/providers/openai/completions/wire.js";
import { openCatalog } from "../../src/surfaces/catalog.js";
import { budget } from "../ledger-fixtures.js";
import { fixture } from "../replay-stream.js";
import { consume, openSimulatedRoad, postedNano, type SimulatedRoad } from "../simulated-road.js";

const MODEL = { model: "gpt-4o", messages: [{ role: "user", content: "Say something." }] };
const STEER = { "x-sim-input-tokens": "4", "x-sim-output-tokens": "2" };
const KEY = { name: "k", trusts_attribution: true };
const DOLLARS = 10n ** 9n;

/** A road whose upstream remembers what it was sent. */
interface Watched {
  readonly at: SimulatedRoad;
  readonly sent: Record<string, unknown>[];
  call(body: object | string, headers?: Record<string, string>, over?: Partial<CallRequest>): Promise<CallReply>;
}

function watching(upstream: Upstream, sent: Record<string, unknown>[]): Catalog {
  const watched: Upstream = {
    ...upstream,
    send(request, signal) {
      sent.push(JSON.parse(Buffer.from(request.body).toString()));
      return upstream.send(request, signal);
    },
  };
  const upstreams = new Map([["openai-chat", watched] as const, ["openai-completions", watched] as const]);
  return openCatalog({ prices: openPriceBook(), providers: [{ name: "sim", kind: "simulated", free: false, upstreams }] });
}

async function openWatched(options: {
  limit: bigint | null;
  unit?: "usd" | "tokens";
  clamp?: boolean;
  upstream?: Upstream;
}): Promise<Watched> {
  const { limit, unit = "usd", clamp = false } = options;
  const at = await openSimulatedRoad({ budgets: [budget({ name: "b", limit, unit, clamp })] });
  const sent: Record<string, unknown>[] = [];
  const catalog = watching(options.upstream ?? at.simulator, sent);
  return {
    at,
    sent,
    call(body, headers = STEER, over = {}) {
      const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
      return at.call(MODEL, headers, { body: bytes, catalog, ...over });
    },
  };
}

/** Output tokens and nano-dollars that each call set aside. */
async function heldOf(at: SimulatedRoad): Promise<{ nano: bigint; output_tokens: number }[]> {
  const held: { nano: bigint; output_tokens: number }[] = [];
  for await (const entry of at.ledger.read(1)) {
    if (entry.type === "call.held") held.push({ nano: BigInt(entry.ceiling.nano), output_tokens: entry.ceiling.output_tokens });
  }
  return held;
}

async function expectUntouched({ at, sent }: Watched): Promise<void> {
  expect(sent).toEqual([]);
  expect(at.simulator.bill().calls).toBe(0);
  expect(await heldOf(at)).toEqual([]);
}

/** A body with more JSON text in it than an object can say. */
const withText = (more: string, body: object = MODEL): string => `{${more},${JSON.stringify(body).slice(1)}`;

test("B1: without a cap the one that was held goes upstream", async () => {
  const watched = await openWatched({ limit: DOLLARS });
  await watched.call(MODEL);
  const [held] = await heldOf(watched.at);
  expect(watched.sent[0]).toMatchObject({ max_tokens: 8192 });
  expect(held?.output_tokens).toBe(8192);
});

test.each(["0", "-1", '"100"', "1.5", "1e309", "-1e309", "true", "[]", '{"valueOf":1}'])(
  "B3: max_tokens %s is refused before anything is held, by either name",
  async (value) => {
    const watched = await openWatched({ limit: DOLLARS });
    for (const name of ["max_tokens", "max_completion_tokens"]) {
      const reply = await watched.call(withText(`"${name}":${value}`));
      expect(reply).toMatchObject({ kind: "refused", error: { code: "invalid_request", details: { parameter: name } } });
    }
    await expectUntouched(watched);
  },
);

test("B3: max_tokens 999999999 is held and sent as what the model can write at the most", async () => {
  const watched = await openWatched({ limit: DOLLARS });
  await watched.call({ ...MODEL, max_tokens: 999_999_999 });
  const most = openPriceBook().resolve({ provider: "openai", model: "gpt-4o", at: Date.now() })?.output_max;
  expect(most).toBeGreaterThan(1000);
  expect(watched.sent[0]).toMatchObject({ max_tokens: most });
  expect((await heldOf(watched.at))[0]?.output_tokens).toBe(most);
});

test("B3: max_tokens 999999999 that the budget cannot pay is refused, or lowered where the budget clamps", async () => {
  const refused = await openWatched({ limit: DOLLARS / 100n });
  expect(await refused.call({ ...MODEL, max_tokens: 999_999_999 })).toMatchObject({
    kind: "refused",
    error: { code: "budget_exceeded" },
  });
  await expectUntouched(refused);
  const clamped = await openWatched({ limit: DOLLARS / 100n, clamp: true });
  expect((await clamped.call({ ...MODEL, max_tokens: 999_999_999 })).kind).toBe("whole");
  const cap = clamped.sent[0]?.max_tokens as number;
  expect(cap).toBeGreaterThan(0);
  expect(cap).toBeLessThan(1000);
  expect((await heldOf(clamped.at))[0]?.nano).toBeLessThanOrEqual(DOLLARS / 100n);
});

test("B3: a null cap is none, and one is sent", async () => {
  const watched = await openWatched({ limit: DOLLARS });
  await watched.call({ ...MODEL, max_tokens: null });
  expect(watched.sent[0]).toMatchObject({ max_tokens: 8192 });
});

test("B3: whatever number stands for a cap, it is refused or a whole number of tokens is held", async () => {
  const watched = await openWatched({ limit: null });
  const value = fc.oneof(fc.double().map(String), fc.bigInt().map(String), fc.integer().map(String), fc.json());
  await fc.assert(
    fc.asyncProperty(value, async (text) => {
      const before = watched.sent.length;
      const reply = await watched.call(withText(`"max_tokens":${text}`));
      if (reply.kind === "refused") {
        expect(reply.error.code).toBe("invalid_request");
        expect(watched.sent).toHaveLength(before);
      } else expect(Number.isSafeInteger(watched.sent.at(-1)?.max_tokens)).toBe(true);
    }),
    { numRuns: 200 },
  );
  for (const { output_tokens } of await heldOf(watched.at))
    expect(Number.isSafeInteger(output_tokens) && output_tokens > 0).toBe(true);
});

test("B5: ten answers are held ten times, and refused where three would fit", async () => {
  const ask = { ...MODEL, max_tokens: 100 };
  const probe = await openWatched({ limit: null });
  for (const n of [1, 3, 10]) await probe.call({ ...ask, n });
  const [one, three, ten] = await heldOf(probe.at);
  expect([one?.output_tokens, three?.output_tokens, ten?.output_tokens]).toEqual([100, 300, 1000]);
  const watched = await openWatched({ limit: three?.nano ?? 0n });
  expect(await watched.call({ ...ask, n: 10 })).toMatchObject({ kind: "refused", error: { code: "budget_exceeded" } });
  await expectUntouched(watched);
  expect((await watched.call({ ...ask, n: 3 })).kind).toBe("whole");
});

test.each(["0", "-1", "1.5", '"3"', "129", "1e309", "true"])("B5: n %s is refused", async (n) => {
  const watched = await openWatched({ limit: DOLLARS });
  expect(await watched.call(withText(`"n":${n}`))).toMatchObject({ kind: "refused", error: { code: "invalid_request" } });
  await expectUntouched(watched);
});

test.each(["best_of", "num_images", "num_return_sequences"])("B5: %s in a chat is refused by name", async (name) => {
  const watched = await openWatched({ limit: DOLLARS });
  const reply = await watched.call({ ...MODEL, [name]: 10 });
  expect(reply).toMatchObject({ kind: "refused", error: { code: "parameter_refused", details: { parameter: name } } });
  await expectUntouched(watched);
});

/** A server that answers every completion with the documented one. */
const completing: Upstream = {
  name: "completing",
  simulated: true,
  unbilled: () => false,
  headers_allowed: () => false,
  async send(): Promise<UpstreamReply> {
    async function* body(): AsyncIterable<Uint8Array> {
      yield fixture("openai/completions.json");
    }
    return { status: 200, headers: { "content-type": "application/json" }, body: body() };
  },
};

test("B5: best_of and every prompt of a legacy completion count as answers", async () => {
  const ask = { model: "gpt-3.5-turbo-instruct", prompt: "How many?", max_tokens: 100 };
  const over = { dialect: openAiCompletions };
  const probe = await openWatched({ limit: null, upstream: completing });
  for (const more of [{ n: 3 }, { best_of: 10 }, { prompt: ["a", "b"], n: 2, best_of: 5 }])
    await probe.call({ ...ask, ...more }, {}, over);
  const [three, ...more] = await heldOf(probe.at);
  expect(more.map((held) => held.output_tokens)).toEqual([1000, 1000]);
  const watched = await openWatched({ limit: three?.nano ?? 0n, upstream: completing });
  const reply = await watched.call({ ...ask, best_of: 10 }, {}, over);
  expect(reply).toMatchObject({ kind: "refused", error: { code: "budget_exceeded" } });
  await expectUntouched(watched);
  expect((await watched.call({ ...ask, n: 3 }, {}, over)).kind).toBe("whole");
  expect(await postedNano(watched.at.ledger)).toBeGreaterThan(0n);
});

const MEDDLING = {
  input_cost_per_token: 0,
  output_cost_per_token: 0,
  custom_llm_provider: "free",
  api_base: "http://127.0.0.1:9",
  base_url: "http://127.0.0.1:9",
  api_key: "sk-other",
  mock_response: "free",
  extra_body: { max_tokens: 500_000 },
};

test.each(Object.keys(MEDDLING))("B15: %s in the body is refused by name", async (name) => {
  const watched = await openWatched({ limit: DOLLARS });
  const reply = await watched.call({ ...MODEL, [name]: MEDDLING[name as keyof typeof MEDDLING] });
  expect(reply).toMatchObject({ kind: "refused", error: { code: "parameter_refused", details: { parameter: name } } });
  await expectUntouched(watched);
});

/** What one call was held at, posted at and sent as. */
async function courseOf(body: object, headers: Record<string, string>, key = {}): Promise<object> {
  const watched = await openWatched({ limit: DOLLARS });
  const reply = await watched.call(body, { ...STEER, ...headers }, { key: { ...KEY, ...key } });
  if (reply.kind !== "whole") throw new Error(`it was ${reply.kind}`);
  const held = (await heldOf(watched.at)).map((one) => one.output_tokens);
  return { held, posted: await postedNano(watched.at.ledger), cap: watched.sent[0]?.max_tokens, model: reply.facts.model };
}

test("B15: a key that may send such fields moves neither price nor route nor cap by them", async () => {
  const ask = { ...MODEL, max_tokens: 50 };
  const plain = await courseOf(ask, {});
  expect(plain).toMatchObject({ held: [50], cap: 50, model: "openai/gpt-4o" });
  expect(await courseOf({ ...ask, ...MEDDLING }, {}, { allow_parameters: Object.keys(MEDDLING) })).toEqual(plain);
});

test("B15: headers that claim a cost, a provider or an address change nothing", async () => {
  const ask = { ...MODEL, max_tokens: 50 };
  const claims = {
    "x-litellm-response-cost": "0",
    "x-response-cost": "0",
    "x-bursar-cost-usd": "0",
    "x-bursar-model": "openai/gpt-4o-mini",
    "x-bursar-ceiling-usd": "0",
    "x-portkey-provider": "free",
    "x-portkey-custom-host": "http://127.0.0.1:9",
    "helicone-target-url": "http://127.0.0.1:9",
  };
  expect(await courseOf(ask, claims)).toEqual(await courseOf(ask, {}));
});

test.each([
  '"max_tokens":5,"max_tokens":500000',
  '"max_tokens":500000,"max_\\u0074okens":5',
  '"max_completion_tokens":5,"max_completion_tokens":500000',
  '"n":1,"n":100',
  '"model":"gpt-4o-mini"',
  '"stream":false,"stream":true',
  '"service_tier":"default","service_tier":"priority"',
  '"stream_options":{"include_usage":true,"include_usage":false}',
  '"tools":[{"type":"function","type":"web_search"}]',
])("B15: two readings of one body are none: %s", async (more) => {
  const watched = await openWatched({ limit: DOLLARS });
  expect(await watched.call(withText(more))).toMatchObject({ kind: "refused", error: { code: "invalid_request" } });
  await expectUntouched(watched);
});

test("B15: a cap inside anything but the body itself is no cap", async () => {
  const watched = await openWatched({ limit: DOLLARS });
  await watched.call({ ...MODEL, metadata: { max_tokens: 500_000 }, stop: ['"max_tokens":7'] });
  expect(watched.sent[0]).toMatchObject({ max_tokens: 8192, metadata: { max_tokens: 500_000 } });
});

/** A server whose reply claims a cost. */
function claiming(cost: unknown): Upstream {
  const usage = { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100, cost };
  const reply = { id: "c", model: "gpt-4o", choices: [{ index: 0, message: { content: "a" }, finish_reason: "stop" }], usage };
  async function* body(): AsyncIterable<Uint8Array> {
    yield Buffer.from(JSON.stringify(reply));
  }
  return {
    ...completing,
    simulated: false,
    send: async () => ({ status: 200, headers: { "content-type": "application/json", "x-response-cost": "0" }, body: body() }),
  };
}

test.each([0, -1, "0", null, 0.000001])(
  "B16: a provider that claims a cost of %j is not believed unless it is trusted",
  async (cost) => {
    const watched = await openWatched({ limit: DOLLARS, upstream: claiming(cost) });
    expect((await watched.call({ ...MODEL, max_tokens: 200 })).kind).toBe("whole");
    // gpt-4o: $2.50 and $10 a million tokens.
    expect(await postedNano(watched.at.ledger)).toBe(1000n * 2500n + 100n * 10_000n);
  },
);

test("B17: a client that refuses usage sees none, and it is asked for and posted all the same", async () => {
  for (const stream_options of [{ include_usage: false }, {}, null, undefined]) {
    const watched = await openWatched({ limit: DOLLARS });
    const reply = await watched.call({ ...MODEL, max_tokens: 20, stream: true, stream_options });
    const text = await consume(reply);
    expect(watched.sent[0]?.stream_options).toEqual({ include_usage: true });
    expect(text).not.toContain('"usage"');
    expect(text).toMatch(/: bursar call_id=.*\n\ndata: \[DONE\]\n\n$/);
    expect(await postedNano(watched.at.ledger)).toBe(watched.at.simulator.bill().nano_usd);
    expect(watched.at.simulator.bill().nano_usd).toBeGreaterThan(0n);
  }
});

test("B17: other stream options of the client stay beside the one that is added", async () => {
  const watched = await openWatched({ limit: DOLLARS });
  const stream_options = { include_obfuscation: false, include_usage: false };
  await consume(await watched.call({ ...MODEL, max_tokens: 20, stream: true, stream_options }));
  expect(watched.sent[0]?.stream_options).toEqual({ include_obfuscation: false, include_usage: true });
});
