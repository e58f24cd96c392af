// Which headers of a client arrive at a provider: with `passthrough` its own credentials and never Bursar's key, without it
// none. The provider is the simulated one behind a socket that writes down what comes in.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openRecorder, type Recorder } from "./coding-agents/recorder.js";
import { openRunningBursar, type RunningBursar, standingChecks } from "./running-bursar.js";

const BUDGETS = "budgets:\n  - { name: day, limit: { usd: 50 }, window: day }";

interface Rig {
  readonly at: RunningBursar;
  readonly arrived: Recorder;
}

async function openRig(providers: (url: string) => string): Promise<Rig> {
  let simulator = "";
  const arrived = await openRecorder(() => simulator);
  const before = async (url: string): Promise<string> => {
    simulator = url;
    return arrived.url;
  };
  return { at: await openRunningBursar(BUDGETS, { before, providers }), arrived };
}

let through: Rig;
let keyed: Rig;

beforeAll(async () => {
  through = await openRig(
    (url) => `anthropic: { passthrough: true, base_url: "${url}" }
  openai: { passthrough: true, base_url: "${url}/v1" }
  gemini: { passthrough: true, api_key: operator-gemini, base_url: "${url}" }`,
  );
  keyed = await openRig(
    (url) => `anthropic: { api_key: operator-anthropic, base_url: "${url}" }
  gemini: { api_key: operator-gemini, base_url: "${url}" }`,
  );
});
afterAll(async () => {
  for (const { at, arrived } of [through, keyed]) {
    await standingChecks(at);
    await at.close();
    arrived.close();
  }
});
let from = 0;
beforeEach(() => {
  from = through.arrived.seen.length;
});

const MESSAGE = { model: "claude-sonnet-4-6", max_tokens: 50, messages: [{ role: "user", content: "Which ferry?" }] };
const CHAT = { model: "gpt-4o", max_tokens: 50, messages: MESSAGE.messages };
const GENERATE = { contents: [{ role: "user", parts: [{ text: "Which ferry?" }] }], generationConfig: { maxOutputTokens: 50 } };
const GEMINI_PATH = "/v1beta/models/gemini-2.5-flash:generateContent";

function post(rig: Rig, path: string, of: { headers: Record<string, string>; body: object }): Promise<Response> {
  const headers = { "content-type": "application/json", ...of.headers };
  return fetch(`${rig.at.url}${path}`, { method: "POST", headers, body: JSON.stringify(of.body) });
}

/** Headers of the one request that has arrived since the test began. */
function arrivedHeaders(): Readonly<Record<string, string>> {
  const seen = through.arrived.seen.slice(from);
  expect(seen).toHaveLength(1);
  return seen[0]?.headers ?? {};
}

const KEY = "platform-key";

test("a subscription's token goes upstream beside the key that opens Bursar, and the key does not", async () => {
  const headers = { authorization: "Bearer sk-ant-oat01-own", "x-bursar-key": KEY, "anthropic-beta": "oauth-2025-04-20" };
  const reply = await post(through, "/v1/messages?beta=true", { headers, body: MESSAGE });
  expect(reply.status).toBe(200);
  const arrived = arrivedHeaders();
  expect(arrived).toMatchObject({
    authorization: "Bearer sk-ant-oat01-own",
    "anthropic-beta": "oauth-2025-04-20",
    "anthropic-version": "2023-06-01",
  });
  expect(arrived).not.toHaveProperty("x-api-key");
  expect(JSON.stringify(through.arrived.seen.at(-1))).not.toContain(KEY);
  expect(through.arrived.seen.at(-1)?.url).toBe("/v1/messages?beta=true");
});

test("ChatGPT's token and account go upstream together", async () => {
  const headers = { authorization: "Bearer chatgpt-own", "chatgpt-account-id": "acc-1", "x-bursar-key": `Bearer ${KEY}` };
  expect((await post(through, "/v1/chat/completions", { headers, body: CHAT })).status).toBe(200);
  expect(arrivedHeaders()).toMatchObject({ authorization: "Bearer chatgpt-own", "chatgpt-account-id": "acc-1" });
});

