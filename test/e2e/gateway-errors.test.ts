// What the gateway answers to requests that never become a call: one body per cause, in the dialect of the path.
import { createHash } from "node:crypto";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRunningBursar, type RunningBursar } from "./running-bursar.js";

const chat = { model: "gpt-4o-mini", messages: [{ role: "user" as const, content: "Hello" }] };
let at: RunningBursar;

beforeAll(async () => {
  at = await openRunningBursar(`budgets:
  - { name: day, limit: { usd: 50 }, window: day }
limits: { body_bytes_max: 100kB }`);
});
afterAll(() => at.close());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

async function post(
  path: string,
  body: unknown,
  headers: Record<string, string> = { authorization: "Bearer platform-key" },
): Promise<Answer> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(`${at.url}${path}`, { method: "POST", headers, body: text });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

test("a missing, wrong, shortened or hashed key gives the same 401, byte for byte", async () => {
  const hash = createHash("sha256").update("platform-key").digest("hex");
  const headers: Record<string, string>[] = [
    {},
    { authorization: "Bearer nobody" },
    { authorization: "Bearer platform-ke" },
    { authorization: "Bearer platform-key2" },
    { authorization: "Bearer PLATFORM-KEY" },
    { authorization: `Bearer ${hash}` },
    { "x-api-key": hash },
    { authorization: "Basic platform-key" },
    { authorization: "Bearer ' OR '1'='1" },
    { authorization: `Bearer ${"k".repeat(10_000)}` },
  ];
  const answers = await Promise.all(headers.map((one) => post("/v1/chat/completions", chat, one)));
  // What differs from request to request is its own id.
  const bodies = new Set(answers.map(({ text }) => text.replace(/call_[0-9a-z]+/g, "ID")));
  expect(answers.map(({ status }) => status)).toEqual(headers.map(() => 401));
  expect(bodies.size).toBe(1);
  expect([...bodies][0]).toContain("Send one of the keys of bursar.yaml");
  await expect(at.openai("nobody").chat.completions.create(chat)).rejects.toThrow(OpenAI.AuthenticationError);
});

test("every header of the field carries the key", async () => {
  for (const header of ["authorization", "x-api-key", "api-key", "x-goog-api-key"]) {
    const value = header === "authorization" ? "bearer platform-key" : "platform-key";
    expect((await post("/v1/chat/completions", chat, { [header]: value })).status).toBe(200);
  }
});

test("a model nobody serves is 404 and names what is configured; one of the other dialect says where to go", async () => {
  const unknown = await post("/v1/chat/completions", { ...chat, model: "made-up-model" });
  expect([unknown.status, JSON.parse(unknown.text)]).toMatchObject([
    404,
    { error: { code: "model_unknown", message: expect.stringContaining("Configured: sim") } },
  ]);
  const unpriced = await post("/v1/chat/completions", { ...chat, model: "gpt-none-9" });
  expect([unpriced.status, unpriced.text]).toEqual([402, expect.stringContaining("No price is known")]);
  const claude = await post("/v1/chat/completions", { ...chat, model: "claude-haiku-4-5" });
  expect([claude.status, claude.text]).toEqual([404, expect.stringContaining("POST /v1/messages")]);
  const gpt = await post("/v1/messages", { ...chat, max_tokens: 10 });
  expect([gpt.status, JSON.parse(gpt.text)]).toMatchObject([
    404,
    { type: "error", error: { type: "not_found_error", message: expect.stringContaining("POST /v1/chat/completions") } },
  ]);
});

test("prefix, case and space of a model name lead to the same model", async () => {
  for (const model of ["openai/gpt-4o-mini", "GPT-4o-mini", " gpt-4o-mini ", "gpt-4o-mini-2024-07-18"]) {
    const answer = await post("/v1/chat/completions", { ...chat, model });
    expect([model, answer.headers.get("x-bursar-model")]).toEqual([model, "openai/gpt-4o-mini"]);
    // Case goes upstream as it came; this provider, like the real one, does not know the name then, and bills nothing.
    expect([model, answer.status]).toEqual([model, model.startsWith("GPT") ? 404 : 200]);
  }
});

test.each([
  ["/v1/batches", "batches"],
  ["/v1/files", "files"],
  ["/v1/images/generations", "/v1/images"],
  ["/v1/messages/batches", "batches"],
  ["/v1beta/models/gemini-2.5-flash:batchGenerateContent", "Gemini batches"],
  ["/agents/research-bot/v1/realtime", "realtime"],
])("%s is refused by name with 501 and no retry", async (path, name) => {
  const answer = await post(path, chat);
  expect(answer.status).toBe(501);
  expect(answer.text).toContain(name);
  expect(answer.text).toContain("Not served: ");
  expect(answer.headers.get("x-should-retry")).toBe("false");
});

