// Cases B7 of the adversarial list, and what a request's bound is where it is billed for less than everything.
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { expect, test } from "vitest";
import { OUTPUT_SLICE } from "../../src/accounting/meter/ceiling.js";
import { openPriceBook } from "../../src/accounting/price/price-book.js";
import type { PriceRow } from "../../src/accounting/price/price-row.js";
import { type BoundQuery, boundAttempt, refuseUnbounded, toolUsesToSend } from "../../src/call/estimate-ceiling.js";
import type { ParsedRequest, RequestTarget, ToolDeclaration } from "../../src/call/message.js";
import type { Dialect, DialectName } from "../../src/call/needs.js";
import { DIALECTS } from "../../src/providers/dialects.js";
import { openEstimator } from "../../src/surfaces/estimator.js";
import { budget } from "../ledger-fixtures.js";
import { openSimulatedRoad } from "../simulated-road.js";

const LIGATURE = "\ufdfa";

test("B7: a prompt of characters that unfold is held for what a normalising tokenizer makes of them", async () => {
  const text = LIGATURE.repeat(10_000);
  const unfolded = countTokens(text.normalize("NFKC"));
  const ask = { model: "claude-sonnet-4-5", max_tokens: 10, messages: [{ role: "user", content: text }] };
  const steer = { "x-sim-input-tokens": String(unfolded), "x-sim-output-tokens": "5" };
  for (const ceiling of ["measured", "strict"] as const) {
    const at = await openSimulatedRoad({ budgets: [budget({ name: "b", limit: 10n ** 12n, ceiling })] });
    expect((await at.call(ask, steer)).kind).toBe("whole");
    const [line] = at.simulator.bill().by_call;
    let held = 0n;
    for await (const entry of at.ledger.read(1)) if (entry.type === "call.held") held = BigInt(entry.ceiling.nano);
    expect(held).toBeGreaterThanOrEqual(BigInt(line?.nano_usd ?? 0));
    expect(line?.input).toBeGreaterThanOrEqual(unfolded);
  }
});

const row = openPriceBook().resolve({
  provider: "anthropic",
  model: "claude-sonnet-4-5",
  at: Date.UTC(2026, 10, 24),
}) as PriceRow;

function parsed(over: Partial<ParsedRequest>): ParsedRequest {
  const body = Buffer.from("{}");
  return {
    body,
    target: {},
    billed: "all",
    model: "claude-sonnet-4-5",
    stream: true,
    output_cap: 5_000,
    tool_uses_max: null,
    choices: 1,
    wants_usage: true,
    thinking: false,
    system: [],
    messages: [],
    tools: [],
    unknown_fields: [],
    body_user: null,
    body_tags: {},
    service_tier: null,
    ...over,
  };
}

const KEY = { name: "k", trusts_attribution: true };

async function query(request: ParsedRequest, over: Partial<BoundQuery> = {}): Promise<BoundQuery> {
  const at = await openSimulatedRoad({ budgets: [] });
  return {
    request,
    key: KEY,
    candidate: {
      upstream: at.simulator,
      provider: "anthropic",
      model: row.model,
      canonical: row.model,
      price: row,
      dearest: row,
    },
    hard: false,
    strict: false,
    output_default: 8_192,
    state: at.ledger.state(),
    counted: openEstimator().input(request, row.model),
    ...over,
  };
}

test("a question that is not billed holds nothing, one that is billed for its input holds no output", async () => {
  const nothing = boundAttempt(await query(parsed({ billed: "nothing" })));
  expect(nothing).toMatchObject({ ceiling: { nano: 0n, input_tokens: 0, output_tokens: 0 }, cap_upstream: false });
  const input = boundAttempt(await query(parsed({ billed: "input", stream: false })));
  expect(input.ceiling.output_tokens).toBe(0);
  expect(input.ceiling.input_tokens).toBeGreaterThan(0);
  expect(input.cap_upstream).toBe(false);
});

const search = (uses_max: number | null): ToolDeclaration => ({ name: "web_search", bytes: 60, server_side: true, uses_max });

test("B9: five searches are held as five fees and what they bring back; without a number they are refused", async () => {
  const [none, five] = [boundAttempt(await query(parsed({}))), boundAttempt(await query(parsed({ tools: [search(5)] })))];
  const fees = 5n * 10_000_000n;
  const results = 5n * 8_000n * 3_000n;
  expect(five.ceiling.nano - none.ceiling.nano).toBeGreaterThanOrEqual(fees + results);
  expect(five.ceiling.output_tokens).toBe(OUTPUT_SLICE);
  const request = parsed({ tools: [search(null)] });
  expect(() => refuseUnbounded({ request, key: KEY, price: row })).toThrow(/web_search.*max_uses.*tool_uses_max: 3/);
  expect(() => refuseUnbounded({ request: parsed({ tools: [search(5)] }), key: KEY, price: row })).not.toThrow();
});

test("a key's own number stands in for a request that has none, and is what goes upstream", async () => {
  const key = { ...KEY, tool_uses_max: 2 };
  const request = parsed({ tools: [search(null)] });
  expect(() => refuseUnbounded({ request, key, price: row })).not.toThrow();
  expect(toolUsesToSend(request, key)).toBe(2);
  expect(toolUsesToSend(parsed({ tools: [search(1)] }), key)).toBeNull();
  expect(toolUsesToSend(parsed({ tools: [search(null)], tool_uses_max: 7 }), key)).toBeNull();
  const held =
    boundAttempt(await query(request, { key })).ceiling.nano - boundAttempt(await query(parsed({}), { key })).ceiling.nano;
  expect(held).toBeGreaterThanOrEqual(2n * 10_000_000n + 2n * 8_000n * 3_000n);
});

