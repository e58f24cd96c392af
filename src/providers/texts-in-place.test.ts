import fc from "fast-check";
import { expect, test } from "vitest";
import { BursarError } from "../accounting/errors.js";
import { measureText } from "../accounting/meter/estimate.js";
import type { ParsedRequest, Part } from "../call/message.js";
import type { Dialect } from "../call/needs.js";
import { openEstimator } from "../surfaces/estimator.js";
import { anthropicMessagesDialect } from "./anthropic/wire.js";
import { geminiGenerate } from "./gemini/wire.js";
import { openAiResponses } from "./openai/responses/wire.js";
import { openAiChat } from "./openai/wire.js";

const LONG = 'Say "why" the sky is blue, and show:\n\tif (größer) { return `C:\\dir/` } // — 你好 😀 '.repeat(3);

const text = fc.oneof(
  fc.constantFrom(
    "",
    "short",
    "\x7f0",
    "\x7f1 and more",
    LONG,
    `\x7f${LONG}`,
    "plain words ".repeat(20),
    "\u0000\x7f".repeat(40),
  ),
  fc.string({ unit: "grapheme", maxLength: 200 }),
);
const kept = fc.oneof(
  { weight: 4, arbitrary: text },
  { weight: 1, arbitrary: fc.constantFrom(null, 7, true, [LONG], { text: LONG }) },
);

const part = fc.oneof(
  fc.record({ type: fc.constantFrom("text", "input_text", "output_text", "summary_text", "refusal", "hologram"), text: kept }),
  fc.record({ type: fc.constantFrom("thinking", "compaction", "fallback"), thinking: kept, content: kept }),
  fc.record({ type: fc.constant("tool_use"), id: text, name: text, input: fc.record({ content: kept, text: kept }) }),
  fc.record({
    type: fc.constantFrom("tool_result", "search_result", "web_search_tool_result", "mcp_tool_result"),
    tool_use_id: text,
    content: fc.oneof(kept, fc.array(fc.record({ type: fc.constantFrom("text", "odd"), text: kept }), { maxLength: 3 })),
  }),
  fc.record({
    type: fc.constant("image_url"),
    image_url: fc.record({ url: fc.constantFrom("https://x.test/a.png", `data:,${"A".repeat(90)}`) }),
  }),
  text,
);
const content = fc.oneof(kept, fc.array(part, { maxLength: 4 }));
const calls = fc.array(
  fc.record({ id: text, type: fc.constant("function"), function: fc.record({ name: text, arguments: kept, input: kept }) }),
  { maxLength: 3 },
);

const chat = fc.record({
  messages: fc.array(
    fc.record({
      role: fc.constantFrom("user", "assistant", "tool", "system", "nobody"),
      content,
      tool_calls: calls,
      tool_call_id: text,
      name: text,
    }),
    { maxLength: 4 },
  ),
  max_tokens: fc.constantFrom(5, 1.5, "5"),
  tools: fc.array(fc.record({ type: fc.constant("function"), function: fc.record({ name: text, description: text }) }), {
    maxLength: 2,
  }),
});
const messages = fc.record({
  max_tokens: fc.constant(5),
  system: content,
  messages: fc.array(fc.record({ role: fc.constantFrom("user", "assistant"), content }), { maxLength: 4 }),
});
const responses = fc.record({
  instructions: kept,
  input: fc.oneof(
    kept,
    fc.array(
      fc.oneof(
        fc.record({ role: fc.constantFrom("user", "assistant"), content }),
        fc.record({
          type: fc.constantFrom(
            "function_call",
            "function_call_output",
            "mcp_call",
            "reasoning",
            "shell_call_output",
            "computer_call_output",
            "odd",
          ),
          name: text,
          arguments: kept,
          output: content,
          error: kept,
          content,
          input: kept,
        }),
      ),
      { maxLength: 4 },
    ),
  ),
});
const geminiPart = fc.oneof(
  fc.record({ text: kept, thought: fc.boolean() }),
  fc.record({ functionCall: fc.record({ name: text, args: fc.record({ text: kept }) }), odd: kept }),
);
const geminiContent = fc.record({
  role: fc.constantFrom("user", "model"),
  parts: fc.oneof(fc.array(geminiPart, { maxLength: 4 }), geminiPart),
});
const gemini = fc.record({
  contents: fc.oneof(fc.array(geminiContent, { maxLength: 4 }), geminiContent),
  system_instruction: geminiContent,
});

const FORMATS: readonly (readonly [string, Dialect, fc.Arbitrary<object>, string])[] = [
  ["Chat", openAiChat, chat, "openai/gpt-4o"],
  ["Messages", anthropicMessagesDialect, messages, "anthropic/claude-haiku-4-5"],
  ["Responses", openAiResponses, responses, "openai/gpt-4o"],
  ["Gemini", geminiGenerate, gemini, "gemini/gemini-2.5-pro"],
];

const estimator = openEstimator();

