import { extractUsage, findProvider } from "@pydantic/genai-prices";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fixture, understood } from "../../../test/replay-stream.js";
import { BursarError } from "../../accounting/errors.js";
import { inputTokens, outputTokens, USAGE_CLASSES } from "../../accounting/meter/usage.js";
import { unbilled } from "./failure.js";
import { anthropicUsage } from "./usage.js";
import { anthropicMessagesDialect as dialect } from "./wire.js";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

test("model and cap are spliced in place, all else stays", () => {
  const body = '{ "model" : "a", "max_tokens":  100,\n"messages":[] }';
  const request = dialect.read(Buffer.from(body));
  expect(text(dialect.prepare(request, { model: "claude-x", output_cap: 7 }))).toBe(
    '{ "model" : "claude-x", "max_tokens":  7,\n"messages":[] }',
  );
  expect(dialect.prepare(request, { model: "a", output_cap: 100, include_usage: true })).toBe(request.body);
  expect(dialect.prepare(request, {})).toBe(request.body);
});

test("B9: max_uses goes into each tool at the provider that takes one and has none, every other byte stays", () => {
  const tools =
    '[ {"type":"web_search_20250305", "name":"web_search"}, {"name":"f","input_schema":{"max_uses":{}}},' +
    '{"type":"web_fetch_20250910","name":"web_fetch","max_uses":null},{"type":"web_search_20260209","name":"s","max_uses" : 5} ]';
  const body = (text: string) => Buffer.from(`{"model":"m","max_tokens":1,"tools":${text},"messages":[]}`);
  const request = dialect.read(body(tools));
  const spliced = tools
    .replace('{"type":"web_search_20250305"', '{"max_uses":3,"type":"web_search_20250305"')
    .replace('"max_uses":null', '"max_uses":3');
  expect(text(dialect.prepare(request, { tool_uses: 3 }))).toBe(text(body(spliced)));
  expect(dialect.read(dialect.prepare(request, { tool_uses: 3 })).tools.map((tool) => tool.uses_max)).toEqual([3, null, 3, 5]);
});

test("whatever else is in a body leaves byte for byte as it came when tools are bounded", () => {
  const space = fc.constantFrom("", " ", "\n\t");
  const tool = fc.oneof(
    fc.record({ name: fc.string(), description: fc.string({ unit: "grapheme" }) }),
    fc.record({ type: fc.constant("web_search_20250305"), name: fc.string({ unit: "grapheme" }) }),
  );
  fc.assert(
    fc.property(fc.array(tool, { maxLength: 4 }), space, fc.nat(9), (tools, gap, uses) => {
      const written = (list: readonly object[]): string => list.map((one) => gap + JSON.stringify(one) + gap).join(",");
      const body = (list: readonly object[]): string =>
        `{${gap}"tools":${gap}[${written(list)}],"model":"m","max_tokens":1,"messages":[]}`;
      const request = dialect.read(Buffer.from(body(tools)));
      const bounded = tools.map((one) => ("type" in one ? { max_uses: uses, ...one } : one));
      expect(text(dialect.prepare(request, { tool_uses: uses }))).toBe(body(bounded));
    }),
  );
});

test("usage is mapped to disjoint classes that the price oracle agrees with, on every fixture", () => {
  const provider = findProvider({ providerId: "anthropic" })!;
  for (const name of ["text", "cached", "web-search"]) {
    const body = fixture(`anthropic/${name}.json`);
    const oracle = extractUsage(provider, JSON.parse(body.toString()), "default");
    const { usage, valid, flags, model } = dialect.readReply(body);
    expect({ valid, flags, model }, name).toEqual({ valid: true, flags: [], model: oracle.model });
    const counts = usage!.counts;
    expect(inputTokens(counts)).toBe(oracle.usage.input_tokens);
    expect(outputTokens(counts)).toBe(oracle.usage.output_tokens);
    expect(counts.cache_read).toBe(oracle.usage.cache_read_tokens);
    expect((counts.cache_write_5m ?? 0) + (counts.cache_write_1h ?? 0)).toBe(oracle.usage.cache_write_tokens);
    expect(counts.cache_write_1h).toBe(oracle.usage.cache_write_1h_tokens);
    expect(counts.web_searches).toBe(oracle.usage.web_searches);
  }
  for (const name of ["text", "tools", "thinking", "cumulative"]) {
    const events = understood(fixture(`anthropic/${name}.sse`)).map((event) => JSON.parse(event.data!));
    const usages = events.map((event) => event.message?.usage ?? event.usage).filter((usage) => usage !== undefined);
    const last = Object.assign(
      {},
      ...usages.map((usage) => Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== null))),
    );
    const oracle = extractUsage(provider, { model: "claude-sonnet-4-5", usage: last }, "default").usage;
    const reader = dialect.reader(dialect.read(Buffer.from('{"model":"m","max_tokens":1,"messages":[]}')));
    dialect
      .splitter(1 << 20)
      .push(fixture(`anthropic/${name}.sse`))
      .forEach((raw) => {
        reader.event(raw);
      });
    const counts = reader.seen.usage!.counts;
    expect([inputTokens(counts), outputTokens(counts)], name).toEqual([oracle.input_tokens, oracle.output_tokens]);
    expect(counts.reasoning, name).toBe(oracle.output_reasoning_tokens);
  }
});

test("the tier that was served is told when it is another than the standard one", () => {
  expect(dialect.readReply(fixture("anthropic/cached.json")).usage?.service_tier).toBe("priority");
  expect(dialect.readReply(fixture("anthropic/text.json")).usage).not.toHaveProperty("service_tier");
  const fast = anthropicUsage({ input_tokens: 1, output_tokens: 1, service_tier: "standard", speed: "fast" }, { metered: 0 });
  expect(fast).toMatchObject({ ok: true, service_tier: "fast" });
});

