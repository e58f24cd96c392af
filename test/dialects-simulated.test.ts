// Every wire format against the simulated provider, whose bill is its own: what is read is what was billed, or it is flagged.
import { describe, expect, test } from "vitest";
import { inputTokens, outputTokens, type Usage } from "../src/accounting/meter/usage.js";
import { costOf, costOfParts } from "../src/accounting/price/cost.js";
import { openPriceBook } from "../src/accounting/price/price-book.js";
import type { PriceRow } from "../src/accounting/price/price-row.js";
import type { RequestTarget } from "../src/call/message.js";
import type { Dialect, DialectName } from "../src/call/needs.js";
import { DIALECTS } from "../src/providers/dialects.js";
import type { BillLine } from "../src/providers/simulated/bill.js";
import { openSimulated } from "../src/providers/simulated/open-simulated.js";
import { systemClock } from "../src/surfaces/system-clock.js";
import { type Replayed, replay, understood } from "./replay-stream.js";

const never = new AbortController().signal;
const noon = Date.parse("2026-11-24T12:00:00Z");
const prices = openPriceBook();
const PROMPT = "Tell me of ferries.";
const messages = [{ role: "user", content: PROMPT }];
const contents = [{ role: "user", parts: [{ text: PROMPT }] }];

/** A wire format and a model that speaks it. */
interface Played {
  readonly dialect: DialectName;
  readonly provider: string;
  readonly model: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** The tool that searches at the provider, where the format has one. */
  readonly search?: Readonly<Record<string, unknown>>;
  readonly framing?: "sse" | "json";
}

const played = (dialect: DialectName, provider: string, model: string, body: object): Played => ({
  dialect,
  provider,
  model,
  body: { ...body },
});
const gemini = (model: string, framing: "sse" | "json"): Played => ({
  ...played("gemini-generate", "gemini", model, { contents }),
  search: { googleSearch: {} },
  framing,
});

const ANSWERING: readonly Played[] = [
  played("openai-chat", "openai", "gpt-4o", { messages }),
  played("openai-chat", "openai", "gpt-5-mini", { messages }),
  played("openai-chat", "groq", "llama-3.3-70b-versatile", { messages }),
  { ...played("openai-responses", "openai", "gpt-4o", { input: PROMPT }), search: { type: "web_search" } },
  {
    ...played("openai-responses", "openai", "gpt-5", { input: PROMPT, reasoning: { summary: "auto" } }),
    search: { type: "web_search" },
  },
  played("openai-completions", "openai", "gpt-3.5-turbo-instruct", { prompt: [PROMPT, "And of trains."], max_tokens: 200 }),
  {
    ...played("anthropic-messages", "anthropic", "claude-sonnet-4-5", { messages, max_tokens: 500 }),
    search: { type: "web_search_20250305", name: "web_search", max_uses: 3 },
  },
  played("anthropic-messages", "anthropic", "claude-haiku-4-5", {
    messages,
    max_tokens: 5000,
    thinking: { type: "enabled", budget_tokens: 1024 },
  }),
  gemini("gemini-2.5-flash-lite", "sse"),
  gemini("gemini-2.5-pro", "sse"),
  gemini("gemini-2.5-flash", "json"),
];
const EMBEDDING: readonly Played[] = [
  played("openai-embeddings", "openai", "text-embedding-3-small", { input: [PROMPT, "And of trains."] }),
  played("gemini-embed", "gemini", "gemini-embedding-001", { content: contents[0] as object }),
  played("gemini-batch-embed", "gemini", "gemini-embedding-001", {
    requests: [{ model: "models/gemini-embedding-001", content: contents[0] }],
  }),
];
const COUNTING: readonly Played[] = [
  played("anthropic-count-tokens", "anthropic", "claude-sonnet-4-5", { messages }),
  played("gemini-count-tokens", "gemini", "gemini-2.5-flash", { contents }),
];

const dialectOf = (of: Played): Dialect => DIALECTS.get(of.dialect) as Dialect;
const named = (all: readonly Played[]): [string, Played][] =>
  all.map((of) => [`${of.dialect} ${of.model}${of.framing === "json" ? " as an array" : ""}`, of]);

interface Options {
  readonly stream: boolean;
  readonly sim?: Readonly<Record<string, string>>;
  readonly more?: Readonly<Record<string, unknown>>;
  /** Output cap that is spliced in. */
  readonly cap?: number;
}

