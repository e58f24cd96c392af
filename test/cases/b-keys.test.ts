// Cases B1, B6, B13, B14, B15 and D8 at the level of keys: what a key allows, what it answers when the money is gone, and
// what no key can ask for.
import { expect, test } from "vitest";
import type { CallRequest } from "../../src/call/admissible.js";
import type { KeyIdentity } from "../../src/call/identify.js";
import type { RequestTarget } from "../../src/call/message.js";
import { DIALECT_NAMES, type Dialect, type DialectName } from "../../src/call/needs.js";
import type { CallReply } from "../../src/call/reply.js";
import { readConfig } from "../../src/config/read-config.js";
import { DIALECTS } from "../../src/providers/dialects.js";
import { routeOf } from "../../src/surfaces/gateway/route.js";
import { replyHeaders, statusOf } from "../../src/surfaces/reply-headers.js";
import { budget } from "../ledger-fixtures.js";
import { completion, KEY, openTestRoad, type TestRoad, whole } from "../road-fixtures.js";

const messages = [{ role: "user", content: "hi" }];
const contents = [{ role: "user", parts: [{ text: "hi" }] }];
const named: RequestTarget = { model: "gpt-4o", stream: false, framing: "sse" };
const embedding = { ...named, model: "text-embedding-3-small" };

/** One call of every wire format that is billed. */
const ASKS: Readonly<Partial<Record<DialectName, { readonly body: object; readonly target?: RequestTarget }>>> = {
  "openai-chat": { body: { model: "gpt-4o", messages } },
  "openai-responses": { body: { model: "gpt-4o", input: "hi", store: false } },
  "openai-completions": { body: { model: "gpt-4o", prompt: "hi" } },
  "openai-embeddings": { body: { model: "text-embedding-3-small", input: "hi" } },
  "anthropic-messages": { body: { model: "gpt-4o", max_tokens: 10, messages } },
  "gemini-generate": { body: { contents }, target: named },
  "gemini-embed": { body: { content: contents[0] }, target: embedding },
  "gemini-batch-embed": {
    body: { requests: [{ model: "models/text-embedding-3-small", content: contents[0] }] },
    target: embedding,
  },
};

const dialects = [...DIALECTS.values()].filter(({ name }) => name in ASKS);

function ask(at: TestRoad, dialect: Dialect, over: Partial<CallRequest> = {}): Promise<CallReply> {
  const { body, target } = ASKS[dialect.name] ?? { body: {} };
  return at.call(body, { dialect, ...(target === undefined ? {} : { target }), ...over });
}

function codeOf(reply: CallReply): string {
  return reply.kind === "refused" ? reply.error.code : `${reply.kind} ${reply.status}`;
}

test("every wire format that bills is asked here", () => {
  const free = ["anthropic-count-tokens", "gemini-count-tokens", "model-call"];
  expect(DIALECT_NAMES.filter((name) => !(name in ASKS))).toEqual(free);
});

test.each(dialects.flatMap(({ name }) => ([402, 429, 403, 400] as const).map((status) => [name, status] as const)))(
  "a spent budget answers %s with the %d that its key asks for, final and with the reason",
  async (name, exhausted_status) => {
    const dialect = DIALECTS.get(name) as Dialect;
    const at = await openTestRoad({
      budgets: [budget({ name: "spent", limit: 0n, unit: "requests" })],
      script: () => whole(200, {}),
    });
    const key: KeyIdentity = { ...KEY, exhausted_status };
    const reply = await ask(at, dialect, { key });
    expect(codeOf(reply)).toBe("budget_exceeded");
    expect(statusOf(reply, exhausted_status)).toBe(exhausted_status);
    const headers = replyHeaders(reply);
    expect(headers["x-should-retry"]).toBe("false");
    expect(Object.keys(headers).filter((header) => header.startsWith("retry-after"))).toEqual([]);
    if (reply.kind !== "refused") throw new Error("it was not refused");
    const { error } = JSON.parse(Buffer.from(reply.body).toString());
    expect(error.message).toContain('Budget "spent"');
    expect(JSON.stringify(error)).toContain('"spent"');
    expect(at.requests).toHaveLength(0);
  },
);

