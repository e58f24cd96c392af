// Requests constructed from what Claude Code 2.1.197 and Codex 0.169.0 were seen to send (November 2026), for what a single
// question does not bring about: sub-agents, older spellings, a subscription. They are not recordings.
import { afterAll, beforeAll, expect, test } from "vitest";
import { standingChecks } from "../running-bursar.js";
import { type CodingRig, callsOf, openCodingRig, withoutSplice } from "./rig.js";

const SESSION = "33e3898d-50cd-4840-af25-6314a5ca3725";
const CLAUDE = {
  "user-agent": "claude-cli/2.1.197 (external, sdk-cli)",
  "x-claude-code-session-id": SESSION,
  "x-app": "cli",
  "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27",
  "anthropic-version": "2023-06-01",
};
// Odd spacing on purpose: what is not spliced arrives as it was sent.
const MESSAGE = `{"model":"claude-opus-4-8","messages":[{"role":"user","content":[{"type":"text","text":"say hello \\u00e9",
 "cache_control":{"type":"ephemeral"}}]},{"role":"system","content":"Agents: none."}],
 "system":[{"type":"text","text":"You are a Claude agent.","cache_control":{"type":"ephemeral"}}],
 "tools":[{"name":"Bash","description":"Runs a command.","input_schema":{"type":"object","properties":{"command":{"type":"string"}}}}],
 "metadata":{"user_id":"{\\"device_id\\":\\"d1\\",\\"account_uuid\\":\\"\\",\\"session_id\\":\\"${SESSION}\\"}"},
 "max_tokens":64000,"thinking":{"type":"adaptive"},
 "context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},"output_config":{"effort":"high"},"stream":true}`;
const OLDER = MESSAGE.replace(/"user_id":"\{.*?\}"/, `"user_id":"user_h1_account_a1_session_${SESSION}"`);

const turn = (agent: string): string => JSON.stringify({ session_id: SESSION, thread_id: SESSION, agent_name: agent });
const CODEX = { originator: "codex_exec", "user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64)" };
const RESPONSE = `{"model":"gpt-5","stream":true, "input":[
 {"type":"message","role":"developer","content":[{"type":"input_text","text":"You are a coding agent."}]},
 {"type":"message","role":"user","content":[{"type":"input_text","text":"say hello"}]}],
 "tools":[{"type":"function","name":"exec_command","strict":false,"parameters":{"type":"object","properties":{"cmd":{"type":"string"}}}},
 {"type":"namespace","name":"multi_agent_v1","description":"Sub-agents.","tools":[{"type":"function","name":"spawn_agent","parameters":{"type":"object","properties":{}}}]}],
 "tool_choice":"auto","parallel_tool_calls":true,"reasoning":{"summary":"auto"},"store":false,
 "include":["reasoning.encrypted_content"],"prompt_cache_key":"${SESSION}","client_metadata":{"x-codex-window-id":"${SESSION}:0"}}`;

let rig: CodingRig;

beforeAll(async () => {
  rig = await openCodingRig();
});
afterAll(async () => {
  await standingChecks(rig.at);
  await rig.close();
});

interface Asked {
  readonly path: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

async function ask(of: CodingRig, { path, body, headers }: Asked): Promise<{ status: number; text: string }> {
  const own = { "content-type": "application/json", authorization: "Bearer platform-key", ...headers };
  const reply = await fetch(`${of.sent.url}${path}`, { method: "POST", headers: own, body });
  return { status: reply.status, text: await reply.text() };
}

test.each([
  ["Claude Code", { path: "/v1/messages?beta=true", body: MESSAGE, headers: CLAUDE }, "max_tokens"],
  ["Codex", { path: "/v1/responses", body: RESPONSE, headers: { ...CODEX, "session-id": SESSION } }, "max_output_tokens"],
])("a request constructed as %s's arrives as it was sent, apart from the output cap", async (_, asked, cap) => {
  const { status, text } = await ask(rig, asked);
  expect([status, text]).toEqual([200, expect.stringMatching(/message_stop|response\.completed/)]);
  const arrived = callsOf(rig.arrived).at(-1);
  expect(arrived?.url).toBe(asked.path);
  expect(withoutSplice(arrived?.body ?? Buffer.alloc(0), Buffer.from(asked.body), cap)).toBe(
    Buffer.from(asked.body).toString("latin1"),
  );
});

test.each([
  [
    "Claude Code's sub-agent",
    "/v1/messages?beta=true",
    MESSAGE,
    { ...CLAUDE, "x-claude-code-agent-id": "explore-1" },
    "explore-1",
  ],
  ["Claude Code by its older user id", "/v1/messages", OLDER, CLAUDE, "claude-code"],
  ["Codex's first agent", "/v1/responses", RESPONSE, { ...CODEX, "x-codex-turn-metadata": turn("/root") }, "codex"],
  ["Codex's sub-agent", "/v1/responses", RESPONSE, { ...CODEX, "x-codex-turn-metadata": turn("/root/review") }, "codex/review"],
  [
    "Codex's sub-agent by an older header",
    "/v1/responses",
    RESPONSE,
    { ...CODEX, session_id: SESSION, "x-openai-subagent": "compact" },
    "codex/compact",
  ],
])("%s is the agent it says, and its session is the task", async (_, path, body, headers, agent) => {
  expect((await ask(rig, { path, body, headers })).status).toBe(200);
  await rig.at.settled();
  const held = (await rig.at.entries("call.held")).at(-1);
  expect(held?.attribution).toMatchObject({ agent, task: SESSION, session: SESSION });
  expect(held?.attribution.user ?? "").not.toMatch(/[{"]/);
});

test("a subscription's own login arrives, and Bursar's key does not", async () => {
  const subscribed = await openCodingRig((url) => `anthropic: { kind: anthropic, base_url: "${url}", passthrough: true }`);
  try {
    const headers = { ...CLAUDE, authorization: "Bearer own-subscription", "x-bursar-key": "platform-key" };
    expect((await ask(subscribed, { path: "/v1/messages?beta=true", body: MESSAGE, headers })).status).toBe(200);
    const [arrived] = callsOf(subscribed.arrived);
    expect(arrived?.headers.authorization).toBe("Bearer own-subscription");
    expect(JSON.stringify(arrived?.headers)).not.toContain("platform-key");
    await standingChecks(subscribed.at);
  } finally {
    await subscribed.close();
  }
});

test("a spent budget is told to Codex with the status it takes for final, to others with 402, unless the key says", async () => {
  const before = callsOf(rig.arrived).length;
  const asked = { path: "/agents/spent/v1/responses", body: RESPONSE };
  expect((await ask(rig, { ...asked, headers: CODEX })).status).toBe(400);
  expect((await ask(rig, { ...asked, headers: { ...CODEX, authorization: "Bearer spent-402" } })).status).toBe(402);
  expect((await ask(rig, { ...asked, headers: {} })).status).toBe(402);
  expect(callsOf(rig.arrived).length).toBe(before);
});
