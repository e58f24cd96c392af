// Claude Code as its users have it, on the loopback: its own binary → what it sends is written down → gateway → what arrives
// is written down → simulated provider. Where its package has no binary for this machine, `npm test` says so, and
// constructed.test.ts alone stands for it.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { standingChecks } from "../running-bursar.js";
import { CLAUDE_CODE, type Ended, runAgent } from "./installed.js";
import { type CodingRig, callsOf, openCodingRig, withoutSplice } from "./rig.js";

const LIMIT_MS = 60_000;

/** Runs one question, as in a script. */
function claude({ home, sent }: CodingRig, path: string, env: Readonly<Record<string, string>>): Promise<Ended> {
  const quiet = { DISABLE_TELEMETRY: "1", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1" };
  const own = { ANTHROPIC_BASE_URL: `${sent.url}${path}`, ...quiet, ...env };
  return runAgent(CLAUDE_CODE ?? "", ["-p", "say hello"], { home, env: own, limitMs: LIMIT_MS });
}

function asKeyHolder(): void {
  let rig: CodingRig;
  let ended: Ended;
  beforeAll(async () => {
    rig = await openCodingRig();
    ended = await claude(rig, "", { ANTHROPIC_API_KEY: "platform-key" });
  });
  afterAll(() => rig.close());

  test("it says what the provider answered and ends well", () => {
    expect(ended.code).toBe(0);
    expect(ended.said).toMatch(/simulat/);
  });

  test("its probe of the base URL is answered and does not reach the provider", () => {
    expect(rig.sent.seen[0]).toMatchObject({ method: "HEAD", url: "/" });
    expect(rig.arrived.seen.filter(({ method }) => method === "HEAD")).toEqual([]);
  });

  test("every byte it sent arrives apart from the output cap, and so do its beta headers and its query", () => {
    const [sent, arrived] = [callsOf(rig.sent), callsOf(rig.arrived)];
    expect(arrived.length).toBeGreaterThan(0);
    expect(arrived.map(({ body }, n) => withoutSplice(body, sent[n]?.body ?? Buffer.alloc(0), "max_tokens"))).toEqual(
      sent.map(({ body }) => body.toString("latin1")),
    );
    expect(arrived.map(({ url }) => url)).toEqual(sent.map(({ url }) => url));
    for (const name of ["anthropic-beta", "anthropic-version"]) {
      expect(arrived.map(({ headers }) => headers[name])).toEqual(sent.map(({ headers }) => headers[name]));
      expect(sent[0]?.headers[name]).toBeTruthy();
    }
    expect(arrived.filter(({ headers }) => "x-api-key" in headers || "authorization" in headers)).toEqual([]);
  });

  test("its session is the task, and without another name it is the agent claude-code", async () => {
    const session = callsOf(rig.sent)[0]?.headers["x-claude-code-session-id"];
    expect(session).toMatch(/^[0-9a-f-]{36}$/);
    const held = await rig.at.entries("call.held");
    expect(held[0]?.attribution).toMatchObject({ agent: "claude-code", task: session, session });
    expect(held[0]?.attribution.user).not.toContain("{");
  });

  test("what was posted is what was billed", () => standingChecks(rig.at));

  test("a spent budget ends it at once: one request, and its user reads how to lift it", { timeout: LIMIT_MS }, async () => {
    const before = { sent: callsOf(rig.sent).length, arrived: callsOf(rig.arrived).length };
    const refused = await claude(rig, "/agents/spent", { ANTHROPIC_API_KEY: "platform-key" });
    expect(refused.code).toBe(1);
    expect(refused.said).toMatch(/402 Budget "spent" allows \$0\.01 .*bursar budget raise spent/);
    expect(refused.tookMs).toBeLessThan(30_000);
    expect(
      callsOf(rig.sent)
        .slice(before.sent)
        .map(({ url }) => url),
    ).toEqual(["/agents/spent/v1/messages?beta=true"]);
    expect(callsOf(rig.arrived).length).toBe(before.arrived);
  });
}

function asSubscriber(): void {
  let rig: CodingRig;
  let ended: Ended;
  beforeAll(async () => {
    rig = await openCodingRig((url) => `anthropic: { kind: anthropic, base_url: "${url}", passthrough: true }`);
    ended = await claude(rig, "/agents/subscriber", {
      ANTHROPIC_AUTH_TOKEN: "own-subscription",
      ANTHROPIC_CUSTOM_HEADERS: "x-bursar-key: platform-key",
    });
  });
  afterAll(() => rig.close());

  test("its own credential reaches the provider, and Bursar's key does not", () => {
    expect([ended.code, ended.said]).toEqual([0, expect.stringMatching(/simulat/)]);
    const arrived = callsOf(rig.arrived);
    expect(arrived.map(({ headers }) => headers.authorization)).toEqual(arrived.map(() => "Bearer own-subscription"));
    expect(arrived.length).toBeGreaterThan(0);
    expect(JSON.stringify(arrived.map(({ headers }) => headers))).not.toContain("platform-key");
  });

  test("what it would have cost is posted for the agent named in its base URL", async () => {
    await standingChecks(rig.at);
    expect((await rig.at.entries("call.held")).map(({ attribution }) => attribution.agent)).toContain("subscriber");
  });
}

if (CLAUDE_CODE !== null) {
  describe("Claude Code with a key of Bursar", asKeyHolder);
  describe("Claude Code with a subscription of its own", asSubscriber);
} else {
  test("Claude Code has no binary for this machine: its constructed requests alone stand for it", () => {
    expect(CLAUDE_CODE).toBeNull();
  });
}
