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

test("content parts of every documented kind are read", () => {
  const content = [
    { type: "input_text", text: "a" },
    { type: "input_image", image_url: `data:image/png;base64,${"A".repeat(400)}`, detail: "low" },
    { type: "input_image", image_url: "https://example.com/a.png", detail: "auto" },
    { type: "input_image", file_id: "file-1" },
    { type: "input_file", file_data: "data:application/pdf;base64,AAAAAA==", filename: "a.pdf" },
    { type: "input_file", file_id: "file-1" },
    { type: "input_file", file_url: "https://example.com/a.pdf" },
    { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } },
    { type: "output_text", text: "b", annotations: [] },
    { type: "refusal", refusal: "c" },
    { type: "input_video", url: "x" },
    { type: "input_image" },
    { type: "input_text" },
    "bare",
  ];
  expect(partsOf([{ role: "user", content }])).toEqual([
    { kind: "text", text: "a" },
    { kind: "image", bytes: 300, by_reference: false, detail: "low" },
    { kind: "image", bytes: null, by_reference: true, detail: "auto" },
    { kind: "image", bytes: null, by_reference: true },
    { kind: "file", bytes: 4, by_reference: false },
    { kind: "file", bytes: null, by_reference: true },
    { kind: "file", bytes: null, by_reference: true },
    { kind: "audio", bytes: 3, by_reference: false },
    { kind: "text", text: "b" },
    { kind: "text", text: "c" },
    { kind: "unknown", type: "input_video", bytes: 32 },
    { kind: "unknown", type: "input_image", bytes: 22 },
    { kind: "unknown", type: "input_text", bytes: 21 },
    { kind: "unknown", type: "untyped", bytes: 6 },
  ]);
});

test("messages of every role, calls and their results are read", () => {
  const input = [
    { role: "developer", content: "Be brief." },
    { type: "message", role: "user", content: [{ type: "input_text", text: "Hi" }] },
    { type: "message", role: "assistant", id: "m", status: "completed", content: [{ type: "output_text", text: "Ho" }] },
    { type: "function_call", call_id: "c1", name: "f", arguments: '{"a":1}', namespace: "n." },
    { type: "function_call_output", call_id: "c1", output: "42" },
    {
      type: "function_call_output",
      call_id: "c2",
      output: [
        { type: "input_text", text: "4" },
        { type: "input_image", image_url: "data:,AAAA" },
        { type: "input_text", text: "2" },
      ],
    },
    { type: "custom_tool_call", call_id: "c3", name: "g", input: "x" },
    { type: "custom_tool_call_output", call_id: "c3", output: "y" },
  ];
  expect(read({ input }).messages).toEqual([
    { role: "system", parts: [{ kind: "text", text: "Be brief." }] },
    { role: "user", parts: [{ kind: "text", text: "Hi" }] },
    { role: "assistant", parts: [{ kind: "text", text: "Ho" }] },
    { role: "assistant", parts: [{ kind: "tool_call", id: "c1", name: "n.f", arguments: '{"a":1}' }] },
    { role: "tool", parts: [{ kind: "tool_result", id: "c1", text: "42" }] },
    {
      role: "tool",
      parts: [
        { kind: "tool_result", id: "c2", text: "42" },
        { kind: "image", bytes: 3, by_reference: false },
      ],
    },
    { role: "assistant", parts: [{ kind: "tool_call", id: "c3", name: "g", arguments: "x" }] },
    { role: "tool", parts: [{ kind: "tool_result", id: "c3", text: "y" }] },
  ]);
});

test("reasoning that is sent back is thinking, opaque where only the provider can read it", () => {
  const item = {
    type: "reasoning",
    id: "rs_1",
    summary: [{ type: "summary_text", text: "Hm." }],
    content: [{ type: "reasoning_text", text: "Well." }],
    encrypted_content: "gAAA",
  };
  expect(partsOf([item, { type: "compaction", encrypted_content: "gBBB" }, { type: "reasoning", id: "rs_2" }])).toEqual([
    { kind: "thinking", text: "Hm.", opaque: false },
    { kind: "thinking", text: "Well.", opaque: false },
    { kind: "thinking", text: "gAAA", opaque: true },
    { kind: "thinking", text: "gBBB", opaque: true },
  ]);
});

