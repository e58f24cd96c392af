import fc from "fast-check";
import { expect, test } from "vitest";
import { BursarError } from "../../../accounting/errors.js";
import { readResponsesRequest } from "./read-request.js";

const base = { model: "gpt-4o", input: "Hi" };
const read = (more: object = {}) => readResponsesRequest(Buffer.from(JSON.stringify({ ...base, ...more })));
const readText = (json: string) => readResponsesRequest(Buffer.from(`{"model":"gpt-4o","input":"Hi",${json}}`));
const partsOf = (input: unknown) => read({ input }).messages.flatMap((message) => message.parts);

test("a small request is read as it was meant", () => {
  expect(read({ instructions: "Be brief." })).toMatchObject({
    model: "gpt-4o",
    billed: "all",
    stream: false,
    output_cap: null,
    tool_uses_max: null,
    choices: 1,
    wants_usage: false,
    thinking: false,
    system: [{ kind: "text", text: "Be brief." }],
    messages: [{ role: "user", parts: [{ kind: "text", text: "Hi" }] }],
    tools: [],
    unknown_fields: [],
    body_user: null,
    body_tags: {},
    service_tier: null,
  });
  const body = Buffer.from(JSON.stringify(base));
  expect(readResponsesRequest(body).body).toBe(body);
});

test.each(["max_output_tokens", "max_tool_calls"])("B3: %s takes whole numbers and nothing else", (name) => {
  for (const value of ["-1", '"100"', "1.5", "1e309", "true", "[]", "{}"]) {
    expect(() => readText(`"${name}":${value}`), value).toThrow(`${name} is `);
    expect(() => readText(`"${name}":${value}`), value).toThrow(expect.objectContaining({ code: "invalid_request" }));
  }
  expect(() => readText('"max_output_tokens":0')).toThrow("max_output_tokens is 0; it takes a whole number of at least 1.");
  expect(readText('"max_output_tokens":999999999,"max_tool_calls":2')).toMatchObject({
    output_cap: 999_999_999,
    tool_uses_max: 2,
  });
  expect(readText(`"${name}":null`)).toMatchObject({ output_cap: null, tool_uses_max: null });
});

test("a response in the background is refused by name, whatever the budget", () => {
  expect(() => read({ background: true })).toThrow("background is true");
  expect(() => read({ background: true })).toThrow(
    expect.objectContaining({ code: "parameter_refused", details: { parameter: "background" } }),
  );
  expect(() => read({ background: "yes" })).toThrow("background is");
  expect(read({ background: false }).unknown_fields).toEqual([]);
});

test("a streaming client always counts as having asked for usage", () => {
  expect(read({ stream: true, stream_options: { include_obfuscation: false } })).toMatchObject({
    stream: true,
    wants_usage: true,
    unknown_fields: [],
  });
  for (const stream of ["true", 1]) expect(() => read({ stream }), String(stream)).toThrow("stream is");
  expect(() => read({ stream_options: 7 })).toThrow("stream_options is 7");
});

test("model must be there, input is text or items", () => {
  for (const model of [undefined, null, "", "  ", 7]) expect(() => read({ model }), String(model)).toThrow("model is");
  for (const input of [7, {}, true]) expect(() => read({ input })).toThrow("input is");
  expect(() => read({ input: [7] })).toThrow("input[0] is 7; it takes an object");
  expect(() => read({ input: [{ role: "robot", content: "" }] })).toThrow('input[0].role is "robot"');
  expect(() => read({ input: [{ role: "user", content: 7 }] })).toThrow("input[0].content is 7");
  expect(() => read({ instructions: ["my secret"] })).toThrow("instructions is an array");
  expect(read({ input: undefined }).messages).toEqual([]);
});

