import { expect, test } from "vitest";
import { readAnthropicRequest } from "./read-request.js";

const base = { model: "claude-sonnet-4-5", max_tokens: 100, messages: [{ role: "user", content: "Hi" }] };
const read = (more: object = {}) => readAnthropicRequest(Buffer.from(JSON.stringify({ ...base, ...more })));
const readCap = (json: string) => readAnthropicRequest(Buffer.from(`{"model":"m","messages":[],"max_tokens":${json}}`));
const parts = (...content: object[]) => read({ messages: [{ role: "user", content }] }).messages[0]?.parts;

test("a small request is read as it was meant", () => {
  expect(read()).toMatchObject({
    model: "claude-sonnet-4-5",
    stream: false,
    output_cap: 100,
    choices: 1,
    wants_usage: false,
    thinking: false,
    cache_writes: "none",
    system: [],
    messages: [{ role: "user", parts: [{ kind: "text", text: "Hi" }] }],
    unknown_fields: [],
    body_user: null,
    service_tier: null,
  });
  expect(read({ stream: true })).toMatchObject({ stream: true, wants_usage: true });
});

test("B3: max_tokens takes whole numbers of at least 1, and is required", () => {
  for (const value of ["0", "-1", '"100"', "1.5", "1e309", "true", "[]"]) {
    expect(() => readCap(value), value).toThrow("max_tokens is ");
  }
  expect(readCap("999999999").output_cap).toBe(999_999_999);
  for (const none of [{ max_tokens: undefined }, { max_tokens: null }]) {
    expect(() => read(none)).toThrow(expect.objectContaining({ code: "invalid_request", message: "max_tokens: Field required" }));
  }
});

test("model, messages, stream and metadata are read strictly, and no message is quoted", () => {
  expect(() => read({ model: 7 })).toThrow("model is 7");
  expect(() => read({ messages: "my secret" })).toThrow("messages is text of 9 characters");
  expect(() => read({ messages: [{ role: "tool", content: "x" }] })).toThrow('messages[0].role is "tool"');
  expect(() => read({ system: 7 })).toThrow("system is 7");
  expect(() => read({ stream: "yes" })).toThrow('stream is "yes"');
  expect(() => read({ metadata: [] })).toThrow("metadata is an array");
});

test("system is text or blocks", () => {
  expect(read({ system: "Be brief." }).system).toEqual([{ kind: "text", text: "Be brief." }]);
  expect(
    read({
      system: [
        { type: "text", text: "a" },
        { type: "text", text: "b" },
      ],
    }).system,
  ).toHaveLength(2);
});

test("media blocks are inline with their size, or by reference", () => {
  expect(
    parts(
      { type: "image", source: { type: "base64", media_type: "image/png", data: "A".repeat(400) } },
      { type: "image", source: { type: "url", url: "https://example.com/a.png" } },
      { type: "image", source: { type: "file", file_id: "file_1" } },
      { type: "document", title: "T", source: { type: "base64", media_type: "application/pdf", data: "AAAA" } },
      { type: "document", source: { type: "text", media_type: "text/plain", data: "plain" } },
      { type: "document", source: { type: "content", content: [{ type: "text", text: "in" }] } },
      { type: "document", source: { type: "url", url: "https://example.com/a.pdf" } },
      { type: "container_upload", file_id: "file_2" },
    ),
  ).toEqual([
    { kind: "image", bytes: 300, by_reference: false },
    { kind: "image", bytes: null, by_reference: true },
    { kind: "image", bytes: null, by_reference: true },
    { kind: "text", text: "T" },
    { kind: "file", bytes: 3, by_reference: false },
    { kind: "text", text: "plain" },
    { kind: "text", text: "in" },
    { kind: "file", bytes: null, by_reference: true },
    { kind: "file", bytes: null, by_reference: true },
  ]);
});