test.each([
  [{ type: "local_shell_call", action: { type: "exec", command: ["ls"] } }, "local_shell", '{"type":"exec","command":["ls"]}'],
  [{ type: "shell_call", action: { commands: ["ls"] } }, "shell", '{"commands":["ls"]}'],
  [
    { type: "apply_patch_call", operation: { type: "delete_file", path: "a" } },
    "apply_patch",
    '{"type":"delete_file","path":"a"}',
  ],
  [{ type: "computer_call", action: { type: "wait" } }, "computer", '{"type":"wait"}'],
  [{ type: "web_search_call", action: { type: "search", query: "q" } }, "web_search", '{"type":"search","query":"q"}'],
  [{ type: "tool_search_call", arguments: { q: 1 } }, "tool_search", '{"q":1}'],
  [{ type: "mcp_approval_request", name: "m", arguments: "{}" }, "m", "{}"],
  [{ type: "program", code: "print(1)" }, "program", "print(1)"],
])("calls of built-in tools are read: %j", (item, name, written) => {
  expect(partsOf([{ call_id: "c", ...item }])).toEqual([{ kind: "tool_call", id: "c", name, arguments: written }]);
});

test.each([
  [{ type: "local_shell_call_output", id: "c", output: "a.txt" }, [{ kind: "tool_result", id: "c", text: "a.txt" }]],
  [
    { type: "shell_call_output", call_id: "c", output: [{ stdout: "a", stderr: "" }] },
    [{ kind: "tool_result", id: "c", text: '[{"stdout":"a","stderr":""}]' }],
  ],
  [{ type: "apply_patch_call_output", call_id: "c", status: "completed" }, [{ kind: "tool_result", id: "c", text: "" }]],
  [
    {
      type: "computer_call_output",
      call_id: "c",
      output: { type: "computer_screenshot", image_url: "data:image/png;base64,AAAA" },
    },
    [
      { kind: "tool_result", id: "c", text: "" },
      { kind: "image", bytes: 3, by_reference: false },
    ],
  ],
  [
    { type: "file_search_call", id: "c", queries: ["q"], results: [{ text: "r" }] },
    [
      { kind: "tool_call", id: "c", name: "file_search", arguments: '["q"]' },
      { kind: "tool_result", id: "c", text: '[{"text":"r"}]' },
    ],
  ],
  [
    {
      type: "code_interpreter_call",
      id: "c",
      code: "1+1",
      outputs: [
        { type: "logs", logs: "2" },
        { type: "image", url: "https://x/y" },
      ],
    },
    [
      { kind: "tool_call", id: "c", name: "code_interpreter", arguments: "1+1" },
      { kind: "tool_result", id: "c", text: "2" },
      { kind: "image", bytes: null, by_reference: true },
    ],
  ],
  [{ type: "image_generation_call", id: "c", result: "AAAA" }, [{ kind: "image", bytes: 3, by_reference: false }]],
  [{ type: "image_generation_call", id: "c", result: null }, [{ kind: "image", bytes: null, by_reference: true }]],
  [
    { type: "mcp_call", id: "c", name: "m", arguments: "{}", output: "o", error: null },
    [
      { kind: "tool_call", id: "c", name: "m", arguments: "{}" },
      { kind: "tool_result", id: "c", text: "o" },
    ],
  ],
  [{ type: "mcp_list_tools", id: "c", tools: [{ name: "m" }] }, [{ kind: "text", text: '[{"name":"m"}]' }]],
  [{ type: "program_output", call_id: "c", result: "1" }, [{ kind: "tool_result", id: "c", text: "1" }]],
  [{ type: "compaction_trigger" }, [{ kind: "unknown", type: "compaction_trigger", bytes: 29 }]],
  [{ type: "constructor" }, [{ kind: "unknown", type: "constructor", bytes: 22 }]],
  [{ type: {} }, [{ kind: "unknown", type: "untyped", bytes: 11 }]],
  [{}, [{ kind: "unknown", type: "untyped", bytes: 2 }]],
])("results, pictures and what is not known: %j", (item, parts) => {
  expect(partsOf([item])).toEqual(parts);
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
