import { extractUsage, findProvider } from "@pydantic/genai-prices";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fixture, understood } from "../../../test/replay-stream.js";
import { BursarError } from "../../accounting/errors.js";
import { inputTokens, outputTokens, USAGE_CLASSES } from "../../accounting/meter/usage.js";
import { geminiBatchEmbed, geminiEmbed } from "./embed.js";
import { unbilled } from "./failure.js";
import { GEMINI } from "./kind.js";
import { geminiUsage } from "./usage.js";
import { geminiCountTokens, geminiGenerate } from "./wire.js";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");
const read = (json: string) => geminiGenerate.read(Buffer.from(json), { model: "gemini-2.5-flash" });

test.each([
  ["no config", '{"contents":[]}', '{"generationConfig":{"maxOutputTokens":5},"contents":[]}'],
  ["a null config", '{"contents":[],"generationConfig":null}', '{"contents":[],"generationConfig":{"maxOutputTokens":5}}'],
  [
    "a config without a cap",
    '{"contents":[], "generationConfig" : { "temperature":1e0 } }',
    '{"contents":[], "generationConfig" : {"maxOutputTokens":5, "temperature":1e0 } }',
  ],
  ["an empty config", '{"generationConfig":{},"contents":[]}', '{"generationConfig":{"maxOutputTokens":5},"contents":[]}'],
  [
    "the client's cap",
    '{"contents":[],"generationConfig":{"topK":3 , "maxOutputTokens" : 900}}',
    '{"contents":[],"generationConfig":{"topK":3 , "maxOutputTokens" : 5}}',
  ],
  [
    "a null cap",
    '{"contents":[],"generationConfig":{"maxOutputTokens":null}}',
    '{"contents":[],"generationConfig":{"maxOutputTokens":5}}',
  ],
  [
    "its other spelling",
    '{"contents":[],"generation_config":{"max_output_tokens":900}}',
    '{"contents":[],"generation_config":{"max_output_tokens":5}}',
  ],
  [
    "a config in its other spelling",
    '{"contents":[],"generation_config":{"top_k":3}}',
    '{"contents":[],"generation_config":{"max_output_tokens":5,"top_k":3}}',
  ],
  [
    "mixed spellings",
    '{"contents":[],"generation_config":{"maxOutputTokens":900}}',
    '{"contents":[],"generation_config":{"maxOutputTokens":5}}',
  ],
])("B1: the cap is spliced into the nested config, all else stays: %s", (_, body, wanted) => {
  expect(text(geminiGenerate.prepare(read(body), { output_cap: 5 }))).toBe(wanted);
});

test("another model changes only the path, unless the body names it too", () => {
  const plain = read('{ "contents":[] }');
  expect(geminiGenerate.prepare(plain, { model: "gemini-2.5-pro", tool_uses: 3, include_usage: true })).toBe(plain.body);
  const named = read('{"model":"models/gemini-2.5-flash", "contents":[]}');
  expect(text(geminiGenerate.prepare(named, { model: "gemini-2.5-pro" }))).toBe(
    '{"model":"models/gemini-2.5-pro", "contents":[]}',
  );
  expect(geminiGenerate.prepare(named, { model: "gemini-2.5-flash" })).toBe(named.body);
  const count = geminiCountTokens.read(Buffer.from('{"contents":[]}'), { model: "a" });
  expect(geminiCountTokens.prepare(count, { model: "b" })).toBe(count.body);
});

test("embeddings name their model in the body: it is changed there, everywhere", () => {
  const of = { model: "a" };
  const one = geminiEmbed.read(Buffer.from('{ "model":"models/a","content":{"parts":[]} }'), of);
  expect(text(geminiEmbed.prepare(one, { model: "b" }))).toBe('{ "model":"models/b","content":{"parts":[]} }');
  const body =
    '{"requests": [ {"model":"models/a","content":{"parts":[]}} ,\n{"content":{"parts":[]}, "model" : "models/a"},{"content":{}} ]}';
  const many = geminiBatchEmbed.read(Buffer.from(body), of);
  expect(text(geminiBatchEmbed.prepare(many, { model: "b" }))).toBe(body.replaceAll("models/a", "models/b"));
  expect(geminiBatchEmbed.prepare(many, { model: "a" })).toBe(many.body);
});

