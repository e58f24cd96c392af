import { inspect } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { formatUsd, usdText } from "../accounting/units/money.js";
import { agentSettings, type Config } from "./config.js";
import { explainConfig, originOf, originText } from "./explain.js";
import type { Env } from "./interpolate.js";
import { problemText, sortProblems } from "./problem.js";
import { type Laid, readConfig } from "./read-config.js";

const head = "version: 1\nproviders: { sim: { kind: simulated } }\n";

function read(text: string, env: Env = {}, laid: readonly Laid[] = []) {
  return readConfig(text, { file: "bursar.yaml", path: "/nowhere/bursar.yaml", data: "/nowhere/.bursar", env, laid });
}

function good(text: string, env: Env = {}, laid: readonly Laid[] = []): Config {
  const result = read(text, env, laid);
  if ("problems" in result) throw new Error(result.problems.map(problemText).join("\n"));
  return result.config;
}

function told(text: string, env: Env = {}, laid: readonly Laid[] = []): string[] {
  const result = read(text, env, laid);
  return "problems" in result ? sortProblems(result.problems).map(problemText) : [];
}

const limited = (limit: string): string => `${head}budgets: [{ name: a, limit: ${limit} }]`;

test("A9: a limit of 0 refuses every call, and an absent one is only unlimited when it says so", () => {
  expect(good(limited("{ usd: 0 }")).budgets[0]).toMatchObject({ unit: "usd", limit: 0n });
  expect(good(limited("unlimited")).budgets[0]).toMatchObject({ unit: "tokens", limit: null });
  expect(good(limited("{ requests: unlimited }")).budgets[0]).toMatchObject({ unit: "requests", limit: null });
  expect(told(`${head}budgets: [{ name: a }]`)).toEqual([expect.stringContaining("limit is missing.")]);
});

test.each([
  "null",
  "{ usd: 1e3 }",
  '{ usd: "1e3" }',
  "{ usd: -5 }",
  "{ tokens: -5 }",
  "{ tokens: 1.5 }",
  "{ requests: 0.5 }",
  "{ usd: 1e400 }",
  "{ tokens: 1e400 }",
  "{ usd: NaN }",
  "{ usd: .nan }",
  "{ usd: -.inf }",
  "{ usd: null }",
  "{ usd: true }",
  "{ usd: [1] }",
  "{ usd: '' }",
  "{ usd: 9223372037 }",
  "{ tokens: 9223372036854775808 }",
  "{ usd: 0.0000000001 }",
  "5000",
  "{}",
  "[]",
])("A9, J8: the limit %s is refused in its own line", (limit) => {
  expect(told(limited(limit))).toEqual([expect.stringMatching(/^bursar\.yaml:3:\d+ budgets\[0\]\.limit/)]);
});

test.each(["yes", "no", "1_000", "0o17", "0x10", "017", "1,5", "$5", "5 USD", " 5e0", "+5"])("J8: %s is no money", (text) => {
  expect(told(limited(`{ usd: ${text.includes(",") ? `"${text}"` : text} }`))).toHaveLength(1);
});

test("counts take 2M, 200k and 1_000; money takes numbers and text, exactly as written", () => {
  expect(good(limited("{ tokens: 2M }")).budgets[0]?.limit).toBe(2_000_000n);
  expect(good(limited("{ tokens: 200k }")).budgets[0]?.limit).toBe(200_000n);
  expect(good(limited("{ requests: 1_000 }")).budgets[0]?.limit).toBe(1_000n);
  expect(good(limited("{ tokens: 9007199254740993 }")).budgets[0]?.limit).toBe(9_007_199_254_740_993n);
  expect(good(limited("{ usd: 1.50 }")).budgets[0]?.limit).toBe(1_500_000_000n);
  expect(good(limited('{ usd: "1.50" }')).budgets[0]?.limit).toBe(1_500_000_000n);
});

