// Every example of examples/, run as its README says, against one server that was started as the README says.
import { execFile, execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { transform } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cleanEnvironment, freePort, type ServerProcess, startServer } from "../server-process.js";
import { root } from "../tidy/source.js";
import { CLAUDE_CODE, CODEX } from "./coding-agents/installed.js";

const run = promisify(execFile);
const cli = join(root, "dist/surfaces/cli/bin.js");
let folder: string;
let server: ServerProcess;
const ran = new Set<string>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "bursar-examples-"));
  cpSync(join(root, "examples"), join(folder, "examples"), { recursive: true });
  mkdirSync(join(folder, "node_modules"));
  for (const name of ["openai", "@anthropic-ai", "@google", "ai", "@ai-sdk", "@langchain", "@openai"]) {
    symlinkSync(join(root, "test/node_modules", name), join(folder, "node_modules", name));
  }
  symlinkSync(root, join(folder, "node_modules/bursar"));
  const command = [process.execPath, cli, "up", "--port", "0", "--config", "examples/bursar.yaml"] as const;
  server = await startServer({ command: [...command], cwd: folder, env: cleanEnvironment(folder) });
}, 60_000);
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function example(program: string, file: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  ran.add(file);
  const own = { BURSAR_URL: server.url, BURSAR: `${process.execPath} ${cli}`, ...env };
  const { stdout } = await run(program, [`examples/${file}`], { cwd: folder, env: { ...cleanEnvironment(folder), ...own } });
  return stdout;
}

/** Node 20 does not read TypeScript; its types are taken off first, and nothing else is changed. */
async function typescript(file: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { code } = await transform(readFileSync(join(root, "examples", file), "utf8"), { loader: "ts", format: "esm" });
  const stripped = file.replace(/\.ts$/, ".mjs");
  writeFileSync(join(folder, "examples", stripped), code);
  ran.add(file);
  return example(process.execPath, stripped, env);
}

async function agents(): Promise<Record<string, { calls: number; refused: number }>> {
  const status = (await (await fetch(`${server.url}/api/v1/status`)).json()) as {
    agents: Record<string, { calls: number; refused: number }>;
  };
  return status.agents;
}

test("curl.sh", async () => {
  const said = await example("sh", "curl.sh");
  expect(said).toMatch(/x-bursar-cost-usd: 0\.\d+/);
  expect(said).toContain("data: [DONE]");
  expect(said).toContain('"type":"message"');
  expect(said).toContain("support-bot");
  expect(await agents()).toMatchObject({ "research-bot": { calls: 2 }, "support-bot": { calls: 1 } });
});

test("openai-client.ts", async () => {
  const said = await typescript("openai-client.ts");
  expect(said).toMatch(/This call cost \$ 0\.\d+/);
  expect(said).toMatch(/Left: name="\S+";unit=\w+;left=/);
});

test("anthropic-client.ts", async () => {
  const said = await typescript("anthropic-client.ts");
  expect(said).toMatch(/Stopped by (end_turn|max_tokens) after \d+ tokens/);
  const explained = await fetch(/Explained at (\S+)/.exec(said)?.[1] ?? "");
  expect(explained.status).toBe(200);
  expect(await agents()).toMatchObject({ "research-claude": { calls: 2 } });
});

test.each([
  ["openai-responses.ts", "research-responses", 1, /Ended (completed|incomplete) after \d+ tokens/],
  ["openai-embeddings.ts", "research-index", 1, /2 vectors of 1536 dimensions\nThey cost \$ 0\.\d+/],
  ["genai-client.ts", "research-gemini", 2, /The question has \d+ tokens\n\w+ \w+/],
  ["ai-sdk.ts", "research-ai-sdk", 2, /\w+ - \d+ tokens\n\w+ \w+|tokens/],
  ["langchain.ts", "research-langchain", 2, / - \d+ tokens\n\w+ \w+/],
  ["openai-agents.ts", "research-agents", 2, /billing says: \w+ \w+[\s\S]*2 requests/],
])("%s", async (file, agent, calls, says) => {
  expect(await typescript(file)).toMatch(says);
  expect(await agents()).toMatchObject({ [agent]: { calls } });
});

test("ai-sdk-middleware.ts", async () => {
  const port = await freePort();
  const command = [process.execPath, cli, "simulator", "--port", String(port)] as const;
  const simulator = await startServer({ command, cwd: folder, env: cleanEnvironment(folder), port });
  try {
    const env = { BURSAR_DATA: join(folder, "middleware"), SIMULATOR_URL: `${simulator.url}/v1` };
    expect(await typescript("ai-sdk-middleware.ts", env)).toMatch(
      /\w+ \w+[\s\S]*Refused: Budget "task-cap".*bursar budget raise/,
    );
  } finally {
    await simulator.stop();
  }
});

test.each([
  ["claude-code.sh", "claude", CLAUDE_CODE],
  ["codex.sh", "codex", CODEX],
])("%s", async (file, name, binary) => {
  // Without a binary for this machine the script is read and not run; npm test says so.
  if (binary === null) {
    ran.add(file);
    expect((await run("sh", ["-n", `examples/${file}`], { cwd: folder })).stderr).toBe("");
    return;
  }
  mkdirSync(join(folder, name));
  symlinkSync(binary, join(folder, name, name));
  const quiet = { DISABLE_TELEMETRY: "1", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1" };
  const said = await example("sh", file, { ...quiet, PATH: `${join(folder, name)}${delimiter}${process.env.PATH}` });
  expect(said).toMatch(/\w+ \w+/);
  expect((await agents())[`research-${file.replace(".sh", "")}`]?.calls).toBeGreaterThan(0);
});

test("openai_client.py", { timeout: 180_000 }, async () => {
  const packages = join(folder, "python");
  try {
    const install = ["-m", "pip", "install", "--quiet", "--target", packages, "-r", join(root, "test/requirements.txt")];
    execFileSync("python3", install, { stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    throw new Error("Python or pip is missing: sudo apt-get install -y python3 python3-pip", { cause: error });
  }
  const said = await example("python3", "openai_client.py", { PYTHONPATH: packages });
  expect(said).toMatch(/Refused with 402 - .*task-cap.*bursar budget raise task-cap/);
  expect(await agents()).toMatchObject({ "research-py": { calls: 1, refused: 1 } });
});

test.each(["with the server that runs", "without any server"])("in-process.ts, %s", async (how) => {
  const env = how.startsWith("with the") ? {} : { BURSAR_DATA: join(folder, "own") };
  const said = await typescript("in-process.ts", env);
  expect(said).toContain("Refused by task-cap");
  const status = JSON.parse(said.slice(said.indexOf("\n{") + 1)) as { agents: Record<string, unknown> };
  expect(status.agents["research-sdk"]).toMatchObject({ calls: 1, refused: 1 });
});

test("budgets.sh", async () => {
  const said = await example("sh", "budgets.sh");
  expect(said).toMatch(/-- refused\n402\n.*billing_error.*bursar budget raise task-cap/s);
  expect(said).toMatch(/now allows \$3\.50 until .*\n200\n/s);
  expect(said).toContain("the yearly report");
  expect(await agents()).toMatchObject({ "research-opus": { calls: 1, refused: 1 } });
});

test("no example is forgotten, and the README names each", () => {
  const files = readdirSync(join(root, "examples")).filter((file) => file !== "README.md" && file !== "bursar.yaml");
  expect(files.filter((file) => !ran.has(file))).toEqual([]);
  const readme = readFileSync(join(root, "examples/README.md"), "utf8");
  expect(files.filter((file) => !readme.includes(`(${file})`))).toEqual([]);
});
