import fc from "fast-check";
import { expect, test } from "vitest";
import { BursarError } from "../accounting/errors.js";
import { identify, type KeyIdentity } from "./identify.js";

const trusted: KeyIdentity = { name: "platform", team: "platform", trusts_attribution: true };
const fixed: KeyIdentity = { name: "cx", team: "cx", agent: "support-bot", trusts_attribution: false };

test("a key that is not trusted keeps its own identity and says that the claim was ignored", () => {
  const { caller, warnings } = identify(fixed, { headers: { "x-bursar-agent": "rich-agent", "x-bursar-user": "ann" } });
  expect(caller).toEqual({ key: "cx", team: "cx", agent: "support-bot" });
  expect(warnings).toEqual(["attribution_ignored"]);
});

test("a trusted key takes agent, task, user, step and tags from headers, and the user from the body", () => {
  const headers = {
    "x-bursar-agent": "a",
    "x-bursar-task": "t-1",
    "x-bursar-step": "3",
    "x-bursar-tags": "env=prod, tier",
    "x-bursar-task-type": "fix",
  };
  const { caller } = identify(trusted, { headers, body_user: "ann" });
  expect(caller).toMatchObject({
    key: "platform",
    team: "platform",
    agent: "a",
    task: "t-1",
    step: 3,
    user: "ann",
    task_type: "fix",
  });
  expect({ ...caller.tags }).toEqual({ env: "prod", tier: "true" });
});

test("a session is the task only when no task is given, and a trace only when neither is", () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  expect(identify(trusted, { headers: { session_id: "s", traceparent } }).caller.task).toBe("s");
  expect(identify(trusted, { headers: { session_id: "s", "x-bursar-task": "t" } }).caller.task).toBe("t");
  expect(identify(trusted, { headers: { traceparent } }).caller.task).toBe("0af7651916cd43dd8448eb211c80319c");
});

test("what a key fixes cannot be replaced by a trusted claim", () => {
  const both: KeyIdentity = { ...fixed, trusts_attribution: true };
  expect(identify(both, { headers: { "x-bursar-agent": "other" }, path_agent: "third" }).caller.agent).toBe("support-bot");
});

test("a call that names no agent belongs to unattributed", () => {
  expect(identify(trusted, { headers: {} }).caller.agent).toBe("unattributed");
});

test("names with control characters, overlong names and fractional steps are refused by name", () => {
  const hostile: readonly Record<string, string>[] = [
    { "x-bursar-agent": "a\r\nb" },
    { "x-bursar-agent": "x".repeat(257) },
    { "x-bursar-step": "1.5" },
    { "x-bursar-task": "\u0000" },
  ];
  for (const headers of hostile) {
    expect(() => identify(trusted, { headers })).toThrow(BursarError);
  }
});

test("a tag named __proto__ is a tag and touches no prototype", () => {
  const { caller } = identify(trusted, { headers: { "x-bursar-tags": "__proto__=x" } });
  expect(Object.keys(caller.tags ?? {})).toEqual(["__proto__"]);
  expect(({} as Record<string, unknown>).x).toBeUndefined();
});

const callerOf = (headers: Record<string, string>, more: object = {}) => identify(trusted, { headers, ...more }).caller;

test("Claude Code is its own agent, its session the task; a sub-agent is an agent that it started", () => {
  const client = { "user-agent": "claude-cli/2.1.197 (external, sdk-cli)", "x-app": "cli", "x-claude-code-session-id": "s-1" };
  expect(callerOf(client)).toMatchObject({ agent: "claude-code", session: "s-1", task: "s-1" });
  expect(callerOf(client)).not.toHaveProperty("parent_agent");
  const sub = { ...client, "x-claude-code-agent-id": "reviewer-7" };
  expect(callerOf(sub)).toMatchObject({ agent: "reviewer-7", parent_agent: "claude-code", task: "s-1" });
  expect(callerOf({ ...sub, "x-bursar-parent": "lead" })).toMatchObject({ agent: "reviewer-7", parent_agent: "lead" });
  expect(callerOf({ ...sub, "x-claude-code-parent-agent-id": "planner" })).toMatchObject({ parent_agent: "planner" });
  expect(callerOf(sub, { path_agent: "docs" })).toMatchObject({ agent: "reviewer-7", parent_agent: "docs" });
  expect(callerOf({ ...sub, "x-bursar-agent": "mine" })).toMatchObject({ agent: "mine" });
  expect(callerOf({ ...sub, "x-bursar-agent": "mine" })).not.toHaveProperty("parent_agent");
});