test("any amount of nano-dollars comes through the file unchanged", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (nano) => {
      expect(good(limited(`{ usd: ${usdText(nano)} }`)).budgets[0]?.limit).toBe(nano);
      const grouped = formatUsd(nano);
      if (grouped.includes(",")) expect(told(limited(`{ usd: "${grouped}" }`))).toHaveLength(1);
    }),
    { numRuns: 40, seed: 41 },
  );
});

test.each([
  "__proto__: { admin: true }",
  "constructor: { prototype: { admin: true } }",
  "agents: { __proto__: { type: x } }",
  'agents: { "__proto__": { type: x } }',
  "agents: { constructor: { type: x } }",
  "budgets: [{ name: a, limit: { usd: 1 }, match: { tag: { __proto__: x } } }]",
])("J8: %s pollutes nothing and is refused", (line) => {
  expect(told(head + line).join("\n")).toMatch(/is not accepted/);
  expect(({} as Record<string, unknown>).admin).toBeUndefined();
  expect(Object.keys(Object.prototype)).toEqual([]);
});

test("a variable is filled in as text and can change neither structure nor lines", () => {
  const text = `${head}keys: [{ name: a, token: \${K}, team: "\${T:-cx}" }]\nserver: { port: \${PORT:-4242} }\nweek_start: noday`;
  const env = { K: "x}#,:&*", T: "" };
  const problems = told(text, env);
  expect(problems).toEqual([expect.stringContaining("bursar.yaml:5:13 week_start:")]);
  const config = good(text.replace("noday", "sunday"), env);
  expect(config.keys[0]?.token?.reveal()).toBe("x}#,:&*");
  expect(config.keys[0]?.identity).toMatchObject({ name: "a", team: "cx", trusts_attribution: false });
  expect(config.server.port).toBe(4242);
  expect(config.week_start).toBe("sunday");
});

test("what a variable holds is not shown when it is wrong; the reference is", () => {
  const secret = 'sk"very secret, and longer than what a message would show of it';
  for (const line of [
    "budgets: [{ name: a, limit: { usd: @ } }]",
    "keys: [{ name: @, token: a }]",
    "timezone: @",
    "server: { port: @ }",
  ]) {
    const [problem] = told(head + line.replace("@", "$" + "{LEAK}"), { LEAK: secret });
    expect(problem).toContain("LEAK");
    expect(problem).not.toContain("very");
  }
});

test("a broken reference is told, in flow and in quotes", () => {
  expect(told(`${head}keys: [{ name: a, token: \${A B} }]`).join()).toContain("is not a reference to an environment variable");
  expect(told(`${head}keys: [{ name: a, token: "\${A" }]`).join()).toContain("is not a reference to an environment variable");
});

test("a provider without a key refuses by name, and a simulated one needs none", () => {
  expect(told(`version: 1\nproviders: { openai: { api_key: \${OPENAI_API_KEY} } }`)).toEqual([
    expect.stringContaining('Provider "openai" has no API key: the environment variable OPENAI_API_KEY is not set.'),
  ]);
  expect(told('version: 1\nproviders: { anthropic: { api_key: "" } }').join()).toContain("providers.anthropic.api_key");
  expect(told("version: 1\nproviders: { local: { kind: openai-compatible } }").join()).toContain("has no base_url");
  expect(told("version: 1\nproviders: { gemini: {} }").join()).toContain("GEMINI_API_KEY");
  expect(good("version: 1\nproviders: { gemini: { api_key: x } }").providers).toMatchObject([{ kind: "gemini" }]);
  const { providers, serving } = good(
    `${head.trim().replace("} }", "}, local: { kind: openai-compatible, base_url: 'http://127.0.0.1:11434/v1/', free: true } }")}`,
  );
  expect(providers).toMatchObject([
    { name: "sim", kind: "simulated", free: false },
    { name: "local", kind: "openai-compatible", base_url: "http://127.0.0.1:11434/v1", free: true },
  ]);
  expect(serving.map(({ mode }) => mode)).toEqual(["simulated", "real"]);
});

