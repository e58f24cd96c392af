import { expect, test } from "vitest";
import { readResponsesRequest } from "./read-request.js";

const base = { model: "gpt-4o", input: "Hi" };
const read = (more: object = {}) => readResponsesRequest(Buffer.from(JSON.stringify({ ...base, ...more })));
const partsOf = (input: unknown) => read({ input }).messages.flatMap((message) => message.parts);

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
