import { extractUsage, findProvider } from "@pydantic/genai-prices";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fixture, understood } from "../../../test/replay-stream.js";
import { BursarError } from "../../accounting/errors.js";
import { inputTokens, outputTokens, USAGE_CLASSES } from "../../accounting/meter/usage.js";
import { unbilled } from "./failure.js";
import { openAiUsage } from "./usage.js";
import { openAiChat } from "./wire.js";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");
const read = (json: string) => openAiChat.read(Buffer.from(json));

test.each([
  ["model in place", '{ "model": "a" , "messages":[]}', { model: "gpt-4o" }, '{ "model": "gpt-4o" , "messages":[]}'],
  ["the same model", '{ "model": "a" , "messages":[]}', { model: "a" }, '{ "model": "a" , "messages":[]}'],
  [
    "the client's cap",
    '{"model":"a","max_tokens":999999999,"messages":[]}',
    { output_cap: 5 },
    '{"model":"a","max_tokens":5,"messages":[]}',
  ],
  [
    "the newer cap",
    '{"model":"a","messages":[],"max_completion_tokens":9}',
    { output_cap: 5 },
    '{"model":"a","messages":[],"max_completion_tokens":5}',
  ],
  [
    "a null cap is none",
    '{"model":"a","max_completion_tokens":null,"messages":[]}',
    { output_cap: 5 },
    '{"max_tokens":5,"model":"a","max_completion_tokens":null,"messages":[]}',
  ],
  ["no cap", '{"model":"gpt-4o","messages":[]}', { output_cap: 5 }, '{"max_tokens":5,"model":"gpt-4o","messages":[]}'],
  [
    "no cap, o-series",
    '{"model":"o4-mini","messages":[]}',
    { output_cap: 5 },
    '{"max_completion_tokens":5,"model":"o4-mini","messages":[]}',
  ],
  [
    "no cap, gpt-5",
    '{"model":"x","messages":[]}',
    { model: "openai/gpt-5", output_cap: 5 },
    '{"max_completion_tokens":5,"model":"openai/gpt-5","messages":[]}',
  ],
  [
    "no cap, gpt-oss",
    '{"model":"gpt-oss-20b","messages":[]}',
    { output_cap: 5 },
    '{"max_tokens":5,"model":"gpt-oss-20b","messages":[]}',
  ],
  [
    "usage asked for",
    '{"model":"a","stream":true,"messages":[]}',
    { include_usage: true },
    '{"stream_options":{"include_usage":true},"model":"a","stream":true,"messages":[]}',
  ],
  [
    "usage refused by the client",
    '{"model":"a","stream":true,"stream_options":{"x":1,"include_usage":false},"messages":[]}',
    { include_usage: true },
    '{"model":"a","stream":true,"stream_options":{"x":1,"include_usage":true},"messages":[]}',
  ],
  [
    "null stream options",
    '{"model":"a","stream":true,"stream_options":null,"messages":[]}',
    { include_usage: true },
    '{"model":"a","stream":true,"stream_options":{"include_usage":true},"messages":[]}',
  ],
  ["no stream", '{"model":"a","messages":[]}', { include_usage: true }, '{"model":"a","messages":[]}'],
])("B1: what is spliced is spliced, all else stays: %s", (_, body, splice, wanted) => {
  expect(text(openAiChat.prepare(read(body), splice))).toBe(wanted);
});

test("usage is mapped to disjoint classes that the price oracle agrees with, on every fixture", () => {
  const provider = findProvider({ providerId: "openai" })!;
  for (const name of ["text", "reasoning", "cached", "audio", "prediction"]) {
    const body = fixture(`openai/${name}.json`);
    const oracle = extractUsage(provider, JSON.parse(body.toString()), "chat");
    const { usage, valid, flags, model } = openAiChat.readReply(body);
    expect({ valid, flags, model }, name).toEqual({ valid: true, flags: [], model: oracle.model });
    const counts = usage!.counts;
    expect(inputTokens(counts)).toBe(oracle.usage.input_tokens);
    expect(outputTokens(counts)).toBe(oracle.usage.output_tokens);
    expect(counts.cache_read).toBe(oracle.usage.cache_read_tokens);
    expect(counts.cache_write_5m).toBe(oracle.usage.cache_write_tokens);
    expect(counts.reasoning).toBe(oracle.usage.output_reasoning_tokens);
    expect(counts.output_audio).toBe(oracle.usage.output_audio_tokens);
  }
  for (const name of ["text", "tools", "two-choices", "compatible"]) {
    const chunk = understood(fixture(`openai/${name}.sse`))
      .map((event) => event.data!)
      .find((data) => data.includes('"usage":{'));
    const oracle = extractUsage(provider, JSON.parse(chunk!), "chat").usage;
    const own = openAiUsage(JSON.parse(chunk!).usage, { metered: 0 });
    expect(own.ok && [inputTokens(own.counts), outputTokens(own.counts)], name).toEqual([
      oracle.input_tokens,
      oracle.output_tokens,
    ]);
  }
});

test("the tier that was served is told when it is another than the standard one", () => {
  expect(openAiChat.readReply(fixture("openai/reasoning.json")).usage?.service_tier).toBe("flex");
  expect(openAiChat.readReply(fixture("openai/text.json")).usage).not.toHaveProperty("service_tier");
});

