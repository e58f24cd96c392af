import fc from "fast-check";
import { expect, test } from "vitest";
import { budget } from "../../test/ledger-fixtures.js";
import { consume, openSimulatedRoad } from "../../test/simulated-road.js";

import type { Dialect, EstimatedInput } from "../call/needs.js";
import { anthropicMessagesDialect } from "../providers/anthropic/wire.js";
import { openAiChat } from "../providers/openai/wire.js";
import { openEstimator } from "./estimator.js";

const estimator = openEstimator();
const LONG = 200_000;
const long = "word ".repeat(LONG / 5);

function estimate(body: object | string, dialect: Dialect = openAiChat): EstimatedInput {
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return estimator.input(dialect.read(bytes), dialect === openAiChat ? "openai/gpt-4o" : "anthropic/claude-haiku-4-5");
}

const chat = (message: object, rest: object = {}): object => ({ model: "gpt-4o", messages: [message], ...rest });
const claude = (message: object, rest: object = {}): object => ({
  model: "claude-haiku-4-5",
  max_tokens: 10,
  messages: [message],
  ...rest,
});
const user = { role: "user", content: "Hi" };
const call = { id: "call_1", type: "function", function: { name: "look", arguments: "{}" } };
const schema = { type: "object", description: long };

const UNREAD: readonly (readonly [string, Dialect, object])[] = [
  ["messages[].name", openAiChat, chat({ ...user, name: long })],
  ["tool_call_id", openAiChat, chat({ role: "tool", content: "4", tool_call_id: long })],
  ["tool_calls[].id", openAiChat, chat({ role: "assistant", content: null, tool_calls: [{ ...call, id: long }] })],
  ["an unknown key of a message", openAiChat, chat({ ...user, remark: long })],
  ["an unknown key of a part", openAiChat, chat({ role: "user", content: [{ type: "text", text: "Hi", remark: long }] })],
  ["response_format", openAiChat, chat(user, { response_format: { type: "json_schema", json_schema: { name: "a", schema } } })],
  [
    "tool_use_id",
    anthropicMessagesDialect,
    claude({ role: "user", content: [{ type: "tool_result", tool_use_id: long, content: "4" }] }),
  ],
  ["output_config", anthropicMessagesDialect, claude(user, { output_config: { format: { type: "json_schema", schema } } })],
];

test.each(UNREAD)("%s: its bytes are in the estimate and in the strict bound", (_, dialect, body) => {
  const { tokens, bytes, exact } = estimate(body, dialect);
  expect(tokens * 1.1).toBeGreaterThanOrEqual(LONG / 4);
  expect(bytes).toBeGreaterThanOrEqual(LONG);
  expect(exact).toBe(false);
});

const CODE = 'if (a["b"] === "\\n") {\n\treturn `C:\\\\dir`; // größer 你好 😀 \u0001\n}\n'.repeat(50);
const image = Buffer.alloc(30_001, 7).toString("base64");
const tool = { type: "function", function: { name: "look", description: CODE, parameters: { type: "object" } } };
const conversation = chat(
  { role: "system", content: CODE },
  {
    messages: [
      { role: "system", content: CODE },
      {
        role: "user",
        content: [
          { type: "text", text: "What is this?" },
          { type: "image_url", image_url: { url: `data:image/png;base64,${image}`, detail: "high" } },
        ],
      },
      {
        role: "assistant",
        content: null,
        tool_calls: [
          {
            id: "call_abcdefghijklmnopqrstuvwx",
            type: "function",
            function: { name: "look", arguments: JSON.stringify({ code: CODE, at: [1, 2] }) },
          },
        ],
      },
      { role: "tool", tool_call_id: "call_abcdefghijklmnopqrstuvwx", content: CODE },
      ...Array.from({ length: 30 }, (_, n) => ({ role: n % 2 === 0 ? "assistant" : "user", content: `Turn ${n}` })),
    ],
    tools: [tool],
    stream: true,
    stream_options: { include_usage: true },
    max_completion_tokens: 4_096,
    temperature: 0.2,
  },
);

/** The estimate without a body, as far as texts, tools and media go. */
function withoutResidual(text: string): number {
  const request = openAiChat.read(Buffer.from(text));
  return estimator.input({ ...request, body: new Uint8Array() }, "openai/gpt-4o").tokens;
}

