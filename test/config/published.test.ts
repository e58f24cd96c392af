// Generated from the schema and committed, so that editors and readers have them without a build. To write them anew:
// UPDATE=1 node test/node_modules/vitest/vitest.mjs run test/config
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { problemText } from "../../src/config/problem.js";
import { readConfig } from "../../src/config/read-config.js";
import { configSchema } from "../../src/config/schema.js";
import { allKeys, patternText } from "../../src/config/schema-walk.js";
import { root } from "../tidy/source.js";
import { jsonSchema, jsonText, referenceTables } from "./published.js";

const updating = process.env.UPDATE === "1";
const begin = "<!-- generated from src/config/schema.ts -->";
const end = "<!-- end of what is generated -->";

/** The text of a committed file; first rewritten by `update` when updating. */
function committed(path: string, update: (text: string) => string): string {
  const file = join(root, path);
  const text = readFileSync(file, "utf8");
  const fresh = updating ? update(text) : text;
  if (fresh !== text) writeFileSync(file, fresh);
  return fresh;
}

const betweenMarks = (page: string): string => page.slice(page.indexOf(begin) + begin.length, page.indexOf(end)).trim();

test("the JSON Schema is that of the schema", () => {
  const text = `${jsonText(jsonSchema())}\n`;
  expect(committed("src/config/bursar.schema.json", () => text)).toBe(text);
  expect(JSON.parse(text)).toEqual(jsonSchema());
});

test("the reference page has every key as the schema says it", () => {
  const page = committed("docs/reference/config.md", (old) => {
    const [before = ""] = old.split(begin);
    return `${before}${begin}\n\n${referenceTables()}\n\n${end}\n`;
  });
  expect(betweenMarks(page)).toBe(referenceTables());
  const names = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name);
  const known = allKeys(configSchema()).map((path) => patternText(path));
  expect([...new Set(names)].sort()).toEqual([...new Set(known)].sort());
});

test("every key of the schema has a meaning and an example", () => {
  const rows = referenceTables()
    .split("\n")
    .filter((line) => line.startsWith("| `"));
  expect(rows.length).toBeGreaterThan(60);
  expect(rows.filter((line) => line.includes("|  |") || line.includes("``"))).toEqual([]);
});

test("the example loads, and every block of the reference page does", () => {
  const page = readFileSync(join(root, "docs/reference/config.md"), "utf8");
  const blocks = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text ?? "");
  const example = readFileSync(join(root, "examples/bursar.yaml"), "utf8");
  expect(blocks.length).toBeGreaterThan(0);
  for (const text of [example, ...blocks]) {
    const options = { file: "bursar.yaml", path: join(root, "examples/bursar.yaml"), data: root, laid: [] };
    const read = readConfig(text, { ...options, env: { OPENAI_API_KEY: "x", PLATFORM_KEY: "y", BURSAR_ADMIN_TOKEN: "z" } });
    expect("problems" in read ? read.problems.map(problemText) : []).toEqual([]);
  }
  const read = readConfig(example, { file: "bursar.yaml", path: null, data: root, laid: [], env: {} });
  const budgets = "config" in read ? read.config.budgets : [];
  expect(budgets.map(({ per }) => per)).toEqual(expect.arrayContaining([[], ["team"], ["agent"]]));
});

// The sample of the design: what is built in this version loads, and all else is refused by name, each where it stands.
const sample = `version: 1
timezone: Europe/Berlin
providers:
  openai:    { api_key: ${"$"}{OPENAI_API_KEY} }
  gemini:    { api_key: ${"$"}{GEMINI_API_KEY} }
  local:     { kind: openai-compatible, base_url: "http://127.0.0.1:11434/v1", free: true }
  sim:       { kind: simulated }
tiers: { easy: [gpt-4o-mini, claude-haiku-4-5], medium: [gpt-4o], hard: [gpt-4o] }
keys:
  - { name: cx, token: ${"$"}{CX_KEY}, team: cx, agent: support-bot, user: null, models: ["gpt-4o*"], exhausted_status: 402 }
  - { name: platform, token: ${"$"}{PLATFORM_KEY}, team: platform, attribution: headers }
agents:
  support-bot: { type: customer-support, preset: by-type, criticality: critical, output_default: 2048, tier_max: medium }
  research-*:  { type: research, loops: { ladder: [note, hint, pause_agent], allow_polling: [get_status] } }
budgets:
  - { name: org-month, limit: { usd: 5000 }, window: month, count: total, mode: hard }
  - { name: agent-day, per: [agent], limit: { tokens: 2M }, window: day, at: { 70: { compress: 4000 }, 80: cheaper } }
  - { name: task-cap,  per: [task],  limit: { usd: 1.50 }, window: lifetime }
  - { name: hourly,    per: [agent], limit: { tokens: 200k }, window: hour, mode: soft }
  - { name: burst,     match: { team: cx, tag: { env: prod } }, limit: { requests: 600 }, window: rolling 1h }
savings: { append: lossless, history: off, prompt_cache: on, response_cache: off, tiering: off, hold_out: 0.05 }
content: { keep: memory, max: 64MiB, for: 1h }
alerts: { rules: budget-alerts.yaml, notify: { team: { slack: ${"$"}{SLACK_WEBHOOK} } } }
server: { host: 127.0.0.1, port: 4141, admin_token: ${"$"}{BURSAR_ADMIN_TOKEN} }
`;

test("of the whole format, what is not built yet is refused by name and the rest loads", () => {
  const env = { OPENAI_API_KEY: "a", GEMINI_API_KEY: "g", CX_KEY: "b", PLATFORM_KEY: "c", BURSAR_ADMIN_TOKEN: "d" };
  const read = (text: string) => readConfig(text, { file: "bursar.yaml", path: null, data: root, laid: [], env });
  const result = read(sample);
  const problems = "problems" in result ? result.problems : [];
  expect(problems.map(({ line, path, message }) => `${line} ${path}: ${message}`).sort()).toEqual([
    "13 agents.support-bot.preset: not built yet: presets.",
    '14 agents["research-*"].loops: not built yet: loop detection.',
    "17 budgets[1].at: not built yet: budget edges.",
    "21 savings.append: not built yet: append compression.",
    "21 savings.prompt_cache: not built yet: prompt caching.",
    "23 alerts.notify: not built yet: notifications.",
    "23 alerts.rules: not built yet: alert rules.",
  ]);
  const built = sample
    .replace(" preset: by-type,", "")
    .replace(/, loops: .* }/, " }")
    .replace(/, at: .*/, " }")
    .replace("append: lossless", "append: off")
    .replace("prompt_cache: on", "prompt_cache: off")
    .replace(/^alerts: .*/m, "alerts: off");
  const loaded = read(built);
  const config = "config" in loaded ? loaded.config : null;
  expect("problems" in loaded ? loaded.problems.map(problemText) : []).toEqual([]);
  expect(config?.budgets.map(({ name, unit, limit }) => `${name} ${limit} ${unit}`)).toEqual([
    "org-month 5000000000000 usd",
    "agent-day 2000000 tokens",
    "task-cap 1500000000 usd",
    "hourly 200000 tokens",
    "burst 600 requests",
  ]);
  expect(config?.budgets[4]?.match).toEqual({ team: "cx", tag: { env: "prod" } });
  expect(config?.budgets[4]?.window).toEqual({ kind: "rolling", ms: 3_600_000 });
});