test("whatever a body holds, the cap is the only thing that a splice changes", () => {
  const value = fc.oneof(
    // A key that reaches for a prototype is refused before anything is spliced.
    fc.json().filter((json) => !/__proto__|prototype/.test(json)),
    fc.string({ unit: "grapheme" }).map((string) => JSON.stringify(string)),
  );
  const config = fc.array(fc.tuple(fc.constantFrom("temperature", "top_p", "seed", "responseSchema", "x"), value), {
    maxLength: 4,
  });
  const gap = fc.constantFrom("", " ", "\n", "\r\n\t");
  const body = fc.record({ config, gap, cap: fc.option(fc.constantFrom("maxOutputTokens", "max_output_tokens")), tail: value });
  fc.assert(
    fc.property(body, (of) => {
      const fields = [...new Map(of.config)].map(([name, json]) => `${of.gap}"${name}":${of.gap}${json}`);
      const capped = (cap: string) => (of.cap === null ? fields : [...fields, `${of.gap}"${of.cap}" :${cap}`]).join(",");
      const whole = (inner: string) => `{${of.gap}"contents":[],"generationConfig": {${inner}}${of.gap},"labels":${of.tail}}`;
      const request = read(whole(capped("777")));
      const first = fields.length === 0 ? '"maxOutputTokens":5' : `"maxOutputTokens":5,${capped("")}`;
      const wanted = whole(of.cap === null ? first : capped("5"));
      expect(text(geminiGenerate.prepare(request, { output_cap: 5 }))).toBe(wanted);
      expect(geminiGenerate.prepare(request, {})).toBe(request.body);
    }),
    { numRuns: 200 },
  );
});

test("usage is mapped to disjoint classes that the price oracle agrees with, on every fixture", () => {
  const provider = findProvider({ providerId: "google" })!;
  const agrees = (reply: object, counts: object, name: string) => {
    const { usage } = extractUsage(provider, reply, "default");
    expect([inputTokens(counts), outputTokens(counts)], name).toEqual([usage.input_tokens, usage.output_tokens ?? 0]);
    expect((counts as Record<string, number>).cache_read, name).toBe(usage.cache_read_tokens);
    expect((counts as Record<string, number>).reasoning, name).toBe(usage.output_reasoning_tokens);
  };
  for (const name of ["text", "thinking", "cached", "grounded", "blocked"]) {
    const body = fixture(`gemini/${name}.json`);
    const { usage, valid, flags } = geminiGenerate.readReply(body);
    const named = name === "cached" ? ["cached_audio_priced_as_text"] : [];
    expect({ valid, flags }, name).toEqual({ valid: true, flags: named });
    agrees(JSON.parse(body.toString()), usage!.counts, name);
  }
  for (const name of ["text", "thinking", "tools", "grounding", "two-candidates"]) {
    for (const { data } of understood(fixture(`gemini/${name}.sse`))) {
      const chunk = JSON.parse(data!);
      const own = geminiUsage(chunk.usageMetadata, { metered: 0, final: true, web_searches: null });
      expect(own, name).toMatchObject({ ok: true, flags: [] });
      if (own.ok) agrees(chunk, own.counts, name);
    }
  }
});

test("whole replies: cached sound is not counted twice, searches by the model's generation, thoughts alone are output", () => {
  const counts = (name: string) => geminiGenerate.readReply(fixture(`gemini/${name}.json`)).usage?.counts;
  expect(counts("cached")).toEqual({
    input_fresh: 552,
    cache_read: 2048,
    input_audio: 142,
    input_image: 258,
    output_text: 3,
    requests: 1,
  });
  expect(counts("grounded")).toEqual({ input_fresh: 142, output_text: 4, reasoning: 77, requests: 1, web_searches: 2 });
  const older = fixture("gemini/grounded.json").toString().replace("gemini-3-pro-preview", "gemini-2.0-flash");
  expect(geminiGenerate.readReply(Buffer.from(older)).usage?.counts.web_searches).toBe(1);
  expect(counts("thoughts-only")).toEqual({ input_fresh: 21, output_text: 0, reasoning: 100, requests: 1 });
  expect(counts("blocked")).toEqual({ input_fresh: 31, output_text: 0, requests: 1 });
});