test("tools, thinking and results of the provider's own tools are read; what is new is unknown", () => {
  expect(
    parts(
      { type: "tool_use", id: "t1", name: "f", input: { a: 1 } },
      { type: "server_tool_use", id: "s1", name: "web_search", input: { query: "q" } },
      { type: "web_search_tool_result", tool_use_id: "s1", content: [{ url: "u" }] },
      {
        type: "tool_result",
        tool_use_id: "t1",
        content: [
          { type: "text", text: "4" },
          { type: "image", source: { type: "url", url: "u" } },
          { type: "text", text: "2" },
        ],
      },
      { type: "tool_result", tool_use_id: "t2", content: "ok" },
      { type: "thinking", thinking: "hm", signature: "s" },
      { type: "redacted_thinking", data: "EqQB" },
      { type: "search_result", source: "u", title: "T", content: [{ type: "text", text: "found" }] },
      { type: "hologram", size: 3 },
    ),
  ).toEqual([
    { kind: "tool_call", id: "t1", name: "f", arguments: '{"a":1}' },
    { kind: "tool_call", id: "s1", name: "web_search", arguments: '{"query":"q"}' },
    { kind: "tool_result", id: "s1", text: '[{"url":"u"}]' },
    { kind: "tool_result", id: "t1", text: "42" },
    { kind: "image", bytes: null, by_reference: true },
    { kind: "tool_result", id: "t2", text: "ok" },
    { kind: "thinking", text: "hm", opaque: false },
    { kind: "thinking", text: "EqQB", opaque: true },
    { kind: "text", text: "Tu" },
    { kind: "text", text: "found" },
    { kind: "unknown", type: "hologram", bytes: 28 },
  ]);
});

test("an unknown block inside a tool's result is unknown too", () => {
  expect(parts({ type: "tool_result", tool_use_id: "t", content: [{ type: "hologram" }] })?.at(-1)).toMatchObject({
    kind: "unknown",
    type: "hologram",
  });
});

test("B9: tools that run at the provider are told apart, with their maximum of uses", () => {
  const tools = [
    { name: "f", input_schema: {} },
    { type: "custom", name: "g", input_schema: {} },
    { type: "bash_20250124", name: "bash" },
    { type: "web_search_20250305", name: "web_search", max_uses: 5 },
    { type: "web_fetch_20250910", name: "web_fetch" },
    { type: "code_execution_20250825", name: "code_execution" },
    { type: "something_new", name: "new" },
  ];
  expect(read({ tools }).tools.map(({ name, server_side, uses_max }) => [name, server_side, uses_max])).toEqual([
    ["f", false, null],
    ["g", false, null],
    ["bash", false, null],
    ["web_search", true, 5],
    ["web_fetch", true, null],
    ["code_execution", true, null],
    ["new", true, null],
  ]);
  expect(read({ tools }).tools[0]?.bytes).toBe(JSON.stringify(tools[0]).length);
  expect(() => read({ tools: [{ type: "web_search_20250305", name: "w", max_uses: "5" }] })).toThrow('max_uses is "5"');
});

test.each([
  [{}, "none"],
  [{ cache_control: null }, "none"],
  [{ cache_control: { type: "ephemeral" } }, "5m"],
  [{ system: [{ type: "text", text: "a", cache_control: { type: "ephemeral", ttl: "5m" } }] }, "5m"],
  [{ tools: [{ name: "f", input_schema: {}, cache_control: { type: "ephemeral", ttl: "1h" } }] }, "1h"],
  [
    {
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "a", cache_control: { type: "ephemeral", ttl: "1h" } },
            { type: "text", text: "b", cache_control: { type: "ephemeral" } },
          ],
        },
      ],
    },
    "1h",
  ],
  [
    {
      messages: [
        {
          role: "user",
          content: [
            {
              type: "tool_result",
              tool_use_id: "t",
              content: [{ type: "text", text: "a", cache_control: { type: "ephemeral" } }],
            },
          ],
        },
      ],
    },
    "5m",
  ],
  [{ cache_control: { type: "ephemeral", ttl: "7d" } }, "1h"],
  [{ messages: [{ role: "user", content: '"cache_control"' }] }, "none"],
])("cache writes are found wherever they are asked for: %j", (more, writes) => {
  expect(read(more).cache_writes).toBe(writes);
});

