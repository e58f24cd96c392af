// Codex as its users have it, on the loopback: its own binary → what it sends is written down → gateway → what arrives is
// written down → simulated provider. Where its package has no binary for this machine, `npm test` says so, and
// constructed.test.ts alone stands for it.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { standingChecks } from "../running-bursar.js";
import { CODEX, type Ended, runAgent } from "./installed.js";
import { type CodingRig, callsOf, openCodingRig, withoutSplice } from "./rig.js";

const LIMIT_MS = 60_000;

/** Runs one question, as in a script. The configuration is the one of docs/guides/codex.md. */
function codex({ home, sent }: CodingRig, path: string, key = "platform-key"): Promise<Ended> {
  mkdirSync(join(home, ".codex"), { recursive: true });
  const config = `model = "gpt-5"
model_provider = "bursar"
web_search = "disabled"

[model_providers.bursar]
name = "Bursar"
base_url = "${sent.url}${path}/v1"
env_key = "BURSAR_KEY"
wire_api = "responses"
`;
  writeFileSync(join(home, ".codex/config.toml"), config);
  const args = ["exec", "--skip-git-repo-check", "say hello"];
  return runAgent(CODEX ?? "", args, { home, env: { BURSAR_KEY: key }, limitMs: LIMIT_MS });
}

function withKey(): void {
  let rig: CodingRig;
  let ended: Ended;
  beforeAll(async () => {
    rig = await openCodingRig();
    ended = await codex(rig, "");
  });
  afterAll(() => rig.close());

  test("it says what the provider answered and ends well", () => {
    expect([ended.code, ended.said]).toEqual([0, expect.stringMatching(/simulat/)]);
  });

  test("every byte it sent arrives apart from the output cap", () => {
    const [sent, arrived] = [callsOf(rig.sent), callsOf(rig.arrived)];
    expect(arrived.length).toBeGreaterThan(0);
    expect(sent.map(({ url }) => url)).toEqual(arrived.map(() => "/v1/responses"));
    expect(arrived.map(({ url }) => url)).toEqual(arrived.map(() => "/v1/responses"));
    expect(arrived.map(({ body }, n) => withoutSplice(body, sent[n]?.body ?? Buffer.alloc(0), "max_output_tokens"))).toEqual(
      sent.map(({ body }) => body.toString("latin1")),
    );
    expect(JSON.stringify(arrived.map(({ headers }) => headers))).not.toContain("platform-key");
  });

  test("its session is the task, and without another name it is the agent codex", async () => {
    const session = callsOf(rig.sent)[0]?.headers["session-id"];
    expect(session).toMatch(/^[0-9a-f-]{36}$/);
    const held = await rig.at.entries("call.held");
    expect(held[0]?.attribution).toMatchObject({ agent: "codex", task: session, session });
  });

  test("what was posted is what was billed", () => standingChecks(rig.at));

  // Codex asks five times more after any status but 400 and a spent quota, whatever x-should-retry says.
  test.each([
    ["402, where its key says so,", "spent-402", 6],
    ["400, as it is told where the key says nothing,", "platform-key", 1],
  ])("a spent budget told with %s ends it, and its user reads how to lift it", { timeout: LIMIT_MS }, async (_, key, most) => {
    const before = { sent: callsOf(rig.sent).length, arrived: callsOf(rig.arrived).length };
    const refused = await codex(rig, "/agents/spent", key);
    expect(refused.code).toBe(1);
    expect(refused.said).toMatch(/Budget \\?"spent\\?" allows \$0\.01 .*bursar budget raise spent/);
    expect(refused.tookMs).toBeLessThan(30_000);
    expect(callsOf(rig.sent).length - before.sent).toBeLessThanOrEqual(most);
    expect(callsOf(rig.arrived).length).toBe(before.arrived);
  });
}

if (CODEX !== null) {
  describe("Codex with a key of Bursar", withKey);
} else {
  test("Codex has no binary for this machine: its constructed requests alone stand for it", () => {
    expect(CODEX).toBeNull();
  });
}
