import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BursarError } from "../accounting/errors.js";
import { originOf, originText } from "./explain.js";
import type { Env } from "./interpolate.js";
import { type ConfigFlags, loadConfig } from "./load.js";
import { isLoopback } from "./loopback.js";
import { ConfigInvalid } from "./problem.js";

let cwd = "";
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "bursar-config-"));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const load = (env: Env = {}, flags: ConfigFlags = {}) => loadConfig({ env, flags, cwd });
const write = (text: string, name = "bursar.yaml"): void => writeFileSync(join(cwd, name), text);
const refusal = (env: Env = {}, flags: ConfigFlags = {}): BursarError => {
  try {
    load(env, flags);
  } catch (error) {
    if (error instanceof BursarError) return error;
    throw error;
  }
  throw new Error("it loads");
};

test("flags go before the environment, that before the file, that before the default", () => {
  write("version: 1\nserver: { host: 127.0.0.2, port: 1000 }");
  const port = (env: Env, flags: ConfigFlags): string => {
    const config = load(env, flags);
    return `${config.server.port} ${originText(originOf(config, "server.port"))}`;
  };
  expect(port({ BURSAR_PORT: "2000" }, { port: 3000 })).toBe("3000 --port");
  expect(port({ BURSAR_PORT: "2000" }, {})).toBe("2000 BURSAR_PORT");
  expect(port({ BURSAR_PORT: "" }, {})).toBe("1000 bursar.yaml:2:34");
  write("version: 1");
  expect(port({}, {})).toBe("4141 default");
  const config = load({ BURSAR_DATA: "ledger", BURSAR_ADMIN_TOKEN: "from-the-environment" });
  expect(config.data).toBe(join(cwd, "ledger"));
  expect(load({ BURSAR_DATA: "ledger" }, { data: "other" }).data).toBe(join(cwd, "other"));
  expect(load().data).toBe(join(cwd, ".bursar"));
  expect(config.server.admin_token?.reveal()).toBe("from-the-environment");
});

test("a variable that the environment already answers need not be set", () => {
  write("version: 1\nserver: { admin_token: $" + "{NOT_SET} }");
  expect(refusal().message).toContain("NOT_SET is not set");
  expect(load({ BURSAR_ADMIN_TOKEN: "from-the-environment" }).server.admin_token?.reveal()).toBe("from-the-environment");
});

test("a wrong flag or variable is told by its own name", () => {
  write("version: 1");
  expect(refusal({}, { port: "http" }).message).toContain("--port server.port:");
  expect(refusal({ BURSAR_PORT: "99999" }).message).toContain("BURSAR_PORT server.port:");
  expect(refusal({}, { port: "" }).message).toContain("--port server.port:");
});

test("a file that is named must be there; without one the built-in configuration is used", () => {
  expect(refusal({ BURSAR_CONFIG: "absent.yaml" }).message).toContain("There is no file");
  expect(refusal({}, { config: "absent.yaml" }).code).toBe("config_invalid");
  expect(load().path).toBeNull();
  write("version: 1", "other.yaml");
  expect(load({ BURSAR_CONFIG: "other.yaml" }).path).toBe(join(cwd, "other.yaml"));
});

test("PostgreSQL is refused by name", () => {
  expect(refusal({ BURSAR_DATABASE_URL: "postgres://u:secret@db/x" }).message).toContain("not built yet: PostgreSQL");
  expect(refusal({ BURSAR_DATABASE_URL: "postgres://u:secret@db/x" }).message).not.toContain("secret");
});

test("without a file a key in the environment makes its provider real, and everything else is simulated", () => {
  const config = load({ ANTHROPIC_API_KEY: "sk-ant-hidden", OPENAI_API_KEY: "" });
  expect(config.serving).toEqual([
    { provider: "openai", mode: "simulated", why: "OPENAI_API_KEY is not set" },
    { provider: "anthropic", mode: "real", why: "ANTHROPIC_API_KEY is set" },
    { provider: "gemini", mode: "simulated", why: "GEMINI_API_KEY is not set" },
  ]);
  expect(config.providers.map(({ name, kind }) => [name, kind])).toEqual([
    ["anthropic", "anthropic"],
    ["sim", "simulated"],
  ]);
  expect(config.keys).toEqual([{ token: null, identity: { name: "local", trusts_attribution: true, tool_uses_max: 3 } }]);
  expect(config.budgets).toHaveLength(1);
  expect(config.budgets[0]).toMatchObject({
    name: "local-day",
    unit: "usd",
    limit: 10_000_000_000n,
    per: [],
    mode: "hard",
    window: { kind: "calendar", unit: "day" },
    timezone: config.timezone,
  });
  expect(JSON.stringify(config.providers)).not.toContain("hidden");
});

