// The lines for coding agents that the start box prints, pasted into a shell as they are, without a configuration file.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../../src/config/load.js";
import { openServer, type RunningServer } from "../../../src/surfaces/assemble.js";
import { startBox } from "../../../src/surfaces/cli/start-box.js";
import { CLAUDE_CODE, CODEX, runAgent } from "./installed.js";

let server: RunningServer;
let home: string;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "bursar-first-minutes-"));
  const config = loadConfig({ env: {}, cwd: home, flags: { port: 0, data: join(home, "data") } });
  server = await openServer({ config, simulator: { latency: "none" } });
});
afterAll(async () => {
  await server.close(0);
  rmSync(home, { recursive: true, force: true });
});

/** The printed line of this name. */
function printed(name: string): string {
  const box = startBox({ url: server.url, facts: server.facts(), budgets: [] });
  const line = box.split("\n").find((row) => row.startsWith(`│ ${name.padEnd(12)}`));
  return line?.slice(14) ?? "";
}

const AGENTS = [
  { name: "Codex", binary: CODEX, more: "-m gpt-5 exec --skip-git-repo-check 'say hello'", agent: "codex" },
  { name: "Claude Code", binary: CLAUDE_CODE, more: "-p 'say hello'", agent: "claude-code" },
];

test.each(AGENTS)(
  "the printed line for $name works as it is, and what it spends is its own",
  { timeout: 60_000 },
  async ({ name, binary, more, agent }) => {
    expect(printed(name)).toContain(server.url);
    // Where a package has no binary for this machine, `npm test` says so by name.
    if (binary === null) return;
    const PATH = `${dirname(binary)}:${process.env.PATH ?? ""}`;
    const quiet = { DISABLE_TELEMETRY: "1", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1" };
    const ended = await runAgent("sh", ["-c", `${printed(name)} ${more}`], { home, env: { PATH, ...quiet }, limitMs: 60_000 });
    expect([ended.code, ended.said]).toEqual([0, expect.stringMatching(/simulat/i)]);
    const spenders = [...server.core.ledger.state().accounts.values()].filter(({ used }) => used > 0n);
    expect(spenders.map(({ budget }) => budget)).toEqual(["local-day"]);
    const calls: string[] = [];
    for await (const entry of server.core.ledger.read(1)) if (entry.type === "call.held") calls.push(entry.attribution.agent);
    expect(calls).toContain(agent);
  },
);