test("replies that are none: errors, pages, arrays, nothing", () => {
  const bodies = [
    "",
    "<html>",
    "[]",
    "{}",
    "null",
    '{"error":{"code":500}}',
    '{"candidates":[],"error":{}}',
    '{"promptFeedback":{}}',
  ];
  for (const body of bodies) {
    for (const dialect of [geminiGenerate, geminiCountTokens, geminiEmbed, geminiBatchEmbed]) {
      expect(dialect.readReply(Buffer.from(body)), body).toMatchObject({ valid: false, usage: null });
    }
  }
});

test("a count is a request without tokens; an embedding tells its usage or none", () => {
  expect(geminiCountTokens.readReply(fixture("gemini/count.json"))).toMatchObject({
    valid: true,
    usage: { counts: { requests: 1 }, evidence: "provider" },
  });
  expect(geminiCountTokens.readReply(Buffer.from('{"totalTokens":"31"}'))).toMatchObject({ valid: false });
  expect(geminiEmbed.readReply(fixture("gemini/embedding.json")).usage?.counts).toEqual({ input_fresh: 6, requests: 1 });
  expect(geminiBatchEmbed.readReply(fixture("gemini/embeddings.json"))).toMatchObject({ valid: true, usage: null, flags: [] });
  const film = '{"promptTokenCount":6,"promptTokensDetails":[{"modality":"VIDEO","tokenCount":6}]}';
  expect(geminiEmbed.readReply(Buffer.from(`{"embedding":{},"usageMetadata":${film}}`)).flags).toEqual(["video_priced_as_text"]);
  expect(geminiEmbed.readReply(Buffer.from('{"embedding":{},"usageMetadata":{}}'))).toMatchObject({
    valid: true,
    usage: null,
    flags: ["usage_invalid:missing"],
  });
});

test.each([
  ["a total that does not add up", { totalTokenCount: 99 }, {}, "total_mismatch"],
  ["cached > prompt", { cachedContentTokenCount: 30 }, { input_fresh: 0, cache_read: 10 }, "cached_exceeds_input"],
  [
    "sound > prompt",
    { promptTokensDetails: [{ modality: "AUDIO", tokenCount: 30 }] },
    { input_fresh: 0, input_audio: 10 },
    "input_details_exceed_total",
  ],
  [
    "spoken output > output",
    { candidatesTokensDetails: [{ modality: "AUDIO", tokenCount: 30 }] },
    { output_text: 0, output_audio: 5 },
    "output_details_exceed_total",
  ],
  ["an image", { candidatesTokensDetails: [{ modality: "IMAGE", tokenCount: 5 }] }, {}, "image_output_priced_as_text"],
])("usage that contradicts itself is cut with a flag: %s", (_, more, counts, flag) => {
  const read = geminiUsage(
    { promptTokenCount: 10, candidatesTokenCount: 5, ...more },
    { metered: 0, final: true, web_searches: null },
  );
  expect(read).toEqual({ ok: true, counts: { input_fresh: 10, output_text: 5, requests: 1, ...counts }, flags: [flag] });
});

test.each([
  ["ON_DEMAND", undefined],
  ["PROVISIONED_THROUGHPUT", "provisioned_throughput"],
  ["ON_DEMAND_FLEX", "flex"],
  ["priority", "priority"],
  ["standard", undefined],
])("the tier that was served is told when it is another than the standard one: %s", (trafficType, tier) => {
  const read = geminiUsage({ promptTokenCount: 1, trafficType }, { metered: 0, final: false, web_searches: null });
  expect(read).toMatchObject({ ok: true });
  expect(read.ok && read.service_tier).toBe(tier);
});