test("without a file every hosted provider is real whose key is in the environment; Azure also needs its address", () => {
  const config = load({ GEMINI_API_KEY: "g", GROQ_API_KEY: "q", AZURE_OPENAI_API_KEY: "a" });
  expect(config.providers.map(({ kind }) => kind)).toEqual(["gemini", "groq", "simulated"]);
  expect(config.serving.map(({ provider, mode }) => `${provider} ${mode}`)).toEqual([
    "openai simulated",
    "anthropic simulated",
    "gemini real",
    "groq real",
  ]);
  const azure = load({ AZURE_OPENAI_API_KEY: "a", AZURE_OPENAI_ENDPOINT: "https://unit.openai.azure.com" });
  expect(azure.providers[0]).toMatchObject({ name: "azure", kind: "azure", base_url: "https://unit.openai.azure.com" });
});

test("J21: beyond loopback nothing starts without a file, nor without a secret that is one", () => {
  expect(refusal({ BURSAR_HOST: "0.0.0.0" }).message).toContain("this machine only");
  expect(refusal({ BURSAR_HOST: "0.0.0.0", BURSAR_ADMIN_TOKEN: "long-enough-token" }).message).toContain("this machine only");
  write("version: 1");
  expect(refusal({ BURSAR_HOST: "0.0.0.0" }).message).toContain("Set BURSAR_ADMIN_TOKEN");
  expect(refusal({ BURSAR_HOST: "0.0.0.0", BURSAR_ADMIN_TOKEN: "" }).message).toContain("Set BURSAR_ADMIN_TOKEN");
  expect(refusal({ BURSAR_ADMIN_TOKEN: "password" }, { host: "192.168.1.5" }).message).toContain("easy to guess");
  expect(load({ BURSAR_HOST: "0.0.0.0", BURSAR_ADMIN_TOKEN: "long-enough-token" }).server.host).toBe("0.0.0.0");
});

test("loopback is 127.0.0.0/8, ::1 and localhost, and nothing that only looks like it", () => {
  expect(["127.0.0.1", "127.255.1.9", "::1", "[::1]", "LOCALHOST"].map(isLoopback)).toEqual([true, true, true, true, true]);
  const open = [
    "0.0.0.0",
    "::",
    "127.0.0.1.example.com",
    "127.1",
    "127.0.0.256",
    "",
    "localhost.example.com",
    "::ffff:127.0.0.1",
  ];
  expect(open.filter(isLoopback)).toEqual([]);
});

test("the prices file is read with the configuration, its decimals as text, its mistakes in its own lines", () => {
  write("version: 1\nprices: prices.yaml");
  expect(refusal().message).toContain("bursar.yaml:2:9 prices: There is no file");
  write(
    "version: 1\nprices:\n  - { model: local/llama, input: 0.10, output: 2.50, effective_from: 2026-01-01, multipliers: { batch: 0.5 } }",
    "prices.yaml",
  );
  expect(load().prices).toEqual({
    path: join(cwd, "prices.yaml"),
    overrides: [
      { model: "local/llama", input: "0.10", output: "2.50", effective_from: "2026-01-01", multipliers: { batch: "0.5" } },
    ],
  });
  write(
    "version: 1\nprices:\n  - { model: local/llama, input: 1e-7, output: 2.50 }\n  - { model: x/y, input: 0, output: 1 }\n  - { model: x/z, inptu: 1, output: 1 }",
    "prices.yaml",
  );
  const error = refusal();
  const problems = error instanceof ConfigInvalid ? error.problems : [];
  expect(problems.map(({ file, line, path }) => `${file}:${line} ${path}`)).toEqual([
    "prices.yaml:3 prices[0].input",
    "prices.yaml:5 prices[2].inptu",
  ]);
  write("version: 1\nprices:\n  - { model: x/y, input: 0, output: 1 }", "prices.yaml");
  expect(refusal().message).toContain("prices.yaml:3:26 prices[0].input");
});