test("only final refusals take the key's status: one that waiting helps stays 429 with its advice", async () => {
  let answer: () => void = () => undefined;
  const answered = new Promise<void>((resolve) => (answer = resolve));
  const at = await openTestRoad({
    budgets: [budget({ name: "one", limit: 2n, unit: "requests" })],
    script: async () => {
      await answered;
      return whole(500, {});
    },
  });
  const key: KeyIdentity = { ...KEY, exhausted_status: 403 };
  const body = { model: "gpt-4o", messages };
  const both = [at.call(body, { key }), at.call(body, { key })];
  await new Promise((resolve) => setTimeout(resolve, 20));
  const third = await at.call(body, { key });
  expect(codeOf(third)).toBe("budget_waiting");
  expect(statusOf(third, key.exhausted_status)).toBe(429);
  expect(replyHeaders(third)).toMatchObject({ "x-should-retry": "true", "retry-after": "1" });
  answer();
  await Promise.all(both);
});

test("other refusals keep their own status whatever the key asks for", async () => {
  const at = await openTestRoad({
    budgets: [budget({ name: "b", limit: 10n ** 9n })],
    script: () => whole(200, completion(9, 2)),
  });
  const key: KeyIdentity = { ...KEY, exhausted_status: 429, models: ["gpt-4o-mini"] };
  const reply = await at.call({ model: "gpt-4o", messages }, { key });
  expect([codeOf(reply), statusOf(reply, 429)]).toEqual(["model_not_allowed", 403]);
});

test.each(dialects.map(({ name }) => name))("a key without the route %s is refused before its body is read", async (name) => {
  const dialect = DIALECTS.get(name) as Dialect;
  const at = await openTestRoad({ budgets: [], script: () => whole(200, {}) });
  const other = name.startsWith("openai-") ? "gemini-*" : "openai-*";
  const nonsense = await at.call({}, { dialect, body: Buffer.from("{"), key: { ...KEY, routes: [other, "models"] } });
  expect([codeOf(nonsense), statusOf(nonsense, undefined)]).toEqual(["route_not_allowed", 403]);
  const allowed = await ask(at, dialect, { key: { ...KEY, routes: [`${name.split("-")[0]}-*`] } });
  expect(codeOf(allowed)).not.toBe("route_not_allowed");
  expect(at.requests).toHaveLength(1);
});

test.each(["openai-chat", "openai-completions", "anthropic-messages", "gemini-generate"] as const)(
  "B1: a %s call that names no cap is sent the one that was held",
  async (name) => {
    const dialect = DIALECTS.get(name) as Dialect;
    const at = await openTestRoad({ budgets: [budget({ name: "b", limit: 10n ** 12n })], script: () => whole(500, {}) });
    await ask(at, dialect);
    const entry = (await at.ledger.readCall("call0"))[0];
    const held = entry?.type === "call.held" ? entry.ceiling.output_tokens : 0;
    expect(held).toBeGreaterThan(0);
    const sent = JSON.parse(Buffer.from(at.requests[0]?.body ?? "").toString());
    const cap = sent.max_completion_tokens ?? sent.max_tokens ?? sent.generationConfig?.maxOutputTokens;
    expect(cap).toBe(held);
  },
);

test("B6: whoever a call says it is for, the key's budget is charged, and the accounts of such names are capped in number", async () => {
  const at = await openTestRoad({
    budgets: [
      budget({ name: "of-key", limit: null, unit: "requests", match: { key: "k" } }),
      budget({ name: "of-user", limit: null, unit: "requests", per: ["user"], accounts_max: 10 }),
    ],
    script: () => whole(200, completion(9, 2)),
  });
  for (let index = 0; index < 1_000; index++) {
    await at.call({ model: "gpt-4o", messages, user: `user-${index}` }, { headers: { "x-bursar-tags": `team=t${index}` } });
  }
  const accounts = [...at.ledger.state().accounts.values()];
  expect(accounts.filter((account) => account.budget === "of-key").map(({ used }) => used)).toEqual([1_000n]);
  const users = accounts.filter((account) => account.budget === "of-user");
  expect(users).toHaveLength(11);
  expect(users.reduce((sum, { used }) => sum + used, 0n)).toBe(1_000n);
});