test("Claude Code's session is found in the body where the header is missing", () => {
  const headers = { "user-agent": "claude-cli/2.0" };
  expect(callerOf(headers, { body_session: "s-2", body_user: "acc" })).toMatchObject({
    task: "s-2",
    session: "s-2",
    user: "acc",
  });
  expect(callerOf({ ...headers, "x-claude-code-session-id": "s-1" }, { body_session: "s-2" })).toMatchObject({ task: "s-1" });
});

const turn = (more: object) => ({ "x-codex-turn-metadata": JSON.stringify({ thread_id: "t-1", session_id: "s-1", ...more }) });

test("Codex is its own agent, and each of its sub-agents one below it", () => {
  const client = { originator: "codex_exec", "user-agent": "codex_exec/0.140.0", "session-id": "s-1", "thread-id": "t-1" };
  expect(callerOf({ ...client, ...turn({ agent_name: "/root" }) })).toMatchObject({
    agent: "codex",
    session: "s-1",
    task: "s-1",
  });
  expect(callerOf(client)).not.toHaveProperty("parent_agent");
  const sub = { ...client, ...turn({ agent_name: "/root/explorer" }) };
  expect(callerOf(sub)).toMatchObject({ agent: "codex/explorer", parent_agent: "codex", task: "s-1" });
  expect(callerOf({ ...client, ...turn({ agent_name: "/root/a/b" }) })).toMatchObject({ agent: "codex/a/b" });
  expect(callerOf({ ...client, "x-openai-subagent": "review" })).toMatchObject({ agent: "codex/review", parent_agent: "codex" });
  expect(callerOf(sub, { path_agent: "docs" })).toMatchObject({ agent: "docs/explorer", parent_agent: "docs" });
  expect(callerOf({ ...sub, "x-bursar-agent": "mine" })).toMatchObject({ agent: "mine" });
});

test("older spellings of Codex's session, and its metadata alone, name the session too", () => {
  expect(callerOf({ session_id: "s", conversation_id: "c" })).toMatchObject({ task: "s" });
  expect(callerOf({ conversation_id: "c" })).toMatchObject({ task: "c" });
  expect(callerOf(turn({}))).toMatchObject({ agent: "codex", task: "s-1" });
});

test("a client without a sub-agent never replaces an agent that is named", () => {
  const headers = { "user-agent": "claude-cli/2.1.197" };
  expect(callerOf(headers, { path_agent: "docs" })).toMatchObject({ agent: "docs" });
  expect(callerOf({ ...headers, baggage: "gen_ai.agent.name=otel" })).toMatchObject({ agent: "otel" });
  expect(callerOf({ "user-agent": "my-claude-cli/1" })).toMatchObject({ agent: "unattributed" });
});

test("a key that fixes the agent keeps it over every client, and starts nobody's sub-agent", () => {
  const both: KeyIdentity = { ...fixed, trusts_attribution: true };
  const headers = { "user-agent": "claude-cli/2.1", "x-claude-code-agent-id": "sub", "x-claude-code-session-id": "s" };
  expect(identify(both, { headers }).caller).toEqual({ key: "cx", team: "cx", agent: "support-bot", session: "s", task: "s" });
});

test.each([
  ["x-bursar-user", { "x-bursar-user": "ann" }],
  ["LiteLLM", { "x-litellm-end-user-id": "ann" }],
  ["Helicone", { "helicone-user-id": "ann" }],
  ["Portkey", { "x-portkey-metadata": '{"_user":"ann"}' }],
])("the user is read from %s", (_, headers) => {
  expect(callerOf(headers, { body_user: "someone" })).toMatchObject({ user: "ann" });
});