test("what is off or absent loads; what is turned on and not built is refused by name", () => {
  const off = "savings: { append: off, history: off, prompt_cache: false, tiering: null }\nalerts: off\ncontent: { keep: off }";
  expect(good(head + off).content.keep).toBe("off");
  expect(told(`${head}savings: { append: lossless }`).join()).toContain(
    "savings.append: not built yet: append compression. Remove savings.append or set it to off.",
  );
  expect(told(`${head}content: { keep: disk }`).join()).toContain("not built yet: content on disk");
});

test("beyond loopback an admin token is needed, and a word is none", () => {
  const open = `${head}server: { host: "::", port: 0 }`;
  const token = (value: string): Laid => ({ path: ["server", "admin_token"], value, from: "env", name: "BURSAR_ADMIN_TOKEN" });
  expect(told(open).join()).toContain("there is no admin token");
  expect(told(open, {}, [token("changeme")]).join()).toContain("easy to guess");
  expect(good(open, {}, [token("b2f0c7d19ae44c60")]).server.admin_token?.reveal()).toBe("b2f0c7d19ae44c60");
  expect(good(`${head}server: { host: "[::1]" }`).server.admin_token).toBeNull();
});

test("a key's token is redacted wherever it is printed", () => {
  const config = good(`${head}keys: [{ name: a, token: sk-hidden }]`);
  const everything = [JSON.stringify(config.keys), inspect(config, { depth: 9 }), `${config.keys[0]?.token}`];
  for (const text of everything) {
    expect(text).not.toContain("sk-hidden");
    expect(text).toContain("[redacted]");
  }
  expect(config.keys[0]?.token?.reveal()).toBe("sk-hidden");
});

test("an agent's own settings go before the first glob that matches, and the default after both", () => {
  const config = good(
    `${head}agents: { "res-*": { output_default: 100 }, res-1: { output_default: 200 }, "*-9": { output_default: 9 } }`,
  );
  expect(["res-1", "res-9", "x-9", "else"].map((name) => agentSettings(config, name).output_default)).toEqual([
    200, 100, 9, 8192,
  ]);
});

test("every value says where it came from", () => {
  const flag: Laid = { path: ["server", "port"], value: "5000", from: "flag", name: "--port" };
  const config = good(
    `${head}timezone: Europe/Berlin\nserver: { host: localhost, port: 1 }\nbudgets: [{ name: a, limit: { usd: 5 } }]`,
    {},
    [flag],
  );
  const from = (path: string): string => originText(originOf(config, path));
  expect(config.server).toMatchObject({ host: "localhost", port: 5000 });
  expect([from("server.port"), from("server.host"), from("timezone"), from("week_start"), from("budgets[0].limit")]).toEqual([
    "--port",
    "bursar.yaml:4:17",
    "bursar.yaml:3:11",
    "default",
    "bursar.yaml:5:36",
  ]);
  const rows = explainConfig(config);
  expect(rows.find(({ path }) => path === "budgets[0].limit")).toMatchObject({ value: '"5000000000"' });
  expect(config.budgets[0]?.timezone).toBe("Europe/Berlin");
});

test("hostile and huge texts are refused as data, never thrown", () => {
  for (const text of [
    "[".repeat(100_000),
    `a: ${"x".repeat(1024 * 1024)}`,
    "a: &a [*a]",
    "? [a]\n: b",
    "- 1",
    "\ue000\ue100",
    "a: *b",
    "a: 'b",
    "version: 1\n---\nversion: 1",
  ]) {
    expect(told(text).length).toBeGreaterThan(0);
  }
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      expect("problems" in read(text) || text.includes("version")).toBe(true);
    }),
    { numRuns: 100, seed: 42 },
  );
});