test("a key of Bursar in any header stays here, and what stands beside it goes on", async () => {
  const headers = { authorization: `Bearer ${KEY}`, "x-api-key": "sk-ant-own", "api-key": "bound-key" };
  expect((await post(through, "/v1/messages", { headers, body: MESSAGE })).status).toBe(200);
  const arrived = arrivedHeaders();
  expect(arrived["x-api-key"]).toBe("sk-ant-own");
  expect(arrived).not.toHaveProperty("authorization");
  expect(arrived).not.toHaveProperty("api-key");
});

test("the key is found in any of the headers, whatever the client's own stand in", async () => {
  const headers = { authorization: "Bearer sk-ant-oat01-own", "x-api-key": KEY };
  expect((await post(through, "/v1/messages", { headers, body: MESSAGE })).status).toBe(200);
  expect(arrivedHeaders()).toMatchObject({ authorization: "Bearer sk-ant-oat01-own" });
  expect(arrivedHeaders()).not.toHaveProperty("x-api-key");
});

test("x-bursar-key is the only one that counts where it is sent", async () => {
  const headers = { authorization: `Bearer ${KEY}`, "x-bursar-key": "of-nobody" };
  const reply = await post(through, "/v1/messages", { headers, body: MESSAGE });
  expect(reply.status).toBe(401);
  expect(through.arrived.seen).toHaveLength(from);
});

test("a call without a credential of its own is told what to send, and nothing is sent or held", async () => {
  const alone: Record<string, string> = { "x-bursar-key": KEY };
  const account: Record<string, string> = { authorization: `Bearer ${KEY}`, "chatgpt-account-id": "acc-1" };
  for (const headers of [alone, account]) {
    const reply = await post(through, "/v1/messages", { headers, body: MESSAGE });
    expect(reply.status).toBe(401);
    expect(reply.headers.get("x-should-retry")).toBe("false");
    const { error } = (await reply.json()) as { error: { type: string; message: string } };
    expect(error).toMatchObject({ type: "authentication_error", message: expect.stringContaining("x-bursar-key") });
    expect(error.message).not.toContain(KEY);
  }
  expect(through.arrived.seen).toHaveLength(from);
});

test("a provider with passthrough and a key of its own serves both: the client's credential goes before it", async () => {
  const own = { "x-bursar-key": KEY, "x-goog-api-key": "own-gemini" };
  expect((await post(through, GEMINI_PATH, { headers: own, body: GENERATE })).status).toBe(200);
  expect(arrivedHeaders()["x-goog-api-key"]).toBe("own-gemini");
  from = through.arrived.seen.length;
  expect((await post(through, GEMINI_PATH, { headers: { "x-bursar-key": KEY }, body: GENERATE })).status).toBe(200);
  expect(arrivedHeaders()["x-goog-api-key"]).toBe("operator-gemini");
});

test("without passthrough no credential and no account of a client arrives, only the operator's key", async () => {
  const headers = {
    "x-bursar-key": KEY,
    authorization: "Bearer sk-ant-oat01-own",
    "api-key": "own",
    "x-goog-api-key": "own",
    "chatgpt-account-id": "acc-1",
    cookie: "session=own",
    "proxy-authorization": "Basic own",
  };
  expect((await post(keyed, "/v1/messages", { headers, body: MESSAGE })).status).toBe(200);
  const arrived = keyed.arrived.seen.at(-1)?.headers ?? {};
  expect(arrived["x-api-key"]).toBe("operator-anthropic");
  expect(JSON.stringify(arrived)).not.toMatch(/own|acc-1|platform-key/);
});

test("Gemini's ?key= opens Bursar and goes no further", async () => {
  expect((await post(keyed, `${GEMINI_PATH}?key=${KEY}`, { headers: {}, body: GENERATE })).status).toBe(200);
  const seen = keyed.arrived.seen.at(-1);
  expect(seen?.headers["x-goog-api-key"]).toBe("operator-gemini");
  expect(seen?.url).toBe(GEMINI_PATH);
  expect((await post(keyed, `${GEMINI_PATH}?key=of-nobody`, { headers: {}, body: GENERATE })).status).toBe(401);
});

test("no credential is in the log, the ledger or what the operator is told", async () => {
  const entries = await through.at.entries("call.held");
  expect(entries.length).toBeGreaterThan(0);
  const kept = JSON.stringify([
    entries,
    await through.at.entries("call.refused"),
    await through.at.entries("call.posted"),
    through.at.told,
  ]);
  expect(kept).not.toMatch(/sk-ant|chatgpt-own|own-gemini|platform-key|acc-1/);
});
