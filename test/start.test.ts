// The first five minutes, as a newcomer has them: a fresh clone, `npm start`, and the lines it prints pasted into a shell,
// a TypeScript and a Python file. It clones what is committed, not what lies in the working tree.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cleanEnvironment, freePort, type ServerProcess, startServer } from "./server-process.js";
import { root } from "./tidy/source.js";

const folder = mkdtempSync(join(tmpdir(), "bursar-start-"));
const clone = join(folder, "clone");
let server: ServerProcess | null = null;

async function npmStart(): Promise<ServerProcess> {
  const port = await freePort();
  const env = { ...cleanEnvironment(folder), BURSAR_PORT: String(port) };
  return startServer({ command: ["npm", "start"], cwd: clone, env, port });
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];
  return execFileSync(program, args, { cwd: folder, env: { ...process.env, ...env }, encoding: "utf8", timeout: 120_000, stdio });
}

/** The line of the printed box that holds `sign`, without the box around it. */
function printedLine(sign: string): string {
  const lines = (server?.stdout() ?? "").split("\n").map((line) => line.replace(/[│┃|]\s*$/, "").replace(/^\s*[│┃|]/, ""));
  const line = lines.find((one) => one.includes(sign));
  if (!line) throw new Error(`npm start prints no line with ${sign}:\n${lines.join("\n")}`);
  return line.trim();
}

beforeAll(async () => {
  execFileSync("git", ["clone", "--quiet", root, clone]);
  server = await npmStart();
}, 300_000);

afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("a fresh clone serves after npm start, with one line about installing and a ledger beside the code", () => {
  expect(server?.stderr().match(/^Installing .*$/gm)).toHaveLength(1);
  expect(existsSync(join(clone, ".bursar"))).toBe(true);
  expect(execFileSync("git", ["status", "--porcelain"], { cwd: clone, encoding: "utf8" })).toBe("");
});

test("the printed curl line is answered by a model", () => {
  const line = printedLine("curl ");
  const answer = JSON.parse(run("sh", ["-c", line.slice(line.indexOf("curl "))])) as {
    choices: { message: { content: string } }[];
  };
  expect(answer.choices[0]?.message.content).toMatch(/\S/);
});

test("the printed TypeScript line makes the official client work", () => {
  const client = /new OpenAI\(\{.*\}\)/.exec(printedLine("new OpenAI("))?.[0];
  writeFileSync(
    join(folder, "line.mjs"),
    `import OpenAI from "openai";
    const client = ${client};
    const messages = [{ role: "user", content: "Say hello." }];
    const reply = await client.chat.completions.create({ model: "gpt-4o-mini", messages });
    console.log(reply.choices[0].message.content);`,
  );
  symlinkSync(join(root, "test/node_modules"), join(folder, "node_modules"));
  expect(run(process.execPath, ["line.mjs"])).toMatch(/\S/);
});

test("the printed Python line makes the official client work", { timeout: 180_000 }, () => {
  const packages = join(folder, "python");
  try {
    run("python3", ["-m", "pip", "install", "--quiet", "--target", packages, "-r", join(root, "test/requirements.txt")]);
  } catch (error) {
    throw new Error("Python or pip is missing: sudo apt-get install -y python3 python3-pip", { cause: error });
  }
  const client = /OpenAI\(base_url=.*\)/.exec(printedLine("OpenAI(base_url="))?.[0];
  const program = `
from openai import OpenAI
client = ${client}
messages = [{"role": "user", "content": "Say hello."}]
print(client.chat.completions.create(model="gpt-4o-mini", messages=messages).choices[0].message.content)
`;
  expect(run("python3", ["-c", program], { PYTHONPATH: packages })).toMatch(/\S/);
});

test("it stops when it is told to, and the second start installs and builds nothing", async () => {
  await server?.stop();
  server = await npmStart();
  expect(server.stderr()).not.toContain("Installing");
  expect(existsSync(join(clone, "dist/.built"))).toBe(true);
});
