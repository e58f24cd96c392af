import { expect, test } from "vitest";
import { readOpenAiRequest } from "./read-request.js";

const base = { model: "gpt-4o", messages: [{ role: "user", content: "Hi" }] };
const read = (more: object = {}) => readOpenAiRequest(Buffer.from(JSON.stringify({ ...base, ...more })));
const readText = (json: string) => readOpenAiRequest(Buffer.from(`{"model":"gpt-4o","messages":[],${json}}`));

test("a small request is read as it was meant", () => {
  expect(read()).toMatchObject({
    model: "gpt-4o",
    stream: false,
    output_cap: null,
    choices: 1,
    wants_usage: false,
    thinking: false,
    messages: [{ role: "user", parts: [{ kind: "text", text: "Hi" }] }],
    tools: [],
    unknown_fields: [],
    body_user: null,
    body_tags: {},
    service_tier: null,
  });
});

test("the body is the very bytes that came", () => {
  const body = Buffer.from(JSON.stringify(base));
  expect(readOpenAiRequest(body).body).toBe(body);
});

test.each(["max_tokens", "max_completion_tokens"])("B3: %s takes whole numbers of at least 1 and nothing else", (name) => {
  for (const value of ["0", "-1", '"100"', "1.5", "1e309", "true", "[]", "{}"]) {
    expect(() => readText(`"${name}":${value}`), value).toThrow(`${name} is `);
    expect(() => readText(`"${name}":${value}`), value).toThrow(expect.objectContaining({ code: "invalid_request" }));
  }
  expect(() => readText(`"${name}":"100"`)).toThrow('is "100"; it takes a whole number of at least 1.');
  expect(readText(`"${name}":999999999`).output_cap).toBe(999_999_999);
  expect(readText(`"${name}":null`).output_cap).toBeNull();
});

test("two caps that differ are refused; equal ones are one", () => {
  expect(() => read({ max_tokens: 10, max_completion_tokens: 20 })).toThrow("max_tokens is 10 and max_completion_tokens is 20");
  expect(read({ max_tokens: 10, max_completion_tokens: 10 }).output_cap).toBe(10);
  expect(read({ max_tokens: null, max_completion_tokens: 10 }).output_cap).toBe(10);
});

test("n, stream and stream_options are read strictly", () => {
  expect(read({ n: 10 }).choices).toBe(10);
  for (const n of [0, -1, 1.5, "2", 129]) expect(() => read({ n }), String(n)).toThrow("n is");
  for (const stream of ["true", 1]) expect(() => read({ stream }), String(stream)).toThrow("stream is");
  expect(read({ stream: true, stream_options: { include_usage: true } })).toMatchObject({ stream: true, wants_usage: true });
  expect(read({ stream: true, stream_options: { include_usage: false } }).wants_usage).toBe(false);
  expect(read({ stream: true, stream_options: null }).wants_usage).toBe(false);
  expect(() => read({ stream_options: 7 })).toThrow("stream_options is 7");
  expect(() => read({ stream_options: { include_usage: 1 } })).toThrow("include_usage is 1");
});

test("model and messages must be there", () => {
  for (const model of [undefined, null, "", "  ", 7]) expect(() => read({ model }), String(model)).toThrow("model is");
  for (const messages of [undefined, null, {}, "Hi"]) expect(() => read({ messages })).toThrow("messages is");
  expect(() => read({ messages: [7] })).toThrow("messages[0] is 7; it takes an object");
  expect(() => read({ messages: [{ role: "robot", content: "" }] })).toThrow('messages[0].role is "robot"');
  expect(() => read({ messages: [{ role: "user", content: 7 }] })).toThrow("messages[0].content is 7");
});

test("a refusal of a message never quotes it", () => {
  expect(() => read({ messages: "my secret" })).toThrow("messages is text of 9 characters");
});

test("content parts of every documented kind are read", () => {
  const content = [
    { type: "text", text: "a" },
    { type: "image_url", image_url: { url: `data:image/png;base64,${"A".repeat(400)}`, detail: "low" } },
    { type: "image_url", image_url: { url: "https://example.com/a.png" } },
    { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } },
    { type: "file", file: { file_data: "data:application/pdf;base64,AAAAAA==" } },
    { type: "file", file: { file_id: "file-1" } },
    { type: "video_url", video_url: { url: "x" } },
    { type: "image_url", image_url: {} },
  ];
  expect(read({ messages: [{ role: "user", content }] }).messages[0]?.parts).toEqual([
    { kind: "text", text: "a" },
    { kind: "image", bytes: 300, by_reference: false, detail: "low" },
    { kind: "image", bytes: null, by_reference: true },
    { kind: "audio", bytes: 3, by_reference: false },
    { kind: "file", bytes: 4, by_reference: false },
    { kind: "file", bytes: null, by_reference: true },
    { kind: "unknown", type: "video_url", bytes: 44 },
    { kind: "unknown", type: "image_url", bytes: 35 },
  ]);
});