test("whatever a usage says, its classes are counts that add up to no more than told, or it is rejected", () => {
  const count = fc.oneof(fc.nat(2000), fc.constantFrom(null, undefined, -1, 1.5, "7", Number.MAX_SAFE_INTEGER, 2 ** 60));
  const details = fc.oneof(
    fc.constantFrom(null, undefined, 7),
    fc.array(fc.record({ modality: fc.constantFrom("TEXT", "AUDIO", "IMAGE", 3), tokenCount: count }), { maxLength: 3 }),
  );
  const usage = fc.record({
    promptTokenCount: count,
    toolUsePromptTokenCount: count,
    cachedContentTokenCount: count,
    candidatesTokenCount: count,
    thoughtsTokenCount: count,
    totalTokenCount: count,
    promptTokensDetails: details,
    cacheTokensDetails: details,
    candidatesTokensDetails: details,
  });
  fc.assert(
    fc.property(usage, fc.boolean(), (told, final) => {
      const read = geminiUsage(told, { metered: 3, final, web_searches: null });
      if (!read.ok) return;
      for (const name of USAGE_CLASSES) {
        const value = read.counts[name];
        if (value !== undefined) expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
      }
      expect(inputTokens(read.counts)).toBe((told.promptTokenCount as number) + ((told.toolUsePromptTokenCount ?? 0) as number));
      if (final) expect(outputTokens(read.counts)).toBeGreaterThan(0);
    }),
    { numRuns: 500 },
  );
});

test("refusals have Google's shape, with text only in their metadata", () => {
  const details = { budget: "day", limit: "5.00", held: null, retry_after_ms: 12, exhausted_status: 402 };
  const refused = geminiGenerate.refuse(new BursarError("budget_exceeded", "No room.", details), "c1");
  expect(JSON.parse(text(refused.body))).toEqual({
    error: {
      code: 402,
      message: "No room.",
      status: "FAILED_PRECONDITION",
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.ErrorInfo",
          reason: "BUDGET_EXCEEDED",
          domain: "bursar",
          metadata: {
            code: "budget_exceeded",
            budget: "day",
            limit: "5.00",
            retry_after_ms: "12",
            exhausted_status: "402",
            call_id: "c1",
          },
        },
      ],
    },
  });
  expect(refused.details).toMatchObject({ call_id: "c1", held: null });
});

test.each([
  ["budget_exceeded", { exhausted_status: 429 }, 429, "RESOURCE_EXHAUSTED"],
  ["budget_exceeded", { exhausted_status: 400 }, 400, "FAILED_PRECONDITION"],
  ["budget_waiting", {}, 429, "RESOURCE_EXHAUSTED"],
  ["invalid_request", {}, 400, "INVALID_ARGUMENT"],
  ["unauthorized", {}, 401, "UNAUTHENTICATED"],
  ["agent_paused", {}, 403, "PERMISSION_DENIED"],
  ["model_unknown", {}, 404, "NOT_FOUND"],
  ["store_unavailable", {}, 503, "UNAVAILABLE"],
  ["internal", {}, 500, "INTERNAL"],
] as const)("%s is told by the status that Google gives such an error", (code, details, status, name) => {
  const { error } = JSON.parse(text(geminiGenerate.refuse(new BursarError(code, "x", details), "c1").body));
  expect(error).toMatchObject({ code: status, status: name });
});

test("only what Google's tables say is unbilled", () => {
  expect([400, 401, 403, 404, 429, 500, 503].every(unbilled)).toBe(true);
  expect([200, 408, 499, 502, 504].some(unbilled)).toBe(false);
});

test("a base URL may be the host alone; the key goes into a header, and only alt comes along from a query", () => {
  expect(GEMINI.base_of?.("http://localhost:9/")).toBe("http://localhost:9/v1beta");
  expect(GEMINI.base_of?.("https://host/v1beta")).toBe("https://host/v1beta");
  const headers: Record<string, string> = {};
  GEMINI.authorize(headers, "k");
  expect(headers).toEqual({ "x-goog-api-key": "k" });
  expect(["alt", "key", "$alt", "access_token"].filter(GEMINI.query_allowed)).toEqual(["alt"]);
  expect(GEMINI.paths["gemini-generate"]?.({ model: "a/b?c", stream: true }, {})).toBe("/models/a%2Fb%3Fc:streamGenerateContent");
});