/** One call: the request is read and prepared as the road does, and the answer's bytes are read whole. */
async function call(of: Played, { stream, sim = {}, more = {}, cap }: Options) {
  const dialect = dialectOf(of);
  const upstream = openSimulated({ clock: systemClock(), latency: "none" });
  const inPath = of.dialect.startsWith("gemini");
  const framing = of.framing ?? "sse";
  const target: RequestTarget = inPath ? { model: of.model, stream, framing } : {};
  const named = inPath ? {} : { model: of.model, ...(stream ? { stream } : {}) };
  const request = dialect.read(Buffer.from(JSON.stringify({ ...named, ...of.body, ...more })), target);
  const asks = stream && (of.dialect === "openai-chat" || of.dialect === "openai-completions");
  const body = dialect.prepare(request, {
    ...(asks ? { include_usage: true } : {}),
    ...(cap === undefined ? {} : { output_cap: cap }),
  });
  const headers = Object.fromEntries(Object.entries(sim).map(([name, value]) => [`x-sim-${name}`, value]));
  const { model } = request;
  const sent = { dialect: of.dialect, model, query: "", body, headers, credentials: {}, stream, framing } as const;
  const reply = await upstream.send(sent, never);
  const chunks: Uint8Array[] = [];
  for await (const chunk of reply.body) chunks.push(chunk);
  return { request, chunks, status: reply.status, line: upstream.bill().by_call[0] as BillLine };
}

type Answer = Awaited<ReturnType<typeof call>>;

function streamed(of: Played, answer: Answer): Replayed {
  const dialect = dialectOf(of);
  const { request, chunks } = answer;
  return replay({ ...dialect, splitter: (bytes) => dialect.splitter(bytes, request) }, request, chunks);
}

const whole = (of: Played, answer: Answer) => dialectOf(of).readReply(Buffer.concat(answer.chunks));

/** Nano-dollars of a usage by Bursar's own prices. */
function nanoOf(of: Played, usage: Usage): bigint {
  const rowOf = (model: string | undefined): PriceRow => {
    const row = prices.resolve({ provider: of.provider, model: model ?? of.model, at: noon });
    if (row === null) throw new Error(`no price for ${model ?? of.model}`);
    return row;
  };
  const { parts, counts, service_tier } = usage;
  if (parts === undefined) return costOf(counts, rowOf(of.model), service_tier);
  return costOfParts(parts.map((part) => ({ counts: part.counts, row: rowOf(part.model) })));
}

/** Usage and bill agree: class by class, and in money by two price tables. */
function expectBilled(of: Played, usage: Usage | null, line: BillLine): void {
  expect(usage).not.toBeNull();
  const { counts } = usage as Usage;
  expect([inputTokens(counts), outputTokens(counts)]).toEqual([line.input, line.output]);
  expect(counts.cache_read ?? 0).toBe(line.cached);
  expect(counts.reasoning ?? 0).toBe(line.reasoning);
  expect(nanoOf(of, usage as Usage)).toBe(line.nano_usd);
}

test("every wire format that is served is tried here", () => {
  const tried = new Set([...ANSWERING, ...EMBEDDING, ...COUNTING].map((of) => of.dialect));
  expect([...DIALECTS.keys()].filter((name) => !tried.has(name))).toEqual([]);
});

describe.each(named(ANSWERING))("%s", (_, of) => {
  test.each(["1", "2", "3", "4", "5"])("usage read from seed %s is what was billed, streamed and whole", async (seed) => {
    const sim = { seed, "cached-tokens": "7", "input-tokens": "40" };
    for (const stream of [true, false]) {
      const answer = await call(of, { stream, sim });
      const usage = stream ? streamed(of, answer).seen.usage : whole(of, answer).usage;
      expectBilled(of, usage, answer.line);
    }
  });

  test("the cap that is spliced in is kept, and what it cut off is read as it was billed", async () => {
    for (const stream of [true, false]) {
      const answer = await call(of, { stream, sim: { "output-tokens": "90" }, cap: 20 });
      expect(answer.line).toMatchObject({ cap: 20, output: 20 * answer.request.choices });
      const usage = stream ? streamed(of, answer).seen.usage : whole(of, answer).usage;
      expectBilled(of, usage, answer.line);
    }
  });

  test.each(["get_balance", ""])("a stream with the tool call %j is final, unflagged and metered", async (tool) => {
    const answer = await call(of, { stream: true, sim: tool === "" ? {} : { "tool-call": tool } });
    const { seen } = streamed(of, answer);
    expect(seen).toMatchObject({ usage_final: true, terminal: true, flags: [], error: null });
    const shown = answer.line.output - answer.line.reasoning;
    if (of.dialect !== "openai-completions" || tool === "") expect(seen.metered_output).toBeGreaterThan(0);
    expect(seen.metered_output).toBeLessThan(shown * 2 + answer.line.reasoning + 60);
    expect(seen.response_id).toBe(answer.line.id);
  });

  test.each(["negative", "nan", "string", "zero", "huge"])(
    "usage that lies (%s) never counts, and the client still reads its stream",
    async (lie) => {
      const answer = await call(of, { stream: true, sim: { fault: `usage=${lie}` } });
      const { seen, forwarded, closing } = streamed(of, answer);
      expect(seen).toMatchObject({ usage_final: false, terminal: true });
      expect(seen.flags.join()).toMatch(/usage_invalid:/);
      const bytes = Buffer.concat([forwarded, closing]);
      if (of.framing === "json") expect(() => JSON.parse(bytes.toString())).not.toThrow();
      else
        for (const event of understood(bytes))
          if (event.data !== "[DONE]") expect(() => JSON.parse(event.data as string)).not.toThrow();
      const told = await call(of, { stream: false, sim: { fault: `usage=${lie}` } });
      expect(whole(of, told).usage).toBeNull();
    },
  );

  test.each(["twice", "decreasing"])("usage that comes %s is what was billed, or flagged and not final", async (lie) => {
    const answer = await call(of, { stream: true, sim: { fault: `usage=${lie}` } });
    const { seen } = streamed(of, answer);
    expect(outputTokens(seen.usage?.counts ?? {})).toBe(answer.line.output);
    if (lie === "twice") expect(seen).toMatchObject({ usage_final: true });
    else if (!seen.usage_final) expect(seen.flags.join()).toMatch(/usage_/);
  });

  test("no usage is none, and an error event is named", async () => {
    const silent = streamed(of, await call(of, { stream: true, sim: { fault: "no-usage" } }));
    expect(silent.seen).toMatchObject({ usage_final: false, terminal: true, error: null });
    expect(whole(of, await call(of, { stream: false, sim: { fault: "no-usage" } })).usage).toBeNull();
    const failed = streamed(of, await call(of, { stream: true, sim: { fault: "error-event=5" } }));
    expect(failed.seen.error).not.toBeNull();
    expect(failed.seen.usage_final).toBe(false);
  });

  test("chunks of one byte change nothing", async () => {
    const plain = await call(of, { stream: true, sim: { seed: "s" } });
    const bytes = await call(of, { stream: true, sim: { seed: "s", fault: "chunk-bytes=1" } });
    expect(streamed(of, bytes).seen.usage).toEqual(streamed(of, plain).seen.usage);
    expect(bytes.chunks.length).toBeGreaterThan(plain.chunks.length);
  });
});

