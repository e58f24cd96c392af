import { expect, test } from "vitest";
import { BursarError } from "../../accounting/errors.js";
import type { RequestTarget } from "../../call/message.js";
import { geminiBatchEmbed, geminiEmbed } from "./embed.js";
import { geminiCountTokens, geminiGenerate } from "./wire.js";

const target: RequestTarget = { model: "gemini-2.5-flash", stream: false, framing: "sse" };
const contents = [{ role: "user", parts: [{ text: "How many?" }] }];
const read = (body: object | string, more: RequestTarget = {}) =>
  geminiGenerate.read(Buffer.from(typeof body === "string" ? body : JSON.stringify({ contents, ...body })), {
    ...target,
    ...more,
  });
const parts = (...list: object[]) => read({ contents: [{ role: "user", parts: list }] }).messages[0]?.parts;

/** The error a reading throws; fails when it throws none or another. */
function refused(reading: () => unknown): BursarError {
  try {
    reading();
  } catch (error) {
    if (error instanceof BursarError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("model and streaming come from the target, everything else from the body", () => {
  const request = read(
    {
      systemInstruction: { parts: [{ text: "Count." }] },
      generationConfig: {
        maxOutputTokens: 100,
        candidateCount: 2,
        temperature: 0,
        stopSequences: ["x"],
        responseSchema: { a: {} },
      },
      safetySettings: [],
      labels: { team: "mint", bad: 7 },
    },
    { model: "models/gemini-2.5-pro", stream: true },
  );
  expect(request).toMatchObject({
    model: "gemini-2.5-pro",
    stream: true,
    wants_usage: true,
    billed: "all",
    output_cap: 100,
    choices: 2,
    thinking: false,
    system: [{ kind: "text", text: "Count." }],
    messages: [{ role: "user", parts: [{ kind: "text", text: "How many?" }] }],
    body_tags: { team: "mint" },
    unknown_fields: [],
    service_tier: null,
  });
});

test("every field is read in both spellings, and refused in both at once", () => {
  const snake = read({
    system_instruction: { parts: { text: "Count." } },
    generation_config: {
      max_output_tokens: 7,
      candidate_count: 2,
      thinking_config: { thinking_budget: 5 },
      response_modalities: ["TEXT"],
    },
    safety_settings: [],
    cached_content: "cachedContents/abc",
    tools: { function_declarations: [{ name: "f" }] },
    contents: {
      parts: [{ inline_data: { mime_type: "image/png", data: "AAAA" } }, { function_response: { name: "f", response: {} } }],
    },
  });
  expect(snake).toMatchObject({
    output_cap: 7,
    choices: 2,
    thinking: true,
    system: [
      { kind: "text", text: "Count." },
      { kind: "reference", to: "cachedContents/abc" },
    ],
    messages: [
      {
        role: "tool",
        parts: [
          { kind: "image", bytes: 3, by_reference: false },
          { kind: "tool_result", id: "f", text: "{}" },
        ],
      },
    ],
    tools: [{ name: "f", server_side: false }],
    unknown_fields: [],
  });
  for (const body of [
    { generationConfig: {}, generation_config: {} },
    { generationConfig: { maxOutputTokens: 5, max_output_tokens: 900 } },
    { generationConfig: { thinkingConfig: { thinkingBudget: 0, thinking_budget: 9 } } },
    { contents: [{ parts: [{ inlineData: {}, inline_data: {} }] }] },
    { tools: [{ googleSearch: {}, google_search: {} }] },
  ]) {
    expect(refused(() => read(body))).toMatchObject({ code: "invalid_request" });
  }
});

test.each([
  [{ model: "" }, "{}"],
  [{ model: "models/" }, "{}"],
  [target, '{"model":"models/gemini-3-pro","contents":[]}'],
  [target, '{"contents":7}'],
  [target, '{"contents":[7]}'],
  [target, "{}"],
  [target, '{"contents":[{"role":"owner","parts":[]}]}'],
  [target, '{"contents":[{"parts":[7]}]}'],
  [target, '{"contents":[],"generationConfig":[]}'],
  [target, '{"contents":[],"generationConfig":{"maxOutputTokens":"100"}}'],
  [target, '{"contents":[],"generationConfig":{"maxOutputTokens":0}}'],
  [target, '{"contents":[],"generationConfig":{"maxOutputTokens":1.5}}'],
  [target, '{"contents":[],"generationConfig":{"maxOutputTokens":1e309}}'],
  [target, '{"contents":[],"generationConfig":{"candidateCount":9}}'],
  [target, '{"contents":[],"generationConfig":{"__proto__":{"x":1}}}'],
  [target, '{"contents":[],"contents":[]}'],
  [target, '{"contents":[],"tools":[7]}'],
  [target, '{"contents":[],"tools":[{"functionDeclarations":[7]}]}'],
  [target, '{"contents":[],"systemInstruction":"Count."}'],
  [target, "[]"],
])("what cannot be read is refused by name: %j %s", (of, body) => {
  expect(refused(() => geminiGenerate.read(Buffer.from(body), of))).toMatchObject({ code: "invalid_request", status: 400 });
});

test("a body may name the model of the path", () => {
  expect(read({ model: "models/gemini-2.5-flash" })).toMatchObject({ model: "gemini-2.5-flash", unknown_fields: [] });
});

test.each([
  [{ serviceTier: "priority" }, ["serviceTier"]],
  [{ service_tier: "flex", store: true }, ["serviceTier", "store"]],
  [
    { generationConfig: { imageConfig: {}, enable_affective_dialog: true } },
    ["generationConfig.imageConfig", "generationConfig.enableAffectiveDialog"],
  ],
  [{ generationConfig: { thinkingConfig: { includeThoughts: true, extra: 1 } } }, ["generationConfig.thinkingConfig.extra"]],
  [{ generationConfig: { responseModalities: ["TEXT"] } }, []],
  [{ generationConfig: { responseModalities: ["TEXT", "IMAGE"] } }, ["generationConfig.responseModalities"]],
  [
    { generationConfig: { responseModalities: ["AUDIO"], speechConfig: {} } },
    ["generationConfig.speechConfig", "generationConfig.responseModalities"],
  ],
  [{ generationConfig: { responseModalities: 3 } }, ["generationConfig.responseModalities"]],
])("what can change the bill is named: %j", (body, names) => {
  expect(read(body).unknown_fields).toEqual(names);
});

test.each([
  [{}, false],
  [{ thinkingConfig: { thinkingBudget: 0 } }, false],
  [{ thinkingConfig: { thinkingBudget: 0, includeThoughts: true } }, true],
  [{ thinkingConfig: { thinkingBudget: -1 } }, true],
  [{ thinkingConfig: { thinkingLevel: "low", thinkingBudget: 0 } }, true],
  [{ thinkingConfig: {} }, true],
])("thinking is on unless it is turned off: %j", (generationConfig, thinking) => {
  expect(read({ generationConfig }).thinking).toBe(thinking);
});

test("parts of every kind are read, and what is not known is unknown", () => {
  expect(parts({ inlineData: { mimeType: "audio/wav", data: "AAAA" } })).toEqual([
    { kind: "audio", bytes: 3, by_reference: false },
  ]);
  expect(parts({ inlineData: { mimeType: "application/pdf", data: "AAAA" } })).toEqual([
    { kind: "file", bytes: 3, by_reference: false },
  ]);
  expect(parts({ inlineData: { data: "AAAA" }, videoMetadata: { fps: 5 } })).toEqual([
    { kind: "file", bytes: 3, by_reference: false },
  ]);
  expect(parts({ fileData: { mimeType: "image/png", fileUri: "https://youtu.be/x" } })).toEqual([
    { kind: "file", bytes: null, by_reference: true },
  ]);
  expect(parts({ text: "Hm.", thought: true, thoughtSignature: "a" })).toEqual([
    { kind: "thinking", text: "Hm.", opaque: false },
  ]);
  expect(parts({ thoughtSignature: "a" })).toEqual([{ kind: "thinking", text: "", opaque: true }]);
  expect(parts({ functionCall: { id: "1", name: "f", args: { some_key: 1 } }, thoughtSignature: "a" })).toEqual([
    { kind: "tool_call", id: "1", name: "f", arguments: '{"some_key":1}' },
  ]);
  expect(
    parts(
      { executableCode: { language: "PYTHON", code: "1+1" } },
      { codeExecutionResult: { outcome: "OUTCOME_OK", output: "2" } },
    ),
  ).toEqual([
    { kind: "tool_call", id: "", name: "code_execution", arguments: "1+1" },
    { kind: "tool_result", id: "code_execution", text: "2" },
  ]);
  const answer = { name: "f", response: { a: 1 }, parts: [{ inlineData: { mimeType: "image/png", data: "AAAA" } }] };
  expect(parts({ functionResponse: answer })).toEqual([
    { kind: "tool_result", id: "f", text: '{"a":1}' },
    { kind: "image", bytes: 3, by_reference: false },
  ]);
  expect(parts({ text: "x", toolCall: {} })).toMatchObject([{ kind: "text" }, { kind: "unknown", type: "toolCall" }]);
  expect(parts({})).toMatchObject([{ kind: "unknown", type: "untyped" }]);
});

test("functions are the client's; their bytes are those of the declaration as sent", () => {
  const declaration = '{ "name":"f",  "parameters":{"type":"OBJECT"} }';
  const body = `{"contents":[],"tools":[{"functionDeclarations":[${declaration},{"name":"g"}]}]}`;
  expect(read(body).tools).toEqual([
    { name: "f", bytes: declaration.length, server_side: false, uses_max: null },
    { name: "g", bytes: 12, server_side: false, uses_max: null },
  ]);
});

test("a search is bounded where it is billed once a prompt; every other tool at Google has no bound and is named", () => {
  const search = { tools: [{ googleSearch: {} }] };
  expect(read(search)).toMatchObject({ tools: [{ name: "googleSearch", server_side: true, uses_max: 1 }], unknown_fields: [] });
  expect(read({ tools: [{ google_search_retrieval: {} }] }).tools).toMatchObject([
    { name: "googleSearchRetrieval", uses_max: 1 },
  ]);
  for (const model of ["gemini-3-pro-preview", "gemini-flash-latest", "gemini-20-pro"]) {
    expect(read(search, { model })).toMatchObject({ tools: [{ uses_max: null }], unknown_fields: ["tools.googleSearch"] });
  }
  for (const name of ["urlContext", "codeExecution", "googleMaps", "fileSearch", "computerUse", "mcpServers", "retrieval"]) {
    expect(read({ tools: [{ [name]: {} }, { functionDeclarations: [] }] })).toMatchObject({
      tools: [{ name, server_side: true, uses_max: null }],
      unknown_fields: [`tools.${name}`],
    });
  }
});

test("a count of tokens bills nothing, whatever it counts", () => {
  const whole = { generateContentRequest: { model: "models/gemini-2.5-flash", contents, tools: [{ codeExecution: {} }] } };
  const request = geminiCountTokens.read(Buffer.from(JSON.stringify(whole)), target);
  expect(request).toMatchObject({ billed: "nothing", model: "gemini-2.5-flash", unknown_fields: [], tools: [], messages: [] });
  expect(refused(() => geminiCountTokens.read(Buffer.from("{"), target))).toMatchObject({ code: "invalid_request" });
});

test("embeddings bill their input, one or many, and name the model of the path", () => {
  const embed = (body: object) => geminiEmbed.read(Buffer.from(JSON.stringify(body)), { model: "gemini-embedding-001" });
  const batch = (body: object) => geminiBatchEmbed.read(Buffer.from(JSON.stringify(body)), { model: "gemini-embedding-001" });
  const content = { parts: [{ text: "coin" }] };
  const one = { model: "models/gemini-embedding-001", content, taskType: "RETRIEVAL_QUERY", output_dimensionality: 768 };
  expect(embed(one)).toMatchObject({
    billed: "input",
    model: "gemini-embedding-001",
    messages: [{ parts: [{ kind: "text", text: "coin" }] }],
    output_cap: null,
    unknown_fields: [],
  });
  expect(embed({ ...one, embedContentConfig: {} }).unknown_fields).toEqual(["embedContentConfig"]);
  const film = {
    parts: [{ inlineData: { mimeType: "video/mp4", data: "AAAA" } }, { inlineData: { mimeType: "image/png", data: "AAAA" } }],
  };
  expect(embed({ content: film }).messages[0]?.parts).toMatchObject([{ kind: "unknown", type: "file" }, { kind: "image" }]);
  const many = batch({ requests: [one, { ...one, extra: 1 }, { ...one, extra: 2 }] });
  expect(many).toMatchObject({ billed: "input", unknown_fields: ["requests.extra"] });
  expect(many.messages).toHaveLength(3);
  expect(refused(() => embed({ ...one, model: "models/other" }))).toMatchObject({ code: "invalid_request" });
  expect(refused(() => batch({ requests: [one, { ...one, model: "models/other" }] }))).toMatchObject({ code: "invalid_request" });
  expect(refused(() => batch({ requests: [{}] }))).toMatchObject({ code: "invalid_request" });
});