test.each([
  ["no split: all at 5m", { cache_creation_input_tokens: 30 }, { cache_write_5m: 30 }, []],
  [
    "split",
    { cache_creation_input_tokens: 30, cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 } },
    { cache_write_5m: 10, cache_write_1h: 20 },
    [],
  ],
  [
    "split below the total",
    { cache_creation_input_tokens: 40, cache_creation: { ephemeral_1h_input_tokens: 20 } },
    { cache_write_5m: 20, cache_write_1h: 20 },
    ["cache_writes_mismatch"],
  ],
  [
    "split above the total",
    { cache_creation_input_tokens: 5, cache_creation: { ephemeral_1h_input_tokens: 20 } },
    { cache_write_5m: 0, cache_write_1h: 20 },
    ["cache_writes_mismatch"],
  ],
  [
    "thinking > output",
    { output_tokens_details: { thinking_tokens: 99 } },
    { output_text: 0, reasoning: 5 },
    ["thinking_exceeds_output"],
  ],
])("cache writes and thinking stay within what was told: %s", (_, usage, counts, flags) => {
  const read = anthropicUsage({ input_tokens: 10, output_tokens: 5, ...usage }, { metered: 0 });
  expect(read).toEqual({ ok: true, counts: { input_fresh: 10, output_text: 5, requests: 1, ...counts }, flags });
});

test("whatever a usage says, its classes are counts, or it is rejected", () => {
  const count = fc.oneof(fc.nat(2000), fc.constantFrom(null, undefined, -1, 1.5, "7", Number.MAX_SAFE_INTEGER, 2 ** 60));
  const usage = fc.record({
    input_tokens: count,
    output_tokens: count,
    cache_read_input_tokens: count,
    cache_creation_input_tokens: count,
    cache_creation: fc.option(fc.record({ ephemeral_5m_input_tokens: count, ephemeral_1h_input_tokens: count })),
    output_tokens_details: fc.option(fc.record({ thinking_tokens: count })),
  });
  fc.assert(
    fc.property(usage, (told) => {
      const read = anthropicUsage(told, { metered: 3 });
      if (!read.ok) return;
      for (const name of USAGE_CLASSES) {
        const value = read.counts[name];
        if (value !== undefined) expect(Number.isSafeInteger(value) && value >= 0, name).toBe(true);
      }
      expect(outputTokens(read.counts)).toBe(told.output_tokens);
      expect(inputTokens(read.counts)).toBeGreaterThanOrEqual(told.input_tokens as number);
    }),
    { numRuns: 1000 },
  );
});

test.each([
  "",
  "<html>502</html>",
  "[]",
  "{}",
  '{"type":"error","error":{"type":"overloaded_error"}}',
  '{"type":"message"}',
  '{"type":"message","content":"x"}',
])("C13: %j under status 200 is no reply", (body) => {
  expect(dialect.readReply(Buffer.from(body))).toMatchObject({ valid: false, usage: null, flags: ["invalid_reply"] });
});

test("a reply without usage, or with one that is invalid, has none and is metered", () => {
  const reply = (usage: unknown) =>
    dialect.readReply(Buffer.from(JSON.stringify({ type: "message", content: [{ type: "text", text: "Nine coins." }], usage })));
  expect(reply(undefined)).toMatchObject({ valid: true, usage: null, flags: [] });
  expect(reply({ input_tokens: 5, output_tokens: 0 })).toMatchObject({ valid: true, usage: null, flags: ["usage_invalid:zero"] });
  expect(reply(null).metered_output).toBeGreaterThan(0);
});

test("a spent budget is a billing_error with all its figures", () => {
  const refused = dialect.refuse(new BursarError("budget_exceeded", "No room.", { budget: "day", limit: "10.00" }), "c1");
  const metadata = { code: "budget_exceeded", budget: "day", limit: "10.00", call_id: "c1" };
  expect(JSON.parse(text(refused.body))).toEqual({
    type: "error",
    error: { type: "billing_error", message: "No room.", metadata },
    request_id: "c1",
  });
  expect(refused.details).toEqual(metadata);
});

test("other errors have Anthropic's types, and the error event carries the same", () => {
  const type = (code: ConstructorParameters<typeof BursarError>[0]) =>
    JSON.parse(text(dialect.refuse(new BursarError(code, "m"), "c").body)).error.type;
  expect(type("invalid_request")).toBe("invalid_request_error");
  expect(type("unauthorized")).toBe("authentication_error");
  expect(type("agent_paused")).toBe("permission_error");
  expect(type("model_unknown")).toBe("not_found_error");
  expect(type("body_too_large")).toBe("request_too_large");
  expect(type("budget_waiting")).toBe("rate_limit_error");
  expect(type("store_unavailable")).toBe("overloaded_error");
  expect(type("upstream_failed")).toBe("api_error");
  const [event] = understood(dialect.errorEvent(new BursarError("upstream_timeout", "late"), "c"));
  expect(event!.event).toBe("error");
  expect(JSON.parse(event!.data!)).toMatchObject({ type: "error", error: { type: "timeout_error", message: "late" } });
});

test("only replies that come before generation are unbilled", () => {
  for (const status of [400, 401, 403, 404, 413, 429, 529]) expect(unbilled(status), String(status)).toBe(true);
  for (const status of [200, 204, 301, 408, 499, 500, 502, 503, 504]) expect(unbilled(status), String(status)).toBe(false);
});