test("turns with tools, refusals and reasoning are read", () => {
  const call = { id: "call_1", type: "function", function: { name: "f", arguments: '{"a":1}' } };
  const custom = { id: "call_2", type: "custom", custom: { name: "g", input: "x" } };
  const messages = [
    { role: "developer", content: "Be brief." },
    {
      role: "assistant",
      content: null,
      refusal: "No.",
      reasoning_content: "Hm.",
      tool_calls: [call, custom, { id: "3", type: "new" }],
    },
    {
      role: "tool",
      tool_call_id: "call_1",
      content: [
        { type: "text", text: "4" },
        { type: "text", text: "2" },
      ],
    },
    {
      role: "assistant",
      content: [{ type: "refusal", refusal: "No." }],
      function_call: { name: "h", arguments: "{}" },
      audio: { id: "audio_1" },
    },
    { role: "function", name: "h", content: "ok" },
  ];
  expect(read({ messages }).messages).toEqual([
    { role: "system", parts: [{ kind: "text", text: "Be brief." }] },
    {
      role: "assistant",
      parts: [
        { kind: "text", text: "No." },
        { kind: "thinking", text: "Hm.", opaque: false },
        { kind: "tool_call", id: "call_1", name: "f", arguments: '{"a":1}' },
        { kind: "tool_call", id: "call_2", name: "g", arguments: "x" },
        { kind: "unknown", type: "new", bytes: 23 },
      ],
    },
    { role: "tool", parts: [{ kind: "tool_result", id: "call_1", text: "42" }] },
    {
      role: "assistant",
      parts: [
        { kind: "text", text: "No." },
        { kind: "tool_call", id: "", name: "h", arguments: "{}" },
        { kind: "audio", bytes: null, by_reference: true },
      ],
    },
    { role: "tool", parts: [{ kind: "tool_result", id: "h", text: "ok" }] },
  ]);
});

test("tools are declared with their bytes as sent; what runs at the provider is told apart", () => {
  const request = readText(
    '"tools":[{"type":"function", "function":{"name":"f"}},{"type":"custom","custom":{"name":"g"}},{"type":"web_search"}],"functions":[{"name":"old"}],"web_search_options":{}',
  );
  expect(request.tools).toEqual([
    { name: "f", bytes: 44, server_side: false, uses_max: null },
    { name: "g", bytes: 39, server_side: false, uses_max: null },
    { name: "web_search", bytes: 21, server_side: true, uses_max: null },
    { name: "old", bytes: 14, server_side: false, uses_max: null },
    { name: "web_search_options", bytes: 0, server_side: true, uses_max: null },
  ]);
  expect(request.unknown_fields).toEqual(["tools.web_search", "web_search_options"]);
});

test("B15: fields that are not known to be neutral are named; null is absent", () => {
  const more = { extra_body: { max_tokens: 9 }, api_base: "http://x", input_cost_per_token: 0, moderation: null, temperature: 1 };
  expect(read(more).unknown_fields).toEqual(["extra_body", "api_base", "input_cost_per_token"]);
});

test("values that change the price are named although their field is known", () => {
  expect(read({ service_tier: "priority" })).toMatchObject({ unknown_fields: ["service_tier"], service_tier: "priority" });
  expect(read({ service_tier: "flex", modalities: ["text"] }).unknown_fields).toEqual([]);
  expect(read({ modalities: ["text", "audio"], audio: { voice: "a" } }).unknown_fields).toEqual(["audio", "modalities"]);
  expect(() => read({ modalities: "audio" })).toThrow("modalities is");
});

test("output that is billed unseen counts as thinking: reasoning and predictions", () => {
  expect(read({ reasoning_effort: "high" }).thinking).toBe(true);
  expect(read({ reasoning_effort: "none" }).thinking).toBe(false);
  expect(read({ prediction: { type: "content", content: "x" } }).thinking).toBe(true);
});

test("user and tags of the body are read in every form", () => {
  expect(read({ user: "ada" }).body_user).toBe("ada");
  expect(() => read({ user: 7 })).toThrow("user is 7");
  for (const tags of ["a=b, c", ["a=b", "c"], { a: "b", c: "true" }]) {
    expect(read({ metadata: { tags } }).body_tags).toEqual({ a: "b", c: "true" });
  }
  expect(read({ metadata: { tags: 7 } }).body_tags).toEqual({});
  expect(Object.keys(read({ metadata: { tags: "__proto__=x" } }).body_tags)).toEqual(["__proto__"]);
  expect(({} as { x?: string }).x).toBeUndefined();
});