test("thinking, attribution and tier are read; what may change the price is named", () => {
  expect(read({ thinking: { type: "enabled", budget_tokens: 2000 } }).thinking).toBe(true);
  expect(read({ thinking: { type: "adaptive" } }).thinking).toBe(true);
  expect(read({ thinking: { type: "disabled" } }).thinking).toBe(false);
  expect(read({ metadata: { user_id: "ada", tags: "a=b" }, service_tier: "standard_only" })).toMatchObject({
    body_user: "ada",
    body_tags: { a: "b" },
    service_tier: "standard_only",
  });
  const dear = { speed: "fast", inference_geo: "us", mcp_servers: [], container: null, fallbacks: [] };
  expect(read({ ...dear, top_k: 5, stop_sequences: ["x"] }).unknown_fields).toEqual([
    "speed",
    "inference_geo",
    "mcp_servers",
    "fallbacks",
  ]);
});

test("context editing that only clears is money-neutral; compaction and what is new are named", () => {
  const unknown = (context_management: unknown) => read({ context_management }).unknown_fields;
  expect(unknown({ edits: [{ type: "clear_thinking_20251015", keep: "all" }] })).toEqual([]);
  expect(unknown({ edits: [{ type: "clear_tool_uses_20250919" }, { type: "clear_thinking_20251015" }] })).toEqual([]);
  expect(unknown({ edits: [] })).toEqual([]);
  expect(unknown(null)).toEqual([]);
  for (const edits of [
    [{ type: "compact_20260112" }],
    [{ type: "clear_x" }, { type: "compact_20260112" }],
    ["clear_x"],
    [{}],
    "clear_",
  ])
    expect(unknown({ edits }), JSON.stringify(edits)).toEqual(["context_management"]);
  expect(unknown({ edits: [], budget: 1 })).toEqual(["context_management"]);
  expect(unknown("clear_")).toEqual(["context_management"]);
});

test("B9: a tool at the provider whose bill no number of uses bounds is named, once per type", () => {
  const tools = [
    { type: "code_execution_20250825", name: "code_execution", max_uses: 3 },
    { type: "code_execution_20250825", name: "again" },
    { type: "advisor_20260301", name: "advisor", model: "claude-opus-4-6", max_uses: 1 },
    { type: "web_search_20250305", name: "web_search" },
    { type: 7, name: "seven" },
    { name: "f", input_schema: {} },
  ];
  expect(read({ tools }).unknown_fields).toEqual(["tools.code_execution_20250825", "tools.advisor_20260301", "tools.untyped"]);
});

test("a request as Claude Code sends it has nothing that a hard budget refuses, and names its user and session", () => {
  const user_id = JSON.stringify({ device_id: "d".repeat(64), account_uuid: "", session_id: "s-1" });
  const cached = { cache_control: { type: "ephemeral" } };
  const request = read({
    max_tokens: 64_000,
    system: [
      { type: "text", text: "You are a coding agent.", ...cached },
      { type: "text", text: "Be brief.", cache_control: { type: "ephemeral", ttl: "1h" } },
    ],
    messages: [
      { role: "user", content: [{ type: "text", text: "Hi", ...cached }] },
      { role: "system", content: "The date has changed." },
    ],
    tools: [{ name: "Bash", description: "Runs a command.", input_schema: { type: "object" } }],
    metadata: { user_id },
    thinking: { type: "adaptive" },
    context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
    output_config: { effort: "high" },
    stream: true,
  });
  expect(request).toMatchObject({
    unknown_fields: [],
    body_user: "d".repeat(64),
    body_session: "s-1",
    thinking: true,
    cache_writes: "1h",
    output_cap: 64_000,
  });
});