describe.each(named(ANSWERING.filter((of) => of.search !== undefined)))("%s with searches", (_, of) => {
  test.each([0, 1, 3])("%i searches at the provider are read and billed, streamed and whole", async (searches) => {
    for (const stream of [true, false]) {
      const answer = await call(of, { stream, sim: { searches: String(searches) }, more: { tools: [of.search] } });
      expect(answer.line.searches).toBe(searches);
      const usage = stream ? streamed(of, answer).seen.usage : whole(of, answer).usage;
      expectBilled(of, usage, answer.line);
    }
  });
});

describe.each(named(EMBEDDING))("%s", (_, of) => {
  test("what is billed is its input, and read where the provider tells it", async () => {
    const answer = await call(of, { stream: false });
    expect(answer.request.billed).toBe("input");
    expect(answer.line).toMatchObject({ output: 0, status: 200 });
    const read = whole(of, answer);
    expect(read.valid).toBe(true);
    if (of.dialect === "openai-embeddings") expectBilled(of, read.usage, answer.line);
    else expect(read.usage).toBeNull();
  });

  test.each(["negative", "nan", "string", "huge", "zero"])("usage that lies (%s) never counts", async (lie) => {
    expect(whole(of, await call(of, { stream: false, sim: { fault: `usage=${lie}` } })).usage).toBeNull();
  });
});

describe.each(named(COUNTING))("%s", (_, of) => {
  test("a count is nobody's usage and on nobody's bill", async () => {
    const answer = await call(of, { stream: false });
    expect(answer.request.billed).toBe("nothing");
    expect(answer.line).toMatchObject({ output: 0, nano_usd: 0n });
    expect(answer.line.input).toBeGreaterThan(3);
    const read = whole(of, answer);
    expect(read.valid).toBe(true);
    if (read.usage !== null) expect(nanoOf(of, read.usage)).toBe(0n);
  });
});

describe("what some providers tell beside their tokens", () => {
  const chat = ANSWERING[0] as Played;
  const message = ANSWERING.find((of) => of.dialect === "anthropic-messages") as Played;

  test.each(["0", "0.0001", "1e-7"])("a cost of %s that is told is kept apart from the one that is computed", async (cost) => {
    const answer = await call(chat, { stream: true, sim: { cost } });
    const { usage } = streamed(chat, answer).seen;
    expect(usage?.told_nano).toBe(BigInt(Math.round(Number(cost) * 1e9)));
    expectBilled(chat, usage, answer.line);
  });

  test.each(["-1", '"free"'])("a cost of %s is flagged", async (cost) => {
    const { seen } = streamed(chat, await call(chat, { stream: true, sim: { cost } }));
    expect(seen.usage?.told_nano).toBeUndefined();
    expect([...(seen.usage?.flags ?? []), ...seen.flags]).not.toEqual([]);
  });

  test.each([
    "claude-opus-4-8=40/0,claude-haiku-4-5=50/7",
    "claude-opus-4-8=40/3,claude-haiku-4-5=50/7",
    "compaction=500/20,claude-sonnet-4-5=50/7",
  ])("the runs %s of one request are read, and billed each by its own model", async (iterations) => {
    for (const stream of [true, false]) {
      const answer = await call(message, { stream, sim: { iterations } });
      const usage = stream ? streamed(message, answer).seen.usage : whole(message, answer).usage;
      expect(nanoOf(message, usage as Usage)).toBe(answer.line.nano_usd);
    }
  });
});