test("a strict bound takes the whole window for every round of a search", async () => {
  const request = parsed({ tools: [search(2)] });
  const bound = boundAttempt(await query(request, { strict: true }));
  expect(bound.ceiling.input_tokens).toBeGreaterThanOrEqual(2 * (row.context_window ?? 0));
});

test("what the provider keeps under a name is held as the whole window, or refused where that is unknown", async () => {
  const messages = [{ role: "user", parts: [{ kind: "reference", to: "previous_response_id" }] }] as const;
  const bound = boundAttempt(await query(parsed({ messages })));
  expect(bound.ceiling.input_tokens).toBeGreaterThanOrEqual(row.context_window ?? Number.POSITIVE_INFINITY);
});

test("B8: under a strict budget sound is held as the whole window, however few its bytes", async () => {
  const messages = [{ role: "user", parts: [{ kind: "audio", bytes: 300, by_reference: false }] }] as const;
  const bound = boundAttempt(await query(parsed({ messages }), { strict: true }));
  expect(bound.ceiling.input_tokens).toBeGreaterThanOrEqual(row.context_window ?? Number.POSITIVE_INFINITY);
});

interface ByReference {
  readonly what: string;
  readonly dialect: DialectName;
  readonly body: object;
  readonly target?: RequestTarget;
}

const pdf = Buffer.alloc(20 * 1_048_576 * 0.7, 37).toString("base64");
const chat = (part: object): object => ({ model: "gpt-4o", max_tokens: 5, messages: [{ role: "user", content: [part] }] });
const responses = (more: object): object => ({ model: "gpt-4o", max_output_tokens: 16, input: "Go on.", ...more });
const item = (part: object): object => responses({ input: [{ role: "user", content: [part] }] });
const messages = (block: object): object => ({
  model: "claude-sonnet-4-5",
  max_tokens: 5,
  messages: [{ role: "user", content: [block] }],
});
const gemini = (part: object): ByReference["body"] => ({ contents: [{ role: "user", parts: [part] }] });
const flash: RequestTarget = { model: "gemini-2.5-flash", stream: false };

const REFERENCES: readonly ByReference[] = [
  { what: "a file_id in Chat", dialect: "openai-chat", body: chat({ type: "file", file: { file_id: "file-1" } }) },
  {
    what: "20 MB of PDF in Chat",
    dialect: "openai-chat",
    body: chat({ type: "file", file: { filename: "a.pdf", file_data: `data:application/pdf;base64,${pdf}` } }),
  },
  { what: "previous_response_id", dialect: "openai-responses", body: responses({ previous_response_id: "resp_1" }) },
  { what: "a conversation", dialect: "openai-responses", body: responses({ conversation: "conv_1" }) },
  { what: "a stored prompt", dialect: "openai-responses", body: responses({ prompt: { id: "pmpt_1" } }) },
  { what: "a file_id in Responses", dialect: "openai-responses", body: item({ type: "input_file", file_id: "file-1" }) },
  { what: "a file_url in Responses", dialect: "openai-responses", body: item({ type: "input_file", file_url: "https://x/a" }) },
  {
    what: "a document by URL in Messages",
    dialect: "anthropic-messages",
    body: messages({ type: "document", source: { type: "url", url: "https://x/a.pdf" } }),
  },
  {
    what: "20 MB of PDF in Messages",
    dialect: "anthropic-messages",
    body: messages({ type: "document", source: { type: "base64", media_type: "application/pdf", data: pdf } }),
  },
  {
    what: "fileData in Gemini",
    dialect: "gemini-generate",
    target: flash,
    body: gemini({ fileData: { mimeType: "video/mp4", fileUri: "https://x/a" } }),
  },
  {
    what: "cachedContent in Gemini",
    dialect: "gemini-generate",
    target: flash,
    body: { ...gemini({ text: "Go on." }), cachedContent: "cachedContents/1" },
  },
];

test.each(REFERENCES)("B8: $what is held as the whole context window or refused by name", async ({ dialect, body, target }) => {
  const at = await openSimulatedRoad({ budgets: [budget({ name: "b", limit: 10n ** 13n })] });
  const over = { dialect: DIALECTS.get(dialect) as Dialect, ...(target === undefined ? {} : { target }) };
  const reply = await at.call(body, { "x-sim-output-tokens": "2" }, over);
  if (reply.kind === "refused") {
    expect(reply.error.code).toBe("parameter_refused");
    return;
  }
  const canonical = reply.facts.model ?? "";
  const window = openPriceBook().resolve({ provider: canonical.split("/")[0] ?? "", model: canonical, at: Date.now() });
  for await (const entry of at.ledger.read(1)) {
    if (entry.type === "call.held") expect(entry.ceiling.input_tokens).toBeGreaterThanOrEqual(window?.context_window ?? 0);
  }
  expect(window?.context_window).toBeGreaterThan(0);
});

test.each([
  ["an image by URL", "openai-chat", chat({ type: "image_url", image_url: { url: "https://x/a.png" } }), 765],
  ["an image by URL", "openai-responses", item({ type: "input_image", image_url: "https://x/a.png" }), 765],
  ["an image by URL", "anthropic-messages", messages({ type: "image", source: { type: "url", url: "https://x/a.png" } }), 1400],
] as const)("B8: %s in %s is held at the most such an image can take", async (_, dialect, body, least) => {
  const at = await openSimulatedRoad({ budgets: [budget({ name: "b", limit: 10n ** 13n })] });
  const reply = await at.call(body, { "x-sim-output-tokens": "2" }, { dialect: DIALECTS.get(dialect) as Dialect });
  expect(reply.kind).toBe("whole");
  for await (const entry of at.ledger.read(1)) {
    if (entry.type === "call.held") expect(entry.ceiling.input_tokens).toBeGreaterThanOrEqual(least);
  }
});
