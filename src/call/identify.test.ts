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