/** A request as plain data: what a part keeps of its place is checked against its text, and left out. */
function plain({ body, fields, ...request }: ParsedRequest): unknown {
  const bare = (one: Part): unknown => {
    const { placed, ...rest } = { placed: undefined, ...one };
    if (placed !== undefined) {
      const whole = one.kind === "tool_call" ? one.name + one.arguments : "text" in one ? one.text : "";
      expect(placed.measured).toEqual(measureText(whole));
    }
    return rest;
  };
  expect(fields === undefined || fields.of === body).toBe(true);
  return {
    ...request,
    system: request.system.map(bare),
    messages: request.messages.map((one) => ({ ...one, parts: one.parts.map(bare) })),
  };
}

type Read = { readonly read: ParsedRequest } | { readonly refused: string };

function reading(dialect: Dialect, body: Buffer): Read {
  try {
    return { read: dialect.read(body, dialect === geminiGenerate ? { model: "gemini-2.5-pro" } : {}) };
  } catch (error) {
    if (error instanceof BursarError) return { refused: error.message };
    throw error;
  }
}

/** The same body with a key that is spelled by an escape, which makes it be parsed whole. */
const wholly = (body: Buffer): Buffer => Buffer.concat([Buffer.from('{"\\u006dodel"'), body.subarray('{"model"'.length)]);
const bodyOf = (rest: object): string => JSON.stringify({ model: "gemini-2.5-pro", ...rest });

/** Parts that were read in place, over all tests: that none were would make all of this a comparison of one thing with itself. */
let placed = 0;

/** Both readings agree: on the request and its estimate, or on refusing. */
function expectSame(dialect: Dialect, body: Buffer, canonical: string): boolean {
  const [inPlace, whole] = [reading(dialect, body), reading(dialect, wholly(body))];
  if ("refused" in inPlace || "refused" in whole) {
    expect("refused" in inPlace && "refused" in whole).toBe(true);
    return false;
  }
  expect(plain(inPlace.read)).toEqual(plain(whole.read));
  expect(whole.read.messages.every((message) => message.parts.every((one) => !("placed" in one)))).toBe(true);
  placed += inPlace.read.messages.flatMap(({ parts }) => parts).filter((one) => "placed" in one).length;
  const estimated = estimator.input(inPlace.read, canonical);
  expect(estimated).toEqual(estimator.input({ ...whole.read, body }, canonical));
  return true;
}

test.each(FORMATS)(
  "%s: a body read in place is the body parsed whole, text by text and token by token",
  (_, dialect, rest, canonical) => {
    let read = 0;
    placed = 0;
    fc.assert(
      fc.property(rest, fc.boolean(), (fields, ascii) => {
        const written = bodyOf(fields);
        const spelled = ascii
          ? written.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
          : written.toWellFormed();
        if (expectSame(dialect, Buffer.from(spelled), canonical)) read++;
      }),
      { numRuns: 400 },
    );
    expect(read).toBeGreaterThan(20);
    expect(placed).toBeGreaterThan(20);
  },
);

test.each(FORMATS)(
  "%s: a body with bytes changed is read or refused as it is when it is parsed whole",
  (_, dialect, rest, canonical) => {
    const change = fc.record({
      at: fc.nat(),
      remove: fc.nat({ max: 3 }),
      put: fc.constantFrom('"', "\\", "\x7f", "\n", "{", "}", "[", "]", ",", ":", " ", '"a":', "\\u00", "é", "\xff"),
    });
    fc.assert(
      fc.property(rest, fc.array(change, { minLength: 1, maxLength: 2 }), (fields, changes) => {
        let body = Buffer.from(bodyOf(fields).toWellFormed());
        for (const { at, remove, put } of changes) {
          const from = 8 + (at % (body.length - 8));
          body = Buffer.concat([
            body.subarray(0, from),
            Buffer.from(put, put === "\xff" ? "latin1" : "utf8"),
            body.subarray(from + remove),
          ]);
        }
        expectSame(dialect, body, canonical);
      }),
      { numRuns: 600 },
    );
  },
);

test("keys that stand twice, reach for a prototype or are too many are refused wherever they stand, beside texts in place", () => {
  const refused = (inner: string): string => {
    const found = reading(
      openAiChat,
      Buffer.from(`{"model":"m","messages":[{"role":"user","content":${JSON.stringify(LONG)}${inner}}]}`),
    );
    return "refused" in found ? found.refused : "";
  };
  expect(refused("")).toBe("");
  expect(refused(',"content":"x"')).toContain('The key "content" stands twice');
  expect(refused(',"a":{"b":1,"b":2}')).toContain('The key "b" stands twice');
  expect(refused(',"a":{"__proto__":1}')).toContain("is not accepted");
  expect(refused(',"constructor":{"prototype":1}')).toContain("is not accepted");
  expect(refused(',"prototype":1,"arguments":1')).toBe("");
  expect(refused(`,"a":${"[".repeat(300)}${"]".repeat(300)}`)).toContain("nested deeper");
  const many = (number: number): string => Array.from({ length: number }, (_, n) => `"k${n}":0`).join(",");
  expect(refused(`,"a":{${many(200)}}`)).toBe("");
  expect(refused(`,"a":{${many(200)},"k7":1}`)).toContain('The key "k7" stands twice');
  expect(refused(`,"a":{${many(100_001)}}`)).toContain("more than 100000 keys");
});