test("B8: what is only named at the provider is a reference, which nothing but the context window bounds", () => {
  const request = read({ previous_response_id: "resp_1", conversation: { id: "conv_1" }, input: [{ id: "msg_1" }] });
  expect(request.system).toEqual([
    { kind: "reference", to: "resp_1" },
    { kind: "reference", to: "conv_1" },
  ]);
  expect(request.messages[0]?.parts).toEqual([{ kind: "reference", to: "msg_1" }]);
  expect(request.unknown_fields).toEqual([]);
  expect(partsOf([{ type: "item_reference", id: "msg_2" }])).toEqual([{ kind: "reference", to: "msg_2" }]);
  expect(read({ conversation: "conv_2" }).system).toEqual([{ kind: "reference", to: "conv_2" }]);
  expect(() => read({ previous_response_id: 7 })).toThrow("previous_response_id is 7");
});

test("a stored prompt is a reference and brings tools that nobody sees, so it is named as well", () => {
  const request = read({ prompt: { id: "pmpt_1", version: "2" } });
  expect(request.system).toEqual([{ kind: "reference", to: "pmpt_1" }]);
  expect(request.unknown_fields).toEqual(["prompt"]);
});

test("B9: tools are told apart by where they run, and those whose fee has no bound are named", () => {
  const request = readText(
    `"tools":[${[
      '{"type":"function", "name":"f"}',
      '{"type":"custom","name":"g"}',
      '{"type":"local_shell"}',
      '{"type":"shell"}',
      '{"type":"shell","environment":{"type":"local"}}',
      '{"type":"apply_patch"}',
      '{"type":"computer_use_preview"}',
      '{"type":"namespace","name":"crm","tools":[{"type":"function","name":"h"}]}',
      '{"type":"tool_search","execution":"client"}',
      '{"type":"web_search"}',
      '{"type":"web_search_2025_08_26"}',
      '{"type":"web_search_preview"}',
      '{"type":"web_search_preview_2025_03_11"}',
      '{"type":"tool_search"}',
    ].join(" , ")}]`,
  );
  expect(request.tools.map((tool) => [tool.name, tool.bytes, tool.server_side, tool.uses_max])).toEqual([
    ["f", 31, false, null],
    ["g", 28, false, null],
    ["local_shell", 22, false, null],
    ["shell", 16, false, null],
    ["shell", 47, false, null],
    ["apply_patch", 22, false, null],
    ["computer_use_preview", 31, false, null],
    ["crm", 74, false, null],
    ["tool_search", 43, false, null],
    ["web_search", 21, true, null],
    ["web_search_2025_08_26", 32, true, null],
    ["web_search_preview", 29, true, null],
    ["web_search_preview_2025_03_11", 40, true, null],
    ["tool_search", 22, true, null],
  ]);
  expect(request.unknown_fields).toEqual([]);
});

test.each([
  { type: "image_generation" },
  { type: "code_interpreter", container: { type: "auto" } },
  { type: "mcp", server_label: "x", server_url: "https://x" },
  { type: "file_search", vector_store_ids: ["v"] },
  { type: "shell", environment: { type: "container_auto" } },
  { type: "shell", environment: { type: "container_reference", container_id: "c" } },
  { type: "namespace", name: "n", tools: [{ type: "web_search" }] },
  { type: "programmatic_tool_calling" },
  { type: "web_search_unlimited" },
  { type: "__proto__ " },
])("B9: a tool without a bound is refused by name on hard budgets: %j", (tool) => {
  const request = read({ tools: [{ type: "function", name: "f" }, tool, tool] });
  expect(request.unknown_fields).toEqual([`tools.${tool.type}`]);
  expect(request.tools.map((one) => one.server_side)).toEqual([false, true, true]);
  const brought = read({ input: [{ type: "additional_tools", role: "developer", tools: [tool] }] });
  expect(brought.unknown_fields).toEqual([`tools.${tool.type}`]);
});