test.each([
  [
    "cached > prompt",
    { prompt_tokens: 10, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 30 } },
    { input_fresh: 0, cache_read: 10, output_text: 5, requests: 1 },
    "cached_exceeds_input",
  ],
  [
    "audio + cached > prompt",
    { prompt_tokens: 10, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 6, audio_tokens: 7 } },
    { input_fresh: 0, cache_read: 3, input_audio: 7, output_text: 5, requests: 1 },
    "input_details_exceed_total",
  ],
  [
    "reasoning > completion",
    { prompt_tokens: 10, completion_tokens: 5, completion_tokens_details: { reasoning_tokens: 9 } },
    { input_fresh: 10, output_text: 0, reasoning: 5, requests: 1 },
    "output_details_exceed_total",
  ],
  [
    "total ≠ sum",
    { prompt_tokens: 10, completion_tokens: 5, total_tokens: 99 },
    { input_fresh: 10, output_text: 5, requests: 1 },
    "total_mismatch",
  ],
  [
    "reasoning beside completion",
    { prompt_tokens: 10, completion_tokens: 5, total_tokens: 24, completion_tokens_details: { reasoning_tokens: 9 } },
    { input_fresh: 10, output_text: 5, reasoning: 9, requests: 1 },
    "reasoning_beside_completion",
  ],
])("H7: %s is cut or added with a flag, never negative", (_, usage, counts, flag) => {
  expect(openAiUsage(usage, { metered: 0 })).toEqual({ ok: true, counts, flags: [flag] });
});

test("whatever a usage says, its classes are counts that sum to its totals, or it is rejected", () => {
  const count = fc.oneof(fc.nat(2000), fc.constantFrom(null, undefined, -1, 1.5, "7", Number.MAX_SAFE_INTEGER, 2 ** 60));
  const usage = fc.record({
    prompt_tokens: count,
    completion_tokens: count,
    total_tokens: count,
    prompt_tokens_details: fc.option(
      fc.record({ cached_tokens: count, audio_tokens: count, image_tokens: count, cache_write_tokens: count }),
    ),
    completion_tokens_details: fc.option(fc.record({ reasoning_tokens: count, audio_tokens: count })),
  });
  fc.assert(
    fc.property(usage, (told) => {
      const read = openAiUsage(told, { metered: 3 });
      if (!read.ok) return;
      for (const name of USAGE_CLASSES) {
        const value = read.counts[name];
        if (value !== undefined) expect(Number.isSafeInteger(value) && value >= 0, name).toBe(true);
      }
      expect(inputTokens(read.counts)).toBe(told.prompt_tokens);
      if (!read.flags.includes("reasoning_beside_completion")) expect(outputTokens(read.counts)).toBe(told.completion_tokens);
    }),
    { numRuns: 1000 },
  );
});

test.each([
  "",
  " ",
  "<html>502</html>",
  "[]",
  "null",
  "{}",
  '{"error":{"message":"no"}}',
  '{"choices":[],"error":"no"}',
  '{"choices":{}}',
  '{"choices":[',
])("C13: %j under status 200 is no reply", (body) => {
  expect(openAiChat.readReply(Buffer.from(body))).toMatchObject({ valid: false, usage: null, flags: ["invalid_reply"] });
});

test("a reply without usage, or with one that is invalid, has none and is metered", () => {
  const reply = (usage: unknown) =>
    openAiChat.readReply(Buffer.from(JSON.stringify({ choices: [{ message: { content: "Nine coins." } }], usage })));
  expect(reply(undefined)).toMatchObject({ valid: true, usage: null, flags: [] });
  expect(reply({ prompt_tokens: 5, completion_tokens: 0 })).toMatchObject({
    valid: true,
    usage: null,
    flags: ["usage_invalid:zero"],
  });
  expect(reply(null).metered_output).toBeGreaterThan(0);
});

test("a spent budget is refused in OpenAI's shape with all its figures", () => {
  const details = {
    budget: "day",
    scope: "bot",
    unit: "usd",
    limit: "10.00",
    used: "9.00",
    held: "0.50",
    requested: "0.60",
    resets_at: null,
    explain_url: "/x",
  };
  const refused = openAiChat.refuse(new BursarError("budget_exceeded", "No room.", details), "c1");
  const metadata = { code: "budget_exceeded", ...details, call_id: "c1" };
  expect(JSON.parse(text(refused.body))).toEqual({
    error: { message: "No room.", type: "budget_exceeded", param: null, code: "budget_exceeded", metadata },
  });
  expect(refused.details).toEqual(metadata);
});

test("other errors have the types that clients know, and the error event carries the same", () => {
  const error = (code: ConstructorParameters<typeof BursarError>[0], details = {}) =>
    JSON.parse(text(openAiChat.refuse(new BursarError(code, "m", details), "c").body)).error;
  expect(error("invalid_request", { parameter: "n" })).toMatchObject({ type: "invalid_request_error", param: "n" });
  expect(error("unauthorized").type).toBe("authentication_error");
  expect(error("model_unknown").type).toBe("not_found_error");
  expect(error("budget_waiting").type).toBe("rate_limit_error");
  expect(error("agent_paused")).toMatchObject({ type: "permission_error", code: "agent_paused" });
  expect(error("upstream_invalid").type).toBe("server_error");
  expect(error("budget_exceeded", { exhausted_status: 429 })).toMatchObject({
    type: "insufficient_quota",
    code: "insufficient_quota",
  });
  const [event] = understood(openAiChat.errorEvent(new BursarError("upstream_timeout", "late"), "c"));
  expect(JSON.parse(event!.data!).error).toMatchObject({ message: "late", code: "upstream_timeout", metadata: { call_id: "c" } });
});

test("only replies that come before generation are unbilled", () => {
  for (const status of [400, 401, 403, 404, 413, 429, 503]) expect(unbilled(status), String(status)).toBe(true);
  for (const status of [200, 204, 301, 408, 499, 500, 502, 504, 529]) expect(unbilled(status), String(status)).toBe(false);
});