test("tags come from every spelling; Bursar's own goes before the others'", () => {
  const caller = callerOf(
    {
      "x-bursar-tags": "env=prod",
      "x-litellm-tags": "env=dev,litellm",
      "x-portkey-metadata": '{"_user":"ann","portkey":"yes","nested":{"a":1},"list":[1],"none":null,"empty":""}',
      "cf-aig-metadata": '{"cloudflare":7,"beta":true}',
      "helicone-property-app": "shop",
      baggage: "tenant=t%201;prop=x,gen_ai.agent.name=a,gen_ai.conversation.id=conv,env=other,=x,bad=%zz",
    },
    { body_tags: { body: "1" } },
  );
  expect({ ...caller.tags }).toEqual({
    env: "prod",
    litellm: "true",
    portkey: "yes",
    cloudflare: "7",
    beta: "true",
    app: "shop",
    tenant: "t 1",
    body: "1",
  });
  expect(caller).toMatchObject({ agent: "a", session: "conv", task: "conv", user: "ann" });
});

test("an untrusted key's claims are ignored unread in every spelling, and tracing alone is no claim", () => {
  for (const headers of [
    { "x-portkey-metadata": "{" },
    { "cf-aig-metadata": "[]" },
    { "x-claude-code-agent-id": "\u0000" },
    { "session-id": "x".repeat(500) },
  ] as readonly Record<string, string>[])
    expect(identify(fixed, { headers })).toEqual({
      caller: { key: "cx", team: "cx", agent: "support-bot" },
      warnings: ["attribution_ignored"],
    });
  expect(identify(fixed, { headers: { baggage: "a=b", traceparent: "x", "user-agent": "claude-cli/2" } }).warnings).toEqual([]);
});

test.each([
  ["metadata that is no JSON", { "x-portkey-metadata": "{" }],
  ["metadata that is a list", { "cf-aig-metadata": "[1]" }],
  ["metadata beyond its size", { "cf-aig-metadata": `{"a":"${"x".repeat(9_000)}"}` }],
  [
    "metadata with more members than tags",
    { "cf-aig-metadata": JSON.stringify(Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`t${i}`, 1]))) },
  ],
  ["a control character in a member", { "cf-aig-metadata": '{"a":"b\\u0007"}' }],
  ["a sub-agent with a line end", turn({ agent_name: "/root/a\nb" })],
  ["an overlong sub-agent", { "x-claude-code-agent-id": "x".repeat(257) }],
  ["a control character behind percent signs", { baggage: "gen_ai.agent.name=a%0Ab" }],
])("%s is refused by name", (_, headers) => {
  expect(() => callerOf(headers)).toThrow(expect.objectContaining({ code: "invalid_request" }));
});

test("baggage that is too long, too much or unreadable costs no call its admission", () => {
  const many = Array.from({ length: 200 }, (_, index) => `t${index}=1`).join(",");
  expect(Object.keys(callerOf({ baggage: many }).tags ?? {})).toHaveLength(32);
  expect(callerOf({ baggage: `a=${"x".repeat(9_000)}` })).not.toHaveProperty("tags");
  expect(callerOf({ baggage: "a=%00,b=%zz,c,=,;" })).not.toHaveProperty("tags");
  expect(callerOf({ "x-codex-turn-metadata": `{"agent_name":"${"x".repeat(9_000)}"}` })).toMatchObject({ agent: "codex" });
});

test("whatever headers hold, a call has one agent with a name, or is refused in words", () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.json(), fc.constant('{"__proto__":{"x":1}}'));
  const names = ["user-agent", "originator", "baggage", "traceparent", "session-id", "session_id", "x-claude-code-agent-id"];
  const metadata = ["x-codex-turn-metadata", "x-openai-subagent", "x-portkey-metadata", "cf-aig-metadata", "x-litellm-tags"];
  const headers = fc.dictionary(fc.constantFrom(...names, ...metadata, "helicone-property-a"), text);
  fc.assert(
    fc.property(headers, fc.option(text), (claimed, body_session) => {
      try {
        const { agent, tags } = identify(trusted, { headers: claimed, body_session }).caller;
        expect(agent.length).toBeGreaterThan(0);
        expect(agent.length).toBeLessThanOrEqual(256);
        expect(Object.keys(tags ?? {}).length).toBeLessThanOrEqual(32);
      } catch (error) {
        expect(error).toBeInstanceOf(BursarError);
      }
    }),
    { numRuns: 500 },
  );
  expect(({} as Record<string, unknown>).x).toBeUndefined();
});