test("B6: a key that is not trusted with attribution cannot move its calls to another user or team", async () => {
  const at = await openTestRoad({
    budgets: [budget({ name: "of-user", limit: null, unit: "requests", per: ["user"] })],
    script: () => whole(200, completion(9, 2)),
  });
  const key: KeyIdentity = { name: "k", user: "ada", trusts_attribution: false };
  const reply = await at.call({ model: "gpt-4o", messages, user: "bob" }, { key, headers: { "x-bursar-user": "eve" } });
  expect(reply.facts.warnings).toContain("attribution_ignored");
  expect([...at.ledger.state().accounts.values()].map(({ group }) => group)).toEqual([["ada"]]);
});

test.each([
  ["input_cost_per_token", 0],
  ["custom_llm_provider", "free"],
  ["api_base", "http://127.0.0.1:1"],
  ["extra_body", { max_tokens: 1_000_000 }],
  ["hedge", true],
])("B15, D8: the field %s is refused by name under a hard budget and nothing is sent", async (field, value) => {
  const at = await openTestRoad({ budgets: [budget({ name: "b", limit: 10n ** 9n })], script: () => whole(200, {}) });
  const reply = await at.call({ model: "gpt-4o", messages, [field]: value });
  expect(codeOf(reply)).toBe("parameter_refused");
  expect(reply.kind === "refused" && reply.error.message).toContain(`"${field}"`);
  expect(at.requests).toHaveLength(0);
});

test("B15: headers about costs and other addresses change neither price nor route, and go nowhere", async () => {
  const at = await openTestRoad({
    budgets: [budget({ name: "b", limit: 10n ** 9n })],
    script: () => whole(200, completion(9, 2)),
  });
  const headers = { "x-litellm-response-cost": "0", "x-bursar-cost-usd": "0", "x-api-base": "http://127.0.0.1:1" };
  const reply = await at.call({ model: "gpt-4o", messages }, { headers });
  expect(reply.facts.figures.cost_usd).toBe("0.0000425");
  expect(at.requests[0]?.headers).toEqual({});
});

test("D8: a hedged call is refused by name: by header, and in the file", async () => {
  const at = await openTestRoad({ budgets: [budget({ name: "b", limit: 10n ** 9n })], script: () => whole(200, {}) });
  const reply = await at.call({ model: "gpt-4o", messages }, { headers: { "x-bursar-hedge": "500ms" } });
  expect(codeOf(reply)).toBe("not_built");
  expect(at.requests).toHaveLength(0);
  const file = "version: 1\nproviders: { sim: { kind: simulated } }\nhedge: { after: 500ms }\n";
  const read = readConfig(file, { file: "bursar.yaml", path: null, data: "/tmp/none", env: {}, laid: [] });
  expect("problems" in read && read.problems.map(({ message }) => message)).toEqual(["not built yet: hedged calls."]);
});

test.each([
  ["POST", "/v1/batches", "files and batches"],
  ["POST", "/v1/files", "files and batches"],
  ["POST", "/v1/messages/batches", "Anthropic batches"],
  ["POST", "/v1beta/models/gemini-2.5-pro:batchGenerateContent", "Gemini batches"],
  ["GET", "/v1/realtime?model=gpt-realtime", "realtime sessions"],
  ["POST", "/v1/realtime/sessions", "realtime sessions"],
  ["GET", "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", "Gemini live sessions"],
])("B13, B14: %s %s is refused by name", (method, path, name) => {
  const routed = routeOf(method, path);
  expect(routed.kind === "refused" && [routed.error.code, routed.error.message]).toEqual([
    "not_built",
    expect.stringContaining(name),
  ]);
});
