import { extractUsage, findProvider } from "@pydantic/genai-prices";
import fc from "fast-check";
import { expect, test } from "vitest";
import { cutsOf, expectTheSameWhereverCut } from "../../../test/cut-anywhere.js";
import { eventsOf, figures, fixture, replay, understood } from "../../../test/replay-stream.js";
import { inputTokens, outputTokens, USAGE_CLASSES, type Usage } from "../../accounting/meter/usage.js";
import { BASE_PROVIDERS } from "../../accounting/price/base-rows.js";
import type { Dialect, Quirks } from "../../call/needs.js";
import { openAiCompletions } from "../openai/completions/wire.js";
import { openAiChat } from "../openai/wire.js";
import { COMPATIBLE_KINDS } from "./kinds.js";

const kindOf = (name: string) => COMPATIBLE_KINDS.find((kind) => kind.kind === name)!;

/** A dialect as it is with one provider. */
function at(name: string, dialect: Dialect = openAiChat): Dialect {
  const quirks: Quirks = kindOf(name).quirks ?? {};
  return {
    ...dialect,
    prepare: (request, changes) => dialect.prepare(request, changes, quirks),
    reader: (request) => dialect.reader(request, quirks),
    readReply: (body) => dialect.readReply(body, quirks),
  };
}

const request = (more: object = {}) =>
  openAiChat.read(
    Buffer.from(JSON.stringify({ model: "m", messages: [{ role: "user", content: "How many?" }], stream: true, ...more })),
  );
const plain = request();
const STREAMS = ["groq", "deepseek", "mistral", "xai", "openrouter", "ollama", "vllm"];
const seenOf = (name: string) => replay(at(name), plain, [fixture(`openai-compatible/${name}.sse`)]).seen;

/** The last chunk's usage as the price oracle's extractor of that provider reads it. */
function oracleOf(provider: string, name: string) {
  const chunks = understood(fixture(`openai-compatible/${name}.sse`))
    .filter((event) => event.data !== "[DONE]")
    .map((event) => JSON.parse(event.data!));
  const last = chunks.filter((chunk) => chunk.usage ?? chunk.x_groq?.usage).at(-1);
  const data = findProvider({ providerId: provider })!;
  const flavor = data.extractors!.some((extractor) => extractor.api_flavor === "chat") ? "chat" : "default";
  return extractUsage(data, { model: last.model, usage: last.usage ?? last.x_groq.usage }, flavor).usage;
}

test.each([
  ["groq", "groq"],
  ["deepseek", "deepseek"],
  ["mistral", "mistral"],
  ["xai", "x-ai"],
  ["openrouter", "openrouter"],
  ["vllm", "openai"],
])("usage of %s's stream is what the price oracle reads as %s's", (name, provider) => {
  const oracle = oracleOf(provider, name);
  const seen = seenOf(name);
  expect(seen).toMatchObject({ usage_final: true, terminal: true, finish_reason: "stop", flags: [] });
  const { counts, evidence } = seen.usage!;
  expect(evidence).toBe("provider");
  expect(inputTokens(counts)).toBe(oracle.input_tokens);
  expect(outputTokens(counts)).toBe(oracle.output_tokens);
  expect(counts.cache_read ?? 0).toBe(oracle.cache_read_tokens ?? 0);
  expect(counts.reasoning ?? 0).toBe(oracle.output_reasoning_tokens ?? 0);
});

test("without its quirk Groq's stream tells no usage at all", () => {
  expect(replay(openAiChat, plain, [fixture("openai-compatible/groq.sse")]).seen.usage).toBeNull();
});

test("DeepSeek's cache hits count once, also where only the older fields tell them", () => {
  const reply = at("deepseek").readReply(fixture("openai-compatible/deepseek.json"));
  expect(reply.usage?.counts).toEqual({ input_fresh: 72, cache_read: 128, output_text: 9, requests: 1 });
  expect(reply.flags).toEqual([]);
});

test("xAI's reasoning is output beside the completion, from the first chunk on", () => {
  const raw = eventsOf(fixture("openai-compatible/xai.sse"));
  const reader = at("xai").reader(plain);
  for (const event of raw.slice(0, 2)) reader.event(event);
  expect(reader.seen).toMatchObject({ usage_final: false, flags: [], usage: { counts: { reasoning: 3, output_text: 0 } } });
  expect(seenOf("xai").usage?.counts).toMatchObject({ input_fresh: 26, cache_read: 6, reasoning: 3, output_text: 3 });
  expect(seenOf("xai").usage_final).toBe(true);
});