test("tools that come in by the input count like the request's own", () => {
  const request = read({
    input: [
      { type: "tool_search_output", tools: [{ type: "function", name: "f" }] },
      { type: "additional_tools", role: "developer", tools: [{ type: "web_search" }] },
    ],
  });
  expect(request.tools).toEqual([
    { name: "f", bytes: 30, server_side: false, uses_max: null },
    { name: "web_search", bytes: 21, server_side: true, uses_max: null },
  ]);
});

test("B15: fields that are not known to be neutral are named; null is absent", () => {
  const more = { extra_body: { max_tokens: 9 }, api_base: "http://x", context_management: [{}], moderation: null, n: 3 };
  expect(read(more).unknown_fields).toEqual(["extra_body", "api_base", "context_management", "n"]);
});

test("fields as coding agents send them are known", () => {
  const request = read({
    stream: true,
    store: false,
    parallel_tool_calls: true,
    tool_choice: "auto",
    include: ["reasoning.encrypted_content"],
    prompt_cache_key: "0199",
    text: { verbosity: "low" },
    reasoning: { effort: "medium", summary: "auto" },
    client_metadata: { originator: "codex_exec" },
    safety_identifier: "u",
    truncation: "auto",
    top_logprobs: 0,
    prompt_cache_options: { mode: "explicit" },
    prompt_cache_retention: "24h",
  });
  expect(request).toMatchObject({ unknown_fields: [], thinking: true });
});

test("values that change the price are named although their field is known", () => {
  expect(read({ service_tier: "priority" })).toMatchObject({ unknown_fields: ["service_tier"], service_tier: "priority" });
  expect(read({ service_tier: "flex" }).unknown_fields).toEqual([]);
  expect(read({ reasoning: { effort: "high", mode: "pro" } }).unknown_fields).toEqual(["reasoning.mode"]);
  expect(read({ reasoning: { mode: "standard", turbo: 1 } }).unknown_fields).toEqual(["reasoning.turbo"]);
});

test("reasoning is output that is billed unseen", () => {
  expect(read({ reasoning: { effort: "high" } }).thinking).toBe(true);
  expect(read({ reasoning: { effort: "none" } }).thinking).toBe(false);
  expect(read({ reasoning: { effort: null } }).thinking).toBe(false);
  expect(() => read({ reasoning: "high" })).toThrow('reasoning is "high"');
  expect(() => read({ reasoning: { effort: 7 } })).toThrow("effort is 7");
});

test("user and tags of the body are read", () => {
  expect(read({ user: "ada", metadata: { tags: "a=b, c" } })).toMatchObject({
    body_user: "ada",
    body_tags: { a: "b", c: "true" },
  });
  expect(() => read({ user: 7 })).toThrow("user is 7");
});

test("whatever a body holds, it is read or refused, and nothing else", () => {
  const types = ["message", "reasoning", "function_call_output", "shell_call", "code_interpreter_call", "additional_tools", "x"];
  const item = fc.record(
    { type: fc.constantFrom(...types), role: fc.constantFrom("user", "robot"), content: fc.jsonValue(), output: fc.jsonValue() },
    { requiredKeys: [] },
  );
  const body = fc.record(
    {
      model: fc.constantFrom("gpt-4o", "", 7),
      input: fc.oneof(fc.string(), fc.array(fc.oneof(item, fc.jsonValue())), fc.jsonValue()),
      tools: fc.oneof(fc.array(fc.record({ type: fc.jsonValue(), tools: fc.jsonValue() })), fc.jsonValue()),
      reasoning: fc.jsonValue(),
      prompt: fc.jsonValue(),
      max_output_tokens: fc.jsonValue(),
      metadata: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(body, (value) => {
      try {
        const request = readResponsesRequest(Buffer.from(JSON.stringify(value)));
        expect(request.messages.length).toBeGreaterThanOrEqual(0);
      } catch (error) {
        expect(error).toBeInstanceOf(BursarError);
      }
    }),
    { numRuns: 600 },
  );
});
