import { afterAll, beforeAll, expect, test } from "vitest";
import type { Upstream } from "../call/needs.js";
import { Secret } from "../config/secret.js";
import { systemClock } from "../surfaces/system-clock.js";
import { ANTHROPIC_PATHS } from "./anthropic/kind.js";
import { GEMINI_PATHS } from "./gemini/kind.js";
import { OPENAI_PATHS } from "./openai/kind.js";
import { openProvider, PROVIDER_KINDS } from "./registry.js";
import { openSimulatorServer } from "./simulated/server.js";

let server: Awaited<ReturnType<typeof openSimulatorServer>>;
const clock = systemClock();
beforeAll(async () => {
  server = await openSimulatorServer({ clock, latency: "none" });
});
afterAll(() => server.close());

const never = new AbortController().signal;
const chat = (headers: Record<string, string> = {}) => ({
  dialect: "openai-chat" as const,
  model: "gpt-4o",
  credentials: {},
  framing: "sse" as const,
  query: "",
  body: Buffer.from(JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "Hi" }] })),
  headers,
  stream: false,
});

async function statusOf(upstream: Upstream | null | undefined, request: Parameters<Upstream["send"]>[0]): Promise<number> {
  const reply = await (upstream as Upstream).send(request, never);
  for await (const _ of reply.body);
  return reply.status;
}

test("each kind speaks its dialects and no other", () => {
  expect(PROVIDER_KINDS.map((kind) => [kind.kind, Object.keys(kind.paths)])).toEqual([
    ["openai", Object.keys(OPENAI_PATHS)],
    ["anthropic", Object.keys(ANTHROPIC_PATHS)],
    ["gemini", Object.keys(GEMINI_PATHS)],
    ["azure", Object.keys(OPENAI_PATHS)],
    ["openrouter", Object.keys(OPENAI_PATHS)],
    ["groq", ["openai-chat", "openai-responses"]],
    ["deepseek", ["openai-chat"]],
    ["mistral", ["openai-chat", "openai-embeddings"]],
    ["xai", ["openai-chat", "openai-responses", "openai-completions"]],
    ["ollama", Object.keys(OPENAI_PATHS)],
    ["vllm", Object.keys(OPENAI_PATHS)],
    ["openai-compatible", Object.keys(OPENAI_PATHS)],
    ["simulated", [OPENAI_PATHS, ANTHROPIC_PATHS, GEMINI_PATHS].flatMap(Object.keys)],
  ]);
});

test("without its key a provider has no upstream, and says so instead of failing", async () => {
  const openai = openProvider({ name: "openai", kind: "openai", free: false }, { clock });
  expect(openai.upstreams.get("openai-chat")).toBeNull();
  await openai.close();
});

test("an OpenAI-compatible server needs an address and no key", async () => {
  const settings = { name: "local", kind: "openai-compatible", free: true } as const;
  expect(() => openProvider(settings, { clock })).toThrow(/base_url/);
  expect(() => openProvider({ ...settings, base_url: "nowhere" }, { clock })).toThrow(/nowhere/);
  const local = openProvider({ ...settings, base_url: `${server.url}/v1` }, { clock });
  expect(await statusOf(local.upstreams.get("openai-chat"), chat())).toBe(200);
  expect(local).toMatchObject({ name: "local", free: true, simulator: null });
  await local.close();
});

test("Anthropic is reached below /v1 with its key and a version, the client's own version first", async () => {
  const api_key = new Secret("sk-ant");
  const anthropic = openProvider({ name: "a", kind: "anthropic", api_key, free: false, base_url: server.url }, { clock });
  const body = Buffer.from(
    JSON.stringify({ model: "claude-haiku-4-5", max_tokens: 5, messages: [{ role: "user", content: "Hi" }] }),
  );
  expect(await statusOf(anthropic.upstreams.get("anthropic-messages"), { ...chat(), dialect: "anthropic-messages", body })).toBe(
    200,
  );
  await anthropic.close();
  const authorize = PROVIDER_KINDS.find((kind) => kind.kind === "anthropic")?.authorize;
  const headers: Record<string, string> = {};
  authorize?.(headers, "k");
  expect(headers).toEqual({ "x-api-key": "k", "anthropic-version": "2023-06-01" });
  const chosen: Record<string, string> = { "anthropic-version": "2024-01-01" };
  authorize?.(chosen, "k");
  expect(chosen["anthropic-version"]).toBe("2024-01-01");
});

test("a simulated provider runs in process, or behind a base URL, and takes steering in both", async () => {
  const settings = { name: "sim", kind: "simulated", free: false } as const;
  const inside = openProvider(settings, { clock, simulator: { latency: "none" } });
  expect(await statusOf(inside.upstreams.get("openai-chat"), chat({ "x-sim-fault": "429" }))).toBe(429);
  expect(inside.simulator?.bill().calls).toBe(1);
  const outside = openProvider({ ...settings, base_url: server.url }, { clock });
  const upstream = outside.upstreams.get("anthropic-messages");
  expect(upstream).toMatchObject({ simulated: true });
  expect(upstream?.headers_allowed("x-sim-fault")).toBe(true);
  expect(await statusOf(upstream, chat({ "x-sim-fault": "529" }))).toBe(529);
  await outside.close();
});

test("no kind lets a client's credential or account header pass", () => {
  const risky = ["authorization", "x-api-key", "cookie", "openai-organization", "openai-project", "api-key", "host"];
  for (const kind of PROVIDER_KINDS) expect(risky.filter(kind.headers_allowed), kind.kind).toEqual([]);
});