test("an ordinary conversation with escapes, code, tools and images has nothing left over", () => {
  const text = JSON.stringify(conversation);
  expect(estimate(text).tokens).toBe(withoutResidual(text));
  const escaped = text.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  expect(escaped.length).toBeGreaterThan(text.length);
  expect(estimate(escaped).tokens).toBe(withoutResidual(escaped));
  const slashes = text.replaceAll("/", "\\/");
  expect(estimate(slashes).tokens).toBe(withoutResidual(slashes));
});

test("an ordinary Claude conversation has nothing left over", () => {
  const id = "toolu_01A09q90qw90lq917835lq9";
  const body = claude(user, {
    system: [{ type: "text", text: CODE, cache_control: { type: "ephemeral" } }],
    messages: [
      { role: "user", content: [{ type: "image", source: { type: "base64", media_type: "image/png", data: image } }] },
      { role: "assistant", content: [{ type: "tool_use", id, name: "look", input: { code: CODE } }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: id, content: [{ type: "text", text: CODE }] }] },
    ],
  });
  const request = anthropicMessagesDialect.read(Buffer.from(JSON.stringify(body)));
  const canonical = "anthropic/claude-haiku-4-5";
  const bare = estimator.input({ ...request, body: new Uint8Array() }, canonical);
  expect(estimator.input(request, canonical).tokens).toBe(bare.tokens);
});

test("plain messages are counted exactly; one with a name or a schema beside it is not", async () => {
  const count = (body: object) => estimator.count?.(openAiChat.read(Buffer.from(JSON.stringify(body))), "openai/gpt-4o");
  expect(await count(chat(user))).toMatchObject({ exact: true });
  expect(await count(chat({ role: "user", content: [{ type: "text", text: "Hi" }] }))).toMatchObject({ exact: true });
  expect(await count(chat({ ...user, name: "Bob" }))).toBeNull();
  expect(await count(chat(user, { response_format: { type: "json_object" } }))).toBeNull();
});

test("strict bytes are never fewer than the body's without its inline media", () => {
  const part = fc.oneof(
    fc.string({ unit: "binary" }).map((text) => ({ type: "text", text })),
    fc.uint8Array({ maxLength: 300 }).map((data) => {
      const url = `data:image/png;base64,${Buffer.from(data).toString("base64")}`;
      return { type: "image_url", image_url: { url } };
    }),
  );
  const message = fc.record({
    role: fc.constant("user"),
    content: fc.array(part, { maxLength: 4 }),
    name: fc.string(),
    // A key that reaches for a prototype is refused before anything is estimated.
    more: fc.jsonValue().filter((value) => !/__proto__|prototype/.test(JSON.stringify(value))),
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 4 }), (messages) => {
      const body = JSON.stringify({ model: "gpt-4o", messages });
      const parts = messages.flatMap(({ content }) => content);
      const media = parts.reduce(
        (sum, one) => sum + ("image_url" in one ? (one.image_url.url.split(",")[1]?.length ?? 0) : 0),
        0,
      );
      expect(estimate(body).bytes).toBeGreaterThanOrEqual(Buffer.byteLength(body) - media);
    }),
  );
});

test.each(["strict", "measured"] as const)("calls that hide their prompt in a name stay within a %s cent", async (ceiling) => {
  const limit = 10_000_000n;
  const at = await openSimulatedRoad({ budgets: [budget({ name: "cent", limit, ceiling })] });
  const ask = (name: string) => ({ model: "gpt-4o-mini", max_tokens: 5, messages: [{ ...user, name }] });
  const names = Array.from({ length: 120 }, (_, n) => (n < 60 ? long : "word ".repeat(2_000)));
  const results = await Promise.allSettled(names.map(async (name) => consume(await at.call(ask(name)))));
  expect(results.some(({ status }) => status === "fulfilled")).toBe(true);
  expect(at.simulator.bill().nano_usd).toBeGreaterThan(0n);
  expect(at.simulator.bill().nano_usd).toBeLessThanOrEqual(limit);
  at.road.close();
  await at.ledger.close();
});