test("xAI's reasoning that is no count is not added to anything", () => {
  const reply = (reasoning_tokens: unknown) =>
    at("xai").readReply(
      Buffer.from(
        JSON.stringify({
          choices: [],
          usage: { prompt_tokens: 5, completion_tokens: 5, completion_tokens_details: { reasoning_tokens } },
        }),
      ),
    );
  for (const bad of [-1, "7", 1.5, 2 ** 60, []]) expect(reply(bad).usage, String(bad)).toBeNull();
  expect(reply(Number.MAX_SAFE_INTEGER)).toMatchObject({ usage: null, flags: ["usage_invalid:too_large"] });
});

test("thinking that comes as parts is metered", () => {
  const reader = at("mistral").reader(plain);
  for (const event of eventsOf(fixture("openai-compatible/mistral.sse")).slice(0, 3)) reader.event(event);
  expect(reader.seen.metered_output).toBeGreaterThanOrEqual(2);
});

test("B16: the cost that OpenRouter tells is read to the nano-dollar and goes with its usage only", () => {
  expect(seenOf("openrouter").usage?.told_nano).toBe(525_000n);
  const reply = (usage: object): Usage | null =>
    at("openrouter").readReply(
      Buffer.from(JSON.stringify({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 2, ...usage } })),
    ).usage;
  expect(reply({ cost: 0.02, is_byok: false })?.told_nano).toBe(20_000_000n);
  expect(reply({ cost: 0.02, is_byok: true })).not.toHaveProperty("told_nano");
  expect(reply({ cost: null })).not.toHaveProperty("told_nano");
  expect(reply({})).not.toHaveProperty("told_nano");
});

test("OpenRouter's comments pass as they came", () => {
  const { forwarded } = replay(at("openrouter"), plain, [fixture("openai-compatible/openrouter.sse")]);
  expect(forwarded.toString().startsWith(": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\ndata: ")).toBe(true);
});

test("OpenRouter's routing fields stay unknown, so that a hard budget refuses them", () => {
  const routing = {
    models: ["a"],
    provider: { order: ["x"] },
    plugins: [{ id: "web" }],
    transforms: ["middle-out"],
    route: "fallback",
  };
  expect(request(routing).unknown_fields).toEqual(["models", "provider", "plugins", "transforms", "route"]);
});

test("Ollama's stream without usage is metered", () => {
  expect(seenOf("ollama")).toMatchObject({ usage: null, usage_final: false, terminal: true, finish_reason: "stop" });
  expect(seenOf("ollama").metered_output).toBeGreaterThanOrEqual(2);
});

test("Mistral is sent no stream options, also where the client sent some", () => {
  const sent = (more: object, dialect = at("mistral")) =>
    JSON.parse(Buffer.from(dialect.prepare(request(more), { include_usage: true })).toString());
  expect(sent({})).not.toHaveProperty("stream_options");
  expect(sent({ stream_options: { include_usage: true } })).not.toHaveProperty("stream_options");
  expect(sent({}, openAiChat)).toHaveProperty("stream_options");
});

test.each(["deepseek", "mistral", "ollama", "vllm"])(
  "%s is sent the cap in the field it reads, whichever the client wrote",
  (name) => {
    const sent = (more: object, splice: object) =>
      JSON.parse(Buffer.from(at(name).prepare(request({ model: "gpt-5-copy", ...more }), splice)).toString());
    expect(sent({}, { output_cap: 9 })).toMatchObject({ max_tokens: 9 });
    expect(sent({}, { output_cap: 9 })).not.toHaveProperty("max_completion_tokens");
    expect(sent({}, {})).not.toHaveProperty("max_tokens");
    expect(sent({ max_completion_tokens: 50 }, {})).toMatchObject({ max_tokens: 50, max_completion_tokens: 50 });
    expect(sent({ max_completion_tokens: 50 }, { output_cap: 9 })).toMatchObject({ max_tokens: 9, max_completion_tokens: 9 });
    expect(sent({ max_tokens: 50 }, { output_cap: 9 })).toMatchObject({ max_tokens: 9 });
  },
);

test("legacy completions honour the same quirks", () => {
  const completions = at("mistral", openAiCompletions);
  const read = openAiCompletions.read(
    Buffer.from('{"model":"m","prompt":"a","stream":true,"stream_options":{"include_usage":true}}'),
  );
  expect(JSON.parse(Buffer.from(completions.prepare(read, {})).toString())).toEqual({
    model: "m",
    prompt: "a",
    stream: true,
    max_tokens: 16,
  });
  const usage = { prompt_tokens: 5, completion_tokens: 1, completion_tokens_details: { reasoning_tokens: 7 } };
  const reply = at("xai", openAiCompletions).readReply(Buffer.from(JSON.stringify({ choices: [{ text: "a" }], usage })));
  expect(reply.usage?.counts).toMatchObject({ output_text: 1, reasoning: 7 });
});

test.each(STREAMS.map((name) => [name, cutsOf(fixture(`openai-compatible/${name}.sse`))] as const))(
  "%s: the same events come out and the same is posted, however it is written and wherever it is cut (%s)",
  (name) => {
    const stream = fixture(`openai-compatible/${name}.sse`);
    expectTheSameWhereverCut({ dialect: at(name), requests: [plain], stream });
  },
  120_000,
);

