import { expect, test } from "vitest";
import { anthropicCountTokensDialect as dialect } from "./count-tokens.js";

const read = (body: object) => dialect.read(Buffer.from(JSON.stringify(body)));
const BODY = { model: "claude-sonnet-4-5", messages: [{ role: "user", content: "Hi" }] };

test("a question for a count needs no cap and is billed nothing", () => {
  expect(read(BODY)).toMatchObject({ model: "claude-sonnet-4-5", billed: "nothing", output_cap: null, stream: false });
});

test("nothing in it needs a bound, whatever it holds, and who asks is read all the same", () => {
  const request = read({
    ...BODY,
    metadata: { user_id: "ada" },
    thinking: { type: "adaptive" },
    tools: [{ type: "code_execution_20250825", name: "code_execution" }],
    mcp_servers: [{ url: "https://example.com" }],
    messages: [{ role: "user", content: [{ type: "of_tomorrow" }] }],
  });
  expect(request).toMatchObject({ tools: [], unknown_fields: [], messages: [], thinking: false, body_user: "ada" });
});

test("a body that is no request is refused by name", () => {
  expect(() => read({ messages: [] })).toThrow("model is null");
  expect(() => read({ model: "m", messages: "x" })).toThrow("messages is text of 1 characters");
});

test("the body passes byte for byte but for the model's name", () => {
  const body = Buffer.from('{ "model" : "a", "messages":[ ] }');
  const request = dialect.read(body);
  expect(dialect.prepare(request, { output_cap: 5, tool_uses: 3 })).toBe(body);
  expect(Buffer.from(dialect.prepare(request, { model: "b" })).toString()).toBe('{ "model" : "b", "messages":[ ] }');
});

test("a reply is valid with a count only, and its count is nobody's usage", () => {
  const reply = (text: string) => dialect.readReply(Buffer.from(text));
  expect(reply('{"input_tokens":2095}')).toMatchObject({
    valid: true,
    usage: { counts: { input_fresh: 0, output_text: 0 }, evidence: "provider" },
  });
  for (const none of ["", "{}", "[]", '{"input_tokens":-1}', '{"input_tokens":"7"}', '{"input_tokens":1.5}', "<html>"])
    expect(reply(none), none).toMatchObject({ valid: false, usage: null });
});