test("a wrong method is 405, an unknown path 404, a body beyond the limit 413", async () => {
  const get = await fetch(`${at.url}/v1/chat/completions`, { headers: { authorization: "Bearer platform-key" } });
  expect([get.status, await get.text()]).toEqual([405, expect.stringContaining("takes POST, not GET")]);
  expect((await post("/v1/chat/completion", chat)).status).toBe(404);
  expect((await post("/v1//chat/completions", chat)).status).toBe(404);
  const large = await post("/v1/chat/completions", { ...chat, messages: [{ role: "user", content: "x".repeat(200_000) }] });
  expect([large.status, large.text]).toEqual([413, expect.stringContaining("limits.body_bytes_max")]);
  const chunked = await fetch(`${at.url}/v1/messages`, {
    method: "POST",
    headers: { "x-api-key": "platform-key" },
    body: new ReadableStream({
      start(controller) {
        for (let sent = 0; sent < 4; sent++) controller.enqueue(new Uint8Array(50_000));
        controller.close();
      },
    }),
    duplex: "half",
  } as RequestInit);
  expect([chunked.status, await chunked.json()]).toMatchObject([413, { error: { type: "request_too_large" } }]);
});

test("a malformed or contradictory body is 400, names what is wrong and never reaches the provider", async () => {
  const before = (await at.bill()).calls;
  const bad: [unknown, RegExp][] = [
    ["", /JSON|empty/i],
    ["{", /JSON/i],
    ["[]", /object/i],
    [{ messages: chat.messages }, /model/],
    [{ ...chat, max_tokens: -1 }, /max_tokens/],
    [{ ...chat, max_tokens: "100" }, /max_tokens/],
    [{ ...chat, max_tokens: 1.5 }, /max_tokens/],
    [{ ...chat, max_tokens: 5, max_completion_tokens: 6 }, /max_completion_tokens/],
    ['{"model":"gpt-4o-mini","max_tokens":5,"max_tokens":50000,"messages":[]}', /max_tokens/],
    [{ ...chat, n: 0 }, /\bn\b/],
    [{ ...chat, made_up_parameter: 1 }, /made_up_parameter/],
  ];
  for (const [body, said] of bad) {
    const answer = await post("/v1/chat/completions", body);
    expect({ body, status: answer.status }).toEqual({ body, status: 400 });
    expect(answer.text).toMatch(said);
    expect(answer.headers.get("x-should-retry")).toBe("false");
  }
  expect((await at.bill()).calls).toBe(before);
});

test("attribution comes by header, by path and by session, through one check", async () => {
  const seen = async (headers: Record<string, string>, path = "/v1/chat/completions") => {
    await post(path, chat, { authorization: "Bearer platform-key", ...headers });
    return (await at.entries("call.held")).at(-1)?.attribution;
  };
  expect(await seen({ "x-bursar-agent": "a", "x-bursar-task": "t", "x-bursar-tags": "env=prod" })).toMatchObject({
    key: "platform",
    team: "platform",
    agent: "a",
    task: "t",
    tags: { env: "prod" },
  });
  expect(await seen({}, "/agents/research%20bot/v1/chat/completions")).toMatchObject({ agent: "research bot" });
  expect(await seen({ "x-claude-code-session-id": "s-1" })).toMatchObject({ session: "s-1", task: "s-1" });
  expect(await seen({})).toMatchObject({ agent: "unattributed" });
  await at.openai("platform-key", "/agents/by-path").chat.completions.create(chat);
  expect((await at.entries("call.held")).at(-1)?.attribution.agent).toBe("by-path");
});

test("a key that is bound to its agent ignores what the request claims, and says so", async () => {
  const headers = { authorization: "Bearer bound-key", "x-bursar-agent": "somebody-else", "x-bursar-task": "t" };
  const answer = await post("/v1/chat/completions", chat, headers);
  expect(answer.headers.get("x-bursar-warning")).toBe("attribution_ignored");
  const { attribution } = (await at.entries("call.held")).at(-1) ?? {};
  expect(attribution).toEqual({ key: "bound", team: "cx", agent: "support-bot", model: "openai/gpt-4o-mini" });
  const quiet = await post("/v1/chat/completions", chat, { authorization: "Bearer bound-key" });
  expect(quiet.headers.get("x-bursar-warning")).toBeNull();
});

test("an agent's name that could break out of a header or a log is refused", async () => {
  for (const path of [
    "/agents/a%0d%0ab/v1/chat/completions",
    "/agents/%E0%A4%A/v1/chat/completions",
    "/agents/a%00/v1/chat/completions",
  ]) {
    const answer = await post(path, chat);
    expect([path, answer.status >= 400 && answer.status < 500]).toEqual([path, true]);
  }
  expect(
    (await post("/v1/chat/completions", chat, { authorization: "Bearer platform-key", "x-bursar-agent": "a".repeat(257) }))
      .status,
  ).toBe(400);
});

test("what a provider itself refuses is passed on as it is, and costs nothing", async () => {
  for (const fault of ["400", "401", "429"]) {
    const before = (await at.bill()).nano_usd;
    const answer = await post("/v1/chat/completions", chat, { authorization: "Bearer platform-key", "x-sim-fault": fault });
    expect(answer.status).toBe(Number(fault));
    expect(answer.headers.get("x-bursar-cost-usd")).toBe("0.00");
    expect((await at.bill()).nano_usd).toBe(before);
  }
});