test.each(STREAMS)("C8: %s can be cut after any event and ends well-formed", (name) => {
  const raw = eventsOf(fixture(`openai-compatible/${name}.sse`));
  for (let count = 0; count <= raw.length; count++) {
    const reader = at(name).reader(plain);
    const before = raw.slice(0, count).flatMap((event) => reader.event(event) ?? []);
    const events = understood(Buffer.concat([...before, reader.cut({ ...figures, cut: "no room" })]));
    expect(events.at(-1)?.data).toBe("[DONE]");
    const chunks = events.slice(0, -1).map((event) => JSON.parse(event.data!));
    const ended = chunks.flatMap((chunk) => chunk.choices).filter((choice) => typeof choice.finish_reason === "string");
    expect(ended, `cut after ${count}`).toHaveLength(1);
  }
});

test("every hosted provider needs a key, has an address, and is priced under a name that the price data knows", () => {
  const priced: readonly string[] = BASE_PROVIDERS;
  for (const kind of COMPATIBLE_KINDS) {
    if (kind.key === "optional") continue;
    expect(kind.base_url, kind.kind).toMatch(/^https:\/\/[^/]+(\/[a-z0-9/]+)?[^/]$/);
    expect(priced, kind.kind).toContain(kind.priced_as ?? kind.kind);
    const headers: Record<string, string> = {};
    kind.authorize(headers, "k");
    expect(headers).toEqual({ authorization: "Bearer k" });
  }
  expect(COMPATIBLE_KINDS.map((kind) => kind.kind)).toEqual([
    "openrouter",
    "groq",
    "deepseek",
    "mistral",
    "xai",
    "ollama",
    "vllm",
    "openai-compatible",
  ]);
});

test("a refusal that xAI charges for is no proof of no bill", () => {
  expect(kindOf("xai").unbilled(403)).toBe(false);
  expect(kindOf("xai").unbilled(429)).toBe(true);
  expect(kindOf("groq").unbilled(403)).toBe(true);
});

test("client headers reach OpenRouter only where they name an application", () => {
  for (const name of ["http-referer", "x-title"]) expect(kindOf("openrouter").headers_allowed(name)).toBe(true);
  for (const name of ["authorization", "cookie", "x-api-key"]) expect(kindOf("openrouter").headers_allowed(name)).toBe(false);
  expect(kindOf("groq").headers_allowed("http-referer")).toBe(false);
});

test("whatever a provider writes, its reader never throws and its usage is counts", () => {
  const number = fc.oneof(
    fc.nat(500),
    fc.constantFrom(-1, 1.5, 2 ** 60, Number.MAX_SAFE_INTEGER),
    fc.constantFrom("7", null, [], {}),
  );
  const details = fc.record({ cached_tokens: number, reasoning_tokens: number }, { requiredKeys: [] });
  const usage = fc.record(
    {
      prompt_tokens: number,
      completion_tokens: number,
      total_tokens: number,
      prompt_tokens_details: fc.oneof(details, number),
      completion_tokens_details: fc.oneof(details, number),
      prompt_cache_hit_tokens: number,
      cost: fc.oneof(fc.double(), number),
      is_byok: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  const some = fc.oneof(usage, number, fc.jsonValue());
  const choice = fc.record({
    index: number,
    text: fc.jsonValue(),
    delta: fc.record({ content: fc.jsonValue() }),
    finish_reason: fc.constantFrom("stop", null, 7),
  });
  const chunk = fc.record(
    { choices: fc.oneof(fc.array(choice), fc.jsonValue()), usage: some, x_groq: fc.oneof(fc.record({ usage: some }), some) },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.constantFrom(...COMPATIBLE_KINDS), fc.array(chunk), (kind, chunks) => {
      const read = openAiCompletions.read(Buffer.from('{"model":"m","prompt":"a","stream":true,"echo":true}'));
      for (const reader of [openAiChat.reader(plain, kind.quirks), openAiCompletions.reader(read, kind.quirks)]) {
        for (const one of chunks) reader.event(Buffer.from(`data: ${JSON.stringify(one)}\n\n`));
        const { usage: told } = reader.seen;
        for (const name of USAGE_CLASSES) {
          const count = told?.counts[name] ?? 0;
          expect(Number.isSafeInteger(count) && count >= 0, name).toBe(true);
        }
        expect(told?.told_nano ?? 0n).toBeGreaterThanOrEqual(0n);
        expect(understood(reader.cut({ ...figures, cut: "no room" })).at(-1)?.data).toBe("[DONE]");
      }
      for (const one of chunks) openAiChat.readReply(Buffer.from(JSON.stringify(one)), kind.quirks);
    }),
    { numRuns: 300 },
  );
});
