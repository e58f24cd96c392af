// A content part that no dialect knows has no bound: refused by name under a hard budget, in every format.
import { expect, test } from "vitest";
import { refuseUnbounded } from "../src/call/estimate-ceiling.js";
import type { DialectName } from "../src/call/needs.js";
import { DIALECTS } from "../src/providers/dialects.js";

const STRANGE = { type: "hologram", hologram: { id: "h" } };
const BODIES: readonly (readonly [DialectName, object])[] = [
  ["openai-chat", { model: "m", messages: [{ role: "user", content: [STRANGE] }] }],
  ["openai-responses", { model: "m", input: [{ role: "user", content: [STRANGE] }] }],
  ["anthropic-messages", { model: "m", max_tokens: 9, messages: [{ role: "user", content: [STRANGE] }] }],
  ["gemini-generate", { contents: [{ role: "user", parts: [{ hologram: { id: "h" } }] }] }],
];

test.each(BODIES)("%s: a part of an unknown kind is refused by its name", (name, body) => {
  const request = DIALECTS.get(name)!.read(Buffer.from(JSON.stringify(body)), { model: "m" });
  const query = { request, key: { name: "k", trusts_attribution: true, allow_parameters: ["*"] }, price: null };
  expect(() => refuseUnbounded(query)).toThrow(/"hologram" cannot be bounded under a hard budget/);
});
